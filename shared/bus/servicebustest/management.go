package servicebustest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/Azure/go-amqp"
)

// Source of the operations: Microsoft Learn, "AMQP 1.0 in Azure Service Bus: request-response-based operations".

// operation is one operation of a $management node, and the right that it takes.
type operation struct {
	right Right
	do    func(c *connection, entity string, now time.Time, body map[string]any) (map[string]any, error)
}

var operations = map[string]operation{
	"com.microsoft:schedule-message":           {Right{Send: true}, schedule},
	"com.microsoft:cancel-scheduled-message":   {Right{Send: true}, cancelScheduled},
	"com.microsoft:renew-lock":                 {Right{Listen: true}, renewLock},
	"com.microsoft:update-disposition":         {Right{Listen: true}, updateDisposition},
	"com.microsoft:peek-message":               {Right{Listen: true}, peekMessage},
	"com.microsoft:receive-by-sequence-number": {Right{Listen: true}, receiveBySequenceNumber},
}

// errBadRequest: a request without what it needs.
var errBadRequest = errors.New("bad request")

func (c *connection) mayManage(entity string) error {
	if err := c.authorize(entity+managementSuffix, Right{Send: true}); err == nil {
		return nil
	}
	return c.authorize(entity+managementSuffix, Right{Listen: true})
}

// manage answers a request to an entity's $management.
func (c *connection) manage(entity string, m *amqp.Message) reply {
	name, _ := m.ApplicationProperties["operation"].(string)
	op, known := operations[name]
	if !known {
		return reply{status: 501, description: "not implemented: " + name}
	}
	if err := c.authorize(entity+managementSuffix, op.right); err != nil {
		return reply{status: 401, description: err.Error()}
	}
	body, ok := m.Value.(map[string]any)
	if !ok {
		return reply{status: 400, description: fmt.Sprintf("a body of type %T", m.Value)}
	}
	value, err := op.do(c, entity, c.peer.clock.now(), body)
	switch {
	case err == nil && value == nil:
		return reply{status: 204, description: "No Content"}
	case err == nil:
		return reply{status: 200, description: "OK", value: value}
	}
	return reply{status: c.statusOf(err), description: err.Error()}
}

func (c *connection) statusOf(err error) int {
	switch {
	case errors.Is(err, errLockLost):
		return 410
	case errors.Is(err, errNotFound):
		return 404
	case errors.Is(err, errNoMessage):
		return c.peer.options.Corners.CancelMissing
	default:
		return 400
	}
}

// argument is one value of a request's body.
func argument[T any](body map[string]any, name string) (T, error) {
	v, ok := body[name].(T)
	if !ok {
		return v, fmt.Errorf("%w: %s is of type %T", errBadRequest, name, body[name])
	}
	return v, nil
}

func schedule(c *connection, entity string, now time.Time, body map[string]any) (map[string]any, error) {
	list, err := argument[[]any](body, "messages")
	if err != nil {
		return nil, err
	}
	var messages []message
	var times []time.Time
	for _, item := range list {
		wrapped, _ := item.(map[string]any)
		encoded, err := argument[[]byte](wrapped, "message")
		if err != nil {
			return nil, err
		}
		if limit := c.peer.options.MaxMessageSize; len(encoded) > limit {
			return nil, fmt.Errorf("%w: a message of more than %d bytes", errBadRequest, limit)
		}
		m, at, err := readMessage(encoded)
		if err != nil {
			return nil, err
		}
		messages, times = append(messages, m), append(times, at)
	}
	var sequences []int64
	for i, m := range messages {
		taken, err := c.peer.broker.accept(now, entity, []message{m}, times[i])
		if err != nil {
			return nil, err
		}
		sequences = append(sequences, taken...)
	}
	return map[string]any{"sequence-numbers": sequences}, nil
}

func cancelScheduled(c *connection, entity string, now time.Time, body map[string]any) (map[string]any, error) {
	sequences, err := argument[[]int64](body, "sequence-numbers")
	if err != nil {
		return nil, err
	}
	return map[string]any{}, c.peer.broker.cancel(now, entity, sequences)
}

func renewLock(c *connection, entity string, now time.Time, body map[string]any) (map[string]any, error) {
	tokens, err := argument[[]amqp.UUID](body, "lock-tokens")
	if err != nil {
		return nil, err
	}
	var expirations []time.Time
	for _, token := range tokens {
		until, err := c.peer.broker.renew(now, entity, uuid(token))
		if err != nil {
			return nil, err
		}
		expirations = append(expirations, until)
	}
	return map[string]any{"expirations": expirations}, nil
}

func updateDisposition(c *connection, entity string, now time.Time, body map[string]any) (map[string]any, error) {
	tokens, err := argument[[]amqp.UUID](body, "lock-tokens")
	if err != nil {
		return nil, err
	}
	status, err := argument[string](body, "disposition-status")
	if err != nil {
		return nil, err
	}
	var s settlement
	s.properties, _ = body["properties-to-modify"].(map[string]any)
	if len(s.properties) > 0 && status != "suspended" {
		return nil, fmt.Errorf("%w: only a dead letter has properties to modify", errBadRequest)
	}
	switch status {
	case "completed":
		s.act = complete
	case "abandoned":
		s.act = abandon
	case "defered": // as Microsoft spells it
		s.act = deferIt
	case "suspended":
		s.act = park
		s.reason, _ = body["deadletter-reason"].(string)
		s.description, _ = body["deadletter-description"].(string)
	default:
		return nil, fmt.Errorf("%w: disposition-status %q", errBadRequest, status)
	}
	for _, token := range tokens {
		if err := c.peer.broker.settle(now, entity, uuid(token), s); err != nil {
			return nil, err
		}
	}
	return map[string]any{}, nil
}

func peekMessage(c *connection, entity string, now time.Time, body map[string]any) (map[string]any, error) {
	from, err := argument[int64](body, "from-sequence-number")
	if err != nil {
		return nil, err
	}
	count, err := argument[int32](body, "message-count")
	if err != nil {
		return nil, err
	}
	if count < 0 {
		return nil, fmt.Errorf("%w: message-count %d", errBadRequest, count)
	}
	// Dead letters that kept their number, and messages that wait, are peeked like all others.
	entries, err := c.peer.broker.peek(now, entity, from, int(count))
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	var messages []any
	for _, e := range entries {
		messages = append(messages, map[string]any{"message": writeMessage(e)})
	}
	return map[string]any{"messages": messages}, nil
}

func receiveBySequenceNumber(c *connection, entity string, now time.Time, body map[string]any) (map[string]any, error) {
	sequences, err := argument[[]int64](body, "sequence-numbers")
	if err != nil {
		return nil, err
	}
	mode, err := argument[uint32](body, "receiver-settle-mode")
	if err != nil {
		return nil, err
	}
	entries, err := c.peer.broker.receiveDeferred(now, entity, sequences, mode == 0)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	var messages []any
	for _, e := range entries {
		messages = append(messages, map[string]any{"message": writeMessage(e)})
	}
	return map[string]any{"messages": messages}, nil
}

// entityOf is the entity that an address belongs to, without its $management.
func entityOf(address string) string {
	entity, _ := strings.CutSuffix(address, managementSuffix)
	return entity
}
