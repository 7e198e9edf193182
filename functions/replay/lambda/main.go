// Command lambda is the replay function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/replay"
	"leaver/shared/assembly"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run(offboarding.FunctionReplay, func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		r := &replay.Replayer{Ledger: f.Ledger, Bus: f.Bus, Now: f.Now, Log: f.Log}
		return lambda.JSON(func(ctx context.Context, s replay.Selection) ([]replay.Item, error) {
			defer f.Bus.Flush()
			return r.Replay(ctx, s)
		}), nil
	})
}
