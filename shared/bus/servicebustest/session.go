package servicebustest

import (
	"maps"
	"slices"
)

// incomingWindow is how many transfers a client may send before the session's next flow.
const incomingWindow = 2048

// session is one session of a connection. Channels and handles are the client's own numbers.
type session struct {
	connection *connection
	channel    uint16
	links      map[uint32]*link
	ended      bool // by the peer

	nextIncoming uint32 // transfer numbers, as in the specification
	taken        uint32 // transfers since the last flow
	nextOutgoing uint32
	window       uint32 // transfers that the client still takes
	nextDelivery uint32
	unsettled    map[uint32]delivered
}

// delivered is a message that the client has not settled yet.
type delivered struct {
	link  *link
	token uuid
}

// send sends a frame, unless what it belongs to has ended.
func (s *session) send(p performative) {
	if s.ended {
		return
	}
	switch p := p.(type) {
	case transfer:
		if s.links[p.handle] == nil {
			return
		}
	case flow:
		if p.handle != nil && s.links[*p.handle] == nil {
			return
		}
	case disposition:
		if s.links[p.about.handle] != p.about {
			return
		}
	}
	s.connection.send(s.channel, p)
}

// end ends the session of the peer's own accord.
func (s *session) end(why *condition) {
	s.close()
	clear(s.links)
	s.ended = true
	delete(s.connection.sessions, s.channel)
	s.connection.ended[s.channel]++
	s.connection.send(s.channel, end{why})
}

// endLink ends a link of the peer's own accord.
func (s *session) endLink(l *link, why *condition) {
	l.close()
	delete(s.links, l.handle)
	s.send(detach{handle: l.handle, closed: true, err: why})
}

// close ends the links of the session.
func (s *session) close() {
	for _, l := range s.links {
		l.close()
	}
}

// fill sends on every link what the client has credit for.
func (s *session) fill() {
	for _, l := range s.links {
		l.fill()
	}
}

// linkOf is the link that a frame is about, if it is there.
func (s *session) linkOf(p performative, received bool) *link {
	switch p := p.(type) {
	case attach:
		return s.links[p.handle]
	case flow:
		if p.handle != nil {
			return s.links[*p.handle]
		}
	case transfer:
		return s.links[p.handle]
	case detach:
		return s.links[p.handle]
	case disposition:
		if received && p.receiver {
			return s.unsettled[p.first].link
		}
		return p.about
	}
	return nil
}

// handle handles one frame. A condition is why the connection has to end.
func (s *session) handle(p performative) *condition {
	switch p := p.(type) {
	case attach:
		s.attach(p)
	case flow:
		s.flow(p)
	case transfer:
		return s.transfer(p)
	case disposition:
		s.disposition(p)
	case detach:
		if l := s.links[p.handle]; l != nil {
			l.close()
			delete(s.links, p.handle)
			s.send(detach{handle: p.handle, closed: true})
		}
	default:
		return &condition{"amqp:not-allowed", "an unexpected " + string(p.kind())}
	}
	return nil
}

func (s *session) flow(f flow) {
	s.nextIncoming = f.nextOutgoing
	next := uint32(0)
	if f.nextIncoming != nil {
		next = *f.nextIncoming
	}
	s.window = next + f.incomingWindow - s.nextOutgoing
	if f.handle == nil {
		if f.echo {
			s.send(s.state())
		}
		s.fill()
		return
	}
	if l := s.links[*f.handle]; l != nil {
		l.flow(f)
	}
	s.fill()
}

// state is a flow frame that tells the client where the session stands.
func (s *session) state() flow {
	next := s.nextIncoming
	s.taken = 0
	return flow{nextIncoming: &next, incomingWindow: incomingWindow, nextOutgoing: s.nextOutgoing, outgoingWindow: incomingWindow}
}

func (s *session) transfer(t transfer) *condition {
	s.nextIncoming++
	if s.taken++; s.taken >= incomingWindow/2 {
		s.send(s.state())
	}
	l := s.links[t.handle]
	if l == nil {
		return nil // sent before the client saw that the link was refused or detached
	}
	return l.take(t)
}

// disposition settles what the client says of messages that it was sent.
func (s *session) disposition(d disposition) {
	if !d.receiver || d.settled && d.state == nil {
		return
	}
	last := d.first
	if d.last != nil {
		last = *d.last
	}
	ids := []uint32{d.first}
	if last != d.first {
		ids = slices.Sorted(maps.Keys(s.unsettled))
	}
	for _, id := range ids {
		held, is := s.unsettled[id]
		if !is || id-d.first > last-d.first { // serial numbers may wrap around
			continue
		}
		delete(s.unsettled, id)
		state := held.link.settle(held.token, d.state)
		if !d.settled {
			s.send(disposition{first: id, settled: true, state: state, about: held.link})
		}
	}
}
