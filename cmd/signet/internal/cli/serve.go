package cli

import (
	"context"
	"errors"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/service/server"
)

// serveFlags are those of signet serve.
type serveFlags struct {
	keyFlags
	config    string
	listen    []string
	try, sign bool
	migrate   bool
}

func (a *app) serveCommand() *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve {--config FILE | --key KEY}",
		Short: "Sign for others over HTTP",
		Long: `Serve signs for others over HTTP, with the keys of a configuration file, or with one key and nothing configured.

With --key it listens on ` + server.DefaultAddress + `, and lets in who has the token that is printed at the first start.
With --config FILE everything is as the file says; SIGHUP reads it again. With --check it says what is wrong with
the configuration, the keys and what they depend on, and ends.

SIGTERM and an interrupt end it when the requests that were let in are answered; a second one ends it at once.`,
		Example: `  signet serve --key demo
  signet serve --config /etc/signet/signet.yaml --check
  signet serve --config /etc/signet/signet.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 {
				return usage("serve takes no arguments; give --config FILE, or --key KEY")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), f) },
	}
	f.register(cmd, a.env, true)
	flags := cmd.Flags()
	flags.StringVarP(&f.config, "config", "c", "", "the configuration `FILE`; see docs/service.md")
	flags.StringArrayVar(&f.listen, "listen", nil, "with --key: listen on `ADDR`, HOST:PORT or unix:PATH, instead of "+server.DefaultAddress+"; may be repeated")
	flags.BoolVar(&f.try, "check", false, "say what is wrong and how to mend it, and serve nothing")
	flags.BoolVar(&f.migrate, "migrate", false, "with --config: bring the tables of a PostgreSQL of two-stage signing up to date first")
	flags.BoolVar(&f.sign, "sign", false, "with --check: make a signature with each key, too, and throw it away")
	return cmd
}

func (a *app) serve(ctx context.Context, f *serveFlags) error {
	switch {
	case f.config != "" && f.given():
		return usage("--config says which keys there are, and --key names one; leave one out")
	case f.config != "" && len(f.listen) != 0:
		return usage("--listen goes with --key; in a configuration it is listen: addresses:")
	case f.migrate && (f.config == "" || f.try):
		return usage("--migrate goes with --config, and not with --check; a SQLite file needs none")
	case f.sign && !f.try:
		return usage("--sign goes with --check")
	case f.config == "" && f.key == "":
		return usage("what is to be served? Give --config FILE, or --key KEY, or --key demo to try it out")
	}
	if f.config == "" {
		return a.serveKey(ctx, f)
	}
	config, err := server.Load(f.config)
	if err != nil {
		return a.misconfigured(err)
	}
	s, err := server.New(ctx, config, &server.Options{Output: a.Stderr, TestSignature: f.sign, Migrate: f.migrate})
	if err != nil {
		return a.misconfigured(err)
	}
	if f.try {
		return a.checkServer(ctx, s)
	}
	return a.run(ctx, s)
}

// faulty says what is wrong with a configuration, a line for each fault.
func (a *app) faulty(err error) error {
	problems, ok := errors.AsType[*server.Problems](err)
	if !ok || len(problems.All) < 2 {
		return &failure{ExitUsage, err}
	}
	for line := range strings.Lines(err.Error()) {
		a.note("%s", strings.TrimSuffix(line, "\n"))
	}
	return &failure{code: ExitUsage}
}

// misconfigured is faulty, with the page that describes the configuration: --help does not.
func (a *app) misconfigured(err error) error {
	lines := strings.Split(strings.TrimSuffix(err.Error(), "\n"), "\n")
	if len(lines) == 1 {
		lines[0] += " (see docs/service.md)"
	} else {
		lines = append(lines, "docs/service.md describes the configuration")
	}
	for _, line := range lines {
		a.note("%s", plainText(line))
	}
	return &failure{code: ExitUsage}
}

// checkServer prints what a server finds, and fails with the worst of it.
func (a *app) checkServer(ctx context.Context, s *server.Server) error {
	code, warnings := ExitOK, 0
	for _, f := range s.Check(ctx) {
		if err := a.printf("%-7s  %s: %s\n", f.Severity, plainText(f.What), plainText(f.Text)); err != nil {
			return errors.Join(err, s.Close())
		}
		if f.Severity == server.Warning {
			warnings++
		}
		if f.Severity == server.Fault {
			if code != ExitKey {
				code = ExitFailed
			}
			if strings.HasPrefix(f.What, "key ") {
				code = ExitKey
			}
		}
	}
	if err := s.Close(); err != nil {
		return &failure{ExitFailed, err}
	}
	if code != ExitOK {
		return &failure{code: code}
	}
	switch warnings {
	case 0:
		return a.printf("all well\n")
	case 1:
		return a.printf("it works, with 1 warning\n")
	}
	return a.printf("it works, with %d warnings\n", warnings)
}

// run serves until ctx ends, and reloads on SIGHUP meanwhile.
func (a *app) run(ctx context.Context, s *server.Server) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	reloading, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-reloading.Done():
				return
			case <-hangup:
				_ = s.Reload(reloading) // it is in the log
			}
		}
	}()
	err := s.Run(ctx)
	stop()
	<-done
	if err != nil {
		return &failure{ExitFailed, err}
	}
	return nil
}

// curl is the address as curl takes it, in front of a path.
func curl(address net.Addr) string {
	if address.Network() == "unix" {
		return "--unix-socket " + address.String() + " http://localhost"
	}
	host, port, err := net.SplitHostPort(address.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
