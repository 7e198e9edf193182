// Command lambda is the plan function on AWS Lambda.
package main

import (
	"context"
	"errors"

	"leaver/functions/plan"
	"leaver/shared/anchors"
	"leaver/shared/assembly"
	"leaver/shared/config"
	"leaver/shared/graph"
	"leaver/shared/offboarding"
	"leaver/shared/worker/lambda"
)

func main() {
	assembly.Run(offboarding.FunctionPlan, func(ctx context.Context, f *assembly.Function) (lambda.Handler, error) {
		policy, err := f.Policy(ctx, config.ParsePolicy)
		directory, err2 := graph.New(f.Graph())
		limits, err3 := f.SourceLimits(ctx)
		p := &plan.Planner{
			Directory: directory, Ledger: f.Ledger, Bus: f.Bus, Tenant: f.Tenant, Application: f.Application,
			Policy: policy, SourceLimits: limits, Now: f.Now, Log: f.Log,
		}
		f.Examine = f.Doctor(offboarding.FunctionPlan, directory, policy).Examine
		queue := f.Queue(offboarding.FunctionPlan, p.Handle)
		return lambda.HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
			answer, err := queue.Invoke(ctx, payload) // whoever leaves now goes first
			return answer, errors.Join(err, p.Minute(ctx))
		}), errors.Join(f.Anchored(ctx, anchors.Open), err, err2, err3)
	})
}
