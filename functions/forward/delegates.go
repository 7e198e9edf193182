package forward

import (
	"context"
	"errors"
	"fmt"

	"leaver/shared/offboarding"
)

// delegates gives the successor the rights of the policy on the shared mailbox: without
// them nobody could open it.
func (s *Step) delegates(ctx context.Context, job *offboarding.Job) error {
	kinds := job.Case.Plan.Delegates
	if job.Case.Plan.Mailbox != offboarding.Shared || len(kinds) == 0 {
		return nil
	}
	successor, err := offboarding.Successor(ctx, job.Case, "", s.directory, s.departures)
	var unfit *offboarding.UnfitError
	if errors.As(err, &unfit) {
		return offboarding.Manual("nobody can open the shared mailbox: " + unfit.Why + "; give somebody Full Access to it in the Exchange admin center (Mailboxes, Delegation; Get-Mailbox " + job.Leaver + " shows it), then sign off")
	}
	if err != nil {
		return err
	}
	var verdicts []error
	for _, kind := range kinds {
		verdicts = append(verdicts, s.delegate(ctx, job, offboarding.MailRight{Kind: kind, Mailbox: job.Leaver}, successor.ID))
	}
	if verdict := offboarding.Join(verdicts...); verdict != nil {
		return verdict
	}
	// B17: nobody at Microsoft says whether the closed protocols of a mailbox that became shared
	// keep its delegates out.
	job.Evidence["delegates"] = offboarding.B17.Name + ": " + offboarding.B17.Text
	return nil
}

func (s *Step) delegate(ctx context.Context, job *offboarding.Job, right offboarding.MailRight, to string) error {
	name := "delegate/" + string(right.Kind)
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[bool]{
		What:   fmt.Sprintf("the right %s for %s", right.Kind, to),
		Read:   func(ctx context.Context) (bool, error) { return s.mailboxes.HasMailRight(ctx, to, right) },
		Wanted: func(has bool) bool { return has },
		Before: func(has bool) map[string]string { return map[string]string{name: fmt.Sprintf("%s %t", to, has)} },
		Write:  func(ctx context.Context, _ bool) error { return s.mailboxes.GrantMailRight(ctx, to, right) },
		Shows:  func(bool) string { return "it does not show yet" },
	})
	if err == nil {
		job.Evidence[name] = to
	}
	return err
}
