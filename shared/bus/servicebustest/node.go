package servicebustest

import (
	"strings"

	"github.com/Azure/go-amqp"
)

// node answers requests: $cbs takes tokens, and each entity has a $management.
type node struct {
	mayAttach func() error
	answer    func(*amqp.Message) reply
}

// reply answers a request. A status of 200 or 202 is success; 401, 404 and 410 are final to
// azservicebus, 408, 500 and 503 are tried again, and it takes any other for a broken connection.
type reply struct {
	status      int
	description string
	value       map[string]any
}

const managementSuffix = "/$management"

// node is the node under an address; nil when it is an entity.
func (c *connection) node(address string) *node {
	if address == "$cbs" {
		return &node{func() error { return nil }, c.putToken}
	}
	entity, isManagement := strings.CutSuffix(address, managementSuffix)
	if !isManagement {
		return nil
	}
	return &node{
		func() error { return c.mayManage(entity) },
		func(m *amqp.Message) reply { return c.manage(entity, m) },
	}
}

// respond sends a reply on the link whose target the request names.
func (c *connection) respond(request *amqp.Message, r reply) {
	if request.Properties == nil || request.Properties.ReplyTo == nil {
		return
	}
	m := amqp.Message{
		Properties:            &amqp.MessageProperties{CorrelationID: request.Properties.MessageID},
		ApplicationProperties: map[string]any{"status-code": int32(r.status), "status-description": r.description},
	}
	m.Value = r.value
	if r.value == nil {
		m.Value = map[string]any{}
	}
	b, err := m.MarshalBinary()
	if err != nil {
		panic("servicebustest: a reply cannot be written: " + err.Error())
	}
	for _, s := range c.sessions {
		for _, l := range s.links {
			if l.reply != "" && l.reply == *request.Properties.ReplyTo {
				l.replies = append(l.replies, b)
				l.fill()
				return
			}
		}
	}
}

// operationOf reads which operation a request asks for.
func operationOf(request []byte) string {
	var m amqp.Message
	if m.UnmarshalBinary(request) != nil {
		return ""
	}
	operation, _ := m.ApplicationProperties["operation"].(string)
	return operation
}
