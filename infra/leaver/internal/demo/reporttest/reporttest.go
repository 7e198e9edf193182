// Package reporttest looks at the reports of a demo: as whoever gets one does in a browser and on paper, as
// whoever reads the JSON does, and as whoever doubts it.
package reporttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"leaver/infra/chromiumtest"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/report"
)

// Variable names a directory for whoever wants to look at pictures and PDFs of the reports.
const Variable = "LEAVER_REPORTS"

// opened is how many reports of a scenario the browser opens at most; the JSON of all is looked at.
const opened = 5

// Look takes the reports that a scenario has written into a directory, at least one of them: their JSON is
// valid, each verifies by the keys that lie beside them and by its words, none of ten copies of each that
// were tampered with does, and the browser shows and prints them.
func Look(t *testing.T, scenario, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ledger.ParseKeys(string(text))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("%s: no reports: %v", scenario, err)
	}
	schema := schemaOf(t)
	var all []report.Report
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
		made := asMade(t, path, text, keys)
		if name := filepath.Base(path); name != made.Case+".html" {
			t.Errorf("%s of %s tells of case %s", name, scenario, made.Case)
		}
		all = append(all, made)
		tampered(t, path, text, keys)
	}
	t.Run("its reports in a browser", func(t *testing.T) {
		tab := chromiumtest.New(t)
		for i, path := range pages[:min(len(pages), opened)] {
			shown(tab, scenario, path, all[i])
		}
	})
}

func schemaOf(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(report.Schema))
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
	return schema
}

// asMade verifies a report, page and JSON, with its keys, and makes it again without any.
func asMade(t *testing.T, path string, text []byte, keys []ledger.Key) report.Report {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var is report.Checked
	for form, text := range map[string][]byte{"page": page, "JSON": text} {
		if is, err = report.Check(bytes.NewReader(text), ledger.Proof{Keys: keys}); err != nil || is.Key == "" {
			t.Errorf("the %s of %s: signed by %q, %v; want it verified by its key", form, filepath.Base(path), is.Key, err)
		}
		if _, err := report.Check(bytes.NewReader(text), ledger.Proof{}); err != nil {
			t.Errorf("the %s of %s, made again: %v", form, filepath.Base(path), err)
		}
		if v := (ledger.Proof{Keys: keys}).Verify(is.Evidence.Copy()); !v.OK {
			t.Errorf("the history in the %s of %s does not verify: %+v", form, filepath.Base(path), v.Problems)
		}
	}
	return is.Report
}

// tampered changes ten things in the JSON of a report and ten in its page, one a copy.
func tampered(t *testing.T, path string, text []byte, keys []ledger.Key) {
	t.Helper()
	fails := func(what string, copy []byte) {
		t.Helper()
		for _, proof := range []ledger.Proof{{Keys: keys}, {}} {
			if _, err := report.Check(bytes.NewReader(copy), proof); !errors.Is(err, report.ErrAltered) {
				t.Errorf("%s of %s, with %d keys: got %v, want that it was altered", what, filepath.Base(path), len(proof.Keys), err)
			}
		}
	}
	for n, change := range []func(*report.Report){
		func(r *report.Report) { r.State = "another" },
		func(r *report.Report) { r.Leaver.UserPrincipalName = "eve@contoso.com" },
		func(r *report.Report) { r.OpenedAt = r.OpenedAt.Add(time.Hour) },
		func(r *report.Report) { r.Steps = append(r.Steps[min(1, len(r.Steps)):], report.Step{Name: "another"}) },
		func(r *report.Report) { r.Timeline[0].Times++ },
		func(r *report.Report) { r.Asked[0].Source = "somebody else" },
		func(r *report.Report) { r.Timeline = r.Timeline[:len(r.Timeline)-1] },
		func(r *report.Report) { r.Head = strings.Repeat("0", 64) },
		func(r *report.Report) { r.Evidence.History = r.Evidence.History[1:] },
		func(r *report.Report) { r.Tenant = "another" },
	} {
		var copied report.Report
		if err := json.Unmarshal(text, &copied); err != nil {
			t.Fatal(err)
		}
		change(&copied)
		var b bytes.Buffer
		if err := report.WriteJSON(&b, copied); err != nil {
			t.Fatal(err)
		}
		fails(fmt.Sprintf("tampered copy %d", n+1), b.Bytes())
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"<title>", "</style>", "Departure report", "<dt>Opened", "<h2>Who asked", "<h2>Steps", `<p class="quiet">`, "<h2>What happened", "Made ", "</main>"} {
		copied := bytes.Replace(page, []byte(part), []byte(part+" "), 1)
		if bytes.Equal(copied, page) {
			t.Errorf("the page %s holds no %q", filepath.Base(path), part)
			continue
		}
		fails(fmt.Sprintf("the page with a blank after %q", part), copied)
	}
}

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

// page is one as the browser shows it in a window of that size and scheme of colours.
func page(tab *chromiumtest.Tab, path string, width, height int64, scheme string) (is seen, picture []byte) {
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
	return chromiumtest.Ask[seen](tab, look), picture
}

// shown opens a report in Chromium, as on a desk, on a phone and in the dark, and prints it.
func shown(t *chromiumtest.Tab, scenario, path string, r report.Report) {
	t.Helper()
	lanes := 0
	if slices.ContainsFunc(r.Timeline, func(e report.Event) bool { return e.Kind == string(offboarding.EntryBegun) }) {
		lanes = len(r.Steps)
	}
	kept := os.Getenv(Variable)
	for name, device := range map[string]struct {
		width, height int64
		scheme        string
	}{"desk": {1100, 900, "light"}, "phone": {390, 844, "light"}, "dark": {1100, 900, "dark"}} {
		is, picture := page(t, path, device.width, device.height, device.scheme)
		var printed []byte
		var err error
		if name == "desk" {
			printed, err = chromedp.Run(t.Context, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
		}
		if err != nil {
			t.Fatalf("%s of %s on a %s: %v", filepath.Base(path), scenario, name, err)
		}
		if is.Wide > 0 || is.Outside > 0 || is.Scripts > 0 || is.Headings < 4 || is.Lanes != lanes || is.Dark != (name == "dark") || is.Title == "" {
			t.Errorf("%s of %s on a %s: %+v; want no script, nothing from outside, no wider than the window, its parts and %d lanes", filepath.Base(path), scenario, name, is, lanes)
		}
		if name == "desk" && !bytes.HasPrefix(printed, []byte("%PDF")) {
			t.Errorf("%s of %s does not print", filepath.Base(path), scenario)
		}
		if kept == "" {
			continue
		}
		base := filepath.Join(kept, scenario+"-"+strings.TrimSuffix(filepath.Base(path), ".html")+"-"+name)
		err = os.WriteFile(base+".png", picture, 0o600)
		if len(printed) > 0 {
			err = errors.Join(err, os.WriteFile(base+".pdf", printed, 0o600))
		}
		if err != nil {
			t.Error(err)
		}
	}
}
