package servicebustest

import "fmt"

// Kind is the kind of a frame: the name of its performative, or of its SASL frame.
type Kind string

// The kinds of frames.
const (
	Open        Kind = "open"
	Begin       Kind = "begin"
	Attach      Kind = "attach"
	Flow        Kind = "flow"
	Transfer    Kind = "transfer"
	Disposition Kind = "disposition"
	Detach      Kind = "detach"
	End         Kind = "end"
	Close       Kind = "close"
	Mechanisms  Kind = "sasl-mechanisms"
	Init        Kind = "sasl-init"
	Outcome     Kind = "sasl-outcome"
)

// performative is the body of a frame. Its list is in the order of the specification.
// Source: OASIS AMQP 1.0, part 2 section 7 and part 5 section 3.
type performative interface {
	kind() Kind
	list() described
}

type (
	open struct {
		container, hostname string
		maxFrameSize        uint32
		idleTimeout         uint32 // milliseconds; 0 is none
	}
	begin struct {
		remoteChannel                                *uint16
		nextOutgoing, incomingWindow, outgoingWindow uint32
	}
	attach struct {
		name                 string
		handle               uint32
		receiver             bool // the role of the one who sends the frame
		sndSettle, rcvSettle uint8
		source, target       *terminus
		initialDeliveryCount *uint32
		maxMessageSize       uint64
		properties           map[any]any
	}
	// terminus is a source or a target. Of what it can hold, a reply needs the address.
	terminus struct {
		address string
		filter  map[any]any // of a source
	}
	flow struct {
		nextIncoming                                 *uint32
		incomingWindow, nextOutgoing, outgoingWindow uint32
		handle, deliveryCount, credit, available     *uint32
		drain, echo                                  bool
	}
	transfer struct {
		handle        uint32
		id            *uint32
		tag           []byte
		format        *uint32
		settled, more bool
		aborted       bool
		payload       []byte // follows the performative in the frame
	}
	disposition struct {
		receiver bool // the role of the one who sends the frame
		first    uint32
		last     *uint32
		settled  bool
		state    any
		about    *link // of one that the peer sends; not part of the frame
	}
	detach struct {
		handle uint32
		closed bool
		err    *condition
	}
	end           struct{ err *condition }
	closing       struct{ err *condition }
	mechanisms    struct{ names symbol }
	saslInit      struct{ mechanism symbol }
	outcome       struct{ code uint8 }
	condition     struct{ name, description string }
	deliveryState = uint64
)

// The descriptors of delivery states and of the parts of performatives.
const (
	accepted deliveryState = 0x24
	rejected deliveryState = 0x25
	released deliveryState = 0x26
	modified deliveryState = 0x27

	settleSettled uint8 = 1 // snd-settle-mode
	settleMixed   uint8 = 2 // snd-settle-mode; the default

	codeError  = 0x1d
	codeSource = 0x28
	codeTarget = 0x29
)

func (open) kind() Kind        { return Open }
func (begin) kind() Kind       { return Begin }
func (attach) kind() Kind      { return Attach }
func (flow) kind() Kind        { return Flow }
func (transfer) kind() Kind    { return Transfer }
func (disposition) kind() Kind { return Disposition }
func (detach) kind() Kind      { return Detach }
func (end) kind() Kind         { return End }
func (closing) kind() Kind     { return Close }
func (mechanisms) kind() Kind  { return Mechanisms }
func (saslInit) kind() Kind    { return Init }
func (outcome) kind() Kind     { return Outcome }

func (p open) list() described {
	return composite(0x10, p.container, p.hostname, p.maxFrameSize, nil, unlessZero(p.idleTimeout))
}

func (p begin) list() described {
	return composite(0x11, value(p.remoteChannel), p.nextOutgoing, p.incomingWindow, p.outgoingWindow)
}

func (p attach) list() described {
	var properties any
	if p.properties != nil {
		properties = p.properties
	}
	return composite(0x12, p.name, p.handle, p.receiver, p.sndSettle, p.rcvSettle, p.source.list(codeSource),
		p.target.list(codeTarget), nil, nil, value(p.initialDeliveryCount), unlessZero(p.maxMessageSize), nil, nil, properties)
}

func (t *terminus) list(code uint64) any {
	if t == nil {
		return nil
	}
	return composite(code, t.address)
}

func (p flow) list() described {
	return composite(0x13, value(p.nextIncoming), p.incomingWindow, p.nextOutgoing, p.outgoingWindow,
		value(p.handle), value(p.deliveryCount), value(p.credit), value(p.available), unlessZero(p.drain), unlessZero(p.echo))
}

func (p transfer) list() described {
	var tag any
	if p.tag != nil {
		tag = p.tag
	}
	return composite(0x14, p.handle, value(p.id), tag, value(p.format), unlessZero(p.settled), unlessZero(p.more))
}

func (p disposition) list() described {
	return composite(0x15, p.receiver, p.first, value(p.last), unlessZero(p.settled), p.state)
}

func (p detach) list() described {
	return composite(0x16, p.handle, unlessZero(p.closed), p.err.list())
}

func (p end) list() described        { return composite(0x17, p.err.list()) }
func (p closing) list() described    { return composite(0x18, p.err.list()) }
func (p mechanisms) list() described { return composite(0x40, p.names) }
func (p saslInit) list() described   { return composite(0x41, p.mechanism) }
func (p outcome) list() described    { return composite(0x44, p.code) }

func (c *condition) list() any {
	if c == nil {
		return nil
	}
	return composite(codeError, symbol(c.name), c.description)
}

// refusal is the delivery state that rejects because of a condition.
func refusal(c *condition) described { return composite(rejected, c.list()) }

// composite leaves off trailing nulls: go-amqp takes no field more than it knows.
func composite(code uint64, fields ...any) described {
	for len(fields) > 0 && fields[len(fields)-1] == nil {
		fields = fields[:len(fields)-1]
	}
	return described{code, append([]any{}, fields...)}
}

func value[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func unlessZero[T comparable](v T) any {
	var zero T
	if v == zero {
		return nil
	}
	return v
}

// fields are those of a composite that was read. The first one of a wrong type is kept as err.
type fields struct {
	list []any
	err  error
}

// optional is nil where the field is missing or null.
func optional[T any](f *fields, i int) *T {
	if i >= len(f.list) || f.list[i] == nil {
		return nil
	}
	v, ok := f.list[i].(T)
	if !ok {
		if f.err == nil {
			f.err = fmt.Errorf("%w: field %d is of type %T", errMalformed, i, f.list[i])
		}
		return nil
	}
	return &v
}

// field is the zero value where the field is missing or null.
func field[T any](f *fields, i int) T {
	var zero T
	return fieldOr(f, i, zero)
}

func fieldOr[T any](f *fields, i int, fallback T) T {
	if v := optional[T](f, i); v != nil {
		return *v
	}
	return fallback
}

func required[T any](f *fields, i int) T {
	v := optional[T](f, i)
	if v != nil {
		return *v
	}
	if f.err == nil {
		f.err = fmt.Errorf("%w: field %d is missing", errMalformed, i)
	}
	var zero T
	return zero
}

func readTerminus(f *fields, i int, code uint64) *terminus {
	d := optional[described](f, i)
	if d == nil {
		return nil
	}
	list, isList := d.value.([]any)
	if d.code != code || !isList {
		f.err = fmt.Errorf("%w: field %d is no terminus", errMalformed, i)
		return nil
	}
	of := &fields{list: list}
	t := &terminus{address: field[string](of, 0)}
	if code == codeSource {
		t.filter = field[map[any]any](of, 7)
	}
	if of.err != nil {
		f.err = of.err
	}
	return t
}

func readCondition(f *fields, i int) *condition {
	d := optional[described](f, i)
	if d == nil {
		return nil
	}
	list, _ := d.value.([]any)
	of := &fields{list: list}
	c := &condition{string(required[symbol](of, 0)), field[string](of, 1)}
	if of.err != nil {
		f.err = of.err
	}
	return c
}

// readPerformative reads the body of a frame and, of a transfer, the payload after it.
func readPerformative(b []byte) (performative, error) {
	v, rest, err := readValue(b, 0)
	if err != nil {
		return nil, err
	}
	d, _ := v.(described)
	list, isList := d.value.([]any)
	if !isList {
		return nil, fmt.Errorf("%w: a frame without a performative", errMalformed)
	}
	f := &fields{list: list}
	p := performativeOf(d.code, f, rest)
	switch {
	case f.err != nil:
		return nil, fmt.Errorf("performative %#02x: %w", d.code, f.err)
	case p == nil:
		return nil, fmt.Errorf("%w: performative %#02x", errMalformed, d.code)
	case len(rest) > 0 && p.kind() != Transfer:
		return nil, fmt.Errorf("%w: bytes after %s", errMalformed, p.kind())
	}
	return p, nil
}

func performativeOf(code uint64, f *fields, rest []byte) performative {
	switch code {
	case 0x10:
		return open{required[string](f, 0), field[string](f, 1), field[uint32](f, 2), field[uint32](f, 4)}
	case 0x11:
		return begin{optional[uint16](f, 0), required[uint32](f, 1), required[uint32](f, 2), required[uint32](f, 3)}
	case 0x12:
		return attach{
			name: required[string](f, 0), handle: required[uint32](f, 1), receiver: required[bool](f, 2),
			sndSettle: fieldOr(f, 3, settleMixed), rcvSettle: field[uint8](f, 4),
			source: readTerminus(f, 5, codeSource), target: readTerminus(f, 6, codeTarget),
			initialDeliveryCount: optional[uint32](f, 9), maxMessageSize: field[uint64](f, 10), properties: field[map[any]any](f, 13),
		}
	case 0x13:
		return flow{
			optional[uint32](f, 0), required[uint32](f, 1), required[uint32](f, 2), required[uint32](f, 3),
			optional[uint32](f, 4), optional[uint32](f, 5), optional[uint32](f, 6), optional[uint32](f, 7), field[bool](f, 8), field[bool](f, 9),
		}
	case 0x14:
		return transfer{
			handle: required[uint32](f, 0), id: optional[uint32](f, 1), tag: field[[]byte](f, 2), format: optional[uint32](f, 3),
			settled: field[bool](f, 4), more: field[bool](f, 5), aborted: field[bool](f, 9), payload: rest,
		}
	case 0x15:
		return disposition{required[bool](f, 0), required[uint32](f, 1), optional[uint32](f, 2), field[bool](f, 3), field[any](f, 4), nil}
	case 0x16:
		return detach{required[uint32](f, 0), field[bool](f, 1), readCondition(f, 2)}
	case 0x17:
		return end{readCondition(f, 0)}
	case 0x18:
		return closing{readCondition(f, 0)}
	case 0x40:
		return mechanisms{required[symbol](f, 0)}
	case 0x41:
		return saslInit{required[symbol](f, 0)}
	case 0x44:
		return outcome{required[uint8](f, 0)}
	}
	return nil
}
