// Command lambda is the notify function on AWS Lambda.
package main

import (
	"context"

	"leaver/functions/notify"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/graph"
	"leaver/shared/notices"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run(offboarding.FunctionNotify, func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		policy, err := f.Policy(ctx, config.ParsePolicy)
		if err != nil {
			return nil, err
		}
		directory, err := graph.New(f.Graph())
		n := &notify.Notifier{Ledger: f.Ledger, Now: f.Now, Log: f.Log, Report: f.Metrics, Console: f.Pages()}
		for _, c := range policy.Channels {
			sender, unopened := notices.Open(ctx, c, notices.Options{Read: f.Stored(), Mail: directory, Now: f.Now})
			n.Channels = append(n.Channels, notify.Channel{Channel: c, Sender: sender, Unopened: unopened})
		}
		return lambda.HandlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) { return nil, n.Run(ctx) }), err
	})
}
