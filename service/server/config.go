package server

import (
	"time"

	"github.com/seed-116355fd/signet/service/gate"
)

// Config is what a service is made of, as it stands in a file; see [Load]. Keys and Auth are needed. Lists of one may be
// written without brackets.
type Config struct {
	Listen   Listen   `yaml:"listen"`
	TLS      TLS      `yaml:"tls"`
	Stores   []Store  `yaml:"stores"`
	Keys     []Key    `yaml:"keys"`
	Sources  Sources  `yaml:"sources"`
	Auth     Auth     `yaml:"auth"`
	Limits   Limits   `yaml:"limits"`
	Audit    Audit    `yaml:"audit"`
	Log      Log      `yaml:"log"`
	Metrics  Metrics  `yaml:"metrics"`
	Tracing  Tracing  `yaml:"tracing"`
	Verify   Verify   `yaml:"verify"`
	Ready    string   `yaml:"ready"` // "all" (when empty) or "any": how many keys have to be usable for /readyz to say yes
	Shutdown Shutdown `yaml:"shutdown"`
	Confirm  Confirm  `yaml:"confirm"`

	path  string         // of the file; empty when there is none
	lines map[string]int // where a value stands in it
}

// Listen says where requests come in.
type Listen struct {
	// Addresses are "HOST:PORT", or "unix:PATH" for a socket; empty means DefaultAddress.
	Addresses []Address `yaml:"addresses"`
	// SocketMode is the mode of unix sockets, octal; empty means 0660. Sockets are plain also when there is TLS.
	SocketMode string `yaml:"socket-mode"`
	// H2C takes HTTP/2 without TLS, too.
	H2C bool `yaml:"h2c"`
	// Plain lets addresses that others reach be without TLS: when a proxy in front has it.
	Plain bool `yaml:"plain"`
	// Idle is how long a connection without a request is kept; 0 means DefaultIdle.
	Idle time.Duration `yaml:"idle"`
	// Header is how long a client may take to send the header of a request; 0 means DefaultHeader.
	Header time.Duration `yaml:"header"`
}

// Defaults of Listen and Shutdown.
const (
	DefaultAddress = "127.0.0.1:8080"
	DefaultIdle    = 120 * time.Second
	DefaultHeader  = 10 * time.Second
	DefaultGrace   = 30 * time.Second
)

// TLS says how connections are protected. Its files are read again when they change.
type TLS struct {
	Certificate Path `yaml:"certificate"` // PEM, with the issuers behind it
	Key         Path `yaml:"key"`         // PEM; empty means that it is in the file of the certificate
	// ClientCA are the authorities of client certificates, PEM. ClientAuth is "none", "request" (one that is shown must be
	// good) or "require"; empty means "request" when there is a ClientCA, else "none".
	ClientCA   Path   `yaml:"client-ca"`
	ClientAuth string `yaml:"client-auth"`
	MinVersion string `yaml:"min-version"` // "1.2" (when empty) or "1.3"
}

// Store is a place where keys live: either a file or folder, or a token, of which several make a group.
type Store struct {
	Name         string   `yaml:"name"`
	File         Path     `yaml:"file"`
	Password     Secret   `yaml:"password"` // of the file
	Token        []string `yaml:"token"`    // pkcs11: URIs, without the PIN
	PIN          Secret   `yaml:"pin"`      // of tokens whose URI has no pin-source
	KeyPIN       Secret   `yaml:"key-pin"`  // of keys that want one for each signature which is not the token's
	Sessions     int      `yaml:"sessions"` // with each token at most; 0 means 8
	Recover      Duration `yaml:"recover"`  // how long calls wait for a token that was lost; 0 means 30 s
	Certificates []Path   `yaml:"certificates"`
}

// Key is a key that callers may sign with, and the format of its containers. One of Thumbprint, Label, ID and Certificate
// is needed when the store has several keys and its URI names none.
type Key struct {
	Name        string `yaml:"name"`
	Store       string `yaml:"store"`
	Thumbprint  string `yaml:"thumbprint"`
	Label       string `yaml:"label"`
	ID          string `yaml:"id"` // hexadecimal
	Certificate Path   `yaml:"certificate"`
	Scheme      string `yaml:"scheme"` // as in sign.SchemeByName, or ml-dsa-44, -65, -87, gost3410-2012-256, -512; empty means the best of the key
	// Level is pkcs7, bes (when empty), t, lt, lta, c, xlong1 or a; "CAdES-T" and "X Long Type 1" are read, too.
	Level    string  `yaml:"level"`
	Attached bool    `yaml:"attached"`
	Gather   *Gather `yaml:"gather"`
	// Timestamp and Revocation are those of Sources unless they are set here.
	Timestamp  []Authority `yaml:"timestamp"`
	Revocation *Revocation `yaml:"revocation"`
}

// Gather has contents of many requests become groups of a key that signs groups, see [sign.Gathered].
type Gather struct {
	Wait        Duration `yaml:"wait"`        // of the first for others, at most; 0 means none on purpose
	Concurrency int      `yaml:"concurrency"` // groups at once; 0 means what suits the key
}

// Sources are what keys with a level above BES take from others.
type Sources struct {
	Timestamp  []Authority `yaml:"timestamp"`
	Revocation Revocation  `yaml:"revocation"`
}

// Authority is an authority of time-stamps. Of several, the next is asked when one fails.
type Authority struct {
	URL     string   `yaml:"url"`
	Policy  string   `yaml:"policy"`  // dotted
	Timeout Duration `yaml:"timeout"` // of one request; 0 means 30 s
	Reach
}

// Reach says how an authority is reached, and as whom. The words are those of the flags of signet sign; see [connect.Options].
type Reach struct {
	CA            []Path            `yaml:"ca"`            // who issues https certificates, PEM or DER, instead of whom this machine knows
	Cert          Path              `yaml:"cert"`          // is shown to servers that ask who connects: PEM or PKCS #12, with its key
	CertPassword  Secret            `yaml:"cert-password"` // of that file
	Proxy         string            `yaml:"proxy"`         // http, https or socks5
	ProxyUser     string            `yaml:"proxy-user"`
	ProxyPassword Secret            `yaml:"proxy-password"`
	User          string            `yaml:"user"` // of HTTP basic authentication
	Password      Secret            `yaml:"password"`
	Headers       map[string]Secret `yaml:"headers"` // of each request: a key of the service, for one
}

// RevocationServer is one server of revocation values, by scheme and host, that is reached in another way than the others.
type RevocationServer struct {
	URL string `yaml:"url"`
	Reach
}

// Revocation says how revocation values are fetched.
type Revocation struct {
	Cache        Path     `yaml:"cache"`         // a folder; empty means in memory only
	AllowPrivate bool     `yaml:"allow-private"` // fetch from private addresses, too
	Responders   []string `yaml:"responders"`    // OCSP responders that are asked beside those in certificates
	Certificates []Path   `yaml:"certificates"`  // issuers and roots that cannot be fetched, PEM or DER
	Timeout      Duration `yaml:"timeout"`       // of one request; 0 means 30 s
	// Certificates say who is asked, so what says who asks (cert, user, password, headers) is for single servers.
	CA            []Path             `yaml:"ca"`
	Proxy         string             `yaml:"proxy"`
	ProxyUser     string             `yaml:"proxy-user"`
	ProxyPassword Secret             `yaml:"proxy-password"`
	Servers       []RevocationServer `yaml:"servers"`
}

// Limits bound what callers can take; 0 means the default of the field in [gate.Limits].
type Limits struct {
	Body       Size     `yaml:"body"`
	Content    Size     `yaml:"content"`
	Contents   int      `yaml:"contents"`
	Answer     Size     `yaml:"answer"`
	Kept       Size     `yaml:"kept"`
	Requests   int      `yaml:"requests"`
	Waiting    int      `yaml:"waiting"`
	Wait       Duration `yaml:"wait"`
	PerCaller  int      `yaml:"per-caller"`
	Signatures int      `yaml:"signatures"`
	Held       Size     `yaml:"held"`
	Idle       Duration `yaml:"idle"`
	Rate       Size     `yaml:"rate"`
}

func (l Limits) gate() gate.Limits {
	return gate.Limits{
		Body: int64(l.Body), Content: int64(l.Content), Contents: l.Contents, Answer: int64(l.Answer), Kept: int64(l.Kept),
		Requests: l.Requests, Waiting: l.Waiting, Wait: l.Wait, PerCaller: l.PerCaller,
		Signatures: l.Signatures, Held: int64(l.Held), Idle: l.Idle, Rate: int64(l.Rate),
	}
}

// Log says what is logged, on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info (when empty), warn, error
	Format string `yaml:"format"` // json (when empty) or text
}

// Metrics says where metrics, and the health in detail, are served. Without an address they are not.
type Metrics struct {
	Listen Address `yaml:"listen"`
}

// Tracing sends traces to a collector of OpenTelemetry. Without an endpoint there are none.
type Tracing struct {
	Endpoint string            `yaml:"endpoint"` // URL of OTLP over HTTP: http://localhost:4318
	Sample   float64           `yaml:"sample"`   // the part of requests that are traced, unless their caller has decided; 0 means 0.01
	Headers  map[string]Secret `yaml:"headers"`
	Service  string            `yaml:"service"` // service.name; empty means "signet"
}

// Verify says what POST /v3/validate and POST /v1/verify trust. Without roots, chains are not checked, and answers say so.
type Verify struct {
	Roots  []Path `yaml:"roots"`  // files and folders, PEM or DER
	System bool   `yaml:"system"` // the roots of this machine
}

// Shutdown says how a service ends.
type Shutdown struct {
	// Delay is how long /readyz says no before the listeners close, for load balancers to notice; 0 means not at all.
	Delay Duration `yaml:"delay"`
	// Grace is how long requests that were let in may take to end; 0 means DefaultGrace.
	Grace Duration `yaml:"grace"`
}

// Duration is a time.Duration, which is written as 30s.
type Duration = time.Duration

// Auth says who may call. One of its fields is needed; who is not found by one way is looked for by the next.
type Auth struct {
	Tokens       Path              `yaml:"tokens"` // the file that "signet token" keeps
	OIDC         []Issuer          `yaml:"oidc"`
	Certificates []CertificateRule `yaml:"certificates"` // needs TLS with a client CA
}

// Issuer is a provider of OpenID Connect whose access tokens are taken. The rights of all rules that fit add up.
type Issuer struct {
	URL        string      `yaml:"url"`      // as in the tokens: https://login.example/realms/staff
	Audience   string      `yaml:"audience"` // of this service, one of the claim aud
	Name       string      `yaml:"name"`     // the claim that names the caller in logs; empty means sub
	Prefix     string      `yaml:"prefix"`   // is put in front of that name
	Algorithms []string    `yaml:"algorithms"`
	Clients    []string    `yaml:"clients"` // that tokens may have been issued to (azp, client_id); none means any
	Skew       Duration    `yaml:"skew"`    // how far the clock of the issuer may be off
	AccessOnly bool        `yaml:"access-only"`
	Rules      []ClaimRule `yaml:"rules"`
}

// ClaimRule gives rights to tokens that have a claim with a value.
type ClaimRule struct {
	Claim     string   `yaml:"claim"`     // a name, or a path of names with dots between: realm_access.roles
	Value     string   `yaml:"value"`     // what it is, or one of what it has when it is a list
	Keys      []string `yaml:"keys"`      // names of keys; "*" means all
	Endpoints []string `yaml:"endpoints"` // as in auth.Principal; "*" means all but operations
}

// CertificateRule gives rights to client certificates with all that is set of the first four.
type CertificateRule struct {
	SHA256     string   `yaml:"sha256"` // of the certificate, hexadecimal
	CommonName string   `yaml:"common-name"`
	DNS        string   `yaml:"dns"`
	URI        string   `yaml:"uri"`
	Name       string   `yaml:"name"` // of the caller in logs; empty means the common name
	Keys       []string `yaml:"keys"`
	Endpoints  []string `yaml:"endpoints"`
}

// Audit says where it is kept who signed what. Without a path, nowhere.
type Audit struct {
	Path     Path     `yaml:"path"`
	Key      Secret   `yaml:"key"`      // authenticates each line; 32 octets at least
	Sync     string   `yaml:"sync"`     // when lines are written through to the disk: none, interval (when empty), always
	Interval Duration `yaml:"interval"` // of sync: interval; 0 means 1 s
	MaxSize  Size     `yaml:"max-size"` // of a file, before a new one is begun; 0 means no limit
}
