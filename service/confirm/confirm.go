// Package confirm is the engine of two-stage signing: an operation is begun, a person confirms it, and its signatures are
// made exactly once.
//
//	engine, err := confirm.New(ctx, confirm.Config{Database: "signet.db", Secret: secret, Keys: keys})
//	op, err := engine.Begin(ctx, confirm.Request{Owner: "anna", Key: "seal", Items: items, Method: confirm.Method{Kind: confirm.Code, Notifier: "sms", Address: "+7…"}})
//	op, err = engine.Confirm(ctx, "anna", op.Token, "003450")
//	op, err = engine.Wait(ctx, "anna", op.ID, confirm.Signing)
//	results, err := engine.Results(ctx, "anna", op.ID)
//
// # What is confirmed is what is signed
//
// Begin digests the contents and freezes the attributes that are signed. What is stored is authenticated with a key that
// is not in the database, and so is the confirmation: whoever can write the database can have nothing else signed, and
// nothing that was not confirmed.
//
// # What survives
//
// Every step is a job of river in the database, put there by the transaction that changes the operation. A process that is
// killed loses no operation; another one goes on with it. The results of an operation are stored by one transaction, once.
package confirm

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/seed-116355fd/signet/batch"
	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/service/audit"
	"github.com/seed-116355fd/signet/service/confirm/notify"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
)

// State is where an operation stands. The zero value is no state.
type State int

// States. From Completed on, nothing changes any more.
const (
	Preparing State = iota + 1 // contents are read
	Awaiting                   // the person is asked
	Signing                    // confirmed
	Completed                  // each item has its signature
	Partial                    // some have
	Failed                     // none has; Operation.Reason says why
	Cancelled
	Expired // nobody confirmed in time
)

// String is the state as a word: "awaiting".
func (s State) String() string {
	if s < Preparing || s > Expired {
		return "unknown"
	}
	return [...]string{"preparing", "awaiting", "signing", "completed", "partial", "failed", "cancelled", "expired"}[s-Preparing]
}

// Final reports whether the state is a last one.
func (s State) Final() bool { return s >= Completed && s <= Expired }

// Kind is how a person confirms.
type Kind int

// Kinds. The zero value is none.
const (
	Code      Kind = iota + 1 // a numeric code, sent by a notifier
	TOTP                      // a code of an authenticator (RFC 6238)
	Elsewhere                 // approval on another way, by Engine.Approve; no code is passed back
	Nobody                    // without a person: only for keys that Config.Unattended names
)

// String is the kind as a word: "code".
func (k Kind) String() string {
	if k < Code || k > Nobody {
		return "unknown"
	}
	return [...]string{"code", "totp", "elsewhere", "nobody"}[k-Code]
}

// Method is how one operation is confirmed.
type Method struct {
	Kind Kind
	// Notifier is the name of one of Config.Notifiers, Address where it sends to: a telephone number, an address of mail.
	// Kind Elsewhere sends the link of the page in place of a code; without a notifier, nothing is sent.
	Notifier string
	Address  string
	// Hint tells the person where the code went; empty means the last four characters of the address.
	Hint string
	// Secret is that of TOTP, by which Config.TOTP finds it; it is stored.
	Secret string
	// Language is that of the message: "en" (when empty) or "ru".
	Language string
}

// Item is one content to be signed. Its content is Content, or what lies on the shelf under the name Shelf.
type Item struct {
	Name    string // what the person sees
	Content sign.Content
	Shelf   string
}

// Request begins an operation.
type Request struct {
	Owner  string // who asks, and who alone sees the operation
	Key    string // name of the key
	Title  string // what the person is told: "Contract 17"
	Items  []Item // one at least
	Method Method
	// Once makes a repetition harmless: the same value of the same owner gives the same operation. Empty means none.
	Once string
}

// Operation is what is known of one.
type Operation struct {
	ID, Token string // lower-case UUIDs; the token is for the one who confirms
	Owner     string
	Key       string
	Title     string
	State     State
	Reason    string // why it failed, for a person
	Locked    bool   // failed because of too many wrong codes
	Missing   bool   // failed because a content was not on the shelf

	Kind         Kind
	Hint         string
	AttemptsLeft int
	CodeExpires  time.Time // of the code; zero when none was sent
	Sent         bool      // the challenge has gone out
	Expires      time.Time // when an operation that nobody confirms is over
	Created      time.Time
	Finished     time.Time // zero before

	Digest string // over the digests of all items, hexadecimal: the person can compare it
	Items  []ItemState
}

// ItemState is one item of an operation.
type ItemState struct {
	Name   string
	Size   int64 // octets; -1 when it is not known
	Digest []byte
	Shelf  string // where the content lies while the shelf has it; empty when it came with the request
	Signed bool
	Err    string
}

// Result is the signature of one item, or why there is none.
type Result struct {
	Name      string
	Signature []byte
	Err       string
}

// Errors of an engine, for errors.Is. What they are wrapped in says more.
var (
	ErrNotFound = errors.New("there is no such operation") // or it is another owner's
	ErrCode     = errors.New("the code is wrong")
	ErrExpired  = errors.New("the code or the operation has expired")
	ErrLocked   = errors.New("too many wrong codes; the operation is over, begin a new one")
	ErrState    = errors.New("the operation does not stand where this is possible")
	ErrLimit    = errors.New("too many at once; wait a moment")
	ErrInput    = errors.New("the request is wrong")
	ErrShelf    = errors.New("a content is not on the shelf")
	ErrGone     = errors.New("the results were wiped; they are kept for a time only")
)

// Keys opens the keys of operations. *service/keys.Set does it through KeySet.
type Keys interface {
	// Open returns the signer of a name and the format of its containers; release is called when they are not needed any
	// more.
	Open(ctx context.Context, name string) (s *sign.Signer, format *cades.Options, release func(), err error)
}

// Config makes an engine. Database, Secret and Keys are needed.
type Config struct {
	// Database is the path of a SQLite file, which is made when it is not there, or a URL of PostgreSQL
	// (postgres://…), which several engines can share.
	Database string
	// Secret authenticates what is stored, 32 octets at least. It is not kept in the database; all engines of a database have
	// the same.
	Secret sign.Secret
	Keys   Keys
	// Shelf holds contents that are uploaded before; nil means that there is none.
	Shelf     *shelf.Shelf
	Notifiers map[string]notify.Notifier
	// TOTP returns the secret of an authenticator by the name that Method.Secret has.
	TOTP func(ctx context.Context, name string) ([]byte, error)
	// Link is the address of the page of a person without its token: "https://sign.example/confirm/"; empty means that
	// messages have no link.
	Link string
	// Sources are where contents for unattended signing come from, by name.
	Sources map[string]Source
	// Unattended are names of keys that may sign without a person. None means no key.
	Unattended []string
	// Schemes are those of keys that are not in package sign.
	Schemes []sign.Scheme
	// Batch says how an operation is signed; nil means the defaults.
	Batch  *batch.Options
	Limits Limits
	Audit  audit.Recorder // nil means nobody
	Log    *slog.Logger   // nil means nobody
	// Migrate brings the tables of the database up to date at the start. SQLite files are always brought up to date.
	Migrate bool
	Clock   func() time.Time // nil means time.Now
}

// Limits bound operations. A field that is 0 has its default.
type Limits struct {
	Items    int           // of an operation; 10,000
	Drafts   int64         // octets of what is stored of an operation until it is signed; attached contents count; 256 MiB
	Pending  int64         // the same of all operations of an owner that are not over; 1 GiB, or Drafts if that is more
	Digits   int           // of a code; 6
	Code     time.Duration // how long a code lives; 5 min
	Open     time.Duration // how long an operation waits to be confirmed; 15 min
	Attempts int           // wrong codes before an operation is over; 5
	Resends  int           // of the code of an operation; 3
	Pause    time.Duration // between two of them; 30 s
	PerOwner int           // operations of an owner that begin within Window; 1,000
	Window   time.Duration // 1 min
	Guesses  int           // wrong codes of an owner within an hour, over all operations; 50
	Keep     time.Duration // results; 7 days
	Forget   time.Duration // when the rest of an operation is deleted; 30 days
	Signers  int           // operations that are signed at once by an engine; 64
	Raisers  int           // the same of levels above BES; 16
}
