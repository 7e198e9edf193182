// Package export is the step that writes a mailbox into files before anything can take it away: mail as
// .eml in its folders, contacts, events and tasks as Graph's JSON and as vCard and iCalendar, the files of
// events beside them, and a manifest with the SHA-256 of each, whose own hash is in the ledger.
//
// A run does a bounded amount and the next one goes on there, whatever killed it: what was stored is noted in
// a journal beside the files, which a run reads first. Everything is done in rounds. A round looks at all
// folders, takes what the delta of each mail folder reports and what the other parts list anew, and is the
// last one when nothing has changed since the one before. Then the counts of every mail folder are compared,
// every file is read back and hashed, and the manifest is written. When the licence is to go later, the step
// goes on right before that with another round.
//
// Files never move: a folder keeps the name that it had when it was seen first, and the manifest says where a
// message lies now. What was deleted after it was stored stays stored.
//
// It is done when a whole round found nothing new and every file was read back. A message that Exchange
// cannot turn into mail is kept as JSON, and a person decides whether that will do: until then nothing that
// needs the mail goes on. Not exported, and said in the evidence: what people deleted and can still recover,
// and protected messages (RPMSG), which stay encrypted. An archive is a task of preserve.
//
// Sources: Microsoft Graph, message: delta, Get MIME content of a message, resource types contact, event
// and todoTask, and throttling-limits, Outlook service; Microsoft 365 admin, Remove a former employee, step 6.
package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"leaver/shared/offboarding"
)

// Mailboxes is what export needs of Microsoft Graph.
type Mailboxes interface {
	MailFolders(ctx context.Context, user, parent string) ([]offboarding.MailboxFolder, error)
	RecoverableMessages(ctx context.Context, user string) (int, error)
	MailChanges(ctx context.Context, user, folder, token string) (offboarding.MailChanges, error)
	MIME(ctx context.Context, user, message string, read func(io.Reader) error) error
	Message(ctx context.Context, user, message string) (json.RawMessage, error)
	MailboxFolders(ctx context.Context, user string, part offboarding.MailboxPart) ([]offboarding.MailboxFolder, error)
	EachEntry(ctx context.Context, user string, part offboarding.MailboxPart, folder string, visit func(offboarding.MailboxEntry) error) error
	SeriesChanges(ctx context.Context, user, event string) (offboarding.SeriesChanges, error)
	EventAttachments(ctx context.Context, user, event string) ([]offboarding.MailAttachment, error)
	EventAttachment(ctx context.Context, user, event, attachment string, read func(io.Reader) error) error
}

// Storage is what export needs of object storage. A storage is named by the URL of the policy.
type Storage interface {
	Write(ctx context.Context, storage, name string, content io.Reader) error
	Read(ctx context.Context, storage, name string) (io.ReadCloser, error)
	List(ctx context.Context, storage, prefix, delimiter string) ([]string, error)
	Delete(ctx context.Context, storage, name string) error
	Where(storage string) string
}

// Step exports a leaver's mailbox.
type Step struct {
	mailboxes Mailboxes
	storage   Storage
}

func New(mailboxes Mailboxes, storage Storage) *Step {
	return &Step{mailboxes: mailboxes, storage: storage}
}

// What one run does at most: about half a minute.
const (
	itemsPerRun = 1000
	bytesPerRun = 256 << 20
	// readPerRun is for the comparison, which asks nothing of the mailbox.
	readPerRun = 1 << 30
)

// mostRounds bounds how often a mailbox that does not come to rest is gone through without a pause.
const mostRounds = 10

// unreadable is the item by which a person accepts what could not be exported as it is.
const unreadable = "unreadable"

// errPause ends a run that has done its share.
var errPause = errors.New("the rest is for another run")

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	j, err := open(ctx, s.storage, job.Case)
	if err != nil {
		return err
	}
	release := job.Now
	if licence, is := job.Case.Plan.Step(offboarding.StepLicence); is && licence.Due.After(release) {
		release = licence.Due
	}
	r := &run{Step: s, job: job, journal: j, items: itemsPerRun, bytes: bytesPerRun}
	for range mostRounds {
		done, err := r.round(ctx)
		if kept := j.flush(ctx); kept != nil && (err == nil || errors.Is(err, errPause)) {
			err = kept
		}
		switch {
		case errors.Is(err, offboarding.ErrNoMailbox):
			return r.noMailbox(err)
		case errors.Is(err, errPause):
			return offboarding.After(0, fmt.Sprintf("exporting: %s (%d MB) stored so far", offboarding.Count(j.stored(), "item"), j.size()>>20))
		case err != nil:
			return err
		case done:
			return r.finish(ctx, release)
		}
	}
	return job.NotYet("the mailbox does not come to rest: something changes in every round; stored: %s", offboarding.Count(j.stored(), "item"))
}

// noMailbox is the verdict when Graph reaches no mailbox. Exchange says to forward whether there is none.
func (r *run) noMailbox(err error) error {
	if preserve := r.job.Case.Step(offboarding.StepPreserve); preserve != nil && preserve.Evidence[offboarding.MailboxSeen] == "none" && len(r.journal.all) == 0 {
		r.job.Evidence[offboarding.MailboxSeen] = "none"
		return nil
	}
	if preserve := r.job.Case.Step(offboarding.StepPreserve); preserve != nil && preserve.State.Closed() {
		return r.job.NotYet("%v", err)
	}
	return r.job.NotYet("Graph reaches no mailbox, and preserve has not said yet whether there is one")
}

// finish says what became of an export that is whole.
func (r *run) finish(ctx context.Context, release time.Time) error {
	job, j := r.job, r.journal
	lost, kept, protected := r.unlisted(), 0, 0
	for _, i := range j.all {
		switch {
		case i.State == stateLost:
			lost++
		case i.State == stateUnreadable:
			kept++
		}
		if i.Protected {
			protected++
		}
	}
	sum, err := r.writeManifest(ctx)
	if err != nil {
		return err
	}
	offboarding.WriteGuardFrom(ctx).Record(offboarding.Call{Operation: "PUT " + manifestName, Status: 200, RequestID: "sha256:" + sum})
	if err := r.writeEnding(ctx, sum); err != nil {
		return err
	}
	if err := job.KeepProgress(ctx, offboarding.ExportManifest, sum); err != nil {
		return err
	}
	job.Evidence[offboarding.ExportManifest] = sum
	job.Evidence["exportedTo"] = r.storage.Where(job.Case.Plan.ExportTo)
	job.Evidence["items"] = strconv.Itoa(j.stored())
	job.Evidence["bytes"] = strconv.FormatInt(j.size(), 10)
	job.Evidence["folders"] = strconv.Itoa(len(j.folders))
	if protected > 0 {
		job.Risk(fmt.Sprintf("protected messages (RPMSG, %d) stay encrypted in the export: only this tenant can open them", protected))
	}
	for _, part := range j.round.Lacks {
		job.Risk("this cloud offers no " + string(part) + " of a mailbox to an application: they are not in the export")
	}
	switch n, err := r.mailboxes.RecoverableMessages(ctx, job.Leaver); {
	case errors.Is(err, offboarding.ErrNotFound):
	case err != nil:
		return err
	case n > 0:
		job.Risk(fmt.Sprintf("messages that were deleted and can still be recovered (%d) are not in the export: Restore-RecoverableItems in Exchange Online PowerShell puts them back, and a replay exports them, while the mailbox is there", n))
	}
	accepted := slices.Contains(job.Step.Accepted, unreadable)
	switch {
	case lost+kept > 0 && !accepted:
		return offboarding.Manual(fmt.Sprintf("%s could not be exported as found (%d as JSON, %d not at all; %s says which, with why): look at them in Outlook, export them by %s where they matter, and replay, or accept it: leaver sign-off %s export --item %s --by NAME --note WHY",
			offboarding.Count(lost+kept, "item"), kept, lost, manifestName, job.Case.Plan.Cloud().ByHand, job.Case.ID, unreadable))
	case lost+kept > 0:
		job.Risk(offboarding.Count(lost+kept, "item") + " could not be exported as found, which a person accepted")
	}
	if release.After(job.Now) {
		return offboarding.ContinueAt(release, fmt.Sprintf("exported and compared: %s (%d MB); the last look is right before the licence goes", offboarding.Count(j.stored(), "item"), j.size()>>20))
	}
	job.Evidence[offboarding.ExportedAt] = offboarding.Stamp(job.Now)
	return nil
}
