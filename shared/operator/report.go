package operator

import (
	"context"
	"fmt"

	"leaver/shared/report"
)

// Report says what became of a departure, for whoever was not there: of the case that is named, or of
// the last one of a person.
func (s *Desk) Report(ctx context.Context, who Who) (report.Report, error) {
	id := who.Case
	if id == "" {
		found, err := s.find(ctx, who)
		if err != nil {
			return report.Report{}, err
		}
		for _, one := range found { // oldest first
			if one.Case != "" {
				id = one.Case
			}
		}
	}
	if id == "" {
		return report.Report{}, refused(fmt.Sprintf("no case for %q; leaver status lists them", who))
	}
	evidence, err := s.Ledger.Evidence(ctx, id)
	if err != nil {
		return report.Report{}, err
	}
	return report.Of(evidence, s.Now())
}
