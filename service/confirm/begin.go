package confirm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
)

// Bounds of what people are shown, in octets.
const (
	maxName  = 1024
	maxTitle = 4096
	// maxReason is of why an operation failed.
	maxReason = 4096
)

// Begin freezes an operation and stores it. When it returns, the operation is kept; the challenge goes out by itself. Contents
// of the request are digested before Begin returns; contents on the shelf after it, in state Preparing. Errors: ErrInput,
// ErrLimit, and those of the key.
func (e *Engine) Begin(ctx context.Context, r Request) (*Operation, error) {
	if err := e.check(&r); err != nil {
		return nil, err
	}
	if r.Once != "" {
		if op, err := e.once(ctx, r.Owner, r.Once); !errors.Is(err, ErrNotFound) {
			return op, err
		}
	}
	now := e.now()
	if err := e.room(ctx, r.Owner, now.Add(-e.limits.Window).UnixMicro()); err != nil {
		return nil, err
	}
	signer, format, release, err := e.config.Keys.Open(ctx, r.Key)
	if err != nil {
		return nil, err
	}
	defer release()
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	h := &header{
		Owner: r.Owner, Key: r.Key, Title: r.Title, Method: r.Method, Raises: format.Level > cades.LevelBES,
		Thumb: thumbprint(signer), Level: format.EffectiveLevel().String(), Items: make([]headerItem, len(r.Items)),
	}
	row := &record{id: id.String(), token: e.seals.tokenKey(e.seals.tokenOf(id.String())), owner: r.Owner, created: now.UnixMicro(), expires: now.Add(e.limits.Open).UnixMicro()}
	onShelf := slices.ContainsFunc(r.Items, func(i Item) bool { return i.Shelf != "" })
	contents := make([]sign.Content, len(r.Items))
	for i, it := range r.Items {
		h.Items[i] = headerItem{Name: it.Name, Size: -1, Shelf: it.Shelf}
		if data, ok := it.Content.Source().InMemory(); ok {
			h.Items[i].Size = int64(len(data))
		}
		contents[i] = it.Content
		contents[i].Name = it.Name
	}
	if onShelf {
		return e.later(ctx, &r, row, h, contents, signer, format)
	}
	drafts, err := e.freeze(ctx, signer, format, contents, h)
	if err != nil {
		return nil, err
	}
	return e.store1(ctx, &r, row, h, drafts)
}

// check refuses requests that no person could be asked about.
func (e *Engine) check(r *Request) error {
	input := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrInput, fmt.Sprintf(format, args...))
	}
	switch {
	case r.Owner == "" || r.Key == "":
		return input("owner and key are needed")
	case len(r.Items) == 0:
		return input("there are no files to sign")
	case len(r.Items) > e.limits.Items:
		return input("there are %d files, and an operation may have %d; begin several", len(r.Items), e.limits.Items)
	case len(r.Title) > maxTitle || !utf8.ValidString(r.Title) || len(r.Owner) > maxName || len(r.Once) > maxName:
		return input("the title, the owner or the value of Once is too long, or not UTF-8")
	}
	for i, it := range r.Items {
		if len(it.Name) > maxName || !utf8.ValidString(it.Name) || strings.ContainsRune(it.Name, 0) || len(it.Shelf) > maxName || !utf8.ValidString(it.Shelf) {
			return input("the name of file %d is longer than %d octets, or not UTF-8", i+1, maxName)
		}
		if it.Shelf != "" && e.config.Shelf == nil {
			return input("file %d lies on the shelf, and there is none here", i+1)
		}
	}
	m := &r.Method
	_, known := e.config.Notifiers[m.Notifier]
	switch {
	case m.Kind == Nobody && !e.mayUnattended(r.Key):
		return input("key %s may not sign without a person; the operator can allow it", r.Key)
	case m.Kind == Nobody || m.Kind == Elsewhere && m.Notifier == "":
		return nil
	case m.Kind == TOTP && e.config.TOTP == nil:
		return input("there are no authenticators here")
	case m.Kind == TOTP:
		return nil
	case m.Kind != Code && m.Kind != Elsewhere:
		return input("the operation has no way to be confirmed")
	case !known:
		return input("there is no notifier %q here", m.Notifier)
	}
	return nil
}

// once finds the operation of a request that is repeated.
func (e *Engine) once(ctx context.Context, owner, once string) (*Operation, error) {
	var id string
	err := e.store.read().row(ctx, `SELECT id FROM signet_operation WHERE owner = $1 AND once = $2`, []any{owner, once}, &id)
	if errors.Is(err, errNoRow) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return e.Get(ctx, owner, id)
}

// room bounds how many operations an owner begins, so that nobody's telephone is flooded.
func (e *Engine) room(ctx context.Context, owner string, since int64) error {
	var n int
	err := e.store.read().row(ctx, `SELECT count(*) FROM (SELECT 1 FROM signet_operation WHERE owner = $1 AND created > $2 LIMIT $3) AS latest`,
		[]any{owner, since, e.limits.PerOwner}, &n)
	if err == nil && n >= e.limits.PerOwner {
		return fmt.Errorf("%w: %d operations were begun within %s", ErrLimit, n, e.limits.Window)
	}
	return err
}

// smallDrafts are not counted: their number is bounded.
const smallDrafts = 64 << 10

// roomFor bounds what the database holds for an owner, so that nobody fills the disk with operations that no one confirms.
func (e *Engine) roomFor(ctx context.Context, owner string, drafts int) error {
	if drafts <= smallDrafts {
		return nil
	}
	var there int64
	err := e.store.read().row(ctx, `SELECT coalesce(sum(length(b.drafts)), 0) FROM signet_operation o JOIN signet_blob b ON b.id = o.id
		WHERE o.owner = $1 AND o.created > $2 AND o.state <= 3`, []any{owner, e.now().Add(-e.limits.Open - time.Hour).UnixMicro()}, &there)
	if err == nil && there+int64(drafts) > e.limits.Pending {
		return fmt.Errorf("%w: what waits to be signed has %d octets, and with this operation more than the %d that a caller may have; confirm or cancel some first",
			ErrLimit, there, e.limits.Pending)
	}
	return err
}

// freeze prepares the drafts and completes the header.
func (e *Engine) freeze(ctx context.Context, signer *sign.Signer, format *cades.Options, contents []sign.Content, h *header) ([]byte, error) {
	drafts := make([]*cades.Draft, len(contents))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	parts := (len(contents) + 63) / 64 // goroutines of a few contents cost less than one of each
	for p := range parts {
		g.Go(func() error { // a panic of a reader would end the process
			return e.guarded(func() error { return freezePart(ctx, signer, format, contents, h, drafts, p) })
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	h.Digest, h.Scheme = commonDigest(h.Items), signer.Scheme().Name
	return cades.MarshalDrafts(drafts)
}

// freezePart prepares 64 drafts, from part p on.
func freezePart(ctx context.Context, signer *sign.Signer, format *cades.Options, contents []sign.Content, h *header, drafts []*cades.Draft, p int) error {
	for i := p * 64; i < min(p*64+64, len(contents)); i++ {
		c := contents[i]
		if c.Format != nil {
			c.Format = nil // an operation has one format
		}
		d, err := cades.Prepare(ctx, signer, c, format)
		if err != nil {
			return fmt.Errorf("file %d: %w", i+1, err)
		}
		drafts[i], h.Items[i].Digest = d, d.ContentDigest()
	}
	return nil
}

// store1 stores an operation that is prepared.
func (e *Engine) store1(ctx context.Context, r *Request, row *record, h *header, drafts []byte) (*Operation, error) {
	job, err := e.ready(row, h, drafts)
	if err == nil {
		err = e.roomFor(ctx, row.owner, len(drafts))
	}
	if err != nil {
		return nil, err
	}
	if err := e.record(ctx, "begin", row.id, h, fmt.Sprintf("%d files, common digest %s, to be confirmed by %s", len(h.Items), h.Digest, h.Method.Kind), nil); err != nil {
		return nil, err
	}
	return e.insert(ctx, r, row, h, drafts, job)
}

// ready is what follows the preparation: the state, and the job that goes on.
func (e *Engine) ready(row *record, h *header, drafts []byte) (job, error) {
	if int64(len(drafts)) > e.limits.Drafts {
		return nil, fmt.Errorf("%w: what is to be signed has %d octets, and an operation may have %d; begin several", ErrInput, len(drafts), e.limits.Drafts)
	}
	sum := sha256Sum(drafts)
	h.Drafts = sum[:]
	var err error
	if row.header, err = e.seals.sealHeader(row.id, h); err != nil {
		return nil, err
	}
	switch {
	case h.Method.Kind == Nobody:
		row.state, row.confirmed = Signing, e.seals.confirmation(row.id, row.header)
		return e.signJob(row.id, h), nil
	case h.Method.Kind == TOTP || h.Method.Kind == Elsewhere && h.Method.Notifier == "":
		row.state = Awaiting
		return nil, nil
	}
	row.state = Preparing
	return notifyArgs{ID: row.id, Serial: 0}, nil
}

// insert stores a new operation with its first job.
func (e *Engine) insert(ctx context.Context, r *Request, row *record, h *header, drafts []byte, first job) (*Operation, error) {
	var once any
	if r.Once != "" {
		once = r.Once
	}
	err := e.store.write(ctx, func(t tx) error {
		if err := t.put(ctx, `INSERT INTO signet_operation (id, token, owner, once, state, created, expires, confirmed, header) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			row.id, row.token, row.owner, once, int(row.state), row.created, row.expires, row.confirmed, row.header); err != nil {
			return err
		}
		if err := t.put(ctx, `INSERT INTO signet_blob (id, drafts) VALUES ($1, $2)`, row.id, drafts); err != nil {
			return err
		}
		if first != nil {
			t.insert(insertion(first))
		}
		return nil
	})
	if errors.Is(err, errTwice) && r.Once != "" { // a repetition at the same time
		return e.once(ctx, r.Owner, r.Once)
	}
	if err != nil {
		return nil, err
	}
	return e.operation(row, h), nil
}

// later stores an operation whose contents lie on the shelf; a job digests them. Contents of the request are digested now.
func (e *Engine) later(ctx context.Context, r *Request, row *record, h *header, contents []sign.Content, signer *sign.Signer, format *cades.Options) (*Operation, error) {
	for i, it := range r.Items {
		if it.Shelf != "" {
			h.Items[i].Shelf = shelf.Bare(it.Shelf)
			continue
		}
		if format.Attached || format.Level >= cades.LevelLTA || len(format.ContentTimestampers) != 0 {
			return nil, fmt.Errorf("%w: key %s makes containers that need the content itself, so either all files lie on the shelf or none", ErrInput, r.Key)
		}
		d, err := cades.Prepare(ctx, signer, contents[i], &cades.Options{})
		if err != nil {
			return nil, fmt.Errorf("file %d: %w", i+1, err)
		}
		h.Items[i].Digest = d.ContentDigest()
	}
	var err error
	if row.header, err = e.seals.sealHeader(row.id, h); err != nil {
		return nil, err
	}
	row.state = Preparing
	return e.insert(ctx, r, row, h, nil, prepareArgs{ID: row.id})
}

// prepare digests what lies on the shelf, in a job.
func (e *Engine) prepare(ctx context.Context, row *record, h *header) (drafts []byte, first job, err error) {
	signer, format, release, err := e.config.Keys.Open(ctx, h.Key)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	contents := make([]sign.Content, len(h.Items))
	for i := range h.Items {
		it := &h.Items[i]
		if it.Shelf == "" {
			contents[i] = sign.Digested(it.Name, sign.Digest{Algorithm: signer.Scheme().DigestAlg, Sum: it.Digest})
			continue
		}
		info, err := e.config.Shelf.Stat(ctx, h.Owner, it.Shelf)
		if err != nil {
			return nil, nil, shelfError(i, err)
		}
		it.Size = info.Size
		contents[i] = sign.Opener(it.Name, func() (io.ReadCloser, error) {
			r, _, err := e.config.Shelf.Open(ctx, h.Owner, it.Shelf)
			return r, shelfError(i, err)
		})
	}
	h.Thumb = thumbprint(signer)
	if drafts, err = e.freeze(ctx, signer, format, contents, h); err != nil {
		return nil, nil, err
	}
	if first, err = e.ready(row, h, drafts); err == nil {
		err = e.roomFor(ctx, h.Owner, len(drafts))
	}
	return drafts, first, err
}

func shelfError(i int, err error) error {
	if errors.Is(err, shelf.ErrNotFound) || errors.Is(err, shelf.ErrName) {
		return fmt.Errorf("%w: file %d; upload it, and begin again", ErrShelf, i+1)
	}
	return err
}
