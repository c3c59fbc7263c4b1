package asic

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// Bounds of containers.
const (
	DefaultMaxFiles = 10_000
	DefaultMaxSize  = 16 << 30 // octets, of all files together when they are unpacked

	maxName     = 4096
	maxMimetype = 1024
	// Octets of a message and of a manifest, and of all of each kind together: they are read into memory, a small ZIP file can unpack
	// to any size, and reading XML takes time.
	maxPart      = 64 << 20
	maxParts     = 128 << 20
	maxManifest  = 8 << 20
	maxManifests = 16 << 20
	// maxOver bounds the signatures of an ASiC-S, since each reads the whole file.
	maxOver = 100
)

// OpenOptions bounds what is read. The zero value, and nil, takes the defaults.
type OpenOptions struct {
	MaxFiles int   // 0 means DefaultMaxFiles
	MaxSize  int64 // 0 means DefaultMaxSize
}

// Container is an open container. It reads from its source as long as it is used, and is safe for concurrent use when that is.
type Container struct {
	kind       Kind
	zip        *zip.Reader
	files      []*zip.File // in their order
	byName     map[string]*zip.File
	signatures []*Signature
	others     []string // of META-INF, that are not read
	// Octets that may still be read into memory.
	leftParts, leftManifests uint64
}

// Signature is a signature of a container: a message of any number of signers, over the file of an ASiC-S or a manifest of an
// ASiC-E.
type Signature struct {
	Name     string         // "META-INF/signature.p7s"
	Manifest string         // "META-INF/ASiCManifest.xml", or empty
	Message  *cades.Message // nil when it cannot be read, see Err
	Err      error

	raw      []byte // of the manifest
	manifest *manifest
	files    []string // what it covers
}

// Files are the names of the files that the signature says to cover.
func (s *Signature) Files() []string { return slices.Clone(s.files) }

// Open reads the folder of a container and its signatures, not its files. Errors are of class [sign.ErrInput]: what is not a
// container, and what could be read in two ways, as two files of one name.
func Open(r io.ReaderAt, size int64, o *OpenOptions) (*Container, error) {
	if r == nil {
		return nil, &sign.Error{Op: "asic: open", Class: sign.ErrInput, Hint: "the reader is nil"}
	}
	limits := OpenOptions{MaxFiles: DefaultMaxFiles, MaxSize: DefaultMaxSize}
	if o != nil && o.MaxFiles > 0 {
		limits.MaxFiles = o.MaxFiles
	}
	if o != nil && o.MaxSize > 0 {
		limits.MaxSize = o.MaxSize
	}
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are looked at below
		return nil, &sign.Error{Op: "asic: open", Class: sign.ErrInput, Err: err, Hint: "it is not a ZIP file, which a container is"}
	}
	c := &Container{zip: z, byName: map[string]*zip.File{}, leftParts: maxParts, leftManifests: maxManifests}
	if err := c.list(limits); err != nil {
		return nil, &sign.Error{Op: "asic: open", Class: sign.ErrInput, Err: err}
	}
	if err := c.findKind(); err != nil {
		return nil, &sign.Error{Op: "asic: open", Class: sign.ErrInput, Err: err}
	}
	if c.kind == S {
		c.simple()
	} else {
		c.extended()
	}
	return c, nil
}

// list sorts the files of the ZIP file.
func (c *Container) list(limits OpenOptions) error {
	if len(c.zip.File) > limits.MaxFiles {
		return fmt.Errorf("it holds %d files, and %d are the most", len(c.zip.File), limits.MaxFiles)
	}
	var total uint64
	for _, f := range c.zip.File {
		if c.byName[f.Name] != nil {
			return fmt.Errorf("it holds two files %q", f.Name) // programs differ in which they take
		}
		c.byName[f.Name] = f
		if total += f.UncompressedSize64; f.UncompressedSize64 > uint64(limits.MaxSize) || total > uint64(limits.MaxSize) {
			return fmt.Errorf("its files have more than %d octets together", limits.MaxSize)
		}
		folder, _, _ := strings.Cut(f.Name, "/")
		switch {
		case strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0: // a folder
		case f.Name == mimetypeFile, folder+"/" == metaFolder:
		default:
			if err := checkName(f.Name); err != nil {
				return err
			}
			c.files = append(c.files, f)
		}
	}
	return nil
}

// findKind tells the kind by the file "mimetype", the comment of the ZIP file, or what is in it (sections 4.3.3.1 and 4.4.3.1).
func (c *Container) findKind() error {
	said := strings.TrimPrefix(c.zip.Comment, "mimetype=")
	if f := c.byName[mimetypeFile]; f != nil {
		data, err := c.read(f, maxMimetype)
		if err != nil {
			return err
		}
		said = string(data)
	}
	manifests := false
	for name := range c.byName {
		manifests = manifests || isManifest(name)
	}
	switch strings.TrimSpace(said) {
	case S.MediaType():
		c.kind = S
	case E.MediaType():
		c.kind = E
	default: // the type of its one file, or nothing
		if c.kind = S; manifests || len(c.files) > 1 {
			c.kind = E
		}
	}
	switch {
	case len(c.files) == 0:
		return errors.New("it holds no file besides META-INF")
	case c.kind == S && len(c.files) != 1:
		return fmt.Errorf("it says that it is an ASiC-S, and holds %d files instead of one", len(c.files))
	}
	return nil
}

func isManifest(name string) bool {
	rest, ok := strings.CutPrefix(name, metaFolder)
	return ok && strings.HasPrefix(rest, "ASiCManifest") && strings.HasSuffix(rest, ".xml") && !strings.Contains(rest, "/")
}

// isSignature knows names with "signature" in them (section 4.4.3.2 point 3) and the ending of CMS.
func isSignature(name string) bool {
	rest, ok := strings.CutPrefix(name, metaFolder)
	return ok && strings.Contains(rest, "signature") && strings.HasSuffix(rest, ".p7s") && !strings.Contains(rest, "/")
}

// simple finds the signatures of an ASiC-S: each is over its one file.
func (c *Container) simple() {
	for _, f := range c.zip.File {
		switch {
		case isSignature(f.Name) && len(c.signatures) == maxOver:
			c.signatures = append(c.signatures, &Signature{Name: f.Name, Err: fmt.Errorf("there are more than %d signatures over one file", maxOver)})
			return
		case isSignature(f.Name):
			c.signatures = append(c.signatures, c.signature(f.Name, &Signature{files: []string{c.files[0].Name}}))
		case strings.HasPrefix(f.Name, metaFolder) && !strings.HasSuffix(f.Name, "/"):
			c.others = append(c.others, f.Name)
		}
	}
}

// extended finds the signatures of an ASiC-E by their manifests. One without a manifest covers nothing.
func (c *Container) extended() {
	used := map[string]bool{}
	for _, f := range c.zip.File {
		if !isManifest(f.Name) {
			continue
		}
		s := &Signature{Manifest: f.Name}
		if s.raw, s.Err = c.read(f, maxManifest); s.Err == nil {
			s.manifest, s.Err = parseManifest(s.raw)
		}
		if s.Err != nil {
			s.Name = f.Name
			c.signatures = append(c.signatures, s)
			continue
		}
		for _, r := range s.manifest.files {
			s.files = append(s.files, r.name)
		}
		if used[s.manifest.signature] { // it would be read once for each
			s.Name, s.Err = s.manifest.signature, errors.New("two manifests name it")
			c.signatures = append(c.signatures, s)
			continue
		}
		used[s.manifest.signature] = true
		c.signatures = append(c.signatures, c.signature(s.manifest.signature, s))
	}
	for _, f := range c.zip.File {
		switch {
		case used[f.Name], isManifest(f.Name):
		case isSignature(f.Name):
			c.signatures = append(c.signatures, &Signature{Name: f.Name, Err: errors.New("no manifest names it, so it covers no file")})
		case strings.HasPrefix(f.Name, metaFolder) && !strings.HasSuffix(f.Name, "/"):
			c.others = append(c.others, f.Name)
		}
	}
}

// signature reads a message.
func (c *Container) signature(name string, s *Signature) *Signature {
	s.Name = name
	f := c.byName[name]
	if f == nil || !strings.HasPrefix(name, metaFolder) {
		s.Err = errors.New("its manifest names it, and it is not there")
		return s
	}
	data, err := c.read(f, maxPart)
	if err == nil {
		s.Message, err = cades.Parse(data)
	}
	if err == nil && !s.Message.Detached() {
		// It would be verified with the content that it brings, whatever the files are.
		s.Message, err = nil, errors.New("it holds a content of its own, and is not over what the container holds")
	}
	s.Err = err
	return s
}

// read returns a small file.
func (c *Container) read(f *zip.File, most int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(most) {
		return nil, fmt.Errorf("%s has %d octets, and %d are the most", f.Name, f.UncompressedSize64, most)
	}
	left, all := &c.leftParts, maxParts
	if isManifest(f.Name) {
		left, all = &c.leftManifests, maxManifests
	}
	if f.UncompressedSize64 > *left {
		return nil, fmt.Errorf("%s and others of its kind have more than %d octets together", f.Name, all)
	}
	*left -= f.UncompressedSize64
	r, err := open(f)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// open reads a file of the ZIP file. A file that unpacks to more than it says ends with an error there.
func open(f *zip.File) (io.ReadCloser, error) {
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return &named{r, f.Name}, nil
}

// named says in errors which file it was.
type named struct {
	io.ReadCloser
	name string
}

func (n *named) Read(p []byte) (int, error) {
	octets, err := n.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%s: %w", n.name, err)
	}
	return octets, err
}

// Kind is that of the container.
func (c *Container) Kind() Kind { return c.kind }

// Files are the names of the files, without those of META-INF. They can be written below a folder as they are.
func (c *Container) Files() []string {
	names := make([]string, len(c.files))
	for i, f := range c.files {
		names[i] = f.Name
	}
	return names
}

// Signatures are those of the container, also such as cannot be read.
func (c *Container) Signatures() []*Signature { return slices.Clone(c.signatures) }

// Others are the files of META-INF that are not looked at: XAdES signatures, time-stamps, evidence records, and what others put
// there.
func (c *Container) Others() []string { return slices.Clone(c.others) }

// File opens one of Files. What it says may be used when a report says that it is signed. Reading ends with an error when the
// check sum of the ZIP file does not fit.
func (c *Container) File(name string) (io.ReadCloser, error) {
	for _, f := range c.files {
		if f.Name == name {
			r, err := open(f)
			if err != nil {
				return nil, &sign.Error{Op: "asic: read", Class: sign.ErrInput, Err: err}
			}
			return r, nil
		}
	}
	return nil, &sign.Error{Op: "asic: read", Place: name, Class: sign.ErrInput, Hint: "the container holds no such file"}
}
