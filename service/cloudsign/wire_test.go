package cloudsign

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/seed-116355fd/signet/service/cloudsign/proto"
)

func TestAccept(t *testing.T) {
	for accept, json := range map[string]bool{
		"": false, "*/*": false, "application/*": false, "text/html,application/xhtml+xml,*/*;q=0.8": false,
		"application/json": true, "Application/JSON; charset=utf-8": true, "application/json, text/plain, */*": true,
		"application/json;q=0.5, */*": false, "application/json;q=0": false, "application/json;q=0.9, */*;q=0.1": true,
		"application/x-protobuf, application/json": false, "application/json, application/x-protobuf": true,
		"application/protobuf;q=0.5,application/json;q=0.6": true, "application/octet-stream;q=0.7,application/json;q=0.6": false,
		"application/json;q=x": true, "application/jsonx": false, ",,;q": false,
	} {
		require.Equal(t, json, wantsJSON(http.Header{"Accept": {accept}}), accept)
	}
	require.True(t, wantsJSON(http.Header{"Accept": {"text/plain", "application/json"}}))
}

func TestQuery(t *testing.T) {
	q, err := parseQuery("A=1&b+c=d%20e+f&empty=&bare&x=1&X=1&y=&y=2")
	require.NoError(t, err)
	require.Equal(t, parameters{"a": "1", "b c": "d e f", "x": "1", "y": "2"}, q)
	for _, wrong := range []string{"a=1&A=2", "%zz=1", "a=%", "a=1;b=2"} {
		_, err := parseQuery(wrong)
		require.Error(t, err, wrong)
	}
	_, err = parseQuery("confirmationCode=424242&%")
	require.NotContains(t, err.Error(), "424242")
}

// The messages clash with those of nobody else.
func TestRegistry(t *testing.T) {
	for _, m := range []proto.Message{&pb.CloudSignRequest{}, &pb.DssSignRequest{}, &pb.CertificateList{}} {
		name := m.ProtoReflect().Descriptor().FullName()
		require.True(t, strings.HasPrefix(string(name), "Diadoc.Api.Proto."))
		_, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
		require.ErrorIs(t, err, protoregistry.NotFound)
		_, err = protoregistry.GlobalTypes.FindMessageByName(name)
		require.ErrorIs(t, err, protoregistry.NotFound)
	}
}

// The numbers of fields are those that SDKs have.
func TestFieldNumbers(t *testing.T) {
	for want, m := range map[string]proto.Message{
		"\x0a\x02id":                         &pb.AsyncMethodResult{TaskId: proto.String("id")},
		"\x0a\x08\x0a\x03\x0a\x01d\x12\x01n": &pb.DssSignRequest{Files: []*pb.DssSignFile{{Content: &pb.ContentV3{Content: []byte("d")}, FileName: proto.String("n")}}},
		"\x08\x05\x12\x01k":                  &pb.AutosignReceiptsResult{SignedReceiptsCount: proto.Int64(5), NextBatchKey: proto.String("k")},
		"\x0a\x03\x0a\x01s\x0a\x03\x12\x01n": &pb.CloudSignConfirmResult{Signatures: []*pb.ContentV2{{Content: []byte("s")}, {NameOnShelf: proto.String("n")}}},
		"\x0a\x08\x0a\x03\x0a\x01c\x12\x01n": &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{Content: &pb.ContentV2{Content: []byte("c")}, FileName: proto.String("n")}}},
		"\x08\x02\x12\x05\x08\x01\x12\x01s\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x02\x2a\x041234": &pb.DssSignResult{
			OperationStatus:    pb.DssOperationStatus_Completed.Enum(),
			FileSigningResults: []*pb.DssFileSigningResult{{FileSigningStatus: pb.DssFileSigningStatus_SigningCompleted.Enum(), Signature: []byte("s")}},
			ConfirmType:        pb.DssConfirmType_ConfirmTypeUnknown.Enum(), Operator: pb.DssOperator_Kontur.Enum(), PhoneLastNumbers: proto.String("1234"),
		},
	} {
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		require.NoError(t, err)
		require.Equal(t, want, string(data))
	}
}

func TestTasks(t *testing.T) {
	for _, id := range []string{"01234567-89ab-4def-8123-456789abcdef", "01234567-89ab-7def-8123-456789abcdef", "01234567-89ab-1def-8123-456789abcdef"} {
		task := confirmTask(id, true)
		require.Len(t, task, len(id))
		require.NotEqual(t, id, task)
		got, reference := operationOf(task)
		require.True(t, reference)
		require.Equal(t, id, got)
		got, reference = operationOf(confirmTask(id, false))
		require.False(t, reference)
		require.Equal(t, id, got)
	}
}

func requests() []proto.Message {
	return []proto.Message{&pb.CloudSignRequest{}, &pb.DssSignRequest{}, &pb.DssSignRequestV2{}}
}

func FuzzProtobuf(f *testing.F) {
	f.Add([]byte("\x0a\x08\x0a\x03\x0a\x01c\x12\x01n"))
	f.Add([]byte{0x0a, 0x04, 0x0a, 0x02, 0x22, 0x00})
	f.Add([]byte{0x10, 0x01, 0x1a, 0x00, 0x0a, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range requests() {
			if err := readProtobuf(data, m, 5); err != nil {
				continue
			}
			files := m.ProtoReflect().Get(m.ProtoReflect().Descriptor().Fields().ByName("Files")).List()
			require.LessOrEqual(t, files.Len(), 5)
			again(t, m)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"Files":[{"Content":{"Content":"eA==","NameOnShelf":null},"FileName":"\u0000\ud800"}],"SignDataSource":1,"GosKeyData":{"Snils":"1"}}`))
	f.Add([]byte(`{"files":[{"Content":{"EntityId":{}}}],"SignDataSource":"certificatesign","CertificateData":{"Thumbprint":"x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range requests() {
			if err := readJSON(data, m, 5); err == nil {
				if len(strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))) > 0 {
					require.True(t, json.Valid([]byte(strings.TrimPrefix(string(data), "\ufeff"))), "%q", data)
				}
				again(t, m)
			}
		}
	})
}

// again writes a message as JSON and reads it: it is the same.
func again(t *testing.T, m proto.Message) {
	t.Helper()
	text := appendJSON(nil, m.ProtoReflect())
	require.True(t, json.Valid(text), "%s", text)
	copied := m.ProtoReflect().New().Interface()
	if !valid(m.ProtoReflect()) {
		return // strings of proto2 may be no UTF-8, and enums have numbers without a name
	}
	require.NoError(t, readJSON(text, copied, 5), "%s", text)
	require.True(t, proto.Equal(m, copied), "%s", text)
}

func valid(m protoreflect.Message) (ok bool) {
	ok = true
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsList():
			for i := range v.List().Len() {
				ok = ok && valid(v.List().Get(i).Message())
			}
		case f.Kind() == protoreflect.MessageKind:
			ok = ok && valid(v.Message())
		case f.Kind() == protoreflect.EnumKind:
			ok = ok && f.Enum().Values().ByNumber(v.Enum()) != nil
		case f.Kind() == protoreflect.StringKind:
			ok = ok && v.String() == strings.ToValidUTF8(v.String(), "")
		}
		return ok
	})
	return ok
}

func FuzzQuery(f *testing.F) {
	f.Add("token=a&confirmationCode&return=Content&A=1&a=2")
	f.Add("nameOnShelf=__userId__%2Fa+b&partIndex=0&isLastPart=True")
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			return
		}
		values, err := url.ParseQuery(raw)
		require.NoError(t, err)
		for name, value := range q {
			require.NotEmpty(t, value)
			found := false
			for n, all := range values {
				for _, v := range all {
					found = found || strings.ToLower(n) == name && v == value
				}
			}
			require.True(t, found)
		}
		_, _ = q.index("partIndex")
		_, _ = q.flag("isLastPart")
		_, _ = q.reference()
		if e, err := q.extension(); err == nil {
			require.NotContains(t, e, "/")
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	f.Add("DiadocAuth ddauth_api_client_id=K,ddauth_token=T")
	f.Fuzz(func(t *testing.T, header string) {
		if token, ok := diadocAuth(header); ok {
			require.NotContains(t, token, ",")
			require.Contains(t, header, token)
		}
	})
}
