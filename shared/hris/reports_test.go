package hris

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
	"leaver/shared/simhr"
)

var (
	reportsHeading = regexp.MustCompile(`^(\w+): (\d+) reported, (\d+) documented$`)
	reportsRow     = regexp.MustCompile("^\\| ([^|]+) \\| \\[[^\\]|]+\\]\\(https://[^)\\s]+\\)(, documented|; \\[[^\\]|]+\\]\\(https://[^)\\s]+\\))? \\| ([^|]+) \\| `([^`|]+)` \\|$")
)

// reported is what the page of reports says of a vendor: its heading, and the rows of its table.
func reported(t *testing.T, vendor string) (heading string, rows []string) {
	t.Helper()
	page, err := os.ReadFile("reports/" + vendor + ".md")
	if err != nil {
		t.Fatal(err)
	}
	heading, rest, _ := strings.Cut(strings.TrimPrefix(string(page), "# "), "\n")
	for line := range strings.SplitSeq(rest, "\n") {
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "|---") && !strings.HasPrefix(line, "| what goes wrong") {
			rows = append(rows, line)
		}
	}
	return heading, rows
}

// elsewhere does what goes wrong with a vendor in other people's hands, which is what its page of
// reports names and nothing else: twelve reports and more, each row with where it is on record and a test
// that is there, and a heading that counts rightly which are reports and which are documented.
func elsewhere(t *testing.T, vendor string, tests map[string]func(*testing.T)) {
	t.Parallel()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
	heading, rows := reported(t, vendor)
	says := reportsHeading.FindStringSubmatch(heading)
	if says == nil {
		t.Fatalf("got the heading %q, want the vendor with what is reported and documented", heading)
	}
	var named []string
	count := map[bool]int{}
	for _, row := range rows {
		m := reportsRow.FindStringSubmatch(row)
		if m == nil {
			t.Errorf("got the row %q, want a sentence, a link, what happens and a test", row)
			continue
		}
		named = append(named, m[4])
		count[m[2] == ", documented"]++
	}
	if got := fmt.Sprintf("%d reported, %d documented", count[false], count[true]); got != says[2]+" reported, "+says[3]+" documented" || count[false] < 12 {
		t.Errorf("got %s, want what the heading says, and twelve reported", got)
	}
	slices.Sort(named)
	if want := slices.Sorted(maps.Keys(tests)); !slices.Equal(named, want) {
		t.Errorf("got the tests\n%s\nwant\n%s", strings.Join(named, "\n"), strings.Join(want, "\n"))
	}
}

// script is an HR system that answers as a test says: a body, with a status in front where it is not
// 200. What it has no answer to is not there.
type script func(r *http.Request, body string) string

// RoundTrip implements http.RoundTripper.
func (s script) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	answer := s(r, string(body))
	status := http.StatusOK
	if first, rest, _ := strings.Cut(answer, " "); len(first) == 3 {
		if n, err := strconv.Atoi(first); err == nil && n >= http.StatusOK {
			status, answer = n, rest
		}
	}
	if answer == "" && status == http.StatusOK {
		status = http.StatusNotFound
	}
	w := httptest.NewRecorder()
	if says, after, found := strings.Cut(answer, "\n"); found && strings.Contains(says, ": ") {
		name, value, _ := strings.Cut(says, ": ")
		w.Header().Set(name, value)
		answer = after
	}
	w.WriteHeader(status)
	_, _ = w.WriteString(answer)
	return w.Result(), nil
}

// paths is a script by path.
func paths(answers map[string]string) script {
	return func(r *http.Request, _ string) string { return answers[r.URL.Path] }
}

// always is a script with one answer.
func always(answer string) script { return func(*http.Request, string) string { return answer } }

// simulated is a simulated system of a vendor, a reader of it and its source.
func simulated(t *testing.T, vendor string, people int) (*simhr.System, Readable, *Source) {
	t.Helper()
	now := func() time.Time { return heardAt }
	hr, err := simhr.New(vendor, now)
	if err != nil {
		t.Fatal(err)
	}
	for i := range people {
		hr.Hire(simhr.Person{ID: strconv.Itoa(4711 + i), Number: fmt.Sprintf("E%04d", i), Mail: fmt.Sprintf("person%d@contoso.com", i), Private: fmt.Sprintf("person%d@example.com", i)})
	}
	c := Config{Name: "hr", Vendor: vendor, Zone: "Europe/Berlin", API: API{URL: "https://hr.example", User: hr.User, Secret: hr.Credential}}
	through := func(r *http.Request) *http.Response {
		w := httptest.NewRecorder()
		hr.ServeHTTP(w, r)
		return w.Result()
	}
	readable := reading(t, c, transport(through), now)
	if !hr.Sends() {
		return hr, readable, nil
	}
	c.Secrets = []string{hr.Secret}
	source, err := newSource(c)
	if err != nil {
		t.Fatal(err)
	}
	return hr, readable, source
}

type transport func(*http.Request) *http.Response

// RoundTrip implements http.RoundTripper.
func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	return f(r), nil
}

// reading is a reader that asks as fast as it can.
func reading(t *testing.T, c Config, through http.RoundTripper, now func() time.Time) Readable {
	t.Helper()
	readers, err := NewReaders([]Config{c}, Access{Transport: through, Now: now, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	return readers["hr"]
}

// scripted is a reader of a vendor that answers as a script says.
func scripted(t *testing.T, vendor string, answers script) Readable {
	t.Helper()
	c := Config{Name: "hr", Vendor: vendor, Zone: "Europe/Berlin", API: API{URL: "https://hr.example", User: "u", Secret: "p"}}
	return reading(t, c, answers, func() time.Time { return heardAt })
}

// outcomeOf says in a line what a word about somebody, or the lack of one, means.
func outcomeOf(word Word, err error) string {
	var throttled *offboarding.ThrottledError
	switch l := word.Leaving; {
	case errors.As(err, &throttled):
		return "again in " + throttled.Delay.String()
	case offboarding.IsPermanent(err):
		return "refused"
	case err != nil:
		return "fails"
	case word.Unclear != "":
		return "unclear"
	case l.IsZero():
		return "stays"
	default:
		says := "leaves " + l.LastDay.String()
		if l.LastDay.IsZero() {
			says = "leaves"
		}
		if !l.EndOfEmployment.IsZero() && l.EndOfEmployment != l.LastDay {
			says += " until " + l.EndOfEmployment.String()
		}
		if l.Zone != "" {
			says += " in " + l.Zone
		}
		return says
	}
}

// says holds what an HR system says about 4711 against what it should.
func says(t *testing.T, r Readable, want string) Word {
	t.Helper()
	word, err := r.Person(t.Context(), "4711")
	if got := outcomeOf(word, err); got != want {
		t.Errorf("got %s (%s, %v), want %s", got, word.Unclear, err, want)
	}
	return word
}

// answers holds a vendor's answers about 4711 against what they mean.
func answers(t *testing.T, vendor, want string, answers script) Word {
	t.Helper()
	return says(t, scripted(t, vendor, answers), want)
}

// lists holds whom an HR system lists against whom it should: those who leave by what it says, and
// those who are asked about.
func lists(t *testing.T, r Readable, want string) Leavers {
	t.Helper()
	list, err := r.Leavers(t.Context(), heardAt.Add(-72*time.Hour))
	got := "nobody"
	if err != nil {
		got = outcomeOf(Word{}, err)
	} else {
		all := slices.Clone(list.Ask)
		for _, word := range list.Words {
			if says := outcomeOf(word, nil); says != "stays" {
				all = append(all, word.Person+" "+says)
			}
		}
		if len(all) > 0 {
			slices.Sort(all)
			got = strings.Join(all, ", ")
		}
	}
	if got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
	return list
}

// means holds what a proved webhook of a vendor means against what it should.
func means(t *testing.T, vendor, event, body, want string) {
	t.Helper()
	if got := said(t, vendor, event, body); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

const reportSecret = "a secret of 32 letters, or longer"

// proves reports whether a webhook of a vendor, made by a sender, is taken for its.
func proves(t *testing.T, vendor, secret string, send func(a *Arrival)) bool {
	t.Helper()
	source, err := newSource(Config{Name: "hr", Vendor: vendor, Zone: "Europe/Berlin", Secrets: []string{secret}, API: API{URL: "https://hr.example"}})
	if err != nil {
		t.Fatal(err)
	}
	a := Arrival{Method: http.MethodPost, Header: http.Header{}, Query: url.Values{}, Body: []byte(`{"type":"x", "a":1}`), At: heardAt}
	send(&a)
	_, err = source.Receive(a)
	return !errors.Is(err, ErrUnauthorized)
}

// signed is a sender that signs by a recipe.
func signed(t *testing.T, recipe webhook.Signature, secret string) func(a *Arrival) {
	return func(a *Arrival) {
		t.Helper()
		signature, err := recipe.Sign(secret, *a)
		if err != nil {
			t.Fatal(err)
		}
		a.Header.Set(recipe.Header, signature)
	}
}

// endpoint is the endpoint of a source as its sender sees it; away, it answers a status instead.
type endpoint struct {
	*Source
	away int
	took []string // the hints, and what else there was
}

// RoundTrip implements http.RoundTripper.
func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	if e.away != 0 {
		w.WriteHeader(e.away)
		return w.Result(), nil
	}
	event := strings.Trim(strings.TrimPrefix(r.URL.Path, "/webhooks/hr"), "/")
	m, err := e.Receive(Arrival{Method: r.Method, Header: r.Header, Query: r.URL.Query(), Event: event, Body: body, At: heardAt})
	switch {
	case errors.Is(err, ErrUnauthorized):
		w.WriteHeader(e.Unverified())
	case err != nil:
		w.WriteHeader(e.Unusable())
	default:
		w.WriteHeader(e.Accepted())
	}
	for _, h := range m.Hints {
		e.took = append(e.took, h.Person)
	}
	return w.Result(), nil
}

// sends has a simulated system send what is due.
func sends(t *testing.T, hr *simhr.System, to *endpoint) {
	t.Helper()
	if _, err := hr.Send(t.Context(), &http.Client{Transport: to}, "https://hooks.example/webhooks/hr"); err != nil {
		t.Fatal(err)
	}
}

func dayOf(t *testing.T, text string) offboarding.Date {
	t.Helper()
	d, err := offboarding.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
