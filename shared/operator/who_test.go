package operator

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"leaver/shared/offboarding"
)

func TestEveryCommandReadsWhoAlike(t *testing.T) {
	t.Parallel()
	const id = "c250ee6d-4fe6-5424-a724-20f63aa3849a"
	for text, want := range map[string]Who{
		id + "-1":                              {Case: id + "-1"},
		"req-d6b976c99892ee5d6d05e12f":         {Request: "req-d6b976c99892ee5d6d05e12f"},
		"C250EE6D-4FE6-5424-A724-20F63AA3849A": {Employee: offboarding.Employee{ID: id}},
		"adele.vance@contoso.com":              {Employee: offboarding.Employee{UserPrincipalName: "adele.vance@contoso.com"}},
		"mail:adele.vance@contoso.com":         {Employee: offboarding.Employee{Mail: "adele.vance@contoso.com"}},
		"employeeId:E0001":                     {Employee: offboarding.Employee{EmployeeID: "E0001"}},
		"E0001":                                {Employee: offboarding.Employee{EmployeeID: "E0001"}},
	} {
		var got Who
		if err := got.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
	for _, text := range []string{"", " ", "mail:", "employeeId:"} {
		if err := new(Who).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q names somebody", text)
		}
	}
}

func FuzzWho(f *testing.F) {
	f.Add("c250ee6d-4fe6-5424-a724-20f63aa3849a-1")
	f.Add("mail:\x00")
	f.Add("employeeId:mail:E0001")
	f.Fuzz(func(t *testing.T, text string) {
		var w Who
		if w.UnmarshalText([]byte(text)) != nil {
			return
		}
		data, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		var back Who
		if err := json.Unmarshal(data, &back); err != nil || utf8.ValidString(text) && back != w {
			t.Errorf("%q came back as %+v, %v, want %+v", text, back, err, w)
		}
	})
}
