package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// journal is what is known of an export: the fold of the lines beside its files. Whoever reads it first and
// stores before it writes can be killed anywhere; at worst the items of one page are stored once more, under
// the same names.
type journal struct {
	storage Storage
	to      string // the storage
	root    string // of the export in it; ends in a slash

	mu      sync.Mutex
	all     map[string]*item
	folders map[string]*folder
	round   round
	parts   int // that were read or written
	pending bytes.Buffer
}

// item is a message, contact, event or task that was stored.
type item struct {
	ID       string                  `json:"id"`
	Part     offboarding.MailboxPart `json:"part"`
	Folder   string                  `json:"folder"` // id of where it lies now
	Version  string                  `json:"version,omitempty"`
	Received time.Time               `json:"received,omitzero"`
	Files    []file                  `json:"files,omitempty"`
	State    state                   `json:"state,omitempty"`
	Why      string                  `json:"why,omitempty"`   // of an item that could not be read
	Tries    int                     `json:"tries,omitempty"` // how often that failed
	// Protected is set for a message that only its tenant can open.
	Protected bool `json:"protected,omitempty"`
	// Again is the round in which what could not be had was tried last.
	Again int `json:"again,omitempty"`
	// Seen is the round in which the item was listed last.
	Seen int `json:"seen,omitempty"`
}

// state is what became of an item; empty is stored.
type state string

const (
	stateGone       state = "gone"       // stored, and no longer in the mailbox
	stateAgain      state = "again"      // to be fetched again
	stateUnreadable state = "unreadable" // kept as JSON
	stateLost       state = "lost"       // not stored, and not to be had
)

// file is one file of an item.
type file struct {
	Path   string    `json:"path"` // below the root of the export
	Size   int64     `json:"size"`
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`
}

// folder is a folder of the mailbox.
type folder struct {
	ID     string                  `json:"id"`
	Part   offboarding.MailboxPart `json:"part"`
	Name   string                  `json:"name"` // its path now, as people see it
	Dir    string                  `json:"dir"`  // where its items are stored
	Token  string                  `json:"token,omitempty"`
	Whole  int                     `json:"whole,omitempty"` // the round in which its delta began anew
	Items  int                     `json:"items"`           // as the mailbox counts, -1 where it does not
	Read   int                     `json:"read,omitempty"`  // the round in which it was read to its end
	Listed int                     `json:"listed"`          // the round in which it was there last
}

// round is one way through the mailbox.
type round struct {
	N       int                       `json:"n"`
	Listed  bool                      `json:"listed,omitempty"` // the folders are
	Changes int                       `json:"changes,omitempty"`
	Quiet   bool                      `json:"quiet,omitempty"`   // it found nothing new: what is left is to compare
	Checked string                    `json:"checked,omitempty"` // the path of the file that was read back last
	Done    bool                      `json:"done,omitempty"`
	Lacks   []offboarding.MailboxPart `json:"lacks,omitempty"` // parts that the cloud does not offer
}

// entry is a line of the journal.
type entry struct {
	Item   *item   `json:"item,omitempty"`
	Folder *folder `json:"folder,omitempty"`
	Round  *round  `json:"round,omitempty"`
}

const (
	journalDir   = "journal/"
	manifestName = "manifest.ndjson"
)

// open reads the journal of a case's export. A storage that holds none is begun.
func open(ctx context.Context, storage Storage, c *offboarding.Case) (*journal, error) {
	j := &journal{storage: storage, to: c.Plan.ExportTo, root: c.ID + "/", all: map[string]*item{}, folders: map[string]*folder{}}
	names, err := storage.List(ctx, j.to, j.root+journalDir, "")
	if err != nil {
		return nil, fmt.Errorf("reading the journal of the export: %w", err)
	}
	slices.Sort(names)
	for _, name := range names {
		if !strings.HasSuffix(name, ".ndjson") {
			continue // a file that a killed process left half written
		}
		if err := j.read(ctx, name); err != nil {
			return nil, fmt.Errorf("reading the journal of the export: %w", err)
		}
		var n int
		if _, err := fmt.Sscanf(path.Base(name), "%d.", &n); err == nil {
			j.parts = max(j.parts, n)
		}
	}
	return j, nil
}

func (j *journal) read(ctx context.Context, name string) error {
	r, err := j.storage.Read(ctx, j.to, name)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(text)) > 0 {
			var e entry
			if json.Unmarshal(text, &e) != nil {
				return offboarding.Permanent(errors.New("a line of it cannot be read: somebody has changed it; remove the folder of this export, which then begins anew, and replay"))
			}
			j.fold(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (j *journal) fold(e entry) {
	if e.Item != nil {
		j.all[e.Item.ID] = e.Item
	}
	if e.Folder != nil {
		j.folders[e.Folder.ID] = e.Folder
	}
	if e.Round != nil {
		j.round = *e.Round
	}
}

// note adds lines, which are durable once flushed. What an entry points to is the journal's from then on.
func (j *journal) note(entries ...entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range entries {
		text, _ := json.Marshal(e) // strings and numbers always marshal
		j.pending.Write(append(text, '\n'))
		j.fold(e)
	}
}

// flush makes the lines durable.
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending.Len() == 0 {
		return nil
	}
	name := fmt.Sprintf("%s%s%08d.ndjson", j.root, journalDir, j.parts+1)
	if err := j.storage.Write(ctx, j.to, name, bytes.NewReader(j.pending.Bytes())); err != nil {
		return fmt.Errorf("writing the journal of the export: %w", err)
	}
	j.parts++
	j.pending.Reset()
	return nil
}

func (j *journal) item(id string) *item {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.all[id]
}

// stored is how many items are, and size how large their files.
func (j *journal) stored() int {
	n := 0
	for _, i := range j.all {
		if len(i.Files) > 0 {
			n++
		}
	}
	return n
}

func (j *journal) size() int64 {
	var n int64
	for _, i := range j.all {
		for _, f := range i.Files {
			n += f.Size
		}
	}
	return n
}

// sorted are the items in an order that stays.
func (j *journal) sorted() []*item {
	sorted := make([]*item, 0, len(j.all))
	for _, i := range j.all {
		sorted = append(sorted, i)
	}
	slices.SortFunc(sorted, func(a, b *item) int { return strings.Compare(a.ID, b.ID) })
	return sorted
}
