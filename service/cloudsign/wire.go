package cloudsign

import (
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/seed-116355fd/signet/service/gate"
)

// Types of messages. SDKs send none for protobuf, and look at none.
const (
	jsonType     = "application/json"
	protobufType = "application/x-protobuf"
)

// mediaType is that of a header without its parameters.
func mediaType(header string) string {
	name, _, _ := strings.Cut(header, ";")
	return strings.ToLower(strings.Trim(name, " \t"))
}

// wantsJSON reports whether an answer is JSON: when Accept names it and nothing that is protobuf is liked better. Whatever is
// taken ("*/*", or no header) is protobuf.
func wantsJSON(header http.Header) bool {
	json, protobuf, any := -1.0, -1.0, -1.0
	first := "" // of those that are named
	for item := range strings.SplitSeq(strings.Join(header.Values("Accept"), ","), ",") {
		name, q := mediaType(item), quality(item)
		switch name {
		case jsonType:
			json = max(json, q)
		case protobufType, "application/protobuf", "application/octet-stream":
			protobuf, name = max(protobuf, q), protobufType
		case "*/*", "application/*":
			any = max(any, q)
			continue
		default:
			continue
		}
		if first == "" {
			first = name
		}
	}
	switch {
	case json <= 0:
		return false
	case protobuf < 0:
		return json >= any
	}
	return json > protobuf || json == protobuf && first == jsonType
}

// quality is how much an item of Accept is liked; what cannot be read is 1, as without.
func quality(item string) float64 {
	_, rest, _ := strings.Cut(item, ";")
	for p := range strings.SplitSeq(rest, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.Trim(name, " \t"), "q") {
			if q, err := strconv.ParseFloat(strings.Trim(value, " \t"), 64); err == nil && q >= 0 && q <= 1 {
				return q
			}
		}
	}
	return 1
}

// read reads the message of a request. Required fields are not asked for: who uses them says what is missing.
func (a *api) read(c *gate.Call, m proto.Message) error {
	data, err := io.ReadAll(c.Body())
	if err != nil {
		return err
	}
	if mediaType(c.Request.Header.Get("Content-Type")) == jsonType {
		return readJSON(data, m, a.Limits.Files)
	}
	return readProtobuf(data, m, a.Limits.Files)
}

// readProtobuf reads a message; fields that it does not know are passed over. The elements of field 1, of which each costs much
// more memory than the two octets that an empty one takes, are counted before.
func readProtobuf(data []byte, m proto.Message, most int) error {
	notProtobuf := bad("the request is no protobuf message of this method; for JSON, send Content-Type: application/json")
	files := 0
	for rest := data; len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return notProtobuf
		}
		if number == 1 {
			files++
		}
		rest = rest[n:]
	}
	if files > most {
		return tooManyFiles(most)
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, AllowPartial: true}).Unmarshal(data, m); err != nil {
		return notProtobuf
	}
	return nil
}

func tooManyFiles(most int) error {
	return bad("the request has more than %d files; send several requests", most)
}

// message answers with a message, in the form that the request asks for.
func message(c *gate.Call, m proto.Message) error {
	body, err := encode(c, m)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, body)
}

// encode makes the body of an answer, and sets its type.
func encode(c *gate.Call, m proto.Message) ([]byte, error) {
	if wantsJSON(c.Request.Header) {
		c.Header().Set("Content-Type", "application/json; charset=utf-8")
		return appendJSON(nil, m.ProtoReflect()), nil
	}
	data, err := proto.Marshal(m)
	if err == nil {
		c.Header().Set("Content-Type", protobufType)
	}
	return data, err
}

// running answers that a task is under way. Retry-After is a whole number above 0, and stands on no other answer that is a
// success: SDKs take it for the sign of a task that runs.
func running(c *gate.Call) error {
	c.Header().Set("Retry-After", "1")
	c.WriteHeader(http.StatusNoContent)
	return nil
}
