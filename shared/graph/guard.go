package graph

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"

	khttp "github.com/microsoft/kiota-http-go"
)

const (
	biggestAnswer = 16 << 20
	biggestError  = 1 << 20
)

// outgoing is a request on its way through the SDK: the calls that it makes, and what its answer
// says beside its body. It travels in the request's context.
type outgoing struct {
	calls []call // several are a batch
	body  []byte
	// streams has the answer read by whoever asks, as it arrives.
	streams bool

	date      time.Time
	dateText  string
	requestID string
	location  string
	failed    *problem // the answer is an error
}

func (o *outgoing) batch() bool  { return len(o.calls) > 1 }
func (o *outgoing) writes() bool { return slices.ContainsFunc(o.calls, call.writes) }

type outgoingKey struct{}

// guard is the middleware next to the wire. It keeps to Microsoft's budgets, asks the write guard
// before every write and tells it about every answered one, keeps the tenant's clock, and takes
// the text out of errors before the SDK, its tracing or anybody else can repeat it.
type guard struct{ limiters limiters }

// Intercept implements [khttp.Middleware].
func (g guard) Intercept(next khttp.Pipeline, index int, req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	out, ok := ctx.Value(outgoingKey{}).(*outgoing)
	if !ok {
		return nil, refused{offboarding.Permanent(errors.New("a request to Graph that no call describes"))}
	}
	leave, err := g.limiters.places(ctx, out.calls)
	if err != nil {
		return nil, err
	}
	res, err := g.pass(next, index, req, out)
	if err != nil {
		leave()
		return nil, err
	}
	return kept(res, leave), nil
}

// pass sends a request that has its places.
func (g guard) pass(next khttp.Pipeline, index int, req *http.Request, out *outgoing) (*http.Response, error) {
	ctx := req.Context()
	for limiter, units := range g.limiters.draws(out.calls) {
		if err := limiter.wait(ctx, units); err != nil {
			return nil, err
		}
	}
	write := offboarding.WriteGuardFrom(ctx)
	if out.writes() { // after the wait: the case may have been cancelled in it
		if err := write.Allow(ctx); err != nil {
			g.limiters.lost(out.calls)
			return nil, refused{err}
		}
	}
	if out.body != nil {
		req.ContentLength = int64(len(out.body)) // which kiota does not set
	}
	req.Header.Set("User-Agent", "leaver")
	if offboarding.Urgent(ctx) {
		// Source: Microsoft Graph, throttling-limits, Identity and access: x-ms-throttle-priority.
		req.Header.Set("x-ms-throttle-priority", "high")
	}
	res, err := next.Next(req, index)
	if err != nil {
		g.limiters.lost(out.calls)
		return nil, err
	}
	if out.writes() {
		operation := req.Method + " " + batchPath
		if !out.batch() {
			operation = req.Method + " " + template(out.calls[0].address())
		}
		write.Record(offboarding.Call{Operation: operation, Status: res.StatusCode, RequestID: res.Header.Get("request-id")})
	}
	switch {
	case !out.batch() || res.StatusCode == http.StatusTooManyRequests:
		for limiter := range g.limiters.draws(out.calls) {
			limiter.observe(res.StatusCode, res.Header)
		}
	case res.StatusCode != http.StatusOK: // else it says it of each of its requests
		g.limiters.lost(out.calls)
	}
	if err := out.hear(res); err != nil {
		return nil, err
	}
	return res, nil
}

// hear takes from an answer what a call may want beside its body. An error's body goes no further.
func (o *outgoing) hear(res *http.Response) error {
	o.dateText = res.Header.Get("Date")
	o.date, _ = http.ParseTime(o.dateText)
	o.requestID = res.Header.Get("request-id")
	o.location = res.Header.Get("Location")
	o.failed = nil // of a first try with an outdated token
	if res.StatusCode < 300 {
		if !o.streams {
			res.Body = http.MaxBytesReader(nil, res.Body, biggestAnswer)
		}
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, biggestError))
	_ = res.Body.Close()
	res.Body, res.ContentLength = http.NoBody, 0
	res.Header.Del("Content-Length")
	if err != nil {
		return err
	}
	if res.StatusCode < 400 {
		return fmt.Errorf("the answer of Graph is the redirect %d", res.StatusCode)
	}
	o.failed = newProblem(res.StatusCode, res.Header, body, o.requestID)
	return nil
}

// template is a path with {id} for every segment that is not a word of Graph, so that evidence
// names an operation and nobody.
func template(address string) string {
	path, _, _ := strings.Cut(address, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ$.") != "" {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}
