package access

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// numbers releases the leaver's telephone numbers of Teams, which takes Teams some time. They are
// personal.
func (r *run) numbers(ctx context.Context) error {
	var personal map[string]string
	err := offboarding.EnsureNone(ctx, r.job, offboarding.Removal[offboarding.TelephoneNumber]{
		What: "the release", Left: "telephone numbers that Teams still shows: %d",
		Find: func(ctx context.Context) ([]offboarding.TelephoneNumber, error) {
			numbers, err := r.directory.TelephoneNumbers(ctx, r.job.Leaver)
			if err == nil && len(numbers) > 0 {
				if personal, err = r.job.Personal(ctx); err != nil {
					return nil, err
				}
			}
			return numbers, err
		},
		Sealed: func(numbers []offboarding.TelephoneNumber) map[string]string { return r.newNumbers(numbers, personal) },
		Remove: func(ctx context.Context, n offboarding.TelephoneNumber) error {
			return r.directory.ReleaseNumber(ctx, r.job.Leaver, n)
		},
	})
	if errors.Is(err, offboarding.ErrNotOffered) {
		if r.phone {
			r.addTask("telephoneNumbers", "this cloud shows no application the telephone numbers of Teams: release those of the leaver in the Teams admin center, and sign off: %s", r.portal.TelephoneNumbers())
		}
		err = nil
	}
	had := r.job.Step.Before["number 1"] != ""
	if r.phone || had {
		r.job.Risk("an agent who was added to a call queue of Teams by name stays in it and Graph shows none: look in the Teams admin center (Voice, Call queues)")
	}
	if err == nil && had {
		r.job.Evidence["telephoneNumbers"] = "released"
	}
	return err
}

// newNumbers are the numbers that the case does not know yet, under names that do not tell them.
func (r *run) newNumbers(numbers []offboarding.TelephoneNumber, personal map[string]string) map[string]string {
	kept := map[string]bool{}
	for name, value := range personal {
		if strings.HasPrefix(name, string(offboarding.StepAccess)+"-number ") {
			kept[value] = true
		}
	}
	added := map[string]string{}
	next := 1
	for _, n := range numbers {
		value := n.Type + " " + n.Number
		if kept[value] {
			continue
		}
		for ; r.job.Step.Before["number "+strconv.Itoa(next)] != ""; next++ {
		}
		added["number "+strconv.Itoa(next)] = value
		next++
	}
	return added
}
