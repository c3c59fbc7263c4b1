package cryptoapi

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/scan"
	"github.com/seed-116355fd/signet/service/keys"
)

// signRequest is POST /v2/sign while it is read.
//
// The key is named by Thumbprint or CertificateRawData; when both are given, both must name the same certificate, and an
// empty string or null counts as not given. ThrowOnErrors is false when it is left out. Contents is needed, and may be
// empty. Fields come in any order, but a request whose Contents stand before the name of the key is kept on disk meanwhile.
type signRequest struct {
	*gate.Call
	h    *handler
	scan *scan.Scanner

	thumbprint  string
	certificate []byte
	throw       bool
	seen        map[string]bool

	spooled *spooled    // of Contents that came before the key was named
	lease   *keys.Lease // once Contents are being signed
	answer  answer
}

// sign is POST /v2/sign.
func (h *handler) sign(c *gate.Call) error {
	r := &signRequest{Call: c, h: h, scan: scan.New(c.Body()), seen: make(map[string]bool), answer: answer{most: c.Gate().Limits().Answer}}
	defer r.close()
	if err := r.read(); err != nil {
		return asked(err)
	}
	if r.seen["contents"] && r.lease == nil {
		if err := r.signSpooled(); err != nil {
			return asked(err)
		}
	}
	switch {
	case !r.seen["contents"]:
		return gate.Bad("Contents is missing; give an array of strings in base64")
	case r.throw && r.answer.failed > 0:
		return r.answer.firstError()
	}
	return r.answer.write(c)
}

func (r *signRequest) close() {
	r.scan.Close()
	if r.spooled != nil {
		_ = r.spooled.spool.Close()
	}
	if r.lease != nil {
		r.lease.Release()
	}
	r.answer.release()
}

// asked makes of an error what the caller is told.
func asked(err error) error {
	if e, ok := errors.AsType[*scan.SyntaxError](err); ok {
		return gate.Bad("the request is %s", e)
	}
	return err
}

// read reads the request to its end; Contents are signed as they come when the key was named before.
func (r *signRequest) read() error {
	r.scan.BOM()
	if c, err := r.scan.Peek(); err == nil && c != '{' {
		return gate.Bad("the request is not a JSON object in UTF-8; send {\"Thumbprint\": …, \"Contents\": […]}")
	}
	if err := r.scan.Begin('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.scan.Next(first, '}')
		if err != nil {
			return err
		}
		if !more {
			break
		}
		name, err := r.scan.Name()
		if err != nil {
			return err
		}
		if err := r.member(lower(name)); err != nil {
			return err
		}
	}
	if err := r.scan.End(); err != nil {
		return err
	}
	return r.checkNamed()
}

// lower folds the letters of ASCII and no others: U+0130 is no i, and no filter in front of the service takes it for one.
func lower(name []byte) string {
	folded := make([]byte, len(name))
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		folded[i] = c
	}
	return string(folded)
}

// member reads the value of a member. The existing service takes names in any case and passes over those that it does not
// know. A name that occurs twice is refused: two programs that read such a request could see two different ones.
func (r *signRequest) member(name string) error {
	switch name {
	case "thumbprint", "certificaterawdata", "throwonerrors", "contents":
		if r.seen[name] {
			return gate.Bad("the field %s is there twice", name)
		}
		r.seen[name] = true
	}
	kind, err := r.scan.Peek()
	if err != nil {
		return err
	}
	switch name {
	case "thumbprint", "certificaterawdata":
		if kind != '"' && kind != 'n' {
			return gate.Bad("%s has to be a string", map[string]string{"thumbprint": "Thumbprint", "certificaterawdata": "CertificateRawData"}[name])
		}
	case "throwonerrors":
		if kind != 't' && kind != 'f' && kind != 'n' {
			return gate.Bad("ThrowOnErrors has to be true or false, without quotation marks")
		}
	}
	switch name {
	case "thumbprint":
		r.thumbprint, _, err = r.scan.String()
	case "certificaterawdata":
		var text string
		if text, _, err = r.scan.String(); err == nil && text != "" {
			r.certificate, err = certificateData(text)
		}
	case "throwonerrors":
		r.throw, _, err = r.scan.Bool()
	case "contents":
		return r.contents()
	default:
		return r.scan.Skip()
	}
	return err
}

func certificateData(text string) ([]byte, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Map(func(c rune) rune {
		if c == ' ' || c == '\t' {
			return -1
		}
		return c
	}, text))
	if err != nil {
		return nil, gate.Bad("CertificateRawData is not base64; give the DER of the certificate in base64")
	}
	if block, _ := pem.Decode(der); block != nil && block.Type == "CERTIFICATE" {
		return block.Bytes, nil
	}
	return der, nil
}

// contents signs the contents if the key is known, and keeps them otherwise.
func (r *signRequest) contents() error {
	c, err := r.scan.Peek()
	if err != nil {
		return err
	}
	if c != '[' {
		return gate.Bad("Contents is not an array of strings in base64")
	}
	if r.thumbprint == "" && r.certificate == nil {
		return r.keep()
	}
	if err := r.acquire(); err != nil {
		return err
	}
	return r.signArriving()
}

func (r *signRequest) acquire() error {
	if r.thumbprint == "" && r.certificate == nil {
		return gate.Bad("which key? Give Thumbprint or CertificateRawData")
	}
	lease, err := r.h.Keys.Acquire(r.Context(), keys.Query{Thumbprint: r.thumbprint, Certificate: r.certificate, Allowed: r.Principal.MayUse})
	if err != nil {
		return gate.KeyError(err)
	}
	r.lease = lease
	return nil
}

// checkNamed makes sure that what named the key behind Contents names the one that signed them.
func (r *signRequest) checkNamed() error {
	if r.lease == nil {
		return nil
	}
	// The lease and not the set is asked: a reload may have replaced the key meanwhile.
	same, err := r.lease.Is(keys.Query{Thumbprint: r.thumbprint, Certificate: r.certificate})
	if err != nil {
		return gate.KeyError(err)
	}
	if !same {
		return gate.Bad("Thumbprint and CertificateRawData name different certificates; give one of them")
	}
	return nil
}

// itemName is how people find a content in their request.
func itemName(index int) string { return fmt.Sprintf("Contents[%d]", index) }
