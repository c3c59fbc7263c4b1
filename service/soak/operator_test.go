//go:build cgo && unix

package soak

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/seed-116355fd/signet/sign"
)

// rest waits for a random time up to most, or until ctx ends.
func rest(ctx context.Context, dice *rand.Rand, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(dice.Int64N(int64(most)))):
	}
}

// rounds does everything in a random order, again and again until ctx ends, and everything once at least.
func (w *world) rounds(ctx context.Context, dice *rand.Rand, most time.Duration, what map[string]func()) {
	for first := true; first || ctx.Err() == nil; first = false {
		for name, do := range what { // in another order each time
			if !first && ctx.Err() != nil {
				return
			}
			rest(ctx, dice, most)
			do()
			w.judge.count(name, 1)
		}
	}
}

// brief is the short form. It has no time for groups that are opened while a member is out, which is taken up half a minute
// after it has come back.
func brief() bool { return *duration < time.Minute }

// alone keeps others away in the short form.
func (w *world) alone() func() {
	if !brief() {
		return func() {}
	}
	w.tokens.Lock()
	return w.tokens.Unlock
}

// operate does what operators do, and what they do wrong.
func (w *world) operate(ctx context.Context, dice *rand.Rand, most time.Duration) {
	good := w.config("warn")
	w.rounds(ctx, dice, most, map[string]func(){
		"events: SIGHUP": func() { w.reload("ok") },
		"events: renewed certificate of the same key": func() { w.replaceSeal(true) },
		"events: another key in the file":             func() { w.replaceSeal(false) },
		"events: PIN file written anew": func() {
			defer w.alone()()
			w.write("single.pin", []byte(pin+"\n"))
			w.write("group.pin", []byte(pin+"\n"))
			if brief() { // until it was seen
				time.Sleep(time.Second)
			}
		},
		"events: TLS certificate renewed": w.newServerCertificate,
		"events: configuration broken and mended": func() {
			broken := []string{"stroes: []\n", "{", "", string(good) + "listen: {}\n", strings.Replace(string(good), "root.pem", "no.pem", 1), strings.Replace(string(good), "store: group", "store: grup", 1)}
			w.write("signet.yaml", []byte(broken[dice.IntN(len(broken))]))
			w.reload("failed")
			w.write("signet.yaml", good)
			w.reload("ok")
		},
	})
}

func (w *world) replaceSeal(sameKey bool) {
	w.newSeal(sameKey)
	want := sign.Thumbprint(w.judge.seal().Certificate())
	w.eventually(func() bool {
		status, text := w.get("/v1/keys")
		return status == http.StatusOK && strings.Contains(text, want)
	}, "a new file is not taken up")
	w.judge.settled()
}

// handle pulls tokens and puts them back.
func (w *world) handle(ctx context.Context, dice *rand.Rand, most time.Duration) {
	short := func() { time.Sleep(50*time.Millisecond + time.Duration(dice.Int64N(int64(recoverTime()/3)))) }
	whole := func() { // before the next member is pulled
		w.eventually(func() bool {
			f := w.mustFigures()
			return f.sum("signet_store_member_healthy") == 2 && f[`signet_key_ready{key="single",store="single"}`] == 1
		}, "a token that is back is not used again")
	}
	w.rounds(ctx, dice, most, map[string]func(){
		"events: the only token of a key pulled and put back in time": func() {
			w.single.pull()
			short()
			w.single.putBack()
		},
		"events: the only token of a key out for longer than calls wait": func() {
			w.judge.out("single")
			w.single.pull()
			time.Sleep(recoverTime() + 2*time.Second)
			w.single.putBack()
			w.judge.back("single")
			whole()
		},
		"events: one of the group dead for a while": func() {
			defer w.alone()()
			whole()
			one := w.group[dice.IntN(2)]
			one.pull()
			time.Sleep(time.Duration(dice.Int64N(int64(2*recoverTime() + most))))
			one.putBack()
			whole()
		},
		"events: both of the group dead": func() {
			defer w.alone()()
			whole()
			w.judge.out("group")
			w.group[0].pull()
			w.group[1].pull()
			time.Sleep(time.Duration(dice.Int64N(int64(2 * recoverTime()))))
			w.group[dice.IntN(2)].putBack()
			rest(ctx, dice, time.Second)
			w.group[0].putBack()
			w.group[1].putBack()
			w.judge.back("group")
			whole()
		},
	})
}
