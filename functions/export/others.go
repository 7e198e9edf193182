package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"

	"leaver/shared/offboarding"
)

// others lists contacts, events and tasks, which Graph has no lasting delta of, and stores what is not
// stored as it is.
func (r *run) others(ctx context.Context) error {
	j := r.journal
	for _, f := range r.listed(false) {
		if f.Read >= j.round.N {
			continue
		}
		err := r.mailboxes.EachEntry(ctx, r.job.Leaver, f.Part, f.ID, func(e offboarding.MailboxEntry) error {
			known := j.item(e.ID)
			if known != nil && known.Version == e.Version && (known.State == "" || known.State == stateUnreadable && known.Again == j.round.N) {
				r.seen(known, *f)
				return nil
			}
			if r.items <= 0 || r.fetched.Load() > r.bytes {
				return errPause
			}
			r.items--
			return r.storeEntry(ctx, *f, known, e)
		})
		if err != nil && !errors.Is(err, offboarding.ErrNotFound) { // else the folder was deleted meanwhile
			if err = r.passOver(ctx, err); err != nil {
				return err
			}
			continue
		}
		read := *f
		read.Read, read.Whole = j.round.N, j.round.N
		r.vanished(read)
		j.note(entry{Folder: &read})
		if err := j.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// storeEntry stores a contact, an event or a task: Graph's JSON, the format of the trade, and the files of
// an event.
func (r *run) storeEntry(ctx context.Context, f folder, known *item, e offboarding.MailboxEntry) error {
	i := &item{ID: e.ID, Part: f.Part}
	if known != nil {
		copied := *known
		i = &copied
	}
	name := fileOf(f.Dir, i)
	if len(i.Files) > 0 {
		name = i.Files[0].Path[:len(i.Files[0].Path)-len(".json")]
	}
	was := i.State
	i.Folder, i.Version, i.Seen, i.Again, i.Files, i.State, i.Why = f.ID, e.Version, r.journal.round.N, r.journal.round.N, nil, "", ""
	add := func(stored file, err error) error {
		if err == nil {
			i.Files = append(i.Files, stored)
		}
		return err
	}
	var changes offboarding.SeriesChanges
	if f.Part == offboarding.PartCalendar && isSeries(e.JSON) {
		var err error
		changes, err = r.mailboxes.SeriesChanges(ctx, r.job.Leaver, i.ID)
		switch {
		case errors.Is(err, offboarding.ErrNotFound), errors.Is(err, offboarding.ErrUnreadable): // gone meanwhile, which the next round sees; or damaged
			i.State, i.Why = stateUnreadable, fmt.Sprintf("its changed occurrences cannot be had: %v", err)
		case err != nil:
			return err
		}
	}
	if err := add(r.storeText(ctx, name+".json", withOccurrences(e.JSON, changes))); err != nil {
		return err
	}
	switch text, ending, err := converted(f.Part, e.JSON, changes); {
	case err != nil:
		i.Why = "no " + ending + " could be made of it: " + err.Error()
	default:
		if err := add(r.storeText(ctx, name+"."+ending, text)); err != nil {
			return err
		}
	}
	for _, with := range append(changes.Changed, e) {
		if f.Part != offboarding.PartCalendar || !hasAttachments(with.JSON) {
			continue
		}
		if err := r.attachments(ctx, i, with.ID, name, add); err != nil {
			return err
		}
	}
	if !(was == stateUnreadable && i.State == stateUnreadable) {
		r.note(func(n *round) { n.Changes++ })
	}
	r.journal.note(entry{Item: i})
	return nil
}

// attachments stores the files of an event, or of a changed occurrence of it. One that cannot be had keeps
// nobody from the others.
func (r *run) attachments(ctx context.Context, i *item, event, name string, add func(file, error) error) error {
	found, err := r.mailboxes.EventAttachments(ctx, r.job.Leaver, event)
	if errors.Is(err, offboarding.ErrNotFound) {
		return nil // the event went meanwhile, which the next round sees
	}
	if err != nil {
		return err
	}
	for _, a := range found {
		var stored file
		err := r.mailboxes.EventAttachment(ctx, r.job.Leaver, event, a.ID, func(content io.Reader) error {
			var err error
			stored, err = r.store(ctx, name+"/"+attachmentName(a), content)
			return err
		})
		switch {
		case err == nil:
			_ = add(stored, nil) // which only adds
		case errors.Is(err, offboarding.ErrNotFound), errors.Is(err, offboarding.ErrUnreadable), offboarding.IsPermanent(err) && !errors.Is(err, errStorage):
			i.State, i.Why = stateUnreadable, fmt.Sprintf("an attachment cannot be had: %v", err)
		default:
			return err
		}
	}
	return nil
}

// ending is what may stay of the end of a file's name.
var ending = regexp.MustCompile(`^\.[A-Za-z0-9]{1,8}$`)

// attachmentName is where a file of an event is stored.
func attachmentName(a offboarding.MailAttachment) string {
	end := path.Ext(a.Name)
	if !ending.MatchString(end) {
		end = ""
	}
	return plain(a.Name[:len(a.Name)-len(path.Ext(a.Name))]) + "~" + short(a.ID) + end
}
