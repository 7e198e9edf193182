// Package onedrive is the step that keeps the leaver's files. It turns the sharing links of the
// OneDrive off, lets the successor read it, copies it into their OneDrive or the drive of the policy,
// and compares every file with its copy. What the policy gives up is not copied, and nobody is let
// in; the links go all the same.
//
// A run visits some pages of folders and keeps where it stands; the next one goes on there. Copies are
// Graph's own, asynchronous ones, and never replace anything. The names of files are personal: they
// are compared, and neither kept nor told.
//
// It is done when a whole walk found every folder and file in the copy, with the same size and the
// same content by every hash that Graph gives, and Graph's delta reports no change since before the
// walk. The gate of the deletion reads again whether that still holds (B12). Delta reports changes of
// permissions as well, so the walk begins after the links were turned off and the successor let in.
//
// Sources: Microsoft Graph, driveItem: copy, driveItem: delta, driveItem: invite, Delete
// permission, and Working with long-running actions; Microsoft 365 admin, Remove a former
// employee, step 5.
package onedrive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// Files is what onedrive needs of Microsoft Graph.
type Files interface {
	User(ctx context.Context, id string) (offboarding.User, error)
	Manager(ctx context.Context, id string) (offboarding.User, error)
	Drive(ctx context.Context, user string) (offboarding.Drive, error)
	DriveRoot(ctx context.Context, drive string) (offboarding.Drive, error)
	Libraries(ctx context.Context, user string) ([]offboarding.Library, error)
	DriveItems(ctx context.Context, drive, folder string) ([]offboarding.DriveItem, error)
	DriveQuota(ctx context.Context, drive string) (offboarding.Quota, error)
	SharingPermissions(ctx context.Context, drive, item string) ([]offboarding.SharingPermission, error)
	RemoveSharing(ctx context.Context, drive, item, permission string) error
	LetRead(ctx context.Context, drive, item, user string) error
	MakeFolder(ctx context.Context, drive, parent, name string) (string, error)
	Copies(ctx context.Context, drive string, items []string, toDrive, toFolder string) []offboarding.CopyStart
	CopyChildren(ctx context.Context, drive, folder, toDrive, toFolder string) offboarding.CopyStart
	DeltaToken(ctx context.Context, drive string) (string, error)
	Delta(ctx context.Context, drive, token string) (changed []string, err error)
	CopyState(ctx context.Context, monitor string) (offboarding.CopyState, error)
}

// Step keeps a leaver's files.
type Step struct {
	files      Files
	departures offboarding.Departures
}

func New(files Files, departures offboarding.Departures) *Step {
	return &Step{files: files, departures: departures}
}

// pagesPerRun bounds the work of one run: with a request or two a page, about half a minute.
const pagesPerRun = 100

// linksAt is the progress that says where the search for links stands, or linksOff.
const (
	linksAt  = "linksAt"
	linksOff = "off"
	// linksRefused is the progress that says, by their ids, which items keep a link that Graph refused to
	// remove.
	linksRefused = "linksRefused"
	// linksOf and the id of an item are what a person accepts who lets its links be: the item itself is copied
	// all the same.
	linksOf = "links."
)

// mostRefused is after how many refusals the rest need not be tried: the drive itself may be locked.
const mostRefused = 100

// link begins the name of a before: a link by its id, what it was and on which item.
const link = "link "

// Work implements worker.Step.
func (s *Step) Work(ctx context.Context, job *offboarding.Job) error {
	return findable(job, s.work(ctx, job))
}

// findable has a refusal, and what fails and may go on failing, say where a person looks at the OneDrive.
func findable(job *offboarding.Job, err error) error {
	switch offboarding.VerdictOf(err).Kind {
	case offboarding.KindPermanent:
		return offboarding.Permanent(fmt.Errorf("%w%s", err, letsIn(job)))
	case offboarding.KindTransient:
		return fmt.Errorf("%w%s", err, letsIn(job))
	}
	return err
}

// letsIn is how a person gets into the OneDrive.
// Source: Microsoft 365 admin, Remove a former employee, step 5.
func letsIn(job *offboarding.Job) string {
	return "; what lets you into the OneDrive: " + job.Case.Plan.Cloud().Account(job.Leaver) + " (OneDrive, Create link to files)"
}

func (s *Step) work(ctx context.Context, job *offboarding.Job) error {
	drive, err := s.files.Drive(ctx, job.Leaver)
	switch {
	case err != nil:
		return job.NotShown(err)
	case !drive.Exists:
		job.Evidence[offboarding.DriveSeen] = "none"
		return nil
	}
	links := s.linksOff(ctx, job, drive)
	if links != nil && !offboarding.IsPermanent(links) {
		return links
	}
	var kept error
	if job.Case.Plan.KeepFiles != offboarding.KeepNone && !drive.Empty() {
		kept = s.keep(ctx, job, drive) // also while a link stays that a person has to see to
	}
	if verdict := offboarding.Join(kept, links); verdict != nil {
		return verdict
	}
	job.Evidence[offboarding.DriveSeen] = drive.ID
	job.Evidence["linksRemoved"] = strconv.Itoa(removed(job))
	libraries := s.libraries(ctx, job, drive)
	if job.Case.Plan.KeepFiles == offboarding.KeepNone {
		return libraries
	}
	return offboarding.Join(libraries, s.recycled(ctx, job, drive))
}

// libraryOf and the id of a library, without what all begin with and a shell takes for its own, are what a
// person accepts who lets the library go.
const libraryOf = "library."

// libraries looks at the other document libraries of the OneDrive's site, which its owner may have made. They
// go with it, and are neither copied nor compared: a person says what becomes of them. Of those that the plan
// gives up it is said that their links stay on until then.
// Sources: OneDrive/onedrive-api-docs issue 878; alcionai/corso issue 3335.
func (s *Step) libraries(ctx context.Context, job *offboarding.Job, drive offboarding.Drive) error {
	given := job.Case.Plan.KeepFiles == offboarding.KeepNone
	all, err := s.files.Libraries(ctx, job.Leaver)
	switch {
	case given && offboarding.IsPermanent(err):
		job.Risk("Graph refused to list the document libraries beside the files of the OneDrive: where there are any, their sharing links stay on until the deletion")
		return nil
	case err != nil:
		return err
	}
	var left []string
	for _, l := range all {
		name := libraryOf + strings.TrimPrefix(l.ID, "b!")
		switch {
		case l.ID == drive.ID, slices.Contains(job.Step.Accepted, name):
			continue
		case l.Preserved && given:
			continue
		case l.Preserved:
			job.Risk("what retention policies keep in the Preservation Hold library of the OneDrive, they alone keep: nothing of it is copied")
			continue
		}
		root, err := s.files.DriveRoot(ctx, l.ID)
		switch {
		case errors.Is(err, offboarding.ErrNotFound), err == nil && root.Empty():
			continue
		case err != nil && !offboarding.IsPermanent(err): // one that nobody may look into is not an empty one
			return err
		}
		if err := keepWhere(ctx, job, name, offboarding.DriveItem{WebURL: l.WebURL}); err != nil {
			return err
		}
		left = append(left, name)
	}
	switch {
	case len(left) == 0:
		return nil
	case given:
		job.Risk(fmt.Sprintf("beside the files of the OneDrive its site has %s, whose sharing links stay on until the deletion: %s", offboarding.Count(len(left), "document library"), strings.Join(left, ", ")))
		return nil
	}
	return offboarding.Manual(fmt.Sprintf("beside the files of the OneDrive its site has %s, which nobody copies, whose sharing links stay on, and which the deletion takes: move what is wanted into the files of the OneDrive and replay%s%s",
		offboarding.Count(len(left), "document library"), accept(job, left), letsIn(job)))
}

// recycleBin is the item by which a person accepts that the recycle bin goes with the drive.
const recycleBin = "recycleBin"

// recycled looks at what was deleted and goes with the drive. When that is more than the drive holds, as
// after somebody emptied it on the last day, a person says what becomes of it.
// Source: Microsoft Graph, resource type quota: deleted.
func (s *Step) recycled(ctx context.Context, job *offboarding.Job, drive offboarding.Drive) error {
	quota, err := s.files.DriveQuota(ctx, drive.ID)
	switch {
	case err != nil:
		return err
	case quota.Unknown:
		job.Risk("Graph does not say what lies in the recycle bin of the OneDrive, which goes with it")
	case quota.Deleted == 0:
	case quota.Deleted > drive.Bytes && !slices.Contains(job.Step.Accepted, recycleBin):
		return offboarding.Manual(fmt.Sprintf("the recycle bin of the OneDrive holds %s, more than the %s in its folders, and goes with it: restore there what is wanted (%s, OneDrive, Create link to files, then Recycle bin) and replay, or accept the loss: leaver sign-off %s onedrive --item %s --by NAME --note WHY",
			offboarding.Bytes(quota.Deleted), offboarding.Bytes(drive.Bytes), job.Case.Plan.Cloud().Account(job.Leaver), job.Case.ID, recycleBin))
	default:
		job.Risk("the recycle bin of the OneDrive goes with it: " + offboarding.Bytes(quota.Deleted))
	}
	return nil
}

// removed is how many links the drive had, but for those on items of which Graph refused to remove one.
func removed(job *offboarding.Job) int {
	refused := strings.Fields(job.Step.Progress[linksRefused])
	n := 0
	for name, was := range job.Step.Before {
		_, item, _ := strings.Cut(was, onItem)
		if strings.HasPrefix(name, link) && !slices.Contains(refused, item) {
			n++
		}
	}
	return n
}

// onItem stands before the id of the item in what is kept of a link.
const onItem = " on item "

// linksOff removes every sharing link. What somebody was let use by name stays. A link that Graph refuses to
// remove keeps none of the others.
func (s *Step) linksOff(ctx context.Context, job *offboarding.Job, drive offboarding.Drive) error {
	if job.Step.Progress[linksAt] == linksOff {
		return s.linksLeft(ctx, job, drive)
	}
	refused := strings.Fields(job.Step.Progress[linksRefused])
	unlink := func(ctx context.Context, i offboarding.DriveItem) error {
		err := s.unlink(ctx, job, drive.ID, i.ID)
		if !offboarding.IsPermanent(err) || len(refused) >= mostRefused {
			return err
		}
		if !slices.Contains(refused, i.ID) {
			refused = append(refused, i.ID)
		}
		return keepWhere(ctx, job, linksOf+i.ID, i)
	}
	w := walk{
		pages: pagesPerRun,
		list: func(ctx context.Context, folder entry) ([]entry, error) {
			items, err := s.files.DriveItems(ctx, drive.ID, folder.item.ID)
			inside := make([]entry, len(items))
			for i := range items {
				inside[i].item = items[i]
			}
			return inside, err
		},
		visit: func(ctx context.Context, folder entry, inside []entry) error {
			if folder.item.ID == drive.Root {
				if err := unlink(ctx, folder.item); err != nil {
					return err
				}
			}
			for _, e := range inside {
				if !e.item.Shared {
					continue
				}
				if err := unlink(ctx, e.item); err != nil {
					return err
				}
			}
			return nil
		},
	}
	w.goOn(job.Step.Progress[linksAt])
	err := w.run(ctx, entry{item: offboarding.DriveItem{ID: drive.Root, Folder: true}})
	at := w.position()
	switch {
	case err == nil:
		at = linksOff
	case errors.Is(err, errPause):
		err = offboarding.After(0, fmt.Sprintf("looking for sharing links: %d removed so far", removed(job)))
	case errors.Is(err, offboarding.ErrNotFound): // a folder was removed meanwhile
		at, err = "", job.NotYet("the OneDrive changed while its sharing links were looked for; that begins anew")
	}
	if kept := job.Keep(ctx, nil, map[string]string{linksAt: at, linksRefused: strings.Join(refused, " ")}); kept != nil {
		return kept
	}
	if err == nil && at == linksOff {
		return s.linksLeft(ctx, job, drive)
	}
	return err
}

// linksLeft tries once more to remove the links that were refused, and leaves what stays to a person, who may
// also accept that they do.
func (s *Step) linksLeft(ctx context.Context, job *offboarding.Job, drive offboarding.Drive) error {
	var left, accepted []string
	var refusal error // the last one
	for _, item := range strings.Fields(job.Step.Progress[linksRefused]) {
		err := s.unlink(ctx, job, drive.ID, item)
		switch {
		case err == nil:
		case !offboarding.IsPermanent(err):
			return err
		case slices.Contains(job.Step.Accepted, linksOf+item):
			accepted = append(accepted, item)
		default:
			left, refusal = append(left, item), err
		}
	}
	if err := job.KeepProgress(ctx, linksRefused, strings.Join(slices.Concat(left, accepted), " ")); err != nil {
		return err
	}
	if len(accepted) > 0 {
		job.Risk("sharing links that cannot be removed stay, which a person accepted: items " + strings.Join(accepted, ", "))
	}
	if len(left) == 0 {
		return nil
	}
	var named []string
	for _, item := range left[:min(len(left), mostNamed)] {
		named = append(named, linksOf+item)
	}
	return offboarding.Permanent(fmt.Errorf("sharing links of %s cannot be removed: end the sharing there, then replay%s: %w", offboarding.Count(len(left), "item"), accept(job, named), refusal))
}

// unlink removes the links of one item; one that is gone has none.
func (s *Step) unlink(ctx context.Context, job *offboarding.Job, drive, item string) error {
	return offboarding.EnsureNone(ctx, job, offboarding.Removal[offboarding.SharingPermission]{
		What: "the removal", Left: "sharing links that still show: %d",
		Find: func(ctx context.Context) ([]offboarding.SharingPermission, error) {
			all, err := s.files.SharingPermissions(ctx, drive, item)
			if errors.Is(err, offboarding.ErrNotFound) {
				return nil, nil
			}
			return slices.DeleteFunc(all, func(p offboarding.SharingPermission) bool { return p.Link == "" || p.Inherited }), err
		},
		Before: func(found []offboarding.SharingPermission) map[string]string {
			before := map[string]string{}
			for _, p := range found {
				before[link+p.ID] = fmt.Sprintf("%s link for %s (%s)%s%s", p.Link, p.Scope, strings.Join(p.Roles, " "), onItem, item)
			}
			return before
		},
		Remove: func(ctx context.Context, p offboarding.SharingPermission) error {
			return s.files.RemoveSharing(ctx, drive, item, p.ID)
		},
	})
}
