package servicebus

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"leaver/shared/bus"
)

// takes reports whether the rules of a subscription take a message.
func takes(s bus.Subscription, label, to *string) bool {
	return slices.ContainsFunc(Rules(s), func(r Rule) bool {
		return r.Label != "" && label != nil && *label == r.Label || r.To != "" && to != nil && *to == r.To
	})
}

func TestRulesOfProduction(t *testing.T) {
	t.Parallel()
	all := bus.Subscriptions()
	for _, s := range all {
		if s.OfQueue() {
			if Rules(s) != nil {
				t.Errorf("the queue has rules: %v", Rules(s))
			}
			continue
		}
		for _, r := range Rules(s) {
			if (r.Label == "") == (r.To == "") {
				t.Errorf("%s: rule %+v: one field is wanted", s.Name, r)
			}
		}
		resubmitted := outgoing(bus.Message{ID: "m", Entity: bus.Topic, Subject: bus.SubjectTermination}, s.Name, time.Now())
		published := outgoing(bus.Message{ID: "m", Entity: bus.Topic, Subject: bus.SubjectTermination}, "", time.Now())
		for _, other := range all {
			if got := takes(other, resubmitted.Subject, resubmitted.To); got != (other.Name == s.Name) {
				t.Errorf("%s takes what is resubmitted for %s: %t", other.Name, s.Name, got)
			}
			want := slices.Contains(other.Subjects, bus.SubjectTermination)
			if got := takes(other, published.Subject, published.To); got != want {
				t.Errorf("%s takes a termination: %t", other.Name, got)
			}
		}
	}
}

func TestAScheduleIsNeverEarly(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		after time.Duration
		want  time.Duration // 0: at once
	}{
		{-time.Hour, 0},
		{0, 0},
		{1, time.Millisecond},
		{time.Millisecond, time.Millisecond},
		{time.Millisecond + 1, 2 * time.Millisecond},
		{720 * time.Hour, 720 * time.Hour},
	} {
		got := value(outgoing(bus.Message{ID: "m", At: now.Add(c.after)}, "", now).ScheduledEnqueueTime)
		if c.want == 0 && !got.IsZero() || c.want != 0 && !got.Equal(now.Add(c.want)) {
			t.Errorf("in %s: scheduled for %s", c.after, got)
		}
	}
	if got := outgoing(bus.Message{ID: "m"}, "", now).ScheduledEnqueueTime; got != nil {
		t.Errorf("no time: scheduled for %s", got)
	}
}

func TestReasonsFitTheBroker(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "short: ä", strings.Repeat("ä", maxText+1), "not \xff UTF-8"} {
		got := clip(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxText {
			t.Errorf("%.20q becomes %d characters, valid %t", s, utf8.RuneCountInString(got), utf8.ValidString(got))
		}
		if utf8.ValidString(s) && !strings.HasPrefix(s, got) {
			t.Errorf("%.20q becomes %.20q", s, got)
		}
	}
}

func TestEmulatorIsSaidInTheConnectionString(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"": false,
		"Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=x;SharedAccessKey=a=;UseDevelopmentEmulator=true":          true,
		"Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=x;SharedAccessKey=a=":                     false,
		"Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=x;SharedAccessKey=UseDevelopmentEmulator": false,
	} {
		if got := emulator(s); got != want {
			t.Errorf("%s: %t", s, got)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	twice := []bus.Subscription{{Name: "a", Entity: bus.Topic}, {Name: "a", Entity: bus.Topic}}
	for i, o := range []Options{
		{},
		{Namespace: "contoso.servicebus.windows.net"},
		{ConnectionString: "nonsense"},
		{Namespace: "contoso.servicebus.windows.net", ConnectionString: "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=x;SharedAccessKey=y"},
		{ConnectionString: "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=x;SharedAccessKey=y", Subscriptions: twice},
	} {
		if _, err := Open(o); err == nil {
			t.Errorf("%d: no error", i)
		}
	}
	if _, err := Open(Options{ConnectionString: fmt.Sprintf("Endpoint=sb://%s/;SharedAccessKeyName=x;SharedAccessKey=y", "contoso.servicebus.windows.net")}); err != nil {
		t.Error(err)
	}
}
