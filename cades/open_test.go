package cades_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// short reads less than it is asked for, each time another number of octets.
type short struct {
	io.ReaderAt
	n int
}

func (s *short) ReadAt(p []byte, off int64) (int, error) {
	s.n = s.n*7%61 + 1
	return s.ReaderAt.ReadAt(p[:min(len(p), s.n)], off)
}

// told is all that a report says.
func told(t testing.TB, r *cades.Report) string {
	t.Helper()
	var all strings.Builder
	for i := range r.Signatures {
		b, err := json.Marshal(r.Signatures[i].SignatureReport)
		require.NoError(t, err)
		all.Write(b)
	}
	return all.String()
}

// requireSameAsParsed opens a message, and fails unless all is as when it is parsed.
func requireSameAsParsed(t testing.TB, ber []byte, content []byte, o *cades.VerifyOptions) {
	t.Helper()
	want, wantErr := cades.Parse(ber)
	for name, r := range map[string]io.ReaderAt{"whole": bytes.NewReader(ber), "short": &short{bytes.NewReader(ber), 1}} {
		m, err := cades.Open(r, int64(len(ber)), nil)
		if wantErr != nil {
			require.ErrorIs(t, err, sign.ErrInput, name)
			require.Equal(t, errors.Unwrap(wantErr), errors.Unwrap(err), name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, want.Detached(), m.Detached(), name)
		require.Equal(t, want.ContentType(), m.ContentType(), name)
		require.Equal(t, want.RevocationValues(), m.RevocationValues(), name)
		require.Len(t, m.Certificates(), len(want.Certificates()), name)
		var all, inside, opened bytes.Buffer
		n, err := m.WriteTo(&all)
		require.NoError(t, err, name)
		require.Equal(t, int64(len(ber)), n, name)
		require.True(t, bytes.Equal(ber, all.Bytes()), name)
		insideErr, openedErr := want.WriteContent(&inside), m.WriteContent(&opened)
		require.Equal(t, insideErr == nil, openedErr == nil, "%s: %v %v", name, insideErr, openedErr)
		if insideErr == nil {
			require.True(t, bytes.Equal(inside.Bytes(), opened.Bytes()), name)
			require.True(t, inside.Len() == 0 || m.Bytes() == nil, name)
		}
		var given, again io.Reader
		if content != nil {
			given, again = bytes.NewReader(content), bytes.NewReader(content)
		}
		report, wantErr := want.Verify(context.Background(), sign.Reader("", given), o)
		got, err := m.Verify(context.Background(), sign.Reader("", again), o)
		require.Equal(t, wantErr == nil, err == nil, "%s: %v %v", name, wantErr, err)
		if err == nil {
			require.Equal(t, told(t, report), told(t, got), name)
		}
	}
}

// inBER makes a message that openssl cms -stream would write: indefinite lengths, and the content in segments.
func inBER(t testing.TB, s *sign.Signer, content string, o cades.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	o.Attached = true
	require.NoError(t, cades.SignTo(t.Context(), &b, s, sign.Reader("", io.MultiReader(strings.NewReader(content))), &o))
	return b.Bytes()
}

// messages are some of each level and form.
func messages(t testing.TB, pki *testpki.PKI, s *sign.Signer, content string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	tsa, source := testlevels.Authority(t, pki, fixed), testlevels.NewSource(t, pki)
	for _, level := range []cades.Level{cades.LevelPKCS7, cades.LevelBES, cades.LevelT, cades.LevelLT, cades.LevelLTA, cades.LevelC, cades.LevelXLong1, cades.LevelA} {
		for _, attached := range []bool{false, true} {
			o := cades.Options{Level: level, Attached: attached, SigningTime: fixed(), Timestamper: tsa, Revocation: source}
			der, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte(content)), &o)
			require.NoError(t, err)
			all[level.String()+map[bool]string{true: " attached"}[attached]] = der
		}
		o := cades.Options{Level: min(level, cades.LevelBES), SigningTime: fixed()}
		ber := inBER(t, s, content, o)
		if level > cades.LevelBES {
			m, err := cades.Parse(ber)
			require.NoError(t, err)
			ber, err = m.Extend(t.Context(), level, &cades.ExtendOptions{Timestamper: tsa, Revocation: source, Clock: fixed})
			require.NoError(t, err)
		}
		all[level.String()+" BER"] = ber
	}
	return all
}

func TestOpenIsParse(t *testing.T) {
	pki := testpki.New(t)
	content := strings.Repeat("some content of several segments ", 9000)
	o := &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed}
	for name, ber := range messages(t, pki, p256(t, pki), content) {
		t.Run(name, func(t *testing.T) {
			requireSameAsParsed(t, ber, []byte(content), o)
			requireSameAsParsed(t, ber, nil, o)
			requireSameAsParsed(t, append(bytes.Clone(ber), 0, 0, 0), nil, o)
			for n := 0; n < len(ber); n += 1 + n/3 { // cut off
				requireSameAsParsed(t, ber[:n], nil, o)
			}
		})
	}
	for _, in := range strangeContents() {
		requireSameAsParsed(t, in, nil, o)
	}
}

// strangeContents have contents that are none, in segments that are none, or not where they should be.
func strangeContents() (all [][]byte) {
	data := cms.NewBuilder(nil)
	data.OID(cms.OIDData)
	oid := cms.NewBuilder(nil)
	oid.OID(cms.OIDSignedData)
	for _, inner := range []string{
		"", "\x04\x00", "\x04\x03abc", "\x24\x80\x04\x01a\x00\x00", "\x24\x80\x24\x80\x04\x01a\x00\x00\x24\x03\x04\x01b\x00\x00",
		"\x24\x80\x05\x00\x00\x00", "\x24\x06\x24\x80\x04\x00\x00\x00", "\x24\x03\x04\x05a", "\x30\x80\x02\x01\x01\x00\x00", "\x30\x03\x02\x01\x01",
		"\x24\x80\x04\x80\x00\x00", "\x24\x80", "\x24\x80\x04\x01a", "\x0c\x03abc", "\x04\x01a\x04\x01b", "\x24\x80\x00\x00",
		strings.Repeat("\x24\x80", 70) + "\x04\x01a" + strings.Repeat("\x00\x00", 70), strings.Repeat("\x24\x80", 61) + "\x04\x01a" + strings.Repeat("\x00\x00", 61),
		"\x24\x82\x00\x80" + strings.Repeat("\x24\x80", 32) + strings.Repeat("\x00\x00", 32), "\x1f\x80\x04\x01a", "\x1f" + strings.Repeat("\x80", 300) + "\x04\x01a",
		"\x24\x82\x01\x18" + strings.Repeat("\x24\x80", 70) + strings.Repeat("\x00\x00", 70), "\x24\x81\xfc" + strings.Repeat("\x24\x80", 63) + strings.Repeat("\x00\x00", 63),
		"\x24\x82\x01\x00" + strings.Repeat("\x24\x80", 64) + strings.Repeat("\x00\x00", 64), "\x1f\x81\x04\x01a",
		"\x24\x80" + strings.Repeat("\x24\x80\x00\x00", cms.MaxIndefinite) + "\x00\x00", "\x24\x80" + strings.Repeat("\x24\x80\x00\x00", cms.MaxIndefinite-3) + "\x00\x00",
		"\x24\x80" + strings.Repeat("\x24\x80\x00\x00", cms.MaxIndefinite-10) + "\x00\x00",
	} {
		for _, indefinite := range []bool{false, true} {
			wrap := func(tag byte, parts ...string) string {
				body := strings.Join(parts, "")
				if indefinite {
					return string([]byte{tag, 0x80}) + body + "\x00\x00"
				}
				return string([]byte{tag}) + string(cms.AppendHeader(nil, 4, len(body))[1:]) + body
			}
			encap := wrap(0x30, string(data.Bytes()), wrap(0xa0, inner))
			all = append(all, []byte(wrap(0x30, string(oid.Bytes()), wrap(0xa0, wrap(0x30, "\x02\x01\x01", "\x31\x00", encap, "\x31\x00")))))
		}
	}
	return all
}

// TestOpenCorpus opens real messages.
func TestOpenCorpus(t *testing.T) {
	for _, file := range testpki.Corpus(t) {
		ber, err := os.ReadFile(file)
		require.NoError(t, err)
		t.Run(filepath.Base(file), func(t *testing.T) { requireSameAsParsed(t, ber, nil, &cades.VerifyOptions{Clock: fixed}) })
	}
}

// FuzzOpen opens any octets: what comes of it is what comes of them when they are parsed.
func FuzzOpen(f *testing.F) {
	pki := testpki.New(f)
	s := p256(f, pki)
	for _, ber := range messages(f, pki, s, "content") {
		f.Add(ber)
	}
	for _, in := range strangeContents() {
		f.Add(in)
	}
	for _, name := range testpki.CorpusFiles(f) {
		if b, err := os.ReadFile(name); err == nil && len(b) < 16<<10 {
			f.Add(b)
		}
	}
	o := &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed}
	f.Fuzz(func(t *testing.T, in []byte) {
		requireSameAsParsed(t, in, nil, o)
		if m, err := cades.Parse(in); err == nil && m.Detached() {
			requireSameAsParsed(t, in, []byte("content"), o)
		}
	})
}

// TestExtendOpened raises an attached message without holding its content.
func TestExtendOpened(t *testing.T) {
	pki := testpki.New(t)
	content := strings.Repeat("some content of several segments ", 9000)
	s := p256(t, pki)
	tsa, source := testlevels.Authority(t, pki, fixed), testlevels.NewSource(t, pki)
	o := &cades.ExtendOptions{Timestamper: tsa, Revocation: source, Clock: fixed, Roots: pki.Roots()}
	der, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte(content)), &cades.Options{Attached: true, SigningTime: fixed()})
	require.NoError(t, err)
	for form, base := range map[string][]byte{"DER": der, "BER": inBER(t, s, content, cades.Options{SigningTime: fixed()})} {
		for _, level := range []cades.Level{cades.LevelT, cades.LevelLT, cades.LevelLTA, cades.LevelC, cades.LevelXLong1, cades.LevelA} {
			t.Run(form+" "+level.String(), func(t *testing.T) {
				m, err := cades.Open(bytes.NewReader(base), int64(len(base)), nil)
				require.NoError(t, err)
				var raised bytes.Buffer
				extended, err := m.Extended(t.Context(), level, o)
				require.NoError(t, err)
				require.Equal(t, level, extended.Signatures()[0].Level())
				report, err := extended.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed})
				requireTrusted(t, report, err)
				_, err = extended.WriteTo(&raised)
				require.NoError(t, err)
				padded, err := cades.Open(bytes.NewReader(append(bytes.Clone(base), 0, 7)), int64(len(base)+2), nil)
				require.NoError(t, err)
				padding, err := padded.Extend(t.Context(), level, o)
				require.NoError(t, err)
				require.Equal(t, []byte{0, 7}, padding[len(padding)-2:]) // what follows the message still does
				got, err := cades.Parse(raised.Bytes())
				require.NoError(t, err)
				require.Equal(t, level, got.Signatures()[0].Level())
				report, err = got.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed})
				requireTrusted(t, report, err)
				requireSameAsParsed(t, raised.Bytes(), nil, &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed})
				if level == cades.LevelLTA || level == cades.LevelA { // once more, on what was raised
					again, err := cades.Open(bytes.NewReader(raised.Bytes()), int64(raised.Len()), nil)
					require.NoError(t, err)
					later := *o
					later.Timestamper = testlevels.Authority(t, pki, func() time.Time { return fixed().Add(time.Second) })
					whole, err := again.Extend(t.Context(), level, &later)
					require.NoError(t, err)
					m, err := cades.Parse(whole)
					require.NoError(t, err)
					report, err := m.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed})
					requireTrusted(t, report, err)
				}
			})
		}
		m, err := cades.Open(bytes.NewReader(base), int64(len(base)), nil)
		require.NoError(t, err)
		both, err := m.AddSignature(t.Context(), s, sign.Content{}, &cades.Options{SigningTime: fixed()})
		require.NoError(t, err)
		again, err := cades.Parse(both)
		require.NoError(t, err)
		require.Len(t, again.Signatures(), 2)
		report, err := again.Verify(t.Context(), sign.Content{}, &cades.VerifyOptions{Roots: pki.Roots(), Clock: fixed})
		requireTrusted(t, report, err)
	}
}

// TestExtendOpenedRefused raises no message whose content is not the signed one.
func TestExtendOpenedRefused(t *testing.T) {
	pki := testpki.New(t)
	der, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte("content")), &cades.Options{Attached: true, SigningTime: fixed()})
	require.NoError(t, err)
	other := bytes.Replace(der, []byte("content"), []byte("c0ntent"), 1)
	m, err := cades.Open(bytes.NewReader(other), int64(len(other)), nil)
	require.NoError(t, err)
	_, err = m.Extended(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: testlevels.Authority(t, pki, fixed), Clock: fixed})
	require.ErrorContains(t, err, "not the one that was signed")
}

// broken fails from an offset on.
type broken struct {
	io.ReaderAt
	from  int64
	err   error
	reads int
	read  func(reads int)
}

func (b *broken) ReadAt(p []byte, off int64) (int, error) {
	if b.read != nil {
		b.reads++
		b.read(b.reads)
	}
	if off+int64(len(p)) > b.from {
		return 0, b.err
	}
	return b.ReaderAt.ReadAt(p, off)
}

// TestOpenUnreadable has a file that cannot be read, or is not what it was: that is no finding about the message.
func TestOpenUnreadable(t *testing.T) {
	pki := testpki.New(t)
	content := strings.Repeat("0123456789", 100_000)
	der, err := cades.Sign(t.Context(), p256(t, pki), sign.Bytes("", []byte(content)), &cades.Options{Attached: true, SigningTime: fixed()})
	require.NoError(t, err)
	failure := errors.New("the disk is gone")
	for _, from := range []int64{0, 400_000} {
		_, err = cades.Open(&broken{ReaderAt: bytes.NewReader(der), from: from, err: failure}, int64(len(der)), nil)
		require.ErrorIs(t, err, failure)
		require.NotErrorIs(t, err, sign.ErrInput)
	}
	_, err = cades.Open(bytes.NewReader(der), int64(len(der))+1, nil)
	require.ErrorContains(t, err, "ends before")
	_, err = cades.Open(bytes.NewReader(der), -1, nil)
	require.Error(t, err)
	_, err = cades.Open(nil, 0, nil)
	require.ErrorIs(t, err, sign.ErrInput)
	_, err = cades.ReadStream(t.Context(), nil, nil)
	require.ErrorIs(t, err, sign.ErrInput)

	r := &broken{ReaderAt: bytes.NewReader(der), from: int64(len(der)), err: failure}
	m, err := cades.Open(r, int64(len(der)), nil)
	require.NoError(t, err)
	r.from = 400_000
	_, err = m.Verify(t.Context(), sign.Content{}, nil)
	require.ErrorIs(t, err, failure)
	require.NotErrorIs(t, err, sign.ErrInput)
	require.ErrorIs(t, m.WriteContent(io.Discard), failure)
	_, err = m.WriteTo(io.Discard)
	require.ErrorIs(t, err, failure)
	_, err = m.Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: testlevels.Authority(t, pki, fixed), Clock: fixed})
	require.ErrorContains(t, err, failure.Error())

	ctx, cancel := context.WithCancel(t.Context())
	r.from = int64(len(der))
	r.read = func(reads int) {
		if reads == 2 {
			cancel()
		}
		require.Less(t, reads, 4, "the reading ends with the context")
	}
	_, err = m.Verify(ctx, sign.Content{}, nil)
	require.ErrorIs(t, err, context.Canceled)
}
