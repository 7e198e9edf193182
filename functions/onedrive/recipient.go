package onedrive

import (
	"context"
	"errors"
	"slices"

	"leaver/shared/offboarding"
)

// destination is who is let in, and where the copy goes.
type destination struct {
	reader string // object id; empty = nobody
	drive  offboarding.Drive
}

// destination finds where the plan wants the files. Unless it names a drive or somebody, who gets
// the mail gets the files as well, and otherwise the manager does.
func (s *Step) destination(ctx context.Context, job *offboarding.Job) (destination, error) {
	plan := job.Case.Plan
	asPlanned := func(why string) (destination, error) {
		return destination{}, offboarding.Manual(why + ": correct filesTo in the policy, then send the request again: leaver offboard " + job.Leaver)
	}
	if plan.FilesUnclear != "" {
		return asPlanned(plan.FilesUnclear)
	}
	reader, wrong, err := s.reader(ctx, job)
	if err != nil {
		return destination{}, err
	}
	if to := plan.FilesTo; offboarding.FilesToDrive(to) {
		drive, err := s.files.DriveRoot(ctx, to)
		if errors.Is(err, offboarding.ErrNotFound) {
			return asPlanned("the drive that the policy names in filesTo is not there")
		}
		return destination{reader: reader, drive: drive}, err
	}
	refuse := func(why string) (destination, error) {
		if offboarding.FilesToPerson(plan.FilesTo) {
			return asPlanned(why)
		}
		return destination{}, offboarding.Manual(why + "; correct the manager in Entra (" + plan.Cloud().User(job.Leaver) + ", Properties) and replay, or name a drive or a person in the policy (filesTo), or somebody else (leaver offboard " + job.Leaver + " --forward-to ADDRESS)")
	}
	if wrong != "" {
		return refuse(wrong)
	}
	drive, err := s.files.Drive(ctx, reader)
	switch {
	case err != nil:
		return destination{}, err
	case !drive.Exists:
		return refuse("the successor " + reader + " has no OneDrive (" + plan.Cloud().Account(reader) + ")")
	}
	return destination{reader: reader, drive: drive}, nil
}

// reader is who gets the files, or why nobody can.
func (s *Step) reader(ctx context.Context, job *offboarding.Job) (id, wrong string, err error) {
	named := ""
	if offboarding.FilesToPerson(job.Case.Plan.FilesTo) {
		named = job.Case.Plan.FilesTo
	}
	who, err := offboarding.Successor(ctx, job.Case, named, s.files, s.departures)
	var unfit *offboarding.UnfitError
	if errors.As(err, &unfit) {
		return "", unfit.Why, nil
	}
	if err != nil {
		return "", "", err
	}
	return who.ID, "", job.Name(ctx, who)
}

// letInFirst and an object id name somebody in the before whom the step itself let in.
const letInFirst = "reader "

// letIn lets somebody read the leaver's drive. Reading is enough: what they changed there would
// be lost with it.
func (s *Step) letIn(ctx context.Context, job *offboarding.Job, drive offboarding.Drive, reader string) error {
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[bool]{
		What: "the access of " + reader,
		Read: func(ctx context.Context) (bool, error) {
			all, err := s.files.SharingPermissions(ctx, drive.ID, drive.Root)
			return slices.ContainsFunc(all, func(p offboarding.SharingPermission) bool { return p.Link == "" && p.GrantedTo == reader }), err
		},
		Wanted: func(in bool) bool { return in },
		Before: func(in bool) map[string]string {
			if in {
				return nil
			}
			return map[string]string{letInFirst + reader: "could not read the drive"}
		},
		Write: func(ctx context.Context, _ bool) error { return s.files.LetRead(ctx, drive.ID, drive.Root, reader) },
		Shows: func(bool) string { return "it does not show yet" },
	})
	if err == nil {
		job.Evidence[offboarding.FilesReader] = reader
	}
	return err
}

// letOut takes the drive away from people whom the step let in.
func (s *Step) letOut(ctx context.Context, job *offboarding.Job, drive offboarding.Drive, readers []string) error {
	return offboarding.EnsureNone(ctx, job, offboarding.Removal[offboarding.SharingPermission]{
		What: "taking the access away", Left: "people whom the departure let in and who still read the OneDrive: %d",
		Find: func(ctx context.Context) ([]offboarding.SharingPermission, error) {
			all, err := s.files.SharingPermissions(ctx, drive.ID, drive.Root)
			if errors.Is(err, offboarding.ErrNotFound) {
				return nil, nil
			}
			return slices.DeleteFunc(all, func(p offboarding.SharingPermission) bool {
				return p.Link != "" || !slices.Contains(readers, p.GrantedTo)
			}), err
		},
		Remove: func(ctx context.Context, p offboarding.SharingPermission) error {
			return s.files.RemoveSharing(ctx, drive.ID, drive.Root, p.ID)
		},
	})
}

// replaced are those whom the step let in before somebody else became the successor.
func replaced(job *offboarding.Job, reader string) []string {
	return slices.DeleteFunc(job.Step.Kept(letInFirst), func(id string) bool { return id == reader })
}
