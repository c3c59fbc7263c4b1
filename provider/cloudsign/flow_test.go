package cloudsign

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

func contentsOf(n, size int) (contents []sign.Content, data [][]byte) {
	for i := range n {
		d := bytes.Repeat([]byte{byte(i), 'x'}, size/2)
		data = append(data, d)
		contents = append(contents, sign.Bytes(fmt.Sprintf("doc-%d.txt", i), d))
	}
	return contents, data
}

func TestBatchIsOneOperation(t *testing.T) {
	f := newFake(t)
	var asked []Challenge
	c := f.config()
	c.Code = func(_ context.Context, ch Challenge) (sign.Secret, error) {
		asked = append(asked, ch)
		return sign.NewSecret([]byte(rightCode)), nil
	}
	keys := f.provider(c)
	signer, err := sign.Open(t.Context(), keys, sign.Ref{Thumbprint: sign.Thumbprint(f.chain[0])})
	require.NoError(t, err)

	contents, data := contentsOf(100, 1000)
	results, err := batch.Sign(t.Context(), signer, keys.Format(), contents, nil)
	require.NoError(t, err)
	require.Len(t, results, 100)
	for i, r := range results {
		require.NoError(t, r.Err)
		f.verified(r.Signature, data[i])
	}
	require.Equal(t, 1, f.count("/CloudSign"), "a person is asked once")
	require.Len(t, asked, 1)
	require.Len(t, asked[0].Names, 100)
	require.False(t, asked[0].Refused)
}

func TestBatchOfSeveralGroupsKeepsOrder(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.BulkSize = 7
	keys := f.provider(c)
	signer, err := sign.Open(t.Context(), keys, sign.Ref{})
	require.NoError(t, err)
	contents, data := contentsOf(20, 10)
	results, err := batch.Sign(t.Context(), signer, keys.Format(), contents, nil)
	require.NoError(t, err)
	for i, r := range results {
		require.NoError(t, r.Err)
		f.verified(r.Signature, data[i])
	}
	require.Equal(t, 3, f.count("/CloudSign"))
}

func TestFormatRaises(t *testing.T) {
	f := newFake(t)
	keys := f.provider(f.config())
	signer, err := sign.Open(t.Context(), keys, sign.Ref{})
	require.NoError(t, err)
	format := keys.Format()
	format.Raise = func(_ context.Context, container []byte, c sign.Content) ([]byte, error) {
		m, err := cades.Parse(container)
		if err != nil || len(m.Signatures()) != 1 {
			return nil, errors.New("not a message")
		}
		return append([]byte(c.Name+":"), container...), nil
	}
	results, err := batch.Sign(t.Context(), signer, format, []sign.Content{sign.Bytes("a", []byte("A"))}, nil)
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	rest, ok := bytes.CutPrefix(results[0].Signature, []byte("a:"))
	require.True(t, ok)
	f.verified(rest, []byte("A"))
}

func TestKindsOfContents(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Inline = 1000
	client := f.client(c)
	path := filepath.Join(t.TempDir(), "file.bin")
	big := bytes.Repeat([]byte("0123456789abcdef"), 3*partSize/32+1)
	require.NoError(t, os.WriteFile(path, big, 0o600))
	contents := []sign.Content{
		sign.Bytes("empty", nil), sign.File(path), sign.Reader("once", strings.NewReader("once")),
		sign.Digested("digest", testpki.Must(sign.NewDigest(crypto.SHA256, make([]byte, 32)))), sign.File(path + ".none"), sign.Bytes("small", []byte("small")),
		sign.Reader("big once", bytes.NewReader(big)), sign.Bytes("part", big[:partSize]),
	}
	out := client.Sign(t.Context(), contents)
	require.Len(t, out, len(contents))
	for i, data := range [][]byte{{}, big, []byte("once"), nil, nil, []byte("small"), big, big[:partSize]} {
		if data == nil {
			require.ErrorIs(t, out[i].Err, sign.ErrInput)
			require.Nil(t, out[i].Signature)
			continue
		}
		require.NoError(t, out[i].Err, i)
		f.verified(out[i].Signature, data)
	}
	require.Equal(t, 1, f.count("/CloudSign"))
	require.Equal(t, 3, f.count("/ShelfUploadPartInit"))
}

func TestShelf(t *testing.T) {
	for _, old := range []bool{false, true} {
		for _, phone := range []bool{false, true} {
			t.Run(fmt.Sprintf("old=%t phone=%t", old, phone), func(t *testing.T) {
				f := newFake(t)
				f.losePart = map[int]int{0: 1, 1: 2}
				c := f.config()
				c.OldShelf, c.OnPhone, c.Inline = old, phone, -1
				client := f.client(c)
				data := bytes.Repeat([]byte("0123456789abcdef"), 5*partSize/32)
				out := client.Sign(t.Context(), []sign.Content{sign.Bytes("big", data)})
				require.NoError(t, out[0].Err)
				f.verified(out[0].Signature, data)
			})
		}
	}
}

func TestShelfThatNeverCompletes(t *testing.T) {
	f := newFake(t)
	f.losePart = map[int]int{1: 100}
	c := f.config()
	c.Inline = -1
	out := f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("big", make([]byte, 3*partSize))})
	require.ErrorIs(t, out[0].Err, sign.ErrUnavailable)
	require.Contains(t, out[0].Err.Error(), "1 parts did not arrive in 3 rounds")
	require.Zero(t, f.count("/CloudSign"))
}

func TestShelfRefusesForGood(t *testing.T) {
	f := newFake(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/ShelfUploadPart" {
			return false
		}
		refuse(w, 403, "Shelf.QuotaExceeded", "no room")
		return true
	}
	c := f.config()
	c.Inline = -1
	out := f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("big", make([]byte, 3*partSize))})
	require.ErrorContains(t, out[0].Err, "no room")
	require.Equal(t, 1, f.count("/ShelfUploadPart"))
}

func TestFileThatChangesIsNotSent(t *testing.T) {
	for _, inline := range []int{0, -1} {
		for _, size := range []int{9, 10, 11} {
			f := newFake(t)
			opened := 0
			changing := sign.Opener("x", func() (io.ReadCloser, error) {
				opened++
				if opened == 1 {
					return io.NopCloser(strings.NewReader("0123456789")), nil
				}
				return io.NopCloser(strings.NewReader("abcdefghijklm"[:size])), nil
			})
			c := f.config()
			c.Inline = inline
			out := f.client(c).Sign(t.Context(), []sign.Content{changing})
			require.ErrorIs(t, out[0].Err, errChanged)
			require.Zero(t, f.count("/CloudSign"))
		}
	}
}

func TestReference(t *testing.T) {
	for _, old := range []bool{false, true} {
		f := newFake(t)
		c := f.config()
		c.Reference, c.OldShelf = true, old
		contents, data := contentsOf(3, 10)
		for i, o := range f.client(c).Sign(t.Context(), contents) {
			require.NoError(t, o.Err)
			f.verified(o.Signature, data[i])
		}
	}
}

func TestThumbprintAlone(t *testing.T) {
	f := newFake(t)
	for _, thumbprint := range []string{"", strings.ToLower(sign.Thumbprint(f.chain[0]))} {
		c := f.config()
		c.Chain, c.Thumbprint, c.ClientID = nil, thumbprint, "app"
		contents, data := contentsOf(2, 10)
		for i, o := range f.client(c).Sign(t.Context(), contents) {
			require.NoError(t, o.Err)
			f.verified(o.Signature, data[i])
		}
	}
}

func TestEveryHash(t *testing.T) {
	for _, kind := range testpki.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			f := newFake(t)
			f.signer = softSigner(t, testpki.New(t).Leaf(kind))
			f.chain = f.signer.Chain()
			out := f.client(f.config()).Sign(t.Context(), []sign.Content{sign.Bytes("a", []byte("A"))})
			require.NoError(t, out[0].Err)
			f.level = cades.Options{Level: cades.LevelPKCS7}
			out = f.client(f.config()).Sign(t.Context(), []sign.Content{sign.Bytes("a", []byte("A"))})
			require.NoError(t, out[0].Err)
		})
	}
}

func TestStepsInSeveralProcesses(t *testing.T) {
	f := newFake(t)
	var saved []byte
	c := f.config()
	c.Save = func(_ context.Context, s State) (err error) {
		saved, err = json.Marshal(s)
		return err
	}
	again := func() *Operation { // as another process does
		var s State
		require.NoError(t, json.Unmarshal(saved, &s))
		o, err := f.client(c).Resume(s)
		require.NoError(t, err)
		return o
	}
	contents, data := contentsOf(3, 10)
	_, err := f.client(c).Begin(t.Context(), contents)
	require.NoError(t, err)
	require.NotContains(t, string(saved), theToken)

	_, err = again().Collect(t.Context())
	require.ErrorIs(t, err, sign.ErrInput)
	require.NoError(t, again().Await(t.Context()))
	err = again().Confirm(t.Context(), sign.NewSecret([]byte("999999")))
	require.ErrorIs(t, err, ErrWrongCode)
	require.ErrorIs(t, err, sign.ErrPIN)
	require.Equal(t, Challenge{
		TaskID: again().State().TaskID, Names: []string{"doc-0.txt", "doc-1.txt", "doc-2.txt"}, Digest: again().Challenge().Digest, Refused: true, Left: 4,
	}, again().Challenge())
	require.NoError(t, again().Confirm(t.Context(), sign.NewSecret([]byte(rightCode))))
	for range 2 { // it can be collected again
		out, err := again().Collect(t.Context())
		require.NoError(t, err)
		for i, o := range out {
			require.NoError(t, o.Err)
			f.verified(o.Signature, data[i])
		}
	}
	out, err := again().Run(t.Context())
	require.NoError(t, err)
	require.Len(t, out, 3)
	require.Equal(t, 1, f.count("/CloudSign"))
	require.Equal(t, 1, f.count("/CloudSignResult"))
	require.Equal(t, 2, f.count("/CloudSignConfirm"))
}

func TestResumeRefusesOtherStates(t *testing.T) {
	f := newFake(t)
	for _, s := range []State{
		{}, {TaskID: "x"}, {TaskID: "x", Items: []Item{{}}, Thumbprint: strings.Repeat("A", 40)},
		{TaskID: "x", Items: []Item{{}}, Thumbprint: sign.Thumbprint(f.chain[0]), OnPhone: true},
	} {
		_, err := f.client(f.config()).Resume(s)
		require.ErrorIs(t, err, sign.ErrInput)
	}
}

func TestResumedItemsAreChecked(t *testing.T) {
	f := newFake(t)
	client := f.client(f.config())
	contents, _ := contentsOf(2, 10)
	o, err := client.Begin(t.Context(), contents)
	require.NoError(t, err)
	s := o.State()
	s.Items[0], s.Items[1] = s.Items[1], s.Items[0]
	o, err = client.Resume(s)
	require.NoError(t, err)
	out, err := o.Run(t.Context())
	require.NoError(t, err)
	for _, o := range out {
		require.ErrorContains(t, o.Err, "the signature of another content")
	}
}

func TestSaveThatFailsEndsBeforeTheCode(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Save = func(context.Context, State) error { return errors.New("disk full") }
	c.Code = func(context.Context, Challenge) (sign.Secret, error) { t.Error("asked"); return sign.Secret{}, nil }
	out := f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("a", nil)})
	require.ErrorContains(t, out[0].Err, "disk full")

	c = f.config()
	c.Save = func(_ context.Context, s State) error {
		if s.ConfirmTaskID != "" {
			return errors.New("disk full")
		}
		return nil
	}
	out = f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("a", nil)})
	require.NoError(t, out[0].Err, "what is confirmed is collected")
}

func TestPollsByRetryAfter(t *testing.T) {
	f := newFake(t)
	f.running = 4
	var slept []time.Duration
	client := f.client(f.config())
	client.sleep = func(_ context.Context, d time.Duration) error { slept = append(slept, d); return nil }
	out := client.Sign(t.Context(), []sign.Content{sign.Bytes("a", nil)})
	require.NoError(t, out[0].Err)
	require.Len(t, slept, 8)
	for _, d := range slept {
		require.Equal(t, 3*time.Second, d)
	}
}

func TestPollsEnd(t *testing.T) {
	f := newFake(t)
	f.running = 1 << 30
	client := f.client(f.config())
	now := time.Now()
	client.now = func() time.Time { return now }
	client.sleep = func(_ context.Context, d time.Duration) error { now = now.Add(d); return nil }
	out := client.Sign(t.Context(), []sign.Content{sign.Bytes("a", nil)})
	require.ErrorIs(t, out[0].Err, errSlow)
	require.Equal(t, int(DefaultWait/(3*time.Second))+2, f.count("/CloudSignResult"))
}

func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"": pause, "0": pause, "1": pause, "7": 7 * time.Second, "60": longPause, "0.5": pause, "-1": pause, "Fri, 27 Nov 2026 12:00:00 GMT": pause} {
		h := http.Header{}
		h.Set("Retry-After", header)
		require.Equal(t, want, retryAfter(h), header)
	}
}

func TestOnPhone(t *testing.T) {
	f := newFake(t)
	f.dss = []string{"InProgress", "1", "InProgress"}
	c := f.config()
	var told []Challenge
	c.Code, c.OnPhone, c.Box, c.Notice = nil, true, "box-1", func(ch Challenge) { told = append(told, ch) }
	contents, data := contentsOf(2, 10)
	for i, o := range f.client(c).Sign(t.Context(), contents) {
		require.NoError(t, o.Err)
		f.verified(o.Signature, data[i])
	}
	require.Len(t, told, 1)
	require.Equal(t, "1234", told[0].Phone)
	require.Contains(t, strings.Join(f.requests, "\n"), "boxId=box-1")
	require.Zero(t, f.count("/CloudSignConfirm"))
}

func TestOnPhoneFaults(t *testing.T) {
	for status, class := range map[string]error{
		"CanceledByUser": sign.ErrPIN, "Timeout": sign.ErrPIN, "Crashed": sign.ErrUnavailable, "UserHasUnconfirmedOperation": sign.ErrUnavailable,
		"OperationRetryRequired": sign.ErrUnavailable, "Unknown": sign.ErrUnavailable, "SomethingNew": sign.ErrUnavailable, "3": sign.ErrPIN,
	} {
		t.Run(status, func(t *testing.T) {
			f := newFake(t)
			f.dss = []string{"InProgress", status}
			c := f.config()
			c.OnPhone = true
			out := f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("a", nil)})
			require.ErrorIs(t, out[0].Err, class)
			require.True(t, sign.IsKeyError(out[0].Err))
		})
	}
	t.Run("one file", func(t *testing.T) {
		f := newFake(t)
		f.dssFiles = "SigningError"
		c := f.config()
		c.OnPhone = true
		contents, data := contentsOf(2, 10)
		out := f.client(c).Sign(t.Context(), contents)
		require.ErrorIs(t, out[0].Err, sign.ErrInput)
		require.Nil(t, out[0].Signature)
		require.NoError(t, out[1].Err)
		f.verified(out[1].Signature, data[1])
	})
}
