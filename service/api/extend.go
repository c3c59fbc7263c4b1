package api

import (
	"context"
	"encoding/asn1"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/reason"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/sign"
)

// extended is the answer of POST /v1/extend.
type extended struct {
	Signature []byte `json:"signature"`
	Level     string `json:"level"` // the lowest that a signature of the message has the form of now
	Key       string `json:"key"`
}

// containerType is what a client accepts that wants the signature as it is.
const containerType = "application/pkcs7-signature"

// extend is POST /v1/extend {signature, content or digests, key, level}: the signatures of a message are raised to a
// level with the time-stamp authorities and the source of revocation values that a key of the service is configured with.
// The key itself signs nothing. Without a level it is the key's.
func (h *handler) extend(c *gate.Call) error {
	q := newRequest(c)
	defer q.close()
	if err := q.read(c, texts{"key": &q.key, "level": &q.level}, nil); err != nil {
		return err
	}
	if q.key == "" {
		return gate.Bad("key is missing; name the key whose time-stamp authorities are to be used, GET /v1/keys lists them")
	}
	level, err := parseLevel(q.level)
	if err != nil {
		return err
	}
	m, err := q.message()
	if err != nil {
		return err
	}
	if n := len(m.Signatures()); n > maxRaised { // each asks an authority
		return gate.Bad("the message has %d signatures; at most %d are raised in one request", n, maxRaised)
	}
	lease, err := h.Keys.Acquire(c.Context(), keys.Query{Name: q.key, Allowed: c.Principal.MayUse})
	if err != nil {
		return gate.KeyError(err)
	}
	defer lease.Release()
	if q.level == "" {
		level = lease.Options.Level
	}
	if err := q.check(m, level, lease.Options); err != nil {
		return err
	}
	raised, err := m.Extend(c.Context(), level, q.options(lease.Options))
	record := entry(m, lease, level, err)
	if err != nil {
		if e := c.Record(record); e != nil {
			c.Log.ErrorContext(c.Context(), "the failure is not in the audit log", "error", e.Error())
		}
		c.Contents, c.Failed = 1, 1
		return extendError(err)
	}
	c.Contents = 1
	if err := c.Record(record); err != nil {
		return err
	}
	return answer(c, raised, q.key)
}

// maxRaised bounds the signatures of a message that is raised.
const maxRaised = 100

// check says early what is missing for a level.
func (q *request) check(m *cades.Message, level cades.Level, o *cades.Options) error {
	switch {
	case level <= cades.LevelBES:
		return gate.Bad("level is missing, and key %q makes %s, which nothing is raised to; give level t, lt, lta, c, xlong1 or a", q.key, level)
	case o.Timestamper == nil:
		return gate.Bad("key %q is configured without a time-stamp authority; choose another key, or ask the operator for one", q.key)
	case level != cades.LevelT && o.Revocation == nil:
		return gate.Bad("key %q is configured without a source of revocation values, which %s needs; choose another key, or level t", q.key, level)
	case (level == cades.LevelLTA || level == cades.LevelA) && m.Detached() && !q.given && len(q.digests) == 0:
		return gate.Bad("%s is over the content, and the signature is detached; send the content as well, or its digests for level lta", level)
	}
	return nil
}

func parseLevel(name string) (cades.Level, error) {
	if name == "" {
		return cades.LevelBES, nil
	}
	level, err := cades.ParseLevel(name)
	if err != nil || level <= cades.LevelBES {
		return 0, gate.Bad("level %.40q is none that a signature is raised to; choose t, lt, lta, c, xlong1 or a", name)
	}
	return level, nil
}

func (q *request) options(o *cades.Options) *cades.ExtendOptions {
	e := &cades.ExtendOptions{Timestamper: o.Timestamper, Revocation: o.Revocation, Hash: o.TimestampHash, Schemes: schemes.All()}
	var content sign.Content
	switch {
	case q.given:
		content = sign.Opener("content", func() (io.ReadCloser, error) { return q.content.Section(0, q.content.Size()), nil })
	case len(q.digests) != 0:
		content = sign.Digested("content", q.digests...)
	default:
		return e
	}
	e.Content = content
	return e
}

// extendError tells what is wrong with the message, and of authorities only that they failed: their addresses are the
// operator's affair.
func extendError(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, sign.ErrInput), errors.Is(err, sign.ErrKeyMismatch), ofMessage(err):
		return &gate.Error{Status: http.StatusBadRequest, Err: err, Message: "the signature cannot be raised: " + reason.Text(err)}
	case errors.Is(err, revocation.CheckChain), errors.Is(err, revocation.CheckSource):
		return &gate.Error{Status: http.StatusBadRequest, Err: err,
			Message: "the signature cannot be raised, since an issuer or the place to ask for revocation is not known here; the operator can add certificates of issuers, and the log says which under this request id"}
	case errors.Is(err, sign.ErrUnsupported):
		return &gate.Error{Status: http.StatusBadRequest, Err: err, Message: "the signature cannot be raised, since something in it is not supported: " + reason.Text(err)}
	}
	return &gate.Error{Status: http.StatusServiceUnavailable, RetryAfter: 10 * time.Second, Err: err,
		Message: "the signature could not be raised now: a time-stamp authority or a source of revocation values failed; try again later, or tell the operator, whose log says why under this request id"}
}

// ofMessage reports whether what is there cannot be raised, as when it has expired: authorities were not at fault.
func ofMessage(err error) bool {
	if errors.Is(err, sign.ErrAuthority) || errors.Is(err, revocation.CheckChain) || errors.Is(err, revocation.CheckSource) {
		return false
	}
	return errors.Is(err, sign.ErrTime) || errors.Is(err, sign.ErrTrust) || errors.Is(err, sign.ErrRevocation)
}

// answer sends the message as JSON, or as it is to a client that accepts that only.
func answer(c *gate.Call, raised []byte, key string) error {
	m, err := cades.Parse(raised)
	if err != nil {
		return err
	}
	level := lowest(m)
	if !strings.Contains(strings.ToLower(c.Request.Header.Get("Accept")), containerType) {
		return c.JSON(http.StatusOK, extended{raised, level, key})
	}
	c.Header().Set("Content-Type", containerType)
	c.Header().Set("X-Signature-Level", level)
	c.Header().Set("Content-Length", strconv.Itoa(len(raised)))
	_, err = c.Write(raised)
	return err
}

// lowest is the name of the level that every signature has the form of at least: of those that stand for the same proof,
// the first that is found.
func lowest(m *cades.Message) string {
	name, low := "", cades.Level(0)
	for _, s := range m.Signatures() {
		if l := s.Level(); name == "" || !l.AtLeast(low) {
			name, low = s.LevelName(), l
		}
	}
	return name
}

var messageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}

// entry is what the audit log keeps: the digests that the signers signed, and whether they were raised.
func entry(m *cades.Message, lease *keys.Lease, level cades.Level, failed error) *audit.Record {
	r := &audit.Record{Event: "extend", Key: lease.Name, Level: level.String(), Attached: !m.Detached()}
	if lease.Signer != nil {
		r.Thumbprint = sign.Thumbprint(lease.Signer.Certificate())
	}
	for i, s := range m.Signatures() {
		item := audit.Item{Index: i}
		for _, a := range s.SignedAttributes() {
			if a.Type == messageDigest.String() && len(a.Values) == 1 {
				_, _ = asn1.Unmarshal(a.Values[0], &item.Digest)
			}
		}
		if r.Hash == "" {
			r.Hash = s.DigestAlgorithm()
		}
		if failed != nil {
			item.Err = failed.Error()
		}
		r.Items = append(r.Items, item)
	}
	return r
}
