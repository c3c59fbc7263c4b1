package api

import "github.com/seed-116355fd/signet/service/gate"

func (h *handler) verify(c *gate.Call) error { return gate.Bad("not here yet") }
func (h *handler) extend(c *gate.Call) error { return gate.Bad("not here yet") }
func (h *handler) keys(c *gate.Call) error   { return gate.Bad("not here yet") }
