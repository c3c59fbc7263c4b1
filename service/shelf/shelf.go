// Package shelf keeps contents that are uploaded in parts, until they are signed: in a folder, or in any store of
// gocloud.dev/blob.
//
//	bucket, err := shelf.OpenBucket(ctx, "file:///var/lib/signet/shelf")
//	s := shelf.New(bucket, nil)
//	missing, err := s.Part(ctx, "anna", "agreement1.docx", 0, true, body)
//	r, info, err := s.Open(ctx, "anna", "agreement1.docx")
//
// # What lies in the bucket
//
// A part is an object that is never changed, with its digest in its name; a part that comes again is another object. An item
// is complete when a manifest names its parts: the newest manifest is the item. So several processes can share a bucket
// without knowing of each other, a reader ends what it began while the item is uploaded anew, and a process that is killed
// leaves nothing behind but parts that nobody names, which [Shelf.Sweep] removes. The names of owners and items are in the
// bucket as digests.
//
// # Again, and after completion
//
// Parts may come in any order, and again. Until the item is complete the newest of each index counts. When a part comes that
// is different from what is complete, an upload of the name has begun anew: the item stays as it was until all parts of the
// new one are there, and parts of the two are never mixed.
package shelf

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gocloud.dev/blob"
)

// Errors of a shelf, for errors.Is.
var (
	ErrNotFound = errors.New("it is not on the shelf") // also what is another owner's, and what is not complete
	ErrQuota    = errors.New("the shelf has no room for it")
	ErrName     = errors.New("this is no name for the shelf")
	ErrPart     = fmt.Errorf("this is no index of a part: %w", ErrName) // who knows ErrName only takes it for that
)

// Bounds that are no options.
const (
	MaxParts = 10_000 // of an item
	// maxObjects bounds what an owner can make a listing of one item cost, by sending different parts again and again.
	maxObjects = 2*MaxParts + 1000
	// small parts are held in memory, so that one object is all that is written of them; larger ones are streamed. It is
	// twice the parts of most SDKs.
	small = 1 << 20
)

// Options bound a shelf. A field that is 0 has its default.
type Options struct {
	Item  int64         // octets of an item; 400 MB
	Part  int64         // octets of a part; 70 MB
	Items int           // of an owner; 10,000
	Bytes int64         // octets that all parts of an owner have, also those of uploads that did not end; 8 GB
	Keep  time.Duration // how long an item stays, and parts without an item; 7 days
	Clock func() time.Time
}

// Shelf is a store of contents. All is kept in its bucket, so that several processes can share one. It is safe for concurrent
// use.
//
// Quotas are exact within one process, also when uploads run side by side. Several processes know of each other by the bucket
// only, and do not look there for each part: each further one can carry an owner over its quota by a sixteenth of what was
// free when it looked.
type Shelf struct {
	bucket *blob.Bucket
	o      Options

	mu       sync.Mutex
	accounts map[string]*account
	folder   folder
}

// Info is what is known of an item.
type Info struct {
	Name    string
	Size    int64
	Created time.Time
	Expires time.Time
}

// New returns the shelf of a bucket; nil options are the defaults. The bucket stays the caller's, to be closed after the
// last use of the shelf. Objects in it that are not of a shelf are left alone.
//
// Of buckets of package fileblob, those with NoTempDir survive a crash of the machine (see [OpenBucket]).
func New(bucket *blob.Bucket, o *Options) *Shelf {
	if o == nil {
		o = &Options{}
	}
	s := &Shelf{bucket: bucket, o: *o, accounts: make(map[string]*account)}
	s.o.Item = cmp.Or(o.Item, 400_000_000)
	s.o.Part = cmp.Or(o.Part, 70_000_000)
	s.o.Items = cmp.Or(o.Items, 10_000)
	s.o.Bytes = cmp.Or(o.Bytes, 8_000_000_000)
	s.o.Keep = cmp.Or(o.Keep, 7*24*time.Hour)
	if s.o.Clock == nil {
		s.o.Clock = time.Now
	}
	return s
}

func (s *Shelf) now() int64 { return s.o.Clock().UnixMicro() }

// Create makes a name that nobody can guess, with an extension (".pdf", or ""), for an item that is uploaded next. Nothing is
// stored.
func (s *Shelf) Create(_ context.Context, _ string, extension string) (name string, err error) {
	if err := checkExtension(extension); err != nil {
		return "", err
	}
	return random(16) + extension, nil
}

// Part stores one part of an item. It may come in any order, again, and after the item is complete. With the last part, and
// after it, the indexes that are missing are returned, in order; none means that the item is complete (not nil then, and nil
// as long as the last part is not there). An item of no octets is a last part of index 0 without any.
//
// When r ends with another error than io.EOF, nothing of the part is stored, and that error is returned.
func (s *Shelf) Part(ctx context.Context, owner, name string, index int, last bool, r io.Reader) (missing []int, err error) {
	bare, err := checked(name)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= MaxParts {
		return nil, fmt.Errorf("shelf: there is no part %d; indexes are 0 to %d: %w", index, MaxParts-1, ErrPart)
	}
	at := place(owner, bare)
	before, err := s.list(ctx, at)
	if err != nil {
		return nil, err
	}
	if before.objects >= maxObjects {
		return nil, fmt.Errorf("shelf: parts of this item came again too often; delete it, or use another name: %w", ErrQuota)
	}
	a := s.account(owner)
	defer s.release(a)
	newItem := !before.counts()
	if newItem {
		if err := a.takeItem(ctx, at); err != nil {
			return nil, err
		}
		defer a.dropItem(at)
	}
	p := &incoming{s: s, a: a, at: at, index: index, last: last}
	defer p.release()
	if err := p.read(ctx, r); err != nil {
		return nil, err
	}
	// A gen that has passed while the part came would lose it. Others complete the item again and again to keep us here
	// only when they have the same owner.
	for range 5 {
		now, again, err := p.store(ctx, before)
		if err != nil {
			return nil, err
		}
		if !again {
			return s.complete(ctx, at, bare, now)
		}
		before = now
	}
	return nil, errors.New("shelf: the same item is uploaded by many at once; use different names")
}

// Stat is Open without the content.
func (s *Shelf) Stat(ctx context.Context, owner, name string) (Info, error) {
	bare, err := checked(name)
	if err != nil {
		return Info{}, err
	}
	it, err := s.list(ctx, place(owner, bare))
	if err != nil {
		return Info{}, err
	}
	m := it.live(s.now(), s.o.Keep)
	if m == nil {
		return Info{}, fmt.Errorf("shelf: %w", ErrNotFound)
	}
	return s.info(bare, m), nil
}

func (s *Shelf) info(bare string, m *manifestKey) Info {
	created := time.UnixMicro(m.stamp)
	return Info{Name: bare, Size: m.size, Created: created, Expires: created.Add(s.o.Keep)}
}

// Delete removes an item, and parts of one that is not complete; one that is not there is no error. When it returns nil the
// item is gone, also when objects of it are left for Sweep.
func (s *Shelf) Delete(ctx context.Context, owner, name string) error {
	bare, err := checked(name)
	if err != nil {
		return err
	}
	at := place(owner, bare)
	it, err := s.list(ctx, at)
	if err != nil {
		return err
	}
	if !it.counts() {
		return nil
	}
	// A manifest of nothing comes first: from then on the item is gone, whatever of the rest is deleted, and parts that are
	// under way belong to a past upload.
	grave := manifestKey{at: at, seq: it.seq() + 1, stamp: it.after(s.now()), grave: true, id: random(8)}
	if err := s.write(ctx, grave.String(), nil, nil); err != nil {
		return err
	}
	a := s.account(owner)
	defer s.release(a)
	defer a.forget()
	for _, key := range it.keys() {
		_ = s.delete(ctx, key) // what is left, Sweep finds
	}
	return nil
}
