package simtenant

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// biggestBody is the most a request may carry, before and after decompression: Graph's own limit
// for JSON.
const biggestBody = 4 << 20

// reply is an answer before it is written.
type reply struct {
	status int
	header map[string]string
	body   any // JSON, or plainText; nil = none
}

// plainText is a body that is no JSON.
type plainText string

// streamed is a body that is written as it is made, outside of the lock.
type streamed func(io.Writer) error

// decision is an answer with what a fault does to it.
type decision struct {
	reply
	reset bool
	delay time.Duration
}

// ServeHTTP answers for all three hosts of Microsoft 365. It tells them apart by path, so that a
// client may be pointed here by a hosts entry.
func (t *Tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	latency := t.world.Latency
	leave := t.enter(r)
	t.mu.Unlock()
	defer leave()
	if !wait(r.Context(), latency) {
		return
	}
	raw, err := readBody(r)
	requestID := uuid.NewString()
	line := recordedLine{Method: r.Method, URL: absolute(r).String()}
	isExchange := strings.HasPrefix(r.URL.Path, "/adminapi/")

	t.mu.Lock()
	t.settle()
	var d decision
	if err != nil {
		d.reply = reply{status: http.StatusBadRequest, body: envelope(r, requestID, t.clock(), "BadRequest", err.Error())}
	} else {
		var who caller
		d, who = t.dispatch(r, raw, requestID)
		line.by(who)
	}
	now := t.clock()
	line.At = now.Format(time.RFC3339Nano)
	stream, isStream := d.body.(streamed)
	if isStream {
		d.body = nil
	}
	payload := encoded(d.body) // under the lock: the body may share memory with the world
	t.mu.Unlock()

	if line.Body = decoded(raw); strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
		line.Body = nil
	}
	if line.Status = d.status; d.reset {
		line.Status = 0
	}
	t.recorder.write(isExchange, line)

	if !wait(r.Context(), d.delay) {
		return
	}
	if d.reset {
		panic(http.ErrAbortHandler) // net/http breaks the connection, or the stream under HTTP/2
	}
	d.write(w, r, payload, requestID, now)
	if !isStream {
		return
	}
	if in, is := w.(*buffered); is {
		in.stream = stream
		return
	}
	if stream(w) != nil {
		panic(http.ErrAbortHandler)
	}
}

// dispatch finds the host a path belongs to. It runs under the lock, and answers who
// sent it too, as far as a token says.
func (t *Tenant) dispatch(r *http.Request, raw []byte, requestID string) (decision, caller) {
	path := strings.Trim(r.URL.Path, "/")
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case first == "v1.0":
		return t.graph(r, raw, requestID)
	case first == "adminapi":
		return t.exchange(r, raw, requestID)
	case first == "monitor":
		return decision{reply: t.monitor(rest)}, caller{}
	case path == "common/discovery/instance" && r.Method == http.MethodGet:
		return decision{reply: t.instances(r)}, caller{}
	case rest == "v2.0/.well-known/openid-configuration" && r.Method == http.MethodGet, rest == "oauth2/v2.0/token" && r.Method == http.MethodPost:
		operation := map[bool]string{true: "POST /token", false: "GET /openid-configuration"}[r.Method == http.MethodPost]
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return decision{reply: t.refuseToken(r, http.StatusBadRequest, 900144, "invalid_request", "The request body is no form.")}, caller{}
		}
		f := t.fault(operation, form.Get("client_id"))
		d := decision{reset: f.Reset, delay: f.Delay}
		if !f.hides() || f.After {
			d.reply = t.login(r, first, rest, form)
		}
		if f.hit && f.Status != 0 {
			d.reply = t.refuseToken(r, f.Status, 90033, orElse(f.Code, "temporarily_unavailable"), orElse(f.Message, "A transient error has occurred. Please try again."))
			d.header = retryAfter(f, t.clock())
		}
		return d, caller{}
	}
	if form, err := url.ParseQuery(string(raw)); err == nil {
		if answer, is := t.people(r, first, rest, form); is {
			return decision{reply: answer}, caller{}
		}
	}
	text := t.notSimulated("%s %s", r.Method, r.URL.Path)
	return decision{reply: reply{status: http.StatusNotImplemented, body: envelope(r, requestID, t.clock(), "NotImplemented", text)}}, caller{}
}

// notSimulated counts something the tenant does not know and words it.
func (t *Tenant) notSimulated(format string, args ...any) string {
	what := fmt.Sprintf(format, args...)
	t.unknown = append(t.unknown, what)
	return "not simulated by simtenant: " + what
}

func retryAfter(o outcome, now time.Time) map[string]string {
	if o.RetryAfter <= 0 {
		return nil
	}
	if o.RetryDate {
		return map[string]string{"Retry-After": now.Add(o.RetryAfter).UTC().Format(http.TimeFormat)}
	}
	return map[string]string{"Retry-After": wholeSeconds(o.RetryAfter)}
}

// wait lets a duration pass; false when the client went away first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func absolute(r *http.Request) *url.URL {
	u := *r.URL
	u.Scheme, u.Host = "https", r.Host
	return &u
}

// readBody reads a request's body, unpacked when it is compressed, as the Graph SDK compresses all
// of them.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	in := io.Reader(io.LimitReader(r.Body, biggestBody+1))
	switch enc := r.Header.Get("Content-Encoding"); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the body is not gzip: %w", err)
		}
		defer z.Close()
		in = io.LimitReader(z, biggestBody+1)
	default:
		return nil, fmt.Errorf("content encoding %q is not supported", enc)
	}
	raw, err := io.ReadAll(in)
	if err == nil && len(raw) > biggestBody {
		err = errors.New("the body is larger than 4 MB")
	}
	return raw, err
}

// decoded is a body as JSON with its numbers kept as written; nil when it is none.
func decoded(raw []byte) any {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// envelope is the error body all Graph calls share.
func envelope(r *http.Request, requestID string, now time.Time, code, message string) map[string]any {
	return map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": map[string]any{
		"date":              now.Format("2006-01-02T15:04:05"),
		"request-id":        requestID,
		"client-request-id": orElse(r.Header.Get("client-request-id"), requestID),
	}}}
}

// dataCenter is what Graph says about itself in x-ms-ags-diagnostic.
const dataCenter = `{"ServerInfo":{"DataCenter":"West Europe","Slice":"E","Ring":"5","ScaleUnit":"004","RoleInstance":"SIMTENANT000001"}}`

func (d decision) write(w http.ResponseWriter, r *http.Request, payload []byte, requestID string, now time.Time) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("request-id", requestID)
	h.Set("client-request-id", orElse(r.Header.Get("client-request-id"), requestID))
	h.Set("Date", now.Format(http.TimeFormat))
	if strings.HasPrefix(r.URL.Path, "/v1.0/") {
		h.Set("x-ms-ags-diagnostic", dataCenter)
	}
	for k, v := range d.header {
		h.Set(k, v)
	}
	if payload == nil {
		w.WriteHeader(d.status)
		return
	}
	if h.Get("Content-Type") == "" {
		kind := "application/json; charset=utf-8"
		if strings.HasPrefix(r.URL.Path, "/v1.0/") && d.status < 300 {
			kind = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
		} else if strings.HasPrefix(r.URL.Path, "/v1.0/") {
			kind = "application/json"
		}
		h.Set("Content-Type", kind)
	}
	if acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		payload = packed(payload)
	}
	h.Set("Content-Length", strconv.Itoa(len(payload)))
	w.WriteHeader(d.status)
	_, _ = w.Write(payload) // a client that has gone needs no answer
}

// packers are used again: a new one takes 800 KB.
var packers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
	return z
}}

func packed(payload []byte) []byte {
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	var b bytes.Buffer
	z.Reset(&b)
	_, _ = z.Write(payload) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// encoded is a body as it goes over the wire; nil for none.
func encoded(body any) []byte {
	switch body := body.(type) {
	case nil:
		return nil
	case plainText:
		return []byte(body)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic("simtenant: an answer that is no JSON: " + err.Error())
	}
	return b.Bytes()
}

func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == "gzip" && strings.TrimSpace(q) != "q=0" {
			return true
		}
	}
	return false
}
