package cloudsign_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cloudsign"
	"github.com/seed-116355fd/signet/service/shelf"
)

type authFunc = auth.Func

func TestUploadInParts(t *testing.T) {
	h := newHouse(t)
	path := func(index int, last string) string {
		return fmt.Sprintf("/ShelfUpload?nameOnShelf=__userId__%%2Fjava_api-1&partIndex=%d%s", index, last)
	}
	body := func(w reply, want string) {
		t.Helper()
		require.Equal(t, 200, w.StatusCode, string(w.body))
		require.Equal(t, want, string(w.body))
	}
	body(h.do("POST", path(1, ""), []byte("b")), "")
	h.refused(h.do("GET", "/ShelfDownload?nameOnShelf=__userId__/java_api-1", nil), 404, "Http.NotFound", "not on the shelf")
	body(h.do("POST", path(2, "&isLastPart=1"), []byte("c")), "[0]")
	body(h.do("POST", path(0, "&isLastPart=False"), []byte("a")), "")
	body(h.do("POST", path(2, "&isLastPart=True"), []byte("c")), "[]") // the last part arrives twice
	body(h.do("POST", path(1, "&isLastPart=0"), []byte("b")), "")      // and one after completion
	for _, name := range []string{"__userId__/java_api-1", "__userid__%2Fjava_api-1", "java_api-1"} {
		body(h.do("GET", "/shelfdownload?nameonshelf="+name, nil), "abc")
	}
	h.refused(h.do("GET", "/ShelfDownload?nameOnShelf=java_api-1", nil, "Authorization", "Bearer boris"), 404, "Http.NotFound", "not on the shelf")
	body(h.do("POST", "/ShelfUpload?nameOnShelf=__userId__/with+space%20&isLastPart=true", []byte(base64.StdEncoding.EncodeToString([]byte("plain"))), "Content-Type", "base64"), "[]")
	body(h.do("GET", "/ShelfDownload?nameOnShelf=with%20space+", nil), "plain")
	h.refused(h.do("POST", path(0, ""), []byte("!!!!"), "Content-Type", "base64"), 400, "Http.BadRequest", "not base64")
	h.refused(h.do("POST", path(0, ""), []byte("YQ"), "Content-Type", "base64"), 400, "Http.BadRequest", "not base64")
	for query, part := range map[string]string{
		"nameOnShelf=public":                     "__userId__/",
		"":                                       "nameOnShelf is missing",
		"nameOnShelf=__userId__/a&partIndex=-1":  "partIndex",
		"nameOnShelf=__userId__/a&partIndex=1e3": "partIndex",
		"nameOnShelf=__userId__/a&partIndex=9999999999999": "partIndex",
		"nameOnShelf=__userId__/a&isLastPart=yes":          "isLastPart",
		"nameOnShelf=__userId__/a/b":                       "no name",
		"nameOnShelf=__userId__/":                          "and a name",
	} {
		h.refused(h.do("POST", "/ShelfUpload?"+query, []byte("x")), 400, "Http.BadRequest", part)
	}
}

func TestUploadNew(t *testing.T) {
	h := newHouse(t)
	w := h.do("POST", "/V2/ShelfUpload?fileExtension=.bin", []byte("whole"))
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.bin$`, string(w.body))
	require.Equal(t, "text/plain; charset=utf-8", w.Header.Get("Content-Type"))
	require.Equal(t, "whole", string(h.do("GET", "/V2/ShelfDownload?fileName="+string(w.body), nil).body))
	require.NotContains(t, string(h.do("POST", "/V2/ShelfUpload?fileExtension=", []byte("x")).body), ".")
	name := string(h.do("POST", "/ShelfUploadPartInit?fileExtension=txt&isLastPart=False", []byte("a")).body)
	require.True(t, strings.HasSuffix(name, ".txt"))
	require.Equal(t, "[1]", string(h.do("POST", "/ShelfUploadPart?fileName="+name+"&partIndex=2&isLastPart=True", []byte("c")).body))
	require.Empty(t, h.do("POST", "/ShelfUploadPart?fileName="+name+"&partIndex=1&isLastPart=false", []byte("b")).body)
	require.Equal(t, "[]", string(h.do("POST", "/ShelfUploadPart?fileName="+name+"&partIndex=2&isLastPart=true", []byte("c")).body))
	require.Equal(t, "abc", string(h.do("GET", "/V2/ShelfDownload?fileName="+name, nil).body))
	name = string(h.do("POST", "/ShelfUploadPartInit?isLastPart=true", nil).body) // empty, in one part
	require.Empty(t, h.do("GET", "/V2/ShelfDownload?fileName="+name, nil).body)
	for _, e := range []string{"../x", "a.b", strings.Repeat("x", 17), "%D1%8F", "a%00"} {
		h.refused(h.do("POST", "/V2/ShelfUpload?fileExtension="+e, []byte("x")), 400, "Http.BadRequest", "fileExtension")
	}
}

func TestErrorsOfTheShelf(t *testing.T) {
	h := newHouse(t, func(c *cloudsign.Config) { c.Limits.Part = 100 })
	big := bytes.Repeat([]byte("x"), 101)
	h.refused(h.do("POST", "/ShelfUpload?nameOnShelf=__userId__/a&isLastPart=1", big), 413, "Http.RequestEntityTooLarge", "smaller parts")
	for err, want := range map[error]int{shelf.ErrQuota: 403, errors.New("disk"): 500} {
		h.store.err = err
		w := h.do("POST", "/ShelfUpload?nameOnShelf=__userId__/a&isLastPart=1", big[:100])
		require.Equal(t, want, w.StatusCode)
		require.NotContains(t, string(w.body), "disk")
	}
	h.store.err = fmt.Errorf("no part: %w", shelf.ErrPart)
	h.refused(h.do("POST", "/ShelfUpload?nameOnShelf=__userId__/a&isLastPart=1&partIndex=10000", big[:1]), 400, "Http.BadRequest", "partIndex is too large")
	bare := newHouse(t, func(c *cloudsign.Config) { c.Shelf = (*shelf.Shelf)(nil) })
	bare.refused(bare.do("POST", "/V2/ShelfUpload", big), 404, "Http.NotFound", "no shelf")
	bare.refused(bare.do("GET", "/V2/ShelfDownload?fileName=a", nil), 404, "Http.NotFound", "no shelf")
	bare.refused(bare.do("POST", "/CloudSignConfirm?token=a&confirmationCode=1&return=Reference", nil), 404, "Http.NotFound", "no shelf")
	bare.refused(bare.do("POST", "/ShelfUploadPart?fileName=a&partIndex=1", big, "Authorization", "Bearer shelfless"), 403, "Http.Forbidden", "shelf")
}

func TestAuthorization(t *testing.T) {
	h := newHouse(t)
	for _, good := range []string{
		annaAuth, "DiadocAuth ddauth_api_client_id=K, ddauth_token=anna=token", "diadocauth  ddauth_token = anna=token ,ddauth_api_client_id=K",
		"DiadocAuth DDAUTH_TOKEN=anna=token", "Bearer anna=token",
	} {
		w := h.do("GET", "/GetMyCertificates", nil, "Authorization", good)
		require.Equal(t, 200, w.StatusCode, good)
	}
	for _, wrong := range []string{"", "DiadocAuth", "DiadocAuth ddauth_api_client_id=K", "DiadocAuth ddauth_token=", "DiadocAuth ddauth_token=other", "Basic YTpi",
		"DiadocAuth ddauth_token=a b", "Bearer other"} {
		w := h.do("POST", "/CloudSign", []byte("x"), "Authorization", wrong)
		h.refused(w, http.StatusUnauthorized, "Http.Unauthorized", "DiadocAuth")
		require.Equal(t, `Basic realm="diadoc", DiadocAuth`, w.Header.Get("WWW-Authenticate"), wrong)
		require.NotContains(t, string(w.body), "other")
	}
}

func TestRoutes(t *testing.T) {
	h := newHouse(t)
	require.Len(t, cloudsign.Paths(), 16)
	for _, path := range cloudsign.Paths() {
		w := h.do("DELETE", path, nil)
		h.refused(w, 405, "Http.MethodNotAllowed", "only")
		allow := w.Header.Get("Allow")
		other := "GET"
		if strings.Contains(allow, "GET") {
			other = "POST"
		}
		require.NotContains(t, allow, other)
		h.refused(h.do(other, strings.ToUpper(path), nil), 405, "Http.MethodNotAllowed", "only")
	}
	h.refused(h.do("GET", "/other", nil), 404, "Http.NotFound", "nothing at this address")
}

func TestNew(t *testing.T) {
	good := cloudsign.Config{Engine: newEngine(), Keys: keySet(t), Auth: authFunc(callers), Caller: profiles}
	_, err := cloudsign.New(good)
	require.NoError(t, err)
	for part, breakIt := range map[string]func(*cloudsign.Config){
		"Engine": func(c *cloudsign.Config) { c.Engine = nil }, "Keys": func(c *cloudsign.Config) { c.Keys = nil },
		"Auth": func(c *cloudsign.Config) { c.Auth = nil }, "Caller": func(c *cloudsign.Config) { c.Caller = nil },
	} {
		c := good
		breakIt(&c)
		_, err := cloudsign.New(c)
		require.ErrorContains(t, err, part)
	}
}
