// Command lambda is the signout function on AWS Lambda.
package main

import (
	"context"
	"crypto/rand"

	"leaver/functions/signout"
	"leaver/shared/assembly"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("signout", func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		return f.Step(offboarding.StepSignout, signout.New(directory, rand.Reader)), err
	})
}
