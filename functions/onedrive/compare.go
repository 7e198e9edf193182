package onedrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// mostNamed is how many ids a reason names.
const mostNamed = 10

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
	inside = slices.DeleteFunc(inside, k.leftAlone)
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

// leftAlone reports whether an item is not copied: a shortcut into another drive is no content of this
// one, and a person accepted that some are lost.
func (k *keeper) leftAlone(i offboarding.DriveItem) bool {
	if i.Remote && !slices.Contains(k.Shortcuts, i.ID) {
		k.Shortcuts = append(k.Shortcuts, i.ID)
	}
	return i.Remote || slices.Contains(k.job.Step.Accepted, i.ID)
}

// accept is what to type to find items, and to leave them as they are.
func accept(job *offboarding.Job, items []string) string {
	return fmt.Sprintf("; leaver status %s says where each is; or accept them as they are: leaver sign-off %[1]s onedrive --item %[2]s --by NAME --note WHY", job.Case.ID, strings.Join(items, " --item "))
}

// copied is where a person finds the copy.
func (k *keeper) copied() string {
	folder := "the folder \"" + offboarding.FilesFolder(k.job.Case.ID) + "\" of "
	if k.reader == "" || offboarding.FilesToDrive(k.job.Case.Plan.FilesTo) {
		return folder + "the drive that the policy names (filesTo)"
	}
	return folder + "the successor's OneDrive (" + k.job.Case.Plan.Cloud().Account(k.reader) + ")"
}

// keepWhere keeps where a person finds an item that they are told of under a name. An address names people.
func keepWhere(ctx context.Context, job *offboarding.Job, name string, i offboarding.DriveItem) error {
	if i.WebURL == "" {
		return nil
	}
	return job.Seal(ctx, map[string]string{offboarding.ItemAt + name: i.WebURL})
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
	if len(missing) == len(inside) && len(missing) > 1 && len(missing) <= offboarding.MostChildren && k.Whole != folder.item.ID {
		if err := k.copyChildren(ctx, folder); err != nil {
			return err
		}
	}
	if len(missing) > 0 {
		if err := k.copyMissing(ctx, folder, missing); !errors.Is(err, errRefused) {
			return err
		}
		inside = slices.DeleteFunc(slices.Clone(inside), func(e entry) bool { return e.copy.ID == "" })
	}
	for _, e := range inside {
		if e.item.Folder && e.copy.Folder {
			continue
		}
		same, compared := e.item.Hashes.Compare(e.copy.Hashes)
		if !same || e.item.Folder != e.copy.Folder || e.item.Size != e.copy.Size {
			if k.Differences++; k.Differences <= mostNamed {
				k.Different = append(k.Different, e.item.ID)
				if err := keepWhere(ctx, k.job, e.item.ID, e.item); err != nil {
					return err
				}
			}
		}
		if compared {
			k.Hashed++
		} else {
			k.Sized++
		}
		k.Bytes += e.item.Size
	}
	k.Items += len(inside)
	k.Tries, k.Lacked, k.Failed = 0, 0, nil
	return nil
}

// verified ends a walk that has compared everything.
func (k *keeper) verified(ctx context.Context) error {
	now, err := k.files.Drive(ctx, k.job.Leaver)
	if err != nil {
		return err
	}
	touched, err := k.files.Delta(ctx, k.from.ID, k.BeganDelta)
	unknown := errors.Is(err, offboarding.ErrResyncRequired)
	if err != nil && !unknown {
		return err
	}
	outdated, err := k.outdated(ctx)
	if err != nil {
		return err
	}
	walk := k.walked
	k.again()
	switch {
	case unknown:
		return k.job.NotYet("Graph does not know any more whether the OneDrive changed while it was copied and compared; that begins anew")
	case len(touched) > 0, walk.BeganItems != now.Items, walk.BeganBytes != now.Bytes:
		return k.job.NotYet("the OneDrive changed while it was copied and compared; that begins anew")
	case walk.Refusals > 0:
		return k.refusals(walk)
	case walk.Differences > 0:
		return offboarding.Manual(fmt.Sprintf("files that are not as their copies in %[2]s (%[1]d): items %[3]s; likely SharePoint changed the copy, or somebody the file or the copy meanwhile: keep what is wanted, remove or rename those copies, then replay", walk.Differences, k.copied(), strings.Join(walk.Different, ", ")) + accept(k.job, walk.Different) + letsIn(k.job))
	case outdated != "":
		k.CopiedDelta = "" // whoever replays has seen to it
		return offboarding.Manual(outdated)
	}
	k.verifiedDelta = walk.BeganDelta
	// Source: Microsoft Graph, driveItem: copy, includeAllVersionHistory; pnp/cli-microsoft365 issue 4607.
	k.job.Risk("a copy holds the current version of a file: earlier ones go with the OneDrive")
	if former := replaced(k.job, k.reader); len(former) > 0 && k.reader != "" {
		k.job.Risk("who was the successor before may keep what they had read or been sent a copy of, in the folder \"" + offboarding.FilesFolder(k.job.Case.ID) + "\" of their OneDrive: " + offboarding.Pages(k.job.Case.Plan.Cloud().Account, former))
	}
	accepted := slices.DeleteFunc(slices.Clone(k.job.Step.Accepted), func(id string) bool { return id == recycleBin || strings.HasPrefix(id, linksOf) })
	for fact, n := range map[string]int{"shortcuts": len(walk.Shortcuts), "accepted": len(accepted)} {
		if n > 0 {
			k.job.Evidence[fact] = strconv.Itoa(n) + " not copied"
		}
	}
	maps.Copy(k.job.Evidence, map[string]string{
		"targetDrive": k.to.ID, "targetFolder": k.Folder, "verifiedAt": offboarding.Stamp(k.job.Now),
		"items": strconv.Itoa(walk.Items), "bytes": strconv.FormatInt(walk.Bytes, 10), "hashed": strconv.Itoa(walk.Hashed),
		offboarding.VerifiedItems: strconv.Itoa(walk.BeganItems), offboarding.VerifiedBytes: strconv.FormatInt(walk.BeganBytes, 10),
	})
	return nil
}

// outdated says why copies that were compared by their size only may be older than their files: a
// walk that begins after a change does not see it then.
func (k *keeper) outdated(ctx context.Context) (string, error) {
	if k.Sized == 0 || k.CopiedDelta == k.BeganDelta {
		return "", nil
	}
	changed, err := k.files.Delta(ctx, k.from.ID, k.CopiedDelta)
	unknown := errors.Is(err, offboarding.ErrResyncRequired)
	if unknown {
		err = nil
	}
	if err != nil || len(changed) == 0 && !unknown {
		return "", err
	}
	return fmt.Sprintf("files of which Graph gives no hash (%d) were compared by their size only, and the OneDrive (%s) has changed since it was copied (items %s); remove the copies that are out of date from %s, then replay",
		k.Sized, k.job.Case.Plan.Cloud().Account(k.job.Leaver), cmp.Or(strings.Join(changed[:min(len(changed), mostNamed)], ", "), "not known any more"), k.copied()), nil
}
