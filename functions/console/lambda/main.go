// Command lambda is the console on AWS Lambda, behind an HTTP API.
package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"leaver/functions/console"
	"leaver/functions/plan"
	"leaver/functions/replay"
	"leaver/shared/anchors"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/worker/lambda"
)

// firstLook is how long a page may read departures that are over: the gateway waits for 30 s, and the rest of
// the page takes its time too.
const firstLook = 8 * time.Second

func main() {
	assembly.Run(offboarding.FunctionConsole, func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		policy, err := f.Policy(ctx, config.ParsePolicy)
		directory, err2 := graph.New(f.Graph())
		limits, err3 := f.SourceLimits(ctx)
		at, err4 := f.Console(ctx)
		if err := errors.Join(f.Anchored(ctx, anchors.Open), err, err2, err3, err4); err != nil {
			return nil, err
		}
		if at.URL == "" { // a deployment without a console: nothing is there, and nothing fails
			return lambda.HTTP(http.NotFoundHandler(), func() {}), nil
		}
		key, err := console.KeyOf(at.Key)
		if err != nil {
			return nil, err
		}
		c, err := console.New(console.Options{
			Public: at.URL, Key: key, Log: f.Log,
			SignIn: console.SignIn{Authority: at.SignIn, TenantID: f.Tenant, ClientID: at.ClientID, Assertion: at.Assertion, Client: at.HTTP},
			Desk: &operator.Desk{
				Ledger: f.Ledger, Hurried: true, Index: &operator.Index{Within: firstLook}, Bus: f.Bus, Directory: directory, Now: f.Now,
				Replayer: &replay.Replayer{Ledger: f.Ledger, Bus: f.Bus, Now: f.Now, Log: f.Log},
				Planner: &plan.Planner{
					Directory: directory, Ledger: f.Ledger, Bus: f.Bus, Tenant: f.Tenant, Application: f.Application,
					Policy: policy, SourceLimits: limits, Now: f.Now, Log: f.Log,
				},
			},
		})
		if err != nil {
			return nil, err
		}
		return lambda.HTTP(c.Handler(), f.Bus.Flush), nil
	})
}
