package cloudsign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/seed-116355fd/signet/sign"
)

// State is all that an operation is resumed with, in this process or another. It can be marshalled, as JSON for instance.
//
// It holds no credentials and no contents. Token names the operation to the service: with the code that the person got,
// and with the authorization of the caller, it confirms. Keep it as you keep what is only the caller's.
type State struct {
	TaskID string
	// Token is there once the code has gone out; with OnPhone it stays empty.
	Token string `json:",omitempty"`
	// ConfirmTaskID is there once the operation is confirmed. With OnPhone it is TaskID from the start.
	ConfirmTaskID string `json:",omitempty"`
	OnPhone       bool   `json:",omitempty"`
	Box           string `json:",omitempty"`
	Thumbprint    string `json:",omitempty"`
	Attempts      int    `json:",omitempty"` // codes that were refused
	Items         []Item
}

// Operation is a number of contents that a person confirms at once.
type Operation struct {
	client *Client
	state  State
	phone  string
}

// State returns what the operation can be resumed with.
func (o *Operation) State() State {
	s := o.state
	s.Items = slices.Clone(s.Items)
	return s
}

// Confirmed reports whether nothing but Collect is left to do.
func (o *Operation) Confirmed() bool { return o.state.ConfirmTaskID != "" }

// Challenge is what the person is asked.
func (o *Operation) Challenge() Challenge {
	c := Challenge{TaskID: o.state.TaskID, Digest: commonDigest(o.state.Items), Left: max(o.client.config.Attempts-o.state.Attempts, 0), Refused: o.state.Attempts > 0, Phone: o.phone}
	for _, item := range o.state.Items {
		c.Names = append(c.Names, item.Name)
	}
	return c
}

// Begin sends the contents and has the service ask the person. One that cannot be read is the error of all; nothing is sent
// then. The request is never sent twice, since the person would be asked twice.
func (c *Client) Begin(ctx context.Context, contents []sign.Content) (*Operation, error) {
	files := make([]*file, len(contents))
	for i, content := range contents {
		var err error
		if files[i], err = c.prepare(ctx, content); err != nil {
			return nil, err
		}
	}
	return c.begin(ctx, files)
}

func (c *Client) begin(ctx context.Context, files []*file) (*Operation, error) {
	const op = "cloudsign: begin at"
	if len(files) == 0 || len(files) > maxItems {
		return nil, &sign.Error{Op: op, Place: c.base.Host, Class: sign.ErrInput, Hint: fmt.Sprintf("an operation has 1 to %d contents, not %d", maxItems, len(files))}
	}
	o := &Operation{client: c, state: State{OnPhone: c.config.OnPhone, Box: c.config.Box, Thumbprint: c.thumbprint}}
	sent, err := c.place(ctx, files)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		o.state.Items = append(o.state.Items, f.Item)
	}
	path, query := "/CloudSign", url.Values{}
	if c.thumbprint != "" {
		query.Set("certificateThumbprint", c.thumbprint)
	}
	if c.config.OnPhone {
		path = "/DssSign"
		if c.config.Box != "" {
			query.Set("boxId", c.config.Box)
		}
	}
	var task taskAnswer
	if err := c.call(ctx, path, query, signRequest{sent}, &task); err != nil {
		hint := ""
		if _, answered := errors.AsType[*StatusError](err); !answered {
			hint = "an operation that nobody will confirm may have been left behind there, and the person may have been asked; begin anew, nothing is signed without a confirmation"
		}
		return nil, c.fault(op, err, hint)
	}
	if task.TaskId == "" {
		return nil, c.fault(op, errors.New("the answer has no TaskId"), "")
	}
	o.state.TaskID = task.TaskId
	if c.config.OnPhone {
		o.state.ConfirmTaskID = task.TaskId
	}
	return o, o.save(ctx)
}

// place puts contents into the request, as far as they fit, and the others on the shelf.
func (c *Client) place(ctx context.Context, files []*file) ([]signFile, error) {
	room := int64(max(c.config.Inline, 0))
	sent := make([]signFile, len(files))
	// A few at a time: over a distance, an upload is mostly waiting. The first error ends the others.
	var uploads sync.WaitGroup
	defer uploads.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // before the wait
	places := make(chan struct{}, uploadsAtOnce)
	for i, f := range files {
		sent[i].FileName = f.Name
		if f.Size <= room {
			data, err := f.bytes(ctx)
			if err != nil {
				return nil, err
			}
			room -= f.Size
			sent[i].Content.Content = &data
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		uploads.Add(1)
		sign.Go(func() error { // the content is the caller's
			name, err := c.upload(ctx, f)
			if err != nil {
				return err
			}
			if c.config.OldShelf && c.config.OnPhone {
				name = own + name // DssSign wants it, CloudSign does not
			}
			sent[i].Content.NameOnShelf = name
			return nil
		}, func(err error) {
			if err != nil {
				cancel(err)
			}
			<-places
			uploads.Done()
		})
	}
	uploads.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return sent, nil
}

// uploadsAtOnce is how many contents are on their way to the shelf at once.
const uploadsAtOnce = 8

func (o *Operation) save(ctx context.Context) error {
	if o.client.config.Save == nil {
		return nil
	}
	if err := o.client.config.Save(ctx, o.State()); err != nil {
		return &sign.Error{Op: "cloudsign: save operation", Place: o.state.TaskID, Class: sign.ErrUnavailable, Err: err, Hint: "it could not be resumed, and so is not gone on with"}
	}
	return nil
}

// Resume takes up an operation by its state. The contents are not needed: their digests are in it.
func (c *Client) Resume(s State) (*Operation, error) {
	fail := func(hint string) (*Operation, error) {
		return nil, &sign.Error{Op: "cloudsign: resume", Place: c.base.Host, Class: sign.ErrInput, Hint: hint}
	}
	switch {
	case s.TaskID == "" || len(s.Items) == 0:
		return fail("the state has no task or no items")
	case c.thumbprint != "" && s.Thumbprint != c.thumbprint:
		return fail("the state is of an operation with another certificate than that of the configuration")
	case s.OnPhone && s.ConfirmTaskID == "":
		return fail("the state was changed")
	}
	s.Items = slices.Clone(s.Items)
	return &Operation{client: c, state: s}, nil
}

// Await waits until the code has gone out to the person. With OnPhone there is nothing to wait for.
func (o *Operation) Await(ctx context.Context) error {
	if o.state.Token != "" || o.Confirmed() {
		return nil
	}
	var answer tokenAnswer
	err := o.client.poll(ctx, "/CloudSignResult", o.state.TaskID, maxText, &answer)
	if err == nil && answer.Token == "" {
		err = errors.New("the answer has no Token")
	}
	if err != nil {
		return o.client.fault("cloudsign: await the code of "+o.state.TaskID+" at", err, "nothing was signed; resume the operation, or begin anew")
	}
	o.state.Token = answer.Token
	return o.save(ctx)
}

// ErrWrongCode is in the error of Confirm when another code may be tried: the person mistyped it.
var ErrWrongCode = errors.New("the code is wrong")

// Confirm passes on the code that the person got. When its answer is lost it is sent again with the same code, which the
// service takes as one. A code that was refused gives an error that wraps [ErrWrongCode], and is not tried again. Codes that
// have expired or were refused too often give one of class [sign.ErrPIN] without it: the operation is over.
func (o *Operation) Confirm(ctx context.Context, code sign.Secret) error {
	if err := o.Await(ctx); err != nil {
		return err
	}
	if o.Confirmed() {
		return nil
	}
	op := "cloudsign: confirm " + o.state.TaskID + " at"
	if code.Len() == 0 {
		return &sign.Error{Op: op, Place: o.client.base.Host, Class: sign.ErrPIN, Hint: "the code is empty, and was not sent"}
	}
	how := "Content"
	if o.client.config.Reference {
		how = "Reference"
	}
	answer, err := o.client.ask(ctx, request{
		method: http.MethodPost, path: "/CloudSignConfirm", most: maxText,
		query: url.Values{"token": {o.state.Token}, "confirmationCode": {string(code.Bytes())}, "return": {how}},
		hide:  []sign.Secret{code, sign.NewSecret([]byte(o.state.Token))},
	})
	var task taskAnswer
	if err == nil {
		err = errNoAnswer
		if answer.status == http.StatusOK {
			err = decode(answer.body, &task)
		}
	}
	if err == nil && task.TaskId == "" {
		err = errors.New("the answer has no TaskId")
	}
	if status, ok := errors.AsType[*StatusError](err); ok && status.Code == codeWrong {
		o.state.Attempts++
		// What was refused is known and worth keeping, but no reason to fail otherwise than by the refusal.
		return &sign.Error{Op: op, Place: o.client.base.Host, Class: sign.ErrPIN, Err: errors.Join(ErrWrongCode, status, o.save(ctx))}
	}
	if err != nil {
		hint := ""
		if errors.Is(err, errLost) {
			hint = "the service may have taken the code; resume the operation and confirm with the same code"
		}
		return o.client.fault(op, err, hint)
	}
	o.state.ConfirmTaskID = task.TaskId
	_ = o.save(ctx) // it is confirmed: signatures come back, whether or not they could be fetched again
	return nil
}

// Collect waits for the containers and checks them. Outcome i answers item i of the state: a container is there only when it
// passed. The error is of the whole operation; it can be collected again.
func (o *Operation) Collect(ctx context.Context) ([]sign.Outcome, error) {
	op := "cloudsign: collect " + o.state.TaskID + " from"
	if !o.Confirmed() {
		return nil, &sign.Error{Op: op, Place: o.client.base.Host, Class: sign.ErrInput, Hint: "it is not confirmed; call Confirm before"}
	}
	outcomes := make([]sign.Outcome, len(o.state.Items))
	var err error
	if o.state.OnPhone {
		err = o.collectDSS(ctx, outcomes)
	} else {
		err = o.collectSignatures(ctx, outcomes)
	}
	if err != nil {
		return nil, o.client.fault(op, err, "resume the operation to collect again")
	}
	o.check(outcomes)
	return outcomes, nil
}

func (o *Operation) collectSignatures(ctx context.Context, outcomes []sign.Outcome) error {
	var answer signaturesAnswer
	most := min(maxText+int64(len(outcomes))*perContainer, maxAnswer)
	if err := o.client.poll(ctx, "/CloudSignConfirmResult", o.state.ConfirmTaskID, most, &answer); err != nil {
		return err
	}
	if len(answer.Signatures) != len(outcomes) {
		// Which signature is of which content could be found out by digests, but a service that miscounts is not to be trusted.
		return fmt.Errorf("there are %d signatures for %d contents", len(answer.Signatures), len(outcomes))
	}
	for i, s := range answer.Signatures {
		switch {
		case s.Content != nil:
			outcomes[i].Signature = *s.Content
		case s.NameOnShelf != "":
			container, err := o.client.download(ctx, s.NameOnShelf)
			if err != nil {
				return err
			}
			outcomes[i].Signature = container
		}
	}
	return nil
}

// check checks every container. When no certificate was asked for, all have to be of one.
func (o *Operation) check(outcomes []sign.Outcome) {
	w := o.client.want()
	if w.thumbprint == "" {
		w.thumbprint = o.state.Thumbprint
	}
	for i := range outcomes {
		if outcomes[i].Err != nil {
			outcomes[i].Signature = nil
			continue
		}
		certificate, err := o.client.checked(o.state.Items[i], outcomes[i].Signature, w)
		if err != nil {
			outcomes[i] = sign.Outcome{Err: err}
			continue
		}
		if w.der == nil && certificate != nil {
			w.der = bytes.Clone(certificate)
		}
	}
}
