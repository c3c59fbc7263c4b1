package cloudsign

import (
	"context"
	"errors"

	"github.com/seed-116355fd/signet/sign"
)

// Sign signs contents in one operation, from Begin to Collect. Outcome i answers content i; its Signature is a container. One
// that cannot be read has its own error, and the others are signed.
func (c *Client) Sign(ctx context.Context, contents []sign.Content) []sign.Outcome {
	files, outcomes := make([]*file, len(contents)), make([]sign.Outcome, len(contents))
	for i, content := range contents {
		files[i], outcomes[i].Err = c.prepare(ctx, content)
	}
	c.signFiles(ctx, files, outcomes)
	return outcomes
}

// signFiles signs the files that have no error yet.
func (c *Client) signFiles(ctx context.Context, files []*file, outcomes []sign.Outcome) {
	var good []*file
	var at []int
	for i, f := range files {
		if outcomes[i].Err == nil {
			good, at = append(good, f), append(at, i)
		}
	}
	if len(good) == 0 {
		return
	}
	signed, err := c.whole(ctx, good)
	for j, i := range at {
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		outcomes[i] = signed[j]
	}
}

func (c *Client) whole(ctx context.Context, files []*file) ([]sign.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	o, err := c.begin(ctx, files)
	if err != nil {
		return nil, err
	}
	return o.Run(ctx)
}

// Run takes an operation from where it is to its end: it asks Config.Code for codes, confirms, and collects.
func (o *Operation) Run(ctx context.Context) ([]sign.Outcome, error) {
	for {
		if err := o.Await(ctx); err != nil {
			return nil, err
		}
		if o.Confirmed() {
			return o.Collect(ctx)
		}
		if err := o.askPerson(ctx); err != nil {
			return nil, err
		}
	}
}

// askPerson asks for one code and confirms with it. A code that is wrong is no error as long as another may be asked for: what
// was refused is never sent again by itself.
func (o *Operation) askPerson(ctx context.Context) error {
	challenge := o.Challenge()
	op, place := "cloudsign: confirm "+o.state.TaskID+" at", o.client.base.Host
	if o.client.config.Code == nil {
		return &sign.Error{Op: op, Place: place, Class: sign.ErrInput, Hint: "the operation waits for a code, and Config.Code is not set"}
	}
	if challenge.Left == 0 {
		return &sign.Error{Op: op, Place: place, Class: sign.ErrPIN, Err: ErrWrongCode, Hint: "too many codes were refused; begin anew"}
	}
	code, err := o.client.config.Code(ctx, challenge)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return &sign.Error{Op: op, Place: place, Class: sign.ErrPIN, Err: err, Hint: "no code was given, and nothing was signed"}
	}
	err = o.Confirm(ctx, code)
	if errors.Is(err, ErrWrongCode) && o.state.Attempts < o.client.config.Attempts {
		return nil
	}
	return err
}
