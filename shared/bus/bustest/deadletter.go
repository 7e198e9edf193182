package bustest

import (
	"bytes"
	"errors"
	"time"

	"leaver/shared/bus"
)

var deadLetterCases = []suiteCase{
	{"it keeps id, subject, body, reason and description", func(k *kit) {
		alpha := k.open(subAlpha)
		m := message("bad/1", subjectAlpha)
		m.Body = []byte("{\"binary\":\x00\xff\r\n}")
		k.publish(m)
		before := time.Now()
		k.park(k.receiveOne(alpha), "protected", "The person is \"protected\": B7.\nAsk an administrator (ä).")
		all := k.parked(subAlpha)
		if len(all) != 1 {
			k.Fatalf("%d dead letters, want 1", len(all))
		}
		d := all[0]
		if d.ID != m.ID || d.Subject != m.Subject || !bytes.Equal(d.Body, m.Body) || d.Key == "" ||
			d.Reason != "protected" || d.Description != "The person is \"protected\": B7.\nAsk an administrator (ä)." {
			k.Fatalf("dead letter %+v of message %+v", d, m)
		}
		if d.At.Before(before.Add(-soon)) || d.At.After(time.Now().Add(soon)) {
			k.Fatalf("parked at %s, want about %s", d.At, before)
		}
	}},
	{"it is counted and not handed out again", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("bad", subjectAlpha))
		k.park(k.receiveOne(alpha), "r", "d")
		k.nothing(alpha, k.Lock+k.Lock/2)
		if depth := k.depth(subAlpha); depth.DeadLetters != 1 || depth.Active != 0 {
			k.Fatalf("depth %+v, want one dead letter", depth)
		}
	}},
	{"other subscriptions are unaffected", func(k *kit) {
		m := message("both", subjectBoth)
		k.publish(m)
		k.park(k.receiveOne(k.open(subAlpha)), "r", "d")
		if n := len(k.parked(subBeta)); n != 0 {
			k.Fatalf("%d dead letters of the other subscription, want none", n)
		}
		d := k.receiveOne(k.open(subBeta))
		k.wantSame(d, m)
	}},
	{"the queue has dead letters, too", func(k *kit) {
		m := request("bad")
		k.publish(m)
		queue := k.open(subQueue)
		k.park(k.receiveOne(queue), "r", "d")
		all := k.parked(subQueue)
		if len(all) != 1 || all[0].ID != m.ID || all[0].Subject != m.Subject {
			k.Fatalf("dead letters %+v, want the one", all)
		}
		again := m
		again.ID = "bad again"
		k.resubmit(subQueue, all[0].Key, again)
		k.wantSame(k.receiveOne(queue), again)
	}},
	{"they are read oldest first, at most max, and stay", func(k *kit) {
		alpha := k.open(subAlpha)
		for _, id := range numbered("bad", 4) {
			k.publish(message(id, subjectAlpha))
			k.park(k.receiveOne(alpha), "r", "d")
		}
		for range 2 {
			some, err := k.Bus.DeadLetters(k.within(patience), subAlpha, 3)
			if err != nil {
				k.Fatalf("reading: %v", err)
			}
			if len(some) != 3 || some[0].ID != "bad-0" || some[1].ID != "bad-1" || some[2].ID != "bad-2" {
				k.Fatalf("dead letters %+v, want the first three", some)
			}
		}
		if n := k.depth(subAlpha).DeadLetters; n != 4 {
			k.Fatalf("%d dead letters, want 4", n)
		}
	}},
	{"resubmitting reaches only the subscription that parked it", func(k *kit) {
		alpha, beta := k.open(subAlpha), k.open(subBeta)
		k.publish(message("both", subjectBoth))
		k.park(k.receiveOne(alpha), "r", "d")
		k.complete(k.receiveOne(beta))
		again := message("both again", subjectBoth)
		k.resubmit(subAlpha, k.parked(subAlpha)[0].Key, again)
		d := k.receiveOne(alpha)
		k.wantSame(d, again)
		k.complete(d)
		k.nothing(beta, quiet)
		if n := len(k.parked(subAlpha)); n != 0 {
			k.Fatalf("%d dead letters after resubmitting, want none", n)
		}
	}},
	{"a resubmitted message can be parked again", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("bad", subjectAlpha))
		k.park(k.receiveOne(alpha), "r", "d")
		k.resubmit(subAlpha, k.parked(subAlpha)[0].Key, message("bad again", subjectAlpha))
		k.park(k.receiveOne(alpha), "other", "d")
		all := k.parked(subAlpha)
		if len(all) != 1 || all[0].ID != "bad again" || all[0].Reason != "other" || all[0].Subject != subjectAlpha {
			k.Fatalf("dead letters %+v, want the new one", all)
		}
	}},
	{"resubmitting for later waits", func(k *kit) {
		alpha, beta := k.open(subAlpha), k.open(subBeta)
		k.publish(message("bad", subjectBoth))
		k.park(k.receiveOne(alpha), "r", "d")
		k.complete(k.receiveOne(beta))
		again := in(message("bad again", subjectBoth), time.Second)
		k.resubmit(subAlpha, k.parked(subAlpha)[0].Key, again)
		d := k.receiveOne(alpha)
		if early := time.Until(again.At); early > 0 {
			k.Fatalf("arrived %s early", early)
		}
		k.wantSame(d, again)
		k.nothing(beta, quiet)
	}},
	{"resubmitting an unknown key is ErrNotFound and sends nothing", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("bad", subjectBoth))
		k.park(k.receiveOne(alpha), "r", "d")
		key := k.parked(subAlpha)[0].Key
		k.discard(subAlpha, key)
		for _, c := range []struct{ subscription, key string }{
			{subAlpha, key}, {subAlpha, "no key"}, {subAlpha, ""},
		} {
			err := k.Bus.Resubmit(k.within(patience), c.subscription, c.key, message("again", subjectAlpha))
			if !errors.Is(err, bus.ErrNotFound) {
				k.Fatalf("key %q: error %v, want ErrNotFound", c.key, err)
			}
		}
		k.nothing(alpha, quiet)
	}},
	{"a key is good for its own subscription only", func(k *kit) {
		alpha := k.open(subAlpha)
		k.publish(message("bad", subjectAlpha))
		k.park(k.receiveOne(alpha), "r", "d")
		key := k.parked(subAlpha)[0].Key
		if err := k.Bus.Discard(k.within(patience), subBeta, key); !errors.Is(err, bus.ErrNotFound) {
			k.Fatalf("discarding: error %v, want ErrNotFound", err)
		}
		if err := k.Bus.Resubmit(k.within(patience), subBeta, key, message("again", subjectBeta)); !errors.Is(err, bus.ErrNotFound) {
			k.Fatalf("resubmitting: error %v, want ErrNotFound", err)
		}
		if n := len(k.parked(subAlpha)); n != 1 {
			k.Fatalf("%d dead letters, want 1", n)
		}
	}},
	{"discarding removes one", func(k *kit) {
		alpha := k.open(subAlpha)
		for _, id := range numbered("bad", 3) {
			k.publish(message(id, subjectAlpha))
			k.park(k.receiveOne(alpha), "r", "d")
		}
		k.discard(subAlpha, k.parked(subAlpha)[1].Key)
		all := k.parked(subAlpha)
		if len(all) != 2 || all[0].ID != "bad-0" || all[1].ID != "bad-2" {
			k.Fatalf("dead letters %+v, want the other two", all)
		}
		k.nothing(alpha, quiet)
	}},
}

func (k *kit) resubmit(subscription, key string, m bus.Message) {
	k.Helper()
	if err := k.Bus.Resubmit(k.within(patience), subscription, key, m); err != nil {
		k.Fatalf("resubmitting: %v", err)
	}
}

func (k *kit) discard(subscription, key string) {
	k.Helper()
	if err := k.Bus.Discard(k.within(patience), subscription, key); err != nil {
		k.Fatalf("discarding: %v", err)
	}
}
