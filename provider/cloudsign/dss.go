package cloudsign

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-116355fd/signet/sign"
)

// collectDSS waits until the person has confirmed on the phone and everything is signed. The progress is in the message: the
// service answers 200 always.
func (o *Operation) collectDSS(ctx context.Context, outcomes []sign.Outcome) error {
	c := o.client
	query := url.Values{"taskId": {o.state.ConfirmTaskID}}
	if o.state.Box != "" {
		query.Set("boxId", o.state.Box)
	}
	most := min(maxText+int64(len(outcomes))*perContainer, maxAnswer)
	end := c.now().Add(c.config.Wait)
	for told := false; ; {
		answer, err := c.ask(ctx, request{method: http.MethodGet, path: "/DssSignResult", query: query, most: most})
		if err != nil {
			return err
		}
		var result dssAnswer
		if answer.status == http.StatusOK {
			if err := decode(answer.body, &result); err != nil {
				return err
			}
			if phone := digitsOnly(result.PhoneLastNumbers); !told && c.config.Notice != nil {
				o.phone, told = phone, true
				c.config.Notice(o.Challenge())
			}
			done, err := dssOver(result.OperationStatus)
			if err != nil {
				return err
			}
			if done {
				return dssOutcomes(&result, o.state.Items, outcomes)
			}
		}
		if c.now().After(end) {
			return errSlow
		}
		if err := c.sleep(ctx, max(answer.after, pause)); err != nil {
			return err
		}
	}
}

// dssOver says what an operation has come to. Only what is known to be under way is waited for.
func dssOver(status enum) (done bool, err error) {
	over := func(class error, hint string) error {
		return &sign.Error{Op: "cloudsign: confirm on the phone", Class: class, Hint: hint}
	}
	switch {
	case status.is("InProgress", 1):
		return false, nil
	case status.is("Completed", 2):
		return true, nil
	case status.is("CanceledByUser", 3):
		return false, over(sign.ErrPIN, "the person refused")
	case status.is("Timeout", 4):
		return false, over(sign.ErrPIN, "nobody confirmed in time; begin anew")
	case status.is("Crashed", 5):
		return false, over(sign.ErrUnavailable, "the service failed and nothing was signed; begin anew, or ask its operator")
	case status.is("UserHasUnconfirmedOperation", 6):
		return false, over(sign.ErrUnavailable, "another operation waits on the phone; confirm or refuse it, and begin anew")
	case status.is("OperationRetryRequired", 7):
		return false, over(sign.ErrUnavailable, "the service asks for the operation to be begun anew in 5 minutes")
	}
	return false, errors.New("the status of the operation is not known here")
}

func dssOutcomes(result *dssAnswer, items []Item, outcomes []sign.Outcome) error {
	if len(result.FileSigningResults) != len(outcomes) {
		return fmt.Errorf("there are %d results for %d contents", len(result.FileSigningResults), len(outcomes))
	}
	for i, r := range result.FileSigningResults {
		if !r.FileSigningStatus.is("SigningCompleted", 1) {
			// Of this content, not of the key: others of the same operation were signed.
			outcomes[i].Err = &sign.Error{Op: "cloudsign: sign", Place: items[i].Name, Class: sign.ErrInput, Hint: "the service could not sign this content, and does not say why"}
			continue
		}
		outcomes[i].Signature = r.Signature
	}
	return nil
}

// digitsOnly is what a person is shown of what a service says.
func digitsOnly(s string) string {
	if len(s) > 8 || strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}
