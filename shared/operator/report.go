package operator

import (
	"context"
	"errors"
	"fmt"

	"leaver/shared/ledger"
	"leaver/shared/report"
)

// Report is the story of a departure for whoever was not there, signed by the key of the ledger where this
// host holds it: later versions know it by that.
func (s *Desk) Report(ctx context.Context, who Who) (report.Report, error) {
	story, err := s.Story(ctx, who)
	if err != nil {
		return report.Report{}, err
	}
	signed, err := story.Signed(ctx, s.Ledger.SignReport)
	if errors.Is(err, ledger.ErrNoSigner) {
		return story, nil
	}
	return signed, err
}

// Story says what became of a departure: of the case that is named, or of the last one of a person.
func (s *Desk) Story(ctx context.Context, who Who) (report.Report, error) {
	id := who.Case
	if id == "" {
		found, err := s.findOf(ctx, who)
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
