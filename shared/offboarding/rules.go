package offboarding

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Rule is an invariant that protects people's data. On the wire it is its name.
type Rule struct {
	Name   string // such as B12, by which operators know it
	Text   string // the rule in one sentence
	Source string // the document that it comes from
}

// The rules that Leaver enforces.
var (
	B1  = Rule{"B1", "an account that anchors forwarding or a shared mailbox is not deleted", "Microsoft 365 admin, Remove a former employee, step 7; delete-a-user"}
	B2  = Rule{"B2", "forwarding from a user mailbox needs the licence", "Microsoft 365 admin, delete-a-user"}
	B3  = Rule{"B3", "a mailbox is observed to be shared before its licence goes", "Microsoft 365 admin, convert-user-mailbox-to-shared-mailbox"}
	B4  = Rule{"B4", "a shared mailbox over 50 GB, with an archive or on hold keeps Exchange Plan 2", "Microsoft 365 admin, remove-license-from-shared-mailbox"}
	B5  = Rule{"B5", "a held mailbox becomes inactive by deleting its account, never by removing its licence", "Microsoft 365 admin, Remove a former employee, step 6"}
	B6  = Rule{"B6", "an inactive mailbox can neither forward nor be shared", "Microsoft 365 admin, Remove a former employee, step 4"}
	B7  = Rule{"B7", "an account is disabled first, then its sessions are revoked, then its devices are disabled", "Microsoft Entra, users-revoke-access"}
	B8  = Rule{"B8", "an account is blocked, its password reset and its rules reviewed before its mailbox is shared", "Microsoft 365 admin, convert-user-mailbox-to-shared-mailbox"}
	B9  = Rule{"B9", "an account that an on-premises Active Directory masters is changed there and in the cloud, or its synchronisation writes the old state back", "Microsoft 365 admin, Remove a former employee, step 7"}
	B10 = Rule{"B10", "a holder of an administrator role needs a higher role of the application, or the role removed first", "Microsoft Graph, resource type users, Who can perform sensitive actions"}
	B11 = Rule{"B11", "an inherited licence is released by leaving its group, never directly", "Microsoft Graph, user: assignLicense"}
	B12 = Rule{"B12", "nothing is deleted while a mailbox or drive holds what nobody kept", "SharePoint, retention-and-deletion; Microsoft 365 admin, Remove a former employee, step 5"}
	B13 = Rule{"B13", "a phone acknowledges its wipe before its partnership is removed, and only its account is wiped", "Exchange PowerShell, Clear-MobileDevice and Remove-MobileDevice"}
	B14 = Rule{"B14", "a group gets a new owner before its last one goes", "Leaver"}
	B15 = Rule{"B15", "everybody is addressed by object id", "Leaver"}
	B16 = Rule{"B16", "a cancelled or re-enabled leaver stops every queued step", "Leaver"}
	B17 = Rule{"B17", "closed protocols of a mailbox that became shared may keep its delegates out: have one of them try it", "unverified"}
	B18 = Rule{"B18", "a source that cannot know whether the employment ended begins only what can be taken back", "Okta, event hooks: a deactivation carries no date, and an import that loses somebody sends one"}
)

// Rules are all rules, in the order of the reports.
func Rules() []Rule {
	return []Rule{B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17, B18}
}

// IsZero reports whether it is no rule.
func (r Rule) IsZero() bool { return r.Name == "" }

func (r Rule) String() string { return r.Name }

// MarshalText writes the name.
func (r Rule) MarshalText() ([]byte, error) { return []byte(r.Name), nil }

// UnmarshalText reads a name. Of a rule that only a newer version knows, the name is kept.
func (r *Rule) UnmarshalText(name []byte) error {
	*r = Rule{Name: string(name)}
	for _, known := range Rules() {
		if known.Name == r.Name {
			*r = known
		}
	}
	return nil
}

// refusedFor is the progress under which a step keeps the roles for which Microsoft refused it.
const refusedFor = "refusedForRoles"

// rolesTake is how long a refused step waits for the step privileges to take the roles away, and for
// Microsoft to heed that, before somebody is called: who holds them is not locked out meanwhile.
const rolesTake = 10 * time.Minute

// Refused turns the refusal of a sensitive write into what is really wrong: Microsoft answers
// the same 403 for a missing permission and for a target that holds an administrator role (B10).
// While the step privileges may still take the roles away, that is not yet, and permanent otherwise.
// Other errors, and refusals about a person without roles, are returned as they are.
func (j *Job) Refused(ctx context.Context, err error, roles []string) error {
	if !IsPermanent(err) {
		return err
	}
	held := strings.Join(roles, ", ")
	switch was := j.Step.Progress[refusedFor]; {
	case held == "":
		held = was // a role that has just been taken away is refused for a while
	case held != was:
		if err := j.Keep(ctx, nil, map[string]string{refusedFor: held}); err != nil {
			return err
		}
	}
	if held == "" {
		return err
	}
	why := fmt.Sprintf("%s: the account holds %s: %s", B10, held, j.Case.Plan.Cloud().User(j.Leaver))
	if j.Case.Plan.PrivilegesByPerson {
		return Manual(why + "; by the policy (privilegesByPerson) a person takes roles, role-assignable groups, app roles and authentication methods away: do so, then replay")
	}
	takes := j.Case.Step(StepPrivileges)
	if takes == nil { // planned before it was a step of its own
		takes = j.Case.Step(StepAccess)
	}
	hopeful := takes != nil && (!takes.State.Settled() || takes.State == StateEffective)
	if hopeful && j.Waited() < rolesTake {
		return j.NotYet("%s: refused for the role %s, which %s takes away first", B10, held, takes.Name)
	}
	return Permanent(fmt.Errorf("%s; remove the role, or give Leaver's application the role Privileged Authentication Administrator, then replay: %w", why, err))
}

// InUnit adds the likely cause to the refusal of a change to something in a restricted management
// administrative unit, whose refusal reads like that for a missing permission. Other errors, and those
// about what is in no such unit, are returned as they are.
// Source: Microsoft Entra, Restricted management administrative units.
func InUnit(restricted bool, object string, err error) error {
	if !restricted || VerdictOf(err).Kind != KindPermanent {
		return err
	}
	return Permanent(fmt.Errorf("the %s is in a restricted management administrative unit, where only the administrators of that unit may change it: give Leaver's application an Entra role over the unit, or take it out of the unit, then replay: %w", object, err))
}

// OnPremisesTask is the verdict about an account that an on-premises Active Directory masters: what
// task says has to be done there (B9), by the step onpremises where the plan holds it, else by a
// person.
func (j *Job) OnPremisesTask(task string) error {
	if j.Case.Step(StepOnpremises) != nil {
		return j.NotYet("%s: waits for onpremises and the synchronisation: %s", B9, task)
	}
	return Manual("the account is synchronised from an on-premises Active Directory: there, " + task + ", then replay")
}

// OnPremises turns the refusal of a change to an account that an on-premises Active Directory
// masters into the task that it is. Other errors are returned as they are.
func (j *Job) OnPremises(u User, err error, task string) error {
	if u.OnPremisesSyncEnabled && IsPermanent(err) {
		return j.OnPremisesTask(task)
	}
	return err
}

// MayShare is nil when the mailbox may become a shared one, or the plan asks for none. The conversion
// leaves the old password valid, so the account is blocked and its password reset by then (B8).
func (j *Job) MayShare(u User) error {
	signout, block := j.Case.Step(StepSignout), j.Case.Step(StepBlock)
	switch {
	case j.Case.Plan.Mailbox != Shared:
	case u.AccountEnabled:
		return j.NotYet("%s: the mailbox is not shared before its account is blocked", B8)
	case signout != nil && !signout.State.Closed() && !signout.Observed:
		return j.NotYet("%s: the mailbox is not shared before its password is reset", B8)
	case j.Case.Plan.PhoneGrace > 0 && block != nil && !block.State.Settled() && block.Evidence[MailboxSeen] == "":
		// A wipe is not possible any more once the mailbox is shared; block bounds the moment.
		return j.NotYet("%s: the mailbox is not shared while block lets a phone hear of its wipe", B13)
	}
	return nil
}

// EnsureBlocked is nil while the account is as a leaver's must be before anything is taken away
// for good: blocked. An enabled one may be a person who came back (B16).
func EnsureBlocked(u User) error {
	if u.AccountEnabled {
		return Manual(fmt.Sprintf("%s: the account is enabled again; cancel the departure if the person came back, or block the account and replay", B16))
	}
	return nil
}

// MayDelete is nil when the plan lets the account be deleted at all (B1).
func MayDelete(p Plan) error {
	switch {
	case p.Mailbox == Shared:
		return Withheld(B1, "the account anchors a shared mailbox")
	case p.forwardsForEver():
		return Withheld(B1, "the account anchors forwarding: "+noEnd)
	}
	return nil
}

// MayDeleteWith is nil when the mailbox, as it is, lets its account be deleted (B1).
func MayDeleteWith(m MailFlow) error {
	switch {
	case m.Forwards():
		return Withheld(B1, "the account anchors forwarding: the mailbox forwards now")
	case m.Shared():
		return Withheld(B1, "the account anchors a shared mailbox: the mailbox is shared now")
	case m.ID != "" && m.RecipientTypeDetails != "UserMailbox":
		return Withheld(B1, "the account anchors a "+m.RecipientTypeDetails+", which is not a person's")
	}
	return nil
}

// APersons is nil for a mailbox that may be a leaver's. A room's or an equipment's is left as it is: it
// is booked by others, and whoever named it meant somebody else.
// Source: Exchange, RecipientTypeDetails.
func APersons(recipientTypeDetails string) error {
	switch recipientTypeDetails {
	case "RoomMailbox", "EquipmentMailbox", "SchedulingMailbox", "GroupMailbox", "TeamMailbox", "DiscoveryMailbox":
		return Withheld(B1, "the mailbox is a "+recipientTypeDetails+", which is not a person's and was left as it is; if a person was meant, cancel this departure and name them; if the resource goes, remove it in Exchange")
	}
	return nil
}

// MailKept reports whether the mailbox, as it is, outlives its account as the plan wants it (B12):
// it is on hold, or it was exported and looked at again not long ago, or the organisation gives its
// mail up.
func MailKept(c *Case, m MailFlow, now time.Time) bool {
	switch c.Plan.KeepMail {
	case KeepNone:
		return true
	case KeepExport:
		return c.notExported(now) == ""
	}
	return m.Hold
}

// MailLost says what would be lost with the mailbox as it is, of which somebody counted the items
// (B12); nothing when it is kept. Nobody counts what an archive holds.
func MailLost(c *Case, m MailFlow, held Content, now time.Time) string {
	nobody := "that nobody kept"
	if c.Plan.KeepMail == KeepExport {
		nobody = c.notExported(now)
	}
	switch {
	case MailKept(c, m, now):
	case held.Items > 0:
		return fmt.Sprintf("the mailbox holds %s %s", Count(held.Items, "item"), nobody)
	case held.Recoverable > 0:
		return fmt.Sprintf("the mailbox holds nothing but %s that can be recovered, which nobody kept: put it on hold, or give it up in the policy (keepMail: none), then replay", Count(held.Recoverable, "deleted item"))
	case m.Archive:
		return "the mailbox has an archive that nobody kept"
	}
	return ""
}

// MayRelease is nil when the plan, and the mailbox as it is, let the licence go (B2, B3, B4, B5,
// B12).
func MayRelease(c *Case, m MailFlow, held Content, now time.Time) error {
	p := c.Plan
	if verdict := APersons(m.RecipientTypeDetails); verdict != nil {
		return verdict
	}
	switch {
	case p.forwardsForEver():
		return Withheld(B2, noEnd)
	case p.Mailbox == Forward && m.Forwards():
		return Withheld(B2, "the mailbox forwards now, although the forwarding of the plan has ended")
	case p.Mailbox != Shared && m.Held:
		return Withheld(B5, "the mailbox is on hold, and the deletion of the account frees the licence")
	case p.Mailbox != Shared && MailLost(c, m, held, now) != "":
		return Withheld(B12, MailLost(c, m, held, now)+", and goes 30 days after its licence")
	case p.Mailbox != Shared:
		return nil
	case !m.Shared():
		return Withheld(B3, "the mailbox is not shared but a "+m.RecipientTypeDetails)
	case m.TakenBack:
		return Withheld(B9, SharedOnPremises+", and without a licence it goes 30 days after that")
	}
	var plan2 []string
	if held.Bytes > largestShared {
		plan2 = append(plan2, fmt.Sprintf("it holds %s, more than 50 GB", Bytes(held.Bytes)))
	}
	if m.Archive {
		plan2 = append(plan2, "it has an archive")
	}
	if m.Held {
		plan2 = append(plan2, "it is on hold")
	}
	if len(plan2) > 0 {
		return Withheld(B4, "the shared mailbox needs Exchange Plan 2: "+strings.Join(plan2, ", and "))
	}
	return nil
}

// SharedOnPremises is what a person does about a shared mailbox that an Exchange on premises has as a user's.
const SharedOnPremises = "the next synchronisation makes the shared mailbox a user's again: on premises, run Set-RemoteMailbox -Type Shared for it, let it be synchronised, then replay"

// largestShared is the size up to which a shared mailbox needs no licence.
// Source: Microsoft 365 admin, remove-license-from-shared-mailbox: 50 GB, which Exchange
// counts in powers of two.
const largestShared = 50 << 30
