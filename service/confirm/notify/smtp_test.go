package notify

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/sign"
)

// server is a server for mail.
type server struct {
	address string
	tls     *tls.Config
	offer   []string
	answers map[string]string // to a command in place of 250; "" cuts the connection
	hang    chan struct{}     // closed when the end of the mail has come; then nothing is answered

	mu    sync.Mutex
	lines []string
	mails []string
	ended sync.WaitGroup
}

func serve(t *testing.T, s *server) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = l.Addr().String()
	s.ended.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.ended.Go(func() { s.talk(c) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		s.ended.Wait()
	})
	return s
}

func (s *server) talk(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	say := func(line string) { _, _ = io.WriteString(c, line+"\r\n") }
	// answer reports whether to go on.
	answer := func(command, usual string) bool {
		if a, ok := s.answers[command]; ok {
			if a == "" {
				return false
			}
			usual = a
		}
		say(usual)
		return true
	}
	if !answer("greeting", "220 ready") {
		return
	}
	secure := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch verb {
		case "EHLO":
			say("250-mail.example.org")
			for _, o := range s.offer {
				if o != "STARTTLS" || !secure {
					say("250-" + o)
				}
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go ahead")
			c = tls.Server(c, s.tls)
			r, secure = bufio.NewReader(c), true
		case "AUTH":
			if strings.HasPrefix(strings.ToUpper(line), "AUTH LOGIN") {
				for _, ask := range []string{"Username:", "Password:"} {
					say("334 " + base64.StdEncoding.EncodeToString([]byte(ask)))
					line, _ := r.ReadString('\n')
					b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
					s.mu.Lock()
					s.lines = append(s.lines, "login "+string(b))
					s.mu.Unlock()
				}
			}
			if !answer("AUTH", "235 welcome") {
				return
			}
		case "DATA":
			if !answer("DATA", "354 go on") {
				return
			}
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.mu.Unlock()
			if s.hang != nil {
				close(s.hang)
				_, _ = io.Copy(io.Discard, r)
				return
			}
			if !answer("END", "250 taken") {
				return
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			if !answer(verb, "250 fine") {
				return
			}
		}
	}
}

// certificate is one of a server on the loopback, and what trusts it.
func certificate(t *testing.T) (theirs, ours *tls.Config) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates}, s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

func letter(t *testing.T, raw string) (*mail.Message, string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	require.NoError(t, err)
	require.Equal(t, "base64", m.Header.Get("Content-Transfer-Encoding"))
	b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
	require.NoError(t, err)
	for line := range strings.Lines(raw) {
		require.True(t, strings.HasSuffix(line, "\r\n"))
		require.LessOrEqual(t, len(line), 78, "%q", line)
	}
	return m, string(b)
}

func TestSMTP(t *testing.T) {
	theirs, ours := certificate(t)
	for name, offer := range map[string][]string{"plain": {"STARTTLS", "AUTH LOGIN PLAIN"}, "login": {"STARTTLS", "AUTH LOGIN"}} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &server{tls: theirs, offer: offer})
			n, err := NewSMTP(SMTPConfig{
				Address: s.address, From: "Служба подписи <sign@example.org>", User: "robot", Password: sign.NewSecret([]byte("hunter2")), TLS: ours,
				Clock: func() time.Time { return time.Date(2026, 11, 27, 14, 0, 0, 0, time.UTC) },
			})
			require.NoError(t, err)
			m := sample()
			m.To, m.Language, m.Title, m.Link = "Anna <anna@example.org>", "ru", "Договор поставки № 17 от первого апреля", "https://sign.example/confirm/1"
			require.NoError(t, n.Notify(t.Context(), m))
			require.Equal(t, "STARTTLS", s.lines[1])
			all := strings.Join(s.lines, "\n")
			if name == "plain" {
				require.Contains(t, all, "AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00robot\x00hunter2")))
			} else {
				require.Contains(t, all, "login robot\nlogin hunter2")
			}
			require.Contains(t, all, "MAIL FROM:<sign@example.org>")
			require.Contains(t, all, "RCPT TO:<anna@example.org>")
			head, body := letter(t, s.mails[0])
			subject, err := new(mime.WordDecoder).DecodeHeader(head.Header.Get("Subject"))
			require.NoError(t, err)
			require.Equal(t, "Подтвердите подпись: Договор поставки № 17 от первого апреля", subject)
			require.NotContains(t, subject, "003450")
			from, err := head.Header.AddressList("From")
			require.NoError(t, err)
			require.Equal(t, "Служба подписи", from[0].Name)
			require.Equal(t, "<anna@example.org>", head.Header.Get("To"))
			require.Equal(t, "Fri, 27 Nov 2026 14:00:00 +0000", head.Header.Get("Date"))
			require.Equal(t, "Подтвердите подпись.\r\n\r\nКод: 003450\r\nОперация: Договор поставки № 17 от первого апреля\r\nФайлы: 3 файла\r\nОтпечаток: 9f86d081884c7d65\r\n"+
				"Действует до: 2026-11-27 14:05 UTC\r\nСтраница: https://sign.example/confirm/1\r\n\r\nТот, у кого есть код, может подписать вместо вас. Никому его не сообщайте.\r\n", body)
		})
	}
	t.Run("implicit", func(t *testing.T) {
		l, err := tls.Listen("tcp", "127.0.0.1:0", theirs)
		require.NoError(t, err)
		s := &server{}
		s.ended.Go(func() {
			if c, err := l.Accept(); err == nil {
				s.talk(c)
			}
		})
		n, err := NewSMTP(SMTPConfig{Address: l.Addr().String(), From: "a@example.org", TLS: ours, Implicit: true})
		require.NoError(t, err)
		m := sample()
		m.To = "anna@example.org"
		require.NoError(t, n.Notify(t.Context(), m))
		s.ended.Wait()
		require.NoError(t, l.Close())
		_, body := letter(t, s.mails[0])
		require.Contains(t, body, "Code: 003450\r\nOperation: Contract 17\r\nFiles: 3 files\r\n")
	})
	t.Run("wrong certificate", func(t *testing.T) {
		s := serve(t, &server{tls: theirs, offer: []string{"STARTTLS"}})
		n, err := NewSMTP(SMTPConfig{Address: s.address, From: "a@example.org"})
		require.NoError(t, err)
		m := sample()
		m.To = "anna@example.org"
		quiet(t, n.Notify(t.Context(), m))
		require.Empty(t, s.mails)
	})
}

// TestStripped: who is between takes STARTTLS out of the offer; nothing is sent to another machine then.
func TestStripped(t *testing.T) {
	ours, theirs := net.Pipe()
	s := &server{offer: []string{"AUTH PLAIN"}}
	s.ended.Go(func() { s.talk(theirs) })
	n, err := NewSMTP(SMTPConfig{Address: "mail.example.org:587", From: "a@example.org"})
	require.NoError(t, err)
	_, err = n.greet(remote{ours})
	require.ErrorContains(t, err, "STARTTLS")
	require.NoError(t, ours.Close())
	s.ended.Wait()

	ours, theirs = net.Pipe()
	s = &server{}
	s.ended.Go(func() { s.talk(theirs) })
	n.c.Plain = true
	_, err = n.greet(remote{ours})
	require.NoError(t, err)
	require.NoError(t, ours.Close())
	s.ended.Wait()
}

// remote is a connection that comes from another machine.
type remote struct{ net.Conn }

func (remote) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 587} }

func TestSMTPInjection(t *testing.T) {
	s := serve(t, &server{})
	n, err := NewSMTP(SMTPConfig{Address: s.address, From: "a@example.org"})
	require.NoError(t, err)
	for _, to := range []string{
		"", "anna", "a@b, c@d", "a@b\r\nRCPT TO:<evil@example.org>", "a@b\nBcc: evil@example.org", "\"a\r\nBcc: x\"@b", "<a@b> <c@d>", "\"a>\\\"<b\"@c", "анна@example.org", "+79990000000",
	} {
		m := sample()
		m.To = to
		require.Error(t, n.Notify(t.Context(), m), "%q", to)
	}
	require.Empty(t, s.mails)
	m := sample()
	m.To = "\"x, Bcc: evil@example.org\" <anna@example.org>"
	m.Title = "x\r\nBcc: evil@example.org\r\n\r\n.\r\nMAIL FROM:<>"
	m.Link = "https://x/\r\n.\r\n"
	m.Digest = "00\r\n.\r\n"
	require.NoError(t, n.Notify(t.Context(), m))
	head, body := letter(t, s.mails[0])
	require.Empty(t, head.Header.Get("Bcc"))
	require.Equal(t, "<anna@example.org>", head.Header.Get("To"))
	subject, err := new(mime.WordDecoder).DecodeHeader(head.Header.Get("Subject"))
	require.NoError(t, err)
	require.NotContains(t, subject, "\n")
	require.NotContains(t, body, "\n.")
	require.NotContains(t, body, "\nBcc")
	require.Len(t, s.mails, 1)
}

func TestSMTPFaults(t *testing.T) {
	m := sample()
	m.To = "anna@example.org"
	for name, c := range map[string]struct {
		answers map[string]string
		unknown bool
	}{
		"cut at the greeting":  {answers: map[string]string{"greeting": ""}},
		"busy":                 {answers: map[string]string{"greeting": "421 busy"}},
		"wrong password":       {answers: map[string]string{"AUTH": "535 hunter2 is wrong, " + base64.StdEncoding.EncodeToString([]byte("hunter2"))}},
		"sender refused":       {answers: map[string]string{"MAIL": "550 no"}},
		"nobody of that name":  {answers: map[string]string{"RCPT": "550 no such user; 003450"}},
		"data refused":         {answers: map[string]string{"DATA": "554 no"}},
		"cut before data":      {answers: map[string]string{"DATA": ""}},
		"refused at the end":   {answers: map[string]string{"END": "554 it looks like spam: code 003450"}},
		"cut after the end":    {answers: map[string]string{"END": ""}, unknown: true},
		"no answer at the end": {answers: map[string]string{"END": "what"}, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, &server{answers: c.answers, offer: []string{"AUTH PLAIN"}})
			n, err := NewSMTP(SMTPConfig{Address: s.address, From: "a@example.org", User: "robot", Password: sign.NewSecret([]byte("hunter2"))})
			require.NoError(t, err)
			err = n.Notify(t.Context(), m)
			quiet(t, err)
			require.NotContains(t, err.Error(), base64.StdEncoding.EncodeToString([]byte("hunter2")))
			require.Equal(t, c.unknown, errors.Is(err, ErrUnknown), "%v", err)
		})
	}
	t.Run("hangs", func(t *testing.T) {
		s := serve(t, &server{hang: make(chan struct{})})
		n, err := NewSMTP(SMTPConfig{Address: s.address, From: "a@example.org"})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-s.hang; cancel() }()
		err = n.Notify(ctx, m)
		quiet(t, err)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, ErrUnknown)
	})
	t.Run("no mechanism", func(t *testing.T) {
		s := serve(t, &server{offer: []string{"AUTH CRAM-MD5"}})
		n, err := NewSMTP(SMTPConfig{Address: s.address, From: "a@example.org", User: "robot"})
		require.NoError(t, err)
		require.ErrorContains(t, n.Notify(t.Context(), m), "neither")
	})
	for _, c := range []SMTPConfig{{}, {Address: "host", From: "a@b"}, {Address: "host:25"}, {Address: ":25", From: "a@b"}, {Address: "host:25", From: "a@b\r\nBcc: c@d"}, {Address: "host:25", From: "я@b"}} {
		_, err := NewSMTP(c)
		require.Error(t, err, fmt.Sprintf("%+v", c))
	}
}
