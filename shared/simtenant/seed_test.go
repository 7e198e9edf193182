package simtenant

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestSeedFile(t *testing.T) {
	seed, err := ReadSeed(strings.NewReader(`
company: Fabrikam
domain: fabrikam.com
groups:
  - {name: Licences, licences: [ENTERPRISEPACK]}
users:
  - userPrincipalName: ada.birke@fabrikam.com
    displayName: Ada Birke
    groups: [Licences]
    manager: bo.klee@fabrikam.com
    mailbox: {items: 3, size: 4096}
    phones: [{name: Phone, syncEvery: 30s}]
  - {userPrincipalName: bo.klee@fabrikam.com, displayName: Bo Klee, roles: [Global Administrator]}
apps:
  - {clientId: 33333333-3333-4333-8333-333333333333, secret: x, roles: [User.Read.All]}
`))
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := New(Config{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	ada, ok := tenant.UserByUPN("ADA.birke@fabrikam.com")
	if !ok || ada.ManagerID != UserID("bo.klee@fabrikam.com") || ada.Surname != "Birke" {
		t.Errorf("ada is %+v", ada)
	}
	m, _ := tenant.Mailbox(ada.ID)
	equal(t, "size", m.Size, 4096)
}

func TestSeedRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"company: X\nusres: []\n":                                         "[2:1]",
		"users:\n  - {userPrincipalName: a@b.c, shoe: 1}\n":               `unknown field "shoe"`,
		"users: [{userPrincipalName: nobody}]":                            "is no address",
		"users: [{userPrincipalName: a@b.c, manager: x@b.c}]":             "no manager",
		"users: [{userPrincipalName: a@b.c, licences: [GOLD]}]":           `no SKU "GOLD"`,
		"users: [{userPrincipalName: a@b.c, roles: [King]}]":              `no directory role "King"`,
		"users: [{userPrincipalName: a@b.c, groups: [G]}]":                `no group "G"`,
		"users: [{userPrincipalName: a@b.c, mailbox: {items: 1}}]":        "without an Exchange licence",
		"users: [{userPrincipalName: a@b.c}, {userPrincipalName: A@b.c}]": "twice",
		"groups: [{name: G, kind: secret}]":                               "groups.0.kind",
	} {
		seed, err := ReadSeed(strings.NewReader(text))
		if err == nil {
			_, err = New(Config{Seed: seed})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestCompanyIsTheSameEveryTime(t *testing.T) {
	now := func() time.Time { return start }
	a, err := New(Config{Users: 700, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(Config{Users: 700, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a.world, b.world) {
		t.Error("two companies of one size differ")
	}
	equal(t, "people", len(a.world.Users), 700)
	for _, u := range wellKnown {
		if _, ok := a.UserByUPN(a.world.Users[UserID(strings.TrimSuffix(u.UPN, "@contoso.com")+"@contoso.com")].UserPrincipalName); !ok {
			t.Errorf("%s is missing", u.UPN)
		}
	}
	for _, s := range a.world.SKUs {
		if n := a.world.taken(s.ID); n > s.Seats {
			t.Errorf("%s: %d of %d seats", s.PartNumber, n, s.Seats)
		}
	}
}

// TestTheSchemaOfASeedIsHeld: seed.schema.json refuses what the tenant cannot be given.
func TestTheSchemaOfASeedIsHeld(t *testing.T) {
	for text, says := range map[string]string{
		"users: [{userPrincipalName: a@contoso.com, employeeId: 00123, phones: [{name: P, syncEvery: 1m30s}]}]": "",
		"users: [{userPrincipalName: a@contoso.com, mailbox: {inPlaceHolds: [mbx1], delayHoldApplied: true}}]":  "",
		"users:":                          "",
		"groups: [{name: G, kind: team}]": "groups.0.kind",
		"users: [{userPrincipalName: a@contoso.com, devices: [{name: D, trustType: Hybrid}]}]": "users.0.devices.0.trustType",
		"users: [{userPrincipalName: a@contoso.com, shoeSize: 44}]":                            "shoeSize",
		"knobs: {cloud: germany}": "knobs.cloud",
	} {
		if _, err := ReadSeed(strings.NewReader(text)); says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: got %v, want it to name %q", text, err, says)
		}
	}
}
