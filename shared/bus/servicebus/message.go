package servicebus

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"leaver/shared/bus"
)

// The application properties of a message, beside those of Service Bus.
const (
	propertySubject = "leaver-subject" // of a message without Label
	propertyParked  = "leaver-parked"  // when it was dead-lettered, RFC 3339
)

// outgoing is the message to send. Only names the subscription that it is for; then it must
// not have a Label, or others take it as well.
func outgoing(m bus.Message, only string, now time.Time) *azservicebus.Message {
	kind := contentType
	message := &azservicebus.Message{MessageID: &m.ID, Body: m.Body, ContentType: &kind}
	switch {
	case only != "":
		message.To = &only
		message.ApplicationProperties = map[string]any{propertySubject: m.Subject}
	case m.Subject != "":
		message.Subject = &m.Subject
	}
	if m.At.After(now) {
		// The wire knows milliseconds only, and never is better late than early.
		at := m.At.Add(time.Millisecond - time.Nanosecond).Truncate(time.Millisecond).UTC()
		message.ScheduledEnqueueTime = &at
	}
	return message
}

func subjectOf(m *azservicebus.ReceivedMessage) string {
	if subject, ok := m.ApplicationProperties[propertySubject].(string); ok {
		return subject
	}
	return value(m.Subject)
}

// parkedAt is when a dead letter was parked. What the broker parked itself, and its time of
// parking, are not told apart from when it was enqueued.
func parkedAt(m *azservicebus.ReceivedMessage) time.Time {
	text, _ := m.ApplicationProperties[propertyParked].(string)
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at
	}
	return value(m.EnqueuedTime)
}

// maxText is the longest reason or description, in characters.
// Source: Service Bus, Overview of dead-letter queues.
const maxText = 4096

// clip makes a text that the broker takes.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "�")
	if utf8.RuneCountInString(s) <= maxText {
		return s
	}
	return string([]rune(s)[:maxText])
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
