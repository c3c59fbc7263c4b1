package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func request(headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v2/sign", http.NoBody)
	for _, h := range headers {
		r.Header.Add("Authorization", h)
	}
	return r
}
