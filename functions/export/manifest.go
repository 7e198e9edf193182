package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// heading is the first line of a manifest.
type heading struct {
	Export  int       `json:"export"` // version of the format: 1
	Case    string    `json:"case"`
	Mailbox string    `json:"mailbox"` // the object id of its owner
	At      time.Time `json:"at"`      // of the last look at the mailbox
	Items   int       `json:"items"`   // that are stored
	Files   int       `json:"files"`
	Bytes   int64     `json:"bytes"`
}

// Line is every other line of a manifest: a file of the export, or an item that has none.
type Line struct {
	ID       string    `json:"id"`
	Part     string    `json:"part"`   // mail, contacts, calendar, tasks
	Folder   string    `json:"folder"` // its path, as people see it
	Path     string    `json:"path,omitempty"`
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256,omitempty"`
	At       time.Time `json:"at,omitzero"` // when it was written
	Received time.Time `json:"received,omitzero"`
	// State is empty, gone (deleted in the mailbox after it was stored), unreadable (kept as JSON) or lost.
	State string `json:"state,omitempty"`
	Why   string `json:"why,omitempty"`
}

const (
	formatVersion = 1
	longestLine   = 1 << 20
)

// writeManifest writes the manifest, reads it back and returns its hash.
func (r *run) writeManifest(ctx context.Context) (string, error) {
	j := r.journal
	sorted := j.sorted()
	head := heading{Export: formatVersion, Case: r.job.Case.ID, Mailbox: r.job.Leaver, At: r.job.Now.UTC().Truncate(time.Second), Items: j.stored(), Bytes: j.size()}
	for _, i := range sorted {
		head.Files += len(i.Files)
	}
	in, out := io.Pipe()
	go func() {
		w := json.NewEncoder(out)
		err := w.Encode(head)
		for n := 0; n < len(sorted) && err == nil; n++ {
			for _, l := range j.lines(sorted[n]) {
				if err = w.Encode(l); err != nil {
					break
				}
			}
		}
		_ = out.CloseWithError(err) // it never fails
	}()
	written, err := r.store(ctx, manifestName, in)
	_ = in.CloseWithError(errStorage) // so that nobody waits for a reader
	if err != nil {
		return "", fmt.Errorf("writing the manifest of the export: %w", err)
	}
	switch same, err := r.same(ctx, written); {
	case err != nil:
		return "", err
	case !same:
		return "", fmt.Errorf("the manifest of the export does not read back as it was written: %w", errStorage)
	}
	return written.SHA256, nil
}

// lines are those of an item.
func (j *journal) lines(i *item) []Line {
	l := Line{ID: i.ID, Part: string(i.Part), Received: i.Received, State: string(i.State), Why: i.Why}
	if f := j.folders[i.Folder]; f != nil {
		l.Folder = f.Name
	}
	if len(i.Files) == 0 {
		return []Line{l}
	}
	var lines []Line
	for _, f := range i.Files {
		l.Path, l.Size, l.SHA256, l.At = f.Path, f.Size, f.SHA256, f.At
		lines = append(lines, l)
	}
	return lines
}

// unlisted is how many messages the mailbox counts that Graph has not listed.
func (r *run) unlisted() int {
	count := map[string]int{}
	for _, i := range r.journal.all {
		if i.State != stateGone {
			count[i.Folder]++
		}
	}
	n := 0
	for _, f := range r.listed(true) {
		n += max(0, f.Items-count[f.ID])
	}
	return n
}

// Verified is what [Verify] found.
type Verified struct {
	Case     string    `json:"case"`
	Mailbox  string    `json:"mailbox"`
	At       time.Time `json:"at"`
	Manifest string    `json:"manifest"` // SHA-256 of it, as the ledger has it
	Items    int       `json:"items"`
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	Problems []Problem `json:"problems"`
}

// Problem is one file that is not as the manifest says, or an item that could not be exported.
type Problem struct {
	Path string `json:"path,omitempty"`
	ID   string `json:"id,omitempty"`
	Why  string `json:"why"`
}

// Verify reads a finished export where it lies, without the mailbox and without the ledger: every file must
// be there, as large and with the hash that the manifest says, and every item only once. What it finds wrong
// is in the problems; the error is of what could not be read. Whether it is the right manifest only its hash
// in the ledger can say.
func Verify(export fs.FS) (Verified, error) {
	f, err := export.Open(manifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return Verified{}, fmt.Errorf("there is no %s: this is no export, or it is not finished", manifestName)
	}
	if err != nil {
		return Verified{}, err
	}
	defer f.Close()
	hash := sha256.New()
	lines := bufio.NewScanner(io.TeeReader(f, hash))
	lines.Buffer(nil, longestLine)
	var head heading
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Export == 0 {
		return Verified{}, fmt.Errorf("%s does not begin as one", manifestName)
	}
	if head.Export > formatVersion {
		return Verified{}, fmt.Errorf("%s is of a newer version of Leaver: use that", manifestName)
	}
	v := Verified{Case: head.Case, Mailbox: head.Mailbox, At: head.At, Problems: []Problem{}}
	items, paths := map[string]bool{}, map[string]bool{}
	for lines.Scan() {
		var l Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return v, fmt.Errorf("%s: a line cannot be read: %w", manifestName, err)
		}
		v.check(export, l, items, paths)
	}
	if err := lines.Err(); err != nil {
		return v, fmt.Errorf("%s: %w", manifestName, err)
	}
	v.Items, v.Manifest = len(items), hex.EncodeToString(hash.Sum(nil))
	if v.Items != head.Items || v.Files != head.Files || v.Bytes != head.Bytes {
		v.problem(manifestName, "", fmt.Sprintf("it lists %d items, %d files and %d bytes, and says %d, %d and %d", v.Items, v.Files, v.Bytes, head.Items, head.Files, head.Bytes))
	}
	return v, nil
}

func (v *Verified) problem(path, id, why string) {
	v.Problems = append(v.Problems, Problem{path, id, why})
}

// Lines are those of a finished export's manifest.
func Lines(export fs.FS) ([]Line, error) {
	f, err := export.Open(manifestName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, longestLine)
	in.Scan() // the heading
	var all []Line
	for in.Scan() {
		var l Line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("%s: a line cannot be read: %w", manifestName, err)
		}
		all = append(all, l)
	}
	return all, in.Err()
}

// check holds one line against its file.
func (v *Verified) check(export fs.FS, l Line, items, paths map[string]bool) {
	if l.State == string(stateLost) || l.State == string(stateUnreadable) || l.Path == "" {
		v.problem(l.Path, l.ID, "it could not be exported as it is ("+l.State+"): "+l.Why)
	}
	if l.Path == "" {
		return
	}
	items[l.ID] = true
	v.Files++
	v.Bytes += l.Size
	if !fs.ValidPath(l.Path) {
		v.problem(l.Path, l.ID, "the path leads out of the export")
		return
	}
	if paths[l.Path] {
		v.problem(l.Path, l.ID, "the file is listed twice")
		return
	}
	paths[l.Path] = true
	f, err := export.Open(l.Path)
	if err != nil {
		v.problem(l.Path, l.ID, "the file cannot be opened")
		return
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	switch {
	case err != nil:
		v.problem(l.Path, l.ID, "the file cannot be read")
	case n != l.Size:
		v.problem(l.Path, l.ID, fmt.Sprintf("the file has %d bytes, and had %d", n, l.Size))
	case hex.EncodeToString(h.Sum(nil)) != l.SHA256:
		v.problem(l.Path, l.ID, "the hash differs: the file was changed")
	}
}
