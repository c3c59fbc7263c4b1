package pkcs11

import (
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// outage is the time from when a token was lost until it is back. Calls that try again meanwhile make no further events.
type outage struct {
	since time.Time
	told  map[sign.EventKind]bool
}

// tellLoss tells of what happens while the token is lost, once until it is back. Called with mu held.
func (p *Provider) tellLoss(kind sign.EventKind, why error) {
	if p.state == shut || p.outage.told[kind] {
		return
	}
	if p.outage.told == nil {
		p.outage.told = map[sign.EventKind]bool{}
	}
	p.outage.told[kind] = true
	p.tell(sign.Event{Kind: kind, Place: p.place, Err: wrap("pkcs11", p.place, why)})
}
