package offboarding

import (
	"context"
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
}

// KeepBefore keeps one value of the before the first time it is seen.
func (j *Job) KeepBefore(ctx context.Context, name, value string) error {
	if _, kept := j.Step.Before[name]; kept {
		return nil
	}
	return j.Keep(ctx, map[string]string{name: value}, nil)
}

// Patience is how long to wait before looking again: short at first, then half of the time
// already waited, never more than a quarter of an hour.
func (j *Job) Patience() time.Duration {
	const shortest, longest = 2 * time.Second, 15 * time.Minute
	if j.Step.Since.IsZero() {
		return shortest
	}
	return min(max(j.Now.Sub(j.Step.Since)/2, shortest), longest)
}

// Await returns nil when every step that this one needs is as it should be, and the
// verdict to return otherwise. A need that is not in the plan does not count.
func (j *Job) Await() error {
	spec, _ := SpecOf(j.Step.Name)
	var open []string
	for _, need := range spec.Needs {
		if r := j.Case.Step(need); r != nil && !r.State.Closed() && !r.Observed {
			open = append(open, string(need))
		}
	}
	if len(open) == 0 {
		return nil
	}
	return After(j.Patience(), "waits for "+strings.Join(open, ", "))
}

// MailboxItems is the progress under which licence keeps how many items the mailbox held
// before its licence went, or "none", and delete reads it: nobody can look any more by then.
const MailboxItems = "mailboxItems"

// MailboxSeen is the evidence under which forward says "none" of a leaver without a mailbox, and
// delete reads it.
const MailboxSeen = "mailbox"

// LicenceGroups is the progress under which access keeps the groups that it leaves to licence,
// by object id and separated by blanks: leaving one takes licences away, which is licence's to do
// (B2).
const LicenceGroups = "licenceGroups"

// Stamp writes a time in whole seconds, as Microsoft keeps it, so that two of them compare as
// text.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// ResidualRisk is the evidence of what a step can neither end nor see, in words.
const ResidualRisk = "residualRisk"
