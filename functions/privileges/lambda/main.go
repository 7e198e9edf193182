// Command lambda is the privileges function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/privileges"
	"leaver/shared/anchors"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("privileges", func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		handler, err2 := f.Looking(ctx, offboarding.StepPrivileges, privileges.New(directory, f.Ledger), directory, config.ParsePolicy)
		return handler, errors.Join(f.Anchored(ctx, anchors.Open), err, err2)
	})
}
