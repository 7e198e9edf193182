package demo

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"leaver/infra/chromiumtest"
	"leaver/shared/simtenant"
)

// said is what the demo logs, while others read it.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// TestTheFirstMinuteEndsInTheBrowser: leaver demo --stay says where the console is, and a newcomer signs in
// there and watches somebody leave. A picture of that goes where LEAVER_SCREENSHOTS says.
func TestTheFirstMinuteEndsInTheBrowser(t *testing.T) {
	tab := chromiumtest.New(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, log said
	played := make(chan error, 1)
	go func() { played <- Play(ctx, Options{Scenario: "departures", Stay: true, Out: &out, Log: &log}) }()
	where := ""
	for every := time.NewTicker(100 * time.Millisecond); where == ""; {
		select {
		case <-every.C:
			if found := regexp.MustCompile(`It stays until .*\n.*(http://127\.0\.0\.1:\d+/console/)`).FindStringSubmatch(log.String()); found != nil {
				where = found[1]
			}
		case err := <-played:
			t.Fatalf("it did not stay: %v\n%s\n%s", err, out.String(), log.String())
		}
	}
	if err := chromedp.Do(tab.Context, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	tab.Go(where)
	tab.Follow("a.button")
	tab.Follow(`button[value="` + simtenant.UserID("nestor.wilke@contoso.com") + `"]`)
	tab.Shows(".counts")
	tab.Go(where + "plan")
	tab.Write("#who", "pradeep.gupta@contoso.com")
	tab.Follow("form.fields button")
	tab.Follow(`form[action$="/offboard"] button`)
	tab.Until("the request has become a departure", func() bool {
		return tab.Holds(`document.querySelector(".steps") !== null && (window.sameDocument = true)`)
	})
	tab.Until("the departure is complete", func() bool { return tab.Holds(`document.querySelector("h1 .state").innerText === "complete"`) })
	tab.Until("it cannot be cancelled any more", func() bool { return tab.Holds(`!document.querySelector("details.cancel")`) })
	if !chromiumtest.Ask[bool](tab, `window.sameDocument === true`) {
		t.Error("the page was loaded again: nothing is live")
	}
	if folder := os.Getenv("LEAVER_SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(filepath.Join(folder, "demo.png"), tab.Picture(), 0o644); err != nil {
			t.Error(err)
		}
	}
	interrupt()
	select {
	case err := <-played:
		if err != nil {
			t.Errorf("interrupted, it ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("interrupted, it goes on")
	}
	if !strings.Contains(out.String(), "The tenant was read") {
		t.Errorf("no report:\n%s", out.String())
	}
}
