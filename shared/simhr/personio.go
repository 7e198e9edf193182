package simhr

import (
	"net/http"
	"time"
)

// personio tells early that an employment was updated, and on the day that it ended. Its names are
// joined otherwise than its documents say.
var personio = vendor{
	name: "personio", again: every(10*time.Minute, 6),
	tells: func(s *System, c change, p Person) (string, any) {
		kind := map[change]string{
			dismissed: "employment.updated", moved: "employment.updated", takenBack: "employment.updated", effective: "employment.terminated",
			rehired: "employment.created", deleted: "person.deleted",
		}[c]
		if kind == "" {
			return "", nil
		}
		return "", map[string]any{
			"company_id": "42", "event_name": kind, "occurred_at": s.Now().UTC().Format(time.RFC3339Nano),
			"payload": map[string]any{"id": "e-" + p.ID, "person_id": p.ID}, "meta": map[string]any{},
		}
	},
	sign: func(s *System, r *http.Request, _ Webhook) {
		query := r.URL.Query()
		query.Set("code", s.Secret)
		r.URL.RawQuery = query.Encode()
	},
	serve: func(s *System, mux *http.ServeMux) {
		mux.HandleFunc("POST /v2/auth/token", func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("client_id") != s.User || r.FormValue("client_secret") != s.Credential || r.FormValue("grant_type") != "client_credentials" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			s.answer(w, map[string]any{"access_token": s.Credential, "token_type": "Bearer", "expires_in": 3600})
		})
		mux.HandleFunc("GET /v2/persons/{id}", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			s.answer(w, map[string]any{"id": p.ID, "email": p.Mail, "custom_attributes": Canary})
		}))
		mux.HandleFunc("GET /v2/persons/{id}/employments", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			employment := map[string]any{"id": "e-" + p.ID, "termination": nil}
			if !p.LastDay.IsZero() {
				end := p.EndOfEmployment
				if end.IsZero() {
					end = p.LastDay
				}
				employment["termination"] = map[string]any{"last_working_date": p.LastDay.String(), "termination_date": end.String(), "terminated_at": nil, "reason": Canary}
			}
			if s.Without != "" {
				delete(employment, s.Without)
			}
			s.answer(w, map[string]any{"_data": []any{employment}})
		}))
	},
}
