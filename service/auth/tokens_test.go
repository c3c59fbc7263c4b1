package auth_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/auth"
)

// request is a request with Authorization headers.
func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v2/sign", http.NoBody)
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return r
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newToken(t testing.TB, path string, token auth.Token) (string, auth.Token) {
	t.Helper()
	if token.Name == "" {
		token.Name = "billing"
	}
	text, stored, err := auth.AddToken(path, token)
	require.NoError(t, err)
	return string(text.Bytes()), stored
}

func TestTokenText(t *testing.T) {
	form := regexp.MustCompile(`^signet_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 200 {
		secret, token, err := auth.NewToken(auth.Token{Name: "a"})
		require.NoError(t, err)
		text := string(secret.Bytes())
		require.Regexp(t, form, text)
		require.Equal(t, token.ID, text[7:17])
		require.False(t, seen[text[18:]])
		seen[text[18:]] = true
		require.NotContains(t, fmt.Sprintf("%v %+v %s", secret, token, secret), text[18:40], "it is not printed by accident")
	}
	for _, bad := range []auth.Token{{}, {Name: "a\nb"}, {Name: "a", Keys: []string{""}}, {Name: "a", Endpoints: []string{"x\x00"}}, {Name: strings.Repeat("a", 201)},
		{Name: "a", Expires: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		_, _, err := auth.NewToken(bad)
		require.Error(t, err, bad)
	}
}

func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	c := newClock()
	text, token := newToken(t, path, auth.Token{Keys: []string{"seal"}, Endpoints: []string{"sign"}, Created: c.Now(), Expires: c.Now().Add(time.Hour)})
	other, _ := newToken(t, path, auth.Token{Name: "other", Keys: []string{"*"}, Endpoints: []string{"*"}})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(data), text[18:30], "the secret is not in the file")

	tokens, err := auth.OpenTokens(path, &auth.TokensOptions{Clock: c.Now})
	require.NoError(t, err)
	for _, header := range []string{"Bearer " + text, "bearer " + text, "BEARER  " + text + " "} {
		p, err := tokens.Authenticate(request(header))
		require.NoError(t, err)
		require.Equal(t, &auth.Principal{Name: "billing", Keys: []string{"seal"}, Endpoints: []string{"sign"}}, p)
		require.True(t, p.MayUse("seal") && p.MayCall("sign"))
		require.False(t, p.MayUse("other") || p.MayCall("verify"))
	}
	p, err := tokens.Authenticate(request("Bearer " + other))
	require.NoError(t, err)
	require.True(t, p.MayUse("anything") && p.MayCall("anything"))
	require.False(t, p.MayCall("operations"), "what others do is for those who are named")
	require.True(t, (&auth.Principal{Endpoints: []string{"*", "operations"}}).MayCall("operations"))

	forged, _, err := auth.NewToken(auth.Token{Name: "x"})
	require.NoError(t, err)
	swapped := "signet_" + token.ID + string(forged.Bytes())[17:]
	for name, header := range map[string]string{
		"unknown":                     "Bearer " + string(forged.Bytes()),
		"one letter wrong":            "Bearer " + text[:30] + flip(text[30]) + text[31:],
		"cut":                         "Bearer " + text[:len(text)-1],
		"longer":                      "Bearer " + text + "A",
		"an id with another's secret": "Bearer " + swapped,
		"two tokens":                  "Bearer " + text + " " + text,
		"with a comma":                "Bearer " + text + "," + text,
		"empty":                       "Bearer ",
		"no space":                    "Bearer",
		"very long":                   "Bearer signet_" + strings.Repeat("a", 1<<20),
		"quoted":                      `Bearer "` + text + `"`,
	} {
		p, err := tokens.Authenticate(request(header))
		require.ErrorIs(t, err, auth.ErrRefused, name)
		require.Nil(t, p, name)
		require.NotContains(t, err.Error(), text[18:30], name)
		require.Less(t, len(err.Error()), 200, name)
	}
	_, err = tokens.Authenticate(request("Bearer "+text, "Bearer "+text))
	require.ErrorIs(t, err, auth.ErrRefused)
	_, err = tokens.Authenticate(request("Bearer " + text[:len(text)-1]))
	require.ErrorContains(t, err, "mistyped")
	for _, header := range []string{"", "Basic " + text, "Bearer eyJ.eyJ.x", text, "DiadocAuth ddauth_token=" + text} {
		_, err := tokens.Authenticate(request(header))
		require.ErrorIs(t, err, auth.ErrNone, header)
	}

	c.pass(time.Hour - 1)
	_, err = tokens.Authenticate(request("Bearer " + text))
	require.NoError(t, err)
	c.pass(1)
	_, err = tokens.Authenticate(request("Bearer " + text))
	require.ErrorIs(t, err, auth.ErrRefused)
	require.ErrorContains(t, err, "expired")
}

func flip(c byte) string {
	if c == 'a' {
		return "b"
	}
	return "a"
}

// TestTokensNoticeChanges: added and revoked tokens count a second later, also when the file keeps its size and its time.
func TestTokensNoticeChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	c := newClock()
	text, token := newToken(t, path, auth.Token{})
	log := &bytes.Buffer{}
	tokens, err := auth.OpenTokens(path, &auth.TokensOptions{Clock: c.Now, Log: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	known := func(text string) bool {
		_, err := tokens.Authenticate(request("Bearer " + text))
		if err != nil {
			require.ErrorIs(t, err, auth.ErrRefused)
		}
		return err == nil
	}
	require.True(t, known(text))
	second, _ := newToken(t, path, auth.Token{})
	require.False(t, known(second), "looked at less than a second ago")
	c.pass(time.Second)
	require.True(t, known(second))
	_, err = auth.RevokeToken(path, token.ID)
	require.NoError(t, err)
	c.pass(time.Second)
	require.False(t, known(text))
	require.True(t, known(second))

	// In place, with the same size and the same time.
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	changed := bytes.Replace(data, []byte(`"name":"billing"`), []byte(`"name":"bilking"`), 1)
	require.NoError(t, os.WriteFile(path, changed, 0o600))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	c.pass(time.Second)
	p, err := tokens.Authenticate(request("Bearer " + second))
	require.NoError(t, err)
	require.Equal(t, "bilking", p.Name)

	// Broken, gone, writable for others: what was read last stays in force, and the log says so, once for each.
	spoil := map[string]func(){
		"line 2":            func() { require.NoError(t, os.WriteFile(path, append(data, "{\n"...), 0o600)) },
		"no such file":      func() { require.NoError(t, os.Remove(path)) },
		"others may write":  func() { require.NoError(t, os.WriteFile(path, data, 0o600)); require.NoError(t, os.Chmod(path, 0o620)) },
		"no regular file":   func() { require.NoError(t, os.Remove(path)); require.NoError(t, os.Mkdir(path, 0o700)) },
		"the same id":       func() { require.NoError(t, os.WriteFile(path, append(data, data...), 0o600)) },
		"larger than 16 MB": func() { require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("#\n"), 9<<20), 0o600)) },
	}
	for says, do := range spoil {
		log.Reset()
		do()
		for range 3 {
			c.pass(time.Second)
			require.True(t, known(second), says)
			require.False(t, known(text), says)
		}
		require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"), "%s: %s", says, log)
		require.Contains(t, log.String(), says)
		require.ErrorContains(t, tokens.Err(), says)
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, os.WriteFile(path, data, 0o600))
		c.pass(time.Second)
		require.True(t, known(second))
		require.NoError(t, tokens.Err(), "mended")
	}
	for _, mode := range []os.FileMode{0o602, 0o600} { // the same file all the time
		require.NoError(t, os.Chmod(path, mode))
		c.pass(time.Second)
		require.True(t, known(second))
		require.Equal(t, mode != 0o600, tokens.Err() != nil)
	}
	_, err = auth.RevokeToken(path, "billing")
	require.NoError(t, err)
	require.NoError(t, tokens.Reload())
	require.False(t, known(second), "at once")
	require.NoError(t, os.Chmod(path, 0o640))
	log.Reset()
	require.NoError(t, tokens.Reload())
	require.NotContains(t, log.String(), "others", "a group may read it: root:signet")
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, tokens.Reload())
	require.Contains(t, log.String(), "others may read", "there is no secret in it")
}

func TestOpenTokensRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := auth.OpenTokens(filepath.Join(dir, "none"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "signet token new")
	path := filepath.Join(dir, "tokens")
	_, token := newToken(t, path, auth.Token{})
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	line := strings.TrimSpace(string(good))
	for says, text := range map[string]string{
		"line 1: it is not a JSON object":      "token",
		"line 3: it is not a JSON object":      "# comment\n\n[]\n",
		"something behind":                     line + " {}",
		`"name" stands there twice`:            strings.Replace(line, `"name"`, `"name":"x","name"`, 1),
		`"Name" is not known`:                  strings.Replace(line, `"name"`, `"Name"`, 1),
		`unknown field "expiry"`:               strings.Replace(line, `"name"`, `"expiry":"2020-01-01T00:00:00Z","name"`, 1),
		"the token has no name":                strings.Replace(line, `"billing"`, `""`, 1),
		"name is of the wrong type":            strings.Replace(line, `"billing"`, `5`, 1),
		"64 hexadecimal digits":                strings.Replace(line, `"sha256":"`, `"sha256":"0`, 1),
		"the id has to be":                     strings.Replace(line, token.ID, "short", 1),
		"lines 1 and 2 have the same id":       line + "\n" + line,
		"expires is not a moment":              strings.Replace(line, `"name"`, `"expires":"0001-01-01T00:00:00Z","name"`, 1),
		"a time is written as":                 strings.Replace(line, `"name"`, `"expires":"tomorrow","name"`, 1),
		"is not the name of a key or endpoint": strings.Replace(line, `"keys":[]`, `"keys":[""]`, 1),
		"longer than 65536 octets":             line + strings.Repeat(" ", 1) + "\n{" + strings.Repeat(" ", 70000) + "}",
		"keys is of the wrong type":            strings.Replace(line, `"keys":[]`, `"keys":"seal"`, 1),
		`line 1: the value of "id"`:            `{"id"`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := auth.OpenTokens(path, nil)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), fmt.Sprintf("%x", token.Hash))
		_, err = auth.ListTokens(path)
		require.ErrorContains(t, err, says)
		_, _, err = auth.AddToken(path, auth.Token{Name: "x"})
		require.ErrorContains(t, err, says, "nothing is written into a broken file")
		_, err = auth.RevokeToken(path, token.ID)
		require.ErrorContains(t, err, says)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(after))
	}
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	tokens, err := auth.OpenTokens(path, nil)
	require.NoError(t, err)
	_, err = tokens.Authenticate(request())
	require.ErrorIs(t, err, auth.ErrNone)
}

func TestTokenFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "tokens")
	require.NoError(t, os.WriteFile(path, []byte("# of the finance department\n"), 0o640)) // as a group reads it
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(path, link))
	_, a := newToken(t, link, auth.Token{Name: "a", Keys: []string{"k1", "k2"}, Endpoints: []string{"sign"}, Created: time.Unix(1e9, 5), Expires: time.Unix(2e9, 5)})
	_, b := newToken(t, path, auth.Token{Name: "b"})
	_, b2 := newToken(t, path, auth.Token{Name: "b"})
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o640, info.Mode().Perm(), "the mode stays")
	target, err := os.Readlink(link)
	require.NoError(t, err, "the link stays a link")
	require.Equal(t, path, target)
	all, err := auth.ListTokens(path)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, a, all[0])
	require.True(t, all[0].Expires.Equal(time.Unix(2e9, 0)))
	require.True(t, all[1].Expires.IsZero())

	_, err = auth.RevokeToken(path, "nobody")
	require.ErrorIs(t, err, auth.ErrNoToken)
	_, err = auth.RevokeToken(path, "b")
	require.ErrorContains(t, err, b.ID)
	require.ErrorContains(t, err, b2.ID)
	gone, err := auth.RevokeToken(path, b.ID)
	require.NoError(t, err)
	require.Equal(t, b.ID, gone.ID)
	_, err = auth.RevokeToken(path, "b")
	require.NoError(t, err)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(data), "# of the finance department\n{"), "what people wrote stays")
	require.Equal(t, 2, strings.Count(string(data), "\n"))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 2, "nothing is left behind")
	_, err = auth.RevokeToken(filepath.Join(dir, "none"), "b")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = os.Stat(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist, "revoking makes no file")
}

// TestTwoWriters: who writes at the same time loses nothing of the others.
func TestTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	var wait sync.WaitGroup
	errs := make(chan error, 64)
	for i := range 8 {
		wait.Go(func() {
			for j := range 4 {
				_, token, err := auth.AddToken(path, auth.Token{Name: fmt.Sprint(i, "-", j)})
				if err == nil && j == 0 {
					_, err = auth.RevokeToken(path, token.ID)
				}
				errs <- err
			}
		})
	}
	wait.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	all, err := auth.ListTokens(path)
	require.NoError(t, err)
	require.Len(t, all, 8*3)
}

func FuzzBearer(f *testing.F) {
	path := filepath.Join(f.TempDir(), "tokens")
	text, _ := newToken(f, path, auth.Token{})
	tokens, err := auth.OpenTokens(path, nil)
	require.NoError(f, err)
	f.Add("Bearer " + text)
	f.Add("bearer signet_")
	f.Add("Bearer a.b.c")
	f.Fuzz(func(t *testing.T, header string) {
		p, err := tokens.Authenticate(request(header))
		if err == nil {
			require.Contains(t, header, text)
			return
		}
		require.Nil(t, p)
		require.True(t, strings.HasPrefix(err.Error(), auth.ErrNone.Error()) || strings.HasPrefix(err.Error(), auth.ErrRefused.Error()))
	})
}
