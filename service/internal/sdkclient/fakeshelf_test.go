package sdkclient

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

func (f *fake) whole(owner, name string) []byte {
	name = owner + "/" + name
	last, ok := f.last[name]
	if !ok {
		return nil
	}
	data := []byte{}
	for i := range last + 1 {
		part, ok := f.shelf[name][i]
		if !ok {
			return nil
		}
		data = append(data, part...)
	}
	return data
}

func (f *fake) shelfCall(w http.ResponseWriter, path, owner string, q map[string]string, body []byte) {
	name := strings.TrimPrefix(q["nameonshelf"]+q["filename"], "__userId__/")
	last := q["islastpart"] == "1" || strings.EqualFold(q["islastpart"], "true") && (f.bug != "True" || q["islastpart"] == "true")
	if strings.HasSuffix(path, "download") {
		if f.bug == "shared shelf" {
			owner = "a"
		}
		data := f.whole(owner, name)
		if data == nil {
			f.refuse(w, 404, "")
			return
		}
		_, _ = w.Write(data)
		return
	}
	first := path == "/v2/shelfupload" || path == "/shelfuploadpartinit"
	index, _ := strconv.Atoi(q["partindex"])
	if first {
		name = fmt.Sprintf("up-%d%s", f.nth, q["fileextension"])
		last = last || path == "/v2/shelfupload"
	}
	if name == "" || strings.Contains(name, "..") {
		f.refuse(w, 400, "")
		return
	}
	key := owner + "/" + name
	if f.shelf[key] == nil {
		f.shelf[key] = map[int][]byte{}
	}
	f.shelf[key][index] = body
	if last {
		f.last[key] = index
	}
	if first {
		_, _ = io.WriteString(w, name)
		return
	}
	missing := []int{}
	for i := range f.last[key] + 1 {
		if _, ok := f.shelf[key][i]; !ok {
			missing = append(missing, i)
		}
	}
	if f.bug == "null" && len(missing) == 0 {
		missing = nil
	}
	_ = json.NewEncoder(w).Encode(missing)
}

// world is that of a fake.
func world(f *fake) (World, func()) {
	server := httptest.NewServer(f)
	with := func(task string, do func(o *op)) {
		f.mu.Lock()
		defer f.mu.Unlock()
		do(f.ops[task])
	}
	return World{
		Base: server.URL, Tokens: [2]string{"token-a", "token-b"}, App: "app", Thumbprint: strings.Repeat("CD", 20), Attempts: attempts, Check: check,
		Code: func(task string) (code string) { with(task, func(o *op) { code = o.code }); return code },
		Expire: func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, o := range f.ops {
				if o.status == inProgress && f.bug != "never expires" {
					o.status = 5
				}
			}
		},
		Approve: func(task string) { with(task, f.sign) },
		Decline: func(task string) { with(task, func(o *op) { o.status = cancelled }) },
		Box:     "box-1", Receipts: receiptsOfBox,
		Signed: func() int {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.receiptsMade()
		},
	}, server.Close
}

// receiptsMade is how many receipts were signed; the case of receipts looks at nothing else.
func (f *fake) receiptsMade() int {
	n := f.made
	for _, o := range f.ops {
		n -= len(o.containers)
	}
	return n
}

func TestBatteryPasses(t *testing.T) {
	w, end := world(newFake(""))
	defer end()
	Battery(t, w)
}
