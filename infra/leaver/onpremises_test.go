package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/resident"
	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// BenchmarkLockoutOnPremises measures from the accepted webhook to the lockout of somebody whom an
// on-premises directory masters, there and in the cloud side by side. Every answer of both takes as
// long. In the cloud three must come one after another: find, read, disable. On premises five: find in
// the cloud, and of the domain controller bind, whether it can write, find, disable.
func BenchmarkLockoutOnPremises(b *testing.B) {
	const latency, inCloud, onPremises = 100 * time.Millisecond, 3, 5
	organisation, err := sambatest.Settle(sambatest.New(b))
	if err != nil {
		b.Fatal(err)
	}
	tap := sambatest.NewTap(b, organisation.Controller)
	done := &moments{}
	tap.Before = func(string) error { <-time.After(latency); return nil }
	tap.After = func(call string) error { done.note(call); return nil }
	domain := organisation.Domain()
	domain.CA = tap.CA
	directories, err := activedirectory.New([]activedirectory.Domain{domain}, activedirectory.Dial(tap.DialContext))
	if err != nil {
		b.Fatal(err)
	}
	tenant, server, _ := startTenant(b, simtenant.Config{Users: 500, Knobs: simtenant.Knobs{Latency: latency, SyncedWritable: true}})
	people := synchronisedPeople(b, tenant, organisation, b.N+1)
	policy := offboarding.DefaultPolicy()
	policy.OnPremises, policy.Limits = offboarding.OnPremisesByFunction, offboarding.Limits{}
	_, intake := hosted(b, resident.Options{
		Elsewhere: map[offboarding.StepName]worker.Step{offboarding.StepOnpremises: resident.Onpremises(directories)},
		Tenant:    demo.TenantOf(server.Connection()), Policy: policy,
	})
	ctx := b.Context()
	leave := func(i int) (cloud, there time.Duration) {
		done.forget()
		if code, err := demo.PostSigned(ctx, intake, fmt.Sprintf("msg_%d", i), webhook(people[i])); err != nil || code != http.StatusAccepted {
			b.Fatalf("%d, %v", code, err)
		}
		accepted := time.Now()
		every := time.NewTicker(2 * time.Millisecond)
		defer every.Stop()
		for range every.C {
			user, _ := tenant.User(simtenant.UserID(people[i]))
			if cloud == 0 && !user.AccountEnabled && user.SessionsValidFrom.After(accepted.Add(-2*time.Second)) {
				cloud = time.Since(accepted)
			}
			if at, disabled := done.of("modify userAccountControl"); cloud != 0 && disabled {
				return cloud, at.Sub(accepted)
			}
		}
		return 0, 0
	}
	leave(0) // the first one pays for tokens and connections
	b.ResetTimer()
	var cloud, there time.Duration
	for i := range b.N {
		c, o := leave(i + 1)
		cloud, there = cloud+c, there+o
	}
	n := float64(b.N)
	b.ReportMetric(cloud.Seconds()*1000/n, "ms-cloud")
	b.ReportMetric(cloud.Seconds()/n/(inCloud*latency).Seconds(), "cloud/3-answers")
	b.ReportMetric(there.Seconds()*1000/n, "ms-on-premises")
	b.ReportMetric(there.Seconds()/n/(onPremises*latency).Seconds(), "on-premises/5-answers")
}

// moments are when calls were done last.
type moments struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (m *moments) note(call string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[call] = time.Now()
}

func (m *moments) of(call string) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, is := m.at[call]
	return at, is
}

func (m *moments) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = map[string]time.Time{}
}

// synchronisedPeople are people of the tenant who are put into the directory as well.
func synchronisedPeople(b *testing.B, tenant *simtenant.Tenant, in *sambatest.Organisation, n int) (people []string) {
	b.Helper()
	identities := map[string]offboarding.OnPremisesIdentity{}
	tenant.Edit(func(w *simtenant.World) {
		for _, u := range w.Users {
			if u.OnPremisesSyncEnabled == nil && u.AccountEnabled && u.UserType == "Member" && strings.HasSuffix(u.Department, "ing") &&
				strings.Index(u.UserPrincipalName, "@") <= 20 { // the most that sAMAccountName takes
				people = append(people, u.UserPrincipalName)
			}
		}
	})
	slices.Sort(people)
	people = people[:n]
	for _, person := range people {
		name, _, _ := strings.Cut(person, "@")
		dn, err := in.Person(name, sambatest.People, sambatest.Initial)
		if err != nil {
			b.Fatal(err)
		}
		if identities[person], err = in.Identity(dn); err != nil {
			b.Fatal(err)
		}
	}
	tenant.Edit(func(w *simtenant.World) {
		synced := true
		for person, who := range identities {
			u := w.Users[simtenant.UserID(person)]
			u.OnPremisesSyncEnabled = &synced
			u.OnPremises = simtenant.OnPremises{DomainName: who.Domain, ImmutableID: who.Anchor, SecurityIdentifier: who.SID, SamAccountName: who.SamAccountName}
		}
	})
	return people
}
