package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/pb33f/jsonschema/v6"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestDescriptionIsOpenAPI(t *testing.T) {
	data, err := Description()
	require.NoError(t, err)
	doc, err := libopenapi.NewDocument(data)
	require.NoError(t, err)
	require.Equal(t, "3.1.0", doc.GetVersion())
	v, errs := validator.NewValidator(doc)
	require.Empty(t, errs)
	ok, problems := v.ValidateDocument()
	for _, p := range problems {
		t.Log(p.Error())
	}
	require.True(t, ok)
	// What the validator would say of a document that is none.
	broken, err := libopenapi.NewDocument(bytes.Replace(data, []byte(`"summary":"Sign a batch of contents"`), []byte(`"summary":7`), 1))
	require.NoError(t, err)
	v, errs = validator.NewValidator(broken)
	if len(errs) == 0 {
		ok, _ = v.ValidateDocument()
		assert.False(t, ok)
	}
}

// Every field says what it is; every error that the gate can give stands with every operation of the APIs.
func TestDescriptionIsWhole(t *testing.T) {
	root := map[string]any{}
	data, err := Description()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &root))
	for name, s := range root["components"].(map[string]any)["schemas"].(map[string]any) {
		properties, _ := s.(map[string]any)["properties"].(map[string]any)
		for field, p := range properties {
			p := p.(map[string]any)
			assert.True(t, p["description"] != nil || p["$ref"] != nil, "%s.%s", name, field)
		}
	}
	for path, methods := range root["paths"].(map[string]any) {
		if !regexp.MustCompile(`^/(v\d|certificates)`).MatchString(path) {
			continue
		}
		for method, o := range methods.(map[string]any) {
			answers := o.(map[string]any)["responses"].(map[string]any)
			want := []string{"200", "401", "403", "405", "429", "500", "503"}
			if method == "post" {
				want = append(want, "400", "408", "413", "415")
			}
			for _, status := range want {
				assert.Contains(t, answers, status, "%s %s", method, path)
			}
		}
	}
}

// Each example is an instance of the schema that it stands with.
func TestExamples(t *testing.T) {
	data, err := Description()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("openapi.json", doc))
	checked := 0
	for name, s := range doc.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any) {
		examples, _ := s.(map[string]any)["examples"].([]any)
		compiled, err := c.Compile("openapi.json#/components/schemas/" + name)
		require.NoError(t, err, name)
		for _, e := range examples {
			checked++
			assert.NoError(t, compiled.Validate(e), name)
		}
		properties, _ := s.(map[string]any)["properties"].(map[string]any)
		for field, p := range properties {
			examples, _ := p.(map[string]any)["examples"].([]any)
			compiled, err := c.Compile("openapi.json#/components/schemas/" + name + "/properties/" + field)
			require.NoError(t, err, name)
			for _, e := range examples {
				checked++
				assert.NoError(t, compiled.Validate(e), "%s.%s", name, field)
			}
		}
	}
	assert.Greater(t, checked, 20)
}

func TestOrderIsAsWritten(t *testing.T) {
	data, err := Description()
	require.NoError(t, err)
	text := string(data)
	require.True(t, strings.HasPrefix(text, `{"openapi":"3.1.0","info":`))
	require.Less(t, strings.Index(text, `"Thumbprint":`), strings.Index(text, `"CertificateRawData":`))
}

func TestPage(t *testing.T) {
	w := httptest.NewRecorder()
	Page().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/docs", nil))
	require.Equal(t, http.StatusOK, w.Code)
	text := w.Body.String()

	// The browser takes the style sheet only when its hash is that of the policy.
	sheet := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(text)
	require.NotNil(t, sheet)
	sum := sha256.Sum256([]byte(sheet[1]))
	policy := w.Header().Get("Content-Security-Policy")
	assert.Contains(t, policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	assert.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")
	for _, bad := range []string{"<script", "<img", "<link", " style=", "src=", "ZgotmplZ", "http-equiv"} {
		assert.NotContains(t, text, bad)
	}
	assert.Contains(t, text, `name="viewport"`)

	// Whatever is linked to is there, once; every path, field and status of the description is on the page.
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		ids[m[1]]++
	}
	for id, n := range ids {
		assert.Equal(t, 1, n, id)
	}
	links := regexp.MustCompile(` href="#([^"]*)"`).FindAllStringSubmatch(text, -1)
	assert.Greater(t, len(links), 30)
	for _, m := range links {
		assert.Contains(t, ids, m[1])
	}
	root, err := load()
	require.NoError(t, err)
	for _, g := range groups(root) {
		assert.NotEmpty(t, g.Operations)
		for _, o := range g.Operations {
			assert.Contains(t, text, o.Method+" "+o.Path)
			assert.NotEmpty(t, o.Answers)
			for _, p := range o.Parameters {
				assert.NotEmpty(t, p.Description, p.Name)
			}
		}
	}
	for _, s := range schemas(root) {
		assert.Contains(t, ids, "schema-"+s.Name)
		for _, f := range s.Fields {
			assert.Contains(t, text, "<code>"+f.Name+"</code>")
		}
	}
}

func TestHandler(t *testing.T) {
	for _, h := range []http.Handler{Handler(), Page()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		w = httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Empty(t, w.Body.Bytes())
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.True(t, json.Valid(w.Body.Bytes()))
}

func TestMergeRefusesTwice(t *testing.T) {
	root, err := load()
	require.NoError(t, err)
	again, err := load()
	require.NoError(t, err)
	assert.ErrorContains(t, merge(root, again), "is there already")
}

// A text with " #" in it that is not quoted ends there, and YAML says nothing.
func TestNoTextWasCut(t *testing.T) {
	root, err := load()
	require.NoError(t, err)
	var look func(n *yaml.Node)
	look = func(n *yaml.Node) {
		assert.Empty(t, n.LineComment+n.HeadComment+n.FootComment, "line %d: %s", n.Line, n.Value)
		for _, c := range n.Content {
			look(c)
		}
	}
	look(root)
}
