// Command lambda is the delete function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/delete"
	"leaver/shared/assembly"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("delete", func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		mailboxes, err2 := exchange.New(f.Exchange())
		return f.Step(offboarding.StepDelete, delete.New(directory, mailboxes)), errors.Join(err, err2)
	})
}
