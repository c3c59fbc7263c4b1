// Package shelf keeps contents that are uploaded in parts, until they are signed: in a folder, or in any store of
// gocloud.dev/blob.
package shelf

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors of a shelf, for errors.Is.
var (
	ErrNotFound = errors.New("it is not on the shelf") // also what is another owner's, and what is not complete
	ErrQuota    = errors.New("the shelf has no room for it")
	ErrName     = errors.New("this is no name for the shelf")
)

// Shelf is a store of contents. All is kept in its bucket, so that several processes can share one.
type Shelf struct{}

// Info is what is known of an item.
type Info struct {
	Name    string
	Size    int64
	Created time.Time
	Expires time.Time
}

// Part stores one part of an item. It may come in any order, again, and after the item is complete. With the last part, and
// after it, the indexes that are missing are returned; none means that the item is complete.
func (s *Shelf) Part(ctx context.Context, owner, name string, index int, last bool, r io.Reader) (missing []int, err error) {
	return nil, errors.New("shelf: not ready")
}

// Open returns an item that is complete. The reader ends the reading of what was complete then, also when parts are stored
// again meanwhile.
func (s *Shelf) Open(ctx context.Context, owner, name string) (io.ReadCloser, Info, error) {
	return nil, Info{}, ErrNotFound
}

// Stat is Open without the content.
func (s *Shelf) Stat(ctx context.Context, owner, name string) (Info, error) {
	return Info{}, ErrNotFound
}

// Delete removes an item; one that is not there is no error.
func (s *Shelf) Delete(ctx context.Context, owner, name string) error { return nil }

// Sweep removes what has expired, and parts of items that were never completed.
func (s *Shelf) Sweep(ctx context.Context) error { return nil }
