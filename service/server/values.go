package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// scalar is a value of its own in a configuration. Dir is what relative paths are relative to.
type scalar interface{ parse(text, dir string) error }

// Path is the path of a file or folder. In a configuration file, it is relative to the folder of that file.
type Path string

func (p *Path) parse(text, dir string) error {
	if text == "" {
		return errors.New("is empty; give a path, or remove the line")
	}
	*p = Path(absolute(expanded(text), dir))
	return nil
}

func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// Size is a number of octets. In a configuration file it is written as 64MiB.
type Size int64

var sizes = regexp.MustCompile(`^([0-9]{1,15})\s*([A-Za-z]*)$`)

var units = map[string]int64{
	"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
}

func (s *Size) parse(text, _ string) error {
	m := sizes.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return fmt.Errorf("%s is no size; write it as 64MiB", shown(text))
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	unit, known := units[strings.ToLower(m[2])]
	if err != nil || !known {
		return fmt.Errorf("%s is no size; write it as 64MiB, with KiB, MiB, GiB, kB, MB or GB", shown(text))
	}
	if n == 0 {
		return errors.New("is 0; leave the line out for the default")
	}
	if n > math.MaxInt64/unit {
		return fmt.Errorf("%s is too large", shown(text))
	}
	*s = Size(n * unit)
	return nil
}

// Secret says where a secret is: "file:PATH" or "env:NAME". It is read when it is needed. The zero value is none.
type Secret struct{ file, env string }

// SecretFile is the secret in a file. One line end after it is not part of it.
func SecretFile(path string) Secret { return Secret{file: path} }

// SecretEnv is the secret in a variable of the environment.
func SecretEnv(name string) Secret { return Secret{env: name} }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// String says where the secret is.
func (s Secret) String() string {
	switch {
	case s.file != "":
		return "file:" + s.file
	case s.env != "":
		return "env:" + s.env
	}
	return ""
}

// parse never repeats the text: it may be the secret itself.
func (s *Secret) parse(text, dir string) error {
	if path, ok := strings.CutPrefix(text, "file:"); ok && path != "" {
		*s = Secret{file: absolute(expanded(path), dir)}
		return nil
	}
	if name, ok := strings.CutPrefix(text, "env:"); ok && name != "" && !strings.ContainsAny(name, "= \t\x00") {
		*s = Secret{env: name}
		return nil
	}
	return errors.New("a secret does not stand in a configuration file itself; put it into a file that only the service can read and write file:PATH, or write env:NAME for a variable of its environment")
}

// credentials is the folder in which systemd puts the credentials of a unit.
const credentials = "${CREDENTIALS_DIRECTORY}"

// expanded replaces the one variable that a path may begin with, since nobody knows its value beforehand.
func expanded(path string) string {
	if rest, ok := strings.CutPrefix(path, credentials); ok {
		if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
			return dir + rest
		}
	}
	return path
}

// maxSecret bounds the octets of a secret.
const maxSecret = 64 << 10

// Read returns the secret. Its errors say where it should be, never what it is.
func (s Secret) Read() (sign.Secret, error) {
	if s.env != "" {
		value, ok := os.LookupEnv(s.env)
		if !ok || value == "" {
			return sign.Secret{}, fmt.Errorf("the variable %s is not set; set it where the service is started", s.env)
		}
		return sign.NewSecret([]byte(value)), nil
	}
	data, err := readSmall(s.file, maxSecret)
	if err != nil {
		return sign.Secret{}, err
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	data = bytes.TrimSuffix(data, []byte("\r"))
	if len(data) == 0 {
		return sign.Secret{}, fmt.Errorf("%s is empty; put the secret into it", s.file)
	}
	return sign.NewSecret(data), nil
}

// ask gives the secret to a provider, each time it asks.
func (s Secret) ask() soft.PasswordFunc {
	if s.IsZero() {
		return nil
	}
	return func(context.Context, string) (sign.Secret, error) { return s.Read() }
}

// exposed reports whether everybody on this machine can read the file of the secret.
func (s Secret) exposed() bool { return s.file != "" && everybodyReads(s.file) }

func everybodyReads(path string) bool {
	info, err := os.Stat(path)
	return runtime.GOOS != "windows" && err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0
}

// readSmall reads a file that has no business to be large. Its errors name the file and say what to do.
func readSmall(path string, most int64) ([]byte, error) {
	// A pipe would keep the service waiting until somebody writes to it.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return nil, fmt.Errorf("%s is no regular file; give one", path)
	}
	f, err := os.Open(path)
	switch {
	case err != nil && strings.Contains(path, credentials):
		return nil, fmt.Errorf("%s is not there, since CREDENTIALS_DIRECTORY is not set; systemd sets it for units with LoadCredential=; elsewhere, set it to the folder with the files", path)
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no file %s", path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("the user of the service may not read %s; change its owner or mode", path)
	case err != nil:
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, and a file is wanted", path)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(&limited{f, most}); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return b.Bytes(), nil
}

// limited fails when there is more than it should be.
type limited struct {
	f    *os.File
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.f.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errors.New("it is too large to be what it should be")
	}
	return n, err
}

// shown quotes a value of a configuration for a person, cut to a size that can be read.
func shown(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}
