package console

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"time"

	"leaver/functions/replay"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/report"
)

type departurePage struct {
	operator.Status
	Moves    []move
	Timeline []report.Event
	Risks    []report.Risk
	Begun    bool // a step has run, so that there may be something to take back
	// Candidates are whom a held request may mean, by their object ids.
	Candidates []string
}

// move is what may be done next, with what its form needs.
type move struct {
	operator.Move
	May bool // by whoever looks
	// SignsOff is set of a step that can be accepted as it is, too.
	SignsOff bool
	Role     role // that it needs
	Items    []operator.Item
	Held     *operator.Held
	Given    bool // by whoever looks, already
}

// departure is one, with its timeline and what to do next.
func (c *Console) departure(r *http.Request, who session) (answer, error) {
	s, err := c.one(r)
	if err != nil || s == nil {
		return problem(http.StatusNotFound, "There is no such departure."), err
	}
	page := departurePage{Status: *s, Moves: moves(*s, who), Begun: slices.ContainsFunc(s.Steps, begun)}
	if s.State != string(offboarding.CaseUnreadable) {
		story, err := c.Desk.Story(r.Context(), operator.OfCase(s.Case))
		if err != nil {
			return answer{}, err
		}
		page.Timeline, page.Risks = story.Timeline, story.Risks
		slices.Reverse(page.Timeline)
	}
	return answer{page: "departure", title: "Departure", live: true, data: page}, nil
}

// begun reports whether a step has run.
func begun(step operator.StepStatus) bool {
	return step.State != offboarding.StatePlanned && step.State != offboarding.StateHeld && step.State != offboarding.StateCancelled
}

// one is the departure of the path; nil when there is none.
func (c *Console) one(r *http.Request) (*operator.Status, error) {
	var who operator.Who
	if who.UnmarshalText([]byte(r.PathValue("case"))) != nil || who.Case == "" {
		return nil, nil
	}
	found, err := c.Desk.Status(r.Context(), who)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// moves are what may be done next about a departure, with what the forms need.
func moves(s operator.Status, who session) []move {
	var out []move
	for _, m := range s.Moves() {
		each := move{Move: m, Role: roleOperate}
		switch m.Verb {
		case operator.VerbApprove:
			each.Role = roleApprove
			for _, h := range s.Held {
				if h.Kind == offboarding.BrakeApproval && h.Step == m.Step {
					each.Held = &h
					each.Given = slices.ContainsFunc(h.Approvals, func(a operator.ApprovalGiven) bool { return a.Verified && a.By == who.Person.Name })
					break
				}
			}
		case operator.VerbVerify, operator.VerbPlan:
			each.Role = roleRead
		case operator.VerbSignOff: // beside the replay of the step, which comes before it
			before := &out[len(out)-1]
			before.SignsOff = true
			before.Items = slices.DeleteFunc(slices.Clone(s.Step(m.Step).Items), func(i operator.Item) bool { return i.Accepted })
			continue
		}
		each.May = who.may(each.Role)
		out = append(out, each)
	}
	return out
}

// request is a request that found no case.
func (c *Console) request(r *http.Request, who session) (answer, error) {
	var named operator.Who
	if named.UnmarshalText([]byte(r.PathValue("request"))) != nil || named.Request == "" {
		return problem(http.StatusNotFound, "There is no such request."), nil
	}
	found, err := c.Desk.Status(r.Context(), named)
	if err != nil {
		return answer{}, err
	}
	if len(found) == 0 {
		// It is being planned, or was just sent.
		return answer{page: "waiting", title: "Request", live: true, data: named.Request}, nil
	}
	if found[0].Case != "" {
		return answer{to: path(found[0])}, nil
	}
	return answer{page: "request", title: "Request", live: true, data: departurePage{Status: found[0], Moves: moves(found[0], who), Candidates: candidates(found[0].Reason)}}, nil
}

// reportPolicy is the content security policy of a report, which brings its own style and nothing else.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox allow-same-origin allow-downloads"

// report is a departure's, as the command writes it.
func (c *Console) report(r *http.Request, _ session) (answer, error) {
	s, err := c.one(r)
	if err != nil || s == nil {
		return problem(http.StatusNotFound, "There is no such departure."), err
	}
	story, err := c.Desk.Report(r.Context(), operator.OfCase(s.Case))
	if err != nil {
		return answer{}, err
	}
	var text bytes.Buffer
	a := answer{file: &file{name: "leaver-" + s.Case, policy: reportPolicy}}
	if r.URL.Query().Get("as") == "json" {
		a.file.kind, a.file.name = "application/json", a.file.name+".json"
		err = report.WriteJSON(&text, story)
	} else {
		a.file.kind = "text/html; charset=utf-8"
		err = report.WriteHTML(&text, story)
	}
	a.file.text = text.Bytes()
	return a, err
}

// parkedItem is what was parked, and whether it can be sent.
type parkedItem struct {
	replay.Item
	Name  string // of whoever leaves; empty where that is not known
	Since time.Time
}

// parked is what was parked, each with its reason and what would be sent.
func (c *Console) parked(r *http.Request, _ session) (answer, error) {
	items, err := c.Desk.Replay(r.Context(), operator.Replay{Selection: replay.Selection{Preview: true}})
	if err != nil {
		return answer{}, err
	}
	all, err := c.Desk.Overview(r.Context())
	if err != nil {
		return answer{}, err
	}
	names := map[string]string{}
	for _, s := range all {
		names[cmp.Or(s.Case, s.Request)] = s.Name()
	}
	var out []parkedItem
	for _, item := range items {
		out = append(out, parkedItem{item, names[cmp.Or(item.Case, item.Request)], c.Desk.Now().Add(-item.Age)})
	}
	return answer{page: "parked", title: "Parked messages", live: true, data: out}, nil
}
