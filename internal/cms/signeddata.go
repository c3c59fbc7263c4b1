package cms

// SignedData is a ContentInfo with a SignedData in it (RFC 5652 sections 3 and 5.1), as views of the received bytes.
type SignedData struct {
	ContentInfo Value
	Value       Value // the SignedData SEQUENCE itself

	Version          int
	DigestAlgorithms Value // SET
	Digests          []Algorithm
	EncapContentInfo Value
	ContentType      OID
	Content          Value // eContent as it stands in its [0]; zero when the signature is detached
	CertificateSet   Value // [0]; zero when absent
	Certificates     []Value
	RevocationSet    Value // [1]; zero when absent
	Revocations      []Value
	SignerInfos      Value // SET
	Signers          []SignerInfo

	Trailing []byte // what follows the ContentInfo: padding, usually
}

// SignerInfo is RFC 5652 section 5.3, as views of the received bytes.
type SignerInfo struct {
	Value        Value
	Version      int
	SID          SignerID
	Digest       Algorithm
	SignedAttrs  Value // [0]; zero when absent
	Signed       []Attribute
	Algorithm    Algorithm
	Signature    Value // OCTET STRING
	UnsignedSet  Value // [1]; zero when absent
	Unsigned     []Attribute
	SignatureRaw []byte // the octets of Signature
}

// SignerID is a SignerIdentifier: issuer and serial number, or subject key identifier. A kind that is not known leaves
// all fields but the Value empty.
type SignerID struct {
	Value        Value
	Issuer       []byte // Name, with identifier and length octets
	Serial       []byte // contents octets of the INTEGER
	SubjectKeyID []byte
}

// ParseSignedData reads the structure of a message: all of RFC 5652 section 5.1 down to the attributes. What is inside
// certificates, revocation values and attributes is not looked at, so that one unknown or broken thing does not make the
// rest unreadable.
func ParseSignedData(ber []byte) (*SignedData, error) { return ParseOctets(InMemory(ber)) }

// ParseOctets is [ParseSignedData] for octets of which the content may be elsewhere.
func ParseOctets(o Octets) (*SignedData, error) {
	info, err := o.value()
	if err != nil {
		return nil, err
	}
	sd := &SignedData{ContentInfo: info}
	if info.tag != TagSequence {
		return nil, syntaxError(0, "a ContentInfo is expected, which is a SEQUENCE, not %s", info.tag)
	}
	r := info.Reader()
	v, err := r.Want(TagOID, "the content type")
	if err != nil {
		return nil, err
	}
	if oid, err := v.OID(); err != nil {
		return nil, err
	} else if oid != OIDSignedData {
		return nil, syntaxError(v.start, "the content type is %s, not signedData", oid.Name())
	}
	explicit, err := r.Want(ContextConstructed(0), "the content of the ContentInfo")
	if err != nil {
		return nil, err
	}
	if err := last(&r, "ContentInfo"); err != nil {
		return nil, err
	}
	r = explicit.Reader()
	if sd.Value, err = r.Want(TagSequence, "SignedData"); err != nil {
		return nil, err
	}
	if err := last(&r, "the content of the ContentInfo"); err != nil {
		return nil, err
	}
	if err := sd.fields(sd.Value.Reader()); err != nil {
		return sd, err
	}
	if g := info.doc.gap; g.size != 0 && (sd.Content.IsZero() || sd.Content.body != g.from || sd.Content.end != g.from+g.size) {
		return sd, syntaxError(g.from, "the content is not where it was")
	}
	sd.Trailing = info.doc.octets(info.next, o.Size())
	return sd, nil
}

// last refuses what follows the last field of a structure: nobody here would look at it, and somebody else might, such as at a
// second content.
func last(r *Reader, what string) error {
	if r.Empty() {
		return nil
	}
	return syntaxError(r.off, "something follows the last field of %s", what)
}

// MaxSigners bounds the SignerInfos of one SignedData. What is read of each takes more memory than a small one has octets.
const MaxSigners = 10_000

func (sd *SignedData) fields(r Reader) error {
	v, err := r.Want(TagInteger, "SignedData.version")
	if err != nil {
		return err
	}
	if sd.Version, err = v.Int(); err != nil {
		return err
	}
	if sd.DigestAlgorithms, err = r.Want(TagSet, "SignedData.digestAlgorithms"); err != nil {
		return err
	}
	algorithms := sd.DigestAlgorithms.Reader()
	all, err := algorithms.All()
	if err != nil {
		return err
	}
	for _, v := range all {
		a, err := ParseAlgorithm(v)
		if err != nil {
			return err
		}
		sd.Digests = append(sd.Digests, a)
	}
	if err := sd.encapsulated(&r); err != nil {
		return err
	}
	if sd.CertificateSet, sd.Certificates, err = optionalSet(&r, 0); err != nil {
		return err
	}
	if sd.RevocationSet, sd.Revocations, err = optionalSet(&r, 1); err != nil {
		return err
	}
	if sd.SignerInfos, err = r.Want(TagSet, "SignedData.signerInfos"); err != nil {
		return err
	}
	signers := sd.SignerInfos.Reader()
	if all, err = signers.All(); err != nil {
		return err
	}
	if len(all) > MaxSigners {
		return syntaxError(sd.SignerInfos.start, "there are more than %d signers", MaxSigners)
	}
	for _, v := range all {
		si, err := ParseSignerInfo(v)
		if err != nil {
			return err
		}
		sd.Signers = append(sd.Signers, si)
	}
	return last(&r, "SignedData")
}

func (sd *SignedData) encapsulated(r *Reader) (err error) {
	if sd.EncapContentInfo, err = r.Want(TagSequence, "SignedData.encapContentInfo"); err != nil {
		return err
	}
	inner := sd.EncapContentInfo.Reader()
	v, err := inner.Want(TagOID, "eContentType")
	if err != nil {
		return err
	}
	if sd.ContentType, err = v.OID(); err != nil {
		return err
	}
	explicit, ok, err := inner.Optional(ContextConstructed(0))
	if err != nil {
		return err
	}
	if err := last(&inner, "SignedData.encapContentInfo"); err != nil || !ok {
		return err
	}
	content := explicit.Reader()
	if sd.Content, err = content.Next(); err != nil {
		return err
	}
	return last(&content, "eContent")
}

func optionalSet(r *Reader, number int) (set Value, members []Value, err error) {
	set, ok, err := r.Optional(ContextConstructed(number))
	if err != nil || !ok {
		return set, nil, err
	}
	inner := set.Reader()
	members, err = inner.All()
	return set, members, err
}

// ContentSegments calls f with the octets that the message-digest is over (RFC 5652 section 5.4): the contents of the
// OCTET STRING without tag and length, or of whatever else stands there in messages of PKCS #7 1.5.
func (sd *SignedData) ContentSegments(f func([]byte) error) error {
	if sd.Content.IsZero() {
		return nil
	}
	switch {
	case sd.Content.tag == TagOctetString|constructed:
		return sd.Content.Segments(f)
	case sd.Content.away():
		return sd.Content.doc.gap.pass(false, f)
	}
	return f(sd.Content.Body())
}

// ParseSignerInfo reads a SignerInfo, also one that is the value of a counter-signature.
func ParseSignerInfo(value Value) (si SignerInfo, err error) {
	if value.tag != TagSequence {
		return si, syntaxError(value.start, "a SignerInfo is expected, not %s", value.tag)
	}
	si.Value = value
	r := value.Reader()
	v, err := r.Want(TagInteger, "SignerInfo.version")
	if err != nil {
		return si, err
	}
	if si.Version, err = v.Int(); err != nil {
		return si, err
	}
	if v, err = r.Next(); err != nil {
		return si, err
	}
	if si.SID, err = parseSignerID(v); err != nil {
		return si, err
	}
	if v, err = r.Want(TagSequence, "SignerInfo.digestAlgorithm"); err != nil {
		return si, err
	}
	if si.Digest, err = ParseAlgorithm(v); err != nil {
		return si, err
	}
	if si.SignedAttrs, si.Signed, err = optionalAttributes(&r, 0); err != nil {
		return si, err
	}
	if v, err = r.Want(TagSequence, "SignerInfo.signatureAlgorithm"); err != nil {
		return si, err
	}
	if si.Algorithm, err = ParseAlgorithm(v); err != nil {
		return si, err
	}
	if si.Signature, err = r.Want(TagOctetString, "SignerInfo.signature"); err != nil {
		return si, err
	}
	if si.SignatureRaw, err = si.Signature.Octets(); err != nil {
		return si, err
	}
	if si.UnsignedSet, si.Unsigned, err = optionalAttributes(&r, 1); err != nil {
		return si, err
	}
	return si, last(&r, "SignerInfo")
}

func parseSignerID(v Value) (SignerID, error) {
	sid := SignerID{Value: v}
	var err error
	switch v.tag {
	case TagSequence:
		r := v.Reader()
		issuer, err := r.Want(TagSequence, "SignerInfo.sid.issuer")
		if err != nil {
			return sid, err
		}
		serial, err := r.Want(TagInteger, "SignerInfo.sid.serialNumber")
		if err != nil {
			return sid, err
		}
		sid.Issuer, sid.Serial = issuer.Raw(), serial.Body()
	case ContextTag(0), ContextConstructed(0):
		sid.SubjectKeyID, err = v.Octets()
	}
	return sid, err
}

func optionalAttributes(r *Reader, number int) (Value, []Attribute, error) {
	set, members, err := optionalSet(r, number)
	if err != nil {
		return set, nil, err
	}
	attributes := make([]Attribute, len(members))
	for i, v := range members {
		attributes[i] = ParseAttribute(v)
	}
	return set, attributes, nil
}

// VersionValue returns the INTEGER of SignerInfo.version as it stands there.
func (si *SignerInfo) VersionValue() Value {
	r := si.Value.Reader()
	v, err := r.Next()
	if err != nil {
		return Value{}
	}
	return v
}

// ExpectedVersion returns the version that RFC 5652 section 5.1 gives to what the SignedData holds.
func (sd *SignedData) ExpectedVersion() int {
	version := 1
	if sd.ContentType != OIDData {
		version = 3
	}
	for i := range sd.Signers {
		if sd.Signers[i].Version == 3 {
			version = 3
		}
	}
	for _, c := range sd.Certificates {
		switch c.tag {
		case ContextConstructed(3): // other
			return 5
		case ContextConstructed(2): // v2AttrCert
			version = 4
		case ContextConstructed(1): // v1AttrCert
			version = max(version, 3)
		}
	}
	for _, c := range sd.Revocations {
		if c.tag == ContextConstructed(1) { // other
			return 5
		}
	}
	return version
}

// ExpectedVersion returns 1 for issuerAndSerialNumber and 3 for a subject key identifier (RFC 5652 section 5.3).
func (si *SignerInfo) ExpectedVersion() int {
	if si.SID.Issuer != nil {
		return 1
	}
	return 3
}
