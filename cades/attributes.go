package cades

import (
	"crypto/sha256"
	"time"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// The signed attributes of a message, each encoded in one place. Where a standard leaves a choice, the comment says
// which one is made here.

// attributeSet collects encoded attributes in one buffer and puts them into the order of DER at the end.
type attributeSet struct {
	b     cms.Builder
	ends  [maxOwnAttributes]int
	count int
}

// maxOwnAttributes bounds the signed attributes of a message that is made here.
const maxOwnAttributes = 64

// open begins an Attribute; the caller writes its values and calls close.
func (s *attributeSet) open(id cms.OID) (attribute, set int) {
	attribute = s.b.Open(cms.TagSequence)
	s.b.OID(id)
	return attribute, s.b.Open(cms.TagSet)
}

func (s *attributeSet) close(attribute, set int) {
	s.b.Close(set)
	s.b.Close(attribute)
	s.ends[s.count] = s.b.Len()
	s.count++
}

// raw takes an Attribute that was encoded before.
func (s *attributeSet) raw(attribute []byte) {
	s.b.Raw(attribute)
	s.ends[s.count] = s.b.Len()
	s.count++
}

// add encodes an Attribute with one value.
func (s *attributeSet) add(id cms.OID, value []byte) {
	a, set := s.open(id)
	s.b.Raw(value)
	s.close(a, set)
}

// appendDER appends the SET OF Attribute that is signed. The order is that of the encodings (X.690 section 11.6), which
// depends on their lengths, so it is never fixed beforehand.
func (s *attributeSet) appendDER(dst []byte) []byte {
	all := s.b.Bytes()
	var space [maxOwnAttributes][]byte
	members := space[:0]
	start := 0
	for _, end := range s.ends[:s.count] {
		members = append(members, all[start:end])
		start = end
	}
	cms.SortSet(members)
	return cms.AppendSet(dst, cms.TagSet, members)
}

// signedAttributes encodes what a signature of these options is over, but for what optionalAttributes has. The options were checked.
func (o *Options) signedAttributes(s *attributeSet, d *Draft) {
	if d.on == nil { // RFC 5652 section 11.1: equals eContentType; section 11.4: a counter-signature has none
		if d.contentType == cms.OIDData {
			s.raw(d.common.contentType)
		} else {
			a, set := s.open(cms.OIDContentType)
			s.b.OID(d.contentType)
			s.close(a, set)
		}
	}
	a, set := s.open(cms.OIDMessageDigest) // RFC 5652 section 11.2
	s.b.Value(cms.TagOctetString, d.digest)
	s.close(a, set)

	if !o.NoSigningTime {
		a, set = s.open(cms.OIDSigningTime) // RFC 5652 section 11.3
		s.b.Time(o.time())
		s.close(a, set)
	}

	if o.Level != LevelPKCS7 {
		s.raw(d.common.signingCertificate)
		if !o.NoAlgorithmProtection {
			s.raw(d.common.protection)
		}
	}
}

func (o *Options) time() time.Time {
	switch {
	case !o.SigningTime.IsZero():
		return o.SigningTime
	case o.Clock != nil:
		return o.Clock()
	}
	return time.Now()
}

// signingCertificateV2 encodes RFC 5035 section 3: one ESSCertIDv2, of the signer, with issuerSerial. The hash is SHA-256 whatever of the
// SHA-2 family the scheme signs with, so that hashAlgorithm is the DEFAULT and DER leaves it out; a scheme with a hash of its own names
// the certificate by that.
func signingCertificateV2(b *cms.Builder, scheme sign.Scheme, cert, issuer, serial []byte) {
	seq := b.Open(cms.TagSequence)
	certs := b.Open(cms.TagSequence)
	id := b.Open(cms.TagSequence)
	if ownHash(scheme) {
		h := scheme.NewHash()
		h.Write(cert)
		b.Raw(scheme.DigestAlg)
		b.Value(cms.TagOctetString, h.Sum(nil))
	} else {
		hash := sha256.Sum256(cert)
		b.Value(cms.TagOctetString, hash[:])
	}
	issuerSerial := b.Open(cms.TagSequence)
	names := b.Open(cms.TagSequence)
	directoryName := b.Open(cms.ContextConstructed(4))
	b.Raw(issuer) // as it stands in the certificate, never re-encoded
	b.Close(directoryName)
	b.Close(names)
	b.Raw(serial)
	b.Close(issuerSerial)
	b.Close(id)
	b.Close(certs)
	b.Close(seq)
}

// optionalAttributes encodes what the caller asked for beyond the plain BES.
func (o *Options) optionalAttributes(s *attributeSet) {
	if o.MimeType != "" { // EN 319 122-1 section 5.2.4.2
		a, set := s.open(cms.OIDMimeType)
		s.b.String(cms.TagUTF8String, o.MimeType)
		s.close(a, set)
	}
	if h := o.ContentHints; h != nil { // RFC 2634 section 2.9
		a, set := s.open(cms.OIDContentHints)
		seq := s.b.Open(cms.TagSequence)
		if h.Description != "" {
			s.b.String(cms.TagUTF8String, h.Description)
		}
		s.b.OID(oidOr(h.ContentType, cms.OIDData))
		s.b.Close(seq)
		s.close(a, set)
	}
	if len(o.ContentIdentifier) != 0 { // RFC 2634 section 2.7
		a, set := s.open(cms.OIDContentIdentifier)
		s.b.Value(cms.TagOctetString, o.ContentIdentifier)
		s.close(a, set)
	}
	if o.Policy != nil {
		a, set := s.open(cms.OIDSignaturePolicy)
		o.Policy.encode(&s.b)
		s.close(a, set)
	}
	for _, c := range o.Commitments { // RFC 5126 section 5.11.1: one attribute for each
		a, set := s.open(cms.OIDCommitmentType)
		seq := s.b.Open(cms.TagSequence)
		s.b.OID(oidOr(string(c), ""))
		s.b.Close(seq)
		s.close(a, set)
	}
	if o.Location != nil {
		a, set := s.open(cms.OIDSignerLocation)
		o.Location.encode(&s.b)
		s.close(a, set)
	}
	if len(o.ClaimedRoles) != 0 {
		a, set := s.open(cms.OIDSignerAttributesV2)
		claimedRoles(&s.b, o.ClaimedRoles)
		s.close(a, set)
	}
	for _, extra := range o.Attributes {
		a, set := s.open(oidOr(extra.Type, ""))
		values := append([][]byte(nil), extra.Values...)
		cms.SortSet(values)
		s.b.Raw(values...)
		s.close(a, set)
	}
}

// encode writes SignaturePolicyIdentifier (RFC 5126 section 5.8.1): NULL when implied.
func (p *Policy) encode(b *cms.Builder) {
	if p.Implied {
		b.Null()
		return
	}
	seq := b.Open(cms.TagSequence)
	b.OID(oidOr(p.OID, ""))
	hash := b.Open(cms.TagSequence)
	b.Raw(mustAlgorithm(p.Hash))
	b.Value(cms.TagOctetString, p.Digest)
	b.Close(hash)
	if p.URI != "" || p.UserNotice != nil || p.Specification != "" {
		qualifiers := b.Open(cms.TagSequence)
		if p.URI != "" {
			q := qualifier(b, cms.OIDSPURI)
			b.String(cms.TagIA5String, p.URI)
			b.Close(q)
		}
		if p.UserNotice != nil {
			q := qualifier(b, cms.OIDSPUserNotice)
			p.UserNotice.encode(b)
			b.Close(q)
		}
		if p.Specification != "" { // EN 319 122-1 section 5.2.9.2: CHOICE of OID and IA5String
			q := qualifier(b, cms.OIDSPDocSpecification)
			if oid, err := cms.ParseOID(p.Specification); err == nil {
				b.OID(oid)
			} else {
				b.String(cms.TagIA5String, p.Specification)
			}
			b.Close(q)
		}
		b.Close(qualifiers)
	}
	b.Close(seq)
}

func qualifier(b *cms.Builder, id cms.OID) (mark int) {
	mark = b.Open(cms.TagSequence)
	b.OID(id)
	return mark
}

// encode writes SPUserNotice; its texts are UTF8String of the CHOICE DisplayText (RFC 5280 section 4.2.1.4).
func (n *UserNotice) encode(b *cms.Builder) {
	seq := b.Open(cms.TagSequence)
	if n.Organization != "" || len(n.Numbers) != 0 {
		ref := b.Open(cms.TagSequence)
		b.String(cms.TagUTF8String, n.Organization)
		numbers := b.Open(cms.TagSequence)
		for _, number := range n.Numbers {
			b.Int(uint64(number))
		}
		b.Close(numbers)
		b.Close(ref)
	}
	if n.Text != "" {
		b.String(cms.TagUTF8String, n.Text)
	}
	b.Close(seq)
}

// encode writes SignerLocation (RFC 5126 section 5.11.2), whose module has EXPLICIT tags.
func (l *Location) encode(b *cms.Builder) {
	seq := b.Open(cms.TagSequence)
	for i, text := range []string{l.Country, l.Locality} {
		if text != "" {
			tag := b.Open(cms.ContextConstructed(i))
			b.String(cms.TagUTF8String, text)
			b.Close(tag)
		}
	}
	if len(l.Postal) != 0 {
		tag := b.Open(cms.ContextConstructed(2))
		lines := b.Open(cms.TagSequence)
		for _, line := range l.Postal {
			b.String(cms.TagUTF8String, line)
		}
		b.Close(lines)
		b.Close(tag)
	}
	b.Close(seq)
}

// oidName is the attribute under which claimed roles are written: X.520 name, the one that other CAdES software uses.
const oidName cms.OID = "\x55\x04\x29" // 2.5.4.41

// claimedRoles writes SignerAttributeV2 with claimedAttributes only (EN 319 122-1 section 5.2.6.1).
func claimedRoles(b *cms.Builder, roles []string) {
	seq := b.Open(cms.TagSequence)
	claimed := b.Open(cms.ContextConstructed(0))
	list := b.Open(cms.TagSequence)
	for _, role := range roles {
		attribute := b.Open(cms.TagSequence)
		b.OID(oidName)
		set := b.Open(cms.TagSet)
		b.String(cms.TagUTF8String, role)
		b.Close(set)
		b.Close(attribute)
	}
	b.Close(list)
	b.Close(claimed)
	b.Close(seq)
}

// oidOr reads a dotted identifier that was checked before, or returns the default for an empty one.
func oidOr(dotted string, or cms.OID) cms.OID {
	if dotted == "" {
		return or
	}
	oid, err := cms.ParseOID(dotted)
	if err != nil {
		return or
	}
	return oid
}
