package revocation

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/reach"
	"github.com/seed-116355fd/signet/sign"
)

// maxRedirects bounds how often a server sends a request elsewhere.
const maxRedirects = 4

// special are the prefixes beyond those that net/netip knows by name that lead to no public server: this network, shared
// address space, protocol assignments, documentation, benchmarks, the future (RFC 6890), and translations of IPv4
// addresses, which are looked at inside.
var special = []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"240.0.0.0/4", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10"}

// public reports whether an address can be one of a server on the Internet.
func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if nat64 := netip.MustParsePrefix("64:ff9b::/96"); nat64.Contains(ip) { // RFC 6052: the last 32 bits are IPv4
		b := ip.As16()
		return public(netip.AddrFrom4([4]byte(b[12:])))
	}
	if ip.Is6() && ip.As16()[0] == 0 && ip.As16()[1] == 0 { // ::/16: loopback, unspecified, IPv4-compatible
		return false
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, prefix := range special {
		if netip.MustParsePrefix(prefix).Contains(ip) {
			return false
		}
	}
	return true
}

// guard is a net.Dialer.Control: it sees the address that a connection is about to be made to, after the name was
// resolved, so that a name that resolves differently the second time gains nothing.
func guard(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return failed(CheckAddress, "%s is not a public address, and certificates of strangers do not decide what is asked inside; set AllowPrivate where it is yours", address)
	}
	return nil
}

// checkURL refuses other schemes than http and https and, unless they are allowed, addresses that are not public. It is
// made for each redirect, too.
func (c *Client) checkURL(u *url.URL) error {
	if u.Scheme != "http" && u.Scheme != "https" {
		return failed(CheckScheme, "%.20q is not http or https", u.Scheme)
	}
	if u.Hostname() == "" {
		return failed(CheckScheme, "the URL has no host")
	}
	if c.o.AllowPrivate {
		return nil
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if ip, err := netip.ParseAddr(host); err == nil && !public(ip) || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return failed(CheckAddress, "%s is not a public address; set AllowPrivate where it is yours", u.Hostname())
	}
	return nil
}

// redirect is a http.Client.CheckRedirect.
func (c *Client) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return failed(CheckTransport, "more than %d redirects", maxRedirects)
	}
	if from := via[len(via)-1].URL; from.Scheme == "https" && r.URL.Scheme != "https" {
		return failed(CheckTransport, "it redirects from https to http, which everybody reads and can answer")
	}
	if own := c.own[serverName(via[0].URL)]; own != nil && reach.Secret(&own.Options) && !reach.SameServer(via[0].URL, r.URL) {
		return because(CheckTransport, reach.Elsewhere(r.URL).Error(), nil)
	}
	return c.checkURL(r.URL)
}

// ownServer is one of Config.Servers.
type ownServer struct {
	connect.Options
	http *http.Client
}

// serverName is the key of Config.Servers.
func serverName(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

// connect makes the clients for HTTP.
func (c *Client) connect() error {
	wrong := func(place, hint string) error {
		return &sign.Error{Op: "revocation: client", Place: place, Class: sign.ErrInput, Hint: hint}
	}
	if problem := reach.Problem(&c.o.Connect); problem != "" {
		return wrong("", problem)
	}
	if reach.Secret(&c.o.Connect) {
		return wrong("", "certificates of strangers say which servers are asked, so credentials are for single ones: put them into Servers")
	}
	c.http = c.httpClient(&c.o.Connect)
	c.own = map[string]*ownServer{}
	for name, o := range c.o.Servers {
		u, err := url.Parse(name)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
			return wrong(placeOf(name), "a server is named by scheme and host, such as https://ocsp.example")
		}
		own := &ownServer{Options: reach.Over(c.o.Connect, o)}
		if problem := reach.Problem(&o, &own.Options); problem != "" {
			return wrong(placeOf(name), problem)
		}
		own.http = c.httpClient(&own.Options)
		c.own[serverName(u)] = own
	}
	return nil
}

// httpClient makes a client. Without a proxy, the addresses that it dials are looked at; behind one, the address that is dialed is the
// proxy's, and nothing could be said about the server.
func (c *Client) httpClient(o *connect.Options) *http.Client {
	if o.HTTP != nil {
		copied := *o.HTTP
		copied.CheckRedirect = c.redirect
		return &copied
	}
	dialer := &net.Dialer{Timeout: c.o.Timeout}
	if !c.o.AllowPrivate && o.Proxy == nil {
		dialer.Control = guard
	}
	transport := &http.Transport{DialContext: dialer.DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: c.o.InFlight, IdleConnTimeout: 30 * time.Second}
	reach.Transport(o, transport)
	return &http.Client{Transport: transport, CheckRedirect: c.redirect}
}
