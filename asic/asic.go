// Package asic makes, reads and verifies Associated Signature Containers (EN 319 162-1) with CAdES signatures: a ZIP file that
// holds files and what signs them.
//
//	err := asic.Sign(ctx, dst, signer, []sign.Content{sign.File("invoice.xml")}, nil)               // ASiC-S, one file
//	err := asic.Sign(ctx, dst, signer, files, &asic.Options{Kind: asic.E})                          // ASiC-E, any number
//
//	c, err := asic.Open(file, size, nil)
//	report, err := c.Verify(ctx, &cades.VerifyOptions{Roots: roots})
//	if report.Trusted() { … }
//
// In an ASiC-S the signature is over the file itself. In an ASiC-E it is over a manifest with the digests of files, so that one
// signature covers many, and each signer may cover others.
//
// Many files, each in a container of its own, go through package batch, with an *Options as its format.
//
// Containers with XAdES signatures, with time-stamps alone and with evidence records are recognised and not verified.
package asic

import (
	"archive/zip"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/sign"
)

// Kind is that of a container.
type Kind int

// Kinds (EN 319 162-1 section 4.2).
const (
	S Kind = iota // ASiC-S: one file
	E             // ASiC-E: any number of files, with manifests
)

func (k Kind) String() string {
	switch k {
	case S:
		return "ASiC-S"
	case E:
		return "ASiC-E"
	}
	return fmt.Sprintf("asic.Kind(%d)", int(k))
}

// MediaType is the content of the file "mimetype" (annex A.1).
func (k Kind) MediaType() string {
	switch k {
	case S:
		return "application/vnd.etsi.asic-s+zip"
	case E:
		return "application/vnd.etsi.asic-e+zip"
	}
	return ""
}

const (
	mimetypeFile = "mimetype"
	metaFolder   = "META-INF/"
)

// Options says what a container is to be. The zero value, and nil, is an ASiC-S with a BES of now. Options are a
// [sign.Format] for contents in memory, in files and behind openers. They are not modified.
type Options struct {
	Kind Kind
	// Signature is what the signatures are; nil is a BES. Its Attached must be false.
	Signature *cades.Options
	// Store leaves files as they are, where they would be compressed.
	Store bool
}

func (o *Options) signature() *cades.Options {
	if o == nil || o.Signature == nil {
		return &cades.Options{}
	}
	return o.Signature
}

func (o *Options) check() error {
	switch {
	case o == nil:
	case o.Kind != S && o.Kind != E:
		return badInput("", "there is no such kind of container; take asic.S or asic.E")
	case o.Signature != nil && o.Signature.Attached:
		return badInput("", "signatures in a container are detached; leave Attached out")
	}
	return nil
}

func badInput(place, format string, args ...any) error {
	return &sign.Error{Op: "asic", Place: place, Class: sign.ErrInput, Hint: fmt.Sprintf(format, args...)}
}

// checkName refuses names of files that cannot be in a container, or that would leave the folder into which somebody unpacks it.
func checkName(name string) error {
	folder, _, _ := strings.Cut(name, "/")
	switch {
	case name == "", name == ".":
		return errors.New("a file has no name")
	case len(name) > maxName:
		return fmt.Errorf("a name has %d octets, and %d are the most", len(name), maxName)
	case !utf8.ValidString(name):
		return errors.New("a name is not UTF-8")
	case strings.ContainsAny(name, "\\\x00") || path.IsAbs(name) || path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../") ||
		len(folder) > 1 && folder[1] == ':':
		return fmt.Errorf("the name %q leads elsewhere", name)
	case name == mimetypeFile || strings.EqualFold(folder, "META-INF"):
		return fmt.Errorf("the name %q belongs to the container", name)
	}
	return nil
}

func method(store bool) uint16 {
	if store {
		return zip.Store
	}
	return zip.Deflate
}
