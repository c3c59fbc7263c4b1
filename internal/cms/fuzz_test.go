package cms_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-116355fd/signet/internal/cms"
	"github.com/seed-116355fd/signet/internal/testpki"
)

// seed adds small messages and, where they are, the files of the corpus.
func seed(f *testing.F) {
	f.Helper()
	for _, in := range []string{"", "\x30\x80\x00\x00", "\x30\x80\x24\x80\x04\x01a\x00\x00\x00\x00", "\x9f\x81\x01\x01\xaa"} {
		f.Add([]byte(in))
	}
	files, _ := filepath.Glob("testdata/*.p7*")
	for _, name := range append(files, testpki.CorpusFiles(f)...) {
		if b, err := os.ReadFile(name); err == nil && len(b) < 32<<10 {
			f.Add(b)
		}
	}
}

// walk visits every value, and returns the octets that its visit cost, to be compared with the size of the input.
func walk(t *testing.T, v cms.Value, depth int, cost *int) {
	if *cost += v.HeaderLen(); depth > 2*cms.MaxDepth || !v.Tag().Constructed() {
		_, _ = v.OID()
		_, _ = v.Int()
		_, _ = v.BigInt()
		_, _ = v.Time()
		return
	}
	_, _ = v.Octets()
	for r := v.Reader(); !r.Empty(); {
		before := r.Offset()
		child, err := r.Next()
		if err != nil {
			return
		}
		if r.Offset() <= before {
			t.Fatal("the reader stands still")
		}
		walk(t, child, depth+1, cost)
	}
}

// FuzzValue reads any octets: no panic, a declared error, and what is read are the octets that were given.
func FuzzValue(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := cms.ReadValue(in)
		if err != nil {
			var syntax *cms.SyntaxError
			if !errors.As(err, &syntax) || !v.IsZero() {
				t.Fatalf("%v %v", v, err)
			}
			return
		}
		if !bytes.HasPrefix(in, v.Raw()) {
			t.Fatal("the value is not what was given")
		}
		cost := 0
		walk(t, v, 0, &cost)
		if cost > len(in) {
			t.Fatalf("%d octets of headers in %d octets", cost, len(in))
		}
		if out, err := cms.Splice(v); err != nil || !bytes.Equal(out, v.Raw()) {
			t.Fatal("splicing nothing changes something")
		}
		der, err := cms.AppendDER(nil, v)
		if err != nil {
			return
		}
		if v.InDER() != bytes.Equal(der, v.Raw()) {
			t.Fatalf("InDER says %t of %x, which is %x in DER", v.InDER(), v.Raw(), der)
		}
		if oid, err := v.OID(); err == nil {
			if again, err := cms.ParseOID(oid.String()); err != nil || again != oid {
				t.Fatalf("%x is %s, which is %x: %v", v.Body(), oid, string(again), err)
			}
		}
		again, err := cms.ReadValue(der)
		if err != nil || len(again.Raw()) != len(der) {
			t.Fatalf("what was made DER cannot be read: %v", err)
		}
		if twice, err := cms.AppendDER(nil, again); err != nil || !bytes.Equal(twice, der) {
			t.Fatal("DER of DER is another")
		}
	})
}

// FuzzSignedData reads the structure of a message and puts it together again from its parts.
func FuzzSignedData(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, in []byte) {
		sd, err := cms.ParseSignedData(in)
		if err != nil {
			var syntax *cms.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(append(bytes.Clone(sd.ContentInfo.Raw()), sd.Trailing...), in) {
			t.Fatal("octets were lost")
		}
		for i := range sd.Signers {
			si := &sd.Signers[i]
			if set, ok := si.AttributesAsReceived(); ok && !bytes.Equal(set[1:], si.SignedAttrs.Raw()[1:]) {
				t.Fatal("signed attributes were changed")
			}
			_, _ = si.AttributesInDER()
			_ = si.ExpectedVersion()
		}
		_ = sd.ExpectedVersion()
		// A member put at the end of signerInfos stands there, and nothing else moves.
		end := sd.SignerInfos.Offset() + sd.SignerInfos.HeaderLen() + len(sd.SignerInfos.Body())
		extra := []byte{5, 0}
		out, err := cms.Splice(sd.ContentInfo, cms.Edit{Parent: sd.SignerInfos, At: end, Insert: extra})
		if err != nil {
			t.Fatal(err)
		}
		v, err := cms.ReadValue(out)
		if err != nil || len(v.Raw()) != len(out) || !bytes.Contains(out, append(bytes.Clone(sd.SignerInfos.Body()), extra...)) {
			t.Fatalf("splicing broke the message: %v", err)
		}
	})
}
