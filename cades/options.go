package cades

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/sign"
)

// singleValued are the signed attributes of which a message has one at most.
func singleValued(id cms.OID) bool {
	switch id {
	case cms.OIDContentType, cms.OIDMessageDigest, cms.OIDSigningTime, cms.OIDSigningCertificate, cms.OIDSigningCertificateV2,
		cms.OIDAlgorithmProtection, cms.OIDSignaturePolicy, cms.OIDSignerLocation, cms.OIDSignerAttributes,
		cms.OIDSignerAttributesV2, cms.OIDMimeType, cms.OIDContentHints, cms.OIDContentIdentifier, cms.OIDContentReference,
		cms.OIDSMIMECapabilities:
		return true
	}
	return false
}

// Check refuses options that would give a container that nobody accepts. Signing checks them, too; this is for telling
// early.
func (o *Options) Check() error {
	if err := o.checkLevel(); err != nil {
		return err
	}
	if o.Certificates == NoCertificates && o.Level != LevelPKCS7 {
		return inputError(sign.ErrInput, "%s needs the signer's certificate inside; leave Certificates at WholeChain or SignerOnly", o.EffectiveLevel())
	}
	if o.ContentType != "" {
		if err := checkOID("content type", o.ContentType); err != nil {
			return err
		}
	}
	if o.Level == LevelPKCS7 && (o.Policy != nil || len(o.Commitments) != 0 || o.Location != nil || len(o.ClaimedRoles) != 0) {
		return inputError(sign.ErrInput, "policy, commitments, location and roles are attributes of CAdES; sign at bes to use them")
	}
	if o.MimeType != "" && o.ContentHints != nil {
		return inputError(sign.ErrInput, "mime-type and content-hints say the same; set one of them")
	}
	if !utf8.ValidString(o.MimeType) {
		return inputError(sign.ErrInput, "the mime-type is not valid UTF-8")
	}
	if h := o.ContentHints; h != nil {
		if h.ContentType != "" {
			if err := checkOID("content hints", h.ContentType); err != nil {
				return err
			}
		}
		if !utf8.ValidString(h.Description) {
			return inputError(sign.ErrInput, "the description of the content is not valid UTF-8")
		}
	}
	for _, c := range o.Commitments {
		if err := checkOID("commitment", string(c)); err != nil {
			return err
		}
	}
	if err := o.Policy.check(); err != nil {
		return err
	}
	if err := o.Location.check(); err != nil {
		return err
	}
	for _, role := range o.ClaimedRoles {
		if role == "" || !utf8.ValidString(role) {
			return inputError(sign.ErrInput, "a claimed role is empty or not valid UTF-8")
		}
	}
	return o.checkExtra()
}

// EffectiveLevel is the level that is made: Level, or BES when that or o is not set.
func (o *Options) EffectiveLevel() Level {
	if o == nil {
		return LevelBES
	}
	return cmp.Or(o.Level, LevelBES)
}

// EffectiveTimestampHash is the hash of imprints and references: TimestampHash, or what the scheme of the signer leads to when that or o
// is not set.
func (o *Options) EffectiveTimestampHash(s *sign.Scheme) sign.Hash {
	if o != nil && !unset(o.TimestampHash) {
		return o.TimestampHash
	}
	if s == nil {
		return hashFor(sign.Scheme{})
	}
	return hashFor(*s)
}

func (o *Options) checkLevel() error {
	switch {
	case !unset(o.TimestampHash) && !digests(o.TimestampHash):
		return inputError(sign.ErrInput, "the hash of time-stamps is SHA-256, SHA-384, SHA-512, or one that says its algorithm")
	case slices.Contains(o.ContentTimestampers, nil):
		return inputError(sign.ErrInput, "one of the ContentTimestampers is nil")
	case o.Level == 0 || o.Level == LevelPKCS7 || o.Level == LevelBES:
		return nil
	case !o.Level.known():
		return inputError(sign.ErrUnsupported, "there is no %s", o.Level)
	case o.Timestamper == nil:
		return inputError(sign.ErrInput, "%s needs a Timestamper", o.Level)
	case o.Level != LevelT && o.Revocation == nil:
		return inputError(sign.ErrInput, "%s needs a Revocation source", o.Level)
	case o.TimestampEvidence && o.Revocation == nil:
		return inputError(sign.ErrInput, "evidence in time-stamps needs a Revocation source")
	case o.TimestampEvidence && (o.Level == LevelLT || o.Level == LevelLTA):
		return inputError(sign.ErrInput, "evidence in time-stamps is of the older forms; at %s it stands in the message", o.Level)
	}
	return nil
}

// checkExtra checks the attributes that the caller brings in DER.
func (o *Options) checkExtra() error {
	if len(o.Attributes) == 0 && len(o.Commitments) == 0 && len(o.ContentTimestampers) == 0 {
		return nil
	}
	if len(o.Attributes)+len(o.Commitments)+len(o.ContentTimestampers) > maxOwnAttributes-16 {
		return inputError(sign.ErrInput, "there are more than %d attributes", maxOwnAttributes-16)
	}
	seen := map[cms.OID]bool{
		cms.OIDContentType: true, cms.OIDMessageDigest: true, cms.OIDSigningTime: true,
		cms.OIDSigningCertificateV2: o.Level != LevelPKCS7, cms.OIDSigningCertificate: o.Level != LevelPKCS7,
		cms.OIDAlgorithmProtection: o.Level != LevelPKCS7 && !o.NoAlgorithmProtection,
		cms.OIDMimeType:            o.MimeType != "", cms.OIDContentHints: o.ContentHints != nil,
		cms.OIDContentIdentifier: len(o.ContentIdentifier) != 0, cms.OIDSignaturePolicy: o.Policy != nil,
		cms.OIDSignerLocation: o.Location != nil, cms.OIDSignerAttributesV2: len(o.ClaimedRoles) != 0,
	}
	for _, a := range o.Attributes {
		if err := checkOID("attribute", a.Type); err != nil {
			return err
		}
		id := oidOr(a.Type, "")
		if singleValued(id) && (seen[id] || len(a.Values) > 1) {
			return inputError(sign.ErrInput, "attribute %s may occur once, with one value", id.Name())
		}
		seen[id] = true
		if len(a.Values) == 0 {
			return inputError(sign.ErrInput, "attribute %s has no value", id.Name())
		}
		for _, value := range a.Values {
			v, err := cms.ReadValue(value)
			if err != nil {
				return inputError(sign.ErrInput, "a value of attribute %s is not DER: %s", id.Name(), err)
			}
			if der, err := cms.AppendDER(nil, v); err != nil || !bytes.Equal(der, value) {
				return inputError(sign.ErrInput, "a value of attribute %s is not one value in DER", id.Name())
			}
		}
	}
	return nil
}

func (p *Policy) check() error {
	switch {
	case p == nil:
		return nil
	case p.Implied:
		if p.OID != "" || p.Digest != nil || !unset(p.Hash) || p.URI != "" || p.UserNotice != nil || p.Specification != "" {
			return inputError(sign.ErrInput, "an implied signature policy has no OID, hash or qualifiers")
		}
		return nil
	}
	if err := checkOID("signature policy", p.OID); err != nil {
		return err
	}
	if !digests(p.Hash) {
		return inputError(sign.ErrInput, "the hash of a signature policy is SHA-256, SHA-384, SHA-512, or one that says its algorithm")
	}
	if len(p.Digest) != p.Hash.Size() {
		return inputError(sign.ErrInput, "the digest of the signature policy has %d octets, and %s has %d", len(p.Digest), p.Hash, p.Hash.Size())
	}
	if !isIA5(p.URI) || !isIA5(p.Specification) {
		return inputError(sign.ErrInput, "the URI of a signature policy is written in ASCII")
	}
	if n := p.UserNotice; n != nil {
		if (n.Organization == "") != (len(n.Numbers) == 0) {
			return inputError(sign.ErrInput, "a reference to a notice has an organization and numbers, or neither")
		}
		if !utf8.ValidString(n.Text) || !utf8.ValidString(n.Organization) || utf8.RuneCountInString(n.Text) > 200 || utf8.RuneCountInString(n.Organization) > 200 {
			return inputError(sign.ErrInput, "a text of a user notice is longer than 200 characters or not valid UTF-8")
		}
		for _, number := range n.Numbers {
			if number < 0 {
				return inputError(sign.ErrInput, "the number of a notice is negative")
			}
		}
	}
	return nil
}

func (l *Location) check() error {
	if l == nil {
		return nil
	}
	if l.Country == "" && l.Locality == "" && len(l.Postal) == 0 {
		return inputError(sign.ErrInput, "a signer location has a country, a locality or an address")
	}
	if len(l.Postal) > 6 {
		return inputError(sign.ErrInput, "the address of a signer location has more than six lines")
	}
	for _, text := range append([]string{l.Country, l.Locality}, l.Postal...) {
		if !utf8.ValidString(text) {
			return inputError(sign.ErrInput, "a text of the signer location is not valid UTF-8")
		}
	}
	return nil
}

func checkOID(what, dotted string) error {
	if _, err := cms.ParseOID(dotted); err != nil {
		return inputError(sign.ErrInput, "the %s %q is not a dotted object identifier", what, dotted)
	}
	return nil
}

func isIA5(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func inputError(class error, format string, args ...any) error {
	return &sign.Error{Op: "cades: options", Class: class, Hint: fmt.Sprintf(format, args...)}
}
