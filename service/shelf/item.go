package shelf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// maxManifest bounds what is read of a manifest: MaxParts keys of less than 300 octets.
const maxManifest = 8 << 20

// item is what a listing says of one item.
type item struct {
	at        string
	manifests []*manifestKey
	parts     []*partKey
	data      []*dataKey
	temps     []string
	objects   int
	newest    int64 // stamp
}

// add returns what parseKey does.
func (it *item) add(o *blob.ListObject) any {
	key := parseKey(o.Key)
	switch k := key.(type) {
	case *manifestKey:
		it.manifests = append(it.manifests, k)
		it.newest = max(it.newest, k.stamp)
	case *partKey:
		it.parts = append(it.parts, k)
		it.newest = max(it.newest, k.stamp)
	case *dataKey:
		it.data = append(it.data, k)
	default:
		if tempPattern.MatchString(o.Key) {
			it.temps = append(it.temps, o.Key)
		}
		return nil
	}
	it.objects++
	return key
}

// current is the manifest that is the item, or its grave; nil when there is none.
func (it *item) current() *manifestKey {
	var m *manifestKey
	for _, k := range it.manifests {
		if m == nil || k.newer(m) {
			m = k
		}
	}
	return m
}

// live is the manifest of an item that can be read.
func (it *item) live(now int64, keep time.Duration) *manifestKey {
	m := it.current()
	if m == nil || m.grave || m.expired(now, keep) {
		return nil
	}
	return m
}

func (it *item) seq() int64 {
	if m := it.current(); m != nil {
		return m.seq
	}
	return 0
}

// after is a stamp behind all that were seen: the clocks of several processes do not agree, and what comes later has to be
// newer.
func (it *item) after(now int64) int64 { return max(now, it.newest+1) }

// counts reports whether there is more than a grave.
func (it *item) counts() bool {
	m := it.current()
	return m != nil && !m.grave || slices.ContainsFunc(it.parts, func(p *partKey) bool { return p.gen >= it.seq() })
}

func (it *item) keys() []string {
	var keys []string
	for _, m := range it.manifests {
		keys = append(keys, m.String())
	}
	for _, p := range it.parts {
		keys = append(keys, p.String())
	}
	for _, d := range it.data {
		keys = append(keys, d.String())
	}
	return keys
}

// upload is what has come since the newest manifest: the newest part of each index, and the index of the last one, or -1.
func (it *item) upload() (parts map[int]*partKey, last int) {
	gen := it.seq()
	parts, last = make(map[int]*partKey), -1
	var lastPart *partKey
	for _, p := range it.parts {
		if p.gen != gen {
			continue
		}
		if o := parts[p.index]; o == nil || p.newer(o) {
			parts[p.index] = p
		}
		if p.last && (lastPart == nil || p.newer(lastPart)) {
			lastPart, last = p, p.index
		}
	}
	return parts, last
}

// walk calls f for each object with a prefix. A file that is deleted meanwhile ends a listing of package fileblob with "not
// found"; then it begins again, and reset is called before.
func (s *Shelf) walk(ctx context.Context, prefix string, reset func(), f func(o *blob.ListObject)) error {
	// Package fileblob goes through the whole folder for each page.
	page := 1000
	if s.bucket.As(new(os.FileInfo)) {
		page = 20_000
	}
	for attempt := 0; ; attempt++ {
		reset()
		err := s.pages(ctx, prefix, page, f)
		if err == nil {
			return nil
		}
		if gcerrors.Code(err) != gcerrors.NotFound || attempt == 20 || ctx.Err() != nil {
			return fmt.Errorf("shelf: list the store: %w", err)
		}
	}
}

func (s *Shelf) pages(ctx context.Context, prefix string, page int, f func(o *blob.ListObject)) error {
	for token := blob.FirstPageToken; len(token) > 0; {
		objects, next, err := s.bucket.ListPage(ctx, token, page, &blob.ListOptions{Prefix: prefix})
		if err != nil {
			return err
		}
		for _, o := range objects {
			f(o)
		}
		token = next
	}
	return nil
}

func (s *Shelf) list(ctx context.Context, at string) (*item, error) {
	var it *item
	err := s.walk(ctx, at, func() { it = &item{at: at} }, func(o *blob.ListObject) { it.add(o) })
	return it, err
}

// manifest is the content of its object.
type manifest struct {
	Name  string   `json:"name"`
	Parts []string `json:"parts"` // keys behind the place
}

// partKeys returns the parts that a manifest names. The store is not trusted with where they lie and how many they are.
func (m *manifest) partKeys(k *manifestKey) ([]*partKey, error) {
	parts := make([]*partKey, len(m.Parts))
	var size int64
	for i, rest := range m.Parts {
		p, ok := parseKey(k.at + rest).(*partKey)
		if !ok || p.index != i {
			return nil, errManifest
		}
		parts[i] = p
		size += p.size
	}
	if len(parts) != k.count || size != k.size {
		return nil, errManifest
	}
	return parts, nil
}

var errManifest = errors.New("shelf: the list of the parts of an item is damaged; upload it again")

func (s *Shelf) readManifest(ctx context.Context, k *manifestKey) ([]*partKey, error) {
	r, err := s.bucket.NewReader(ctx, k.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("shelf: read the list of parts: %w", notFound(err))
	}
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("shelf: read the list of parts: %w", err)
	}
	var m manifest
	if json.Unmarshal(raw, &m) != nil || manifestID(raw) != k.id {
		return nil, errManifest
	}
	return m.partKeys(k)
}

// manifestID is in the key of a manifest: two processes that complete the same parts at once may write the same object.
func manifestID(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// notFound makes an object that is gone an item that is gone.
func notFound(err error) error {
	if gcerrors.Code(err) == gcerrors.NotFound {
		return ErrNotFound
	}
	return err
}

// same reports whether parts of an upload are those of what is complete, as far as they have come.
func same(parts map[int]*partKey, last int, complete []*partKey) bool {
	if last >= 0 && last != len(complete)-1 {
		return false
	}
	for i, p := range parts {
		if i >= len(complete) || p.digest != complete[i].digest || p.size != complete[i].size {
			return false
		}
	}
	return true
}

// complete writes the manifest when all parts are there, and says which are missing.
func (s *Shelf) complete(ctx context.Context, at, bare string, it *item) ([]int, error) {
	m := it.live(s.now(), s.o.Keep)
	parts, last := it.upload()
	if m != nil && (last < 0 || len(parts) <= last) {
		// Parts that come again after completion are no new upload, as long as they are the same.
		complete, err := s.readManifest(ctx, m)
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, errManifest) {
			return nil, err
		}
		if err == nil && same(parts, last, complete) {
			return []int{}, nil
		}
	}
	if last < 0 {
		return nil, nil
	}
	missing := []int{}
	var size int64
	k := &manifestKey{at: at, seq: it.seq() + 1, stamp: it.after(s.now()), count: last + 1}
	list := manifest{Name: bare, Parts: make([]string, 0, last+1)}
	for i := range last + 1 {
		p := parts[i]
		if p == nil {
			missing = append(missing, i)
			continue
		}
		size += p.size
		_, rest, _ := splitKey(p.String())
		list.Parts = append(list.Parts, rest)
	}
	if size > s.o.Item {
		return nil, fmt.Errorf("shelf: an item can have %d octets, this one has more: %w", s.o.Item, ErrQuota)
	}
	if len(missing) > 0 {
		return missing, nil
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	k.size, k.id = size, manifestID(raw)
	if err := s.write(ctx, k.String(), raw, nil); err != nil {
		return nil, err
	}
	return missing, nil
}
