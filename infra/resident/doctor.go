package resident

import (
	"context"
	"time"

	"leaver/shared/doctor"
)

// Doctor examines the installation with the rights of this host. Webhooks are the secrets of
// /webhooks/standard, sample one that everybody knows, more what else is to be asked.
func (h *Host) Doctor(webhooks []string, sample string, more ...func(context.Context) []doctor.Finding) *doctor.Doctor {
	return &doctor.Doctor{
		Directory: h.Directory, Exchange: h.mailboxes, Bus: h.Bus, Ledger: h.Ledger, Policy: h.Planner.Policy,
		Functions: doctor.Functions(h.Planner.Policy), Application: h.Planner.Application,
		Webhooks: webhooks, Sample: sample, More: more, Now: h.Now,
	}
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
