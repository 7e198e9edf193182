package simhr

import (
	"net/http"
	"strconv"
	"time"
)

// personio tells early that an employment was updated, and on the day that it ended. Its names are
// joined otherwise than its documents say.
var personio = vendor{
	name: "personio", date: "last_working_date", hides: "termination", again: every(68*time.Minute, 6), noneAfter4xx: true, // three days
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
		// A token is good until the credentials are changed.
		token := random()
		authorized := func(serve http.HandlerFunc) http.HandlerFunc {
			return s.header("Authorization", "Bearer "+token, serve)
		}
		list := func(w http.ResponseWriter, r *http.Request, all []any) {
			limit := number(r, "limit", 10)
			if limit < 1 || limit > 50 {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			from := number(r, "cursor", 0)
			links := map[string]any{}
			if next := from + limit; next < len(all) {
				links["next"] = map[string]any{"href": "https://api.personio.de" + r.URL.Path + "?cursor=" + strconv.Itoa(next)}
			}
			s.answer(w, map[string]any{"_data": page(all, from, limit), "_meta": map[string]any{"links": links}})
		}
		mux.HandleFunc("GET /v2/persons", authorized(func(w http.ResponseWriter, r *http.Request) {
			all := []any{}
			for _, p := range s.all() {
				all = append(all, map[string]any{"id": p.ID, "email": p.Mail, "custom_attributes": Canary})
			}
			list(w, r, all)
		}))
		mux.HandleFunc("POST /v2/auth/token", func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("client_id") != s.User || r.FormValue("client_secret") != s.Credential || r.FormValue("grant_type") != "client_credentials" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			s.answer(w, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
		})
		mux.HandleFunc("GET /v2/persons/{id}", authorized(func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			s.answer(w, map[string]any{"id": p.ID, "email": p.Mail, "custom_attributes": Canary})
		}))
		mux.HandleFunc("GET /v2/persons/{id}/employments", authorized(func(w http.ResponseWriter, r *http.Request) {
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
			list(w, r, []any{employment})
		}))
	},
}
