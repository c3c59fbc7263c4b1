package cloudsign

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/seed-116355fd/signet/sign"
)

const (
	partSize = 512 << 10
	rounds   = 3 // in which parts that are missing are sent again
	own      = "__userId__/"
)

// upload puts a content on the shelf and returns its name there, as CloudSign takes it. A part whose answer is lost is not sent
// again at once: the service says after the last part which ones it lacks.
func (c *Client) upload(ctx context.Context, f *file) (name string, err error) {
	defer sign.Recover(&err) // a content may be read by code of others, and this is a goroutine of its own
	name, err = c.uploadParts(ctx, f)
	if err != nil {
		return "", c.fault("cloudsign: upload "+f.Name+" to", err, "nothing was signed; sign it again")
	}
	return name, nil
}

func (c *Client) uploadParts(ctx context.Context, f *file) (string, error) {
	count := int(max(1, (f.Size+partSize-1)/partSize))
	shelf := &upload{client: c, count: count}
	r, err := f.open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	buf := make([]byte, min(partSize, int(f.Size)))
	var missing []int
	for i := range count {
		part := buf[:min(int64(len(buf)), f.Size-int64(i)*partSize)]
		if _, err := io.ReadFull(r, part); err != nil {
			return "", short(err)
		}
		if i == count-1 { // the digest is compared before the last part goes, so that a content that changed is never complete
			if _, err := r.Read(make([]byte, 1)); err != nil && err != io.EOF {
				return "", err
			}
		}
		if missing, err = shelf.send(ctx, i, part); err != nil {
			return "", err
		}
	}
	for round := 1; len(missing) != 0; round++ {
		if round == rounds {
			return "", fmt.Errorf("%d parts did not arrive in %d rounds", len(missing), rounds)
		}
		if missing, err = c.repair(ctx, f, shelf, missing); err != nil {
			return "", err
		}
	}
	return shelf.name, nil
}

// repair sends the parts that are missing, and the last one again.
func (c *Client) repair(ctx context.Context, f *file, shelf *upload, missing []int) (still []int, err error) {
	wanted := map[int]bool{shelf.count - 1: true}
	for _, i := range missing {
		if i < 0 || i >= shelf.count {
			return nil, errors.New("the list of missing parts names one that there is not")
		}
		wanted[i] = true
	}
	r, err := f.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	buf := make([]byte, partSize)
	for i := range shelf.count {
		part := buf[:min(partSize, f.Size-int64(i)*partSize)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, short(err)
		}
		if !wanted[i] {
			continue
		}
		if still, err = shelf.send(ctx, i, part); err != nil {
			return nil, err
		}
	}
	return still, nil
}

// short is the error of a content that ends before its size.
func short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errChanged
	}
	return err
}

// upload is one content on its way to the shelf.
type upload struct {
	client *Client
	count  int
	name   string
}

// send sends a part. Of the last one, the list of those that are missing comes back; a failure of any other is left to that
// list, but for refusals that will not change.
func (u *upload) send(ctx context.Context, i int, part []byte) (missing []int, err error) {
	last := i == u.count-1
	r := request{method: http.MethodPost, body: part, most: maxText}
	switch {
	case u.client.config.OldShelf:
		if u.name == "" {
			u.name = "signet-" + strings.ToLower(rand.Text())
		}
		r.path, r.query = "/ShelfUpload", url.Values{"nameOnShelf": {own + u.name}, "partIndex": {strconv.Itoa(i)}}
		if last {
			r.query.Set("isLastPart", "1")
		}
	case u.name == "":
		return u.first(ctx, r, last)
	default:
		r.path = "/ShelfUploadPart"
		r.query = url.Values{"fileName": {u.name}, "partIndex": {strconv.Itoa(i)}, "isLastPart": {strconv.FormatBool(last)}}
	}
	if last {
		answer, err := u.client.ask(ctx, r)
		if err != nil {
			return nil, err
		}
		if err := decode(answer.body, &missing); err != nil {
			return nil, err
		}
		if len(missing) > u.count {
			return nil, errors.New("the list of missing parts has more than there are")
		}
		return missing, nil
	}
	if _, err := u.client.exchange(ctx, r); err != nil {
		status, ok := errors.AsType[*StatusError](err)
		if !ok && !errors.Is(err, errLost) || ok && status.Status < 500 && !overloaded(status.Status) {
			return nil, err
		}
	}
	return nil, nil
}

// first sends part 0, whose answer is the name. It may be sent again: what a lost answer leaves behind is a part that expires.
// When it is missing later, it goes by that name.
func (u *upload) first(ctx context.Context, r request, last bool) ([]int, error) {
	r.path, r.query = "/ShelfUploadPartInit", url.Values{"fileExtension": {".bin"}, "isLastPart": {strconv.FormatBool(last)}}
	answer, err := u.client.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	name := strings.Trim(strings.TrimSpace(string(answer.body)), `"`)
	if !goodName(name) {
		return nil, errors.New("the answer is no name for the shelf")
	}
	u.name = name
	return nil, nil
}

// goodName reports whether a name that the service gave is one, and not a page or a message.
func goodName(name string) bool {
	return name != "" && len(name) <= 1024 && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._~/", r)
	})
}

// download takes a signature from the shelf.
func (c *Client) download(ctx context.Context, name string) ([]byte, error) {
	if !goodName(name) {
		return nil, errors.New("the service gave a signature without a name on the shelf")
	}
	r := request{method: http.MethodGet, path: "/V2/ShelfDownload", query: url.Values{"fileName": {name}}, most: maxContainer}
	if c.config.OldShelf {
		r.path, r.query = "/ShelfDownload", url.Values{"nameOnShelf": {own + strings.TrimPrefix(name, own)}}
	}
	answer, err := c.ask(ctx, r)
	if err != nil {
		return nil, c.fault("cloudsign: download from", err, "the operation is over there; resume it to collect again")
	}
	return answer.body, nil
}
