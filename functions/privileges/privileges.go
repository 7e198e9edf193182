// Package privileges is the step that takes away what makes the leaver powerful: directory roles,
// active and eligible; membership and ownership of groups that may hold such roles; roles in
// applications; and authentication methods. It is done when none of that is read back any more. It is a
// function of its own because these permissions are Tier 0: each of them can make anybody a Global
// Administrator.
//
// Roles are taken away under one lease for the whole installation. Before that the step counts who
// could still administer the tenant: enabled Global Administrators who hold the role now, without an
// open case of their own. If fewer than two would remain, the leaver stays as they are, with methods,
// groups and exclusions, and every other step of the case waits too: that is one task for a person. The
// holders are read again afterwards, and the role is put back if too few are left. A case is opened before
// its steps run, so of two administrators who leave together each counts the other as gone, or
// one of them had already gone when the other one counted.
//
// No group that may hold a role is ever handed over: whoever owns it can join it.
//
// Sources: Microsoft Entra, Best practices for Microsoft Entra roles, and Manage emergency access
// accounts (two or more of them); Microsoft Graph, unifiedRoleAssignment,
// unifiedRoleEligibilityScheduleRequest, appRoleAssignment and authentication methods.
package privileges

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// Directory is what privileges needs of Microsoft Graph.
type Directory interface {
	User(ctx context.Context, id string) (offboarding.User, error)
	Privileges(ctx context.Context, id string) (offboarding.Privileges, error)
	// Administrators are the people who hold an active role over the whole tenant, by name or through
	// a group.
	Administrators(ctx context.Context, role string) ([]offboarding.Owner, error)
	AssignRole(ctx context.Context, user, role string) error
	Revoke(ctx context.Context, user string, grants []offboarding.Grant) []error
	LeaveGroups(ctx context.Context, user string, groups []string) []error
	Owners(ctx context.Context, group string) ([]offboarding.Owner, error)
	RemoveOwner(ctx context.Context, group, user string) error
	// Powers are the privileges without the authentication methods, which nobody can give back.
	Powers(ctx context.Context, id string) (offboarding.Privileges, error)
	OwnGroups(ctx context.Context, user string, groups []string) []error
	JoinGroups(ctx context.Context, user string, groups []string) []error
	Give(ctx context.Context, user string, grants []offboarding.Grant) []error
}

// Departures is what privileges needs of the ledger.
type Departures interface {
	offboarding.Departures
	// Exclusively runs do while no other run of the installation does so under the same name, or
	// returns offboarding.ErrTaken.
	Exclusively(ctx context.Context, name string, do func(context.Context) error) error
}

// Step takes a leaver's privileges away.
type Step struct {
	directory  Directory
	departures Departures
}

func New(directory Directory, departures Departures) *Step {
	return &Step{directory: directory, departures: departures}
}

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	held, unread := s.directory.Privileges(ctx, job.Leaver)
	if held.Unread[offboarding.GrantRole] != nil { // whether the leaver must keep everything is not known
		return unread
	}
	r := &run{Step: s, job: job, user: user, leftToPerson: map[string]bool{}}
	if err := r.keepBefore(ctx, held); err != nil {
		return err
	}
	goes := false
	if r.heldRole || len(held.Groups)+len(held.Owned) > 0 || unread != nil { // what could not be read may bring a role
		err = s.departures.Exclusively(ctx, "privileges", func(ctx context.Context) (err error) {
			goes, err = r.powers(ctx, held)
			return err
		})
	} else {
		err = r.job.KeepProgress(ctx, offboarding.MustStay, offboarding.StaysNot)
		goes = err == nil
	}
	switch {
	case errors.Is(err, offboarding.ErrTaken):
		return job.NotYet("the roles of somebody else are being taken away")
	case !goes:
		return err
	}
	// One role or group that is refused keeps none of the rest, nor does a listing.
	verdict := offboarding.Join(err, unread, r.revoke(ctx, held.Of(offboarding.GrantAppRole)), r.deleteMethods(ctx, held.Of(offboarding.GrantMethod), slices.Contains(held.Hidden, offboarding.GrantMethod)))
	if verdict == nil {
		verdict = r.observe(ctx)
	}
	portal := job.Case.Plan.Cloud().Portal
	for _, kind := range held.Hidden {
		r.addTask(string(kind), "this cloud does not show an application all that a user has of kind %s; what it shows is gone: delete the others of the leaver in the Entra admin center and sign off: %s", kind, portal.User(job.Leaver))
	}
	return offboarding.Join(verdict, r.task())
}

// run is one run of the step.
type run struct {
	*Step
	job          *offboarding.Job
	user         offboarding.User
	heldRole     bool            // when the step began, or now
	tasks        []string        // for a person
	leftToPerson map[string]bool // by object id
}

// keepBefore keeps what is taken away, one value each.
func (r *run) keepBefore(ctx context.Context, held offboarding.Privileges) error {
	before := map[string]string{}
	for _, g := range held.Groups {
		before[string(offboarding.GrantMember)+" "+g.ID] = "group"
	}
	for _, g := range held.Owned {
		before[string(offboarding.GrantOwner)+" "+g.ID] = "owner"
	}
	for _, g := range held.Grants {
		before[string(g.Kind)+" "+g.ID] = strings.TrimSpace(g.Of + " " + g.Type + " " + g.Until)
	}
	if err := r.job.KeepBefore(ctx, before); err != nil {
		return err
	}
	for name := range r.job.Step.Before {
		if kind, _, _ := strings.Cut(name, " "); kind == string(offboarding.GrantRole) || kind == string(offboarding.GrantEligibleRole) {
			r.heldRole = true
		}
	}
	return nil
}

// powers takes away directory roles and what may bring them, if enough administrators remain. It reports
// whether they do: only then anything else may be taken away, whatever of this was refused.
func (r *run) powers(ctx context.Context, held offboarding.Privileges) (goes bool, err error) {
	administrator, err := r.administrator(ctx)
	if err != nil {
		return false, err
	}
	if administrator {
		if stays := r.mayGo(ctx); stays != nil {
			return false, r.putBack(ctx, stays)
		}
		if err := r.job.KeepProgress(ctx, wasAdministrator, taken); err != nil {
			return false, err
		}
	}
	// In this order: one that can be activated again is not gone, and while somebody holds a role,
	// Microsoft refuses more of what follows (B10). Where the eligible ones cannot be read, the active go all
	// the same: until then they can be used at once, and nothing is claimed before nothing reads back.
	verdict := offboarding.Join(r.revoke(ctx, held.Of(offboarding.GrantEligibleRole)), r.revoke(ctx, held.Of(offboarding.GrantRole)),
		r.leave(ctx, held.Groups), r.disown(ctx, held.Owned))
	if administrator {
		if stays := r.mayGo(ctx); stays != nil {
			return false, r.putBack(ctx, stays)
		}
	}
	if err := r.job.KeepProgress(ctx, offboarding.MustStay, offboarding.StaysNot); err != nil {
		return false, err
	}
	return true, verdict
}

// wasAdministrator is the progress under which is kept that the leaver was a Global Administrator, and
// then that the role may have been taken away: a run that ended in between leaves nothing else to see.
const (
	wasAdministrator = "globalAdministrator"
	taken            = "taken"
)

// administrator reports whether the leaver holds the role by which the tenant is administered, or did
// when the step began.
func (r *run) administrator(ctx context.Context) (bool, error) {
	if r.job.Step.Progress[wasAdministrator] != "" {
		return true, nil
	}
	holders, err := r.directory.Administrators(ctx, offboarding.GlobalAdministrator)
	if err != nil || !slices.ContainsFunc(holders, func(o offboarding.Owner) bool { return strings.EqualFold(o.ID, r.job.Leaver) }) {
		return false, err
	}
	return true, r.job.KeepProgress(ctx, wasAdministrator, "yes")
}

// enough is how many people must be able to administer the tenant without the leaver.
// Source: Microsoft Entra, Manage emergency access accounts.
const enough = 2

// mayGo is nil when enough administrators remain without the leaver and everybody else who leaves.
func (r *run) mayGo(ctx context.Context) error {
	holders, err := r.directory.Administrators(ctx, offboarding.GlobalAdministrator)
	if err != nil {
		return err
	}
	remain, err := offboarding.WhoStay(ctx, holders, r.job.Leaver, r.departures)
	if err != nil {
		return err
	}
	if remain >= enough {
		return nil
	}
	if err := r.job.KeepProgress(ctx, offboarding.MustStay, offboarding.Stays); err != nil {
		return err
	}
	return offboarding.Manual(fmt.Sprintf("%s: the leaver is a Global Administrator, and only %d who can sign in and do not leave would remain, of at least %d: the leaver keeps everything and every step waits; make somebody else one (Entra, Roles & admins, Global Administrator), then replay privileges",
		offboarding.B10, remain, enough))
}

// putBack makes the leaver a Global Administrator again, if the role has been taken away and others
// stopped being one meanwhile. What it returns is the task that stays.
func (r *run) putBack(ctx context.Context, stays error) error {
	if offboarding.VerdictOf(stays).Kind != offboarding.KindManual || r.job.Step.Progress[wasAdministrator] != taken {
		return stays
	}
	if err := r.directory.AssignRole(ctx, r.job.Leaver, offboarding.GlobalAdministrator); err != nil {
		return fmt.Errorf("putting the role back: %w", err)
	}
	r.job.Evidence["putBack"] = offboarding.GlobalAdministrator
	return stays
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

// heeded is how long Microsoft may take to heed that a role is gone.
const heeded = 10 * time.Minute

// deleteMethods deletes authentication methods. Graph refuses the default one while there are
// others, and v1.0 does not show which it is: what was refused is tried again when others went.
func (r *run) deleteMethods(ctx context.Context, methods []offboarding.Grant, hidden bool) error {
	all := methods
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
		case len(refused) == len(methods) && r.heldRole && r.job.Waited() < heeded:
			return r.job.NotYet("%s: refused for a role that has been taken away just now: %s", offboarding.B10, offboarding.Join(refusals...))
		case len(refused) == len(methods) && (hidden || slices.ContainsFunc(all, func(m offboarding.Grant) bool { return r.leftToPerson[m.ID] })):
			// One that cannot be seen, or not be deleted, keeps the default one from going.
			for _, m := range refused {
				r.addTask(m.ID, "delete the authentication method of type %s (%s), which is refused while there are others that Leaver cannot delete: %s", m.Type, m.ID, r.job.Case.Plan.Cloud().Methods(r.job.Leaver))
			}
			return nil
		case len(refused) == len(methods):
			return offboarding.Join(refusals...)
		}
		methods = refused
	}
	return nil
}

// observe reads back that nothing is left but what is left on purpose.
func (r *run) observe(ctx context.Context) error {
	held, err := r.directory.Privileges(ctx, r.job.Leaver)
	if err != nil {
		return err
	}
	left := map[string]int{}
	for kind, groups := range map[string][]offboarding.Group{"memberships": held.Groups, "ownerships": held.Owned} {
		for _, g := range groups {
			if !r.leftToPerson[g.ID] {
				left[kind]++
			}
		}
	}
	for _, g := range held.Grants {
		if !r.leftToPerson[g.ID] {
			left[string(g.Kind)]++
		}
	}
	var still []string
	for _, what := range slices.Sorted(maps.Keys(left)) {
		still = append(still, what+" "+strconv.Itoa(left[what]))
	}
	if len(still) > 0 {
		return r.job.NotYet("taking away was accepted, but this still shows: %s", strings.Join(still, ", "))
	}
	r.job.Evidence["privileges"] = "nothing is left"
	return nil
}

// task is everything that a person must do, as one.
func (r *run) task() error {
	if len(r.tasks) == 0 {
		return nil
	}
	slices.Sort(r.tasks)
	return offboarding.Manual(strings.Join(slices.Compact(r.tasks), "; ") + "; then replay")
}

// addTask leaves an object to a person.
func (r *run) addTask(id, format string, args ...any) {
	r.leftToPerson[id] = true
	r.tasks = append(r.tasks, fmt.Sprintf(format, args...))
}
