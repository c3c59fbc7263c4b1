package gate_test

import (
	"bufio"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/gate"
)

// TestDripping: what is left of a request that was refused is not waited for, however steadily it comes.
func TestDripping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newWorld(t, gate.Config{}, echo).dial()
		_, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nCaller: clerk\r\nContent-Length: 60000000\r\n\r\n")
		require.NoError(t, err)
		begun := time.Now()
		go func() {
			for time.Since(begun) < 2*time.Hour {
				if _, err := c.Write(make([]byte, 2*gate.DefaultRate)); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		said, _ := bufio.NewReader(c).ReadString('\n')
		require.Contains(t, said, "403")
		require.LessOrEqual(t, time.Since(begun), gate.DefaultIdle+time.Second)
	})
}
