package cades

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/message"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/sign/formats"
)

// Draft is a container that only lacks its signature. What is signed was frozen when the draft was made. A draft may be
// finished more than once; it is not modified by that.
type Draft struct {
	signer      *sign.Signer
	common      *ofSigner
	rule        CertificateRule
	level       Level
	attached    bool
	contentType cms.OID
	content     sign.Content // attached: what goes in
	size        int64        // octets of it
	digest      []byte
	tbs         []byte
	raising     *raising // nil up to BES
	base        *Message // the message that gets a further signer; nil for a new one
	on          path     // the signature in it that is counter-signed; nil for one of the content
}

var (
	_ sign.Format            = (*Options)(nil)
	_ formats.TrustingDraft  = (*Draft)(nil)
	_ formats.StreamingDraft = (*Draft)(nil)
	_ formats.RaisingDraft   = (*Draft)(nil)
	_ formats.FittingDraft   = (*Draft)(nil)
)

// Prepare reads the content, digests it and freezes the signed attributes. The key of the signer is not used, and may be
// nil.
func Prepare(ctx context.Context, s *sign.Signer, c sign.Content, o *Options) (draft *Draft, err error) {
	defer sign.Recover(&err)
	if o == nil {
		o = &Options{}
	}
	if s == nil {
		return nil, noSigner()
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	d := newDraft(s, o)
	d.attached, d.contentType = o.Attached, oidOr(o.ContentType, cms.OIDData)
	if o.Attached && c.Source().DigestOnly() {
		return nil, &sign.Error{Op: "cades: prepare", Place: c.Name, Class: sign.ErrInput, Hint: "a container with the content inside needs the content, not its digest"}
	}
	if err := d.read(ctx, c); err != nil {
		return nil, err
	}
	if err := d.freeze(ctx, o); err != nil {
		return nil, err
	}
	return d, nil
}

// newDraft is a draft of which nothing is known but the signer and the options.
func newDraft(s *sign.Signer, o *Options) *Draft {
	return &Draft{signer: s, common: kept(s), rule: o.Certificates, level: o.EffectiveLevel(), raising: newRaising(s, o)}
}

// Prepare makes *Options a [sign.Format].
func (o *Options) Prepare(ctx context.Context, s *sign.Signer, c sign.Content) (sign.Draft, error) {
	d, err := Prepare(ctx, s, c, o)
	if err != nil {
		return nil, err // not a typed nil
	}
	return d, nil
}

func noSigner() error {
	return inputError(sign.ErrInput, "the signer is nil; make one with sign.Open or sign.New")
}

// read takes the digest of the content and, where it will be needed once more and cannot be read once more, the content.
func (d *Draft) read(ctx context.Context, c sign.Content) error {
	scheme := d.signer.Scheme()
	if c.Source().DigestOnly() {
		sum, ok := c.Source().Digest(scheme.DigestAlg)
		if size := scheme.NewHash().Size(); !ok || len(sum) != size {
			return &sign.Error{Op: "cades: prepare", Place: c.Name, Class: sign.ErrInput, Hint: fmt.Sprintf("scheme %s needs one digest of the content by %s, of %d octets", scheme.Name, oidOf(scheme.DigestAlg).Name(), size)}
		}
		d.digest = sum
		return d.raising.given(&c)
	}
	data, inMemory := c.Source().InMemory()
	if inMemory && !d.raising.needsContent() {
		d.digest, d.size = d.common.sum(data), int64(len(data))
		if d.attached {
			d.content = c
		}
		return nil
	}
	h := d.raising.beside(d)
	if inMemory {
		h.Write(data)
		d.size = int64(len(data))
	} else {
		var err error
		if c, d.size, err = digestContent(ctx, h, c, d.attached); err != nil {
			return err
		}
	}
	d.digest = h.Sum(nil)
	d.raising.read()
	if d.attached {
		d.content = c
	}
	return nil
}

// digestContent reads a content into the hash. One that can be read only once is kept when the container will need it.
func digestContent(ctx context.Context, h io.Writer, c sign.Content, keep bool) (sign.Content, int64, error) {
	if keep && c.Source().Once() {
		r, err := c.Source().Take()
		if err != nil {
			return c, 0, readError(&c, err)
		}
		kept, err := message.ReadAll(ctx, r)
		if err != nil {
			return c, 0, readError(&c, err)
		}
		h.Write(kept)
		return sign.Bytes(c.Name, kept), int64(len(kept)), nil
	}
	n, err := message.CopyContent(ctx, h, c.Source())
	if err != nil {
		return c, 0, readError(&c, err)
	}
	return c, n, nil
}

func readError(c *sign.Content, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*sign.Error](err); ok {
		return err
	}
	return &sign.Error{Op: "cades: read", Place: c.Name, Err: err}
}

// unsuitable says why nobody would take a signature made at a time with the key of a certificate: its validity (RFC 5280 section
// 4.1.2.5), its key usage (section 4.2.1.3), or that it is for time-stamps or OCSP alone.
func unsuitable(c *x509.Certificate, at time.Time) (problem string, class error) {
	switch {
	case at.Before(c.NotBefore):
		return "is not valid before " + c.NotBefore.UTC().Format(time.RFC3339), sign.ErrTime
	case at.After(c.NotAfter):
		return "expired on " + c.NotAfter.UTC().Format(time.RFC3339), sign.ErrTime
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return "is not for signing documents: its key usage has neither digitalSignature nor nonRepudiation", sign.ErrTrust
	case len(c.ExtKeyUsage) == 0 || len(c.UnknownExtKeyUsage) != 0:
		return "", nil
	}
	for _, use := range c.ExtKeyUsage {
		if use != x509.ExtKeyUsageTimeStamping && use != x509.ExtKeyUsageOCSPSigning {
			return "", nil
		}
	}
	return "is not for signing documents: its extended key usage is for time-stamps or OCSP responses alone", sign.ErrTrust
}

// suitable refuses a certificate with which nobody would take the signature.
func (o *Options) suitable(s *sign.Signer) error {
	if o.AnyCertificate {
		return nil
	}
	if problem, class := unsuitable(s.Certificate(), o.time()); problem != "" {
		return &sign.Error{Op: "cades: prepare", Place: s.Certificate().Subject.String(), Class: unfit{class},
			Hint: "the certificate " + problem + ", so that nobody would take the signature; use another one, or allow it on purpose"}
	}
	return nil
}

// unfit is the class of a certificate by which nobody would take a signature. It goes with the key, so that a batch stops as it does
// for a scheme that the key does not do.
type unfit struct{ class error }

func (u unfit) Error() string   { return u.class.Error() }
func (u unfit) Unwrap() []error { return []error{u.class, sign.ErrUnsupported} }

// freeze encodes the signed attributes.
func (d *Draft) freeze(ctx context.Context, o *Options) error {
	// Before anybody is asked for anything, and the key is touched.
	if err := o.suitable(d.signer); err != nil {
		return err
	}
	tokens, err := d.raising.contentTimestamps(ctx)
	if err != nil {
		return err
	}
	var set attributeSet // most have nothing optional, and then nothing is encoded here
	o.optionalAttributes(&set)
	for _, token := range tokens { // EN 319 122-1 section 5.2.8: any number, each an attribute of its own
		set.add(cms.OIDContentTimeStamp, token)
	}
	if set.count == 0 && d.on == nil && d.contentType == cms.OIDData && !o.NoSigningTime && !o.NoAlgorithmProtection && o.Level != LevelPKCS7 {
		if d.tbs = d.common.plainAttributes(d.digest, o.time()); d.tbs != nil {
			return nil
		}
	}
	if set.count == 0 {
		set.b = cms.NewBuilder(make([]byte, 0, 1024))
	}
	o.signedAttributes(&set, d)
	n := set.b.Len()
	d.tbs = set.appendDER(make([]byte, 0, n+cms.HeaderLen(cms.TagSet, n)))
	return nil
}

// assemble encodes the container in DER up to the content and from there on. Both parts stand in one buffer that has
// room for a content in memory, so that a detached or small container is made with one allocation.
func (d *Draft) assemble(signature []byte) (head, tail []byte) {
	scheme := d.signer.Scheme()
	certs := d.certificates()

	content := int(d.size)
	octets := cms.HeaderLen(cms.TagOctetString, content) + content
	encap := cms.HeaderLen(cms.TagOID, len(d.contentType)) + len(d.contentType)
	if d.attached {
		encap += cms.HeaderLen(cms.ContextConstructed(0), octets) + octets
	}
	certLen := sizeOf(certs)
	info := d.signerInfoLen(signature)
	infos := cms.HeaderLen(cms.TagSequence, info) + info
	signedData := 3 + // version
		cms.HeaderLen(cms.TagSet, len(scheme.DigestAlg)) + len(scheme.DigestAlg) +
		cms.HeaderLen(cms.TagSequence, encap) + encap +
		cms.HeaderLen(cms.TagSet, infos) + infos
	if len(certs) != 0 {
		signedData += cms.HeaderLen(cms.ContextConstructed(0), certLen) + certLen
	}
	explicit := cms.HeaderLen(cms.TagSequence, signedData) + signedData
	outer := cms.HeaderLen(cms.TagOID, len(cms.OIDSignedData)) + len(cms.OIDSignedData) + cms.HeaderLen(cms.ContextConstructed(0), explicit) + explicit
	total := cms.HeaderLen(cms.TagSequence, outer) + outer

	_, inMemory := d.content.Source().InMemory()
	if d.attached && !inMemory {
		total -= content
	}
	b := cms.NewBuilder(make([]byte, 0, total))
	b.Header(cms.TagSequence, outer)
	b.OID(cms.OIDSignedData)
	b.Header(cms.ContextConstructed(0), explicit)
	b.Header(cms.TagSequence, signedData)
	b.Int(d.version())
	b.Header(cms.TagSet, len(scheme.DigestAlg))
	b.Raw(scheme.DigestAlg)
	b.Header(cms.TagSequence, encap)
	b.OID(d.contentType)
	if d.attached {
		b.Header(cms.ContextConstructed(0), octets)
		b.Header(cms.TagOctetString, content)
	}
	cut := b.Len()
	if len(certs) != 0 {
		b.Header(cms.ContextConstructed(0), certLen)
		b.Raw(certs...)
	}
	b.Header(cms.TagSet, infos)
	d.appendSignerInfo(&b, info, signature)
	if !d.attached {
		return b.Bytes(), nil
	}
	// The tail moves out of the way of the content, which is appended to the head.
	tail = append([]byte(nil), b.Bytes()[cut:]...)
	return b.Bytes()[:cut], tail
}

// version is SignedData.version (RFC 5652 section 5.1): 1 for id-data with issuerAndSerialNumber, 3 for any other content.
func (d *Draft) version() uint64 {
	if d.contentType == cms.OIDData {
		return 1
	}
	return 3
}

// certificates are the encodings that go into SignedData.certificates, each once, in the order of DER. They are not modified.
func (d *Draft) certificates() [][]byte {
	switch d.rule {
	case SignerOnly:
		return d.common.leaf
	case NoCertificates:
		return nil
	}
	return d.common.chain
}

func sizeOf(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// signerInfoLen is the length of the contents of the SignerInfo.
func (d *Draft) signerInfoLen(signature []byte) int {
	scheme := d.signer.Scheme()
	cert := d.signer.Certificate()
	sid := len(cert.RawIssuer) + len(d.common.serial)
	return 3 + cms.HeaderLen(cms.TagSequence, sid) + sid +
		len(scheme.DigestAlg) + len(d.tbs) + len(scheme.SignatureAlg) +
		cms.HeaderLen(cms.TagOctetString, len(signature)) + len(signature)
}

// appendSignerInfo writes RFC 5652 section 5.3 with issuerAndSerialNumber, hence version 1. The signed attributes stand
// there as they were signed, but for the tag: [0] instead of SET OF.
func (d *Draft) appendSignerInfo(b *cms.Builder, length int, signature []byte) {
	scheme := d.signer.Scheme()
	cert := d.signer.Certificate()
	b.Header(cms.TagSequence, length)
	b.Int(1)
	serial := d.common.serial
	b.Header(cms.TagSequence, len(cert.RawIssuer)+len(serial))
	b.Raw(cert.RawIssuer, serial)
	b.Raw(scheme.DigestAlg)
	at := b.Len()
	b.Raw(d.tbs)
	b.Bytes()[at] = 0xa0
	b.Raw(scheme.SignatureAlg)
	b.Value(cms.TagOctetString, signature)
}

// serialNumber returns the INTEGER as it stands in the certificate, a view of it.
func serialNumber(c *x509.Certificate) []byte {
	v, err := cms.ReadValue(c.RawTBSCertificate)
	if err != nil {
		return nil
	}
	r := v.Reader()
	if _, _, err := r.Optional(cms.ContextConstructed(0)); err != nil {
		return nil
	}
	serial, err := r.Want(cms.TagInteger, "serial number")
	if err != nil {
		return nil
	}
	return serial.Raw()
}
