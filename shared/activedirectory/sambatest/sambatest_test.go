package sambatest_test

import (
	"testing"

	"github.com/go-ldap/ldap/v3"

	"leaver/shared/activedirectory/sambatest"
)

func TestAControllerServesItsDomain(t *testing.T) {
	c := sambatest.New(t)
	found, err := c.Admin(t).Search(ldap.NewSearchRequest(sambatest.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false,
		"(sAMAccountName=Administrator)", []string{"objectGUID"}, nil))
	if err != nil || len(found.Entries) != 1 {
		t.Fatalf("found %v: %v", found, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Dial(sambatest.Administrator, sambatest.Password); err == nil {
		t.Error("a closed controller answers")
	}
	if err := c.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log(c.SID(t, "CN=Administrator,CN=Users,"+sambatest.Base))
}
