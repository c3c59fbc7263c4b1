package tst

import (
	"bytes"
	"context"
	"math/big"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

// Options say what a token is compared with beside its imprint. The zero value asks for nothing more than that the token is
// well made.
type Options struct {
	Policy string   // dotted; empty means any
	Nonce  *big.Int // nil means that it is not compared
	// Candidates are looked through for the certificate of the authority and its issuers, beside those in the token.
	Candidates *pki.Pool
	// Anchors are what a path from the authority has to lead to, at the time of the token. Nil means that no path is
	// asked for.
	Anchors *pki.Anchors
	// Tolerance bounds how far the time of the token may be from Now, its accuracy added; 0 means that they are not compared.
	Tolerance time.Duration
	Now       time.Time
	// Registry knows algorithms and rules; nil is the default.
	Registry *algorithm.Registry
	// Work is what signatures are paid from; nil means that one signature is not counted.
	Work *pki.Work
}

// Problems makes every check that can still be made after one has failed, and returns those that failed, in the order of
// the constants.
func (t *Token) Problems(imprint sign.Digest, o *Options) []*Problem {
	if o == nil {
		o = &Options{}
	}
	c := &checker{t: t, o: o}
	c.content(imprint)
	if n := len(t.SD.Signers); n != 1 {
		c.fail(CheckSigners, "the token has %d signers and should have one", n)
	}
	if len(t.SD.Signers) != 0 {
		c.signer(&t.SD.Signers[0])
	}
	return c.problems
}

// checker is one run of Problems.
type checker struct {
	t        *Token
	o        *Options
	problems []*Problem
}

func (c *checker) fail(check string, format string, args ...any) {
	c.problems = append(c.problems, problem(check, format, args...))
}

// content checks the TSTInfo against what was asked for.
func (c *checker) content(imprint sign.Digest) {
	t := c.t
	if t.Version != 1 {
		c.fail(CheckVersion, "the TSTInfo has version %d instead of 1", t.Version)
	}
	want, got := HashOf(imprint), t.Hash
	switch {
	case want == "" || want != got:
		c.fail(CheckImprint, "the imprint is made with %s instead of %s", got.Name(), want.Name())
	case !bytes.Equal(imprint.Sum, t.Imprint.Sum):
		c.fail(CheckImprint, "the time-stamp is over %s %.64x instead of %.64x", got.Name(), t.Imprint.Sum, imprint.Sum)
	}
	if j := c.o.Registry.JudgeHash(algorithm.UseImprint, got, t.GenTime); j.Decision == algorithm.Forbidden {
		c.refuse(CheckImprint, algorithm.NotAllowed, j.Algorithm, j.Sentence)
	}
	switch {
	case c.o.Nonce == nil:
	case t.Nonce == nil:
		c.fail(CheckNonce, "the request had a nonce and the answer has none, so that it may be an old one")
	case t.Nonce.Cmp(c.o.Nonce) != 0:
		c.fail(CheckNonce, "the nonce is not the one of the request: this is the answer to another one")
	}
	if c.o.Policy != "" && c.o.Policy != t.Policy {
		c.fail(CheckPolicy, "the policy is %s instead of %s", t.Policy, c.o.Policy)
	}
	if t.Critical != "" {
		c.fail(CheckExtensions, "the token has an unknown critical extension %s", t.Critical)
	}
}

// signer checks the SignerInfo, and the certificate that it leads to.
func (c *checker) signer(si *cms.SignerInfo) {
	c.attributes(si)
	cert := c.t.Signer(c.o.Candidates, c.o.Registry)
	if cert == nil {
		c.fail(CheckCertificate, "the certificate of the authority is not in the token; ask for it with certReq, or give it")
		c.binding(si, nil)
		return
	}
	c.binding(si, cert)
	c.signature(si, cert)
	if problem := UsageProblem(cert); problem != "" {
		c.fail(CheckKeyUsage, "%s", problem)
	}
	if at := c.t.GenTime; !cert.ValidAt(at) {
		c.fail(CheckValidity, "the time %s is outside the validity of the authority's certificate, %s to %s", stamp(at), stamp(cert.NotBefore), stamp(cert.NotAfter))
	}
	c.clock()
	c.chain(cert)
}

// refuse is of an algorithm that is not known, or does not count: a program can tell that from what is wrong.
func (c *checker) refuse(check string, reason algorithm.Reason, name, sentence string) {
	c.problems = append(c.problems, &Problem{Check: check, Err: &algorithm.Error{Reason: reason, Algorithm: name, What: sentence}})
}

// attributes checks what RFC 5652 section 11 has signed: content-type and message-digest.
func (c *checker) attributes(si *cms.SignerInfo) {
	if si.SignedAttrs.IsZero() {
		c.fail(CheckAttributes, "there are no signed attributes")
		return
	}
	value, problem := cms.Single(si.Signed, cms.OIDContentType)
	if oid, err := value.OID(); problem != "" || err != nil || oid != cms.OIDTSTInfo {
		c.fail(CheckAttributes, "the signed content-type is not TSTInfo")
	}
	h, ok := c.o.Registry.Hash(si.Digest.ID)
	switch {
	case !ok:
		c.refuse(CheckAttributes, algorithm.Unsupported, si.Digest.ID.Name(), "the content is digested with "+si.Digest.ID.Name()+", which is not known here")
		return
	case c.o.Registry.JudgeHash(algorithm.UseTimestamp, h.ID, c.t.GenTime).Decision == algorithm.Forbidden:
		c.refuse(CheckAttributes, algorithm.NotAllowed, h.ID.Name(), "the content is digested with "+h.ID.Name()+", which is broken or does not count any more")
		return
	}
	value, problem = cms.Single(si.Signed, cms.OIDMessageDigest)
	if sum, err := value.Octets(); problem != "" || err != nil || value.Tag() != cms.TagOctetString || !bytes.Equal(sum, h.Sum(c.t.Info)) {
		c.fail(CheckAttributes, "the signed message-digest is not the one of the TSTInfo")
	}
}

// binding checks that the signed attributes name the certificate (RFC 3161 section 2.4.2, RFC 5816). SHA-1 is the only
// hash of ESSCertID, and allowed.
func (c *checker) binding(si *cms.SignerInfo, cert *pki.Certificate) {
	ids, problems := si.ESSCertIDs()
	for _, p := range problems {
		c.fail(CheckSigningCertificate, "%s", p)
	}
	if len(ids) == 0 && len(problems) == 0 {
		c.fail(CheckSigningCertificate, "the token does not say which certificate it was signed with, which RFC 3161 demands")
	}
	if cert == nil {
		return
	}
	bound := false // by one that is known; see [Token.Unknown]
	for i := range ids {
		h, known := c.o.Registry.NameHash(ids[i].Hash)
		bound = bound || known && bytes.Equal(h.Sum(cert.Raw), ids[i].Value)
	}
	for i := range ids {
		h, known := c.o.Registry.NameHash(ids[i].Hash)
		switch {
		case !known && bound:
		case !known:
			c.refuse(CheckSigningCertificate, algorithm.Unsupported, ids[i].Hash.Name(), "the certificate is named by its hash "+ids[i].Hash.Name()+", which is not known here")
		case !bytes.Equal(h.Sum(cert.Raw), ids[i].Value):
			c.fail(CheckSigningCertificate, "the %s hash in the signed attributes is of another certificate", h.ID.Name())
		}
	}
	if !pki.Identifies(si.SID, cert) {
		c.fail(CheckSigningCertificate, "the signer identifier and the signed attributes name different certificates")
	}
}

// signature checks the value, over the attributes as received or as DER has them.
func (c *checker) signature(si *cms.SignerInfo, cert *pki.Certificate) {
	if si.SignedAttrs.IsZero() {
		return
	}
	registry := c.o.Registry
	j := registry.Judge(algorithm.Question{Use: algorithm.UseTimestamp, Algorithm: si.Algorithm, Digest: si.Digest.ID, Time: c.t.GenTime})
	if j.Decision == algorithm.Forbidden {
		c.refuse(CheckSignature, algorithm.NotAllowed, j.Algorithm, j.Sentence)
		return
	}
	check := algorithm.SignatureCheck{Algorithm: si.Algorithm, Digest: si.Digest.ID, Signature: si.SignatureRaw, SPKI: cert.SPKI}
	spent := false
	note, _, err := si.VerifyAttributes(func(set []byte) (string, error) {
		if c.o.Work != nil && !c.o.Work.SpendSignature(cert.SPKI) {
			spent = true
			return "", errSpent
		}
		return registry.Verify(&check, set, nil)
	})
	switch {
	case spent:
		c.fail(CheckWork, "%s", errSpent)
	case err != nil:
		c.problems = append(c.problems, &Problem{Check: CheckSignature, Err: err})
	case note != "":
		c.fail(CheckSignature, "%s", note)
	}
}

// UsageProblem says why a certificate is not one of an authority (RFC 3161 section 2.3): the extended key usage is timeStamping
// alone, and critical; where a key usage is given, it lets the key sign. It is empty when it is one.
func UsageProblem(cert *pki.Certificate) string {
	if err := cert.CheckUse(pki.TimestampAuthority, nil); err != nil {
		return err.Error()
	}
	return ""
}

// clock compares the time with the one here.
func (c *checker) clock() {
	if c.o.Tolerance <= 0 {
		return
	}
	now := c.o.Now
	if off := c.t.GenTime.Sub(now).Abs(); off > c.o.Tolerance+c.t.Accuracy {
		c.fail(CheckTime, "the time %s is %s from the clock here, which says %s", stamp(c.t.GenTime), off.Round(time.Second), stamp(now))
	}
}

// chain looks for a path to a root, at the time of the token.
func (c *checker) chain(cert *pki.Certificate) {
	if c.o.Anchors == nil {
		return
	}
	v := pki.Verifier{
		Anchors: c.o.Anchors, Pools: []*pki.Pool{c.o.Candidates, c.t.Certs}, Time: c.t.GenTime, Purpose: pki.TimestampAuthority,
		Algorithms: func(use pki.Use, alg cms.Algorithm, spki []byte) error {
			return c.o.Registry.Allow(algorithm.Question{Use: algorithm.Use(use), Algorithm: alg, SPKI: spki, Time: c.t.GenTime})
		},
		Signature: func(check *algorithm.SignatureCheck, message []byte) (string, error) {
			return c.o.Registry.Verify(check, message, nil)
		},
		Work: pki.NewWork(len(c.t.Raw)),
	}
	if _, err := v.Path(context.Background(), cert); err != nil {
		c.problems = append(c.problems, &Problem{Check: CheckChain, What: "no path leads from the authority to a given root", Err: err})
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
