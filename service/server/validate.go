package server

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// checker collects the faults of meaning of a configuration.
type checker struct {
	*Config
	problems *Problems
}

// check finds what cannot work, without opening anything.
func (c *Config) check(p *Problems) {
	k := checker{c, p}
	k.listen()
	k.tls()
	k.stores()
	k.keys()
	k.authorities("sources.timestamp", c.Sources.Timestamp)
	k.revocation("sources.revocation", &c.Sources.Revocation)
	k.auth()
	k.confirm()
	k.rest()
}

// wrong adds a fault at the value of this path, or at what it stands in.
func (k checker) wrong(path, format string, args ...any) {
	line, at := 0, path
	for at != "" && line == 0 {
		line = k.lines[at]
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	k.problems.add(line, path, format, args...)
}

// oneOf refuses a word that is none of these; empty is the default.
func (k checker) oneOf(path, value string, words ...string) {
	if value != "" && !slices.Contains(words, value) {
		k.wrong(path, "%s is not known%s", shown(value), nearest(value, words))
	}
}

func (k checker) listen() {
	var seen []Address
	for i, a := range k.Listen.Addresses {
		path := fmt.Sprintf("listen.addresses[%d]", i)
		if err := a.check(); err != nil {
			k.wrong(path, "%s", err)
			continue
		}
		if at := slices.IndexFunc(seen, a.takes); at >= 0 && seen[at] == a {
			k.wrong(path, "%s is given twice; remove one", a)
		} else if at >= 0 {
			k.wrong(path, "%s is taken by %s already; remove one", a, seen[at])
		}
		seen = append(seen, a)
		// A token that crosses a network in the clear is everybody's.
		if !a.Loopback() && k.TLS.Certificate == "" && !k.Listen.Plain {
			k.wrong(path, "%s is reached by others, and without tls everybody on the way can read their tokens; add tls, listen on 127.0.0.1, or say plain: true when a proxy in front has TLS", a)
		}
	}
	if mode := k.Listen.SocketMode; mode != "" {
		if n, err := strconv.ParseUint(mode, 8, 32); err != nil || n > 0o777 {
			k.wrong("listen.socket-mode", "%s is no mode; write it in octal, as in 0660", shown(mode))
		}
	}
	if m := k.Metrics.Listen; m != "" {
		if err := m.check(); err != nil {
			k.wrong("metrics.listen", "%s", err)
		} else if slices.ContainsFunc(seen, m.takes) || len(seen) == 0 && m.takes(DefaultAddress) {
			k.wrong("metrics.listen", "%s is an address of the service itself; callers would see the names of all keys; give metrics one of their own", m)
		}
	}
}

func (k checker) tls() {
	t := &k.TLS
	if t.Certificate == "" && *t != (TLS{}) {
		k.wrong("tls", "there is no certificate; add certificate: FILE (PEM) and key: FILE")
	}
	k.oneOf("tls.client-auth", t.ClientAuth, "none", "request", "require")
	k.oneOf("tls.min-version", t.MinVersion, "1.2", "1.3")
	switch {
	case t.ClientCA == "" && (t.ClientAuth == "request" || t.ClientAuth == "require"):
		k.wrong("tls.client-auth", "which certificates are good? Add client-ca: FILE with the authorities of clients (PEM)")
	case t.ClientCA != "" && t.ClientAuth == "none":
		k.wrong("tls.client-ca", "is not used with client-auth: none; remove one of the two")
	}
}

func (k checker) stores() {
	seen := map[string]bool{}
	for i := range k.Stores {
		s, path := &k.Stores[i], fmt.Sprintf("stores[%d]", i)
		switch {
		case s.Name == "":
			k.wrong(path, "the store has no name; add name: NAME, by which keys refer to it")
		case seen[s.Name]:
			k.wrong(path+".name", "there are two stores %s; give one another name", shown(s.Name))
		}
		seen[s.Name] = true
		switch {
		case s.File == "" && len(s.Token) == 0:
			k.wrong(path, "where are its keys? Add file: PATH (PKCS #12 or PEM), or token: with a pkcs11: URI")
		case s.File != "" && len(s.Token) != 0:
			k.wrong(path, "it has a file and a token; make two stores of it")
		case s.File != "" && !s.PIN.IsZero():
			k.wrong(path+".pin", "a PIN is for tokens; a file has a password")
		case s.File != "" && !s.KeyPIN.IsZero():
			k.wrong(path+".key-pin", "a PIN is for tokens; a file has a password")
		case s.File != "" && (s.Sessions != 0 || s.Recover != 0):
			k.wrong(path, "sessions and recover are for tokens; remove them")
		case len(s.Token) != 0 && !s.Password.IsZero():
			k.wrong(path+".password", "a password is for files; a token has a pin")
		}
		for j, uri := range s.Token {
			at := fmt.Sprintf("%s.token[%d]", path, j)
			if _, ok := k.lines[at]; !ok {
				at = path + ".token"
			}
			k.token(at, uri, s)
		}
	}
	if len(k.Stores) == 0 {
		k.wrong("stores", "there is no store of keys; add one with name: and file: or token:")
	}
}

// token checks a URI. It never repeats it: there may be a PIN in it.
func (k checker) token(path, uri string, s *Store) {
	u, err := pkcs11.ParseURI(uri)
	switch {
	case strings.Contains(strings.ToLower(uri), "pin-value"):
		k.wrong(path, "a PIN does not stand in a configuration file itself; take pin-value out and add pin: (or key-pin:) file:PATH or env:NAME")
	case err != nil:
		k.wrong(path, "%s", err)
	case u.ModulePath == "" && u.ModuleName == "":
		k.wrong(path, "it does not say which module; put the path of the vendor's PKCS #11 library at its end: ?module-path=/path/to/library.so")
	case u.PINSource != "" && !s.PIN.IsZero():
		k.wrong(path, "it says where the PIN is (pin-source), and so does pin; remove one")
	case u.KeyPINSource != "" && !s.KeyPIN.IsZero():
		k.wrong(path, "it says where the PIN of the key is (x-key-pin-source), and so does key-pin; remove one")
	}
}

var keyName = regexp.MustCompile(`^[\pL\pN]([\pL\pN ._@/-]{0,98}[\pL\pN._@/-])?$`)

func (k checker) keys() {
	var stores []string
	for i := range k.Stores {
		stores = append(stores, k.Stores[i].Name)
	}
	seen := map[string]bool{}
	for i := range k.Keys {
		key, path := &k.Keys[i], fmt.Sprintf("keys[%d]", i)
		switch {
		case key.Name == "":
			k.wrong(path, "the key has no name; add name: NAME, for rights and logs")
		case !keyName.MatchString(key.Name):
			k.wrong(path+".name", "%s: names are letters, digits, and ._@/- or spaces between them", shown(key.Name))
		case seen[key.Name]:
			k.wrong(path+".name", "there are two keys %s; give one another name", shown(key.Name))
		}
		seen[key.Name] = true
		switch {
		case key.Store == "":
			k.wrong(path, "where is the key? Add store: with the name of a store")
		case len(stores) != 0 && !slices.Contains(stores, key.Store):
			k.wrong(path+".store", "there is no store %s%s", shown(key.Store), nearest(key.Store, stores))
		}
		k.ref(path, key)
		level, err := parseLevel(key.Level)
		switch {
		case err != nil:
			k.wrong(path+".level", "%s is no level; there are %s", shown(key.Level), listed(levelNames))
		case level > cades.LevelBES && len(key.Timestamp) == 0 && len(k.Sources.Timestamp) == 0:
			k.wrong(path+".level", "%s needs an authority of time-stamps; add timestamp: to the key or to sources", shown(key.Level))
		case level < cades.LevelBES && (len(key.Timestamp) != 0 || key.Revocation != nil):
			k.wrong(path, "PKCS #7 has neither time-stamps nor revocation values; add level: bes or a higher one, or remove timestamp: and revocation:")
		case key.Revocation != nil && len(key.Timestamp) == 0 && len(k.Sources.Timestamp) == 0:
			k.wrong(path+".revocation", "revocation values come with time-stamps; add timestamp: to the key or to sources")
		}
		k.authorities(path+".timestamp", key.Timestamp)
		if key.Revocation != nil {
			k.revocation(path+".revocation", key.Revocation)
		}
	}
	if len(k.Keys) == 0 {
		k.wrong("keys", "there is no key; add one with name: and store:")
	}
}

// ref checks how a key is named in its store.
func (k checker) ref(path string, key *Key) {
	if key.Thumbprint != "" {
		if _, err := sign.ParseThumbprint(key.Thumbprint); err != nil {
			k.wrong(path+".thumbprint", "%s is no thumbprint; it has 40 hexadecimal digits, as signet keys prints it, or 64 of the SHA-256", shown(key.Thumbprint))
		}
	}
	if key.ID != "" {
		if _, err := parseID(key.ID); err != nil {
			k.wrong(path+".id", "%s is no id; write it in hexadecimal, as in 01ab", shown(key.ID))
		}
	}
	if key.Scheme != "" {
		if _, err := schemes.ByName(key.Scheme); err != nil {
			k.wrong(path+".scheme", "%s", err)
		}
	}
}

func parseID(text string) ([]byte, error) {
	return hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(text))
}

var dotted = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)

func (k checker) authorities(path string, all []Authority) {
	for i := range all {
		a, at := &all[i], fmt.Sprintf("%s[%d]", path, i)
		k.url(at+".url", a.URL)
		if a.Policy != "" && !dotted.MatchString(a.Policy) {
			k.wrong(at+".policy", "%s is no object identifier; write it as 1.2.643.2", shown(a.Policy))
		}
		k.reach(at, &a.Reach)
	}
}

// reach checks how an authority is reached.
func (k checker) reach(path string, r *Reach) {
	if (r.User == "") != r.Password.IsZero() {
		k.wrong(path, "user and password belong together; add the one that is missing")
	}
	if strings.ContainsRune(r.User, ':') {
		k.wrong(path+".user", "has a colon in it, which HTTP basic authentication has no room for")
	}
	if r.Cert == "" && !r.CertPassword.IsZero() {
		k.wrong(path+".cert-password", "which file is it of? Add cert: FILE, or remove it")
	}
	for name := range r.Headers {
		if !headerName.MatchString(name) {
			k.wrong(path+".headers", "%s is no name of a header", shown(name))
		}
	}
	k.proxy(path, r.Proxy, r.ProxyUser, r.ProxyPassword)
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// proxy checks the address of a proxy. What stands before an @ is a password, perhaps, and not repeated.
func (k checker) proxy(path, proxy, user string, password Secret) {
	if (user == "") != password.IsZero() || user != "" && proxy == "" {
		k.wrong(path, "proxy, proxy-user and proxy-password belong together; add the one that is missing")
	}
	if proxy == "" {
		return
	}
	u, err := url.Parse(proxy)
	switch {
	case err != nil || (&connect.Options{Proxy: u}).Check() != nil:
		k.wrong(path+".proxy", "is no address of a proxy; it begins with http://, https:// or socks5://, and a host follows")
	case u.User != nil:
		k.wrong(path+".proxy", "has a user or password in it; take it out and give it by proxy-user and proxy-password")
	}
}

func (k checker) revocation(path string, r *Revocation) {
	for i, u := range r.Responders {
		k.url(fmt.Sprintf("%s.responders[%d]", path, i), u)
	}
	k.proxy(path, r.Proxy, r.ProxyUser, r.ProxyPassword)
	seen := map[string]bool{}
	for i := range r.Servers {
		server, at := &r.Servers[i], fmt.Sprintf("%s.servers[%d]", path, i)
		k.url(at+".url", server.URL)
		switch u, err := url.Parse(server.URL); {
		case err != nil:
		case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
			k.wrong(at+".url", "has a path; a server is named by scheme and host, as in https://ocsp.example")
		case seen[server.URL]:
			k.wrong(at+".url", "is there twice; remove one")
		}
		seen[server.URL] = true
		k.reach(at, &server.Reach)
	}
}

// url refuses what is no address of a service. What stands before an @ is a password, perhaps, and not repeated.
func (k checker) url(path, text string) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		k.wrong(path, "is missing; add the address, as in https://host.example/path")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		k.wrong(path, "is no address; it begins with https:// or http://, and a host follows")
	case u.User != nil:
		k.wrong(path, "has a user or password in it; take it out and give it by user and password, or by a header")
	}
}

func (k checker) rest() {
	var level slog.Level
	if k.Log.Level != "" && level.UnmarshalText([]byte(k.Log.Level)) != nil {
		k.wrong("log.level", "%s is not known; there are debug, info, warn and error", shown(k.Log.Level))
	}
	k.oneOf("log.format", k.Log.Format, "json", "text")
	k.oneOf("ready", k.Ready, "all", "any")
	k.oneOf("audit.sync", k.Audit.Sync, "none", "interval", "always")
	if k.Audit.Path == "" && k.Audit != (Audit{}) {
		k.wrong("audit", "where is it kept? Add path: FILE, or remove the section")
	}
	if t := &k.Tracing; t.Endpoint != "" {
		k.url("tracing.endpoint", t.Endpoint)
		if t.Sample < 0 || t.Sample > 1 {
			k.wrong("tracing.sample", "is the part of requests that are traced: above 0, and 1 at most")
		}
	} else if t.Sample != 0 || len(t.Headers) != 0 || t.Service != "" {
		k.wrong("tracing", "where do traces go? Add endpoint: http://localhost:4318, or remove the section")
	}
}

var levelNames = []string{"pkcs7", "bes", "t", "lt", "lta", "c", "xlong1", "a"}

// parseLevel is cades.ParseLevel; empty is BES.
func parseLevel(text string) (cades.Level, error) {
	if text == "" {
		return cades.LevelBES, nil
	}
	return cades.ParseLevel(text)
}
