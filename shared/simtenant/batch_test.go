package simtenant

import (
	"fmt"
	"testing"
	"time"
)

func item3(id, method, url string, more map[string]any) map[string]any {
	m := map[string]any{"id": id, "method": method, "url": url, "body": nil, "dependsOn": []string{}}
	for k, v := range more {
		m[k] = v
	}
	return m
}

func TestBatch(t *testing.T) {
	f := setUp(t, Config{})
	json := map[string]string{"Content-Type": "application/json"}
	a := f.as(f.app("User.ReadWrite.All"), "POST", "/$batch", map[string]any{"requests": []any{
		item3("1", "POST", "/users/"+id("adele.vance")+"/revokeSignInSessions", nil),
		item3("2", "DELETE", "/groups/"+GroupID(GroupLicenceEMS)+"/members/"+id("adele.vance")+"/$ref", nil),
		item3("3", "PATCH", "/users/"+id("adele.vance"), map[string]any{"dependsOn": []string{"2"}, "headers": json, "body": map[string]any{"accountEnabled": false}}),
		item3("4", "PATCH", "/users/"+id("grady.archie"), map[string]any{"dependsOn": []string{"1"}, "headers": json, "body": map[string]any{"accountEnabled": false}}),
	}})
	f.want(a, 200, "")
	status := map[string]string{}
	for _, x := range a.body["responses"].([]any) {
		r := x.(map[string]any)
		status[r["id"].(string)] = fmt.Sprint(r["status"])
	}
	equal(t, "answers", fmt.Sprint(status), "map[1:200 2:403 3:424 4:204]")
	equal(t, "adele", f.user("adele.vance").AccountEnabled, true)
	equal(t, "grady", f.user("grady.archie").AccountEnabled, false)
	equal(t, "items count", f.Requests()["PATCH /users/{id}"], 1)
}

func TestBatchRefusals(t *testing.T) {
	f := setUp(t, Config{})
	var many []any
	for i := range 21 {
		many = append(many, item3(fmt.Sprint(i), "GET", "/organization", nil))
	}
	get := item3("1", "GET", "/organization", nil)
	for name, requests := range map[string][]any{
		"none":               {},
		"too many":           many,
		"same id":            {get, get},
		"absolute":           {item3("1", "GET", "https://graph.microsoft.com/v1.0/organization", nil)},
		"unknown dependency": {item3("1", "GET", "/organization", map[string]any{"dependsOn": []string{"9"}})},
		"no url":             {item3("1", "GET", "", nil)},
		"no content type":    {item3("1", "PATCH", "/users/x", map[string]any{"body": map[string]any{}})},
	} {
		if a := f.call("POST", "/$batch", map[string]any{"requests": requests}); a.status != 400 {
			t.Errorf("%s: %d %v", name, a.status, a.body)
		}
	}
}

func TestBatchItemsAreThrottledOneByOne(t *testing.T) {
	f := setUp(t, Config{Knobs: Knobs{Faults: []Fault{{Operation: "GET /organization", Status: 429, RetryAfter: 10 * time.Second, Times: 1}}}})
	a := f.call("POST", "/$batch", map[string]any{"requests": []any{item3("1", "GET", "/organization", nil), item3("2", "GET", "/organization", nil)}})
	f.want(a, 200, "")
	second, first := a.body["responses"].([]any)[0].(map[string]any), a.body["responses"].([]any)[1].(map[string]any)
	equal(t, "first", fmt.Sprintf("%v %v", first["status"], first["headers"].(map[string]any)["Retry-After"]), "429 10")
	equal(t, "second", fmt.Sprint(second["status"]), "200")
}
