package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/seed-116355fd/signet/provider/pkcs11/internal/p11"
	"github.com/seed-116355fd/signet/sign"
)

const maxURI = 64 << 10 // octets

// URI is a PKCS #11 URI (RFC 7512) in parts. What is empty was not there.
type URI struct {
	Token, Manufacturer, Serial, Model                      string
	SlotID                                                  *uint
	SlotDescription, SlotManufacturer                       string
	LibraryManufacturer, LibraryDescription, LibraryVersion string
	Object                                                  string
	ID                                                      []byte
	Type                                                    string // private, public, cert, secret-key, data
	ModulePath, ModuleName                                  string
	PINSource                                               string // a file; without "file:"
	PINValue                                                sign.Secret
	// Of this library: x-key-pin-source and x-key-pin-value, as the two before, of Config.KeyPIN; x-init-args, pReserved of
	// C_Initialize.
	KeyPINSource string
	KeyPINValue  sign.Secret
	InitArgs     string
}

// String is the URI without the PIN.
func (u URI) String() string {
	var path, query []string
	add := func(list *[]string, name, value string) {
		if value != "" {
			*list = append(*list, name+"="+escape(value))
		}
	}
	add(&path, "token", u.Token)
	add(&path, "manufacturer", u.Manufacturer)
	add(&path, "serial", u.Serial)
	add(&path, "model", u.Model)
	if u.SlotID != nil {
		add(&path, "slot-id", strconv.FormatUint(uint64(*u.SlotID), 10))
	}
	add(&path, "slot-description", u.SlotDescription)
	add(&path, "slot-manufacturer", u.SlotManufacturer)
	add(&path, "library-manufacturer", u.LibraryManufacturer)
	add(&path, "library-description", u.LibraryDescription)
	add(&path, "library-version", u.LibraryVersion)
	add(&path, "object", u.Object)
	add(&path, "type", u.Type)
	if len(u.ID) != 0 {
		// All octets escaped, as section 2.3 recommends.
		id := ""
		for _, b := range u.ID {
			id += fmt.Sprintf("%%%02X", b)
		}
		path = append(path, "id="+id)
	}
	add(&query, "module-path", u.ModulePath)
	add(&query, "module-name", u.ModuleName)
	add(&query, "pin-source", u.PINSource)
	add(&query, "x-key-pin-source", u.KeyPINSource)
	add(&query, "x-init-args", u.InitArgs)
	text := "pkcs11:" + strings.Join(path, ";")
	if len(query) != 0 {
		text += "?" + strings.Join(query, "&")
	}
	return text
}

// escape leaves what section 2.3 allows in every attribute.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~:/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// ParseURI reads a URI. Attributes that are unknown, given twice or not well formed are errors, which never repeat a
// value; vendors' attributes (x-…) are passed over, unless they have pin in their name. A value that holds another attribute, behind a wrong separator, is an
// error too: it could be the PIN, which names of tokens and files would carry into messages.
func ParseURI(text string) (URI, error) {
	var u URI
	rest, ok := cutScheme(text)
	if !ok || len(text) > maxURI {
		return u, badURI("", "begin with pkcs11:")
	}
	path, query, _ := strings.Cut(rest, "?")
	seen := map[string]bool{}
	for _, part := range split(path, ";") {
		if err := u.attribute(part, seen, u.pathAttribute); err != nil {
			return URI{}, err
		}
	}
	for _, part := range split(query, "&") {
		if err := u.attribute(part, seen, u.queryAttribute); err != nil {
			return URI{}, err
		}
	}
	if u.PINSource != "" && u.PINValue.Len() != 0 {
		return URI{}, badURI("pin-value", "give it or pin-source, not both")
	}
	if u.KeyPINSource != "" && u.KeyPINValue.Len() != 0 {
		return URI{}, badURI("x-key-pin-value", "give it or x-key-pin-source, not both")
	}
	return u, nil
}

// IsURI reports whether a text looks like a PKCS #11 URI.
func IsURI(text string) bool {
	_, ok := cutScheme(text)
	return ok
}

func cutScheme(text string) (string, bool) {
	const scheme = "pkcs11:"
	if len(text) < len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		return "", false
	}
	return text[len(scheme):], true
}

func split(s, separator string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, separator)
}

func badURI(name, hint string) error {
	e := &sign.Error{Op: "pkcs11: URI", Class: sign.ErrInput, Hint: hint}
	if name != "" {
		e.Place = "attribute " + strconv.Quote(name)
	}
	return e
}

func (u *URI) attribute(part string, seen map[string]bool, set func(name, value string) error) error {
	name, raw, ok := strings.Cut(part, "=")
	if !ok || name == "" {
		return badURI("", "each attribute is name=value, with ; between those before the ? and & between those after it")
	}
	if len(name) > 40 {
		return badURI(name[:40], "there is no such attribute")
	}
	if seen[name] {
		return badURI(name, "it is there twice")
	}
	seen[name] = true
	if holdsAttribute(raw) {
		return badURI(name, "another attribute stands in its value; between those before the ? stands ;, between those after it &")
	}
	value, err := url.PathUnescape(raw)
	if err != nil {
		return badURI(name, "its value is not well percent-encoded; a % that is meant as such is %25")
	}
	return set(name, value)
}

var attributeNames = []string{
	"token", "manufacturer", "serial", "model", "slot-id", "slot-description", "slot-manufacturer", "library-manufacturer",
	"library-description", "library-version", "object", "id", "type", "module-path", "module-name", "pin-source", "pin-value",
	"x-key-pin-source", "x-key-pin-value", "x-init-args", "pin", "x-pin", "x-key-pin", // the last three are slips
}

// holdsAttribute reports whether NAME= of an attribute stands in a raw value, behind something that people take for the
// separator. Behind anything in the case of a PIN.
func holdsAttribute(raw string) bool {
	raw = strings.ToLower(raw)
	if strings.Contains(raw, "pin-value=") {
		return true
	}
	for i := range len(raw) {
		if strings.IndexByte(";&?,| \t\r\n", raw[i]) < 0 {
			continue
		}
		rest := strings.TrimLeft(raw[i+1:], " ")
		for _, name := range attributeNames {
			if strings.HasPrefix(rest, name+"=") {
				return true
			}
		}
	}
	return false
}

func (u *URI) pathAttribute(name, value string) error {
	switch name {
	case "token":
		u.Token = value
	case "manufacturer":
		u.Manufacturer = value
	case "serial":
		u.Serial = value
	case "model":
		u.Model = value
	case "slot-description":
		u.SlotDescription = value
	case "slot-manufacturer":
		u.SlotManufacturer = value
	case "library-manufacturer":
		u.LibraryManufacturer = value
	case "library-description":
		u.LibraryDescription = value
	case "library-version":
		u.LibraryVersion = value
	case "object":
		u.Object = value
	case "id":
		u.ID = []byte(value)
	case "slot-id":
		n, err := strconv.ParseUint(value, 10, strconv.IntSize)
		if err != nil {
			return badURI(name, "it must be a decimal number")
		}
		slot := uint(n)
		u.SlotID = &slot
	case "type":
		switch value {
		case "private", "public", "cert", "secret-key", "data":
			u.Type = value
		default:
			return badURI(name, "it must be private, public, cert, secret-key or data")
		}
	case "pin-value", "pin-source", "x-key-pin-value", "x-key-pin-source", "module-path", "module-name":
		return badURI(name, "it belongs after the ?")
	default:
		return unknown(name)
	}
	return nil
}

func (u *URI) queryAttribute(name, value string) error {
	switch name {
	case "module-path":
		u.ModulePath = value
	case "module-name":
		if strings.ContainsAny(value, "/\\") {
			return badURI(name, "it is a name without folders; use module-path for a path")
		}
		u.ModuleName = value
	case "pin-value", "x-key-pin-value":
		if value == "" {
			return badURI(name, "it is empty; leave it out, or give the PIN")
		}
		pin := &u.PINValue
		if name != "pin-value" {
			pin = &u.KeyPINValue
		}
		*pin = sign.NewSecret([]byte(value))
	case "pin-source", "x-key-pin-source":
		source := &u.PINSource
		if name != "pin-source" {
			source = &u.KeyPINSource
		}
		var err error
		if *source, err = pinFile(name, value); err != nil {
			return err
		}
	case "x-init-args":
		u.InitArgs = value
	default:
		return unknown(name)
	}
	return nil
}

// pinFile is the file that a source of a PIN names, by its path or as a URI.
func pinFile(name, value string) (string, error) {
	if strings.HasPrefix(value, "|") {
		return "", badURI(name, "commands are not run; give a file")
	}
	file, isFile := strings.CutPrefix(value, "file:")
	if isFile && strings.HasPrefix(file, "//") {
		// file://host/path of RFC 8089: only this host will do.
		host, path, _ := strings.Cut(file[2:], "/")
		if host != "" && host != "localhost" {
			return "", badURI(name, "the file must be on this host")
		}
		file = "/" + path
	}
	if isFile {
		file = withoutSlash(runtime.GOOS, file)
	}
	switch {
	case file == "":
		return "", badURI(name, "it names no file")
	case !isFile && strings.Contains(file, "://"):
		return "", badURI(name, "only files are read")
	}
	return file, nil
}

// withoutSlash is the path of a file: URI on Windows, where file:///C:/pin means C:/pin (RFC 8089 appendix E.2).
func withoutSlash(goos, file string) string {
	if goos == "windows" && len(file) > 2 && file[0] == '/' && file[2] == ':' {
		return file[1:]
	}
	return file
}

// unknown refuses what could narrow the meaning, and passes over what vendors have (section 2.3), but for PINs: x-key-pin-source with
// a slip in it would have the key be given the PIN of the token, which costs one of its tries.
func unknown(name string) error {
	if strings.HasPrefix(name, "x-") && !strings.Contains(strings.ToLower(name), "pin") {
		return nil
	}
	return badURI(name, "there is no such attribute")
}

// Ref is the key that the URI names.
func (u URI) Ref() sign.Ref { return sign.Ref{ID: u.ID, Label: u.Object} }

// Config adds to a config what the URI says. PINs of the URI go before those of the config. When neither names a module, it is
// [DefaultModule], which may be empty.
func (u URI) Config(config Config) (Config, error) {
	for _, f := range []struct {
		dst   *string
		value string
	}{
		{&config.TokenLabel, u.Token}, {&config.TokenSerial, u.Serial}, {&config.TokenManufacturer, u.Manufacturer}, {&config.TokenModel, u.Model},
		{&config.SlotDescription, u.SlotDescription}, {&config.SlotManufacturer, u.SlotManufacturer}, {&config.InitArgs, u.InitArgs},
		{&config.library.Manufacturer, u.LibraryManufacturer}, {&config.library.Library, u.LibraryDescription}, {&config.library.LibraryVersion, u.LibraryVersion},
	} {
		if f.value != "" {
			*f.dst = f.value
		}
	}
	if u.SlotID != nil {
		config.Slot = u.SlotID
	}
	for _, f := range []struct {
		dst   *PINFunc
		value sign.Secret
		file  string
	}{{&config.PIN, u.PINValue, u.PINSource}, {&config.KeyPIN, u.KeyPINValue, u.KeyPINSource}} {
		switch {
		case f.value.Len() != 0:
			*f.dst = PIN(f.value)
		case f.file != "":
			*f.dst = PINFile(f.file)
		}
	}
	switch {
	case u.ModulePath != "":
		config.Module = u.ModulePath
	case u.ModuleName != "":
		path, err := moduleByName(u.ModuleName)
		if err != nil {
			return config, err
		}
		config.Module = path
	case config.Module == "":
		config.Module = DefaultModule()
	}
	if u.Type != "" && u.Type != "private" && u.Type != "cert" && u.Type != "public" {
		return config, badURI("type", "only a key pair can sign: leave it out, or say private")
	}
	return config, nil
}

// moduleByName finds the file of module-name.
func moduleByName(name string) (string, error) {
	for _, folder := range moduleFolders(runtime.GOOS, os.Getenv) {
		for _, file := range moduleFiles(runtime.GOOS, name) {
			pattern := filepath.Join(folder, globQuote(file))
			matches, err := filepath.Glob(pattern)
			if err != nil {
				continue
			}
			for _, match := range matches {
				if info, err := os.Stat(match); err == nil && info.Mode().IsRegular() {
					return match, nil
				}
			}
		}
	}
	return "", &sign.Error{Op: "pkcs11: URI", Place: "module-name " + strconv.Quote(name), Class: sign.ErrUnavailable,
		Err: errors.New("no module of this name in the usual folders"), Hint: "give its path by module-path"}
}

// OpenURI opens the token that a URI names, and returns the reference to the key that it names, which is zero when it
// names none. The config gives what the URI does not say.
//
//	keys, ref, err := pkcs11.OpenURI(ctx, "pkcs11:token=seal;object=seal?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/pin", pkcs11.Config{})
//	signer, err := sign.Open(ctx, keys, ref)
func OpenURI(ctx context.Context, uri string, config Config) (*Provider, sign.Ref, error) {
	u, err := ParseURI(uri)
	if err != nil {
		return nil, sign.Ref{}, err
	}
	if config, err = u.Config(config); err != nil {
		return nil, sign.Ref{}, err
	}
	if config.Module == "" {
		return nil, sign.Ref{}, badURI("module-path", noModule(runtime.GOOS))
	}
	p, err := Open(ctx, config)
	if err != nil {
		return nil, sign.Ref{}, err
	}
	return p, u.Ref(), nil
}

// checkLibrary compares what a URI says of the module.
func (c *Config) checkLibrary(m *p11.Module) error {
	want := c.library
	if want == (p11.Info{}) {
		return nil
	}
	is, err := m.Info()
	if err != nil {
		return wrap("pkcs11: open", c.Module, err)
	}
	if (want.Manufacturer != "" && want.Manufacturer != is.Manufacturer) || (want.Library != "" && want.Library != is.Library) ||
		(want.LibraryVersion != "" && want.LibraryVersion != is.LibraryVersion && want.LibraryVersion+".0" != is.LibraryVersion) {
		return &sign.Error{Op: "pkcs11: open", Place: c.Module, Class: sign.ErrKeyNotFound,
			Hint: fmt.Sprintf("the module is %q of %q, version %s, and not the one of the URI", is.Library, is.Manufacturer, is.LibraryVersion)}
	}
	return nil
}
