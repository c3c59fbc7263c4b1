package pages_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/seed-116355fd/signet/service/confirm"
)

var update = flag.Bool("update", false, "write the screenshots of the documentation")

// browser is Chromium without a screen and without JavaScript, of the size of a telephone.
type browser struct {
	t   *testing.T
	ctx context.Context
	mu  sync.Mutex
	bad []string // what the browser complains about
}

func newBrowser(t *testing.T, language string, width, height int64) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("SKIPPED: there is no Chromium; install Debian's package chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(t.TempDir()))
	allocated, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	b.run(chromedp.Navigate("about:blank"))
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*log.EventEntryAdded); ok && !strings.Contains(e.Entry.Text, "favicon") && !strings.Contains(e.Entry.Text, "the server responded with a status of") {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.bad = append(b.bad, e.Entry.Text)
		}
	}))
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.headers(network.Headers{"Accept-Language": language})
	b.run(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2)))
	return b
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

func (b *browser) headers(h network.Headers) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: h})
	require.NoError(b.t, err)
}

// says waits until the page has a text.
func (b *browser) says(text string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
		defer cancel()
		body, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
		return err == nil && strings.Contains(body, text)
	}, 60*time.Second, 50*time.Millisecond, "the page does not say %q", text)
}

// shot takes a picture for the documentation.
func (b *browser) shot(name string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.Greater(b.t, len(png), 5000, "an empty picture")
	if *update {
		require.NoError(b.t, os.WriteFile(filepath.Join("..", "..", "docs", name), png, 0o644))
	}
}

func (b *browser) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.bad, "the browser complains")
}

// TestPersonInBrowser confirms an operation on a telephone, in Russian, with the keyboard only.
func TestPersonInBrowser(t *testing.T) {
	w := newWorld(t)
	op := w.begin(confirm.Code, "договор.pdf", "приложение.pdf")
	b := newBrowser(t, "ru-RU,ru;q=0.9", 390, 844)
	b.run(chromedp.Navigate(w.server.URL + "/confirm/" + op.Token))
	b.says("Ожидается ваше подтверждение")
	b.says("договор.pdf")
	b.says("Осталось попыток: 5")
	b.shot("confirm-phone.png")
	wrong := "000000"
	if w.sent() == wrong {
		wrong = "000001"
	}
	b.run(chromedp.KeyEvent(wrong + kb.Enter)) // the field has the focus
	b.says("Код неверный")
	b.says("Осталось попыток: 4")
	b.run(chromedp.KeyEvent(w.sent() + kb.Enter))
	b.says("Все документы подписаны")
	b.says("Скачать все подписи")
	require.Equal(t, confirm.Completed, w.wait(op, confirm.Signing).State)
	b.clean()
}

// TestApprovalInBrowser confirms without a code, in English.
func TestApprovalInBrowser(t *testing.T) {
	w := newWorld(t)
	op := w.begin(confirm.Elsewhere, "agreement.pdf", "annex.pdf", "list.xlsx")
	b := newBrowser(t, "en", 800, 700)
	b.run(chromedp.Navigate(w.server.URL + "/confirm/" + op.Token))
	b.says("Sign the documents")
	b.run(chromedp.Click(chromedp.CSS(`button[value=approve]`)))
	b.says("All documents are signed")
	b.shot("confirm-done.png")
	b.clean()
}

// TestOperatorInBrowser retries what failed and cancels what waits.
func TestOperatorInBrowser(t *testing.T) {
	w := newWorld(t)
	failed := w.begin(confirm.Code, "agreement.pdf")
	w.mu.Lock()
	w.fail = keyGone()
	w.mu.Unlock()
	_, err := w.engine.Confirm(t.Context(), "anna", failed.Token, w.sent())
	require.NoError(t, err)
	require.Equal(t, confirm.Failed, w.wait(failed, confirm.Signing).State)
	w.mu.Lock()
	w.fail = nil
	w.mu.Unlock()
	waiting := w.begin(confirm.Code, "annex.pdf")

	b := newBrowser(t, "en", 1100, 500)
	b.headers(network.Headers{"Authorization": basic("any", operatorToken), "Accept-Language": "en"})
	b.run(chromedp.Navigate(w.server.URL + "/operations?show=all"))
	b.says("Waiting for the person")
	b.says("the PIN was refused")
	b.shot("operations.png")
	b.run(chromedp.Click(chromedp.CSS(`button[value=retry]`)))
	b.says("Done.")
	require.Equal(t, confirm.Completed, w.wait(failed, confirm.Signing).State)
	b.run(chromedp.Navigate(w.server.URL+"/operations"), chromedp.Click(chromedp.CSS(`button[value=cancel]`)))
	b.says("There are none.")
	require.Equal(t, confirm.Cancelled, w.wait(waiting).State)
	b.clean()
}
