package sdkclient

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a T that notes failures.
type recorder struct {
	mu      sync.Mutex
	failed  bool
	skipped bool
}

type stop struct{}

func (r *recorder) Errorf(string, ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}
func (r *recorder) FailNow()    { r.Errorf(""); panic(stop{}) }
func (r *recorder) Helper()     {}
func (r *recorder) Skip(...any) { r.skipped = true; panic(stop{}) }

// failing runs all cases as one program, and returns the names of those that fail.
func failing(t *testing.T, bug string, f Flavor) map[string]bool {
	t.Helper()
	w, end := world(newFake(bug))
	defer end()
	failed := map[string]bool{}
	for _, c := range Cases() {
		var r recorder
		func() {
			defer func() {
				if p := recover(); p != nil {
					require.IsType(t, stop{}, p)
				}
			}()
			c.Run(&r, &w, f)
		}()
		if r.failed {
			failed[c.Name] = true
		}
	}
	return failed
}

// TestBatteryFindsFaults shows that a server that is wrong does not pass, and by which case it is found out.
func TestBatteryFindsFaults(t *testing.T) {
	for bug, test := range map[string]struct {
		flavor Flavor
		found  string
	}{
		"":                   {Java, ""},
		"gzip":               {CSharp, "one file"},
		"Retry-After on 200": {Java, "one file"},
		"no code header":     {Java, "unknown tasks"},
		"empty body":         {Java, "wrong code, then the right one"},
		"case":               {JSON, "routes in any case, unknown parameters"},
		"no files":           {Java, "no files"},
		"403 for foreign":    {Java, "a task of another caller is as one that there never was"},
		"foreign":            {Java, "a task of another caller is as one that there never was"},
		"foreign token":      {JSON, "the token of another caller"},
		"used":               {Java, "CloudSignConfirm repeated three times"},
		"signs again":        {Java, "the right code again"},
		"any code":           {CSharp, "wrong code, then the right one"},
		"counts repeats":     {Java, "a wrong code repeated three times counts once"},
		"never locks":        {JSON, "too many wrong codes"},
		"never expires":      {JSON, "an expired code"},
		"order":              {Java, "files keep their order"},
		"receipts twice":     {Java, "receipts of a box, and no one twice"},
		"no key":             {Java, "receipts of a box, and no one twice"},
		"shared shelf":       {Java, "the shelf of another caller"},
		"True":               {CSharp, "the newer shelf, in parts"},
		"null":               {Java, "a file in one part"},
	} {
		t.Run(bug, func(t *testing.T) {
			failed := failing(t, bug, test.flavor)
			if test.found == "" {
				require.Empty(t, failed)
				return
			}
			require.True(t, failed[test.found], "failed: %v", failed)
		})
	}
}

// TestWhatIsSent compares requests with what was observed, octet by octet.
func TestWhatIsSent(t *testing.T) {
	for _, test := range []struct {
		name   string
		flavor Flavor
		call   func(c *Client) (*Reply, error)
		want   string
	}{
		{"Java POST", Java, func(c *Client) (*Reply, error) {
			return c.ShelfUpload("java_api-1 2", 2, true, []byte("abc"))
		}, "POST /ShelfUpload?nameOnShelf=__userId__%2Fjava_api-1+2&partIndex=2&isLastPart=1 HTTP/1.1\nContent-Length: 3\nHost: HOST\nConnection: Keep-Alive\nUser-Agent: Diadoc SDK for Java v5.12.0;JRE=17.0.15;Vendor=Debian;OS=Linux v6.1;Arch=amd64\nAccept-Encoding: gzip,deflate\nAuthorization: DiadocAuth ddauth_api_client_id=K,ddauth_token=T\n"},
		{"Java GET", Java, func(c *Client) (*Reply, error) { _, r, err := c.CloudSignResult("a"); return r, err },
			"GET /CloudSignResult?taskId=a HTTP/1.1\nHost: HOST\nConnection: Keep-Alive\nUser-Agent: Diadoc SDK for Java v5.12.0;JRE=17.0.15;Vendor=Debian;OS=Linux v6.1;Arch=amd64\nAccept-Encoding: gzip,deflate\nContent-Length: 0\nAuthorization: DiadocAuth ddauth_api_client_id=K,ddauth_token=T\n"},
		{"C# POST without a body", CSharp, func(c *Client) (*Reply, error) {
			_, r, err := c.CloudSignConfirm("t", "", "Content")
			return r, err
		}, "POST /CloudSignConfirm?token=t&confirmationCode&return=Content HTTP/1.1\nAuthorization: DiadocAuth ddauth_api_client_id=K,ddauth_token=T\nUser-Agent: Diadoc C# SDK=2.8.0;OS=Unix 6.1;NETFX=4.0.30319\nContent-Length: 0\nHost: HOST\nAccept-Encoding: gzip, deflate\n"},
		{"C# POST", CSharp, func(c *Client) (*Reply, error) {
			return c.ShelfUpload("api-1 2", 0, false, []byte("abc"))
		}, "POST /ShelfUpload?nameOnShelf=__userId__/api-1%202&partIndex=0 HTTP/1.1\nAuthorization: DiadocAuth ddauth_api_client_id=K,ddauth_token=T\nContent-Length: 3\nExpect: 100-continue\nHost: HOST\nAccept-Encoding: gzip, deflate\n"},
		{"C# flags", CSharp, func(c *Client) (*Reply, error) {
			return c.ShelfUploadPart("n", 1, false, nil)
		}, "POST /ShelfUploadPart?fileName=n&partIndex=1&isLastPart=False HTTP/1.1\nAuthorization: DiadocAuth ddauth_api_client_id=K,ddauth_token=T\nUser-Agent: Diadoc C# SDK=2.8.0;OS=Unix 6.1;NETFX=4.0.30319\nContent-Length: 0\nHost: HOST\nAccept-Encoding: gzip, deflate\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, got := listen(t)
			c := &Client{Base: "http://" + addr, Flavor: test.flavor, Token: "T", App: "K"}
			defer c.Close()
			_, err := test.call(c)
			require.NoError(t, err)
			require.Equal(t, strings.ReplaceAll(test.want, "HOST", addr), <-got)
		})
	}
}

// listen takes one request and answers 204.
func listen(t *testing.T) (addr string, head <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		r := bufio.NewReader(conn)
		var b strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil || line == "\r\n" {
				break
			}
			b.WriteString(strings.TrimSuffix(line, "\r\n") + "\n")
		}
		got <- b.String()
		if strings.Contains(b.String(), "Expect:") {
			_, _ = conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n"))
		}
		_, _ = conn.Write([]byte("HTTP/1.1 204 No Content\r\nRetry-After: 1\r\n\r\n"))
		_, _ = r.ReadByte()
	}()
	return l.Addr().String(), got
}

// TestWhatIsRepeated counts how often a request is sent when answers are lost.
func TestWhatIsRepeated(t *testing.T) {
	w, end := world(newFake(""))
	defer end()
	four := []Cut{BeforeByte, BeforeByte, BeforeByte, BeforeByte}
	for _, test := range []struct {
		flavor Flavor
		cuts   []Cut
		start  int
		other  int
	}{{Java, four[:3], 1, 4}, {Java, four, 1, 4}, {Java, []Cut{InReply}, 1, 1}, {CSharp, four, 1, 1}, {JSON, four, 1, 1}} {
		c := &Client{Base: w.Base, Flavor: test.flavor, Token: "token-a"}
		c.Cut = test.cuts
		_, _, err := c.CloudSign(files("A"), "")
		require.ErrorIs(t, err, ErrLost)
		require.Equal(t, test.start, c.Sent)
		c.Cut = test.cuts
		_, _, err = c.CloudSignConfirm("t", "1", "")
		require.Equal(t, len(test.cuts) == 3, err == nil)
		require.Equal(t, test.other, c.Sent)
		c.Cut = test.cuts
		_, _, _ = c.CloudSignResult("t")
		require.Equal(t, test.other, c.Sent)
		c.Close()
	}
}

func TestProblems(t *testing.T) {
	good := func() *Reply {
		return &Reply{Status: 200, Reason: "OK", Header: http.Header{}, Length: true, Body: []byte("x")}
	}
	require.Empty(t, good().Problems())
	for name, bend := range map[string]func(r *Reply){
		"no length": func(r *Reply) { r.Length = false }, "202": func(r *Reply) { r.Status, r.Reason = 202, "Accepted" }, "reason": func(r *Reply) { r.Reason = "Fine" },
		"redirect": func(r *Reply) { r.Status, r.Reason = 307, "Temporary Redirect" }, "NEL": func(r *Reply) { r.Header.Set("NEL", "{}") },
		"204 without": func(r *Reply) { r.Status, r.Reason, r.Body = 204, "No Content", nil }, "error": func(r *Reply) { r.Status, r.Reason = 500, "Internal Server Error" },
		"204 with a date": func(r *Reply) {
			r.Status, r.Reason, r.Body = 204, "No Content", nil
			r.Header.Set("Retry-After", "Fri, 27 Nov 2026 12:00:00 GMT")
		},
		"204 with half a second": func(r *Reply) {
			r.Status, r.Reason, r.Body = 204, "No Content", nil
			r.Header.Set("Retry-After", "0.5")
		},
	} {
		r := good()
		bend(r)
		require.NotEmpty(t, r.Problems(), name)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x0a\x01a"), 0)
	f.Add([]byte(`{"TaskId":"a"}`), 3)
	f.Fuzz(func(t *testing.T, data []byte, k int) {
		for _, flavor := range []Flavor{Java, JSON} {
			_, _ = (&Client{Flavor: flavor}).parse(kind(k), data)
		}
	})
}
