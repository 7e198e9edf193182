package simhr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// finch tells that something about an employment changed, whatever it was.
var finch = vendor{
	name: "finch", date: "end_date", stamps: true, hides: "end_date", again: every(time.Minute, 10),
	tells: func(_ *System, c change, p Person) (string, any) {
		if c == hired {
			return "", nil
		}
		kind := "employment.updated"
		if c == deleted {
			kind = "individual.deleted"
		}
		return "", map[string]any{"connection_id": "0b7e", "entity_id": "5c1d", "event_type": kind, "data": map[string]any{"individual_id": p.ID}}
	},
	sign: func(s *System, r *http.Request, w Webhook) {
		stamp := strconv.FormatInt(s.Now().Unix(), 10)
		key, _ := base64.StdEncoding.DecodeString(s.Secret) // a hex text is base64, too
		h := hmac.New(sha256.New, key)
		h.Write([]byte(w.ID + "." + stamp + "." + string(w.Body)))
		r.Header.Set("finch-event-id", w.ID)
		r.Header.Set("finch-timestamp", stamp)
		r.Header.Set("finch-signature", "v1,"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
	},
	serve: func(s *System, mux *http.ServeMux) {
		one := func(body func(Person) map[string]any) http.HandlerFunc {
			return s.bearer(func(w http.ResponseWriter, r *http.Request) {
				var asked struct {
					Requests []struct {
						ID string `json:"individual_id"`
					}
				}
				if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Requests) == 0 || r.Header.Get("Finch-API-Version") != "2020-09-17" {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				all := []any{}
				for _, request := range asked.Requests {
					answer := map[string]any{"individual_id": request.ID, "code": 404, "body": nil}
					if p := s.shown(request.ID); p != nil {
						answer["code"], answer["body"] = 200, body(*p)
					}
					all = append(all, answer)
				}
				s.answer(w, map[string]any{"responses": all})
			})
		}
		mux.HandleFunc("GET /employer/directory", s.bearer(func(w http.ResponseWriter, r *http.Request) {
			all := []any{}
			for _, p := range s.all() {
				all = append(all, map[string]any{"id": p.ID, "is_active": !s.over(p)})
			}
			offset := number(r, "offset", 0)
			s.answer(w, map[string]any{"paging": map[string]any{"count": len(all), "offset": offset}, "individuals": page(all, offset, number(r, "limit", len(all)))})
		}))
		mux.HandleFunc("POST /employer/individual", one(func(p Person) map[string]any {
			return map[string]any{"id": p.ID, "ssn": Canary, "emails": []any{map[string]any{"type": "personal", "data": p.Private}, map[string]any{"type": "work", "data": p.Mail}}}
		}))
		mux.HandleFunc("POST /employer/employment", one(func(p Person) map[string]any {
			over := s.over(p)
			body := map[string]any{"id": p.ID, "source_id": p.Number, "end_date": dayOrNull(p.LastDay), "is_active": !over, "latest_rehire_date": nil, "income": Canary}
			if s.Without != "" {
				delete(body, s.Without)
			}
			return body
		}))
	},
}
