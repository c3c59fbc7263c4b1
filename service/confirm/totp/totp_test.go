package totp

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

// TestVectors has those of RFC 6238, appendix B, and of RFC 4226, appendix D.
func TestVectors(t *testing.T) {
	const seed = "1234567890123456789012345678901234567890123456789012345678901234"
	for _, c := range []struct {
		unix                 int64
		sha1, sha256, sha512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		for a, want := range map[Algorithm]string{SHA1: c.sha1, SHA256: c.sha256, SHA512: c.sha512} {
			o := Options{Algorithm: a, Digits: 8}
			secret := []byte(seed)[:map[Algorithm]int{SHA1: 20, SHA256: 32, SHA512: 64}[a]]
			code, err := o.Code(secret, time.Unix(c.unix, 0))
			require.NoError(t, err)
			require.Equal(t, want, code, "%s at %d", a, c.unix)
			step, ok := o.Check(secret, want, time.Unix(c.unix, 0), 0, 0)
			require.True(t, ok)
			require.Equal(t, c.unix/30, step)
		}
	}
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		code, err := Options{}.Code([]byte(seed)[:20], time.Unix(int64(step)*30, 0))
		require.NoError(t, err)
		require.Equal(t, want, code)
	}
}

func at(step int64) time.Time { return time.Unix(step*30+7, 0) }

func codeAt(t *testing.T, secret []byte, step int64) string {
	t.Helper()
	code, err := Options{}.Code(secret, at(step))
	require.NoError(t, err)
	return code
}

func TestCheckSkewAndOnce(t *testing.T) {
	secret := NewSecret()
	const now = 1_000_000
	for d := int64(-3); d <= 3; d++ {
		for skew := range 3 {
			step, ok := Check(secret, codeAt(t, secret, now+d), at(now), skew, 0)
			inside := d >= -int64(skew) && d <= int64(skew)
			require.Equal(t, inside, ok, "distance %d, skew %d", d, skew)
			if inside {
				require.Equal(t, now+d, step)
			}
		}
	}
	// Once: the same step and those before it are used up, the next is not.
	code := codeAt(t, secret, now)
	step, ok := Check(secret, code, at(now), 1, 0)
	require.True(t, ok)
	_, ok = Check(secret, code, at(now), 1, step)
	require.False(t, ok)
	_, ok = Check(secret, codeAt(t, secret, now-1), at(now), 1, step)
	require.False(t, ok)
	step, ok = Check(secret, codeAt(t, secret, now+1), at(now), 1, step)
	require.True(t, ok)
	require.EqualValues(t, now+1, step)
	// A skew that is out of range is bounded.
	_, ok = Check(secret, codeAt(t, secret, now+maxSkew+1), at(now), 1<<30, 0)
	require.False(t, ok)
	_, ok = Check(secret, code, at(now), -5, 0)
	require.True(t, ok)
}

func TestCheckRefuses(t *testing.T) {
	secret := NewSecret()
	code := codeAt(t, secret, 100)
	for _, spelled := range []string{code, code[:3] + " " + code[3:], " " + code + " "} {
		_, ok := Check(secret, spelled, at(100), 0, 0)
		require.True(t, ok, "%q", spelled)
	}
	for _, bad := range []string{"", " ", code[:5], code + "0", "0" + code, code[:5] + "x", strings.Repeat(" ", 100) + code, "١٢٣٤٥٦", "-" + code[1:], code[:3] + "\n" + code[3:]} {
		_, ok := Check(secret, bad, at(100), 0, 0)
		require.False(t, ok, "%q", bad)
	}
	_, ok := Check(secret[:9], code, at(100), 10, 0)
	require.False(t, ok)
	_, ok = Check(nil, code, at(100), 10, 0)
	require.False(t, ok)
	_, ok = Check(secret, code, time.Unix(-1000, 0), 1, 0)
	require.False(t, ok)
	for _, o := range []Options{{Digits: 5}, {Digits: 9}, {Algorithm: 3}, {Algorithm: -1}, {Period: time.Millisecond}, {Period: -time.Second}, {Period: 48 * time.Hour}} {
		_, ok := o.Check(secret, code, at(100), 1, 0)
		require.False(t, ok, "%+v", o)
		_, err := o.Code(secret, at(100))
		require.Error(t, err)
	}
}

// TestEarliestStep: of two steps with the same code the earlier one is used up, so that the later one still works.
func TestEarliestStep(t *testing.T) {
	secret := make([]byte, 20)
	// Two steps of 21 with equal codes are looked for; by the birthday paradox they come about every 5,000 windows.
	codes := map[string]int64{}
	for step := int64(1); ; step++ {
		code := codeAt(t, secret, step)
		before, seen := codes[code]
		codes[code] = step
		if !seen || step-before > maxSkew {
			continue
		}
		got, ok := Check(secret, code, at(step), maxSkew, 0)
		require.True(t, ok)
		require.Equal(t, before, got)
		got, ok = Check(secret, code, at(step), maxSkew, before)
		require.True(t, ok)
		require.Equal(t, step, got)
		return
	}
}

func TestSecretSpelling(t *testing.T) {
	want := []byte("12345678901234567890")
	for _, s := range []string{
		"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ", " GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ======",
	} {
		got, err := ParseSecret(s)
		require.NoError(t, err, s)
		require.Equal(t, want, got)
	}
	for _, s := range []string{"", "AAAA", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", "GEZDGNBVGY3TQOJQ=GEZDGNBVGY3TQOJQ", strings.Repeat("A", maxSecret+1), "ключ"} {
		_, err := ParseSecret(s)
		require.Error(t, err, s)
		if s != "" {
			require.NotContains(t, err.Error(), s)
		}
	}
}

func TestURI(t *testing.T) {
	k := &Key{Secret: sign.NewSecret([]byte("12345678901234567890")), Issuer: "ООО «Печать» & Co", Account: "anna+1@example.org"}
	uri, err := k.URI()
	require.NoError(t, err)
	text := string(uri.Bytes())
	require.NotContains(t, text, "+")
	require.True(t, strings.HasSuffix(text, "&algorithm=SHA1&digits=6&period=30"), text)
	back, err := ParseURI(text)
	require.NoError(t, err)
	require.Equal(t, k.Issuer, back.Issuer)
	require.Equal(t, k.Account, back.Account)
	require.Equal(t, k.Secret.Bytes(), back.Secret.Bytes())
	require.NotContains(t, fmt.Sprintf("%v %+v", back, *back), "1234567890")

	other := &Key{Secret: k.Secret, Account: "a", Options: Options{Algorithm: SHA512, Digits: 8, Period: time.Minute}}
	uri, err = other.URI()
	require.NoError(t, err)
	require.Equal(t, "otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA512&digits=8&period=60", string(uri.Bytes()))
	back, err = ParseURI(string(uri.Bytes()))
	require.NoError(t, err)
	require.Equal(t, other.Options, back.Options)

	for _, bad := range []*Key{
		{Secret: k.Secret}, {Account: "a"}, {Secret: k.Secret, Account: "a:b"}, {Secret: k.Secret, Account: "a", Issuer: "b\n"},
		{Secret: k.Secret, Account: "a", Options: Options{Digits: 4}}, {Secret: k.Secret, Account: strings.Repeat("a", 300)},
	} {
		_, err := bad.URI()
		require.Error(t, err)
	}
}

func TestParseURIRefuses(t *testing.T) {
	const secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	ok := []string{
		"otpauth://totp/Example:anna?secret=" + secret + "&issuer=Example", "OTPAUTH://TOTP/anna?secret=" + strings.ToLower(secret),
		"otpauth://totp/Example%3A%20anna?secret=" + secret + "&image=x&algorithm=sha-256",
		"otpauth://totp/%20anna%20?issuer=Example%20&secret=" + secret, "otpauth://totp/Example%3Aanna?issuer=%20Example&secret=" + secret,
	}
	for _, s := range ok {
		k, err := ParseURI(s)
		require.NoError(t, err, s)
		require.Equal(t, "anna", k.Account)
	}
	for _, s := range []string{
		"", "https://totp/a?secret=" + secret, "otpauth://hotp/a?secret=" + secret, "otpauth://totp/a", "otpauth://totp/?secret=" + secret,
		"otpauth://totp/A:a?issuer=B&secret=" + secret, "otpauth://totp/a?digits=4&secret=" + secret, "otpauth://totp/a?digits=x&secret=" + secret,
		"otpauth://totp/a?period=0&secret=" + secret, "otpauth://totp/a?algorithm=MD5&secret=" + secret, "otpauth://totp/a?secret=" + secret + "&x=%zz",
		"otpauth://totp/a%0a?secret=" + secret, "otpauth://totp/a?secret=1" + secret, strings.Repeat("o", maxURI+1), "otpauth://to tp/a?secret=" + secret,
	} {
		_, err := ParseURI(s)
		require.Error(t, err, s)
		require.NotContains(t, err.Error(), secret)
	}
}

func FuzzParseURI(f *testing.F) {
	f.Add("otpauth://totp/Example:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&digits=8")
	f.Add("otpauth://totp/%20anna%20?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20")
	f.Fuzz(func(t *testing.T, s string) {
		k, err := ParseURI(s)
		if err != nil {
			return
		}
		uri, err := k.URI()
		require.NoError(t, err)
		back, err := ParseURI(string(uri.Bytes()))
		require.NoError(t, err)
		require.Equal(t, k.Secret.Bytes(), back.Secret.Bytes())
		require.Equal(t, k.Options, back.Options)
		require.Equal(t, k.Account, back.Account)
		require.Equal(t, k.Issuer, back.Issuer)
	})
}

func FuzzCheck(f *testing.F) {
	f.Add("123456", int64(59), 1)
	f.Fuzz(func(t *testing.T, code string, unix int64, skew int) {
		step, ok := Check([]byte("12345678901234567890"), code, time.Unix(unix, 0), skew, 5)
		require.True(t, !ok || step > 5)
	})
}
