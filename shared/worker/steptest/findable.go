package steptest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

var (
	objectID = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	// explained is what a refusal says beside what was refused: why it may have been, or where to look.
	explained = regexp.MustCompile(`likely|https://|replay|look at`)
	// found is how a text names an object so that a person finds it other than by the address of its page: by the
	// name that a portal searches for, by a command that shows it, or as what is to be typed.
	found = regexp.MustCompile(strings.ReplaceAll(`(?:"[^"]+"|[A-Z0-9_]+) \((ID)\)|Get-\w+(?: -\w+)? (ID)|-(?:User|Trustee|(?:Source|Target)?Mailbox) (ID)|--item (\S+)|leaver [a-z-]+ (\S+)|--case (\S+)|\((?:request|trace) (ID)\)`, "ID", objectID.String()))
)

// Unfindable are the ids in a step's reason by which a person finds nothing: of something other than the
// leaver that no portal searches for by its id, and that the reason gives neither a page nor a name. Ids of what
// is not there any more, and of what was never a person's to look for, are no matter.
func Unfindable(c *offboarding.Case, r *offboarding.Record) []string {
	byPerson := slices.Contains([]offboarding.StepState{offboarding.StateManual, offboarding.StateParked}, r.State) || r.State == offboarding.StateEffective && r.Reason != ""
	if !byPerson || r.Name == offboarding.StepOnpremises { // Active Directory finds by the id: Get-ADObject ID
		return nil
	}
	return UnfindableIn(r.Reason, c.Leaver)
}

// UnfindableIn are those in any text that people act by, with the objects that they know anyway.
func UnfindableIn(text string, knownAnyway ...string) []string {
	known := map[string]bool{}
	for _, id := range knownAnyway {
		known[strings.ToLower(id)] = true
	}
	for _, part := range parts(text) {
		if strings.Contains(part, "https://") {
			for _, id := range objectID.FindAllString(part, -1) {
				known[id] = true
			}
		}
	}
	for _, match := range found.FindAllStringSubmatch(text, -1) {
		for _, group := range match[1:] {
			for _, id := range objectID.FindAllString(strings.ToLower(group), -1) { // a case is named by its leaver's
				known[id] = true
			}
		}
	}
	var out []string
	for _, at := range objectID.FindAllStringIndex(text, -1) {
		id := text[at[0]:at[1]]
		if known[id] || slices.Contains(out, id) || strings.HasPrefix(text[at[1]:], " does not exist any more") {
			continue
		}
		out = append(out, id)
	}
	return out
}

// parts are what a reason consists of, each with what belongs to it: a refusal comes with its likely cause and its
// page.
func parts(reason string) []string {
	var out []string
	refusal := false
	for _, clause := range strings.Split(reason, "; ") {
		own := strings.HasPrefix(clause, "likely ") || strings.HasPrefix(clause, "Microsoft does not") || strings.HasPrefix(clause, "https://") || strings.HasPrefix(clause, "what lets you into")
		if refusal && own && len(out) > 0 {
			out[len(out)-1] += "; " + clause
			continue
		}
		refusal = strings.Contains(clause, " answered ")
		out = append(out, clause)
	}
	return out
}

// findable fails the test unless a person finds what a step has left to them, and what they are asked to approve.
func (h *Harness) findable(t testing.TB, c *offboarding.Case, r *offboarding.Record) {
	t.Helper()
	for _, id := range Unfindable(c, r) {
		t.Errorf("step %s is %s and names %s, which no portal finds by that alone: %s", r.Name, r.State, id, r.Reason)
	}
	if r.State == offboarding.StateParked && !explained.MatchString(r.Reason) {
		t.Errorf("step %s is parked and says neither a likely cause nor where to look: %s", r.Name, r.Reason)
	}
	h.approvable(t, c)
	var steps []offboarding.StepName
	for _, s := range c.Steps {
		steps = append(steps, s.Name)
	}
	for _, line := range c.Lost(steps) {
		for _, id := range UnfindableIn(line, c.Leaver) {
			t.Errorf("an undo of case %s names %s, which no portal finds by that alone: %s", c.ID, id, line)
		}
	}
}

// approvable fails the test unless whoever is asked to approve something finds it.
func (h *Harness) approvable(t testing.TB, c *offboarding.Case) {
	t.Helper()
	for _, b := range c.Brakes {
		for _, id := range UnfindableIn(b.Why, c.Leaver) {
			t.Errorf("case %s is held by %s and names %s, which no portal finds by that alone: %s", c.ID, b.By, id, b.Why)
		}
	}
}

// Findable fails the test unless a person finds what a request was refused, parked or held for, and what its case
// asks them to approve. A request that nobody has decided about leaves nothing to anybody.
func (h *Harness) Findable(t testing.TB, request string) {
	t.Helper()
	decided, known, err := h.Ledger.Request(t.Context(), request)
	must(t, err)
	if !known {
		return
	}
	byPerson := slices.Contains([]ledger.RequestState{ledger.RequestParked, ledger.RequestHeld, ledger.RequestRefused}, decided.State)
	for _, id := range UnfindableIn(decided.Reason) {
		if !byPerson {
			break
		}
		t.Errorf("request %s is %s and names %s, which no portal finds by that alone: %s", request, decided.State, id, decided.Reason)
	}
	if decided.Case != "" {
		c, err := h.Ledger.Case(t.Context(), decided.Case)
		must(t, err)
		h.approvable(t, c)
	}
}
