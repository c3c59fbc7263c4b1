package revocation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// item is something that can be fetched: a value of one certificate from one URL.
type item struct {
	kind  string // begins the name of its file
	key   string // what it is, and from where
	limit int
	fetch func(ctx context.Context) ([]byte, error)
	// read parses and checks octets that were fetched, or found in a file that was written at a time, and says until
	// when they are to be kept.
	read func(raw []byte, at time.Time) (value any, until time.Time, err error)
}

// cache keeps what was fetched, in memory and in files, and makes those who want the same thing wait for one fetch.
type cache struct {
	dir      string
	max      int // octets in memory
	negative time.Duration
	now      func() time.Time

	mu      sync.Mutex
	size    int
	entries map[string]*entry
	calls   map[string]*call
}

type entry struct {
	value any
	err   error
	size  int
	until time.Time
}

// call is one fetch under way.
type call struct {
	done    chan struct{}
	waiting int
	cancel  context.CancelFunc
	value   any
	err     error
}

// get returns an item. cached says that it is not from this moment; fresh asks for one that is.
func (c *cache) get(ctx context.Context, it item, fresh bool) (value any, cached bool, err error) {
	c.mu.Lock()
	if e := c.entries[it.key]; e != nil && !fresh && c.now().Before(e.until) {
		c.mu.Unlock()
		return e.value, true, e.err
	}
	under := it.key
	if fresh {
		under += "\x00fresh"
	}
	running := c.calls[under]
	if running == nil {
		// The fetch belongs to all who wait for it: it goes on when one of them gives up, and ends when all have.
		inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
		running = &call{done: make(chan struct{}), cancel: cancel}
		c.calls[under] = running
		var e *entry
		sign.Go(func() error {
			e = c.fill(inner, it, fresh)
			return nil
		}, func(err error) {
			if err != nil { // of a client for HTTP, a clock or a scheme that the caller brings
				e = &entry{err: because(CheckTransport, "code of the caller failed", err)} // and is not kept
			}
			c.end(inner, under, running, it, e)
		})
	}
	running.waiting++
	c.mu.Unlock()
	select {
	case <-running.done:
		return running.value, false, running.err
	case <-ctx.Done():
		c.mu.Lock()
		if running.waiting--; running.waiting == 0 {
			running.cancel()
			if c.calls[under] == running {
				delete(c.calls, under)
			}
		}
		c.mu.Unlock()
		return nil, false, because(CheckTransport, "given up", ctx.Err())
	}
}

// end gives what was fetched to all who wait for it.
func (c *cache) end(ctx context.Context, under string, running *call, it item, e *entry) {
	defer running.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	running.value, running.err = e.value, e.err
	if c.calls[under] == running {
		delete(c.calls, under)
	}
	if ctx.Err() == nil {
		c.keep(it.key, e)
	}
	close(running.done)
}

// fill gets an item from its file or from the network.
func (c *cache) fill(ctx context.Context, it item, fresh bool) *entry {
	if !fresh {
		if e := c.load(it); e != nil {
			return e
		}
	}
	now := c.now()
	raw, err := it.fetch(ctx)
	if err == nil {
		var e entry
		if e.value, e.until, err = it.read(raw, now); err == nil {
			e.size = len(raw)
			c.save(it, raw)
			return &e
		}
	}
	return &entry{err: err, until: c.now().Add(c.negative)} // from now, for it may have taken long
}

// keep puts an entry into memory, in place of those that end first. It is called with the lock.
func (c *cache) keep(key string, e *entry) {
	now := c.now()
	if old := c.entries[key]; old != nil {
		if e.err != nil && old.err == nil && now.Before(old.until) {
			return // a failure to get something newer does not spoil what is there
		}
		c.size -= old.size
		delete(c.entries, key)
	}
	if !now.Before(e.until) || e.size > c.max {
		return
	}
	for len(c.entries) >= maxEntries || c.size+e.size > c.max {
		first := ""
		for k, other := range c.entries {
			if first == "" || other.until.Before(c.entries[first].until) {
				first = k
			}
		}
		c.size -= c.entries[first].size
		delete(c.entries, first)
	}
	c.entries[key] = e
	c.size += e.size
}

// maxEntries bounds the number of values in memory.
const maxEntries = 4096

// path names the file of an item.
func (c *cache) path(it item) string {
	sum := sha256.Sum256([]byte(it.key))
	return filepath.Join(c.dir, it.kind+"-"+hex.EncodeToString(sum[:16])+".der")
}

// load reads the file of an item. A file is checked as an answer from the network is, and one that fails is as good as
// none: it may be old, cut off, or of somebody else.
func (c *cache) load(it item) *entry {
	if c.dir == "" {
		return nil
	}
	f, err := os.Open(c.path(it))
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	raw, err := io.ReadAll(io.LimitReader(f, int64(it.limit)+1))
	if err != nil || len(raw) > it.limit {
		return nil
	}
	value, until, err := it.read(raw, info.ModTime())
	if err != nil || !c.now().Before(until) {
		return nil
	}
	return &entry{value: value, size: len(raw), until: until}
}

// save writes the file of an item under another name first, so that nobody reads half of it. That it cannot be written is
// no failure: the value is there.
func (c *cache) save(it item, raw []byte) {
	if c.dir == "" {
		return
	}
	f, err := os.CreateTemp(c.dir, it.kind+"-*.tmp")
	if err != nil {
		return
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path(it))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}
