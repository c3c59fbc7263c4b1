package cloudsign_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	pb "github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
)

// line is a connection on which every octet is ours.
type line struct {
	*house
	net.Conn
	r *bufio.Reader
}

func (h *house) dial() *line {
	h.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.base, "http://"))
	require.NoError(h, err)
	h.Cleanup(func() { _ = conn.Close() })
	return &line{h, conn, bufio.NewReader(conn)}
}

// send writes lines with CRLF behind each, an empty one, and a body.
func (l *line) send(body []byte, lines ...string) {
	l.Helper()
	_, err := l.Write(append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), body...))
	require.NoError(l, err)
}

// receive reads one answer to its end; the connection can be used for the next.
func (l *line) receive() reply {
	l.Helper()
	w, err := http.ReadResponse(l.r, nil)
	require.NoError(l, err)
	data, err := io.ReadAll(w.Body)
	require.NoError(l, err)
	got := reply{w, data}
	l.check("", got)
	require.Empty(l, w.TransferEncoding)
	return got
}

const authLine = "Authorization: DiadocAuth ddauth_api_client_id=K,ddauth_token=anna=token"

// java sends a request as the Java SDK does: its headers in its order, on one connection for the whole flow.
func (l *line) java(method, target string, body []byte) reply {
	l.Helper()
	length := fmt.Sprintf("Content-Length: %d", len(body))
	agent := []string{"Connection: Keep-Alive", "User-Agent: Diadoc SDK for Java v5.12.0;JRE=17.0.15;Vendor=Debian;OS=Linux v6;Arch=amd64", "Accept-Encoding: gzip,deflate"}
	lines := []string{method + " " + target + " HTTP/1.1"}
	if method == "POST" {
		lines = append(append(lines, length, "Host: h"), agent...)
	} else {
		lines = append(append(append(lines, "Host: h"), agent...), length)
	}
	l.send(body, append(lines, authLine)...)
	return l.receive()
}

// csharp sends one as the C# SDK does: a body waits for "100 Continue", and there is no User-Agent with it.
func (l *line) csharp(method, target string, body []byte) reply {
	l.Helper()
	lines := []string{method + " " + target + " HTTP/1.1", authLine}
	if body == nil {
		lines = append(lines, "User-Agent: Diadoc C# SDK=1;OS=x;NETFX=4", "Content-Length: 0")
	} else {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)), "Expect: 100-continue")
	}
	l.send(nil, append(lines, "Host: h", "Accept-Encoding: gzip, deflate")...)
	if body != nil {
		first, err := l.r.ReadString('\n')
		require.NoError(l, err)
		require.Equal(l, "HTTP/1.1 100 Continue\r\n", first)
		_, err = l.r.ReadString('\n')
		require.NoError(l, err)
		_, err = l.Write(body)
		require.NoError(l, err)
	}
	return l.receive()
}

func TestFlowsOfTheSDKs(t *testing.T) {
	for name, sdk := range map[string]struct {
		slash, confirm string
		send           func(*line, string, string, []byte) reply
	}{
		"Java": {"%2F", "&return=Reference", (*line).java},
		"C#":   {"/", "&locationPreference=Reference&return", (*line).csharp},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			l := h.dial()
			send := func(method, target string, body []byte) reply { return sdk.send(l, method, target, body) }
			part := bytes.Repeat([]byte("p"), 524288)
			send("POST", "/ShelfUpload?nameOnShelf=__userId__"+sdk.slash+"api-1&partIndex=0", part)
			w := send("POST", "/ShelfUpload?nameOnShelf=__userId__"+sdk.slash+"api-1&partIndex=2&isLastPart=1", part)
			require.Equal(t, "[1]", string(w.body))
			send("POST", "/ShelfUpload?nameOnShelf=__userId__"+sdk.slash+"api-1&partIndex=1", part)
			w = send("POST", "/ShelfUpload?nameOnShelf=__userId__"+sdk.slash+"api-1&partIndex=2&isLastPart=1", part)
			require.Equal(t, "[]", string(w.body))
			request := marshal(t, &pb.CloudSignRequest{Files: []*pb.CloudSignFile{{Content: &pb.ContentV2{NameOnShelf: proto.String("api-1")}, FileName: proto.String("a b.txt")}}})
			h.engine.slow = true
			task := h.task(send("POST", "/CloudSign", request))
			require.Equal(t, 204, send("GET", "/CloudSignResult?taskId="+task, nil).StatusCode)
			h.engine.set(task, func(op *operation) { op.State, op.Sent = confirm.Awaiting, true })
			var first pb.CloudSignResult
			h.read(send("GET", "/CloudSignResult?taskId="+task, nil), &first)
			wrong := send("POST", "/CloudSignConfirm?token="+first.GetToken()+"&confirmationCode=1"+sdk.confirm, nil)
			h.refused(wrong, 409, "CloudCrypt.BadConfirmationCode", "wrong")
			require.Equal(t, "409 Conflict", wrong.Status)
			second := h.task(send("POST", "/CloudSignConfirm?token="+first.GetToken()+"&confirmationCode="+rightCode+sdk.confirm, nil))
			require.Equal(t, 204, send("GET", "/CloudSignConfirmResult?taskId="+second, nil).StatusCode)
			h.engine.set(task, (*operation).complete)
			var signed pb.CloudSignConfirmResult
			h.read(send("GET", "/CloudSignConfirmResult?taskId="+second, nil), &signed)
			w = send("GET", "/ShelfDownload?nameOnShelf=__userId__"+sdk.slash+signed.Signatures[0].GetNameOnShelf(), nil)
			require.Equal(t, "signed:shelf/api-1", string(w.body))
			run := h.task(send("POST", "/AutoSignReceipts?boxId=b&batchKey=next", nil))
			require.Equal(t, 200, send("GET", "/AutosignReceiptsResult?taskId="+run, nil).StatusCode)
		})
	}
}

// A client that goes before the answer, or within it, changes nothing; asked again, it gets the same.
func TestConnectionsThatAreCut(t *testing.T) {
	h := newHouse(t, holding)
	_, token := h.begin(strings.Repeat("x", 1<<20))
	target := "/CloudSignConfirm?token=" + token + "&confirmationCode=" + rightCode + "&return=Content"
	for range 3 {
		l := h.dial()
		l.send(nil, "POST "+target+" HTTP/1.1", "Content-Length: 0", "Host: h", authLine)
		require.NoError(t, l.Close())
	}
	l := h.dial()
	second := h.task(l.java("POST", target, nil))
	for range 3 { // within the answer
		l := h.dial()
		l.send(nil, "GET /CloudSignConfirmResult?taskId="+second+" HTTP/1.1", "Host: h", authLine)
		_, err := io.ReadFull(l.r, make([]byte, 300))
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
	require.Equal(t, 200, l.java("GET", "/CloudSignConfirmResult?taskId="+second, nil).StatusCode)

	// Within a request: nothing is begun.
	cut := h.dial()
	cut.send([]byte("\x0a\x0a"), "POST /CloudSign HTTP/1.1", "Content-Length: 100", "Host: h", authLine)
	require.NoError(t, cut.Conn.(*net.TCPConn).CloseWrite())
	h.refused(cut.receive(), 400, "Http.BadRequest", "ended before")
	require.Len(t, h.engine.began, 1)

	// While it is held open: the place is free again.
	h.engine.slow = true
	task := h.task(h.do("POST", "/CloudSign", marshal(t, inline("x"))))
	held := h.dial()
	held.send(nil, "GET /CloudSignResult?taskId="+task+" HTTP/1.1", "Host: h", authLine)
	require.Equal(t, task, <-h.engine.waiting)
	require.NoError(t, held.Close())
	h.server.Close() // waits for all that is under way
}

func TestBodiesWithoutLength(t *testing.T) {
	h := newHouse(t)
	l := h.dial()
	body := marshal(t, inline("x"))
	l.send([]byte(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)), "POST /cLOUDsIGN HTTP/1.1", "Transfer-Encoding: chunked", "Host: h", authLine)
	h.task(l.receive())
	l.send(nil, "POST /CloudSign HTTP/1.1", "Content-Length: 0", "Host: h", authLine)
	h.refused(l.receive(), 400, "Http.BadRequest", "no files")
	// An error to one who waits for "100 Continue" comes without it.
	l.send(nil, "POST /CloudSign HTTP/1.1", "Content-Length: 5", "Expect: 100-continue", "Host: h")
	h.refused(l.receive(), 401, "Http.Unauthorized", "")
}
