package activedirectory_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"leaver/shared/activedirectory"
	"leaver/shared/activedirectory/sambatest"
	"leaver/shared/offboarding"
)

func TestAnAccountIsDisabledAndItsPasswordReset(t *testing.T) {
	f := newFixture(t)
	ctx, wrote := writing(t)
	s := f.open(t)
	before, err := s.Find(ctx, f.identity(t, f.dn))
	if err != nil {
		t.Fatal(err)
	}
	if before.ID != f.leaver || !before.Enabled || !before.Person || before.Privileged || before.Critical || before.PrimaryGroup != offboarding.DomainUsers || before.Parent != sambatest.People {
		t.Fatalf("got %+v", before)
	}
	if conn, err := f.Dial("sam.ash@"+sambatest.Domain, sambatest.Initial); err != nil {
		t.Fatalf("before: %v", err)
	} else {
		_ = conn.Close()
	}
	if err := s.Disable(ctx, before); err != nil {
		t.Fatal(err)
	}
	password := random()
	if err := s.ResetPassword(ctx, f.leaver, password); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{sambatest.Initial, password} {
		if _, err := f.Dial("sam.ash@"+sambatest.Domain, p); err == nil {
			t.Errorf("the leaver signs in with password %d characters long", len(p))
		}
	}
	after, err := s.Account(ctx, f.leaver)
	if err != nil {
		t.Fatal(err)
	}
	if after.Enabled || !after.PasswordSet.After(before.PasswordSet) {
		t.Errorf("got %+v", after)
	}
	if n := len(wrote.calls); n != 2 {
		t.Errorf("%d writes are evidence, want 2: %v", n, wrote.calls)
	}
	// Twice is once, and what was read before is not written over what somebody set meanwhile.
	if err := s.Disable(ctx, after); err != nil || len(wrote.calls) != 2 {
		t.Errorf("disabling again: %v, %d writes", err, len(wrote.calls))
	}
	must(t, f.Set(f.dn, "userAccountControl", "66048"))
	if err := s.Disable(ctx, before); err == nil || offboarding.IsPermanent(err) {
		t.Errorf("disabling as it was read before somebody changed it: %v, want a transient error", err)
	}
}

// StartTLS on port 389 is the other way of Windows; a controller refuses a bind without either.
func TestADirectoryIsReachedByStartTLS(t *testing.T) {
	f := newFixture(t)
	domain := f.Domain()
	domain.StartTLS = true
	c, err := activedirectory.New([]activedirectory.Domain{domain}, activedirectory.Dial(f.DialContext))
	must(t, err)
	s, err := c.Open(t.Context(), sambatest.Domain, "")
	must(t, err)
	defer s.Close()
	ctx, _ := writing(t)
	if err := s.ResetPassword(ctx, f.leaver, random()); err != nil {
		t.Errorf("a password is refused as over a connection without TLS: %v", err)
	}
}

func TestAnAccountLeavesItsGroups(t *testing.T) {
	f := newFixture(t)
	ctx, _ := writing(t)
	f.group(t, "Staff", f.dn)
	f.group(t, "Choir (mixed) #1", f.dn)
	s := f.open(t)
	groups, err := s.Groups(ctx, f.leaver)
	if err != nil || len(groups) != 2 {
		t.Fatalf("groups %v: %v", groups, err)
	}
	for _, g := range groups {
		if err := s.LeaveGroup(ctx, g.ID, f.leaver); err != nil {
			t.Fatal(err)
		}
		if err := s.LeaveGroup(ctx, g.ID, f.leaver); err != nil {
			t.Errorf("leaving a group twice: %v", err)
		}
	}
	if groups, err = s.Groups(ctx, f.leaver); err != nil || len(groups) > 0 {
		t.Errorf("still in %v: %v", groups, err)
	}
}

// One leaves, and 4,999 stay.
func TestAGroupOfFiveThousandLosesOneMember(t *testing.T) {
	f := newFixture(t)
	crowd, err := f.Crowd(4999)
	must(t, err)
	dn, err := f.Group("Everybody", append(crowd, f.dn)...)
	must(t, err)
	ctx, _ := writing(t)
	s := f.open(t)
	groups, err := s.Groups(ctx, f.leaver)
	if err != nil || len(groups) != 1 {
		t.Fatalf("groups %v: %v", groups, err)
	}
	must(t, s.LeaveGroup(ctx, groups[0].ID, f.leaver))
	group, err := f.Read(dn, "member")
	must(t, err)
	if left := group.GetAttributeValues("member"); len(left) != 4999 || slices.Contains(left, f.dn) {
		t.Errorf("%d members are left, want 4999 and not the leaver", len(left))
	}
}

// A group outside of the base is one all the same.
func TestGroupsAreThoseOfTheWholeDomain(t *testing.T) {
	f := newFixture(t)
	must(t, f.Set("CN=Remote Desktop Users,CN=Builtin,"+sambatest.Base, "member", f.dn))
	if groups, err := f.open(t).Groups(t.Context(), f.leaver); err != nil || len(groups) != 1 {
		t.Errorf("groups %v: %v; want the one", groups, err)
	}
}

func TestB15AnAccountIsTheOneOfTheAnchorOrNobody(t *testing.T) {
	f := newFixture(t)
	kim := f.person(t, "kim.oak")
	s := f.open(t)
	right := f.identity(t, f.dn)
	for name, change := range map[string]func(*offboarding.OnPremisesIdentity){
		"another's SID":  func(i *offboarding.OnPremisesIdentity) { i.SID = f.identity(t, kim).SID },
		"another's name": func(i *offboarding.OnPremisesIdentity) { i.SamAccountName = "kim.oak" },
		"no anchor":      func(i *offboarding.OnPremisesIdentity) { i.Anchor = "" },
		"a short anchor": func(i *offboarding.OnPremisesIdentity) { i.Anchor = "Zm9v" },
	} {
		t.Run(name, func(t *testing.T) {
			who := right
			change(&who)
			got, err := s.Find(t.Context(), who)
			var permanent *offboarding.PermanentError
			if !errors.As(err, &permanent) {
				t.Errorf("got %+v, %v; want a permanent error", got, err)
			}
			if strings.HasPrefix(name, "another's") && !strings.Contains(err.Error(), "Disable-ADAccount -Identity "+f.leaver) {
				t.Errorf("got %v; want what to type", err)
			}
		})
	}
	for _, former := range []string{"somebody.former", "somebody*", ""} {
		renamed := right
		renamed.SamAccountName = former
		if got, err := s.Find(t.Context(), renamed); err != nil || got.ID != f.leaver {
			t.Errorf("once called %q: got %q, %v; want %q by anchor and SID", former, got.ID, err, f.leaver)
		}
	}
	gone := right
	gone.Anchor = "AAAAAAAAAAAAAAAAAAAAAA=="
	if _, err := s.Find(t.Context(), gone); !errors.Is(err, offboarding.ErrNotFound) {
		t.Errorf("an anchor that nobody has: %v", err)
	}
	// Two accounts with one anchor: the migrated one carries the other's objectGUID.
	anchor, err := base64.StdEncoding.DecodeString(right.Anchor)
	must(t, err)
	must(t, f.Set(kim, "mS-DS-ConsistencyGuid", string(anchor)))
	if _, err := s.Find(t.Context(), right); err == nil || !strings.Contains(err.Error(), "2 accounts") {
		t.Errorf("two accounts with one anchor: %v", err)
	}
}

func TestAMigratedAccountIsFoundByItsConsistencyGuid(t *testing.T) {
	f := newFixture(t)
	who := f.identity(t, f.dn)
	who.Anchor = "ABEiM0RVZneImaq7zN3u/w=="
	must(t, f.Set(f.dn, "mS-DS-ConsistencyGuid", "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"))
	account, err := f.open(t).Find(t.Context(), who)
	if err != nil || account.ID != f.leaver {
		t.Errorf("got %q, %v; want %q", account.ID, err, f.leaver)
	}
}

func TestAnAccountMovesUnderItsName(t *testing.T) {
	f := newFixture(t)
	ctx, _ := writing(t)
	s := f.open(t)
	if err := s.Move(ctx, f.leaver, sambatest.Former); err != nil {
		t.Fatal(err)
	}
	account, err := s.Account(ctx, f.leaver)
	if err != nil || account.Parent != sambatest.Former || account.ID != f.leaver {
		t.Errorf("got %+v, %v", account, err)
	}
}

func TestWithoutARightTheErrorSaysSo(t *testing.T) {
	f := newFixture(t)
	ctx, _ := writing(t)
	admin := f.administrator(t)
	s := f.open(t)
	for name, write := range map[string]func() error{
		"disable": func() error {
			account, err := s.Account(ctx, admin)
			must(t, err)
			return s.Disable(ctx, account)
		},
		"reset password": func() error { return s.ResetPassword(ctx, admin, random()) },
		"move":           func() error { return s.Move(ctx, admin, sambatest.Former) },
		"delete":         func() error { return s.Delete(ctx, admin) },
	} {
		t.Run(name, func(t *testing.T) {
			err := write()
			var permanent *offboarding.PermanentError
			if !errors.As(err, &permanent) || !strings.Contains(err.Error(), "no right") || !strings.Contains(err.Error(), admin) {
				t.Errorf("got %v; want a permanent error that names the account and the right", err)
			}
		})
	}
	account, err := s.Account(ctx, admin)
	if err != nil || !account.Enabled || !account.Critical {
		t.Errorf("the administrator: %+v, %v", account, err)
	}
}

func TestNothingIsWrittenWithoutAWriteGuard(t *testing.T) {
	f := newFixture(t)
	s := f.open(t)
	account, err := s.Account(t.Context(), f.leaver)
	must(t, err)
	if err := s.Disable(t.Context(), account); err == nil {
		t.Error("disabled without a write guard")
	}
	account, err = s.Account(t.Context(), f.leaver)
	if err != nil || !account.Enabled {
		t.Errorf("got %+v, %v", account, err)
	}
}

// administrator is the objectGUID of an account that is nobody's.
func (f *fixture) administrator(t *testing.T) string {
	t.Helper()
	domain := f.Domain()
	domain.Base = ""
	c, err := activedirectory.New([]activedirectory.Domain{domain}, activedirectory.Dial(f.DialContext))
	must(t, err)
	s, err := c.Open(t.Context(), sambatest.Domain, "")
	must(t, err)
	t.Cleanup(s.Close)
	account, err := s.Find(t.Context(), f.identity(t, "CN=Administrator,CN=Users,"+sambatest.Base))
	must(t, err)
	return account.ID
}
