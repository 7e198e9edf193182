package resident

import (
	"context"
	"errors"
	"slices"
	"time"

	"leaver/shared/doctor"
	"leaver/shared/offboarding"
)

// Doctor examines the installation with the rights of this host. Webhooks are the secrets of
// /webhooks/standard, sample one that everybody knows, more what else is to be asked.
func (h *Host) Doctor(webhooks []string, sample string, more ...func(context.Context) []doctor.Finding) *doctor.Doctor {
	return &doctor.Doctor{
		Directory: h.Directory, Exchange: h.mailboxes, Bus: h.Bus, Ledger: h.Ledger, Policy: h.Planner.Policy,
		Functions: doctor.Functions(h.Planner.Policy), Own: h.own(), Application: h.Planner.Application,
		Webhooks: webhooks, Sample: sample, More: append(more, h.channels, h.Backups), Now: h.Now,
	}
}

// own are the functions whose rights the host has: those that it serves. Where a person started it with
// their own token, it has that person's.
func (h *Host) own() []offboarding.Function {
	if h.Planner.Application == "" || h.Operator.Named() {
		return nil
	}
	return slices.DeleteFunc(doctor.Functions(h.Planner.Policy), func(f offboarding.Function) bool { return !h.Serves(f.Name) })
}

// Backups are the findings about copies of the ledger. A host that shares its ledger need not be told where
// another one copies it to.
func (h *Host) Backups(ctx context.Context) []doctor.Finding {
	if h.Backup.Place == "" && h.shared {
		return []doctor.Finding{{
			Check: "backup", Subject: "ledger", State: doctor.Unknown, Why: "this host is not told where the ledger is copied to",
			Fix: "LEAVER_BACKUP: output backup of infra/azure",
		}}
	}
	return doctor.Backups(h.Backup.Wrong)(ctx)
}

// channels are the findings about the channels to people. Nothing is sent.
func (h *Host) channels(ctx context.Context) []doctor.Finding {
	const check = "channels"
	var found []doctor.Finding
	for _, c := range h.Notifier.Channels {
		f := doctor.Finding{Check: check, Subject: c.Name, State: doctor.OK, Why: "it has what it needs; whether it takes anything, the first notice tells"}
		switch {
		case c.Unopened != nil:
			f.State, f.Why, f.Fix = doctor.Wrong, c.Unopened.Error()+": nobody is told by it", "channels in the policy, and what stands where they say; leaver help channel"
		case c.From != "":
			if _, err := h.Directory.User(ctx, c.From); errors.Is(err, offboarding.ErrNotFound) {
				f.State, f.Why, f.Fix = doctor.Wrong, "the mailbox that it sends as does not exist: nobody is told by it", "write the object id of the mailbox's account into from; ./exchange.ps1 -Sender ADDRESS in infra/azure"
			} else if err != nil {
				f.State, f.Why, f.Fix = doctor.Unknown, "its mailbox could not be read: "+err.Error(), "run leaver doctor with rights that show it: User.Read.All"
			}
		}
		found = append(found, f)
	}
	return found
}

// examineEvery is how often a host examines the installation by itself, with its own rights: a secret
// ends, a permission is taken away, somebody switches a workflow on.
const examineEvery = 6 * time.Hour

// examine says in the log what is not as it should be, and counts it.
func (h *Host) examine(ctx context.Context) {
	every := time.NewTicker(examineEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		found := h.Doctor(nil, "").Examine(ctx)
		if ctx.Err() != nil {
			return
		}
		h.Metrics.Wrong(doctor.Count(found))
		for _, f := range found {
			if f.State == doctor.Wrong {
				h.log.Warn("not as it should be", "check", f.Check, "subject", f.Subject, "why", f.Why, "fix", f.Fix)
			}
		}
	}
}
