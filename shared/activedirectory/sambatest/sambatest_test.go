package sambatest_test

import (
	"testing"

	"leaver/shared/activedirectory/sambatest"
)

func TestAControllerServesItsDomain(t *testing.T) {
	c := sambatest.New(t)
	o, err := sambatest.Settle(c)
	if err != nil {
		t.Fatal(err)
	}
	dn, err := o.Person("sam.ash", sambatest.People, sambatest.Initial)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Identity(dn); err != nil {
		t.Fatal(err)
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
	if _, err := c.Dial("sam.ash@"+sambatest.Domain, sambatest.Initial); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}
