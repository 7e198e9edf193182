// Package wipe is the step that takes the organisation's data off the leaver's devices, and nothing
// else: photographs and private accounts stay. Phones of the mailbox wipe the account only, are
// blocked, and lose their partnership once they have acknowledged (B13); devices in Intune are
// retired; apps under Intune's app protection lose the organisation's data.
//
// It is done when the records are gone from Intune, and every phone has acknowledged, reads blocked
// and has no partnership any more. Until then it says how long each device has not been seen; at the
// deadline that becomes a manual task, so that a phone at the bottom of a lake does not hold the
// departure for ever.
//
// The step neither waits for block nor holds it up: keeping a leaver out is worth more than an
// acknowledgement, and Microsoft's order is to block first. But a phone that is shut out hears of no
// wipe: for the moment of phoneGrace its own mail program is let in, in which one on push carries the
// wipe out. A device in Intune hears of it by its enrolment, whoever may sign in.
//
// Devices that the organisation owns are set back to the factory's state instead, where the policy says
// so, each once people have approved it (B13): nothing that is on one stays. The step asks for that and
// goes on with everything else.
//
// What others use too is left to a person, and so is everything when there is more of it than the policy
// takes a person to have (devices): whoever enrolled it may have done so for others.
//
// Sources: Microsoft 365 admin, Remove a former employee, steps 1 and 3; Exchange PowerShell,
// Clear-MobileDevice, Get-MobileDeviceStatistics, Set-CASMailbox; Microsoft Graph, managedDevice:
// retire, and user: wipeManagedAppRegistrationsByDeviceTag.
package wipe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// Directory is what wipe needs of Microsoft Graph.
type Directory interface {
	User(ctx context.Context, id string) (offboarding.User, error)
	ManagedDevices(ctx context.Context, user string) ([]offboarding.ManagedDevice, error)
	ManagedDevice(ctx context.Context, id string) (offboarding.ManagedDevice, error)
	// PrimaryUsers are the people whom a device is for; nobody where it is shared.
	PrimaryUsers(ctx context.Context, device string) ([]string, error)
	Retire(ctx context.Context, device string) error
	WipeDevice(ctx context.Context, device string) error
	AppRegistrations(ctx context.Context, user string) ([]offboarding.AppRegistration, error)
	WipeAppData(ctx context.Context, user, deviceTag string) error
}

// Mailboxes is what wipe needs of Exchange Online.
type Mailboxes interface {
	Phones(ctx context.Context, user string) ([]offboarding.Phone, error)
	ClearPhone(ctx context.Context, phone string) error
	BlockPhones(ctx context.Context, user string, deviceIDs []string) error
	RemovePhone(ctx context.Context, phone string) error
	BlockedPhones(ctx context.Context, user string) ([]string, error)
	UnblockPhones(ctx context.Context, user string, deviceIDs []string) error
	KeepPhone(ctx context.Context, phone string) error
}

// Step wipes a leaver's devices.
type Step struct {
	directory Directory
	mailboxes Mailboxes
}

func New(directory Directory, mailboxes Mailboxes) *Step {
	return &Step{directory: directory, mailboxes: mailboxes}
}

// phoneTold and the id of a phone is when the step first saw to its wipe, in the progress.
const phoneTold = "phoneTold/"

// Names of facts about one device are these and its id: in the before what it was, in the
// progress when it was asked or, of a phone, when it acknowledged, in the evidence its end.
const (
	phone  = "phone/"
	device = "managedDevice/"
	apps   = offboarding.ManagedApps
)

// Work implements worker.Step. Each part is tried whatever became of the others.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	user, err := s.directory.User(ctx, job.Leaver)
	if err != nil {
		return job.NotShown(err)
	}
	if job.Case.BlockedLongAgo(job.Now) { // a device that somebody who came back enrols is not ours
		if verdict := offboarding.EnsureBlocked(user); verdict != nil {
			return verdict
		}
	}
	r := &run{Job: job, now: user.AsOf, portal: job.Case.Plan.Cloud().Portal}
	s.phones(ctx, r)
	s.devices(ctx, r)
	s.apps(ctx, r)
	if job.Case.Plan.BlackBerry {
		r.task("remove the leaver from the organisation's BlackBerry server and disable the devices there (S11), then sign off")
	}
	// S13. Source: Microsoft 365 admin, Remove a former employee, step 5.
	r.Risk("files that were synchronised to a private computer stay there")
	return r.verdict()
}

// phones clears, blocks and, once acknowledged, removes the phones of the mailbox, in this order: a
// partnership that goes first takes the pending wipe with it, and the data stays on the phone (B13).
func (s *Step) phones(ctx context.Context, r *run) {
	found, err := s.mailboxes.Phones(ctx, r.Leaver)
	if err != nil && !errors.Is(err, offboarding.ErrNotFound) { // no mailbox, no phones
		r.fail(err)
		return
	}
	before := map[string]string{}
	for _, p := range found {
		before[phone+p.ID] = map[bool]string{true: "blocked", false: "allowed"}[p.Blocked]
	}
	if err := offboarding.Join(r.KeepBefore(ctx, before), r.Seal(ctx, deviceIDs(found))); err != nil {
		r.fail(err)
		return
	}
	var toBlock []string
	removed := false
	for _, p := range found {
		if slices.Contains(r.Step.Accepted, p.ID) {
			if !p.Blocked {
				toBlock = append(toBlock, p.DeviceID)
			}
			continue
		}
		done := p.Wiped()
		if !done && p.Untold() {
			if err := s.mailboxes.ClearPhone(ctx, p.ID); err != nil && !errors.Is(err, offboarding.ErrNotFound) {
				r.fail(err) // not blocked before it was told
				continue
			}
		}
		open, err := r.mayHear(ctx, p)
		switch {
		case err != nil:
			r.fail(err)
		case open > 0:
			r.soon = min(cmp.Or(r.soon, open), open)
		case !p.Blocked:
			toBlock = append(toBlock, p.DeviceID)
		}
		switch {
		case !done:
			r.unheard = append(r.unheard, p.ID)
			r.waitFor("phone %s (%s): account wipe not acknowledged, %s (%s; Get-MobileDevice %[1]s shows it)", p.ID, p.OS, r.lastSeen(p.LastSync), offboarding.B13)
		case !p.Blocked:
			r.waitFor("phone %s (%s): wiped, not seen blocked yet (Get-MobileDevice %[1]s shows it)", p.ID, p.OS)
		default:
			// The acknowledgement is kept first: nobody can read it when the partnership is gone.
			err := r.KeepProgress(ctx, phone+p.ID, offboarding.Stamp(p.WipeAcked))
			if err == nil {
				err = s.mailboxes.RemovePhone(ctx, p.ID)
			}
			if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
				r.fail(err)
			}
			removed = true
		}
	}
	if len(toBlock) > 0 {
		if err := s.mailboxes.BlockPhones(ctx, r.Leaver, toBlock); err != nil {
			r.fail(err)
		}
	}
	if removed {
		if found, err = s.mailboxes.Phones(ctx, r.Leaver); err != nil && !errors.Is(err, offboarding.ErrNotFound) {
			r.fail(err)
			return
		}
	}
	s.endOfPhones(r, found)
}

// mayHear is for how much longer a phone is not blocked, so that its own mail program can hear of the
// wipe: block keeps ActiveSync open as long.
func (r *run) mayHear(ctx context.Context, p offboarding.Phone) (time.Duration, error) {
	grace := r.Case.Plan.PhoneGrace
	if grace <= 0 || !p.Native || p.Blocked || p.Wiped() {
		return 0, nil
	}
	told, err := r.SeenSinceThaw(ctx, phoneTold+p.ID)
	return told.Add(grace).Sub(r.Now), err
}

// endOfPhones says what became of the phones that were there once.
func (s *Step) endOfPhones(r *run, found []offboarding.Phone) {
	known := r.known(phone)
	r.Evidence["phones"] = strconv.Itoa(len(known))
	for _, id := range known {
		there := slices.ContainsFunc(found, func(p offboarding.Phone) bool { return p.ID == id })
		acknowledged := r.Step.Progress[phone+id]
		switch {
		case slices.Contains(r.Step.Accepted, id):
			r.Evidence[phone+id] = "accepted as it is by a person, blocked, wipe not acknowledged"
		case there && acknowledged != "":
			r.waitFor("phone %s: its partnership was removed, but still shows (Get-MobileDevice %[1]s)", id)
		case there:
		case acknowledged != "":
			r.Evidence[phone+id] = "wiped " + acknowledged + ", blocked, partnership removed"
		default:
			r.task("phone %s: its partnership with the mailbox is gone and no acknowledgement of the wipe was seen; make sure that the account is off the phone (Get-MobileDevice %[1]s shows it), then sign off", id)
		}
	}
}

// devices retires what the leaver enrolled in Intune.
func (s *Step) devices(ctx context.Context, r *run) {
	found, err := s.directory.ManagedDevices(ctx, r.Leaver)
	if err != nil {
		r.unseen(err, "Intune does not show the user")
		return
	}
	before := map[string]string{}
	for _, d := range found {
		before[device+d.ID] = d.OwnerType + " " + d.State
	}
	if err := r.KeepBefore(ctx, before); err != nil {
		r.fail(err)
		return
	}
	// A device may leave the user's list without leaving Intune: each is looked up by its id.
	known := r.known(device)
	r.Evidence["managedDevices"] = strconv.Itoa(len(known))
	for _, id := range known {
		if slices.ContainsFunc(found, func(d offboarding.ManagedDevice) bool { return d.ID == id }) {
			continue
		}
		switch d, err := s.directory.ManagedDevice(ctx, id); {
		case errors.Is(err, offboarding.ErrNotFound):
			r.Evidence[device+id] = "gone"
		case err != nil:
			r.fail(err)
		default:
			found = append(found, d)
		}
	}
	unaccepted := slices.DeleteFunc(slices.Clone(known), func(id string) bool { return slices.Contains(r.Step.Accepted, id) })
	limit := r.Case.Plan.Devices
	tooMany := limit > 0 && len(unaccepted) > limit
	for _, d := range found {
		switch {
		case slices.Contains(r.Step.Accepted, d.ID):
			r.Evidence[device+d.ID] = "accepted as it is by a person: " + d.State
		case tooMany && !d.Leaving():
			r.Evidence[device+d.ID] = d.State
			r.spared = append(r.spared, d.ID)
		default:
			s.retire(ctx, r, d)
		}
	}
	r.risks(known)
	if len(r.spared) > 0 {
		r.task("the leaver enrolled %d devices, more than the %d of the policy (devices), so none was retired: %s; retire in Intune what is the leaver's own, accept the rest (%s), then replay",
			len(unaccepted), limit, offboarding.Pages(r.portal.ManagedDevice, r.spared), r.accept(r.spared...))
	}
}

// accept is what to type to leave devices as they are.
func (r *run) accept(ids ...string) string {
	return fmt.Sprintf("leaver sign-off %s wipe --item %s --by NAME --note WHY", r.Case.ID, strings.Join(ids, " --item "))
}

// sharedWith is nil for a device that is for the leaver alone. Whoever enrolled it need not be the one
// who uses it, and a shared device is for nobody.
// Source: Microsoft Intune, Find the primary user: a device without one is a shared device.
func (s *Step) sharedWith(ctx context.Context, r *run, d offboarding.ManagedDevice) error {
	users, err := s.directory.PrimaryUsers(ctx, d.ID)
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil // it has left
	}
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(users), func(id string) bool { return strings.EqualFold(id, r.Leaver) })
	switch {
	case len(others) > 0:
		return offboarding.Manual(fmt.Sprintf("managed device %s (%s): enrolled by the leaver and used by others (%s), so it was not retired; take the leaver's data off it, or retire it (%s), then accept it as it is: %s",
			d.ID, d.OperatingSystem, offboarding.Pages(r.portal.User, others), r.portal.ManagedDevice(d.ID), r.accept(d.ID)))
	case len(users) == 0:
		return offboarding.Manual(fmt.Sprintf("managed device %s (%s): enrolled by the leaver and shared (it has no primary user), so it was not retired; accept it as it is, or retire it (%s): %s", d.ID, d.OperatingSystem, r.portal.ManagedDevice(d.ID), r.accept(d.ID)))
	}
	return nil
}

// mayEnd reports whether a device may be retired, or wiped: it is for the leaver alone, or people approved
// the wipe of this very one, which is asked for where it has to be.
func (s *Step) mayEnd(ctx context.Context, r *run, d offboarding.ManagedDevice) (bool, error) {
	if r.wipes(d) && r.Case.Approved(approval(d), r.Step.Name) {
		return true, nil
	}
	if err := s.sharedWith(ctx, r, d); err != nil || !r.wipes(d) {
		return err == nil, err
	}
	r.Ask(r.Case.Plan.Approvals.Brake(approval(d), r.Step.Name, r.Case.Plan.Approvals.WipeDevice,
		fmt.Sprintf("%s: managed device %s (%s), which the organisation owns, would lose everything that is on it: %s", offboarding.B13, d.ID, d.OperatingSystem, r.portal.ManagedDevice(d.ID))))
	r.waitFor("managed device %s (%s): its wipe waits for an approval, %s (%s)", d.ID, d.OperatingSystem, r.lastSeen(d.LastSync), r.portal.ManagedDevice(d.ID))
	return false, nil
}

func (s *Step) retire(ctx context.Context, r *run, d offboarding.ManagedDevice) {
	r.Evidence[device+d.ID] = d.State
	switch {
	case d.Leaving():
	case !strings.EqualFold(d.User, r.Leaver):
		// Handed on meanwhile: what is on it now is not the leaver's (B15).
		r.task("managed device %s (%s): it is not the leaver's any more and was left alone; make sure that the leaver's data is off it (%s), then sign off", d.ID, d.OperatingSystem, r.portal.ManagedDevice(d.ID))
		return
	case r.Step.Progress[device+d.ID] != "" && strings.HasSuffix(d.State, "Canceled"):
		r.task("managed device %s (%s): somebody cancelled the retirement (%s); retire it (%s) or sign off", d.ID, d.OperatingSystem, d.State, r.portal.ManagedDevice(d.ID))
		return
	default:
		may, err := s.mayEnd(ctx, r, d)
		if err != nil {
			r.fail(err)
		}
		if !may {
			return
		}
		end := s.directory.Retire
		if r.wipes(d) {
			end = s.directory.WipeDevice
		}
		err = end(ctx, d.ID)
		if err == nil {
			err = r.KeepProgress(ctx, device+d.ID, offboarding.Stamp(r.now))
		}
		if err != nil && !errors.Is(err, offboarding.ErrNotFound) {
			r.fail(err)
			return
		}
	}
	r.waitFor("managed device %s (%s): not %s, %s (%s)", d.ID, d.OperatingSystem, map[bool]string{true: "wiped", false: "retired"}[r.wipes(d)], r.lastSeen(d.LastSync), r.portal.ManagedDevice(d.ID))
}

// wipes reports whether a device is set back to the factory's state.
func (r *run) wipes(d offboarding.ManagedDevice) bool {
	return d.OwnerType == "company" && r.Case.Plan.CompanyDevices == offboarding.DeviceWiped
}

// approval is what the ledger calls the approval of a device's wipe.
func approval(d offboarding.ManagedDevice) string { return offboarding.ApproveWipe + " " + d.ID }

// risks says what the retirement of a company's devices does beside.
// Sources: MicrosoftDocs/memdocs issue 3019, on BitLocker; MicrosoftDocs/IntuneDocs issue 1948: who a
// device is assigned to before it is enrolled is kept elsewhere.
func (r *run) risks(known []string) {
	company := slices.DeleteFunc(known, func(id string) bool { return !strings.HasPrefix(r.Step.Before[device+id], "company ") })
	if len(company) == 0 {
		return
	}
	ids := strings.Join(company, ", ")
	r.Risk("a retired Windows computer has its BitLocker protection suspended, and its recovery keys stay with its device in Entra, which is disabled and not deleted (" + ids + ")")
	r.Risk("Windows Autopilot and Apple Business Manager may still assign the company's devices to the leaver: unassign them there before somebody else gets them (" + ids + ")")
}

// apps wipes the data of protected apps, device by device. Intune does not show that a wipe is
// pending, so that it was asked for is kept.
func (s *Step) apps(ctx context.Context, r *run) {
	found, err := s.directory.AppRegistrations(ctx, r.Leaver)
	if err != nil {
		r.unseen(err, "Intune's app protection does not show the user")
		return
	}
	before := map[string]string{}
	counts, newest := map[string]int{}, map[string]offboarding.AppRegistration{}
	var tags []string
	for _, a := range found {
		if a.DeviceTag == "" {
			before[apps+a.ID] = "1"
			r.task("app registration %s (%s) has no device tag, and Graph wipes by that alone: wipe it for the leaver (%s) in Intune, Apps, App selective wipe, then replay", a.ID, a.DeviceType, r.portal.User(r.Leaver))
			continue
		}
		if counts[a.DeviceTag]++; counts[a.DeviceTag] == 1 {
			tags = append(tags, a.DeviceTag)
		}
		before[apps+a.DeviceTag] = strconv.Itoa(counts[a.DeviceTag])
		if a.LastSync.After(newest[a.DeviceTag].LastSync) {
			newest[a.DeviceTag] = a
		}
	}
	if err := r.KeepBefore(ctx, before); err != nil {
		r.fail(err)
		return
	}
	for _, tag := range tags {
		if r.Step.Progress[apps+tag] == "" {
			err := s.directory.WipeAppData(ctx, r.Leaver, tag)
			if err == nil {
				err = r.KeepProgress(ctx, apps+tag, offboarding.Stamp(r.now))
			}
			if err != nil {
				r.fail(err)
				continue
			}
		}
		r.waitFor("%s on device tag %s (%s): not wiped, %s", offboarding.Count(counts[tag], "app"), tag, newest[tag].DeviceType, r.lastSeen(newest[tag].LastSync))
	}
	known := r.known(apps)
	r.Evidence["managedApps"] = strconv.Itoa(len(known))
	for _, name := range known {
		if _, there := before[apps+name]; !there {
			r.Evidence[apps+name] = offboarding.AppsGone
		}
	}
}

// run collects what the parts found.
type run struct {
	*offboarding.Job
	now     time.Time // the tenant's
	portal  offboarding.Portal
	failed  []error
	waits   []string
	tasks   []string
	unheard []string      // phones that have not acknowledged
	spared  []string      // ids of devices that were left to a person, because there are too many
	soon    time.Duration // when to look again, where a phone may hear of its wipe; zero when none may
}

func (r *run) fail(err error) { r.failed = append(r.failed, err) }
func (r *run) waitFor(format string, args ...any) {
	r.waits = append(r.waits, fmt.Sprintf(format, args...))
}
func (r *run) task(format string, args ...any) {
	r.tasks = append(r.tasks, fmt.Sprintf(format, args...))
}

// unseen takes a list that is not there for a reason to wait: it is not an empty one.
func (r *run) unseen(err error, why string) {
	if errors.Is(err, offboarding.ErrNotFound) {
		r.waitFor("%s", why)
		return
	}
	r.fail(err)
}

// verdict puts a refusal before waiting: everything has been asked for by now, and whoever has
// to remove the cause need not wait weeks for a phone to hear of it; only for the moment of phoneGrace, after
// which the phone is blocked.
func (r *run) verdict() error {
	refused := offboarding.Join(r.failed...)
	if v := offboarding.VerdictOf(refused); v.Kind > offboarding.KindManual && r.soon == 0 {
		return refused
	}
	if len(r.unheard) > 0 && r.Waited() >= longUnheard {
		r.waitFor("a phone that does not come back any more is accepted as it is: %s", r.accept(r.unheard...))
	}
	var waiting, tasks error
	if len(r.waits) > 0 {
		waiting = r.notYet(strings.Join(r.waits, "; "))
	}
	if len(r.tasks) > 0 {
		tasks = offboarding.Manual(strings.Join(r.tasks, "; "))
	}
	return offboarding.Join(waiting, refused, tasks)
}

// longUnheard is after how long a person is told how to stop waiting for a phone. One that is used
// synchronises every day.
const longUnheard = 48 * time.Hour

// notYet waits on after the worker's patience, up to six hours: a device that was not seen for days
// is not looked for every quarter of an hour.
func (r *run) notYet(why string) error {
	const longest = 6 * time.Hour
	patience := max(offboarding.VerdictOf(r.NotYet("%s", why)).In, min(r.Waited()/8, longest))
	if r.soon > 0 {
		patience = min(patience, r.soon)
	}
	return offboarding.After(patience, why)
}

// known are the ids of a kind that were ever seen, sorted.
func (r *run) known(kind string) []string {
	var ids []string
	for name := range r.Step.Before {
		if id, ok := strings.CutPrefix(name, kind); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// lastSeen says how long ago a device synchronised, by the tenant's clock.
func (r *run) lastSeen(at time.Time) string {
	age := r.now.Sub(at)
	switch {
	case at.IsZero():
		return "never synchronised"
	case age < 2*time.Hour:
		return fmt.Sprintf("last synchronised %d min ago", int(max(age, 0).Minutes()))
	case age < 48*time.Hour:
		return fmt.Sprintf("last synchronised %d h ago", int(age.Hours()))
	}
	return fmt.Sprintf("last synchronised %d days ago", int(age.Hours()/24))
}
