// Command lambda is the licence function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/licence"
	"leaver/shared/assembly"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("licence", func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		mailboxes, err2 := exchange.New(f.Exchange())
		return f.Step(offboarding.StepLicence, licence.New(directory, mailboxes)), errors.Join(err, err2)
	})
}
