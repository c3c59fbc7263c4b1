package providertest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// lookup finds every key by each kind of reference alone, and by all together.
func (s *suite) lookup() {
	for _, k := range s.config.Keys {
		refs := []sign.Ref{k.ref()}
		if len(k.ID) != 0 {
			refs = append(refs, sign.Ref{ID: k.ID})
		}
		if k.Label != "" {
			refs = append(refs, sign.Ref{Label: k.Label})
		}
		if k.Certificate != nil {
			refs = append(refs, sign.Ref{Certificate: k.Certificate})
		}
		if k.thumbprint() {
			for _, text := range notations(sign.Thumbprint(k.Certificate)) {
				refs = append(refs, sign.Ref{Thumbprint: text})
			}
		}
		for _, ref := range refs {
			if s.declaredAmbiguous(ref) {
				continue
			}
			key, err := s.provider.Key(s.Context(), ref)
			if s.fine("Key("+ref.String()+")", err) && !k.is(key) {
				s.Errorf("Key(%s): another key than that of %s", ref, k.name())
			}
		}
	}
}

// declaredAmbiguous says that Config.Ambiguous has the same label or identifier.
func (s *suite) declaredAmbiguous(ref sign.Ref) bool {
	for _, a := range s.config.Ambiguous {
		if a.String() == ref.String() {
			return true
		}
	}
	return false
}

// notations are the ways in which people paste a thumbprint.
func notations(hex string) []string {
	var pairs []string
	for i := 0; i < len(hex); i += 2 {
		pairs = append(pairs, hex[i:i+2])
	}
	lower := strings.ToLower(hex)
	return []string{
		hex, lower,
		strings.Join(pairs, ":"), strings.Join(pairs, " "), strings.ToLower(strings.Join(pairs, "-")),
		"\u200e" + strings.Join(pairs, " "), // as copied from the certificate dialog of Windows
		"  " + lower + "\n",
	}
}

func (s *suite) notFound() {
	stranger := s.stranger()
	refs := []sign.Ref{
		{ID: []byte("no key has this identifier")},
		{Label: "no key has this label"},
		{Certificate: stranger},
		{Thumbprint: sign.Thumbprint(stranger)},
	}
	for _, k := range s.config.Keys {
		// What is set must all match.
		if k.Label != "" {
			refs = append(refs, sign.Ref{Label: k.Label, ID: []byte("no key has this identifier")}, sign.Ref{Label: k.Label, Certificate: stranger})
		}
		if len(k.ID) != 0 {
			refs = append(refs, sign.Ref{Label: "no key has this label", ID: k.ID})
		}
		if k.thumbprint() {
			refs = append(refs, sign.Ref{Label: "no key has this label", Thumbprint: sign.Thumbprint(k.Certificate)},
				sign.Ref{Certificate: k.Certificate, Thumbprint: sign.Thumbprint(stranger)})
		}
	}
	for _, ref := range refs {
		key, err := s.provider.Key(s.Context(), ref)
		s.refused("Key("+ref.String()+")", err, sign.ErrKeyNotFound)
		if err != nil && key != nil {
			s.Errorf("Key(%s): a key and an error at once", ref)
		}
	}
	for _, text := range []string{"9F A1", "not a thumbprint", strings.Repeat("0", 64)} {
		_, err := s.provider.Key(s.Context(), sign.Ref{Thumbprint: text})
		s.refused("Key with a thumbprint that is none", err, nil)
	}
}

// stranger is a certificate that no provider holds.
func (s *suite) stranger() *x509.Certificate {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Stranger"},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(2_500_000_000, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *suite) ambiguous() {
	refs := s.config.Ambiguous
	if !s.config.Others {
		if len(s.config.Keys) > 1 {
			refs = append([]sign.Ref{{}}, refs...)
		} else if key, err := s.provider.Key(s.Context(), sign.Ref{}); s.fine("Key of the zero Ref", err) && !s.config.Keys[0].is(key) {
			s.Error("the zero Ref means the only key there is, and found another one")
		}
	}
	for _, ref := range refs {
		_, err := s.provider.Key(s.Context(), ref)
		s.refused("Key("+ref.String()+")", err, sign.ErrKeyAmbiguous)
	}
}

// listing checks that a listing and lookups agree.
func (s *suite) listing() {
	lister, ok := sign.As[sign.Lister](s.provider)
	if !ok {
		s.Skip("the provider is no sign.Lister")
	}
	var all []sign.Entry
	for e, err := range lister.Keys(s.Context()) {
		if s.fine("Keys", err) {
			all = append(all, e)
		}
	}
	if !s.config.Others && len(all) != len(s.config.Keys) {
		s.Errorf("Keys lists %d keys, want %d", len(all), len(s.config.Keys))
	}
	for range lister.Keys(s.Context()) {
		break // must not panic
	}
	for _, k := range s.config.Keys {
		s.listed(all, k)
	}
	for _, e := range all {
		ref := sign.Ref{ID: e.ID, Label: e.Label, Thumbprint: e.Thumbprint()}
		if ref.IsZero() || s.declaredAmbiguous(ref) {
			continue
		}
		key, err := s.provider.Key(s.Context(), ref)
		if s.fine("Key of the entry "+ref.String(), err) && e.Public != nil && !samePublic(e.Public, key.Public()) && !saysSPKI(key, e.Public) {
			s.Errorf("Key of the entry %s: its public key is another one", ref)
		}
	}
}

// listed checks the entry of a key.
func (s *suite) listed(all []sign.Entry, k Key) {
	s.Helper()
	for _, e := range all {
		if !k.ref().Matches(e) {
			continue
		}
		if e.Public != nil && !k.listedAs(e.Public) {
			s.Errorf("%s: the entry has another public key", k.name())
		}
		if len(e.Schemes) == 0 {
			s.Errorf("%s: the entry has no schemes", k.name())
		}
		if k.thumbprint() && e.Certificate() == nil {
			s.Errorf("%s: the entry has no certificate", k.name())
		}
		return
	}
	s.Errorf("%s: not listed", k.name())
}

// saysSPKI reports whether the key itself says that this is its public key: the two may be values of different types.
func saysSPKI(key sign.Key, public crypto.PublicKey) bool {
	own, ok := sign.As[sign.SPKIKey](key)
	spki, err := sign.MarshalPublicKey(public)
	return ok && err == nil && bytes.Equal(own.SubjectPublicKeyInfo(), spki)
}

// listedAs reports whether the public key of an entry is that of the key that is meant.
func (k Key) listedAs(public crypto.PublicKey) bool {
	want := k.spki()
	if want == nil {
		return samePublic(public, k.public())
	}
	spki, err := sign.MarshalPublicKey(public)
	return err == nil && bytes.Equal(spki, want)
}

func (s *suite) chain() {
	if _, ok := sign.As[sign.ChainSource](s.provider); !ok {
		s.Skip("the provider is no sign.ChainSource")
	}
	for _, k := range s.config.Keys {
		chain, err := sign.Chain(s.Context(), s.provider, s.must(k))
		if !s.fine("Chain of "+k.name(), err) {
			continue
		}
		switch {
		case !k.thumbprint():
		case len(chain) == 0:
			s.Errorf("%s: no chain", k.name())
		case !chain[0].Equal(k.Certificate):
			s.Errorf("%s: the chain does not begin with the certificate", k.name())
		}
		for i := 1; i < len(chain); i++ {
			if string(chain[i-1].RawIssuer) != string(chain[i].RawSubject) {
				s.Errorf("%s: certificate %d of the chain is not the issuer of the one before", k.name(), i)
			}
		}
		if k.Chain != nil && !sameChain(chain, k.Chain) {
			s.Errorf("%s: the chain has %d certificates and is not the expected one of %d", k.name(), len(chain), len(k.Chain))
		}
		s.chainListed(k, chain)
	}
}

func (s *suite) chainListed(k Key, chain []*x509.Certificate) {
	lister, ok := sign.As[sign.Lister](s.provider)
	if !ok {
		return
	}
	for e, err := range lister.Keys(s.Context()) {
		if err == nil && k.ref().Matches(e) && !sameChain(e.Chain, chain) {
			s.Errorf("%s: the listing has another chain", k.name())
		}
	}
}

func sameChain(a, b []*x509.Certificate) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].Equal(b[i]) {
			return false
		}
	}
	return true
}

func (s *suite) ping() {
	if l, ok := sign.As[sign.Limiter](s.provider); ok && l.Limit() < 0 {
		s.Errorf("Limit is %d", l.Limit())
	}
	p, ok := sign.As[sign.Pinger](s.provider)
	if !ok {
		s.Skip("the provider is no sign.Pinger")
	}
	s.fine("Ping", p.Ping(s.Context()))
}

func (s *suite) wrongSecret() {
	if s.config.OpenRefused == nil {
		s.Skip("Config.OpenRefused is not set")
	}
	err := s.config.OpenRefused(s.T)
	s.refused("open with a wrong secret", err, sign.ErrPIN)
	if err != nil && !sign.IsKeyError(err) {
		s.Errorf("a wrong secret must stop a batch: %v", err)
	}
}
