package onedrive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/shared/offboarding"
)

const (
	mostCopies    = 60 // of one wave: three batches
	mostAsked     = 4  // monitors at a time
	mostTries     = 5
	longestLookup = 5 * time.Minute
	// lostFor is how long a copy whose monitor is lost is left alone at first; each wave after it twice as
	// long. Source: OneDrive/onedrive-api-docs issues 63 and 545.
	lostFor = 30 * time.Second
)

// copying is a copy that was started.
type copying struct {
	Item    string `json:"item"`
	Monitor string `json:"monitor"`
}

// monitors is the name of the before that seals the copies of the wave: the address of a monitor
// may name the owner of the drive.
func (k *keeper) monitors() string { return offboarding.FilesUnderWay + strconv.Itoa(k.Wave) }

// copyChildren starts the copy of everything in a folder by one request. That is tried once: nil is
// Graph's refusal of it, and whatever such a copy leaves out is copied item by item.
func (k *keeper) copyChildren(ctx context.Context, folder entry) error {
	start := k.files.CopyChildren(ctx, k.from.ID, folder.item.ID, k.to.ID, folder.copy.ID)
	if offboarding.IsThrottled(start.Err) {
		return start.Err
	}
	k.Whole = folder.item.ID
	switch {
	case start.Monitor != "":
		return k.began(ctx, []copying{{Item: folder.item.ID, Monitor: start.Monitor}})
	case offboarding.IsPermanent(start.Err):
		return nil
	}
	return start.Err
}

// copyMissing starts the copies of some of what a folder lacks. A folder whose copy failed is
// made empty, so that what is in it is copied piece by piece: a single copy is limited to 30,000
// items.
func (k *keeper) copyMissing(ctx context.Context, folder entry, missing []offboarding.DriveItem) error {
	tried := 0
	if k.Lacked > 0 && len(missing) >= k.Lacked {
		tried = k.Tries + 1
	}
	if tried >= mostTries {
		why := fmt.Sprintf("%s of folder %s cannot be copied:", offboarding.Count(len(missing), "item"), folder.item.ID)
		for _, m := range missing[:min(len(missing), mostNamed)] {
			if err := keepWhere(ctx, k.job, m.ID, m); err != nil {
				return err
			}
			why += strings.TrimRight(" "+m.ID+" "+k.Failed[m.ID], " ") + ","
		}
		k.again()
		return offboarding.Manual(strings.TrimRight(why, ",") + "; copy them by hand into the same folder of the copy, " + k.copied() + ", then replay" + accept(k.job, idsOf(missing)) + letsIn(k.job))
	}
	var ids []string
	for _, m := range missing[:min(len(missing), mostCopies)] {
		if _, bad := k.Failed[m.ID]; !bad || !m.Folder {
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
		if !offboarding.IsPermanent(err) {
			return err
		}
		if made, err := k.makeFolders(ctx, folder, missing); err != nil || made {
			return cmp.Or(err, errCopying)
		}
		for _, m := range missing[:min(len(missing), mostNamed)] {
			if err := keepWhere(ctx, k.job, m.ID, m); err != nil {
				return err
			}
		}
		for _, id := range idsOf(missing) {
			if len(k.Refused) < mostNamed && !slices.Contains(k.Refused, id) {
				k.Refused = append(k.Refused, id)
			}
		}
		k.Refusal = cmp.Or(k.Refusal, err.Error())
		if k.Refusals += len(missing); k.Refusals > mostRefused || len(missing) > mostCopies {
			walk := k.walked
			k.again() // so that what was passed over is looked at, too
			return k.refusals(walk)
		}
		k.Tries, k.Lacked, k.Failed = 0, 0, nil
		return errRefused
	}
	k.Tries, k.Lacked, k.Failed = tried, len(missing), nil
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

// makeFolders makes the folders whose copies were refused, so that what is in them is copied piece by piece, and
// reports whether there were any.
func (k *keeper) makeFolders(ctx context.Context, in entry, missing []offboarding.DriveItem) (made bool, err error) {
	for _, m := range missing {
		if !m.Folder {
			continue
		}
		if _, err := k.files.MakeFolder(ctx, k.to.ID, in.copy.ID, m.Name); err != nil {
			return false, err
		}
		k.walk.pages--
		made = true
	}
	return made, nil
}

// errRefused says that Graph refuses the copies of what a folder lacks: everything else is copied and compared
// all the same, and then a person is asked.
var errRefused = errors.New("copies were refused")

// refusals is what a walk leaves to a person.
func (k *keeper) refusals(walk walked) error {
	return offboarding.Permanent(fmt.Errorf("%s cannot be copied (%s): %s; remove the cause, or copy them by hand into the same folder of the copy, %s, then replay%s",
		offboarding.Count(walk.Refusals, "item"), strings.Join(walk.Refused, ", "), walk.Refusal, k.copied(), accept(k.job, walk.Refused)))
}

// idsOf are the ids of the first few items.
func idsOf(items []offboarding.DriveItem) []string {
	var ids []string
	for _, i := range items[:min(len(items), mostNamed)] {
		ids = append(ids, i.ID)
	}
	return ids
}

// began keeps copies that were started, and ends the walk with errCopying.
func (k *keeper) began(ctx context.Context, started []copying) error {
	k.walk.pages--
	text, err := json.Marshal(started)
	if err != nil {
		return err
	}
	k.Wave++
	k.WaveAt = k.job.Now
	if err := k.job.KeepPersonal(ctx, map[string]string{k.monitors(): string(text)}); err != nil {
		return err
	}
	k.At = k.walk.position()
	if err := k.save(ctx); err != nil {
		return err
	}
	return errCopying
}

// full are the error codes of a copy for which the target has no room.
var full = map[string]bool{"quotaLimitReached": true, "insufficientStorage": true}

// waitForCopies is nil when every copy that was started is done, well or not.
func (k *keeper) waitForCopies(ctx context.Context) error {
	if k.WaveAt.IsZero() {
		return nil
	}
	personal, err := k.job.Personal(ctx)
	if err != nil {
		return err
	}
	var started []copying
	if text := personal[string(k.job.Step.Name)+"-"+k.monitors()]; text != "" { // else erased: the listing tells
		if err := json.Unmarshal([]byte(text), &started); err != nil {
			return err
		}
	}
	var done int
	var percent float64
	failures := map[string]string{}
	noRoom := false
	states, lost, err := k.ask(ctx, started)
	if err != nil {
		return err
	}
	if waits := k.WaveAt.Add(lostFor << min(k.Tries, mostTries)).Sub(k.job.Now); lost > 0 && waits > 0 {
		return offboarding.After(waits, fmt.Sprintf("%s; monitors of copies that are not there any more: %d; the listing of the copy decides", k.soFar(), lost))
	}
	for i, c := range started {
		state := states[i]
		percent += state.Percent / float64(len(started))
		if state.Done {
			done++
		}
		if state.Failure != "" && state.Failure != "nameAlreadyExists" { // it is there, and compared like everything
			failures[c.Item] = state.Failure
			noRoom = noRoom || full[state.Failure]
		}
	}
	if noRoom {
		k.again()
		return offboarding.Manual(fmt.Sprintf("there is no room for the %s of the OneDrive where it is copied to, %s: make room there or raise its quota, or name another drive in the policy (filesTo) and send the request again, then replay", offboarding.Bytes(k.from.Bytes), k.copied()))
	}
	if done < len(started) {
		wait := min(max(k.job.Now.Sub(k.WaveAt)/2, 2*time.Second), longestLookup)
		return offboarding.After(wait, fmt.Sprintf("%s; %d of %d copies of this wave are done, %.0f %%", k.soFar(), done, len(started), percent))
	}
	k.WaveAt, k.Failed = time.Time{}, failures
	return nil
}

// ask asks the monitors of copies. One that is lost says nothing: its copy may be done, and the listing
// tells.
func (k *keeper) ask(ctx context.Context, started []copying) (states []offboarding.CopyState, lost int, err error) {
	states = make([]offboarding.CopyState, len(started))
	var gone atomic.Int64
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(mostAsked)
	for i, c := range started {
		asking.Go(func() (err error) {
			states[i], err = k.files.CopyState(ctx, c.Monitor)
			if errors.Is(err, offboarding.ErrNotFound) { // it does not last for ever
				gone.Add(1)
				states[i], err = offboarding.CopyState{Percent: 100, Done: true}, nil
			}
			return err
		})
	}
	err = asking.Wait()
	return states, int(gone.Load()), err
}
