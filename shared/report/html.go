package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"leaver/shared/offboarding"
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"moment": func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") },
	"day":    func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"clock":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"took":   took,
	"tone":   tone,
	"plus":   func(a, b int) int { return a + b },
	"short":  func(hash string) string { return hash[:min(len(hash), 16)] },
	"person": person,
	"title":  title,
}).Parse(pageText))

// title is a text with a capital at its beginning.
func title(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return strings.ToUpper(s[:n]) + s[n:]
}

// took is a duration as people say it.
func took(from, to time.Time) string {
	switch d := to.Sub(from); {
	case d < 0:
		return "at once"
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// tone is how a state is coloured: as wanted, for a person, in between, or neither.
func tone(state any) string {
	switch fmt.Sprint(state) {
	case string(offboarding.StateEffective), string(offboarding.CaseComplete), string(offboarding.StateSignedOff), string(offboarding.EntryApproved), string(offboarding.EntryReleased):
		return "good"
	case string(offboarding.StateManual), string(offboarding.StateHeld):
		return "ask"
	case string(offboarding.StateParked), string(offboarding.StateRetrying), string(offboarding.CaseUnreadable):
		return "bad"
	case string(offboarding.StateWithheld):
		return "kept"
	case string(offboarding.StateUndone), string(offboarding.CaseUndoing), string(offboarding.EntryUndo):
		return "back"
	case string(offboarding.StateWaiting), string(offboarding.CaseRunning), string(offboarding.CasePlanning), string(offboarding.StatePlanned):
		return "wait"
	}
	return "none"
}

func person(p *Person) string {
	switch {
	case p == nil:
		return ""
	case p.Verified:
		return p.Name + " (verified)"
	}
	return p.Name
}

// WriteHTML writes the report as one page: it needs no script and nothing from outside, and its last
// comment holds the report itself, so that [Check] takes the page as well.
func WriteHTML(w io.Writer, r Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the report of case %s: %w", r.Case, err)
	}
	var out bytes.Buffer
	if err := page.Execute(&out, struct {
		Report
		Chart *chart
	}{r, chartOf(r)}); err != nil {
		return fmt.Errorf("drawing the report of case %s: %w", r.Case, err)
	}
	out.WriteString(evidenceBegins + base64.StdEncoding.EncodeToString(text) + evidenceEnds + "\n")
	_, err = out.WriteTo(w)
	return err
}
