package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-116355fd/signet/service/confirm"
)

// checkConfirm looks at two-stage signing: secrets and templates of notifiers, the database, the people. It sends nothing.
func (s *Server) checkConfirm(ctx context.Context, c *Config) []Finding {
	if s.stages == nil {
		return nil
	}
	const what = "confirm"
	config, err := s.stages.config(c)
	if err != nil {
		return []Finding{finding(Fault, what, "%s", strings.TrimPrefix(err.Error(), "confirm."))}
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := confirm.Check(ctx, *config); err != nil {
		return []Finding{finding(Fault, what, "%s", strings.TrimPrefix(err.Error(), "confirm: "))}
	}
	all := []Finding{finding(Fine, what, "the database answers, and %d notifiers can be used", len(config.Notifiers))}
	if c.Confirm.Database != "" {
		all[0] = finding(Fine, what, "operations are kept in %s, and %d notifiers can be used", c.Confirm.Database, len(config.Notifiers))
	}
	for i := range c.Confirm.People {
		p := &c.Confirm.People[i]
		if p.Method != "totp" {
			continue
		}
		if _, err := p.authenticator(); err != nil {
			all = append(all, finding(Fault, what, "the authenticator of %s: %s", p.Caller, err))
		}
	}
	for i := range c.Confirm.Boxes {
		b := &c.Confirm.Boxes[i]
		if info, err := os.Stat(filepath.Join(string(b.Folder), b.Name)); err != nil || !info.IsDir() {
			all = append(all, finding(Warning, what, "box %s has no folder %s; make it", b.Name, filepath.Join(string(b.Folder), b.Name)))
		}
	}
	for i := range c.Confirm.Notifiers {
		if c.Confirm.Notifiers[i].Terminal && c.path != "" {
			all = append(all, finding(Warning, what, "notifier %s writes codes to standard error: whoever reads the log of the service can confirm; use http or smtp", c.Confirm.Notifiers[i].Name))
		}
	}
	return all
}
