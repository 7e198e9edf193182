package simhr

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// factorial sends the whole record, and names the event in the address alone. After twenty tries in
// two days it gives the endpoint up.
var factorial = vendor{
	name: "factorial", date: "terminated_on", hides: "terminated_on", again: evenly(48*time.Hour, 19), disables: true,
	tells: func(s *System, c change, p Person) (string, any) {
		event := map[change]string{dismissed: "terminate", moved: "update", takenBack: "unterminate", rehired: "unterminate"}[c]
		if event == "" {
			return "", nil
		}
		return event, factorialRecord(s, p)
	},
	sign: func(s *System, r *http.Request, _ Webhook) { r.Header.Set("x-factorial-wh-challenge", s.Secret) },
	serve: func(s *System, mux *http.ServeMux) {
		mux.HandleFunc("GET /api/2026-07-01/resources/employees/employees", s.header("x-api-key", s.Credential, func(w http.ResponseWriter, r *http.Request) {
			query := r.URL.Query()
			if !query.Has("only_active") || !query.Has("only_managers") {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			// The cursor is opaque, and no id of a row.
			from := 0
			if after := query.Get("after_id"); after != "" {
				text, err := base64.StdEncoding.DecodeString(after)
				if err == nil {
					from, err = strconv.Atoi(string(text))
				}
				if err != nil {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
			}
			all := []any{}
			for _, p := range s.all() {
				if query.Get("only_active") == "false" || !s.over(p) {
					all = append(all, factorialRecord(s, p))
				}
			}
			data := page(all, from, min(number(r, "limit", 100), 100))
			next := from + len(data)
			s.answer(w, map[string]any{"data": data, "meta": map[string]any{
				"has_next_page": next < len(all), "end_cursor": base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(next))), "total": len(all), "limit": 100,
			}})
		}))
		mux.HandleFunc("GET /api/2026-07-01/resources/employees/employees/{id}", s.header("x-api-key", s.Credential, func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			s.answer(w, factorialRecord(s, *p))
		}))
	},
}

func factorialRecord(s *System, p Person) map[string]any {
	over := s.over(p)
	return map[string]any{
		"id": p.ID, "email": p.Private, "personal_email": p.Private, "login_email": p.Mail, "communications_email": p.Mail, "company_identifier": p.Number,
		"active": !over, "is_terminating": !p.LastDay.IsZero() && !over, "terminated_on": dayOrNull(p.LastDay), "updated_at": s.Now().UTC().Format(time.RFC3339Nano),
		"bank_number": Canary, "social_security_number": Canary, "termination_reason": Canary,
	}
}
