package resolve_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"leaver/functions/intake"
	"leaver/functions/plan"
	"leaver/functions/replay"
	"leaver/functions/resolve"
	"leaver/shared/bus"
	"leaver/shared/hris"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simhr"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

// door is the front door with one HR system before it: its webhooks go through intake, resolve and
// plan, to a case.
type door struct {
	*steptest.Harness
	hr       *simhr.System
	intake   *intake.Intake
	resolver *resolve.Resolver
	planner  *plan.Planner
	log      *bytes.Buffer
	server   *httptest.Server
	tenant   *hris.Tenant // where it is the HR system
}

func newDoor(t *testing.T, vendor, zone string) *door {
	t.Helper()
	h := steptest.New(t)
	hr, err := simhr.New(vendor, h.Now)
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(hr)
	t.Cleanup(api.Close)
	c := hris.Config{
		Name: "hr", Vendor: vendor, Zone: zone, Secrets: []string{hr.Secret},
		API: hris.API{URL: api.URL, User: hr.User, Secret: hr.Credential}, Every: hris.Duration(15 * time.Minute),
	}
	if !hr.Sends() {
		c.Secrets = nil
	}
	d := &door{Harness: h, hr: hr, log: &bytes.Buffer{}}
	d.open(t, hris.Access{Now: h.Now, Unpaced: true}, c)
	hr.Hire(simhr.Person{ID: "4711", Number: "E0001", Mail: adele, Private: "adele@example.com", Zone: zone})
	return d
}

// open puts the functions behind the door.
func (d *door) open(t *testing.T, by hris.Access, declared ...hris.Config) {
	t.Helper()
	h := d.Harness
	sources, err := hris.New(declared...)
	if err != nil {
		t.Fatal(err)
	}
	readers, err := hris.NewReaders(declared, by)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(d.log, nil))
	d.intake = &intake.Intake{Sources: sources, Bus: h.Sender("intake"), Now: h.Now, Log: log}
	d.resolver = &resolve.Resolver{
		Sources: readers,
		Words:   h.Ledger, Bus: h.Sender("resolve"), Now: h.Now, Log: log,
	}
	directory, _ := h.As("plan")
	d.planner = &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Sender("plan"), Tenant: h.TenantID(),
		Policy: offboarding.DefaultPolicy(), Now: h.Now, Log: log,
	}
	if d.server == nil {
		d.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.intake.Handler().ServeHTTP(w, r) }))
		t.Cleanup(d.server.Close)
	}
}

// work sends what the HR system has to send, polls where it is polled, and hands out what is due.
func (d *door) work(t *testing.T) {
	t.Helper()
	if d.hr != nil {
		if _, err := d.hr.Send(t.Context(), d.server.Client(), d.server.URL+"/webhooks/hr"); err != nil {
			t.Fatal(err)
		}
	}
	d.Tenant.Notify(t.Context())
	if err := d.resolver.Poll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		d.Bus.HandOut(t.Context(), "resolve", d.resolver.Handle)
		d.Bus.HandOut(t.Context(), "plan", d.planner.Handle)
	}
}

// at moves the clock to a moment, minute by minute where that matters, and works.
func (d *door) at(t *testing.T, moment time.Time) {
	t.Helper()
	if wait := moment.Sub(d.Now()); wait > 0 {
		d.Advance(wait)
	}
	d.work(t)
}

// leaving is when the open case of adele locks her out; zero when nothing is planned.
func (d *door) leaving(t *testing.T) time.Time {
	t.Helper()
	cases, _, err := d.Ledger.Cases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Cancelled == nil {
			return c.Plan.LeavingTime
		}
	}
	return time.Time{}
}

func day(text string) offboarding.Date {
	d, err := offboarding.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

// TestADepartureThroughEveryVendor: dismissed for a day, moved, taken back, dismissed again, and what
// the HR system says last counts.
func TestADepartureThroughEveryVendor(t *testing.T) {
	t.Parallel()
	for _, vendor := range simhr.Asked() {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, vendor, "Europe/Berlin")
			wants := func(doing string, want time.Time) {
				t.Helper()
				d.at(t, d.Now().Truncate(15*time.Minute).Add(15*time.Minute)) // the next poll
				if got := d.leaving(t); !got.Equal(want) {
					t.Fatalf("%s: got the leaving time %s, want %s\n%s", doing, got, want, d.log)
				}
			}
			wants("hired", time.Time{})
			d.hr.Dismiss("4711", day("2026-11-30"), day("2026-11-30"))
			wants("dismissed", time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC))
			d.hr.Move("4711", day("2026-12-24"), day("2026-12-24"))
			wants("moved", time.Date(2026, 12, 24, 22, 59, 59, 0, time.UTC))
			d.hr.TakeBack("4711")
			wants("taken back", time.Time{})
			d.hr.Dismiss("4711", day("2026-12-24"), day("2026-12-24"))
			wants("dismissed again", time.Date(2026, 12, 24, 22, 59, 59, 0, time.UTC))
			if lost := d.hr.Lost(); len(lost) > 0 {
				t.Errorf("%d webhooks were given up: %s", len(lost), lost[0].Body)
			}
			d.nothingPrivate(t)
		})
	}
}

// nothingPrivate holds every sink against the canary of the HR system's bodies, and the log against
// names.
func (d *door) nothingPrivate(t *testing.T) {
	t.Helper()
	for _, m := range d.Bus.Messages() {
		if bytes.Contains(m.Body, []byte(simhr.Canary)) || bytes.Contains(m.Body, []byte("example.com")) {
			t.Errorf("a message holds what is nobody's business: %s", m.Body)
		}
	}
	for _, private := range []string{simhr.Canary, "example.com", adele} {
		if strings.Contains(d.log.String(), private) {
			t.Errorf("the log holds %s", private)
		}
	}
}

// TestASecondLookFindsWhatNobodyTold: HR takes it back, or moves it, right before the leaving time.
func TestASecondLookFindsWhatNobodyTold(t *testing.T) {
	t.Parallel()
	leaving := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC)
	for name, tt := range map[string]struct {
		change func(*simhr.System)
		want   time.Time
		says   string
	}{
		"nothing changed": {func(*simhr.System) {}, leaving, ""},
		"taken back":      {func(hr *simhr.System) { hr.TakeBack("4711") }, time.Time{}, ""},
		"moved":           {func(hr *simhr.System) { hr.Move("4711", day("2026-12-31"), offboarding.Date{}) }, time.Date(2026, 12, 31, 22, 59, 59, 0, time.UTC), ""},
		"away":            {func(hr *simhr.System) { hr.Away = true }, leaving, "its last word stands"},
		"throttled":       {func(hr *simhr.System) { hr.Throttled = true }, leaving, "its last word stands"},
		"refusing":        {func(hr *simhr.System) { hr.Refusing = true }, leaving, "its last word stands"},
		"hidden":          {func(hr *simhr.System) { hr.Delete("4711") }, leaving, "its last word stands"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, "hibob", "Europe/Berlin") // it tells nothing when a departure is taken back
			d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
			d.at(t, d.Now().Add(time.Minute))
			d.at(t, leaving.Add(-61*time.Second))
			d.hr.Silent = true
			tt.change(d.hr)
			reads := d.hr.Reads()
			d.at(t, leaving.Add(-46*time.Second))
			if d.hr.Reads() != reads {
				t.Error("it was read more than 45 s before")
			}
			d.at(t, leaving.Add(-40*time.Second))
			if got := d.leaving(t); !got.Equal(tt.want) {
				t.Errorf("got the leaving time %s, want %s\n%s", got, tt.want, d.log)
			}
			if !strings.Contains(d.log.String(), tt.says) || (tt.says == "") != !strings.Contains(d.log.String(), `"ERROR"`) {
				t.Errorf("got the log\n%s\nwant an alarm: %q", d.log, tt.says)
			}
		})
	}
}

// TestPeopleInFiveZonesLeaveOnOneDay: each at the end of the day where they are.
func TestPeopleInFiveZonesLeaveOnOneDay(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]string{
		"Pacific/Auckland": "2026-11-30T10:59:59Z", "Asia/Kolkata": "2026-11-30T18:29:59Z", "Europe/Berlin": "2026-11-30T22:59:59Z",
		"America/Sao_Paulo": "2026-12-01T02:59:59Z", "America/Los_Angeles": "2026-12-01T07:59:59Z",
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, "gusto", zone)
			d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
			d.at(t, d.Now().Add(time.Minute))
			if got := d.leaving(t).UTC().Format(time.RFC3339); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestGardenLeaveIsKeptApart: out on the last day at work, kept until the contract ends.
func TestGardenLeaveIsKeptApart(t *testing.T) {
	t.Parallel()
	for _, vendor := range []string{"hibob", "personio", "workday"} {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, vendor, "Europe/Berlin")
			d.hr.Dismiss("4711", day("2026-11-30"), day("2027-02-28"))
			d.at(t, d.Now().Add(15*time.Minute))
			cases, _, err := d.Ledger.Cases(t.Context())
			if err != nil || len(cases) != 1 {
				t.Fatalf("got %d cases, %v; want one\n%s", len(cases), err, d.log)
			}
			c := cases[0]
			if want := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC); !c.Plan.LeavingTime.Equal(want) {
				t.Errorf("got the leaving time %s, want %s", c.Plan.LeavingTime, want)
			}
			if end := time.Date(2027, 2, 28, 22, 59, 59, 0, time.UTC); c.Step(offboarding.StepLicence).Due.Before(end) || !c.Plan.EndOfEmployment.Equal(end) {
				t.Errorf("licence is due %s, want it after %s", c.Step(offboarding.StepLicence).Due, end)
			}
		})
	}
}

// TestSilenceNeitherBeginsNorEndsADeparture: records, fields and whole systems that are not shown.
func TestSilenceNeitherBeginsNorEndsADeparture(t *testing.T) {
	t.Parallel()
	for _, vendor := range simhr.Asked() {
		for what, hide := range map[string]func(*simhr.System){
			"the record":                func(hr *simhr.System) { hr.Delete("4711") },
			"the right to see the date": func(hr *simhr.System) { hr.Without = hr.DateRight() },
		} {
			t.Run(vendor+", "+what, func(t *testing.T) {
				t.Parallel()
				silence(t, vendor, hide)
			})
		}
	}
}

// silence expects that what is hidden neither begins nor ends anything.
func silence(t *testing.T, vendor string, hide func(*simhr.System)) {
	t.Helper()
	d := newDoor(t, vendor, "Europe/Berlin")
	hide(d.hr)
	d.at(t, d.Now().Add(15*time.Minute))
	if got := d.leaving(t); !got.IsZero() {
		t.Errorf("hidden before anything was said: got the leaving time %s, want none", got)
	}
	d = newDoor(t, vendor, "Europe/Berlin")
	d.hr.Dismiss("4711", day("2026-12-30"), day("2026-12-30"))
	d.at(t, d.Now().Add(15*time.Minute))
	planned := d.leaving(t)
	if planned.IsZero() {
		t.Fatalf("nothing is planned\n%s", d.log)
	}
	hide(d.hr)
	for range 3 {
		d.at(t, d.Now().Add(15*time.Minute))
	}
	if got := d.leaving(t); !got.Equal(planned) {
		t.Errorf("hidden afterwards: got the leaving time %s, want %s as before\n%s", got, planned, d.log)
	}
}

// TestAVendorThatIsAwayForADayLosesNothing, and one whose webhooks come twice and in reverse adds
// nothing.
func TestAVendorThatIsAwayForADayLosesNothing(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "gusto", "Europe/Berlin")
	d.hr.Away = true
	d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
	for range 24 {
		d.at(t, d.Now().Add(time.Hour))
	}
	if got := d.leaving(t); !got.IsZero() {
		t.Fatalf("got the leaving time %s of a system that is away", got)
	}
	d.hr.Away = false
	d.at(t, d.Now().Add(20*time.Minute))
	want := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC)
	if got := d.leaving(t); !got.Equal(want) {
		t.Errorf("got the leaving time %s, want %s\n%s", got, want, d.log)
	}
}

func TestTwiceAndInReverseIsOnce(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "gusto", "Europe/Berlin")
	d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
	d.hr.TakeBack("4711")
	d.hr.Dismiss("4711", day("2026-12-24"), offboarding.Date{})
	sent, err := d.hr.Send(t.Context(), d.server.Client(), d.server.URL+"/webhooks/hr")
	if err != nil || len(sent) != 3 {
		t.Fatalf("got %d webhooks taken, %v; want 3", len(sent), err)
	}
	d.hr.Again(sent)
	d.at(t, d.Now().Add(time.Minute))
	d.at(t, d.Now().Add(time.Minute))
	if got, want := d.leaving(t), time.Date(2026, 12, 24, 22, 59, 59, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got the leaving time %s, want %s", got, want)
	}
	requests, _, err := d.Ledger.Requests(t.Context())
	if err != nil || len(requests) != 1 {
		t.Errorf("got %d requests, %v; want the one that was true when it was read", len(requests), err)
	}
}

// TestACrashAnywhereLosesNoWord kills resolve around every write: the same request, once.
func TestACrashAnywhereLosesNoWord(t *testing.T) {
	t.Parallel()
	for name, fault := range steptest.Faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, "hibob", "Europe/Berlin")
			d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
			if _, err := d.hr.Send(t.Context(), d.server.Client(), d.server.URL+"/webhooks/hr"); err != nil {
				t.Fatal(err)
			}
			handle := fault(d.resolver.Handle)
			for range 40 {
				d.Bus.HandOut(t.Context(), "resolve", handle)
				d.Advance(25 * time.Second)
			}
			d.Bus.HandOut(t.Context(), "plan", d.planner.Handle)
			if got, want := d.leaving(t), time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC); !got.Equal(want) {
				t.Errorf("got the leaving time %s, want %s", got, want)
			}
			requests, _, err := d.Ledger.Requests(t.Context())
			if err != nil || len(requests) != 1 {
				t.Errorf("got %d requests, %v; want one", len(requests), err)
			}
			looks := 0
			for _, m := range d.Bus.Messages() {
				if h, err := bus.DecodeHint(m.Body); err == nil && h.Event == "second look" {
					looks++
				}
			}
			if looks != 1 {
				t.Errorf("got %d second looks, want one", looks)
			}
		})
	}
}

// TestOldLeaversDoNotLeaveAgain: the first poll of a system brings whoever left in years.
func TestOldLeaversDoNotLeaveAgain(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "workday", "Europe/Berlin")
	d.hr.Dismiss("4711", day("2024-03-31"), day("2024-03-31"))
	d.at(t, d.Now().Add(15*time.Minute))
	all, _, err := d.Ledger.Requests(t.Context())
	if err != nil || len(all) != 0 || !d.leaving(t).IsZero() {
		t.Errorf("got %+v, %v; want nothing of it", all, err)
	}
}

// TestAnEventAboutNobodyBringsNoOldLeaverUp: everybody is read because of it, and whoever left long ago
// is nobody's task.
func TestAnEventAboutNobodyBringsNoOldLeaverUp(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "deel", "Europe/Berlin")
	d.hr.Silent = true
	for i, id := range []string{"1", "2", "3"} {
		d.hr.Hire(simhr.Person{ID: id, Number: "E100" + id, Mail: "old" + id + "@contoso.com"})
		d.hr.Dismiss(id, day(fmt.Sprintf("202%d-03-31", i+1)), offboarding.Date{})
	}
	d.hr.Silent = false
	d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{}) // its webhook names a contract alone
	d.at(t, d.Now().Add(time.Minute))
	all, _, err := d.Ledger.Requests(t.Context())
	if err != nil || len(all) != 1 || d.leaving(t).IsZero() {
		t.Errorf("got %d requests, %v; want the one of who leaves\n%s", len(all), err, d.log)
	}
}

// TestAPersonWhoComesBackIsSeen: a rehire cancels what is left of the departure.
func TestAPersonWhoComesBackIsSeen(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "hibob", "Europe/Berlin")
	d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
	d.at(t, d.Now().Add(time.Minute))
	d.at(t, time.Date(2026, 12, 5, 9, 1, 0, 0, time.UTC))
	d.hr.Rehire("4711")
	d.at(t, d.Now().Add(time.Minute))
	if got := d.leaving(t); !got.IsZero() {
		t.Errorf("got the leaving time %s, want the departure cancelled\n%s", got, d.log)
	}
}

// TestAccessRevokedAtOnceIsNow: HiBob's event that waits for no date.
func TestAccessRevokedAtOnceIsNow(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "hibob", "Europe/Berlin")
	d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
	d.at(t, d.Now().Add(time.Minute))
	d.Advance(time.Minute)
	hint := bus.Hint{Attempt: 1, Hint: offboarding.Hint{ID: "req-now", Source: "hr", Person: "4711", Event: "employee.access.revoked.immediately", ReceivedAt: d.Now()}}
	m, err := hint.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sender("intake").Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	now := d.Now()
	d.Advance(time.Second)
	d.work(t)
	if got := d.leaving(t); !got.Equal(now) {
		t.Errorf("got the leaving time %s, want %s", got, now)
	}
}

func TestWhatIsNoHintIsParked(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "hibob", "Europe/Berlin")
	for name, body := range map[string]string{"malformed": "{}", "source": ""} {
		m := bus.Message{ID: name, Entity: bus.Hints, Body: []byte(body)}
		if name == "source" {
			var err error
			m, err = bus.Hint{Attempt: 1, Hint: offboarding.Hint{ID: "req-1", Source: "sap", ReceivedAt: d.Now()}}.Message(time.Time{})
			if err != nil {
				t.Fatal(err)
			}
		}
		delivery := d.Delivery(m)
		if err := d.resolver.Handle(t.Context(), delivery); err != nil || delivery.DeadReason != name {
			t.Errorf("%s: got %q, %v", name, delivery.DeadReason, err)
		}
	}
}

// TestAHintThatIsGivenUpIsParked when the HR system stays away for longer than a long weekend.
func TestAHintThatIsGivenUpIsParked(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "gusto", "Europe/Berlin")
	d.hr.Away = true
	m, err := bus.Hint{Attempt: 200, Hint: offboarding.Hint{ID: "req-1", Source: "hr", Person: "4711", Event: "employee.terminated", ReceivedAt: d.Now().Add(-5 * 24 * time.Hour)}}.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	delivery := d.Delivery(m)
	if err := d.resolver.Handle(t.Context(), delivery); err != nil || delivery.DeadReason != "unread" || !strings.Contains(d.log.String(), `"ERROR"`) {
		t.Errorf("got %q, %v and\n%s", delivery.DeadReason, err, d.log)
	}
}

// TestABurstOfHintsIsOneReading, and a hint that comes later is read anew.
func TestABurstOfHintsIsOneReading(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "factorial", "Europe/Berlin")
	hint := func(i int) *steptest.Delivery {
		m, err := bus.Hint{Attempt: 1, Hint: offboarding.Hint{ID: "req-" + string(rune('a'+i)), Source: "hr", Person: "4711", Event: "employee.left", ReceivedAt: d.Now()}}.Message(time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return d.Delivery(m)
	}
	var burst []*steptest.Delivery
	for i := range 20 {
		burst = append(burst, hint(i))
	}
	d.Advance(time.Second)
	reads := d.hr.Reads()
	for _, one := range burst {
		if err := d.resolver.Handle(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.hr.Reads() - reads; got != 1 {
		t.Errorf("got %d readings of 20 hints, want 1", got)
	}
	if err := d.resolver.Handle(t.Context(), hint(20)); err != nil || d.hr.Reads()-reads != 2 {
		t.Errorf("a later hint: got %d readings, %v; want it read anew", d.hr.Reads()-reads, err)
	}
}

// TestAParkedHintIsSentBackToWork, by the operator, once the HR system can be read again.
func TestAParkedHintIsSentBackToWork(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "gusto", "Europe/Berlin")
	d.hr.Silent = true
	d.hr.Dismiss("4711", day("2026-11-30"), offboarding.Date{})
	d.hr.Away = true
	m, err := bus.Hint{Attempt: 7, Hint: offboarding.Hint{ID: "req-1", Source: "hr", Person: "4711", Event: "employee.terminated", ReceivedAt: d.Now().Add(-5 * 24 * time.Hour)}}.Message(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Sender("intake").Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	d.work(t)
	d.hr.Away = false
	replayer := &replay.Replayer{Ledger: d.Ledger, Bus: d.Bus, Now: d.Now, Log: d.Logger()}
	items, err := replayer.Replay(t.Context(), replay.Selection{Step: "resolve"})
	if err != nil || len(items) != 1 || !items[0].Sent {
		t.Fatalf("got %+v, %v; want one hint sent", items, err)
	}
	d.work(t)
	if got, want := d.leaving(t), time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC); !got.Equal(want) {
		t.Errorf("got the leaving time %s, want %s\n%s", got, want, d.log)
	}
}

// spoiledWords are a ledger in which the last word about one person cannot be read.
type spoiledWords struct {
	resolve.Words
	person string
}

var errSpoiled = fmt.Errorf("%w: word 1, record 1 does not continue the chain", ledger.ErrUnreadable)

func (s spoiledWords) Word(ctx context.Context, source, who string) (ledger.Word, error) {
	if who == s.person {
		return ledger.Word{}, errSpoiled
	}
	return s.Words.Word(ctx, source, who)
}

func (s spoiledWords) Leavers(ctx context.Context, source string, since time.Time) ([]string, error) {
	all, err := s.Words.Leavers(ctx, source, since)
	return all, errors.Join(err, errSpoiled)
}

// TestAWordThatCannotBeReadKeepsNobodyFromTheOthers: whoever spoils a row of the ledger stops what an HR system says
// about one person, and is told of; everybody else leaves as it says.
func TestAWordThatCannotBeReadKeepsNobodyFromTheOthers(t *testing.T) {
	t.Parallel()
	d := newDoor(t, "workday", "Europe/Berlin")
	d.hr.Hire(simhr.Person{ID: "0001", Number: "E1001", Mail: "grady.archie@contoso.com", Zone: "Europe/Berlin"})
	d.hr.Dismiss("0001", day("2026-12-30"), day("2026-12-30"))
	d.hr.Dismiss("4711", day("2026-12-30"), day("2026-12-30"))
	d.resolver.Words = spoiledWords{d.resolver.Words, "0001"}
	d.at(t, d.Now().Add(15*time.Minute))
	cases, _, err := d.Ledger.Cases(t.Context())
	if err != nil || len(cases) != 1 || cases[0].Leaver != simtenant.UserID(adele) {
		t.Errorf("%d cases, %v; want hers alone\n%s", len(cases), err, d.log)
	}
	if !strings.Contains(d.log.String(), "cannot be read in the ledger") {
		t.Errorf("nobody is told of the word that cannot be read:\n%s", d.log)
	}
	d.resolver.Words = spoiledWords{d.Ledger, ""} // nor does the mark of the listing stop it
	d.hr.Move("4711", day("2026-12-31"), day("2026-12-31"))
	before := d.leaving(t)
	d.at(t, d.Now().Add(15*time.Minute))
	if after := d.leaving(t); !after.After(before) {
		t.Errorf("moved, she leaves at %s, want later than %s\n%s", after, before, d.log)
	}
}
