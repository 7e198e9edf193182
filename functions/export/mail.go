package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"leaver/shared/offboarding"
)

// atOnce is how many items are fetched at the same time: what Microsoft allows of one mailbox.
const atOnce = 4

// mostTries is how often an item may fail, while others do not, before the export goes on without it.
const mostTries = 3

// mail reads what has changed in every mail folder since the last round.
func (r *run) mail(ctx context.Context) error {
	for _, f := range r.listed(true) {
		for f.Read < r.journal.round.N {
			if r.items <= 0 || r.fetched.Load() > r.bytes {
				return errPause
			}
			next, err := r.page(ctx, *f)
			if err != nil {
				if err = r.passOver(ctx, err); err != nil {
					return err
				}
				break
			}
			r.journal.note(entry{Folder: &next})
			if err := r.journal.flush(ctx); err != nil {
				return err
			}
			f = &next
		}
	}
	return nil
}

// page stores the next page of changes of a folder, and returns how the folder stands then.
func (r *run) page(ctx context.Context, f folder) (folder, error) {
	j := r.journal
	if f.Token == "" {
		f.Whole = j.round.N
	}
	changes, err := r.mailboxes.MailChanges(ctx, r.job.Leaver, f.ID, f.Token)
	switch {
	case errors.Is(err, offboarding.ErrResyncRequired):
		f.Token = "" // the delta begins anew; what is stored already is not fetched again
		return f, nil
	case errors.Is(err, offboarding.ErrNoMailbox):
		return f, err
	case errors.Is(err, offboarding.ErrNotFound): // it was deleted meanwhile, or moved: the next round says
		f.Read, f.Token = j.round.N, ""
		r.note(func(n *round) { n.Changes++ })
		return f, nil
	case err != nil:
		return f, err
	}
	var fetch []*item
	for _, c := range changes.Changes {
		known := j.item(c.ID)
		switch {
		case c.Removed:
			r.removed(known, f)
		case known != nil && known.Version == c.ChangeKey && (known.State == "" || known.State == stateUnreadable):
			r.seen(known, f)
		default:
			anew := &item{ID: c.ID, Part: offboarding.PartMail, Version: c.ChangeKey, Received: c.Received}
			if known != nil {
				copied := *known
				anew = &copied
				if anew.Version = c.ChangeKey; known.State != stateAgain {
					anew.Tries = 0
				}
			}
			anew.Folder, anew.Seen = f.ID, j.round.N
			// A delta may say a change twice, also in one page: the last word counts.
			fetch = append(slices.DeleteFunc(fetch, func(i *item) bool { return i.ID == c.ID }), anew)
		}
	}
	if len(fetch) > 0 {
		r.note(func(n *round) { n.Changes += len(fetch) })
	}
	if err := r.fetchAll(ctx, fetch); err != nil {
		return f, err
	}
	f.Token = changes.Token
	if changes.Last {
		f.Read = j.round.N
		if f.Whole == j.round.N {
			r.vanished(f)
		}
	}
	return f, nil
}

// removed takes note that an item has left a folder. Where it went, another folder says.
func (r *run) removed(known *item, f folder) {
	if known == nil || known.Folder != f.ID || known.State == stateGone {
		return
	}
	gone := *known
	gone.State = stateGone
	r.journal.note(entry{Item: &gone})
	r.note(func(n *round) { n.Changes++ })
}

// seen takes note that a stored item is still as it was, and where.
func (r *run) seen(known *item, f folder) {
	if known.Folder == f.ID && known.Seen == r.journal.round.N {
		return
	}
	still := *known
	if known.Folder != f.ID {
		r.note(func(n *round) { n.Changes++ })
	}
	still.Folder, still.Seen = f.ID, r.journal.round.N
	r.journal.note(entry{Item: &still})
}

// vanished takes note of what a folder does not hold any more that was read from its beginning.
func (r *run) vanished(f folder) {
	for _, i := range r.journal.sorted() {
		if i.Folder == f.ID && i.Seen < r.journal.round.N && i.State != stateGone {
			r.removed(i, f)
		}
	}
}

// again tries once more what failed, and what was not read back as it was written.
func (r *run) again(ctx context.Context) error {
	var fetch []*item
	changes := 0
	for _, i := range r.journal.sorted() {
		failed := i.State == stateLost || i.State == stateUnreadable
		if i.Part != offboarding.PartMail || !(i.State == stateAgain || failed && i.Again < r.journal.round.N) {
			continue
		}
		if !failed {
			changes++
		}
		anew := *i
		anew.Again = r.journal.round.N
		fetch = append(fetch, &anew)
	}
	if changes > 0 {
		r.note(func(n *round) { n.Changes += changes })
	}
	if err := r.fetchAll(ctx, fetch); err != nil {
		return err
	}
	return r.journal.flush(ctx)
}

// fetchAll fetches messages, some at the same time, and notes each. When one fails, those under way are
// finished and the first error is returned; when the run has done its share, errPause.
func (r *run) fetchAll(ctx context.Context, items []*item) error {
	var wait sync.WaitGroup
	var failed atomic.Pointer[error]
	places := make(chan struct{}, atOnce)
	paused, flushed := false, r.fetched.Load()
	for _, i := range items {
		places <- struct{}{}
		if failed.Load() != nil {
			break
		}
		if paused = r.fetched.Load() > r.bytes; paused {
			break
		}
		if now := r.fetched.Load(); now-flushed > perFlush {
			if err := r.journal.flush(ctx); err != nil {
				failed.CompareAndSwap(nil, &err)
				break
			}
			flushed = now
		}
		wait.Go(func() {
			defer func() { <-places }()
			if err := r.fetch(ctx, i); err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
		r.items--
	}
	wait.Wait()
	switch err := failed.Load(); {
	case err != nil:
		return *err
	case paused:
		return errPause
	}
	return nil
}

// perFlush is how much is fetched before the journal is written in between.
const perFlush = 32 << 20

// fetch stores a message as it is now, as mail, or as JSON where Exchange makes no mail of it.
func (r *run) fetch(ctx context.Context, i *item) error {
	f := r.journal.folders[i.Folder]
	name := fileOf(f.Dir, i)
	if len(i.Files) > 0 { // files never move
		name = strings.TrimSuffix(strings.TrimSuffix(i.Files[0].Path, ".eml"), ".json")
	}
	var stored file
	err := r.mailboxes.MIME(ctx, r.job.Leaver, i.ID, func(content io.Reader) error {
		scanned := &scanner{Reader: content}
		var err error
		stored, err = r.store(ctx, name+".eml", scanned)
		i.Protected = scanned.protected
		return err
	})
	switch {
	case err == nil:
		i.Files, i.State, i.Why, i.Tries = []file{stored}, "", "", 0
		r.journal.note(entry{Item: i})
		return nil
	case errors.Is(err, offboarding.ErrUnreadable):
		return r.asJSON(ctx, i, name, err)
	case errors.Is(err, offboarding.ErrNotFound):
		// It went between the delta and now, or it is listed and cannot be had.
		return r.missing(i, err)
	case stops(ctx, err):
		return err
	}
	// Of this item alone, or of everything: who fails again and again while the others do not is left.
	if i.Tries++; i.Tries >= mostTries {
		return r.asJSON(ctx, i, name, err)
	}
	failed := *i
	failed.State, failed.Version = stateAgain, ""
	r.journal.note(entry{Item: &failed})
	return err
}

// stops reports whether an error is about the run and not about one item: the storage, the case, the
// budget of the mailbox.
func stops(ctx context.Context, err error) bool {
	kind := offboarding.VerdictOf(err).Kind
	return ctx.Err() != nil || kind != offboarding.KindTransient || offboarding.IsThrottled(err) || errors.Is(err, offboarding.ErrNoSpace) || errors.Is(err, errStorage)
}

// errStorage marks errors of the storage.
var errStorage = errors.New("storing an export")

// asJSON keeps a message that is no mail to Exchange as Graph has it.
func (r *run) asJSON(ctx context.Context, i *item, name string, why error) error {
	i.Why = fmt.Sprintf("%v", why)
	text, err := r.mailboxes.Message(ctx, r.job.Leaver, i.ID)
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return r.missing(i, err)
	case offboarding.IsPermanent(err), errors.Is(err, offboarding.ErrUnreadable), err != nil && !stops(ctx, err) && i.Tries >= 2*mostTries:
		i.State, i.Files = stateLost, nil
		r.journal.note(entry{Item: i})
		return nil
	case err != nil && !stops(ctx, err):
		failed := *i
		failed.State, failed.Version, failed.Tries = stateAgain, "", max(i.Tries, mostTries)+1
		r.journal.note(entry{Item: &failed})
		return err
	case err != nil:
		return err
	}
	stored, err := r.storeText(ctx, name+".json", text)
	if err != nil {
		return err
	}
	i.Files, i.State = []file{stored}, stateUnreadable
	r.journal.note(entry{Item: i})
	return nil
}

// missing takes note of an item that is not there when it is asked for. When it was stored before it is
// gone; else it is asked for again, and lost when it is still listed then.
func (r *run) missing(i *item, why error) error {
	i.Why = fmt.Sprintf("%v", why)
	switch i.Tries++; {
	case i.Tries >= mostTries && len(i.Files) == 0:
		i.State = stateLost
	case i.Tries >= mostTries:
		i.State = stateGone
	default:
		i.State, i.Version = stateAgain, ""
	}
	r.journal.note(entry{Item: i})
	return nil
}

// scanner looks for the mark of a protected message in the first part of a mail.
type scanner struct {
	io.Reader
	seen      int
	tail      []byte
	protected bool
}

// rpmsg is the type of the part that holds a protected message.
var rpmsg = []byte("application/x-microsoft-rpmsg-message")

// mostScanned is how far the mark is looked for.
const mostScanned = 64 << 10

func (s *scanner) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if s.seen < mostScanned && !s.protected && n > 0 {
		window := append(s.tail, p[:n]...)
		s.protected = bytes.Contains(window, rpmsg)
		s.tail = append([]byte(nil), window[max(0, len(window)-len(rpmsg)+1):]...)
		s.seen += n
	}
	return n, err
}
