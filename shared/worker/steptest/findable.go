package steptest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

var (
	objectID = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	// explained is what a refusal says beside what was refused: why it may have been, or where to look.
	explained = regexp.MustCompile(`likely|https://|replay|look at`)
	// found is how a text names an object so that a person finds it other than by the address of its page: by the
	// name that a portal searches for, by a command that shows it, or as what is to be typed.
	found = regexp.MustCompile(strings.ReplaceAll(`(?:"[^"]+"|[A-Z0-9_]+) \((ID)\)|Get-\w+ (ID)|-(?:User|Trustee) (ID)|--item (\S+)|leaver [a-z-]+ (\S+)|--case (\S+)|\(request (ID)\)`, "ID", objectID.String()))
)

// Unfindable are the ids in a step's reason by which a person finds nothing: of something other than the
// leaver that no portal searches for by its id, and that the reason gives neither a page nor a name. Ids of what
// is not there any more, and of what was never a person's to look for, are no matter.
func Unfindable(c *offboarding.Case, r *offboarding.Record) []string {
	byPerson := slices.Contains([]offboarding.StepState{offboarding.StateManual, offboarding.StateParked}, r.State) || r.State == offboarding.StateEffective && r.Reason != ""
	if !byPerson || r.Undo || r.Name == offboarding.StepOnpremises { // Active Directory finds by the id: Get-ADObject ID
		return nil
	}
	known := map[string]bool{strings.ToLower(c.Leaver): true}
	for _, part := range parts(r.Reason) {
		if strings.Contains(part, "https://") {
			for _, id := range objectID.FindAllString(part, -1) {
				known[id] = true
			}
		}
	}
	for _, match := range found.FindAllStringSubmatch(r.Reason, -1) {
		for _, id := range match[1:] {
			known[strings.ToLower(id)] = true
		}
	}
	var out []string
	for _, at := range objectID.FindAllStringIndex(r.Reason, -1) {
		id := r.Reason[at[0]:at[1]]
		if known[id] || slices.Contains(out, id) || strings.HasPrefix(r.Reason[at[1]:], " does not exist any more") {
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

// findable fails the test unless a person finds what a step has left to them.
func (h *Harness) findable(t testing.TB, c *offboarding.Case, r *offboarding.Record) {
	t.Helper()
	for _, id := range Unfindable(c, r) {
		t.Errorf("step %s is %s and names %s, which no portal finds by that alone: %s", r.Name, r.State, id, r.Reason)
	}
	if r.State == offboarding.StateParked && !r.Undo && !explained.MatchString(r.Reason) {
		t.Errorf("step %s is parked and says neither a likely cause nor where to look: %s", r.Name, r.Reason)
	}
}
