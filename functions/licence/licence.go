// Package licence is the gate that releases the leaver's licences when the grace is over: direct ones by
// assignLicense, inherited ones by leaving the group that gives them (B11), which the step access leaves to
// it. Right before that the mailbox is read again: a forwarding that goes on (B2), a mailbox that is not
// shared yet (B3), or one that needs Exchange Plan 2 (B4) keeps the licence. A phone or a protected app
// that has not acknowledged its wipe keeps it for a while (B13). It is done when the tenant shows no
// licence on the user any more but those that a person has accepted by name.
//
// Mail stays recoverable for 30 days after that. Sources: Microsoft Graph, user: assignLicense
// and licenseAssignmentState; Microsoft 365 admin, Remove a former employee, step 6.
package licence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// Directory is what licence needs of Microsoft Graph.
type Directory interface {
	User(ctx context.Context, id string) (offboarding.User, error)
	Group(ctx context.Context, id string) (offboarding.Group, error)
	Seats(ctx context.Context) ([]offboarding.Seat, error)
	RemoveLicences(ctx context.Context, id string, skus []string) error
	LeaveGroup(ctx context.Context, group, user string) error
	MemberGroups(ctx context.Context, id string, groups []string) ([]string, error)
	JoinGroups(ctx context.Context, user string, groups []string) []error
	AssignLicences(ctx context.Context, id string, licences []offboarding.Licence) error
}

// Mailboxes is what licence needs of Exchange Online.
type Mailboxes interface {
	KeptMailFlow(ctx context.Context, id string) (offboarding.MailFlow, error)
	MailboxContent(ctx context.Context, id string) (offboarding.Content, error)
	LeaveDistributionGroup(ctx context.Context, group, user string) error
	JoinDistributionGroup(ctx context.Context, group, user string) error
	Phones(ctx context.Context, user string) ([]offboarding.Phone, error)
}

// Step releases a leaver's licences.
type Step struct {
	directory Directory
	mailboxes Mailboxes
}

func New(directory Directory, mailboxes Mailboxes) *Step {
	return &Step{directory: directory, mailboxes: mailboxes}
}

const (
	licences = "licences" // before: what was held by which way
	released = "released" // progress: the direct licences that were given back
	staying  = "staying"  // progress: the groups that give licences which a person accepted
)

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	if verdict := job.Await(); verdict != nil {
		return verdict
	}
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	if verdict := offboarding.EnsureBlocked(user); verdict != nil {
		return verdict
	}
	if verdict := s.devicesWiped(ctx, job); verdict != nil {
		return verdict
	}
	content, err := s.mailboxes.MailboxContent(ctx, job.Leaver)
	if err != nil {
		return err
	}
	if err := s.keepBefore(ctx, job, user, content); err != nil {
		return err
	}
	if verdict := s.mayRelease(ctx, job, content); verdict != nil {
		return verdict
	}
	if user, err = s.withoutAccepted(ctx, job, user); err != nil {
		return err
	}
	manual, onPremises, err := s.release(ctx, job, user)
	if len(onPremises) > 0 { // those go whatever becomes of the cloud's
		err = offboarding.Join(err, job.KeepProgress(ctx, offboarding.LicenceGate, offboarding.Stamp(job.Now)))
	}
	if err != nil && len(manual) > 0 {
		err = offboarding.Join(err, offboarding.Manual(task(job.Case.Plan.Cloud().Portal, user, manual)))
	}
	if err != nil {
		return err
	}
	if len(user.Licences) > 0 {
		if user, err = s.directory.User(ctx, job.Leaver); err != nil {
			return err
		}
		if user, err = s.withoutAccepted(ctx, job, user); err != nil {
			return err
		}
	}
	left := 0
	for _, l := range user.Licences {
		if _, isManual := manual[l.AssignedByGroup]; !isManual && !slices.Contains(onPremises, l.AssignedByGroup) {
			left++
		}
	}
	switch {
	case left > 0:
		return job.NotYet("the release was accepted, but %s can still be seen", offboarding.Count(left, "licence"))
	case len(manual) > 0:
		return offboarding.Manual(fmt.Sprintf("%s: %s", offboarding.B11, task(job.Case.Plan.Cloud().Portal, user, manual)))
	case len(onPremises) > 0 && len(user.Licences) > 0:
		return job.OnPremisesTask(fmt.Sprintf("take the leaver out of %s by which licences come", offboarding.Count(len(onPremises), "group")))
	}
	job.Evidence["seatsFreed"] = strings.Join(freed(job), ", ")
	return s.seats(ctx, job)
}

// mayRelease reads the mailbox right before the licence goes (B2, B3, B4, B5, B12). Where there is no
// mailbox, nothing forwards and nothing is shared; one that has content is there.
func (s *Step) mayRelease(ctx context.Context, job *offboarding.Job, content offboarding.Content) error {
	flow, err := s.mailboxes.KeptMailFlow(ctx, job.Leaver)
	if flow.PoliciesUnseen {
		job.Risk(offboarding.PoliciesUnseen)
	}
	switch {
	case errors.Is(err, offboarding.ErrNotFound) && content.Exists:
		return job.NotYet("Exchange shows what the mailbox holds, but not the mailbox")
	case errors.Is(err, offboarding.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	if flow.GUID != "" {
		if err := job.KeepBefore(ctx, map[string]string{mailbox: flow.GUID}); err != nil {
			return err
		}
	}
	return offboarding.MayRelease(job.Case, flow, content, job.Now)
}

// keepBefore keeps which licences the user held by which way, and what the mailbox held.
func (s *Step) keepBefore(ctx context.Context, job *offboarding.Job, user offboarding.User, content offboarding.Content) error {
	if _, kept := job.Step.Before[licences]; kept {
		return nil
	}
	items := "none"
	if content.Exists {
		items = strconv.Itoa(content.Items + content.Recoverable)
	}
	seats, err := s.directory.Seats(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, seat := range seats {
		names[seat.SKU] = seat.PartNumber
	}
	var held []string
	before := map[string]string{}
	for _, l := range user.Licences {
		before[assigned+l.SKU+" "+cmp.Or(l.AssignedByGroup, direct)] = l.DisabledPlans
		name := names[l.SKU]
		if name == "" {
			name = l.SKU
		}
		if l.AssignedByGroup != "" {
			name += " (group " + l.AssignedByGroup + ")"
		}
		held = append(held, name)
	}
	slices.Sort(held)
	before[licences] = strings.Join(held, ", ")
	return job.Keep(ctx, before, map[string]string{offboarding.MailboxItems: items})
}

// release gives back what the machine may, and returns the groups a person must see to, and those
// that the step onpremises leaves.
func (s *Step) release(ctx context.Context, job *offboarding.Job, user offboarding.User) (manual map[string]offboarding.Group, onPremises []string, err error) {
	var direct, groups []string
	for _, l := range user.Licences {
		switch {
		case l.AssignedByGroup == "":
			direct = append(direct, l.SKU)
		case !slices.Contains(groups, l.AssignedByGroup):
			groups = append(groups, l.AssignedByGroup)
		}
	}
	gives := len(groups)
	// What access left also holds groups that give no licence just now.
	for _, id := range job.Case.LeftToLicence() {
		if !slices.Contains(groups, id) && !slices.Contains(strings.Fields(job.Step.Progress[staying]), id) {
			groups = append(groups, id)
		}
	}
	var verdicts []error
	manual = map[string]offboarding.Group{}
	for i, id := range groups {
		group, err := s.directory.Group(ctx, id)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		if err != nil {
			verdicts = append(verdicts, err)
			continue
		}
		switch {
		case group.OnPremisesSyncEnabled && job.Case.Step(offboarding.StepOnpremises) != nil:
			if i < gives {
				onPremises = append(onPremises, id)
			}
			continue
		case group.Dynamic || group.OnPremisesSyncEnabled:
			if i < gives {
				manual[id] = group
			}
			continue
		}
		leave := s.directory.LeaveGroup
		if group.Distribution {
			leave = s.mailboxes.LeaveDistributionGroup
		}
		// Not a member any more: left already, and the licence has yet to follow.
		if err := leave(ctx, id, job.Leaver); !errors.Is(err, offboarding.ErrNotFound) {
			verdicts = append(verdicts, err)
		}
	}
	// After the groups: a plan that one of them brings may depend on a direct licence.
	verdicts = append(verdicts, s.releaseDirect(ctx, job, direct))
	return manual, onPremises, offboarding.Join(verdicts...)
}

// releaseDirect gives back the licences that come from no group: together, because a plan of one may
// depend on another, and what is refused so each by itself, so that one keeps none of the others.
// Source: Microsoft Graph, user: assignLicense, dependent service plans.
func (s *Step) releaseDirect(ctx context.Context, job *offboarding.Job, skus []string) error {
	if len(skus) == 0 {
		return nil
	}
	err := s.directory.RemoveLicences(ctx, job.Leaver, skus)
	var gone, refused []string
	var later []error
	switch {
	case err == nil:
		gone = skus
	case !offboarding.IsPermanent(err):
		return err
	case job.Step.Progress[released] != "":
		// What was released before is refused: it is gone, and the read lags behind.
		return job.NotYet("the release was accepted, but the licences still show")
	default:
		for _, sku := range skus {
			one := err
			if len(skus) > 1 {
				one = s.directory.RemoveLicences(ctx, job.Leaver, []string{sku})
			}
			switch {
			case one == nil:
				gone = append(gone, sku)
			case offboarding.IsPermanent(one):
				refused, err = append(refused, sku), one
			default:
				later = append(later, one)
			}
		}
	}
	if len(later) > 0 {
		return offboarding.Join(later...)
	}
	if len(refused) > 0 {
		return offboarding.Permanent(fmt.Errorf("licences %s stay: the likely cause is a plan of another licence that depends on theirs (the Microsoft 365 admin center says which: %s): remove that licence or plan there, or accept that they stay (leaver sign-off %s licence --item %s --by NAME --note WHY): %w",
			strings.Join(s.partNumbers(ctx, refused), ", "), job.Case.Plan.Cloud().Licences(job.Leaver), job.Case.ID, strings.Join(refused, " --item "), err))
	}
	return job.KeepProgress(ctx, released, strings.Join(gone, " "))
}

// partNumbers are the names by which an administrator knows licences, where Graph tells them.
func (s *Step) partNumbers(ctx context.Context, skus []string) []string {
	names := slices.Clone(skus)
	seats, _ := s.directory.Seats(ctx) // without them the ids have to do
	for _, seat := range seats {
		if i := slices.Index(names, seat.SKU); i >= 0 {
			names[i] = seat.PartNumber + " (" + seat.SKU + ")"
		}
	}
	return names
}

// withoutAccepted is the user without the licences that a person accepted as they are, by skuId or by part
// number; the groups that give them are not left either. A licence that comes by several ways stays by
// all of them.
func (s *Step) withoutAccepted(ctx context.Context, job *offboarding.Job, user offboarding.User) (offboarding.User, error) {
	if len(job.Step.Accepted) == 0 {
		return user, nil
	}
	seats, err := s.directory.Seats(ctx)
	if err != nil {
		return user, err
	}
	accepted := func(sku string) bool {
		names := []string{sku}
		for _, seat := range seats {
			if seat.SKU == sku {
				names = append(names, seat.PartNumber)
			}
		}
		return slices.ContainsFunc(job.Step.Accepted, func(item string) bool {
			return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, item) })
		})
	}
	var kept, stay, groups []string
	var others []offboarding.Licence
	for _, l := range user.Licences {
		if !accepted(l.SKU) {
			others = append(others, l)
			continue
		}
		if !slices.Contains(stay, l.SKU) {
			stay = append(stay, l.SKU)
		}
		if l.AssignedByGroup != "" && !slices.Contains(groups, l.AssignedByGroup) {
			groups = append(groups, l.AssignedByGroup)
		}
	}
	// A group gives all of its licences or none: leaving it would take the accepted ones too.
	others = slices.DeleteFunc(others, func(l offboarding.Licence) bool {
		by := l.AssignedByGroup != "" && slices.Contains(groups, l.AssignedByGroup)
		if by {
			kept = append(kept, l.SKU)
		}
		return by
	})
	user.Licences = others
	if len(stay) == 0 {
		return user, nil
	}
	text := "accepted by a person: " + strings.Join(s.partNumbers(ctx, stay), ", ")
	if len(kept) > 0 {
		text += "; with them, from the same groups: " + strings.Join(s.partNumbers(ctx, kept), ", ")
	}
	job.Evidence[staying] = text
	slices.Sort(groups)
	return user, job.KeepProgress(ctx, staying, strings.Join(groups, " "))
}

func task(portal offboarding.Portal, user offboarding.User, groups map[string]offboarding.Group) string {
	var tasks []string
	for _, g := range groups {
		switch {
		case g.Dynamic:
			tasks = append(tasks, fmt.Sprintf("change the membership rule of the dynamic group %s so that it does not take in the leaver: %s", user.NameOf(g), portal.Group(g.ID)))
		default:
			tasks = append(tasks, fmt.Sprintf("remove the leaver from the group %s in the on-premises Active Directory; Entra shows it: %s", user.NameOf(g), portal.Group(g.ID)))
		}
	}
	slices.Sort(tasks)
	return strings.Join(tasks, "; ") + "; then replay"
}
