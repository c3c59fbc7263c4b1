package confirm

import (
	"context"
	"time"
)

// Engine runs operations. It is safe for concurrent use, and any number of engines can share a PostgreSQL database.
type Engine struct{}

// New opens the database and starts to work.
func New(ctx context.Context, c Config) (*Engine, error) { return nil, ErrInput }

// Close ends the work of this engine; what is under way is ended first, or left to others when ctx ends.
func (e *Engine) Close(ctx context.Context) error { return nil }

// Begin freezes an operation and stores it. When it returns, the operation is kept; the challenge goes out by itself. Contents
// of the request are digested before Begin returns, contents on the shelf after it, in state Preparing. Errors: ErrInput,
// ErrLimit, ErrShelf, and those of the key.
func (e *Engine) Begin(ctx context.Context, r Request) (*Operation, error) { return nil, ErrInput }

// Get returns an operation of an owner by its ID. Error: ErrNotFound.
func (e *Engine) Get(ctx context.Context, owner, id string) (*Operation, error) {
	return nil, ErrNotFound
}

// ByToken returns an operation by its token, whoever asks: for the page of the one who confirms.
func (e *Engine) ByToken(ctx context.Context, token string) (*Operation, error) {
	return nil, ErrNotFound
}

// Wait returns an operation as soon as its state is none of those given (Preparing includes an Awaiting whose challenge is not
// sent yet), or as it is when ctx ends.
func (e *Engine) Wait(ctx context.Context, owner, id string, while ...State) (*Operation, error) {
	return nil, ErrNotFound
}

// Confirm takes the code of an operation. With the right one, the state is Signing or later; the same code again gives the same.
// An empty owner is for the page, where the token is enough. Errors: ErrNotFound, ErrCode (the operation tells the attempts
// left), ErrExpired, ErrLocked, ErrState, ErrLimit.
func (e *Engine) Confirm(ctx context.Context, owner, token, code string) (*Operation, error) {
	return nil, ErrNotFound
}

// Approve confirms an operation of kind Elsewhere.
func (e *Engine) Approve(ctx context.Context, token string) (*Operation, error) {
	return nil, ErrNotFound
}

// Decline is Cancel by the one who was asked.
func (e *Engine) Decline(ctx context.Context, token string) (*Operation, error) {
	return nil, ErrNotFound
}

// Cancel ends an operation that is not confirmed.
func (e *Engine) Cancel(ctx context.Context, owner, id string) (*Operation, error) {
	return nil, ErrNotFound
}

// Resend makes a new code and sends it. Errors: ErrNotFound, ErrState, ErrLimit.
func (e *Engine) Resend(ctx context.Context, owner, id string) (*Operation, error) {
	return nil, ErrNotFound
}

// Results returns the results of an operation in the order of its items. Errors: ErrNotFound, ErrState before it has ended,
// ErrGone when they were wiped.
func (e *Engine) Results(ctx context.Context, owner, id string) ([]Result, error) {
	return nil, ErrNotFound
}

// ResultsByToken is Results for the page.
func (e *Engine) ResultsByToken(ctx context.Context, token string) ([]Result, error) {
	return nil, ErrNotFound
}

// Run signs one page of contents of a source without a person. The same owner, source, box, key and batch give the same run.
func (e *Engine) Run(ctx context.Context, r RunRequest) (*Run, error) { return nil, ErrInput }

// GetRun returns a run; it waits while it is under way, and gives it as it is when ctx ends.
func (e *Engine) GetRun(ctx context.Context, owner, id string) (*Run, error) { return nil, ErrNotFound }

// Filter chooses operations for the operator.
type Filter struct {
	States []State   // none means all
	Before time.Time // created before; zero means now
	Limit  int       // 0 means 100
}

// List returns operations of all owners, the latest first, without their items: for the operator.
func (e *Engine) List(ctx context.Context, f Filter) ([]*Operation, error) { return nil, nil }

// Retry takes up an operation that failed after it was confirmed, and items that have no signature. Signatures that there are
// stay. For the operator.
func (e *Engine) Retry(ctx context.Context, id string) (*Operation, error) { return nil, ErrNotFound }

// CancelAny is Cancel for the operator.
func (e *Engine) CancelAny(ctx context.Context, id string) (*Operation, error) {
	return nil, ErrNotFound
}
