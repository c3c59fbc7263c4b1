package cloudsign

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/shelf"
)

// private is what stands before the names of a caller's own shelf, in some methods; there is no other shelf here.
const private = "__userId__/"

// each calls f for 0 to n-1, some at once: a shelf may be far away. The error is one of f.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	const atOnce = 16
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range n {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return f(inner, i) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func noShelf() error {
	return refuse(http.StatusNotFound, "", "there is no shelf here; send contents in the request")
}

// shelfUpload is POST /ShelfUpload?nameOnShelf=__userId__/…&partIndex&isLastPart: one part. The answer to the last one is the
// JSON list of the parts that are missing; that to others is empty, unless it is known which are.
func (a *api) shelfUpload(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	name, err1 := q.need("nameOnShelf")
	index, err2 := q.index("partIndex")
	last, err3 := q.flag("isLastPart")
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	if bare := shelf.Bare(name); bare == name || bare == "" {
		return bad("nameOnShelf has to be %s and a name: there is no public shelf", private)
	}
	return a.part(c, shelf.Bare(name), index, last)
}

// part stores a part and answers with what is missing.
func (a *api) part(c *gate.Call, name string, index int, last bool) error {
	missing, err := a.store(c, name, index, last)
	if err != nil {
		return err
	}
	if !last && len(missing) == 0 {
		return text(c, http.StatusOK, "")
	}
	if missing == nil {
		missing = []int{} // null is no list to an SDK
	}
	body, err := json.Marshal(missing)
	if err != nil {
		return err
	}
	c.Header().Set("Content-Type", "application/json; charset=utf-8")
	return answer(c, http.StatusOK, body)
}

// store stores the body of a request. It may be base64, by its Content-Type.
func (a *api) store(c *gate.Call, name string, index int, last bool) ([]int, error) {
	if a.Shelf == nil {
		return nil, noShelf()
	}
	body := &bodyReader{r: c.Body()}
	if mediaType(c.Request.Header.Get("Content-Type")) == "base64" {
		body.r = base64.NewDecoder(base64.StdEncoding, body.r)
	}
	missing, err := a.Shelf.Part(c.Context(), c.Principal.Name, name, index, last, body)
	switch {
	case body.err != nil:
		return nil, body.err // the shelf may have wrapped it so that it is not seen any more
	case err != nil:
		return nil, shelfError(err)
	}
	return missing, nil
}

// bodyReader remembers why a body could not be read.
type bodyReader struct {
	r   io.Reader
	err error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		if _, wrong := err.(base64.CorruptInputError); wrong || err == io.ErrUnexpectedEOF {
			err = bad("the body is not base64, as its Content-Type says")
		}
		b.err = err
	}
	return n, err
}

// shelfUploadV2 is POST /V2/ShelfUpload?fileExtension: a whole file in, its name out.
func (a *api) shelfUploadV2(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	return a.first(c, q, true)
}

// shelfUploadPartInit is POST /ShelfUploadPartInit?fileExtension&isLastPart: part 0 in, the name of the file out.
func (a *api) shelfUploadPartInit(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	last, err := q.flag("isLastPart")
	if err != nil {
		return err
	}
	return a.first(c, q, last)
}

func (a *api) first(c *gate.Call, q parameters, last bool) error {
	extension, err := q.extension()
	if err != nil {
		return err
	}
	name := newName() + extension
	if _, err := a.store(c, name, 0, last); err != nil {
		return err
	}
	return text(c, http.StatusOK, name)
}

// newName is a name that nobody has, in the form of a UUID of version 4.
func newName() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// extension is what a new name ends with. It is part of a name in a store, so that it has no more than letters and digits.
func (q parameters) extension() (string, error) {
	const most = 16
	e := strings.TrimPrefix(q.get("fileExtension"), ".")
	if e == "" {
		return "", nil
	}
	for _, r := range e {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') || len(e) > most {
			return "", bad("fileExtension has to be a dot and up to %d letters or digits of ASCII, or empty", most)
		}
	}
	return "." + e, nil
}

// shelfUploadPart is POST /ShelfUploadPart?fileName&partIndex&isLastPart: a part from 1 on; the answer is that of ShelfUpload.
func (a *api) shelfUploadPart(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	name, err1 := q.need("fileName")
	index, err2 := q.index("partIndex")
	last, err3 := q.flag("isLastPart")
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	return a.part(c, shelf.Bare(name), index, last)
}

// shelfDownload is GET /ShelfDownload?nameOnShelf.
func (a *api) shelfDownload(c *gate.Call) error { return a.download(c, "nameOnShelf") }

// shelfDownloadV2 is GET /V2/ShelfDownload?fileName.
func (a *api) shelfDownloadV2(c *gate.Call) error { return a.download(c, "fileName") }

func (a *api) download(c *gate.Call, parameter string) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	name, err := q.need(parameter)
	if err != nil {
		return err
	}
	if a.Shelf == nil {
		return noShelf()
	}
	r, info, err := a.Shelf.Open(c.Context(), c.Principal.Name, shelf.Bare(name))
	if err != nil {
		return shelfError(err)
	}
	defer func() { _ = r.Close() }()
	c.Header().Set("Content-Type", "application/octet-stream")
	c.Header().Set("Content-Length", strconv.FormatInt(info.Size, 10))
	c.WriteHeader(http.StatusOK)
	n, err := io.Copy(struct{ io.Writer }{c}, contextReader{c.Context(), r})
	if err == nil && n != info.Size {
		err = io.ErrUnexpectedEOF // the connection is cut: nobody takes a part for the whole
	}
	return err
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
