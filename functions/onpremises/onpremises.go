// Package onpremises is the step that does in an on-premises Active Directory what the cloud
// cannot: it disables the account there and resets its password, hides it from address lists,
// describes it, and takes it out of its groups. It runs inside, where a domain controller can be
// reached, and holds no permission of Microsoft 365.
//
// The account is found by the source anchor that Entra has of it, and must bear the SID and the name
// that Entra knows (B15). One that AdminSDHolder protects is left whole to a domain administrator.
// What it did counts once the cloud shows it: block reads that, and both say so on the ledger. Groups
// that give licences are left only behind the gate of licence, and the account is deleted only behind
// that of delete, because neither can do it where it is mastered here; where the gate of delete stays
// shut the account is moved, if the directory's configuration names where to.
//
// Other domain controllers learn of a write late, so a run goes to the controller on which an earlier
// one read its effect, as long as that answers. Enabled again there, somebody has enabled the account
// (B16); enabled on another one, it has not heard of it yet and is told as well.
//
// Sources: Microsoft Entra, users-revoke-access, on-premises environment; Active Directory schema,
// attributes userAccountControl, unicodePwd, adminCount.
package onpremises

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// Directory is what onpremises needs of one domain controller.
type Directory interface {
	Find(ctx context.Context, who offboarding.OnPremisesIdentity) (offboarding.OnPremisesAccount, error)
	Account(ctx context.Context, id string) (offboarding.OnPremisesAccount, error)
	Groups(ctx context.Context, id string) ([]offboarding.OnPremisesGroup, error)
	// Disable disables the account if it still is as it was read.
	Disable(ctx context.Context, as offboarding.OnPremisesAccount) error
	ResetPassword(ctx context.Context, id, password string) error
	HideFromAddressLists(ctx context.Context, id string) error
	SetDescription(ctx context.Context, id, text string) error
	LeaveGroup(ctx context.Context, group, id string) error
	Move(ctx context.Context, id, container string) error
	Delete(ctx context.Context, id string) error
	// Enable enables the account if it still is as it was read.
	Enable(ctx context.Context, as offboarding.OnPremisesAccount) error
	ShowInAddressLists(ctx context.Context, id string) error
	JoinGroup(ctx context.Context, group, id string) error
	// Treatment is what the organisation wants of leavers' accounts in this domain.
	Treatment() offboarding.OnPremisesTreatment
	// Controller is the name of the domain controller.
	Controller() string
	Close()
}

// Open connects to a domain controller of the named domain, if it can to the preferred one; no name
// prefers none.
type Open func(ctx context.Context, domain, preferred string) (Directory, error)

// Step carries a leaver's on-premises account.
type Step struct {
	open   Open
	random io.Reader
}

// New makes the step. Every run keeps to one domain controller; random is where the passwords come
// from.
func New(open Open, random io.Reader) *Step {
	return &Step{open: open, random: random}
}

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	who, err := s.identity(ctx, job)
	if err != nil {
		return err
	}
	directory, err := s.open(ctx, who.Domain, job.Step.Progress[disabledOn])
	if err != nil {
		return err
	}
	defer directory.Close()
	account, err := directory.Find(ctx, who)
	switch {
	case errors.Is(err, offboarding.ErrNotFound) && job.Step.Progress[deleting] != "":
		return s.awaitDeletion(ctx, job)
	case errors.Is(err, offboarding.ErrNotFound):
		return offboarding.Manual(fmt.Sprintf("no account of the domain %s has the source anchor that Entra shows; find out whether it was deleted or moved to another domain (Get-ADObject -IncludeDeletedObjects -Filter 'objectSid -eq \"%[2]s\" -or sIDHistory -eq \"%[2]s\"' shows it), disable it there, then sign off", who.Domain, who.SID))
	case err != nil:
		return err
	case account.Critical || !account.Person:
		return offboarding.Permanent(fmt.Errorf("account %s of the domain %s is not a person's", account.ID, who.Domain))
	case account.Privileged:
		return offboarding.Manual(fmt.Sprintf("account %s is privileged on premises (adminCount is 1): a domain administrator must take it out of the protected groups, clear adminCount and enable inheritance, then replay; or disable it and sign off", account.ID))
	}
	if verdict := enabledAgain(job, directory, account); verdict != nil {
		return verdict
	}
	if err := s.keep(ctx, job, account); err != nil {
		return err
	}
	lockout := offboarding.Join(s.disable(ctx, job, directory, account), s.resetPassword(ctx, job, directory, account))
	rest := offboarding.Join(s.describe(ctx, job, directory, account), s.hide(ctx, job, directory, account), s.leaveGroups(ctx, job, directory, account))
	if verdict := offboarding.Join(lockout, rest); verdict != nil {
		return verdict
	}
	job.Evidence["account"] = account.ID
	job.Evidence["primaryGroup"] = primaryGroup(account)
	if !job.Case.ShownInCloud() {
		return job.NotYet("the account is disabled on premises, but the cloud does not show it yet: the next synchronisation carries it")
	}
	if verdict := s.awaitLicence(job); verdict != nil {
		return verdict
	}
	return s.end(ctx, job, directory, account)
}

// enabledAgain is B16 on premises: the account reads enabled where it read disabled before.
func enabledAgain(job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	if !a.Enabled || job.Step.Progress[disabledOn] != d.Controller() {
		return nil
	}
	return offboarding.Manual(fmt.Sprintf("%s: account %s was enabled again on premises after it had read disabled on %s; cancel the departure if the person came back, or disable the account and replay",
		offboarding.B16, a.ID, d.Controller()))
}

// identity is whom the plan means.
func (s *Step) identity(ctx context.Context, job *offboarding.Job) (offboarding.OnPremisesIdentity, error) {
	who := job.Case.Plan.OnPremisesAccount
	if who == nil {
		return offboarding.OnPremisesIdentity{}, offboarding.Permanent(errors.New("the plan does not say which on-premises account is the leaver's"))
	}
	personal, err := job.Personal(ctx)
	if err != nil {
		return offboarding.OnPremisesIdentity{}, err
	}
	found := *who
	found.SamAccountName = personal[offboarding.SamAccountName]
	return found, nil
}

// keep keeps the account as it was, for whoever has to bring it back. Its groups are kept before they
// are left.
func (s *Step) keep(ctx context.Context, job *offboarding.Job, a offboarding.OnPremisesAccount) error {
	if err := job.Seal(ctx, map[string]string{"description": a.Description, "parent": a.Parent}); err != nil {
		return err
	}
	return job.KeepBefore(ctx, map[string]string{
		"account": a.ID, "enabled": strconv.FormatBool(a.Enabled), "userAccountControl": strconv.FormatUint(uint64(a.Control), 10),
		"pwdLastSet": offboarding.Stamp(a.PasswordSet), "hidden": strconv.FormatBool(a.Hidden),
	})
}

// The progress of the step.
const (
	// disabledOn is the domain controller on which the account was last read disabled.
	disabledOn = "disabledOn"
	// deleting is when the deletion was first asked for: an account that is not there any more after
	// that was deleted here, whatever became of the answer.
	deleting = "deleting"
	// deletedAt is when the account first read deleted.
	deletedAt = "deletedAt"
)

func (s *Step) disable(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.OnPremisesAccount]{
		What: "disabling", Seen: &a,
		Read:   func(ctx context.Context) (offboarding.OnPremisesAccount, error) { return d.Account(ctx, a.ID) },
		Wanted: func(a offboarding.OnPremisesAccount) bool { return !a.Enabled },
		Write:  func(ctx context.Context, a offboarding.OnPremisesAccount) error { return d.Disable(ctx, a) },
		Shows:  func(offboarding.OnPremisesAccount) string { return "userAccountControl still reads enabled" },
	})
	if err != nil {
		return err
	}
	job.Evidence["disabled"] = "true"
	if err := job.KeepProgress(ctx, disabledOn, d.Controller()); err != nil {
		return err
	}
	_, err = job.Seen(ctx, offboarding.DisabledOnPremises)
	return err
}

// resetPassword sets a password that nobody sees, once; after a crash between the write and its
// record, and on a controller that has not heard of the first, another one, which nobody knows either.
func (s *Step) resetPassword(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	if job.Step.Progress[offboarding.PasswordSetOnPremises] != "" {
		set, err := job.ProgressTime(offboarding.PasswordSetOnPremises)
		if err != nil || !a.PasswordSet.Before(set) {
			return err
		}
	}
	password, err := s.password()
	if err != nil {
		return err
	}
	if err := d.ResetPassword(ctx, a.ID, password); err != nil {
		return err
	}
	now, err := d.Account(ctx, a.ID)
	if err != nil {
		return err
	}
	if !now.PasswordSet.After(a.PasswordSet) {
		return job.NotYet("the reset was accepted, but pwdLastSet still reads %s", offboarding.Stamp(now.PasswordSet))
	}
	job.Evidence["pwdLastSet"] = offboarding.Stamp(now.PasswordSet)
	return job.KeepProgress(ctx, offboarding.PasswordSetOnPremises, offboarding.Stamp(now.PasswordSet))
}

// password makes one that fulfils every complexity rule and that nobody can guess.
func (s *Step) password() (string, error) {
	secret := make([]byte, 36)
	if _, err := io.ReadFull(s.random, secret); err != nil {
		return "", fmt.Errorf("making a password: %w", err)
	}
	return "aA1-" + base64.RawURLEncoding.EncodeToString(secret), nil
}

func (s *Step) describe(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	text := d.Treatment().Description
	if text == "" {
		return nil
	}
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.OnPremisesAccount]{
		What: "the description", Seen: &a,
		Read:   func(ctx context.Context) (offboarding.OnPremisesAccount, error) { return d.Account(ctx, a.ID) },
		Wanted: func(a offboarding.OnPremisesAccount) bool { return a.Description == text },
		Write: func(ctx context.Context, a offboarding.OnPremisesAccount) error {
			return d.SetDescription(ctx, a.ID, text)
		},
		Shows: func(offboarding.OnPremisesAccount) string { return "the account still reads another one" },
	})
	return err
}

// hide hides the account from address lists, where the directory has Exchange's schema.
func (s *Step) hide(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	if !a.HasAddressList {
		job.Evidence[offboarding.HiddenOnPremises] = offboarding.NoExchangeSchema
		return nil
	}
	if !a.HasMailNickname {
		job.Evidence[offboarding.HiddenOnPremises] = offboarding.NoMailNickname
		return nil
	}
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.OnPremisesAccount]{
		What: "hiding", Seen: &a,
		Read:   func(ctx context.Context) (offboarding.OnPremisesAccount, error) { return d.Account(ctx, a.ID) },
		Wanted: func(a offboarding.OnPremisesAccount) bool { return a.Hidden },
		Write: func(ctx context.Context, a offboarding.OnPremisesAccount) error {
			return d.HideFromAddressLists(ctx, a.ID)
		},
		Shows: func(offboarding.OnPremisesAccount) string { return "msExchHideFromAddressLists is not TRUE" },
	})
	if err == nil {
		job.Evidence[offboarding.HiddenOnPremises] = "true"
	}
	return err
}

// leaveGroups takes the account out of its groups but those that give licences in the cloud, which
// only the gate of licence may let go (B2), and those that AdminSDHolder protects, which only a
// domain administrator may change.
func (s *Step) leaveGroups(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	licensed, known := job.Case.LicensedOnPremisesGroups()
	if !known {
		return job.NotYet("waits for access to say which groups give licences")
	}
	if licence := job.Case.Step(offboarding.StepLicence); licence != nil && licence.State == offboarding.StateEffective || stands(job, job.Case.LicenceOpened()) {
		licensed = nil
	}
	var protected []string
	left := offboarding.EnsureNone(ctx, job, offboarding.Removal[offboarding.OnPremisesGroup]{
		What: "leaving the groups", Left: "groups that the account is still in: %d",
		Find: func(ctx context.Context) ([]offboarding.OnPremisesGroup, error) {
			groups, err := d.Groups(ctx, a.ID)
			protected = nil
			return slices.DeleteFunc(groups, func(g offboarding.OnPremisesGroup) bool {
				if g.Privileged {
					protected = append(protected, g.ID)
				}
				return g.Privileged || slices.Contains(licensed, g.SID)
			}), err
		},
		Before: func(groups []offboarding.OnPremisesGroup) map[string]string {
			before := map[string]string{}
			for _, g := range groups {
				before["member "+g.ID] = "on premises"
			}
			return before
		},
		Remove: func(ctx context.Context, g offboarding.OnPremisesGroup) error { return d.LeaveGroup(ctx, g.ID, a.ID) },
	})
	if len(protected) > 0 {
		return offboarding.Join(left, offboarding.Manual("a domain administrator must take the account out of the protected groups "+strings.Join(protected, ", ")+", then replay"))
	}
	if left == nil {
		job.Evidence["groups"] = "none of its domain but the primary one"
		if len(licensed) > 0 {
			job.Evidence["groups"] += fmt.Sprintf(" and %s, which give licences", strings.Join(licensed, ", "))
		}
	}
	return left
}

func primaryGroup(a offboarding.OnPremisesAccount) string {
	if a.PrimaryGroup == offboarding.DomainUsers {
		return "Domain Users, which every account is in"
	}
	return "the group with the relative identifier " + a.PrimaryGroup + ", which cannot be left: give the account another primary group"
}

// awaitLicence is nil once no gate has to let groups go that give licences.
func (s *Step) awaitLicence(job *offboarding.Job) error {
	licensed, _ := job.Case.LicensedOnPremisesGroups()
	licence := job.Case.Step(offboarding.StepLicence)
	if len(licensed) == 0 || licence == nil || licence.State.Closed() {
		return nil
	}
	planned, _ := job.Case.Plan.Step(offboarding.StepLicence)
	switch {
	case planned.Due.After(job.Now):
		return offboarding.DoneUntil(planned.Due, "the account is locked out on premises; at "+offboarding.Stamp(planned.Due)+" the gate of licence says whether it leaves the groups that give licences")
	case stands(job, job.Case.LicenceOpened()):
		return offboarding.DoneUntil(job.Now.Add(gateAsked(job, planned.Due)), "the account has left the groups that give licences; licence waits until the synchronisation has carried that")
	}
	return offboarding.DoneUntil(job.Now.Add(gateAsked(job, planned.Due)), "the account is locked out on premises; waits for the gate of licence")
}

// end is what becomes of the account once delete has decided: deleted behind its gate, else moved.
func (s *Step) end(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	deletion := job.Case.Step(offboarding.StepDelete)
	planned, _ := job.Case.Plan.Step(offboarding.StepDelete)
	switch {
	case deletion == nil || deletion.State.Closed():
		return s.move(ctx, job, d, a)
	case planned.Due.After(job.Now):
		return offboarding.DoneUntil(planned.Due, "the account is locked out on premises; at "+offboarding.Stamp(planned.Due)+" the gate of delete says whether it is deleted")
	case !stands(job, job.Case.DeletionOpened()):
		return offboarding.DoneUntil(job.Now.Add(gateAsked(job, planned.Due)), "the account is locked out on premises; waits for the gate of delete")
	}
	if _, err := job.Seen(ctx, deleting); err != nil {
		return err
	}
	if err := d.Delete(ctx, a.ID); err != nil {
		return err
	}
	switch _, err := d.Account(ctx, a.ID); {
	case err == nil:
		return job.NotYet("the deletion was accepted, but the account is still there")
	case !errors.Is(err, offboarding.ErrNotFound):
		return err
	}
	return s.awaitDeletion(ctx, job)
}

// gateLasts is for how long a gate counts as open after it said so: it looks again at least every
// quarter of an hour.
const gateLasts = 20 * time.Minute

// stands reports whether a gate that was last open then still is.
func stands(job *offboarding.Job, opened time.Time) bool { return job.Now.Sub(opened) <= gateLasts }

// gateAsked is how long to wait before asking again what came of something that was due: soon at
// first, every five minutes later.
func gateAsked(job *offboarding.Job, due time.Time) time.Duration {
	return min(max(job.Now.Sub(due)/2, 2*time.Second), 5*time.Minute)
}

// awaitDeletion is nil once the cloud's account has gone as well.
func (s *Step) awaitDeletion(ctx context.Context, job *offboarding.Job) error {
	since, err := job.Seen(ctx, deletedAt)
	if err != nil {
		return err
	}
	job.Evidence[deletedAt] = offboarding.Stamp(since)
	if r := job.Case.Step(offboarding.StepDelete); r != nil && !r.State.Closed() {
		return offboarding.DoneUntil(job.Now.Add(gateAsked(job, since)), "the account is deleted on premises; delete waits until the synchronisation has carried that")
	}
	return nil
}

// move puts an account that stays where the organisation keeps those of leavers.
func (s *Step) move(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	target := d.Treatment().MoveTo
	if target == "" {
		return nil
	}
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.OnPremisesAccount]{
		What: "the move", Seen: &a,
		Read:   func(ctx context.Context) (offboarding.OnPremisesAccount, error) { return d.Account(ctx, a.ID) },
		Wanted: func(a offboarding.OnPremisesAccount) bool { return strings.EqualFold(a.Parent, target) },
		Write:  func(ctx context.Context, a offboarding.OnPremisesAccount) error { return d.Move(ctx, a.ID, target) },
		Shows:  func(offboarding.OnPremisesAccount) string { return "the account is still where it was" },
	})
	return err
}
