package offboarding_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestAVerdictIsRead(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		err  error
		want offboarding.Verdict
		text string
	}{
		{"nil is effective", nil, offboarding.Verdict{}, ""},
		{"not yet", offboarding.After(time.Minute, "lag"), offboarding.Verdict{Kind: offboarding.KindNotYet, In: time.Minute, Why: "lag"}, "not yet: lag"},
		{"a planned wait", offboarding.ContinueAt(at, "its end"), offboarding.Verdict{Kind: offboarding.KindPlanned, At: at, Why: "its end"}, "not yet: its end"},
		{"withheld", offboarding.Withheld(offboarding.B12, "full"), offboarding.Verdict{Kind: offboarding.KindWithheld, Rule: offboarding.B12, Why: "full"}, "withheld by B12: full"},
		{"manual", offboarding.Manual("do it"), offboarding.Verdict{Kind: offboarding.KindManual, Why: "do it"}, "a person must act: do it"},
		{"done, with a task", offboarding.DoneWithTask("do it"), offboarding.Verdict{Kind: offboarding.KindManual, Why: "do it", Observed: true}, "a person must act: do it"},
		{"permanent", offboarding.Permanent(boom), offboarding.Verdict{Kind: offboarding.KindPermanent, Why: "boom"}, "boom"},
		{"throttled", offboarding.Throttled(time.Hour, boom), offboarding.Verdict{Kind: offboarding.KindTransient, In: time.Hour, Why: "boom"}, "boom"},
		{"any other error is transient", boom, offboarding.Verdict{Kind: offboarding.KindTransient, Why: "boom"}, "boom"},
		{"a verdict is found in what wraps it", fmt.Errorf("reading: %w", offboarding.Permanent(boom)), offboarding.Verdict{Kind: offboarding.KindPermanent, Why: "reading: boom"}, "reading: boom"},
		{"cancelled", fmt.Errorf("disable user: %w", offboarding.ErrCancelled), offboarding.Verdict{Kind: offboarding.KindCancelled, Why: "the departure was cancelled"}, "disable user: the case is cancelled"},
		{"rehearsed", offboarding.ErrRehearsed, offboarding.Verdict{Kind: offboarding.KindRehearsed, Why: "a rehearsal writes nothing"}, "a rehearsal writes nothing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := offboarding.VerdictOf(tt.err)
			if got.Err != tt.err {
				t.Errorf("got the error %v, want %v", got.Err, tt.err)
			}
			if got.Err = nil; got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if tt.err != nil && tt.err.Error() != tt.text {
				t.Errorf("got the text %q, want %q", tt.err, tt.text)
			}
		})
	}
}

func TestJoinKeepsWhatCanStillChangeFirst(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	later := offboarding.After(time.Minute, "later")
	planned := offboarding.ContinueAt(time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC), "its end")
	rehearsed := fmt.Errorf("disable user: %w", offboarding.ErrRehearsed)
	tests := []struct {
		name     string
		verdicts []error
		kind     offboarding.VerdictKind
		text     string
	}{
		{"nothing", []error{nil, nil}, offboarding.KindEffective, ""},
		{"one alone is itself", []error{nil, later}, offboarding.KindNotYet, "not yet: later"},
		{"transient over permanent", []error{offboarding.Permanent(errors.New("no")), boom}, offboarding.KindTransient, "boom; no"},
		{"not yet over permanent", []error{offboarding.Permanent(boom), later}, offboarding.KindNotYet, "not yet: boom; later"},
		{"not yet over a planned wait", []error{planned, later}, offboarding.KindNotYet, "not yet: its end; later"},
		{"a planned wait over permanent", []error{offboarding.Permanent(boom), planned}, offboarding.KindPlanned, "not yet: boom; its end"},
		{"permanent over manual", []error{offboarding.Manual("do it"), offboarding.Permanent(boom)}, offboarding.KindPermanent, "a person must act: do it; boom"},
		{"manual over withheld", []error{offboarding.Withheld(offboarding.B12, "full"), offboarding.Manual("do it")}, offboarding.KindManual, "a person must act: withheld by B12: full; do it"},
		{"a task beside a task that is not done", []error{offboarding.DoneWithTask("a"), offboarding.Manual("b")}, offboarding.KindManual, "a person must act: a; b"},
		{"withheld says both rules", []error{offboarding.Withheld(offboarding.B12, "a"), offboarding.Withheld(offboarding.B1, "b")}, offboarding.KindWithheld, "withheld by B12: a; withheld by B1: b"},
		{"cancelled over all", []error{boom, fmt.Errorf("x: %w", offboarding.ErrCancelled)}, offboarding.KindCancelled, "x: the case is cancelled; boom"},
		{"parts that were only rehearsed", []error{rehearsed, nil, rehearsed}, offboarding.KindRehearsed, "disable user: a rehearsal writes nothing"},
		{"what was only rehearsed says nothing beside a task", []error{rehearsed, offboarding.Manual("do it")}, offboarding.KindManual, "a person must act: do it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			joined := offboarding.Join(tt.verdicts...)
			got := offboarding.VerdictOf(joined)
			if got.Kind != tt.kind {
				t.Errorf("got the kind %d, want %d", got.Kind, tt.kind)
			}
			if joined != nil && joined.Error() != tt.text {
				t.Errorf("got %q, want %q", joined, tt.text)
			}
			if got.Observed {
				t.Error("got a joined verdict that is observed, want one that is not")
			}
		})
	}
}

// TestJoinKeepsDelays: the joined verdict waits as long as its first worst part.
func TestJoinKeepsDelays(t *testing.T) {
	t.Parallel()
	later := offboarding.After(time.Minute, "later")
	for _, verdicts := range [][]error{
		{later, offboarding.Throttled(time.Hour, errors.New("429"))},
		{offboarding.After(time.Hour, "the first"), later},
	} {
		if got := offboarding.VerdictOf(offboarding.Join(verdicts...)); got.In != time.Hour {
			t.Errorf("got %s in %s, want in an hour", got.Why, got.In)
		}
	}
}
