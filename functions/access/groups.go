package access

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// memberships are the groups of the leaver by what is to be done about them.
type memberships struct {
	graph              []offboarding.Group // to leave through Microsoft Graph
	exchange           []offboarding.Group // to leave through Exchange
	licensed           []string            // left to the step licence, by object id
	licensedOnPremises []string            // those of them that are mastered on premises, by SID
}

// sort says what is to be done about each group. Whether it gives licences comes before all
// else (B2): even a person must not be asked to take the leaver out of such a one yet.
func (r *run) sort(groups []offboarding.Group) memberships {
	var m memberships
	for _, g := range groups {
		switch {
		case g.AssignableToRole: // left to privileges
		case g.GivesLicences(r.user, groups):
			m.licensed = append(m.licensed, g.ID)
			if g.OnPremisesSyncEnabled {
				m.licensedOnPremises = append(m.licensedOnPremises, g.OnPremisesSID)
			}
		case g.Dynamic:
			r.addTask(g.ID, "change the membership rule of the dynamic group %s so that it does not take in the leaver: %s", r.user.NameOf(g), r.portal.Group(g.ID))
		case g.OnPremisesSyncEnabled:
			r.addOnPremises(g.ID, "remove the leaver from the group %s in the on-premises Active Directory; Entra shows it: %s", r.user.NameOf(g), r.portal.Group(g.ID))
		case r.leftToPerson[g.ID]:
		case g.Distribution:
			m.exchange = append(m.exchange, g)
		default:
			m.graph = append(m.graph, g)
		}
	}
	slices.Sort(m.licensed)
	return m
}

// leave takes the leaver out of the groups.
func (r *run) leave(ctx context.Context, m memberships) error {
	var verdicts []error
	var ids []string
	for _, g := range m.graph {
		ids = append(ids, g.ID)
	}
	for i, err := range r.directory.LeaveGroups(ctx, r.job.Leaver, ids) {
		if !errors.Is(err, offboarding.ErrNotFound) {
			verdicts = append(verdicts, offboarding.InUnit(m.graph[i].Restricted, "group "+ids[i], err))
		}
	}
	left, err := r.leftAlone(ctx, m.exchange)
	verdicts = append(verdicts, err)
	for _, g := range m.exchange {
		if !left[g.ID] {
			verdicts = append(verdicts, r.mailboxes.LeaveDistributionGroup(ctx, g.ID, r.job.Leaver))
		}
	}
	return offboarding.Join(verdicts...)
}

// leftAlone are the distribution lists that the leaver stays on, because nobody else who stays is on them, or
// that cannot be told: what is sent to an empty list reaches nobody, and no sender hears of it. A group
// that gives access is left all the same, and looked at afterwards.
// Source: essential.exchange, Black Hole Distribution Groups.
func (r *run) leftAlone(ctx context.Context, groups []offboarding.Group) (map[string]bool, error) {
	if len(groups) == 0 {
		return nil, nil
	}
	var ids []string
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	alone, errs := r.withNobodyElse(ctx, ids)
	left := map[string]bool{}
	for i, g := range groups {
		switch unsure := errs[i] != nil; {
		case g.Security && (alone[i] || unsure):
			errs[i] = r.job.KeepProgress(ctx, emptied+g.ID, "the leaver's")
			left[g.ID] = errs[i] != nil
		case alone[i]:
			left[g.ID], r.leftToPerson[g.ID] = true, true
			r.hangs("put somebody else on the distribution list %s, of which the leaver is the only member who would get its mail, in the Exchange admin center, Groups, Distribution list; Entra shows it: %s", r.user.NameOf(g), r.portal.Group(g.ID))
		default:
			left[g.ID] = unsure
		}
	}
	return left, offboarding.Join(errs...)
}

// withNobodyElse says of each group whether nobodyElse is in it; one that is gone is none of them.
func (r *run) withNobodyElse(ctx context.Context, ids []string) (alone []bool, errs []error) {
	members, errs := r.directory.SomeMembers(ctx, ids)
	alone = make([]bool, len(ids))
	for i := range ids {
		if errs[i] == nil {
			alone[i], errs[i] = r.nobodyElse(ctx, members[i])
		}
		if errors.Is(errs[i], offboarding.ErrNotFound) {
			errs[i] = nil
		}
	}
	return alone, errs
}

// nobodyElse reports whether nobody is among the members but the leaver, and others who leave. Where more are than
// are shown it is not asked: whoever leaves is taken out one by one, and of the last hundred all are shown.
func (r *run) nobodyElse(ctx context.Context, m offboarding.Members) (bool, error) {
	if m.More {
		return false, nil
	}
	for _, id := range m.IDs {
		if strings.EqualFold(id, r.job.Leaver) {
			continue
		}
		if leaving, err := r.leaves(ctx, id); err != nil || !leaving {
			return false, err
		}
	}
	return true, nil
}

// emptied and its object id is a mail-enabled security group that the leaver was perhaps the last to leave, in the
// progress.
const emptied = "emptied "

// empty leaves to a person the mail-enabled security groups in which nobody is any more.
func (r *run) empty(ctx context.Context) error {
	var ids []string
	for _, name := range slices.Sorted(maps.Keys(r.job.Step.Progress)) {
		if id, is := strings.CutPrefix(name, emptied); is {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	alone, errs := r.withNobodyElse(ctx, ids)
	for i, id := range ids {
		if alone[i] {
			r.hangs("nobody who stays is in a mail-enabled security group of the leaver's: its mail reaches nobody, and nobody can open the mailboxes that it opens; put somebody into it in the Exchange admin center, Groups; Entra shows it: %s", r.portal.Group(id))
		}
	}
	return offboarding.Join(errs...)
}

// handOver gives the groups that the leaver owns to somebody else and ends the ownership.
func (r *run) handOver(ctx context.Context, owned []offboarding.Group) error {
	var verdicts []error
	for _, g := range owned {
		switch {
		case g.AssignableToRole: // left to privileges
		case g.OnPremisesSyncEnabled:
			r.addTask(g.ID, "make somebody else the owner of the group %s in the on-premises Active Directory; Entra shows it: %s", r.user.NameOf(g), r.portal.Group(g.ID))
		default:
			if err := r.handOverOne(ctx, g); !errors.Is(err, offboarding.ErrNotFound) {
				verdicts = append(verdicts, err)
			}
		}
	}
	return offboarding.Join(verdicts...)
}

func (r *run) handOverOne(ctx context.Context, g offboarding.Group) error {
	others, err := r.otherOwners(ctx, g.ID)
	if err != nil {
		return err
	}
	if others == 0 {
		successor, err := offboarding.Successor(ctx, r.job.Case, "", r.directory, r.departures)
		var unfit *offboarding.UnfitError
		if errors.As(err, &unfit) {
			r.addTask(g.ID, "%s: make somebody the owner of the group %s, whose only owner is the leaver (%s): %s", offboarding.B14, r.user.NameOf(g), unfit.Why, r.portal.Owners(g.ID))
			return nil
		}
		if err != nil {
			return err
		}
		err = r.directory.AddOwner(ctx, g.ID, successor.ID)
		if offboarding.IsPermanent(err) && r.job.Step.Progress[offboarding.HandedTo+g.ID] == successor.ID {
			err = nil // an owner already, whom the read does not show yet
		}
		if err == nil {
			err = r.job.KeepProgress(ctx, offboarding.HandedTo+g.ID, successor.ID)
		}
		if err != nil {
			return err
		}
	}
	return r.giveUp(ctx, g)
}

// giveUp ends the leaver's ownership of a group. It reads the owners right before and keeps the
// ownership unless somebody else who can act is among them (B14).
func (r *run) giveUp(ctx context.Context, g offboarding.Group) error {
	others, err := r.otherOwners(ctx, g.ID)
	if err != nil {
		return err
	}
	if others == 0 {
		return r.job.NotYet("%s: group %s does not show its new owner yet", offboarding.B14, g.ID)
	}
	err = r.directory.RemoveOwner(ctx, g.ID, r.job.Leaver)
	if offboarding.IsPermanent(err) {
		// The last owner, says Graph of one whose fellows have just gone.
		if others, again := r.otherOwners(ctx, g.ID); again == nil && others == 0 {
			return r.job.NotYet("%s: group %s lost its other owners", offboarding.B14, g.ID)
		}
	}
	return err
}

// otherOwners counts the owners of a group beside the leaver who can act.
func (r *run) otherOwners(ctx context.Context, group string) (int, error) {
	owners, err := r.directory.Owners(ctx, group)
	if err != nil {
		return 0, err
	}
	return offboarding.WhoStay(ctx, owners, r.job.Leaver, r.departures)
}
