package nats_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/bus"
	"leaver/shared/bus/bustest"
	"leaver/shared/bus/nats"
	"leaver/shared/embedded"
	"leaver/shared/offboarding"
)

// What is peculiar to NATS: each of these was a trap once.

func quick(t *testing.T) *harness {
	return newHarness(t, embedded.Options{NoSync: true}, nats.Options{Subscriptions: bustest.Subscriptions(), Lock: time.Second})
}

func (h *harness) jetstream(t *testing.T) jetstream.JetStream {
	t.Helper()
	conn, err := h.ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func (h *harness) publish(t *testing.T, m bus.Message) {
	t.Helper()
	if _, err := h.bus.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func config(t *testing.T, js jetstream.JetStream, name string) jetstream.StreamConfig {
	t.Helper()
	stream, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().Config
}

func TestStreamsKeepEverything(t *testing.T) {
	t.Parallel()
	js := quick(t).jetstream(t)
	live, dead := config(t, js, nats.Stream), config(t, js, nats.DeadStream)
	if live.Retention != jetstream.InterestPolicy {
		t.Errorf("retention %v, want interest: work-queue retention refuses two consumers of one subject", live.Retention)
	}
	if dead.Retention != jetstream.LimitsPolicy {
		t.Errorf("retention of the dead letters %v, want limits", dead.Retention)
	}
	for _, c := range []jetstream.StreamConfig{live, dead} {
		if c.MaxAge != 0 {
			t.Errorf("%s: MaxAge %s, want none: it deletes schedules that are not due", c.Name, c.MaxAge)
		}
		if c.MaxMsgs != -1 || c.MaxBytes != -1 || c.MaxMsgsPerSubject != -1 {
			t.Errorf("%s: limits %d, %d, %d, want none", c.Name, c.MaxMsgs, c.MaxBytes, c.MaxMsgsPerSubject)
		}
		if c.Storage != jetstream.FileStorage {
			t.Errorf("%s: storage %v, want file", c.Name, c.Storage)
		}
	}
	stream, err := js.Stream(t.Context(), nats.Stream)
	if err != nil {
		t.Fatal(err)
	}
	consumers := stream.ListConsumers(t.Context())
	n := 0
	for info := range consumers.Info() {
		n++
		c := info.Config
		if c.MaxDeliver != -1 {
			t.Errorf("%s: MaxDeliver %d, want -1: a message past it stays without a signal", c.Durable, c.MaxDeliver)
		}
		if c.AckPolicy != jetstream.AckExplicitPolicy || c.MaxAckPending < 10_000 || c.InactiveThreshold != 0 {
			t.Errorf("%s: ack policy %v, MaxAckPending %d, InactiveThreshold %s", c.Durable, c.AckPolicy, c.MaxAckPending, c.InactiveThreshold)
		}
	}
	if want := len(bustest.Subscriptions()) + 1; consumers.Err() != nil || n != want {
		t.Errorf("%d consumers, want %d (one is on the schedules); error %v", n, want, consumers.Err())
	}
}

func TestWorkQueueRetentionRefusesTheTerminationSubject(t *testing.T) {
	t.Parallel()
	js := quick(t).jetstream(t)
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "WORK", Subjects: []string{"work.*"}, Retention: jetstream.WorkQueuePolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	consumer := jetstream.ConsumerConfig{Durable: "one", FilterSubject: "work.termination", AckPolicy: jetstream.AckExplicitPolicy}
	if _, err := js.CreateConsumer(t.Context(), "WORK", consumer); err != nil {
		t.Fatal(err)
	}
	consumer.Durable = "two"
	if _, err := js.CreateConsumer(t.Context(), "WORK", consumer); err == nil {
		t.Error("work-queue retention takes a second consumer now: interest retention could be thought over")
	}
}

func TestOpenTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	h := quick(t)
	before := h.consumers(t)
	h.publish(t, bus.Message{ID: "m", Entity: bus.Queue})
	conn, err := h.ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nats.Open(t.Context(), conn, h.opts); err != nil {
		t.Fatal(err)
	}
	h.restart(t)
	after := h.consumers(t)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("consumers before\n%v\nafter\n%v", before, after)
	}
	if depth, err := h.bus.Depth(t.Context(), "requests"); err != nil || depth.Active != 1 {
		t.Errorf("depth %+v, error %v, want one message", depth, err)
	}
}

// consumers are the creation times by name: a consumer that was made anew has another.
func (h *harness) consumers(t *testing.T) map[string]string {
	t.Helper()
	stream, err := h.jetstream(t).Stream(t.Context(), nats.Stream)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	list := stream.ListConsumers(t.Context())
	for info := range list.Info() {
		all[info.Name] = fmt.Sprint(info.Created.UTC(), info.Config.FilterSubjects, info.Config.AckWait)
	}
	if list.Err() != nil {
		t.Fatal(list.Err())
	}
	return all
}

// A second schedule on one subject replaces the first without a word.
func TestEachScheduleHasASubjectOfItsOwn(t *testing.T) {
	t.Parallel()
	h := quick(t)
	at := time.Now().Add(time.Hour)
	for _, id := range []string{"a/1", "a/2", "a.1", "a=2F1"} {
		h.publish(t, bus.Message{ID: id, Entity: bus.Queue, At: at})
	}
	stream, err := h.jetstream(t).Stream(t.Context(), nats.Stream)
	if err != nil {
		t.Fatal(err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("leaver.at.>"))
	if err != nil {
		t.Fatal(err)
	}
	if len(info.State.Subjects) != 4 {
		t.Errorf("schedules are on %v, want four subjects", info.State.Subjects)
	}
}

// After the window of duplicates the later schedule of an id replaces the earlier one.
func TestAnIDIsNeverScheduledTwice(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{NoSync: true}, nats.Options{
		Subscriptions: bustest.Subscriptions(), Duplicates: 100 * time.Millisecond,
	})
	m := bus.Message{ID: "m", Entity: bus.Queue, At: time.Now().Add(1500 * time.Millisecond)}
	h.publish(t, m)
	forgotten, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	<-forgotten.Done()
	if duplicate, err := h.bus.Publish(t.Context(), m); err != nil || duplicate {
		t.Fatalf("duplicate %t, error %v: the window has not passed, the test proves nothing", duplicate, err)
	}
	r, err := h.bus.Open(t.Context(), "requests")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	n := 0
	for ctx.Err() == nil {
		got, err := r.Receive(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		n += len(got)
	}
	if n != 1 {
		t.Errorf("it arrived %d times, want once", n)
	}
}

// A batch with an id that the server has seen is refused whole: nobody's message may be
// lost by it, and the duplicate must still be told.
func TestADuplicateAmongConcurrentPublishersHarmsNobody(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{}, nats.Options{Subscriptions: bustest.Subscriptions()})
	h.publish(t, bus.Message{ID: "seen", Entity: bus.Queue})
	const n = 200
	var wg sync.WaitGroup
	duplicates := make(chan string, n)
	for i := range n {
		id := fmt.Sprintf("m-%d", i)
		if i%20 == 0 {
			id = "seen"
		}
		wg.Go(func() {
			duplicate, err := h.bus.Publish(t.Context(), bus.Message{ID: id, Entity: bus.Queue})
			if err != nil {
				t.Error(err)
			}
			if duplicate {
				duplicates <- id
			}
		})
	}
	wg.Wait()
	close(duplicates)
	told := 0
	for id := range duplicates {
		told++
		if id != "seen" {
			t.Errorf("%s is no duplicate", id)
		}
	}
	if told != n/20 {
		t.Errorf("%d duplicates told, want %d", told, n/20)
	}
	if depth, err := h.bus.Depth(t.Context(), "requests"); err != nil || depth.Active != n-n/20+1 {
		t.Errorf("depth %+v, error %v, want %d messages", depth, err, n-n/20+1)
	}
}

// The scheduled message inherits headers; those of a batch would be taken for a batch.
func TestSchedulesGoWithoutBatchHeaders(t *testing.T) {
	t.Parallel()
	h := quick(t)
	at := time.Now().Add(time.Hour)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if _, err := h.bus.Publish(t.Context(), bus.Message{ID: fmt.Sprint(i), Entity: bus.Queue, At: at}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	stream, err := h.jetstream(t).Stream(t.Context(), nats.Stream)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= 100; seq++ {
		msg, err := stream.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		if id := msg.Header.Get("Nats-Batch-Id"); id != "" {
			t.Fatalf("schedule %d has batch id %s", seq, id)
		}
	}
}

func TestUnavailableWhenTheServerIsGone(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{NoSync: true}, nats.Options{Subscriptions: bustest.Subscriptions(), Timeout: time.Second})
	r, err := h.bus.Open(t.Context(), "requests")
	if err != nil {
		t.Fatal(err)
	}
	h.publish(t, bus.Message{ID: "m", Entity: bus.Queue})
	held, err := r.Receive(t.Context(), 1)
	if err != nil || len(held) != 1 {
		t.Fatalf("received %d, error %v", len(held), err)
	}
	h.stop(t)
	ctx := t.Context()
	_, publishing := h.bus.Publish(ctx, bus.Message{ID: "n", Entity: bus.Queue})
	_, later := h.bus.Publish(ctx, bus.Message{ID: "l", Entity: bus.Queue, At: time.Now().Add(time.Hour)})
	_, receiving := r.Receive(ctx, 1)
	_, measuring := h.bus.Depth(ctx, "requests")
	for doing, err := range map[string]error{
		"publishing": publishing, "scheduling": later, "receiving": receiving, "measuring": measuring,
		"completing":     held[0].Complete(ctx),
		"dead-lettering": held[0].DeadLetter(ctx, "r", "d"),
	} {
		if !errors.Is(err, bus.ErrUnavailable) {
			t.Errorf("%s: error %v, want ErrUnavailable", doing, err)
		}
	}
}

// The subscriptions of production, once, on a store that syncs always.
func TestProductionSubscriptions(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{}, nats.Options{})
	h.publish(t, bus.Message{ID: "t", Entity: bus.Topic, Subject: bus.SubjectTermination})
	for _, s := range bus.Subscriptions() {
		depth, err := h.bus.Depth(t.Context(), s.Name)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, subject := range s.Subjects {
			if subject == bus.SubjectTermination {
				want = 1
			}
		}
		if depth.Active != want {
			t.Errorf("%s has %d messages, want %d", s.Name, depth.Active, want)
		}
	}
}

func TestASecondServerOnTheDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	h := quick(t)
	_, err := embedded.Start(h.dir, embedded.Options{})
	if !errors.Is(err, embedded.ErrInUse) {
		t.Fatalf("error %v, want ErrInUse for %s", err, filepath.Base(h.dir))
	}
}

// TestWhatTheBusHoldsOfARequestIsErased: a request that was taken, and one whose dead letter was discarded,
// stand in no file of the server any more.
func TestWhatTheBusHoldsOfARequestIsErased(t *testing.T) {
	h := newHarness(t, embedded.Options{}, nats.Options{Subscriptions: bus.Subscriptions()})
	taken, parked := "taken.by@contoso.com", "parked.as@contoso.com"
	for id, name := range map[string]string{"1": taken, "2": parked} {
		if _, err := h.bus.Publish(t.Context(), bus.Message{ID: id, Entity: bus.Queue, Body: []byte(name)}); err != nil {
			t.Fatal(err)
		}
	}
	if !h.reaches(t, taken) || !h.reaches(t, parked) {
		t.Fatal("the names are not seen while they wait")
	}
	r, err := h.bus.Open(t.Context(), offboarding.FunctionPlan)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		all, err := r.Receive(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		settle := all[0].Complete
		if all[0].ID() == "2" {
			settle = func(ctx context.Context) error { return all[0].DeadLetter(ctx, "parked", "nobody") }
		}
		if err := settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	letters, err := h.bus.DeadLetters(t.Context(), offboarding.FunctionPlan, 10)
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d dead letters, %v; want one", len(letters), err)
	}
	if err := h.bus.Discard(t.Context(), offboarding.FunctionPlan, letters[0].Key); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{taken, parked} {
		if h.reaches(t, name) {
			t.Errorf("%s stands in a file still", name)
		}
	}
	if depth, err := h.bus.Depth(t.Context(), offboarding.FunctionPlan); err != nil || depth.Active != 0 || depth.DeadLetters != 0 {
		t.Errorf("%+v, %v; want nothing", depth, err)
	}
}

// reaches looks for a text in every file of the server.
func (h *harness) reaches(t *testing.T, text string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the server tidies up meanwhile
		}
		found = found || bytes.Contains(raw, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestAScheduledRequestWhoseBodyIsGoneWasDoneWith: a crash between overwriting the body of a request and saying
// that it is done hands out nothing again.
func TestAScheduledRequestWhoseBodyIsGoneWasDoneWith(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{NoSync: true}, nats.Options{Subscriptions: bus.Subscriptions(), Lock: time.Second})
	at := time.Now().Add(200 * time.Millisecond)
	if _, err := h.bus.Publish(t.Context(), bus.Message{ID: "1", Entity: bus.Queue, Body: []byte("adele.vance@contoso.com"), At: at}); err != nil {
		t.Fatal(err)
	}
	r, err := h.bus.Open(t.Context(), offboarding.FunctionPlan)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := r.Receive(t.Context(), 1); err != nil || string(all[0].Body()) != "adele.vance@contoso.com" {
		t.Fatalf("%v, %v; want the request", all, err)
	}
	conn, err := h.ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := js.Stream(t.Context(), nats.KeptStream)
	if err == nil {
		err = kept.SecureDeleteMsg(t.Context(), 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(30 * time.Second); ; { // its lock ends, and it is handed out again
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		all, err := r.Receive(ctx, 1)
		stop()
		if err != nil || len(all) > 0 {
			t.Fatalf("%v, %v; want nothing", all, err)
		}
		depth, err := h.bus.Depth(t.Context(), offboarding.FunctionPlan)
		if err == nil && depth.Active == 0 {
			break
		}
		if err != nil || time.Now().After(limit) {
			t.Fatalf("%+v, %v; want nothing", depth, err)
		}
	}
	if h.reaches(t, "adele.vance@contoso.com") {
		t.Error("the name stands in a file still")
	}
}
