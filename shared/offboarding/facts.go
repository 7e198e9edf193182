package offboarding

import (
	"strconv"
	"strings"
	"time"
)

// The facts by which steps learn of each other. Whoever writes one keeps it under its name in its own
// evidence or progress; everybody else reads it through the accessors of [Case] below.
//
//	name                    kept by            in        read by
//	accountEnabled          block              evidence  the case itself: when the leaver was locked out
//	synchronisedAt          block              progress  onpremises
//	mailbox                 forward, preserve  evidence  delete
//	mailbox                 export             evidence  licence, delete
//	exportedAt              export             evidence  licence, delete, deadlines
//	manifestSHA256          export             progress  forward
//	drive                   onedrive           evidence  delete, deadlines
//	driveItems              onedrive           evidence  delete
//	driveBytes              onedrive           evidence  delete
//	driveDelta              onedrive           progress  delete
//	reader                  onedrive           evidence  notify
//	forwarding              forward            evidence  deadlines
//	mustStay                privileges         progress  every step
//	foundOut                signout, block     progress  every step
//	licenceGroups           access             progress  licence
//	licensedOnPremises      access             progress  onpremises
//	passedOn …, handedTo …  access             progress  the undo, reports
//	disabledOnPremises      onpremises         progress  block
//	passwordSetOnPremises   onpremises         progress  signout
//	hiddenOnPremises        onpremises         evidence  forward
//	managedApps/…           wipe               both      licence
//	mailboxItems            licence            progress  delete
//	licenceGate             licence            progress  onpremises
//	deletionGate            delete             progress  onpremises
//	deletedDateTime         delete             evidence  deadlines
//	residualRisk            any                evidence  leaver plan, reports
const (
	// AccountEnabled is "false" once the account was read disabled and its sessions revoked after that.
	AccountEnabled = "accountEnabled"
	// MailboxSeen is "none" of a leaver without a mailbox.
	MailboxSeen = "mailbox"
	// MailboxItems is how many items the mailbox held before its licence went, or "none" of one that
	// was not there: nobody can look any more by then.
	MailboxItems = "mailboxItems"
	// ExportedAt is when the mailbox was last compared with its export, and not one item was missing.
	ExportedAt = "exportedAt"
	// ExportManifest is the hash of the manifest of an export that has read the whole mailbox at least once.
	ExportManifest = "manifestSHA256"
	// LicenceGroups are the groups that access leaves to licence, by object id and separated by
	// blanks: leaving one takes licences away (B2).
	LicenceGroups = "licenceGroups"
	// PassedOn, what it is and its object id is to whom access handed something of the leaver's, and
	// HandedTo with a group's object id is its new owner.
	PassedOn = "passedOn "
	HandedTo = "handedTo "
	// MustStay says whether the tenant can do without the leaver: [Stays], [StaysNot], or nothing while
	// that is not decided.
	MustStay = "mustStay"
	Stays    = "yes"
	StaysNot = "no"
	// FilesUnderWay begins the names of what the step keeps for itself of the copies that it has started.
	FilesUnderWay = "copies-"
	// FilesReader is the object id of who may read the leaver's files.
	FilesReader = "reader"
	// ForwardingSeen is how the forwarding was last seen, such as "in effect" or "ended"; it is not there of
	// a mailbox that was never seen to forward.
	ForwardingSeen = "forwarding"
	// DriveSeen is the id of the OneDrive, or "none".
	DriveSeen = "drive"
	// VerifiedItems and VerifiedBytes are what the OneDrive held when its copy was verified: items at
	// the root, bytes of everything.
	VerifiedItems = "driveItems"
	VerifiedBytes = "driveBytes"
	// VerifiedDelta is a delta token that is older than everything that was compared. Graph's holds
	// numbers and the id of a list, and names nobody.
	VerifiedDelta = "driveDelta"
	// DeletedAt is when the account was deleted.
	DeletedAt = "deletedDateTime"
	// DisabledOnPremises and PasswordSetOnPremises are when onpremises first read its effects.
	DisabledOnPremises    = "disabledOnPremises"
	PasswordSetOnPremises = "passwordSetOnPremises"
	// HiddenOnPremises is "true" of an account that onpremises has hidden from address lists, or why
	// the directory cannot say so.
	HiddenOnPremises = "hiddenOnPremises"
	NoExchangeSchema = "the directory has no Exchange schema"
	NoMailNickname   = "the account has no mailNickname, without which the synchronisation carries no attribute of Exchange"
	// SynchronisedAt is when the cloud was first seen to show what onpremises had written.
	SynchronisedAt = "synchronisedAt"
	// LicensedOnPremises are the groups mastered on premises that give licences, by SID and separated
	// by blanks, or "none": leaving one takes licences away, which is the gate's to allow (B2).
	LicensedOnPremises = "licensedOnPremises"
	// LicenceGate is when the gate of licence last stood open for groups that are left on premises.
	LicenceGate = "licenceGate"
	// DeletionGate is when the gate of delete last stood open for an account deleted on premises.
	DeletionGate = "deletionGate"
	// PoliciesUnseen is the residual risk of a gate that could not read the policies of the organisation.
	PoliciesUnseen = "Exchange refused to show whether retention policies of the organisation hold the mailbox (Get-OrganizationConfig)"
	// ManagedApps and a device tag, or the id of an app, is of protected apps: in the progress of wipe when
	// their wipe was asked for, in its evidence their end.
	ManagedApps = "managedApps/"
	// AppsGone is the end of protected apps.
	AppsGone = "gone"
	// ResidualRisk is what a step can neither end nor see, in words.
	ResidualRisk = "residualRisk"
)

// MailboxHeld is how many items the mailbox held when somebody could look last; known is false when
// nobody looked.
func (c *Case) MailboxHeld() (items int, known bool) {
	looked := c.progress(StepLicence, MailboxItems)
	if items, err := strconv.Atoi(looked); err == nil {
		return items, true
	}
	return 0, looked != "" || c.evidence(StepForward, MailboxSeen) == none
}

// UnwipedApps counts the devices whose protected apps were asked to wipe themselves and have not been
// seen to.
func (c *Case) UnwipedApps() int {
	wipe := c.Step(StepWipe)
	if wipe == nil {
		return 0
	}
	n := 0
	for name := range wipe.Progress {
		if strings.HasPrefix(name, ManagedApps) && wipe.Evidence[name] != AppsGone {
			n++
		}
	}
	return n
}

// LeftToLicence are the groups that access has left to licence, by object id.
func (c *Case) LeftToLicence() []string {
	return strings.Fields(c.progress(StepAccess, LicenceGroups))
}

// HeldBack is the verdict of a step that has to wait for privileges, and nil otherwise. For whoever
// is an administrator ([Case.Administrator]) every step waits until privileges knows that the tenant can do
// without them; while it cannot, nothing of the case goes on, without a deadline, because the one task is
// that of privileges.
func (j *Job) HeldBack() error {
	return j.heldBack(j.Case.Administrator())
}

func (j *Job) heldBack(administrator bool) error {
	if j.Case.Plan.PrivilegesByPerson && administrator {
		return j.behindThePerson()
	}
	privileges := j.Case.Step(StepPrivileges)
	switch decided := j.Case.progress(StepPrivileges, MustStay); {
	case privileges == nil, j.Step.Name == StepPrivileges, decided == StaysNot, privileges.State == StateSignedOff:
		return nil
	case decided == Stays && privileges.State.Settled():
		return ContinueAt(j.Now.Add(again), "the leaver stays an administrator until a person has done the task of privileges")
	case decided != Stays && (!administrator || privileges.State.Closed()):
		return nil
	case privileges.State.Settled():
		return ContinueAt(j.Now.Add(again), "waits for a person: privileges is "+string(privileges.State))
	}
	return j.NotYet("waits for privileges: the leaver is an administrator")
}

// behindThePerson lets signout go first of whom a person takes the privileges away: Microsoft refuses it
// while there is a role (B10), and every other step waits for it.
func (j *Job) behindThePerson() error {
	signout := j.Case.Step(StepSignout)
	switch {
	case signout == nil, j.Step.Name == StepSignout, signout.State.Closed():
		return nil
	case signout.State.Settled():
		return ContinueAt(j.Now.Add(again), "waits for a person to take the leaver's privileges away: signout is "+string(signout.State))
	}
	return j.NotYet("waits for signout: the leaver is an administrator")
}

// again is how often a step looks whether a person has acted.
const again = 15 * time.Minute

// HasDrive reports whether onedrive saw a OneDrive.
func (c *Case) HasDrive() bool {
	seen := c.evidence(StepOnedrive, DriveSeen)
	return seen != "" && seen != none
}

// VerifiedDrive is the OneDrive as its copy was verified.
type VerifiedDrive struct {
	ID           string
	Items, Bytes string // as written; items are empty when nothing was verified
	Delta        string // empty when an older version of Leaver verified it
}

// VerifiedDrive is the OneDrive as onedrive verified its copy.
func (c *Case) VerifiedDrive() VerifiedDrive {
	return VerifiedDrive{
		ID:    c.evidence(StepOnedrive, DriveSeen),
		Items: c.evidence(StepOnedrive, VerifiedItems), Bytes: c.evidence(StepOnedrive, VerifiedBytes),
		Delta: c.progress(StepOnedrive, VerifiedDelta),
	}
}

// AccountDeleted is when the account was deleted; zero while it is not.
func (c *Case) AccountDeleted() time.Time {
	at, _ := time.Parse(time.RFC3339, c.evidence(StepDelete, DeletedAt))
	return at
}

// OnPremisesDisabled is when the account first read disabled on premises; zero while it does not.
func (c *Case) OnPremisesDisabled() time.Time { return c.when(StepOnpremises, DisabledOnPremises) }

// OnPremisesPasswordSet is when the password was reset on premises; zero while it was not.
func (c *Case) OnPremisesPasswordSet() time.Time {
	return c.when(StepOnpremises, PasswordSetOnPremises)
}

// NotHiddenOnPremises says why the directory that masters the account cannot hide it from address
// lists; empty while nothing speaks against it.
func (c *Case) NotHiddenOnPremises() string {
	switch said := c.evidence(StepOnpremises, HiddenOnPremises); said {
	case NoExchangeSchema, NoMailNickname:
		return said
	}
	return ""
}

// ShownInCloud reports whether the cloud has shown what onpremises wrote. A departure whose plan
// does not hold block is not waited for.
func (c *Case) ShownInCloud() bool {
	return c.Step(StepBlock) == nil || !c.when(StepBlock, SynchronisedAt).IsZero()
}

// LicensedOnPremisesGroups are the SIDs of the groups mastered on premises that give licences;
// known is false until access has looked.
func (c *Case) LicensedOnPremisesGroups() (sids []string, known bool) {
	kept := c.progress(StepAccess, LicensedOnPremises)
	if kept == none {
		return nil, true
	}
	return strings.Fields(kept), kept != "" || c.Step(StepAccess) == nil
}

// LicenceOpened is when the gate of licence last stood open for groups that are left on premises;
// zero when it never did.
func (c *Case) LicenceOpened() time.Time { return c.when(StepLicence, LicenceGate) }

// DeletionOpened is when the gate of delete last stood open for an account that is deleted on
// premises; zero when it never did.
func (c *Case) DeletionOpened() time.Time { return c.when(StepDelete, DeletionGate) }

// when is a time that a step keeps in its progress; zero while it has none.
func (c *Case) when(step StepName, name string) time.Time {
	at, _ := time.Parse(time.RFC3339, c.progress(step, name))
	return at
}

// none is the fact about something that is not there.
const none = "none"

func (c *Case) evidence(step StepName, name string) string {
	if r := c.Step(step); r != nil {
		return r.Evidence[name]
	}
	return ""
}

func (c *Case) progress(step StepName, name string) string {
	if r := c.Step(step); r != nil {
		return r.Progress[name]
	}
	return ""
}
