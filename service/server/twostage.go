package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gocloud.dev/blob"

	"github.com/seed-116355fd/signet/internal/schemes"
	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/cloudsign"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/confirm/totp"
	"github.com/seed-116355fd/signet/service/pages"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/service/shelf/store"
)

// twoStage is the engine of a server. It is opened by Run, or by the first request where there is no Run, so that a server
// that is only made and checked leaves the database of one that runs alone.
type twoStage struct {
	server *Server
	quit   chan struct{} // closed when the server stops
	bucket *blob.Bucket
	shelf  *shelf.Shelf

	mu     sync.Mutex
	engine *confirm.Engine
	failed error
	at     time.Time // of the failure
	closed bool
}

// restDatabase is how long a database that could not be opened is left alone.
const restDatabase = 2 * time.Second

func newTwoStage(ctx context.Context, s *Server, c *Config) (*twoStage, error) {
	if !c.Confirm.On() {
		return nil, nil
	}
	t := &twoStage{server: s, quit: make(chan struct{})}
	if c.Confirm.Shelf != "" {
		var err error
		if t.bucket, err = store.Open(ctx, c.Confirm.Shelf.url()); err != nil {
			return nil, fmt.Errorf("confirm.shelf: %w", err)
		}
		t.shelf = shelf.New(t.bucket, &shelf.Options{Item: int64(c.Confirm.Limits.Uploads), Bytes: int64(c.Confirm.Limits.Shelf)})
	}
	return t, nil
}

// openTime is how long a request waits for a database that is opened.
const openTime = 15 * time.Second

// get returns the engine, for a request. One that goes away while the database is opened does not end that for others.
func (t *twoStage) get(ctx context.Context) (*confirm.Engine, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), openTime)
	defer cancel()
	return t.open(ctx)
}

// open is get, ended by ctx.
func (t *twoStage) open(ctx context.Context) (*confirm.Engine, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, errors.New("the service is being stopped")
	case t.engine != nil:
		return t.engine, nil
	case t.failed != nil && time.Since(t.at) < restDatabase:
		return nil, t.failed
	}
	config, err := t.config(t.server.start)
	if err == nil {
		t.engine, err = confirm.New(ctx, *config)
	}
	t.failed, t.at = err, time.Now()
	return t.engine, err
}

// config is what the engine is made of.
func (t *twoStage) config(c *Config) (*confirm.Config, error) {
	s, section := t.server, &c.Confirm
	database := string(section.Database)
	if !section.Postgres.IsZero() {
		url, err := section.Postgres.Read()
		if err != nil {
			return nil, fmt.Errorf("confirm.postgres: %w", err)
		}
		// Everything else would be taken for the path of a file, whose name has the password in it.
		if database = string(url.Bytes()); !strings.HasPrefix(database, "postgres://") && !strings.HasPrefix(database, "postgresql://") {
			return nil, errors.New("confirm.postgres: this is no address of PostgreSQL; it is postgres://USER:PASSWORD@HOST/NAME")
		}
	}
	secret, err := section.Secret.Read()
	if err != nil {
		return nil, fmt.Errorf("confirm.secret: %w", err)
	}
	config := &confirm.Config{
		Database: database, Secret: secret, Keys: confirm.KeySet(s.keys), Shelf: t.shelf, Link: section.Link,
		Notifiers: map[string]notify.Notifier{}, Sources: map[string]confirm.Source{}, Limits: section.Limits.engine(), Log: s.log.With("part", "confirm"), Migrate: s.options.Migrate,
		TOTP: t.authenticator, Schemes: schemes.All(),
	}
	if s.trail.config.Path != "" {
		config.Audit = s.trail
	}
	for i := range section.Notifiers {
		n := &section.Notifiers[i]
		if config.Notifiers[n.Name], err = n.open(s.options.Output); err != nil {
			return nil, fmt.Errorf("confirm.notifiers[%d]: %w", i, err)
		}
	}
	for name, n := range s.options.Notifiers {
		config.Notifiers[name] = n
	}
	for i := range section.Boxes {
		b := &section.Boxes[i]
		config.Sources[b.Name] = confirm.FolderSource{Folder: string(b.Folder)}
		config.Unattended = append(config.Unattended, b.Key)
	}
	return config, nil
}

// authenticator finds the secret of a person by the name of its caller, in the configuration of now.
func (t *twoStage) authenticator(_ context.Context, caller string) ([]byte, error) {
	p := t.server.config.Load().Confirm.person(caller)
	if p == nil || p.TOTP.IsZero() {
		return nil, fmt.Errorf("there is no authenticator of %s any more", caller)
	}
	return p.authenticator()
}

func (p *Person) authenticator() ([]byte, error) {
	secret, err := p.TOTP.Read()
	if err != nil {
		return nil, err
	}
	return totp.ParseSecret(string(secret.Bytes()))
}

// person is the one who confirms for a caller.
func (c *Confirm) person(caller string) *Person {
	for i := range c.People {
		if p := &c.People[i]; p.Caller == caller || p.Caller == "*" {
			return p
		}
	}
	return nil
}

// profile is how a caller confirms.
func (c *Confirm) profile(caller string) (cloudsign.Profile, error) {
	p := c.person(caller)
	if p == nil {
		return cloudsign.Profile{}, fmt.Errorf("%w: %s; the operator can add it to confirm: people", cloudsign.ErrUnknown, caller)
	}
	m := confirm.Method{Kind: confirm.Code, Notifier: p.Notifier, Address: p.Address, Hint: cmp.Or(p.Hint, mailHint(p.Address)), Language: p.Language}
	out := cloudsign.Profile{Key: p.Key, Keys: p.Keys, Method: m, Approval: m}
	out.Approval.Kind = confirm.Elsewhere
	switch p.Method {
	case "totp":
		out.Method = confirm.Method{Kind: confirm.TOTP, Secret: caller, Language: p.Language}
	case "elsewhere":
		out.Method = confirm.Method{}
	}
	return out, nil
}

// mailHint is what others may see of an address of mail; its last four characters say nothing. Empty when it is none.
func mailHint(address string) string {
	a, err := mail.ParseAddress(address)
	if err != nil {
		return ""
	}
	at := strings.LastIndex(a.Address, "@")
	_, n := utf8.DecodeRuneInString(a.Address)
	return a.Address[:min(n, at)] + "…" + a.Address[at:]
}

// box is the source of a box that a caller may use.
func (c *Confirm) box(caller, box string) (string, error) {
	for i := range c.Boxes {
		if b := &c.Boxes[i]; b.Name == box && (slices.Contains(b.Callers, caller) || slices.Contains(b.Callers, "*")) {
			return b.Name, nil
		}
	}
	return "", cloudsign.ErrUnknown
}

// handlers are the API and the pages.
func (t *twoStage) handlers(c *Config, callers auth.Authenticator) (api, forPeople http.Handler, err error) {
	s := t.server
	config := cloudsign.Config{
		Engine: t, Keys: s.keys, Auth: callers, Log: s.log, Hold: c.Confirm.Hold, Quit: t.quit,
		Caller: func(_ context.Context, owner string) (cloudsign.Profile, error) { return c.Confirm.profile(owner) },
		Box:    func(_ context.Context, owner, box string) (string, error) { return c.Confirm.box(owner, box) },
	}
	config.Limits.Files = s.start.Confirm.Limits.Items
	config.Limits.Gate = c.Limits.gate()
	config.Limits.Gate.Requests, config.Limits.Gate.Waiting, config.Limits.Gate.PerCaller = 0, 0, 0 // of its own: a flow is many small requests
	if t.shelf != nil {
		config.Shelf = t.shelf
	}
	if api, err = cloudsign.New(config); err != nil {
		return nil, nil, err
	}
	forPeople, err = pages.New(pages.Config{Engine: t, Auth: callers, Log: s.log})
	return api, forPeople, err
}

// stop lets questions that are held open be answered.
func (t *twoStage) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.quit:
	default:
		close(t.quit)
	}
}

// close ends the engine: jobs under way are ended, or left to others.
func (t *twoStage) close(ctx context.Context) error {
	t.stop()
	t.mu.Lock()
	engine, done := t.engine, t.closed
	t.closed, t.engine = true, nil
	t.mu.Unlock()
	if done {
		return nil
	}
	var err error
	if engine != nil {
		err = engine.Close(ctx)
	}
	if t.bucket != nil {
		err = errors.Join(err, t.bucket.Close())
	}
	return err
}

// ping reports whether the database answers; an engine that nobody has needed yet is well.
func (t *twoStage) ping(ctx context.Context) error {
	if !t.mu.TryLock() {
		return errors.New("the database is being opened")
	}
	engine, failed := t.engine, t.failed
	t.mu.Unlock()
	if engine == nil {
		return failed
	}
	return engine.Ping(ctx)
}

// The methods of an engine, as the API and the pages use it.

func with[T any](ctx context.Context, t *twoStage, f func(*confirm.Engine) (T, error)) (T, error) {
	e, err := t.get(ctx)
	if err != nil {
		var none T
		return none, err
	}
	return f(e)
}

func (t *twoStage) Begin(ctx context.Context, r confirm.Request) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.Begin(ctx, r) })
}

func (t *twoStage) Get(ctx context.Context, owner, id string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.Get(ctx, owner, id) })
}

func (t *twoStage) Wait(ctx context.Context, owner, id string, while ...confirm.State) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.Wait(ctx, owner, id, while...) })
}

func (t *twoStage) Confirm(ctx context.Context, owner, token, code string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.Confirm(ctx, owner, token, code) })
}

func (t *twoStage) Results(ctx context.Context, owner, id string) ([]confirm.Result, error) {
	return with(ctx, t, func(e *confirm.Engine) ([]confirm.Result, error) { return e.Results(ctx, owner, id) })
}

func (t *twoStage) Run(ctx context.Context, r confirm.RunRequest) (*confirm.Run, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Run, error) { return e.Run(ctx, r) })
}

func (t *twoStage) GetRun(ctx context.Context, owner, id string) (*confirm.Run, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Run, error) { return e.GetRun(ctx, owner, id) })
}

func (t *twoStage) ByToken(ctx context.Context, token string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.ByToken(ctx, token) })
}

func (t *twoStage) Document(ctx context.Context, token string, item int) (content io.ReadCloser, size int64, err error) {
	e, err := t.get(ctx)
	if err != nil {
		return nil, 0, err
	}
	return e.Document(ctx, token, item)
}

func (t *twoStage) Approve(ctx context.Context, token string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.Approve(ctx, token) })
}

func (t *twoStage) Decline(ctx context.Context, token string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.Decline(ctx, token) })
}

func (t *twoStage) ResendByToken(ctx context.Context, token string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.ResendByToken(ctx, token) })
}

func (t *twoStage) ResultsByToken(ctx context.Context, token string) ([]confirm.Result, error) {
	return with(ctx, t, func(e *confirm.Engine) ([]confirm.Result, error) { return e.ResultsByToken(ctx, token) })
}

func (t *twoStage) List(ctx context.Context, f confirm.Filter) ([]*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) ([]*confirm.Operation, error) { return e.List(ctx, f) })
}

func (t *twoStage) Retry(ctx context.Context, id string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.Retry(ctx, id) })
}

func (t *twoStage) CancelAny(ctx context.Context, id string) (*confirm.Operation, error) {
	return with(ctx, t, func(e *confirm.Engine) (*confirm.Operation, error) { return e.CancelAny(ctx, id) })
}

// isPage tells the paths of the pages.
func isPage(path string) bool {
	return path == "/operations" || strings.HasPrefix(path, "/operations/") || strings.HasPrefix(path, "/confirm/")
}

// isCloudSign tells the paths of the API of cloud signatures.
func isCloudSign(path string) bool {
	return slices.ContainsFunc(cloudsign.Paths(), func(p string) bool { return strings.EqualFold(strings.TrimSuffix(path, "/"), p) })
}
