package report

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode"
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
	"count":  offboarding.Count,
	"plus":   func(a, b int) int { return a + b },
	"short":  func(hash string) string { return hash[:min(len(hash), 16)] },
	"person": person,
	"title":  title,
	"words":  words,
	"alike":  alike,
}).Parse(pageText))

// several are calls that one line tells of.
type several struct {
	Call
	Times int
}

// alike puts calls together that the page would tell of in the same words, such as the copies of hundreds
// of files that one request asks for.
func alike(calls []Call) []several {
	var out []several
	for _, c := range calls {
		if last := len(out) - 1; last >= 0 && out[last].Call == c {
			out[last].Times++
			continue
		}
		out = append(out, several{c, 1})
	}
	return out
}

// words are those of which a name such as accountEnabled is made: between them a line may break.
func words(name string) []string {
	var out []string
	begins, was := 0, rune(0)
	for i, r := range name {
		if unicode.IsLower(was) && unicode.IsUpper(r) {
			out, begins = append(out, name[begins:i]), i
		}
		was = r
	}
	return append(out, name[begins:])
}

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
	out, err := draw(r, r.Page != "")
	if err != nil {
		return err
	}
	if r.Page != "" && digest(out) != r.Page {
		return fmt.Errorf("drawing the report of case %s: another version of Leaver has signed it, whose page this one cannot draw; use the command of the host's version", r.Case)
	}
	out = fmt.Append(out, evidenceBegins, base64.StdEncoding.EncodeToString(text), evidenceEnds)
	_, err = w.Write(out)
	return err
}

// draw is the page of a report, without its last comment: one that is signed, or one that says that nobody
// has. Neither its own digest nor a signature is shown in it.
func draw(r Report, signed bool) ([]byte, error) {
	var out bytes.Buffer
	if err := page.Execute(&out, struct {
		Report
		Chart  *chart
		Signed bool
	}{r, chartOf(r), signed}); err != nil {
		return nil, fmt.Errorf("drawing the report of case %s: %w", r.Case, err)
	}
	return out.Bytes(), nil
}

// Signed is the report as whoever made it vouches for it and for its page, so that a later version, whose
// words are others, still knows both. The sign puts a signature into the JSON of a report about a case, as
// its last field.
func (r Report) Signed(ctx context.Context, sign func(ctx context.Context, id string, report []byte) ([]byte, error)) (Report, error) {
	drawn, err := draw(r, true)
	if err != nil {
		return Report{}, err
	}
	r.Page, r.Signature = digest(drawn), nil
	text, err := json.Marshal(r)
	if err != nil {
		return Report{}, fmt.Errorf("encoding the report of case %s: %w", r.Case, err)
	}
	if text, err = sign(ctx, r.Case, text); err != nil {
		return Report{}, err
	}
	var signed Report
	if err := json.Unmarshal(text, &signed); err != nil {
		return Report{}, fmt.Errorf("reading the signed report of case %s: %w", r.Case, err)
	}
	return signed, nil
}
