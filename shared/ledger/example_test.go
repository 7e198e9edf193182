package ledger_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"time"

	"leaver/shared/embedded"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	natsledger "leaver/shared/ledger/nats"
	"leaver/shared/offboarding"
)

// A departure is opened, and a run takes one of its steps, asks before it writes, and settles what
// it observed.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "ledger")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	server, err := embedded.Start(dir, embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	check(err)
	defer func() { check(server.Close()) }()
	conn, err := server.Connect()
	check(err)
	store, err := natsledger.Open(ctx, conn, natsledger.Options{})
	check(err)
	l := ledger.New(store, time.Now, rand.Reader, ledgertest.Proof("contoso"))

	now := time.Now()
	request := offboarding.Request{
		ID: offboarding.RequestID("webhooks/standard", "msg-1"), Kind: offboarding.Termination, Source: "webhooks/standard",
		EventTime: now, ReceivedAt: now, LeavingTime: now, Employee: offboarding.Employee{ID: leaver},
	}
	plan, err := offboarding.Compile(request, offboarding.DefaultPolicy())
	check(err)
	c, err := l.Open(ctx, ledger.Opening{Tenant: "contoso", Leaver: leaver, Request: request, Plan: plan})
	check(err)

	message := ledger.Claim{Tenant: "contoso", Case: c.ID, Leaver: leaver, PlanVersion: 1, Step: offboarding.StepSignout, N: 1}
	run, admission, err := l.Begin(ctx, message, now.Add(time.Minute))
	check(err)
	fmt.Println("the first message is", admission.Kind)
	_, admission, err = l.Begin(ctx, message, now.Add(time.Minute))
	check(err)
	fmt.Println("the same again is", admission.Kind)

	check(run.Allow(ctx)) // before every write
	c, err = run.Settle(ctx, ledger.Settlement{State: offboarding.StateEffective})
	check(err)
	fmt.Println("signout is", c.Step(offboarding.StepSignout).State)
	// Output:
	// the first message is admitted
	// the same again is leased
	// signout is effective
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
