// Package access is the step that takes away what the leaver can still reach: groups, Teams and
// distribution lists, ownerships, directory roles that are active or eligible, OAuth grants, app
// roles, authentication methods, telephone numbers of Teams, and rights on the mailboxes and
// calendars of others. It is done when none of that is read back any more. What only a person can
// take away becomes one task, when everything else is done.
//
// The before holds every single thing that is taken away, so that it can be given back; what
// nobody can give back are authentication methods.
//
// What it does not see: agents who were added to a call queue one by one, for whom Graph has no
// interface (leaving a group takes the user out of the queues that ring it); and calendars that were
// shared with the leaver and never opened.
//
// Sources: Microsoft 365 admin, Remove a former employee; Microsoft Graph, group: remove
// member, unifiedRoleEligibilityScheduleRequest, authentication methods, numberAssignment.
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
	RoleHolders(ctx context.Context, role string) ([]string, error)
	Revoke(ctx context.Context, user string, grants []offboarding.Grant) []error
	LeaveGroups(ctx context.Context, user string, groups []string) []error
	Owners(ctx context.Context, group string) ([]offboarding.Owner, error)
	AddOwner(ctx context.Context, group, user string) error
	RemoveOwner(ctx context.Context, group, user string) error
	TelephoneNumbers(ctx context.Context, user string) ([]offboarding.TelephoneNumber, error)
	ReleaseNumber(ctx context.Context, user string, n offboarding.TelephoneNumber) error
	// SharedCalendars are the addresses of those whose calendars the user has opened.
	SharedCalendars(ctx context.Context, user, address string) ([]string, error)
}

// Mailboxes is what access needs of Exchange Online.
type Mailboxes interface {
	LeaveDistributionGroup(ctx context.Context, group, user string) error
	MailRights(ctx context.Context, user string) ([]offboarding.MailRight, error)
	Recipient(ctx context.Context, identity string) (offboarding.Recipient, error)
	CalendarRights(ctx context.Context, mailbox, user string) ([]offboarding.MailRight, error)
	RemoveMailRight(ctx context.Context, user string, r offboarding.MailRight) error
}

// Step takes a leaver's access away.
type Step struct {
	directory  Directory
	mailboxes  Mailboxes
	departures offboarding.Departures
}

func New(directory Directory, mailboxes Mailboxes, departures offboarding.Departures) *Step {
	return &Step{directory: directory, mailboxes: mailboxes, departures: departures}
}

// Work implements worker.Step. Each part is tried whatever became of the others.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	r := &run{Step: s, job: job, user: user, leftToPerson: map[string]bool{}}
	directory := r.inDirectory(ctx)
	return offboarding.Join(directory, r.numbers(ctx), r.mailRights(ctx), r.task(), r.awaitOnPremises())
}

// run is one run of the step.
type run struct {
	*Step
	job            *offboarding.Job
	user           offboarding.User
	tasks          []string        // for a person
	onPremises     []string        // groups for the step onpremises, by object id
	leftToPerson   map[string]bool // by object id
	phone          bool            // a licence brings Teams Phone
	namelessRights bool            // on mailboxes that have no object id
}

// inDirectory takes away what Entra knows of.
func (r *run) inDirectory(ctx context.Context) error {
	access, err := r.directory.Access(ctx, r.job.Leaver)
	if err != nil {
		return err
	}
	r.phone = access.Phone
	groups := r.sort(access.Groups)
	if err := r.keepBefore(ctx, access, groups); err != nil {
		return err
	}
	by := map[offboarding.GrantKind][]offboarding.Grant{}
	for _, g := range access.Grants {
		by[g.Kind] = append(by[g.Kind], g)
	}
	if by[offboarding.GrantRole], err = r.butTheLast(ctx, by[offboarding.GrantRole]); err != nil {
		return err
	}
	// In this order: while somebody holds a role, Microsoft refuses more of what follows (B10), and one
	// that can be activated again is not gone.
	verdict := offboarding.Join(
		r.revoke(ctx, by[offboarding.GrantEligibleRole]), r.revoke(ctx, by[offboarding.GrantRole]),
		r.handOver(ctx, access.Owned), r.leave(ctx, groups),
		r.revoke(ctx, append(by[offboarding.GrantConsent], by[offboarding.GrantAppRole]...)),
		r.deleteMethods(ctx, by[offboarding.GrantMethod], len(by[offboarding.GrantRole]) > 0),
	)
	if verdict != nil {
		return verdict
	}
	return r.observe(ctx)
}

// globalAdministrator is the id of the role without whose holders nobody can administer the tenant.
// Source: Microsoft Entra, built-in roles.
const globalAdministrator = "62e90394-69f5-4237-9190-012177145e10"

// butTheLast leaves the role of the last Global Administrator to a person: Microsoft keeps only
// administrators from taking it from themselves, not an application. Another one counts when they
// hold it by name and can sign in.
func (r *run) butTheLast(ctx context.Context, roles []offboarding.Grant) ([]offboarding.Grant, error) {
	i := slices.IndexFunc(roles, func(g offboarding.Grant) bool { return strings.EqualFold(g.Of, globalAdministrator) && g.Type == "/" })
	if i < 0 {
		return roles, nil
	}
	holders, err := r.directory.RoleHolders(ctx, globalAdministrator)
	if err != nil {
		return nil, err
	}
	for _, id := range holders {
		if strings.EqualFold(id, r.job.Leaver) {
			continue
		}
		other, err := r.directory.User(ctx, id)
		switch {
		case errors.Is(err, offboarding.ErrNotFound): // a group or an application
		case err != nil:
			return nil, err
		case other.AccountEnabled:
			return roles, nil
		}
	}
	r.addTask(roles[i].ID, "%s: the leaver is the last Global Administrator who can sign in: make somebody else one", offboarding.B10)
	return slices.Delete(slices.Clone(roles), i, i+1), nil
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

// deleteMethods deletes authentication methods. Graph refuses the default one while there are
// others, and v1.0 does not show which it is: what was refused is tried again when others went.
func (r *run) deleteMethods(ctx context.Context, methods []offboarding.Grant, heldRole bool) error {
	for len(methods) > 0 {
		var verdicts, refusals []error
		var refused []offboarding.Grant
		for i, err := range r.directory.Revoke(ctx, r.job.Leaver, methods) {
			switch v := offboarding.VerdictOf(err); {
			case v.Kind == offboarding.KindPermanent:
				refused, refusals = append(refused, methods[i]), append(refusals, err)
			case v.Kind == offboarding.KindManual:
				r.addTask(methods[i].ID, "%s", v.Why)
			case !errors.Is(err, offboarding.ErrNotFound):
				verdicts = append(verdicts, err)
			}
		}
		switch err := offboarding.Join(verdicts...); {
		case err != nil:
			return err
		case len(refused) == len(methods) && heldRole:
			return r.job.NotYet("%s: refused for a role that has been taken away just now: %s", offboarding.B10, offboarding.Join(refusals...))
		case len(refused) == len(methods):
			return offboarding.Join(refusals...)
		}
		methods = refused
	}
	return nil
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
		if !r.leftToPerson[g.ID] {
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
	const shown = 4 // a reason is for a table
	text := strings.Join(tasks[:min(shown, len(tasks))], "; ")
	if more := len(tasks) - shown; more > 0 {
		text += fmt.Sprintf("; and %d more, which leaver status --json shows", more)
	}
	return offboarding.Manual(text + "; then replay")
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
	return r.job.OnPremisesTask(fmt.Sprintf("take the leaver out of %d groups", len(r.onPremises)))
}

// addTask leaves an object to a person.
func (r *run) addTask(id, format string, args ...any) {
	r.leftToPerson[id] = true
	r.tasks = append(r.tasks, fmt.Sprintf(format, args...))
}
