package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"leaver/functions/replay"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// desk is the operator's, with whoever has signed in at it.
func (c *Console) desk(who session) *operator.Desk { return c.Desk.As(who.Person, who.Roles...) }

// field is a field of a form, without blanks around it.
func field(r *http.Request, name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }

// of is the departure that a form is about.
func of(r *http.Request) operator.Who { return operator.OfCase(strings.ToLower(r.PathValue("case"))) }

// back leads to the departure's page again.
func back(r *http.Request, done string) answer {
	return answer{to: "/cases/" + strings.ToLower(r.PathValue("case")), done: done}
}

func (c *Console) release(r *http.Request, who session) (answer, error) {
	_, err := c.desk(who).Release(r.Context(), operator.Release{Who: []operator.Who{of(r)}})
	return back(r, "released"), err
}

func (c *Console) approve(r *http.Request, who session) (answer, error) {
	ask := operator.Approval{Who: of(r), Step: offboarding.StepName(field(r, "step")), Note: field(r, "note"), Withdraw: field(r, "withdraw") != ""}
	_, err := c.desk(who).Approve(r.Context(), ask)
	if ask.Withdraw {
		return back(r, "withdrawn"), err
	}
	return back(r, "approved"), err
}

func (c *Console) cancel(r *http.Request, who session) (answer, error) {
	reason := field(r, "reason")
	if reason == "" {
		return problem(http.StatusUnprocessableEntity, "Nothing was cancelled: say why."), nil
	}
	_, err := c.desk(who).Cancel(r.Context(), operator.Cancellation{Who: of(r), Reason: reason})
	return back(r, "cancelled"), err
}

// undoing says beforehand what would come back, and what would not.
func (c *Console) undoing(r *http.Request, who session) (answer, error) {
	named := of(r)
	if _, err := c.Desk.Ledger.Case(r.Context(), named.Case); err != nil {
		return answer{}, err
	}
	would, err := c.desk(who).Undo(r.Context(), operator.Undo{Who: named, Preview: true})
	return answer{page: "undo", title: "Take it back", data: would}, err
}

func (c *Console) undo(r *http.Request, who session) (answer, error) {
	_, err := c.desk(who).Undo(r.Context(), operator.Undo{Who: of(r), Step: offboarding.StepName(field(r, "step")), Reason: field(r, "reason")})
	return back(r, "undoing"), err
}

func (c *Console) signOff(r *http.Request, who session) (answer, error) {
	_, err := c.desk(who).SignOff(r.Context(), operator.SignOff{
		Who: of(r), Step: offboarding.StepName(field(r, "step")), Note: field(r, "note"), Items: append(r.PostForm["item"], strings.Fields(field(r, "items"))...),
	})
	return back(r, "signed-off"), err
}

func (c *Console) replayStep(r *http.Request, who session) (answer, error) {
	items, err := c.desk(who).Replay(r.Context(), operator.Replay{Selection: replay.Selection{Step: field(r, "step")}, Who: of(r)})
	if err != nil {
		return answer{}, err
	}
	if why := refusals(items); why != nil {
		return problem(http.StatusConflict, why.Error()), nil
	}
	return back(r, "replayed"), nil
}

// refusals is why something could not be sent or taken away; nil when all was.
func refusals(items []replay.Item) error {
	var why []error
	for _, item := range items {
		if !item.Sent && !item.Discarded {
			why = append(why, fmt.Errorf("%s: %s", item.Step, item.Refused))
		}
	}
	return errors.Join(why...)
}

// replay sends what was chosen of the parked back to work, or takes it away.
func (c *Console) replay(r *http.Request, who session) (answer, error) {
	ask := operator.Replay{Selection: replay.Selection{Discard: field(r, "discard") != "", Request: field(r, "request"), Step: field(r, "step"), All: field(r, "all") != ""}}
	if named := field(r, "case"); named != "" {
		ask.Who = operator.OfCase(named)
	}
	if ask.Request == "" && ask.Who.Everybody() && ask.Step == "" && !ask.All {
		return problem(http.StatusUnprocessableEntity, "Nothing was chosen."), nil
	}
	items, err := c.desk(who).Replay(r.Context(), ask)
	if err != nil {
		return answer{}, err
	}
	if why := refusals(items); why != nil {
		return problem(http.StatusConflict, why.Error()), nil
	}
	done := "replayed"
	switch {
	case len(items) == 0:
		done = "nothing"
	case ask.Discard:
		done = "discarded"
	}
	return answer{to: "/parked", done: done}, nil
}

// releaseSeveral lets those begin that limits hold: those of a source, or all.
func (c *Console) releaseSeveral(r *http.Request, who session) (answer, error) {
	source := field(r, "source")
	released, err := c.desk(who).Release(r.Context(), operator.Release{Source: source, All: source == ""})
	if len(released) == 0 {
		return answer{to: "/approvals", done: "nothing"}, err
	}
	return answer{to: "/approvals", done: "released"}, err
}

// cancelSeveral stops what began since a time, what a source asked for, or both.
func (c *Console) cancelSeveral(r *http.Request, who session) (answer, error) {
	ask := operator.Cancellation{Source: field(r, "source"), Reason: field(r, "reason")}
	if text := field(r, "since"); text != "" {
		var err error
		if ask.Since, err = moment(text, time.UTC); err != nil {
			return problem(http.StatusUnprocessableEntity, err.Error()), nil
		}
	}
	if ask.Reason == "" || ask.Since.IsZero() && ask.Source == "" {
		return problem(http.StatusUnprocessableEntity, "Nothing was cancelled: say since when or of which source, and why."), nil
	}
	stopped, err := c.desk(who).Cancel(r.Context(), ask)
	if len(stopped) == 0 {
		return answer{to: "/departures", done: "nothing"}, err
	}
	return answer{to: "/departures", done: "cancelled"}, err
}

// moment is a time as a browser's field gives it, in a zone; or one with its own.
func moment(text string, in *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", text, in)
	if err != nil {
		return at, fmt.Errorf("%q is not a time like 2026-11-22T17:00", text)
	}
	return at, nil
}

// allow allows more departures. The form says how many were allowed when it was made: sent twice, it
// would allow them twice.
func (c *Console) allow(r *http.Request, who session) (answer, error) {
	n, err := strconv.Atoi(field(r, "departures"))
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "How many departures are allowed is a number."), nil
	}
	until, err := moment(field(r, "until"), time.UTC)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, err.Error()), nil
	}
	c.allowing.Lock()
	defer c.allowing.Unlock()
	now, err := c.Desk.Brakes(r.Context())
	if err != nil {
		return answer{}, err
	}
	if field(r, "allowed") != strconv.Itoa(now.Allowed) {
		return problem(http.StatusConflict, fmt.Sprintf("Nothing more was allowed: %d are allowed on top already, by somebody else or because this was sent twice. Open the page again, and repeat it if that is not enough.", now.Allowed)), nil
	}
	_, err = c.desk(who).Allow(r.Context(), operator.Allowance{Departures: n, Until: until})
	return answer{to: "/limits", done: "allowed"}, err
}

func (c *Console) freeze(r *http.Request, who session) (answer, error) {
	_, err := c.desk(who).Freeze(r.Context(), operator.Freeze{Reason: field(r, "reason")})
	return answer{to: "/limits", done: "frozen"}, err
}

func (c *Console) thaw(r *http.Request, who session) (answer, error) {
	_, err := c.desk(who).Freeze(r.Context(), operator.Freeze{Thaw: true})
	return answer{to: "/limits", done: "thawed"}, err
}

// wish is the form of a departure that is asked for.
type wish struct {
	Who, Time, Zone, Mailbox, ForwardTo, ForwardFor string
	Wrong                                           string
	Planned                                         *operator.Planned
	Handlings                                       []offboarding.Handling
}

var handlings = []offboarding.Handling{offboarding.Forward, offboarding.Shared, offboarding.Hold, offboarding.None}

// planForm is where a departure is asked for.
func (c *Console) planForm(*http.Request, session) (answer, error) {
	return answer{page: "plan", title: "A departure", data: wish{Handlings: handlings}}, nil
}

// wished is a request as the form says; an error says what to write instead.
func wished(r *http.Request) (wish, offboarding.Request, error) {
	w := wish{
		Who: field(r, "who"), Time: field(r, "time"), Zone: field(r, "zone"), Mailbox: field(r, "mailbox"),
		ForwardTo: field(r, "forwardTo"), ForwardFor: field(r, "forwardFor"), Handlings: handlings,
	}
	ask := offboarding.Request{Kind: offboarding.Termination, Options: offboarding.Options{Mailbox: offboarding.Handling(w.Mailbox), ForwardTo: w.ForwardTo}}
	var who operator.Who
	if err := who.UnmarshalText([]byte(w.Who)); err != nil {
		return w, ask, errors.New("say who leaves")
	}
	var err error
	if ask.Employee, err = who.Person(); err != nil {
		return w, ask, err
	}
	zone := time.UTC
	if w.Zone != "" {
		if zone, err = offboarding.LoadZone(w.Zone); err != nil {
			return w, ask, err
		}
	}
	if w.ForwardFor != "" {
		lasting, err := offboarding.ParseDuration(w.ForwardFor)
		if err != nil {
			return w, ask, err
		}
		ask.Options.ForwardFor = &lasting
	}
	if w.Time == "" {
		return w, ask, nil
	}
	if day, err := offboarding.ParseDate(w.Time); err == nil {
		ask.LeavingDate = day
		if ask.Zone = w.Zone; w.Zone != "" {
			ask.LeavingTime = day.At(offboarding.EndOfDay, zone)
		}
		return w, ask, nil
	}
	ask.LeavingTime, err = moment(w.Time, zone)
	return w, ask, err
}

// wrong is the form again, with what to write instead.
func (w wish) wrong(err error) answer {
	w.Wrong = err.Error()
	return answer{status: http.StatusUnprocessableEntity, page: "plan", title: "Not planned", data: w}
}

// plan shows what would be done, and writes nothing.
func (c *Console) plan(r *http.Request, who session) (answer, error) {
	w, ask, err := wished(r)
	var planned operator.Planned
	if err == nil {
		planned, err = c.desk(who).Plan(r.Context(), ask)
	}
	if err != nil {
		return w.wrong(err), nil
	}
	w.Planned = &planned
	return answer{page: "plan", title: "A departure", data: w}, nil
}

// offboard asks for the departure that was planned.
func (c *Console) offboard(r *http.Request, who session) (answer, error) {
	w, ask, err := wished(r)
	if err != nil {
		return w.wrong(err), nil
	}
	sent, err := c.desk(who).Offboard(r.Context(), ask)
	return answer{to: "/requests/" + sent.Request, done: "asked"}, err
}
