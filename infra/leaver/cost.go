package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// costly is who leaves in the scenario cost: 30 groups, of which 2 are distribution lists and one
// gives a licence, 3 devices, of which 2 are in Intune and one is a phone of the mailbox, and a
// OneDrive of 200 items.
const costly = "dana.swope@contoso.com"

func costlyCompany() *simtenant.Seed {
	const licences = "Licences EMS"
	seed := &simtenant.Seed{Groups: []simtenant.SeedGroup{{Name: licences, Licences: []string{simtenant.SKUEMS}}}}
	leaver := simtenant.SeedUser{
		UPN: costly, Name: "Dana Swope", Title: "Team Lead", Department: "Sales", Manager: demoRecipient,
		Licences: []string{simtenant.SKUOfficeE5}, Groups: []string{licences},
		Mailbox: simtenant.SeedMailbox{Items: 5000, Size: 2 << 30},
		Drive:   simtenant.SeedDrive{Files: 199, Size: 1 << 30}, // and a folder
		Devices: []simtenant.SeedDevice{{Name: "CPC-DANA-01"}, {Name: "CPC-DANA-02"}, {Name: "Dana's phone", OS: "iOS"}},
		Intune:  []simtenant.SeedDevice{{Name: "CPC-DANA-01", Owner: "company"}, {Name: "CPC-DANA-02", Owner: "company"}},
		Phones:  []simtenant.SeedDevice{{Name: "Dana's phone", Outlook: true}},
	}
	for i := range 29 {
		g := simtenant.SeedGroup{Name: fmt.Sprintf("Group %02d", i+1)}
		switch {
		case i < 2:
			g.Kind = "distribution"
		case i < 10:
			g.Kind = "unified"
		}
		seed.Groups = append(seed.Groups, g)
		leaver.Groups = append(leaver.Groups, g.Name)
	}
	seed.Users = []simtenant.SeedUser{
		{UPN: demoRecipient, Name: "Alex Wilber", Title: "Marketing Director", Licences: []string{simtenant.SKUOfficeE5}},
		leaver,
	}
	return seed
}

// cost counts the requests of one departure, function by function, and how long it was at work.
func (c *demoCommand) cost(env environment) error {
	tenant, err := simtenant.New(simtenant.Config{Seed: costlyCompany(), Latency: c.Latency, SyncEvery: time.Second})
	if err != nil {
		return err
	}
	policy := offboarding.DefaultPolicy()
	policy.Grace, policy.DeleteAfter = demoGrace, demoDeleteAfter
	policy.KeepMail = offboarding.KeepNone
	m := &meter{traffic: map[string]*traffic{}}
	return onStage(env, stage{tenant: tenant, policy: policy, meter: m}, func(ctx context.Context, h *house, intake string) error {
		ctx, stop := context.WithTimeoutCause(ctx, demoPatience, fmt.Errorf("the departure did not end within %s", demoPatience))
		defer stop()
		posted := time.Now()
		if code, err := postTermination(ctx, intake, costly, posted); err != nil || code != http.StatusAccepted {
			return errors.Join(err, fmt.Errorf("intake answered %d", code))
		}
		if _, err := untilAll(ctx, env, h, []string{costly}, "ended", ended); err != nil {
			return err
		}
		found, err := statuses(ctx, h.ledger, costly, h.now())
		if err != nil {
			return err
		}
		s := found[0]
		if err := writeReport(env.stdout, found); err != nil {
			return err
		}
		return errors.Join(m.report(env, s, posted), costlyIsGone(tenant, s))
	})
}

// report writes the requests of each function, and the times.
func (m *meter) report(env environment, s status, posted time.Time) error {
	_, _ = fmt.Fprintf(env.stdout, "\n%-10s  %5s  %14s  %8s\n", "function", "Graph", "in its batches", "Exchange")
	var sum traffic
	for _, f := range offboarding.Functions() {
		t := m.traffic[f.Name]
		if t == nil {
			continue
		}
		sum.graph, sum.items, sum.exchange = sum.graph+t.graph, sum.items+t.items, sum.exchange+t.exchange
		_, _ = fmt.Fprintf(env.stdout, "%-10s  %5d  %14d  %8d\n", f.Name, t.graph, t.items, t.exchange)
	}
	locked, _ := s.lockedOut()
	_, err := fmt.Fprintf(env.stdout, "%-10s  %5d  %14d  %8d\n\nlocked out, read back  %.2f s after the webhook\nat work, all together   %.2f s; the rest is the grace, the delay of the deletion, and waiting for devices\n",
		"all", sum.graph, sum.items, sum.exchange, (locked + s.Opened.Sub(posted)).Seconds(), m.atWork().Seconds())
	return err
}

// costlyIsGone is an error unless everything took effect, in the table and in the tenant.
func costlyIsGone(tenant *simtenant.Tenant, s status) error {
	var wrong []error
	for _, step := range s.Steps {
		if step.State != offboarding.StateEffective {
			wrong = append(wrong, fmt.Errorf("%s ended %s: %s", step.Name, step.State, step.Reason))
		}
	}
	if _, deleted := tenant.DeletedUser(s.Leaver.ID); !deleted {
		wrong = append(wrong, errors.New("in the tenant: the account is not deleted"))
	}
	if unknown := tenant.Unknown(); len(unknown) > 0 {
		wrong = append(wrong, fmt.Errorf("calls the tenant does not know: %v", unknown))
	}
	return errors.Join(wrong...)
}
