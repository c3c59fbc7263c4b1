package shelf

import (
	"bufio"
	"context"
	"encoding/xml"
	"fmt"
	"gocloud.dev/blob/s3blob"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeS3 is the part of the API of S3 that the shelf needs, with pages of three.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	times   map[string]time.Time
	uploads map[string]map[int][]byte
}

// unchunk reads a body in the chunks of AWS, "size;signature\r\n…\r\n", with a trailer.
func unchunk(r io.Reader) ([]byte, error) {
	b := bufio.NewReader(r)
	var all []byte
	for {
		line, err := b.ReadString('\n')
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 32)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			_, err := io.Copy(io.Discard, b)
			return all, err
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(b, chunk); err != nil {
			return nil, err
		}
		all = append(all, chunk[:n]...)
	}
}

func (s *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	q := r.URL.Query()
	var body []byte
	var err error
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		body, err = unchunk(r.Body)
	} else {
		body, err = io.ReadAll(r.Body)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := "upload" + random(4)
		s.uploads[id] = map[int][]byte{}
		fmt.Fprintf(w, `<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>`, key, id)
	case r.Method == http.MethodPut && q.Has("uploadId"):
		n, _ := strconv.Atoi(q.Get("partNumber"))
		s.uploads[q.Get("uploadId")][n] = body
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		parts := s.uploads[q.Get("uploadId")]
		s.objects[key] = nil
		for i := range len(parts) {
			s.objects[key] = append(s.objects[key], parts[i+1]...)
		}
		s.times[key] = time.Now()
		delete(s.uploads, q.Get("uploadId"))
		fmt.Fprintf(w, `<CompleteMultipartUploadResult><Key>%s</Key><ETag>"x"</ETag></CompleteMultipartUploadResult>`, key)
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		delete(s.uploads, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		s.objects[key], s.times[key] = body, time.Now()
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case q.Get("list-type") == "2":
		s.list(w, q)
	default:
		b, ok := s.objects[key]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `<Error><Code>NoSuchKey</Code></Error>`)
			return
		}
		w.Header().Set("Last-Modified", s.times[key].UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b)
	}
}

func (s *fakeS3) list(w http.ResponseWriter, q url.Values) {
	type content struct {
		Key          string
		LastModified string
		Size         int
		ETag         string
	}
	var result struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []content
	}
	keys := make([]string, 0, len(s.objects))
	for k := range s.objects {
		if strings.HasPrefix(k, q.Get("prefix")) && k > q.Get("continuation-token") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if len(keys) > 3 {
		keys, result.IsTruncated, result.NextContinuationToken = keys[:3], true, keys[2]
	}
	for _, k := range keys {
		result.Contents = append(result.Contents, content{k, s.times[k].UTC().Format(time.RFC3339), len(s.objects[k]), `"x"`})
	}
	_ = xml.NewEncoder(w).Encode(result)
}

func TestS3(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	store := &fakeS3{objects: map[string][]byte{}, times: map[string]time.Time{}, uploads: map[string]map[int][]byte{}}
	server := httptest.NewServer(store)
	defer server.Close()
	b, err := new(s3blob.URLOpener).OpenBucketURL(t.Context(), &url.URL{Scheme: "s3", Host: "bucket", RawQuery: "region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)})
	require.NoError(t, err)
	defer b.Close()
	c := newClock()
	s := New(b, &Options{Clock: c.now})
	big := string(pattern(12<<20, 1))
	require.Nil(t, part(t, s, "x", 0, false, "first"))
	require.Equal(t, []int{1, 2}, part(t, s, "x", 3, true, "last"))
	require.Equal(t, []int{2}, part(t, s, "x", 1, false, big))
	require.Equal(t, []int{}, part(t, s, "x", 2, false, ""))
	require.True(t, "first"+big+"last" == content(t, s, "x"))
	require.Equal(t, []int{}, part(t, s, "x", 3, true, "last"))
	absent(t, s, "y")
	n := len(keys(t, b))
	ctx, gone := context.WithCancel(t.Context()) // that of a request ends with the connection
	_, err = s.Part(ctx, "anna", "cut", 0, true, io.MultiReader(strings.NewReader(big), readerFunc(func([]byte) (int, error) { gone(); return 0, errDown })))
	require.ErrorIs(t, err, errDown)
	require.Len(t, keys(t, b), n)
	store.mu.Lock()
	require.Empty(t, store.uploads, "nothing of it is left in an upload that did not end")
	store.mu.Unlock()
	require.NoError(t, s.Sweep(t.Context()))
	require.True(t, "first"+big+"last" == content(t, s, "x"))
	require.NoError(t, s.Delete(t.Context(), "anna", "x"))
	absent(t, s, "x")
	c.turn(8 * 24 * time.Hour)
	require.NoError(t, s.Sweep(t.Context()))
	require.Empty(t, keys(t, b))
}
