package faults

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/internal/pgtest"
)

// TestBruteForce spreads guesses over three replicas, all at once: an operation takes as many as it would from one of them,
// and so does an owner over all operations.
func TestBruteForce(t *testing.T) {
	const attempts, guesses = 5, 23
	db := pgtest.Start(t)
	limits := generous()
	limits.Attempts, limits.Guesses = attempts, guesses
	d := newDriver(t, db.URL, 3, limits)
	begin := func(owner string, n int) (question, string) {
		q := question{Owner: owner, Address: fmt.Sprintf("%s-%d", owner, n), Content: []byte("content")}
		a := d.insist(t.Context(), "/begin", q)
		require.Empty(t, a.Error, a.Text)
		q.ID, q.Token = a.Op.ID, a.Op.Token
		q.While = []confirm.State{confirm.Preparing}
		a = d.insist(t.Context(), "/wait", q)
		require.Equal(t, confirm.Awaiting, a.Op.State)
		codes, _ := d.sent(q.Address)
		require.Len(t, codes, 1)
		return q, codes[0]
	}
	storm := func(each int, all ...question) (tally map[string]int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		var n atomic.Int64
		tally = map[string]int{}
		for _, q := range all {
			for i := range each {
				wg.Go(func() {
					q := q
					q.Code = fmt.Sprintf("x%d", n.Add(1)) // none twice: the same again counts once
					a, _ := d.askOne(t.Context(), d.replicas[i%3], "/confirm", q)
					mu.Lock()
					tally[a.Error]++
					mu.Unlock()
				})
			}
		}
		wg.Wait()
		return tally
	}

	q, code := begin("one operation", 0)
	tally := storm(60, q)
	require.Equal(t, map[string]int{"code": attempts - 1, "locked": 60 - attempts + 1}, tally)
	q.Code = code
	require.Equal(t, "locked", d.insist(t.Context(), "/confirm", q).Error)

	var all []question
	var codes []string
	for i := range 20 {
		q, code := begin("many operations", i)
		all, codes = append(all, q), append(codes, code)
	}
	tally = storm(3, all...)
	require.Zero(t, tally[""])
	require.Zero(t, tally["locked"], "three guesses lock none")
	require.Equal(t, guesses, tally["code"], tally)
	require.Equal(t, 60-guesses, tally["limit"], tally)
	for i, q := range all {
		q.Code = codes[i]
		require.Equal(t, "limit", d.insist(t.Context(), "/confirm", q).Error, "the right code helps no more")
	}
	_, code = begin("another owner", 0)
	require.NotEmpty(t, code)
}
