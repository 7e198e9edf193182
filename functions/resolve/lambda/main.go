// Command lambda is the resolve function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/resolve"
	"leaver/shared/assembly"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run(offboarding.FunctionResolve, func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		readers, err := f.Readers(ctx)
		r := &resolve.Resolver{Sources: readers, Words: f.Ledger, Bus: f.Bus, Now: f.Now, Log: f.Log, Count: f.Metrics.Reading}
		return r.Polling(f.Queue(offboarding.FunctionResolve, r.Handle)), err
	})
}
