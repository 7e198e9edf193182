// Command lambda is the signout function on AWS Lambda.
package main

import (
	"context"
	"crypto/rand"
	"errors"

	"leaver/functions/signout"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("signout", func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		directory, err := graph.New(f.Graph())
		handler, err2 := f.Looking(ctx, offboarding.StepSignout, signout.New(directory, rand.Reader), directory, config.ParsePolicy)
		return handler, errors.Join(err, err2)
	})
}
