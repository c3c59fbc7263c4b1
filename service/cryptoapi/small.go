package cryptoapi

import (
	"io"

	"github.com/seed-116355fd/signet/service/gate"
)

// small is the body of a request that is read whole.
type small struct {
	r    io.Reader
	left int
}

func (s *small) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.left -= n; s.left < 0 {
		return 0, gate.TooLarge("the request is larger than %d MiB, and certificates and detached signatures are smaller", maxRaw*2>>20)
	}
	return n, err
}
