package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/seed-116355fd/signet/connect"
	"github.com/seed-116355fd/signet/internal/reach"
	"github.com/seed-116355fd/signet/provider/soft"
	"github.com/seed-116355fd/signet/sign"
)

// connectFlags say how authorities are reached.
type connectFlags struct {
	ca             []string
	cert, certPass string
	user, password string
	proxy          string
}

func (f *connectFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.ca, "tsa-ca", nil, "who issues the https certificates of authorities of time-stamps, `FILE`, instead of whom the system knows; may be repeated")
	flags.StringVar(&f.cert, "tsa-cert", "", "the certificate that is shown to the authority of time-stamps, `FILE`: PEM with its key, or PKCS #12")
	flags.StringVar(&f.certPass, "tsa-cert-password-file", "", "the `FILE` with the password of that key")
	flags.StringVar(&f.user, "tsa-user", "", "the `NAME` of the account with the authority of time-stamps; needs --tsa-password-file")
	flags.StringVar(&f.password, "tsa-password-file", "", "the `FILE` with the password of that account")
	registerProxy(flags, &f.proxy)
}

func registerProxy(flags *pflag.FlagSet, proxy *string) {
	flags.StringVar(proxy, "proxy", "", "ask authorities through the proxy at `URL`: http, https or socks5; without it, HTTPS_PROXY is for time-stamps")
}

// check refuses flags that do not fit together. stamps are the authorities in the network.
func (f *connectFlags) check(stamps []string) error {
	own := map[string]bool{"--tsa-ca": len(f.ca) != 0, "--tsa-cert": f.cert != "", "--tsa-cert-password-file": f.certPass != "", "--tsa-user": f.user != "", "--tsa-password-file": f.password != ""}
	for _, name := range []string{"--tsa-ca", "--tsa-cert", "--tsa-cert-password-file", "--tsa-user", "--tsa-password-file"} {
		switch {
		case own[name] && len(stamps) == 0:
			return usage("%s is for an authority of time-stamps; give --tsa URL", name)
		case own[name] && name != "--tsa-ca" && len(stamps) > 1:
			return usage("%s is for one authority of time-stamps, and there are %d; which of them may see it? Give one --tsa", name, len(stamps))
		}
	}
	if (f.user == "") != (f.password == "") {
		return usage("--tsa-user and --tsa-password-file belong together")
	}
	if f.cert == "" && f.certPass != "" {
		return usage("--tsa-cert-password-file is the password of --tsa-cert FILE; give that, too")
	}
	_, err := proxyURL(f.proxy)
	return err
}

// proxyURL reads --proxy. What is wrong is not repeated: there may be a password in it.
func proxyURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err == nil {
		err = (&connect.Options{Proxy: u}).Check()
	}
	if err != nil {
		return nil, usage("--proxy: give a URL that begins with http://, https:// or socks5://, such as http://proxy.example:3128")
	}
	return u, nil
}

// options opens what the flags name.
func (f *connectFlags) options(ctx context.Context, a *app, stamp string) (connect.Options, error) {
	var o connect.Options
	var err error
	if o.Proxy, err = proxyURL(f.proxy); err != nil {
		return o, err
	}
	for _, path := range f.ca {
		all, err := readCertificates(path)
		if err != nil {
			return o, usage("--tsa-ca %s: %w", path, cause(err))
		}
		if o.Roots == nil {
			o.Roots = x509.NewCertPool()
		}
		for _, c := range all {
			o.Roots.AddCert(c)
		}
	}
	if f.cert != "" {
		pair, err := clientCertificate(f.cert)
		if f.certPass != "" {
			a.checkSecretFile("password", f.certPass)
			pair, err = lockedCertificate(ctx, f.cert, f.certPass)
		}
		if err != nil {
			return o, usage("--tsa-cert %s: %w", f.cert, err)
		}
		o.Certificates = []tls.Certificate{pair}
	}
	if f.user != "" {
		a.checkSecretFile("password", f.password)
		if o.Password, err = soft.PasswordFile(f.password)(ctx, "the account"); err != nil {
			return o, usage("--tsa-password-file %s: %w", f.password, cause(err))
		}
		o.User = f.user
		if strings.HasPrefix(strings.ToLower(stamp), "http://") {
			a.warn("the password of --tsa-user goes to %s, where everybody on the way reads it; an https:// address mends that", placeOf(stamp))
		}
	}
	if wrong := reach.Problem(&o); wrong != "" {
		return o, usage("--tsa: %s", wrong)
	}
	return o, nil
}

// placeOf is a URL without credentials and query.
func placeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the authority"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}

// clientCertificate reads a certificate and its key. An error repeats nothing of the file.
func clientCertificate(path string) (tls.Certificate, error) {
	data, err := readSmall(path, maxCertificateFile)
	if err != nil {
		return tls.Certificate{}, cause(err)
	}
	defer clear(data)
	if b, _ := pem.Decode(data); b == nil {
		return tls.Certificate{}, errors.New("it is not PEM; when it is PKCS #12, give its password by --tsa-cert-password-file")
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return tls.Certificate{}, errors.New("there has to be a certificate in it, and the key of that; when the key has a password, give --tsa-cert-password-file")
	}
	return pair, nil
}

// lockedCertificate is clientCertificate of a file with a password.
func lockedCertificate(ctx context.Context, path, passwordFile string) (tls.Certificate, error) {
	p, err := soft.Open(ctx, path, soft.Config{Password: soft.PasswordFile(passwordFile)})
	if err != nil {
		return tls.Certificate{}, err
	}
	return connect.Certificate(ctx, p, sign.Ref{}) // p stays open as long as the program runs
}
