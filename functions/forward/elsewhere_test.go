package forward_test

import (
	"strings"
	"testing"

	"leaver/functions/forward"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestTheMailOfAnOutsiderIsTheirOwn: guests, and members of another tenant, have no mailbox here, and what they
// have at home is nobody's task. It used to be one, which kept their departure open.
func TestTheMailOfAnOutsiderIsTheirOwn(t *testing.T) {
	t.Parallel()
	const guest = "henrietta.mueller_fabrikam.com#EXT#@contoso.com"
	for name, userType := range map[string]string{"a guest": "Guest", "a member of another tenant": "Member"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(guest)].UserType = userType })
			c := h.Open(t, guest, offboarding.Options{}, offboarding.DefaultPolicy())
			directory, mailboxes := h.As("forward")
			h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, offboarding.DefaultPolicy()))), offboarding.StateEffective)
			if h.Writes() > 0 {
				t.Errorf("%d writes, want none", h.Writes())
			}
		})
	}
}

// TestAMailboxThatLivesElsewhereIsATask: it used to count as none, and nobody saw to its mail.
func TestAMailboxThatLivesElsewhereIsATask(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		kind    string
		mailbox offboarding.Handling
		keep    offboarding.Keeping
		ends    offboarding.StepState
		says    []string
	}{
		"on premises":                   {"MailUser", offboarding.Forward, offboarding.KeepHold, offboarding.StateManual, []string{"(forward)", "ArchiveGuid"}},
		"and its mail is given up":      {"MailUser", offboarding.Forward, offboarding.KeepNone, offboarding.StateManual, []string{"(forward)"}},
		"and nothing is done, but kept": {"MailUser", offboarding.None, offboarding.KeepHold, offboarding.StateManual, []string{"keepMail: hold", "ArchiveGuid"}},
		"and nothing is done, exported": {"MailUser", offboarding.None, offboarding.KeepExport, offboarding.StateManual, []string{"keepMail: export", "ArchiveGuid"}},
		"and nothing is done at all":    {"MailUser", offboarding.None, offboarding.KeepNone, offboarding.StateEffective, []string{""}},
		"there is none whatsoever":      {"User", offboarding.Forward, offboarding.KeepHold, offboarding.StateEffective, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(func(w *simtenant.World) {
				delete(w.Mailboxes, simtenant.UserID(henrik))
				w.Users[simtenant.UserID(henrik)].RecipientTypeDetails = tt.kind
			})
			policy := offboarding.DefaultPolicy()
			policy.KeepMail = tt.keep
			c := h.Open(t, henrik, offboarding.Options{Mailbox: tt.mailbox}, policy)
			directory, mailboxes := h.As("forward")
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, offboarding.DefaultPolicy())))
			h.Wants(t, record, tt.ends, tt.says...)
			if given := tt.keep == offboarding.KeepNone; given && strings.Contains(record.Reason, "ArchiveGuid") {
				t.Errorf("got %q; want nothing of what is given up", record.Reason)
			}
			if told := strings.Contains(record.Evidence[offboarding.ResidualRisk], "Get-MailUser "+c.Leaver); told != (tt.kind == "MailUser") {
				t.Errorf("the residual risk is %q; want it to tell of an archive here: %t", record.Evidence[offboarding.ResidualRisk], tt.kind == "MailUser")
			}
			if user, _ := h.Tenant.User(c.Leaver); user.RecipientTypeDetails != tt.kind || h.Writes() > 0 {
				t.Errorf("%d writes, want none", h.Writes())
			}
		})
	}
}
