package confirm

import (
	"context"

	"github.com/seed-116355fd/signet/sign"
)

// Source gives the contents that wait to be signed without a person.
type Source interface {
	// Pending returns the contents of a box behind a resume key, in an order that does not change, at most limit of them, and
	// the key behind the last of them. An empty resume key is the beginning; an empty next says that nothing is left.
	Pending(ctx context.Context, box, resume string, limit int) (contents []Pending, next string, err error)
	// Signed takes the signature of a content. It may be called more than once for the same, with the same signature.
	Signed(ctx context.Context, box, id string, signature []byte) error
}

// Pending is a content that waits.
type Pending struct {
	ID      string // unique in its box
	Content sign.Content
}

// RunRequest begins one page of unattended signing.
type RunRequest struct {
	Owner  string
	Source string // name in Config.Sources
	Box    string
	Key    string // one of Config.Unattended
	Batch  string // the resume key; the same again gives the same run
	Limit  int    // contents; 0 means 5
}

// Run is how one page went.
type Run struct {
	ID     string
	State  State
	Signed int
	Failed int
	Next   string // resume key of the next page; empty at the end
	Reason string // why it failed
}
