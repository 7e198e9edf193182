// Package access is the step that takes away what the leaver can still reach: groups, Teams and
// distribution lists, ownerships, OAuth grants, telephone numbers of Teams, and rights on the
// mailboxes and calendars of others. It is done when none of that is read back any more. What only a
// person can take away becomes one task, when everything else is done. Groups that may hold directory
// roles, roles and authentication methods are those of the step privileges; who holds a role keeps
// everything until privileges knows that the tenant can do without them.
//
// What would be without anybody is handed to the successor: groups, distribution lists, rooms whose
// bookings the leaver alone approves, and of earlier leavers the mail that is forwarded to this one and the
// mailboxes that nobody else can open. What is not this function's to give is a task for a person, told
// before the account goes: people who report to the leaver and applications, each for a reason that
// stands beside it, what colleagues who stay have entrusted to the leaver themselves, lists whose mail
// nobody else would get or approve, and mail flow rules that name the leaver.
//
// The before holds every single thing that is taken away, so that it can be given back.
//
// Departures that were planned before privileges was a step of its own have it done here.
//
// Where groups were deleted before, which come back with their members, the leaver's are looked at again
// for a while.
//
// What it does not see: agents who were added to a call queue one by one, for whom Graph has no
// interface (leaving a group takes the user out of the queues that ring it); and calendars that were
// shared with the leaver and never opened.
//
// Sources: Microsoft 365 admin, Remove a former employee; Microsoft Graph, group: remove
// member, numberAssignment.
package access

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// Directory is what access needs of Microsoft Graph.
type Directory interface {
	User(ctx context.Context, id string) (offboarding.User, error)
	Manager(ctx context.Context, id string) (offboarding.User, error)
	Access(ctx context.Context, id string) (offboarding.Access, error)
	Revoke(ctx context.Context, user string, grants []offboarding.Grant) []error
	LeaveGroups(ctx context.Context, user string, groups []string) []error
	SomeMembers(ctx context.Context, groups []string) ([]offboarding.Members, []error)
	Owners(ctx context.Context, group string) ([]offboarding.Owner, error)
	AddOwner(ctx context.Context, group, user string) error
	RemoveOwner(ctx context.Context, group, user string) error
	AppOwners(ctx context.Context, app offboarding.OwnedApp) ([]offboarding.Owner, error)
	// DeletedGroups are those that can be restored.
	DeletedGroups(ctx context.Context) ([]offboarding.DeletedGroup, error)
	TelephoneNumbers(ctx context.Context, user string) ([]offboarding.TelephoneNumber, error)
	ReleaseNumber(ctx context.Context, user string, n offboarding.TelephoneNumber) error
	JoinGroups(ctx context.Context, user string, groups []string) []error
	OwnGroups(ctx context.Context, user string, groups []string) []error
	// NumberTaken reports whether somebody else than the user has a number.
	NumberTaken(ctx context.Context, user, number string) (bool, error)
	AssignNumber(ctx context.Context, user string, n offboarding.TelephoneNumber) error
	// SharedCalendars are the addresses of those whose calendars the user has opened.
	SharedCalendars(ctx context.Context, user, address string) ([]string, error)
}

// Mailboxes is what access needs of Exchange Online.
type Mailboxes interface {
	LeaveDistributionGroup(ctx context.Context, group, user string) error
	JoinDistributionGroup(ctx context.Context, group, user string) error
	HasMailRight(ctx context.Context, user string, r offboarding.MailRight) (bool, error)
	GrantMailRight(ctx context.Context, user string, r offboarding.MailRight) error
	ManagedGroups(ctx context.Context, id string) ([]offboarding.MailGroup, error)
	Overseen(ctx context.Context, id string) ([]offboarding.Overseen, error)
	TransportRules(ctx context.Context, addresses []string) ([]offboarding.TransportRule, error)
	MailRights(ctx context.Context, user string) ([]offboarding.MailRight, error)
	Recipient(ctx context.Context, identity string) (offboarding.Recipient, error)
	CalendarRights(ctx context.Context, mailbox, user string) ([]offboarding.MailRight, error)
	RemoveMailRight(ctx context.Context, user string, r offboarding.MailRight) error
	MailFlow(ctx context.Context, id string) (offboarding.MailFlow, error)
	Openers(ctx context.Context, mailbox string) ([]string, error)
	ForwardingTo(ctx context.Context, id string, addresses []string) ([]string, error)
	Forward(ctx context.Context, mailbox, to string, keepCopy bool) error
	PassGroup(ctx context.Context, group, from, to string) error
	PassBookings(ctx context.Context, room, from, to string) error
	Resources(ctx context.Context) ([]string, error)
	BookingDelegates(ctx context.Context, room string) ([]string, error)
}

// Step takes a leaver's access away.
type Step struct {
	directory  Directory
	mailboxes  Mailboxes
	departures Departures
	privileges Privileges
}

// Departures is what access needs of the ledger.
type Departures interface {
	offboarding.Departures
	// Latest is the newest case of somebody; nil when there was none.
	Latest(ctx context.Context, leaver string) (*offboarding.Case, error)
}

// Privileges is the step of that name, for departures that were planned without it.
type Privileges interface {
	Work(ctx context.Context, job *offboarding.Job) error
}

func New(directory Directory, mailboxes Mailboxes, departures Departures, privileges Privileges) *Step {
	return &Step{directory: directory, mailboxes: mailboxes, departures: departures, privileges: privileges}
}

// Work implements worker.Step. Each part is tried whatever became of the others.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	old := s.plannedWithoutPrivileges(ctx, job)
	if job.Step.Progress[offboarding.MustStay] == offboarding.Stays {
		return old
	}
	r := &run{Step: s, job: job, portal: job.Case.Plan.Cloud().Portal, user: user, leftToPerson: map[string]bool{}}
	directory := r.inDirectory(ctx)
	return offboarding.Join(old, directory, r.numbers(ctx), r.empty(ctx), r.lists(ctx), r.overseen(ctx), r.transportRules(ctx), r.mailRights(ctx), r.openers(ctx), r.forwardings(ctx), r.bookings(ctx), r.restorable(ctx), r.task(), r.handOverTask(), r.awaitOnPremises())
}

// plannedWithoutPrivileges does the work of privileges where the plan does not hold that step. This
// function need not have its permissions any more.
func (s *Step) plannedWithoutPrivileges(ctx context.Context, job *offboarding.Job) error {
	if job.Case.Step(offboarding.StepPrivileges) != nil || job.Case.Plan.PrivilegesByPerson {
		return nil
	}
	err := s.privileges.Work(ctx, job)
	if offboarding.IsPermanent(err) {
		return offboarding.Manual(fmt.Sprintf("the departure was planned before privileges was a step of its own, and access may not take roles and authentication methods away any more: send the request again, which plans it (%s)", err))
	}
	return err
}

// run is one run of the step.
type run struct {
	*Step
	job            *offboarding.Job
	portal         offboarding.Portal
	user           offboarding.User
	tasks          []string          // for a person
	dependants     []string          // likewise, about what will be without anybody
	successor      *offboarding.User // once looked up
	unfit          string            // why the successor cannot take over
	onPremises     []string          // groups for the step onpremises, by object id
	leftToPerson   map[string]bool   // by object id
	phone          bool              // a licence brings Teams Phone
	namelessRights bool              // on mailboxes that have no object id
}

// inDirectory takes away what Entra knows of.
func (r *run) inDirectory(ctx context.Context) error {
	access, unread := r.directory.Access(ctx, r.job.Leaver)
	if access.Unread[offboarding.GrantRole] != nil { // whether the leaver must keep everything is not known
		return unread
	}
	r.phone = access.Phone
	groups := r.sort(access.Groups)
	if err := r.keepBefore(ctx, access, groups); err != nil {
		return err
	}
	if access.Role && r.undecided() {
		return offboarding.Join(unread, r.job.NotYet("the leaver holds a directory role: waits until privileges knows that the tenant can do without them"))
	}
	r.unseen(access.Plans)
	if err := r.reports(ctx, access.Reports); err != nil {
		return err
	}
	verdict := offboarding.Join(unread, r.apps(ctx, access.Apps), r.handOver(ctx, access.Owned), r.leave(ctx, groups), r.revoke(ctx, access.Grants))
	if verdict != nil {
		return verdict
	}
	return r.observe(ctx)
}

// undecided reports whether privileges has yet to say whether the leaver may go.
func (r *run) undecided() bool {
	privileges := r.job.Case.Step(offboarding.StepPrivileges)
	return privileges != nil && !privileges.State.Closed() && privileges.Progress[offboarding.MustStay] != offboarding.StaysNot
}

// revoke takes rights away. What is gone already is as wanted.
func (r *run) revoke(ctx context.Context, grants []offboarding.Grant) error {
	if len(grants) == 0 {
		return nil
	}
	var verdicts []error
	for _, err := range r.directory.Revoke(ctx, r.job.Leaver, grants) {
		if !errors.Is(err, offboarding.ErrNotFound) {
			verdicts = append(verdicts, err)
		}
	}
	return offboarding.Join(verdicts...)
}

// observe reads back that nothing is left but what is left on purpose.
func (r *run) observe(ctx context.Context) error {
	access, err := r.directory.Access(ctx, r.job.Leaver)
	if err != nil {
		return err
	}
	groups := r.sort(access.Groups)
	left := map[string]int{"memberships": len(groups.graph) + len(groups.exchange)}
	for _, g := range access.Owned {
		if !r.leftToPerson[g.ID] && !g.AssignableToRole {
			left["ownerships"]++
		}
	}
	for _, g := range access.Grants {
		if !r.leftToPerson[g.ID] {
			left[string(g.Kind)]++
		}
	}
	var still []string
	for _, what := range slices.Sorted(maps.Keys(left)) {
		if left[what] > 0 {
			still = append(still, what+" "+strconv.Itoa(left[what]))
		}
	}
	if len(still) > 0 {
		return r.job.NotYet("taking away was accepted, but this still shows: %s", strings.Join(still, ", "))
	}
	r.job.Evidence["directory"] = "nothing is left"
	if r.job.Step.Evidence["tasks"] != "" {
		r.job.Evidence["tasks"] = "done"
	}
	if len(groups.licensed) > 0 {
		r.job.Evidence[offboarding.LicenceGroups] = "left to the step licence: " + strings.Join(groups.licensed, " ")
	}
	return nil
}

// task is everything that a person must do, as one.
func (r *run) task() error {
	if len(r.tasks) == 0 {
		return nil
	}
	slices.Sort(r.tasks)
	tasks := slices.Compact(r.tasks)
	r.job.Evidence["tasks"] = strings.Join(tasks, "; ")
	return offboarding.Manual(brief(tasks) + "; then replay")
}

// brief are the first of some tasks: a reason is for a table.
func brief(tasks []string) string {
	const shown = 4
	text := strings.Join(tasks[:min(shown, len(tasks))], "; ")
	if more := len(tasks) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more, which leaver status --json shows", more)
	}
	return text
}

// addOnPremises leaves a group that is mastered on premises to the step onpremises where the plan
// holds it, else to a person.
func (r *run) addOnPremises(id, format string, args ...any) {
	if r.job.Case.Step(offboarding.StepOnpremises) == nil {
		r.addTask(id, format, args...)
		return
	}
	r.onPremises = append(r.onPremises, id)
}

func (r *run) awaitOnPremises() error {
	if len(r.onPremises) == 0 {
		return nil
	}
	return r.job.OnPremisesTask("take the leaver out of " + offboarding.Count(len(r.onPremises), "group"))
}

// addTask leaves an object to a person.
func (r *run) addTask(id, format string, args ...any) {
	r.leftToPerson[id] = true
	r.tasks = append(r.tasks, fmt.Sprintf(format, args...))
}
