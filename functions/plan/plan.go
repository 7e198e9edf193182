// Package plan is the function that turns a request into a running case: it finds the one
// person meant and never guesses, applies the guard rails, compiles the plan, opens the case
// in the ledger and publishes its messages. It is done when every publication is acknowledged
// and the request is on record.
//
// A crash anywhere in between is resumed: by the same message when it comes again, or by
// watch, which finds the half-planned case.
package plan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// Directory is what plan needs of Microsoft Graph.
type Directory interface {
	// Find returns the users that the employee may be; none is not an error.
	Find(ctx context.Context, e offboarding.Employee) ([]offboarding.User, error)
	// FindDeleted returns the deleted users who can be restored and have every name of the employee.
	FindDeleted(ctx context.Context, e offboarding.Employee) ([]offboarding.User, error)
	// MemberGroups returns those of the groups that the user is in, directly or not.
	MemberGroups(ctx context.Context, id string, groups []string) ([]string, error)
	// Dangers are who must not be locked out by accident, and why, in words, by object id in lower
	// case; own is the client id of this application.
	Dangers(ctx context.Context, own string) (map[string]string, error)
	// MailboxPurpose is what the user's mailbox is for, in Microsoft's words, or offboarding.ErrNotFound.
	MailboxPurpose(ctx context.Context, id string) (string, error)
	// EnabledMembers counts the organisation's own people whose accounts are enabled.
	EnabledMembers(ctx context.Context) (int, error)
	// Cloud is which of Microsoft's clouds the tenant is in.
	Cloud() offboarding.Cloud
	// Manager returns whom a user reports to, or offboarding.ErrNotFound.
	Manager(ctx context.Context, id string) (offboarding.User, error)
}

// Planner plans requests.
type Planner struct {
	Directory Directory
	Ledger    *ledger.Ledger
	Bus       bus.Publisher
	Tenant    string
	Policy    offboarding.Policy
	Now       func() time.Time
	Log       *slog.Logger
	Retry     worker.Retry
	// SourceLimits are how many departures an hour may begin by the word of a source, by what its
	// requests say as their source; one that is not there has no limit of its own.
	SourceLimits map[string]int
	// Application is the client id by which this function signs in; its owners are not locked out by
	// accident.
	Application string

	members members
	dangers dangers
}

// reasonHeld is the reason of a dead letter that waits for somebody to say who is meant.
const reasonHeld = "held"

// reasonConflict is the reason of a dead letter whose id was another request's before.
const reasonConflict = "conflict"

// errOtherContent is of a request whose id was another one's before: a sender mixes its ids up, or
// somebody repeats one of them.
var errOtherContent = errors.New("the source sent something else under this id before; that stands, and if this one is meant, use leaver offboard or leaver cancel")

// Handle settles one delivery of the request queue. An error means that it could not be
// settled and comes again.
func (p *Planner) Handle(ctx context.Context, d bus.Delivery) error {
	if n, err := bus.DecodeNotice(d.Body()); err == nil {
		return p.refused(ctx, d, n)
	}
	r, err := bus.DecodeRequest(d.Body())
	if errors.Is(err, bus.ErrNewerSchema) {
		return worker.Later(ctx, p.Bus, d, bus.Queue, "", p.Now())
	}
	if err != nil {
		p.Log.Warn("request refused", "reason", worker.ReasonMalformed)
		return d.DeadLetter(ctx, worker.ReasonMalformed, "the message is not a request that this version of Leaver can read")
	}
	log := p.Log.With("request", r.ID)
	ctx = bus.Within(ctx, bus.TraceOf(d.Body()))
	c, err := p.plan(ctx, r.Request)
	if err == nil {
		if c != nil {
			log.Info("planned", "case", c.ID, "state", c.State(p.Now()))
		}
		return d.Complete(ctx)
	}
	if errors.Is(err, errOtherContent) {
		log.Error("two requests came under one id", "source", r.Source)
		return d.DeadLetter(ctx, reasonConflict, err.Error())
	}
	var several *severalError
	if errors.As(err, &several) {
		return p.hold(ctx, d, r, several)
	}
	var refusal *offboarding.Refusal
	if errors.As(err, &refusal) {
		return p.park(ctx, d, r, refusal.Why)
	}
	delay, parked := p.Retry.Next(offboarding.VerdictOf(err), r.Attempt-1, p.Now().Sub(r.ReceivedAt))
	if parked != "" {
		return p.park(ctx, d, r, parked)
	}
	log.Warn("request not planned yet", "attempt", r.Attempt, "error", err, "again", delay)
	r.Attempt++
	next, err := r.Message(p.Now().Add(delay))
	if err == nil {
		_, err = p.Bus.Publish(ctx, next)
	}
	if err != nil {
		return fmt.Errorf("scheduling request %s again: %w", r.ID, err)
	}
	return d.Complete(ctx)
}

// plan does what the request asks, or returns a refusal that says what to change. No case and no error
// is of a request that needs none.
func (p *Planner) plan(ctx context.Context, r offboarding.Request) (*offboarding.Case, error) {
	record, known, err := p.Ledger.Request(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	if known && record.Digest != "" && r.Digest != "" && record.Digest != r.Digest {
		return nil, errOtherContent
	}
	if known && record.Case != "" {
		c, err := p.Ledger.Case(ctx, record.Case)
		if err != nil {
			return nil, err
		}
		return worker.Dispatch(ctx, p.Bus, p.Ledger, c)
	}
	r.Employee = normalised(r.Employee)
	user, err := p.find(ctx, r)
	var several *severalError
	if errors.As(err, &several) {
		user, err = p.meant(ctx, r, record.Meant, several)
	}
	var refusal *offboarding.Refusal
	var nobody *nobodyError
	switch {
	case r.Kind == offboarding.Cancellation && errors.As(err, &refusal):
		if user, err = p.renamed(ctx, r.Employee.UserPrincipalName, err); errors.As(err, &nobody) {
			user, err = p.deleted(ctx, r.Employee, err)
		}
	case errors.As(err, &nobody):
		return p.alreadyGone(ctx, r, err)
	}
	if err != nil {
		return nil, err
	}
	if r.Kind == offboarding.Cancellation {
		return p.cancel(ctx, r, user)
	}
	made, err := p.compile(ctx, r, user)
	if err != nil {
		return nil, err
	}
	bounds, err := p.bounds(ctx, r.Source)
	if err != nil {
		return nil, err
	}
	c, err := p.Ledger.Open(ctx, ledger.Opening{
		Tenant: p.Tenant, Leaver: user.ID, Request: r, Plan: made.plan, Brakes: made.brakes, Bounds: bounds, Personal: made.personal,
		Trace: bus.TraceWithin(ctx).Parent,
	})
	if err != nil {
		return nil, err
	}
	if made.plan.MailElsewhere {
		p.Log.Warn("the leaver has an address and no mailbox in Exchange Online: its mail lives elsewhere, and is a person's to see to", "case", c.ID)
	}
	for _, b := range c.Held() {
		if c.Requests[0] != r.ID {
			break // it has been said
		}
		p.Log.Warn("departure held", "case", c.ID, "request", r.ID, "source", r.Source, "by", b.By, "why", b.Why)
	}
	if c, err = worker.Dispatch(ctx, p.Bus, p.Ledger, c); err != nil {
		return nil, err
	}
	state := ledger.RequestPlanned
	if c.Cancelled != nil {
		state = ledger.RequestCancelled
	}
	return c, p.decide(ctx, r, ledger.Decision{State: state, Case: c.ID}, user.UserPrincipalName)
}

// compiled is what becomes of a request.
type compiled struct {
	plan     offboarding.Plan
	brakes   []offboarding.Brake // that hold it, or parts of it, until people approve
	personal map[string]string
}

// compile makes the plan of a request for the user, and what goes with it.
func (p *Planner) compile(ctx context.Context, r offboarding.Request, user offboarding.User) (compiled, error) {
	asked := p.asks(ctx, user)
	policy, err := p.policyFor(ctx, user)
	if err != nil {
		return compiled{}, err
	}
	// The grace of a request that was parked for weeks begins when it is planned.
	if now := p.Now(); now.After(r.ReceivedAt) {
		r.ReceivedAt = now
	}
	if policy.Zone, err = p.zoneOf(ctx, user, policy.Zone); err != nil {
		return compiled{}, err
	}
	made := compiled{personal: map[string]string{}}
	if made.plan, err = offboarding.Compile(r, policy); err != nil {
		return compiled{}, err
	}
	danger, err := p.danger(ctx, user)
	if err != nil {
		return compiled{}, err
	}
	made.plan.Administrator, made.plan.CloudName = danger != "", p.Directory.Cloud().Name
	if err := p.successors(ctx, r, user, &made); err != nil {
		return compiled{}, err
	}
	box := <-asked
	nobodys, err := p.nobodys(ctx, r, user, box, policy.Approvals)
	if err != nil {
		return compiled{}, err
	}
	made.plan.MailElsewhere = box.elsewhere
	made.brakes = slices.Concat(made.plan.Brakes(r), weakened(policy.Approvals, r.Options.Weaker(policy)), meant(policy.Approvals, danger), nobodys)
	made.personal[userPrincipalName] = user.UserPrincipalName
	// By these the same event, and a rehire, are known when the account is gone.
	for name, value := range map[string]string{mailAddress: r.Employee.Mail, employeeID: cmp.Or(r.Employee.EmployeeID, user.EmployeeID)} {
		if value != "" {
			made.personal[name] = value
		}
	}
	if user.OnPremisesSyncEnabled {
		made.plan.AddOnPremises(user.OnPremises)
		made.personal[offboarding.SamAccountName] = user.OnPremises.SamAccountName
	}
	return made, nil
}

// successors looks up who gets mail and files. A slip in a name must not keep the leaver signed in: the
// departure goes on, and the step becomes a task for a person.
func (p *Planner) successors(ctx context.Context, r offboarding.Request, user offboarding.User, made *compiled) error {
	var unclear *offboarding.Refusal
	if f := made.plan.Forwarding; f != nil {
		to, address, err := p.recipient(ctx, user, r.Options.ForwardTo)
		if errors.As(err, &unclear) {
			f.Unclear, err = unclear.Why, nil
		}
		if err != nil {
			return err
		}
		if f.To = to; address != "" {
			f.Address = "forwardTo-" + r.ID
			made.personal[f.Address] = address
		}
	}
	var err error
	made.plan.FilesTo, err = p.filesTo(ctx, user, made.plan)
	if errors.As(err, &unclear) {
		made.plan.FilesUnclear, err = unclear.Why, nil
	}
	return err
}

// zoneOf is where the user's days end: as an HR system said of their open case, else the policy's.
func (p *Planner) zoneOf(ctx context.Context, user offboarding.User, zone string) (string, error) {
	c, err := p.Ledger.Latest(ctx, user.ID)
	if err != nil || c == nil || c.Cancelled != nil {
		return zone, err
	}
	return cmp.Or(c.Plan.Zone, zone), nil
}

// policyFor is the policy with the overrides that fit the user, who is refused when it protects them.
func (p *Planner) policyFor(ctx context.Context, user offboarding.User) (offboarding.Policy, error) {
	var in []string
	if asked := p.Policy.Groups(); len(asked) > 0 {
		var err error
		if in, err = p.Directory.MemberGroups(ctx, user.ID, asked); err != nil {
			return offboarding.Policy{}, fmt.Errorf("looking up which overrides fit: %w", err)
		}
	}
	if p.Policy.Protects(user, in) {
		return offboarding.Policy{}, &offboarding.Refusal{Why: "the policy protects this account; take it off protected and protectedGroups and send the request again"}
	}
	return p.Policy.For(user, in)
}

func (p *Planner) cancel(ctx context.Context, r offboarding.Request, user offboarding.User) (*offboarding.Case, error) {
	before, err := p.Ledger.Latest(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if before == nil || !before.Leaving() {
		switch was, err := p.formerAccount(ctx, r.Employee, user); {
		case err != nil:
			return nil, err
		case was != nil:
			return p.anotherAccount(ctx, r, was, user)
		}
	}
	c, err := p.Ledger.Cancel(ctx, ledger.Cancellation{
		Tenant: p.Tenant, Leaver: user.ID, Request: r.ID, EventTime: r.EventTime, Reason: "cancelled by " + r.Source,
	})
	if err != nil {
		return nil, err
	}
	if c.Cancelled == nil {
		return nil, &offboarding.Refusal{Why: fmt.Sprintf("case %s is %s and newer than the cancellation, or complete: nothing was cancelled (leaver status %[1]s shows it)", c.ID, c.State(p.Now()))}
	}
	prepared, err := p.prepareUndo(ctx, r, before)
	switch {
	case err != nil:
		return nil, err
	case prepared != nil:
		return prepared, p.decide(ctx, r, ledger.Decision{State: ledger.RequestCancelled, Case: prepared.ID, Reason: "the undo of case " + prepared.ID + " is prepared and held"}, user.UserPrincipalName)
	case before != nil && before.Cancelled == nil && before.ID != c.ID:
		return nil, &offboarding.Refusal{Why: fmt.Sprintf("case %s is complete: nothing of it was cancelled; leaver undo %s takes it back; no request that is older than the cancellation opens another", before.ID, before.ID)}
	}
	return c, p.decide(ctx, r, ledger.Decision{State: ledger.RequestCancelled, Case: c.ID}, user.UserPrincipalName)
}

// find looks the employee up by every name that the request gives, and refuses to choose. What is
// in the way of a termination is not in the way of its cancellation.
func (p *Planner) find(ctx context.Context, r offboarding.Request) (offboarding.User, error) {
	var fit []offboarding.User
	for i, by := range r.Employee.ByEachName() {
		field, _ := by.Key()
		users, err := p.Directory.Find(ctx, by)
		switch {
		case err != nil:
			return offboarding.User{}, fmt.Errorf("looking the employee up by %s: %w", field, err)
		case len(users) == 0:
			return offboarding.User{}, &nobodyError{&offboarding.Refusal{Why: fmt.Sprintf("no user in the tenant has this %s; correct it in the HR system, or name the person by mail or object id, and send the request again", field)}}
		case i == 0:
			fit = users
			continue
		}
		before := slices.Clone(fit)
		fit = slices.DeleteFunc(fit, func(u offboarding.User) bool {
			return !slices.ContainsFunc(users, func(same offboarding.User) bool { return same.ID == u.ID })
		})
		if len(fit) == 0 {
			return offboarding.User{}, newSeveral(p.Directory.Cloud().Portal, r, field, before, users)
		}
	}
	field, _ := r.Employee.Key()
	if len(fit) != 1 {
		return refuse("%d users in the tenant have this %s (%s); send the request again with the object id", len(fit), field, pages(p.Directory.Cloud().Portal, fit))
	}
	switch user := fit[0]; {
	case r.Kind != offboarding.Termination:
	case r.Employee.ID == "" && user.Created.After(r.EventTime):
		return refuse("the account with this %s was created after the event and may be a successor's; send a new request with the object id", field)
	default:
		if err := p.decides(ctx, r, user); err != nil {
			return offboarding.User{}, err
		}
	}
	return fit[0], nil
}

// renamed is the leaver of the open case that was planned under a userPrincipalName, for a
// cancellation that is refused because the tenant knows that name no more; else that refusal.
func (p *Planner) renamed(ctx context.Context, name string, refusal error) (offboarding.User, error) {
	cases, _, err := p.Ledger.Cases(ctx)
	if err != nil {
		return offboarding.User{}, err
	}
	for _, c := range cases {
		personal, err := p.Ledger.PersonalOf(ctx, c)
		if err != nil {
			return offboarding.User{}, err
		}
		if name != "" && strings.EqualFold(personal[userPrincipalName], name) {
			return offboarding.User{ID: c.Leaver, UserPrincipalName: name}, nil
		}
	}
	return offboarding.User{}, refusal
}

func refuse(format string, args ...any) (offboarding.User, error) {
	return offboarding.User{}, &offboarding.Refusal{Why: fmt.Sprintf(format, args...)}
}

// hold keeps a request whose names are different people's, until somebody says who is meant.
func (p *Planner) hold(ctx context.Context, d bus.Delivery, r bus.Request, several *severalError) error {
	_, who := r.Employee.Key()
	held := ledger.Decision{State: ledger.RequestHeld, Reason: several.Error(), People: several.ids()}
	if err := p.decide(ctx, r.Request, held, who); err != nil {
		return err
	}
	p.Log.Warn("request held", "request", r.ID, "source", r.Source, "why", held.Reason)
	return d.DeadLetter(ctx, reasonHeld, held.Reason)
}

// park keeps the request with its reason: on the ledger for leaver status, in the dead letters
// to be sent again.
func (p *Planner) park(ctx context.Context, d bus.Delivery, r bus.Request, reason string) error {
	_, who := r.Employee.Key()
	if err := p.decide(ctx, r.Request, ledger.Decision{State: ledger.RequestParked, Reason: reason}, who); err != nil {
		return err
	}
	p.Log.Warn("request parked", "request", r.ID, "reason", reason)
	return d.DeadLetter(ctx, worker.ReasonParked, reason)
}

// refused keeps a notice for whoever looks at what became of the requests.
func (p *Planner) refused(ctx context.Context, d bus.Delivery, n bus.Notice) error {
	err := p.Ledger.Decide(ctx, ledger.Decision{
		ID: n.ID, Source: n.Source, EventTime: n.ReceivedAt, State: ledger.RequestRefused, Reason: n.Reason,
	}, nil)
	if err != nil {
		return err
	}
	p.Log.Warn("a webhook cannot be used", "request", n.ID, "source", n.Source, "reason", n.Reason)
	return d.Complete(ctx)
}

// userPrincipalName is the personal value kept beside cases and requests.
const userPrincipalName = "userPrincipalName"

func (p *Planner) decide(ctx context.Context, r offboarding.Request, decided ledger.Decision, who string) error {
	decided.ID, decided.Kind, decided.Source, decided.EventTime, decided.Digest = r.ID, r.Kind, r.Source, r.EventTime, r.Digest
	var personal map[string]string
	if who != nameless {
		personal = map[string]string{userPrincipalName: who}
	}
	return p.Ledger.Decide(ctx, decided, personal)
}

// nameless is who a request was about whose case does not know of it: the case says who, and whoever erases
// what is personal of the case would leave a name beside the request.
const nameless = ""
