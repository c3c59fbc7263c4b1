package damage_test

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/damage"
	"github.com/seed-116355fd/signet/internal/testmessages"
)

// TestVariants: each variant differs from the message, has a name of its own, and is well-formed unless it is said to be broken; the
// same come in each run; every kind of change is there at every level.
func TestVariants(t *testing.T) {
	w := testmessages.New(t)
	spares := w.Spares()
	total := 0
	for _, m := range w.Messages() {
		base, err := damage.New(m.DER, m.Signers...)
		require.NoError(t, err)
		seen := map[string][]byte{}
		ops := map[string]bool{}
		for v := range base.All(m.Donors, spares) {
			total++
			if _, twice := seen[v.Name]; twice || v.Name != v.Path+"/"+v.Op {
				t.Fatalf("%s: the name %s is not its own", m.Name, v.Name)
			}
			seen[v.Name] = v.DER
			op, _, _ := strings.Cut(v.Op, " ")
			ops[op] = true
			if v.Broken {
				continue
			}
			var whole asn1.RawValue
			rest, err := asn1.Unmarshal(v.DER, &whole)
			if err != nil || bytes.Equal(m.DER, v.DER) || strings.HasPrefix(v.Op, "followed by") != (len(rest) != 0) {
				t.Fatalf("%s: %s: %v, %d octets behind it", m.Name, v.Name, err, len(rest))
			}
		}
		for _, op := range []string{"flip", "year", "sign", "tag", "empty", "shorter", "longer", "remove", "double", "swap", "exchange", "length", "cut"} {
			require.True(t, ops[op], "%s has no %s", m.Name, op)
		}
		if m.Values || len(m.Signers) == 2 { // there is another place of the same form
			require.True(t, ops["move"] && ops["copy"], m.Name)
		}
		again := 0
		for v := range base.All(m.Donors, spares) {
			if !bytes.Equal(seen[v.Name], v.DER) {
				t.Fatalf("%s: another %s", m.Name, v.Name)
			}
			if again++; again == 500 { // a reader who has enough may go
				break
			}
		}
	}
	require.Greater(t, total, 50_000)
}

// TestSigned: it is known what the signer signed.
func TestSigned(t *testing.T) {
	w := testmessages.New(t)
	for _, m := range w.Messages() {
		if m.Name != "B by two" && m.Name != "LTA" {
			continue
		}
		base, err := damage.New(m.DER, m.Signers...)
		require.NoError(t, err)
		all := map[string]damage.Variant{}
		for v := range base.Variants() {
			all[v.Name] = v
		}
		signed := map[string]int{
			"signer 0/signature/flip": 0, "signer 0/signedAttrs/message-digest/values/0/flip": 0, "signer 0/signedAttrs/signing-time/remove": 0,
			"signer 0/signedAttrs/content-type/double": 0,
		}
		for i, der := range m.Signers {
			for n := range 10 {
				at := fmt.Sprintf("certificates/certificate %d/", n)
				if whole, ok := all[at+"remove"]; ok && !bytes.Contains(whole.DER, der) {
					signed[at+"remove"], signed[at+"tbs/serialNumber/flip"] = i, i
					require.False(t, all[at+"double"].Signed)
				}
			}
		}
		require.Len(t, signed, 4+2*len(m.Signers))
		if m.Content == nil {
			signed["encapContentInfo/content/eContent/flip"] = -1
			signed["encapContentInfo/eContentType/flip"] = -1
		} else {
			signed["signer 1/signature/flip"] = 1
		}
		for name, who := range signed {
			require.Contains(t, all, name, m.Name)
			require.True(t, all[name].Signed, name)
			require.Equal(t, who, all[name].Signer, name)
		}
		for _, name := range []string{
			"signer 0/sid/serialNumber/flip", "version/flip", "signer 0/signedAttrs/content-type/swap",
			"digestAlgorithms/digest 0/algorithm/flip",
		} {
			require.Contains(t, all, name, m.Name)
			require.False(t, all[name].Signed, name)
		}
	}
}

// TestNew: what is not DER of definite length, or is followed by something, is no message.
func TestNew(t *testing.T) {
	for _, der := range []string{"", "\x30", "\x30\x80\x00\x00", "\x30\x01", "\x30\x02\x05", "\x30\x00\x00", "\x30\x81\x00", "\x1f\x80", "\x30\x84\x01\x00\x00\x00"} {
		_, err := damage.New([]byte(der))
		require.Error(t, err, "%x", der)
	}
	_, err := damage.New([]byte(strings.Repeat("\x30\x80", 3)))
	require.Error(t, err)
}
