package forward

import (
	"context"
	"errors"
	"fmt"

	"leaver/shared/offboarding"
)

// delegates gives the leaver's manager the rights of the policy on the shared mailbox: without
// them nobody could open it.
func (s *Step) delegates(ctx context.Context, job *offboarding.Job) error {
	kinds := job.Case.Plan.Delegates
	if job.Case.Plan.Mailbox != offboarding.Shared || len(kinds) == 0 {
		return nil
	}
	successor, err := s.successor(ctx, job.Leaver)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		right := offboarding.MailRight{Kind: kind, Mailbox: job.Leaver}
		has, err := s.mailboxes.HasMailRight(ctx, successor, right)
		if err != nil {
			return err
		}
		if err := job.KeepBefore(ctx, "delegate/"+string(kind), fmt.Sprintf("%s %t", successor, has)); err != nil {
			return err
		}
		if !has {
			if err := s.mailboxes.GrantMailRight(ctx, successor, right); err != nil {
				return err
			}
			if has, err = s.mailboxes.HasMailRight(ctx, successor, right); err != nil {
				return err
			}
		}
		if !has {
			return offboarding.After(job.Patience(), fmt.Sprintf("the right %s for %s was accepted, but does not show yet", kind, successor))
		}
		job.Evidence["delegate/"+string(kind)] = successor
	}
	// B17: nobody at Microsoft says whether the closed protocols of a mailbox that became shared
	// keep its delegates out.
	job.Evidence["delegates"] = offboarding.B17.Name + ": " + offboarding.B17.Text
	return nil
}

// successor is the manager, when they are there and stay.
func (s *Step) successor(ctx context.Context, leaver string) (string, error) {
	const task = "; give somebody Full Access to the shared mailbox in Exchange, then sign off"
	manager, err := s.directory.Manager(ctx, leaver)
	if errors.Is(err, offboarding.ErrNotFound) {
		return "", offboarding.Manual("nobody can open the shared mailbox: the leaver has no manager" + task)
	}
	if err != nil {
		return "", err
	}
	leaving, err := s.departures.Leaving(ctx, manager.ID)
	if err != nil {
		return "", err
	}
	if leaving || !manager.AccountEnabled {
		return "", offboarding.Manual("nobody can open the shared mailbox: the manager " + manager.ID + " is leaving or disabled" + task)
	}
	return manager.ID, nil
}
