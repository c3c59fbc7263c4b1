package api

import (
	"net/http"
	"time"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/verdict"
	"github.com/seed-116355fd/signet/sign"
)

// report is the answer of POST /v1/verify.
type report struct {
	Verdict     verdict.Outcome `json:"verdict"`
	Reason      string          `json:"reason"`
	Detached    bool            `json:"detached"`
	ContentType string          `json:"contentType"`
	Signatures  []signature     `json:"signatures"`
}

type signature struct {
	Index              int             `json:"index"`
	Verdict            verdict.Outcome `json:"verdict"`
	Reason             string          `json:"reason"`
	Certificate        *certificate    `json:"certificate,omitempty"`
	SigningTime        *time.Time      `json:"signingTime,omitempty"`
	Level              string          `json:"level"`
	DigestAlgorithm    string          `json:"digestAlgorithm"`
	SignatureAlgorithm string          `json:"signatureAlgorithm"`
	Timestamps         []timestamp     `json:"timestamps"`
	Checks             []check         `json:"checks"`
	CounterSignatures  []signature     `json:"counterSignatures"`
}

type timestamp struct {
	Kind      string     `json:"kind"`
	Status    string     `json:"status"`
	Time      *time.Time `json:"time,omitempty"`
	Policy    string     `json:"policy,omitempty"`
	Serial    string     `json:"serial,omitempty"`
	Hash      string     `json:"hash,omitempty"`
	Authority string     `json:"authority,omitempty"`
}

type check struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// verify is POST /v1/verify {signature, content or digests, signatureOnly}. It says what it found; a signature that is not
// valid is an answer and no error.
func (h *handler) verify(c *gate.Call) error {
	q := newRequest(c)
	defer q.close()
	if err := q.read(c, nil, flags{"signatureOnly": &q.signatureOnly}); err != nil {
		return err
	}
	m, err := q.message()
	if err != nil {
		return err
	}
	if m.Detached() && !q.given && len(q.digests) == 0 {
		return gate.Bad("the signature is detached; send the content that was signed as well, or digests of it")
	}
	v := verdict.Request{Message: m, Roots: h.Roots, SignatureOnly: q.signatureOnly}
	switch {
	case q.given:
		v.Content = sign.Reader("", q.content.Section(0, q.content.Size()))
	case len(q.digests) != 0:
		v.Content = sign.Digested("", q.digests...)
	}
	r, err := verdict.Of(c.Context(), v)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, report{r.Outcome, r.Reason, r.Detached, r.ContentType, signatures(r.Signatures)})
}

func signatures(all []verdict.Signature) []signature {
	list := []signature{}
	for _, v := range all {
		s := signature{Index: v.Index, Verdict: v.Outcome, Reason: v.Reason, SigningTime: v.SigningTime, Level: v.Level,
			DigestAlgorithm: v.DigestAlgorithm, SignatureAlgorithm: v.SignatureAlgorithm,
			Timestamps: []timestamp{}, Checks: []check{}, CounterSignatures: signatures(v.CounterSignatures)}
		if v.Certificate != nil {
			s.Certificate = describe(v.Certificate)
		}
		for _, t := range v.Timestamps {
			s.Timestamps = append(s.Timestamps, timestamp(t))
		}
		for _, k := range v.Checks {
			s.Checks = append(s.Checks, check(k))
		}
		list = append(list, s)
	}
	return list
}
