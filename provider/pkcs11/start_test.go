//go:build unix && !signet_static

package pkcs11_test

import (
	"context"
	"crypto"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/provider/pkcs11"
	"github.com/seed-116355fd/signet/sign"
)

// What a child of the test process opens.
const (
	childModule = "SIGNET_TEST_CHILD_MODULE"
	childToken  = "SIGNET_TEST_CHILD_TOKEN"
)

// child opens a token and signs once.
func child() int {
	ctx := context.Background()
	err := func() error {
		p, err := pkcs11.Open(ctx, pkcs11.Config{Module: os.Getenv(childModule), TokenLabel: os.Getenv(childToken), PIN: pin(goodPIN)})
		if err != nil {
			return err
		}
		defer func() { _ = p.Close() }()
		key, err := p.Key(ctx, sign.Ref{Label: "seal"})
		if err != nil {
			return err
		}
		_, err = key.SignContext(ctx, make([]byte, 32), crypto.SHA256)
		return err
	}()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// TestParallelProcesses has several processes open one token of SoftHSM2 at once, each of which writes its files.
func TestParallelProcesses(t *testing.T) {
	s := softStage(t)
	self, err := os.Executable()
	require.NoError(t, err)
	rounds := 15
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				cmd := exec.Command(self)
				cmd.Env = append(os.Environ(), childModule+"="+softhsmModule(t), childToken+"="+s.label)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		wait.Wait()
	}
}

// TestOpenTriesAgain has the answers of a token that another process is writing to, for a while and for ever.
func TestOpenTriesAgain(t *testing.T) {
	for name, bend := range map[string]func(s *stage){
		"general error of the token":  func(s *stage) { s.fail(fnTokenInfo, 0, 3, 5) },
		"general error of a session":  func(s *stage) { s.fail(fnOpenSession, 0, 3, 5) },
		"general error of the login":  func(s *stage) { s.fail(fnLogin, 0, 1, 5) },
		"a PIN that is not there yet": func(s *stage) { s.fail(fnLogin, 0, 3, 0x102) },
		"no token":                    func(s *stage) { s.hideToken(2) },
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := readerStage(t)
			bend(s)
			p, key := s.open(t)
			require.NoError(t, s.one(t.Context(), key, "message"))
			require.NoError(t, p.Close())
		})
	}
	t.Run("once with a negative Recover", func(t *testing.T) {
		s := softStage(t)
		s.fail(fnTokenInfo, 0, 1<<40, 5)
		config := s.config()
		config.Recover = -1
		_, err := pkcs11.Open(t.Context(), config)
		require.ErrorIs(t, err, sign.ErrUnavailable)
		require.EqualValues(t, 1, s.count(fnSlotList)/2)
	})
	t.Run("bounded", func(t *testing.T) {
		s := softStage(t)
		s.fail(fnTokenInfo, 0, 1<<40, 5)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := pkcs11.Open(ctx, s.config())
		require.ErrorIs(t, err, sign.ErrUnavailable)
		require.NoError(t, ctx.Err())
		require.Less(t, s.count(fnSlotList)/2, int64(20))
	})
	t.Run("a token that is not there is an answer", func(t *testing.T) {
		s := softStage(t)
		config := s.config()
		config.TokenLabel = "nobody"
		_, err := pkcs11.Open(t.Context(), config)
		require.ErrorIs(t, err, sign.ErrKeyNotFound)
		require.Less(t, s.count(fnSlotList)/2, int64(10))
		require.Zero(t, s.count(fnLogin))
	})
}

// TestHalfReadToken opens a token whose serial number cannot be read at first. It is known by the whole afterwards.
func TestHalfReadToken(t *testing.T) {
	s, _, _ := readerStage(t)
	s.blankSerial(1)
	p, key := s.open(t)
	for range 2 {
		s.do(fnSignInit, 0, doLogout)
		require.Empty(t, s.many(t.Context(), key, 4, 5))
	}
	require.NoError(t, p.Close())
}

// TestSlotsWithoutFinalizing lists the slots and opens a token with one initialisation of the module.
func TestSlotsWithoutFinalizing(t *testing.T) {
	s := softStage(t)
	library, err := pkcs11.Load(t.Context(), s.path, "")
	require.NoError(t, err)
	for range 2 {
		slots, err := library.Slots(t.Context())
		require.NoError(t, err)
		require.True(t, strings.Contains(fmt.Sprintf("%+v", slots), "SoftHSM"))
		p, _ := s.open(t)
		require.NoError(t, p.Close())
	}
	require.EqualValues(t, 1, s.count(fnInitialize))
	require.Zero(t, s.count(fnFinalize))
	require.NoError(t, library.Close())
	require.NoError(t, library.Close())
	require.EqualValues(t, 1, s.count(fnFinalize))

	s.fail(fnTokenInfo, 0, 2, 5) // of a token that another process is writing to
	slots, err := pkcs11.Slots(t.Context(), s.path, "")
	require.NoError(t, err)
	for _, slot := range slots {
		require.NoError(t, slot.Err)
	}
}
