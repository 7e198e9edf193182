// Command lambda is the onedrive function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/onedrive"
	"leaver/shared/assembly"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("onedrive", func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		return f.Step(offboarding.StepOnedrive, onedrive.New(directory, f.Ledger)), err
	})
}
