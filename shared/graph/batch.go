package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"leaver/shared/offboarding"
)

// mostBatched is how many requests Graph takes in a batch.
// Source: Microsoft Graph, Combine multiple requests in one HTTP call using JSON batching.
const mostBatched = 20

// batch makes calls, 20 in one round trip, and returns for each its answer or its error,
// classified. Which of them Graph carries out first is not certain. When one of the ids is none,
// nothing is sent. Those that failed for the moment are asked once more, without the others.
func (c *Client) batch(ctx context.Context, calls ...call) ([]answer, []error) {
	answers, errs := make([]answer, len(calls)), make([]error, len(calls))
	for _, one := range calls {
		if err := one.verify(); err != nil {
			return answers, slices.Repeat([]error{err}, len(calls))
		}
	}
	var all []int
	for i, one := range calls {
		if c.lacks(one.path) {
			errs[i] = errAbsent
			continue
		}
		all = append(all, i)
	}
	c.batched(ctx, calls, all, answers, errs)
	if again, delay := repeatable(calls, errs); len(again) > 0 && wait(ctx, delay) {
		c.batched(ctx, calls, again, answers, errs)
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = c.explain(calls[i], err)
		}
	}
	return answers, errs
}

// repeatable are the calls of a batch that are worth another try, and after which time: those
// that were refused until soon, and those that failed for the moment and do no more when they are
// done twice.
func repeatable(calls []call, errs []error) (again []int, delay time.Duration) {
	for i, err := range errs {
		var p *problem
		if !errors.As(err, &p) || p.whole || !p.passing() {
			continue
		}
		after := p.wait
		switch {
		case p.status == http.StatusTooManyRequests && !p.waits, after > maxWait:
			continue // the worker's to repeat
		case p.status != http.StatusTooManyRequests && calls[i].method == http.MethodPost:
			continue // may have been done
		case !p.waits:
			after = briefly
		}
		again, delay = append(again, i), max(delay, after)
	}
	return again, delay
}

// briefly is how long what failed without a reason is left alone.
const briefly = time.Second / 2

// wait reports whether a time has passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// batched makes the calls at some places, and puts their answers and errors there.
func (c *Client) batched(ctx context.Context, calls []call, places []int, answers []answer, errs []error) {
	for chunk := range slices.Chunk(places, mostBatched) {
		if len(chunk) == 1 {
			answers[chunk[0]], errs[chunk[0]] = c.sendAlone(ctx, calls[chunk[0]])
			continue
		}
		var some []call
		for _, i := range chunk {
			some = append(some, calls[i])
		}
		a, e := c.roundTripOf(ctx, some)
		for at, i := range chunk {
			answers[i], errs[i] = a[at], e[at]
		}
	}
}

// batchItem is one request of a batch.
type batchItem struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// roundTripOf sends at most 20 calls at once. The SDK's own batch is not used: it panics when an
// answer lacks a request or is empty, and loses the status of an error without a content type.
func (c *Client) roundTripOf(ctx context.Context, calls []call) ([]answer, []error) {
	answers, errs := make([]answer, len(calls)), make([]error, len(calls))
	out := &outgoing{calls: calls}
	err := out.pack()
	var text []byte
	if err == nil {
		text, err = c.roundTrip(ctx, out, http.MethodPost, c.base+batchPath)
	}
	var read []batchAnswer
	if err == nil {
		if read, err = readBatch(text, len(calls)); err != nil {
			c.limiters.lost(calls)
		}
	}
	if err != nil {
		var p *problem
		if errors.As(err, &p) {
			p.whole = true
		}
		return answers, slices.Repeat([]error{err}, len(calls))
	}
	for i, r := range read {
		header := http.Header{"Date": {out.dateText}}
		for k, v := range r.Headers {
			header.Set(k, v)
		}
		c.limiters.observe(calls[i], r.Status, header)
		answers[i] = answer{what: calls[i].what(), body: r.Body, at: out.date, location: header.Get("Location")}
		if r.Status < 200 || r.Status > 299 {
			errs[i] = newProblem(r.Status, header, r.Body, out.requestID)
		}
		if calls[i].writes() {
			offboarding.WriteGuardFrom(ctx).Record(offboarding.Call{Operation: calls[i].verb() + " " + template(calls[i].address()), Status: r.Status, RequestID: out.requestID})
		}
	}
	return answers, errs
}

const batchPath = "/$batch"

// pack makes the body of a batch.
func (o *outgoing) pack() error {
	var items []batchItem
	for i, one := range o.calls {
		item := batchItem{ID: strconv.Itoa(i), Method: one.verb(), URL: one.address()}
		body, err := one.content()
		if err != nil {
			return err
		}
		if body != nil {
			item.Body, item.Headers = body, map[string]string{"Content-Type": "application/json"}
		}
		items = append(items, item)
	}
	var err error
	o.body, err = json.Marshal(map[string]any{"requests": items})
	return err
}

// batchAnswer is what a batch says of one of its requests.
type batchAnswer struct {
	ID      string
	Status  int
	Headers map[string]string
	Body    json.RawMessage
}

// readBatch returns the answers of a batch in the order of its requests.
func readBatch(text []byte, requests int) ([]batchAnswer, error) {
	var body struct{ Responses []batchAnswer }
	if json.Unmarshal(text, &body) != nil {
		return nil, errors.New("the answers of a batch cannot be read")
	}
	answers := make([]batchAnswer, requests)
	for _, r := range body.Responses {
		i, err := strconv.Atoi(r.ID)
		if err != nil || i < 0 || i >= requests {
			return nil, errors.New("a batch was answered for a request that it did not hold")
		}
		answers[i] = r
	}
	if slices.ContainsFunc(answers, func(a batchAnswer) bool { return a.Status == 0 }) {
		return nil, errors.New("a batch was not answered in full")
	}
	return answers, nil
}

// firstOf is the first of some errors: where one answer is not there, the others are no use.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
