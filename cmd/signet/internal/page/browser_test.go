package page

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// browser opens a page in Chromium without a screen and without JavaScript.
type browser struct {
	t   *testing.T
	ctx context.Context
	mu  sync.Mutex
	bad []string // what the browser complains about
}

func open(t *testing.T, html string, width, height int64) *browser {
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
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(file, []byte(html), 0o600))
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
		if e, ok := event.(*log.EventEntryAdded); ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.bad = append(b.bad, e.Entry.Text)
		}
	}))
	_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.run(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2)), chromedp.Navigate("file://"+file))
	return b
}

func (b *browser) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Do(b.ctx, steps...))
}

// text is what is to be seen: what the style hides is not in it.
func (b *browser) text() string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("body")))
	require.NoError(b.t, err)
	return s
}

func (b *browser) width() (content, window float64) {
	b.t.Helper()
	m, err := chromedp.Call(b.ctx, page.GetLayoutMetrics, cdp.Empty{})
	require.NoError(b.t, err)
	return m.CSSContentSize.Width, float64(m.CSSLayoutViewport.ClientWidth)
}

func (b *browser) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.bad, "the browser complains")
}

// TestPhone: with names of any length, nothing has to be pushed sideways; the language changes without a script.
func TestPhone(t *testing.T) {
	b := open(t, write(t, full("Анна "+strings.Repeat("Оченьдлинноеимя", 40)+strings.Repeat("x", 500))), 360, 740)
	content, window := b.width()
	require.LessOrEqual(t, content, window)
	require.LessOrEqual(t, content, 360.0)
	require.Contains(t, b.text(), "Report on signatures")
	require.NotContains(t, b.text(), "Отчёт о проверке подписей")
	b.run(chromedp.Click(chromedp.CSS("label[for=ru]")))
	require.Contains(t, b.text(), "Отчёт о проверке подписей")
	require.NotContains(t, b.text(), "Report on signatures")
	content, window = b.width()
	require.LessOrEqual(t, content, window)
	b.clean()
}

// TestStyleCounts: the policy of the page lets its own style in, and the dark one differs.
func TestStyleCounts(t *testing.T) {
	all := full("Anna")
	all.Files = all.Files[1:]
	html := write(t, all)
	b := open(t, html, 800, 600)
	light, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	_, err = chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	require.NoError(t, err)
	dark, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NotEqual(t, light, dark)
	require.Greater(t, len(light), 20000, "an empty picture")
	b.clean()

	// A style that is not the page's own is refused, as is everything else from outside.
	bent := open(t, strings.Replace(html, "body { margin: 0;", "body { margin: 1px;", 1), 800, 600)
	bent.text()
	bent.mu.Lock()
	defer bent.mu.Unlock()
	require.NotEmpty(t, bent.bad)
}

// TestPrinted: the paper has text on it, and many files take more than one sheet.
func TestPrinted(t *testing.T) {
	b := open(t, write(t, full("Anna")), 800, 600)
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(pdf), "%PDF-"))
	file := filepath.Join(t.TempDir(), "report.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		require.Greater(t, len(pdf), 20000, "an empty sheet")
		t.Log("SKIPPED: there is no pdftotext to read the paper; install Debian's package poppler-utils")
		return
	}
	text, err := exec.Command(tool, file, "-").Output()
	require.NoError(t, err)
	require.Contains(t, string(text), "The signature is valid.")
	require.Contains(t, string(text), "Signed by")
	require.NotContains(t, string(text), "Подпись", "one language is printed")
	require.Greater(t, strings.Count(string(text), "\f"), 1)
}
