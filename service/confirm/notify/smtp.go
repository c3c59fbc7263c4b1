package notify

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// SMTPConfig says how mail is sent. Address and From are needed.
type SMTPConfig struct {
	Address string // host:port of the server: "mail.example.org:587"
	From    string // "Signing service <sign@example.org>"
	// User and Password are for AUTH (PLAIN, else LOGIN); an empty user means none.
	User     string
	Password sign.Secret
	// Implicit begins with TLS (port 465) in place of STARTTLS.
	Implicit bool
	// Plain allows to go on without TLS to another machine that does not offer STARTTLS: whoever is between reads the codes.
	Plain   bool
	TLS     *tls.Config
	Timeout time.Duration // of all of it; 30 s
	Hello   string        // name of this machine for EHLO; "localhost"
	Clock   func() time.Time
}

// SMTP is a Notifier by mail.
type SMTP struct {
	c    SMTPConfig
	from *mail.Address
	host string
}

// NewSMTP checks the settings. The server is not asked.
func NewSMTP(c SMTPConfig) (*SMTP, error) {
	host, port, err := net.SplitHostPort(c.Address)
	if _, known := net.LookupPort("tcp", port); err != nil || known != nil || host == "" || port == "" {
		return nil, errors.New("notify: the address of the server for mail is not host:port")
	}
	from, err := mail.ParseAddress(c.From)
	if err != nil || !ascii(from.Address) {
		return nil, errors.New("notify: the sender of mail is no address; \"Name <box@host>\" is one")
	}
	c.Timeout = cmp.Or(max(c.Timeout, 0), 30*time.Second)
	c.Hello = cmp.Or(c.Hello, "localhost")
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return &SMTP{c: c, from: from, host: host}, nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// Notify sends one mail.
func (s *SMTP) Notify(ctx context.Context, m *Message) error {
	// One address, and nothing of it in a header that is not part of it: To is what a client of the service has given.
	to, err := mail.ParseAddress(m.To)
	if err != nil || strings.ContainsFunc(to.Address, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '<' || r == '>' }) {
		return errors.New("notify: the person has no address of mail")
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.c.Address)
	if err != nil {
		return s.fail(ctx, "connect to the server for mail", err, false, m)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // package smtp knows no contexts
	defer stop()

	c, err := s.greet(conn)
	if err != nil {
		return s.fail(ctx, "begin with the server for mail", err, false, m)
	}
	if s.c.User != "" {
		if err := c.Auth(s.auth(c)); err != nil {
			return s.fail(ctx, "log in at the server for mail", err, false, m)
		}
	}
	if !ascii(to.Address) {
		if utf8, _ := c.Extension("SMTPUTF8"); !utf8 {
			return errors.New("notify: the server for mail takes no addresses outside ASCII")
		}
	}
	if err := c.Mail(s.from.Address); err != nil {
		return s.fail(ctx, "name the sender to the server for mail", err, false, m)
	}
	if err := c.Rcpt(to.Address); err != nil {
		return s.fail(ctx, "name the person to the server for mail", err, false, m)
	}
	w, err := c.Data()
	if err != nil {
		return s.fail(ctx, "send the mail", err, false, m)
	}
	if _, err := w.Write(s.mail(to, m)); err != nil {
		return s.fail(ctx, "send the mail", err, false, m) // without the end, the server has no mail
	}
	if err := w.Close(); err != nil {
		var refused *textproto.Error
		return s.fail(ctx, "end the mail", err, !errors.As(err, &refused), m)
	}
	_ = c.Quit() // it is sent
	return nil
}

func (s *SMTP) fail(ctx context.Context, what string, err error, unknown bool, m *Message) error {
	if ctx.Err() != nil { // the connection was closed for it
		err = ctx.Err()
	}
	return fail(what, err, unknown, m, s.c.Password, sign.NewSecret([]byte(base64.StdEncoding.EncodeToString(s.c.Password.Bytes()))))
}

// greet begins, with TLS unless it is not needed.
func (s *SMTP) greet(conn net.Conn) (c *smtp.Client, err error) {
	config := s.c.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.ServerName = cmp.Or(config.ServerName, s.host)
	if s.c.Implicit {
		conn = tls.Client(conn, config)
	}
	if c, err = smtp.NewClient(conn, s.host); err != nil {
		return nil, err
	}
	if err := c.Hello(s.c.Hello); err != nil {
		return nil, err
	}
	if s.c.Implicit {
		return c, nil
	}
	if offered, _ := c.Extension("STARTTLS"); offered {
		return c, c.StartTLS(config)
	}
	remote, _, _ := net.SplitHostPort(conn.RemoteAddr().String())
	// Who is between can take STARTTLS out of the offer.
	if !s.c.Plain && !net.ParseIP(remote).IsLoopback() {
		return nil, errors.New("the server offers no STARTTLS, and codes are not sent in the clear; use Implicit for port 465, or set Plain")
	}
	return c, nil
}

// auth is PLAIN, or LOGIN for servers that have nothing else.
func (s *SMTP) auth(c *smtp.Client) smtp.Auth {
	_, offer := c.Extension("AUTH")
	offers := strings.Fields(strings.ToUpper(offer))
	login := false
	for _, o := range offers {
		if o == "PLAIN" {
			return &auth{s: s, mechanism: "PLAIN"}
		}
		login = login || o == "LOGIN"
	}
	if login {
		return &auth{s: s, mechanism: "LOGIN"}
	}
	return &auth{s: s}
}

// auth is RFC 4616 and what LOGIN has become. Those of package smtp hold the password as a string.
type auth struct {
	s         *SMTP
	mechanism string
}

// Start sends the password; greet has seen to it that the connection may carry it.
func (a *auth) Start(*smtp.ServerInfo) (string, []byte, error) {
	switch {
	case a.mechanism == "":
		return "", nil, errors.New("the server offers neither AUTH PLAIN nor LOGIN")
	case a.mechanism == "PLAIN":
		return a.mechanism, []byte("\x00" + a.s.c.User + "\x00" + string(a.s.c.Password.Bytes())), nil
	}
	return a.mechanism, nil, nil
}

func (a *auth) Next(from []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	if a.mechanism == "LOGIN" {
		switch strings.ToLower(strings.TrimSpace(strings.TrimSuffix(string(from), ":"))) {
		case "username", "user name":
			return []byte(a.s.c.User), nil
		case "password":
			return a.s.c.Password.Bytes(), nil
		}
	}
	return nil, errors.New("the server asks for what is not known")
}

// mail is RFC 5322 with RFC 2045 and 2047. The code is not in the subject, which telephones show when they are locked.
func (s *SMTP) mail(to *mail.Address, m *Message) []byte {
	ru := m.Language == russian
	subject := "Please confirm the signature"
	if ru {
		subject = "Подтвердите подпись"
	}
	if title := m.title(); title != "" {
		subject += ": " + title
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // crypto/rand ends the program when it has nothing to give
	_, domain, _ := strings.Cut(s.from.Address, "@")
	var b strings.Builder
	// Folded at blanks: with encoded words, lines have 76 characters at most (RFC 2047, section 2).
	head := func(name, value string) {
		b.WriteString(name + ":")
		n := len(name) + 1
		for word := range strings.SplitSeq(value, " ") {
			if n+1+len(word) > 76 {
				b.WriteString("\r\n")
				n = 0
			}
			b.WriteString(" " + word)
			n += 1 + len(word)
		}
		b.WriteString("\r\n")
	}
	head("From", s.from.String())
	head("To", (&mail.Address{Address: to.Address}).String())
	head("Subject", mime.BEncoding.Encode("utf-8", subject))
	head("Date", s.c.Clock().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	head("Message-ID", "<"+hex.EncodeToString(id[:])+"@"+domain+">")
	head("Auto-Submitted", "auto-generated") // RFC 3834: no answers of people who are away
	head("MIME-Version", "1.0")
	head("Content-Type", "text/plain; charset=utf-8")
	head("Content-Transfer-Encoding", "base64")
	b.WriteString("\r\n")
	body := base64.StdEncoding.EncodeToString([]byte(m.letter()))
	for len(body) > 76 {
		b.WriteString(body[:76] + "\r\n")
		body = body[76:]
	}
	b.WriteString(body + "\r\n")
	return []byte(b.String())
}

// letter is the text of a mail: what Text says, in lines, with the whole digest.
func (m *Message) letter() string {
	words := [...]string{"Code", "Please confirm a signature.", "Operation", "Files", "Digest", "Valid until", "Page", "Whoever has the code can sign in your place. Pass it on to nobody."}
	if m.Language == russian {
		words = [...]string{"Код", "Подтвердите подпись.", "Операция", "Файлы", "Отпечаток", "Действует до", "Страница", "Тот, у кого есть код, может подписать вместо вас. Никому его не сообщайте."}
	}
	var b strings.Builder
	line := func(word, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", word, text)
		}
	}
	b.WriteString(words[1] + "\r\n\r\n")
	code := clean(string(m.Code.Bytes()), 20)
	line(words[0], code)
	line(words[2], m.title())
	line(words[3], m.files())
	line(words[4], m.digest(len(m.Digest)))
	if !m.Expires.IsZero() {
		line(words[5], m.Expires.Format("2006-01-02 15:04 MST"))
	}
	line(words[6], m.link())
	if code != "" {
		b.WriteString("\r\n" + words[7] + "\r\n")
	}
	return b.String()
}
