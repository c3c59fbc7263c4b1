package cades

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"

	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
)

// ToBeSigned returns the DER of the signed attributes. Most keys sign its digest by the scheme's hash, Ed25519 the whole.
func (d *Draft) ToBeSigned() []byte { return d.tbs }

// DigestToSign returns what most keys are given: the digest of [Draft.ToBeSigned] by the hash of the scheme, or those octets themselves
// when the scheme is over the message ([sign.Scheme.Whole]: Ed25519).
func (d *Draft) DigestToSign() []byte {
	scheme := d.signer.Scheme()
	if scheme.Whole {
		return d.tbs
	}
	h := scheme.NewHash()
	h.Write(d.tbs)
	return h.Sum(nil)
}

// Scheme is what has to be signed with.
func (d *Draft) Scheme() sign.Scheme { return *d.signer.Scheme() }

// Certificate is that of the signer: the key has to be its.
func (d *Draft) Certificate() *x509.Certificate { return d.signer.Certificate() }

// ContentDigest returns the digest of the content, as it stands in the message-digest attribute.
func (d *Draft) ContentDigest() []byte { return d.digest }

// Finish checks the signature with the public key of the signer's certificate, and returns the container. A signature
// that does not verify is refused with an error of class [sign.ErrKeyMismatch]. What others do not give is as in [Draft.FinishTrusted].
func (d *Draft) Finish(ctx context.Context, signature []byte) ([]byte, error) {
	if err := d.signer.Verify(d.tbs, signature); err != nil {
		return nil, err
	}
	return d.FinishTrusted(ctx, signature)
}

// FinishTrusted is Finish for a signature that was checked already: [sign.Signer.Sign] does that. When others do not give what a level
// above BES needs, the container comes at the level that it has, beside the error; see [Reached].
func (d *Draft) FinishTrusted(ctx context.Context, signature []byte) ([]byte, error) {
	base, err := d.FinishBase(ctx, signature)
	if err != nil || !d.Raises() {
		return base, err
	}
	return d.Raise(ctx, base)
}

// FinishBase is FinishTrusted up to BES: what higher levels get from others is left to [Draft.Raise].
func (d *Draft) FinishBase(ctx context.Context, signature []byte) (base []byte, err error) {
	defer sign.Recover(&err) // a content that is read again
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d.base != nil {
		octets, err := d.base.splice(d, signature)
		if err != nil {
			return nil, err
		}
		return octets.Bytes()
	}
	head, tail := d.assemble(signature)
	if !d.attached {
		return append(head, tail...), nil
	}
	if data, ok := d.content.Source().InMemory(); ok {
		return append(append(head, data...), tail...), nil
	}
	buf := bytes.NewBuffer(head)
	if err := d.copyContent(ctx, buf); err != nil {
		return nil, err
	}
	buf.Write(tail)
	return buf.Bytes(), nil
}

// FinishTo writes the container instead of returning it. An attached content that can be read again is read again and
// has to be the one that was signed; above BES the container is made in memory. A message that was opened and gets a further
// signer is written with its content from where it is.
func (d *Draft) FinishTo(ctx context.Context, dst io.Writer, signature []byte) (err error) {
	defer sign.Recover(&err)
	if d.base != nil && !d.Raises() {
		if err := ctx.Err(); err != nil {
			return err
		}
		octets, err := d.base.splice(d, signature)
		if err != nil {
			return err
		}
		_, err = octets.WriteTo(dst)
		return err
	}
	if d.base != nil || !d.attached || d.Raises() {
		der, err := d.FinishTrusted(ctx, signature)
		if err != nil {
			return err
		}
		_, err = dst.Write(der)
		return err
	}
	head, tail := d.assemble(signature)
	if _, err := dst.Write(head); err != nil {
		return err
	}
	if err := d.copyContent(ctx, dst); err != nil {
		return err
	}
	_, err = dst.Write(tail)
	return err
}

// copyContent writes the content and checks that it has not changed since it was digested.
func (d *Draft) copyContent(ctx context.Context, dst io.Writer) error {
	if data, ok := d.content.Source().InMemory(); ok {
		_, err := dst.Write(data)
		return err
	}
	r, err := d.content.Source().Open()
	if err != nil {
		return readError(&d.content, err)
	}
	defer r.Close()
	h := d.signer.Scheme().NewHash()
	n, err := message.Copy(ctx, io.MultiWriter(dst, h), io.LimitReader(r, d.size+1))
	if err != nil {
		return readError(&d.content, err)
	}
	if n != d.size || !bytes.Equal(h.Sum(nil), d.digest) {
		return &sign.Error{Op: "cades: finish", Place: d.content.Name, Class: sign.ErrInput, Hint: "the content changed while it was being signed; sign it again"}
	}
	return nil
}
