package jsonbody

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/gate"
)

// form is an object with a field of each kind.
type form struct {
	text    string
	flag    bool
	octets  []byte
	content *bytes.Buffer
	list    []string
	item    string
}

func (f *form) object(fold bool) Object {
	return Object{Fold: fold, Fields: []Field{
		String("Text", &f.text, 10),
		Bool("Flag", &f.flag),
		Bytes("Octets", &f.octets, 8),
		Stream("Content", func() io.Writer { f.content = &bytes.Buffer{}; return f.content }, 100_000),
		List("List", 2, func() Object {
			f.item = ""
			return Object{Fold: fold, Fields: []Field{String("Item", &f.item, 10)}}
		}, func() error {
			if f.item == "bad" {
				return gate.Bad("bad item")
			}
			f.list = append(f.list, f.item)
			return nil
		}),
	}}
}

func read(text string, fold bool) (*form, error) {
	f := &form{}
	return f, f.object(fold).Read(iotest.OneByteReader(strings.NewReader(text)))
}

func TestRead(t *testing.T) {
	f, err := read("\xEF\xBB\xBF \r\n{\"Text\":\"\\u00e9\\\"\", \"Flag\":true,\"Octets\":\"SGVs\\r\\nbG8\\u003D\",\"Content\":\"\\/\\/\\u002B\\/\",\"List\":[{\"Item\":\"a\"},{}]} \n", false)
	require.NoError(t, err)
	assert.Equal(t, "é\"", f.text)
	assert.True(t, f.flag)
	assert.Equal(t, "Hello", string(f.octets))
	assert.Equal(t, []byte{0xff, 0xff, 0xbf}, f.content.Bytes())
	assert.Equal(t, []string{"a", ""}, f.list)
}

// Absent, null and empty are three things, of which the first two are one.
func TestAbsent(t *testing.T) {
	for _, text := range []string{`{}`, `{"Text":null,"Flag":null,"Octets":null,"Content":null,"List":null}`} {
		f, err := read(text, false)
		require.NoError(t, err)
		assert.Equal(t, &form{}, f)
	}
	f, err := read(`{"Octets":"","Content":""}`, false)
	require.NoError(t, err)
	assert.NotNil(t, f.octets)
	assert.NotNil(t, f.content)
	assert.Zero(t, f.content.Len())
}

func TestFold(t *testing.T) {
	f, err := read(`{"tEXT":"a","unknown":{"deep":[1,{"Text":"b"}]},"FLAG":true}`, true)
	require.NoError(t, err)
	assert.Equal(t, "a", f.text)
	assert.True(t, f.flag)
	// The Kelvin sign is no k, and another name.
	var k string
	o := Object{Fold: true, Fields: []Field{String("k", &k, 10)}}
	require.NoError(t, o.Read(strings.NewReader("{\"\u212A\":\"x\"}")))
	assert.Empty(t, k)
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text   string
		fold   bool
		status int
		want   string
	}{
		{``, false, 400, "the request is empty"},
		{`[]`, false, 400, "no JSON object"},
		{`{`, false, 400, "not valid JSON"},
		{`{"Text":"a`, false, 400, "not valid JSON"},
		{`{"Text":"a"} x`, false, 400, "not valid JSON at octet 13"},
		{`{"Text":"a"}{}`, false, 400, "not valid JSON"},
		{`{"Text":"a",}`, false, 400, "not valid JSON"},
		{`{"Text":"a","Text":"b"}`, false, 400, "Text stands twice"},
		{`{"Text":null,"Text":"b"}`, false, 400, "Text stands twice"},
		{`{"Text":"a","text":"b"}`, true, 400, "Text stands twice"},
		{`{"text":"a"}`, false, 400, `field "text" is not known; "Text" is perhaps what was meant`},
		{`{"zzzzzzz":"a"}`, false, 400, `field "zzzzzzz" is not known; there are Text, Flag`},
		{`{"List":[{"Itm":"a"}]}`, false, 400, `field "List[0].Itm" is not known; "Item"`},
		{`{"List":[{"Item":7}]}`, false, 400, "List[0].Item has to be a string"},
		{`{"List":["a"]}`, false, 400, "List[0] has to be an object"},
		{`{"List":[{},{},{}]}`, false, 400, "List has more than 2 elements"},
		{`{"List":[{"Item":"bad"}]}`, false, 400, "bad item"},
		{`{"List":{}}`, false, 400, "List has to be a list"},
		{`{"Text":true}`, false, 400, "Text has to be a string"},
		{`{"Text":"12345678901"}`, false, 413, "Text is larger than 10 octets"},
		{"{\"Text\":\"\xff\"}", false, 400, "not UTF-8"},
		{`{"Flag":"true"}`, false, 400, "Flag has to be true or false"},
		{`{"Flag":trux}`, false, 400, "not valid JSON"},
		{`{"Octets":7}`, false, 400, "Octets has to be a string with base64"},
		{`{"Octets":"SGVsbG8"}`, false, 400, "Octets: it is not base64"},
		{`{"Octets":"SGVs-G8="}`, false, 400, "Octets: it is base64url"},
		{`{"Octets":"SGVsbG8=SGVs"}`, false, 400, "Octets: it is not base64"},
		{`{"Octets":"SGVsbG8hSGVsbG8h"}`, false, 413, "Octets is larger than 8 octets"},
		{`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, true, 400, "not valid JSON"},
	} {
		_, err := read(c.text, c.fold)
		e, ok := errors.AsType[*gate.Error](err)
		if assert.True(t, ok, "%s: %v", c.text, err) {
			assert.Equal(t, c.status, e.Status, c.text)
			assert.Contains(t, e.Message, c.want, c.text)
		}
	}
}

// What reading fails with, and what is written to, is told as it is.
func TestErrorsOfOthers(t *testing.T) {
	f := &form{}
	broken := errors.New("broken")
	err := f.object(false).Read(io.MultiReader(strings.NewReader(`{"Text":"a`), iotest.ErrReader(broken)))
	assert.ErrorIs(t, err, broken)
	err = Object{Fields: []Field{Stream("c", func() io.Writer { return full{broken} }, 100)}}.Read(strings.NewReader(`{"c":"SGVs"}`))
	assert.ErrorIs(t, err, broken)
}

type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 0, f.err }

func TestNearest(t *testing.T) {
	known := []string{"signature", "content", "key"}
	assert.Equal(t, "signature", Nearest("signatre", known))
	assert.Equal(t, "signature", Nearest("SIGNATURES", known))
	assert.Equal(t, "key", Nearest("kez", known))
	assert.Empty(t, Nearest("password", known))
	assert.Empty(t, Nearest(strings.Repeat("signature", 1000), known))
	assert.Equal(t, 3, distance("kitten", "sitting"))
}

func FuzzRead(f *testing.F) {
	f.Add(`{"Text":"a","Flag":true,"Octets":"SGVs","Content":"SGVs","List":[{"Item":"a"}],"x":[1,2.5e-7,{"y":null}]}`, true)
	f.Add("\xEF\xBB\xBF{\"Octets\":\"SG\\nVs\"}", false)
	f.Add(`{"Text":"\ud800\udc00\u12"}`, false)
	f.Fuzz(func(t *testing.T, text string, fold bool) {
		got, err := read(text, fold)
		if err != nil {
			e, ok := errors.AsType[*gate.Error](err)
			require.True(t, ok, "%v", err)
			require.Contains(t, []int{400, 413}, e.Status)
			return
		}
		// What is taken is JSON, and says the same to encoding/json.
		plain := strings.TrimPrefix(text, "\xEF\xBB\xBF")
		require.True(t, json.Valid([]byte(plain)))
		if !fold {
			var want struct {
				Text   string
				Flag   bool
				Octets *string
			}
			require.NoError(t, json.Unmarshal([]byte(plain), &want))
			require.Equal(t, want.Text, got.text)
			require.Equal(t, want.Flag, got.flag)
			require.Equal(t, want.Octets == nil, got.octets == nil)
		}
	})
}
