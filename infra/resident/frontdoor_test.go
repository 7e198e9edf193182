package resident_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/functions/intake"
	"leaver/functions/plan"
	"leaver/functions/replay"
	"leaver/functions/resolve"
	"leaver/infra/resident"
	"leaver/shared/hris"
	"leaver/shared/hris/webhook"
	"leaver/shared/ledger"
	"leaver/shared/objectstore"
	"leaver/shared/offboarding"
	"leaver/shared/simhr"
	"leaver/shared/simtenant"
	"leaver/shared/telemetry"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

// house is every function behind the front door, with HR systems before it and the tenant behind it, on
// a clock that the test moves.
type house struct {
	*steptest.Harness
	hr       map[string]*simhr.System // by the name of the source
	intake   *intake.Intake
	resolver *resolve.Resolver
	planner  *plan.Planner
	steps    map[offboarding.StepName]*worker.Worker
	server   *httptest.Server
	metrics  *telemetry.Metrics
	exporter *telemetry.Exporter // nil = nothing is traced
	log      *bytes.Buffer
	answers  *bytes.Buffer // of intake
	shown    *bytes.Buffer // by the HR systems, to whoever asks them
}

// bodies copies what is written to it and passes it on.
type bodies struct {
	http.ResponseWriter
	to *bytes.Buffer
	mu *sync.Mutex
}

func (b bodies) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.to.Write(p)
	return b.ResponseWriter.Write(p)
}

func copied(to *bytes.Buffer, next func() http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next().ServeHTTP(bodies{w, to, &mu}, r) })
}

// newHouse opens a house with sources, each as its declaration says and with a simulated HR system.
func newHouse(t *testing.T, policy offboarding.Policy, declared ...hris.Config) *house {
	t.Helper()
	h := &house{
		Harness: steptest.New(t), hr: map[string]*simhr.System{}, steps: map[offboarding.StepName]*worker.Worker{},
		metrics: telemetry.New(), log: &bytes.Buffer{}, answers: &bytes.Buffer{}, shown: &bytes.Buffer{},
	}
	limits := map[string]int{}
	for i := range declared {
		c := &declared[i]
		hr, err := simhr.New(c.Vendor, h.Now)
		must(t, err)
		h.hr[c.Name] = hr
		if hr.Sends() {
			c.Secrets = []string{hr.Secret}
		}
		if c.Vendor == "hmac" {
			c.Signature = &hris.Signature{Signature: webhook.Signature{Header: "X-Hub-Signature-256", Prefix: "sha256="}}
		}
		if hr.Asked() {
			api := httptest.NewServer(copied(h.shown, func() http.Handler { return hr }))
			t.Cleanup(api.Close)
			c.API = hris.API{URL: api.URL, User: hr.User, Secret: hr.Credential}
		}
		must(t, c.Validate())
		if c.Limits.PerHour > 0 {
			limits[c.Origin()] = c.Limits.PerHour
		}
	}
	sources, err := hris.New(declared...)
	must(t, err)
	readers, err := hris.NewReaders(declared, hris.Access{Now: h.Now, Unpaced: true})
	must(t, err)
	log := slog.New(slog.NewJSONHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.intake = &intake.Intake{Sources: sources, Bus: h.Sender("intake"), Now: h.Now, Log: log, Count: h.metrics.Webhook}
	h.resolver = &resolve.Resolver{Sources: readers, Words: h.Ledger, Bus: h.Sender("resolve"), Now: h.Now, Log: log, Count: h.metrics.Reading}
	directory, _ := h.As("plan")
	h.planner = &plan.Planner{
		Directory: directory, Ledger: h.Ledger, Bus: h.Sender("plan"), Tenant: h.TenantID(), Policy: policy, Now: h.Now, Log: log, SourceLimits: limits,
	}
	for name, step := range resident.Steps(h.Graph, h.Exchange, h.Ledger, objectstore.New(t.TempDir(), nil), policy) {
		h.steps[name] = h.Worker(name, step)
		h.steps[name].Log = log
	}
	h.server = httptest.NewServer(copied(h.answers, func() http.Handler { return h.exporter.Served("intake", h.intake.Handler()) }))
	t.Cleanup(h.server.Close)
	return h
}

// everySource is one of every vendor that is simulated, in a zone.
func everySource(zone string) (all []hris.Config) {
	for _, vendor := range simhr.Asked() {
		all = append(all, source(vendor, zone))
	}
	return all
}

// source is one of a vendor under its name. Those that do not tell everything are polled.
func source(vendor, zone string) hris.Config {
	c := hris.Config{Name: vendor, Vendor: vendor, Zone: zone}
	if hr, err := simhr.New(vendor, time.Now); err == nil && hr.Polled() {
		c.Every = hris.Duration(15 * time.Minute)
	}
	return c
}

// noLimits is the policy without limits of its own.
func noLimits() offboarding.Policy {
	policy := offboarding.DefaultPolicy()
	policy.Limits = offboarding.Limits{}
	return policy
}

// works sends what the HR systems have to send, polls, and hands out what is due.
func (h *house) works(t *testing.T) {
	t.Helper()
	for name, hr := range h.hr {
		_, err := hr.Send(t.Context(), h.server.Client(), h.server.URL+"/webhooks/"+name)
		must(t, err)
	}
	must(t, h.resolver.Poll(t.Context()))
	traced := func(function string, handle steptest.Handler) steptest.Handler {
		return steptest.Handler(h.exporter.Handled(function, telemetry.Handler(handle)))
	}
	for range 4 {
		h.Bus.HandOut(t.Context(), "resolve", traced("resolve", h.resolver.Handle))
		h.Bus.HandOut(t.Context(), "plan", traced("plan", h.planner.Handle))
		for name, w := range h.steps {
			h.Bus.HandOut(t.Context(), string(name), traced(string(name), w.Handle))
		}
	}
}

// at moves the clock to a moment and works.
func (h *house) at(t *testing.T, moment time.Time) {
	t.Helper()
	if wait := moment.Sub(h.Now()); wait > 0 {
		h.Advance(wait)
	}
	h.works(t)
}

// untouched reports whether nothing was done to somebody.
func (h *house) untouched(person string) bool {
	user, there := h.Tenant.User(simtenant.UserID(person))
	return there && user.AccountEnabled && h.Tenant.PasswordChanges(user.ID) == 0
}

// out reports whether somebody is locked out.
func (h *house) out(person string) bool {
	user, _ := h.Tenant.User(simtenant.UserID(person))
	return !user.AccountEnabled && h.Tenant.PasswordChanges(user.ID) == 1
}

// leaving is when the newest open case of somebody locks them out; zero when there is none.
func (h *house) leaving(t *testing.T, person string) time.Time {
	t.Helper()
	c, err := h.Ledger.Latest(t.Context(), simtenant.UserID(person))
	must(t, err)
	if c == nil || c.Cancelled != nil {
		return time.Time{}
	}
	return c.Plan.LeavingTime
}

// alarms are the lines of the log that somebody is woken by.
func (h *house) alarms() (all []string) {
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			all = append(all, line)
		}
	}
	return all
}

// alarmed expects an alarm that says something, what to do about it, and a count of it.
func (h *house) alarmed(t *testing.T, source, says string) {
	t.Helper()
	if !slices.ContainsFunc(h.alarms(), func(line string) bool {
		return strings.Contains(line, says) && strings.Contains(line, "leaver sources check "+source)
	}) {
		t.Errorf("got the alarms %q, want one that says %q and what to do", h.alarms(), says)
	}
	if n := h.metric(t, `leaver_readings_total{outcome="unread",source="`+source+`"}`); n == "" || n == "0" {
		t.Errorf("got %q counted, want what an alarm is raised by", n)
	}
}

// metric is the value of one.
func (h *house) metric(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(h.measured()) {
		if value, is := strings.CutPrefix(line, name+" "); is {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (h *house) measured() string {
	w := httptest.NewRecorder()
	h.metrics.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func dayOf(text string) offboarding.Date {
	d, err := offboarding.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

// everywhere is where the people of a company work who leave on one day.
var everywhere = []struct{ zone, person, end string }{
	{"Pacific/Auckland", "adele.vance@contoso.com", "2026-11-30T10:59:59Z"},
	{"Asia/Kolkata", "grady.archie@contoso.com", "2026-11-30T18:29:59Z"},
	{"Europe/Berlin", "lidia.holloway@contoso.com", "2026-11-30T22:59:59Z"},
	{"America/Sao_Paulo", "irvin.sayers@contoso.com", "2026-12-01T02:59:59Z"},
	{"America/Los_Angeles", "isaiah.langer@contoso.com", "2026-12-01T07:59:59Z"},
}

// TestPeopleInFiveZonesAreOutWhenTheDayEndsWhereTheyAre: all leave "on 30 November". A second before
// the day ends there nobody has touched the account; right after, the tenant shows it locked, and
// nobody else's.
func TestPeopleInFiveZonesAreOutWhenTheDayEndsWhereTheyAre(t *testing.T) {
	t.Parallel()
	for _, vendor := range append(simhr.Asked(), "hmac") {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			var declared []hris.Config
			for _, e := range everywhere {
				c := source(vendor, e.zone)
				c.Name = strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(e.zone))
				declared = append(declared, c)
			}
			h := newHouse(t, noLimits(), declared...)
			for i, e := range everywhere {
				hr := h.hr[declared[i].Name]
				hr.Hire(simhr.Person{ID: "4711", Mail: e.person, Private: "home@example.com"})
				hr.Dismiss("4711", dayOf("2026-11-30"), dayOf("2026-11-30"))
			}
			h.at(t, h.Now().Add(15*time.Minute))
			for i, e := range everywhere {
				end, err := time.Parse(time.RFC3339, e.end)
				must(t, err)
				h.at(t, end.Add(-45*time.Second)) // the second look
				h.at(t, end.Add(-time.Second))
				for _, later := range everywhere[i:] {
					if !h.untouched(later.person) {
						t.Fatalf("at %s: the account of %s in %s is touched, whose day ends %s", h.Now(), later.person, later.zone, later.end)
					}
				}
				h.at(t, end)
				h.at(t, end.Add(2*time.Second))
				for _, gone := range everywhere[:i+1] {
					if !h.out(gone.person) {
						t.Fatalf("at %s: %s in %s is not out\n%s", h.Now(), gone.person, gone.zone, h.log)
					}
				}
			}
			if alarms := h.alarms(); len(alarms) > 0 {
				t.Errorf("got the alarms %q, want none", alarms)
			}
		})
	}
}

// TestGardenLeaveKeepsTheMailboxUntilTheContractEnds: out on the last day at work; account, licence and
// mailbox stay for three months more, and go then.
func TestGardenLeaveKeepsTheMailboxUntilTheContractEnds(t *testing.T) {
	t.Parallel()
	policy := noLimits()
	day := 24 * time.Hour
	policy.Grace, policy.DeleteAfter, policy.ForwardFor = day, day, &day
	policy.KeepMail, policy.KeepFiles = offboarding.KeepNone, offboarding.KeepNone
	h := newHouse(t, policy, source("personio", "Europe/Berlin"))
	hr, id := h.hr["personio"], simtenant.UserID(adele)
	hr.Hire(simhr.Person{ID: "4711", Mail: adele})
	hr.Dismiss("4711", dayOf("2026-11-30"), dayOf("2027-02-28"))
	h.at(t, h.Now().Add(time.Minute))
	lastDay, end := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC), time.Date(2027, 2, 28, 22, 59, 59, 0, time.UTC)
	h.at(t, lastDay)
	h.at(t, lastDay.Add(2*time.Second))
	if !h.out(adele) {
		t.Fatalf("not out on the last day at work\n%s", h.log)
	}
	for day := lastDay; day.Before(end); day = day.Add(24 * time.Hour) {
		h.at(t, day)
		user, there := h.Tenant.User(id)
		if _, kept := h.Tenant.Mailbox(id); !there || !kept || len(h.Tenant.Licences(id)) == 0 || user.AccountEnabled {
			t.Fatalf("on garden leave, %s: account %t, mailbox %t, licences %v; want everything kept and locked\n%s", h.Now(), there, kept, h.Tenant.Licences(id), h.log)
		}
	}
	for range 24 * 5 {
		h.at(t, h.Now().Add(time.Hour))
	}
	if _, there := h.Tenant.User(id); there {
		c, err := h.Ledger.Latest(t.Context(), id)
		must(t, err)
		for _, s := range c.Steps {
			t.Logf("%s %s %s", s.Name, s.State, s.Reason)
		}
		t.Error("five days after the contract ended the account is still there")
	}
}

// TestHRTakesItBackAMinuteBefore: nobody is locked out, whoever told, and whether the vendor tells of it
// or is silent.
func TestHRTakesItBackAMinuteBefore(t *testing.T) {
	t.Parallel()
	leaving := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC)
	for _, vendor := range append(simhr.Asked(), "hmac", "cloudevents", "eventgrid") {
		for _, silent := range []bool{false, true} {
			if silent && !slices.Contains(simhr.Asked(), vendor) {
				continue // nobody asks those: what they do not tell they have not said
			}
			t.Run(fmt.Sprintf("%s, silent %t", vendor, silent), func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, noLimits(), source(vendor, "Europe/Berlin"))
				hr := h.hr[vendor]
				hr.Hire(simhr.Person{ID: "4711", Mail: adele})
				hr.Dismiss("4711", dayOf("2026-11-30"), dayOf("2026-11-30"))
				h.at(t, h.Now().Add(15*time.Minute))
				if got := h.leaving(t, adele); !got.Equal(leaving) {
					t.Fatalf("got the leaving time %s, want %s\n%s", got, leaving, h.log)
				}
				h.at(t, leaving.Add(-time.Minute))
				hr.Silent = silent
				hr.TakeBack("4711")
				for _, at := range []time.Duration{-time.Minute, -45 * time.Second, -40 * time.Second, 0, 2 * time.Second, time.Hour, 48 * time.Hour} {
					h.at(t, leaving.Add(at))
				}
				if !h.untouched(adele) {
					t.Errorf("taken back a minute before, and locked out\n%s", h.log)
				}
			})
		}
	}
}

// TestTheHRSystemIsDownAtThatMinute: its last word stands, with an alarm that says what to do.
func TestTheHRSystemIsDownAtThatMinute(t *testing.T) {
	t.Parallel()
	leaving := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC)
	for _, vendor := range simhr.Asked() {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, noLimits(), source(vendor, "Europe/Berlin"))
			hr := h.hr[vendor]
			hr.Hire(simhr.Person{ID: "4711", Mail: adele})
			hr.Dismiss("4711", dayOf("2026-11-30"), dayOf("2026-11-30"))
			h.at(t, h.Now().Add(15*time.Minute))
			h.at(t, leaving.Add(-time.Minute))
			hr.Away, hr.Silent = true, true
			for _, at := range []time.Duration{-45 * time.Second, -30 * time.Second, -time.Second} {
				h.at(t, leaving.Add(at))
			}
			if !h.untouched(adele) {
				t.Error("locked out before the time")
			}
			h.at(t, leaving)
			h.at(t, leaving.Add(2*time.Second))
			if !h.out(adele) {
				t.Errorf("the last word does not stand\n%s", h.log)
			}
			h.alarmed(t, vendor, "right before a leaving time: its last word stands")
		})
	}
}

// TestABrokenImportDismissesEverybody: what comes through the door begins up to the limit of the source,
// and through several of them up to the limit of the installation; everybody else is held and
// untouched.
func TestABrokenImportDismissesEverybody(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		perHour int // of each source
		limits  offboarding.Limits
		want    int
	}{
		"the limit of the source":       {2, offboarding.Limits{}, 4},
		"the limit of the installation": {0, offboarding.Limits{PerHour: 3, PerDay: 3}, 3},
		"whichever is less":             {2, offboarding.Limits{PerHour: 3, PerDay: 3}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := offboarding.DefaultPolicy()
			policy.Limits = tt.limits
			thin, fat := source("gusto", "Europe/Berlin"), source("hmac", "Europe/Berlin")
			thin.Limits.PerHour, fat.Limits.PerHour = tt.perHour, tt.perHour
			h := newHouse(t, policy, thin, fat)
			people := []string{
				"adele.vance", "grady.archie", "lidia.holloway", "patti.fernandez", "isaiah.langer", "diego.siciliani",
				"christie.cline", "henrik.holm", "irvin.sayers", "lee.gu", "debra.berger", "johanna.lorenz",
			}
			people = slices.DeleteFunc(people, func(p string) bool { return p == "johanna.lorenz" }) // her address is another's, too
			for i, p := range people {
				hr := h.hr[[]string{"gusto", "hmac"}[i%2]]
				hr.Hire(simhr.Person{ID: p, Mail: p + "@contoso.com"})
				hr.Dismiss(p, dayOf("2026-11-21"), offboarding.Date{}) // yesterday
			}
			for range 10 {
				h.at(t, h.Now().Add(30*time.Second))
			}
			out := 0
			for _, p := range people {
				switch {
				case h.out(p + "@contoso.com"):
					out++
				case !h.untouched(p + "@contoso.com"):
					t.Errorf("%s is held, and touched", p)
				}
			}
			cases, _, err := h.Ledger.Cases(t.Context())
			must(t, err)
			held := 0
			for _, c := range cases {
				if len(c.Held()) > 0 {
					held++
				}
			}
			if out != tt.want || held != len(people)-tt.want {
				t.Errorf("got %d out and %d held of %d, want %d out\n%s", out, held, len(people), tt.want, h.log)
			}
		})
	}
}

// TestAVendorThatIsNotItselfLosesNothingAndNobodyIsOutEarly: each is down for a day, throttles for one,
// refuses the credential for a week, or answers its dates in another type. A departure that was told before stands, one
// that is entered meanwhile is planned once it can be read, nobody is touched, and an alarm says what
// to do.
func TestAVendorThatIsNotItselfLosesNothingAndNobodyIsOutEarly(t *testing.T) {
	t.Parallel()
	const lidia = "lidia.holloway@contoso.com"
	leaving := time.Date(2026, 12, 24, 22, 59, 59, 0, time.UTC)
	for _, vendor := range simhr.Asked() {
		for name, tt := range map[string]struct {
			wrong func(hr *simhr.System, on bool)
			hours int
			says  string
		}{
			"down for a day":          {func(hr *simhr.System, on bool) { hr.Away = on }, 24, "answers 503"},
			"throttling":              {func(hr *simhr.System, on bool) { hr.Throttled = on }, 24, "answers 429"},
			"refusing the credential": {func(hr *simhr.System, on bool) { hr.Refusing = on }, 7 * 24, "refuses the credential"},
			"another type": {func(hr *simhr.System, on bool) {
				if hr.Mistyped = ""; on {
					hr.Mistyped = hr.DateField()
				}
			}, 24, "does not say"},
		} {
			t.Run(vendor+", "+name, func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, noLimits(), source(vendor, "Europe/Berlin"))
				hr := h.hr[vendor]
				hr.Hire(simhr.Person{ID: "4711", Mail: adele})
				hr.Hire(simhr.Person{ID: "4712", Mail: lidia})
				hr.Dismiss("4711", dayOf("2026-12-24"), dayOf("2026-12-24"))
				h.at(t, h.Now().Add(15*time.Minute))
				if got := h.leaving(t, adele); !got.Equal(leaving) {
					t.Fatalf("got the leaving time %s, want %s\n%s", got, leaving, h.log)
				}
				tt.wrong(hr, true)
				hr.Dismiss("4712", dayOf("2026-12-24"), dayOf("2026-12-24")) // told or polled meanwhile
				for range 24 {
					h.at(t, h.Now().Add(time.Duration(tt.hours)*time.Hour/24))
					if !h.untouched(adele) || !h.untouched(lidia) || !h.leaving(t, adele).Equal(leaving) || !h.leaving(t, lidia).IsZero() {
						t.Fatalf("at %s: adele leaves %s, lidia %s; want nothing changed\n%s", h.Now(), h.leaving(t, adele), h.leaving(t, lidia), h.log)
					}
				}
				h.alarmed(t, vendor, tt.says)
				tt.wrong(hr, false)
				if name == "refusing the credential" && source(vendor, "").Every == 0 {
					must(t, h.replays(t)) // a hint is parked after four days
				}
				for range 6 {
					h.at(t, h.Now().Add(15*time.Minute))
				}
				if got := h.leaving(t, lidia); !got.Equal(leaving) {
					t.Errorf("afterwards: got the leaving time %s, want %s: a departure was lost\n%s", got, leaving, h.log)
				}
				for _, at := range []time.Duration{-45 * time.Second, -time.Second} {
					h.at(t, leaving.Add(at))
				}
				if !h.untouched(adele) || !h.untouched(lidia) {
					t.Error("somebody is out early")
				}
				h.at(t, leaving)
				h.at(t, leaving.Add(2*time.Second))
				if !h.out(adele) || !h.out(lidia) {
					t.Errorf("not out in time\n%s", h.log)
				}
			})
		}
	}
}

// replays sends what is parked back to work, as an operator does.
func (h *house) replays(t *testing.T) error {
	t.Helper()
	items, err := (&replay.Replayer{Ledger: h.Ledger, Bus: h.Bus, Now: h.Now, Log: h.Logger()}).Replay(t.Context(), replay.Selection{Step: offboarding.FunctionResolve})
	for _, item := range items {
		if !item.Sent {
			t.Errorf("not sent back: %+v", item)
		}
	}
	return err
}

// TestAYearOfOldEventsAtOnceLocksNobodyOut: a vendor sends, or lists, everybody who left in a year, under
// addresses that other people have by now. Nobody is touched, whoever really leaves is planned, and
// a departure that is taken back in the middle of it a minute before is not carried out.
func TestAYearOfOldEventsAtOnceLocksNobodyOut(t *testing.T) {
	t.Parallel()
	people := []string{"grady.archie", "patti.fernandez", "isaiah.langer", "diego.siciliani", "christie.cline", "henrik.holm", "lee.gu", "debra.berger"}
	leaving := time.Date(2026, 11, 30, 22, 59, 59, 0, time.UTC)
	const lidia, irvin = "lidia.holloway@contoso.com", "irvin.sayers@contoso.com"
	for _, vendor := range simhr.Asked() {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, noLimits(), source(vendor, "Europe/Berlin"))
			hr := h.hr[vendor]
			hr.Hire(simhr.Person{ID: "4711", Mail: adele})
			hr.Hire(simhr.Person{ID: "4712", Mail: lidia})
			hr.Hire(simhr.Person{ID: "4713", Mail: irvin})
			hr.Dismiss("4711", dayOf("2026-11-30"), dayOf("2026-11-30"))
			hr.Dismiss("4712", dayOf("2026-11-30"), dayOf("2026-11-30"))
			h.at(t, h.Now().Add(15*time.Minute))
			h.at(t, leaving.Add(-2*time.Minute))
			for i := range 100 {
				id := fmt.Sprintf("old-%03d", i)
				day := offboarding.DateOf(leaving.AddDate(0, 0, -20-i%360))
				hr.Hire(simhr.Person{ID: id, Mail: people[i%len(people)] + "@contoso.com"})
				hr.Dismiss(id, day, day)
				hr.TakeEffect(id)
			}
			hr.Dismiss("4713", dayOf("2026-12-24"), dayOf("2026-12-24"))
			h.works(t)
			h.at(t, leaving.Add(-time.Minute))
			hr.Silent = true
			hr.TakeBack("4711")
			for second := -60; second <= 4; second += 2 {
				h.at(t, leaving.Add(time.Duration(second)*time.Second))
			}
			for range 30 {
				h.at(t, h.Now().Add(time.Minute))
			}
			for _, p := range append(people, "adele.vance", "irvin.sayers") {
				if !h.untouched(p + "@contoso.com") {
					t.Errorf("%s is touched", p)
				}
			}
			if !h.out(lidia) {
				t.Error("lidia is not out, who leaves")
			}
			refused, _, err := h.Ledger.Requests(t.Context())
			must(t, err)
			if told := hr.Sends(); told != slices.ContainsFunc(refused, func(r ledger.Decision) bool {
				return strings.Contains(r.Reason, "days ago; if the account is still to go, use leaver offboard")
			}) {
				t.Errorf("of those who were told of one by one: shown as refused, with what to do: %t, want %t", !told, told)
			}
			if got, want := h.leaving(t, irvin), time.Date(2026, 12, 24, 22, 59, 59, 0, time.UTC); !got.Equal(want) {
				t.Errorf("got the leaving time %s of irvin, want %s: it was lost among the old ones", got, want)
			}
		})
	}
}
