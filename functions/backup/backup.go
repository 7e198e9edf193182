// Package backup is the function that copies the ledger once a day to where nobody changes it for a
// while: the tables of Azure have no backup of their own. It reads the ledger and adds objects to one
// storage, and does nothing else; whoever has its rights learns what the ledger holds, and opens nothing
// with it, because what is restored is held to its signatures ([ledger.Ledger.Import]).
//
// A backup is an export, as leaver ledger import takes it, and beside it a record that says what it is:
// its size, its hash, how many histories it holds. The record is put last, after the export was read back
// and is what was written; an export without a record is none. Nothing is removed here: how long backups
// stay, the storage says (an immutability policy, a rule of its life cycle).
//
// It is done when the newest backup is less than a day old and was read back.
package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Ledger is what a backup needs of the ledger.
type Ledger interface {
	// Export calls each with every history; those that cannot be read are in the error, an
	// [ledger.ErrUnreadable].
	Export(ctx context.Context, each func(ledger.Copy) error) error
}

// Storage is where backups lie. Nothing in it is removed or replaced.
type Storage interface {
	Write(ctx context.Context, storage, name string, content io.Reader) error
	Read(ctx context.Context, storage, name string) (io.ReadCloser, error)
	List(ctx context.Context, storage, prefix, delimiter string) ([]string, error)
}

// Report takes the figures of each look.
type Report interface {
	// Backup is told how old the last good backup is. It is told nothing while there is none.
	Backup(age time.Duration)
}

// Backup copies the ledger to a storage.
type Backup struct {
	Ledger  Ledger
	Storage Storage
	// Place is the URL of the storage, as objectstore has them; empty is nowhere, and nothing is copied.
	Place  string
	Now    func() time.Time
	Log    *slog.Logger
	Report Report // optional

	mu     sync.Mutex
	looked time.Time // when it last ended well
	failed int       // copies since then that did not
	again  time.Time // when the next one may be tried
}

const (
	// every is how often the ledger is copied, and look how often it is looked, at most, whether it is time.
	every = 24 * time.Hour
	look  = 50 * time.Minute // a schedule comes round some seconds early
	// TooOld is the age from which the last good backup is too old: a day's was missed, and the next one
	// has not come in half a day.
	TooOld = 36 * time.Hour
	// ahead is how far ahead the clock of whoever wrote a record may be.
	ahead = 5 * time.Minute
	// mostRecord bounds what is read of a record, in bytes, and mostMissing the histories that it names.
	mostRecord  = 64 << 10
	mostMissing = 100
)

// The names of backups sort by time.
const (
	prefix   = "ledger-"
	exported = ".jsonl"
	recorded = ".json"
	timeForm = "20060102T150405.000Z"
)

// Record says what a backup is. It holds nothing about a person.
type Record struct {
	At        time.Time `json:"at"`
	Object    string    `json:"object"` // the name of the export beside it
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"` // of the export, hex
	Histories int       `json:"histories"`
	Entries   int       `json:"entries"`
	// Most is how many histories any backup before it held, or this one: none is ever removed.
	Most int `json:"most"`
	// Missing are the first of the histories that could not be read, in words; Unread is how many.
	Missing []string `json:"missing,omitempty"`
	Unread  int      `json:"unread,omitempty"`
}

// Run copies the ledger when the last good backup is a day old, looked at once an hour, and reports how
// old it is. A copy that fails is tried again in a minute, then ever later, at most an hour: what it leaves
// behind stays for as long as a backup does. Errors: those of the ledger and of the storage; what was read
// back otherwise than it was written.
func (b *Backup) Run(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	if age := now.Sub(b.looked); b.Place == "" || !b.looked.IsZero() && age >= 0 && age < look || now.Before(b.again) {
		return nil
	}
	last, err := b.last(ctx, now)
	if err != nil {
		return err
	}
	if age := now.Sub(last.At); last.At.IsZero() || age >= every {
		next, failed := b.copy(ctx, now, last)
		if err = failed; err == nil {
			last, b.failed = next, 0
		} else {
			b.again = now.Add(min(look, time.Minute<<min(b.failed, 10)))
			b.failed++
		}
	}
	if b.Report != nil && !last.At.IsZero() {
		b.Report.Backup(max(0, b.Now().Sub(last.At)))
	}
	if err == nil {
		b.looked = now
	}
	return err
}

// last is the record of the newest backup; zero where there is none. What is no record is passed over,
// and so is one of the time to come: neither hides that no backup was made.
func (b *Backup) last(ctx context.Context, now time.Time) (Record, error) {
	names, err := b.Storage.List(ctx, b.Place, prefix, "")
	if err != nil {
		return Record{}, fmt.Errorf("looking for the last backup of the ledger: %w", err)
	}
	slices.Sort(names)
	newest := nameOf(now.Add(ahead))
	for _, name := range slices.Backward(names) {
		stem, is := strings.CutSuffix(name, recorded)
		if !is || stem > newest {
			continue
		}
		r, err := b.read(ctx, name)
		if err != nil {
			return Record{}, err
		}
		if nameOf(r.At) == stem && r.Object == stem+exported {
			return r, nil
		}
		b.Log.Warn("what lies among the backups of the ledger is no record of one", "object", name)
	}
	return Record{}, nil
}

// read is a record; the zero one where the object is none.
func (b *Backup) read(ctx context.Context, name string) (r Record, err error) {
	in, err := b.Storage.Read(ctx, b.Place, name)
	if errors.Is(err, offboarding.ErrNotFound) {
		return r, nil // its time was over since it was listed
	}
	if err != nil {
		return r, fmt.Errorf("reading the record %s: %w", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(in, mostRecord))
	if err = errors.Join(err, in.Close()); err != nil {
		return r, fmt.Errorf("reading the record %s: %w", name, err)
	}
	return parseRecord(text), nil
}

// parseRecord is the record that a text is; the zero one where it is none.
func parseRecord(text []byte) Record {
	var r Record
	if json.Unmarshal(text, &r) != nil || r.Bytes < 0 || r.Histories < 0 || r.Most < 0 || r.Unread < 0 {
		return Record{}
	}
	return r
}

func nameOf(at time.Time) string { return prefix + at.UTC().Format(timeForm) }

// copy writes a backup, reads it back, and puts its record.
func (b *Backup) copy(ctx context.Context, now time.Time, before Record) (Record, error) {
	ctx = offboarding.WithWriteGuard(ctx, free{})
	r := Record{At: now.UTC().Truncate(time.Millisecond), Object: nameOf(now) + exported}
	if err := b.write(ctx, &r); err != nil {
		return Record{}, fmt.Errorf("writing the backup %s: %w", r.Object, err)
	}
	if err := b.readBack(ctx, r); err != nil {
		return Record{}, fmt.Errorf("reading back the backup %s: %w", r.Object, err)
	}
	r.Most = max(r.Histories+r.Unread, before.Most)
	text, err := json.Marshal(r)
	if err == nil {
		err = b.Storage.Write(ctx, b.Place, nameOf(now)+recorded, bytes.NewReader(append(text, '\n')))
	}
	if err != nil {
		return Record{}, fmt.Errorf("putting the record of the backup %s: %w", r.Object, err)
	}
	b.Log.Info("the ledger was copied", "object", r.Object, "bytes", r.Bytes, "histories", r.Histories, "unread", r.Unread)
	if why := r.lacks(); why != "" {
		b.Log.Error("the backup of the ledger lacks histories", "object", r.Object, "why", why)
	}
	return r, nil
}

// write streams every history of the ledger into an object, one a line: a ledger may be larger than memory.
func (b *Backup) write(ctx context.Context, r *Record) error {
	out, in := io.Pipe()
	written := &counted{hash: sha256.New()}
	over := make(chan error, 1)
	go func() {
		encoder := json.NewEncoder(io.MultiWriter(in, written))
		encoder.SetEscapeHTML(false)
		err := b.Ledger.Export(ctx, func(c ledger.Copy) error {
			r.Histories, r.Entries = r.Histories+1, r.Entries+len(c.Entries)
			return encoder.Encode(c)
		})
		if err = r.without(err); err != nil {
			_ = in.CloseWithError(err) // never fails
		}
		_ = in.Close() // after an error it does nothing
		over <- err
	}()
	err := b.Storage.Write(ctx, b.Place, r.Object, out)
	_ = out.CloseWithError(io.ErrClosedPipe) // a storage that gave up ends the export too
	if failed := <-over; err == nil {
		err = failed
	}
	r.Bytes, r.SHA256 = written.n, hex.EncodeToString(written.hash.Sum(nil))
	return err
}

// without keeps what an export could not read, and returns what else went wrong with it.
func (r *Record) without(err error) error {
	if !errors.Is(err, ledger.ErrUnreadable) || errors.Is(err, ledger.ErrUnavailable) {
		return err
	}
	all := []error{err}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		all = joined.Unwrap()
	}
	for _, each := range all {
		if !errors.Is(each, ledger.ErrUnreadable) {
			return err
		}
		if r.Unread++; len(r.Missing) < mostMissing {
			r.Missing = append(r.Missing, each.Error())
		}
	}
	return nil
}

// readBack reads a backup as a restore would, and compares it with what was written.
func (b *Backup) readBack(ctx context.Context, r Record) error {
	in, err := b.Storage.Read(ctx, b.Place, r.Object)
	if err != nil {
		return err
	}
	return errors.Join(r.compare(in), in.Close())
}

// compare reads an export to its end, and holds it to its record.
func (r Record) compare(in io.Reader) error {
	read := &counted{hash: sha256.New()}
	if _, err := io.Copy(read, io.LimitReader(in, max(r.Bytes, 0)+1)); err != nil {
		return err
	}
	const not = "it is not what was written: "
	switch {
	case read.n > r.Bytes:
		return fmt.Errorf(not+"more than the %d bytes", r.Bytes)
	case read.n < r.Bytes:
		return fmt.Errorf(not+"%d of the %d bytes", read.n, r.Bytes)
	case hex.EncodeToString(read.hash.Sum(nil)) != r.SHA256:
		return errors.New(not + "its hash is another")
	}
	return nil
}

// Whole holds the file of an export to the record beside it, where there is one: an export that was cut off
// between two histories looks whole. Errors: those of reading, and that it is not what was written.
func Whole(file string) error {
	stem, is := strings.CutSuffix(file, exported)
	text, err := os.ReadFile(stem + recorded)
	if !is || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r := parseRecord(text)
	if r.SHA256 == "" && !strings.HasPrefix(filepath.Base(file), prefix) {
		return nil // something else that bears the name, as the report of somebody does
	}
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	if err = errors.Join(r.compare(in), in.Close()); err != nil {
		return fmt.Errorf("%s, by the record beside it: %w", file, err)
	}
	return nil
}

// lacks says which histories are not in a backup; empty where it has all.
func (r Record) lacks() string {
	var why []string
	if r.Unread > 0 {
		first := "its record names them"
		if len(r.Missing) > 0 {
			first = "the first: " + r.Missing[0]
		}
		why = append(why, fmt.Sprintf("%s could not be read, %s", offboarding.Count(r.Unread, "history"), first))
	}
	if gone := r.Most - r.Histories - r.Unread; gone > 0 {
		why = append(why, fmt.Sprintf("the ledger had %s, and lacks %d of them: none is ever removed", offboarding.Count(r.Most, "history"), gone))
	}
	return strings.Join(why, "; ")
}

// Wrong says what is not as it should be with the last backup; empty where it is. Errors: those of the
// storage.
func (b *Backup) Wrong(ctx context.Context) (string, error) {
	if b.Place == "" {
		return "nothing copies the ledger: whoever loses it loses every departure that goes on, and the proof of those that ended", nil
	}
	now := b.Now()
	last, err := b.last(ctx, now)
	switch {
	case err != nil:
		return "", err
	case last.At.IsZero():
		return "there is no backup of the ledger yet: the first is made within the hour", nil
	case now.Sub(last.At) > TooOld:
		return "the last good backup of the ledger is from " + last.At.Format(time.RFC3339), nil
	}
	if why := last.lacks(); why != "" {
		return "the last backup of the ledger, " + last.Object + ", is not whole: " + why, nil
	}
	return "", nil
}

// free lets a backup be written: it is no step's, changes nothing of anybody's, and goes on in a freeze.
type free struct{}

func (free) Allow(context.Context) error { return nil }
func (free) Record(offboarding.Call)     {}

// counted takes the size and the hash of what is written to it.
type counted struct {
	hash hash.Hash
	n    int64
}

// Write implements io.Writer; it never fails.
func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.hash.Write(p)
}
