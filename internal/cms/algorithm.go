package cms

import "bytes"

// Algorithm is an AlgorithmIdentifier (RFC 5280 section 4.1.1.2).
type Algorithm struct {
	Value
	ID         OID
	Parameters Value // zero when absent
}

// ParseAlgorithm reads an AlgorithmIdentifier.
func ParseAlgorithm(v Value) (Algorithm, error) {
	if v.tag != TagSequence {
		return Algorithm{}, syntaxError(v.start, "an AlgorithmIdentifier is expected, not %s", v.tag)
	}
	return ParseImplicitAlgorithm(v)
}

// ParseImplicitAlgorithm reads an AlgorithmIdentifier under an IMPLICIT tag, which the caller has checked.
func ParseImplicitAlgorithm(v Value) (Algorithm, error) {
	r := v.Reader()
	id, err := r.Want(TagOID, "the object identifier of an algorithm")
	if err != nil {
		return Algorithm{}, err
	}
	a := Algorithm{Value: v}
	if a.ID, err = id.OID(); err != nil {
		return Algorithm{}, err
	}
	if !r.Empty() {
		if a.Parameters, err = r.Next(); err != nil {
			return Algorithm{}, err
		}
		if a.Parameters.tag == TagNull && len(a.Parameters.Body()) != 0 { // X.690 section 8.8.2
			return Algorithm{}, syntaxError(a.Parameters.start, "the NULL of an algorithm has contents")
		}
	}
	if !r.Empty() { // what is skipped here is what another reader takes for the parameters
		return Algorithm{}, syntaxError(r.Offset(), "something follows the parameters of an algorithm")
	}
	return a, nil
}

// NoParameters reports whether the parameters are absent or NULL, which mean the same for hashes (RFC 5754 section 2)
// and are mixed up in practice for everything else.
func (a Algorithm) NoParameters() bool { return a.Parameters.IsZero() || a.Parameters.tag == TagNull }

// Equal compares the object identifiers, and the parameters as octets, absent and NULL ones being the same.
func (a Algorithm) Equal(b Algorithm) bool {
	if a.ID != b.ID {
		return false
	}
	if a.NoParameters() || b.NoParameters() {
		return a.NoParameters() == b.NoParameters()
	}
	return bytes.Equal(a.Parameters.Raw(), b.Parameters.Raw())
}
