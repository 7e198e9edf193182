package servicebustest

import (
	"errors"
	"fmt"
	"time"

	"github.com/Azure/go-amqp"
)

// senderCredit is how many messages a client may send on a link before the next flow.
const senderCredit = 1000

// formatBatch is the message format of a batch: each data section is an encoded message.
const formatBatch = 0x80013700

// link is one link of a session: the client sends messages to an entity or requests to a
// node, or it receives the messages of an entity or the replies of a node.
type link struct {
	session       *session
	handle        uint32
	address       string
	deliveryCount uint32
	credit        uint32       // of whoever sends
	may           func() error // whether the client's claim is good for it

	// Of a link on which the client sends:
	request func(*amqp.Message) reply // answers for a node; nil when it is an entity
	partial []byte                    // of a message that came in part
	first   transfer                  // of its frames
	batch   bool

	// Of a link on which the client receives:
	reply   string // the address under which a node's replies go here; "" when it is an entity
	replies [][]byte
	settled bool // messages leave the entity when they are sent
	unwatch func()
}

func addressOf(a attach) string {
	terminus := a.target
	if a.receiver {
		terminus = a.source
	}
	if terminus == nil {
		return ""
	}
	return terminus.address
}

// attach answers a client's attach, and refuses what may not be.
func (s *session) attach(a attach) {
	l := &link{session: s, handle: a.handle, address: addressOf(a)}
	err := s.connection.refused()
	if err == nil {
		err = l.bind(a)
	}
	if err != nil {
		why := conditionOf(err)
		s.refuse(a, &why)
		return
	}
	s.links[a.handle] = l
	answer := attach{name: a.name, handle: a.handle, receiver: !a.receiver, sndSettle: a.sndSettle, rcvSettle: a.rcvSettle,
		source: a.source, target: a.target}
	if a.receiver {
		answer.initialDeliveryCount = new(uint32)
		s.send(answer)
		return
	}
	limit := uint64(s.connection.peer.options.MaxMessageSize)
	answer.maxMessageSize = limit
	answer.properties = map[any]any{symbol("com.microsoft:max-message-batch-size"): limit}
	s.send(answer)
	l.grant()
}

// refuse answers an attach with a link that has no terminus, and ends it at once.
func (s *session) refuse(a attach, why *condition) {
	answer := attach{name: a.name, handle: a.handle, receiver: !a.receiver, sndSettle: a.sndSettle, rcvSettle: a.rcvSettle}
	if a.receiver {
		answer.initialDeliveryCount = new(uint32)
	}
	s.send(answer)
	s.send(detach{handle: a.handle, closed: true, err: why})
}

// bind finds what is behind the address.
func (l *link) bind(a attach) error {
	c := l.session.connection
	if node := c.node(l.address); node != nil {
		l.may = node.mayAttach
		if err := l.may(); err != nil {
			return err
		}
		if !a.receiver {
			l.request = node.answer
		} else if a.target != nil {
			l.reply = a.target.address
		}
		return nil
	}
	if a.source != nil && len(a.source.filter) > 0 {
		return refused{condition{"amqp:not-implemented", "there are no sessions and no filters"}}
	}
	right := Right{Send: true}
	if a.receiver {
		right = Right{Listen: true}
	}
	l.may = func() error { return c.authorize(l.address, right) }
	if err := l.may(); err != nil {
		return err
	}
	if err := c.peer.broker.exists(l.address, !a.receiver); err != nil {
		return err
	}
	if a.receiver {
		l.settled = a.sndSettle == settleSettled
		l.unwatch = c.peer.broker.watch(l.address, c.wake)
	}
	return nil
}

// close ends the link; what it held stays locked unless the corners say otherwise.
func (l *link) close() {
	if l.unwatch == nil {
		return
	}
	l.unwatch()
	c := l.session.connection
	for id, held := range l.session.unsettled {
		if held.link != l {
			continue
		}
		delete(l.session.unsettled, id)
		if c.peer.options.Corners.DetachUnlocks {
			// An error means that the lock ended before.
			_ = c.peer.broker.settle(c.peer.clock.now(), l.address, held.token, settlement{act: release})
		}
	}
}

// grant lets the client send.
func (l *link) grant() {
	l.credit = senderCredit
	f := l.session.state()
	count, credit := l.deliveryCount, l.credit
	f.handle, f.deliveryCount, f.credit = &l.handle, &count, &credit
	l.session.send(f)
}

// take takes one transfer, and its message once it is whole. A condition is why the connection
// has to end.
func (l *link) take(t transfer) *condition {
	if l.partial == nil {
		l.first = t
		if t.id == nil {
			return &condition{"amqp:invalid-field", "a transfer without delivery-id"}
		}
		l.batch = t.format != nil && *t.format == formatBatch
	}
	if t.aborted {
		l.partial = nil
		return nil
	}
	limit := l.session.connection.peer.options.MaxMessageSize
	if l.request != nil {
		limit *= 2 // a request holds a message and what is asked about it
	}
	if len(l.partial)+len(t.payload) > limit {
		l.session.endLink(l, &condition{"amqp:link:message-size-exceeded", fmt.Sprintf("the message is larger than %d bytes", limit)})
		return nil
	}
	l.partial = append(l.partial, t.payload...)
	if t.more {
		return nil
	}
	whole := l.partial
	l.partial = nil
	l.deliveryCount++
	l.credit--
	if l.credit < senderCredit/2 {
		l.grant()
	}
	state, after := l.accept(whole)
	if !t.settled && !l.first.settled {
		l.session.send(disposition{receiver: true, first: *l.first.id, settled: true, state: state, about: l})
	}
	if after != nil {
		after()
	}
	return nil
}

// accept hands a whole message to what is behind the link. After the client has been told the
// outcome, a request is answered.
func (l *link) accept(whole []byte) (state described, after func()) {
	c := l.session.connection
	if l.request == nil {
		messages, at, err := readMessages(whole, l.batch)
		if err == nil {
			err = c.refused()
		}
		if err == nil {
			err = c.authorize(l.address, Right{Send: true})
		}
		if err == nil {
			_, err = c.peer.broker.accept(c.peer.clock.now(), l.address, messages, at)
		}
		if err != nil {
			why := conditionOf(err)
			return refusal(&why), nil
		}
		return composite(accepted), nil
	}
	var m amqp.Message
	if err := m.UnmarshalBinary(whole); err != nil {
		return refusal(&condition{"amqp:decode-error", err.Error()}), nil
	}
	answer := l.request
	if refusal := c.refusal; refusal != nil {
		if refusal.status == 0 {
			return composite(rejected, refusal.condition.list()), nil
		}
		answer = func(*amqp.Message) reply { return reply{refusal.status, refusal.condition.description, nil} }
	}
	return composite(accepted), func() { c.respond(&m, answer(&m)) }
}

// flow takes a client's credit and sends what it allows.
func (l *link) flow(f flow) {
	if f.credit == nil {
		return
	}
	if l.isSource() {
		// link-credit(snd) := delivery-count(rcv) + link-credit(rcv) - delivery-count(snd)
		count := uint32(0)
		if f.deliveryCount != nil {
			count = *f.deliveryCount
		}
		l.credit = count + *f.credit - l.deliveryCount
		l.fill()
		if f.drain {
			l.deliveryCount += l.credit
			l.credit = 0
		}
	}
	if f.echo || f.drain && l.isSource() {
		answer := l.session.state()
		count, credit := l.deliveryCount, l.credit
		answer.handle, answer.deliveryCount, answer.credit, answer.drain = &l.handle, &count, &credit, f.drain
		l.session.send(answer)
	}
}

// isSource says whether the client receives on the link.
func (l *link) isSource() bool { return l.reply != "" || l.unwatch != nil }

// fill sends what the client has credit for.
func (l *link) fill() {
	for len(l.replies) > 0 && l.credit > 0 && l.fits(l.replies[0]) {
		l.transfer([]byte("reply"), l.replies[0], true, nil)
		l.replies = l.replies[1:]
	}
	if l.unwatch == nil {
		return
	}
	c := l.session.connection
	for l.credit > 0 && l.session.window > 0 && !c.muted {
		now := c.peer.clock.now()
		entries, err := c.peer.broker.receive(now, l.address, 1, l.settled)
		if err != nil || len(entries) == 0 {
			return
		}
		e := entries[0]
		l.transfer(netOrder(e.token), writeMessage(e), l.settled, &e.token)
	}
}

// fits says whether the client's window takes all frames of a message.
func (l *link) fits(message []byte) bool {
	return int(l.session.window) > len(message)/(l.session.connection.maxFrameSize/2)
}

// transfer sends one message in as many frames as it needs.
func (l *link) transfer(tag, message []byte, settled bool, token *uuid) {
	s := l.session
	const room = 256 // for the header of the frame and the performative
	size := s.connection.maxFrameSize - room
	id, format := s.nextDelivery, uint32(0)
	s.nextDelivery++
	if !settled {
		s.unsettled[id] = delivered{l, *token}
	}
	l.deliveryCount++
	l.credit--
	for first := true; first || len(message) > 0; first = false {
		part := message[:min(len(message), size)]
		message = message[len(part):]
		t := transfer{handle: l.handle, settled: settled, more: len(message) > 0, payload: part}
		if first {
			t.id, t.tag, t.format = &id, tag, &format
		}
		s.nextOutgoing++
		s.window--
		s.send(t)
	}
}

// settle does what the client says of a message and returns the state that answers it.
func (l *link) settle(token uuid, state any) described {
	c := l.session.connection
	s, err := settlementOf(state)
	if err == nil {
		err = c.refused()
	}
	if err == nil {
		err = c.peer.broker.settle(c.peer.clock.now(), l.address, token, s)
	}
	if err != nil {
		why := conditionOf(err)
		return refusal(&why)
	}
	return composite(state.(described).code) // without the error that asks for a dead letter: go-amqp would take it for one
}

// settlementOf reads a delivery state.
func settlementOf(state any) (settlement, error) {
	d, _ := state.(described)
	list, _ := d.value.([]any)
	f := &fields{list: list}
	switch d.code {
	case accepted:
		return settlement{act: complete}, nil
	case released:
		return settlement{act: release}, nil
	case modified:
		if len(field[map[any]any](f, 2)) > 0 {
			return settlement{}, refused{condition{"amqp:not-implemented", "there are no properties to modify"}}
		}
		if field[bool](f, 1) {
			return settlement{act: deferIt}, nil
		}
		return settlement{act: abandon}, nil
	case rejected:
		return deadLettering(f)
	}
	return settlement{}, refused{condition{"amqp:not-implemented", "an unknown delivery state"}}
}

// deadLettering reads the error that asks for a dead letter.
func deadLettering(f *fields) (settlement, error) {
	d := field[described](f, 0)
	list, _ := d.value.([]any)
	of := &fields{list: list}
	if name := field[symbol](of, 0); name != "com.microsoft:dead-letter" {
		return settlement{}, refused{condition{"amqp:not-implemented", "rejected for " + string(name)}}
	}
	s := settlement{act: park, properties: map[string]any{}}
	for key, value := range field[map[any]any](of, 2) {
		text, _ := value.(string)
		switch fmt.Sprint(key) {
		case "DeadLetterReason":
			s.reason = text
		case "DeadLetterErrorDescription":
			s.description = text
		default:
			switch value.(type) {
			case string, bool, int32, int64, float64, time.Time:
				s.properties[fmt.Sprint(key)] = value
			default:
				return settlement{}, refused{condition{"amqp:not-implemented", fmt.Sprintf("a property of type %T", value)}}
			}
		}
	}
	return s, nil
}

// refused is an error that has a condition of its own.
type refused struct{ condition }

func (r refused) Error() string { return r.name + ": " + r.description }

// refused is the error with which a fault has the frame at hand refused.
func (c *connection) refused() error {
	if c.refusal == nil {
		return nil
	}
	return refused{c.refusal.condition}
}

// conditionOf is the condition that tells a client of an error.
func conditionOf(err error) condition {
	var r refused
	switch {
	case errors.As(err, &r):
		return r.condition
	case errors.Is(err, errNotFound):
		return condition{"amqp:not-found", err.Error()}
	case errors.Is(err, errNotAllowed):
		return condition{"amqp:not-allowed", err.Error()}
	case errors.Is(err, errLockLost):
		return condition{"com.microsoft:message-lock-lost", err.Error()}
	default:
		return condition{"amqp:internal-error", err.Error()}
	}
}
