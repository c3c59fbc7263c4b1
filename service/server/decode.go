package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the octets of a configuration file.
const maxFile = 1 << 20

// Load reads a configuration file. The error is a *Problems that has every fault of it, or says that it cannot be read.
func Load(path string) (*Config, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	data, err := readSmall(path, maxFile)
	if err != nil {
		return nil, err
	}
	c, problems := parse(data, filepath.Dir(whole))
	problems.File, c.path = path, whole
	if len(problems.All) == 0 {
		c.check(problems)
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// parse reads YAML into a configuration. Faults of meaning are left to check.
func parse(data []byte, dir string) (*Config, *Problems) {
	c, p := &Config{lines: map[string]int{}}, &Problems{}
	if at := bytes.IndexByte(data, 0); at >= 0 || !utf8.Valid(data) {
		p.add(0, "", "this is no text in UTF-8; write the configuration with a text editor")
		return c, p
	}
	documents := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := documents.Decode(&document); errors.Is(err, io.EOF) {
		p.add(0, "", "the configuration is empty; it needs stores, keys and auth at least")
		return c, p
	} else if err != nil {
		p.syntax(err, data)
		return c, p
	}
	var second yaml.Node
	switch err := documents.Decode(&second); {
	case err == nil:
		p.add(max(second.Line, 1), "", "a second document begins here, behind ---; a configuration is one document")
	case !errors.Is(err, io.EOF):
		p.syntax(err, data)
	}
	d := &decoder{dir: dir, problems: p, lines: c.lines}
	d.value(document.Content[0], reflect.ValueOf(c).Elem(), "")
	return c, p
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): (.*)$`)

// syntax tells what the parser of YAML did not like. Names of aliases are left out: "password: *secret" is one.
func (p *Problems) syntax(err error, data []byte) {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	text = strings.TrimPrefix(text, "yaml: ")
	if strings.Contains(text, "anchor") || strings.Contains(text, "alias") {
		text = "there is an alias (*) of something that is not there; aliases are not read here, and a text that begins with * needs quotation marks"
	}
	// The parser tells the line of the tab, or of what it took to go on there.
	lines := bytes.Split(data, []byte("\n"))
	for _, at := range []int{line - 1, line} {
		if at < 0 || at >= len(lines) {
			continue
		}
		indent := lines[at][:len(lines[at])-len(bytes.TrimLeft(lines[at], " \t"))]
		if bytes.ContainsRune(indent, '\t') {
			p.add(at+1, "", "the line begins with a tab; YAML is indented with spaces only")
			return
		}
	}
	p.add(line, "", "not YAML: %s", text)
}

// decoder fills a Config. It knows the few types that a Config has.
type decoder struct {
	dir      string
	problems *Problems
	lines    map[string]int
}

func (d *decoder) wrong(n *yaml.Node, path, format string, args ...any) {
	d.problems.add(n.Line, path, format, args...)
}

var plainTags = map[string]bool{
	"!!str": true, "!!int": true, "!!float": true, "!!bool": true, "!!null": true, "!!timestamp": true, "!!map": true, "!!seq": true, "!!merge": true,
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	d.lines[path] = n.Line
	switch {
	case n.Kind == yaml.AliasNode:
		// Aliases of aliases grow without bound; nothing here is so long that it needs them.
		d.wrong(n, path, "aliases (*) are not read here; write it out, and put a text that begins with * into quotation marks")
		return
	case n.Anchor != "":
		d.wrong(n, path, "anchors (&) are not read here; put a text that begins with & into quotation marks")
		return
	case !plainTags[n.ShortTag()]:
		d.wrong(n, path, "tags (!) are not read here; put a text that begins with ! into quotation marks")
		return
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		d.wrong(n, path, "is empty; give a value, or remove the line")
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if s, ok := v.Addr().Interface().(scalar); ok {
		if d.isScalar(n, path, "a value") {
			if err := s.parse(n.Value, d.dir); err != nil {
				d.wrong(n, path, "%s", err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(n, v, path)
	case reflect.Map:
		d.entries(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.plain(n, v, path)
	}
}

func (d *decoder) isScalar(n *yaml.Node, path, want string) bool {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n, path, "this is a %s, and %s is wanted", kind(n), want)
	}
	return n.Kind == yaml.ScalarNode
}

func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "section with names and values"
	case yaml.SequenceNode:
		return "list"
	}
	return "single value"
}

// pairs calls f for each name and value of a mapping.
func (d *decoder) pairs(n *yaml.Node, path string, f func(name string, key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n, path, "this is a %s, and a section with names and values is wanted", kind(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.ShortTag() == "!!merge":
			d.wrong(key, path, "merges (<<) are not read here; write it out")
			continue
		case key.Kind != yaml.ScalarNode || key.Anchor != "":
			d.wrong(key, path, "a name is wanted here, as in name: value")
			continue
		case seen[key.Value] > 0:
			d.wrong(key, joined(path, key.Value), "is given twice, first in line %d; remove one", seen[key.Value])
			continue
		}
		seen[key.Value] = key.Line
		f(key.Value, key, value)
	}
}

func (d *decoder) fields(n *yaml.Node, v reflect.Value, path string) {
	fields, names := map[string][]int{}, []string(nil)
	for _, f := range reflect.VisibleFields(v.Type()) { // also those of a section that several have
		if name := f.Tag.Get("yaml"); name != "" {
			fields[name] = f.Index
			names = append(names, name)
		}
	}
	d.pairs(n, path, func(name string, key, value *yaml.Node) {
		field, known := fields[name]
		if !known {
			where := "at the top"
			if path != "" {
				where = "in " + path
			}
			d.wrong(key, "", "%s is not known %s%s", shown(name), where, nearest(name, names))
			return
		}
		d.value(value, v.FieldByIndex(field), joined(path, name))
	})
}

func (d *decoder) entries(n *yaml.Node, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, path, func(name string, _, value *yaml.Node) {
		one := reflect.New(v.Type().Elem()).Elem()
		d.value(value, one, joined(path, name))
		v.SetMapIndex(reflect.ValueOf(name), one)
	})
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	items := []*yaml.Node{n} // one alone needs no brackets
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	d.lines[path] = n.Line
}

var durationType = reflect.TypeFor[time.Duration]()

// plain reads texts, numbers and truth values.
func (d *decoder) plain(n *yaml.Node, v reflect.Value, path string) {
	if !d.isScalar(n, path, "a value") {
		return
	}
	tag := n.ShortTag()
	switch {
	case v.Type() == durationType:
		took, err := time.ParseDuration(n.Value)
		switch {
		case err != nil:
			d.wrong(n, path, "%s is no duration; write it as 30s, with ms, s, m or h", shown(n.Value))
		case took <= 0:
			d.wrong(n, path, "%s is not more than nothing; leave the line out for the default", shown(n.Value))
		}
		v.SetInt(int64(took))
	case v.Kind() == reflect.String:
		// As it is written: 1.2 and 0123 are texts where texts are wanted.
		if tag == "!!bool" {
			d.wrong(n, path, "%s is a truth value where a text is wanted; put it into quotation marks if it is the text", shown(n.Value))
		}
		if n.Value == "" {
			d.wrong(n, path, "is empty; give a value, or remove the line")
		}
		v.SetString(n.Value)
	case v.Kind() == reflect.Bool:
		if tag != "!!bool" {
			d.wrong(n, path, "%s is not a truth value; write true or false", shown(n.Value))
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case v.Kind() == reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if err != nil || tag != "!!int" || i < 1 {
			d.wrong(n, path, "%s is not a whole number above 0", shown(n.Value))
			return
		}
		v.SetInt(int64(i))
	case v.Kind() == reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || tag != "!!int" && tag != "!!float" || f != f {
			d.wrong(n, path, "%s is not a number", shown(n.Value))
			return
		}
		v.SetFloat(f)
	default:
		panic("server: a Config has a field of type " + v.Type().String()) // a fault of this package, found by its tests
	}
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
