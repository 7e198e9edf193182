package resident_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/functions/console"
	"leaver/functions/notify"
	"leaver/functions/replay"
	"leaver/shared/anchors"
	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/notices"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/report"
	"leaver/shared/simhr"
	"leaver/shared/simtenant"
	"leaver/shared/telemetry"
	"leaver/shared/telemetry/collectortest"
	"leaver/shared/worker/steptest"
)

// sinks are the places at which something of a departure may come to rest: all of the house's, and those
// who are told.
type sinks struct {
	*house
	desk      *operator.Desk
	notifier  *notify.Notifier
	collector *collectortest.Collector
	anchors   string // the folder of them

	mu   sync.Mutex
	told map[string]*strings.Builder
}

// sinksThatFill are those that hold something after a departure.
var sinksThatFill = []string{
	"the log", "the metrics", "the traces", "what intake answers", "a message of leaver-requests", "the ledger", "beside the ledger", "a case",
	"what becomes of requests", "the export of the ledger", "an anchor", "what the operator is shown", "the report as a page", "the report as JSON",
	"what a webhook is told", "what Teams is told", "what is mailed", "the page /console/", "the page of a departure", "the page of a request", "the page /console/parked",
}

// SendMail implements [notices.Mailer].
func (s *sinks) SendMail(_ context.Context, from string, to []string, subject, text, id string) error {
	s.tell("what is mailed", fmt.Sprintln(from, to, subject, text, id))
	return nil
}

// Address implements [notices.Mailer].
func (s *sinks) Address(context.Context, string) (string, error) { return "", nil }

func (s *sinks) tell(where, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told[where] == nil {
		s.told[where] = &strings.Builder{}
	}
	s.told[where].WriteString(text + "\n")
}

// opened opens every sink of the house, before anything happens in it.
func (h *house) opened(t *testing.T) *sinks {
	t.Helper()
	s := &sinks{house: h, collector: collectortest.New(t), anchors: t.TempDir(), told: map[string]*strings.Builder{}}
	var err error
	h.exporter, err = telemetry.Export(t.Context(), telemetry.Settings{Endpoint: s.collector.URL, Service: "house", Metrics: h.metrics, Log: h.Logger()})
	must(t, err)
	h.intake.Bus, h.resolver.Bus, h.planner.Bus = h.traced("intake"), h.traced("resolve"), h.traced("plan")
	at, err := anchors.Open(t.Context(), s.anchors, h.Now)
	must(t, err)
	h.Ledger.HoldTo(at)
	directory, _ := h.As("console")
	s.desk = &operator.Desk{
		Ledger: h.Ledger, Index: &operator.Index{}, Bus: brokered{h.Bus}, Directory: directory, Planner: h.planner, Now: h.Now,
		Replayer: &replay.Replayer{Ledger: h.Ledger, Bus: h.Bus, Now: h.Now, Log: h.Logger()},
	}
	s.notifier = &notify.Notifier{Ledger: h.Ledger, Now: h.Now, Log: h.Logger(), Report: h.metrics}
	inbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.tell(map[string]string{"/webhook": "what a webhook is told", "/teams": "what Teams is told"}[r.URL.Path], fmt.Sprintln(r.Header, string(body)))
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(inbox.Close)
	for _, c := range []offboarding.Channel{
		{Name: "webhook", Kind: offboarding.ChannelWebhook, Audience: offboarding.AudienceIT, URL: inbox.URL + "/webhook", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", Private: true},
		{Name: "teams", Kind: offboarding.ChannelTeams, Audience: offboarding.AudienceIT, URL: inbox.URL + "/teams", Private: true},
		{Name: "mail", Kind: offboarding.ChannelMail, Audience: offboarding.AudienceHR, From: simtenant.UserID(nestor), To: []string{"hr@contoso.com"}},
	} {
		sender, err := notices.Open(t.Context(), c, notices.Options{
			Read: func(_ context.Context, place string) (string, error) { return place, nil }, Mail: s, Now: h.Now,
		})
		must(t, err)
		s.notifier.Channels = append(s.notifier.Channels, notify.Channel{Channel: c, Sender: sender})
	}
	return s
}

// brokered is the house's own broker as a bus: it hands out by itself, and ends with the house.
type brokered struct{ *steptest.Broker }

// Open implements [bus.Bus].
func (brokered) Open(context.Context, string) (bus.Receiver, error) {
	return nil, errors.ErrUnsupported
}

// Rights implements [bus.Inspector].
func (brokered) Rights(context.Context) (bus.Rights, error) { return bus.AllRights(), nil }

// Filters implements [bus.Inspector].
func (brokered) Filters(context.Context, string) (missing, surplus []string, err error) {
	return nil, nil, nil
}

// Close implements [bus.Bus].
func (brokered) Close() error { return nil }

// entitled is the broker for a function, which may send what it may send.
type entitled struct {
	brokered
	sender *steptest.Sender
}

// Publish implements [bus.Publisher].
func (e entitled) Publish(ctx context.Context, m bus.Message) (bool, error) {
	return e.sender.Publish(ctx, m)
}

// traced is the bus for a function, with spans.
func (h *house) traced(function string) bus.Bus {
	return h.exporter.Bus(entitled{brokered{h.Bus}, h.Sender(function)})
}

// fill tells everybody who is to be told by now.
func (s *sinks) fill(t *testing.T) {
	t.Helper()
	must(t, s.notifier.Run(t.Context()))
	_, err := s.Ledger.Anchor(t.Context())
	must(t, err)
}

// shown puts what people look at to the sinks: what the operator's commands print is in their statuses,
// and the console's pages are opened by somebody who may see everything.
func (s *sinks) shown(t *testing.T) {
	t.Helper()
	all, err := s.desk.Status(t.Context(), operator.Who{})
	must(t, err)
	overview, err := s.desk.Overview(t.Context())
	must(t, err)
	text, err := json.Marshal(append(all, overview...))
	must(t, err)
	s.tell("what the operator is shown", string(text))
	must(t, s.Ledger.Export(t.Context(), func(c ledger.Copy) error {
		text, err := json.Marshal(c)
		s.tell("the export of the ledger", string(text))
		return err
	}))
	files, err := filepath.Glob(filepath.Join(s.anchors, "*"))
	must(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		must(t, err)
		s.tell("an anchor", string(text))
	}
	open := s.browse(t)
	for _, page := range []string{"/console/", "/console/departures", "/console/approvals", "/console/layoff", "/console/parked", "/console/limits", "/console/sources", "/console/plan"} {
		s.tell("the page "+page, open(page))
	}
	for _, one := range all {
		s.tell("the page of a request", open("/console/requests/"+one.Request))
		if one.Case == "" {
			continue
		}
		s.tell("the page of a departure", open("/console/cases/"+one.Case))
		s.tell("the report as a page", open("/console/cases/"+one.Case+"/report"))
		r, err := s.desk.Report(t.Context(), operator.OfCase(one.Case))
		must(t, err)
		var page, asJSON bytes.Buffer
		must(t, report.WriteHTML(&page, r))
		must(t, report.WriteJSON(&asJSON, r))
		s.tell("the report as a page", page.String())
		s.tell("the report as JSON", asJSON.String())
	}
}

// browse serves the console and signs an administrator in, who opens pages.
func (s *sinks) browse(t *testing.T) func(path string) string {
	t.Helper()
	login, err := s.Tenant.Listen("127.0.0.1:0")
	must(t, err)
	must(t, login.ServeSignIn())
	t.Cleanup(func() { _ = login.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	at, public := login.Connection(), "http://"+listener.Addr().String()
	var sources []console.Source
	for name := range s.hr {
		sources = append(sources, console.Source{Name: name, Vendor: name})
	}
	c, err := console.New(console.Options{
		Desk: s.desk, Public: public, Log: s.Logger(), Sources: sources,
		SignIn: console.SignIn{Authority: at.Authority, TenantID: at.TenantID, ClientID: at.ConsoleClientID, Client: login.Client()},
	})
	must(t, err)
	server := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	jar, err := cookiejar.New(nil)
	must(t, err)
	browser := &http.Client{Jar: jar, Timeout: 20 * time.Second}
	read := func(answer *http.Response, err error) string {
		t.Helper()
		must(t, err)
		text, err := io.ReadAll(answer.Body)
		must(t, err)
		must(t, answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %s", answer.Request.URL.Path, answer.StatusCode, text)
		}
		return string(text)
	}
	choice, err := browser.Get(public + "/console/sign-in?to=/console/")
	read(choice, err)
	read(browser.PostForm(choice.Request.URL.String(), url.Values{"user": {nestor}}))
	return func(path string) string { return read(browser.Get(public + path)) }
}

// says is everything that the house has kept, sent, logged, counted, traced, shown or answered, by where.
func (s *sinks) says(t *testing.T) map[string]string {
	t.Helper()
	s.shown(t)
	s.exporter.Flush(t.Context())
	add := s.tell
	add("the log", s.log.String())
	add("the log", s.Log())
	add("the metrics", s.measured())
	add("the traces", s.collector.Text())
	add("what intake answers", s.answers.String())
	for _, m := range s.Bus.Messages() {
		add("a message of "+m.Entity, m.ID+" "+m.Subject+" "+string(m.Body))
	}
	for _, subscription := range bus.Subscriptions() {
		letters, err := s.Bus.DeadLetters(t.Context(), subscription.Name, 1000)
		must(t, err)
		for _, l := range letters {
			add("a dead letter", l.Reason+" "+l.Description+" "+string(l.Body))
		}
	}
	heads, err := s.Store.List(t.Context())
	must(t, err)
	for _, head := range heads {
		entries, err := s.Store.Read(t.Context(), head.ID, 0)
		must(t, err)
		for _, e := range entries {
			add("the ledger", head.ID+" "+head.Label+" "+string(e))
		}
		personal, err := s.Store.Unseal(t.Context(), head.ID)
		must(t, err)
		text, err := json.Marshal(personal)
		must(t, err)
		add("beside the ledger", string(text))
	}
	refused, _, err := s.Ledger.Requests(t.Context())
	must(t, err)
	text, err := json.Marshal(refused)
	must(t, err)
	add("what becomes of requests", string(text))
	cases, _, err := s.Ledger.AllCases(t.Context())
	must(t, err)
	for _, c := range cases {
		text, err := json.Marshal(c)
		must(t, err)
		add("a case", string(text))
	}
	read := map[string]string{}
	for where, b := range s.told {
		read[where] = b.String()
	}
	return read
}

// TestNothingOfAVendorsBodyBesideTheDepartureIsKept is the canary on every sink: bank data, numbers of
// social security and reasons of termination stand in what the HR systems send and show, whatever
// becomes of it, and nowhere in the house.
func TestNothingOfAVendorsBodyBesideTheDepartureIsKept(t *testing.T) {
	t.Parallel()
	const private = "adele.at.home@example.com"
	for _, vendor := range simhr.Asked() {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, noLimits(), source(vendor, "Europe/Berlin"))
			sinks := h.opened(t)
			hr := h.hr[vendor]
			work := func(d time.Duration) {
				h.at(t, h.Now().Add(d))
				sinks.fill(t)
			}
			hr.Hire(simhr.Person{ID: "4711", Number: "E0001", Mail: adele, Private: private})
			hr.Hire(simhr.Person{ID: "4712", Number: "E9999", Mail: "nobody@contoso.com", Private: private}) // is parked
			hr.Hire(simhr.Person{ID: "4713", Private: private})                                              // cannot be used
			hr.Hire(simhr.Person{ID: "4714", Mail: "lidia.holloway@contoso.com", Private: private})
			for _, id := range []string{"4711", "4712", "4713"} {
				hr.Dismiss(id, dayOf("2026-11-30"), dayOf("2026-12-31"))
			}
			hr.Dismiss("4714", dayOf("2025-11-30"), dayOf("2025-11-30")) // long ago: refused
			hr.TakeEffect("4714")
			work(15 * time.Minute)
			hr.Move("4711", dayOf("2026-12-02"), dayOf("2026-12-31"))
			work(15 * time.Minute)
			for _, broken := range []func(bool){
				func(on bool) { hr.Away = on }, func(on bool) { hr.Throttled = on }, func(on bool) { hr.Refusing = on },
				func(on bool) { hr.Mistyped = map[bool]string{true: hr.DateField()}[on] },
			} {
				broken(true)
				hr.Move("4711", dayOf("2026-12-03"), dayOf("2026-12-31"))
				for range 5 {
					work(5 * time.Minute)
				}
				broken(false)
			}
			hr.TakeBack("4711")
			hr.Dismiss("4711", dayOf("2026-12-03"), dayOf("2026-12-31"))
			hr.Delete("4712")
			work(15 * time.Minute)
			h.forged(t, vendor)
			leaving := time.Date(2026, 12, 3, 22, 59, 59, 0, time.UTC)
			h.at(t, leaving.Add(-45*time.Second))
			hr.Away = true // a hint is given up
			hr.TakeEffect("4714")
			hr.Move("4714", dayOf("2026-12-30"), offboarding.Date{})
			h.at(t, leaving)
			work(2 * time.Second)
			for range 5 * 12 {
				work(2 * time.Hour)
			}
			if !h.out(adele) {
				t.Errorf("the departure did not take place\n%s", h.log)
			}
			if !strings.Contains(h.shown.String(), simhr.Canary) {
				t.Fatal("the HR system shows nothing that must not be kept: the test proves nothing")
			}
			says := sinks.says(t)
			for where, text := range says {
				for _, canary := range []string{simhr.Canary, private, "example.com"} {
					if at := strings.Index(text, canary); at >= 0 {
						t.Errorf("%s holds %s: …%s", where, canary, text[max(0, at-200):min(len(text), at+100)])
					}
				}
			}
			for _, where := range []string{"the log", "the metrics", "the traces", "what a webhook is told", "an anchor"} { // which personal data has no business in
				for _, name := range []string{"adele.vance", "E0001", "lidia"} {
					if strings.Contains(says[where], name) {
						t.Errorf("%s names %s", where, name)
					}
				}
			}
			for _, where := range sinksThatFill { // else the test proves nothing
				if len(says[where]) < 100 {
					t.Errorf("%s is empty: %q", where, says[where])
				}
			}
		})
	}
}

// forged posts bodies that hold the canary and are not what the vendor sends, or are nobody's.
func (h *house) forged(t *testing.T, source string) {
	t.Helper()
	for _, body := range []string{
		`{"type":"` + simhr.Canary + `","event_type":"` + simhr.Canary + `","ssn":"` + simhr.Canary + `"}`, simhr.Canary, `["` + simhr.Canary + `"]`,
	} {
		for _, media := range []string{"application/json", "text/plain"} {
			answer, err := http.Post(h.server.URL+"/webhooks/"+source+"/terminate?code="+h.hr[source].Secret+"&x="+simhr.Canary, media, strings.NewReader(body))
			must(t, err)
			_, _ = io.Copy(io.Discard, answer.Body)
			must(t, answer.Body.Close())
		}
	}
}
