package cryptoapi

import "github.com/seed-116355fd/signet/service/gate"

// sign is POST /v2/sign.
func (h *handler) sign(c *gate.Call) error { return gate.Bad("not here") }
