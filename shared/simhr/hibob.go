package simhr

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
)

// hibob tells at once what is entered, and nothing when a row is deleted. It sends again for three
// days whatever is not answered 2xx.
var hibob = vendor{
	name: "hibob", date: "/employee/lastDayOfWork", hides: "/employee/lastDayOfWork", polled: true, again: every(time.Minute, 12), inOrder: true,
	tells: func(s *System, c change, p Person) (string, any) {
		kind := map[change]string{
			dismissed: "table.entry.created", moved: "table.entry.updated", effective: "employee.left", rehired: "employee.joined", deleted: "employee.deleted",
		}[c]
		if kind == "" {
			return "", nil
		}
		data := map[string]any{"employeeId": p.ID}
		if c == dismissed || c == moved {
			data["tableId"], data["effectiveDate"] = "lifecycle", p.LastDay.String()
		}
		return "", map[string]any{
			"companyId": 100200, "type": kind, "triggeredBy": "system", "version": "v2", "data": data,
			"triggeredAt": s.Now().UTC().Format("2006-01-02T15:04:05.000000"),
		}
	},
	sign: func(s *System, r *http.Request, w Webhook) {
		r.Header.Set("Bob-Signature", base64.StdEncoding.EncodeToString(mac(sha512.New, s.Secret, w.Body)))
	},
	serve: func(s *System, mux *http.ServeMux) {
		record := func(p Person) map[string]any {
			status := "employed"
			if s.over(p) {
				status = "terminated"
			}
			object := map[string]any{
				"/root/id": map[string]any{"value": p.ID}, "/root/email": map[string]any{"value": p.Mail}, "/work/employeeIdInCompany": map[string]any{"value": p.Number},
				"/internal/lifecycleStatus": map[string]any{"value": status}, "/payroll/bankAccount": map[string]any{"value": Canary},
			}
			if !p.LastDay.IsZero() {
				object["/employee/lastDayOfWork"] = map[string]any{"value": p.LastDay.String()}
			}
			if !p.EndOfEmployment.IsZero() {
				object["/internal/terminationDate"] = map[string]any{"value": p.EndOfEmployment.String()}
			}
			if s.Without != "" {
				delete(object, s.Without)
			}
			return object
		}
		mux.HandleFunc("POST /v1/people/{id}", s.basic(s.User, s.Credential, func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			s.answer(w, record(*p))
		}))
		mux.HandleFunc("GET /v1/people/{id}/lifecycle", s.basic(s.User, s.Credential, func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			switch {
			case s.Without == "lifecycle":
				w.WriteHeader(http.StatusForbidden)
			case p == nil:
				s.missing(w)
			default:
				rows := []any{map[string]any{"id": 1, "status": "employed", "effectiveDate": "2020-01-01"}}
				if !p.LastDay.IsZero() {
					rows = append([]any{map[string]any{"id": 2, "status": "terminated", "reason": Canary, "effectiveDate": p.LastDay.String()}}, rows...)
				}
				s.answer(w, map[string]any{"values": rows})
			}
		}))
		mux.HandleFunc("POST /v1/people/search", s.basic(s.User, s.Credential, func(w http.ResponseWriter, r *http.Request) {
			var asked struct{ ShowInactive bool }
			if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			all := []any{}
			for _, p := range s.all() {
				if asked.ShowInactive || !s.over(p) {
					all = append(all, record(p))
				}
			}
			s.answer(w, map[string]any{"employees": all})
		}))
	},
}
