package simhr_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simhr"
)

// refusing answers everything with a status.
type refusing int

// RoundTrip implements http.RoundTripper.
func (s refusing) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	w.WriteHeader(int(s))
	return w.Result(), nil
}

// TestEachGivesUpAsItDoes: how often a webhook is tried that is answered 500, or 400, how long that
// takes, and whether anything is told afterwards.
// Source: the pages of the vendors that shared/hris/REPORTS.md names; what they do not say is a guess
// of Personio's, of two pages the shorter.
func TestEachGivesUpAsItDoes(t *testing.T) {
	t.Parallel()
	for vendor, want := range map[string]struct {
		failing, refused int // tries
		within           time.Duration
		disabled         bool
	}{
		"bamboohr":  {6, 1, 155 * time.Minute, false},
		"hibob":     {13, 13, 3 * 24 * time.Hour, false},
		"gusto":     {17, 17, 74 * time.Hour, false},
		"factorial": {20, 20, 49 * time.Hour, true},
		"personio":  {7, 1, 3 * 24 * time.Hour, false},
		"deel":      {10, 10, 2 * time.Hour, true},
	} {
		for status, tries := range map[int]int{http.StatusInternalServerError: want.failing, http.StatusBadRequest: want.refused} {
			now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
			began := now
			hr, err := simhr.New(vendor, func() time.Time { return now })
			if err != nil {
				t.Fatal(err)
			}
			hr.Silent = true
			hr.Hire(simhr.Person{ID: "4711"})
			hr.Hire(simhr.Person{ID: "4712"})
			hr.Silent = false
			day := offboarding.DateOf(began)
			hr.Dismiss("4711", day, day)
			hr.TakeEffect("4711") // of those who tell nothing before
			for range 10 * 24 * 60 {
				if _, err := hr.Send(t.Context(), &http.Client{Transport: refusing(status)}, "https://hooks.example"); err != nil {
					t.Fatal(err)
				}
				if len(hr.Lost()) > 0 {
					break
				}
				now = now.Add(time.Minute)
			}
			lost := hr.Lost()
			if len(lost) == 0 || lost[0].Tries != tries || status >= 500 && (now.Sub(began) > want.within || now.Sub(began) < want.within/2) {
				t.Errorf("%s, answered %d: got %d lost after %s, want one after %d tries and %s at most", vendor, status, len(lost), now.Sub(began), tries, want.within)
				continue
			}
			hr.TakeEffect("4712")
			hr.Dismiss("4712", day, day)
			if told := hr.Waiting() > 0; told == want.disabled {
				t.Errorf("%s, after it gave up: it tells something: %t", vendor, told)
			}
		}
	}
}

// TestWhatIsInOrderStaysInOrder: HiBob sends nothing while what came before was not taken.
func TestWhatIsInOrderStaysInOrder(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	hr, err := simhr.New("hibob", func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	hr.Hire(simhr.Person{ID: "4711"})
	hr.Hire(simhr.Person{ID: "4712"})
	for _, id := range []string{"4711", "4712"} {
		hr.Dismiss(id, offboarding.DateOf(now), offboarding.Date{})
	}
	if taken, err := hr.Send(t.Context(), &http.Client{Transport: refusing(http.StatusServiceUnavailable)}, "https://hooks.example"); err != nil || len(taken) > 0 {
		t.Fatalf("got %v taken, %v", taken, err)
	}
	good := &http.Client{Transport: refusing(http.StatusAccepted)}
	if taken, err := hr.Send(t.Context(), good, "https://hooks.example"); err != nil || len(taken) > 0 {
		t.Errorf("got %v taken, %v; want the second behind the first", taken, err)
	}
	now = now.Add(time.Minute)
	if taken, err := hr.Send(t.Context(), good, "https://hooks.example"); err != nil || len(taken) != 2 {
		t.Errorf("got %d taken, %v; want both, then", len(taken), err)
	}
}
