package api

import "github.com/seed-116355fd/signet/service/gate"

// sign is POST /v1/sign.
func (h *handler) sign(c *gate.Call) error { return gate.Bad("not here") }
