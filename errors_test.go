package signet_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/cades/validate"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/testlevels"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/provider/cloudsign"
	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/trust"
	"github.com/seed-116355fd/signet/tsp"
)

// failures makes errors of every package, as callers meet them.
type failures struct {
	*testing.T
	pki *testpki.PKI
}

func (f *failures) signer(id testpki.Identity) *sign.Signer {
	key, err := soft.NewKey(id.Key, 0)
	require.NoError(f, err)
	s, err := sign.New(key, id.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
	require.NoError(f, err)
	return s
}

func (f *failures) expired() testpki.Identity {
	return f.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.NotAfter = testpki.Now().Add(-time.Hour) })
}

// sign signs "content", also with what nobody would take.
func (f *failures) sign(id testpki.Identity, o cades.Options) ([]byte, error) {
	o.Clock, o.AnyCertificate = testpki.Now, true
	d, err := cades.Prepare(f.Context(), f.signer(id), sign.Bytes("", []byte("content")), &o)
	require.NoError(f, err)
	signature, err := f.signer(id).Sign(f.Context(), d.ToBeSigned())
	require.NoError(f, err)
	return d.Finish(f.Context(), signature)
}

// verdict is the error of the report on a signature by a certificate.
func (f *failures) verdict(id testpki.Identity, content string, o *cades.VerifyOptions) error {
	der, err := f.sign(id, cades.Options{})
	require.NoError(f, err)
	m, err := cades.Parse(der)
	require.NoError(f, err)
	o.Time = testpki.Now()
	r, err := m.Verify(f.Context(), sign.Digested("", testpki.Must(sign.NewDigest(crypto.SHA256, sum(content)))), o)
	require.NoError(f, err)
	require.Equal(f, r.Trusted(), r.Err() == nil)
	return r.Err()
}

func sum(content string) []byte {
	h := crypto.SHA256.New()
	h.Write([]byte(content))
	return h.Sum(nil)
}

// down is a network without anybody.
type down struct{}

func (down) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.Join(errors.New("no route"), errors.New("to host"))
}

// refusedKey is one whose PIN is wrong.
type refusedKey struct{ sign.Key }

func (refusedKey) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, &sign.Error{Op: "test: key", Class: sign.ErrPIN}
}

// TestErrorsHaveOneShape: whatever package an error is of, it is a *sign.Error of a class, on one line, and says where.
func TestErrorsHaveOneShape(t *testing.T) {
	f := &failures{t, testpki.New(t)}
	leaf, ca := f.pki.Leaf(testpki.P256), f.pki.Authority.Certificate()
	offline := connect.Options{HTTP: &http.Client{Transport: down{}}}
	tsa := testlevels.Authority(t, f.pki, testpki.Now)
	digest := testpki.Must(sign.NewDigest(crypto.SHA256, sum("content")))
	garbage := []byte("this is\nnothing that anybody reads")
	client := func() *tsp.Client {
		c, err := tsp.NewClient(tsp.Config{Endpoints: []tsp.Endpoint{{URL: "http://user:secret@tsa.example/tsr?key=secret"}}, Connect: offline})
		require.NoError(t, err)
		return c
	}
	revoked := func() *revocation.Values {
		l := testpki.RevocationList(t, f.pki.Authority, []*x509.Certificate{leaf.Certificate()})
		return &revocation.Values{CRLs: [][]byte{l}}
	}
	for name, c := range map[string]struct {
		fail    func() error
		op      string
		classes []error
		place   string
	}{
		"sign, another certificate": {func() error {
			_, err := sign.New(f.signer(leaf).Key(), f.pki.Leaf(testpki.P256).Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
			return err
		}, "sign", []error{sign.ErrKeyMismatch}, ""},
		"cades, expired": {func() error {
			_, err := cades.Prepare(t.Context(), f.signer(f.expired()), sign.Bytes("", nil), &cades.Options{Clock: testpki.Now})
			return err
		}, "cades", []error{sign.ErrTime, sign.ErrUnsupported}, "CN="},
		"cades, not for signing": {func() error {
			id := f.pki.Leaf(testpki.P256, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })
			_, err := cades.Prepare(t.Context(), f.signer(id), sign.Bytes("", nil), &cades.Options{Clock: testpki.Now})
			return err
		}, "cades", []error{sign.ErrTrust, sign.ErrUnsupported}, "CN="},
		"cades, no message": {func() error { _, err := cades.Parse(garbage); return err }, "cades", []error{sign.ErrInput}, ""},
		"cades, no time-stamp": {func() error {
			der, err := f.sign(leaf, cades.Options{Level: cades.LevelT, Timestamper: client()})
			require.NotEmpty(t, der)
			reached, ok := cades.Reached(err)
			require.True(t, ok)
			require.Equal(t, cades.LevelBES, reached)
			return err
		}, "cades", []error{sign.ErrAuthority, tsp.CheckTransport}, ""},
		"cades, extended when expired": {func() error {
			der, err := f.sign(f.expired(), cades.Options{})
			require.NoError(t, err)
			m, err := cades.Parse(der)
			require.NoError(t, err)
			_, err = m.Extend(t.Context(), cades.LevelT, &cades.ExtendOptions{Timestamper: tsa, Clock: testpki.Now})
			return err
		}, "cades", []error{sign.ErrTime}, ""},
		"report, nobody is trusted": {func() error {
			return f.verdict(leaf, "content", &cades.VerifyOptions{})
		}, "cades", []error{sign.ErrTrust, validate.CauseNoRoots}, "signature 0"},
		"report, another root": {func() error {
			return f.verdict(leaf, "content", &cades.VerifyOptions{Roots: testpki.New(t).Roots()})
		}, "cades", []error{sign.ErrTrust, validate.CauseUnknownAuthority}, "signature 0"},
		"report, another content": {func() error {
			return f.verdict(leaf, "contents", &cades.VerifyOptions{Roots: f.pki.Roots()})
		}, "cades", []error{sign.ErrInput, validate.CauseContentChanged}, "signature 0"},
		"report, expired": {func() error {
			return f.verdict(f.expired(), "content", &cades.VerifyOptions{Roots: f.pki.Roots()})
		}, "cades", []error{sign.ErrTime, validate.CauseExpired}, "signature 0"},
		"report, revoked": {func() error {
			return f.verdict(leaf, "content", &cades.VerifyOptions{Roots: f.pki.Roots(), Values: revoked()})
		}, "cades", []error{sign.ErrRevocation, validate.CauseRevoked}, "signature 0"},
		"report, none":       {(*cades.Report)(nil).Err, "cades", []error{sign.ErrInput}, ""},
		"report, empty":      {(&cades.Report{}).Err, "cades", []error{sign.ErrInput}, ""},
		"report, empty too":  {(&validate.Report{Indication: validate.TotalPassed}).Err, "cades", []error{sign.ErrInput}, ""},
		"report, not judged": {(&validate.SignatureReport{}).Err, "cades", []error{validate.CauseNotChecked}, "signature 0"},
		"report, only said": {func() error {
			return (&validate.SignatureReport{Indication: validate.TotalPassed, Cause: validate.CausePassed}).Err()
		}, "cades", []error{validate.CauseNotChecked}, "signature 0"},
		"policy":               {func() error { _, err := validate.ParsePolicy(garbage); return err }, "validate", []error{sign.ErrInput}, ""},
		"policy of algorithms": {(&trust.Algorithms{Preset: "x"}).Err, "trust", []error{sign.ErrInput}, ""},
		"trust":                {func() error { return trust.New().AddDER(garbage) }, "trust", []error{sign.ErrInput}, ""},
		"tsp, no token":        {func() error { _, err := tsp.ParseToken(garbage); return err }, "tsp", []error{tsp.CheckEncoding}, ""},
		"tsp, nobody": {func() error {
			_, err := client().Timestamp(t.Context(), digest)
			return err
		}, "tsp", []error{sign.ErrAuthority, tsp.CheckTransport}, ""},
		"tsp, another root": {func() error {
			token, err := tsa.Timestamp(t.Context(), digest)
			require.NoError(t, err)
			return token.Verify(digest, &tsp.VerifyOptions{Roots: testpki.New(t).Roots()})
		}, "tsp", []error{sign.ErrTrust, tsp.CheckChain}, ""},
		"tsp, long ago": {func() error {
			token, err := tsa.Timestamp(t.Context(), digest)
			require.NoError(t, err)
			return token.Verify(digest, &tsp.VerifyOptions{Tolerance: time.Hour, Clock: testpki.NotAfter})
		}, "tsp", []error{sign.ErrTime, tsp.CheckTime}, ""},
		"revocation, no value": {func() error {
			_, err := (&revocation.Values{}).Check(leaf.Certificate(), ca, nil)
			return err
		}, "revocation", []error{sign.ErrRevocation, revocation.CheckSource}, ""},
		"revocation, stale": {func() error {
			_, err := revoked().Check(f.pki.Leaf(testpki.P256).Certificate(), ca, &revocation.CheckOptions{Now: testpki.NotAfter().AddDate(-1, 0, 0)})
			return err
		}, "revocation", []error{sign.ErrRevocation, sign.ErrTime, revocation.CheckTime}, "CN="},
		"revocation, nobody": {func() error {
			c, err := revocation.NewClient(revocation.Config{Connect: offline, Responders: []string{"http://ocsp.example/?key=secret"}, Clock: testpki.Now})
			require.NoError(t, err)
			_, err = c.Status(t.Context(), leaf.Certificate(), ca, time.Time{})
			return err
		}, "revocation", []error{sign.ErrRevocation, sign.ErrAuthority, revocation.CheckTransport}, "CN="},
		"revocation, no CRL": {func() error { _, err := revocation.ParseCRL(garbage); return err }, "revocation", []error{revocation.CheckEncoding}, ""},
		"asic": {func() error {
			_, err := asic.Open(bytes.NewReader(garbage), int64(len(garbage)), nil)
			return err
		}, "asic", []error{sign.ErrInput}, ""},
		"asic, report":           {(*asic.Report)(nil).Err, "asic", []error{sign.ErrInput}, ""},
		"asic, empty report":     {(&asic.Report{}).Err, "asic", []error{sign.ErrInput}, ""},
		"asic, unread signature": {(&asic.SignatureReport{Name: "META-INF/x", Unread: errors.New("no")}).Err, "asic", []error{sign.ErrInput}, "META-INF/x"},
		"asic, empty signature":  {(&asic.SignatureReport{Name: "META-INF/x"}).Err, "asic", []error{sign.ErrInput}, "META-INF/x"},
		"pades": {func() error {
			_, err := pades.Open(bytes.NewReader(garbage), int64(len(garbage)), pades.ByteRange{})
			return err
		}, "pades", []error{sign.ErrInput}, ""},
		"pades, report":       {(*pades.Report)(nil).Err, "pades", []error{sign.ErrInput}, ""},
		"pades, empty report": {(&pades.Report{}).Err, "pades", []error{sign.ErrInput}, ""},
		"batch, stopped": {func() error {
			contents := slices.Repeat([]batch.Content{sign.Bytes("", nil)}, 100)
			s, err := sign.New(refusedKey{f.signer(leaf).Key()}, leaf.Chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
			require.NoError(t, err)
			results, err := batch.Sign(t.Context(), s, &cades.Options{Clock: testpki.Now}, contents, &batch.Options{Workers: 1, Window: 1})
			require.ErrorIs(t, err, sign.ErrPIN)
			return results[99].Err
		}, "batch", []error{batch.ErrStopped, sign.ErrPIN}, ""},
		"soft": {func() error {
			_, err := soft.Open(t.Context(), filepath.Join(t.TempDir(), "seal.p12"), soft.Config{})
			return err
		}, "soft", []error{sign.ErrUnavailable, fs.ErrNotExist}, "seal.p12"},
		"pkcs11":    {func() error { _, err := pkcs11.Open(t.Context(), pkcs11.Config{}); return err }, "pkcs11", []error{sign.ErrInput}, ""},
		"cloudsign": {func() error { _, err := cloudsign.New(cloudsign.Config{}); return err }, "cloudsign", []error{sign.ErrInput}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.fail()
			require.Error(t, err)
			e, ok := errors.AsType[*sign.Error](err)
			require.True(t, ok, "%T: %v", err, err)
			require.Same(t, e, err, "nothing stands around it")
			require.True(t, e.Op == c.op || strings.HasPrefix(e.Op, c.op+": "), e.Op)
			require.Contains(t, e.Place, c.place)
			for _, class := range c.classes {
				require.ErrorIs(t, err, class)
			}
			for _, other := range []error{sign.ErrTrust, sign.ErrTime, sign.ErrRevocation, sign.ErrAuthority} {
				expected := false
				for _, class := range c.classes {
					expected = expected || errors.Is(class, other)
				}
				require.Equal(t, expected, errors.Is(err, other), "%v: %v", other, err)
			}
			text := err.Error()
			require.NotContains(t, text, "\n")
			require.NotContains(t, text, "secret")
			require.Equal(t, 1, strings.Count(text, c.op+": "), text)
			require.NotContains(t, text, "%!")
			require.False(t, strings.HasSuffix(text, ".") || strings.HasSuffix(text, " ") || strings.HasSuffix(text, ":"), text)
		})
	}
	require.NoError(t, f.verdict(leaf, "content", &cades.VerifyOptions{Roots: f.pki.Roots(), NoRevocation: true}))
}

// TestNoPlainErrors looks through the sources for errors of another shape that leave an exported function, or name a package as if they
// did.
func TestNoPlainErrors(t *testing.T) {
	seen := 0
	for _, dir := range []string{"sign", "cades", "cades/validate", "trust", "tsp", "revocation", "asic", "pades", "batch", "provider/soft", "provider/pkcs11", "provider/cloudsign"} {
		fset := token.NewFileSet()
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(fset, name, nil, 0)
			require.NoError(t, err)
			for _, found := range plainErrors(file, filepath.Base(dir)) {
				t.Errorf("%s: a plain error leaves an exported function; make it a *sign.Error", fset.Position(found.Pos()))
			}
			seen++
		}
	}
	require.Greater(t, seen, 100)

	const source = `package x
		func F() error { return errors.New("no") }
		func G() (int, error) { return 0, fmt.Errorf("no") }
		func h() error { return errors.New("wrapped") }
		func i() error { return fmt.Errorf("x: no") }
		func J() error { return &sign.Error{Err: errors.New("no")} }
		func (T) K() error { f := func() error { return errors.New("inside") }; return f() }
		func (t) L() error { return errors.New("of what nobody can name") }
	`
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", source, 0)
	require.NoError(t, err)
	require.Len(t, plainErrors(file, "x"), 3)
}

func plainErrors(file *ast.File, pkg string) (found []*ast.CallExpr) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		exported := f.Name.IsExported() && exportedReceiver(f)
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ReturnStmt:
				for _, result := range n.Results {
					if call, ok := plainError(result); ok && (exported || names(call, pkg)) {
						found = append(found, call)
					}
				}
			}
			return true
		})
	}
	return found
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	id, ok := of.(*ast.Ident)
	return !ok || id.IsExported()
}

func plainError(e ast.Expr) (*ast.CallExpr, bool) {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return nil, false
	}
	of, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil, false
	}
	x, ok := of.X.(*ast.Ident)
	return call, ok && (x.Name == "errors" && of.Sel.Name == "New" || x.Name == "fmt" && of.Sel.Name == "Errorf")
}

// names reports whether the text begins with the name of the package.
func names(call *ast.CallExpr, pkg string) bool {
	text, ok := call.Args[0].(*ast.BasicLit)
	return ok && strings.HasPrefix(text.Value, `"`+pkg+": ")
}
