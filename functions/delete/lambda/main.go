// Command lambda is the delete function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/delete"
	"leaver/shared/anchors"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("delete", func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		mailboxes, err2 := exchange.New(f.Exchange())
		handler, err3 := f.Looking(ctx, offboarding.StepDelete, delete.New(directory, mailboxes), directory, config.ParsePolicy)
		return handler, errors.Join(f.Anchored(ctx, anchors.Open), err, err2, err3)
	})
}
