package cms

import (
	"bytes"
	"slices"
)

// Attribute is RFC 5652 section 5.3: a type and a set of values. One that is malformed keeps its Value and has no Type.
type Attribute struct {
	Value  Value
	Type   OID
	Set    Value
	Values []Value
}

// ParseAttribute reads an Attribute; see there for one that is malformed.
func ParseAttribute(value Value) Attribute {
	a := Attribute{Value: value}
	if value.tag != TagSequence {
		return a
	}
	r := value.Reader()
	v, err := r.Want(TagOID, "the type of an attribute")
	if err != nil {
		return a
	}
	oid, err := v.OID()
	if err != nil {
		return a
	}
	set, err := r.Want(TagSet, "the values of an attribute")
	if err != nil {
		return a
	}
	values := set.Reader()
	all, err := values.All()
	if err != nil || !r.Empty() { // what follows is neither a type nor a value, and nobody would look at it
		return a
	}
	a.Type, a.Set, a.Values = oid, set, all
	return a
}

// TypeValue returns the OBJECT IDENTIFIER of an attribute as it stands there.
func (a Attribute) TypeValue() Value {
	r := a.Value.Reader()
	v, err := r.Next()
	if err != nil {
		return Value{}
	}
	return v
}

// Find returns the attributes of a type, in the order in which they stand.
func Find(attributes []Attribute, id OID) []Attribute {
	var found []Attribute
	for _, a := range attributes {
		if a.Type == id {
			found = append(found, a)
		}
	}
	return found
}

// Single returns the value of an attribute that occurs once with one value. problem says what is wrong with it, and is
// empty when the attribute is absent.
func Single(attributes []Attribute, id OID) (v Value, problem string) {
	var found *Attribute
	for i := range attributes {
		if attributes[i].Type != id {
			continue
		}
		if found != nil {
			return Value{}, "the attribute occurs more than once"
		}
		found = &attributes[i]
	}
	switch {
	case found == nil:
		return Value{}, ""
	case len(found.Values) != 1:
		return Value{}, "the attribute does not have exactly one value"
	}
	return found.Values[0], ""
}

// AttributesAsReceived returns the octets of the SET OF signed attributes with the tag that the signature is over
// (RFC 5652 section 5.4), as they stand: other lengths and another order than those of DER are kept. ok is false when
// they cannot be what was signed, because their length is indefinite.
func (si *SignerInfo) AttributesAsReceived() (set []byte, ok bool) {
	if si.SignedAttrs.IsZero() || si.SignedAttrs.indefinite {
		return nil, false
	}
	set = slices.Clone(si.SignedAttrs.Raw())
	set[0] = 0x31
	return set, true
}

// AttributesInDER returns the signed attributes re-encoded and sorted as DER has it: what a signer should have signed
// when the message carries them otherwise.
func (si *SignerInfo) AttributesInDER() ([]byte, error) {
	members := make([][]byte, len(si.Signed))
	for i, a := range si.Signed {
		var err error
		if members[i], err = AppendDER(nil, a.Value); err != nil {
			return nil, err
		}
	}
	SortSet(members)
	return AppendSet(nil, TagSet, members), nil
}

// VerifyAttributes calls verify with the SET OF signed attributes as they were received and, if that fails, as DER has
// them, which is what the signer should have signed. sorted says that it was the latter.
func (si *SignerInfo) VerifyAttributes(verify func(set []byte) (note string, err error)) (note string, sorted bool, err error) {
	var asReceived error
	if set, ok := si.AttributesAsReceived(); ok {
		if note, asReceived = verify(set); asReceived == nil {
			return note, false, nil
		}
	}
	set, err := si.AttributesInDER()
	if err != nil {
		return "", false, err
	}
	if note, err = verify(set); err == nil {
		return note, true, nil
	}
	if asReceived != nil {
		err = asReceived
	}
	return "", false, err
}

// AttributesAreInDER reports whether the signed attributes are stored as DER has them, so that both forms are one.
func (si *SignerInfo) AttributesAreInDER() bool {
	v := si.SignedAttrs
	if v.IsZero() || !v.InDER() {
		return false
	}
	for i := 1; i < len(si.Signed); i++ {
		if bytes.Compare(si.Signed[i-1].Value.Raw(), si.Signed[i].Value.Raw()) > 0 {
			return false
		}
	}
	return true
}
