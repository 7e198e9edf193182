// Package onpremises is the step that does in an on-premises Active Directory what the cloud
// cannot: it disables the account there and resets its password, hides it from address lists,
// describes it, and takes it out of its groups. It runs inside, where a domain controller can be
// reached, and holds no permission of Microsoft 365.
//
// The account is found by the source anchor that Entra has of it, and must bear the SID and the name
// that Entra knows (B15). One that AdminSDHolder protects is left whole to a domain administrator.
// What it did counts once the cloud shows it: block reads that, and both say so on the ledger. The
// account is deleted only behind the gate of delete, which cannot delete what is mastered here; where
// the gate stays shut it is moved, if the directory's configuration names where to.
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
	Disable(ctx context.Context, id string) error
	ResetPassword(ctx context.Context, id, password string) error
	HideFromAddressLists(ctx context.Context, id string) error
	SetDescription(ctx context.Context, id, text string) error
	LeaveGroup(ctx context.Context, group, id string) error
	Move(ctx context.Context, id, container string) error
	Delete(ctx context.Context, id string) error
	// Treatment is what the organisation wants of leavers' accounts in this domain.
	Treatment() offboarding.OnPremisesTreatment
	Close()
}

// Step carries a leaver's on-premises account.
type Step struct {
	open   func(ctx context.Context, domain string) (Directory, error)
	random io.Reader
}

// New makes the step. Open connects to a domain controller of the named domain, and every run keeps
// to one; random is where the passwords come from.
func New(open func(ctx context.Context, domain string) (Directory, error), random io.Reader) *Step {
	return &Step{open: open, random: random}
}

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	who, err := s.identity(ctx, job)
	if err != nil {
		return err
	}
	directory, err := s.open(ctx, who.Domain)
	if err != nil {
		return err
	}
	defer directory.Close()
	account, err := directory.Find(ctx, who)
	switch {
	case errors.Is(err, offboarding.ErrNotFound) && job.Step.Progress[deletedAt] != "":
		return s.awaitDeletion(job)
	case errors.Is(err, offboarding.ErrNotFound):
		return offboarding.Manual(fmt.Sprintf("no account of the domain %s has the source anchor that Entra shows; find out whether it was deleted or moved to another domain, then sign off", who.Domain))
	case err != nil:
		return err
	case account.Critical || !account.Person:
		return offboarding.Permanent(fmt.Errorf("account %s of the domain %s is not a person's", account.ID, who.Domain))
	case account.Privileged:
		return offboarding.Manual(fmt.Sprintf("account %s is privileged on premises (adminCount is 1): a domain administrator must take it out of the protected groups, clear adminCount and enable inheritance, then replay; or disable it and sign off", account.ID))
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
	return s.end(ctx, job, directory, account)
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

// keep keeps the account as it was, for whoever has to bring it back.
func (s *Step) keep(ctx context.Context, job *offboarding.Job, a offboarding.OnPremisesAccount) error {
	groups := make([]string, len(a.Groups))
	for i, g := range a.Groups {
		groups[i] = g.ID
	}
	if err := job.Seal(ctx, map[string]string{"description": a.Description, "parent": a.Parent}); err != nil {
		return err
	}
	return job.KeepBefore(ctx, map[string]string{
		"enabled": strconv.FormatBool(a.Enabled), "userAccountControl": strconv.FormatUint(uint64(a.Control), 10),
		"pwdLastSet": offboarding.Stamp(a.PasswordSet), "hidden": strconv.FormatBool(a.Hidden), "groups": strings.Join(groups, " "),
	})
}

// The progress of the step.
const (
	// deletedAt is when the account was deleted here.
	deletedAt = "deletedAt"
)

func (s *Step) disable(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[offboarding.OnPremisesAccount]{
		What: "disabling", Seen: &a,
		Read:   func(ctx context.Context) (offboarding.OnPremisesAccount, error) { return d.Account(ctx, a.ID) },
		Wanted: func(a offboarding.OnPremisesAccount) bool { return !a.Enabled },
		Write:  func(ctx context.Context, a offboarding.OnPremisesAccount) error { return d.Disable(ctx, a.ID) },
		Shows:  func(offboarding.OnPremisesAccount) string { return "userAccountControl still reads enabled" },
	})
	if err != nil {
		return err
	}
	job.Evidence["disabled"] = "true"
	_, err = job.Seen(ctx, offboarding.DisabledOnPremises)
	return err
}

// resetPassword sets a password that nobody sees, once; after a crash between the write and its
// record another one, which nobody knows either.
func (s *Step) resetPassword(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	if job.Step.Progress[offboarding.PasswordSetOnPremises] != "" {
		return nil
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
	ours := func(g offboarding.OnPremisesGroup) bool { return !g.Privileged && !slices.Contains(licensed, g.SID) }
	left := offboarding.EnsureNone(ctx, job, offboarding.Removal[offboarding.OnPremisesGroup]{
		What: "leaving the groups", Left: "the account is still in %d of them",
		Find: func(ctx context.Context) ([]offboarding.OnPremisesGroup, error) {
			now, err := d.Account(ctx, a.ID)
			return slices.DeleteFunc(now.Groups, func(g offboarding.OnPremisesGroup) bool { return !ours(g) }), err
		},
		Remove: func(ctx context.Context, g offboarding.OnPremisesGroup) error { return d.LeaveGroup(ctx, g.ID, a.ID) },
	})
	var protected []string
	for _, g := range a.Groups {
		if g.Privileged {
			protected = append(protected, g.ID)
		}
	}
	if len(protected) > 0 {
		return offboarding.Join(left, offboarding.Manual("a domain administrator must take the account out of the protected groups "+strings.Join(protected, ", ")+", then replay"))
	}
	if left == nil {
		job.Evidence["groups"] = "none but the primary one"
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

// end is what becomes of the account once delete has decided: deleted behind its gate, else moved.
func (s *Step) end(ctx context.Context, job *offboarding.Job, d Directory, a offboarding.OnPremisesAccount) error {
	deletion := job.Case.Step(offboarding.StepDelete)
	planned, _ := job.Case.Plan.Step(offboarding.StepDelete)
	switch {
	case deletion == nil || deletion.State.Closed():
		return s.move(ctx, job, d, a)
	case planned.Due.After(job.Now):
		return offboarding.DoneUntil(planned.Due, "the account is locked out on premises; at "+offboarding.Stamp(planned.Due)+" the gate of delete says whether it is deleted")
	case job.Now.Sub(job.Case.DeletionOpened()) > gateLasts:
		return offboarding.DoneUntil(job.Now.Add(gateAsked(job, planned.Due)), "the account is locked out on premises; waits for the gate of delete")
	}
	if err := d.Delete(ctx, a.ID); err != nil {
		return err
	}
	if _, err := d.Account(ctx, a.ID); !errors.Is(err, offboarding.ErrNotFound) {
		if err != nil {
			return err
		}
		return job.NotYet("the deletion was accepted, but the account is still there")
	}
	if err := job.KeepProgress(ctx, deletedAt, offboarding.Stamp(job.Now)); err != nil {
		return err
	}
	return s.awaitDeletion(job)
}

// gateLasts is for how long the gate of delete counts as open: it looks again at least every quarter
// of an hour, and says so.
const gateLasts = 20 * time.Minute

// gateAsked is how long to wait before asking again what came of something that was due: soon at
// first, every five minutes later.
func gateAsked(job *offboarding.Job, due time.Time) time.Duration {
	return min(max(job.Now.Sub(due)/2, 2*time.Second), 5*time.Minute)
}

// awaitDeletion is nil once the cloud's account has gone as well.
func (s *Step) awaitDeletion(job *offboarding.Job) error {
	job.Evidence[deletedAt] = job.Step.Progress[deletedAt]
	since, err := job.ProgressTime(deletedAt)
	if err != nil {
		return err
	}
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
