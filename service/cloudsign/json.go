package cloudsign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/seed-116355fd/signet/service/internal/jsonbody"
)

// JSON of the existing service is not the JSON of protobuf: names are as in the .proto files, and numbers of 64 bits are
// numbers. It is written and read here.

// appendJSON appends a message. Fields that are not set are left out, lists are there also when they are empty.
func appendJSON(b []byte, m protoreflect.Message) []byte {
	b = append(b, '{')
	fields := m.Descriptor().Fields()
	first := true
	for i := range fields.Len() {
		f := fields.Get(i)
		if !f.IsList() && !m.Has(f) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = strconv.AppendQuote(b, string(f.Name()))
		b = append(b, ':')
		if !f.IsList() {
			b = appendValue(b, f, m.Get(f))
			continue
		}
		b = append(b, '[')
		list := m.Get(f).List()
		for j := range list.Len() {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, f, list.Get(j))
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendValue(b []byte, f protoreflect.FieldDescriptor, v protoreflect.Value) []byte {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return appendJSON(b, v.Message())
	case protoreflect.BytesKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, v.Bool())
	case protoreflect.EnumKind:
		if value := f.Enum().Values().ByNumber(v.Enum()); value != nil {
			return strconv.AppendQuote(b, string(value.Name()))
		}
		return strconv.AppendInt(b, int64(v.Enum()), 10)
	case protoreflect.StringKind:
		text, _ := json.Marshal(v.String()) // a string never fails
		return append(b, text...)
	}
	return strconv.AppendInt(b, v.Int(), 10) // there are no other kinds in these messages
}

// readJSON reads a message. Names are taken in any case; one that is not known is an error, since a field that is misspelt
// would otherwise be taken for absent. No list may have more than most elements.
func readJSON(data []byte, m proto.Message, most int) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := reader{json.NewDecoder(bytes.NewReader(data)), most}
	r.UseNumber()
	if len(bytes.TrimSpace(data)) == 0 {
		return nil // as in protobuf, where the empty message is no octets
	}
	token, err := r.Token()
	if err != nil || token != json.Delim('{') {
		return bad("the request is no JSON object")
	}
	if err := r.object(m.ProtoReflect(), ""); err != nil {
		return err
	}
	if _, err := r.Token(); err != io.EOF {
		return bad("there is something behind the JSON object")
	}
	return nil
}

// reader goes over JSON by tokens: nothing is held but what goes into the message.
type reader struct {
	*json.Decoder
	most int
}

func (r *reader) token() (json.Token, error) {
	t, err := r.Token()
	if err == nil {
		return t, nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, bad("the JSON of the request ends too early")
	}
	return nil, bad("the JSON of the request is broken at octet %d", r.InputOffset())
}

// object reads members up to the brace that ends them; where is the path of the object with a dot behind it.
func (r *reader) object(m protoreflect.Message, where string) error {
	fields := m.Descriptor().Fields()
	seen := map[protoreflect.FieldNumber]bool{}
	for {
		t, err := r.token()
		if err != nil {
			return err
		}
		if t == json.Delim('}') {
			return nil
		}
		name, _ := t.(string) // the decoder takes nothing else here
		f := find(fields, name)
		if f == nil {
			var names []string
			for i := range fields.Len() {
				names = append(names, string(fields.Get(i).Name()))
			}
			return jsonbody.Unknown("field", where+jsonbody.Short(name), name, names)
		}
		if seen[f.Number()] {
			return bad("%s stands twice in the request", place(where+string(f.Name())))
		}
		seen[f.Number()] = true
		if err := r.field(m, f, where+string(f.Name())); err != nil {
			return err
		}
	}
}

func find(fields protoreflect.FieldDescriptors, name string) protoreflect.FieldDescriptor {
	for i := range fields.Len() {
		if strings.EqualFold(string(fields.Get(i).Name()), name) {
			return fields.Get(i)
		}
	}
	return nil
}

func (r *reader) field(m protoreflect.Message, f protoreflect.FieldDescriptor, where string) error {
	t, err := r.token()
	if err != nil || t == nil { // null is as absent
		return err
	}
	if !f.IsList() {
		v := m.NewField(f)
		if v, err = r.value(f, v, t, where); err == nil {
			m.Set(f, v)
		}
		return err
	}
	if t != json.Delim('[') {
		return bad("%s has to be a list", where)
	}
	list := m.Mutable(f).List()
	for {
		if t, err = r.token(); err != nil {
			return err
		}
		if t == json.Delim(']') {
			return nil
		}
		if list.Len() == r.most {
			return tooManyFiles(r.most)
		}
		v, err := r.value(f, list.NewElement(), t, where+"["+strconv.Itoa(list.Len())+"]")
		if err != nil {
			return err
		}
		list.Append(v)
	}
}

// place is a path as people read it: files are counted from 1 in all other messages.
func place(where string) string {
	if rest, ok := strings.CutPrefix(where, "Files["); ok {
		n, _, _ := strings.Cut(rest, "]")
		if i, err := strconv.Atoi(n); err == nil {
			return "file " + strconv.Itoa(i+1) + " (" + where + ")"
		}
	}
	return where
}

// value makes a value of a token; v is a new one of its kind.
func (r *reader) value(f protoreflect.FieldDescriptor, v protoreflect.Value, t json.Token, where string) (protoreflect.Value, error) {
	s, isString := t.(string)
	switch f.Kind() {
	case protoreflect.MessageKind:
		if t != json.Delim('{') {
			return v, bad("%s has to be an object", place(where))
		}
		return v, r.object(v.Message(), where+".")
	case protoreflect.StringKind:
		if !isString {
			return v, bad("%s has to be a string", place(where))
		}
		return protoreflect.ValueOfString(s), nil
	case protoreflect.BytesKind:
		data, err := base64.StdEncoding.DecodeString(s)
		if !isString || err != nil {
			return v, bad("%s has to be a string of base64", place(where))
		}
		return protoreflect.ValueOfBytes(data), nil
	case protoreflect.EnumKind:
		return enum(f, t, where)
	}
	return v, bad("%s is not read from requests", place(where))
}

// enum takes a name, in any case, or a number.
func enum(f protoreflect.FieldDescriptor, t json.Token, where string) (protoreflect.Value, error) {
	values := f.Enum().Values()
	for i := range values.Len() {
		v := values.Get(i)
		s, isString := t.(string)
		n, isNumber := t.(json.Number)
		if isString && strings.EqualFold(s, string(v.Name())) || isNumber && n.String() == strconv.Itoa(int(v.Number())) {
			return protoreflect.ValueOfEnum(v.Number()), nil
		}
	}
	return protoreflect.Value{}, bad("%s has to be the name of one of the values of %s", place(where), f.Enum().Name())
}
