// Command lambda is the export function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/export"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/graph"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("export", func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		mailboxes, err := graph.New(f.Graph())
		if err != nil {
			return nil, err
		}
		policy, err := f.Policy(ctx, config.ParsePolicy)
		storage := objectstore.New("", f.Credential()) // a function has no folder of its own
		sweeper := &export.Sweeper{Storage: storage, Storages: policy.ExportStorages(), Ledger: f.Ledger, Now: f.Now, Log: f.Log}
		return f.Before(sweeper.Run, f.Step(offboarding.StepExport, export.New(mailboxes, storage))), err
	})
}
