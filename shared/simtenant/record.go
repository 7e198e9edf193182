package simtenant

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
)

// recorder writes one JSON line a request: {"method","url","body","roles","status","at","app"}. The url is
// absolute with its query, the body the decoded JSON or null, the roles are the application permissions of
// the token, app is the application that it is of. Requests for tokens are recorded without their body, so
// that no secret is stored; passwords inside other bodies are struck out. A batch is one line with the
// inner requests in its body.
type recorder struct {
	mu              sync.Mutex
	graph, exchange io.Writer
}

type recordedLine struct {
	Method string   `json:"method"`
	URL    string   `json:"url"`
	Body   any      `json:"body"`
	Roles  []string `json:"roles"`
	Status int      `json:"status"` // 0 when the connection was reset instead of an answer
	At     string   `json:"at"`     // the tenant's clock, RFC 3339 with nanoseconds
	App    string   `json:"app"`    // client id of the token; empty without one
}

// by says whose token came with the request.
func (l *recordedLine) by(who caller) {
	if who.app != nil {
		l.Roles, l.App = who.roles, who.app.ClientID
	}
}

func (r *recorder) write(isExchange bool, line recordedLine) {
	out := r.graph
	if isExchange && r.exchange != nil {
		out = r.exchange
	}
	if out == nil {
		return
	}
	line.Body = withoutPasswords(line.Body)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(line) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = out.Write(b.Bytes()) // a full disk must not change what the tenant answers
}

// withoutPasswords copies a decoded body with every password struck out.
func withoutPasswords(v any) any {
	switch v := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for k, x := range v {
			if s, ok := x.(string); ok && k == "password" && s != "" {
				x = "***"
			}
			c[k] = withoutPasswords(x)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, x := range v {
			c[i] = withoutPasswords(x)
		}
		return c
	}
	return v
}
