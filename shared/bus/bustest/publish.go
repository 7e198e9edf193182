package bustest

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"leaver/shared/bus"
)

var publishCases = []suiteCase{
	{"every subscription of the subject gets the message and no other does", func(k *kit) {
		alpha, beta, queue := k.open(subAlpha), k.open(subBeta), k.open(subQueue)
		k.publish(message("both", subjectBoth), message("a", subjectAlpha), message("b", subjectBeta))
		a, b := k.receive(alpha, 2), k.receive(beta, 2)
		k.wantIDs(a, "both", "a")
		k.wantIDs(b, "both", "b")
		k.complete(append(a, b...)...)
		k.nothing(alpha, quiet)
		k.nothing(beta, quiet)
		k.nothing(queue, quiet)
	}},
	{"the queue has its own messages", func(k *kit) {
		queue, alpha := k.open(subQueue), k.open(subAlpha)
		m := request("r-1/1")
		k.publish(m)
		d := k.receiveOne(queue)
		k.wantSame(d, m)
		k.complete(d)
		k.nothing(queue, quiet)
		k.nothing(alpha, quiet)
	}},
	{"two queues are two, and one id may be in both", func(k *kit) {
		queue, hints := k.open(subQueue), k.open(subHints)
		m, hint := request("same/1"), request("same/1")
		hint.Entity, hint.Body = bus.Hints, []byte("a hint")
		k.publish(m, hint)
		for receiver, want := range map[bus.Receiver]bus.Message{queue: m, hints: hint} {
			d := k.receiveOne(receiver)
			k.wantSame(d, want)
			k.complete(d)
			k.nothing(receiver, quiet)
		}
	}},
	{"a message that is sent before any receiver is there waits", func(k *kit) {
		k.publish(message("early", subjectBoth), request("early"))
		for _, subscription := range []string{subAlpha, subBeta, subQueue} {
			k.wantIDs(k.receive(k.open(subscription), 1), "early")
		}
	}},
	{"id, subject and body arrive byte for byte", func(k *kit) {
		every := make([]byte, 0, bus.MaxBody)
		for i := range bus.MaxBody {
			every = append(every, byte(i*7))
		}
		alpha := k.open(subAlpha)
		for _, m := range []bus.Message{
			{ID: "case-1/2/signout/3", Body: []byte(`{"specversion":"1.0"}`)},
			{ID: "with space, dots.and * > wildcards =41 %41", Body: []byte{0}},
			{ID: `"quoted" \ and ünïcode 李`, Body: []byte("\r\n\r\nNATS/1.0\r\n")},
			{ID: strings.Repeat("x", 128), Body: every},
		} {
			m.Entity, m.Subject = bus.Topic, subjectAlpha
			k.publish(m)
			d := k.receiveOne(alpha)
			k.wantSame(d, m)
			k.complete(d)
		}
	}},
	{"a subject with spaces, dots and wildcards is only itself", func(k *kit) {
		odd := k.open(subOdd)
		m := message("odd", subjectOdd)
		k.publish(message("not it", "an odd.subject/with x.y & ü"), m)
		d := k.receiveOne(odd)
		k.wantSame(d, m)
		k.complete(d)
		k.nothing(odd, quiet)
	}},
	{"a body over the limit is too large, now and later", func(k *kit) {
		m := message("big", subjectAlpha)
		m.Body = bytes.Repeat([]byte("x"), bus.MaxBody+1)
		for _, m := range []bus.Message{m, in(m, time.Hour)} {
			if _, err := k.Bus.Publish(k.within(patience), m); !errors.Is(err, bus.ErrTooLarge) {
				k.Fatalf("error %v, want ErrTooLarge", err)
			}
		}
		k.nothing(k.open(subAlpha), quiet)
	}},
	{"a subject that nobody takes is accepted", func(k *kit) {
		k.publish(message("nobody's", "nobody"))
		k.nothing(k.open(subAlpha), quiet)
	}},
	{"an unknown entity is not found", func(k *kit) {
		m := message("lost", subjectAlpha)
		m.Entity = "no-such-entity"
		if _, err := k.Bus.Publish(k.within(patience), m); !errors.Is(err, bus.ErrNotFound) {
			k.Fatalf("error %v, want ErrNotFound", err)
		}
	}},
	{"after Close it is an error", func(k *kit) {
		if err := k.Bus.Close(); err != nil {
			k.Fatalf("closing: %v", err)
		}
		for _, m := range []bus.Message{message("late", subjectAlpha), in(message("later", subjectAlpha), time.Hour)} {
			if _, err := k.Bus.Publish(k.within(patience), m); err == nil {
				k.Fatal("no error")
			}
		}
	}},
}

var duplicateCases = []suiteCase{
	{"the same id twice is delivered once", func(k *kit) {
		alpha, beta := k.open(subAlpha), k.open(subBeta)
		m := message("twin", subjectBoth)
		k.publish(m)
		k.publishAgain(m)
		k.complete(k.receiveOne(alpha), k.receiveOne(beta))
		k.nothing(alpha, quiet)
		k.nothing(beta, quiet)
	}},
	{"an id that was completed is dropped, too", func(k *kit) {
		queue := k.open(subQueue)
		m := request("done")
		k.publish(m)
		k.complete(k.receiveOne(queue))
		k.publishAgain(m)
		k.nothing(queue, quiet)
	}},
	{"the same schedule twice is delivered once", func(k *kit) {
		alpha := k.open(subAlpha)
		m := in(message("twin", subjectAlpha), 1500*time.Millisecond)
		k.publish(m)
		k.publishAgain(m)
		k.complete(k.receiveOne(alpha))
		k.nothing(alpha, time.Second)
	}},
	{"a scheduled id sent now as well is dropped", func(k *kit) {
		alpha := k.open(subAlpha)
		m := in(message("twin", subjectAlpha), 1500*time.Millisecond)
		k.publish(m)
		now := m
		now.At = time.Time{}
		k.publishAgain(now)
		d := k.receiveOne(alpha)
		if early := time.Until(m.At); early > 0 {
			k.Fatalf("arrived %s early", early)
		}
		k.complete(d)
		k.nothing(alpha, time.Second)
	}},
	{"an id sent now is not scheduled as well", func(k *kit) {
		alpha := k.open(subAlpha)
		m := message("twin", subjectAlpha)
		k.publish(m)
		k.publishAgain(in(m, 500*time.Millisecond))
		k.complete(k.receiveOne(alpha))
		k.nothing(alpha, 2*time.Second)
	}},
	{"queue and topic do not share ids", func(k *kit) {
		k.publish(message("same", subjectAlpha), request("same"))
		k.wantIDs(k.receive(k.open(subAlpha), 1), "same")
		k.wantIDs(k.receive(k.open(subQueue), 1), "same")
	}},
}
