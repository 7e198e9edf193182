package access

import (
	"context"
	"fmt"
	"strings"

	"leaver/shared/offboarding"
)

// findsRight is what finds, in Exchange PowerShell, the rights of somebody by their object id. Exchange
// keeps on whose behalf somebody sends by distinguished names alone.
var findsRight = map[offboarding.MailRightKind]string{
	offboarding.RightFull:     "Get-EXOMailbox -ResultSize Unlimited | Get-EXOMailboxPermission -User %s",
	offboarding.RightSendAs:   "Get-RecipientPermission -Trustee %s",
	offboarding.RightOnBehalf: "Get-Recipient %s | ForEach-Object { Get-Mailbox -ResultSize Unlimited -Filter \"GrantSendOnBehalfTo -eq '$($_.DistinguishedName)'\" }",
}

// mailRights takes away the leaver's rights on the mailboxes and calendars of others.
func (r *run) mailRights(ctx context.Context) error {
	err := offboarding.EnsureNone(ctx, r.job, offboarding.Removal[offboarding.MailRight]{
		What: "taking away", Left: "rights on mailboxes that still show: %d",
		Find: r.findMailRights,
		Before: func(rights []offboarding.MailRight) map[string]string {
			before := map[string]string{}
			for _, right := range rights {
				before[strings.TrimSpace(string(right.Kind)+" "+right.Mailbox+" "+right.Folder)] = right.Rights
			}
			return before
		},
		Remove: func(ctx context.Context, right offboarding.MailRight) error {
			return r.mailboxes.RemoveMailRight(ctx, r.job.Leaver, right)
		},
	})
	if err == nil && !r.namelessRights {
		r.job.Evidence["mailboxes"] = "no right is left"
	}
	return err
}

// findMailRights finds those that can be taken away by object id; what has none is a person's. Three
// queries over the whole tenant do it, however many mailboxes there are; the one for full access takes
// Exchange some seconds a thousand. One mailbox or calendar that cannot be looked at keeps none of the others.
func (r *run) findMailRights(ctx context.Context) ([]offboarding.MailRight, error) {
	all, err := r.mailboxes.MailRights(ctx, r.job.Leaver)
	unseen := []error{err}
	var rights []offboarding.MailRight
	for _, right := range all {
		if right.Mailbox == "" {
			r.namelessRights = true
			r.addTask(string(right.Kind), "remove the right %s of the leaver on a mailbox or group that has no object id (Exchange PowerShell finds it: %s)", right.Kind, fmt.Sprintf(findsRight[right.Kind], r.job.Leaver))
			continue
		}
		if right.Kind == offboarding.RightFull {
			if err := r.couldOpen(ctx, right.Mailbox); err != nil {
				unseen = append(unseen, err) // nobody would know that nobody can open it
				continue
			}
		}
		rights = append(rights, right)
	}
	owners, err := r.directory.SharedCalendars(ctx, r.job.Leaver, r.user.Mail)
	unseen = append(unseen, err)
	for _, owner := range owners {
		who, err := r.mailboxes.Recipient(ctx, owner)
		if err != nil {
			unseen = append(unseen, err)
			continue
		}
		if who.ID == "" || who.ID == r.job.Leaver {
			continue // somebody outside of the organisation, whose calendar is not ours
		}
		calendars, err := r.mailboxes.CalendarRights(ctx, who.ID, r.job.Leaver)
		unseen = append(unseen, err)
		rights = append(rights, calendars...)
	}
	return rights, offboarding.Join(unseen...)
}
