package server

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-116355fd/signet/sign"
)

// What is asked for when metrics are read, and not counted.
var (
	descUnderWay   = desc("signet_requests_under_way", "Requests that were let in and are not over.")
	descWaiting    = desc("signet_requests_waiting", "Requests that wait for a place.")
	descSignatures = desc("signet_contents_under_way", "Contents between their decoding and their answer.")
	descReady      = desc("signet_key_ready", "Whether a key can be used: 1 or 0.", "key", "store")
	descExpiry     = desc("signet_certificate_expiry_seconds", "Seconds until the certificate of a key expires; below 0 when it has.", "key")
	descTLSExpiry  = desc("signet_tls_certificate_expiry_seconds", "Seconds until the certificate of the server expires.")
	descSessions   = desc("signet_store_sessions", "Sessions with a token: busy, open, and the limit.", "store", "state")
	descQueue      = desc("signet_store_waiting", "Calls that wait for a session with a token.", "store")
	descResting    = desc("signet_authority_resting", "Whether an authority is left alone for a while, since it did not answer: 1 or 0.", "kind", "place")
	descFailures   = desc("signet_authority_failures", "Requests to an authority, in a row, that had no answer.", "kind", "place")
	descMember     = desc("signet_store_member_healthy", "Whether signatures go to this member of a group: 1 or 0.", "store", "member")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// loader is a provider that tells how much it has to do; healer is a group that tells which members it uses.
type (
	loader interface {
		Load() (busy, open, waiting int)
	}
	healer interface{ Healthy() []bool }
)

// gauges ask the server when metrics are read. What is behind keys is asked once a second at most, by health.
type gauges struct{ s *Server }

func (g gauges) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descUnderWay, descWaiting, descSignatures, descReady, descExpiry, descTLSExpiry, descSessions, descQueue, descMember, descResting, descFailures} {
		c <- d
	}
}

func (g gauges) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	requests, waiting, signatures := g.s.state.Load().gate.Load()
	gauge(descUnderWay, float64(requests))
	gauge(descWaiting, float64(waiting))
	gauge(descSignatures, float64(signatures))
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	for _, k := range g.s.health.look(ctx).keys {
		gauge(descReady, truth(k.Err == nil), k.Name, k.Store)
		if k.Certificate != nil {
			gauge(descExpiry, time.Until(k.Certificate.NotAfter).Seconds(), k.Name)
		}
	}
	if expiry, ok := g.s.certs.expiry(); ok {
		gauge(descTLSExpiry, time.Until(expiry).Seconds())
	}
	g.s.clients.Load().each(func(kind string, a sign.AuthorityState) {
		gauge(descResting, truth(a.Resting), kind, a.Place)
		gauge(descFailures, float64(a.Failures), kind, a.Place)
	})
	g.s.opened.each(func(store string, p sign.Provider) {
		if l, ok := p.(loader); ok {
			busy, open, waiting := l.Load()
			gauge(descSessions, float64(busy), store, "busy")
			gauge(descSessions, float64(open), store, "open")
			gauge(descQueue, float64(waiting), store)
			if limit, ok := sign.As[sign.Limiter](p); ok {
				gauge(descSessions, float64(limit.Limit()), store, "limit")
			}
		}
		if h, ok := p.(healer); ok {
			for i, healthy := range h.Healthy() {
				gauge(descMember, truth(healthy), store, strconv.Itoa(i))
			}
		}
	})
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
