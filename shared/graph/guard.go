package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"leaver/shared/offboarding"

	khttp "github.com/microsoft/kiota-http-go"
)

const (
	biggestAnswer = 16 << 20
	biggestError  = 1 << 20
)

// heard is what an answer says beside its body; a call finds it in its context.
type heard struct {
	date      time.Time
	requestID string
}

type heardKey struct{}

// locationKey is the key under which a call that wants the Location of its answer puts a *string
// into its context. The SDK drops it.
type locationKey struct{}

// guard is the middleware next to the wire. It keeps to Microsoft's budgets, asks the write guard
// before every write and tells it about every answered one, keeps the tenant's clock, and takes
// the text out of errors before the SDK, its tracing or anybody else can repeat it.
type guard struct {
	base    string // path of the base URL, which templates leave out
	budgets budgets
}

// Intercept implements [khttp.Middleware].
func (g guard) Intercept(next khttp.Pipeline, index int, req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	body, err := takeBody(req)
	if err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(req.URL.Path, g.base)
	address := path
	if req.URL.RawQuery != "" {
		address += "?" + req.URL.RawQuery
	}
	parts := requests(req.Method, address, body)
	write := writes(parts)
	draws := map[*pace]int{}
	for _, one := range parts {
		if budget, units := g.budgets.budget(one); budget != nil {
			draws[budget] += units
		}
	}
	for budget, units := range draws {
		if err := budget.wait(ctx, units); err != nil {
			return nil, err
		}
	}
	guarded := offboarding.WriteGuardFrom(ctx)
	if write { // after the wait: the case may have been cancelled in it
		if err := guarded.Allow(ctx); err != nil {
			return nil, refused{err}
		}
	}
	req.Header.Set("User-Agent", "leaver")
	if offboarding.Urgent(ctx) {
		// Source: Microsoft Graph, throttling-limits, Identity and access: x-ms-throttle-priority.
		req.Header.Set("x-ms-throttle-priority", "high")
	}
	res, err := next.Next(req, index)
	if err != nil {
		return nil, err
	}
	if write {
		guarded.Record(offboarding.Call{Operation: req.Method + " " + template(path), Status: res.StatusCode, RequestID: res.Header.Get("request-id")})
	}
	if path != "/$batch" || res.StatusCode == http.StatusTooManyRequests { // else it says it of each of its requests
		for budget := range draws {
			budget.hear(res.StatusCode, res.Header)
		}
	}
	if h, ok := ctx.Value(heardKey{}).(*heard); ok {
		h.date, _ = http.ParseTime(res.Header.Get("Date"))
		h.requestID = res.Header.Get("request-id")
	}
	if location, ok := ctx.Value(locationKey{}).(*string); ok {
		*location = res.Header.Get("Location")
	}
	switch {
	case res.StatusCode >= 400:
		return withoutText(res)
	case res.StatusCode >= 300:
		_ = res.Body.Close()
		return nil, fmt.Errorf("graph answered with the redirect %d", res.StatusCode)
	}
	res.Body = http.MaxBytesReader(nil, res.Body, biggestAnswer)
	return res, nil
}

// takeBody reads the body of a request and gives it a length, which kiota does not.
func takeBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return body, nil
}

// template is a path with {id} for every segment that is not a word of Graph, so that evidence
// names an operation and nobody.
func template(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ$.") != "" {
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// withoutText replaces the body of an error answer by one that holds its codes only. It is
// always JSON and always has a message, without which the SDK panics or forgets the status:
// a gateway in between answers in HTML.
func withoutText(res *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, biggestError))
	_ = res.Body.Close()
	if err != nil {
		return nil, err
	}
	codes := strings.Join(codesOf(body), "/")
	short, err := json.Marshal(map[string]any{"error": map[string]any{"code": codes, "message": fmt.Sprintf("%d %s", res.StatusCode, codes)}})
	if err != nil {
		return nil, err
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(short)), int64(len(short))
	res.Header.Set("Content-Type", "application/json")
	res.Header.Del("Content-Length")
	return res, nil
}
