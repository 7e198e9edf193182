package servicebus

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// FuzzReceived reads whatever properties a message of a queue may bear.
func FuzzReceived(f *testing.F) {
	f.Add("termination", "", "2026-11-22T09:00:00Z", "why")
	f.Add("", "signout", "yesterday", "\xff\xfe")
	f.Fuzz(func(t *testing.T, label, subject, parked, text string) {
		enqueued := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
		m := &azservicebus.ReceivedMessage{Subject: &label, EnqueuedTime: &enqueued, ApplicationProperties: map[string]any{propertyParked: parked}}
		if got := subjectOf(m); got != label {
			t.Errorf("subject %q, want the label %q", got, label)
		}
		m.ApplicationProperties[propertySubject] = subject
		if got := subjectOf(m); got != subject {
			t.Errorf("subject %q, want the property %q", got, subject)
		}
		if parkedAt(m).IsZero() && parked != "0001-01-01T00:00:00Z" {
			if _, err := time.Parse(time.RFC3339Nano, parked); err != nil {
				t.Error("parked at no time")
			}
		}
		for _, unknown := range []any{nil, 7, []byte(subject), map[string]any{}} {
			m.ApplicationProperties = map[string]any{propertySubject: unknown, propertyParked: unknown}
			_, _ = subjectOf(m), parkedAt(m)
		}
		if got := clip(text); !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxText {
			t.Errorf("%q is not taken by the broker", got)
		}
	})
}
