package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/seed-116355fd/signet/service/auth"
	"github.com/seed-116355fd/signet/service/confirm"
)

// operatorPage is what the page of the operator shows.
type operatorPage struct {
	*text
	Message string
	Good    bool
	Filters []filter
	Rows    []operatorRow
	More    string // address of what is older; empty when there is none
	Shown   string
}

type filter struct {
	Name, Address string
	Current       bool
}

type operatorRow struct {
	ID, Owner, Key, Title, State, Reason, Created string
	Files                                         int
	Retry, Cancel                                 bool
}

// operator lets in who may call "operations".
func (p *pages) operator(w http.ResponseWriter, r *http.Request) bool {
	// A browser has a name and a password; the name says nothing.
	if _, password, ok := r.BasicAuth(); ok {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+password)
	}
	principal, err := p.Auth.Authenticate(r)
	switch {
	case err != nil && !errors.Is(err, auth.ErrNone) && !errors.Is(err, auth.ErrRefused):
		http.Error(w, "it cannot be found out now who calls; try again in a moment", http.StatusServiceUnavailable)
	case err != nil || principal == nil:
		w.Header().Set("WWW-Authenticate", `Basic realm="signet operations", charset="UTF-8"`)
		http.Error(w, "who calls? Any name, and your token as the password", http.StatusUnauthorized)
	case !principal.MayCall("operations"):
		http.Error(w, principal.Name+` may not see this; the operator can allow "operations"`, http.StatusForbidden)
	default:
		return true
	}
	return false
}

var shows = []string{"waiting", "failed", "all"}

func states(show string) []confirm.State {
	switch show {
	case "failed":
		return []confirm.State{confirm.Failed, confirm.Partial}
	case "all":
		return nil
	}
	return []confirm.State{confirm.Preparing, confirm.Awaiting, confirm.Signing}
}

const perPage = 50

func (p *pages) operations(w http.ResponseWriter, r *http.Request) {
	if p.operator(w, r) {
		p.list(w, r, http.StatusOK, "", false)
	}
}

func (p *pages) list(w http.ResponseWriter, r *http.Request, status int, message string, good bool) {
	t := textFor(r)
	d := &operatorPage{text: t, Message: message, Good: good, Shown: r.URL.Query().Get("show")}
	if d.Shown != "failed" && d.Shown != "all" {
		d.Shown = "waiting"
	}
	for i, name := range shows {
		d.Filters = append(d.Filters, filter{t.Show[i], "/operations?show=" + name + "&lang=" + t.Lang, name == d.Shown})
	}
	before, _ := time.Parse(time.RFC3339Nano, r.URL.Query().Get("before"))
	all, err := p.Engine.List(r.Context(), confirm.Filter{States: states(d.Shown), Before: before, Limit: perPage})
	if err != nil {
		p.Log.Error("operations cannot be listed", "err", err)
		status, d.Message = http.StatusInternalServerError, t.Fault
	}
	for _, op := range all {
		one := operatorRow{ID: op.ID, Owner: visible(op.Owner), Key: op.Key, Title: visible(op.Title), State: t.States[op.State], Reason: visible(op.Reason), Created: t.when(op.Created), Files: len(op.Items)}
		if op.State == confirm.Awaiting {
			one.State = t.WaitsForPerson
		}
		for _, it := range op.Items {
			if one.Reason == "" && it.Err != "" {
				one.Reason = visible(it.Err)
			}
		}
		one.Retry = op.State == confirm.Partial || op.State == confirm.Failed && !op.Locked && !op.Missing
		one.Cancel = op.State == confirm.Preparing || op.State == confirm.Awaiting
		d.Rows = append(d.Rows, one)
	}
	if len(all) == perPage {
		d.More = "/operations?show=" + d.Shown + "&lang=" + t.Lang + "&before=" + all[len(all)-1].Created.UTC().Format(time.RFC3339Nano)
	}
	p.show(w, status, "operations.html", d)
}

// operate does what the operator asks for.
func (p *pages) operate(w http.ResponseWriter, r *http.Request) {
	if !p.operator(w, r) {
		return
	}
	t := textFor(r)
	err := r.ParseForm()
	if err == nil {
		switch r.PostForm.Get("action") {
		case "retry":
			_, err = p.Engine.Retry(r.Context(), r.PathValue("id"))
		case "cancel":
			_, err = p.Engine.CancelAny(r.Context(), r.PathValue("id"))
		default:
			err = confirm.ErrState
		}
	}
	switch {
	case err == nil:
		p.list(w, r, http.StatusOK, t.Done, true)
	case errors.Is(err, confirm.ErrNotFound):
		p.list(w, r, http.StatusNotFound, t.NotFound, false)
	case errors.Is(err, confirm.ErrState):
		p.list(w, r, http.StatusConflict, t.State, false)
	default:
		p.Log.Error("the operator asked for something that failed", "err", err)
		p.list(w, r, http.StatusInternalServerError, t.Fault, false)
	}
}
