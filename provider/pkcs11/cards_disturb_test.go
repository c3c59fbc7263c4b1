//go:build linux && !signet_static

package pkcs11_test

import (
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/internal/testcard"
)

// disturb does things at random for a while, and leaves everything as it should be.
func (s *cardStack) disturb(t *testing.T, cards [2]*testcard.Card, stranger *testcard.Card, duration time.Duration, random *rand.Rand) {
	t.Helper()
	some := func(atMost time.Duration) { time.Sleep(time.Duration(random.Int64N(int64(atMost)))) }
	counts := map[string]int{}
	seen := func() {
		for _, r := range s.Readers {
			if s.Await(r) != nil {
				counts["pcscd lost a reader"]++
				// With the cards as they were: OpenSC takes up its sessions after the daemon was restarted with whatever card is there.
				for i, r := range s.Readers {
					if r.Card() != cards[i] {
						r.Insert(cards[i])
					}
				}
				require.NoError(t, s.Restart())
				require.NoError(t, s.Await(r))
			}
		}
	}
	put := func(a, b *testcard.Card) {
		now := [2]*testcard.Card{a, b}
		for i, r := range s.Readers {
			if r.Card() != now[i] {
				r.Pull()
			}
		}
		seen() // until then, a program that sends its next command reaches the next card with it
		// Nobody changes cards faster. A login that waits inside its module must find that there is none, see docs/hsm.md.
		time.Sleep(time.Second)
		for i, r := range s.Readers {
			if r.Card() != now[i] {
				r.Insert(now[i])
			}
		}
	}
	kinds := []int{0, 1, 2, 3, 6}
	if os.Getenv("SIGNET_TEST_CARDS_FOR") != "" {
		kinds = append(kinds, 4, 5) // which TestCardSwapped has one by one
	}
	for end := time.Now().Add(duration); time.Now().Before(end); {
		some(700 * time.Millisecond)
		what := ""
		switch n := kinds[random.IntN(len(kinds))]; n {
		case 3:
			what = "pulled"
			i := random.IntN(2)
			now := [2]*testcard.Card{s.Readers[0].Card(), s.Readers[1].Card()}
			now[i] = nil
			put(now[0], now[1])
			some(time.Second)
			put(cards[0], cards[1])
		case 4:
			what = "a stranger's"
			with := cards
			with[random.IntN(2)] = stranger
			put(with[0], with[1])
			some(2 * time.Second)
			put(cards[0], cards[1])
		case 5:
			what = "in each other's readers"
			put(cards[1], cards[0])
			some(2 * time.Second)
			put(cards[0], cards[1])
		case 6:
			what = "pcscd killed"
			s.Kill()
			some(time.Second)
			require.NoError(t, s.Restart())
		case 0, 1:
			what = "held"
			held, err := s.Hold(s.Readers[random.IntN(2)], n == 1)
			if err != nil {
				what = "could not be held" // to itself, when others are connected
				break
			}
			some(1500 * time.Millisecond)
			require.NoError(t, held.Close())
		case 2:
			what = "slow"
			c := cards[random.IntN(2)]
			c.SetDelay(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
			some(time.Second)
			c.SetDelay(0)
		}
		counts[what]++
		seen()
	}
	t.Logf("%v", counts)
}
