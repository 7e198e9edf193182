// Command lambda is the preserve function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/preserve"
	"leaver/shared/assembly"
	"leaver/shared/exchange"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run("preserve", func(_ context.Context, f *assembly.Function) (lambda.Handler, error) {
		mailboxes, err := exchange.New(f.Exchange())
		return f.Step(offboarding.StepPreserve, preserve.New(mailboxes)), err
	})
}
