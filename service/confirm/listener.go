package confirm

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

// bell tells the queues of this process that there are jobs, when the transaction that put them there is over. The driver
// itself writes notifications into a table and polls that: for one process, that is a write more for each job, and either a
// processor that is never idle or a person who waits.
type bell chan *riverdriver.Notification

// ring tells the queues of these jobs. One that is missed is found by the poll.
func (b bell) ring(jobs []river.InsertManyParams) {
	told := map[string]bool{}
	for _, j := range jobs {
		queue := j.InsertOpts.Queue
		if told[queue] {
			continue
		}
		told[queue] = true
		select {
		case b <- &riverdriver.Notification{Topic: "river_insert", Payload: fmt.Sprintf(`{"queue": %q}`, queue)}:
		default:
		}
	}
}

// bellDriver is the driver of river with the bell for its notifications.
type bellDriver struct {
	*riversqlite.Driver
	bell bell
}

func (d *bellDriver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	return &bellListener{d.bell}
}

// SupportsListenNotify reports whether the database carries notifications.
func (d *bellDriver) SupportsListenNotify() bool { return false }

// bellListener waits for the bell.
type bellListener struct{ bell bell }

func (*bellListener) Close(context.Context) error            { return nil }
func (*bellListener) Connect(context.Context) error          { return nil }
func (*bellListener) Listen(context.Context, string) error   { return nil }
func (*bellListener) Ping(context.Context) error             { return nil }
func (*bellListener) Schema() string                         { return "" }
func (*bellListener) SetAfterConnectExec(string)             {}
func (*bellListener) Unlisten(context.Context, string) error { return nil }

func (l *bellListener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	select {
	case n := <-l.bell:
		return n, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
