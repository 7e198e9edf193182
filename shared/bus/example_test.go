package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"leaver/shared/bus"
	"leaver/shared/bus/nats"
	"leaver/shared/embedded"
	"leaver/shared/offboarding"
)

// A message is published for a step, received under a lock, and completed.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	dir, err := os.MkdirTemp("", "bus")
	check(err)
	defer func() { check(os.RemoveAll(dir)) }()
	server, err := embedded.Start(dir, embedded.Options{Logger: slog.New(slog.DiscardHandler)})
	check(err)
	defer func() { check(server.Close()) }()
	conn, err := server.Connect()
	check(err)
	broker, err := nats.Open(ctx, conn, nats.Options{})
	check(err)
	defer func() { check(broker.Close()) }()

	m, err := bus.Step{
		Tenant: "contoso", Case: "87d349ed-44d7-43e1-9a83-5f2406dee5bd-1", PlanVersion: 1,
		Step: offboarding.StepBlock, N: 1, Leaver: "87d349ed-44d7-43e1-9a83-5f2406dee5bd",
	}.Message(time.Now())
	check(err)
	_, err = broker.Publish(ctx, m)
	check(err)

	receiver, err := broker.Open(ctx, string(offboarding.StepBlock))
	check(err)
	deliveries, err := receiver.Receive(ctx, 10)
	check(err)
	for _, d := range deliveries {
		step, err := bus.DecodeStep(d.Body())
		check(err)
		fmt.Println("to do:", step.Step, "of case", step.Case)
		check(d.Complete(ctx))
	}
	check(receiver.Close(ctx))
	depth, err := broker.Depth(ctx, string(offboarding.StepBlock))
	check(err)
	fmt.Println("left:", depth.Active)
	// Output:
	// to do: block of case 87d349ed-44d7-43e1-9a83-5f2406dee5bd-1
	// left: 0
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
