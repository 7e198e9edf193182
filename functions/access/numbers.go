package access

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// numbers releases the leaver's telephone numbers of Teams, which takes Teams some time.
func (r *run) numbers(ctx context.Context) error {
	numbers, err := r.directory.TelephoneNumbers(ctx, r.job.Leaver)
	if err != nil {
		return err
	}
	if r.phone || len(numbers) > 0 || r.job.Step.Before["number 1"] != "" {
		r.job.Evidence[offboarding.ResidualRisk] = "an agent who was added to a call queue of Teams by name stays in it and Graph shows none: look in the Teams admin center (Voice, Call queues)"
	}
	if len(numbers) == 0 {
		return nil
	}
	if err := r.keepNumbers(ctx, numbers); err != nil {
		return err
	}
	var verdicts []error
	for _, n := range numbers {
		verdicts = append(verdicts, r.directory.ReleaseNumber(ctx, r.job.Leaver, n))
	}
	if err := offboarding.Join(verdicts...); err != nil {
		return err
	}
	if numbers, err = r.directory.TelephoneNumbers(ctx, r.job.Leaver); err != nil {
		return err
	}
	if len(numbers) > 0 {
		return offboarding.After(r.job.Patience(), fmt.Sprintf("the release of %d telephone numbers was ordered, and Teams still shows them", len(numbers)))
	}
	r.job.Evidence["telephoneNumbers"] = "released"
	return nil
}

// keepNumbers keeps the numbers, which are personal, under names that do not tell them.
func (r *run) keepNumbers(ctx context.Context, numbers []offboarding.TelephoneNumber) error {
	personal, err := r.job.Personal(ctx)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for name, value := range personal {
		if strings.HasPrefix(name, string(offboarding.StepAccess)+"-number ") {
			kept[value] = true
		}
	}
	before := map[string]string{}
	next := 1
	for _, n := range numbers {
		value := n.Type + " " + n.Number
		if kept[value] {
			continue
		}
		for ; r.job.Step.Before["number "+strconv.Itoa(next)] != ""; next++ {
		}
		before["number "+strconv.Itoa(next)] = value
		next++
	}
	if len(before) == 0 {
		return nil
	}
	return r.job.KeepPersonal(ctx, before)
}
