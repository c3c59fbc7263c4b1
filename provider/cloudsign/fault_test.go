package cloudsign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/sign"
)

// codes gives these codes in turn, and records what it was asked.
func codes(asked *[]Challenge, list ...string) func(context.Context, Challenge) (sign.Secret, error) {
	return func(_ context.Context, c Challenge) (sign.Secret, error) {
		*asked = append(*asked, c)
		if len(*asked) > len(list) {
			return sign.Secret{}, errors.New("no more codes")
		}
		return sign.NewSecret([]byte(list[len(*asked)-1])), nil
	}
}

func one() []sign.Content { return []sign.Content{sign.Bytes("a.txt", []byte("A"))} }

func TestWrongCodeIsAskedForAgain(t *testing.T) {
	f := newFake(t)
	var asked []Challenge
	c := f.config()
	c.Code = codes(&asked, "111111", "222222", rightCode)
	out := f.client(c).Sign(t.Context(), one())
	require.NoError(t, out[0].Err)
	require.Equal(t, []string{"111111", "222222", rightCode}, f.codes, "no code goes twice")
	require.Len(t, asked, 3)
	for i, ch := range asked {
		require.Equal(t, i > 0, ch.Refused)
		require.Equal(t, DefaultAttempts-i, ch.Left)
	}
}

func TestLockedStopsABatch(t *testing.T) {
	for _, attempts := range []int{3, 100} { // the service locks, or the client gives up
		f := newFake(t)
		f.attempts = attempts
		var asked []Challenge
		c := f.config()
		c.BulkSize = 2
		c.Code = codes(&asked, slices.Repeat([]string{"111111"}, 50)...)
		keys := f.provider(c)
		signer, err := sign.Open(t.Context(), keys, sign.Ref{})
		require.NoError(t, err)
		contents, _ := contentsOf(10, 10)
		results, err := batch.Sign(t.Context(), signer, keys.Format(), contents, nil)
		require.ErrorIs(t, err, sign.ErrPIN)
		for _, r := range results {
			require.Error(t, r.Err)
			require.NotContains(t, r.Err.Error(), "111111")
		}
		require.Equal(t, 1, f.count("/CloudSign"), "the person is not asked for the next group")
		require.LessOrEqual(t, len(asked), DefaultAttempts)
	}
}

func TestExpiredCode(t *testing.T) {
	f := newFake(t)
	f.attempts = 0
	var asked []Challenge
	c := f.config()
	c.Code = codes(&asked, rightCode, rightCode)
	out := f.client(c).Sign(t.Context(), one())
	require.ErrorIs(t, out[0].Err, sign.ErrPIN)
	require.NotErrorIs(t, out[0].Err, ErrWrongCode)
	require.Len(t, asked, 1)
}

func TestNoCode(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Code = codes(new([]Challenge))
	out := f.client(c).Sign(t.Context(), one())
	require.ErrorIs(t, out[0].Err, sign.ErrPIN)
	require.ErrorContains(t, out[0].Err, "no more codes")
	c.Code = codes(new([]Challenge), "")
	out = f.client(c).Sign(t.Context(), one())
	require.ErrorContains(t, out[0].Err, "empty")
	require.Empty(t, f.codes)
}

func TestErrorsTellNoSecret(t *testing.T) {
	f := newFake(t)
	c := f.config()
	c.Code = codes(new([]Challenge), "777777")
	c.Attempts = 1
	out := f.client(c).Sign(t.Context(), one()) // the fake repeats code and token in its answer
	require.ErrorIs(t, out[0].Err, ErrWrongCode)
	require.NotContains(t, out[0].Err.Error(), "777777")
	require.NotContains(t, out[0].Err.Error(), "token-")
	status, ok := errors.AsType[*StatusError](out[0].Err)
	require.True(t, ok)
	require.Equal(t, "trace-1", status.Trace)

	c = f.config()
	c.Token = sign.NewSecret([]byte("theToken-wrong"))
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		refuse(w, 401, "X", r.Header.Get("Authorization")+"\x1b[31m\u202e")
		return true
	}
	out = f.client(c).Sign(t.Context(), one())
	require.ErrorIs(t, out[0].Err, sign.ErrPIN)
	require.NotContains(t, out[0].Err.Error(), "theToken-wrong")
	require.NotContains(t, out[0].Err.Error(), "\x1b")
	require.NotContains(t, out[0].Err.Error(), "\u202e")
	require.NotContains(t, fmt.Sprintf("%+v %#v", c, c), "theToken-wrong")

	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/CloudSignConfirm" {
			return false
		}
		cut(w)
		return true
	}
	out = f.client(f.config()).Sign(t.Context(), one())
	require.ErrorIs(t, out[0].Err, errLost)
	require.NotContains(t, out[0].Err.Error(), rightCode)
	require.NotContains(t, out[0].Err.Error(), "token-")
}

// TestLostConnections cuts each exchange, before the service sees it and after it has acted.
func TestLostConnections(t *testing.T) {
	for _, test := range []struct {
		path      string
		times     int
		reference bool
		requests  int
		fails     bool
	}{
		{"/CloudSign", 1, false, 1, true},
		{"/CloudSignResult", 3, false, 4, false},
		{"/CloudSignResult", 100, false, 8, true}, // net/http repeats a GET as well
		{"/CloudSignConfirm", 3, false, 4, false},
		{"/CloudSignConfirm", 4, false, 4, true},
		{"/CloudSignConfirmResult", 3, false, 4, false},
		{"/V2/ShelfDownload", 2, true, 3, false},
		{"/ShelfUploadPartInit", 1, false, 2, false},
		{"/ShelfUploadPart", 1, false, 4, false}, // parts 1 and 2, then 1 and 2 again
	} {
		for _, how := range []string{"before", "after", "within"} {
			t.Run(fmt.Sprintf("%s %d %s", test.path, test.times, how), func(t *testing.T) {
				f := newFake(t)
				left := test.times
				lose := func(w http.ResponseWriter, r *http.Request) bool {
					f.mu.Lock()
					defer f.mu.Unlock()
					if r.URL.Path != test.path || left == 0 {
						return false
					}
					left--
					if how != "within" {
						cut(w)
						return true
					}
					w.Header().Set("Content-Length", "1000")
					_, _ = io.WriteString(w, `{"TaskId"`)
					return true
				}
				if how == "before" {
					f.before = lose
				} else {
					f.after = func(w http.ResponseWriter, r *http.Request, _ int, _ []byte) bool { return lose(w, r) }
				}
				c := f.config()
				c.Reference = test.reference
				if strings.HasPrefix(test.path, "/Shelf") {
					c.Inline = -1
				}
				data := bytes.Repeat([]byte("x"), 5*partSize/2)
				out := f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("a", data)})
				if test.fails {
					require.ErrorIs(t, out[0].Err, sign.ErrUnavailable)
					require.ErrorIs(t, out[0].Err, errLost)
				} else {
					require.NoError(t, out[0].Err)
					f.verified(out[0].Signature, data)
				}
				if test.path == "/ShelfUploadPart" && how != "before" {
					test.requests = f.count(test.path) // the part is there: nothing is missing
				}
				if test.times == 100 {
					test.requests = min(test.requests, f.count(test.path))
				}
				require.Equal(t, test.requests, f.count(test.path))
				require.LessOrEqual(t, len(slices.Compact(slices.Clone(f.codes))), 1, "the same code only")
				if test.path == "/CloudSign" {
					require.ErrorContains(t, out[0].Err, "left behind")
				}
			})
		}
	}
}

func TestOverloaded(t *testing.T) {
	for path, requests := range map[string]int{"/CloudSign": 1, "/CloudSignResult": 4, "/CloudSignConfirm": 1, "/CloudSignConfirmResult": 4} {
		f := newFake(t)
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != path {
				return false
			}
			refuse(w, 503, "Http.ServiceUnavailable", "later")
			return true
		}
		out := f.client(f.config()).Sign(t.Context(), one())
		require.ErrorIs(t, out[0].Err, sign.ErrUnavailable, path)
		require.Equal(t, requests, f.count(path), path)
	}
}

// TestWrongSignatures has the service answer what must not be handed out.
func TestWrongSignatures(t *testing.T) {
	f := newFake(t)
	other := softSigner(t, testpki.New(t).Leaf(testpki.P256))
	foreign := func(options cades.Options, s *sign.Signer, data string) []byte {
		out, err := cades.Sign(t.Context(), s, sign.Bytes("", []byte(data)), &options)
		require.NoError(t, err)
		return out
	}
	contents, data := contentsOf(3, 10)
	swap := func(s [][]byte) [][]byte { s[0], s[1] = s[1], s[0]; return s }
	first := func(b []byte) func(s [][]byte) [][]byte {
		return func(s [][]byte) [][]byte { s[0] = b; return s }
	}
	for name, test := range map[string]struct {
		bend func([][]byte) [][]byte
		bad  []int
		text string
	}{
		"swapped":    {swap, []int{0, 1}, "another content"},
		"repeated":   {func(s [][]byte) [][]byte { s[2] = s[1]; return s }, []int{2}, "another content"},
		"foreign":    {first(foreign(cades.Options{}, other, string(data[0]))), []int{0}, "another certificate"},
		"attached":   {first(foreign(cades.Options{Attached: true}, f.signer, string(data[0]))), []int{0}, "detached"},
		"empty":      {first([]byte{}), []int{0}, "no signature"},
		"missing":    {first(nil), []int{0}, "no signature"},
		"no CMS":     {first([]byte("<html>")), []int{0}, "no CMS"},
		"trailing":   {func(s [][]byte) [][]byte { s[0] = append(s[0], 1); return s }, []int{0}, "octets follow"},
		"broken":     {func(s [][]byte) [][]byte { s[0][len(s[0])-1] ^= 1; return s }, []int{0}, ""},
		"too few":    {func(s [][]byte) [][]byte { return s[:2] }, []int{0, 1, 2}, "2 signatures for 3"},
		"too many":   {func(s [][]byte) [][]byte { return append(s, s[0]) }, []int{0, 1, 2}, "4 signatures for 3"},
		"none":       {func([][]byte) [][]byte { return nil }, []int{0, 1, 2}, "0 signatures for 3"},
		"other hash": {first(foreign(cades.Options{}, f.signer, "other")), []int{0}, "another content"},
	} {
		for _, how := range []string{"chain", "thumbprint", "phone", "reference"} {
			t.Run(name+" "+how, func(t *testing.T) {
				f.bend = test.bend
				c := f.config()
				c.OnPhone, c.Reference = how == "phone", how == "reference"
				if how == "thumbprint" {
					c.Chain, c.Thumbprint = nil, sign.Thumbprint(f.chain[0])
				}
				out := f.client(c).Sign(t.Context(), contents)
				for i, o := range out {
					if !slices.Contains(test.bad, i) {
						require.NoError(t, o.Err)
						f.verified(o.Signature, data[i])
						continue
					}
					require.Error(t, o.Err)
					require.True(t, sign.IsKeyError(o.Err), "a service that does this is not gone on with: %v", o.Err)
					text := strings.Replace(test.text, "signatures for", "results for", 1)
					require.True(t, strings.Contains(o.Err.Error(), test.text) || strings.Contains(o.Err.Error(), text), o.Err.Error())
					require.Nil(t, o.Signature)
				}
			})
		}
	}
}

func TestTwoCertificatesInOneOperation(t *testing.T) {
	f := newFake(t)
	other := softSigner(t, testpki.New(t).Leaf(testpki.P256))
	contents, data := contentsOf(2, 10)
	f.bend = func(s [][]byte) [][]byte {
		s[1], _ = cades.Sign(context.Background(), other, sign.Bytes("", data[1]), &cades.Options{})
		return s
	}
	c := f.config()
	c.Chain = nil
	out := f.client(c).Sign(t.Context(), contents)
	require.NoError(t, out[0].Err)
	require.ErrorIs(t, out[1].Err, errOtherCertificate)
}

func TestBadAnswers(t *testing.T) {
	write := func(status int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status); _, _ = io.WriteString(w, body) }
	}
	for name, respond := range map[string]func(w http.ResponseWriter){
		"HTML":       write(200, "<html><body>proxy</body></html>"),
		"empty":      write(200, ""),
		"no fields":  write(200, "{}"),
		"two values": write(200, `{"TaskId":"a","Token":"a"}{}`),
		"array":      write(200, "[]"),
		"202":        write(202, `{"TaskId":"a"}`),
		"500 HTML":   write(500, "<html>token</html>"),
		"redirect": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"huge": func(w http.ResponseWriter) {
			for range 1 << 20 {
				if _, err := w.Write(make([]byte, 1<<14)); err != nil {
					return
				}
			}
		},
		"huge by its length": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "1000000000000") },
	} {
		for _, path := range []string{"/CloudSign", "/CloudSignResult", "/CloudSignConfirm", "/CloudSignConfirmResult", "/ShelfUploadPartInit", "/ShelfUploadPart", "/DssSignResult"} {
			t.Run(name+path, func(t *testing.T) {
				f := newFake(t)
				f.before = func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != path {
						return false
					}
					_, _ = io.Copy(io.Discard, r.Body) // else closing the connection takes the server half a second
					respond(w)
					return true
				}
				c := f.config()
				c.OnPhone = path == "/DssSignResult"
				if strings.HasPrefix(path, "/Shelf") {
					c.Inline = -1
				}
				out := f.client(c).Sign(t.Context(), []sign.Content{sign.Bytes("a", make([]byte, 2*partSize))})
				require.Error(t, out[0].Err)
				require.Nil(t, out[0].Signature)
				require.True(t, errors.As(out[0].Err, new(*sign.Error)))
				require.LessOrEqual(t, f.count(path), 2*resends)
			})
		}
	}
}

func Test204OfAStart(t *testing.T) {
	for _, path := range []string{"/CloudSign", "/CloudSignConfirm"} {
		f := newFake(t)
		f.before = func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				w.WriteHeader(http.StatusNoContent)
			}
			return r.URL.Path == path
		}
		out := f.client(f.config()).Sign(t.Context(), one())
		require.ErrorIs(t, out[0].Err, errNoAnswer)
		require.Equal(t, 1, f.count(path))
	}
}

func TestTokenDoesNotFollowRedirects(t *testing.T) {
	var got []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	f := newFake(t)
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		return true
	}
	c := f.config()
	c.HTTP = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	out := f.client(c).Sign(t.Context(), one())
	require.ErrorContains(t, out[0].Err, "redirects")
	require.Empty(t, got)
	require.Nil(t, c.HTTP.CheckRedirect(nil, nil), "the client that was given is not changed")
}

func TestContextEndsEachStep(t *testing.T) {
	for _, path := range []string{"/CloudSign", "/CloudSignResult", "/CloudSignConfirm", "/CloudSignConfirmResult", "code"} {
		t.Run(path, func(t *testing.T) {
			f := newFake(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f.before = func(_ http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != path {
					return false
				}
				cancel()
				_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client is gone
				<-r.Context().Done()               // a service that is slow
				return true
			}
			c := f.config()
			if path == "code" {
				c.Code = func(ctx context.Context, _ Challenge) (sign.Secret, error) {
					cancel()
					return sign.Secret{}, ctx.Err()
				}
			}
			out := f.client(c).Sign(ctx, one())
			require.ErrorIs(t, out[0].Err, context.Canceled)
			require.False(t, sign.IsKeyError(out[0].Err))
		})
	}
	require.ErrorIs(t, sleep(cancelled(t), time.Hour), context.Canceled)
	require.NoError(t, sleep(t.Context(), 0))
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		class  error
	}{
		{403, codeDenied, sign.ErrKeyNotFound}, {404, codeNoCert, sign.ErrKeyNotFound}, {400, "", sign.ErrInput}, {413, "", sign.ErrInput},
		{401, "", sign.ErrPIN}, {500, "", sign.ErrUnavailable}, {429, "", sign.ErrUnavailable}, {409, "Http.Conflict", sign.ErrUnavailable},
	} {
		f := newFake(t)
		f.before = func(w http.ResponseWriter, _ *http.Request) bool {
			refuse(w, test.status, test.code, "no")
			return true
		}
		out := f.client(f.config()).Sign(t.Context(), one())
		require.ErrorIs(t, out[0].Err, test.class)
		require.Len(t, f.requests, 1)
	}
}
