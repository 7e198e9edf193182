package main

import (
	"errors"
	"fmt"

	"leaver/infra/resident"
	"leaver/shared/activedirectory"
)

// checkDirectories prints what the service account may do in each directory. It writes nothing
// there.
func checkDirectories(on console) error {
	domains, err := resident.DirectoriesOf(on, on.environ)
	if err != nil {
		return err
	}
	if len(domains) == 0 {
		return errors.New("set LEAVER_DIRECTORY to file:PATH of the declaration of your directories (infra/activedirectory)")
	}
	client, err := activedirectory.New(domains)
	if err != nil {
		return fmt.Errorf("LEAVER_DIRECTORY: %w", err)
	}
	missing := 0
	for _, d := range domains {
		session, err := client.Open(on, d.Name, "")
		if err != nil {
			return err
		}
		rights, err := session.Check(on)
		session.Close()
		if err != nil {
			return err
		}
		for _, r := range rights {
			says := "ok"
			switch {
			case r.Of == 0:
				says = "unknown: nothing was found to look at below " + d.Base
			case r.May < r.Of:
				missing++
				says = fmt.Sprintf("on %d of %d; grant: %s", r.May, r.Of, r.Fix)
			}
			if _, err := fmt.Fprintf(on.stdout, "%s: %s: %s\n", d.Name, r.Name, says); err != nil {
				return err
			}
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d rights are missing, or reach only some of the objects", missing)
	}
	return nil
}
