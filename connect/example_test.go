package connect_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"

	"github.com/seed-116355fd/signet/cades"
	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/revocation"
	"github.com/seed-116355fd/signet/sign"
	"github.com/seed-116355fd/signet/testsign"
	"github.com/seed-116355fd/signet/tsp"
)

// Everything that goes out passes a proxy, and the authority of time-stamps wants to see a certificate.
//
// The mistakes to avoid: Roots are for the TLS of the server and say nothing of who stamps, which tsp.Config.Roots does; and certificates
// of a client go into the options of the one endpoint that asks for them, so that no other server sees them.
func ExampleOptions() {
	ctx := context.Background()
	w := testsign.New(nil)
	w.Listen()
	defer w.Close()
	client, authority := clientCertificate(w), mutualTLS(w)
	defer authority.Close()
	proxy := &forward{}
	server := httptest.NewServer(proxy)
	defer server.Close()
	tlsRoots := x509.NewCertPool()
	tlsRoots.AddCert(authority.Certificate())

	through, err := url.Parse(server.URL) // or http://user:password@proxy.example:3128
	if err != nil {
		log.Fatal(err)
	}
	stamper, err := tsp.NewClient(tsp.Config{
		Endpoints: []tsp.Endpoint{{URL: authority.URL, Connect: connect.Options{
			Proxy: through, Roots: tlsRoots, Certificates: []tls.Certificate{client},
		}}},
		Roots: w.Roots(),
	})
	if err != nil {
		log.Fatal(err)
	}
	source, err := revocation.NewClient(revocation.Config{
		Connect:      connect.Options{Proxy: through},
		AllowPrivate: true, // the authorities of this example are on this machine
	})
	if err != nil {
		log.Fatal(err)
	}

	options := &cades.Options{Level: cades.LevelLTA, Timestamper: stamper, Revocation: source}
	p7s, err := cades.Sign(ctx, w.Signer(), sign.Bytes("", []byte("a contract")), options)
	if err != nil {
		log.Fatal(err)
	}
	message, err := cades.Parse(p7s)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(message.Signatures()[0].LevelName(), proxy.tunnels.Load() > 0, proxy.requests.Load() > 0)
	// Output: CAdES-LTA true true
}

// clientCertificate is what says who asks.
func clientCertificate(w *testsign.World) tls.Certificate {
	s := w.Issue(testsign.Certificate{Name: "client"})
	c := tls.Certificate{PrivateKey: s.Key()}
	for _, each := range s.Chain() {
		c.Certificate = append(c.Certificate, each.Raw)
	}
	return c
}

// mutualTLS is the authority of time-stamps behind TLS that demands a certificate of this world.
func mutualTLS(w *testsign.World) *httptest.Server {
	clients := x509.NewCertPool()
	clients.AddCert(w.Root())
	s := httptest.NewUnstartedServer(w.TSA)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

// forward is a proxy: CONNECT for https, and requests that are passed on for http.
type forward struct{ tunnels, requests atomic.Int64 }

func (f *forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		f.requests.Add(1)
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
		return
	}
	f.tunnels.Add(1)
	to, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	from, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
	_ = from.Close()
}
