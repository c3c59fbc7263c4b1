package cloudsign_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gocloud.dev/blob/memblob"
	"google.golang.org/protobuf/proto"

	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/service/cloudsign"
	pb "github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
)

// whole is the service over the engine itself, on SQLite and with keys of software.
type whole struct {
	*house
	pki    *testpki.PKI
	engine *confirm.Engine
	codes  chan string
	links  chan string
	folder string
}

func newWhole(t *testing.T) *whole {
	w := &whole{pki: testpki.New(t), codes: make(chan string, 100), links: make(chan string, 100), folder: t.TempDir()}
	w.house = &house{TB: t, ids: []testpki.Identity{w.pki.Leaf(testpki.P256)}}
	set := keySet(t, w.ids...)
	bucket := memblob.OpenBucket(nil)
	t.Cleanup(func() { _ = bucket.Close() })
	items := shelf.New(bucket, nil)
	phone := notify.Func(func(_ context.Context, m *notify.Message) error {
		if m.Code.Len() > 0 {
			w.codes <- string(m.Code.Bytes())
		} else {
			w.links <- m.Link
		}
		return nil
	})
	var err error
	w.engine, err = confirm.New(t.Context(), confirm.Config{
		Database: filepath.Join(t.TempDir(), "signet.db"), Secret: sign.NewSecret(bytes.Repeat([]byte{7}, 32)), Keys: confirm.KeySet(set), Shelf: items,
		Notifiers: map[string]notify.Notifier{"sms": phone}, Link: "https://sign.example/confirm/",
		Sources: map[string]confirm.Source{"folder": confirm.FolderSource{Folder: w.folder}}, Unattended: []string{"seal"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.engine.Close(context.WithoutCancel(t.Context()))) })
	handler, err := cloudsign.New(cloudsign.Config{Engine: w.engine, Shelf: items, Keys: set, Auth: authFunc(callers), Caller: profiles, Box: boxes})
	require.NoError(t, err)
	w.server = httptest.NewServer(handler)
	t.Cleanup(w.server.Close)
	w.base = w.server.URL
	return w
}

// verify has openssl verify a detached signature.
func (w *whole) verify(signature, content []byte) {
	w.Helper()
	dir := w.TempDir()
	for name, data := range map[string][]byte{"s.p7s": signature, "c.bin": content, "root.pem": testpki.CertPEM(w.pki.Root.Certificate())} {
		require.NoError(w, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	testpki.OpenSSL(w, dir, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "s.p7s", "-content", "c.bin", "-CAfile", "root.pem", "-purpose", "any", "-out", "out.bin")
}

// until asks until the task is not running any more.
func (w *whole) until(path string) reply {
	w.Helper()
	for {
		if got := w.do("GET", path, nil); got.StatusCode != http.StatusNoContent {
			return got
		}
	}
}

func TestEngine(t *testing.T) {
	w := newWhole(t)
	part := bytes.Repeat([]byte("0123456789abcdef"), 32768)
	require.Equal(t, "[0]", string(w.do("POST", "/ShelfUpload?nameOnShelf=__userId__%2Fbig&partIndex=1&isLastPart=1", part).body))
	require.Empty(t, w.do("POST", "/ShelfUpload?nameOnShelf=__userId__%2Fbig&partIndex=0", part).body)
	require.Equal(t, "[]", string(w.do("POST", "/ShelfUpload?nameOnShelf=__userId__%2Fbig&partIndex=1&isLastPart=1", part).body))
	name := string(w.do("POST", "/V2/ShelfUpload?fileExtension=.bin", []byte("new shelf")).body)
	contents := [][]byte{[]byte("one"), append(bytes.Clone(part), part...), {}, []byte("new shelf")}
	request := inline("one")
	request.Files = append(request.Files,
		&pb.CloudSignFile{Content: &pb.ContentV2{NameOnShelf: proto.String("big")}},
		&pb.CloudSignFile{Content: &pb.ContentV2{Content: []byte{}}, FileName: proto.String("empty")},
		&pb.CloudSignFile{Content: &pb.ContentV2{NameOnShelf: proto.String(name)}})
	task := w.task(w.do("POST", "/CloudSign", marshal(t, request)))
	var first pb.CloudSignResult
	w.read(w.until("/CloudSignResult?taskId="+task), &first)
	code := <-w.codes
	confirmed := func(code, mode string) reply {
		return w.do("POST", "/CloudSignConfirm?token="+first.GetToken()+"&confirmationCode="+code+mode, nil)
	}
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}
	for range 4 { // as one
		w.refused(confirmed(wrong, ""), 409, "CloudCrypt.BadConfirmationCode", "4 attempts")
	}
	second := w.task(confirmed(code, "&return=Content"))
	for range 3 {
		require.Equal(t, second, w.task(confirmed(code, "&return=Content")))
	}
	reference := w.task(confirmed(code, "&locationPreference=reference"))
	var signed, again, named pb.CloudSignConfirmResult
	w.read(w.until("/CloudSignConfirmResult?taskId="+second), &signed)
	w.read(w.until("/CloudSignConfirmResult?taskId="+second), &again)
	require.True(t, proto.Equal(&signed, &again))
	w.read(w.until("/CloudSignConfirmResult?taskId="+reference), &named)
	require.Len(t, signed.Signatures, 4)
	for i, content := range contents {
		w.verify(signed.Signatures[i].Content, content)
		got := w.do("GET", "/ShelfDownload?nameOnShelf="+named.Signatures[i].GetNameOnShelf(), nil)
		require.Equal(t, signed.Signatures[i].Content, got.body)
	}
	w.refused(w.do("GET", "/CloudSignResult?taskId="+task, nil, "Authorization", "Bearer boris"), 404, "Http.NotFound", "no such task")
	w.refused(w.do("GET", "/CloudSignConfirmResult?taskId=", nil), 400, "Http.BadRequest", "")
}

func TestEngineConfirmsOnce(t *testing.T) {
	w := newWhole(t)
	task := w.task(w.do("POST", "/CloudSign", marshal(t, inline("one"))))
	var first pb.CloudSignResult
	w.read(w.until("/CloudSignResult?taskId="+task), &first)
	code := <-w.codes
	var wait sync.WaitGroup
	tasks := make([]reply, 4)
	for i := range tasks { // all at once, as the HTTP layer of the Java SDK does
		wait.Go(func() {
			tasks[i] = w.do("POST", "/CloudSignConfirm?token="+first.GetToken()+"&confirmationCode="+code, nil)
		})
	}
	wait.Wait()
	for i := range tasks {
		require.Equal(t, w.task(tasks[0]), w.task(tasks[i]))
	}
}

func TestEngineRefuses(t *testing.T) {
	w := newWhole(t)
	task := w.task(w.do("POST", "/CloudSign", marshal(t, &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{Content: &pb.ContentV2{NameOnShelf: proto.String("never")}}}})))
	w.refused(w.until("/CloudSignResult?taskId="+task), 409, "Http.Conflict", "not on the shelf")
	task = w.task(w.do("POST", "/CloudSign", marshal(t, inline("one"))))
	var first pb.CloudSignResult
	w.read(w.until("/CloudSignResult?taskId="+task), &first)
	code := <-w.codes
	guesses := 0
	for i := 0; guesses < 5; i++ {
		guess := fmt.Sprintf("%06d", i)
		if guess == code {
			continue
		}
		guesses++
		want := "CloudCrypt.BadConfirmationCode"
		if guesses == 5 {
			want = "CloudCrypt.ExpiredRequest"
		}
		w.refused(w.do("POST", "/CloudSignConfirm?token="+first.GetToken()+"&confirmationCode="+guess, nil), 409, want, "")
	}
	w.refused(w.do("POST", "/CloudSignConfirm?token="+first.GetToken()+"&confirmationCode="+code, nil), 409, "CloudCrypt.ExpiredRequest", "too many wrong codes")
}

func TestEngineOfDss(t *testing.T) {
	w := newWhole(t)
	request := &pb.DssSignRequest{Files: []*pb.DssSignFile{{Content: &pb.ContentV3{Content: []byte("one")}}, {Content: &pb.ContentV3{Content: []byte("two")}}}}
	task := w.task(w.do("POST", "/DssSign?boxId=b", marshal(t, request)))
	token := strings.TrimPrefix(<-w.links, "https://sign.example/confirm/")
	_, err := w.engine.Wait(t.Context(), "anna", task, confirm.Preparing) // the message is there before it is stored that it is
	require.NoError(t, err)
	_, err = w.engine.Approve(t.Context(), token)
	require.NoError(t, err)
	var m pb.DssSignResult
	for m.GetOperationStatus() != pb.DssOperationStatus_Completed {
		m.Reset()
		w.read(w.do("GET", "/DssSignResult?boxId=b&taskId="+task, nil), &m)
		require.NotEqual(t, pb.DssOperationStatus_Crashed, m.GetOperationStatus())
	}
	require.Equal(t, "4567", m.GetPhoneLastNumbers())
	w.verify(m.FileSigningResults[0].Signature, []byte("one"))
	w.verify(m.FileSigningResults[1].Signature, []byte("two"))
	task = w.task(w.do("POST", "/DssSign?boxId=b", marshal(t, request)))
	_, err = w.engine.Decline(t.Context(), strings.TrimPrefix(<-w.links, "https://sign.example/confirm/"))
	require.NoError(t, err)
	w.read(w.do("GET", "/DssSignResult?boxId=b&taskId="+task, nil), &m)
	require.Equal(t, pb.DssOperationStatus_CanceledByUser, m.GetOperationStatus())
}

func TestEngineOfReceipts(t *testing.T) {
	w := newWhole(t)
	box := filepath.Join(w.folder, "b")
	require.NoError(t, os.Mkdir(box, 0o700))
	for i := range 7 {
		require.NoError(t, os.WriteFile(filepath.Join(box, fmt.Sprintf("r%d", i)), fmt.Appendf(nil, "receipt %d", i), 0o600))
	}
	total, batch := int64(0), ""
	for pages := 0; pages == 0 || batch != ""; pages++ {
		require.Less(t, pages, 5)
		path := "/AutoSignReceipts?boxId=b&batchKey=" + batch
		task := w.task(w.do("POST", path, nil))
		require.Equal(t, task, w.task(w.do("POST", path, nil)))
		var m pb.AutosignReceiptsResult
		w.read(w.until("/AutosignReceiptsResult?taskId="+task), &m)
		total, batch = total+m.GetSignedReceiptsCount(), m.GetNextBatchKey()
	}
	require.Equal(t, int64(7), total)
	for i := range 7 {
		signature, err := os.ReadFile(filepath.Join(box, fmt.Sprintf("r%d.p7s", i)))
		require.NoError(t, err)
		w.verify(signature, fmt.Appendf(nil, "receipt %d", i))
	}
}
