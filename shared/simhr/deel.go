package simhr

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

// deel tells of every change of an offboarding, and gives the endpoint up after ten tries.
var deel = vendor{
	name: "deel", date: "termination_last_day", hides: "termination_last_day", again: every(10*time.Second, 9), disables: true,
	tells: func(s *System, c change, p Person) (string, any) {
		kind := map[change]string{dismissed: "contract.terminated", moved: "worker.v2.updated", takenBack: "worker.v2.updated", effective: "worker.v2.updated"}[c]
		if kind == "" {
			return "", nil
		}
		resource := map[string]any{"id": "m3k9", "completion_date": dayOrNull(p.LastDay)}
		if kind == "worker.v2.updated" {
			resource["hris_profile_id"] = p.ID
		}
		return "", map[string]any{"timestamp": s.Now().UTC().Format(time.RFC3339Nano), "data": map[string]any{
			"meta":     map[string]any{"event_type": kind, "tracking_id": fmt.Sprintf("9a7e-%d", s.sent), "organization_name": "Contoso", "is_simulation": false},
			"resource": []any{resource},
		}}
	},
	sign: func(s *System, r *http.Request, w Webhook) {
		r.Header.Set("x-deel-hmac-label", "leaver")
		r.Header.Set("x-deel-signature", hex.EncodeToString(mac(sha256.New, s.Secret, []byte("POST"), w.Body)))
	},
	serve: func(s *System, mux *http.ServeMux) {
		record := func(p Person) map[string]any {
			employment := map[string]any{"id": "m3k9", "termination_last_day": dayOrNull(p.LastDay), "is_ended": false, "timezone": p.Zone, "payment": Canary}
			delete(employment, s.Without)
			return map[string]any{
				"id": p.ID, "external_id": p.Number, "employments": []any{employment},
				"emails": []any{map[string]any{"type": "personal", "value": p.Private}, map[string]any{"type": "work", "value": p.Mail}},
			}
		}
		mux.HandleFunc("GET /rest/v2/people/{id}", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			p := s.shown(r.PathValue("id"))
			if p == nil {
				s.missing(w)
				return
			}
			s.answer(w, map[string]any{"data": record(*p)})
		}))
		mux.HandleFunc("GET /rest/v2/people", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			all := []any{}
			for _, p := range s.all() {
				all = append(all, record(p))
			}
			s.answer(w, map[string]any{"data": page(all, number(r, "offset", 0), min(number(r, "limit", 50), 50)), "page": map[string]any{"total_rows": len(all)}})
		}))
	},
}
