package ledger

import (
	"context"
	"slices"

	"leaver/shared/offboarding"
)

// ExportDeleted records that an export of a case is gone: once for one manifest in one storage, however often
// it is told. Nobody signs it: it opens nothing. Errors: ErrNoCase, ErrUnreadable, and those of the store.
func (l *Ledger) ExportDeleted(ctx context.Context, id string, d offboarding.DeletedExport) error {
	_, err := l.update(ctx, id, func(c *offboarding.Case) (*offboarding.Entry, error) {
		if slices.ContainsFunc(c.DeletedExports, func(was offboarding.DeletedExport) bool { return was.Manifest == d.Manifest && was.From == d.From }) {
			return nil, nil
		}
		return &offboarding.Entry{Kind: offboarding.EntryExportDeleted, Export: &d}, nil
	})
	return err
}
