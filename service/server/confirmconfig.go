package server

import (
	"fmt"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/service/confirm"
)

// Confirm is two-stage signing: an operation is begun, a person confirms it by a code, and then it is signed. Without a
// database there is none. All but People is fixed by the start.
type Confirm struct {
	// Database is the file of SQLite, which is made when it is not there; or Postgres has the address of a database that
	// several services share, postgres://USER:PASSWORD@HOST/NAME.
	Database Path   `yaml:"database"`
	Postgres Secret `yaml:"postgres"`
	// Secret authenticates what is stored: 32 octets at least, which are not in the database, and the same in all services of it.
	Secret Secret `yaml:"secret"`
	// Shelf is where uploads are kept: a folder, or s3://BUCKET?region=…; empty means that there are none.
	Shelf Place `yaml:"shelf"`
	// Link is the address of the page of a person without its token: https://sign.example/confirm/. It is put into messages.
	Link      string        `yaml:"link"`
	Notifiers []Notifier    `yaml:"notifiers"`
	People    []Person      `yaml:"people"`
	Boxes     []Box         `yaml:"boxes"`
	Hold      Duration      `yaml:"hold"` // how long a question for a result may be held open; 0 means 20 s
	Limits    ConfirmLimits `yaml:"limits"`
}

// On reports whether there is two-stage signing.
func (c *Confirm) On() bool { return c.Database != "" || !c.Postgres.IsZero() }

// fixed is the section without what a reload takes up.
func (c Confirm) fixed() Confirm {
	c.People, c.Hold = nil, 0
	return c
}

// Place is a folder, relative to the configuration file, or a URL.
type Place string

func (p *Place) parse(text, dir string) error {
	if strings.Contains(text, "://") {
		*p = Place(text)
		return nil
	}
	var path Path
	err := path.parse(text, dir)
	*p = Place(path)
	return err
}

// url is the address of the place.
func (p Place) url() string {
	if strings.Contains(string(p), "://") {
		return string(p)
	}
	return (&url.URL{Scheme: "file", Path: string(p)}).String()
}

// Notifier sends codes: by one of HTTP, SMTP and Terminal.
type Notifier struct {
	Name     string    `yaml:"name"`
	HTTP     *Gateway  `yaml:"http"`
	SMTP     *MailHost `yaml:"smtp"`
	Terminal bool      `yaml:"terminal"` // standard error of the service: for trying it out
}

// Gateway is a service that sends messages to telephones. URL, headers and body are templates of [notify.HTTPConfig], in which
// secrets stand by their names.
type Gateway struct {
	Method   string            `yaml:"method"` // POST when there is a body, else GET
	URL      string            `yaml:"url"`
	Headers  map[string]string `yaml:"headers"`
	Body     string            `yaml:"body"`
	Secrets  map[string]Secret `yaml:"secrets"`
	Contains string            `yaml:"contains"` // what the answer has in it when the message was taken
	Timeout  Duration          `yaml:"timeout"`  // 0 means 15 s
	Plain    bool              `yaml:"plain"`    // http:// to another machine
}

// MailHost is a server that takes mail.
type MailHost struct {
	Address  string `yaml:"address"` // HOST:PORT
	From     string `yaml:"from"`
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
	Implicit bool   `yaml:"implicit"` // begins with TLS (port 465) in place of STARTTLS
	Plain    bool   `yaml:"plain"`    // goes on without TLS to another machine
}

// Person says how operations of a caller are confirmed. The first one that fits counts.
type Person struct {
	Caller   string   `yaml:"caller"` // name of the caller in tokens; "*" means each
	Method   string   `yaml:"method"` // code (when empty), totp, elsewhere
	Notifier string   `yaml:"notifier"`
	Address  string   `yaml:"address"` // telephone number, or address of mail
	Hint     string   `yaml:"hint"`
	TOTP     Secret   `yaml:"totp"` // secret of the authenticator, base32
	Language string   `yaml:"language"`
	Key      string   `yaml:"key"`  // when a request names none
	Keys     []string `yaml:"keys"` // none means all that the caller may use
}

// Box is a folder whose files are signed without a person (AutoSignReceipts), each into a file beside it.
type Box struct {
	Name    string   `yaml:"name"`
	Folder  Path     `yaml:"folder"` // has a folder of the name of the box
	Callers []string `yaml:"callers"`
	Key     string   `yaml:"key"`
}

// ConfirmLimits bound operations; 0 means the default of the field in [confirm.Limits].
type ConfirmLimits struct {
	Items    int      `yaml:"items"`
	Drafts   Size     `yaml:"drafts"`
	Pending  Size     `yaml:"pending"`
	Digits   int      `yaml:"digits"`
	Code     Duration `yaml:"code"`
	Open     Duration `yaml:"open"`
	Attempts int      `yaml:"attempts"`
	Resends  int      `yaml:"resends"`
	Pause    Duration `yaml:"pause"`
	PerOwner int      `yaml:"per-owner"`
	Window   Duration `yaml:"window"`
	Guesses  int      `yaml:"guesses"`
	Keep     Duration `yaml:"keep"`
	Forget   Duration `yaml:"forget"`
	Signers  int      `yaml:"signers"`
	Raisers  int      `yaml:"raisers"`
	Uploads  Size     `yaml:"uploads"` // octets of one upload
	Shelf    Size     `yaml:"shelf"`   // octets of all uploads of a caller
}

func (l *ConfirmLimits) engine() confirm.Limits {
	return confirm.Limits{
		Items: l.Items, Drafts: int64(l.Drafts), Pending: int64(l.Pending), Digits: l.Digits, Code: l.Code, Open: l.Open, Attempts: l.Attempts, Resends: l.Resends, Pause: l.Pause,
		PerOwner: l.PerOwner, Window: l.Window, Guesses: l.Guesses, Keep: l.Keep, Forget: l.Forget, Signers: l.Signers, Raisers: l.Raisers,
	}
}

// confirm checks the section.
func (k checker) confirm() {
	c := &k.Confirm
	if !c.On() {
		if !c.Secret.IsZero() || c.Shelf != "" || len(c.People) != 0 || len(c.Notifiers) != 0 || len(c.Boxes) != 0 || c.Link != "" {
			k.wrong("confirm", "where are operations kept? Add database: FILE, or postgres: env:NAME")
		}
		return
	}
	if c.Database != "" && !c.Postgres.IsZero() {
		k.wrong("confirm.postgres", "there is a database: already; remove one of the two")
	}
	if scheme, _, ok := strings.Cut(string(c.Database), ":/"); ok && !strings.ContainsAny(filepath.Base(scheme), ". ") {
		k.wrong("confirm.database", "this is an address, and may have a password in it; put it into a variable or a file, and write postgres: env:NAME or postgres: file:PATH in place of database:")
	}
	if c.Secret.IsZero() {
		k.wrong("confirm", "there is no secret, so whoever can write the database could have anything signed; add secret: file:PATH with 32 random octets (head -c 48 /dev/urandom | base64)")
	}
	if c.Link != "" {
		if k.url("confirm.link", c.Link); !strings.HasSuffix(c.Link, "/confirm/") {
			k.wrong("confirm.link", "ends with /confirm/, behind which the token of an operation is put")
		}
	}
	if c.Hold > longestHold {
		k.wrong("confirm.hold", "%s at most: proxies and clients give up after 30s", longestHold)
	}
	var names []string
	for i := range c.Notifiers {
		n, path := &c.Notifiers[i], fmt.Sprintf("confirm.notifiers[%d]", i)
		switch {
		case n.Name == "":
			k.wrong(path, "it has no name; add name: NAME, by which people refer to it")
		case slices.Contains(names, n.Name):
			k.wrong(path+".name", "there are two notifiers %s; give one another name", shown(n.Name))
		}
		names = append(names, n.Name)
		ways := 0
		for _, given := range []bool{n.HTTP != nil, n.SMTP != nil, n.Terminal} {
			if given {
				ways++
			}
		}
		if ways != 1 {
			k.wrong(path, "a notifier has one of http:, smtp: and terminal: true")
		}
	}
	k.people(names)
	k.boxes()
}

// longestHold is what the API takes.
const longestHold = 29 * time.Second

func (k checker) boxes() {
	c := &k.Confirm
	var keys []string
	for i := range k.Keys {
		keys = append(keys, k.Keys[i].Name)
	}
	seen := map[string]bool{}
	for i := range c.Boxes {
		b, path := &c.Boxes[i], fmt.Sprintf("confirm.boxes[%d]", i)
		switch {
		case b.Name == "" || b.Folder == "" || len(b.Callers) == 0:
			k.wrong(path, "a box has name:, folder:, callers: and key:")
		case strings.HasPrefix(b.Name, ".") || strings.ContainsAny(b.Name, `/\:`):
			k.wrong(path+".name", "%s is no name of a folder in folder:; it has no slashes and colons, and does not begin with a dot", shown(b.Name))
		case seen[b.Name]:
			k.wrong(path+".name", "there are two boxes %s; give one another name", shown(b.Name))
		}
		seen[b.Name] = true
		if !slices.Contains(keys, b.Key) {
			k.wrong(path+".key", "there is no key %s%s", shown(b.Key), nearest(b.Key, keys))
		}
	}
}

func (k checker) people(notifiers []string) {
	c := &k.Confirm
	var keys []string
	for i := range k.Keys {
		keys = append(keys, k.Keys[i].Name)
	}
	if len(c.People) == 0 {
		k.wrong("confirm", "who confirms? Add people: with caller:, method: and the address of the person")
	}
	for i := range c.People {
		p, path := &c.People[i], fmt.Sprintf("confirm.people[%d]", i)
		k.oneOf(path+".method", p.Method, "code", "totp", "elsewhere")
		k.oneOf(path+".language", p.Language, "en", "ru")
		if p.Caller == "" {
			k.wrong(path, "whose operations does this person confirm? Add caller: with the name of a caller, or \"*\"")
		}
		for j, key := range p.Keys {
			if !slices.Contains(keys, key) && len(keys) != 0 {
				k.wrong(fmt.Sprintf("%s.keys[%d]", path, j), "there is no key %s%s", shown(key), nearest(key, keys))
			}
		}
		if p.Key != "" && !slices.Contains(keys, p.Key) && len(keys) != 0 {
			k.wrong(path+".key", "there is no key %s%s", shown(p.Key), nearest(p.Key, keys))
		}
		switch {
		case p.Method == "totp" && p.TOTP.IsZero():
			k.wrong(path, "an authenticator has a secret; add totp: file:PATH (signet token does not make it: any base32 of 20 octets does)")
		case p.Method == "totp" || p.Method == "elsewhere" && p.Notifier == "":
		case p.Notifier == "":
			k.wrong(path, "how does the code get to the person? Add notifier: with the name of one")
		case !slices.Contains(notifiers, p.Notifier):
			k.wrong(path+".notifier", "there is no notifier %s%s", shown(p.Notifier), nearest(p.Notifier, notifiers))
		default:
			k.address(path, p)
		}
	}
}

// address refuses what the notifier of a person cannot send to: every operation would fail.
func (k checker) address(path string, p *Person) {
	i := slices.IndexFunc(k.Confirm.Notifiers, func(n Notifier) bool { return n.Name == p.Notifier })
	n := &k.Confirm.Notifiers[i]
	switch {
	case n.SMTP != nil:
		if _, err := mail.ParseAddress(p.Address); err != nil {
			k.wrong(path, "notifier %s sends mail, and address: is no address of mail, as in anna@example.org", shown(n.Name))
		}
	case n.HTTP != nil && p.Address == "" && n.HTTP.names(".To"):
		k.wrong(path, "where does notifier %s send to? Add address: with the number of the telephone", shown(n.Name))
	}
}

// names reports whether a template of the gateway has a field.
func (g *Gateway) names(field string) bool {
	for _, header := range g.Headers {
		if strings.Contains(header, field) {
			return true
		}
	}
	return strings.Contains(g.URL, field) || strings.Contains(g.Body, field)
}
