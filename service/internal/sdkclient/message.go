package sdkclient

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// File is one of CloudSign or DssSign. The content that is nil is not sent.
type File struct {
	Name    string
	Content []byte
	Shelf   string
	Patched string // PatchedContentId
}

// Signature is one of CloudSignConfirmResult.
type Signature struct {
	Content []byte
	Shelf   string
}

// FileResult is one of DssSignResult.
type FileResult struct {
	Status    int
	Signature []byte
}

// Message is what an answer said: the fields of all messages.
type Message struct {
	TaskID, Token string
	Signatures    []Signature
	Status        int // OperationStatus
	Phone         string
	Files         []FileResult
	Count         int64
	NextKey       string
	HasNextKey    bool
}

// kind is the type of a message.
type kind int

const (
	asyncResult kind = iota
	tokenResult
	signaturesResult
	dssResult
	receiptsResult
)

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// signRequest is CloudSignRequest and DssSignRequest, which differ in the number of PatchedContentId; v2 adds the fields of
// DssSignRequestV2.
func (c *Client) signRequest(files []File, dss bool, v2 bool, thumbprint string) []byte {
	if c.Flavor == JSON {
		return jsonRequest(files, v2, thumbprint)
	}
	var out []byte
	for _, f := range files {
		var content, file []byte
		if f.Content != nil {
			content = appendBytes(content, 1, f.Content)
		}
		if f.Shelf != "" {
			content = appendBytes(content, 2, []byte(f.Shelf))
		}
		if f.Patched != "" {
			number := protowire.Number(3)
			if dss {
				number = 4
			}
			content = appendBytes(content, number, []byte(f.Patched))
		}
		file = appendBytes(file, 1, content)
		if f.Name != "" {
			file = appendBytes(file, 2, []byte(f.Name))
		}
		out = appendBytes(out, 1, file)
	}
	if v2 {
		out = protowire.AppendVarint(protowire.AppendTag(out, 2, protowire.VarintType), 0)
		if thumbprint != "" {
			out = appendBytes(out, 3, appendBytes(nil, 1, []byte(thumbprint)))
		}
	}
	return out
}

func jsonRequest(files []File, v2 bool, thumbprint string) []byte {
	list := make([]any, len(files))
	for i, f := range files {
		content := map[string]any{}
		if f.Content != nil {
			content["Content"] = base64.StdEncoding.EncodeToString(f.Content)
		}
		if f.Shelf != "" {
			content["NameOnShelf"] = f.Shelf
		}
		if f.Patched != "" {
			content["PatchedContentId"] = f.Patched
		}
		list[i] = map[string]any{"FileName": f.Name, "Content": content}
	}
	m := map[string]any{"Files": list}
	if v2 {
		m["SignDataSource"] = "CertificateSign"
		if thumbprint != "" {
			m["CertificateData"] = map[string]any{"Thumbprint": thumbprint}
		}
	}
	data, _ := json.Marshal(m) // of strings
	return data
}

// parse reads a message in the form of the flavor.
func (c *Client) parse(k kind, data []byte) (*Message, error) {
	m := &Message{}
	if c.Flavor == JSON {
		return m, m.fromJSON(k, data)
	}
	return m, m.fromProtobuf(k, data)
}

var errMessage = errors.New("sdkclient: the answer is not the message of this method")

// fields calls f with each field of a message.
func fields(data []byte, f func(number protowire.Number, value []byte, varint uint64) error) error {
	for len(data) > 0 {
		number, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errMessage
		}
		data = data[n:]
		var value []byte
		var varint uint64
		switch typ {
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(data)
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(data)
		default:
			n = protowire.ConsumeFieldValue(number, typ, data)
		}
		if n < 0 {
			return errMessage
		}
		data = data[n:]
		if err := f(number, value, varint); err != nil {
			return err
		}
	}
	return nil
}

func (m *Message) fromProtobuf(k kind, data []byte) error {
	return fields(data, func(number protowire.Number, value []byte, varint uint64) error {
		switch {
		case k == asyncResult && number == 1:
			m.TaskID = string(value)
		case k == tokenResult && number == 1:
			m.Token = string(value)
		case k == signaturesResult && number == 1:
			s := Signature{}
			err := fields(value, func(number protowire.Number, value []byte, _ uint64) error {
				switch number {
				case 1:
					s.Content = value
				case 2:
					s.Shelf = string(value)
				}
				return nil
			})
			m.Signatures = append(m.Signatures, s)
			return err
		case k == dssResult && number == 1:
			m.Status = int(varint)
		case k == dssResult && number == 2:
			r := FileResult{}
			err := fields(value, func(number protowire.Number, value []byte, varint uint64) error {
				switch number {
				case 1:
					r.Status = int(varint)
				case 2:
					r.Signature = value
				}
				return nil
			})
			m.Files = append(m.Files, r)
			return err
		case k == dssResult && number == 5:
			m.Phone = string(value)
		case k == receiptsResult && number == 1:
			m.Count = int64(varint)
		case k == receiptsResult && number == 2:
			m.NextKey, m.HasNextKey = string(value), true
		}
		return nil
	})
}

var (
	operationStatuses = []string{"Unknown", "InProgress", "Completed", "CanceledByUser", "Timeout", "Crashed", "UserHasUnconfirmedOperation", "OperationRetryRequired"}
	fileStatuses      = []string{"UnknownSigningStatus", "SigningCompleted", "SigningError"}
)

func (m *Message) fromJSON(k kind, data []byte) error {
	var j struct {
		TaskId     string //nolint:revive // the name on the wire
		Token      string
		Signatures []struct {
			Content     []byte
			NameOnShelf string
		}
		OperationStatus    string
		PhoneLastNumbers   string
		FileSigningResults []struct {
			FileSigningStatus string
			Signature         []byte
		}
		SignedReceiptsCount int64
		NextBatchKey        *string
	}
	if json.Unmarshal(data, &j) != nil {
		return errMessage
	}
	m.TaskID, m.Token, m.Phone, m.Count = j.TaskId, j.Token, j.PhoneLastNumbers, j.SignedReceiptsCount
	for _, s := range j.Signatures {
		m.Signatures = append(m.Signatures, Signature{s.Content, s.NameOnShelf})
	}
	var ok bool
	if m.Status, ok = index(operationStatuses, j.OperationStatus); !ok && k == dssResult {
		return errMessage
	}
	for _, r := range j.FileSigningResults {
		status, ok := index(fileStatuses, r.FileSigningStatus)
		if !ok {
			return errMessage
		}
		m.Files = append(m.Files, FileResult{status, r.Signature})
	}
	if j.NextBatchKey != nil {
		m.NextKey, m.HasNextKey = *j.NextBatchKey, true
	}
	return nil
}

func index(list []string, s string) (int, bool) {
	for i, name := range list {
		if name == s {
			return i, true
		}
	}
	return 0, false
}
