package servicebustest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// connection is one connection of a client. One goroutine reads frames; all else, sessions and
// links included, belongs to the goroutine of serve.
type connection struct {
	peer     *Peer
	net      net.Conn
	reader   *bufio.Reader
	gone     chan struct{} // closed by drop
	dropOnce sync.Once

	ends         chan Action   // what the broker ends of its own accord
	wake         chan struct{} // a queue that a link reads from may have messages
	sessions     map[uint16]*session
	ended        map[uint16]int   // by the peer, of a channel, not answered yet
	claims       map[string]claim // by entity path, lower case
	lapse        *time.Timer      // ends when the next claim does
	maxFrameSize int
	refusal      *Action // of the frame that is being handled
	muted        bool    // nothing is sent any more: the connection is about to be dropped
	closed       bool    // the client was told so; what it still sends is ignored until it goes
}

func newConnection(p *Peer, conn net.Conn) *connection {
	return &connection{
		peer: p, net: conn, reader: bufio.NewReader(conn), gone: make(chan struct{}), ends: make(chan Action), wake: make(chan struct{}, 1),
		sessions: map[uint16]*session{}, ended: map[uint16]int{}, claims: map[string]claim{}, maxFrameSize: 512,
	}
}

// drop ends the connection without a word.
func (c *connection) drop() {
	c.dropOnce.Do(func() {
		close(c.gone)
		c.net.Close()
	})
}

// serve speaks with the client until either ends it.
func (c *connection) serve() {
	defer c.drop()
	idle, err := c.handshake()
	if err != nil {
		return
	}
	in := make(chan frame)
	go c.read(in)
	c.lapse = time.NewTimer(0)
	defer c.lapse.Stop()
	var alive <-chan time.Time
	if idle > 0 {
		ticker := time.NewTicker(idle / 2)
		defer ticker.Stop()
		alive = ticker.C
	}
	defer func() {
		for _, s := range c.sessions {
			s.close()
		}
	}()
	for {
		select {
		case f, open := <-in:
			if !open || !c.receive(f) {
				return
			}
		case <-c.wake:
			for _, s := range c.sessions {
				s.fill()
			}
		case action := <-c.ends:
			c.endAll(action)
		case <-c.lapse.C:
			c.lapsed()
		case <-alive:
			c.write(appendFrame(nil, frame{}))
		case <-c.gone:
			return
		}
	}
}

// read hands on frames until the connection ends.
func (c *connection) read(in chan<- frame) {
	defer close(in)
	for {
		f, err := readFrame(c.reader)
		if err != nil {
			return
		}
		if f.body == nil {
			continue
		}
		select {
		case in <- f:
		case <-c.gone:
			return
		}
	}
}

var (
	saslHeader = []byte{'A', 'M', 'Q', 'P', 3, 1, 0, 0}
	amqpHeader = []byte{'A', 'M', 'Q', 'P', 0, 1, 0, 0}
)

var errEnded = errors.New("the connection has ended")

// handshake agrees on TLS if the client starts with it, then SASL and AMQP; what comes over HTTPS it
// answers, and that is all. It returns the
// time after which the client takes silence for the end; zero is never.
func (c *connection) handshake() (idle time.Duration, err error) {
	const tlsHandshake = 0x16
	first, err := c.reader.Peek(1)
	if err != nil {
		return 0, err
	}
	if first[0] == tlsHandshake {
		secure := tls.Server(buffered{c.net, c.reader}, c.peer.identity.server())
		c.net, c.reader = secure, bufio.NewReader(secure)
		if first, err = c.reader.Peek(1); err != nil {
			return 0, err
		}
		if first[0] != amqpHeader[0] { // HTTP, whose methods begin with another letter
			return 0, errors.Join(c.administer(), errEnded)
		}
	}
	if err := c.exchangeHeader(saslHeader); err != nil {
		return 0, err
	}
	c.send(0, mechanisms{"ANONYMOUS"})
	if _, err := expect[saslInit](c); err != nil {
		return 0, err
	}
	c.send(0, outcome{0})
	if err := c.exchangeHeader(amqpHeader); err != nil {
		return 0, err
	}
	o, err := expect[open](c)
	if err != nil {
		return 0, err
	}
	c.maxFrameSize = frameSize
	if o.maxFrameSize > 0 {
		c.maxFrameSize = max(512, min(frameSize, int(o.maxFrameSize)))
	}
	c.send(0, open{container: "servicebustest", maxFrameSize: frameSize})
	if c.muted {
		return 0, errEnded
	}
	return time.Duration(o.idleTimeout) * time.Millisecond, nil
}

// buffered is a connection of which a part has been read.
type buffered struct {
	net.Conn
	reader *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.reader.Read(p) }

func (c *connection) exchangeHeader(want []byte) error {
	header := make([]byte, len(want))
	if _, err := io.ReadFull(c.reader, header); err != nil {
		return err
	}
	c.write(want) // also what a client that wanted another protocol is told
	if !bytes.Equal(header, want) {
		return errMalformed
	}
	return nil
}

// expect reads the one frame that has to come next.
func expect[T performative](c *connection) (T, error) {
	var none T
	f, err := readFrame(c.reader)
	if err != nil {
		return none, err
	}
	body, ok := f.body.(T)
	if !ok {
		return none, errMalformed
	}
	switch action := c.decide(Frame{Received: true, Kind: body.kind()}); action.what {
	case pass:
	case wait:
		c.pause(action)
	case dropAfter:
		c.muted = true
	case lose:
		return expect[T](c)
	default:
		return none, errEnded
	}
	return body, nil
}

// receive handles one frame and says whether the connection goes on.
func (c *connection) receive(f frame) bool {
	if c.closed {
		return true
	}
	action := c.decide(c.describe(f, true))
	switch action.what {
	case dropBefore:
		return false
	case endIt:
		if c.endOf(f, action, true) {
			return true
		}
	case lose:
		return true
	case wait:
		c.pause(action)
	case dropAfter:
		c.muted = true
	case refuse:
		switch f.body.kind() {
		case Attach, Transfer, Disposition:
			c.refusal = &action
			defer func() { c.refusal = nil }()
		default:
			c.leave(&action.condition)
			return true
		}
	}
	return c.handle(f) && (!c.muted || c.closed)
}

// leave tells the client that the connection has ended. The client is the one to close it: what is
// closed while something comes in is reset, and the client would not read why.
func (c *connection) leave(why *condition) {
	c.closed = true
	c.send(0, closing{why})
	c.muted = true
}

// endOf ends what a frame belongs to, and reports whether there was any.
func (c *connection) endOf(f frame, a Action, received bool) bool {
	s := c.sessions[f.channel]
	switch a.ends {
	case Close:
		if c.closed {
			return false
		}
		switch f.body.kind() {
		case Mechanisms, Outcome:
			c.muted = true
			c.drop()
		default:
			c.leave(&a.condition)
		}
		return true
	case End:
		if s != nil {
			s.end(&a.condition)
		}
		return s != nil
	}
	if s == nil {
		return false
	}
	if l := s.linkOf(f.body, received); l != nil {
		s.endLink(l, &a.condition)
		return true
	}
	asked, asks := f.body.(attach)
	if asks && received {
		s.refuse(asked, &a.condition)
	}
	return asks && received
}

func (c *connection) endAll(a Action) {
	if a.ends == Close {
		c.leave(&a.condition)
		return
	}
	for _, s := range c.sessions {
		if a.ends == End {
			s.end(&a.condition)
			continue
		}
		for _, l := range s.links {
			s.endLink(l, &a.condition)
		}
	}
}

func (c *connection) handle(f frame) bool {
	s := c.sessions[f.channel]
	switch body := f.body.(type) {
	case begin:
		s = &session{connection: c, channel: f.channel, links: map[uint32]*link{}, unsettled: map[uint32]delivered{},
			nextIncoming: body.nextOutgoing, window: body.incomingWindow}
		c.sessions[f.channel] = s
		s.send(begin{remoteChannel: &f.channel, incomingWindow: incomingWindow, outgoingWindow: incomingWindow})
		return true
	case closing:
		c.send(0, closing{})
		return false
	}
	_, ends := f.body.(end)
	switch {
	case ends && c.ended[f.channel] > 0: // the client's answer, perhaps after it has begun another session
		c.ended[f.channel]--
		return true
	case s == nil && c.ended[f.channel] > 0:
		return true // sent before the client saw it
	case s == nil:
		c.leave(&condition{"amqp:not-allowed", "a frame of no session"})
		return true
	case ends:
		s.close()
		delete(c.sessions, f.channel)
		s.send(end{})
		return true
	}
	if problem := s.handle(f.body); problem != nil {
		c.leave(problem)
	}
	return true
}

// send sends a frame, as far as faults let it. What cannot be sent ends the connection.
func (c *connection) send(channel uint16, p performative) {
	if c.muted {
		return
	}
	f := frame{channel, p}
	action := c.decide(c.describe(f, false))
	switch action.what {
	case dropBefore:
		c.muted = true
		c.drop()
		return
	case lose:
		return
	case wait:
		c.pause(action)
	case endIt:
		switch p.(type) {
		case open, begin, attach:
			c.write(appendFrame(nil, f))
			c.endOf(f, action, false)
			return
		}
		if c.endOf(f, action, false) {
			return
		}
	}
	c.write(appendFrame(nil, f))
	if action.what == dropAfter {
		c.muted = true
		c.drop()
	}
}

func (c *connection) write(b []byte) {
	if _, err := c.net.Write(b); err != nil {
		c.drop()
	}
}

// pause holds the connection as long as an action says, or until it is dropped.
func (c *connection) pause(a Action) { c.peer.clock.wait(a.until, c.gone) }

func (c *connection) decide(f Frame) Action { return c.peer.faults.decide(f, c.peer.clock.now()) }

// describe says of a frame what a fault may want to know.
func (c *connection) describe(f frame, received bool) Frame {
	d := Frame{Received: received, Kind: f.body.kind()}
	var l *link
	if s := c.sessions[f.channel]; s != nil {
		l = s.linkOf(f.body, received)
	}
	if l != nil {
		d.Address = l.address
	}
	switch body := f.body.(type) {
	case attach:
		if received {
			d.Address = addressOf(body)
		}
	case disposition:
		d.Settled = body.settled
	case transfer:
		d.Settled = body.settled
		if received && l != nil && l.request != nil && !body.more {
			d.Operation = strings.TrimPrefix(operationOf(append(bytes.Clone(l.partial), body.payload...)), "com.microsoft:")
		}
	}
	if held, ok := c.claims[strings.ToLower(d.Address)]; ok {
		d.Identity = held.identity.Name
	}
	return d
}
