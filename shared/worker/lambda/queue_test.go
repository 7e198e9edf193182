package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/shared/bus"
	natsbus "leaver/shared/bus/nats"
	"leaver/shared/embedded/embeddedtest"
	"leaver/shared/offboarding"
	"leaver/shared/worker"
	"leaver/shared/worker/lambda"
	"leaver/shared/worker/steptest"
)

// fixture is a harness whose messages travel on the embedded bus to one function on Lambda.
type fixture struct {
	*steptest.Harness
	broker *natsbus.Bus
	waker  *lambda.Waker
	woken  *woken
}

func newFixture(t *testing.T, self string) *fixture {
	t.Helper()
	h := steptest.New(t)
	broker, err := natsbus.Open(t.Context(), embeddedtest.Connect(t), natsbus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	s := &fixture{Harness: h, broker: broker, woken: &woken{}}
	s.waker = &lambda.Waker{Bus: broker, Invoke: s.woken.invoke, Prefix: "leaver-", Self: self, Now: time.Now, Log: h.Logger()}
	return s
}

// queue is the function of a step.
func (s *fixture) queue(step offboarding.StepName, work stepFunc) *lambda.Queue {
	w := s.Worker(step, work)
	w.Bus = s.waker
	return &lambda.Queue{
		Subscription: string(step), Handle: w.Handle, Bus: s.waker, Concurrency: 4, Now: time.Now, Log: s.Logger(),
	}
}

// publish puts the message for a step on the bus.
func (s *fixture) publish(t *testing.T, caseID string, step offboarding.StepName, at time.Time) {
	t.Helper()
	m := s.Message(t, caseID, step)
	m.At = at
	if _, err := s.broker.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// holds fails the test unless the subscription of a step comes to hold so many messages: the server
// counts a message a moment after it has acknowledged it.
func (s *fixture) holds(t *testing.T, step offboarding.StepName, active, dead int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(5 * time.Second); ; <-tick.C {
		d, err := s.broker.Depth(t.Context(), string(step))
		if err != nil {
			t.Fatal(err)
		}
		if d.Active == active && d.DeadLetters == dead {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%s: %+v, want %d active and %d parked", step, d, active, dead)
			return
		}
	}
}

type stepFunc func(ctx context.Context, job *offboarding.Job) error

func (f stepFunc) Work(ctx context.Context, job *offboarding.Job) error { return f(ctx, job) }

// woken keeps which functions were invoked, and with what.
type woken struct {
	mu    sync.Mutex
	names []string
	with  []string
	fail  error
}

func (w *woken) invoke(_ context.Context, function string, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names, w.with = append(w.names, function), append(w.with, string(payload))
	return w.fail
}

func invoke(t *testing.T, h lambda.Handler, timeout time.Duration, payload string) ([]byte, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), timeout)
	defer stop()
	return h.Invoke(ctx, []byte(payload))
}

var people = []string{"adele.vance@contoso.com", "alex.wilber@contoso.com", "megan.bowen@contoso.com"}

func TestAnInvocationDrainsItsSubscription(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "signout")
	var cases []string
	for _, person := range people {
		c := s.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
		cases = append(cases, c.ID)
		s.publish(t, c.ID, offboarding.StepSignout, time.Time{})
	}
	q := s.queue(offboarding.StepSignout, func(context.Context, *offboarding.Job) error { return nil })
	// What a schedule sends besides is nothing to it.
	if answer, err := invoke(t, q, time.Minute, `{"version":"0","detail-type":"Scheduled Event","detail":{}}`); err != nil || answer != nil {
		t.Fatalf("%s, %v", answer, err)
	}
	for _, id := range cases {
		if r := s.Record(t, id, offboarding.StepSignout); r.State != offboarding.StateEffective {
			t.Errorf("case %s: %s", id, r.State)
		}
	}
	s.holds(t, offboarding.StepSignout, 0, 0)
}

// TestADrainWaitsForWhatIsDueSoon gives it a message that becomes visible after the subscription
// was empty for longer than an empty one is waited for.
func TestADrainWaitsForWhatIsDueSoon(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "signout")
	c := s.Open(t, people[0], offboarding.Options{}, offboarding.DefaultPolicy())
	due := time.Now().Add(2 * worker.Quiet)
	s.publish(t, c.ID, offboarding.StepSignout, due)
	q := s.queue(offboarding.StepSignout, func(context.Context, *offboarding.Job) error { return nil })
	payload, err := json.Marshal(map[string]time.Time{"due": due})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := invoke(t, q, time.Minute, string(payload)); err != nil {
		t.Fatal(err)
	}
	if r := s.Record(t, c.ID, offboarding.StepSignout); r.State != offboarding.StateEffective {
		t.Error(r.State)
	}
}

// TestADrainWaitsForItsOwnRetry lets a step fail once: the message of its retry is due within
// the same invocation.
func TestADrainWaitsForItsOwnRetry(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "signout")
	c := s.Open(t, people[0], offboarding.Options{}, offboarding.DefaultPolicy())
	s.publish(t, c.ID, offboarding.StepSignout, time.Time{})
	runs := 0
	w := s.Worker(offboarding.StepSignout, stepFunc(func(context.Context, *offboarding.Job) error {
		if runs++; runs == 1 {
			return offboarding.After(3*time.Second, "not yet")
		}
		return nil
	}))
	w.Bus, w.Now = s.waker, time.Now
	q := s.queue(offboarding.StepSignout, nil)
	q.Handle = func(ctx context.Context, d bus.Delivery) error {
		s.Advance(time.Until(s.Now()) * -1) // the ledger goes by the clock of the harness
		return w.Handle(ctx, d)
	}
	if _, err := invoke(t, q, time.Minute, ""); err != nil {
		t.Fatal(err)
	}
	if r := s.Record(t, c.ID, offboarding.StepSignout); r.State != offboarding.StateEffective || runs != 2 {
		t.Errorf("%s after %d runs", r.State, runs)
	}
	if len(s.woken.names) > 0 {
		t.Errorf("it woke %v", s.woken.names)
	}
}

// TestAnInvocationEndsBeforeItsDeadline has work in hand that takes longer than the invocation
// may, and expects it to be broken off with the message still there.
func TestAnInvocationEndsBeforeItsDeadline(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "signout")
	c := s.Open(t, people[0], offboarding.Options{}, offboarding.DefaultPolicy())
	s.publish(t, c.ID, offboarding.StepSignout, time.Time{})
	q := s.queue(offboarding.StepSignout, func(ctx context.Context, _ *offboarding.Job) error {
		<-ctx.Done()
		return ctx.Err()
	})
	ctx, stop := context.WithTimeout(t.Context(), 12*time.Second)
	defer stop()
	if _, err := q.Invoke(ctx, nil); err != nil || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
	if r := s.Record(t, c.ID, offboarding.StepSignout); r.State != offboarding.StatePlanned {
		t.Error(r.State)
	}
	s.holds(t, offboarding.StepSignout, 1, 0)
}

func TestASubscriptionThatIsNotThereFailsTheInvocation(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "signout")
	q := s.queue(offboarding.StepSignout, nil)
	q.Subscription = "nothing"
	if _, err := invoke(t, q, time.Minute, ""); !errors.Is(err, bus.ErrNotFound) {
		t.Error(err)
	}
	if _, err := invoke(t, q, time.Minute, "[]"); err == nil {
		t.Error("a list was taken for a payload")
	}
}

// TestMessagesOfAnInvocation brings one message for each way that a message can end.
func TestMessagesOfAnInvocation(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "signout")
	verdicts := map[string]error{}
	var bodies []string
	for i, verdict := range []error{nil, offboarding.Permanent(errors.New("no"))} {
		c := s.Open(t, people[i], offboarding.Options{}, offboarding.DefaultPolicy())
		verdicts[c.Leaver] = verdict
		bodies = append(bodies, string(s.Message(t, c.ID, offboarding.StepSignout).Body))
	}
	bodies = append(bodies, `{"id":"x"}`)
	q := s.queue(offboarding.StepSignout, func(_ context.Context, job *offboarding.Job) error { return verdicts[job.Leaver] })
	answer, err := invoke(t, q, time.Minute, `{"messages":[`+strings.Join(bodies, ",")+`]}`)
	if err != nil {
		t.Fatal(err)
	}
	var outcomes []lambda.Outcome
	if err := json.Unmarshal(answer, &outcomes); err != nil || len(outcomes) != 3 {
		t.Fatalf("%s, %v", answer, err)
	}
	if !outcomes[0].Done || outcomes[1].Done || outcomes[1].Reason != worker.ReasonParked || outcomes[2].Done || outcomes[2].Reason != worker.ReasonMalformed {
		t.Errorf("%+v", outcomes)
	}
	// What could not be completed is parked by the next invocation, where replay finds it.
	if _, err := invoke(t, q, time.Minute, ""); err != nil {
		t.Fatal(err)
	}
	s.holds(t, offboarding.StepSignout, 0, 2)
}

func TestAMessageThatCannotBeSettledGoesToTheBus(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "signout")
	c := s.Open(t, people[0], offboarding.Options{}, offboarding.DefaultPolicy())
	payload := `{"messages":[` + string(s.Message(t, c.ID, offboarding.StepSignout).Body) + `]}`
	q := s.queue(offboarding.StepSignout, nil)
	q.Handle = func(context.Context, bus.Delivery) error { return errors.New("the ledger is away") }
	answer, err := invoke(t, q, time.Minute, payload)
	if err != nil || strings.Contains(string(answer), `"done":true`) {
		t.Fatalf("%s, %v", answer, err)
	}
	s.holds(t, offboarding.StepSignout, 1, 0)
	// It is for this function alone.
	s.holds(t, offboarding.StepBlock, 0, 0)
	s.waker.Bus = away{}
	if _, err := invoke(t, q, time.Minute, payload); !errors.Is(err, bus.ErrUnavailable) {
		t.Error(err)
	}
}

// away is a bus that cannot be reached.
type away struct{ bus.Bus }

func (away) Publish(context.Context, bus.Message) (bool, error) { return false, bus.ErrUnavailable }

func TestATerminationWakesTheLockoutFirst(t *testing.T) {
	t.Parallel()
	s := newFixture(t, "plan")
	c := s.OpenUnpublished(t, people[0], offboarding.Options{}, offboarding.DefaultPolicy())
	if _, err := worker.Dispatch(t.Context(), s.waker, s.Ledger, c); err != nil {
		t.Fatal(err)
	}
	s.waker.Flush()
	var want []string
	for _, step := range offboarding.Steps {
		if !step.OwnMessage() {
			want = append(want, "leaver-"+string(step.Name))
		}
	}
	urgent := s.woken.names[:2]
	if slices.Sort(urgent); !slices.Equal(urgent, []string{"leaver-block", "leaver-signout"}) {
		t.Errorf("first %v", s.woken.names)
	}
	got := slices.Sorted(slices.Values(s.woken.names))
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%v, wanted %v", got, want)
	}
	// A whole layoff within a moment is one wake.
	for i := range 50 {
		if _, err := s.waker.Publish(t.Context(), bus.Message{ID: fmt.Sprint("x", i), Entity: bus.Topic, Subject: bus.SubjectTermination, Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
	}
	s.waker.Flush()
	if len(s.woken.names) != len(want) {
		t.Errorf("woken %d times", len(s.woken.names))
	}
}

func TestWhoIsWokenWhen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		m    bus.Message
		want string
	}{
		"a request":                  {bus.Message{Entity: bus.Queue}, "leaver-plan {}"},
		"a gate":                     {bus.Message{Entity: bus.Topic, Subject: "licence"}, "leaver-licence {}"},
		"a message for itself":       {bus.Message{Entity: bus.Topic, Subject: "signout"}, ""},
		"one within the minute":      {bus.Message{Entity: bus.Topic, Subject: "delete", At: now.Add(time.Minute)}, `leaver-delete {"due":"2026-11-22T09:01:00Z"}`},
		"one for later":              {bus.Message{Entity: bus.Topic, Subject: "delete", At: now.Add(time.Hour)}, ""},
		"a subject of nobody's step": {bus.Message{Entity: bus.Topic, Subject: "x"}, ""},
	} {
		w := &woken{fail: errors.New("nobody listens")}
		waker := &lambda.Waker{Bus: taking{}, Invoke: w.invoke, Prefix: "leaver-", Self: "signout", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
		for range 2 {
			if _, err := waker.Publish(t.Context(), tt.m); err != nil {
				t.Error(err)
			}
		}
		waker.Flush()
		got := ""
		for i := range w.names {
			got += w.names[i] + " " + w.with[i]
		}
		if got != tt.want {
			t.Errorf("%s: %q, wanted %q", name, got, tt.want)
		}
	}
}

func TestDueIsTheLastThatCanBeWaitedFor(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	waker := &lambda.Waker{Bus: taking{}, Self: "signout", Now: func() time.Time { return now }}
	for _, in := range []time.Duration{5 * time.Second, 20 * time.Second, 60 * time.Second, time.Hour} {
		if _, err := waker.Publish(t.Context(), bus.Message{Entity: bus.Topic, Subject: "signout", At: now.Add(in)}); err != nil {
			t.Fatal(err)
		}
	}
	if due := waker.Due(now.Add(30 * time.Second)); !due.Equal(now.Add(20 * time.Second)) {
		t.Error(due)
	}
	now = now.Add(10 * time.Minute)
	if due := waker.Due(now.Add(time.Hour)); !due.IsZero() {
		t.Error(due)
	}
}

func TestAConnectionIsMadeAnewAfterALongPause(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	connected := 0
	var fail error
	h := lambda.Reconnecting(lambda.HandlerFunc(func(context.Context, []byte) ([]byte, error) {
		now = now.Add(90 * time.Second)
		return nil, nil
	}), func() time.Time { return now }, func() error { connected++; return fail })
	for i, tt := range []struct {
		pause time.Duration
		want  int
	}{{0, 1}, {0, 1}, {time.Minute, 1}, {2 * time.Minute, 2}, {time.Second, 2}} {
		now = now.Add(tt.pause)
		if _, err := h.Invoke(t.Context(), nil); err != nil || connected != tt.want {
			t.Errorf("%d: connected %d times, %v", i, connected, err)
		}
	}
	now, fail = now.Add(time.Hour), errors.New("no way")
	for range 2 {
		if _, err := h.Invoke(t.Context(), nil); !errors.Is(err, fail) {
			t.Error(err)
		}
	}
}
