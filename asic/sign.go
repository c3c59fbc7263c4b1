package asic

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/sign/formats"
)

// Sign signs files and writes the container to dst: one file, or with Options.Kind E any number. Names of contents are those in
// the container: of a path the last part, unless it is relative and stays below its folder. Contents are read twice, so they
// must be in memory, in files or behind openers; one that changes in between is an error, and so is what of dst was written then.
func Sign(ctx context.Context, dst io.Writer, s *sign.Signer, files []sign.Content, o *Options) (err error) {
	defer sign.Recover(&err) // of a content or a writer that panics
	d, err := prepare(ctx, s, files, o)
	if err != nil {
		return err
	}
	signature, err := s.Sign(ctx, d.ToBeSigned())
	if err != nil {
		return err
	}
	return d.FinishTo(ctx, dst, signature)
}

// Prepare makes Options a [sign.Format]: a container of one file.
func (o *Options) Prepare(ctx context.Context, s *sign.Signer, c sign.Content) (_ sign.Draft, err error) {
	defer sign.Recover(&err)
	made, err := prepare(ctx, s, []sign.Content{c}, o)
	if err != nil {
		return nil, err
	}
	return made, nil
}

// draft is a container that only lacks its signature. The files are read again when it is finished.
type draft struct {
	*cades.Draft
	kind     Kind
	store    bool
	files    []sign.Content
	names    []string
	digests  [][]byte // SHA-256 of the files
	manifest []byte   // of an ASiC-E
}

var (
	_ sign.Format            = (*Options)(nil)
	_ formats.StreamingDraft = (*draft)(nil)
	_ formats.TrustingDraft  = (*draft)(nil)
	_ formats.RaisingDraft   = (*draft)(nil)
	_ formats.FittingDraft   = (*draft)(nil)
)

func prepare(ctx context.Context, s *sign.Signer, files []sign.Content, o *Options) (*draft, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	d := &draft{files: files}
	if o != nil {
		d.kind, d.store = o.Kind, o.Store
	}
	switch {
	case len(files) == 0:
		return nil, badInput("", "there is no file to sign")
	case d.kind == S && len(files) != 1:
		return nil, badInput("", "an ASiC-S holds one file, and there are %d; take Options.Kind asic.E", len(files))
	}
	m := manifest{signature: metaFolder + "signature001.p7s"}
	seen := map[string]bool{}
	for i := range files {
		name := entryName(files[i].Name)
		if err := checkName(name); err != nil {
			return nil, &sign.Error{Op: "asic: prepare", Place: files[i].Name, Class: sign.ErrInput, Err: err}
		}
		if seen[name] {
			return nil, badInput(files[i].Name, "two files would have the name %q in the container; give others", name)
		}
		seen[name] = true
		if !files[i].Source().Again() {
			return nil, badInput(files[i].Name, "it is read twice; give it by sign.Bytes, sign.File or sign.Opener")
		}
		d.names = append(d.names, name)
		digest, err := d.copy(ctx, io.Discard, i)
		if err != nil {
			return nil, err
		}
		d.digests = append(d.digests, digest)
		m.files = append(m.files, reference{name: name, method: sha256URI, digest: digest})
	}
	content := files[0]
	if d.kind == E {
		d.manifest = m.marshal()
		content = sign.Bytes(manifestName(1), d.manifest)
	}
	var err error
	d.Draft, err = cades.Prepare(ctx, s, content, o.signature())
	return d, err
}

// entryName is the name that a content has in a container.
func entryName(name string) string {
	slashed := filepath.ToSlash(name)
	if clean := path.Clean(slashed); filepath.IsLocal(name) && clean != "." {
		return clean
	}
	return path.Base(slashed)
}

func manifestName(n int) string { return fmt.Sprintf("%sASiCManifest%03d.xml", metaFolder, n) }

// copy copies a file and returns its SHA-256.
func (d *draft) copy(ctx context.Context, dst io.Writer, i int) ([]byte, error) {
	r, err := d.files[i].Source().Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(dst, h), &cancellable{ctx, r}); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &sign.Error{Op: "asic: copy", Place: d.files[i].Name, Class: sign.ErrInput, Err: err}
	}
	return h.Sum(nil), nil
}

// signatureName is that of the file with the message.
func (d *draft) signatureName() string {
	if d.kind == E {
		return metaFolder + "signature001.p7s"
	}
	return metaFolder + "signature.p7s" // section 4.3.3.2
}

// write makes the container around a message.
func (d *draft) write(ctx context.Context, dst io.Writer, message []byte) error {
	z := zip.NewWriter(dst)
	if err := begin(z, d.kind); err != nil {
		return err
	}
	for i, name := range d.names {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: method(d.store), Modified: epoch})
		if err != nil {
			return err
		}
		digest, err := d.copy(ctx, w, i)
		if err != nil {
			return err
		}
		if !bytes.Equal(digest, d.digests[i]) {
			return &sign.Error{Op: "asic: copy", Place: d.files[i].Name, Class: sign.ErrInput, Err: errors.New("it was changed while it was signed"),
				Hint: "sign it again when nobody writes to it"}
		}
	}
	if d.kind == E {
		if err := put(z, manifestName(1), d.manifest); err != nil {
			return err
		}
	}
	if err := put(z, d.signatureName(), message); err != nil {
		return err
	}
	return z.Close()
}

// epoch is the time of files: the first that ZIP knows, so that a container depends on nothing but what is in it.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// begin writes the file "mimetype": first, as it is, and without extra fields, so that its content stands at octet 38 (annex A.1).
func begin(z *zip.Writer, kind Kind) error {
	text := kind.MediaType()
	h := &zip.FileHeader{Name: mimetypeFile, Method: zip.Store, CRC32: crcOf([]byte(text)), CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text))}
	w, err := z.CreateRaw(h)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	return err
}

func put(z *zip.Writer, name string, data []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch})
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

// wrap makes a container in memory.
func (d *draft) wrap(ctx context.Context, message []byte, err error) ([]byte, error) {
	if message == nil {
		return nil, err
	}
	var b bytes.Buffer
	if writeErr := d.write(ctx, &b, message); writeErr != nil {
		return nil, errors.Join(err, writeErr)
	}
	return b.Bytes(), err
}

// Finish checks the signature and returns the container.
func (d *draft) Finish(ctx context.Context, signature []byte) ([]byte, error) {
	message, err := d.Draft.Finish(ctx, signature)
	return d.wrap(ctx, message, err)
}

func (d *draft) FinishTrusted(ctx context.Context, signature []byte) ([]byte, error) {
	message, err := d.Draft.FinishTrusted(ctx, signature)
	return d.wrap(ctx, message, err)
}

func (d *draft) FinishBase(ctx context.Context, signature []byte) ([]byte, error) {
	message, err := d.Draft.FinishBase(ctx, signature)
	return d.wrap(ctx, message, err)
}

// FinishTo writes the container as the files are read.
func (d *draft) FinishTo(ctx context.Context, dst io.Writer, signature []byte) error {
	message, err := d.Draft.FinishTrusted(ctx, signature)
	if err != nil {
		return err
	}
	return d.write(ctx, dst, message)
}

// Raise takes a container of FinishBase to its level. Beside an error it returns the one that was reached.
func (d *draft) Raise(ctx context.Context, base []byte) ([]byte, error) {
	c, err := Open(bytes.NewReader(base), int64(len(base)), nil)
	if err != nil {
		return nil, err
	}
	message, err := c.read(c.byName[d.signatureName()], maxPart)
	if err != nil {
		return nil, err
	}
	message, err = d.Draft.Raise(ctx, message)
	return d.wrap(ctx, message, err)
}

const sha256URI = "http://www.w3.org/2001/04/xmlenc#sha256"
