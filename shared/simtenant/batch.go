package simtenant

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// mostItems is how many requests a batch may hold.
const mostItems = 20

type batchItem struct {
	ID        batchID           `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []batchID         `json:"dependsOn"`
}

// batchID is a text, or a number, which counts as its text.
type batchID string

func (b *batchID) UnmarshalJSON(raw []byte) error {
	var number json.Number
	if err := json.Unmarshal(raw, &number); err == nil && len(raw) > 0 && raw[0] != '"' {
		*b = batchID(number)
		return nil
	}
	return json.Unmarshal(raw, (*string)(b))
}

// batch answers POST /$batch: each item is judged, throttled and struck by faults for itself, and
// the outer status is 200 whatever they say. The answers come in the opposite order of the
// requests, because clients must not rely on any.
func (t *Tenant) batch(outer *call) decision {
	const name = "POST /$batch"
	t.counts[name]++
	f := t.fault(name)
	d := decision{reset: f.Reset, delay: f.Delay}
	outer.op = &operation{}
	if f.hides() && !f.After {
		d.reply = outer.faulty(f)
		return d
	}
	d.reply, d.delay = t.runBatch(outer, d.delay)
	if f.hides() {
		d.reply = outer.faulty(f)
	}
	return d
}

func (t *Tenant) runBatch(outer *call, delay time.Duration) (reply, time.Duration) {
	bad := func(format string, args ...any) (reply, time.Duration) {
		return outer.fail(http.StatusBadRequest, "BadRequest", format, args...), delay
	}
	var body struct {
		Requests []batchItem `json:"requests"`
	}
	if err := json.Unmarshal(outer.raw, &body); err != nil {
		return bad("Invalid batch payload format: %v", err)
	}
	if n := len(body.Requests); n == 0 || n > mostItems {
		return bad("Number of batch request steps is %d; it must be between 1 and %d.", n, mostItems)
	}
	earlier := map[batchID]bool{}
	for _, i := range body.Requests {
		switch {
		case i.ID == "" || i.Method == "" || i.URL == "":
			return bad("A batch request step lacks id, method or url.")
		case earlier[i.ID]:
			return bad("Duplicate batch request step id '%s'.", i.ID)
		case strings.Contains(i.URL, "://") || strings.HasPrefix(i.URL, "/v1.0"):
			return bad("The url '%s' of request step '%s' is not relative to the version.", i.URL, i.ID)
		case slices.ContainsFunc(i.DependsOn, func(id batchID) bool { return !earlier[id] }):
			return bad("Request step '%s' depends on a step that does not come before it.", i.ID)
		case hasBody(i.Body) && !slices.ContainsFunc(keys(i.Headers), func(h string) bool { return strings.EqualFold(h, "Content-Type") }):
			return bad("Write request id : %s does not contain Content-Type header or body.", i.ID)
		}
		earlier[i.ID] = true
	}
	status := map[batchID]int{}
	var answers []any
	for _, i := range body.Requests {
		d := t.runItem(outer, i, status)
		status[i.ID] = d.status
		delay = max(delay, d.delay)
		answer := map[string]any{"id": i.ID, "status": d.status}
		head := map[string]string{}
		maps.Copy(head, d.header)
		if d.body != nil {
			answer["body"] = d.body
			if head["Content-Type"] == "" {
				head["Content-Type"] = "application/json"
			}
		}
		if len(head) > 0 {
			answer["headers"] = head
		}
		answers = append(answers, answer)
	}
	slices.Reverse(answers)
	return reply{status: http.StatusOK, body: map[string]any{"responses": answers}}, delay
}

func (t *Tenant) runItem(outer *call, i batchItem, status map[batchID]int) decision {
	c := *outer
	c.requestID = uuid.NewString()
	c.method = strings.ToUpper(i.Method)
	if slices.ContainsFunc(i.DependsOn, func(id batchID) bool { return status[id] >= 400 }) {
		return decision{reply: c.fail(http.StatusFailedDependency, "FailedDependency", "The request step failed because a step it depends on failed.")}
	}
	u, err := url.Parse(outer.base() + "/" + strings.TrimPrefix(i.URL, "/"))
	if err != nil {
		return decision{reply: c.fail(http.StatusBadRequest, "BadRequest", "The url '%s' is not valid.", i.URL)}
	}
	c.url, c.raw, c.header = u, nil, http.Header{}
	if hasBody(i.Body) {
		c.raw = i.Body
	}
	for k, v := range i.Headers {
		c.header.Set(k, v)
	}
	d := t.run(&c, strings.TrimPrefix(u.EscapedPath(), "/v1.0"))
	if d.reset { // one item has no connection of its own to lose
		d.reset, d.reply = false, c.fail(http.StatusBadGateway, "BadGateway", "%s", fmt.Sprintf("The service behind %s broke the connection.", c.op.name()))
	}
	return d
}

func hasBody(b json.RawMessage) bool { return len(b) > 0 && string(b) != "null" }

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}
