package cloudsign

import (
	"cmp"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/seed-116355fd/signet/service/cloudsign/proto"
	"github.com/seed-116355fd/signet/service/confirm"
	"github.com/seed-116355fd/signet/service/gate"
	"github.com/seed-116355fd/signet/service/shelf"
	"github.com/seed-116355fd/signet/sign"
)

// cloudSign is POST /CloudSign?certificateThumbprint: files in, a task out. The message with the code goes out by itself.
func (a *api) cloudSign(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	var request proto.CloudSignRequest
	if err := a.read(c, &request); err != nil {
		return err
	}
	files := make([]file, len(request.Files))
	for i, f := range request.Files {
		files[i].name = f.GetFileName()
		if v := f.Content; v != nil {
			files[i].content, files[i].shelf = v.Content, v.GetNameOnShelf()
			files[i].elsewhere = v.PatchedContentId != nil || v.DocumentId != nil
		}
	}
	items, err := a.items(files, "")
	if err != nil {
		return err
	}
	p, err := a.profile(c)
	if err != nil {
		return err
	}
	method, err := p.method(c)
	if err != nil {
		return err
	}
	key, err := a.key(c, &p, q.get("certificateThumbprint"), http.StatusForbidden)
	if err != nil {
		return err
	}
	return a.begin(c, key, method, items)
}

// begin begins an operation and answers with its task.
func (a *api) begin(c *gate.Call, key string, method confirm.Method, items []confirm.Item) error {
	title := items[0].Name
	if len(items) > 1 {
		title += ", …"
	}
	c.Contents = len(items)
	op, err := a.Engine.Begin(c.Context(), confirm.Request{Owner: c.Principal.Name, Key: key, Title: title, Items: items, Method: method})
	if err != nil {
		return engineError(err)
	}
	return task(c, op.ID)
}

func task(c *gate.Call, id string) error { return message(c, &proto.AsyncMethodResult{TaskId: &id}) }

// file is one of a request.
type file struct {
	name      string
	content   []byte // nil means none
	shelf     string
	elsewhere bool // it is a document of the existing service
}

const longestName = 1024 // octets

// items makes the items of an operation. Code is that of errors.
func (a *api) items(files []file, code string) ([]confirm.Item, error) {
	wrong := func(format string, args ...any) error { return refuse(http.StatusBadRequest, code, format, args...) }
	if len(files) == 0 {
		return nil, wrong("there are no files in the request; send one at least")
	}
	items := make([]confirm.Item, len(files))
	for i, f := range files {
		n := i + 1
		f.shelf = shelf.Bare(f.shelf)
		switch {
		case f.elsewhere:
			return nil, wrong("file %d names a document of another service (PatchedContentId, DocumentId, EntityId), which is not here; send its Content, or upload it and send NameOnShelf", n)
		case f.content == nil && f.shelf == "":
			return nil, wrong("file %d has no content; send Content or NameOnShelf", n)
		case f.content != nil && f.shelf != "":
			return nil, wrong("file %d has Content and NameOnShelf; send one of them", n)
		case len(f.name) > longestName || len(f.shelf) > longestName:
			return nil, wrong("the name of file %d has more than %d octets", n, longestName)
		}
		item := confirm.Item{Name: cmp.Or(display(f.name), display(f.shelf), "-"), Shelf: f.shelf}
		if f.content != nil {
			item.Content = sign.Bytes(item.Name, f.content)
		}
		items[i] = item
	}
	return items, nil
}

// display is a name as a person is shown it. Control characters, and those that turn the direction of writing, could show
// another name than there is ("contract‮fdp.exe").
func display(name string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "\ufffd")))
}

// cloudSignConfirm is POST /CloudSignConfirm?token&confirmationCode&return: the code in, a second task out. The Java SDK sends
// it up to four times when an answer is lost; the engine gives the same code the same answer, and counts a wrong one once.
func (a *api) cloudSignConfirm(c *gate.Call) error {
	q, err := query(c)
	if err != nil {
		return err
	}
	token, err1 := q.need("token")
	code, err2 := q.need("confirmationCode")
	reference, err3 := q.reference()
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	if reference && a.Shelf == nil {
		return noShelf()
	}
	op, err := a.Engine.Confirm(c.Context(), c.Principal.Name, token, code)
	if err != nil {
		return notConfirmed(op, err)
	}
	return task(c, confirmTask(op.ID, reference))
}

// notConfirmed is the error of a code that was not taken; op may be nil.
func notConfirmed(op *confirm.Operation, err error) error {
	told := engineError(err)
	e, ok := told.(*gate.Error)
	switch {
	case errors.Is(err, confirm.ErrLimit): // of wrong codes within an hour of the clock: to come again in a moment is in vain
		hour := time.Now().Truncate(time.Hour).Add(time.Hour)
		e.RetryAfter = max(time.Until(hour), time.Second)
		e.Message = "there were too many wrong codes in your operations within this hour; go on at " + hour.UTC().Format("15:04 MST") + ", or have the operator allow more"
	case !ok || op == nil:
	case errors.Is(err, confirm.ErrExpired) && (op.State == confirm.Cancelled || op.State == confirm.Expired):
		why := over(op)
		why.Err = err
		return why
	case e.Details == badCode && op.State == confirm.Awaiting && op.AttemptsLeft > 0:
		e.Message += attemptsLeft(op.AttemptsLeft)
	case e.Details == badCode && op.State != confirm.Awaiting:
		e.Message = "this is not the code with which the operation was confirmed; GET /CloudSignConfirmResult has its signatures"
	}
	return told
}
