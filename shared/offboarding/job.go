package offboarding

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Job is one run of one step for one leaver, as the worker hands it to the step.
type Job struct {
	Leaver string // object id
	Case   *Case  // as folded when the run began
	Step   *Record
	// Now is the worker's clock at the start of the run. It orders waiting, never effects:
	// those are compared with the tenant's own clock.
	Now time.Time
	// Thawed is when the last freeze of the installation ended; zero when there was none.
	Thawed time.Time
	// Keep appends facts to the step's record and returns once they are durable. In the
	// before, the first value of a name stays; in the progress, the last.
	Keep func(ctx context.Context, before, progress map[string]string) error
	// KeepPersonal keeps what names people in the before, as Keep does: the first value of a
	// name stays. The values are sealed beside the history, which only says that they are.
	KeepPersonal func(ctx context.Context, before map[string]string) error
	// Personal returns the personal values of the case that were not erased.
	Personal func(ctx context.Context) (map[string]string, error)
	// Evidence is filled by the step with what it observed; it is kept with the verdict
	// and holds no personal data.
	Evidence map[string]string

	asked []Brake
}

// mostKept is how many values are kept in one entry of the ledger, which takes 64 KiB.
const mostKept = 200

// KeepBefore keeps those values of the before that are not kept yet, and returns once they are
// durable: before the write that changes them.
func (j *Job) KeepBefore(ctx context.Context, before map[string]string) error {
	added := j.unkept(before)
	for names := range slices.Chunk(slices.Sorted(maps.Keys(added)), mostKept) {
		some := map[string]string{}
		for _, name := range names {
			some[name] = added[name]
		}
		if err := j.Keep(ctx, some, nil); err != nil {
			return err
		}
	}
	return nil
}

// Seal keeps those personal values of the before that are not kept yet.
func (j *Job) Seal(ctx context.Context, before map[string]string) error {
	added := j.unkept(before)
	if len(added) == 0 {
		return nil
	}
	return j.KeepPersonal(ctx, added)
}

// NameOf begins the names of the personal values that say by which name people know an object id.
const NameOf = "name of "

// Name keeps by which name people know a user whom the step names by object id, for the report.
func (j *Job) Name(ctx context.Context, u User) error {
	return j.Seal(ctx, map[string]string{NameOf + u.ID: u.UserPrincipalName})
}

// KeepProgress keeps one value of the progress, unless it is that already.
func (j *Job) KeepProgress(ctx context.Context, name, value string) error {
	if j.Step.Progress[name] == value {
		return nil
	}
	return j.Keep(ctx, nil, map[string]string{name: value})
}

// Seen keeps in the progress when something was first seen, and returns that time.
func (j *Job) Seen(ctx context.Context, name string) (time.Time, error) {
	if j.Step.Progress[name] == "" {
		if err := j.KeepProgress(ctx, name, Stamp(j.Now)); err != nil {
			return time.Time{}, err
		}
	}
	return j.ProgressTime(name)
}

// SeenSinceThaw is Seen, and begins anew after a freeze, in which nobody could do anything about it.
func (j *Job) SeenSinceThaw(ctx context.Context, name string) (time.Time, error) {
	at, err := j.Seen(ctx, name)
	if err != nil || !at.Before(j.Thawed.Truncate(time.Second)) {
		return at, err
	}
	if err := j.KeepProgress(ctx, name, Stamp(j.Now)); err != nil {
		return time.Time{}, err
	}
	return j.ProgressTime(name)
}

// ProgressTime is a time that the step kept in its progress; unreadable, or absent, it is permanent.
func (j *Job) ProgressTime(name string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, j.Step.Progress[name])
	if err != nil {
		return time.Time{}, Permanent(fmt.Errorf("reading the progress %s of case %s: %w", name, j.Case.ID, err))
	}
	return at, nil
}

// NotYet is the verdict [After] with the worker's patience: short at first, then half of the time
// already waited for the same reason, never more than a quarter of an hour, and until a step has locked
// the leaver out never more than 30 seconds.
func (j *Job) NotYet(format string, args ...any) error {
	why := fmt.Sprintf(format, args...)
	return After(j.patience(why), why)
}

// Risk adds to the evidence what the step can neither end nor see, in words.
func (j *Job) Risk(what string) {
	if risks := j.Evidence[ResidualRisk]; risks != "" {
		what = risks + "; " + what
	}
	j.Evidence[ResidualRisk] = what
}

// NotShown is the verdict of a step to which the tenant does not show the leaver's account: not
// yet, because accounts show late and a wrong id would look the same; but nil once the case has deleted
// it, which ends whatever a step was still to look at. Other errors are returned as they are.
func (j *Job) NotShown(err error) error {
	if errors.Is(err, ErrNotFound) {
		if at := j.Case.AccountDeleted(); !at.IsZero() {
			j.Evidence["account"] = "deleted " + Stamp(at)
			return nil
		}
		return j.NotYet("the tenant does not show the account: where somebody, or a synchronisation, deleted it, restore it (%s)", j.Case.Plan.Cloud().DeletedUsers())
	}
	return err
}

func (j *Job) patience(why string) time.Duration {
	const shortest, longest = 2 * time.Second, 15 * time.Minute
	// What has just changed is looked at again soon; but what changes at every look, such as a
	// count, is not looked at every two seconds for hours.
	patience := min(max(j.waitedFor(why)/2, j.Waited()/8, shortest), longest)
	if j.out() && j.Waited() >= 2*longest {
		return patience
	}
	return j.Case.Soon(j.Step.Name, patience)
}

// out reports whether the step has seen the leaver locked out: what the step still waits for then, such as
// a synchronisation that is down for a day, nobody signs in by.
func (j *Job) out() bool {
	return j.Evidence[AccountEnabled] == "false" || j.Step.Progress[DisabledOnPremises] != ""
}

// waitedFor is for how long the step has waited for this reason by now, alone or among others.
func (j *Job) waitedFor(why string) time.Duration {
	switch {
	case !strings.Contains(j.Step.Reason, why):
		return 0
	case j.Step.ReasonSince.After(j.Step.Since):
		return j.Now.Sub(j.Step.ReasonSince)
	}
	return j.Waited()
}

// Waited is for how long the step has waited or retried by now.
func (j *Job) Waited() time.Duration {
	if j.Step.Since.IsZero() {
		return 0
	}
	return j.Now.Sub(j.Step.Since)
}

// Await returns nil when every step that this one needs is as it should be, and the
// verdict to return otherwise: a planned wait, because whatever is needed has a deadline of its own or is
// a person's already. A need that is not in the plan does not count.
func (j *Job) Await() error {
	spec, _ := SpecOf(j.Step.Name)
	var open []string
	for _, need := range spec.Needs {
		// What was only rehearsed has not happened, and what was taken back has not either.
		if r := j.Case.Step(need); r != nil && (!r.State.Closed() || r.State == StateRehearsed) && !r.Observed || r != nil && r.Undo {
			open = append(open, string(need))
		}
	}
	if len(open) == 0 {
		return nil
	}
	why := "waits for " + strings.Join(open, ", ")
	return ContinueAt(j.Now.Add(j.patience(why)), why)
}

// Stamp writes a time in whole seconds, as Microsoft keeps it, so that two of them compare as
// text.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Ask asks people for the approval of a part of the step, which goes on with everything else and looks
// for the approval with [Case.Approved]. Asking again changes nothing.
func (j *Job) Ask(b Brake) {
	b.Part = true
	j.asked = append(j.asked, b)
}

// Hold holds the whole departure, of which nothing more is written, until people have lifted the brake,
// and is the verdict of the run that found out why.
func (j *Job) Hold(b Brake) error {
	j.asked = append(j.asked, b)
	return ContinueAt(j.Now, "the departure is held: "+b.Why) // due at once: nothing runs while it is held, and then it is sent anew
}

// Asked is what the run has asked for.
func (j *Job) Asked() []Brake { return j.asked }
