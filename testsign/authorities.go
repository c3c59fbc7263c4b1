package testsign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/tsp"
)

// How long revocation values say that they hold.
const (
	ocspHolds = time.Hour
	crlHolds  = day
)

// ca is an authority of certificates that the world answers for.
type ca struct {
	w       *World
	id      testpki.Identity
	number  int
	lists   int64 // made so far
	revoked []x509.RevocationListEntry
}

// answerFor adds an authority. The lock is held, or nobody has the world yet.
func (w *World) answerFor(id testpki.Identity) *ca {
	c := &ca{w: w, id: id, number: len(w.cas)}
	w.cas = append(w.cas, c)
	return c
}

// name puts into a certificate that is to be issued where its issuer and the list of that are.
func (c *ca) name(template *x509.Certificate) {
	template.CRLDistributionPoints = []string{c.w.url(fmt.Sprintf("%s/%d.crl", c.w.CRL.path, c.number))}
	template.IssuingCertificateURL = []string{c.w.url(fmt.Sprintf("/ca/%d.cer", c.number))}
}

// Revoke has a certificate of this world revoked from now on, since its key was lost (keyCompromise). Answers of before stay as good
// as they were, as in life: a signature with a time-stamp from before is still valid.
func (w *World) Revoke(c *x509.Certificate) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.epoch++
	for _, ca := range w.cas {
		if bytes.Equal(ca.id.Certificate().RawSubject, c.RawIssuer) {
			ca.revoked = append(ca.revoked, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: w.now().Truncate(time.Second), ReasonCode: int(revocation.KeyCompromise)})
			return
		}
	}
	w.t.Fatalf("testsign: %s is not a certificate of this world", c.Subject)
}

// Timestamper asks the TSA of this world, by a [tsp.Client] that remembers no failures.
func (w *World) Timestamper() tsp.Timestamper {
	w.t.Helper()
	client, err := tsp.NewClient(tsp.Config{
		Endpoints: []tsp.Endpoint{{URL: w.TSA.URL()}}, Roots: w.Roots(), Algorithms: w.algorithms(), Clock: w.Now, Rest: -1, Connect: connect.Options{HTTP: w.Client()},
	})
	testpki.NoError(w.t, err)
	return client
}

// Source asks OCSP and CRL of this world, by a [revocation.Client]. It keeps what it was told until the next is due, as clients do,
// but nothing from before a certificate was revoked or a fault was set.
type Source struct {
	w      *World
	client *revocation.Client
	epoch  int
}

// Revocation makes a source: for cades.Options, cades.ExtendOptions and cades.VerifyOptions alike.
func (w *World) Revocation() *Source { return &Source{w: w, epoch: -1} }

// Chain is that of [revocation.Client].
func (s *Source) Chain(ctx context.Context, leaf *x509.Certificate, candidates []*x509.Certificate) ([]*x509.Certificate, error) {
	client, err := s.current()
	if err != nil {
		return nil, err
	}
	return client.Chain(ctx, leaf, candidates)
}

// Collect is that of [revocation.Client].
func (s *Source) Collect(ctx context.Context, chains [][]*x509.Certificate, o *revocation.CollectOptions) (*revocation.Collection, error) {
	client, err := s.current()
	if err != nil {
		return nil, err
	}
	return client.Collect(ctx, chains, o)
}

// Status is that of [revocation.Client].
func (s *Source) Status(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (*revocation.Status, error) {
	client, err := s.current()
	if err != nil {
		return nil, err
	}
	return client.Status(ctx, cert, issuer, at)
}

func (s *Source) current() (*revocation.Client, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.epoch == s.w.epoch {
		return s.client, nil
	}
	client, err := revocation.NewClient(revocation.Config{
		Roots: s.w.Roots(), Algorithms: s.w.algorithms(), Clock: s.w.Now, Rest: -1, Negative: -1, AllowPrivate: true, Connect: connect.Options{HTTP: s.w.Client()},
	})
	if err != nil {
		return nil, err
	}
	s.client, s.epoch = client, s.w.epoch
	return client, nil
}

// stamp answers a TimeStampReq.
func (w *World) stamp(r *http.Request, body []byte, refused bool) reply {
	const media = "application/timestamp-reply"
	if r.Method != http.MethodPost {
		return plain(http.StatusMethodNotAllowed)
	}
	if refused {
		return reply{http.StatusOK, media, rejection()}
	}
	return reply{http.StatusOK, media, w.authority().Respond(r.Context(), body)}
}

// rejection is a TimeStampResp without a token (RFC 3161 section 2.4.2).
func rejection() []byte {
	type status struct {
		Status  int
		Text    []asn1.RawValue
		Failure asn1.BitString
	}
	text := []asn1.RawValue{{Tag: asn1.TagUTF8String, Bytes: []byte("the test has it refused")}}
	failure := asn1.BitString{Bytes: []byte{0x20}, BitLength: 3} // badRequest (2)
	der, err := asn1.Marshal(struct{ Info status }{status{2, text, failure}})
	if err != nil {
		panic(err) // of constants
	}
	return der
}

// authority is the TSA with a certificate that is valid now.
func (w *World) authority() *tsp.Authority {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tsa == nil || w.now().After(w.tsaEnds) {
		id := w.leaf(w.own, Certificate{Name: "time-stamps " + w.suffix, Key: w.authorityKey(), NotAfter: w.now().Add(tsaYears), Bend: testpki.Usages(true, testpki.TimeStamping)})
		var err error
		w.tsa, err = tsp.NewAuthority(w.signerOf(id), &tsp.AuthorityOptions{Clock: w.Now})
		testpki.NoError(w.t, err)
		w.tsaEnds = id.Certificate().NotAfter
	}
	return w.tsa
}

// ocspRequest is the part of an OCSPRequest that is looked at (RFC 6960 section 4.1.1).
type ocspRequest struct {
	TBS struct {
		Version   int           `asn1:"explicit,tag:0,default:0,optional"`
		Requestor asn1.RawValue `asn1:"explicit,tag:1,optional"`
		List      []struct{ ID certID }
		More      []pkix.Extension `asn1:"explicit,tag:2,optional"`
	}
}

type certID struct {
	Hash              pkix.AlgorithmIdentifier
	NameHash, KeyHash []byte
	Serial            *big.Int
}

var (
	oidNonce  = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	oidSHA256 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
)

// OCSPResponseStatus (RFC 6960 section 4.2.1).
const (
	malformedRequest = 1
	tryLater         = 3
	unauthorized     = 6
)

// state answers an OCSPRequest.
func (w *World) state(r *http.Request, body []byte, refused bool) reply {
	if r.Method == http.MethodGet {
		body, _ = base64.StdEncoding.DecodeString(strings.TrimPrefix(r.URL.Path, w.OCSP.path+"/"))
	}
	failed := func(status int) reply {
		return reply{http.StatusOK, "application/ocsp-response", []byte{0x30, 3, 0x0a, 1, byte(status)}}
	}
	if refused {
		return failed(tryLater)
	}
	var q ocspRequest
	if _, err := asn1.Unmarshal(body, &q); err != nil || len(q.TBS.List) != 1 {
		return failed(malformedRequest)
	}
	id := q.TBS.List[0].ID
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.cas {
		if id.of(c.id.Certificate()) {
			return reply{http.StatusOK, "application/ocsp-response", c.ocsp(id, q.TBS.More)}
		}
	}
	return failed(unauthorized)
}

// of reports whether an issuer is meant.
func (id *certID) of(issuer *x509.Certificate) bool {
	if id.Hash.Algorithm.Equal(oidSHA256) {
		name := sha256.Sum256(issuer.RawSubject)
		return bytes.Equal(id.NameHash, name[:])
	}
	name := algorithm.SHA1(issuer.RawSubject)
	return bytes.Equal(id.NameHash, name[:])
}

func (c *ca) ocsp(id certID, extensions []pkix.Extension) []byte {
	now := c.w.now().Truncate(time.Second)
	about := &x509.Certificate{SerialNumber: id.Serial}
	return testpki.OCSPResponse(c.w.t, about, c.id, func(o *testpki.OCSP) {
		o.ThisUpdate, o.ProducedAt, o.NextUpdate = now, now, now.Add(ocspHolds)
		o.SHA256 = id.Hash.Algorithm.Equal(oidSHA256)
		for _, e := range c.revoked {
			if e.SerialNumber.Cmp(id.Serial) == 0 {
				o.State, o.RevokedAt, o.Reason = 1, e.RevocationTime, e.ReasonCode
			}
		}
		for _, e := range extensions {
			if e.Id.Equal(oidNonce) {
				o.Extensions = append(o.Extensions, e)
			}
		}
	})
}

// list answers with the CRL of an authority.
func (w *World) list(r *http.Request, _ []byte, refused bool) reply {
	if refused {
		return plain(http.StatusForbidden)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.numbered(r.URL.Path, w.CRL.path+"/%d.crl")
	if c == nil {
		return plain(http.StatusNotFound)
	}
	c.lists++
	now := w.now().Truncate(time.Second)
	der := testpki.RevocationList(w.t, c.id, nil, func(l *x509.RevocationList) {
		l.Number, l.ThisUpdate, l.NextUpdate, l.RevokedCertificateEntries = big.NewInt(c.lists), now, now.Add(crlHolds), c.revoked
	})
	return reply{http.StatusOK, "application/pkix-crl", der}
}

// certificate answers with the certificate of an authority.
func (w *World) certificate(path string) reply {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.numbered(path, "/ca/%d.cer")
	if c == nil {
		return plain(http.StatusNotFound)
	}
	return reply{http.StatusOK, "application/pkix-cert", c.id.Certificate().Raw}
}

// numbered finds the authority that a path names.
func (w *World) numbered(path, format string) *ca {
	for _, c := range w.cas {
		if path == fmt.Sprintf(format, c.number) {
			return c
		}
	}
	return nil
}
