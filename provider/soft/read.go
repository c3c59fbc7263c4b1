package soft

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/keyring"
	"github.com/seed-116355fd/signet/internal/pki"
	"github.com/seed-116355fd/signet/sign"
)

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &sign.Error{Op: "soft: open", Place: path, Class: sign.ErrUnavailable, Err: keyring.Plain(err)}
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, &sign.Error{Op: "soft: open", Place: path, Class: sign.ErrUnavailable, Err: keyring.Plain(err)}
	}
	return data, nil
}

// form is what a file or a DER structure is.
type form int

const (
	formUnknown form = iota
	formPEM
	formPKCS12
	formCertificate
	formPrivateKey // PKCS#8, PKCS#1 or SEC 1
	formEncryptedKey
)

func looksLikeOurs(data []byte) bool { return formOf(data) != formUnknown }

// formOf tells the forms apart by the first elements of the outer SEQUENCE.
func formOf(data []byte) form {
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		if pemOfOurs(data) {
			return formPEM
		}
		return formUnknown
	}
	outer, inner := cryptobyte.String(data), cryptobyte.String(nil)
	if !outer.ReadASN1(&inner, casn1.SEQUENCE) {
		return formOfBER(data)
	}
	if inner.PeekASN1Tag(casn1.INTEGER) {
		var version int64
		if !inner.ReadASN1Integer(&version) {
			return formUnknown
		}
		switch {
		case version == 3 && inner.PeekASN1Tag(casn1.SEQUENCE): // RFC 7292 section 4
			return formPKCS12
		case version <= 1 && inner.PeekASN1Tag(casn1.SEQUENCE), // RFC 5208 section 5, RFC 5958 section 2
			version <= 1 && inner.PeekASN1Tag(casn1.INTEGER),      // RFC 8017 appendix A.1.2
			version == 1 && inner.PeekASN1Tag(casn1.OCTET_STRING): // RFC 5915 section 3
			return formPrivateKey
		}
		return formUnknown
	}
	if !inner.SkipASN1(casn1.SEQUENCE) {
		return formUnknown
	}
	switch {
	case inner.PeekASN1Tag(casn1.OCTET_STRING): // RFC 5208 section 6
		return formEncryptedKey
	case inner.SkipASN1(casn1.SEQUENCE) && inner.PeekASN1Tag(casn1.BIT_STRING) && len(outer) == 0: // RFC 5280 section 4.1
		return formCertificate
	}
	return formUnknown
}

// formOfBER knows PKCS#12, which is the only form here that is written in BER.
func formOfBER(data []byte) form {
	v, err := cms.ReadValue(data)
	if err != nil || v.Tag() != cms.TagSequence {
		return formUnknown
	}
	r := v.Reader()
	first, err := r.Next()
	if err != nil || first.Tag() != cms.TagInteger {
		return formUnknown
	}
	version, err := first.Int()
	second, errSecond := r.Next()
	if err != nil || errSecond != nil || version != 3 || second.Tag() != cms.TagSequence {
		return formUnknown
	}
	return formPKCS12
}

// read takes in one file. Keys and certificates in it that cannot be read are remembered, so that the others are found.
func (l *loader) read(ctx context.Context, file string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(data) > maxFileSize {
		return &sign.Error{Op: "soft: open", Place: file, Class: sign.ErrInput, Hint: fmt.Sprintf("it has more than %d MiB; that is not a file of keys", maxFileSize>>20)}
	}
	limit := l.config.MaxIterations
	if limit <= 0 {
		limit = DefaultMaxIterations
	}
	r := &reader{loader: l, ctx: ctx, file: file, password: asker{ask: l.config.Password, what: file}, limit: limit, left: 4 * limit}
	defer r.wipe()
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // the mark that editors of Windows put in front
	switch formOf(data) {
	case formPEM:
		return r.pem(data)
	case formPKCS12:
		return r.pkcs12(data)
	case formCertificate:
		return r.certificate(data, "", nil)
	case formPrivateKey:
		return r.key(data, "", nil)
	case formEncryptedKey:
		return r.encryptedKey(data, "", nil)
	}
	if len(data) == 0 {
		return &sign.Error{Op: "soft: open", Place: file, Class: sign.ErrUnsupported, Hint: "the file is empty"}
	}
	return &sign.Error{Op: "soft: open", Place: file, Class: sign.ErrUnsupported, Hint: "it is neither PEM nor PKCS#8, PKCS#12 or a certificate in DER"}
}

// reader reads one file.
type reader struct {
	*loader
	ctx      context.Context
	file     string
	password asker
	limit    int // iterations of one derivation
	left     int // iterations of all derivations that this file still may ask for
	keyCount int
	certs    int
	implied  bool     // the empty password was tried, as none was given
	form     [][]byte // the password in the forms of PKCS#12, see forms
}

// wipe overwrites the password when the file has been read.
func (r *reader) wipe() {
	r.password.wipe()
	for _, form := range r.form {
		clear(form)
	}
}

// errPassword says that a password does not decrypt. convertError says what would read a file that this package does not.
var errPassword = errors.New("wrong password, or the file is damaged")

type convertError struct{ what, command string }

func (e *convertError) Error() string {
	return e.what + ", which is not read; convert it: " + e.command
}

// error gives an error its place and class.
func (r *reader) error(err error) error {
	if _, ok := errors.AsType[*sign.Error](err); ok || r.ctx.Err() != nil {
		return err
	}
	if r.implied && errors.Is(err, errPassword) {
		err = ErrNoPassword
	}
	e := &sign.Error{Op: "soft: open", Place: r.file, Class: sign.ErrInput, Err: err}
	convert, isConvert := errors.AsType[*convertError](err)
	parser, isParser := errors.AsType[*parserError](err)
	switch {
	case errors.Is(err, errPassword):
		e.Class, e.Err, e.Hint = sign.ErrPIN, nil, "give the password that the file was made with, or the file is damaged"
	case errors.Is(err, ErrNoPassword):
		e.Class, e.Hint = sign.ErrUnavailable, "set Config.Password"
	case r.password.err != nil && errors.Is(err, r.password.err):
		e.Class = sign.ErrUnavailable
	case isParser:
		e.Class, e.Err, e.Hint = sign.ErrUnsupported, errors.New(parser.what), parser.hint
	case isConvert:
		e.Class, e.Err, e.Hint = sign.ErrUnsupported, errors.New(convert.what), "convert it: "+convert.command
	case errors.Is(err, errUnsupported):
		e.Class = sign.ErrUnsupported
	}
	return e
}

// errUnsupported marks what is valid and not known here.
var errUnsupported = errors.New("not known here")

// key takes a private key in PKCS#8, PKCS#1 or SEC 1.
func (r *reader) key(der []byte, label string, id []byte) error {
	if r.keyCount++; r.keyCount > maxKeys {
		return r.error(fmt.Errorf("it has more than %d keys", maxKeys))
	}
	if key, err := r.parsed(der); key != nil || err != nil {
		if err != nil {
			return r.error(err)
		}
		r.keys = append(r.keys, foundKey{key: key, label: label, file: r.file, id: id})
		return nil
	}
	signer, pss, err := parseKey(der)
	if err != nil {
		return r.error(err)
	}
	r.keys = append(r.keys, foundKey{signer: signer, label: label, file: r.file, id: id, pss: pss})
	return nil
}

// parsed asks the parsers of the caller; nil when none of them knows the kind of key. Older structures than PKCS#8 are not theirs.
func (r *reader) parsed(der []byte) (key sign.Key, err error) {
	defer sign.Recover(&err)
	if _, ok := algorithmOf(der); !ok || len(der) > maxKeySize {
		return nil, nil
	}
	for _, parse := range r.config.Parsers {
		if parse == nil {
			continue
		}
		signer, err := parse(der)
		switch {
		case errors.Is(err, sign.ErrUnsupported):
			continue
		case err != nil:
			return nil, fmt.Errorf("the private key: %w", err)
		}
		return newParsedKey(signer)
	}
	return nil, nil
}

// certificate takes a certificate. One that cannot be read does not stop anything: it may be one of no interest.
func (r *reader) certificate(der []byte, label string, id []byte) error {
	if r.certs++; r.certs > maxCertificates {
		return r.error(fmt.Errorf("it has more than %d certificates", maxCertificates))
	}
	if len(der) > maxCertSize {
		r.skip(errors.New("it is too long"))
		return nil
	}
	c, err := pki.ParseCertificate(der)
	if err != nil {
		r.skip(err)
		return nil
	}
	r.loader.certs = append(r.loader.certs, keyring.Cert{Cert: c.Lenient(), Label: label, ID: id})
	return nil
}

func (r *reader) skip(err error) {
	r.skipped = append(r.skipped, fmt.Sprintf("certificate %d of %s could not be read: %v", r.certs, r.file, err))
}

const (
	oidRSA = "1.2.840.113549.1.1.1"
	oidPSS = "1.2.840.113549.1.1.10"
)

// parseKey reads a private key, and what may be done with it if it is for RSASSA-PSS only.
func parseKey(der []byte) (signer crypto.Signer, pss []sign.Scheme, err error) {
	if len(der) > maxKeySize {
		return nil, nil, fmt.Errorf("the private key has more than %d octets", maxKeySize)
	}
	if id, _ := algorithmOf(der); parserOf(id) != "" {
		// crypto/x509 reads some of them from Go 1.27 on, as keys that have no scheme here.
		return nil, nil, &parserError{"the private key is of " + id.Name(), "set Config.Parsers to " + parserOf(id)}
	}
	var key any
	if algorithm, pkcs1, ok := pssKey(der); ok {
		key, pss, err = parsePSS(algorithm, pkcs1)
	} else if key, err = x509.ParsePKCS8PrivateKey(der); err != nil {
		// The standard library names the right parser in its error; the label of a PEM block may be wrong.
		switch s := err.Error(); {
		case strings.Contains(s, "ParsePKCS1PrivateKey"):
			key, err = x509.ParsePKCS1PrivateKey(der)
		case strings.Contains(s, "ParseECPrivateKey"):
			key, err = x509.ParseECPrivateKey(der)
		}
	}
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "unknown algorithm"), strings.Contains(err.Error(), "unknown elliptic curve"):
		return nil, nil, fmt.Errorf("the private key: %w: %w", err, errUnsupported)
	default:
		return nil, nil, fmt.Errorf("the private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("a %T cannot sign: %w", key, errUnsupported)
	}
	if err := checkStandard(signer); err != nil {
		return nil, nil, fmt.Errorf("the private key: %w", err)
	}
	return signer, pss, nil
}

// parserError says that a key is of a kind that a parser of the caller reads.
type parserError struct{ what, hint string }

func (e *parserError) Error() string { return e.what + ", which a parser reads: " + e.hint }

// parserOf says who reads a kind of key, or is empty.
func parserOf(id cms.OID) string {
	switch id {
	case cms.OIDMLDSA44, cms.OIDMLDSA65, cms.OIDMLDSA87:
		return "mldsa.Parse of package mldsa"
	case cms.OIDGOST256, cms.OIDGOST512:
		return "gost.Parse of package gost"
	}
	return ""
}

// algorithmOf returns the algorithm of a PKCS#8 structure; ok is false when it is none, such as PKCS#1.
func algorithmOf(der []byte) (id cms.OID, ok bool) {
	s, oid := cryptobyte.String(der), cryptobyte.String(nil)
	var version int64
	ok = s.ReadASN1(&s, casn1.SEQUENCE) && s.ReadASN1Integer(&version) && s.ReadASN1(&s, casn1.SEQUENCE) && s.ReadASN1(&oid, casn1.OBJECT_IDENTIFIER)
	return cms.OID(oid), ok
}

// pssKey returns the AlgorithmIdentifier and the RSAPrivateKey of a PKCS#8 structure under id-RSASSA-PSS (RFC 4055 section
// 1.2), which the standard library does not know.
func pssKey(der []byte) (algorithm, key cryptobyte.String, ok bool) {
	s, inner, fields := cryptobyte.String(der), cryptobyte.String(nil), cryptobyte.String(nil)
	var version int64
	var oid asn1.ObjectIdentifier
	ok = s.ReadASN1(&inner, casn1.SEQUENCE) && inner.ReadASN1Integer(&version) && inner.ReadASN1Element(&algorithm, casn1.SEQUENCE)
	fields = algorithm
	ok = ok && fields.ReadASN1(&fields, casn1.SEQUENCE) && fields.ReadASN1ObjectIdentifier(&oid) && oid.String() == oidPSS &&
		inner.ReadASN1(&key, casn1.OCTET_STRING)
	return algorithm, key, ok
}

// parsePSS reads a key that is for RSASSA-PSS only. One that is for a hash or a mask that is not known is not taken: what it
// would sign by others is refused by those who check.
func parsePSS(algorithm, pkcs1 []byte) (*rsa.PrivateKey, []sign.Scheme, error) {
	key, err := x509.ParsePKCS1PrivateKey(pkcs1)
	if err != nil {
		return nil, nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(algorithm)
		b.AddASN1BitString(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	})
	spki, err := b.Bytes()
	if err != nil {
		return nil, nil, err
	}
	schemes, err := sign.SchemesOf(spki)
	if errors.Is(err, sign.ErrUnsupported) {
		return nil, nil, fmt.Errorf("%w: %w", err, errUnsupported)
	}
	return key, schemes, err
}

// pemOfOurs reports whether a PEM file has a private key or a certificate in it.
func pemOfOurs(data []byte) bool {
	for _, line := range bytes.Split(data, []byte("-----BEGIN "))[1:] {
		label, _, _ := bytes.Cut(line, []byte("-----"))
		if bytes.HasSuffix(label, []byte("PRIVATE KEY")) || bytes.HasSuffix(label, []byte("CERTIFICATE")) {
			return true
		}
	}
	return false
}

// pem takes the blocks of a PEM file.
func (r *reader) pem(data []byte) error {
	keys := len(r.keys)
	var first error
	begun, read := bytes.Count(data, []byte("-----BEGIN ")), 0
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		read++
		if err := r.block(block); err != nil {
			if first == nil {
				first = err
			}
			if r.keyCount > maxKeys || r.certs > maxCertificates || r.ctx.Err() != nil {
				return err
			}
			r.failures = append(r.failures, err)
		}
	}
	// encoding/pem leaves out blocks that it cannot read.
	if read < begun && len(r.keys) == keys && first == nil {
		return r.error(fmt.Errorf("%d of %d PEM blocks are damaged", begun-read, begun))
	}
	return nil
}

func (r *reader) block(block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		return r.certificate(block.Bytes, "", nil)
	case "TRUSTED CERTIFICATE": // of OpenSSL: the certificate, then its uses
		s, der := cryptobyte.String(block.Bytes), cryptobyte.String(nil)
		if !s.ReadASN1Element(&der, casn1.SEQUENCE) {
			der = cryptobyte.String(block.Bytes)
		}
		return r.certificate(der, "", nil)
	case "ENCRYPTED PRIVATE KEY":
		return r.encryptedKey(block.Bytes, "", nil)
	case "OPENSSH PRIVATE KEY":
		return r.error(&convertError{"it is a key of OpenSSH", "ssh-keygen -p -m PKCS8 -f FILE"})
	}
	if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil
	}
	if block.Headers["DEK-Info"] != "" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		// One MD5 without iterations makes the key of RFC 1423 from the password.
		return r.error(&convertError{"it is encrypted as PEM of RFC 1423 (DEK-Info)", convertPKCS8})
	}
	if block.Type == "DSA PRIVATE KEY" {
		return r.error(fmt.Errorf("a DSA key: %w", errUnsupported))
	}
	return r.key(block.Bytes, "", nil)
}
