package pages

import (
	"archive/zip"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/service/confirm"
)

// personPage is what the page of a person shows.
type personPage struct {
	*text
	Op                                  *confirm.Operation
	Heading, State, Message             string
	Good                                bool // the message is no error
	Rows                                []row
	Waits, Asks, Approves, Resends, Has bool
	UntilTime, SentTo                   string
	Path                                string // of the page, without the language
}

type row struct {
	Name, Size, Digest, Err string
	Document, Signature     string // addresses; empty when there is none
}

func (p *pages) person(w http.ResponseWriter, r *http.Request) {
	op, err := p.Engine.ByToken(r.Context(), r.PathValue("token"))
	p.page(w, r, op, err, http.StatusOK, "", false)
}

// missing is for an address whose end was lost on the way.
func (p *pages) missing(w http.ResponseWriter, r *http.Request) {
	p.page(w, r, nil, confirm.ErrNotFound, 0, "", false)
}

// page shows an operation, with what was just tried.
func (p *pages) page(w http.ResponseWriter, r *http.Request, op *confirm.Operation, err error, status int, message string, good bool) {
	t := textFor(r)
	switch {
	case errors.Is(err, confirm.ErrNotFound):
		p.show(w, http.StatusNotFound, "missing.html", &personPage{text: t, State: t.NotFound, Message: t.NotFoundHelp})
		return
	case err != nil:
		p.Log.Error("the page of an operation cannot be shown", "err", err)
		p.show(w, http.StatusInternalServerError, "missing.html", &personPage{text: t, State: t.Fault})
		return
	}
	token := r.PathValue("token")
	d := &personPage{text: t, Op: op, State: t.States[op.State], Message: message, Good: good, Path: "/confirm/" + token, Heading: visible(op.Title)}
	if op.Locked && message == "" {
		d.Message = t.Locked
	}
	// Why it failed otherwise is for the operator: it may tell of keys and machines.
	awaiting := op.State == confirm.Awaiting
	d.Waits = op.State == confirm.Preparing || op.State == confirm.Signing
	d.Asks = awaiting && (op.Kind == confirm.Code || op.Kind == confirm.TOTP)
	d.Approves = awaiting && op.Kind == confirm.Elsewhere
	d.Resends = awaiting && op.Kind == confirm.Code
	d.Has = op.State == confirm.Completed || op.State == confirm.Partial
	d.SentTo = op.Hint
	if op.Hint != "" && strings.Trim(op.Hint, "0123456789") == "" { // the end of a number
		d.SentTo = "…" + op.Hint
	}
	if op.Kind == confirm.Code {
		d.UntilTime = t.when(op.CodeExpires)
	}
	for i, it := range op.Items {
		one := row{Name: shown(it.Name, i), Size: t.size(it.Size), Digest: hex.EncodeToString(it.Digest), Err: it.Err}
		if it.Shelf != "" && len(it.Digest) != 0 {
			one.Document = fmt.Sprintf("%s/document/%d", d.Path, i)
		}
		if d.Has && it.Signed {
			one.Signature = fmt.Sprintf("%s/signature/%d", d.Path, i)
		}
		d.Rows = append(d.Rows, one)
	}
	if d.Waits { // no script: the browser asks again
		w.Header().Set("Refresh", "1")
	}
	p.show(w, status, "confirm.html", d)
}

// shown is a name for people; one without letters is its number.
func shown(name string, i int) string {
	if name = visible(name); name == "" {
		return strconv.Itoa(i + 1)
	}
	return name
}

// visible is a text of others for people: what could turn the order of the letters around, or hide them, is taken out.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20, r == 0x7f, r >= 0x80 && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x061c, r == 0xfeff:
			return -1
		}
		return r
	}, text)
}

// answer takes the form of a person. Afterwards the browser gets the page by GET, so that going back repeats nothing.
func (p *pages) answer(w http.ResponseWriter, r *http.Request) {
	token, t := r.PathValue("token"), textFor(r)
	var err error
	message, good := "", false
	switch r.PostForm.Get("action") {
	case "code":
		_, err = p.Engine.Confirm(r.Context(), "", token, r.PostForm.Get("code"))
	case "approve":
		_, err = p.Engine.Approve(r.Context(), token)
	case "decline":
		_, err = p.Engine.Decline(r.Context(), token)
	case "resend":
		if _, err = p.Engine.ResendByToken(r.Context(), token); err == nil {
			message, good = t.Resent, true
		}
	default:
		err = confirm.ErrState
	}
	status := http.StatusOK
	switch {
	case err == nil && message == "":
		target := "/confirm/" + token
		if lang := r.URL.Query().Get("lang"); lang == "en" || lang == "ru" {
			target += "?lang=" + lang
		}
		http.Redirect(w, r, target, http.StatusSeeOther)
		return
	case err == nil:
	case errors.Is(err, confirm.ErrCode):
		message, status = t.Wrong, http.StatusUnprocessableEntity
	case errors.Is(err, confirm.ErrLocked):
		message, status = t.Locked, http.StatusConflict
	case errors.Is(err, confirm.ErrExpired):
		message, status = t.ExpiredCode, http.StatusConflict
	case errors.Is(err, confirm.ErrLimit):
		message, status = t.Limit, http.StatusTooManyRequests
	case errors.Is(err, confirm.ErrState):
		message, status = t.State, http.StatusConflict
	case errors.Is(err, confirm.ErrNotFound):
		p.page(w, r, nil, err, 0, "", false)
		return
	default:
		p.Log.Error("an answer of a person failed", "err", err)
		message, status = t.Fault, http.StatusInternalServerError
	}
	op, again := p.Engine.ByToken(r.Context(), token)
	if again == nil && errors.Is(err, confirm.ErrExpired) && op.State.Final() {
		message = t.State // no new code can be had
	}
	p.page(w, r, op, again, status, message, good)
}

// download sets what a browser needs to save a file instead of showing it: a document of somebody else must not run as a page
// of this site.
func download(w http.ResponseWriter, name, kind string, size int64) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": fileName(name)}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	if size >= 0 {
		h.Set("Content-Length", strconv.FormatInt(size, 10))
	}
}

// fileName is a name without folders.
func fileName(name string) string {
	name = shown(strings.ReplaceAll(name, "\\", "/"), 0)
	if name = path.Base(name); name == "." || name == "/" || name == ".." {
		return "document"
	}
	return name
}

func (p *pages) document(w http.ResponseWriter, r *http.Request) {
	i, err := strconv.Atoi(r.PathValue("item"))
	var op *confirm.Operation
	if err == nil {
		op, err = p.Engine.ByToken(r.Context(), r.PathValue("token"))
	}
	if err != nil {
		p.page(w, r, nil, confirm.ErrNotFound, 0, "", false)
		return
	}
	content, size, err := p.Engine.Document(r.Context(), op.Token, i)
	if err != nil {
		t := textFor(r)
		p.show(w, http.StatusNotFound, "missing.html", &personPage{text: t, State: t.Gone})
		return
	}
	defer content.Close()
	download(w, op.Items[i].Name, "application/octet-stream", size)
	if err := copyWhole(w, content); err != nil {
		panic(http.ErrAbortHandler) // half a document must not look like a whole one
	}
}

// copyWhole copies like io.Copy, but what was read last goes out only when the reader has ended well: it may say at its very end
// that the content was another one, and with all octets that were announced the browser would not notice that the connection is
// cut.
func copyWhole(w io.Writer, r io.Reader) error {
	held, next := make([]byte, 0, 32<<10), make([]byte, 32<<10)
	for {
		n, err := r.Read(next)
		if n > 0 {
			if _, err := w.Write(held); err != nil {
				return err
			}
			held, next = next[:n], held[:cap(held)]
		}
		if errors.Is(err, io.EOF) {
			_, err := w.Write(held)
			return err
		}
		if err != nil {
			return err
		}
	}
}

// results are those of the token in the address; it has answered when there are none.
func (p *pages) results(w http.ResponseWriter, r *http.Request) ([]confirm.Result, bool) {
	results, err := p.Engine.ResultsByToken(r.Context(), r.PathValue("token"))
	if err == nil {
		return results, true
	}
	t := textFor(r)
	switch {
	case errors.Is(err, confirm.ErrNotFound):
		p.page(w, r, nil, err, 0, "", false)
	case errors.Is(err, confirm.ErrGone):
		p.show(w, http.StatusGone, "missing.html", &personPage{text: t, State: t.Gone})
	default:
		p.show(w, http.StatusConflict, "missing.html", &personPage{text: t, State: t.State})
	}
	return nil, false
}

func (p *pages) signature(w http.ResponseWriter, r *http.Request) {
	results, ok := p.results(w, r)
	if !ok {
		return
	}
	i, err := strconv.Atoi(r.PathValue("item"))
	if err != nil || i < 0 || i >= len(results) || results[i].Signature == nil {
		p.page(w, r, nil, confirm.ErrNotFound, 0, "", false)
		return
	}
	download(w, shown(results[i].Name, i)+".p7s", "application/pkcs7-signature", int64(len(results[i].Signature)))
	_, _ = w.Write(results[i].Signature)
}

// archive is all signatures in one file.
func (p *pages) archive(w http.ResponseWriter, r *http.Request) {
	results, ok := p.results(w, r)
	if !ok {
		return
	}
	download(w, "signatures.zip", "application/zip", -1)
	z, now := zip.NewWriter(w), time.Now().UTC() // without a time, programs show the year 1980
	seen := map[string]bool{}
	for i, result := range results {
		if result.Signature == nil {
			continue
		}
		name := fileName(shown(result.Name, i)) + ".p7s"
		for seen[name] { // also by one that is really called so
			name = fmt.Sprintf("%d-%s", i+1, name)
		}
		seen[name] = true
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Modified: now})
		if err == nil {
			_, err = f.Write(result.Signature)
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	if err := z.Close(); err != nil {
		panic(http.ErrAbortHandler)
	}
}
