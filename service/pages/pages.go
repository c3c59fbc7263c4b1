// Package pages are the pages of two-stage signing for people: /confirm/{token} for the one who confirms, /operations for the
// operator. They work without JavaScript, by keyboard and on a telephone, in English and Russian.
//
//	h, err := pages.New(pages.Config{Engine: engine, Auth: tokens})
//	mux.Handle("/confirm/", h)
//	mux.Handle("/operations", h)
package pages

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net/http"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/internal/budget"
)

// Engine is what is used of *confirm.Engine.
type Engine interface {
	ByToken(ctx context.Context, token string) (*confirm.Operation, error)
	Document(ctx context.Context, token string, item int) (content io.ReadCloser, size int64, err error)
	Confirm(ctx context.Context, owner, token, code string) (*confirm.Operation, error)
	Approve(ctx context.Context, token string) (*confirm.Operation, error)
	Decline(ctx context.Context, token string) (*confirm.Operation, error)
	ResendByToken(ctx context.Context, token string) (*confirm.Operation, error)
	ResultsByToken(ctx context.Context, token string) ([]confirm.Result, error)
	List(ctx context.Context, f confirm.Filter) ([]*confirm.Operation, error)
	Retry(ctx context.Context, id string) (*confirm.Operation, error)
	CancelAny(ctx context.Context, id string) (*confirm.Operation, error)
}

// Config makes the pages.
type Config struct {
	Engine Engine // needed
	// Auth finds out who is an operator: one who may call "operations". Browsers ask for a name and a password; the password is
	// the token. Nil means that there is no page of the operator.
	Auth auth.Authenticator
	Log  *slog.Logger // nil means nobody
}

//go:embed web
var web embed.FS

type pages struct {
	Config
	templates *template.Template
	style     []byte
	answers   *budget.Budget
}

// New returns the handler of both pages, with their paths from the root.
func New(c Config) (http.Handler, error) {
	if c.Engine == nil {
		return nil, errors.New("pages: Config.Engine is nil; give the engine of the operations")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	p := &pages{Config: c, answers: budget.New(answers, makers)}
	var err error
	if p.templates, err = p.parse(); err != nil {
		return nil, err
	}
	if p.style, err = web.ReadFile("web/style.css"); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /confirm/style.css", p.css)
	mux.HandleFunc("GET /confirm/{$}", p.missing)
	mux.HandleFunc("GET /confirm/{token}", p.bounded(p.person))
	mux.HandleFunc("POST /confirm/{token}", p.bounded(p.answer))
	mux.HandleFunc("GET /confirm/{token}/document/{item}", p.document)
	mux.HandleFunc("GET /confirm/{token}/signature/{item}", p.bounded(p.signature))
	mux.HandleFunc("GET /confirm/{token}/signatures.zip", p.bounded(p.archive))
	if c.Auth != nil {
		mux.HandleFunc("GET /operations", p.operations)
		mux.HandleFunc("POST /operations/{id}", p.operate)
	}
	// A browser sends the password of the operator to forms of other sites, too, and the address of a person's page may be known.
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer") // the token is in the address
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		}
		guarded.ServeHTTP(w, r)
	}), nil
}

func (*pages) parse() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{"short": short}).ParseFS(web, "web/*.html")
}

// maxForm bounds a form, in octets: it has a code and a word.
const maxForm = 4096

func (p *pages) css(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	_, _ = w.Write(p.style)
}

// show writes a page.
func (p *pages) show(w http.ResponseWriter, status int, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := p.templates.ExecuteTemplate(w, name, data); err != nil {
		p.Log.Warn("a page was not sent", "page", name, "err", err)
	}
}

// short is the beginning of a digest, in groups that can be compared by eye.
func short(digest string) string {
	out := ""
	for i := 0; i+4 <= len(digest) && i < 16; i += 4 {
		if i > 0 {
			out += " "
		}
		out += digest[i : i+4]
	}
	return out
}
