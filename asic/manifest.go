package asic

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512"
)

// The names of XML (annex A.4).
const (
	namespace     = "http://uri.etsi.org/02918/v1.2.1#"
	dsigNamespace = "http://www.w3.org/2000/09/xmldsig#"
)

// hashes are those of digests of files, by their identifiers (RFC 6931). SHA-1 is not among them.
var hashes = map[string]crypto.Hash{
	"http://www.w3.org/2001/04/xmlenc#sha256":       crypto.SHA256,
	"http://www.w3.org/2001/04/xmldsig-more#sha384": crypto.SHA384,
	"http://www.w3.org/2001/04/xmlenc#sha512":       crypto.SHA512,
}

// manifest is an ASiCManifest (section A.4.2): what one signature is of.
type manifest struct {
	signature string // the name of its file
	files     []reference
}

// reference is one file of a manifest.
type reference struct {
	name   string
	hash   crypto.Hash // 0 when it is not known
	method string
	digest []byte
}

type xmlManifest struct {
	XMLName   xml.Name       `xml:"http://uri.etsi.org/02918/v1.2.1# ASiCManifest"`
	Signature []xmlReference `xml:"http://uri.etsi.org/02918/v1.2.1# SigReference"`
	Files     []xmlReference `xml:"http://uri.etsi.org/02918/v1.2.1# DataObjectReference"`
}

type xmlReference struct {
	URI    *string   `xml:"URI,attr"`
	Method []xmlAlgo `xml:"http://www.w3.org/2000/09/xmldsig# DigestMethod"`
	Value  []string  `xml:"http://www.w3.org/2000/09/xmldsig# DigestValue"`
}

type xmlAlgo struct {
	Algorithm string `xml:"Algorithm,attr"`
}

// parseManifest reads a manifest, which is not known to be signed yet. What could be read in two ways is refused.
func parseManifest(data []byte) (*manifest, error) {
	var raw xmlManifest
	d := xml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&raw); err != nil {
		return nil, fmt.Errorf("the manifest is not an ASiCManifest: %w", err)
	}
	if err := onlySpace(d); err != nil {
		return nil, err
	}
	if len(raw.Signature) != 1 || raw.Signature[0].URI == nil {
		return nil, errors.New("the manifest does not name one signature")
	}
	m := &manifest{}
	var err error
	if m.signature, err = fileName(*raw.Signature[0].URI); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, f := range raw.Files {
		if f.URI == nil || len(f.Method) != 1 || len(f.Value) != 1 {
			return nil, errors.New("the manifest names a file without a digest, or with several")
		}
		r := reference{method: f.Method[0].Algorithm, hash: hashes[f.Method[0].Algorithm]}
		if r.name, err = fileName(*f.URI); err != nil {
			return nil, err
		}
		if seen[r.name] {
			return nil, fmt.Errorf("the manifest names %q twice", r.name)
		}
		seen[r.name] = true
		if r.digest, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(f.Value[0]), "")); err != nil {
			return nil, fmt.Errorf("the digest of %q is not base64", r.name)
		}
		m.files = append(m.files, r)
	}
	if len(m.files) == 0 {
		return nil, errors.New("the manifest names no file")
	}
	return m, nil
}

// onlySpace lets nothing stand after the root.
func onlySpace(d *xml.Decoder) error {
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the manifest is not XML: %w", err)
		}
		switch t := t.(type) {
		case xml.Comment, xml.ProcInst:
		case xml.CharData:
			if len(bytes.TrimSpace(t)) != 0 {
				return errors.New("there is text after the manifest")
			}
		default:
			return errors.New("the manifest has two roots")
		}
	}
}

// fileName is the file that a URI of a manifest names, relative to the root of the container.
func fileName(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || u.Path == "" {
		return "", fmt.Errorf("the manifest names %q, which is not a file of the container", uri)
	}
	return strings.TrimPrefix(strings.TrimPrefix(u.Path, "/"), "./"), nil
}

// marshal writes a manifest. Its files have digests by SHA-256.
func (m *manifest) marshal() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	b.WriteString(`<asic:ASiCManifest xmlns:asic="` + namespace + `" xmlns:ds="` + dsigNamespace + `">`)
	b.WriteString(`<asic:SigReference URI="` + escaped(m.signature) + `" MimeType="application/pkcs7-signature"/>`)
	for _, f := range m.files {
		b.WriteString(`<asic:DataObjectReference URI="` + escaped(f.name) + `"><ds:DigestMethod Algorithm="` + f.method + `"/><ds:DigestValue>`)
		b.WriteString(base64.StdEncoding.EncodeToString(f.digest) + `</ds:DigestValue></asic:DataObjectReference>`)
	}
	b.WriteString("</asic:ASiCManifest>\n")
	return b.Bytes()
}

// escaped is a name as a relative URI, in an attribute.
func escaped(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(strings.Join(parts, "/")))
	text := b.String()
	if first, _, _ := strings.Cut(text, "/"); strings.Contains(first, ":") {
		return "./" + text // or its beginning would be a scheme (RFC 3986 section 4.2)
	}
	return text
}
