package simhr

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

// gusto tells of everything, with an id; a date that moves is a cancellation and a termination.
var gusto = vendor{
	name: "gusto", again: every(time.Minute, 16),
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
		mux.HandleFunc("GET /v1/employees/{id}", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			over := !p.LastDay.IsZero() && p.LastDay.String() < s.Now().UTC().Format(time.DateOnly)
			s.answer(w, map[string]any{"uuid": p.ID, "email": p.Private, "work_email": p.Mail, "terminated": over, "ssn": Canary})
		}))
		mux.HandleFunc("GET /v1/employees/{id}/terminations", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			all := []any{}
			if p := s.shown(r.PathValue("id")); p != nil && !p.LastDay.IsZero() {
				all = append(all, map[string]any{"uuid": "1", "employee_uuid": p.ID, "active": p.LastDay.String() < s.Now().UTC().Format(time.DateOnly), "effective_date": p.LastDay.String(), "run_termination_payroll": true})
			}
			s.answer(w, all)
		}))
	},
}
