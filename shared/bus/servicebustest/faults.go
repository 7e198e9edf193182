package servicebustest

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Frame is one frame that passes, as a fault sees it. Frames that only say that the client
// or the peer is alive do not count.
type Frame struct {
	Number    int  // from 1, since Fault was called
	Received  bool // by the peer; otherwise sent by it
	Kind      Kind
	Address   string // that the link is attached to, such as "leaver" or "leaver/$management"; "" without a link
	Operation string // of a request to a $management node, "put-token" of one to $cbs
	Identity  string // whose token the client has put for the address; "" for none
	Settled   bool   // of a transfer or disposition
}

// Action is what becomes of a frame. The zero value lets it pass.
type Action struct {
	what      what
	condition condition
	status    int
	ends      Kind // Close, End or Detach
	delay     time.Duration
	until     time.Time // when a delay ends
}

type what int

const (
	pass what = iota
	dropBefore
	dropAfter
	lose
	refuse
	wait
	endIt
)

var (
	// Pass lets a frame pass.
	Pass = Action{}
	// DropBefore drops the connection before the frame has any effect: a received one is lost
	// with what it asks for, one to be sent is the answer that never came.
	DropBefore = Action{what: dropBefore}
	// DropAfter drops the connection after the frame took effect. Of a received frame no
	// answer is sent any more.
	DropAfter = Action{what: dropAfter}
	// Lose ignores the frame and keeps the connection.
	Lose = Action{what: lose}
)

// Refuse answers a received frame with an error condition such as "com.microsoft:server-busy",
// and leaves what it asks for undone: an attach is refused, a disposition or the last transfer
// of a message rejected, anything else ends the connection.
func Refuse(name, description string) Action {
	return Action{what: refuse, condition: condition{name, description}}
}

// RefuseStatus answers a received request to a $management or $cbs node with a status, and
// leaves it undone. It is for the last transfer of a request, which has an Operation.
func RefuseStatus(status int, description string) Action {
	return Action{what: refuse, status: status, condition: condition{description: description}}
}

// EndConnection ends the connection with an error condition such as "amqp:connection:forced". A
// received frame is left undone, and one to be sent is not sent, but for those that have to come
// before the end of what they open. In the handshake the connection is just dropped.
func EndConnection(name, description string) Action {
	return Action{what: endIt, ends: Close, condition: condition{name, description}}
}

// EndSession ends the session that the frame belongs to, as EndConnection does a connection. A
// frame that belongs to none passes.
func EndSession(name, description string) Action {
	return Action{what: endIt, ends: End, condition: condition{name, description}}
}

// EndLink ends the link that the frame belongs to, as EndConnection does a connection. A frame
// that belongs to none passes.
func EndLink(name, description string) Action {
	return Action{what: endIt, ends: Detach, condition: condition{name, description}}
}

// Delay holds the frame, and all that follow it on its connection, until the peer's clock has
// moved by d.
func Delay(d time.Duration) Action { return Action{what: wait, delay: d} }

// At does something to the frame of a number, and to no other.
func At(number int, a Action) func(Frame) Action {
	return func(f Frame) Action {
		if f.Number == number {
			return a
		}
		return Pass
	}
}

// Nth does something to the nth frame, from 1, that matches.
func Nth(n int, matches func(Frame) bool, a Action) func(Frame) Action {
	return func(f Frame) Action {
		if matches(f) {
			if n--; n == 0 {
				return a
			}
		}
		return Pass
	}
}

type faults struct {
	mu     sync.Mutex
	number int
	choose func(Frame) Action
}

// Fault has choose decide over every frame from now on, which is counted from 1. One choice is
// made at a time. It must not call the peer's Fault or Frames. Nil lets everything pass.
func (p *Peer) Fault(choose func(Frame) Action) {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	p.faults.number, p.faults.choose = 0, choose
}

// End ends what there is, all connections, sessions or links: a is an EndConnection, EndSession or
// EndLink. It is what a broker does of its own accord, while no frame passes.
func (p *Peer) End(a Action) {
	p.mu.Lock()
	all := slices.Collect(maps.Keys(p.connections))
	p.mu.Unlock()
	for _, c := range all {
		select {
		case c.ends <- a:
		case <-c.gone:
		}
	}
}

// Frames is how many frames have passed since Fault was called, or since the start.
func (p *Peer) Frames() int {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	return p.faults.number
}

// decide chooses. A delay counts from now, which is before the choice.
func (f *faults) decide(frame Frame, now time.Time) Action {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.number++
	if f.choose == nil {
		return Pass
	}
	frame.Number = f.number
	action := f.choose(frame)
	action.until = now.Add(action.delay)
	return action
}
