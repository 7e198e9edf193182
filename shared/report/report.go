// Package report says what became of one departure to whoever was not there: HR, an auditor, a lawyer.
// A report is a pure function of what the ledger holds of the case, and carries that history byte for
// byte, so it can be checked without the ledger. The words change from version to version: so whoever
// makes it signs it together with its page, and [Check] goes by that, and makes it again where it cannot.
//
// [Of] makes it, as JSON by [Schema]; [WriteHTML] draws it as one page without a script or anything
// from outside. Names stand in it while the case's personal values do, and "erased" after that.
package report

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Form is the form of the reports that this version makes; a newer one has another number.
const Form = "leaver.report/1"

// Schema is the JSON schema of a report.
//
//go:embed report.schema.json
var Schema []byte

// Report is what became of a departure, at a time.
type Report struct {
	Form   string    `json:"form"`
	MadeAt time.Time `json:"madeAt"`
	Case   string    `json:"case"`
	Tenant string    `json:"tenant"`
	Leaver Leaver    `json:"leaver"`
	State  string    `json:"state"`

	OpenedAt    time.Time  `json:"openedAt"`
	LeavingTime *time.Time `json:"leavingTime,omitempty"`
	Leaves      string     `json:"leaves,omitempty"` // the leaving time in words, and why then
	// LockedOutAt is when password, sessions and account had been read back as closed.
	LockedOutAt *time.Time `json:"lockedOutAt,omitempty"`
	DeletedAt   *time.Time `json:"deletedAt,omitempty"`
	CancelledAt *time.Time `json:"cancelledAt,omitempty"`
	ErasedAt    *time.Time `json:"erasedAt,omitempty"` // when the personal values were erased

	Undo *Undo `json:"undo,omitempty"` // the last order to take it back

	Asked     []Asked                `json:"asked"`
	Steps     []Step                 `json:"steps"`
	People    []Act                  `json:"people"`    // what people decided and did
	Remains   []Remaining            `json:"remains"`   // what is still to be done, and by whom
	Risks     []Risk                 `json:"risks"`     // what no step can end or see
	Deadlines []offboarding.Deadline `json:"deadlines"` // what ends by itself
	Timeline  []Event                `json:"timeline"`

	Evidence ledger.Evidence `json:"evidence"`
	Head     string          `json:"head"` // the hash of the last entry

	// Page is the SHA-256 of the page that is drawn of it, without the last comment, where it is signed.
	Page string `json:"page,omitempty"`
	// Signature is the ledger's key's over all that stands before it; it stays the last field.
	Signature json.RawMessage `json:"signature,omitempty"`
}

// Leaver is who leaves.
type Leaver struct {
	ID                string `json:"id"`
	UserPrincipalName string `json:"userPrincipalName"` // or "erased"
}

// Asked is who asked for the departure, for a change of it, or for its end.
type Asked struct {
	At        time.Time  `json:"at"`
	For       string     `json:"for"` // departure | change | cancellation | undo, prepared alone without by | end of the undo
	Source    string     `json:"source,omitempty"`
	Request   string     `json:"request,omitempty"`
	EventTime *time.Time `json:"eventTime,omitempty"`
	By        *Person    `json:"by,omitempty"` // where a person did
	Words     string     `json:"words,omitempty"`
}

// Undo is the order to take the departure back, and what of it that cannot bring back.
type Undo struct {
	At        time.Time              `json:"at"`
	StoppedAt *time.Time             `json:"stoppedAt,omitempty"`
	Steps     []offboarding.StepName `json:"steps"`
	Lost      []string               `json:"lost"`
}

// Person is somebody who decided something.
type Person struct {
	Name     string `json:"name"` // or "erased"
	Verified bool   `json:"verified"`
}

// Act is what a person decided or did.
type Act struct {
	At   time.Time            `json:"at"`
	By   Person               `json:"by"`
	What string               `json:"what"`
	Step offboarding.StepName `json:"step,omitempty"`
	Note string               `json:"note,omitempty"`
}

// Step is one step of the departure.
type Step struct {
	Name  offboarding.StepName  `json:"name"`
	Does  string                `json:"does"`
	Done  string                `json:"done"` // what has to be observed
	State offboarding.StepState `json:"state"`
	Rule  *Rule                 `json:"rule,omitempty"` // that withholds it
	Why   string                `json:"why,omitempty"`
	// AskedAt is when it first ran; EffectiveAt when its effect was observed.
	AskedAt     *time.Time `json:"askedAt,omitempty"`
	EffectiveAt *time.Time `json:"effectiveAt,omitempty"`
	Attempts    int        `json:"attempts"`
	// Before is what it found before its first write, Observed what it read after the last one.
	Before   []Fact `json:"before"`
	Observed []Fact `json:"observed"`
	Calls    []Call `json:"calls"`
}

// Rule is a rule that withholds a step, with the document that it comes from.
type Rule struct {
	Name   string `json:"name"`
	Text   string `json:"text"`
	Source string `json:"source"`
}

// Fact is something that a step read.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Call is a write that Microsoft answered, and the id by which Microsoft finds it in its own logs.
type Call struct {
	At        time.Time `json:"at"` // of the entry that keeps it
	Operation string    `json:"operation"`
	Status    int       `json:"status"`
	RequestID string    `json:"requestId,omitempty"`
}

// Remaining is a step that is not closed.
type Remaining struct {
	Step  offboarding.StepName  `json:"step"`
	State offboarding.StepState `json:"state"`
	What  string                `json:"what"`
	Due   *time.Time            `json:"due,omitempty"`
}

// Risk is what a step can neither end nor see.
type Risk struct {
	Step offboarding.StepName `json:"step"`
	What string               `json:"what"`
}

// Event is one line of the timeline. Times of the same kind in a row are one, and Times says how many.
type Event struct {
	At    time.Time            `json:"at"`
	Step  offboarding.StepName `json:"step,omitempty"`
	Kind  string               `json:"kind"`
	What  string               `json:"what"`
	Times int                  `json:"times"`
	Until *time.Time           `json:"until,omitempty"` // of the last of several
}

// erased stands for a personal value that is not there any more.
const erased = "erased"

// Of makes the report of a case at a time. Errors: those of [ledger.Evidence.Fold].
func Of(e ledger.Evidence, now time.Time) (Report, error) {
	c, entries, err := e.Fold()
	if err != nil {
		return Report{}, err
	}
	m := making{c: c, personal: e.Values(), entries: entries}
	m.names = m.namesOf()
	r := Report{
		Form: Form, MadeAt: now.UTC(), Case: c.ID, Tenant: c.Tenant, State: string(c.State(now)),
		Leaver:   Leaver{ID: c.Leaver, UserPrincipalName: m.named("userPrincipalName")},
		OpenedAt: c.OpenedAt, LeavingTime: known(c.Plan.LeavingTime), DeletedAt: known(c.AccountDeleted()), ErasedAt: known(c.ErasedAt),
		Asked: []Asked{}, Steps: []Step{}, People: []Act{}, Remains: []Remaining{}, Risks: []Risk{}, Timeline: []Event{},
		Deadlines: offboarding.Deadlines(c), Evidence: e, Head: c.Hash,
	}
	if c.Plan.Version > 0 {
		r.Leaves = c.Plan.Leaves()
	}
	if r.Deadlines == nil {
		r.Deadlines = []offboarding.Deadline{}
	}
	if at, out := c.LockedOut(); out {
		r.LockedOutAt = &at
	}
	if c.Cancelled != nil {
		r.CancelledAt = known(c.Cancelled.At)
	}
	if u := c.Undo; u != nil {
		r.Undo = &Undo{At: u.At, StoppedAt: known(u.Stopped), Steps: u.Steps, Lost: append([]string{}, c.Lost(u.Steps)...)}
	}
	for i := range entries {
		m.tell(&r, &entries[i])
	}
	for _, record := range c.Steps {
		m.step(&r, record)
	}
	return r, nil
}

// making is a report while it is made.
type making struct {
	c        *offboarding.Case
	personal map[string]string
	entries  []offboarding.Entry
	names    map[string]string // of people whom steps name by object id
}

// named is a personal value, or that it was erased.
func (m making) named(name string) string {
	if !m.c.Sealed(name) {
		return ""
	}
	if value, kept := m.personal[name]; kept {
		return value // which may be empty, too
	}
	return erased
}

// person is who did what an entry says; nil where that was nobody.
func (m making) person(name string) *Person {
	if !m.c.Sealed(name) {
		return nil
	}
	return &Person{Name: m.named(name), Verified: m.c.Sealed(name + "-id")}
}

func at(what string, position int) string { return what + "-" + strconv.Itoa(position) }

// tell adds what an entry says to the timeline, to who asked, and to what people did.
func (m making) tell(r *Report, e *offboarding.Entry) {
	event := func(format string, args ...any) { m.event(r, e, fmt.Sprintf(format, args...)) }
	act := func(by *Person, note, format string, args ...any) {
		what := fmt.Sprintf(format, args...)
		if by == nil {
			by = &Person{Name: "the ledger"}
		}
		r.People = append(r.People, Act{At: e.At, By: *by, What: what, Step: e.Step, Note: note})
		m.event(r, e, what)
	}
	switch e.Kind {
	case offboarding.EntryOpened, offboarding.EntryJoined:
		by := m.person(at("asked-by", e.Position))
		what := map[bool]string{true: "departure", false: "change"}[e.Kind == offboarding.EntryOpened]
		r.Asked = append(r.Asked, Asked{At: e.At, For: what, Source: e.Source, Request: e.Request, EventTime: known(e.EventTime), By: by})
		event("%s asked for by %s", what, cmp.Or(e.Source, "a request"))
		for _, b := range e.Brakes {
			event("held: %s", b.Why)
		}
	case offboarding.EntryCancelled:
		words := m.named("cancelReason")
		r.Asked = append(r.Asked, Asked{At: e.At, For: "cancellation", Source: e.Source, Request: e.Request, EventTime: known(e.EventTime), Words: words})
		event("cancelled: %s", cmp.Or(e.Reason, "the HR system said so"))
	case offboarding.EntryBegun:
		if !slices.ContainsFunc(r.Timeline, func(was Event) bool { return was.Step == e.Step && was.Kind == string(e.Kind) }) {
			event("begun")
		}
	case offboarding.EntrySettled:
		m.settled(r, e)
	case offboarding.EntrySignedOff:
		act(m.sealed(e, "-signed-off-by-"), m.noted(e, "-signed-off-note-"), "signed off (%s)", e.Reason)
	case offboarding.EntryAccepted:
		act(m.sealed(e, "-accepted-by-"), m.noted(e, "-accepted-note-"), "accepted %s as found", offboarding.Count(len(e.Items), "thing"))
	case offboarding.EntryHeld:
		for _, b := range e.Brakes {
			event("held: %s", b.Why)
		}
	case offboarding.EntryReleased:
		act(m.person(at("released-by", e.Position)), "", "released it from the limits")
	case offboarding.EntryApproved:
		act(m.person(e.Approval.By), m.named(at("approved-note", e.Position)), "approved it")
	case offboarding.EntryWithdrawn:
		act(m.person(e.Approval.By), "", "took their approval back")
	case offboarding.EntryUndo:
		by := m.person(at("undone-by", e.Position))
		r.Asked = append(r.Asked, Asked{At: e.At, For: "undo", Source: e.Source, By: by, Words: m.named(at("undone-reason", e.Position))})
		event("undo of %s %s", offboarding.Count(len(e.Undo), "step"), map[bool]string{true: "ordered", false: "prepared, and held until a person begins it"}[by != nil])
		for _, b := range e.Brakes {
			event("held: %s", b.Why)
		}
	case offboarding.EntryUndoStopped:
		r.Asked = append(r.Asked, Asked{At: e.At, For: "end of the undo", By: m.person(at("undo-stopped-by", e.Position))})
		event("the undo was stopped")
	case offboarding.EntryAdopted:
		act(m.person(at("adopted-by", e.Position)), "", "adopted the history as it stood, which was not proven: %s", e.Reason)
	case offboarding.EntryErased:
		event("the personal values were erased")
	case offboarding.EntryExportDeleted:
		event("the export of the mailbox was deleted from %s by exportKeep, which kept it until %s: %s in %s, %s, manifest %s",
			e.Export.From, offboarding.Stamp(e.Export.KeepUntil), offboarding.Count(e.Export.Items, "item"), offboarding.Count(e.Export.Files, "file"), offboarding.Bytes(e.Export.Bytes), e.Export.Manifest)
	}
}

// sealed is the person whom an entry keeps under a name that holds what; nil where it keeps none.
func (m making) sealed(e *offboarding.Entry, what string) *Person {
	for name := range e.Sealed {
		if strings.Contains(name, what) && !strings.HasSuffix(name, "-id") {
			return m.person(name)
		}
	}
	return nil
}

// noted are the words that an entry keeps likewise.
func (m making) noted(e *offboarding.Entry, what string) string {
	if p := m.sealed(e, what); p != nil {
		return p.Name
	}
	return ""
}

// settled tells how a run ended.
func (m making) settled(r *Report, e *offboarding.Entry) {
	what := string(e.State)
	switch {
	case e.Observed && e.State != offboarding.StateEffective:
		what += ", and its own effect observed"
	case e.Would != "":
		what += ": would " + e.Would
	}
	if !e.Rule.IsZero() {
		what += " by " + e.Rule.Name
	}
	if e.Reason != "" {
		what += ": " + e.Reason
	}
	m.event(r, e, what)
	for _, b := range e.Brakes {
		m.event(r, e, "asks for an approval: "+b.Why)
	}
}

// event adds a line to the timeline, or one more time to the last one of the step.
func (m making) event(r *Report, e *offboarding.Entry, what string) {
	for i := len(r.Timeline) - 1; i >= 0; i-- {
		last := &r.Timeline[i]
		if last.Step != e.Step {
			continue
		}
		if e.Step != "" && last.Kind == kind(e) && last.What == what {
			last.Times++
			last.Until = known(e.At)
			return
		}
		break
	}
	r.Timeline = append(r.Timeline, Event{At: e.At, Step: e.Step, Kind: kind(e), What: what, Times: 1})
}

// kind is what the timeline calls an entry: of a verdict its state.
func kind(e *offboarding.Entry) string {
	if e.Kind == offboarding.EntrySettled {
		return string(e.State)
	}
	return string(e.Kind)
}

// step adds a step, what it leaves to be done and what it cannot end.
func (m making) step(r *Report, record *offboarding.Record) {
	spec, _ := offboarding.SpecOf(record.Name)
	s := Step{
		Name: record.Name, Does: spec.Does, Done: spec.Done, State: record.State, Why: record.Reason,
		EffectiveAt: known(record.EffectiveAt), Attempts: record.Attempts, Before: m.facts(record.Name, record.Before), Observed: []Fact{}, Calls: []Call{},
	}
	if rule := record.Rule; !rule.IsZero() {
		s.Rule = &Rule{Name: rule.Name, Text: rule.Text, Source: rule.Source}
	}
	observed := maps.Clone(record.Evidence)
	if risks := observed[offboarding.ResidualRisk]; risks != "" {
		for risk := range strings.SplitSeq(risks, "; ") {
			r.Risks = append(r.Risks, Risk{Step: record.Name, What: risk})
		}
		delete(observed, offboarding.ResidualRisk)
	}
	s.Observed = m.facts(record.Name, observed)
	for _, e := range m.entries {
		if e.Step != record.Name {
			continue
		}
		if e.Kind == offboarding.EntryBegun && s.AskedAt == nil {
			s.AskedAt = known(e.At)
		}
		for _, call := range e.Calls {
			s.Calls = append(s.Calls, Call{At: e.At, Operation: call.Operation, Status: call.Status, RequestID: call.RequestID})
		}
	}
	r.Steps = append(r.Steps, s)
	if record.State.Closed() || record.State == offboarding.StateCancelled {
		return
	}
	left := Remaining{Step: record.Name, State: record.State, What: cmp.Or(record.Reason, spec.Does)}
	if !record.State.Settled() {
		left.Due = known(record.Due)
	}
	r.Remains = append(r.Remains, left)
}

// facts are what a step kept, by name; a personal one is said while its value stands.
func (m making) facts(step offboarding.StepName, kept map[string]string) []Fact {
	out := []Fact{}
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		if strings.HasPrefix(name, offboarding.FilesUnderWay) || strings.HasPrefix(name, offboarding.NameOf) {
			continue // for the step alone, and pages of it; or said where the id is
		}
		value := kept[name]
		if personal := ledger.PersonalName(step, name); m.c.Sealed(personal) {
			value = m.named(personal)
		}
		out = append(out, Fact{Name: m.withNames(name), Value: m.withNames(value)})
	}
	return out
}

// withNames says beside each object id by which name people know it, where a step kept that.
func (m making) withNames(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		if name := m.names[word]; name != "" {
			words[i] = name + " (" + word + ")"
		}
	}
	return strings.Join(words, " ")
}

// namesOf are the names that the steps of a case kept, or that they were erased, by object id.
func (m making) namesOf() map[string]string {
	names := map[string]string{}
	for _, record := range m.c.Steps {
		for name := range record.Before {
			if id, is := strings.CutPrefix(name, offboarding.NameOf); is {
				names[id] = m.named(ledger.PersonalName(record.Name, name))
			}
		}
	}
	return names
}

// known is a time that there is; nil for the zero value.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
