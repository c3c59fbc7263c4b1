package cryptoapi

import "github.com/seed-116355fd/signet/service/gate"

func (h *handler) certificates(c *gate.Call) error { return gate.Bad("not here yet") }
func (h *handler) metadata(c *gate.Call) error     { return gate.Bad("not here yet") }
func (h *handler) validate(c *gate.Call) error     { return gate.Bad("not here yet") }
