package soft

import (
	"context"
	"crypto/x509"

	"github.com/seed-116355fd/signet/sign"
)

// MarshalPKCS8 encodes a private key of this provider as PKCS#8 (RFC 5958), without a password: for whoever writes it into another file.
// The caller wipes it. [sign.ErrUnsupported] is the class of the error for a key that is not in memory, such as one behind a
// [crypto.Signer], for one whose parser gave a key without a method MarshalPKCS8, and for an RSA key that is for RSASSA-PSS only, which
// would lose that; [sign.ErrInput] for a key of another provider.
func (p *Provider) MarshalPKCS8(ctx context.Context, key sign.Key) ([]byte, error) {
	const op = "soft: encode PKCS#8"
	if err := p.usable(ctx, op); err != nil {
		return nil, err
	}
	own := false
	for _, e := range p.entries {
		own = own || e.Key == key
	}
	if !own {
		return nil, &sign.Error{Op: op, Class: sign.ErrInput, Hint: "the key is not one of this provider"}
	}
	refuse := func(hint string) error { return &sign.Error{Op: op, Class: sign.ErrUnsupported, Hint: hint} }
	if l, ok := key.(*lanesKey); ok {
		key = l.standardKey
	}
	switch k := key.(type) {
	case *standardKey:
		if k.pssOnly {
			return nil, refuse("the key is for RSASSA-PSS only, which its copy would not say; copy its file instead")
		}
		der, err := x509.MarshalPKCS8PrivateKey(k.signer)
		if err != nil {
			return nil, &sign.Error{Op: op, Class: sign.ErrUnsupported, Err: err}
		}
		return der, nil
	case *parsedKey:
		return marshalParsed(op, k)
	case *parsedBulkKey:
		return marshalParsed(op, k.parsedKey)
	}
	return nil, refuse("the key is not in memory, but behind a crypto.Signer")
}

// marshalParsed asks the key of a parser.
func marshalParsed(op string, k *parsedKey) (der []byte, err error) {
	defer sign.Recover(&err)
	m, ok := k.key.(interface{ MarshalPKCS8() ([]byte, error) })
	if !ok {
		return nil, &sign.Error{Op: op, Class: sign.ErrUnsupported, Hint: "the key of the parser has no method MarshalPKCS8"}
	}
	return m.MarshalPKCS8()
}
