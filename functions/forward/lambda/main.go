// Command lambda is the forward function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/forward"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("forward", func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		policy, err := f.Policy(ctx, config.ParsePolicy)
		directory, err2 := graph.New(f.Graph())
		mailboxes, err3 := exchange.New(f.Exchange())
		return f.Step(offboarding.StepForward, forward.New(directory, mailboxes, f.Ledger, policy)), errors.Join(err, err2, err3)
	})
}
