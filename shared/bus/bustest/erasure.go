package bustest

import (
	"time"

	"leaver/shared/bus"
)

// about is a request to a queue whose body holds a name.
func about(id, name string) bus.Message {
	return bus.Message{ID: id, Entity: bus.Queue, Body: []byte(`{"userPrincipalName":"` + name + `"}`)}
}

// gone asserts that the broker holds nothing of a name any more.
func (k *kit) gone(name string) {
	k.Helper()
	k.eventually("nothing is held of "+name, func() bool { return !k.Holds(k.T, name) })
	if depth := k.depth(subQueue); depth.Active != 0 || depth.DeadLetters != 0 {
		k.Fatalf("depth %+v, want nothing", depth)
	}
}

// there asserts that it does.
func (k *kit) there(name string) {
	k.Helper()
	if !k.Holds(k.T, name) {
		k.Fatalf("nothing is held of %s while it waits", name)
	}
}

// The cases of what a broker holds of a request, which names a person, when it is done with.
var erasureCases = []suiteCase{
	{"a request that was completed", func(k *kit) {
		const name = "completed@contoso.com"
		k.publish(about("1", name))
		k.there(name)
		k.complete(k.receiveOne(k.open(subQueue)))
		k.gone(name)
	}},
	{"one that was tried again later, twice", func(k *kit) {
		const name = "retried@contoso.com"
		queue := k.open(subQueue)
		k.publish(about("1", name))
		d := k.receiveOne(queue)
		for _, id := range []string{"2", "3"} {
			k.publish(in(about(id, name), 300*time.Millisecond)) // before the old one is completed, as plan does
			k.complete(d)
			k.there(name)
			d = k.receiveOne(queue)
			k.wantSame(d, about(id, name))
		}
		k.complete(d)
		k.gone(name)
	}},
	{"one that is scheduled twice", func(k *kit) {
		const name = "twice@contoso.com"
		queue := k.open(subQueue)
		m := in(about("1", name), 300*time.Millisecond)
		k.publish(m)
		k.publishAgain(m) // the answer to the first was lost
		k.complete(k.receiveOne(queue))
		k.publishAgain(m) // and comes once more, when all is done
		k.nothing(queue, quiet)
		k.gone(name)
	}},
	{"another one under its id", func(k *kit) {
		const name, other = "first@contoso.com", "second@contoso.com"
		queue := k.open(subQueue)
		at := time.Now().Add(300 * time.Millisecond)
		m, n := about("1", name), about("1", other)
		m.At, n.At = at, at
		k.publish(m)
		k.publishAgain(n)
		d := k.receiveOne(queue)
		k.wantSame(d, m)
		k.complete(d)
		k.gone(name)
		k.gone(other)
	}},
	{"one that was scheduled and handed out again", func(k *kit) {
		const name = "again@contoso.com"
		queue := k.open(subQueue)
		m := in(about("1", name), 300*time.Millisecond)
		k.publish(m)
		_ = k.receiveOne(queue) // whoever has it dies
		d := k.receiveOne(queue)
		k.wantSame(d, m)
		k.complete(d)
		k.gone(name)
	}},
	{"one that was scheduled, over a restart", func(k *kit) {
		const name = "restart@contoso.com"
		m := in(about("1", name), 2*time.Second)
		k.publish(m)
		k.Bus = k.Reopen(k.T)
		d := k.receiveOne(k.open(subQueue))
		k.wantSame(d, m)
		k.complete(d)
		k.gone(name)
	}},
	{"one that was scheduled, parked and discarded", func(k *kit) {
		const name = "discarded@contoso.com"
		k.publish(in(about("1", name), 300*time.Millisecond))
		k.park(k.receiveOne(k.open(subQueue)), "parked", "nobody")
		k.there(name)
		for _, letter := range k.parked(subQueue) {
			if err := k.Bus.Discard(k.within(patience), subQueue, letter.Key); err != nil {
				k.Fatalf("discarding: %v", err)
			}
		}
		k.gone(name)
	}},
	{"one that was parked, sent back and completed", func(k *kit) {
		const name = "back@contoso.com"
		queue := k.open(subQueue)
		k.publish(about("1", name))
		k.park(k.receiveOne(queue), "parked", "nobody")
		k.resubmit(subQueue, k.parked(subQueue)[0].Key, about("2", name))
		k.complete(k.receiveOne(queue))
		k.gone(name)
	}},
}
