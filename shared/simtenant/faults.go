package simtenant

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault makes some requests go wrong. The first fault of the list that strikes a request decides
// over it.
type Fault struct {
	// Operation is the operation struck, as Tenant.Requests counts it: "PATCH /users/{id}",
	// "Set-Mailbox", "POST /token", "POST /$batch". A trailing * matches any end, so "*" is every
	// request and "Get-*" every reading cmdlet. Items of a batch are struck one by one.
	Operation string
	// Target restricts the fault to requests about one object: a user's or other object's id as in
	// the path, or the Identity of a cmdlet; a user is recognised by id and by UPN, a mailbox also
	// by alias. "" is every object.
	Target string
	// Parameter restricts it to runs of a cmdlet that give that parameter, which is unknown then to whoever runs it,
	// as where their role lacks it. "" is every run.
	// Source: MicrosoftDocs/microsoft-365-docs issue 9636.
	Parameter string
	// Status is the HTTP status answered instead, 0 = the true answer is given (after Delay) unless
	// Reset. A 307 redirects Exchange to the same path with region=EUR in the query.
	Status int
	// Code and Message are those of the error body; "" = what goes with the status. Of Exchange, Code is
	// the exception.
	Code, Message string
	// Page has a gateway in between answer with its own page, which is no JSON.
	// Sources: OneDrive/onedrive-api-docs issue 697; Azure/azure-cli issue 23081.
	Page bool
	// RetryAfter is announced in the header of that name, in whole seconds, rounded up; 0 = no
	// header.
	RetryAfter time.Duration
	// RetryDate writes that header as a date instead, as RFC 9110 allows.
	// Sources: RFC 9110, 10.2.3; wisecom-oy/atlas issue 203.
	RetryDate bool
	// Circle gives the true answer of a listing with a link to the next page that leads back to it.
	// Sources: microsoftgraph/msgraph-sdk-dotnet issue 2108; microsoftgraph/microsoft-graph-docs issue 4897.
	Circle bool
	// Share is the part of the matching requests that is struck, 0 < Share < 1; 0 means all of
	// them. The draw is the same in every run.
	Share float64
	// Times is how many requests are struck in all; 0 means without end.
	Times int
	// After lets the request take effect before the fault hides its answer, as a lost 503 does.
	After bool
	// Reset breaks the connection instead of an answer.
	Reset bool
	// Delay holds the answer back, on a real timer.
	Delay time.Duration

	struck int
}

// outcome is what a fault does to one request.
type outcome struct {
	Fault
	hit bool
}

func (o outcome) hides() bool { return o.hit && (o.Status != 0 || o.Reset) }

// fault draws the fault for an operation on one of several names of an object.
func (t *Tenant) fault(operation string, names ...string) outcome {
	return t.faultOf(operation, nil, names...)
}

// faultOf is fault for a run of a cmdlet with these parameters.
func (t *Tenant) faultOf(operation string, given map[string]any, names ...string) outcome {
	for i := range t.world.Faults {
		f := &t.world.Faults[i]
		prefix, open := strings.CutSuffix(f.Operation, "*")
		if open && !strings.HasPrefix(operation, prefix) || !open && operation != f.Operation {
			continue
		}
		if _, gives := given[f.Parameter]; f.Parameter != "" && !gives {
			continue
		}
		if f.Target != "" && !t.sameObject(f.Target, names) {
			continue
		}
		if f.Times > 0 && f.struck >= f.Times {
			continue
		}
		if f.Share > 0 && f.Share < 1 && t.chance.Float64() >= f.Share {
			continue
		}
		f.struck++
		return outcome{Fault: *f, hit: true}
	}
	return outcome{}
}

func (t *Tenant) sameObject(target string, names []string) bool {
	for _, n := range names {
		if n == "" {
			continue
		}
		if strings.EqualFold(n, target) {
			return true
		}
		if id := t.world.userID(n); id != "" && strings.EqualFold(id, t.world.userID(target)) {
			return true
		}
		if m := t.world.mailbox(n); m != nil && m == t.world.mailbox(target) {
			return true
		}
	}
	return false
}

// circled is the answer of a listing, with a link that leads back to it where the fault says so.
func (o outcome) circled(r reply, at string) reply {
	if listing, is := r.body.(map[string]any); o.Circle && is && listing["value"] != nil {
		listing["@odata.nextLink"] = at
	}
	return r
}

// gatewayPage is the page of a gateway that has no service behind it.
func gatewayPage(status int) reply {
	title := strconv.Itoa(status) + " " + http.StatusText(status)
	return reply{status: status, header: map[string]string{"Content-Type": "text/html"}, body: plainText("<html><head><title>" + title + "</title></head><body><h2>Our services aren't available right now</h2></body></html>")}
}

// wholeSeconds is a Retry-After value: never less than is due, at least 1.
func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int(math.Max(1, math.Ceil(d.Seconds()))))
}
