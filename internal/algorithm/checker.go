package algorithm

import (
	"sync/atomic"

	"github.com/seed-116355fd/signet/internal/cms"
)

// Checker returns a function that checks signatures as [Registry.Verify] does, as long as all of them together cost no more
// than so many units of [Cost]: one for each message, since a stranger chooses how many keys are in it, and of which kind.
// What comes after that is [Unsupported]: nobody has looked at it. The function is safe for concurrent use.
func (r *Registry) Checker(units int) func(check *cms.SignatureCheck, message []byte) (note string, err error) {
	var left atomic.Int64
	left.Store(int64(units))
	return func(check *cms.SignatureCheck, message []byte) (string, error) {
		if left.Add(-int64(Cost(check.SPKI))) < 0 {
			return "", unsupported("", "the message asks for more work on signatures than any real one, so this one was not checked")
		}
		return r.Verify(check, message, nil)
	}
}
