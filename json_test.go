package signet_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/asic"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/pades"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
)

type shape struct {
	Properties map[string]struct {
		Ref   string `json:"$ref"`
		Items struct {
			Ref string `json:"$ref"`
		}
	}
	Required []string
}

// fits compares an object with its definition in the schema, and what is in it.
func fits(t *testing.T, defs map[string]shape, name string, object map[string]any) {
	t.Helper()
	for _, key := range defs[name].Required {
		require.Contains(t, object, key, name)
	}
	for key, value := range object {
		property, ok := defs[name].Properties[key]
		require.True(t, ok, "%s has %q, which the schema has not", name, key)
		if inner, ok := value.(map[string]any); ok && strings.HasPrefix(property.Ref, "#/$defs/") {
			fits(t, defs, strings.TrimPrefix(property.Ref, "#/$defs/"), inner)
		}
		if all, ok := value.([]any); ok && property.Items.Ref != "" {
			for _, one := range all {
				fits(t, defs, strings.TrimPrefix(property.Items.Ref, "#/$defs/"), one.(map[string]any))
			}
		}
	}
}

// TestContainerReports compares the stable form of reports on containers and documents with its schema.
func TestContainerReports(t *testing.T) {
	file, err := os.ReadFile("docs/container.schema.json")
	require.NoError(t, err)
	var schema struct {
		Defs map[string]shape `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(file, &schema))
	parsed := func(name string, report any) map[string]any {
		text, err := json.Marshal(report)
		require.NoError(t, err)
		var object map[string]any
		require.NoError(t, json.Unmarshal(text, &object))
		fits(t, schema.Defs, name, object)
		require.EqualValues(t, 1, object["version"])
		return object
	}
	w := testsign.New(t)
	signer := w.Signer()
	var made bytes.Buffer
	require.NoError(t, asic.Sign(t.Context(), &made, signer, []sign.Content{sign.Bytes("a.txt", []byte("a")), sign.Bytes("b.txt", []byte("b"))}, &asic.Options{Kind: asic.E, Signature: w.Options(cades.LevelBES)}))
	verify := func(container []byte) *asic.Report {
		c, err := asic.Open(bytes.NewReader(container), int64(len(container)), nil)
		require.NoError(t, err)
		r, err := c.Verify(t.Context(), w.VerifyOptions())
		require.NoError(t, err)
		return r
	}
	good := parsed("container", verify(made.Bytes()))
	require.Equal(t, true, good["trusted"])
	require.Equal(t, "ASiC-E", good["kind"])
	require.NotContains(t, good, "unsigned")
	signature := good["signatures"].([]any)[0].(map[string]any)
	require.NotContains(t, signature, "unread")
	require.Len(t, signature["files"], 2)
	require.Equal(t, "TOTAL-PASSED", signature["report"].(map[string]any)["indication"])

	bad := parsed("container", verify(rewritten(t, made.Bytes())))
	require.Equal(t, false, bad["valid"])
	require.Contains(t, bad["unsigned"], "c.txt")
	require.Contains(t, bad["signatures"].([]any)[0].(map[string]any)["files"].([]any)[0], "error")

	unread := parsed("container", asic.Report{Kind: asic.S, Signatures: []asic.SignatureReport{{Name: "META-INF/signature.p7s", Unread: errors.New("cannot be read")}}})
	require.Equal(t, false, unread["trusted"])
	require.Equal(t, "cannot be read", unread["signatures"].([]any)[0].(map[string]any)["unread"])
	require.Equal(t, false, parsed("container", &asic.Report{Kind: asic.S})["valid"])

	p7s, err := cades.Sign(t.Context(), signer, sign.Bytes("", []byte("x")), w.Options(cades.LevelBES))
	require.NoError(t, err)
	m, err := cades.Parse(p7s)
	require.NoError(t, err)
	report, err := m.Verify(t.Context(), sign.Bytes("", []byte("x")), w.VerifyOptions())
	require.NoError(t, err)
	require.Equal(t, true, parsed("document", &pades.Report{Message: report})["trusted"])
	behind := parsed("document", pades.Report{Message: report, Behind: 7})
	require.Equal(t, false, behind["valid"])
	require.EqualValues(t, 7, behind["behind"])
	require.Equal(t, false, parsed("document", pades.Report{})["trusted"])
}

// rewritten has another a.txt, and a file that nobody signed.
func rewritten(t *testing.T, container []byte) []byte {
	r, err := zip.NewReader(bytes.NewReader(container), int64(len(container)))
	require.NoError(t, err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	add := func(name string, method uint16, data []byte) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		require.NoError(t, err)
		_, err = f.Write(data)
		require.NoError(t, err)
	}
	for _, f := range r.File {
		from, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(from)
		require.NoError(t, err)
		if f.Name == "a.txt" {
			data = []byte("another")
		}
		add(f.Name, f.Method, data)
	}
	add("c.txt", zip.Deflate, []byte("c"))
	require.NoError(t, w.Close())
	return out.Bytes()
}
