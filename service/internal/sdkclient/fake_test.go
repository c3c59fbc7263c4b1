package sdkclient

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
)

// fake is a small server that passes, and the ways in which it does not.
type fake struct {
	mu    sync.Mutex
	bug   string
	ops   map[string]*op // by task
	shelf map[string]map[int][]byte
	last  map[string]int
	made  int
	runs  map[string]int // receipts by batch key
	nth   int
}

type op struct {
	owner, id, code string
	contents        [][]byte
	containers      [][]byte
	wrong           map[string]bool
	count           int
	status          int
	dss, reference  bool
}

const attempts = 5

func newFake(bug string) *fake {
	return &fake{bug: bug, ops: map[string]*op{}, shelf: map[string]map[int][]byte{}, last: map[string]int{}, runs: map[string]int{}}
}

func (f *fake) refuse(w http.ResponseWriter, status int, code string) {
	if code == "" {
		code = "Http." + strings.ReplaceAll(http.StatusText(status), " ", "")
	}
	w.Header().Set("X-Kontur-Trace-Id", "t"+strconv.Itoa(f.nth))
	if f.bug != "no code header" {
		w.Header().Set("X-Diadoc-ErrorCode", code)
	}
	if status == 401 {
		w.Header().Set("WWW-Authenticate", "DiadocAuth")
	}
	w.WriteHeader(status)
	if f.bug != "empty body" {
		_, _ = io.WriteString(w, "no. ErrorCode: ("+code+")")
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nth++
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if f.bug == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
	}
	auth := r.Header.Get("Authorization")
	auth = strings.TrimPrefix(auth[strings.LastIndex(auth, "=")+1:], "Bearer ")
	owner := map[string]string{"token-a": "a", "token-b": "b"}[auth]
	if owner == "" {
		f.refuse(w, 401, "")
		return
	}
	q := map[string]string{}
	for name, values := range r.URL.Query() {
		q[strings.ToLower(name)] = values[0]
	}
	path := strings.ToLower(r.URL.Path)
	if f.bug == "case" && path != strings.ToLower("/CloudSign") {
		path = strings.ToLower(path)
	} else if f.bug == "case" {
		path = r.URL.Path
	}
	method, known := map[string]string{
		"/cloudsign": "POST", "/cloudsignresult": "GET", "/cloudsignconfirm": "POST", "/cloudsignconfirmresult": "GET", "/dsssign": "POST", "/v2/dsssign": "POST", "/dsssignresult": "GET",
		"/autosignreceipts": "POST", "/autosignreceiptsresult": "GET", "/shelfupload": "POST", "/shelfdownload": "GET", "/v2/shelfupload": "POST", "/v2/shelfdownload": "GET", "/shelfuploadpartinit": "POST", "/shelfuploadpart": "POST",
	}[path]
	switch {
	case !known:
		f.refuse(w, 404, "")
		return
	case method != r.Method:
		f.refuse(w, 405, "")
		return
	}
	json := r.Header.Get("Accept") == "application/json"
	switch path {
	case "/cloudsign", "/dsssign", "/v2/dsssign":
		f.begin(w, owner, path != "/cloudsign", json, q["certificatethumbprint"], body)
	case "/cloudsignresult":
		if o := f.find(w, owner, q["taskid"]); o != nil {
			f.text(w, json, 1, "Token", "tok-"+o.id)
		}
	case "/cloudsignconfirm":
		f.confirm(w, owner, json, q)
	case "/cloudsignconfirmresult":
		f.result(w, owner, json, q["taskid"])
	case "/dsssignresult":
		f.dss(w, owner, json, q["taskid"])
	case "/autosignreceipts":
		f.receipts(w, json, q)
	case "/autosignreceiptsresult":
		f.receiptsResult(w, json, q["taskid"])
	default:
		f.shelfCall(w, path, owner, q, body)
	}
}

// text answers with a message of one text.
func (f *fake) text(w http.ResponseWriter, json bool, number int, name, value string) {
	if f.bug == "Retry-After on 200" {
		w.Header().Set("Retry-After", "1")
	}
	if json {
		_, _ = fmt.Fprintf(w, `{%q:%q}`, name, value)
		return
	}
	_, _ = w.Write(appendBytes(nil, protowire.Number(number), []byte(value)))
}

func (f *fake) begin(w http.ResponseWriter, owner string, dss, isJSON bool, thumbprint string, body []byte) {
	var list []File
	code := ""
	bad := func() { f.refuse(w, 400, code) }
	if isJSON {
		var m struct {
			Files []struct {
				Content struct{ Content, NameOnShelf, PatchedContentId *string } //nolint:revive // names on the wire
			}
		}
		if json.Unmarshal(body, &m) != nil {
			bad()
			return
		}
		for _, file := range m.Files {
			var one File
			if c := file.Content.Content; c != nil {
				one.Content, _ = base64.StdEncoding.DecodeString(*c)
			}
			if s := file.Content.NameOnShelf; s != nil {
				one.Shelf = *s
			}
			list = append(list, one)
		}
	} else if fields(body, func(n protowire.Number, file []byte, _ uint64) error {
		if n != 1 {
			return nil
		}
		var one File
		err := fields(file, func(n protowire.Number, content []byte, _ uint64) error {
			if n != 1 {
				return nil
			}
			return fields(content, func(n protowire.Number, v []byte, _ uint64) error {
				switch n {
				case 1:
					one.Content = append([]byte{}, v...)
				case 2:
					one.Shelf = string(v)
				}
				return nil
			})
		})
		list = append(list, one)
		return err
	}) != nil {
		bad()
		return
	}
	if len(list) == 0 && f.bug != "no files" {
		bad()
		return
	}
	if thumbprint != "" && (owner != "a" || !strings.EqualFold(thumbprint, strings.Repeat("CD", 20))) {
		f.refuse(w, 403, "User.AccessDenied")
		return
	}
	o := &op{owner: owner, id: fmt.Sprintf("00000000-0000-4000-8000-%012d", len(f.ops)), code: fmt.Sprintf("%06d", 100000+len(f.ops)), wrong: map[string]bool{}, dss: dss, status: inProgress}
	for _, file := range list {
		if dss {
			code = "Dss.InvalidRequest"
		}
		data := file.Content
		if file.Shelf != "" {
			data = f.whole(owner, strings.TrimPrefix(file.Shelf, "__userId__/"))
		}
		if data == nil || file.Content != nil && file.Shelf != "" {
			bad()
			return
		}
		o.contents = append(o.contents, data)
	}
	f.ops[o.id] = o
	f.text(w, isJSON, 1, "TaskId", o.id)
}

// find finds an operation of an owner.
func (f *fake) find(w http.ResponseWriter, owner, id string) *op {
	o := f.ops[strings.TrimPrefix(id, "c-")]
	switch {
	case id == "":
		f.refuse(w, 400, "")
	case o == nil:
		f.refuse(w, 404, "")
	case o.owner != owner && f.bug == "403 for foreign":
		f.refuse(w, 403, "")
	case o.owner != owner && f.bug != "foreign":
		f.refuse(w, 404, "")
	default:
		return o
	}
	return nil
}

func (f *fake) confirm(w http.ResponseWriter, owner string, json bool, q map[string]string) {
	how := strings.ToLower(q["return"] + q["locationpreference"])
	code, token := q["confirmationcode"], q["token"]
	if token == "" || code == "" || how != "" && how != "content" && how != "reference" && how != "contentcontent" {
		f.refuse(w, 400, "")
		return
	}
	o := f.ops[strings.TrimPrefix(token, "tok-")]
	switch {
	case o == nil, o.owner != owner && f.bug != "foreign token":
		f.refuse(w, 404, "")
	case o.status == completed && (code == o.code || f.bug == "any code"):
		if f.bug == "used" {
			f.refuse(w, 409, expiredCode)
			return
		}
		if f.bug == "signs again" {
			f.sign(o)
		}
		f.text(w, json, 1, "TaskId", "c-"+o.id)
	case o.status == completed:
		f.refuse(w, 409, badCode)
	case o.status == 5, o.count >= attempts:
		f.refuse(w, 409, expiredCode)
	case code != o.code && f.bug != "any code":
		if !o.wrong[code] || f.bug == "counts repeats" {
			o.count++
		}
		if f.bug == "never locks" {
			o.count = 0
		}
		o.wrong[code] = true
		f.refuse(w, 409, badCode)
	default:
		o.reference = how == "reference"
		f.sign(o)
		f.text(w, json, 1, "TaskId", "c-"+o.id)
	}
}

func (f *fake) sign(o *op) {
	o.status, o.containers = completed, nil
	for _, c := range o.contents {
		f.made++
		o.containers = append(o.containers, []byte(fmt.Sprintf("signature %d of %s", f.made, c)))
	}
	if n := len(o.containers); f.bug == "order" && n > 1 {
		o.containers[0], o.containers[n-1] = o.containers[n-1], o.containers[0]
	}
}

func check(container, content []byte) error {
	var n int
	if _, err := fmt.Sscanf(string(container), "signature %d of ", &n); err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if !strings.HasSuffix(string(container), " of "+string(content)) {
		return fmt.Errorf("%.40q is no signature of %.40q", container, content)
	}
	return nil
}

func (f *fake) result(w http.ResponseWriter, owner string, isJSON bool, id string) {
	o := f.find(w, owner, id)
	if o == nil {
		return
	}
	if o.status != completed {
		f.refuse(w, 404, "")
		return
	}
	var out []byte
	list := []any{}
	for i, c := range o.containers {
		number, value, name := protowire.Number(1), c, "Content"
		if o.reference {
			shelf := fmt.Sprintf("%s-%d.sig", o.id, i)
			f.shelf[owner+"/"+shelf], f.last[owner+"/"+shelf] = map[int][]byte{0: c}, 0
			number, value, name = 2, []byte(shelf), "NameOnShelf"
		}
		out = appendBytes(out, 1, appendBytes(nil, number, value))
		if o.reference {
			list = append(list, map[string]any{name: string(value)})
		} else {
			list = append(list, map[string]any{name: value})
		}
	}
	if isJSON {
		_ = json.NewEncoder(w).Encode(map[string]any{"Signatures": list})
		return
	}
	_, _ = w.Write(out)
}

func (f *fake) dss(w http.ResponseWriter, owner string, isJSON bool, id string) {
	o := f.find(w, owner, id)
	if o == nil {
		return
	}
	out := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(o.status))
	list := []any{}
	for _, c := range o.containers {
		one := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)
		out = appendBytes(out, 2, appendBytes(one, 2, c))
		list = append(list, map[string]any{"FileSigningStatus": "SigningCompleted", "Signature": c})
	}
	if isJSON {
		_ = json.NewEncoder(w).Encode(map[string]any{"OperationStatus": operationStatuses[o.status], "FileSigningResults": list})
		return
	}
	_, _ = w.Write(out)
}

const receiptsOfBox = 7

func (f *fake) receipts(w http.ResponseWriter, json bool, q map[string]string) {
	key := q["batchkey"]
	if q["boxid"] == "" {
		f.refuse(w, 400, "")
		return
	}
	if q["boxid"] != "box-1" {
		f.refuse(w, 404, "")
		return
	}
	if _, ok := f.runs["r-"+key]; !ok || f.bug == "receipts twice" {
		n := 5
		if key == "5" {
			n = 2
		}
		f.runs["r-"+key] = n
		f.made += n
	}
	f.text(w, json, 1, "TaskId", "r-"+key)
}

func (f *fake) receiptsResult(w http.ResponseWriter, json bool, task string) {
	n, ok := f.runs[task]
	if !ok {
		f.refuse(w, 404, "")
		return
	}
	next := ""
	if task == "r-" {
		next = "5"
	}
	if json {
		_, _ = fmt.Fprintf(w, `{"SignedReceiptsCount":%d,"NextBatchKey":%q}`, n, next)
		return
	}
	out := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(n))
	if next != "" || f.bug != "no key" {
		out = appendBytes(out, 2, []byte(next))
	}
	_, _ = w.Write(out)
}
