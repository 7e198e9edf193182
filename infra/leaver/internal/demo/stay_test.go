package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

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
	tab := chromium(t)
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
	look, stop := context.WithTimeout(tab, 90*time.Second)
	defer stop()
	err := chromedp.Do(look,
		chromedp.EmulateViewport(1280, 900),
		chromedp.Navigate(where), chromedp.Click(chromedp.CSS("a.button")),
		chromedp.Click(chromedp.CSS(`button[value="`+simtenant.UserID("nestor.wilke@contoso.com")+`"]`)),
		chromedp.WaitVisible(chromedp.CSS(`.counts`)),
		chromedp.Navigate(where+"plan"), chromedp.SendKeys(chromedp.CSS("#who"), "pradeep.gupta@contoso.com\r"), chromedp.WaitVisible(chromedp.CSS(`.planned`)),
		chromedp.Click(chromedp.CSS(`form[action$="/offboard"] button`)), chromedp.WaitVisible(chromedp.CSS(`.steps`)),
	)
	if err == nil {
		_, err = chromedp.Run(look, chromedp.Evaluate[bool](`window.sameDocument = true`))
	}
	if err == nil {
		_, err = chromedp.Run(look, chromedp.Poll[bool](`document.querySelector("h1 .state").innerText === "complete"`, chromedp.WithPollingTimeout(80*time.Second)))
	}
	if err != nil {
		text, _ := chromedp.Run(tab, chromedp.Evaluate[string](`document.body.innerText`))
		t.Fatalf("%v; the browser shows\n%s", err, text)
	}
	if _, err := chromedp.Run(look, chromedp.Poll[bool](`!document.querySelector("details.cancel")`, chromedp.WithPollingTimeout(10*time.Second))); err != nil {
		t.Errorf("a departure that is complete can still be cancelled: %v", err)
	}
	if live, err := chromedp.Run(look, chromedp.Evaluate[bool](`window.sameDocument === true`)); err != nil || !live {
		t.Errorf("the page was loaded again: nothing is live (%v)", err)
	}
	if folder := os.Getenv("LEAVER_SCREENSHOTS"); folder != "" {
		picture, err := chromedp.Run(look, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(fmt.Sprintf("%s/demo.png", folder), picture, 0o644)
		}
		if err != nil {
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
