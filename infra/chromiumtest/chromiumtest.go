// Package chromiumtest is a tab of a real browser, for tests that go through pages as people do.
//
// A page may change by itself, and a form leads to a page that comes later. Whoever looks too early sees
// the page before, and whoever goes elsewhere meanwhile breaks off what they have just sent, or is broken
// off by it (net::ERR_ABORTED). So each way to another page returns when that page is there, and what is
// found and what is done to it are one script, which no change of the page comes between.
package chromiumtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Tab is a tab of a browser that ends with the test. Its methods end the test where something does not
// happen, and say what the page showed.
type Tab struct {
	testing.TB
	Context context.Context // of the tab, for what chromedp does
}

// patience is how long something may take that a test waits for: on a busy machine, minutes are lost
// elsewhere too.
const patience = time.Minute

// New starts a browser. Where there is none the test is skipped, and fails in CI.
func New(t testing.TB) *Tab {
	t.Helper()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && browser == "" {
			browser = path
		}
	}
	if browser == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no chromium: apt-get install chromium")
		}
		t.Skip("no chromium: apt-get install chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() { stop(); stopAllocator() })
	if err := chromedp.Do(ctx); err != nil { // the browser lives as long as this context
		t.Fatalf("starting chromium: %v", err)
	}
	return &Tab{TB: t, Context: ctx}
}

// Until waits for something to hold.
func (t *Tab) Until(what string, holds func() bool) {
	t.Helper()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-every.C:
		case <-late:
			t.Lost("it did not happen: " + what)
		}
	}
}

// Lost ends the test, and says where the browser is.
func (t *Tab) Lost(why string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context, patience)
	defer stop()
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + " and shows:\n" + document.body.innerText`))
	if err != nil {
		shown = fmt.Sprintf("nowhere (%v)", err)
	}
	t.Fatalf("%s; the browser is at %s", why, shown)
}

// Holds reports whether an expression is true of the page; while another page comes, nothing is.
func (t *Tab) Holds(script string) bool {
	is, err := try[bool](t, script)
	return err == nil && is
}

// Ask is what an expression is in the page.
func Ask[T any](t *Tab, script string, options ...chromedp.EvaluateOption) T {
	t.Helper()
	is, err := try[T](t, script, options...)
	if err != nil {
		t.Lost(err.Error())
	}
	return is
}

func try[T any](t *Tab, script string, options ...chromedp.EvaluateOption) (T, error) {
	ctx, stop := context.WithTimeout(t.Context, patience)
	defer stop()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, options...))
}

// gesture makes a script's click a person's: browsers treat those without as nobody's.
func gesture(p *runtime.EvaluateParams) { yes := true; p.UserGesture = &yes }

// Go goes to an address, and returns when the page is there.
func (t *Tab) Go(url string) {
	t.Helper()
	t.Until("going to "+url, func() bool {
		ctx, stop := context.WithTimeout(t.Context, patience)
		defer stop()
		is, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: url})
		switch {
		case err != nil:
			t.Lost(fmt.Sprintf("going to %s: %v", url, err))
		case is.ErrorText == "net::ERR_ABORTED": // by a page that went elsewhere by itself
			return false
		case is.ErrorText != "":
			t.Lost(fmt.Sprintf("going to %s: %s", url, is.ErrorText))
		}
		return true
	})
	t.Until("loading "+url, func() bool { return t.Holds(`document.readyState === "complete"`) })
}

// origin tells documents apart: no two of them began at the same time.
const origin = `performance.timeOrigin`

// Leads does something that leads to another page, and returns when that page is there.
func (t *Tab) Leads(what string, do func()) {
	t.Helper()
	from := Ask[float64](t, origin)
	do()
	t.Until(what+" leads to another page", func() bool {
		return t.Holds(fmt.Sprintf(`%s !== %v && document.readyState === "complete"`, origin, from))
	})
}

// at is a script that does something to the first element that a selector finds and a mouse would hit,
// and is true once it has.
func at(selector, do string) string {
	return fmt.Sprintf(`(() => {
		for (const it of document.querySelectorAll(%q)) {
			if (it.disabled || !it.checkVisibility({ visibilityProperty: true })) continue;
			it.scrollIntoView({ block: "center", behavior: "instant" });
			const box = it.getClientRects()[0];
			const hit = box && document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
			if (!hit || hit !== it && !it.contains(hit)) continue;
			%s
			return true;
		}
		return false;
	})()`, selector, do)
}

// Shows waits until the page shows an element.
func (t *Tab) Shows(selector string) {
	t.Helper()
	t.Until("the page shows "+selector, func() bool { return t.Holds(at(selector, "")) })
}

// See waits until the main part of the page shows a text.
func (t *Tab) See(text string) {
	t.Helper()
	t.Until("the page shows "+text, func() bool {
		return t.Holds(fmt.Sprintf(`document.querySelector("main").innerText.includes(%q)`, text))
	})
}

// Click clicks what leads to no other page.
func (t *Tab) Click(selector string) {
	t.Helper()
	from := Ask[float64](t, origin)
	unsure := false
	t.Until(selector+" can be clicked", func() bool {
		if unsure && t.Holds(fmt.Sprintf("%s !== %v", origin, from)) {
			return true
		}
		clicked, err := try[bool](t, at(selector, "it.click();"), gesture)
		unsure = err != nil // the answer was lost, perhaps to the page that the click led to
		return clicked
	})
}

// Follow clicks a link, or the button of a form, and returns when the page is there that it leads to.
func (t *Tab) Follow(selector string) {
	t.Helper()
	t.Leads(selector, func() { t.Click(selector) })
}

// Write writes into a field, in the place of what is there.
func (t *Tab) Write(selector, text string) {
	t.Helper()
	t.Until(selector+" can be written in", func() bool { return t.Holds(at(selector, "it.focus(); it.select();")) })
	t.Press(text)
	if got := Ask[string](t, `document.activeElement.value`); got != text {
		t.Lost(fmt.Sprintf("%s says %q, want %q", selector, got, text))
	}
}

// Press presses keys, one after another.
func (t *Tab) Press(keys string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context, patience)
	defer stop()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		t.Lost(fmt.Sprintf("pressing %q: %v", keys, err))
	}
}

// Picture is what the whole page looks like, as PNG.
func (t *Tab) Picture() []byte {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context, patience)
	defer stop()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Lost(fmt.Sprintf("taking a picture: %v", err))
	}
	return picture
}
