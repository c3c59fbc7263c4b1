package validate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/trust"
)

func TestParsePolicy(t *testing.T) {
	p, err := validate.ParsePolicy([]byte(`{
		"preset": "strict", "name": "ours",
		"algorithms": {"preset": "default", "minRSA": 3000, "minDSA": 3000, "minEC": 256, "until": {"SHA-1": "never", "SHA-224": "2025-01-01"}},
		"requireBinding": false, "revocation": "signer", "maxAge": "24h", "grace": "2d", "level": "B-T", "requireTimestamp": true,
		"timestampPolicies": ["1.2.3"], "certificatePolicies": ["0.4.0.194112.1.2"], "refuseOddities": false
	}`))
	require.NoError(t, err)
	require.Equal(t, &validate.Policy{
		Name: "ours", Algorithms: trust.Algorithms{
			Preset: "default", MinRSA: 3000, MinDSA: 3000, MinEC: 256,
			Until: map[string]time.Time{"SHA-1": {}, "SHA-224": time.Date(2025, time.January, 1, 0, 0, 0, 0, time.UTC)},
		},
		Revocation: validate.RevocationSigner, MaxAge: 24 * time.Hour, Grace: 48 * time.Hour, Level: "B-T", RequireTimestamp: true,
		TimestampPolicies: []string{"1.2.3"}, CertificatePolicies: []string{"0.4.0.194112.1.2"},
	}, p)

	p, err = validate.ParsePolicy([]byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, &validate.Policy{Name: "custom"}, p)
	p, err = validate.ParsePolicy([]byte(`{"preset":"strict"}`))
	require.NoError(t, err)
	strict := validate.Strict()
	strict.Name = "custom"
	require.Equal(t, strict, p)
}

// TestParsePolicySlips: what would be a demand that nobody makes is an error, each in a sentence that names it.
func TestParsePolicySlips(t *testing.T) {
	for file, says := range map[string]string{
		`{"preset":"severe"}`:                                             `no preset "severe"`,
		`{"requireTimeStamp":true}`:                                       `no field "requireTimeStamp"`, // package json would take it
		`{"requireTimestamp":true,"requireTimestamp":false}`:              "there twice",
		`{"algorithms":{"minrsa":3000}}`:                                  `no field "minrsa"`,
		`{"algorithms":{"until":{"SHA-1":"never","SHA-1":"2030-01-01"}}}`: "there twice",
		`{"algorithms":{"until":{"SHA1":"never"}}}`:                       `no algorithm "SHA1"`,
		`{"algorithms":{"until":{"SHA-1":"soon"}}}`:                       `"soon" is no day`,
		`{"algorithms":{"preset":"x"}}`:                                   `no preset "x"`,
		`{"revocation":"off"}`:                                            "choose one of named, signer, all, none",
		`{"maxAge":"day"}`:                                                "24h or 30d",
		`{"maxAge":"99999999999d"}`:                                       "24h or 30d",
		`{"grace":"-1h"}`:                                                 "negative",
		`{"level":"LT"}`:                                                  "B-LT",
		`{"timestampPolicies":["qualified"]}`:                             "dotted",
		`{"requireTimestamp":"yes"}`:                                      `"requireTimestamp" holds a string`,
		`{"requireTimestamp":null}`:                                       "null",
		`{} {}`:                                                           "follows",
		`{"level":`:                                                       "middle",
		`[]`:                                                              "array",
		`level: B-T`:                                                      "not JSON",
		``:                                                                "middle",
	} {
		p, err := validate.ParsePolicy([]byte(file))
		require.ErrorContains(t, err, says, file)
		require.Nil(t, p)
	}
	_, err := validate.ParsePolicy(make([]byte, 2<<20))
	require.ErrorContains(t, err, "at most")
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"preset":"strict","algorithms":{"until":{"SHA-1":"never"}},"maxAge":"1d"}`))
	f.Add([]byte(`{"a":[[[{"b":{}}]]]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := validate.ParsePolicy(data); err == nil {
			require.NoError(t, p.Err())
		}
	})
}
