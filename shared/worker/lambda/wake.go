package lambda

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awslambda "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
)

// horizon is how far ahead a function is invoked to wait for a message: the minute until the
// schedule comes round, and what that may be late. A dated departure is locked out within
// seconds of its time, not at the next minute.
const horizon = 75 * time.Second

// rewake is how long a function that was woken is not woken again. It is shorter than the time
// that a woken function waits for a message, so that it gets also what is published within it.
const rewake = worker.Quiet / 2

// wakeTime is how long invoking a function may take.
const wakeTime = 3 * time.Second

// Invoke invokes a function and does not wait for what it does.
type Invoke func(ctx context.Context, function string, payload []byte) error

// NewInvoke invokes functions through AWS, as events.
func NewInvoke(c aws.Config) Invoke {
	client := awslambda.NewFromConfig(c)
	return func(ctx context.Context, function string, payload []byte) error {
		_, err := client.Invoke(ctx, &awslambda.InvokeInput{
			FunctionName: &function, InvocationType: types.InvocationTypeEvent, Payload: payload,
		})
		return err
	}
}

// Waker is a bus that, after publishing, invokes the functions that the message is for, so that
// nothing has to run all the time and nobody waits for the schedule. A wake that fails is only
// logged: the schedule comes within a minute. It is safe for concurrent use.
type Waker struct {
	bus.Bus
	// Invoke wakes; nil wakes nobody.
	Invoke Invoke
	Prefix string // of the functions' names
	// Self is the subscription that this function drains, if it drains one. It is not woken;
	// what is published for it is told by Due.
	Self string
	Now  func() time.Time
	Log  *slog.Logger

	mu     sync.Mutex
	woken  map[string]time.Time // when the function was last woken
	waits  map[string]time.Time // the last message that it was told to wait for
	own    []time.Time          // when messages for this function become visible
	inHand sync.WaitGroup
}

// Publish implements bus.Publisher.
func (w *Waker) Publish(ctx context.Context, m bus.Message) (duplicate bool, err error) {
	if duplicate, err = w.Bus.Publish(ctx, m); err == nil {
		w.wake(ctx, takers(m), m.At)
	}
	return duplicate, err
}

// Resubmit implements bus.Bus.
func (w *Waker) Resubmit(ctx context.Context, subscription, key string, m bus.Message) error {
	err := w.Bus.Resubmit(ctx, subscription, key, m)
	if err == nil {
		w.wake(ctx, []string{subscription}, m.At)
	}
	return err
}

// Expect invokes the function of a step to wait for a message that is on its way.
func (w *Waker) Expect(ctx context.Context, step offboarding.StepName, due time.Time) {
	w.wake(ctx, []string{string(step)}, due)
}

// Due is when the last message for this function before a time becomes visible, of those that
// it has published itself or was told of.
func (w *Waker) Due(before time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Now()
	w.own = slices.DeleteFunc(w.own, func(at time.Time) bool { return at.Add(worker.Quiet).Before(now) })
	var last time.Time
	for _, at := range w.own {
		if at.After(last) && at.Before(before) {
			last = at
		}
	}
	return last
}

// Flush waits for the wakes that are under way. Lambda stops the process at the end of an
// invocation, and with it whatever was not waited for.
func (w *Waker) Flush() { w.inHand.Wait() }

// takers are the functions that a message is for, those that lock the leaver out first.
func takers(m bus.Message) []string {
	var names []string
	for _, s := range bus.Subscriptions() {
		if s.Entity == m.Entity && (s.OfQueue() || slices.Contains(s.Subjects, m.Subject)) {
			names = append(names, s.Name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		switch {
		case isUrgent(a) && !isUrgent(b):
			return -1
		case isUrgent(b) && !isUrgent(a):
			return 1
		}
		return 0
	})
	return names
}

func isUrgent(function string) bool {
	spec, _ := offboarding.SpecOf(offboarding.StepName(function))
	return spec.Urgent
}

func remember(times *map[string]time.Time, function string, at time.Time) {
	if *times == nil {
		*times = map[string]time.Time{}
	}
	(*times)[function] = at
}

// wake invokes functions for a message that becomes visible at a time, in order. It does not
// wait for the answers.
func (w *Waker) wake(ctx context.Context, functions []string, at time.Time) {
	now := w.Now()
	if at.After(now.Add(horizon)) {
		return
	}
	payload := []byte("{}")
	if at.After(now) {
		payload, _ = json.Marshal(invocation{Due: at})
	}
	var targets []string
	w.mu.Lock()
	for _, function := range functions {
		switch {
		case function == w.Self:
			w.own = append(w.own, at)
		case w.Invoke == nil:
		case at.After(now):
			if at.After(w.waits[function]) {
				remember(&w.waits, function, at)
				targets = append(targets, function)
			}
		case now.Sub(w.woken[function]) >= rewake:
			remember(&w.woken, function, now)
			targets = append(targets, function)
		}
	}
	w.mu.Unlock()
	if len(targets) == 0 {
		return
	}
	w.inHand.Go(func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), wakeTime)
		defer stop()
		var calls sync.WaitGroup
		for i, function := range targets {
			if i > 0 && isUrgent(targets[i-1]) && !isUrgent(function) {
				calls.Wait()
			}
			calls.Go(func() {
				if err := w.Invoke(ctx, w.Prefix+function, payload); err != nil {
					w.Log.Warn("function not woken; the schedule will", "function", function, "error", err)
				}
			})
		}
		calls.Wait()
	})
}
