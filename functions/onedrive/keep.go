package onedrive

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"leaver/shared/offboarding"
)

// keeper is the keeping of one drive in one run.
type keeper struct {
	*Step
	job      *offboarding.Job
	from, to offboarding.Drive
	reader   string // who was let in, by object id; empty = nobody
	walk     walk
	progress
	verifiedDelta string // once everything was compared
}

func (s *Step) keep(ctx context.Context, job *offboarding.Job, drive offboarding.Drive) error {
	d, nobody := s.destination(ctx, job)
	if nobody != nil {
		return nobody
	}
	var letIn error
	if d.reader != "" {
		letIn = s.letIn(ctx, job, drive, d.reader)
		if former := replaced(job, d.reader); len(former) > 0 {
			letIn = offboarding.Join(letIn, s.letOut(ctx, job, drive, former))
		}
		if letIn != nil && !offboarding.IsPermanent(letIn) {
			return letIn // the walk begins after it
		}
	}
	p, err := readProgress(job.Step.Progress)
	if err != nil {
		return offboarding.Permanent(fmt.Errorf("reading the progress of case %s: %w", job.Case.ID, err))
	}
	k := &keeper{Step: s, job: job, from: drive, to: d.drive, reader: d.reader, progress: p}
	if err := k.open(ctx); err != nil {
		return offboarding.Join(err, letIn)
	}
	err = k.run(ctx)
	if kept := k.save(ctx); kept != nil {
		return kept
	}
	return offboarding.Join(err, letIn)
}

// save keeps the progress as it is now.
func (k *keeper) save(ctx context.Context) error {
	text, err := json.Marshal(k.progress)
	if err != nil {
		return err
	}
	changed := map[string]string{keeping: string(text)}
	if k.verifiedDelta != "" {
		changed[offboarding.VerifiedDelta] = k.verifiedDelta
	}
	maps.DeleteFunc(changed, func(name, value string) bool { return k.job.Step.Progress[name] == value })
	if len(changed) == 0 {
		return nil
	}
	return k.job.Keep(ctx, nil, changed)
}

// again lets the walk begin anew, with nothing counted.
func (k *keeper) again() {
	k.walked = walked{BeganItems: k.from.Items, BeganBytes: k.from.Bytes}
	k.walk.goOn("")
}

// open finds the folder that holds the copy, or makes it. It is named after the case, and known
// by its id from then on.
func (k *keeper) open(ctx context.Context) error {
	if k.Folder != "" && k.Drive == k.to.ID {
		return nil
	}
	name := offboarding.FilesFolder(k.job.Case.ID)
	there, err := k.files.DriveItems(ctx, k.to.ID, k.to.Root)
	if err != nil {
		return err
	}
	k.Folder = ""
	for _, i := range there {
		if i.Folder && strings.EqualFold(i.Name, name) {
			k.Folder = i.ID
		}
	}
	if k.Folder == "" {
		if k.Folder, err = k.files.MakeFolder(ctx, k.to.ID, k.to.Root, name); err != nil {
			return err
		}
	}
	k.again()
	k.Drive, k.CopiedDelta = k.to.ID, ""
	return k.save(ctx)
}

// errCopying ends a walk at a folder that lacks something, whose copy was started.
var errCopying = errors.New("copies were started")

// run copies and compares as much as one run may.
func (k *keeper) run(ctx context.Context) error {
	if k.BeganDelta == "" {
		token, err := k.files.DeltaToken(ctx, k.from.ID)
		if err != nil {
			return err
		}
		k.again()
		k.BeganDelta, k.CopiedDelta = token, cmp.Or(k.CopiedDelta, token)
	}
	k.walk.pages, k.walk.list, k.walk.visit = pagesPerRun, k.pairs, k.compare
	k.walk.goOn(k.At)
	root := entry{
		item: offboarding.DriveItem{ID: k.from.Root, Folder: true},
		copy: offboarding.DriveItem{ID: k.Folder, Folder: true},
	}
	for {
		if err := k.waitForCopies(ctx); err != nil {
			return err
		}
		err := k.walk.run(ctx, root)
		k.At = k.walk.position()
		switch {
		case err == nil:
			return k.verified(ctx)
		case errors.Is(err, errCopying) && k.walk.pages > 0:
			k.walk.goOn(k.At)
		case errors.Is(err, errCopying), errors.Is(err, errPause):
			return offboarding.After(0, k.soFar())
		case errors.Is(err, offboarding.ErrNotFound):
			k.again()
			k.Folder = ""
			return k.job.NotYet("a folder went away while it was copied or compared; that begins anew")
		default:
			return err
		}
	}
}

func (k *keeper) soFar() string {
	return fmt.Sprintf("copied and compared %s, %s of %s", offboarding.Count(k.Items, "item"), offboarding.Bytes(k.Bytes), offboarding.Bytes(k.from.Bytes))
}
