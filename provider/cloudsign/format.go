package cloudsign

import (
	"context"
	"runtime"

	"github.com/seed-116355fd/signet/sign"
)

// Format is the [sign.Format] of a provider: its drafts hold the content, which goes to the service, and are finished with
// the container that comes back.
type Format struct {
	// Raise, if set, takes a container further when it is there, to a level with time-stamps for instance: parse it with
	// cades.Parse, and Extend it. Beside an error it may return what was reached. It is called from many goroutines.
	Raise func(ctx context.Context, container []byte, c sign.Content) ([]byte, error)

	provider *Provider
}

// Format returns the format of the keys of this provider.
func (p *Provider) Format() *Format { return &Format{provider: p} }

// Prepare reads the content and takes its digests, which freeze it: a file that changes before it is sent is refused. The
// content is kept until the draft is signed; one that can be read once is kept in memory.
func (f *Format) Prepare(ctx context.Context, s *sign.Signer, c sign.Content) (sign.Draft, error) {
	const op = "cloudsign: prepare"
	if f.provider == nil {
		return nil, &sign.Error{Op: op, Place: c.Name, Class: sign.ErrUnsupported, Hint: "take the format from Provider.Format"}
	}
	k, err := f.provider.fits(op, c.Name, s)
	if err != nil {
		return nil, err
	}
	file, err := k.client.prepare(ctx, c)
	if err != nil {
		return nil, err
	}
	d := &draft{key: k, file: file, raise: f.Raise}
	f.provider.remember(d)
	return d, nil
}

// fits returns the key of a signer when it is one of this provider.
func (p *Provider) fits(op, name string, s *sign.Signer) (*key, error) {
	inner := s.Key()
	for w, ok := inner.(sign.WrappedKey); ok; w, ok = inner.(sign.WrappedKey) {
		inner = w.Unwrap()
	}
	k, ok := inner.(*key)
	if !ok || k.provider != p || s.Scheme().Name != SchemeName {
		return nil, &sign.Error{Op: op, Place: name, Class: sign.ErrUnsupported, Hint: "the signer has a key or a scheme of another provider; open it from the one that the format is of, without WithScheme"}
	}
	return k, nil
}

// draft is a content that only lacks its container.
type draft struct {
	key     *key
	file    *file
	raise   func(ctx context.Context, container []byte, c sign.Content) ([]byte, error)
	message []byte
}

func addCleanup(d *draft, p *Provider, name string) { runtime.AddCleanup(d, p.forget, name) }

// ToBeSigned is a name of this draft, by which its key finds it.
func (d *draft) ToBeSigned() []byte { return d.message }

// Fits refuses a signer with another key.
func (d *draft) Fits(s *sign.Signer) error {
	k, err := d.key.provider.fits("cloudsign: draft", d.file.Name, s)
	if err == nil && !k.chain[0].Equal(d.key.chain[0]) {
		err = &sign.Error{Op: "cloudsign: draft", Place: d.file.Name, Class: sign.ErrKeyMismatch, Hint: "it was prepared for another certificate"}
	}
	return err
}

// Finish checks the container and raises it.
func (d *draft) Finish(ctx context.Context, container []byte) ([]byte, error) {
	if _, err := d.key.client.checked(d.file.Item, container, d.key.client.want()); err != nil {
		return nil, err
	}
	return d.Raise(ctx, container)
}

// FinishTrusted is Finish of a container that the key has checked.
func (d *draft) FinishTrusted(ctx context.Context, container []byte) ([]byte, error) {
	return d.Raise(ctx, container)
}

// Raises reports whether Format.Raise is set.
func (d *draft) Raises() bool { return d.raise != nil }

// FinishBase is FinishTrusted without Raise.
func (d *draft) FinishBase(_ context.Context, container []byte) ([]byte, error) {
	return container, nil
}

// Raise calls Format.Raise, if it is set.
func (d *draft) Raise(ctx context.Context, container []byte) ([]byte, error) {
	if d.raise == nil {
		return container, nil
	}
	return d.raise(ctx, container, d.file.content)
}
