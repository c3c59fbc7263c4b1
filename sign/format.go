package sign

import (
	"context"
	"io"
)

// Format builds containers of one kind: *cades.Options is one. Safe for concurrent use.
type Format interface {
	// Prepare reads the content and freezes what will be signed. The draft may read the content again when it is
	// finished, so the content stays valid until then.
	Prepare(ctx context.Context, s *Signer, c Content) (Draft, error)
}

// Draft is a container that only lacks its signature.
type Draft interface {
	// ToBeSigned returns the bytes that the signature is over; most keys take their digest. The caller does not modify
	// them.
	ToBeSigned() []byte
	// Finish checks the signature with the public key of the certificate, and returns the container.
	Finish(ctx context.Context, signature []byte) ([]byte, error)
}

// TrustingDraft is an optional interface of a [Draft] for those who took the signature from [Signer.Sign], which has
// checked it already where that is due.
type TrustingDraft interface {
	Draft
	FinishTrusted(ctx context.Context, signature []byte) ([]byte, error)
}

// StreamingDraft is an optional interface of a [Draft] that can write a container of any size in constant memory. Like
// FinishTrusted, it does not check the signature again.
type StreamingDraft interface {
	Draft
	FinishTo(ctx context.Context, dst io.Writer, signature []byte) error
}

// RaisingDraft is an optional interface of a [Draft] whose container gets something from others after the signature:
// time-stamps, revocation values. Finish does all of it; these methods let a batch bound how many are at it at once.
type RaisingDraft interface {
	Draft
	// Raises reports whether there is anything to get.
	Raises() bool
	// FinishBase is FinishTrusted without it.
	FinishBase(ctx context.Context, signature []byte) ([]byte, error)
	// Raise takes what FinishBase returned to the level that was asked for. Beside an error it returns the highest level
	// that was reached.
	Raise(ctx context.Context, base []byte) ([]byte, error)
}

// FittingDraft is an optional interface of a [Draft] that knows which signer it was made for. Fits returns an error when
// another one is to sign it, by which the container would have a signature that does not verify.
type FittingDraft interface {
	Draft
	Fits(s *Signer) error
}
