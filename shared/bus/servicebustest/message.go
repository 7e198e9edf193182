package servicebustest

import (
	"fmt"
	"maps"
	"time"

	"github.com/Azure/go-amqp"
)

// The annotations of Service Bus. Source: Microsoft Learn, "AMQP 1.0 in Azure Service Bus and
// Event Hubs protocol guide"; their types are those that azservicebus asserts.
const (
	annotationSequence         = "x-opt-sequence-number"
	annotationEnqueuedSequence = "x-opt-enqueue-sequence-number"
	annotationEnqueued         = "x-opt-enqueued-time"
	annotationScheduled        = "x-opt-scheduled-enqueue-time"
	annotationLockedUntil      = "x-opt-locked-until"
	annotationSource           = "x-opt-deadletter-source"
	annotationState            = "x-opt-message-state"
	annotationLockToken        = "x-opt-lock-token"
)

// readMessages reads what a client sent, which is one message or a batch of them, and the time
// for which it scheduled the one.
func readMessages(b []byte, batch bool) (messages []message, at time.Time, err error) {
	if !batch {
		m, at, err := readMessage(b)
		return []message{m}, at, err
	}
	var envelope amqp.Message
	if err := envelope.UnmarshalBinary(b); err != nil {
		return nil, at, refused{condition{"amqp:decode-error", err.Error()}}
	}
	for _, data := range envelope.Data {
		m, when, err := readMessage(data)
		if err != nil {
			return nil, at, err
		}
		if !when.IsZero() {
			return nil, at, refused{condition{"amqp:not-implemented", "a scheduled message within a batch"}}
		}
		messages = append(messages, m)
	}
	return messages, at, nil
}

func readMessage(b []byte) (m message, at time.Time, err error) {
	var from amqp.Message
	if err := from.UnmarshalBinary(b); err != nil {
		return message{}, at, refused{condition{"amqp:decode-error", err.Error()}}
	}
	m.body = b
	if from.Header != nil {
		m.ttl = from.Header.TTL
	}
	if p := from.Properties; p != nil {
		if p.GroupID != nil {
			return message{}, at, refused{condition{"amqp:not-implemented", "there are no sessions"}}
		}
		if p.MessageID != nil {
			m.id = fmt.Sprint(p.MessageID)
		}
		if p.Subject != nil {
			m.label = *p.Subject
		}
		if p.To != nil {
			m.to = *p.To
		}
	}
	if len(m.id) > 128 {
		return message{}, at, refused{condition{"amqp:invalid-field", "a message id of more than 128 characters"}}
	}
	at, _ = from.Annotations[annotationScheduled].(time.Time)
	return m, at, nil
}

// writeMessage is a message as a receiver gets it.
func writeMessage(e entry) []byte {
	var m amqp.Message
	if err := m.UnmarshalBinary(e.body); err != nil {
		panic("servicebustest: a message that was accepted cannot be read: " + err.Error())
	}
	if m.Header == nil {
		m.Header = &amqp.MessageHeader{Priority: 4}
	}
	m.Header.DeliveryCount = uint32(e.deliveries)
	if m.Annotations == nil {
		m.Annotations = amqp.Annotations{}
	}
	m.Annotations[annotationSequence] = e.sequence
	m.Annotations[annotationEnqueuedSequence] = e.enqueuedSequence
	m.Annotations[annotationEnqueued] = e.enqueued
	m.Annotations[annotationState] = e.state()
	if e.locked() {
		m.Annotations[annotationLockedUntil] = e.lockedUntil
	}
	if e.locked() && e.deferred { // it comes in a reply, which has no delivery tag
		m.DeliveryAnnotations = amqp.Annotations{annotationLockToken: amqp.UUID(e.token)}
	}
	if d := e.deadLetter; d != nil {
		m.Annotations[annotationSource] = d.source
		if m.ApplicationProperties == nil {
			m.ApplicationProperties = map[string]any{}
		}
		m.ApplicationProperties["DeadLetterReason"] = d.reason
		m.ApplicationProperties["DeadLetterErrorDescription"] = d.description
		maps.Copy(m.ApplicationProperties, d.properties)
	}
	b, err := m.MarshalBinary()
	if err != nil {
		panic("servicebustest: a message that was read cannot be written: " + err.Error())
	}
	return b
}

// state is the value of the annotation: active, deferred or scheduled.
func (e entry) state() int32 {
	switch {
	case !e.scheduled.IsZero():
		return 2
	case e.deferred:
		return 1
	default:
		return 0
	}
}

// netOrder is a lock token as a delivery tag: a GUID in the byte order of .NET.
func netOrder(t uuid) []byte {
	return []byte{t[3], t[2], t[1], t[0], t[5], t[4], t[7], t[6], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15]}
}
