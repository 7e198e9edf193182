package activedirectory_test

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/offboarding"
)

// fixture is an organisation with a leaver, and a client that acts as the service account.
type fixture struct {
	*sambatest.Organisation
	dn, leaver string // the leaver's distinguished name and objectGUID
	client     *activedirectory.Client
}

// newFixture makes one. Rights that are named are not given to the service account.
func newFixture(t *testing.T, without ...string) *fixture {
	t.Helper()
	o, err := sambatest.Settle(sambatest.New(t), without...)
	must(t, err)
	f := &fixture{Organisation: o}
	f.dn = f.person(t, "sam.ash")
	f.client, err = activedirectory.New([]activedirectory.Domain{o.Domain()}, activedirectory.Dial(o.DialContext))
	must(t, err)
	account, err := f.open(t).Find(t.Context(), f.identity(t, f.dn))
	must(t, err)
	f.leaver = account.ID
	return f
}

func (f *fixture) open(t *testing.T) *activedirectory.Session {
	t.Helper()
	s, err := f.client.Open(t.Context(), sambatest.Domain, "")
	must(t, err)
	t.Cleanup(s.Close)
	return s
}

func (f *fixture) person(t *testing.T, sam string) (dn string) {
	t.Helper()
	dn, err := f.Person(sam, sambatest.People, sambatest.Initial)
	must(t, err)
	return dn
}

func (f *fixture) group(t *testing.T, sam string, members ...string) {
	t.Helper()
	_, err := f.Group(sam, members...)
	must(t, err)
}

func (f *fixture) identity(t *testing.T, dn string) offboarding.OnPremisesIdentity {
	t.Helper()
	who, err := f.Identity(dn)
	must(t, err)
	return who
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// recorder is a write guard that lets everything through and keeps what was done.
type recorder struct{ calls []offboarding.Call }

func (r *recorder) Allow(context.Context) error  { return nil }
func (r *recorder) Record(call offboarding.Call) { r.calls = append(r.calls, call) }

func writing(t *testing.T) (context.Context, *recorder) {
	t.Helper()
	r := &recorder{}
	return offboarding.WithWriteGuard(t.Context(), r), r
}

func random() string { return "aA1-" + strings.Repeat(rand.Text(), 2) }
