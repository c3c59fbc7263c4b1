package tsp

import (
	"bytes"
	"context"
	"crypto/x509"
	"math/big"
	"time"

	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
)

// VerifyOptions say what a token is compared with beside its imprint. The zero value asks for nothing more than that the
// token is well made.
type VerifyOptions struct {
	// Policy is the policy that the token has to be issued under, dotted; empty means any.
	Policy string
	// Nonce is what the request said; nil means that it is not compared.
	Nonce *big.Int
	// Certificates are looked through for the certificate of the authority and its issuers, beside those in the token.
	Certificates []*x509.Certificate
	// Roots are what a path from the authority has to lead to, at the time of the token. Nil means that no path is asked
	// for, and nothing then says who the authority is.
	Roots *trust.Roots
	// Tolerance bounds how far the time of the token may be from Clock, its accuracy added; 0 means that the two are not
	// compared, as for a token of an archive.
	Tolerance time.Duration
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
	// Algorithms says which algorithms count; nil is the default.
	Algorithms *trust.Algorithms
}

// registry is what the options say of algorithms.
func (o *VerifyOptions) registry() *algorithm.Registry {
	return o.Algorithms.Registry().(*algorithm.Registry)
}

// Verify checks the token against the digest that it should be over, and returns the first check that failed as an
// [*Error].
func (t *Token) Verify(imprint sign.Digest, o *VerifyOptions) error {
	if all := t.Problems(imprint, o); len(all) != 0 {
		return all[0]
	}
	return nil
}

// Problems makes every check that can still be made after one has failed, and returns those that failed, in the order of
// the constants: for those who show a token to people, or know one flaw and bear with it.
func (t *Token) Problems(imprint sign.Digest, o *VerifyOptions) []*Error {
	if o == nil {
		o = &VerifyOptions{}
	}
	c := &checker{t: t, o: o, registry: o.registry()}
	c.content(imprint)
	if n := len(t.sd.Signers); n != 1 {
		c.fail(CheckSigners, "the token has %d signers and should have one", n)
	}
	if len(t.sd.Signers) != 0 {
		c.signer(&t.sd.Signers[0])
	}
	return c.problems
}

// checker is one run of Problems.
type checker struct {
	t        *Token
	o        *VerifyOptions
	registry *algorithm.Registry
	problems []*Error
}

func (c *checker) fail(check Check, format string, args ...any) {
	c.problems = append(c.problems, failed(check, format, args...))
}

// content checks the TSTInfo against what was asked for.
func (c *checker) content(imprint sign.Digest) {
	t := c.t
	if t.Version != 1 {
		c.fail(CheckVersion, "the TSTInfo has version %d instead of 1", t.Version)
	}
	want, got := imprintOID(imprint), imprintOID(t.Imprint)
	switch {
	case want == "" || want != got:
		c.fail(CheckImprint, "the imprint is made with %s instead of %s", got.Name(), want.Name())
	case !bytes.Equal(imprint.Sum, t.Imprint.Sum):
		c.fail(CheckImprint, "the time-stamp is over %s %.64x instead of %.64x", got.Name(), t.Imprint.Sum, imprint.Sum)
	}
	if j := c.registry.JudgeHash(algorithm.UseImprint, got, t.GenTime); j.Decision == algorithm.Forbidden {
		c.fail(CheckImprint, "%s", j.Sentence)
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
	if t.critical != "" {
		c.fail(CheckExtensions, "the token has an unknown critical extension %s", t.critical)
	}
}

// signer checks the SignerInfo, and the certificate that it leads to.
func (c *checker) signer(si *cms.SignerInfo) {
	c.attributes(si)
	cert := c.t.signer(si, c.o.Certificates)
	if cert == nil {
		c.fail(CheckCertificate, "the certificate of the authority is not in the token; ask for it with certReq, or give it")
		c.binding(si, nil)
		return
	}
	c.binding(si, cert)
	c.signature(si, cert)
	if cert.X509 == nil {
		c.problems = append(c.problems, &Error{Check: CheckCertificate, What: "the certificate of the authority cannot be read", Err: cert.Err})
		return
	}
	if problem := usageProblem(cert.X509); problem != "" {
		c.fail(CheckKeyUsage, "%s", problem)
	}
	if at := c.t.GenTime; at.Before(cert.X509.NotBefore) || at.After(cert.X509.NotAfter) {
		c.fail(CheckValidity, "the time %s is outside the validity of the authority's certificate, %s to %s", stamp(at), stamp(cert.X509.NotBefore), stamp(cert.X509.NotAfter))
	}
	c.clock()
	c.chain(cert)
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
	h, ok := c.registry.Hash(si.Digest.ID)
	switch {
	case !ok:
		c.fail(CheckAttributes, "the content is digested with %s, which is not known here", si.Digest.ID.Name())
		return
	case c.registry.JudgeHash(algorithm.UseTimestamp, h.ID, c.t.GenTime).Decision == algorithm.Forbidden:
		c.fail(CheckAttributes, "the content is digested with %s, which is broken", h.ID.Name())
		return
	}
	value, problem = cms.Single(si.Signed, cms.OIDMessageDigest)
	if sum, err := value.Octets(); problem != "" || err != nil || value.Tag() != cms.TagOctetString || !bytes.Equal(sum, h.Sum(c.t.Info)) {
		c.fail(CheckAttributes, "the signed message-digest is not the one of the TSTInfo")
	}
}

// binding checks that the signed attributes name the certificate (RFC 3161 section 2.4.2, RFC 5816). SHA-1 is the only
// hash of ESSCertID, and allowed.
func (c *checker) binding(si *cms.SignerInfo, cert *cms.Certificate) {
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
	for i := range ids {
		if !ids[i].Matches(cert) {
			c.fail(CheckSigningCertificate, "the %s hash in the signed attributes is of another certificate", ids[i].Hash.ID.Name())
		}
	}
	if !pki.Identifies(si.SID, cert) {
		c.fail(CheckSigningCertificate, "the signer identifier and the signed attributes name different certificates")
	}
}

// signature checks the value, over the attributes as received or as DER has them.
func (c *checker) signature(si *cms.SignerInfo, cert *cms.Certificate) {
	if si.SignedAttrs.IsZero() {
		return
	}
	j := c.registry.Judge(algorithm.Question{Use: algorithm.UseTimestamp, Algorithm: si.Algorithm, Digest: si.Digest.ID, Time: c.t.GenTime})
	if j.Decision == algorithm.Forbidden {
		c.fail(CheckSignature, "%s", j.Sentence)
		return
	}
	check := cms.SignatureCheck{Algorithm: si.Algorithm, Digest: si.Digest.ID, Signature: si.SignatureRaw, SPKI: cert.SPKI}
	note, _, err := si.VerifyAttributes(func(set []byte) (string, error) { return c.registry.Verify(&check, set, nil) })
	switch {
	case err != nil:
		c.problems = append(c.problems, &Error{Check: CheckSignature, Err: err})
	case note != "":
		c.fail(CheckSignature, "%s", note)
	}
}

// usageProblem checks RFC 3161 section 2.3: the extended key usage is timeStamping alone, and critical. Where a key usage
// is given, it lets the key sign.
func usageProblem(cert *x509.Certificate) string {
	critical := false
	for _, e := range cert.Extensions {
		if id, ok := cms.OIDExtKeyUsage.ASN1(); ok && e.Id.Equal(id) {
			critical = e.Critical
		}
	}
	switch {
	case len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0:
		return "the certificate has no extended key usage, and that of a time-stamping authority is timeStamping"
	case len(cert.ExtKeyUsage) != 1 || len(cert.UnknownExtKeyUsage) != 0 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping:
		return "the extended key usage of the certificate is not timeStamping alone"
	case !critical:
		return "the extended key usage of the certificate is not critical"
	case cert.KeyUsage != 0 && cert.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return "the key usage of the certificate does not let its key sign"
	}
	return ""
}

// clock compares the time with the one here.
func (c *checker) clock() {
	if c.o.Tolerance <= 0 {
		return
	}
	now := time.Now()
	if c.o.Clock != nil {
		now = c.o.Clock()
	}
	if off := c.t.GenTime.Sub(now).Abs(); off > c.o.Tolerance+c.t.Accuracy {
		c.fail(CheckTime, "the time %s is %s from the clock here, which says %s", stamp(c.t.GenTime), off.Round(time.Second), stamp(now))
	}
}

// chain looks for a path to a root, at the time of the token.
func (c *checker) chain(cert *cms.Certificate) {
	if c.o.Roots == nil {
		return
	}
	given, inside := pki.NewPool(), pki.NewPool()
	for _, other := range c.o.Certificates {
		if p, err := pki.FromX509(other); err == nil {
			given.Add(p)
		}
	}
	for _, other := range c.t.certs {
		if p, err := pki.ParseCertificate(other.Raw); err == nil {
			inside.Add(p)
		}
	}
	target, err := pki.ParseCertificate(cert.Raw)
	if err == nil {
		v := pki.Verifier{
			Anchors: c.o.Roots.Index().(*pki.Anchors), Pools: []*pki.Pool{given, inside}, Time: c.t.GenTime, Purpose: pki.TimestampAuthority,
			Algorithms: func(use pki.Use, alg cms.Algorithm, spki []byte) error {
				return c.registry.Allow(algorithm.Question{Use: algorithm.Use(use), Algorithm: alg, SPKI: spki, Time: c.t.GenTime})
			},
			Signature: c.registry.Checker(pki.BaseSignatures + len(c.t.Raw)/pki.OctetsPerSignature),
			Work:      pki.NewWork(len(c.t.Raw)),
		}
		_, err = v.Path(context.Background(), target)
	}
	if err != nil {
		c.problems = append(c.problems, &Error{Check: CheckChain, What: "no path leads from the authority to a given root", Err: err})
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
