// Command lambda is the watch function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/watch"
	"leaver/shared/anchors"
	"leaver/shared/assembly"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run(offboarding.FunctionWatch, func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		w := &watch.Watch{Ledger: f.Ledger, Bus: f.Bus, Now: f.Now, Log: f.Log, Report: f.Metrics, Expect: f.Bus.Expect}
		return lambda.HandlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
			defer f.Bus.Flush()
			return nil, w.Run(ctx)
		}), f.Anchored(ctx, anchors.Open)
	})
}
