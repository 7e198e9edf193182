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
