package asic

import (
	"archive/zip"
	"context"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// Extend raises all signatures of the container to a level, and writes the new container to dst. Files are copied as they are. Nothing is
// written when a level is not reached: the container that there is stays good.
func (c *Container) Extend(ctx context.Context, dst io.Writer, to cades.Level, o *cades.ExtendOptions) error {
	return c.Update(dst, func(m *cades.Message, content sign.Content) (*cades.Message, error) {
		var own cades.ExtendOptions
		if o != nil {
			own = *o
		}
		own.Content = content
		return m.Extended(ctx, to, &own)
	})
}

// Update has every message of the container changed, by a function that is given what it is over, and writes the new container to dst.
// Files and manifests are copied as they are. A panic of the function is an error, see [sign.PanicError].
func (c *Container) Update(dst io.Writer, change func(m *cades.Message, content sign.Content) (*cades.Message, error)) (err error) {
	defer sign.Recover(&err)
	changed := map[string][]byte{}
	for _, s := range c.signatures {
		if s.Err != nil {
			return &sign.Error{Op: "asic: update", Place: s.Name, Class: sign.ErrInput, Err: s.Err}
		}
		m, err := change(s.Message, c.content(s))
		if err != nil {
			return err
		}
		if m == nil || !m.Detached() {
			return badInput(s.Name, "it would be no message, or one that holds its content, which has no place in a container")
		}
		changed[s.Name] = m.Bytes()
	}
	if len(changed) == 0 {
		return badInput("", "the container holds no CAdES signature")
	}
	return c.rewrite(dst, changed, nil)
}

// content is what a signature is over.
func (c *Container) content(s *Signature) sign.Content {
	if s.manifest != nil {
		return sign.Bytes(s.Manifest, s.raw)
	}
	return contentOf(c.files[0])
}

// AddSignature has another signer sign, and writes the new container to dst: in an ASiC-S another signer of its message, in an
// ASiC-E another signature with a manifest of all files. What is there stays as it is.
func (c *Container) AddSignature(ctx context.Context, dst io.Writer, s *sign.Signer, o *cades.Options) error {
	if err := (&Options{Signature: o}).check(); err != nil {
		return err
	}
	if c.kind == S {
		for _, is := range c.signatures {
			if is.Err != nil {
				continue
			}
			message, err := is.Message.AddSignature(ctx, s, contentOf(c.files[0]), o)
			if err != nil {
				return err
			}
			return c.rewrite(dst, map[string][]byte{is.Name: message}, nil)
		}
		message, err := cades.Sign(ctx, s, c.content(&Signature{}), o)
		if err != nil {
			return err
		}
		return c.rewrite(dst, nil, []part{{metaFolder + "signature.p7s", message}})
	}
	n := 1
	for c.byName[manifestName(n)] != nil || c.byName[signatureName(n)] != nil {
		n++
	}
	m := manifest{signature: signatureName(n)}
	for _, f := range c.files {
		digest, err := digestOf(ctx, f)
		if err != nil {
			return err
		}
		m.files = append(m.files, reference{name: f.Name, method: sha256URI, digest: digest})
	}
	raw := m.marshal()
	message, err := cades.Sign(ctx, s, sign.Bytes(manifestName(n), raw), o)
	if err != nil {
		return err
	}
	return c.rewrite(dst, nil, []part{{manifestName(n), raw}, {signatureName(n), message}})
}

func signatureName(n int) string { return fmt.Sprintf("%ssignature%03d.p7s", metaFolder, n) }

func digestOf(ctx context.Context, f *zip.File) ([]byte, error) {
	d := draft{files: []sign.Content{contentOf(f)}}
	return d.copy(ctx, io.Discard, 0)
}

// part is a small file that is new.
type part struct {
	name string
	data []byte
}

// rewrite copies the ZIP file, with some of its files in another form, and more at the end.
func (c *Container) rewrite(dst io.Writer, changed map[string][]byte, more []part) error {
	z := zip.NewWriter(dst)
	for _, f := range c.zip.File {
		var err error
		if data, ok := changed[f.Name]; ok {
			err = put(z, f.Name, data)
		} else {
			err = z.Copy(f)
		}
		if err != nil {
			return err
		}
	}
	for _, p := range more {
		if err := put(z, p.name, p.data); err != nil {
			return err
		}
	}
	if err := z.SetComment(c.zip.Comment); err != nil {
		return err
	}
	return z.Close()
}

func crcOf(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

func contentOf(f *zip.File) sign.Content {
	return sign.Opener(f.Name, func() (io.ReadCloser, error) { return open(f) })
}
