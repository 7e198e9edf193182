// Command lambda is the licence function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/licence"
	"leaver/shared/anchors"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("licence", func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		mailboxes, err2 := exchange.New(f.Exchange())
		handler, err3 := f.Looking(ctx, offboarding.StepLicence, licence.New(directory, mailboxes), directory, config.ParsePolicy)
		return handler, errors.Join(f.Anchored(ctx, anchors.Open), err, err2, err3)
	})
}
