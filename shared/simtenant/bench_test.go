package simtenant

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkRequest is the cost of one read in a company of 5,000, without the network.
func BenchmarkRequest(b *testing.B) {
	tenant, err := New(Config{Users: 5000})
	if err != nil {
		b.Fatal(err)
	}
	form := url.Values{"client_id": {DefaultClientID}, "client_secret": {DefaultSecret}, "grant_type": {"client_credentials"}, "scope": {graphAudience + "/.default"}}
	res := httptest.NewRecorder()
	tenant.ServeHTTP(res, httptest.NewRequest("POST", "https://x/"+DefaultTenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode())))
	body, _ := decoded(res.Body.Bytes()).(map[string]any)
	token, _ := str(body, "access_token")
	for name, path := range map[string]string{"user": "/users/" + id("adele.vance"), "licences": "/users/" + id("adele.vance") + "?$select=assignedLicenses", "seats": "/subscribedSkus", "filter": "/users?$select=id&" + where("employeeId eq 'E0001'")} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				req := httptest.NewRequest(http.MethodGet, "https://x/v1.0"+path, nil)
				req.Header.Set("Authorization", "Bearer "+token)
				rec := httptest.NewRecorder()
				if tenant.ServeHTTP(rec, req); rec.Code != http.StatusOK {
					b.Fatal(rec.Code, rec.Body)
				}
			}
		})
	}
}
