package server

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/seed-116355fd/signet/service/confirm/notify"
)

// open makes a notifier.
func (n *Notifier) open(output io.Writer) (notify.Notifier, error) {
	switch {
	case n.Terminal:
		return notify.Func(func(_ context.Context, m *notify.Message) error {
			_, err := fmt.Fprintf(output, "%s: %s\n", m.To, m.Code.Bytes())
			return err
		}), nil
	}
	return nil, errors.New("it has no way to send anything")
}
