// Package openapi is the description of the service's APIs in OpenAPI 3.1, written by hand, and a page to read it.
package openapi

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed spec/*.yaml
var spec embed.FS

// files are the parts of the description in the order in which they are read; their paths and components come together.
var files = [...]string{"info", "errors", "sign", "certificates", "validate", "own", "operation"}

// Description returns the description in JSON. Its members stand in the order in which they were written.
func Description() ([]byte, error) {
	root, err := load()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := encode(&buf, root); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Handler serves the description: it is mounted at /openapi.json.
func Handler() http.Handler { return serve("application/json", "default-src 'none'", Description) }

// Page serves the description as a page for people, without scripts and without anything from elsewhere: it is mounted
// at /docs.
func Page() http.Handler {
	return serve("text/html; charset=utf-8", pagePolicy(), page)
}

func serve(contentType, policy string, make func() ([]byte, error)) http.Handler {
	data, err := make()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "this address takes GET, HEAD only", http.StatusMethodNotAllowed)
			return
		case err != nil: // a test keeps this from being released
			http.Error(w, "the description is broken", http.StatusInternalServerError)
			return
		}
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "no-cache")
		// The text is the program's own; nothing that it might be tricked into may run or load.
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
}

// load puts the parts together.
func load() (*yaml.Node, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range files {
		data, err := spec.ReadFile("spec/" + name + ".yaml")
		if err != nil {
			return nil, err
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return nil, fmt.Errorf("openapi: %s: %w", name, err)
		}
		if err := merge(root, doc.Content[0]); err != nil {
			return nil, fmt.Errorf("openapi: %s: %w", name, err)
		}
	}
	return root, nil
}

// merge puts the members of one mapping into another. What is in both has to be a mapping.
func merge(into, from *yaml.Node) error {
	for i := 0; i < len(from.Content); i += 2 {
		name, value := from.Content[i], from.Content[i+1]
		there := member(into, name.Value)
		switch {
		case there == nil:
			into.Content = append(into.Content, name, value)
		case there.Kind != yaml.MappingNode || value.Kind != yaml.MappingNode:
			return fmt.Errorf("line %d: %s is there already", name.Line, name.Value)
		default:
			if err := merge(there, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// member finds a value by the names on the way to it, or nil.
func member(n *yaml.Node, names ...string) *yaml.Node {
	for _, name := range names {
		n = child(n, name)
	}
	return n
}

func child(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// encode writes a node as JSON.
func encode(buf *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		step, brackets := 1, "[]"
		if n.Kind == yaml.MappingNode {
			step, brackets = 2, "{}"
		}
		buf.WriteByte(brackets[0])
		for i := 0; i < len(n.Content); i += step {
			if i > 0 {
				buf.WriteByte(',')
			}
			if step == 2 {
				name, _ := json.Marshal(n.Content[i].Value) // a string
				buf.Write(name)
				buf.WriteByte(':')
			}
			if err := encode(buf, n.Content[i+step-1]); err != nil {
				return err
			}
		}
		buf.WriteByte(brackets[1])
		return nil
	case yaml.ScalarNode:
		var v any
		if err := n.Decode(&v); err != nil {
			return err
		}
		data, err := json.Marshal(v)
		buf.Write(data)
		return err
	}
	return fmt.Errorf("openapi: line %d: a kind of YAML that is not used here", n.Line)
}
