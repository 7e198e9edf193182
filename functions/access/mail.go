package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// mailRights takes away the leaver's rights on the mailboxes and calendars of others.
func (r *run) mailRights(ctx context.Context) error {
	rights, err := r.findMailRights(ctx)
	if err != nil {
		return err
	}
	before := map[string]string{}
	var known []offboarding.MailRight
	for _, right := range rights {
		if right.Mailbox == "" {
			r.ask(string(right.Kind), "remove the right %s of the leaver on a mailbox or group that has no object id, in the Exchange admin center", right.Kind)
			continue
		}
		known = append(known, right)
		before[strings.TrimSpace(string(right.Kind)+" "+right.Mailbox+" "+right.Folder)] = right.Rights
	}
	if len(known) == 0 {
		return nil
	}
	if err := r.keep(ctx, before); err != nil {
		return err
	}
	var verdicts []error
	for _, right := range known {
		verdicts = append(verdicts, r.mailboxes.RemoveMailRight(ctx, r.job.Leaver, right))
	}
	if err := offboarding.Join(verdicts...); err != nil {
		return err
	}
	if rights, err = r.findMailRights(ctx); err != nil {
		return err
	}
	left := slices.DeleteFunc(rights, func(right offboarding.MailRight) bool { return right.Mailbox == "" })
	if len(left) > 0 {
		return offboarding.After(r.job.Patience(), fmt.Sprintf("taking away was accepted, but %d rights on mailboxes still show", len(left)))
	}
	r.job.Evidence["mailboxes"] = "no right is left"
	return nil
}

func (r *run) findMailRights(ctx context.Context) ([]offboarding.MailRight, error) {
	rights, err := r.mailboxes.MailRights(ctx, r.job.Leaver)
	if err != nil {
		return nil, err
	}
	owners, err := r.directory.SharedCalendars(ctx, r.job.Leaver, r.user.Mail)
	if err != nil {
		return nil, err
	}
	for _, owner := range owners {
		who, err := r.mailboxes.Recipient(ctx, owner)
		if err != nil {
			return nil, err
		}
		if who.ID == "" || who.ID == r.job.Leaver {
			continue // somebody outside of the organisation, whose calendar is not ours
		}
		calendars, err := r.mailboxes.CalendarRights(ctx, who.ID, r.job.Leaver)
		if err != nil {
			return nil, err
		}
		rights = append(rights, calendars...)
	}
	return rights, nil
}
