package cli

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-116355fd/signet/cmd/signet/internal/inspect"
	"github.com/seed-116355fd/signet/cmd/signet/internal/intake"
)

func (a *app) inspectCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect [--json] SIGNATURE",
		Short: "Show what is inside a signature",
		Long: `Show the container, or a time-stamp, a request for one, or a certificate, as a tree: names, object identifiers, times, kinds of keys, and at the left the offset of each value
in the binary file. A summary of a signature or time-stamp stands on top: what it is, who signed, when, how, and over what. Nothing is verified. "-" reads standard input.`,
		Example: `  signet inspect README.md.p7s
  signet inspect --json contract.pdf.p7m`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("give one signature, not %d", len(args))
			}
			return atLeast(1, "give the signature to show")(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.inspect(args[0], asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the tree as one object")
	return cmd
}

func (a *app) inspect(path string, asJSON bool) error {
	c, err := a.openContainer(path)
	if err != nil {
		return &failure{ExitFailed, fmt.Errorf("%s: %w", path, err)}
	}
	if c != nil {
		defer func() { _ = c.Close() }()
		tree, err := containerTree(c)
		if err != nil {
			return &failure{ExitFailed, fmt.Errorf("%s: %w", path, syntaxCause(err))}
		}
		return a.showTree(tree, nil, asJSON)
	}
	in, err := a.readIntake(path)
	if err != nil {
		return &failure{ExitFailed, fmt.Errorf("%s: %w", path, cause(err))}
	}
	defer func() { _ = in.Close() }()
	show := func([]byte) (*inspect.Node, error) { return inspect.Message(in.Octets) }
	switch in.Kind {
	case intake.Signature, intake.Token, intake.Unknown:
	case intake.Response:
		show = inspect.Response
	case intake.Request:
		show = inspect.Request
	case intake.Certificate:
		show = inspect.Certificate
	default:
		return &failure{ExitFailed, fmt.Errorf("%s: %w", path, notSigned(in))}
	}
	tree, err := show(in.DER)
	if err != nil {
		return &failure{ExitFailed, fmt.Errorf("%s: %w", path, syntaxCause(err))}
	}
	return a.showTree(tree, summary(path, in), asJSON)
}

// showTree prints a tree, below a summary when it is for people.
func (a *app) showTree(tree *inspect.Node, summary []string, asJSON bool) error {
	if asJSON {
		return a.printJSON(tree)
	}
	w := bufio.NewWriter(a.Stdout)
	writeSummary(w, summary)
	tree.WriteText(w)
	if err := w.Flush(); err != nil {
		return &failure{ExitFailed, errors.New("standard output: " + plainCause(err).Error())}
	}
	return nil
}
