package offboarding

import (
	"strconv"
	"strings"
	"time"
)

// The facts by which steps learn of each other. Whoever writes one keeps it under its name in its own
// evidence or progress; everybody else reads it through the accessors of [Case] below.
//
//	name           kept by            in        read by
//	mailbox        forward, preserve  evidence  delete
//	mailboxItems   licence            progress  delete
//	licenceGroups  access             progress  licence
//	drive          onedrive           evidence  delete, deadlines
//	driveItems     onedrive           evidence  delete
//	driveBytes     onedrive           evidence  delete
//	driveDelta     onedrive           progress  delete
//	deletedDateTime  delete           evidence  deadlines
//	residualRisk   any                evidence  leaver plan, reports
const (
	// MailboxSeen is "none" of a leaver without a mailbox.
	MailboxSeen = "mailbox"
	// MailboxItems is how many items the mailbox held before its licence went, or "none" of one that
	// was not there: nobody can look any more by then.
	MailboxItems = "mailboxItems"
	// LicenceGroups are the groups that access leaves to licence, by object id and separated by
	// blanks: leaving one takes licences away (B2).
	LicenceGroups = "licenceGroups"
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

// LeftToLicence are the groups that access has left to licence, by object id.
func (c *Case) LeftToLicence() []string {
	return strings.Fields(c.progress(StepAccess, LicenceGroups))
}

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
