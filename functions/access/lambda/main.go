// Command lambda is the access function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/access"
	"leaver/functions/privileges"
	"leaver/shared/assembly"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("access", func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		mailboxes, err2 := exchange.New(f.Exchange())
		return f.Step(offboarding.StepAccess, access.New(directory, mailboxes, f.Ledger, privileges.New(directory, f.Ledger))), errors.Join(err, err2)
	})
}
