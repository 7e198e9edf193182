package simhr

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"
)

// bamboohr fires when a change takes effect, and not when a future one is entered. It sends five
// times more after 5xx, and never after 4xx.
var bamboohr = vendor{
	name: "bamboohr", date: "date", hides: "employmentStatus", polled: true, again: every(5*time.Minute, 5), noneAfter4xx: true, stamps: true,
	tells: func(s *System, c change, p Person) (string, any) {
		kind := map[change]string{effective: "employee.updated", rehired: "employee.updated", deleted: "employee.deleted", hired: "employee.created"}[c]
		if kind == "" {
			return "", nil
		}
		return "", map[string]any{
			"type": kind, "timestamp": s.Now().UTC().Format("2006-01-02T15:04:05-0700"),
			"data": map[string]any{"companyId": "8800", "employeeId": p.ID, "changedFields": []string{"status"}},
		}
	},
	sign: func(s *System, r *http.Request, w Webhook) {
		stamp := strconv.FormatInt(s.Now().Unix(), 10)
		r.Header.Set("X-BambooHR-Timestamp", stamp)
		r.Header.Set("X-BambooHR-Signature", hex.EncodeToString(mac(sha256.New, s.Secret, w.Body, []byte(stamp))))
	},
	serve: func(s *System, mux *http.ServeMux) {
		rows := func(p Person) []any {
			all := []any{map[string]any{"id": "1", "employeeId": p.ID, "date": "2020-01-01", "employmentStatus": "Full-Time", "comment": Canary}}
			if !p.LastDay.IsZero() {
				// In no particular order.
				all = append([]any{map[string]any{"id": "2", "employeeId": p.ID, "date": p.LastDay.String(), "employmentStatus": "Terminated", "comment": Canary}}, all...)
			}
			return all
		}
		mux.HandleFunc("GET /api/v1/employees/{id}", s.basic(s.Credential, "", func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if r.PathValue("id") == "0" { // whoever owns the key
				p = &Person{ID: "0", Mail: "hr.admin@contoso.com"}
			}
			if p == nil {
				s.missing(w)
				return
			}
			status, date := "Active", "0000-00-00"
			if s.over(*p) {
				status, date = "Inactive", p.LastDay.String()
			}
			s.answer(w, map[string]any{"id": p.ID, "employeeNumber": p.Number, "workEmail": p.Mail, "homeEmail": p.Private, "ssn": Canary, "status": status, "terminationDate": date})
		}))
		mux.HandleFunc("GET /api/v1/employees/{id}/tables/employmentStatus", s.basic(s.Credential, "", func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			switch {
			case s.Without == "employmentStatus":
				w.WriteHeader(http.StatusForbidden)
			case r.PathValue("id") == "all":
				all := []any{}
				for _, p := range s.all() {
					all = append(all, rows(p)...)
				}
				s.answer(w, all)
			case p == nil:
				s.missing(w)
			default:
				s.answer(w, rows(*p))
			}
		}))
		mux.HandleFunc("GET /api/v1/employees/changed/tables/employmentStatus", s.basic(s.Credential, "", func(w http.ResponseWriter, _ *http.Request) {
			changed := map[string]any{}
			for _, p := range s.all() {
				changed[p.ID] = map[string]any{"lastChanged": s.Now().UTC().Format(time.RFC3339), "rows": rows(p)}
			}
			if len(changed) == 0 {
				s.answer(w, map[string]any{"table": "employmentStatus", "employees": []any{}}) // as PHP writes an empty map
				return
			}
			s.answer(w, map[string]any{"table": "employmentStatus", "employees": changed})
		}))
	},
}
