package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/plain"
	"github.com/seed-116355fd/signet/service/audit"
)

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Check the audit log of the service",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 {
				return usage("there is no command audit %s; there is verify", quote(args[0]))
			}
			cmd.SetOut(a.Stderr)
			_ = cmd.Help()
			return &failure{code: ExitUsage}
		},
	}
	cmd.AddCommand(withGlobs(a.auditVerifyCommand())...)
	return cmd
}

type auditFlags struct {
	keyFile, expect string
	json            bool
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "verify FILE… [flags]",
		Short: "Check that an audit log is whole",
		Long: `Check that no line of an audit log was changed, removed, put in or moved. The files of a log that was rotated are given
together, in any order.

Two things cannot be seen in the file. Whoever can write it can write all of it anew, unless the log has a key: then
--key-file finds that out. And a log whose end was cut off looks like one that was not written further: keep the hash of the
last record that this command prints elsewhere, and give it with --expect-last the next time.`,
		Example: `  signet audit verify /var/log/signet/audit.log*
  signet audit verify --key-file audit.key --expect-last 9f86d081… audit.log`,
		Args: atLeast(1, "which audit log? Give its files"),
		RunE: func(_ *cobra.Command, args []string) error { return a.auditVerify(&f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.keyFile, "key-file", "", "the key of the log in `FILE`")
	flags.StringVar(&f.expect, "expect-last", "", "the `HASH` of a record that was once the last: it has to be there")
	flags.BoolVar(&f.json, "json", false, "print one object")
	flags.SortFlags = false
	return cmd
}

// auditReport is what --json prints. A field of a fault is there when there is one.
type auditReport struct {
	Valid         bool   `json:"valid"`
	Records       uint64 `json:"records,omitempty"`
	First         uint64 `json:"first,omitempty"`
	Last          uint64 `json:"last,omitempty"`
	LastHash      string `json:"last_hash,omitempty"`
	Authenticated bool   `json:"authenticated"`
	Repairs       uint64 `json:"repairs,omitempty"`
	Behind        uint64 `json:"behind_expected,omitempty"`
	File          string `json:"file,omitempty"`
	Line          int    `json:"line,omitempty"`
	Error         string `json:"error,omitempty"`
}

func (a *app) auditVerify(f *auditFlags, paths []string) error {
	o := audit.VerifyOptions{ExpectLast: f.expect}
	if f.keyFile != "" {
		key, err := audit.KeyFile(f.keyFile)
		if err != nil {
			return usage("--key-file: %w", err)
		}
		o.Key = key
	}
	s, err := audit.VerifyFiles(paths, &o)
	fault, broken := errors.AsType[*audit.Fault](err)
	switch {
	case broken:
		if f.json {
			if err := a.printJSON(auditReport{File: fault.File, Line: fault.Line, Error: fault.Reason}); err != nil {
				return err
			}
			return &failure{code: ExitFailed}
		}
		if err := a.printf("BROKEN\n"); err != nil {
			return err
		}
		return &failure{ExitFailed, fmt.Errorf("%s", plain.Text(fault.Error()))}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, audit.ErrInput):
		return usage("%w", err)
	case err != nil:
		return &failure{ExitFailed, err}
	}
	if f.json {
		return a.printJSON(auditReport{Valid: true, Records: s.Records, First: s.First, Last: s.Last, LastHash: s.LastHash, Authenticated: s.MAC, Repairs: s.Repairs, Behind: s.Behind})
	}
	if s.Records == 0 {
		return a.printf("WHOLE\nrecords    0\n")
	}
	if s.First > 1 {
		a.warn("it begins with record %d; older files were not given", s.First)
	}
	if o.Key == nil {
		a.warn("without --key-file, a log that was written anew from its beginning is not noticed")
	}
	if err := a.printf("WHOLE\nrecords    %d, from %d to %d\nlast hash  %s\n", s.Records, s.First, s.Last, s.LastHash); err != nil {
		return err
	}
	if s.Repairs > 0 {
		return a.printf("repairs    %d, lines that were torn by a crash\n", s.Repairs)
	}
	return nil
}
