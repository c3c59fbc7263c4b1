// Package faults_test kills services of two-stage signing while clients load them: three processes on one PostgreSQL that is
// restarted and whose connections are cut, and one process on SQLite.
//
//	go test ./confirm/faults                                            # the short form
//	go test ./confirm/faults -v -timeout 2h -operations 10000 -clients 48 # the long one
package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/sign"
)

// environment tells a process of the test that it is a replica.
const environment = "SIGNET_TEST_REPLICA"

// setup is what a replica is told.
type setup struct {
	Address  string // to listen on
	Database string
	Key      string // PEM file
	Phone    string // URL that codes are posted to
	Guesses  int    // wrong codes of an owner within an hour
}

func TestMain(m *testing.M) {
	if text := os.Getenv(environment); text != "" {
		if err := replica(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// oneKey is a key file as the keys of an engine.
type oneKey struct{ signer *sign.Signer }

func (k oneKey) Open(context.Context, string) (*sign.Signer, *cades.Options, func(), error) {
	return k.signer, &cades.Options{}, func() {}, nil
}

// answer is what a replica says.
type answer struct {
	Operation *confirm.Operation
	Results   []confirm.Result
	Error     string // class of the error, empty when there is none
}

var classes = map[string]error{
	"code": confirm.ErrCode, "expired": confirm.ErrExpired, "locked": confirm.ErrLocked, "state": confirm.ErrState,
	"limit": confirm.ErrLimit, "not found": confirm.ErrNotFound, "input": confirm.ErrInput,
}

// replica serves an engine until it is told to stop, or killed.
func replica(text string) error {
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	keys, err := soft.Open(s.Key, soft.Config{})
	if err != nil {
		return err
	}
	signer, err := sign.Open(ctx, keys, sign.Ref{})
	if err != nil {
		return err
	}
	engine, err := confirm.New(ctx, confirm.Config{
		Database: s.Database, Secret: sign.NewSecret([]byte(strings.Repeat("s", 32))), Keys: oneKey{signer},
		Notifiers: map[string]notify.Notifier{"phone": notify.Func(func(ctx context.Context, m *notify.Message) error {
			body := strings.NewReader(m.To + "\n" + string(m.Code.Bytes()))
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Phone, body)
			if err != nil {
				return err
			}
			a, err := http.DefaultClient.Do(r)
			if err != nil {
				return err
			}
			return a.Body.Close()
		})},
		Limits: confirm.Limits{PerOwner: 1 << 30, Open: time.Hour, Code: time.Hour, Pause: time.Millisecond, Resends: 1000, Guesses: s.Guesses},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	handle := func(path string, f func(r *http.Request) (*confirm.Operation, []confirm.Result, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			op, results, err := f(r)
			a := answer{Operation: op, Results: results}
			for name, class := range classes {
				if errors.Is(err, class) {
					a.Error = name
				}
			}
			if err != nil && a.Error == "" {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(w).Encode(a)
		})
	}
	handle("/begin", func(r *http.Request) (*confirm.Operation, []confirm.Result, error) {
		q := r.URL.Query()
		var items []confirm.Item
		for _, name := range q["name"] {
			items = append(items, confirm.Item{Name: name, Content: sign.Bytes(name, []byte("content of "+name))})
		}
		op, err := engine.Begin(r.Context(), confirm.Request{Owner: q.Get("owner"), Key: "key", Once: q.Get("once"), Items: items,
			Method: confirm.Method{Kind: confirm.Code, Notifier: "phone", Address: q.Get("once")}})
		return op, nil, err
	})
	handle("/wait", func(r *http.Request) (*confirm.Operation, []confirm.Result, error) {
		q := r.URL.Query()
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		op, err := engine.Wait(ctx, q.Get("owner"), q.Get("id"), confirm.Preparing, confirm.Signing)
		return op, nil, err
	})
	handle("/confirm", func(r *http.Request) (*confirm.Operation, []confirm.Result, error) {
		q := r.URL.Query()
		op, err := engine.Confirm(r.Context(), q.Get("owner"), q.Get("token"), q.Get("code"))
		return op, nil, err
	})
	handle("/resend", func(r *http.Request) (*confirm.Operation, []confirm.Result, error) {
		q := r.URL.Query()
		op, err := engine.Resend(r.Context(), q.Get("owner"), q.Get("id"))
		return op, nil, err
	})
	handle("/results", func(r *http.Request) (*confirm.Operation, []confirm.Result, error) {
		q := r.URL.Query()
		results, err := engine.Results(r.Context(), q.Get("owner"), q.Get("id"))
		return nil, results, err
	})
	l, err := net.Listen("tcp", s.Address)
	if err != nil {
		return err
	}
	server := httptest.NewUnstartedServer(mux)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	<-ctx.Done()
	server.CloseClientConnections()
	return engine.Close(context.Background())
}
