package offboarding

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// ErrUnreadable is wrapped when a vendor says that an item is there and cannot be handed out, however
// often it is asked for.
var ErrUnreadable = errors.New("the item cannot be read")

// ErrNoSpace is wrapped when a storage is full.
var ErrNoSpace = errors.New("the storage is full")

// ErrNoMailbox is wrapped, beside [ErrNotFound], when Graph reaches no mailbox of a user: there is none, or
// it is kept on premises.
// Source: Microsoft Graph, error MailboxNotEnabledForRESTAPI.
var ErrNoMailbox = errors.New("no mailbox that Graph reaches")

// MailboxPart is what a folder of a mailbox holds.
type MailboxPart string

// The parts of a mailbox, in the order in which they are exported.
const (
	PartMail     MailboxPart = "mail"
	PartContacts MailboxPart = "contacts"
	PartCalendar MailboxPart = "calendar"
	PartTasks    MailboxPart = "tasks"
)

// MailboxFolder is a mail folder, a folder of contacts, a calendar or a list of tasks. Its name is
// personal.
// Sources: Microsoft Graph, resource types mailFolder, contactFolder, calendar and todoTaskList.
type MailboxFolder struct {
	ID, Parent, Name string
	Items            int  // how many messages lie in a mail folder; -1 of the others, where Graph does not say
	Search           bool // a search folder, which shows messages of others
}

// MailChange is a message as the delta of its folder has it.
type MailChange struct {
	ID        string // immutable
	ChangeKey string // another one whenever the message is
	Received  time.Time
	Removed   bool // it has left the folder
}

// MailChanges are a page of the delta of a folder, and where the next one goes on.
type MailChanges struct {
	Changes []MailChange
	Token   string // to ask with next; it opens nothing, and ends by itself
	Last    bool   // nothing has changed beyond this page
}

// MailboxEntry is a contact, an event or a task as Graph has it.
type MailboxEntry struct {
	ID      string
	Version string // another one whenever the entry is
	JSON    json.RawMessage
}

// SeriesChanges are what of a series of events is not as its rule says.
type SeriesChanges struct {
	// Changed are the occurrences that differ, as events of their own.
	Changed []MailboxEntry
	// Cancelled are the days of the occurrences that do not take place, in the zone of the series, where the
	// cloud says them: 2006-01-02.
	Cancelled []string
	// Where it does not, Unchanged are the beginnings of all occurrences that do and are as the rule says,
	// up to a time: which are missing of what the rule says is for the reader to see.
	Unchanged []time.Time
	Until     time.Time
}

// MailAttachment is a file of an event. Its name is personal.
type MailAttachment struct{ ID, Name string }

// ExportToFolder is the value of exportTo by which the host's own folder is meant.
const ExportToFolder = "folder"

// exports reports whether the plan has the mailbox exported.
func (p Plan) exports() bool { return p.KeepMail == KeepExport && p.preserves() }

// ExportStorages are the storages that the policy names, for whomever: those in which exports may lie.
func (p Policy) ExportStorages() []string {
	storages := []string{p.ExportTo}
	for _, o := range p.Overrides {
		if to, is := o.Changes["exportTo"].(string); is && !slices.Contains(storages, to) {
			storages = append(storages, to)
		}
	}
	return storages
}

// DeletedExport is an export that was deleted because the time for which the policy keeps it (exportKeep) was
// over.
type DeletedExport struct {
	From      string    `json:"from"`      // the storage, as the step's evidence names it
	Manifest  string    `json:"manifest"`  // SHA-256 of its manifest
	KeepUntil time.Time `json:"keepUntil"` // when its time was over
	Deleted   time.Time `json:"deleted"`
	Items     int       `json:"items,omitempty"` // that were in it; 0 where an older version wrote it, which did not say
	Files     int       `json:"files,omitempty"`
	Bytes     int64     `json:"bytes,omitempty"`
}

// exportFresh is how long the last look of an export counts: whatever came into the mailbox after it is
// not in the export.
const exportFresh = 24 * time.Hour

// ExportedAt is when export last compared the mailbox with what it has stored; zero when it never did.
func (c *Case) ExportedAt() time.Time {
	at, _ := time.Parse(time.RFC3339, c.evidence(StepExport, ExportedAt))
	return at
}

// notExported says why the export does not keep the mail of the mailbox (B12); nothing when it does. An
// export that a person signed off counts as theirs. The licence takes the mailbox away, so what counts is
// how old the last look was then.
func (c *Case) notExported(now time.Time) string {
	export := c.Step(StepExport)
	preserve := c.Step(StepPreserve)
	switch {
	case export == nil: // planned by a version that left it to a person
		if preserve != nil && preserve.State == StateSignedOff && preserve.SignedOff == StateManual {
			return ""
		}
		return "that nobody kept"
	case export.State == StateSignedOff:
		return ""
	case export.State != StateEffective:
		return "that nobody kept: export is " + string(export.State)
	case export.Evidence[MailboxSeen] == none:
		return ""
	}
	if licence := c.Step(StepLicence); licence != nil && !licence.EffectiveAt.IsZero() {
		now = licence.EffectiveAt
	}
	if at := c.ExportedAt(); now.Sub(at) > exportFresh {
		return "of which some may have come after the export's last look at " + Stamp(at) + "; replay export, then this step"
	}
	return ""
}
