package sign

import (
	"context"
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
