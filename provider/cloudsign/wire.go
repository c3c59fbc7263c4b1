package cloudsign

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// The messages as JSON. Names are those of the .proto files; octets are base64, enumerations are names.

type content struct {
	Content     *[]byte `json:",omitempty"` // there, also when it is empty
	NameOnShelf string  `json:",omitempty"`
}

type signFile struct {
	Content  content
	FileName string
}

type signRequest struct{ Files []signFile }

type taskAnswer struct{ TaskId string } //nolint:revive // the name on the wire

type tokenAnswer struct{ Token string }

type signaturesAnswer struct{ Signatures []content }

type dssAnswer struct {
	OperationStatus    enum
	FileSigningResults []struct {
		FileSigningStatus enum
		Signature         []byte
	}
	PhoneLastNumbers string
}

// enum is the name of a value of an enumeration; a server may write its number.
type enum string

// UnmarshalJSON takes a name, a number or null.
func (e *enum) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	if n, err := strconv.Atoi(string(data)); err == nil {
		*e = enum(strconv.Itoa(n))
		return nil
	}
	var name string
	if err := json.Unmarshal(data, &name); err != nil {
		return errors.New("neither the name of a value nor its number")
	}
	*e = enum(name)
	return nil
}

// is reports whether it is the value of this name and number.
func (e enum) is(name string, number int) bool {
	return string(e) == name || string(e) == strconv.Itoa(number)
}

// decode reads one JSON value and nothing after it. The error repeats nothing of the answer, in which there may be a token.
func decode(data []byte, v any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("the answer is empty")
	}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), v); err != nil {
		if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
			return errors.New("the answer is a page of HTML, not JSON: is a proxy in between, or the address wrong?")
		}
		return errors.New("the answer is not the JSON of this method")
	}
	return nil
}
