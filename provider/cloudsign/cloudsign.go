// Package cloudsign signs with keys of a cloud signature service: contents go there, a code goes to a person's phone, the
// code comes back through a function of the caller, and the signatures are collected (CloudSign), or the person confirms on
// the phone and no code is passed back (DssSign). It speaks JSON over net/http.
//
//	keys, err := cloudsign.New(cloudsign.Config{URL: "https://sign.example.org", Token: token, Chain: chain, Code: ask})
//	defer keys.Close()
//	signer, err := sign.Open(ctx, keys, sign.Ref{})
//	results, err := batch.Sign(ctx, signer, keys.Format(), contents, nil)
//
// # What such a service signs
//
// It takes whole files and returns whole containers: detached CMS in DER, whose signed attributes are its own. A signature
// over a digest of the caller's cannot be had from it. So the key of this provider is one for drafts of [Provider.Format]
// only, with a [sign.Scheme] of its own: what is signed is a content, the signature is the container, and checking the
// signature is checking the container. Other formats, *cades.Options among them, are refused before anything is sent. Raise
// the containers afterwards, or with [Format.Raise].
//
// A batch becomes one operation for each group of up to [Config.BulkSize] contents, and a person is asked once for each.
// The key has the batch wait until a group is full or nothing more comes.
//
// Every container is checked before it is handed out: one signer, detached, the certificate that was asked for, the digest
// of its own content, and the signature itself. A service that mixes up, leaves out or repeats signatures is found out.
//
// # Without a batch, and over several processes
//
// [Client] has the steps one by one: Begin, Confirm, Collect. Between them, [Operation.State] can be stored, and
// [Client.Resume] takes it up in another process; the contents are not needed there.
//
// # What is tried again
//
// A question for a result is, a few times, when the connection is lost or the service is overloaded. A confirmation is when its
// answer is lost, with the same code, which the service takes as one. A code that was refused never is: the function is
// asked for another one. The start of an operation never is: the person would get a second message, so the error says that an
// operation may have been left behind.
package cloudsign

import (
	"context"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// Config says where the service is and how an operation is confirmed. URL and Token (or TokenFunc) are needed, and Code
// unless OnPhone is set.
type Config struct {
	// URL is the base address of the service, "https://sign.example.org". A token sent without TLS can be read on the
	// way: http:// is for this machine and for tests.
	URL string
	// Token is who calls. With ClientID it is sent as "DiadocAuth ddauth_api_client_id=…,ddauth_token=…", else as
	// "Bearer …".
	Token    sign.Secret
	ClientID string
	// TokenFunc gives the token for each request instead of Token: tokens of such services live for hours.
	TokenFunc func(ctx context.Context) (sign.Secret, error)

	// Chain is the certificate that signs, then its issuers as far as they are known. The service does not hand it out
	// before it signs, so a [Provider] needs it here or in [sign.Ref.Certificate]; a [Client] does not.
	Chain []*x509.Certificate
	// Thumbprint names the certificate when Chain does not: its SHA-1 in hexadecimal. Without either, the service takes the
	// one that is current, and containers are checked with the certificate that is in them.
	Thumbprint string

	// Code returns the code that the person was sent. It is called again when a code was refused, see Challenge.Refused, at
	// most Attempts times an operation. An error of it ends the operation.
	Code func(ctx context.Context, c Challenge) (sign.Secret, error)
	// Attempts is how many codes are asked for; 0 means DefaultAttempts.
	Attempts int

	// OnPhone has operations confirmed on the phone (DssSign); Code is not called. Box is the box that they belong to, where
	// the service asks for one. Notice, if set, is called once it is known where the person has to confirm.
	OnPhone bool
	Box     string
	Notice  func(c Challenge)

	// Save is called whenever there is something new to resume the operation with. When it fails before the operation is
	// confirmed, the operation ends with its error.
	Save func(ctx context.Context, s State) error

	// Reference has signatures returned through the shelf, one by one, instead of all in one answer.
	Reference bool
	// OldShelf uses the shelf as it was before V2, whose names the client makes.
	OldShelf bool
	// Inline is how many octets of contents one request holds at most, the rest goes to the shelf first: 0 means
	// DefaultInline, negative sends all to the shelf but empty contents.
	Inline int
	// BulkSize is how many contents a key signs in one operation at most; 0 means DefaultBulkSize.
	BulkSize int
	// Wait is how long a result is waited for; 0 means DefaultWait.
	Wait time.Duration

	// Hashes are hashes of contents to be taken beside SHA-256, SHA-384 and SHA-512, for Check, by any name.
	Hashes map[string]func() hash.Hash
	// Check checks a container instead of this package, which knows the algorithms of the standard library: for services that
	// sign with others (GOST). It must check all that the package documentation says.
	Check func(item Item, container []byte) error

	// HTTP makes the connections: its Transport decides on TLS and proxies; its Timeout must be longer than the service holds
	// a question open, 30 s. Nil means a client with a timeout of 100 s. Redirects are refused whatever it says.
	HTTP *http.Client
}

// Defaults of Config.
const (
	DefaultAttempts = 5
	DefaultInline   = 3 << 20 // the service takes requests of 5 MB, and base64 adds a third
	DefaultBulkSize = 1000
	DefaultWait     = 10 * time.Minute
)

// Limits of what a client takes in.
const (
	maxItem      = 400 << 20 // of the shelf
	maxOnce      = 64 << 20  // of a content that can be read once, which is held in memory
	maxItems     = 10_000    // of one operation
	maxContainer = 4 << 20
	perContainer = 64 << 10 // on an average, when all are in one answer
	maxAnswer    = 256 << 20
	maxText      = 64 << 10 // of an answer without signatures
)

// Challenge is what a person is asked to confirm. Show it to the person: the message that has the code names the same digest.
type Challenge struct {
	TaskID string
	Names  []string // of the contents, in their order
	// Digest is common to all contents: SHA-256, in hexadecimal, over the SHA-256 of each with its length in one octet before it.
	Digest string
	// Refused says that the code that was given before was wrong.
	Refused bool
	// Left is how many codes will be asked for, this one included. The service may count otherwise.
	Left int
	// Phone has the last digits of the telephone number, when the service tells.
	Phone string
}

// Client signs contents in operations. It is safe for concurrent use; an [Operation] is not.
type Client struct {
	config     Config
	base       *url.URL
	http       *http.Client
	thumbprint string // upper-case hexadecimal, or empty
	sleep      func(ctx context.Context, d time.Duration) error
	now        func() time.Time
}

// NewClient returns a client. Nothing is sent yet. Errors are of class [sign.ErrInput].
func NewClient(c Config) (*Client, error) {
	const op = "cloudsign: open"
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") || base.RawQuery != "" || base.Fragment != "" || base.User != nil {
		return nil, &sign.Error{Op: op, Class: sign.ErrInput, Hint: "Config.URL has to be an address such as https://sign.example.org, without query and password"}
	}
	fail := func(hint string) (*Client, error) {
		return nil, &sign.Error{Op: op, Place: base.Host, Class: sign.ErrInput, Hint: hint}
	}
	switch {
	case c.Token.Len() == 0 && c.TokenFunc == nil:
		return fail("give Config.Token or Config.TokenFunc: the service asks who calls")
	case c.Code == nil && !c.OnPhone:
		return fail("give Config.Code, the function that asks the person for the code, or set Config.OnPhone")
	case strings.ContainsAny(c.ClientID, ", \t\r\n"):
		return fail("Config.ClientID has a space or comma in it")
	case len(c.Chain) != 0 && c.Chain[0] == nil:
		return fail("the first certificate of Config.Chain is nil")
	}
	client := &Client{config: c, base: base, sleep: sleep, now: time.Now}
	if c.Thumbprint != "" {
		sum, err := sign.ParseThumbprint(c.Thumbprint)
		if err != nil || len(sum) != sha1.Size {
			return fail("Config.Thumbprint has to be 40 hexadecimal digits: the service knows certificates by their SHA-1")
		}
		client.thumbprint = strings.ToUpper(hex.EncodeToString(sum))
	}
	if len(c.Chain) != 0 {
		own := sign.Thumbprint(c.Chain[0])
		if client.thumbprint != "" && client.thumbprint != own {
			return fail("Config.Thumbprint is not that of Config.Chain[0], which is " + own)
		}
		client.thumbprint = own
	}
	for _, number := range []struct{ value, fallback *int }{
		{&client.config.Attempts, ptr(DefaultAttempts)}, {&client.config.BulkSize, ptr(DefaultBulkSize)},
	} {
		if *number.value <= 0 {
			*number.value = *number.fallback
		}
	}
	client.config.BulkSize = min(client.config.BulkSize, maxItems)
	if c.Inline == 0 {
		client.config.Inline = DefaultInline
	}
	if c.Wait <= 0 {
		client.config.Wait = DefaultWait
	}
	client.http = &http.Client{Timeout: defaultTimeout}
	if c.HTTP != nil {
		own := *c.HTTP
		client.http = &own
	}
	// A redirect to another host would take the contents there, and one to http:// the token in the clear.
	client.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client, nil
}

const defaultTimeout = 100 * time.Second

func ptr(n int) *int { return &n }

// sleep waits, or gives up when ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
