package offboarding_test

import (
	"context"
	"fmt"

	"leaver/shared/offboarding"
)

// locker is a world of one locker, whose lock needs a moment to show that it is shut.
type locker struct{ shows, shut bool }

// Open reads the locker. What was done to it shows at the next read.
func (l *locker) Open(context.Context) (open bool, err error) {
	open = !l.shows
	l.shows = l.shut
	return open, nil
}

// Shut shuts the locker.
func (l *locker) Shut(context.Context) error {
	l.shut = true
	return nil
}

// lockers is a step: it shuts the leaver's locker.
type lockers struct{ locker *locker }

// Work implements worker.Step. It is level-based: it reads the world and changes only what differs,
// so that twice equals once.
func (s lockers) Work(ctx context.Context, job *offboarding.Job) error {
	_, err := offboarding.Ensure(ctx, job, offboarding.Effect[bool]{
		What:   "shutting the locker",
		Read:   s.locker.Open,
		Wanted: func(open bool) bool { return !open },
		Before: func(open bool) map[string]string { return map[string]string{"lockerOpen": fmt.Sprint(open)} },
		Write:  func(ctx context.Context, _ bool) error { return s.locker.Shut(ctx) },
		Shows:  func(bool) string { return "it still reads open" },
	})
	if err == nil {
		job.Evidence["locker"] = "shut"
	}
	return err
}

// A step that uses Ensure, run by hand. The worker runs it in the same way, and again when it is due.
func ExampleEnsure() {
	record := &offboarding.Record{Name: "lockers", Before: map[string]string{}}
	job := &offboarding.Job{
		Step: record, Evidence: map[string]string{},
		Keep: func(_ context.Context, before, _ map[string]string) error {
			for name, value := range before {
				record.Before[name] = value
			}
			return nil
		},
	}
	step := lockers{&locker{}}
	for range 2 {
		verdict := step.Work(context.Background(), job)
		fmt.Println(verdict, record.Before, job.Evidence)
	}
	// Output:
	// not yet: shutting the locker was accepted, but it still reads open map[lockerOpen:true] map[]
	// <nil> map[lockerOpen:true] map[locker:shut]
}
