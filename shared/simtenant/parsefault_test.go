package simtenant

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestParseFault(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]Fault{
		"PATCH /users/{id}: status=503 share=0.1 times=3 retry-after=5s after target=adele.vance@contoso.com": {
			Operation: "PATCH /users/{id}", Target: "adele.vance@contoso.com", Status: 503, Share: 0.1, Times: 3, RetryAfter: 5 * time.Second, After: true,
		},
		"Set-Mailbox: reset":         {Operation: "Set-Mailbox", Reset: true},
		"*: delay=200ms":             {Operation: "*", Delay: 200 * time.Millisecond},
		"  Get-* :status=307\tafter": {Operation: "Get-*", Status: 307, After: true},
		`POST /$batch: message="a \"word\": two" code=X status=400`: {Operation: "POST /$batch", Status: 400, Code: "X", Message: `a "word": two`},
		"POST /token: delay=1s status=429 share=1":                  {Operation: "POST /token", Status: 429, Share: 1, Delay: time.Second},
		"GET /openid-configuration: status=500":                     {Operation: "GET /openid-configuration", Status: 500},
		"*: status=429 retry-after=2m retry-date":                   {Operation: "*", Status: 429, RetryAfter: 2 * time.Minute, RetryDate: true},
		"GET /users: circle times=9":                                {Operation: "GET /users", Circle: true, Times: 9},
		"GET *: status=502 page":                                    {Operation: "GET *", Status: 502, Page: true},
	} {
		if got, err := ParseFault(spec); err != nil || got != want {
			t.Errorf("%q: %+v, %v", spec, got, err)
		}
	}
}

func TestParseFaultSaysWhatToWrite(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"":                                   "write an operation, a colon",
		"Set-Mailbox reset":                  "write an operation, a colon",
		": reset":                            `no operation ""`,
		"PATCH /user/{id}: reset":            "write one such as PATCH /users/{id}",
		"Set-Mailbx: reset":                  "write one such as",
		"Fetch-*: reset":                     "write one such as",
		"Set-Mailbox:":                       "write status=503, reset or delay=200ms",
		"Set-Mailbox: times=3":               "write status=503, reset or delay=200ms",
		"Set-Mailbox: status=OK":             "status=OK cannot be read: write a number from 400 to 599",
		"Set-Mailbox: status=200":            "write a number from 400 to 599",
		"Set-Mailbox: status":                "status cannot be read: write",
		"Set-Mailbox: status=":               "status= has no value: write one",
		"Set-Mailbox: reset share=0":         "write a number above 0",
		"Set-Mailbox: reset share=NaN":       "write a number above 0",
		"Set-Mailbox: reset share=10%":       "such as share=0.1",
		"Set-Mailbox: reset times=0":         "such as times=3",
		"Set-Mailbox: status=503 delay=2":    "such as delay=200ms",
		"*: status=429 retry-after=soon":     "such as retry-after=5s",
		"*: status=429 retry-after=-1s":      "such as retry-after=5s",
		"*: reset=yes":                       "write reset, without a value",
		"*: after=5s reset":                  "write after, without a value",
		"*: reset reset":                     "write reset once",
		"*: reset status=503":                "not both",
		"*: reset retry-after=5s":            "write status= with them",
		"*: reset page":                      "write status=503 page",
		"*: status=503 page code=X":          "write status=503 page",
		"*: circle status=503":               "without status=",
		"*: status=503 retry-date":           "write that with it",
		"*: delay=1s after":                  "write status= or reset with it",
		"*: reset target":                    "write target=adele.vance@contoso.com",
		"*: stats=503":                       `no word "stats": write some of`,
		"*: =503":                            `no word ""`,
		`*: status=503 message="never ends`:  `write message="some words"`,
		`*: status=503 message="a"code=b`:    "write a space after",
		"PATCH /users/{id}:reset:status=503": `no word "reset:status"`,
	} {
		if f, err := ParseFault(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; wanted %s", spec, f, err, want)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("PATCH /users/{id}: status=503 share=0.1 times=3 retry-after=5s after target=adele.vance@contoso.com")
	f.Add("Set-Mailbox: reset")
	f.Add("*: delay=200ms")
	f.Add(`POST /token: message="a \"word\": two" code=X status=400`)
	f.Fuzz(func(t *testing.T, spec string) {
		fault, err := ParseFault(spec)
		if err != nil {
			if !strings.Contains(err.Error(), "write") {
				t.Errorf("%q: the error does not say what to write: %v", spec, err)
			}
			return
		}
		// What was read can be written and reads the same.
		if again, err := ParseFault(written(fault)); err != nil || again != fault {
			t.Errorf("%q: %+v, then %q: %+v, %v", spec, fault, written(fault), again, err)
		}
	})
}

// written is a fault as ParseFault reads it.
func written(f Fault) string {
	var b strings.Builder
	b.WriteString(f.Operation + ":")
	word := func(there bool, format string, value any) {
		if there {
			fmt.Fprintf(&b, " "+format, value)
		}
	}
	word(f.Target != "", "target=%q", f.Target)
	word(f.Status != 0, "status=%d", f.Status)
	word(f.Code != "", "code=%q", f.Code)
	word(f.Message != "", "message=%q", f.Message)
	word(f.RetryAfter != 0, "retry-after=%s", f.RetryAfter)
	word(f.Share != 0, "share=%v", f.Share)
	word(f.Times != 0, "times=%d", f.Times)
	word(f.Delay != 0, "delay=%s", f.Delay)
	word(f.After, "%s", "after")
	word(f.Reset, "%s", "reset")
	word(f.Page, "%s", "page")
	return b.String()
}
