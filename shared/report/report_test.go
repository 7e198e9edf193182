package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/report"
)

const (
	leaver = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
	name   = "adele.vance@contoso.com"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// history is a chain of entries as a ledger keeps them, with the personal values beside it.
func history(t *testing.T, entries ...offboarding.Entry) ledger.Evidence {
	t.Helper()
	e := ledger.Evidence{Case: leaver + "-1", Personal: map[string]ledger.Value{}}
	previous := ""
	for i, entry := range entries {
		entry.Position, entry.Previous = i+1, previous
		for name, value := range entry.Sealed {
			salt := []byte("a salt of " + name)
			e.Personal[name] = ledger.Value{Salt: salt, Value: value}
			entry.Sealed[name] = hash(append(salt, value...))
		}
		raw, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		e.History = append(e.History, raw)
		previous = hash(raw)
	}
	return e
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// departure is a case with something of every kind in it.
func departure(t *testing.T) ledger.Evidence {
	t.Helper()
	policy := offboarding.DefaultPolicy()
	policy.Zone = "Europe/Berlin"
	plan, err := offboarding.Compile(offboarding.Request{
		ID: "req-d6b976c99892ee5d6d05e12f", Kind: offboarding.Termination, Employee: offboarding.Employee{UserPrincipalName: name}, EventTime: start, ReceivedAt: start, LeavingTime: start, Source: "webhooks/bob",
	}, policy)
	if err != nil {
		t.Fatal(err)
	}
	begun := func(after time.Duration, step offboarding.StepName, n int) offboarding.Entry {
		return offboarding.Entry{At: start.Add(after), Kind: offboarding.EntryBegun, Step: step, N: n, Lease: &offboarding.Lease{Holder: "h", Until: start.Add(after + time.Minute)}}
	}
	settled := func(after time.Duration, step offboarding.StepName, n int, e offboarding.Entry) offboarding.Entry {
		e.At, e.Kind, e.Step, e.N = start.Add(after), offboarding.EntrySettled, step, n
		return e
	}
	const month = 30 * 24 * time.Hour
	return history(t,
		offboarding.Entry{At: start, Kind: offboarding.EntryOpened, Tenant: "t-1", Leaver: leaver, Request: "req-d6b976c99892ee5d6d05e12f", EventTime: start, Source: "webhooks/bob", Plan: &plan, Sealed: map[string]string{"userPrincipalName": name}},
		offboarding.Entry{At: start.Add(80 * time.Millisecond), Kind: offboarding.EntryPublished},
		begun(100*time.Millisecond, offboarding.StepSignout, 1),
		begun(110*time.Millisecond, offboarding.StepBlock, 1),
		offboarding.Entry{At: start.Add(150 * time.Millisecond), Kind: offboarding.EntryKept, Step: offboarding.StepBlock, Before: map[string]string{"accountEnabled": "true", "protocols": "ImapEnabled PopEnabled"}},
		settled(310*time.Millisecond, offboarding.StepSignout, 1, offboarding.Entry{
			State: offboarding.StateEffective, Evidence: map[string]string{"lastPasswordChangeDateTime": "2026-11-22T09:00:00Z"},
			Calls: []offboarding.Call{{Operation: "PATCH /users/{id}", Status: 204, RequestID: "1c6b1f9e-0000-4000-8000-000000000001"}},
		}),
		settled(420*time.Millisecond, offboarding.StepBlock, 1, offboarding.Entry{
			State: offboarding.StateEffective, Evidence: map[string]string{offboarding.AccountEnabled: "false", "mailbox": "closed", offboarding.ResidualRisk: "an access token lives on for up to an hour"},
			Calls: []offboarding.Call{{Operation: "Set-CASMailbox", Status: 200, RequestID: "1c6b1f9e-0000-4000-8000-000000000002"}},
		}),
		begun(500*time.Millisecond, offboarding.StepForward, 1),
		offboarding.Entry{At: start.Add(550 * time.Millisecond), Kind: offboarding.EntryKept, Step: offboarding.StepForward, Before: map[string]string{"autoReplyInside": "sealed", "forwardingSmtpAddress": "sealed"}, Sealed: map[string]string{"forward-autoReplyInside": "", "forward-forwardingSmtpAddress": "adele@fabrikam.com"}},
		settled(900*time.Millisecond, offboarding.StepForward, 1, offboarding.Entry{State: offboarding.StateManual, Reason: "the successor <b>left</b> \u202e; name somebody"}),
		offboarding.Entry{At: start.Add(2 * time.Hour), Kind: offboarding.EntrySignedOff, Step: offboarding.StepForward, State: offboarding.StateManual, Reason: "was manual", Sealed: map[string]string{"forward-signed-off-by-1": "Miriam Graham", "forward-signed-off-note-1": "done in Exchange"}},
		begun(time.Second, offboarding.StepWipe, 1),
		settled(2*time.Second, offboarding.StepWipe, 2, offboarding.Entry{State: offboarding.StateWaiting, Reason: "phone 17: not acknowledged", Due: start.Add(time.Minute)}),
		begun(time.Minute, offboarding.StepWipe, 2),
		settled(time.Minute+time.Second, offboarding.StepWipe, 3, offboarding.Entry{State: offboarding.StateWaiting, Reason: "phone 17: not acknowledged", Due: start.Add(time.Hour)}),
		begun(month, offboarding.StepLicence, 1),
		settled(month+time.Second, offboarding.StepLicence, 1, offboarding.Entry{State: offboarding.StateWithheld, Rule: offboarding.B4, Reason: "the mailbox holds 61 GB"}),
	)
}

func made(t *testing.T, e ledger.Evidence) report.Report {
	t.Helper()
	r, err := report.Of(e, start.Add(31*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t *testing.T, write func(*bytes.Buffer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func asJSON(t *testing.T, r report.Report) string {
	t.Helper()
	return written(t, func(b *bytes.Buffer) error { return report.WriteJSON(b, r) })
}

func asHTML(t *testing.T, r report.Report) string {
	t.Helper()
	return written(t, func(b *bytes.Buffer) error { return report.WriteHTML(b, r) })
}

// TestAReportIsValidByItsSchema and holds what the ledger does.
func TestAReportIsValidByItsSchema(t *testing.T) {
	t.Parallel()
	r := made(t, departure(t))
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
	for _, one := range []report.Report{r, signedReport(t)} {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(asJSON(t, one)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Error(err)
		}
	}
	if r.Leaver.UserPrincipalName != name || r.LockedOutAt == nil || !r.LockedOutAt.Equal(start.Add(420*time.Millisecond)) {
		t.Errorf("got %+v, locked out %v, want %s after 420 ms", r.Leaver, r.LockedOutAt, name)
	}
	if len(r.People) != 1 || r.People[0].By.Name != "Miriam Graham" || r.People[0].Note != "done in Exchange" {
		t.Errorf("people: got %+v, want the signature of Miriam Graham", r.People)
	}
	forward := r.Steps[slices.IndexFunc(r.Steps, func(s report.Step) bool { return s.Name == offboarding.StepForward })]
	if want := (report.Fact{Name: "autoReplyInside"}); !slices.Contains(forward.Before, want) {
		t.Errorf("what was found by forward: %v, want a text that was empty, and is not erased", forward.Before)
	}
	var waits, risks int
	for _, e := range r.Timeline {
		if e.Step == offboarding.StepWipe && e.Kind == "waiting" {
			waits += e.Times
		}
	}
	for _, k := range r.Risks {
		if k.Step == offboarding.StepBlock {
			risks++
		}
	}
	if waits != 2 || risks != 1 {
		t.Errorf("got %d waits of wipe and %d risks of block, want 2 and 1", waits, risks)
	}
}

// TestAReportNeedsNothingFromOutside: no script, no address, and a stranger's words stay words.
func TestAReportNeedsNothingFromOutside(t *testing.T) {
	t.Parallel()
	page := asHTML(t, made(t, departure(t)))
	for _, never := range []string{"<script", "http://", "https://", "src=", "@import", "url(", "<link", "onload", "<b>left</b>", "ZgotmplZ"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	for _, always := range []string{"<svg", "prefers-color-scheme: dark", "@media print", "max-width: 40rem", "Miriam Graham", "adele@fabrikam.com", "remove-license-from-shared-mailbox", "locked out"} {
		if !strings.Contains(page, always) {
			t.Errorf("the page holds no %q", always)
		}
	}
}

// TestNamesAreErasedFromAReport once the personal values are gone, and it still checks.
func TestNamesAreErasedFromAReport(t *testing.T) {
	t.Parallel()
	e := departure(t)
	clear(e.Personal)
	r := made(t, e)
	text, page := asJSON(t, r), asHTML(t, r)
	for _, gone := range []string{name, "Miriam", "fabrikam"} {
		if strings.Contains(text, gone) || strings.Contains(page, gone) {
			t.Errorf("it still says %s", gone)
		}
	}
	if r.Leaver.UserPrincipalName != "erased" || r.People[0].By.Name != "erased" {
		t.Errorf("got %q and %q, want erased", r.Leaver.UserPrincipalName, r.People[0].By.Name)
	}
	if _, err := report.Check(strings.NewReader(text), ledger.Proof{}); err != nil {
		t.Error(err)
	}
}

// TestACopyThatWasTamperedWithIsNoticed tries ways to make a report say something else.
func TestACopyThatWasTamperedWithIsNoticed(t *testing.T) {
	t.Parallel()
	r := made(t, departure(t))
	text, page := asJSON(t, r), asHTML(t, r)
	for name, whole := range map[string]string{"JSON": text, "HTML": page} {
		if _, err := report.Check(strings.NewReader(whole), ledger.Proof{}); err != nil {
			t.Fatalf("the %s as it was made: %v", name, err)
		}
	}
	replaced := func(in, old, by string) string {
		t.Helper()
		if !strings.Contains(in, old) {
			t.Fatalf("it holds no %q to tamper with", old)
		}
		return strings.Replace(in, old, by, 1)
	}
	for what, copy := range map[string]string{
		"another name":                 replaced(text, name, "alex.wilber@contoso.com"),
		"another name in its evidence": strings.ReplaceAll(text, name, "alex.wilber@contoso.com"),
		"another state of the case":    replaced(text, `"state": "running"`, `"state": "complete"`),
		"a step that was not observed": replaced(text, `"state": "withheld"`, `"state": "effective"`),
		"an earlier lockout":           replaced(text, `"lockedOutAt": "2026-11-22T09:00:00.42Z"`, `"lockedOutAt": "2026-11-22T09:00:00.02Z"`),
		"another signature":            replaced(text, `"name": "Miriam Graham"`, `"name": "Nestor Wilke"`),
		"a risk left out":              replaced(text, "an access token lives on for up to an hour", "none"),
		"another request id":           replaced(text, "000000000001", "000000000009"),
		"an entry changed everywhere":  strings.ReplaceAll(text, `"status": 204`, `"status": 200`),
		"a key of a stranger's":        replaced(text, `"form": `, `"extra": 1, "form": `),
		"a word of the page":           replaced(page, "Miriam Graham", "Nestor Wilke"),
		"a style of the page":          replaced(page, "</style>", "article:nth-of-type(2) { display: none } </style>"),
		"a script in the page":         replaced(page, "</main>", "<script></script></main>"),
		"a page without its evidence":  page[:strings.LastIndex(page, "<!--")],
		"an entry less": asJSON(t, func() report.Report {
			less := r
			less.Evidence.History = r.Evidence.History[:len(r.Evidence.History)-1]
			return less
		}()),
	} {
		if _, err := report.Check(strings.NewReader(copy), ledger.Proof{}); !errors.Is(err, report.ErrAltered) {
			t.Errorf("%s: got %v, want that it was altered", what, err)
		}
	}
}

// FuzzCheck: whatever is read is a report as it was made, or an error.
func FuzzCheck(f *testing.F) {
	f.Add([]byte("{}"))
	f.Add([]byte("<!doctype html>"))
	f.Add([]byte(`{"form":"leaver.report/1","evidence":{"history":[{}]}}`))
	f.Add([]byte("<!-- leaver:evidence e30= -->"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := report.Check(bytes.NewReader(text), ledger.Proof{}); err == nil && r.Form != report.Form {
			t.Errorf("got %q without an error", r.Form)
		}
	})
}

// TestWhatAStepKeepsForItselfIsInNoReport: addresses of copies under way, of use to nobody who reads it.
func TestWhatAStepKeepsForItselfIsInNoReport(t *testing.T) {
	t.Parallel()
	var first offboarding.Entry
	if err := json.Unmarshal(departure(t).History[0], &first); err != nil {
		t.Fatal(err)
	}
	first.Sealed = map[string]string{"userPrincipalName": name}
	r := made(t, history(t, first, offboarding.Entry{
		At: start, Kind: offboarding.EntryKept, Step: offboarding.StepOnedrive,
		Before: map[string]string{"copies-1": "sealed", "linksRemoved": "3"}, Sealed: map[string]string{"onedrive-copies-1": `[{"monitor":"https://contoso-my.sharepoint.com/monitor/1"}]`},
	}))
	page := written(t, func(w *bytes.Buffer) error { return report.WriteHTML(w, r) })
	if strings.Contains(page, "/monitor/1") || !strings.Contains(page, "links") {
		t.Error("the page shows where copies are under way, or not what was found before")
	}
}

func TestCallsThatAreAlikeHaveOneLine(t *testing.T) {
	t.Parallel()
	var first offboarding.Entry
	if err := json.Unmarshal(departure(t).History[0], &first); err != nil {
		t.Fatal(err)
	}
	one := offboarding.Call{Operation: "POST /drives/{id}/items/{id}/copy", Status: 202, RequestID: "1c6b1f9e-0000-4000-8000-000000000003"}
	r := made(t, history(t, first, offboarding.Entry{At: start, Kind: offboarding.EntryKept, Step: offboarding.StepOnedrive, Calls: []offboarding.Call{one, one, one}}))
	page := written(t, func(w *bytes.Buffer) error { return report.WriteHTML(w, r) })
	if n := strings.Count(page, "/copy"); !strings.Contains(page, "/copy (3 times)") || n > 2 { // the page, and the JSON in it
		t.Errorf("the page names the copy %d times, want a line of three", n)
	}
}

// TestWhatWasAdoptedIsSaid: a history that nothing proves but a person's word is not shown as any other. The
// reason begins with more than one byte, of which the page makes no capital.
func TestWhatWasAdoptedIsSaid(t *testing.T) {
	t.Parallel()
	var first offboarding.Entry
	if err := json.Unmarshal(departure(t).History[0], &first); err != nil {
		t.Fatal(err)
	}
	first.Sealed = map[string]string{"userPrincipalName": name}
	r := made(t, history(t, first,
		offboarding.Entry{At: start, Kind: offboarding.EntrySettled, Step: offboarding.StepAccess, N: 1, State: offboarding.StateManual, Reason: "“Finance” has no other owner"},
		offboarding.Entry{At: start, Kind: offboarding.EntryAdopted, Reason: "entry 1 (opened): it is not signed", Sealed: map[string]string{"adopted-by-3": "Miriam Graham"}},
	))
	if len(r.People) != 1 || r.People[0].By.Name != "Miriam Graham" || !strings.Contains(r.People[0].What, "it is not signed") {
		t.Errorf("people decided %+v; want that Miriam Graham adopted it, and why she had to", r.People)
	}
	page := written(t, func(w *bytes.Buffer) error { return report.WriteHTML(w, r) })
	if !strings.Contains(page, "<p>“Finance” has") || strings.ContainsRune(page, '\ufffd') {
		t.Error("the page spoils the first letter of a reason")
	}
}

// TestTheTimelineEndsWithWhatWasSeenLast: a wait that goes on after the last verdict of every other step is
// drawn within the picture.
func TestTheTimelineEndsWithWhatWasSeenLast(t *testing.T) {
	t.Parallel()
	until := start.Add(time.Hour)
	page := written(t, func(w *bytes.Buffer) error {
		return report.WriteHTML(w, report.Report{
			Steps: []report.Step{{Name: offboarding.StepWipe}, {Name: offboarding.StepBlock}},
			Timeline: []report.Event{
				{At: start, Step: offboarding.StepWipe, Kind: string(offboarding.EntryBegun)},
				{At: start.Add(time.Second), Step: offboarding.StepWipe, Kind: string(offboarding.StateWaiting), Times: 9, Until: &until},
				{At: start.Add(time.Minute), Step: offboarding.StepBlock, Kind: string(offboarding.StateEffective), Times: 1},
			},
		})
	})
	drawn := regexp.MustCompile(`x="([0-9.]+)%"(?: y="[0-9]+" width="([0-9.]+)%")?`).FindAllStringSubmatch(page, -1)
	if len(drawn) < 4 {
		t.Fatalf("%d things are drawn:\n%s", len(drawn), page)
	}
	for _, each := range drawn {
		x, err := strconv.ParseFloat(each[1], 64)
		width, _ := strconv.ParseFloat(each[2], 64)
		if err != nil || x+width > 100.3 {
			t.Errorf("%s ends beyond the picture", each[0])
		}
	}
}

// TestWhoeverIsNamedByIDIsCalledByName while the name stands; once it is erased the report says so.
func TestWhoeverIsNamedByIDIsCalledByName(t *testing.T) {
	t.Parallel()
	const successor, known = "7f6e5d4c-2222-4333-8444-555555555555", "alex.wilber@contoso.com"
	of := departure(t)
	_, entries, err := of.Fold()
	if err != nil {
		t.Fatal(err)
	}
	entries = append(entries[:8:8], // forward has begun
		offboarding.Entry{At: start.Add(550 * time.Millisecond), Kind: offboarding.EntryKept, Step: offboarding.StepForward, Before: map[string]string{offboarding.NameOf + successor: "sealed"}, Sealed: map[string]string{ledger.PersonalName(offboarding.StepForward, offboarding.NameOf+successor): known}},
		offboarding.Entry{At: start.Add(600 * time.Millisecond), Kind: offboarding.EntrySettled, Step: offboarding.StepForward, N: 1, State: offboarding.StateEffective, Evidence: map[string]string{"forwardedTo": successor}},
	)
	entries[0].Sealed = map[string]string{"userPrincipalName": name}
	e := history(t, entries...)
	forwardedTo := func() (facts []string) {
		for _, s := range made(t, e).Steps {
			for _, f := range s.Observed {
				if s.Name == offboarding.StepForward {
					facts = append(facts, f.Name+": "+f.Value)
				}
			}
			if s.Name == offboarding.StepForward && len(s.Before) > 0 {
				t.Errorf("the name is among what was before: %v", s.Before)
			}
		}
		return facts
	}
	if got, want := forwardedTo(), []string{"forwardedTo: " + known + " (" + successor + ")"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	clear(e.Personal)
	if got, want := forwardedTo(), []string{"forwardedTo: erased (" + successor + ")"}; !slices.Equal(got, want) {
		t.Errorf("once the values are erased: got %q, want %q", got, want)
	}
}
