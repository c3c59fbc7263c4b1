package faults

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/internal/testpki"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/sign"
)

// asReplica is the environment variable that makes this program a replica.
const asReplica = "SIGNET_FAULTS_REPLICA"

func TestMain(m *testing.M) {
	if setup := os.Getenv(asReplica); setup != "" {
		if err := replica(setup); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// setup is what a replica is told.
type setup struct {
	Database string
	Driver   string // address of the driver, who plays the telephones and keeps the log
	Key      []byte // PKCS #8
	Chain    [][]byte
	Limits   confirm.Limits
}

// question is a request to a replica, and answer its reply.
type question struct {
	Owner, Address, Once, ID, Token, Code string
	Content                               []byte
	While                                 []confirm.State
}

type answer struct {
	Error   string // one of the names of classes
	Text    string
	Op      *confirm.Operation
	Results []confirm.Result
}

// classes are the errors that clients tell apart. Any other one leaves them without knowing what has happened.
var classes = map[string]error{
	"not found": confirm.ErrNotFound, "code": confirm.ErrCode, "expired": confirm.ErrExpired, "locked": confirm.ErrLocked,
	"state": confirm.ErrState, "limit": confirm.ErrLimit, "input": confirm.ErrInput, "gone": confirm.ErrGone,
}

func classOf(err error) string {
	for name, class := range classes {
		if errors.Is(err, class) {
			return name
		}
	}
	return "other"
}

type onlyKey struct{ signer *sign.Signer }

func (k onlyKey) Open(context.Context, string) (*sign.Signer, *cades.Options, func(), error) {
	return k.signer, &cades.Options{}, func() {}, nil
}

// told is what a telephone, or the log, gets.
type told struct{ Address, Code, Event, ID string }

type post struct{ url string }

func (p post) tell(ctx context.Context, what told) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	return reply.Body.Close()
}

func (p post) Notify(ctx context.Context, m *notify.Message) error {
	return p.tell(ctx, told{Address: m.To, Code: string(m.Code.Bytes())})
}

func (p post) Record(ctx context.Context, r *audit.Record) error {
	return p.tell(ctx, told{Event: r.Event, ID: r.RequestID})
}

// replica serves an engine until it is killed, or its driver is gone.
func replica(text string) error {
	go func() { // which ends with the driver
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	var s setup
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	signer, err := s.signer()
	if err != nil {
		return err
	}
	ctx := context.Background()
	driver := post{s.Driver}
	engine, err := confirm.New(ctx, confirm.Config{
		Database: s.Database, Migrate: true, Secret: sign.NewSecret(bytes.Repeat([]byte{9}, 32)), Keys: onlyKey{signer}, Limits: s.Limits,
		Notifiers: map[string]notify.Notifier{"phone": driver}, Audit: driver,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q question
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var a answer
		var err error
		switch r.URL.Path {
		case "/begin":
			a.Op, err = engine.Begin(r.Context(), confirm.Request{
				Owner: q.Owner, Key: "seal", Title: "Contract", Once: q.Once,
				Items:  []confirm.Item{{Name: "a", Content: sign.Bytes("a", q.Content)}, {Name: "b", Content: sign.Bytes("b", second(q.Content))}},
				Method: confirm.Method{Kind: confirm.Code, Notifier: "phone", Address: q.Address},
			})
		case "/confirm":
			a.Op, err = engine.Confirm(r.Context(), q.Owner, q.Token, q.Code)
		case "/resend":
			a.Op, err = engine.Resend(r.Context(), q.Owner, q.ID)
		case "/get":
			a.Op, err = engine.Get(r.Context(), q.Owner, q.ID)
		case "/wait":
			waiting, cancel := context.WithTimeout(r.Context(), 2*time.Second)
			a.Op, err = engine.Wait(waiting, q.Owner, q.ID, q.While...)
			cancel()
		case "/results":
			a.Results, err = engine.Results(r.Context(), q.Owner, q.ID)
		}
		if err != nil {
			a.Error, a.Text = classOf(err), err.Error()
		}
		_ = json.NewEncoder(w).Encode(a)
	}))
}

// second is the second content of an operation.
func second(first []byte) []byte { return append([]byte("not "), first...) }

func (s *setup) signer() (*sign.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(s.Key)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, der := range s.Chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	k, err := soft.NewKey(key.(crypto.Signer), 0)
	if err != nil {
		return nil, err
	}
	return sign.New(k, chain, testpki.Must(sign.ECDSA(crypto.SHA256)))
}
