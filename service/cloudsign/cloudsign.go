// Package cloudsign is the HTTP front of service/confirm: the API of an existing service of cloud signatures (CloudSign,
// DssSign, AutoSignReceipts and the shelf), for which SDKs in Java, C# and C++ exist. They work with it unchanged, but for the
// base address.
//
//	h, err := cloudsign.New(cloudsign.Config{Engine: engine, Shelf: shelf, Keys: set, Auth: tokens, Caller: callers})
//	http.ListenAndServe("127.0.0.1:8080", h)
//
// Messages are protobuf (package service/cloudsign/proto) unless Content-Type and Accept ask for JSON. The handler has to
// stand at the root of a host: the Java SDK drops the path of its base address. Neither it nor what stands before it may
// compress answers, redirect, or send headers of NEL: the SDKs break, or tell secrets.
//
// What the existing service leaves open is chosen here:
//
//   - A task of CloudSign, and one of CloudSignConfirm, is the operation: its ID. With return=Reference, the first digit of
//     the third group of the ID is changed, so that the task itself says how signatures are returned, and a repetition of
//     CloudSignConfirm gives the same task in any process.
//   - A task that there never was, and one of somebody else, give the same 404.
//   - Too many wrong codes give 409 CloudCrypt.ExpiredRequest with a text that says so: SDKs know this code, and what they
//     have to do is the same, to begin anew.
//   - Results can be read as often as wanted, as long as the engine keeps them.
//   - An operation in which some files have no signature gives 409 Http.Conflict on CloudSignConfirmResult, since its answer has
//     no place for it; GET /DssSignResult with the same task gives file by file.
//   - A file that was never uploaded is not on the shelf, an empty one included: SDKs do not send empty files at all, and a
//     name that is mistyped must not become a signature of nothing. Empty content in the request is signed.
//
// The endpoints of a principal (auth.Principal.Endpoints) are "cloudsign" (CloudSign and DssSign), "shelf", "receipts"
// (AutoSignReceipts) and "certificates".
package cloudsign

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/internal/budget"
	"github.com/seed-116355fd/signet/service/internal/route"
	"github.com/seed-116355fd/signet/service/keys"
	"github.com/seed-116355fd/signet/service/shelf"
)

// Engine is what is used of *confirm.Engine.
type Engine interface {
	Begin(ctx context.Context, r confirm.Request) (*confirm.Operation, error)
	Get(ctx context.Context, owner, id string) (*confirm.Operation, error)
	Wait(ctx context.Context, owner, id string, while ...confirm.State) (*confirm.Operation, error)
	Confirm(ctx context.Context, owner, token, code string) (*confirm.Operation, error)
	Results(ctx context.Context, owner, id string) ([]confirm.Result, error)
	Run(ctx context.Context, r confirm.RunRequest) (*confirm.Run, error)
	GetRun(ctx context.Context, owner, id string) (*confirm.Run, error)
}

// Shelf is what is used of *shelf.Shelf.
type Shelf interface {
	Part(ctx context.Context, owner, name string, index int, last bool, r io.Reader) (missing []int, err error)
	Open(ctx context.Context, owner, name string) (io.ReadCloser, shelf.Info, error)
	Stat(ctx context.Context, owner, name string) (shelf.Info, error)
}

// ErrUnknown is what Config.Caller and Config.Box return, perhaps wrapped, of a caller or a box that they do not know.
var ErrUnknown = errors.New("not known")

// Profile is how a caller confirms, and with which keys it signs.
type Profile struct {
	// Method is that of CloudSign: of kind confirm.Code or confirm.TOTP. Without one, CloudSign is refused.
	Method confirm.Method
	// Approval is that of DssSign; its kind is confirm.Elsewhere whatever it says. Without one it goes where the codes of
	// Method go.
	Approval confirm.Method
	// Key is the name of the key when the request names no certificate. Empty means the only one that the caller may use.
	Key string
	// Keys narrows the keys that the principal may use; nil leaves them all.
	Keys []string
}

// Config says what the API works with. Engine, Keys, Auth and Caller are needed.
type Config struct {
	Engine Engine
	// Shelf keeps uploads and signatures that are returned by reference; nil means that there is none.
	Shelf Shelf
	Keys  *keys.Set
	// Auth finds out who calls. The token of an Authorization of DiadocAuth reaches it as Authorization: Bearer.
	Auth auth.Authenticator
	// Caller returns the profile of a caller, by the name of its principal. Error: ErrUnknown, or why it cannot be found
	// out now.
	Caller func(ctx context.Context, owner string) (Profile, error)
	// Box returns the name of the source (confirm.Config.Sources) of a box of AutoSignReceipts that the caller may use; nil
	// means that there are none. Error: ErrUnknown, or why it cannot be found out now.
	Box func(ctx context.Context, owner, box string) (source string, err error)
	// Hold is how long a question for a result is held open until the state changes: 20 s when it is 0, at most 29 s;
	// negative answers at once.
	Hold   time.Duration
	Limits Limits
	// Quit, when it is closed, has all questions that are held open answered at once: for a server that is shut down.
	Quit <-chan struct{}
	// Log is told of each request, in one line without its query, in which tokens and codes are; nil means nobody.
	Log *slog.Logger
}

// Limits bound what callers can take. A field that is 0 has its default.
type Limits struct {
	Request int64 // octets of a message, DefaultRequest; larger contents go to the shelf
	Part    int64 // octets of a part of an upload, DefaultPart
	Files   int   // of one operation, DefaultFiles
	Holds   int   // questions that are held open at once, DefaultHolds; more are answered at once
	Answers int64 // octets of answers with signatures that their clients have not taken yet, DefaultAnswers; half for one caller
	// Gate has the other limits of requests. Body is not used; where Requests, Waiting and PerCaller are 0, they are
	// DefaultRequests, DefaultWaiting and DefaultPerCaller. Questions for results are not among them: they wait.
	Gate gate.Limits
}

// Defaults of Limits.
const (
	DefaultRequest   = 5 << 20 // what the existing service documents
	DefaultPart      = 70_000_000
	DefaultFiles     = 10_000
	DefaultHolds     = 4096
	DefaultAnswers   = 256 << 20
	DefaultRequests  = 128
	DefaultWaiting   = 1024
	DefaultPerCaller = 96
)

const (
	defaultHold = 20 * time.Second
	longestHold = 29 * time.Second // proxies give up after 30 s, the C# SDK after 100 s
)

// api has the methods, each of the form that gate.Handle takes.
type api struct {
	Config
	held    atomic.Int64
	answers *budget.Budget
}

// New returns the handler of all methods. Their paths are Paths.
func New(c Config) (http.Handler, error) {
	switch {
	case c.Engine == nil:
		return nil, errors.New("cloudsign: Config.Engine is nil; give the engine that signs")
	case c.Keys == nil:
		return nil, errors.New("cloudsign: Config.Keys is nil; give the keys of the engine")
	case c.Auth == nil:
		return nil, errors.New("cloudsign: nobody could call: Config.Auth is nil")
	case c.Caller == nil:
		return nil, errors.New("cloudsign: nobody could confirm: Config.Caller is nil; give a function that says how a caller confirms")
	}
	if s, ok := c.Shelf.(*shelf.Shelf); ok && s == nil {
		c.Shelf = nil // a variable that holds none
	}
	c.Hold = min(or(c.Hold, defaultHold), longestHold)
	l := &c.Limits
	l.Request, l.Part, l.Files, l.Holds = or(l.Request, DefaultRequest), or(l.Part, DefaultPart), or(l.Files, DefaultFiles), or(l.Holds, DefaultHolds)
	l.Answers = or(l.Answers, DefaultAnswers)
	g := &l.Gate
	g.Requests, g.Waiting, g.PerCaller = or(g.Requests, DefaultRequests), or(g.Waiting, DefaultWaiting), or(g.PerCaller, DefaultPerCaller)
	a := &api{Config: c, answers: budget.New(l.Answers, makers)}
	table, refuser, err := a.table()
	if err != nil {
		return nil, err
	}
	return route.Mux{Refuser: refuser, Table: table}, nil
}

func or[T int | int64 | time.Duration](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

// Paths are the paths of the API in lower case, for a server that has other APIs at its root, too. They are taken in any case.
func Paths() []string {
	var all []string
	for _, m := range methods {
		all = append(all, m.path)
	}
	slices.Sort(all)
	return all
}

// Kinds of requests, each with a gate of its own.
const (
	call = iota
	question
	upload
)

// methods is what there is.
var methods = []struct {
	method, path, endpoint string
	kind                   int
	serve                  func(*api, *gate.Call) error
}{
	{http.MethodPost, "/cloudsign", "cloudsign", call, (*api).cloudSign},
	{http.MethodGet, "/cloudsignresult", "cloudsign", question, (*api).cloudSignResult},
	{http.MethodPost, "/cloudsignconfirm", "cloudsign", call, (*api).cloudSignConfirm},
	{http.MethodGet, "/cloudsignconfirmresult", "cloudsign", question, (*api).cloudSignConfirmResult},
	{http.MethodPost, "/autosignreceipts", "receipts", call, (*api).autoSignReceipts},
	{http.MethodGet, "/autosignreceiptsresult", "receipts", question, (*api).autoSignReceiptsResult},
	{http.MethodPost, "/dsssign", "cloudsign", call, (*api).dssSign},
	{http.MethodPost, "/v2/dsssign", "cloudsign", call, (*api).dssSignV2},
	{http.MethodGet, "/dsssignresult", "cloudsign", question, (*api).dssSignResult},
	{http.MethodPost, "/shelfupload", "shelf", upload, (*api).shelfUpload},
	{http.MethodGet, "/shelfdownload", "shelf", call, (*api).shelfDownload},
	{http.MethodPost, "/v2/shelfupload", "shelf", upload, (*api).shelfUploadV2},
	{http.MethodPost, "/shelfuploadpartinit", "shelf", upload, (*api).shelfUploadPartInit},
	{http.MethodPost, "/shelfuploadpart", "shelf", upload, (*api).shelfUploadPart},
	{http.MethodGet, "/v2/shelfdownload", "shelf", call, (*api).shelfDownloadV2},
	{http.MethodGet, "/getmycertificates", "certificates", call, (*api).getMyCertificates},
}

// table makes the handlers. Questions have a gate of their own: those that are held open must not take the places of the
// calls that they wait for.
func (a *api) table() (route.Table, route.Refuser, error) {
	var gates [3]*gate.Gate
	for kind := range gates {
		limits := a.Limits.Gate
		switch kind {
		case call:
			limits.Body = a.Limits.Request
		case question:
			limits.Body = 64 << 10
			limits.Requests = 2 * a.Limits.Holds
			limits.PerCaller = limits.Requests
		case upload:
			limits.Body = a.Limits.Part
		}
		g, err := gate.New(gate.Config{Auth: caller{a.Auth}, Limits: limits, Log: a.Log, Fail: fail})
		if err != nil {
			return nil, nil, err
		}
		gates[kind] = g
	}
	table := route.Table{}
	for _, m := range methods {
		table[m.path] = map[string]http.Handler{m.method: gates[m.kind].Handle(m.endpoint, func(c *gate.Call) error {
			c.Header().Set(traceHeader, c.ID)
			return m.serve(a, c)
		})}
	}
	return table, gates[call], nil
}
