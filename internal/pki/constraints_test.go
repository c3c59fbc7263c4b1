package pki_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/pki"
)

func mail(s string) []byte { return general(1, s) }
func dns(s string) []byte  { return general(2, s) }
func uri(s string) []byte  { return general(6, s) }
func ip(s string) []byte   { return general(7, s) }

// otherName has a value of UTF8String.
func otherName(id cms.OID, value string) []byte {
	return tlv(cms.ContextConstructed(0), oids(id), tlv(cms.ContextConstructed(0), tlv(cms.TagUTF8String, []byte(value))))
}

// TestNameConstraints has a base, and names that lie within it and outside. Within is what a permitted subtree lets pass and
// an excluded one refuses; both forbids a name for both, because it cannot be compared or might be either.
func TestNameConstraints(t *testing.T) {
	unit := func(names ...string) []byte {
		var all []byte
		for _, n := range names {
			all = append(all, rdn(cms.OIDOrganizationalUnit, cms.TagUTF8String, n)...)
		}
		return directory(seq(all))
	}
	mask := func(s string, n int) []byte { return ip(s + string(mask(len(s), n))) }
	const smtpUTF8 cms.OID = "\x2b\x06\x01\x05\x05\x07\x08\x09"
	for name, test := range map[string]struct {
		base                  []byte
		within, outside, both [][]byte
	}{
		"directoryName": {unit("a"), [][]byte{unit("a"), unit("A", "b"), directory(seq(rdn(cms.OIDOrganizationalUnit, cms.TagBMPString, "\x00a")))},
			[][]byte{unit("b"), unit("b", "a")}, [][]byte{directory(seq(tlv(cms.TagNull)))}},
		"dNSName": {dns("host.example"), [][]byte{dns("host.example"), dns("HOST.example."), dns("a.b.host.example"), dns("*.host.example")},
			[][]byte{dns("example"), dns("ghost.example"), dns("host.example.com"), dns("*.a.example"), dns("*.com")},
			[][]byte{dns("*.example"), dns(""), dns("a..host.example"), dns("a b.host.example"), dns("host.example\x00.com"), dns("*"), dns("a.*.host.example"), dns("хост.example")}},
		"dNSName, leading period": {dns(".host.example"), [][]byte{dns("a.host.example")}, [][]byte{dns("host.example"), dns("ghost.example")}, nil},
		"dNSName, all":            {dns(""), [][]byte{dns("a.example"), dns("b")}, nil, nil},
		"mailbox": {mail("anna@host.example"), [][]byte{mail("anna@host.example"), mail("anna@HOST.example"), mail(`"anna"@host.example`), mail(`"a\nna"@host.example`), otherName(smtpUTF8, "anna@host.example")},
			[][]byte{mail("bert@host.example"), mail("anna@a.host.example"), mail(`"anna@host.example"@evil.example`)},
			[][]byte{mail("Anna@host.example"), mail("anna"), mail("@host.example"), mail("anna@"), mail("anna@хост.example"), mail("anna@[127.0.0.1]"), otherName(smtpUTF8, "anna")}},
		"mail of a host": {mail("Host.example"), [][]byte{mail("anna@host.example"), mail("анна@host.example")},
			[][]byte{mail("anna@a.host.example"), mail("anna@ghost.example"), mail("host.example@a.example")}, nil},
		"mail of a domain": {mail(".host.example"), [][]byte{mail("anna@a.host.example"), mail("anna@b.a.host.example")},
			[][]byte{mail("anna@host.example"), mail("anna@ghost.example")}, nil},
		"mail, a mailbox that is none": {mail("@host.example"), nil, nil, [][]byte{mail("anna@host.example")}},
		"URI of a host": {uri("host.example"), [][]byte{uri("https://host.example/a"), uri("http://u:p@HOST.example.:80/?q#f"), uri("ldap://host.example/cn=a")},
			[][]byte{uri("https://a.host.example/"), uri("https://ghost.example/"), uri("https://host.example@evil.example/")},
			[][]byte{uri("urn:host.example"), uri("https:///a"), uri("https://127.0.0.1/"), uri("https://[::1]/"), uri("host.example"), uri("https://host example/"), uri("%zz://host.example")}},
		"URI of a domain": {uri(".host.example"), [][]byte{uri("https://a.host.example/")}, [][]byte{uri("https://host.example/")}, nil},
		"iPAddress": {mask("\x0a\x01\x00\x00", 16), [][]byte{ip("\x0a\x01\x02\x03")}, [][]byte{ip("\x0a\x02\x02\x03"), ip(string(make([]byte, 16)))},
			[][]byte{ip("\x0a"), ip("\x0a\x01\x02\x03\x04")}},
		"iPAddress, bits beyond the mask": {mask("\x0a\x01\x02\x03", 16), [][]byte{ip("\x0a\x01\xff\xff")}, [][]byte{ip("\x0a\x02\x02\x03")}, nil},
		"iPAddress, version 6": {mask("\x20\x01\x0d\xb8"+string(make([]byte, 12)), 33), [][]byte{ip("\x20\x01\x0d\xb8\x7f" + string(make([]byte, 11)))},
			[][]byte{ip("\x20\x01\x0d\xb8\x80" + string(make([]byte, 11))), ip("\x20\x01\x0d\xb8")}, nil},
		"iPAddress, malformed": {ip("\x0a\x01"), nil, nil, [][]byte{ip("\x0a\x01\x02\x03")}},
		"otherName":            {otherName(policy(1), "a"), nil, nil, [][]byte{otherName(policy(1), "a"), otherName(policy(2), "b")}},
		"registeredID":         {general(8, "\x2a\x03"), nil, nil, [][]byte{general(8, "\x2a\x03"), general(8, "\x2a\x04")}},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(names [][]byte, permitted, excluded bool) {
				for _, n := range names {
					require.Equal(t, permitted, constrained(t, n, [][]byte{test.base}, nil), "permitted: %q", n)
					require.Equal(t, excluded, constrained(t, n, nil, [][]byte{test.base}), "excluded: %q", n)
				}
			}
			check(test.within, true, false)
			check(test.outside, false, true)
			check(test.both, false, false)
			// A name of another kind is not restricted.
			other := dns("other.example")
			if test.base[0] == other[0] {
				other = uri("https://other.example/")
			}
			check([][]byte{other}, true, true)
		})
	}
}

func mask(size, ones int) []byte {
	m := make([]byte, size)
	for i := range ones {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// constrained reports whether a name passes. The subject is empty, so that only the name counts.
func constrained(t testing.TB, name []byte, permitted, excluded [][]byte) bool {
	t.Helper()
	end := leaf(t, "Sub", altNames(name))
	end.subject = seq()
	return passes(t, end, constraints(permitted, excluded))
}

func passes(t testing.TB, end spec, sub ...extension) bool {
	t.Helper()
	v := verifier(t, authority(t, "Sub", "Root", sub...).make(t))
	_, err := v.Path(context.Background(), end.make(t))
	if err != nil {
		require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err), "%v", err)
	}
	return err == nil
}

func TestNameConstraintsOfTheSubject(t *testing.T) {
	inside, outside := directory(seq(rdn(cms.OIDCountry, cms.TagPrintableString, "ru"))), directory(seq(rdn(cms.OIDCountry, cms.TagPrintableString, "DE")))
	require.True(t, passes(t, leaf(t, "Sub"), constraints([][]byte{inside}, nil)))
	require.False(t, passes(t, leaf(t, "Sub"), constraints([][]byte{outside}, nil)))
	require.True(t, passes(t, leaf(t, "Sub"), constraints([][]byte{outside, inside}, nil)))
	require.False(t, passes(t, leaf(t, "Sub"), constraints(nil, [][]byte{inside})))
	require.False(t, passes(t, leaf(t, "Sub"), constraints([][]byte{inside}, [][]byte{inside})))

	t.Run("not critical", func(t *testing.T) {
		c := constraints([][]byte{outside}, nil)
		c.critical = false
		require.False(t, passes(t, leaf(t, "Sub"), c))
	})
	t.Run("an address in the subject", func(t *testing.T) {
		end := leaf(t, "Sub")
		end.subject = seq(rdn(cms.OIDEmailAddress, cms.TagIA5String, "anna@host.example"))
		require.True(t, passes(t, end, constraints([][]byte{mail("host.example")}, nil)))
		require.False(t, passes(t, end, constraints([][]byte{mail("other.example")}, nil)))
		require.False(t, passes(t, end, constraints(nil, [][]byte{mail("host.example")})))
		// Also beside one in subjectAltName that is good.
		end.extensions = append(end.extensions, altNames(mail("anna@other.example")))
		require.False(t, passes(t, end, constraints([][]byte{mail("other.example")}, nil)))
	})
	t.Run("one bad name of several", func(t *testing.T) {
		require.False(t, passes(t, leaf(t, "Sub", altNames(dns("a.example"), dns("b.example"))), constraints([][]byte{dns("a.example")}, nil)))
	})
	t.Run("a malformed subject", func(t *testing.T) {
		end := leaf(t, "Sub")
		end.subject = seq(tlv(cms.TagNull))
		v := verifier(t, authority(t, "Sub", "Root", constraints(nil, [][]byte{outside})).make(t))
		_, err := v.Path(context.Background(), end.make(t))
		require.Equal(t, pki.Malformed, reasonOf(t, err))
	})
}

// TestNameConstraintsAlongThePath hold for everybody below, each for itself, and not for self-issued certificates between.
func TestNameConstraintsAlongThePath(t *testing.T) {
	ctx := context.Background()
	under := func(unit string) []byte {
		return seq(rdn(cms.OIDOrganization, cms.TagUTF8String, "Signet tests"), rdn(cms.OIDOrganizationalUnit, cms.TagUTF8String, unit))
	}
	a := authority(t, "A", "Root", constraints([][]byte{directory(seq(rdn(cms.OIDOrganization, cms.TagUTF8String, "signet tests")))}, nil))
	b := authority(t, "B", "A", constraints([][]byte{directory(under("b")), directory(seq(rdn(cms.OIDCountry, cms.TagPrintableString, "RU")))}, nil))
	b.subject = under("b")
	end := spec{issuer: under("b"), signer: sharedKey(t, "B"), subject: under("b")}
	v := verifier(t, a.make(t), b.make(t))
	_, err := v.Path(ctx, end.make(t))
	require.NoError(t, err)
	end.subject = under("c") // A permits, B does not
	_, err = v.Path(ctx, end.make(t))
	require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err))
	end.subject = dn("Leaf") // B permits, A does not
	_, err = v.Path(ctx, end.make(t))
	require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err))

	t.Run("an authority between", func(t *testing.T) {
		out := authority(t, "B", "A") // its name begins with a country
		v := verifier(t, a.make(t), out.make(t))
		e := spec{issuer: dn("B"), signer: sharedKey(t, "B"), subject: under("b")}
		_, err := v.Path(ctx, e.make(t))
		require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err))
	})
	t.Run("self-issued", func(t *testing.T) {
		// A's own name lies outside of what it may give, and so does its new key's certificate, which does not matter.
		own := spec{subject: dn("A"), issuer: dn("A"), key: sharedKey(t, "A new"), signer: sharedKey(t, "A"), extensions: []extension{isCA(-1), usage(pki.KeyCertSign)}}
		v := verifier(t, a.make(t), own.make(t))
		e := spec{issuer: dn("A"), signer: sharedKey(t, "A new"), subject: under("b")}
		_, err := v.Path(ctx, e.make(t))
		require.NoError(t, err)
		// As the target it does.
		v.Purpose = pki.AnyUse
		_, err = v.Path(ctx, own.make(t))
		require.Equal(t, pki.OutsideNameConstraints, reasonOf(t, err))
	})
}

func TestInitialSubtrees(t *testing.T) {
	v := verifier(t)
	c := leaf(t, "Root", altNames(dns("a.example"))).make(t)
	for _, test := range []struct {
		permitted, excluded string
		ok                  bool
	}{{"a.example", "", true}, {"b.example", "", false}, {"", "b.example", true}, {"", "a.example", false}} {
		v.Permitted, v.Excluded = nil, nil
		if test.permitted != "" {
			v.Permitted = []pki.GeneralName{{Kind: pki.DNSName, Value: []byte(test.permitted)}}
		}
		if test.excluded != "" {
			v.Excluded = []pki.GeneralName{{Kind: pki.DNSName, Value: []byte(test.excluded)}}
		}
		_, err := v.Path(context.Background(), c)
		require.Equal(t, test.ok, err == nil)
	}
}
