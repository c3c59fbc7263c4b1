package asic

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// Report is the outcome of [Container.Verify].
type Report struct {
	Kind       Kind
	Signatures []SignatureReport
	// Unsigned are the files that no signature covers, of which all checks passed. A container with such a file is not valid:
	// anybody may have put it there.
	Unsigned []string
}

// SignatureReport is the outcome for one signature of a container, which may have several signers.
type SignatureReport struct {
	Name     string
	Manifest string // of an ASiC-E
	// Files are those that it says to cover.
	Files []FileReport
	// Message is the outcome for the message over the file, or over the manifest; nil when it could not be read.
	Message *cades.Report
	// Err says why the signature could not be read.
	Err error
}

// FileReport is the outcome for one file of a signature.
type FileReport struct {
	Name string
	// Err says why the file is not what was signed; nil only when it was compared and is.
	Err error
}

// Valid reports whether there is a signature, all of them are valid, and every file is covered by one.
func (r *Report) Valid() bool {
	return r.all((*SignatureReport).Valid)
}

// Trusted reports whether the container is valid and all signers were found to belong to trusted roots.
func (r *Report) Trusted() bool {
	return r.all((*SignatureReport).Trusted)
}

func (r *Report) all(holds func(*SignatureReport) bool) bool {
	if r == nil || len(r.Signatures) == 0 || len(r.Unsigned) != 0 {
		return false
	}
	for i := range r.Signatures {
		if !holds(&r.Signatures[i]) {
			return false
		}
	}
	return true
}

// Valid reports whether the signature is valid and the files are what was signed.
func (r *SignatureReport) Valid() bool { return r.intact() && r.Message.Valid() }

// Trusted is Valid, with all signers under trusted roots.
func (r *SignatureReport) Trusted() bool { return r.intact() && r.Message.Trusted() }

func (r *SignatureReport) intact() bool {
	if r.Err != nil || r.Message == nil || len(r.Files) == 0 {
		return false
	}
	for _, f := range r.Files {
		if f.Err != nil {
			return false
		}
	}
	return true
}

// What a [FileReport] says; other errors are of files that were not compared.
var (
	ErrChanged = errors.New("it is not what was signed: its digest is another one")
	ErrMissing = errors.New("it is not in the container")

	errNotCompared = errors.New("it was not compared")
)

// Verify checks every signature of the container and every file that it covers. Each file is read once for each signature of an
// ASiC-S, and once in all in an ASiC-E. The error is for what kept the checks from being made; what does not hold is in the
// report.
func (c *Container) Verify(ctx context.Context, o *cades.VerifyOptions) (*Report, error) {
	r := &Report{Kind: c.kind}
	digests, err := c.digests(ctx)
	if err != nil {
		return nil, err
	}
	signed := map[string]bool{}
	for _, s := range c.signatures {
		one, err := c.verify(ctx, s, digests, o)
		if err != nil {
			return nil, err
		}
		if one.Valid() {
			for _, f := range one.Files {
				signed[f.Name] = true
			}
		}
		r.Signatures = append(r.Signatures, one)
	}
	for _, f := range c.files {
		if !signed[f.Name] {
			r.Unsigned = append(r.Unsigned, f.Name)
		}
	}
	return r, nil
}

func (c *Container) verify(ctx context.Context, s *Signature, digests map[string]map[crypto.Hash][]byte, o *cades.VerifyOptions) (SignatureReport, error) {
	one := SignatureReport{Name: s.Name, Manifest: s.Manifest, Err: s.Err}
	for _, name := range s.files {
		one.Files = append(one.Files, FileReport{Name: name, Err: errNotCompared})
	}
	if s.Err != nil {
		return one, nil
	}
	content := sign.Bytes("", s.raw)
	if s.manifest == nil {
		content = contentOf(c.files[0])
	}
	var err error
	if one.Message, err = s.Message.Verify(ctx, content, o); err != nil {
		return one, err
	}
	for i := range one.Files {
		if s.manifest == nil {
			one.Files[i].Err = nil // the message is over the file itself
			continue
		}
		one.Files[i].Err = compare(s.manifest.files[i], digests[one.Files[i].Name])
	}
	return one, nil
}

// compare says why a file is not what the manifest has.
func compare(want reference, is map[crypto.Hash][]byte) error {
	switch {
	case want.hash == 0:
		return fmt.Errorf("its digest is by %q, which is not known or not good enough", want.method)
	case is == nil:
		return ErrMissing
	case is[want.hash] == nil:
		return errNotCompared
	case !bytes.Equal(is[want.hash], want.digest):
		return ErrChanged
	}
	return nil
}

// digests hashes the files that manifests name, once each.
func (c *Container) digests(ctx context.Context) (map[string]map[crypto.Hash][]byte, error) {
	wanted := map[string]map[crypto.Hash]hash.Hash{}
	for _, s := range c.signatures {
		if s.manifest == nil {
			continue
		}
		for _, f := range s.manifest.files {
			if f.hash == 0 {
				continue
			}
			if wanted[f.name] == nil {
				wanted[f.name] = map[crypto.Hash]hash.Hash{}
			}
			wanted[f.name][f.hash] = f.hash.New()
		}
	}
	all := map[string]map[crypto.Hash][]byte{}
	for _, f := range c.files {
		if wanted[f.Name] == nil {
			continue
		}
		var to []io.Writer
		for _, h := range wanted[f.Name] {
			to = append(to, h)
		}
		r, err := open(f)
		if err == nil {
			_, err = io.Copy(io.MultiWriter(to...), &cancellable{ctx, r})
			_ = r.Close()
		}
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, &sign.Error{Op: "asic: verify", Class: sign.ErrInput, Err: err}
		}
		all[f.Name] = map[crypto.Hash][]byte{}
		for kind, h := range wanted[f.Name] {
			all[f.Name][kind] = h.Sum(nil)
		}
	}
	return all, nil
}

// cancellable ends with its context.
type cancellable struct {
	ctx context.Context
	io.Reader
}

func (c *cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.Reader.Read(p)
}
