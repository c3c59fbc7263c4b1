// Package formats is for those who write a container format for package batch, as cades is one: what a [sign.Draft] can do beside
// [sign.Draft.Finish]. The interfaces are optional and are found by type assertion. Who only signs needs none of them.
package formats

import (
	"context"
	"io"

	"github.com/seed-116355fd/signet/sign"
)

// TrustingDraft is an optional interface of a [sign.Draft] for those who took the signature from [sign.Signer.Sign], which has
// checked it already where that is due.
type TrustingDraft interface {
	sign.Draft
	FinishTrusted(ctx context.Context, signature []byte) ([]byte, error)
}

// StreamingDraft is an optional interface of a [sign.Draft] that can write a container of any size in constant memory. Like
// FinishTrusted, it does not check the signature again.
type StreamingDraft interface {
	sign.Draft
	FinishTo(ctx context.Context, dst io.Writer, signature []byte) error
}

// RaisingDraft is an optional interface of a [sign.Draft] whose container gets something from others after the signature:
// time-stamps, revocation values. Finish does all of it; these methods let a batch bound how many are at it at once.
type RaisingDraft interface {
	sign.Draft
	// Raises reports whether there is anything to get.
	Raises() bool
	// FinishBase is FinishTrusted without it.
	FinishBase(ctx context.Context, signature []byte) ([]byte, error)
	// Raise takes what FinishBase returned to the level that was asked for. Beside an error it returns the highest level
	// that was reached.
	Raise(ctx context.Context, base []byte) ([]byte, error)
}

// FittingDraft is an optional interface of a [sign.Draft] that knows which signer it was made for. Fits returns an error when
// another one is to sign it, by which the container would have a signature that does not verify.
type FittingDraft interface {
	sign.Draft
	Fits(s *sign.Signer) error
}
