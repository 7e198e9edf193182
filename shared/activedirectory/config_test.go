package activedirectory_test

import (
	"errors"
	"strings"
	"testing"

	"leaver/shared/activedirectory"
)

const declared = `directories:
  - domain: corp.contoso.com
    servers: [dc1.corp.contoso.com, dc2.corp.contoso.com]
    bind: svc-leaver@corp.contoso.com
    secret: env:AD_SECRET
    base: OU=Contoso,DC=corp,DC=contoso,DC=com
    synchronised: ["OU=Contoso,DC=corp,DC=contoso,DC=com"]
    moveTo: OU=Former,OU=Contoso,DC=corp,DC=contoso,DC=com
    description: left
`

func secretAt(place string) (string, error) {
	if place != "env:AD_SECRET" {
		return "", errors.New("nothing is there")
	}
	return "s3cret", nil
}

func TestDirectoriesAreDeclared(t *testing.T) {
	domains, err := activedirectory.Parse([]byte(declared), secretAt)
	if err != nil || len(domains) != 1 || domains[0].Secret != "s3cret" || domains[0].Description != "left" || len(domains[0].Servers) != 2 {
		t.Fatalf("got %d domains, %v", len(domains), err)
	}
	if _, err := activedirectory.New(domains); err != nil {
		t.Error(err)
	}
}

func TestADeclarationThatCannotBeMeantSaysWhatToFix(t *testing.T) {
	for name, test := range map[string]struct{ text, says string }{
		"nothing":          {"", "no directories"},
		"an unknown key":   {strings.Replace(declared, "base:", "basis:", 1), "basis"},
		"no secret there":  {strings.Replace(declared, "env:AD_SECRET", "env:NOBODY", 1), "secret"},
		"no file with it":  {strings.Replace(declared, "    base:", "    ca: none.pem\n    base:", 1), "none.pem"},
		"out of the scope": {strings.Replace(declared, "moveTo: OU=Former,OU=Contoso", "moveTo: OU=Former", 1), "synchronised"},
	} {
		t.Run(name, func(t *testing.T) {
			domains, err := activedirectory.Parse([]byte(test.text), secretAt)
			if err == nil {
				_, err = activedirectory.New(domains)
			}
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want what to fix about %q", err, test.says)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(declared)
	f.Fuzz(func(t *testing.T, text string) {
		domains, err := activedirectory.Parse([]byte(text), secretAt)
		if err != nil && len(domains) > 0 {
			t.Error("an error with domains")
		}
	})
}
