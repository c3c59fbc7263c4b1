package openapi

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed page.html
var pageText string

//go:embed page.css
var style string

// pagePolicy allows the one style sheet that stands in the page, by its hash.
func pagePolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// block is a paragraph, or lines of code.
type block struct {
	Code  string
	Parts []part
}

type part struct {
	Text   string
	Strong bool
}

// kind is what a value is, with a link when it has a name.
type kind struct{ Prefix, Name string }

type field struct {
	Name, In    string
	Required    bool
	Kind        kind
	Description string
	Values      string
	Example     string
}

type body struct {
	Status, Description, Media string
	Kind                       kind
	Example                    string
}

type operation struct {
	ID, Method, Path, Summary string
	Description               []block
	Parameters                []field
	Requests, Answers         []body
	Open                      bool // needs no authentication
}

type group struct {
	Name, Description string
	Operations        []operation
}

type schema struct {
	Name        string
	Description string
	Fields      []field
	Kind        kind
	Values      string
	Example     string
}

// page makes the page.
func page() ([]byte, error) {
	root, err := load()
	if err != nil {
		return nil, err
	}
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = t.Execute(&buf, map[string]any{
		"Style": template.CSS(style), "Title": text(root, "info", "title"), "Summary": text(root, "info", "summary"),
		"Description": blocks(text(root, "info", "description")), "Groups": groups(root), "Schemas": schemas(root),
	})
	return buf.Bytes(), err
}

func text(n *yaml.Node, names ...string) string {
	if n = member(n, names...); n == nil {
		return ""
	}
	return n.Value
}

// each calls f for the members of a mapping, or the elements of a list with no name.
func each(n *yaml.Node, f func(name string, value *yaml.Node)) {
	switch {
	case n == nil:
	case n.Kind == yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			f(n.Content[i].Value, n.Content[i+1])
		}
	default:
		for _, v := range n.Content {
			f("", v)
		}
	}
}

// resolve follows a reference inside the description.
func resolve(root, n *yaml.Node) *yaml.Node {
	ref := text(n, "$ref")
	if ref == "" {
		return n
	}
	return member(root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
}

func groups(root *yaml.Node) []group {
	var all []group
	each(member(root, "tags"), func(_ string, tag *yaml.Node) {
		g := group{Name: text(tag, "name"), Description: text(tag, "description")}
		each(member(root, "paths"), func(path string, methods *yaml.Node) {
			each(methods, func(method string, o *yaml.Node) {
				if tags := member(o, "tags"); tags != nil && tags.Content[0].Value == g.Name {
					g.Operations = append(g.Operations, operationOf(root, path, method, o))
				}
			})
		})
		all = append(all, g)
	})
	return all
}

func operationOf(root *yaml.Node, path, method string, o *yaml.Node) operation {
	security := member(o, "security")
	v := operation{ID: text(o, "operationId"), Method: strings.ToUpper(method), Path: path, Summary: text(o, "summary"),
		Description: blocks(text(o, "description")), Open: security != nil && len(security.Content) == 0}
	each(member(o, "parameters"), func(_ string, p *yaml.Node) {
		f := fieldOf(text(p, "name"), member(p, "schema"))
		f.In, f.Required, f.Description = text(p, "in"), text(p, "required") == "true", text(p, "description")
		v.Parameters = append(v.Parameters, f)
	})
	v.Requests = bodies("", "", member(o, "requestBody"))
	each(member(o, "responses"), func(status string, r *yaml.Node) {
		r = resolve(root, r)
		v.Answers = append(v.Answers, bodies(status, text(r, "description"), r)...)
	})
	return v
}

// bodies lists the media types of a request or an answer; an answer without a body is one as well.
func bodies(status, description string, n *yaml.Node) []body {
	var all []body
	each(member(n, "content"), func(media string, m *yaml.Node) {
		b := body{status, description, media, kindOf(member(m, "schema")), ""}
		if line := text(m, "x-line"); line != "" {
			b.Kind = kind{"lines of ", line[strings.LastIndex(line, "/")+1:]}
		}
		each(member(m, "examples"), func(_ string, e *yaml.Node) { b.Example = example(member(e, "value")) })
		all = append(all, b)
	})
	if all == nil && n != nil {
		all = []body{{Status: status, Description: description}}
	}
	return all
}

func schemas(root *yaml.Node) []schema {
	var all []schema
	each(member(root, "components", "schemas"), func(name string, n *yaml.Node) {
		s := schema{Name: name, Description: text(n, "description"), Kind: kindOf(n), Values: values(n)}
		required := map[string]bool{}
		each(member(n, "required"), func(_ string, r *yaml.Node) { required[r.Value] = true })
		each(member(n, "properties"), func(name string, p *yaml.Node) {
			f := fieldOf(name, p)
			f.Required = required[name]
			s.Fields = append(s.Fields, f)
		})
		if e := member(n, "examples"); e != nil && len(e.Content) > 0 {
			s.Example = example(e.Content[0])
		}
		all = append(all, s)
	})
	return all
}

func fieldOf(name string, n *yaml.Node) field {
	f := field{Name: name, Kind: kindOf(n), Description: text(n, "description"), Values: values(n)}
	if e := member(n, "examples"); e != nil && len(e.Content) > 0 {
		f.Example = strings.Trim(example(e.Content[0]), `"`)
	}
	return f
}

func values(n *yaml.Node) string {
	var all []string
	each(member(n, "enum"), func(_ string, v *yaml.Node) { all = append(all, v.Value) })
	return strings.Join(all, ", ")
}

// kindOf says in words what a schema takes.
func kindOf(n *yaml.Node) kind {
	if ref := text(n, "$ref"); ref != "" {
		return kind{"", ref[strings.LastIndex(ref, "/")+1:]}
	}
	if any := member(n, "anyOf"); any != nil && len(any.Content) > 0 {
		return kind{"one of those below, such as ", kindOf(any.Content[0]).Name}
	}
	name := text(n, "type")
	if list := member(n, "type"); list != nil && list.Kind == yaml.SequenceNode {
		name = list.Content[0].Value // the other one is null
	}
	switch {
	case name == "array":
		k := kindOf(member(n, "items"))
		return kind{"list of " + k.Prefix, k.Name}
	case text(n, "contentEncoding") != "":
		name = "base64"
	case text(n, "format") == "date-time":
		name = "time"
	case text(n, "const") != "":
		name = text(n, "const")
	}
	return kind{name, ""}
}

// example shows a value: text as it is, anything else as JSON.
func example(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	var buf, out bytes.Buffer
	if encode(&buf, n) != nil || json.Indent(&out, buf.Bytes(), "", "  ") != nil {
		return ""
	}
	return out.String()
}

// blocks reads the little of Markdown that the description uses: paragraphs, **words**, and code by four spaces.
func blocks(text string) []block {
	var all []block
	for para := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		if code, ok := strings.CutPrefix(para, "    "); ok {
			all = append(all, block{Code: strings.ReplaceAll(code, "\n    ", "\n")})
			continue
		}
		var b block
		for i, t := range strings.Split(para, "**") {
			b.Parts = append(b.Parts, part{t, i%2 == 1})
		}
		all = append(all, b)
	}
	return all
}
