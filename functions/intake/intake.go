// Package intake is the function that faces the internet: it verifies a webhook of an HR system and
// maps it to requests for the queue leaver-requests, or to hints for the queue leaver-hints where the
// HR system has to be asked. It holds no Microsoft 365 permission and no credential of an HR system,
// and may send to those two queues only. It is done, and gives the answer that the HR system
// expects, when the bus has acknowledged; the request id in the answer is the same for a repeated
// webhook.
//
// A webhook that is proved and cannot be used goes on as a notice, so that somebody sees it; one
// that is not proved is only counted. What it refuses it answers with a problem document (RFC 9457)
// that says what to fix: 401 not verified, 404 no such source, 405 another method, 413 too large,
// 415 another media type, 422 cannot be used, 429 too many that were not verified, 503 the bus is
// away or there are too many (try again). A vendor that gives up on an endpoint after some of these
// gets another, see package hris.
package intake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
)

// Intake answers webhooks.
type Intake struct {
	Sources *hris.Sources
	Bus     bus.Publisher
	Now     func() time.Time
	Log     *slog.Logger
	// Limit bounds the proved webhooks taken per second; nil does not.
	Limit *rate.Limiter
	// Count is told what became of every webhook, with the name of its source where there is one; nil
	// is told nothing.
	Count func(source, outcome string)

	senders senders
}

// The outcomes that Count is told.
const (
	outcomeTaken      = "taken"
	outcomeHandshake  = "handshake"
	outcomeUnusable   = "unusable"
	outcomeUnverified = "unverified"
	outcomeRefused    = "refused" // by its address, method, media type or size, before anything is proved
	outcomeNotKept    = "not kept"
)

// Handler serves /webhooks/SOURCE, or /webhooks/SOURCE/EVENT, and GET [offboarding.HealthPath].
func (in *Intake) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/webhooks/{source}", in.webhook)
	mux.HandleFunc("/webhooks/{source}/{event}", in.webhook)
	mux.HandleFunc("GET "+offboarding.HealthPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

func (in *Intake) webhook(w http.ResponseWriter, r *http.Request) {
	source, known := in.Sources.Source(r.PathValue("source"))
	if !known {
		in.refuse(w, r, "", http.StatusNotFound, outcomeRefused, "there is no source of this name")
		return
	}
	if !slices.Contains(source.Methods(), r.Method) {
		w.Header().Set("Allow", strings.Join(source.Methods(), ", "))
		in.refuse(w, r, source.Name, http.StatusMethodNotAllowed, outcomeRefused, "send the webhook with "+strings.Join(source.Methods(), " or "))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, source.MaxBody()))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		in.refuse(w, r, source.Name, http.StatusRequestEntityTooLarge, outcomeRefused, "the body is over "+strconv.FormatInt(source.MaxBody(), 10)+" bytes")
		return
	case err != nil:
		in.refuse(w, r, source.Name, http.StatusBadRequest, outcomeRefused, "the body did not arrive whole")
		return
	}
	arrival := hris.Arrival{
		Method: r.Method, Header: r.Header, Query: r.URL.Query(), Event: r.PathValue("event"), Body: body, At: in.Now(),
	}
	if a, is := source.Handshake(arrival); is {
		in.count(source.Name, outcomeHandshake)
		in.Log.Info("handshake answered", "source", source.Name, "status", a.Status)
		give(w, a)
		return
	}
	if r.Method != http.MethodPost || !source.TakesMedia(r.Header.Get("Content-Type")) {
		in.refuse(w, r, source.Name, http.StatusUnsupportedMediaType, outcomeRefused, "send the webhook with Content-Type: "+strings.Join(source.Media(), " or "))
		return
	}
	in.take(w, r, source, arrival)
}

// take verifies a webhook, keeps what it means on the bus, and answers.
func (in *Intake) take(w http.ResponseWriter, r *http.Request, source *hris.Source, arrival hris.Arrival) {
	meaning, err := source.Receive(arrival)
	if errors.Is(err, hris.ErrUnauthorized) {
		in.unverified(w, r, source, err)
		return
	}
	if in.Limit != nil && !in.Limit.AllowN(in.Now(), 1) {
		w.Header().Set("Retry-After", "1")
		in.refuse(w, r, source.Name, http.StatusServiceUnavailable, outcomeNotKept, "more webhooks than this endpoint takes; send it again after Retry-After seconds")
		return
	}
	if failed := in.keep(r.Context(), meaning); failed != nil {
		in.Log.Error("webhook not kept", "source", source.Name, "error", failed)
		w.Header().Set("Retry-After", "5")
		in.refuse(w, r, source.Name, http.StatusServiceUnavailable, outcomeNotKept, "the webhook could not be kept; send it again")
		return
	}
	for i, name := range meaning.Ignored {
		in.Log.Info("an event that means nothing here", "source", source.Name, "event", name[:min(len(name), 64)])
		if i == 10 {
			break
		}
	}
	switch {
	case err != nil && source.Unusable() >= http.StatusBadRequest:
		in.refuse(w, r, source.Name, source.Unusable(), outcomeUnusable, err.Error())
		return
	case err != nil:
		in.count(source.Name, outcomeUnusable)
	default:
		in.count(source.Name, outcomeTaken)
	}
	if meaning.Answer != nil {
		give(w, *meaning.Answer)
		return
	}
	answer(w, source.Accepted(), "application/json", receipt(meaning))
}

// receipt names what became of a webhook, in the words of leaver status.
func receipt(m hris.Meaning) map[string]any {
	says := map[string]any{}
	var ids, refused []string
	for _, r := range m.Requests {
		ids = append(ids, r.ID)
	}
	for _, n := range m.Notices {
		refused = append(refused, n.ID)
	}
	switch len(ids) {
	case 0:
	case 1:
		says["request"] = ids[0]
	default:
		says["requests"] = ids
	}
	if len(refused) > 0 {
		says["refused"] = refused
	}
	return says
}

// keep publishes what a webhook means. After an error some of it may be on the bus: the webhook that
// comes again has the same ids.
func (in *Intake) keep(ctx context.Context, m hris.Meaning) error {
	for _, n := range m.Notices {
		message, err := bus.Notice{Notice: n}.Message()
		if err == nil {
			_, err = in.Bus.Publish(ctx, message)
		}
		if err != nil {
			return err
		}
		in.Log.Warn("a webhook cannot be used", "request", n.ID, "source", n.Source, "reason", n.Reason)
	}
	for _, r := range m.Requests {
		message, err := bus.Request{Request: r, Attempt: 1}.Message(time.Time{})
		if err == nil {
			_, err = in.Bus.Publish(ctx, message)
		}
		if err != nil {
			return err
		}
		in.Log.Info("request taken", "request", r.ID, "source", r.Source, "kind", r.Kind)
	}
	for _, h := range m.Hints {
		message, err := bus.Hint{Hint: h, Attempt: 1}.Message(time.Time{})
		if err == nil {
			_, err = in.Bus.Publish(ctx, message)
		}
		if err != nil {
			return err
		}
		in.Log.Info("hint taken", "hint", h.ID, "source", h.Source, "event", h.Event)
	}
	return nil
}

// unverified answers what proves nothing. Who sends too much of it is not listened to for a while,
// and is not in the log either; a webhook that is proved comes through from there all the same.
func (in *Intake) unverified(w http.ResponseWriter, r *http.Request, source *hris.Source, why error) {
	in.count(source.Name, outcomeUnverified)
	few, first := in.senders.failed(r.RemoteAddr, source.Name, in.Now())
	if first {
		in.Log.Error("webhooks of a known source are not verified: its secret may have been changed there and not here", "source", source.Name, "why", why)
	}
	if !few {
		w.Header().Set("Retry-After", "60")
		answer(w, http.StatusTooManyRequests, problemMedia, problem(http.StatusTooManyRequests, "too many webhooks that could not be verified"))
		return
	}
	if source.Unverified() == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "60")
	}
	if in.senders.logged(in.Now()) {
		in.Log.Warn("webhook refused", "source", source.Name, "status", source.Unverified(), "detail", why)
	}
	answer(w, source.Unverified(), problemMedia, problem(source.Unverified(), why.Error()))
}

func (in *Intake) count(source, outcome string) {
	if in.Count != nil {
		in.Count(source, outcome)
	}
}

// refuse answers with a problem document. Source: RFC 9457.
func (in *Intake) refuse(w http.ResponseWriter, r *http.Request, source string, status int, outcome, detail string) {
	in.count(source, outcome)
	if few, _ := in.senders.failed(r.RemoteAddr, "", in.Now()); few && in.senders.logged(in.Now()) {
		in.Log.Warn("webhook refused", "source", source, "status", status, "detail", detail)
	}
	answer(w, status, problemMedia, problem(status, detail))
}

const problemMedia = "application/problem+json"

func problem(status int, detail string) map[string]any {
	return map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail}
}

func answer(w http.ResponseWriter, status int, media string, body any) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// give sends the answer of a handshake, which repeats what a stranger asked to be repeated: never as
// anything that a browser would run.
func give(w http.ResponseWriter, a hris.Answer) {
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}
