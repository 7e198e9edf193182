// Command lambda is the block function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/block"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("block", func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		mailboxes, err2 := exchange.New(f.Exchange())
		handler, err3 := f.Looking(ctx, offboarding.StepBlock, block.New(directory, mailboxes), directory, config.ParsePolicy)
		return handler, errors.Join(err, err2, err3)
	})
}
