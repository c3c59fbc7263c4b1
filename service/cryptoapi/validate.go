package cryptoapi

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/jsonbody"
	"github.com/seed-116355fd/signet/service/internal/spool"
	"github.com/seed-116355fd/signet/service/internal/verdict"
	"github.com/seed-116355fd/signet/sign"
)

// maxSignature bounds a signature, with its content when it is attached: it is held in memory.
const maxSignature = 32 << 20

// validation is the answer of POST /v3/validate.
type validation struct {
	// IsValid says that all that was asked for was checked, and is right: with VerifySignatureOnly the signatures, else
	// the chains of the certificates as well, and whether they were revoked, as far as what is in the message says.
	IsValid     bool
	Verdict     verdict.Outcome
	Message     string
	IsDetached  bool
	ContentType string `json:",omitempty"`
	Signatures  []signature
}

type signature struct {
	Index              int
	IsValid            bool
	Verdict            verdict.Outcome
	Message            string
	Certificate        *certificate `json:",omitempty"`
	SigningTime        string       `json:",omitempty"` // as the signer claims
	Level              string
	DigestAlgorithm    string
	SignatureAlgorithm string
	Timestamps         []timestamp
	Checks             []verdict.Check
	SignedAttributes   []attribute
	CounterSignatures  []signature
}

type timestamp struct {
	Kind          string
	Status        string
	Time          string `json:",omitempty"`
	Policy        string `json:",omitempty"`
	SerialNumber  string `json:",omitempty"`
	HashAlgorithm string `json:",omitempty"`
	AuthorityName string `json:",omitempty"`
}

type attribute struct {
	Type   string   // dotted object identifier
	Values [][]byte // DER
}

// validate is POST /v3/validate {Content, Signature, DefaultOnFail, VerifySignatureOnly}. An attached signature has its
// content inside, and Content may be left out; when it is there as well, it has to be the same. What is no signature at
// all is not valid, like any other that is not.
//
// Status 200 is for valid signatures only: a client that looks at nothing else takes none for valid that is not. Others are
// an error of status 400 that says why, or 204 without a body when DefaultOnFail asks for that.
func (h *handler) validate(c *gate.Call) error {
	limits := c.Gate().Limits()
	content := spool.New("", limits.Content)
	defer content.Close()
	var sig []byte
	var given, defaultOnFail, signatureOnly bool
	err := jsonbody.Object{Fold: true, Fields: []jsonbody.Field{
		jsonbody.Stream("Content", func() io.Writer { given = true; return content }, limits.Content),
		jsonbody.Bytes("Signature", &sig, maxSignature),
		jsonbody.Bool("DefaultOnFail", &defaultOnFail),
		jsonbody.Bool("VerifySignatureOnly", &signatureOnly),
	}}.Read(c.Body())
	if err != nil {
		return err
	}
	if len(sig) == 0 {
		return gate.Bad("Signature is missing; send the signature in base64")
	}
	v, err := h.judge(c, sig, content, given, signatureOnly)
	if err != nil {
		return err
	}
	switch {
	case v.IsValid:
		return c.JSON(http.StatusOK, v)
	case defaultOnFail:
		c.WriteHeader(http.StatusNoContent)
		return nil
	}
	return &gate.Error{Status: http.StatusBadRequest, Message: v.Message, Details: fmt.Sprintf("Api.ValidationException: the signature is not valid (%s); POST /v1/verify of the same service tells each check", v.Verdict)}
}

func (h *handler) judge(c *gate.Call, sig []byte, content *spool.Spool, given, signatureOnly bool) (*validation, error) {
	m, err := cades.Parse(sig)
	if err != nil {
		return &validation{Verdict: verdict.Failed, Message: "Signature cannot be read: " + shortError(err), Signatures: []signature{}}, nil
	}
	q := verdict.Request{Message: m, Roots: h.Roots, SignatureOnly: signatureOnly}
	switch {
	case given:
		q.Content = sign.Reader("", content.Section(0, content.Size()))
	case m.Detached():
		return nil, gate.Bad("Content is missing, and the signature is detached; send the content that was signed")
	}
	r, err := verdict.Of(c.Context(), q)
	if err != nil {
		return nil, err
	}
	return &validation{IsValid: r.Outcome == verdict.Passed, Verdict: r.Outcome, Message: r.Reason, IsDetached: r.Detached, ContentType: r.ContentType,
		Signatures: h.signatures(r.Signatures)}, nil
}

func (h *handler) signatures(all []verdict.Signature) []signature {
	list := []signature{}
	for _, v := range all {
		s := signature{Index: v.Index, IsValid: v.Outcome == verdict.Passed, Verdict: v.Outcome, Message: v.Reason, Level: v.Level,
			DigestAlgorithm: v.DigestAlgorithm, SignatureAlgorithm: v.SignatureAlgorithm, SigningTime: stampOf(v.SigningTime),
			Timestamps: []timestamp{}, Checks: v.Checks, SignedAttributes: []attribute{}, CounterSignatures: h.signatures(v.CounterSignatures)}
		if v.Certificate != nil {
			d := describe(v.Certificate, false)
			s.Certificate = &d
		}
		for _, t := range v.Timestamps {
			s.Timestamps = append(s.Timestamps, timestamp{t.Kind, t.Status, stampOf(t.Time), t.Policy, t.Serial, t.Hash, t.Authority})
		}
		for _, a := range v.Attributes {
			s.SignedAttributes = append(s.SignedAttributes, attribute{a.Type, a.Values})
		}
		list = append(list, s)
	}
	return list
}

func stampOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}
