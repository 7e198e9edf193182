package simhr

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// gusto tells of everything, with an id; a date that moves is a cancellation and a termination.
var gusto = vendor{
	name: "gusto", date: "effective_date", hides: "employments:read", again: every(4*time.Second, 16), // three days
	tells: func(s *System, c change, p Person) (string, any) {
		kind := map[change]string{
			dismissed: "employee.terminated", moved: "employee.terminated", takenBack: "employee.termination_cancelled",
			effective: "employee.terminated_effective", rehired: "employee.rehired", deleted: "employee.deleted",
		}[c]
		if kind == "" {
			return "", nil
		}
		return "", map[string]any{
			"uuid": fmt.Sprintf("60570000-0000-4000-8000-%012d", s.sent), "event_type": kind, "resource_type": "Company", "resource_uuid": "9d1c",
			"entity_type": "Employee", "entity_uuid": p.ID, "timestamp": s.Now().Unix(),
		}
	},
	sign: func(s *System, r *http.Request, w Webhook) {
		r.Header.Set("X-Gusto-Signature", hex.EncodeToString(mac(sha256.New, s.Secret, w.Body)))
	},
	serve: func(s *System, mux *http.ServeMux) {
		terminations := func(p Person) []any {
			all := []any{}
			if !p.LastDay.IsZero() {
				all = append(all, map[string]any{"uuid": "1", "employee_uuid": p.ID, "active": s.over(p), "effective_date": p.LastDay.String(), "run_termination_payroll": true})
			}
			return all
		}
		record := func(p Person) map[string]any {
			return map[string]any{"uuid": p.ID, "email": p.Private, "work_email": p.Mail, "terminated": s.over(p), "ssn": Canary}
		}
		// The subscription is verified by showing the token that was posted to its address.
		mux.HandleFunc("POST /v1/webhook_subscriptions", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			var asked struct{ URL string }
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.URL == "" {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
			body, _ := json.Marshal(map[string]string{"verification_token": s.Secret})
			go func() {
				response, err := http.Post(asked.URL, "application/json", bytes.NewReader(body)) //nolint:gosec,noctx // the address is the subscriber's, and it outlives the request
				if err == nil {
					_ = response.Body.Close()
				}
			}()
			w.WriteHeader(http.StatusCreated)
			s.answer(w, map[string]any{"uuid": "5ab5", "url": asked.URL, "status": "pending", "subscription_types": []string{"Employee"}})
		}))
		mux.HandleFunc("PUT /v1/webhook_subscriptions/{id}/verify", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			var asked struct {
				Token string `json:"verification_token"`
			}
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Token != s.Secret || r.PathValue("id") != "5ab5" {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
			s.answer(w, map[string]any{"uuid": "5ab5", "status": "verified"})
		}))
		mux.HandleFunc("GET /v1/employees/{id}", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			s.answer(w, record(*p))
		}))
		mux.HandleFunc("GET /v1/token_info", s.bearer(func(w http.ResponseWriter, _ *http.Request) {
			s.answer(w, map[string]any{"scope": "employees:read employments:read", "resource": map[string]any{"type": "Company", "uuid": "c0c0"}})
		}))
		mux.HandleFunc("GET /v1/companies/c0c0/employees", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			// A filter, and no addition: who is not to leave is not in the list.
			all := []any{}
			for _, p := range s.all() {
				if r.URL.Query().Get("terminated") != "true" || !p.LastDay.IsZero() {
					one := record(p)
					if s.Without != "employments:read" {
						one["terminations"] = terminations(p)
					}
					all = append(all, one)
				}
			}
			per := number(r, "per", 25)
			w.Header().Set("X-Total-Count", strconv.Itoa(len(all)))
			s.answer(w, page(all, (number(r, "page", 1)-1)*per, per))
		}))
		mux.HandleFunc("GET /v1/employees/{id}/terminations", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			switch {
			case s.Without == "employments:read": // a scope that the token does not have
				w.WriteHeader(http.StatusForbidden)
			case p == nil:
				s.missing(w)
			default:
				s.answer(w, terminations(*p))
			}
		}))
	},
}
