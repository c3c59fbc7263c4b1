package pades_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/sign"
)

// TestOpenRefuses: ranges and holes that leave more unsigned than the CMS.
func TestOpenRefuses(t *testing.T) {
	good := newDocument(20)
	size, a, b, c := int64(len(good.data)), good.where[1], good.where[2], good.where[3]
	change := func(at int64, text string) *document {
		d := newDocument(20)
		copy(d.data[at:], text)
		return d
	}
	odd := newDocument(20)
	odd.data = slices.Insert(odd.data, int(a)+1, '0')
	for name, one := range map[string]struct {
		d     *document
		size  int64
		where pades.ByteRange
		says  string
	}{
		"begins later":       {good, size, pades.ByteRange{1, a - 1, b, c}, "first octet"},
		"negative begin":     {good, size, pades.ByteRange{-1, a, b, c}, "first octet"},
		"empty first":        {good, size, pades.ByteRange{0, 0, b, c}, "one behind the other"},
		"negative first":     {good, size, pades.ByteRange{0, -5, b, c}, "one behind the other"},
		"overlap":            {good, size, pades.ByteRange{0, b, a, c}, "one behind the other"},
		"no hole":            {good, size, pades.ByteRange{0, a, a, size - a}, "one behind the other"},
		"empty second":       {good, size, pades.ByteRange{0, a, b, 0}, "one behind the other"},
		"negative second":    {good, size, pades.ByteRange{0, a, b, -1}, "one behind the other"},
		"behind the end":     {good, size, pades.ByteRange{0, a, b, c + 1}, "behind the end of the file"},
		"overflow":           {good, size, pades.ByteRange{0, a, b, 1<<63 - 1}, "behind the end of the file"},
		"far behind":         {good, size, pades.ByteRange{0, a, 1<<63 - 1, 1}, "behind the end of the file"},
		"hole too early":     {good, size, pades.ByteRange{0, a - 1, b, c}, "not one hexadecimal string"},
		"hole too late":      {good, size, pades.ByteRange{0, a + 1, b, c}, "not one hexadecimal string"},
		"hole too long":      {good, size, pades.ByteRange{0, a, b + 1, c - 1}, "not one hexadecimal string"},
		"hole too short":     {good, size, pades.ByteRange{0, a, b - 1, c + 1}, "not one hexadecimal string"},
		"no begin":           {good, size, pades.ByteRange{0, a + 2, b, c}, "not one hexadecimal string"},
		"no end":             {good, size, pades.ByteRange{0, a, b - 2, c + 2}, "not one hexadecimal string"},
		"half an octet":      {odd, size + 1, pades.ByteRange{0, a, b + 1, c}, "not one hexadecimal string"},
		"brackets alone":     {good, size, pades.ByteRange{0, a + 1, b - 1, c + 1}, "not one hexadecimal string"},
		"two strings":        {change(a+9, "><"), size, good.where, "more in it than hexadecimal digits"},
		"white space":        {change(a+9, " \n"), size, good.where, "more in it than hexadecimal digits"},
		"other letters":      {change(a+9, "xg"), size, good.where, "more in it than hexadecimal digits"},
		"another key":        {change(a-4, "ants"), size, good.where, "not the value of /Contents"},
		"too large a hole":   {good, 1 << 40, pades.ByteRange{0, a, 1 << 30, 1}, "are the most"},
		"a file that is cut": {good, size + 100, pades.ByteRange{0, size + 10, size + 50, 5}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pades.Open(bytes.NewReader(one.d.data), one.size, one.where)
			require.ErrorIs(t, err, sign.ErrInput)
			require.ErrorContains(t, err, one.says)
		})
	}
	_, err := pades.Open(nil, size, good.where)
	require.ErrorIs(t, err, sign.ErrInput)
	good.open(t)
	change(a-1, "\n").open(t)
	change(a+9, "aF").open(t)
}

// TestHole reads holes that hold something else than one detached CMS.
func TestHole(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fill := func(message []byte) *pades.Section {
		d := newDocument(20000)
		require.NoError(t, d.open(t).Fill(d, message))
		return d.open(t)
	}
	plain := newDocument(20000)
	content := plain.signed()
	attached, err := cades.Sign(ctx, w.signer, sign.Bytes("", content), &cades.Options{Attached: true, Clock: testpki.Now})
	require.NoError(t, err)
	one, err := cades.Sign(ctx, w.signer, sign.Bytes("", content), &cades.Options{Clock: testpki.Now})
	require.NoError(t, err)
	m, err := cades.Parse(one)
	require.NoError(t, err)
	two, err := m.AddSignature(ctx, w.signer, sign.Bytes("", content), &cades.Options{Clock: testpki.Now})
	require.NoError(t, err)
	token, err := plain.open(t).Timestamp(ctx, w.stamps, nil)
	require.NoError(t, err)
	for says, message := range map[string][]byte{
		"content of its own":         attached,
		"has 2 signers":              two,
		"see VerifyTimestamp":        token,
		"made ready for a signature": nil,
		"holds no CMS":               {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff},
		"more than one CMS":          append(bytes.Clone(one), 0, 7),
	} {
		_, err := fill(message).Verify(ctx, w.verify)
		require.ErrorContains(t, err, says)
	}
	r, err := fill(one).Verify(ctx, w.verify) // CAdES in a PDF
	require.NoError(t, err)
	require.True(t, r.Trusted())
	require.Equal(t, "none", r.Message.Signatures[0].Level)
	require.Equal(t, validate.Forbidden, r.Message.Signatures[0].Levels[0].Missing[0].Problem)

	d := newDocument(20000)
	d.data[12]++
	require.NoError(t, d.open(t).Fill(d, one))
	r, err = d.open(t).Verify(ctx, w.verify)
	require.NoError(t, err)
	require.False(t, r.Valid())
}

// failing is a file that can be read only so far.
type failing struct {
	io.ReaderAt
	upTo int64
}

func (f failing) ReadAt(p []byte, at int64) (int, error) {
	if at+int64(len(p)) > f.upTo {
		return 0, errors.New("the disk is gone")
	}
	return f.ReaderAt.ReadAt(p, at)
}

// TestFileFails: what cannot be read is an error, not a verdict.
func TestFileFails(t *testing.T) {
	w := newWorld(t)
	d := w.make(t, w.options(cades.LevelBES))
	s, err := pades.Open(failing{bytes.NewReader(d.data), d.where[2]}, int64(len(d.data)), d.where)
	require.NoError(t, err)
	_, err = s.Verify(t.Context(), w.verify)
	require.ErrorContains(t, err, "the disk is gone")
	_, err = s.Sign(t.Context(), w.signer, w.options(cades.LevelBES))
	require.ErrorContains(t, err, "the disk is gone")
	_, err = s.Timestamp(t.Context(), w.stamps, nil)
	require.ErrorContains(t, err, "the disk is gone")
}

// FuzzOpen reads documents and ranges of strangers. What is opened signs all of the file but one hole.
func FuzzOpen(f *testing.F) {
	d := newDocument(20)
	f.Add(d.data, d.where[0], d.where[1], d.where[2], d.where[3])
	w := newWorld(f)
	signed := w.make(f, w.options(cades.LevelBES))
	f.Add(signed.data, signed.where[0], signed.where[1], signed.where[2], signed.where[3])
	f.Fuzz(func(t *testing.T, data []byte, a, b, c, e int64) {
		s, err := pades.Open(bytes.NewReader(data), int64(len(data)), pades.ByteRange{a, b, c, e})
		if err != nil {
			return
		}
		content := s.Content("")
		from, err := content.Source().Open()
		require.NoError(t, err)
		all, err := io.ReadAll(from)
		require.NoError(t, err)
		require.EqualValues(t, len(data), len(all)+2*s.Room()+2+int(s.Behind()))
		r, err := s.Verify(t.Context(), nil)
		if err == nil && r.Valid() {
			require.True(t, bytes.Equal(signed.signed(), all))
		}
	})
}
