package simhr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// These tell all there is to know themselves, and nobody asks them: they stand for scripts,
// integration platforms and Okta.

// words is a change in Leaver's own words.
func words(c change) string {
	switch c {
	case dismissed, moved:
		return "employee.terminated"
	case takenBack, rehired:
		return "employee.termination_cancelled"
	}
	return ""
}

// data is who leaves, and when, in Leaver's own words.
func data(p Person) map[string]any {
	d := map[string]any{"employee": map[string]any{"mail": p.Mail}}
	if !p.LastDay.IsZero() {
		d["leavingDate"] = p.LastDay.String()
	}
	if !p.EndOfEmployment.IsZero() {
		d["endOfEmployment"] = p.EndOfEmployment.String()
	}
	return d
}

var standard = vendor{
	name: "standard", stamps: true, again: every(5*time.Second, 8),
	tells: func(s *System, c change, p Person) (string, any) {
		if words(c) == "" {
			return "", nil
		}
		return "", map[string]any{"type": words(c), "timestamp": s.Now().UTC().Format(time.RFC3339Nano), "data": data(p)}
	},
	sign: func(s *System, r *http.Request, w Webhook) {
		stamp := strconv.FormatInt(s.Now().Unix(), 10)
		key, _ := base64.StdEncoding.DecodeString(s.Secret) // a hex text is base64, too
		h := hmac.New(sha256.New, key)
		h.Write([]byte(w.ID + "." + stamp + "." + string(w.Body)))
		r.Header.Set("webhook-id", w.ID)
		r.Header.Set("webhook-timestamp", stamp)
		r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	},
}

var script = vendor{
	name: "hmac", again: every(5*time.Second, 8),
	tells: func(s *System, c change, p Person) (string, any) {
		if words(c) == "" {
			return "", nil
		}
		return "", map[string]any{"id": fmt.Sprintf("e-%d", s.sent), "type": words(c), "timestamp": s.Now().UTC().Format(time.RFC3339Nano), "data": data(p)}
	},
	sign: func(s *System, r *http.Request, w Webhook) {
		r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac(sha256.New, s.Secret, w.Body)))
	},
}

var cloudevents = vendor{
	name: "cloudevents", again: every(5*time.Second, 8),
	tells: func(s *System, c change, p Person) (string, any) {
		if words(c) == "" {
			return "", nil
		}
		return "", map[string]any{
			"specversion": "1.0", "id": fmt.Sprintf("e-%d", s.sent), "source": "/hr/contoso", "type": words(c),
			"time": s.Now().UTC().Format(time.RFC3339Nano), "data": data(p),
		}
	},
	sign: func(s *System, r *http.Request, _ Webhook) {
		r.Header.Set("Authorization", "Bearer "+s.Secret)
		r.Header.Set("Content-Type", "application/cloudevents+json")
	},
}

var eventgrid = vendor{
	name: "eventgrid", again: every(10*time.Second, 8),
	tells: func(s *System, c change, p Person) (string, any) {
		if words(c) == "" {
			return "", nil
		}
		return "", []any{map[string]any{
			"id": fmt.Sprintf("e-%d", s.sent), "topic": "/subscriptions/0000", "subject": "employee/" + p.ID, "eventType": words(c),
			"eventTime": s.Now().UTC().Format(time.RFC3339Nano), "dataVersion": "1", "metadataVersion": "1", "data": data(p),
		}}
	},
	sign: func(s *System, r *http.Request, _ Webhook) {
		r.URL.RawQuery = "code=" + s.Secret
		r.Header.Set("aeg-event-type", "Notification")
	},
}

// okta knows no dates: an account is deactivated when somebody is out there. It sends once more after
// 5xx, and never after 4xx.
var okta = vendor{
	name: "okta", again: every(time.Second, 1), noneAfter4xx: true,
	tells: func(s *System, c change, p Person) (string, any) {
		kind := map[change]string{effective: "user.lifecycle.deactivate", rehired: "user.lifecycle.activate", deleted: "user.lifecycle.delete.initiated"}[c]
		if kind == "" {
			return "", nil
		}
		now := s.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		return "", map[string]any{
			"eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1", "eventId": fmt.Sprintf("p-%d", s.sent), "eventTime": now,
			"data": map[string]any{"events": []any{map[string]any{
				"uuid": fmt.Sprintf("e-%d", s.sent), "published": now, "eventType": kind, "outcome": map[string]any{"result": "SUCCESS"},
				"actor":  map[string]any{"type": "User", "alternateId": "hr.admin@contoso.com"},
				"target": []any{map[string]any{"type": "User", "alternateId": p.Mail, "id": p.ID}},
			}}},
		}
	},
	sign: func(s *System, r *http.Request, _ Webhook) { r.Header.Set("Authorization", s.Secret) },
}
