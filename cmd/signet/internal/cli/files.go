package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// cause takes operation and path out of an error of package os, which the message around it says already.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &renamed{"there is no such file", err}
	case errors.Is(err, fs.ErrPermission):
		return &renamed{"no permission to read it", err}
	}
	return err
}

// renamed is an error with other words.
type renamed struct {
	text string
	err  error
}

func (e *renamed) Error() string { return e.text }
func (e *renamed) Unwrap() error { return e.err }

// readSmall reads a file that should not be large.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a folder")
	case info.Size() > limit:
		return nil, fmt.Errorf("it is larger than %d MB", limit>>20)
	}
	return readLimited(f, info.Size(), limit)
}

func readLimited(r io.Reader, expect, limit int64) ([]byte, error) {
	buf := bytes.NewBuffer(make([]byte, 0, expect+bytes.MinRead))
	if _, err := buf.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > limit {
		return nil, fmt.Errorf("it is larger than %d MB", limit>>20)
	}
	return buf.Bytes(), nil
}

// certificatesOf returns the DER of the certificates in a file: those of its PEM blocks, or the file itself.
func certificatesOf(data []byte) [][]byte {
	var all [][]byte
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE":
			all = append(all, block.Bytes)
		}
	}
	if len(all) == 0 && len(data) != 0 && data[0] == 0x30 {
		all = append(all, data)
	}
	return all
}

// unwrap returns the binary form of a signature: out of PEM, out of base64, or as it is.
func unwrap(data []byte) (der []byte, err error) {
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	if data[0] == 0x30 {
		return data, nil
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n")
	if bytes.Contains(text, []byte("-----BEGIN ")) {
		for {
			block, rest := pem.Decode(text)
			if block == nil {
				return nil, errors.New("there is no block of PEM that holds a signature (PKCS7 or CMS)")
			}
			if block.Type == "PKCS7" || block.Type == "CMS" || block.Type == "PKCS #7 SIGNED DATA" {
				return block.Bytes, nil
			}
			text = rest
		}
	}
	if bytes.HasPrefix(text, []byte("MI")) { // how the base64 of a SEQUENCE of some length begins
		der = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(der, []byte(strings.Map(dropSpace, string(text))))
		if err == nil {
			return der[:n], nil
		}
	}
	return nil, errors.New("this is not a signature: neither DER, nor PEM, nor base64 of PKCS #7 / CMS")
}

func dropSpace(r rune) rune {
	if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
		return -1
	}
	return r
}

// plainCause takes operation and path out of an error of package os.
func plainCause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
