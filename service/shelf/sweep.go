package shelf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gocloud.dev/blob"
)

const (
	// grace is how long what is replaced stays for those who read it.
	grace = time.Hour
	// underway is how long octets may be without a part that names them: a part is streamed for as long as its client takes.
	underway = 24 * time.Hour
	// maxErrors that are told of a sweep.
	maxErrors = 10
	sweepKey  = "sweep/last" // when the last sweep began
)

// Sweep removes what has expired, parts of items that were never completed in the time that items are kept, and what was
// replaced more than an hour ago. What cannot be deleted does not stop it: the rest is swept, the error tells of it, and the
// next sweep tries it again. Several processes may sweep at once.
func (s *Shelf) Sweep(ctx context.Context) error {
	var errs []error
	failed := func(err error) {
		if err != nil && len(errs) < maxErrors {
			errs = append(errs, err)
		}
	}
	// The time of the last sweep is for those who run it; and a file that is written says where the folder is.
	failed(s.mark(ctx))
	var it *item
	end := func() {
		if it != nil {
			s.sweepItem(ctx, it, failed)
		}
	}
	// Items are swept while the store is listed, so that one at a time is held in memory; a listing that begins again meets
	// only what is left.
	err := s.walk(ctx, "", func() { it = nil }, func(o *blob.ListObject) {
		at, _, ok := splitKey(o.Key)
		if !ok || ctx.Err() != nil {
			return
		}
		if it == nil || it.at != at {
			end()
			it = &item{at: at}
		}
		if tempPattern.MatchString(o.Key) {
			if s.now()-o.ModTime.UnixMicro() < underway.Microseconds() {
				return
			}
		}
		it.add(o)
	})
	if err == nil && ctx.Err() == nil {
		end()
	}
	failed(err)
	failed(ctx.Err())
	s.folder.prune(ctx)
	s.mu.Lock()
	for _, a := range s.accounts {
		a.forget()
	}
	s.mu.Unlock()
	return errors.Join(errs...)
}

func (s *Shelf) mark(ctx context.Context) error {
	now := s.o.Clock().UTC()
	o, err := s.create(ctx, sweepKey)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(o, now.Format(time.RFC3339)); err != nil {
		o.abort()
		return err
	}
	return o.commit()
}

// sweepItem removes of one item what is not needed. The manifest goes first, so that no item is there whose parts are not.
func (s *Shelf) sweepItem(ctx context.Context, it *item, failed func(error)) {
	now := s.now()
	remove := func(key string) bool {
		err := s.delete(ctx, key)
		failed(err)
		return err == nil
	}
	for _, key := range it.temps {
		remove(key)
	}
	needed := make(map[string]bool) // parts
	current := it.current()
	if current != nil {
		// Older ones first: without the newest one, an older one would be the item again.
		kept := 0
		for _, m := range it.manifests {
			if m == current {
				continue
			}
			if current.grave || current.expired(now, s.o.Keep) || now-it.successor(m) >= grace.Microseconds() {
				if remove(m.String()) {
					continue
				}
			}
			kept++
			if !s.need(ctx, m, needed, failed) {
				return
			}
		}
		switch {
		case current.grave:
		case !current.expired(now, s.o.Keep):
			if !s.need(ctx, current, needed, failed) {
				return
			}
		case kept == 0 && !it.begun(now-s.o.Keep.Microseconds()):
			remove(current.String())
		}
	}
	left := make(map[string]bool) // octets that a part names
	for _, p := range it.parts {
		if !needed[p.String()] {
			past := p.gen < it.seq() && (current.grave || now-p.stamp >= grace.Microseconds())
			if (past || now-p.stamp >= s.o.Keep.Microseconds()) && remove(p.String()) {
				continue
			}
		}
		left[p.object()] = true
	}
	for _, d := range it.data {
		if left[d.String()] {
			continue
		}
		if now-d.stamp >= underway.Microseconds() {
			remove(d.String())
		}
	}
	if current != nil && current.grave && len(left) == 0 && len(it.manifests) == 1 && now-current.stamp >= underway.Microseconds() {
		remove(current.String())
	}
}

// begun reports whether a new upload has begun behind the newest manifest, and is not too old. Without the manifest its parts
// would be of none.
func (it *item) begun(since int64) bool {
	seq := it.seq()
	return slices.ContainsFunc(it.parts, func(p *partKey) bool { return p.gen >= seq && p.stamp > since })
}

// successor is the stamp of what replaced a manifest.
func (it *item) successor(m *manifestKey) int64 {
	var next *manifestKey
	for _, k := range it.manifests {
		if k.newer(m) && (next == nil || next.newer(k)) {
			next = k
		}
	}
	return next.stamp
}

// need adds the parts that a manifest names. It is false when they are not known, and nothing can be removed.
func (s *Shelf) need(ctx context.Context, m *manifestKey, needed map[string]bool, failed func(error)) bool {
	if m.grave {
		return true
	}
	parts, err := s.readManifest(ctx, m)
	switch {
	case errors.Is(err, ErrNotFound): // another process deleted it
		return false
	case err != nil:
		failed(err)
		return false
	}
	for _, p := range parts {
		needed[p.String()] = true
	}
	return true
}
