package simhr

import (
	"net/http"
	"time"
)

// factorial sends the whole record, and names the event in the address alone. After twenty tries in
// two days it gives the endpoint up.
var factorial = vendor{
	name: "factorial", again: every(10*time.Second, 19),
	tells: func(s *System, c change, p Person) (string, any) {
		event := map[change]string{dismissed: "terminate", moved: "update", takenBack: "unterminate", rehired: "unterminate"}[c]
		if event == "" {
			return "", nil
		}
		return event, factorialRecord(s, p)
	},
	sign: func(s *System, r *http.Request, _ Webhook) { r.Header.Set("x-factorial-wh-challenge", s.Secret) },
	serve: func(s *System, mux *http.ServeMux) {
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
	over := !p.LastDay.IsZero() && p.LastDay.String() < s.Now().UTC().Format(time.DateOnly)
	return map[string]any{
		"id": p.ID, "email": p.Private, "personal_email": p.Private, "login_email": p.Mail, "communications_email": p.Mail, "company_identifier": p.Number,
		"active": !over, "is_terminating": !p.LastDay.IsZero() && !over, "terminated_on": dayOrNull(p.LastDay), "updated_at": s.Now().UTC().Format(time.RFC3339Nano),
		"bank_number": Canary, "social_security_number": Canary, "termination_reason": Canary,
	}
}
