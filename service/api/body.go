package api

import (
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/jsonbody"
	"github.com/seed-116355fd/signet/service/internal/spool"
	"github.com/seed-116355fd/signet/sign"
)

// Limits of a request to verify or extend.
const (
	maxSignature = 32 << 20 // octets of a signature, with its content when it is attached: it is held in memory
	maxText      = 256      // octets of a name
	maxDigests   = 16
	maxParts     = 16
)

// request is what POST /v1/verify and POST /v1/extend take: a JSON object, or multipart/form-data with parts of the same
// names, of which signature and content are octets as they are. Close has to be called.
type request struct {
	signature []byte
	content   *spool.Spool
	given     bool // the content
	digests   []sign.Digest

	signatureOnly bool   // verify
	key, level    string // extend
	limits        gate.Limits
}

func newRequest(c *gate.Call) *request {
	l := c.Gate().Limits()
	return &request{content: spool.New("", l.Content+1), limits: l}
}

func (q *request) close() { _ = q.content.Close() }

// texts and flags are the small fields that an endpoint has beside signature and content.
type texts map[string]*string

type flags map[string]*bool

// read reads the request in either form.
func (q *request) read(c *gate.Call, t texts, f flags) error {
	// What else the Content-Type says does not matter: curl -d calls everything a form.
	kind, params, err := mime.ParseMediaType(c.Request.Header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" {
		err = q.readParts(multipart.NewReader(c.Body(), params["boundary"]), t, f)
	} else {
		err = q.readJSON(c.Body(), t, f)
	}
	if err != nil {
		return err
	}
	if len(q.signature) == 0 {
		return gate.Bad("signature is missing; send it in base64, or as a part of multipart/form-data")
	}
	if q.given && len(q.digests) != 0 {
		return gate.Bad("content and digests are both there; send one of them")
	}
	return nil
}

func (q *request) readJSON(r io.Reader, t texts, f flags) error {
	var algorithm, value string
	fields := []jsonbody.Field{
		jsonbody.Bytes("signature", &q.signature, maxSignature),
		jsonbody.Stream("content", q.open, q.limits.Content),
		jsonbody.List("digests", maxDigests, func() jsonbody.Object {
			algorithm, value = "", ""
			return jsonbody.Object{Fields: []jsonbody.Field{
				jsonbody.String("algorithm", &algorithm, maxText), jsonbody.String("value", &value, maxText),
			}}
		}, func() error { return q.addDigest(algorithm, value) }),
	}
	for _, name := range slices.Sorted(maps.Keys(t)) { // errors list them in this order
		fields = append(fields, jsonbody.String(name, t[name], maxText))
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		fields = append(fields, jsonbody.Bool(name, f[name]))
	}
	return jsonbody.Object{Fields: fields}.Read(r)
}

func (q *request) open() io.Writer {
	q.given = true
	return q.content
}

// addDigest takes a digest.
func (q *request) addDigest(algorithm, value string) error {
	d, err := parseDigest(algorithm, value)
	if err != nil {
		return gate.Bad("%s", err)
	}
	q.digests = append(q.digests, d)
	return nil
}

// parseDigest reads a digest in base64, or in hexadecimal as sha256sum prints it: the length tells which.
func parseDigest(algorithm, value string) (sign.Digest, error) {
	h, ok := hashes[strings.ToUpper(strings.NewReplacer("-", "", "_", "", " ", "").Replace(algorithm))]
	if !ok {
		return sign.Digest{}, fmt.Errorf("digest algorithm %q is not known; there are SHA-256, SHA-384, SHA-512, Streebog-256 and Streebog-512", jsonbody.Short(algorithm))
	}
	sum, err := hex.DecodeString(value)
	if err != nil || len(sum) != h.Size() {
		sum, err = base64.StdEncoding.DecodeString(value)
	}
	if err != nil || len(sum) != h.Size() {
		return sign.Digest{}, fmt.Errorf("the %s digest has to be %d octets in base64 or hexadecimal", h, h.Size())
	}
	return sign.NewDigest(h, sum)
}

// hashes are those of digests. Streebog has the name that reports give it, and an object identifier that is more usual than any name.
var hashes = map[string]sign.Hash{
	"SHA256": crypto.SHA256, "SHA384": crypto.SHA384, "SHA512": crypto.SHA512,
	"STREEBOG256": gost.Streebog256, "GOSTR34.112012256": gost.Streebog256, "1.2.643.7.1.1.2.2": gost.Streebog256,
	"STREEBOG512": gost.Streebog512, "GOSTR34.112012512": gost.Streebog512, "1.2.643.7.1.1.2.3": gost.Streebog512,
}

// readParts reads multipart/form-data. A part of a digest is algorithm:value.
func (q *request) readParts(r *multipart.Reader, t texts, f flags) error {
	seen := map[string]bool{}
	for n := 0; ; n++ {
		part, err := r.NextRawPart()
		switch {
		case err == io.EOF && n > 0:
			return nil
		case err != nil:
			return multipartError(err)
		case n == maxParts:
			return gate.Bad("the request has more than %d parts", maxParts)
		}
		name := part.FormName()
		if seen[name] && name != "digest" {
			return gate.Bad("part %q stands twice in the request", jsonbody.Short(name))
		}
		seen[name] = true
		if part.Header.Get("Content-Transfer-Encoding") != "" {
			return gate.Bad("part %q has a Content-Transfer-Encoding, which RFC 7578 does away with; send the octets as they are", jsonbody.Short(name))
		}
		if err := q.readPart(part, name, t, f); err != nil {
			return multipartError(err)
		}
	}
}

func (q *request) readPart(part io.Reader, name string, t texts, f flags) (err error) {
	switch {
	case name == "signature":
		q.signature, err = readAll(part, name, maxSignature)
		return err
	case name == "content":
		return copyTo(q.open(), part, name, q.limits.Content)
	}
	known := append([]string{"signature", "content", "digest"}, slices.Sorted(maps.Keys(t))...)
	known = append(known, slices.Sorted(maps.Keys(f))...)
	if name != "digest" && t[name] == nil && f[name] == nil {
		return jsonbody.Unknown("part", jsonbody.Short(name), name, known)
	}
	data, err := readAll(part, name, maxText)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(data))
	switch {
	case name == "digest":
		algorithm, value, _ := strings.Cut(text, ":")
		return q.addDigest(strings.TrimSpace(algorithm), strings.TrimSpace(value))
	case t[name] != nil:
		*t[name] = text
		return nil
	}
	if *f[name], err = strconv.ParseBool(text); err != nil {
		return gate.Bad("part %q has to be true or false", name)
	}
	return nil
}

func readAll(r io.Reader, name string, max int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err == nil && int64(len(data)) > max {
		err = jsonbody.TooLong(name, max)
	}
	return data, err
}

func copyTo(w io.Writer, r io.Reader, name string, max int64) error {
	n, err := io.Copy(w, io.LimitReader(r, max+1))
	if err == nil && n > max {
		err = jsonbody.TooLong(name, max)
	}
	return err
}

// multipartError tells what the gate says of the body, and otherwise that the parts cannot be read.
func multipartError(err error) error {
	if e, ok := errors.AsType[*gate.Error](err); ok {
		return e
	}
	return &gate.Error{Status: http.StatusBadRequest, Message: "the parts of the request cannot be read; is it whole, and is the boundary that of its Content-Type?", Err: err}
}

// message reads the signature.
func (q *request) message() (*cades.Message, error) {
	m, err := cades.Parse(q.signature)
	if err != nil {
		return nil, &gate.Error{Status: http.StatusBadRequest, Err: err, Message: "signature cannot be read; it has to be a CMS or PKCS #7 signature in DER, BER or PEM"}
	}
	if !m.Detached() && len(q.digests) != 0 {
		return nil, gate.Bad("the signature has its content inside; leave the digests out")
	}
	return m, nil
}
