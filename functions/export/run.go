package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"

	"leaver/shared/offboarding"
)

// run is one run of the step.
type run struct {
	*Step
	job     *offboarding.Job
	journal *journal
	items   int // that may still be fetched
	bytes   int64
	fetched atomic.Int64 // bytes
	refused []error      // of folders and parts of the mailbox
}

// passOver keeps what was refused or failed of one folder, or of one part of the mailbox, so that the others are
// exported all the same, and returns what is about the run.
func (r *run) passOver(ctx context.Context, err error) error {
	about := err == nil || errors.Is(err, errPause) || errors.Is(err, offboarding.ErrNoMailbox)
	if about || !offboarding.IsPermanent(err) && stops(ctx, err) || errors.Is(err, errStorage) {
		return err
	}
	r.refused = append(r.refused, err)
	return nil
}

// round goes on with a round, or begins one, and reports whether the export is whole.
func (r *run) round(ctx context.Context) (whole bool, err error) {
	j := r.journal
	if !j.round.Listed || j.round.Done {
		if err := r.begin(ctx); err != nil {
			return false, err
		}
	}
	if !j.round.Quiet {
		if err := r.mail(ctx); err != nil {
			return false, err
		}
		if err := r.others(ctx); err != nil {
			return false, err
		}
		if err := r.again(ctx); err != nil {
			return false, err
		}
		if len(r.refused) > 0 {
			return false, offboarding.Join(r.refused...)
		}
		if j.round.Changes > 0 || !r.compared() {
			r.note(func(n *round) { n.Done = true })
			return false, j.flush(ctx)
		}
		r.note(func(n *round) { n.Quiet = true })
		if err := j.flush(ctx); err != nil {
			return false, err
		}
	}
	if err := r.readBack(ctx); err != nil {
		return false, err
	}
	r.note(func(n *round) { n.Done = true })
	// What an earlier run found damaged, before it paused, counts as well.
	whole = !slices.ContainsFunc(j.sorted(), func(i *item) bool { return i.State == stateAgain })
	return whole, j.flush(ctx)
}

// note changes the round.
func (r *run) note(change func(*round)) {
	next := r.journal.round
	change(&next)
	r.journal.note(entry{Round: &next})
}

// begin begins a round with a list of all folders.
func (r *run) begin(ctx context.Context) error {
	j := r.journal
	next := round{N: j.round.N + 1}
	var lines []entry
	add := func(f offboarding.MailboxFolder, part offboarding.MailboxPart, above *folder) *folder {
		known := folder{ID: f.ID, Part: part}
		if was := j.folders[f.ID]; was != nil {
			known = *was
		}
		known.Name, known.Items, known.Listed = f.Name, f.Items, next.N
		parent := ""
		if above != nil {
			known.Name, parent = above.Name+"/"+f.Name, above.Dir
		}
		if known.Dir == "" {
			known.Dir = dirOf(parent, f.Name, f.ID, part)
		}
		lines = append(lines, entry{Folder: &known})
		return &known
	}
	var walk func(above *folder, id string) error
	walk = func(above *folder, id string) error {
		found, err := r.mailboxes.MailFolders(ctx, r.job.Leaver, id)
		if errors.Is(err, offboarding.ErrNotFound) && id != "" {
			return nil // it was deleted meanwhile
		}
		if err != nil {
			return err
		}
		for _, f := range found {
			if f.Search {
				continue
			}
			if err := walk(add(f, offboarding.PartMail, above), f.ID); err != nil {
				return err
			}
		}
		return nil
	}
	if err := r.passOver(ctx, walk(nil, "")); err != nil {
		return err
	}
	for _, part := range []offboarding.MailboxPart{offboarding.PartContacts, offboarding.PartCalendar, offboarding.PartTasks} {
		found, err := r.mailboxes.MailboxFolders(ctx, r.job.Leaver, part)
		if errors.Is(err, offboarding.ErrNotOffered) {
			next.Lacks = append(next.Lacks, part)
			continue
		}
		if err := r.passOver(ctx, err); err != nil {
			return err
		}
		above := map[string]*folder{}
		for _, f := range found {
			above[f.ID] = add(f, part, above[f.Parent])
		}
	}
	next.Listed = len(r.refused) == 0 // else it is begun again
	j.note(append(lines, entry{Round: &next})...)
	return j.flush(ctx)
}

// listed are the folders of the round, in an order that stays.
func (r *run) listed(mail bool) []*folder {
	var found []*folder
	for _, f := range r.journal.folders {
		if f.Listed == r.journal.round.N && (f.Part == offboarding.PartMail) == mail {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b *folder) int { return strings.Compare(a.ID, b.ID) })
	return found
}

// compared holds the counts of the mail folders against the mailbox's. A folder that has more messages than
// were stored is read from its beginning: a delta may have left something out.
func (r *run) compared() bool {
	j := r.journal
	count := map[string]int{}
	for _, i := range j.all {
		if i.State != stateGone {
			count[i.Folder]++
		}
	}
	same := true
	for _, f := range r.listed(true) {
		if f.Items > count[f.ID] && f.Whole != j.round.N {
			anew := *f
			anew.Token, anew.Whole = "", 0
			j.note(entry{Folder: &anew})
			same = false
		}
	}
	return same
}

// readBack reads every file and compares its hash. What is not as it was written is fetched again.
func (r *run) readBack(ctx context.Context) error {
	j := r.journal
	left := int64(readPerRun)
	for _, i := range j.sorted() {
		if j.round.Checked != "" && i.ID <= j.round.Checked || len(i.Files) == 0 {
			continue
		}
		if left <= 0 {
			return errPause
		}
		ok := true
		for _, f := range i.Files {
			left -= f.Size
			same, err := r.same(ctx, f)
			if err != nil {
				return err
			}
			ok = ok && same
		}
		if !ok {
			anew := *i
			anew.State, anew.Why = stateAgain, "the file is not as it was written"
			if i.State == stateGone {
				anew.State = stateLost
			}
			j.note(entry{Item: &anew})
		}
		if left <= 0 {
			r.note(func(n *round) { n.Checked = i.ID })
		}
	}
	return nil
}

// same reports whether a file is there and as it was written.
func (r *run) same(ctx context.Context, f file) (bool, error) {
	in, err := r.storage.Read(ctx, r.journal.to, r.journal.root+f.Path)
	if errors.Is(err, offboarding.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading an export back: %w", err)
	}
	defer in.Close()
	h := sha256.New()
	n, err := io.Copy(h, in)
	if err != nil {
		return false, fmt.Errorf("reading an export back: %w", err)
	}
	return n == f.Size && hex.EncodeToString(h.Sum(nil)) == f.SHA256, nil
}

// store writes a file of the export, with its hash taken on the way.
func (r *run) store(ctx context.Context, name string, content io.Reader) (file, error) {
	h := sha256.New()
	counted := &counter{Reader: io.TeeReader(content, h)}
	err := r.storage.Write(ctx, r.journal.to, r.journal.root+name, counted)
	r.fetched.Add(counted.n)
	if err != nil && !counted.failed {
		err = fmt.Errorf("%w: %w", errStorage, err)
	}
	return file{Path: name, Size: counted.n, SHA256: hex.EncodeToString(h.Sum(nil)), At: r.job.Now}, err
}

// counter counts what is read.
type counter struct {
	io.Reader
	n      int64
	failed bool // to be read, which is not the storage's fault
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	c.failed = c.failed || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// storeText writes a small file.
func (r *run) storeText(ctx context.Context, name string, text []byte) (file, error) {
	return r.store(ctx, name, bytes.NewReader(text))
}
