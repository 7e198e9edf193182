// Package intake is the function that faces the internet: it verifies a webhook of the HR
// system, maps it to a request and sends that to the queue leaver-requests. It holds no
// Microsoft 365 permission and may send to that queue only. It is done, and answers 202, when
// the bus has acknowledged; the request id in the answer is the same for a repeated webhook.
//
// What it refuses it answers with a problem document (RFC 9457) that says what to fix:
// 401 not verified, 404 no such source, 405 another method, 413 too large, 415 another media type,
// 422 cannot be used, 429 too many, 503 the bus is away (try again).
package intake

import (
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
)

// Intake answers webhooks.
type Intake struct {
	Sources *hris.Sources
	Bus     bus.Publisher
	Now     func() time.Time
	Log     *slog.Logger
	// Limit bounds the webhooks taken per second; nil does not.
	Limit *rate.Limiter
}

// Handler serves /webhooks/SOURCE, or /webhooks/SOURCE/EVENT, and GET /healthz.
func (in *Intake) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/webhooks/{source}", in.webhook)
	mux.HandleFunc("/webhooks/{source}/{event}", in.webhook)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

func (in *Intake) webhook(w http.ResponseWriter, r *http.Request) {
	source, known := in.Sources.Source(r.PathValue("source"))
	switch {
	case !known:
		in.refuse(w, http.StatusNotFound, "there is no source of this name")
		return
	case !slices.Contains(source.Methods(), r.Method):
		w.Header().Set("Allow", strings.Join(source.Methods(), ", "))
		in.refuse(w, http.StatusMethodNotAllowed, "send the webhook with "+strings.Join(source.Methods(), " or "))
		return
	case in.Limit != nil && !in.Limit.AllowN(in.Now(), 1):
		w.Header().Set("Retry-After", "1")
		in.refuse(w, http.StatusTooManyRequests, "more webhooks than this endpoint takes; send it again after Retry-After seconds")
		return
	case !source.TakesMedia(r.Header.Get("Content-Type")):
		in.refuse(w, http.StatusUnsupportedMediaType, "send the webhook with Content-Type: "+strings.Join(source.Media(), " or "))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, source.MaxBody()))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		in.refuse(w, http.StatusRequestEntityTooLarge, "the body is over "+strconv.FormatInt(source.MaxBody(), 10)+" bytes")
		return
	case err != nil:
		in.refuse(w, http.StatusUnprocessableEntity, "the body did not arrive whole")
		return
	}
	meaning, err := source.Receive(hris.Arrival{
		Method: r.Method, Header: r.Header, Query: r.URL.Query(), Event: r.PathValue("event"), Body: body, At: in.Now(),
	})
	switch {
	case errors.Is(err, hris.ErrUnauthorized):
		in.refuse(w, http.StatusUnauthorized, err.Error())
		return
	case err != nil:
		in.refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
	for _, request := range meaning.Requests {
		m, err := bus.Request{Request: request, Attempt: 1}.Message(time.Time{})
		if err == nil {
			_, err = in.Bus.Publish(r.Context(), m)
		}
		if err != nil {
			in.Log.Error("request not published", "request", request.ID, "error", err)
			w.Header().Set("Retry-After", "5")
			in.refuse(w, http.StatusServiceUnavailable, "the webhook could not be kept; send it again")
			return
		}
		in.Log.Info("request taken", "request", request.ID, "kind", request.Kind)
	}
	answer(w, http.StatusAccepted, "application/json", map[string]string{"request": meaning.Requests[0].ID})
}

// refuse answers with a problem document. Source: RFC 9457.
func (in *Intake) refuse(w http.ResponseWriter, status int, detail string) {
	in.Log.Warn("webhook refused", "status", status, "detail", detail)
	answer(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}

func answer(w http.ResponseWriter, status int, media string, body any) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
