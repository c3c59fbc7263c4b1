package validate

import (
	"testing"

	"github.com/seed-116355fd/signet/gost"
	"github.com/seed-116355fd/signet/internal/algorithm"
	"github.com/seed-116355fd/signet/internal/cms"
)

// What was checked over a hash of one caller is not remembered for verifiers of another.
func TestEverybodys(t *testing.T) {
	const (
		ecdsaOver = "\x06\x07\x2a\x86\x48\xce\x3d\x04\x03"         // ecdsa-with-Specified
		pss       = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" // RSASSA-PSS
		mgf1      = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
		streebog  = "\x30\x0a\x06\x08\x2a\x85\x03\x07\x01\x01\x02\x02"
		sha256    = "\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	)
	seq := func(tag byte, parts string) string { return string([]byte{tag, byte(len(parts))}) + parts }
	over := func(hash, mask string) string {
		return seq(0x30, pss+seq(0x30, seq(0xa0, hash)+seq(0xa1, seq(0x30, mgf1+mask))))
	}
	rules := &certificateRules{registry: &algorithm.Registry{Schemes: gost.Schemes()}}
	for _, c := range []struct {
		name, der string
		want      bool
	}{
		{"ECDSA over SHA-256", seq(0x30, ecdsaOver+sha256), true},
		{"ECDSA over Streebog", seq(0x30, ecdsaOver+streebog), false},
		{"RSASSA-PSS over SHA-256", over(sha256, sha256), true},
		{"RSASSA-PSS over Streebog", over(streebog, sha256), false},
		{"RSASSA-PSS with a mask of Streebog", over(sha256, streebog), false},
		{"GOST R 34.10-2012", seq(0x30, "\x06\x08\x2a\x85\x03\x07\x01\x01\x03\x02"), false},
	} {
		v, err := cms.ReadValue([]byte(c.der))
		if err != nil {
			t.Fatal(err)
		}
		alg, err := cms.ParseAlgorithm(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := rules.everybodys(alg); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
