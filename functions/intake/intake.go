// Package intake is the function that faces the internet: it verifies a webhook of the HR
// system, maps it to a request and sends that to the queue leaver-requests. It holds no
// Microsoft 365 permission and may send to that queue only. It is done, and answers 202, when
// the bus has acknowledged; the request id in the answer is the same for a repeated webhook.
//
// What it refuses it answers with a problem document (RFC 9457) that says what to fix:
// 401 not verified, 413 too large, 415 not JSON by its media type, 422 cannot be used,
// 429 too many, 503 the bus is away (try again).
package intake

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"leaver/shared/bus"
	"leaver/shared/hris"
)

// MaxBody is the largest body of a webhook, in bytes.
const MaxBody = 64 << 10

// Intake answers webhooks.
type Intake struct {
	Standard *hris.Standard
	Bus      bus.Publisher
	Now      func() time.Time
	Log      *slog.Logger
	// Limit bounds the webhooks taken per second; nil does not.
	Limit *rate.Limiter
}

// Handler serves POST /webhooks/standard and GET /healthz.
func (in *Intake) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhooks/standard", in.standard)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

func (in *Intake) standard(w http.ResponseWriter, r *http.Request) {
	if in.Limit != nil && !in.Limit.AllowN(in.Now(), 1) {
		w.Header().Set("Retry-After", "1")
		in.refuse(w, http.StatusTooManyRequests, "more webhooks than this endpoint takes; send it again after Retry-After seconds")
		return
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		in.refuse(w, http.StatusUnsupportedMediaType, "send the webhook with Content-Type: application/json")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		in.refuse(w, http.StatusRequestEntityTooLarge, "the body is over "+strconv.Itoa(MaxBody)+" bytes")
		return
	case err != nil:
		in.refuse(w, http.StatusUnprocessableEntity, "the body did not arrive whole")
		return
	}
	now := in.Now()
	id, err := in.Standard.Verify(r.Header, body, now)
	if err != nil {
		in.refuse(w, http.StatusUnauthorized, err.Error())
		return
	}
	request, err := in.Standard.Parse(id, body, now)
	if err != nil {
		in.refuse(w, http.StatusUnprocessableEntity, err.Error())
		return
	}
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
	answer(w, http.StatusAccepted, "application/json", map[string]string{"request": request.ID})
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
