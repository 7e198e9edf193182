package console

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// mostRows is how many departures a list of the overview shows; a page of all of them has as many.
const mostRows = 50

// deadlinesWithin is how far ahead the overview looks for what ends by itself.
const deadlinesWithin = 30 * 24 * time.Hour

type overview struct {
	Needs, Held, Running []operator.Status
	Counts               struct{ Needs, Held, Running, Complete, All int }
	Deadlines            []due
}

// due is a deadline of somebody's.
type due struct {
	offboarding.Deadline
	Of operator.Status
}

// overview is what needs a person, what is held, what runs, and what ends by itself soon.
func (c *Console) overview(r *http.Request, _ session) (answer, error) {
	all, err := c.Desk.Overview(r.Context())
	if err != nil {
		return answer{}, err
	}
	var o overview
	now := c.Desk.Now()
	add := func(to *[]operator.Status, count *int, s operator.Status) {
		if *count++; len(*to) < mostRows {
			*to = append(*to, s)
		}
	}
	for _, s := range slices.Backward(all) {
		switch {
		case s.State == string(offboarding.CaseHeld):
			add(&o.Held, &o.Counts.Held, s)
		case s.Needs():
			add(&o.Needs, &o.Counts.Needs, s)
		case s.Running(), s.State == string(offboarding.CaseCancelling):
			add(&o.Running, &o.Counts.Running, s)
		case s.State == string(offboarding.CaseComplete):
			o.Counts.Complete++
		}
		if !slices.ContainsFunc(s.Steps, begun) {
			continue // nothing of it has begun that could end
		}
		for _, d := range s.Deadlines {
			if d.At.After(now) && d.At.Before(now.Add(deadlinesWithin)) {
				o.Deadlines = append(o.Deadlines, due{d, s})
			}
		}
	}
	o.Counts.All = len(all) + c.Desk.Unread()
	slices.SortFunc(o.Deadlines, func(a, b due) int { return a.At.Compare(b.At) })
	o.Deadlines = o.Deadlines[:min(len(o.Deadlines), mostRows)]
	return answer{page: "overview", title: "Overview", live: true, data: o}, nil
}

// tab is a part of all departures.
type tab struct {
	Name, Label string
	has         func(operator.Status) bool
}

var tabs = []tab{
	{"", "All", func(operator.Status) bool { return true }},
	{"needs", "Needs a person", operator.Status.Needs},
	{"held", "Held", func(s operator.Status) bool { return s.State == string(offboarding.CaseHeld) }},
	{"running", "Running", func(s operator.Status) bool {
		return s.State == string(offboarding.CaseRunning) || s.State == string(offboarding.CasePlanning) || s.State == string(offboarding.CaseCancelling)
	}},
	{"complete", "Complete", func(s operator.Status) bool { return s.State == string(offboarding.CaseComplete) }},
	{"cancelled", "Cancelled", func(s operator.Status) bool { return s.State == string(offboarding.CaseCancelled) }},
}

type departureList struct {
	Rows       []operator.Status
	Tabs       []tab
	Tab        string
	Page, Last int // from 1
	Count      int
	Search     string // what was searched for; then there are no tabs
	Searched   bool
}

// Cancellable reports whether departures of the list may still be stopped.
func (l departureList) Cancellable() bool { return l.Tab != "complete" && l.Tab != "cancelled" }

// departures are all, or those of a tab, newest first.
func (c *Console) departures(r *http.Request, _ session) (answer, error) {
	all, err := c.Desk.Overview(r.Context())
	if err != nil {
		return answer{}, err
	}
	list := departureList{Tabs: tabs, Tab: r.URL.Query().Get("of"), Page: 1}
	at := slices.IndexFunc(tabs, func(t tab) bool { return t.Name == list.Tab })
	if at < 0 {
		return problem(http.StatusNotFound, "There is no such list."), nil
	}
	all = slices.DeleteFunc(all, func(s operator.Status) bool { return !tabs[at].has(s) })
	slices.Reverse(all)
	list.Count, list.Last = len(all), max(1, (len(all)+mostRows-1)/mostRows)
	if n, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil {
		list.Page = min(max(n, 1), list.Last)
	}
	from := (list.Page - 1) * mostRows
	list.Rows = all[from:min(from+mostRows, len(all))]
	return answer{page: "departures", title: "Departures", live: true, data: list}, nil
}

// search finds departures by what the command takes too, and by a part of the name. It is a POST: what
// is searched for names people, and addresses are kept in logs and histories.
func (c *Console) search(r *http.Request, _ session) (answer, error) {
	text := strings.TrimSpace(r.PostForm.Get("who"))
	list := departureList{Search: text, Searched: true, Page: 1, Last: 1}
	var who operator.Who
	if len(text) > longestName || who.UnmarshalText([]byte(text)) != nil {
		return answer{page: "departures", title: "Search", data: list}, nil
	}
	found, err := c.Desk.Status(r.Context(), who)
	if err != nil && operator.StatusCode(err) != http.StatusServiceUnavailable { // without the tenant, the names that are known here
		return answer{}, err
	}
	if len(found) == 0 {
		all, err := c.Desk.Overview(r.Context())
		if err != nil {
			return answer{}, err
		}
		found = slices.DeleteFunc(all, func(s operator.Status) bool {
			return !strings.Contains(strings.ToLower(s.Leaver.UserPrincipalName), strings.ToLower(text))
		})
	}
	slices.Reverse(found)
	if len(found) == 1 {
		return answer{to: path(found[0])}, nil
	}
	list.Count, list.Rows = len(found), found[:min(len(found), mostRows)]
	return answer{page: "departures", title: "Search", data: list}, nil
}

// path is the page of a departure or of a parked request, below the console's own.
func path(s operator.Status) string {
	if s.Case != "" {
		return "/cases/" + s.Case
	}
	return "/requests/" + s.Request
}

// approval is what waits for a person's word.
type approval struct {
	Of   operator.Status
	Held operator.Held
}

// approvals are what waits for another person's word, and what limits hold.
func (c *Console) approvals(r *http.Request, _ session) (answer, error) {
	all, err := c.Desk.Overview(r.Context())
	if err != nil {
		return answer{}, err
	}
	var data struct{ Approvals, Limited []approval }
	for _, s := range all { // oldest first: who waits longest is seen first
		if !s.Running() {
			continue
		}
		for _, h := range s.Held {
			if h.Kind == offboarding.BrakeLimit {
				data.Limited = append(data.Limited, approval{s, h})
			} else {
				data.Approvals = append(data.Approvals, approval{s, h})
			}
		}
	}
	return answer{page: "approvals", title: "Approvals", live: true, data: data}, nil
}

// spoken is the last word of a source.
type spoken struct {
	Source
	Last, Refused *operator.Status // the newest departure that it asked for; the newest that could not be used
	Asked         int              // departures, as far as the ledger has them
}

// sources are the declared sources and whoever else has asked, each with its last word.
func (c *Console) sources(r *http.Request, _ session) (answer, error) {
	all, err := c.Desk.Overview(r.Context())
	if err != nil {
		return answer{}, err
	}
	by := map[string]*spoken{}
	for _, source := range c.Sources {
		by[source.Name] = &spoken{Source: source}
	}
	for _, s := range all { // oldest first, so that the newest stays
		name := strings.TrimPrefix(s.Source, "webhooks/")
		if name == "" {
			continue
		}
		if by[name] == nil {
			by[name] = &spoken{Source: Source{Name: name}}
		}
		if s.Case == "" {
			by[name].Refused = &s
			continue
		}
		by[name].Asked++
		by[name].Last = &s
	}
	var list []spoken
	for _, each := range by {
		list = append(list, *each)
	}
	slices.SortFunc(list, func(a, b spoken) int { return cmp.Compare(a.Name, b.Name) })
	return answer{page: "sources", title: "Sources", live: true, data: list}, nil
}

// limits are how many departures have begun of how many, and whether the installation is frozen.
func (c *Console) limits(r *http.Request, _ session) (answer, error) {
	brakes, err := c.Desk.Brakes(r.Context())
	return answer{page: "limits", title: "Limits", live: true, data: brakes}, err
}
