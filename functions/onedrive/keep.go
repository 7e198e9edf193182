package onedrive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/shared/offboarding"
)

// The progress of keeping: where the copy is, where the walk that makes and compares it stands,
// and what it has counted.
const (
	targetDrive  = "targetDrive"
	targetFolder = "targetFolder" // the one that holds the copy
	copyAt       = "copyAt"
	items        = "items"
	bytes        = "bytes"
	hashed       = "hashed"      // files whose contents were compared by a hash
	sized        = "sized"       // files that were compared by their size only
	copiedDelta  = "copiedDelta" // delta token from before the first copy
	different    = "different"   // ids of files that are not as their copies, the first few
	differences  = "differences"
	// What the drive held when the walk began.
	beganItems = "beganItems"
	beganBytes = "beganBytes"
	beganDelta = "beganDelta" // delta token from before the walk; empty before it begins

	whole = "whole" // id of the last folder whose children were copied by one request

	wave   = "wave"   // number of the last copies that were started; see monitors
	waveAt = "waveAt" // when; empty when they are done
	failed = "failed" // of these: item id=error code, separated by blanks
	tries  = "tries"  // waves in which a folder of the leaver did not get more complete
	lacked = "lacked" // how much it lacked before
)

const (
	mostCopies    = 60 // of one wave: three batches
	mostAsked     = 4  // monitors at a time
	mostTries     = 5
	mostNamed     = 10 // ids in a reason
	longestLookup = 5 * time.Minute
)

// keeper is the keeping of one drive in one run.
type keeper struct {
	*Step
	job      *offboarding.Job
	from, to offboarding.Drive
	folder   string // of the copy
	walk     walk
	changes  map[string]string // of the progress, not kept yet
}

func (s *Step) keep(ctx context.Context, job *offboarding.Job, drive offboarding.Drive) error {
	d, nobody := s.destination(ctx, job)
	if nobody != nil {
		return nobody
	}
	if d.reader != "" {
		if err := s.letIn(ctx, job, drive, d.reader); err != nil {
			return err
		}
	}
	k := &keeper{Step: s, job: job, from: drive, to: d.drive, changes: map[string]string{}}
	if err := k.open(ctx); err != nil {
		return err
	}
	err := k.run(ctx)
	if kept := k.save(ctx); kept != nil {
		return kept
	}
	return err
}

func (k *keeper) get(name string) string {
	if v, changed := k.changes[name]; changed {
		return v
	}
	return k.job.Step.Progress[name]
}

func (k *keeper) count(name string) int64 {
	n, _ := strconv.ParseInt(k.get(name), 10, 64) // zero until it is kept
	return n
}

func (k *keeper) add(name string, n int64) {
	k.changes[name] = strconv.FormatInt(k.count(name)+n, 10)
}

// save keeps the changes so far.
func (k *keeper) save(ctx context.Context) error {
	if len(k.changes) == 0 {
		return nil
	}
	err := k.job.Keep(ctx, nil, maps.Clone(k.changes))
	clear(k.changes)
	return err
}

// again lets the walk begin anew, with nothing counted.
func (k *keeper) again() {
	for _, name := range []string{copyAt, items, bytes, hashed, sized, different, differences, whole, waveAt, failed, tries, lacked, beganDelta} {
		k.changes[name] = ""
	}
	k.changes[beganItems], k.changes[beganBytes] = strconv.Itoa(k.from.Items), strconv.FormatInt(k.from.Bytes, 10)
	k.walk.goOn("")
}

// open finds the folder that holds the copy, or makes it. It is named after the case, and known
// by its id from then on.
func (k *keeper) open(ctx context.Context) error {
	k.folder = k.get(targetFolder)
	if k.folder != "" && k.get(targetDrive) == k.to.ID {
		return nil
	}
	name := "Files of " + k.job.Case.ID
	there, err := k.files.DriveItems(ctx, k.to.ID, k.to.Root)
	if err != nil {
		return err
	}
	k.folder = ""
	for _, i := range there {
		if i.Folder && strings.EqualFold(i.Name, name) {
			k.folder = i.ID
		}
	}
	if k.folder == "" {
		if k.folder, err = k.files.MakeFolder(ctx, k.to.ID, k.to.Root, name); err != nil {
			return err
		}
	}
	k.again()
	k.changes[targetDrive], k.changes[targetFolder], k.changes[copiedDelta] = k.to.ID, k.folder, ""
	return k.save(ctx)
}

// errCopying ends a walk at a folder that lacks something, whose copy was started.
var errCopying = errors.New("copies were started")

// run copies and compares as much as one run may.
func (k *keeper) run(ctx context.Context) error {
	if k.get(beganDelta) == "" {
		token, err := k.files.DeltaToken(ctx, k.from.ID)
		if err != nil {
			return err
		}
		k.again()
		k.changes[beganDelta] = token
		if k.get(copiedDelta) == "" {
			k.changes[copiedDelta] = token
		}
	}
	k.walk.pages, k.walk.list, k.walk.visit = pagesPerRun, k.pairs, k.compare
	k.walk.goOn(k.get(copyAt))
	root := entry{
		item: offboarding.DriveItem{ID: k.from.Root, Folder: true},
		copy: offboarding.DriveItem{ID: k.folder, Folder: true},
	}
	for {
		if err := k.waitForCopies(ctx); err != nil {
			return err
		}
		err := k.walk.run(ctx, root)
		if at := k.walk.position(); at != k.get(copyAt) {
			k.changes[copyAt] = at
		}
		switch {
		case err == nil:
			return k.verified(ctx)
		case errors.Is(err, errCopying) && k.walk.pages > 0:
			k.walk.goOn(k.get(copyAt))
		case errors.Is(err, errCopying), errors.Is(err, errPause):
			return offboarding.After(0, k.progress())
		case errors.Is(err, offboarding.ErrNotFound):
			k.again()
			k.changes[targetFolder] = ""
			return k.job.NotYet("a folder went away while it was copied or compared; that begins anew")
		default:
			return err
		}
	}
}

func (k *keeper) progress() string {
	return fmt.Sprintf("copied and compared %d items, %d of %d bytes", k.count(items), k.count(bytes), k.from.Bytes)
}

// pairs lists a folder with the copies of what lies in it. Names in SharePoint differ in more
// than case.
func (k *keeper) pairs(ctx context.Context, folder entry) ([]entry, error) {
	inside, err := k.files.DriveItems(ctx, k.from.ID, folder.item.ID)
	if err != nil {
		return nil, err
	}
	there, err := k.files.DriveItems(ctx, k.to.ID, folder.copy.ID)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]offboarding.DriveItem, len(there))
	for _, i := range there {
		byName[strings.ToLower(i.Name)] = i
	}
	out := make([]entry, len(inside))
	for n, i := range inside {
		out[n] = entry{item: i, copy: byName[strings.ToLower(i.Name)]}
	}
	return out, nil
}

// compare holds a folder against its copy. What is missing is copied; then the folder is looked
// at again.
func (k *keeper) compare(ctx context.Context, folder entry, inside []entry) error {
	var missing []offboarding.DriveItem
	for _, e := range inside {
		if e.copy.ID == "" {
			missing = append(missing, e.item)
		}
	}
	if len(missing) == len(inside) && len(missing) > 1 && len(missing) <= offboarding.MostChildren && k.get(whole) != folder.item.ID {
		if err := k.copyChildren(ctx, folder); err != nil {
			return err
		}
	}
	if len(missing) > 0 {
		return k.copyMissing(ctx, folder, missing)
	}
	var size, byHash, bySize int64
	for _, e := range inside {
		if e.item.Folder && e.copy.Folder {
			continue
		}
		same, compared := e.item.Hashes.Compare(e.copy.Hashes)
		if !same || e.item.Folder != e.copy.Folder || e.item.Size != e.copy.Size {
			k.add(differences, 1)
			if k.count(differences) <= mostNamed {
				k.changes[different] = strings.TrimSpace(k.get(different) + " " + e.item.ID)
			}
		}
		if compared {
			byHash++
		} else {
			bySize++
		}
		size += e.item.Size
	}
	k.add(items, int64(len(inside)))
	k.add(bytes, size)
	k.add(hashed, byHash)
	k.add(sized, bySize)
	k.changes[tries], k.changes[lacked], k.changes[failed] = "", "", ""
	return nil
}

// copying is a copy that was started.
type copying struct {
	Item    string `json:"item"`
	Monitor string `json:"monitor"`
}

// monitors begins the name of the before that seals the copies of a wave: the address of a
// monitor may name the owner of the drive.
const monitors = "copies-"

// copyChildren starts the copy of everything in a folder by one request. That is tried once: nil is
// Graph's refusal of it, and whatever such a copy leaves out is copied item by item.
func (k *keeper) copyChildren(ctx context.Context, folder entry) error {
	start := k.files.CopyChildren(ctx, k.from.ID, folder.item.ID, k.to.ID, folder.copy.ID)
	if offboarding.IsThrottled(start.Err) {
		return start.Err
	}
	k.changes[whole] = folder.item.ID
	switch {
	case start.Monitor != "":
		return k.began(ctx, []copying{{Item: folder.item.ID, Monitor: start.Monitor}})
	case offboarding.IsPermanent(start.Err):
		return nil
	}
	return start.Err
}

// copyMissing starts the copies of some of what a folder lacks. A folder whose copy failed is
// made empty, so that what is in it is copied piece by piece.
func (k *keeper) copyMissing(ctx context.Context, folder entry, missing []offboarding.DriveItem) error {
	codes := map[string]string{}
	for _, f := range strings.Fields(k.get(failed)) {
		id, code, _ := strings.Cut(f, "=")
		codes[id] = code
	}
	tried := int64(0)
	if was := k.count(lacked); was > 0 && int64(len(missing)) >= was {
		tried = k.count(tries) + 1
	}
	if tried >= mostTries {
		why := fmt.Sprintf("%d items of folder %s cannot be copied:", len(missing), folder.item.ID)
		for _, m := range missing[:min(len(missing), mostNamed)] {
			why += strings.TrimRight(" "+m.ID+" "+codes[m.ID], " ") + ","
		}
		k.again()
		return offboarding.Manual(strings.TrimRight(why, ",") + "; copy them by hand into the same folder of the copy, then replay")
	}
	var ids []string
	for _, m := range missing[:min(len(missing), mostCopies)] {
		if _, bad := codes[m.ID]; !bad || !m.Folder {
			ids = append(ids, m.ID)
			continue
		}
		if _, err := k.files.MakeFolder(ctx, k.to.ID, folder.copy.ID, m.Name); err != nil {
			return err
		}
	}
	var started []copying
	var failures []error
	var throttled error
	for i, start := range k.files.Copies(ctx, k.from.ID, ids, k.to.ID, folder.copy.ID) {
		if start.Monitor != "" {
			started = append(started, copying{Item: ids[i], Monitor: start.Monitor})
		}
		failures = append(failures, start.Err)
		if offboarding.IsThrottled(start.Err) {
			throttled = start.Err
		}
	}
	if err := offboarding.Join(failures...); err != nil && len(started) == 0 {
		return err
	}
	k.changes[tries], k.changes[lacked], k.changes[failed] = strconv.FormatInt(tried, 10), strconv.Itoa(len(missing)), ""
	if len(started) == 0 {
		k.walk.pages--
		return errCopying
	}
	err := k.began(ctx, started)
	if errors.Is(err, errCopying) && throttled != nil {
		return throttled // what was started is kept, and the rest comes when Graph takes it
	}
	return err // what was refused stays missing, and is told when nothing else is
}

// began keeps copies that were started, and ends the walk with errCopying.
func (k *keeper) began(ctx context.Context, started []copying) error {
	k.walk.pages--
	text, err := json.Marshal(started)
	if err != nil {
		return err
	}
	k.add(wave, 1)
	k.changes[waveAt] = offboarding.Stamp(k.job.Now)
	if err := k.job.KeepPersonal(ctx, map[string]string{monitors + k.get(wave): string(text)}); err != nil {
		return err
	}
	if at := k.walk.position(); at != k.get(copyAt) {
		k.changes[copyAt] = at
	}
	if err := k.save(ctx); err != nil {
		return err
	}
	return errCopying
}

// full are the error codes of a copy for which the target has no room.
var full = map[string]bool{"quotaLimitReached": true, "insufficientStorage": true}

// waitForCopies is nil when every copy that was started is done, well or not.
func (k *keeper) waitForCopies(ctx context.Context) error {
	if k.get(waveAt) == "" {
		return nil
	}
	personal, err := k.job.Personal(ctx)
	if err != nil {
		return err
	}
	var started []copying
	if text := personal[string(k.job.Step.Name)+"-"+monitors+k.get(wave)]; text != "" { // else erased: the listing tells
		if err := json.Unmarshal([]byte(text), &started); err != nil {
			return err
		}
	}
	var done int
	var percent float64
	var failures []string
	noRoom := false
	states, err := k.ask(ctx, started)
	if err != nil {
		return err
	}
	for i, c := range started {
		state := states[i]
		percent += state.Percent / float64(len(started))
		if state.Done {
			done++
		}
		if state.Failure != "" && state.Failure != "nameAlreadyExists" { // it is there, and compared like everything
			failures = append(failures, c.Item+"="+state.Failure)
			noRoom = noRoom || full[state.Failure]
		}
	}
	if noRoom {
		k.again()
		return offboarding.Manual(fmt.Sprintf("the drive %s has no room for the %d bytes of the OneDrive: make room, or name another drive, then replay", k.to.ID, k.from.Bytes))
	}
	if done < len(started) {
		began, _ := time.Parse(time.RFC3339, k.get(waveAt)) // we wrote it
		wait := min(max(k.job.Now.Sub(began)/2, 2*time.Second), longestLookup)
		return offboarding.After(wait, fmt.Sprintf("%s; %d of %d copies of this wave are done, %.0f %%", k.progress(), done, len(started), percent))
	}
	k.changes[waveAt], k.changes[failed] = "", strings.Join(failures, " ")
	return nil
}

// ask asks the monitors of copies.
func (k *keeper) ask(ctx context.Context, started []copying) ([]offboarding.CopyState, error) {
	states := make([]offboarding.CopyState, len(started))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(mostAsked)
	for i, c := range started {
		asking.Go(func() (err error) {
			states[i], err = k.files.CopyState(ctx, c.Monitor)
			if errors.Is(err, offboarding.ErrNotFound) { // it does not last for ever
				states[i], err = offboarding.CopyState{Percent: 100, Done: true}, nil
			}
			return err
		})
	}
	return states, asking.Wait()
}

// verified ends a walk that has compared everything.
func (k *keeper) verified(ctx context.Context) error {
	now, err := k.files.Drive(ctx, k.job.Leaver)
	if err != nil {
		return err
	}
	token := k.get(beganDelta)
	touched, err := k.files.Delta(ctx, k.from.ID, token)
	unknown := errors.Is(err, offboarding.ErrResyncRequired)
	if err != nil && !unknown {
		return err
	}
	outdated, err := k.outdated(ctx)
	if err != nil {
		return err
	}
	began := [2]string{k.get(beganItems), k.get(beganBytes)}
	all := map[string]string{}
	for _, name := range []string{items, bytes, hashed} {
		all[name] = strconv.FormatInt(k.count(name), 10)
	}
	wrong, which := k.count(differences), k.get(different)
	k.again()
	switch {
	case unknown:
		return k.job.NotYet("Graph does not know any more whether the OneDrive changed while it was copied and compared; that begins anew")
	case len(touched) > 0, began != [2]string{strconv.Itoa(now.Items), strconv.FormatInt(now.Bytes, 10)}:
		return k.job.NotYet("the OneDrive changed while it was copied and compared; that begins anew")
	case wrong > 0:
		return offboarding.Manual(fmt.Sprintf("%d files are not as their copies in drive %s: items %s; keep what is wanted, remove or rename those copies, then replay", wrong, k.to.ID, strings.Join(strings.Fields(which), ", ")))
	case outdated != "":
		k.changes[copiedDelta] = "" // whoever replays has seen to it
		return offboarding.Manual(outdated)
	}
	k.changes[offboarding.VerifiedDelta] = token
	maps.Copy(k.job.Evidence, all)
	k.job.Evidence[targetDrive], k.job.Evidence[targetFolder] = k.to.ID, k.folder
	k.job.Evidence["verifiedAt"] = offboarding.Stamp(k.job.Now)
	k.job.Evidence[offboarding.VerifiedItems], k.job.Evidence[offboarding.VerifiedBytes] = began[0], began[1]
	return nil
}

// outdated says why copies that were compared by their size only may be older than their files: a
// walk that begins after a change does not see it then.
func (k *keeper) outdated(ctx context.Context) (string, error) {
	token := k.get(copiedDelta)
	if k.count(sized) == 0 || token == k.get(beganDelta) {
		return "", nil
	}
	changed, err := k.files.Delta(ctx, k.from.ID, token)
	unknown := errors.Is(err, offboarding.ErrResyncRequired)
	if unknown {
		err = nil
	}
	if err != nil || len(changed) == 0 && !unknown {
		return "", err
	}
	return fmt.Sprintf("%d files of which Graph gives no hash were compared by their size only, and the OneDrive has changed since it was copied to drive %s (items %s); remove the copies that are out of date, then replay",
		k.count(sized), k.to.ID, cmp.Or(strings.Join(changed[:min(len(changed), mostNamed)], ", "), "not known any more")), nil
}
