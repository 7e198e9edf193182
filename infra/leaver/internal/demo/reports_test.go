package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"leaver/infra/chromium"
	"leaver/shared/ledger"
	caseReport "leaver/shared/report"
)

// seen is what the browser makes of a page.
type seen struct {
	Errors   int // of resources and scripts
	Wide     int // how much wider than the window it is, in pixels
	Outside  int // resources that were fetched
	Scripts  int
	Headings int
	Lanes    int // of the timeline
	Dark     bool
	Title    string
}

const look = `({
  Errors: 0, Wide: Math.max(0, document.documentElement.scrollWidth - window.innerWidth), Outside: performance.getEntriesByType("resource").length,
  Scripts: document.scripts.length, Headings: document.querySelectorAll("h2").length, Lanes: document.querySelectorAll("svg .name").length,
  Dark: matchMedia("(prefers-color-scheme: dark)").matches && getComputedStyle(document.body).backgroundColor !== "rgb(251, 250, 248)", Title: document.title })`

// opened is a page as the browser shows it in a window of that size and scheme of colours.
func opened(tab *chromium.Tab, path string, width, height int64, scheme string) (is seen, picture []byte) {
	tab.Helper()
	_, err := chromedp.Call(tab.Context, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err == nil {
		err = chromedp.Do(tab.Context, chromedp.EmulateViewport(width, height))
	}
	tab.Go("file://" + path)
	if err == nil {
		picture, err = chromedp.Run(tab.Context, chromedp.CaptureScreenshot())
	}
	if err != nil {
		tab.Lost(err.Error())
	}
	return chromium.Ask[seen](tab, look), picture
}

// TestReportsInARealBrowser opens the reports of demo scenarios in Chromium: as on a desk, on a phone and in
// the dark, and prints them. Their JSON is valid, and no copy that was tampered with checks.
func TestReportsInARealBrowser(t *testing.T) {
	tab := chromium.New(t)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(caseReport.Schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("report.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	kept := os.Getenv("LEAVER_REPORTS") // a directory for whoever wants to look at them
	for _, scenario := range []string{"departures", "hold-then-delete", "undo"} {
		dir := t.TempDir()
		if out, err := played(t, Options{Scenario: scenario, JSON: true, Reports: dir}); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
		if err != nil || len(pages) == 0 {
			t.Fatalf("%s: no reports: %v", scenario, err)
		}
		for _, path := range pages {
			text, err := os.ReadFile(strings.TrimSuffix(path, "html") + "json")
			if err != nil {
				t.Fatal(err)
			}
			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err == nil {
				err = schema.Validate(instance)
			}
			if err != nil {
				t.Errorf("%s of %s: %v", filepath.Base(path), scenario, err)
			}
			tampered(t, path, text)
			for name, device := range map[string]struct {
				width, height int64
				scheme        string
			}{"desk": {1100, 900, "light"}, "phone": {390, 844, "light"}, "dark": {1100, 900, "dark"}} {
				is, picture := opened(tab, path, device.width, device.height, device.scheme)
				var printed []byte
				if name == "desk" {
					printed, err = chromedp.Run(tab.Context, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
				}
				if err != nil {
					t.Fatalf("%s of %s on a %s: %v", filepath.Base(path), scenario, name, err)
				}
				if is.Wide > 0 || is.Outside > 0 || is.Scripts > 0 || is.Headings < 5 || is.Lanes < 5 || is.Dark != (name == "dark") || is.Title == "" {
					t.Errorf("%s of %s on a %s: %+v; want no script, nothing from outside, no wider than the window, and its parts", filepath.Base(path), scenario, name, is)
				}
				if name == "desk" && !bytes.HasPrefix(printed, []byte("%PDF")) {
					t.Errorf("%s of %s does not print", filepath.Base(path), scenario)
				}
				if kept != "" {
					base := filepath.Join(kept, scenario+"-"+strings.TrimSuffix(filepath.Base(path), ".html")+"-"+name)
					err := os.WriteFile(base+".png", picture, 0o600)
					if len(printed) > 0 {
						err = errors.Join(err, os.WriteFile(base+".pdf", printed, 0o600))
					}
					if err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

// tampered changes ten things in a report, one a copy.
func tampered(t *testing.T, path string, text []byte) {
	t.Helper()
	check := func(copy []byte) error { _, err := caseReport.Check(bytes.NewReader(copy), ledger.Proof{}); return err }
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(check(text), check(whole)); err != nil {
		t.Errorf("%s as it was made: %v", filepath.Base(path), err)
	}
	var r caseReport.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for n, change := range []func(*caseReport.Report){
		func(r *caseReport.Report) { r.State = "running" },
		func(r *caseReport.Report) { r.Leaver.UserPrincipalName = "eve@contoso.com" },
		func(r *caseReport.Report) { r.OpenedAt = r.OpenedAt.Add(time.Hour) },
		func(r *caseReport.Report) { r.Steps = r.Steps[1:] },
		func(r *caseReport.Report) { r.Steps[0].Attempts++ },
		func(r *caseReport.Report) { r.Asked[0].Source = "operator" },
		func(r *caseReport.Report) { r.Timeline = r.Timeline[:len(r.Timeline)-1] },
		func(r *caseReport.Report) { r.Head = strings.Repeat("0", 64) },
		func(r *caseReport.Report) { r.Evidence.History = r.Evidence.History[1:] },
		func(r *caseReport.Report) { r.Tenant = "another" },
	} {
		var copied caseReport.Report
		if err := json.Unmarshal(text, &copied); err != nil {
			t.Fatal(err)
		}
		change(&copied)
		var b bytes.Buffer
		if err := caseReport.WriteJSON(&b, copied); err != nil {
			t.Fatal(err)
		}
		if err := check(b.Bytes()); !errors.Is(err, caseReport.ErrAltered) {
			t.Errorf("tampered copy %d of %s: got %v, want that it was altered", n, filepath.Base(path), err)
		}
		altered := bytes.Replace(whole, []byte("Departure report"), fmt.Appendf(nil, "Departure report %d", n), 1)
		if err := check(altered); !errors.Is(err, caseReport.ErrAltered) {
			t.Errorf("tampered page %d: got %v, want that it was altered", n, err)
		}
	}
}
