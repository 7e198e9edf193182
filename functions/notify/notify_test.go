package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"leaver/functions/notify"
	"leaver/shared/ledger"
	"leaver/shared/notices"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const (
	adele  = "adele.vance@contoso.com"
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

// inbox is the other end of a channel, whose answers the test chooses.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	ids    []string
	bodies []string
	answer func(w http.ResponseWriter, n int) // of the nth request; nil = 202
	wrong  []string
}

func newInbox(t *testing.T, signed bool) *inbox {
	t.Helper()
	in := &inbox{}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		in.mu.Lock()
		n := len(in.bodies) + 1
		in.bodies, in.ids = append(in.bodies, string(body)), append(in.ids, r.Header.Get("webhook-id"))
		if signed {
			if err := verifier.VerifyIgnoringTimestamp(body, r.Header); err != nil {
				in.wrong = append(in.wrong, err.Error())
			}
		}
		answer := in.answer
		in.mu.Unlock()
		if answer != nil {
			answer(w, n)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) got() (ids, bodies []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.ids), slices.Clone(in.bodies)
}

// figures keep what was reported.
type figures struct {
	mu      sync.Mutex
	counts  map[string]int
	failing map[string]bool
}

func (f *figures) Notice(channel, outcome string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[channel+" "+outcome]++
}

func (f *figures) ChannelFailing(channel string, is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing[channel] = is
}

func (f *figures) fails(channel string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failing[channel]
}

// house is where notices are tried: a ledger, a tenant with a mailbox that sends, and channels.
type house struct {
	*steptest.Harness
	*figures
	notifier *notify.Notifier
	mailbox  string // object id
}

func newHouse(t *testing.T, channels ...offboarding.Channel) *house {
	t.Helper()
	h := &house{Harness: steptest.New(t), figures: &figures{counts: map[string]int{}, failing: map[string]bool{}}, mailbox: simtenant.UserID("irvin.sayers@contoso.com")}
	directory, _ := h.As(offboarding.FunctionNotify)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, a := range w.Apps {
			if a.Name == offboarding.Registrations+offboarding.FunctionNotify {
				a.SendsAs = []string{h.mailbox}
			}
		}
	})
	h.notifier = &notify.Notifier{Ledger: h.Ledger, Now: h.Now, Log: h.Logger(), Report: h.figures}
	for _, c := range channels {
		c.Private = true
		sender, err := notices.Open(t.Context(), c, notices.Options{Read: func(_ context.Context, place string) (string, error) { return place, nil }, Mail: directory, Now: h.Now})
		if err != nil {
			t.Fatal(err)
		}
		h.notifier.Channels = append(h.notifier.Channels, notify.Channel{Channel: c, Sender: sender})
	}
	return h
}

func (h *house) run(t *testing.T) error {
	t.Helper()
	return h.notifier.Run(t.Context())
}

// sent are the messages that the tenant took.
func (h *house) sent() (all []simtenant.SentMail) {
	h.Tenant.Edit(func(w *simtenant.World) { all = slices.Clone(w.Sent) })
	return all
}

// verdict is a step that always answers the same.
type verdict struct{ err error }

func (v verdict) Work(_ context.Context, job *offboarding.Job) error {
	job.Evidence[offboarding.AccountEnabled] = "false"
	return v.err
}

// leaves lets somebody leave: locked out, a task for a person, a step given up.
func (h *house) leaves(t *testing.T, person string) *offboarding.Case {
	t.Helper()
	c := h.Open(t, person, offboarding.Options{}, offboarding.DefaultPolicy())
	for name, err := range map[offboarding.StepName]error{
		offboarding.StepSignout: nil, offboarding.StepBlock: nil, offboarding.StepAccess: offboarding.Manual("hand the group over"),
		offboarding.StepForward: offboarding.Permanent(errors.New("the mailbox is gone")),
	} {
		h.Step(t, c.ID, h.Worker(name, verdict{err}))
	}
	return c
}

func webhook(name string, at string) offboarding.Channel {
	return offboarding.Channel{Name: name, Kind: offboarding.ChannelWebhook, Audience: offboarding.AudienceIT, URL: at, Secret: secret,
		Events: []offboarding.EventName{"locked_out", "needs_person", "parked", "held", "complete", "cancelled", "frozen"}}
}

func types(t *testing.T, bodies []string) (all []string) {
	t.Helper()
	for _, b := range bodies {
		var event struct{ Type string }
		if err := json.Unmarshal([]byte(b), &event); err != nil {
			t.Fatal(err)
		}
		all = append(all, event.Type)
	}
	slices.Sort(all)
	return all
}

// TestEveryEventReachesEveryChannelOnce and a second run, and another process, say nothing again.
func TestEveryEventReachesEveryChannelOnce(t *testing.T) {
	t.Parallel()
	in, chat := newInbox(t, true), newInbox(t, false)
	h := newHouse(t, webhook("hooks", in.URL),
		offboarding.Channel{Name: "chat", Kind: offboarding.ChannelTeams, Audience: offboarding.AudienceIT, URL: chat.URL},
		offboarding.Channel{Name: "hr", Kind: offboarding.ChannelMail, Audience: offboarding.AudienceHR, From: simtenant.UserID("irvin.sayers@contoso.com"), To: []string{"hr@contoso.com"}})
	c := h.leaves(t, adele)
	for range 3 {
		if err := h.run(t); err != nil {
			t.Fatal(err)
		}
		h.Advance(time.Minute)
	}
	ids, bodies := in.got()
	if got := types(t, bodies); !slices.Equal(got, []string{"departure.locked_out", "departure.needs_person", "departure.parked"}) || len(in.wrong) > 0 {
		t.Errorf("the webhook got %v (%v); want each once, signed", got, in.wrong)
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != 3 {
		t.Errorf("the ids are %v; want three", ids)
	}
	for _, b := range bodies {
		if strings.Contains(b, "adele") || !strings.Contains(b, c.ID) {
			t.Errorf("a webhook holds a name, or not the case: %s", b)
		}
	}
	_, cards := chat.got()
	if len(cards) != 2 || !strings.Contains(strings.Join(cards, ""), "leaver replay "+c.ID) || !strings.Contains(cards[0], `"attachments"`) {
		t.Errorf("the workflow got %v; want a task and what to type", cards)
	}
	sent := h.sent()
	if len(sent) != 1 || sent[0].From != h.mailbox || !slices.Equal(sent[0].To, []string{"hr@contoso.com"}) || sent[0].Header["x-leaver-notice"] == "" {
		t.Fatalf("HR got %+v; want one mail from the one mailbox", sent)
	}
	for _, technical := range []string{"forward", "hand the group over", "replay"} {
		if strings.Contains(sent[0].Text+sent[0].Subject, technical) {
			t.Errorf("HR reads %q: %s", technical, sent[0].Text)
		}
	}
}

// TestKilledAroundEverySend ends the process just before and just after each send: everything comes, by
// its id once, and twice only what was sent and not yet kept.
func TestKilledAroundEverySend(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 3; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("send %d, after %t", n, after), func(t *testing.T) {
				t.Parallel()
				in := newInbox(t, true)
				h := newHouse(t, webhook("hooks", in.URL))
				h.leaves(t, adele)
				ctx, kill := context.WithCancel(t.Context())
				h.notifier.Channels[0].Sender = &killed{next: h.notifier.Channels[0].Sender, at: n, after: after, kill: kill}
				_ = h.notifier.Run(ctx)
				if ctx.Err() == nil {
					t.Fatal("it was not killed")
				}
				h.Advance(4 * time.Minute) // until the lease of the dead process is over
				h.notifier.Channels[0].Sender.(*killed).at = 0
				for range 2 {
					if err := h.run(t); err != nil {
						t.Fatal(err)
					}
				}
				ids, _ := in.got()
				came := len(ids)
				slices.Sort(ids)
				distinct := len(slices.Compact(ids))
				want := 3
				if after {
					want = 4
				}
				if distinct != 3 || came != want {
					t.Errorf("%d came, %d by their ids; want %d and 3", came, distinct, want)
				}
			})
		}
	}
}

// killed ends its process around one send.
type killed struct {
	next  notify.Sender
	at    int
	after bool
	kill  context.CancelFunc
	sent  int
}

func (k *killed) Send(ctx context.Context, a offboarding.Announcement) error {
	if k.sent++; k.sent != k.at {
		return k.next.Send(ctx, a)
	}
	if k.after {
		_ = k.next.Send(ctx, a)
	}
	k.kill()
	return ctx.Err()
}

// TestADeadChannelHoldsNothingUpAndRaisesAnAlarm has one channel answer 500 for an hour, beside one that
// works; then everything comes, once by its id.
func TestADeadChannelHoldsNothingUpAndRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	dead, well := newInbox(t, true), newInbox(t, true)
	dead.answer = func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusInternalServerError) }
	h := newHouse(t, webhook("dead", dead.URL), webhook("well", well.URL))
	h.leaves(t, adele)
	alarmed := false
	for range 60 {
		_ = h.run(t)
		alarmed = alarmed || h.fails("dead")
		if h.fails("well") {
			t.Error("the channel that works fails")
		}
		h.Advance(time.Minute)
	}
	if _, bodies := well.got(); len(bodies) != 3 {
		t.Errorf("the other channel got %d; want 3", len(bodies))
	}
	tried, _ := dead.got()
	if !alarmed || len(tried) < 6 || len(tried) > 20 {
		t.Errorf("alarmed %t after %d tries in an hour; want an alarm, and the schedule kept to", alarmed, len(tried))
	}
	dead.mu.Lock()
	dead.answer, dead.ids = nil, nil
	dead.mu.Unlock()
	for range 20 {
		if err := h.run(t); err != nil {
			t.Fatal(err)
		}
		h.Advance(15 * time.Minute)
	}
	ids, _ := dead.got()
	slices.Sort(ids)
	if len(ids) != 3 || len(slices.Compact(ids)) != 3 || h.fails("dead") {
		t.Errorf("well again it got %v and fails: %t; want each once and no alarm", ids, h.fails("dead"))
	}
}

// TestAChannelThatHangsCostsOneTryARun and the others are served meanwhile.
func TestAChannelThatHangsCostsOneTryARun(t *testing.T) {
	t.Parallel()
	well := newInbox(t, true)
	h := newHouse(t, webhook("hangs", "http://127.0.0.1:1"), webhook("well", well.URL))
	hangs := &hanging{}
	h.notifier.Channels[0].Sender = hangs
	h.leaves(t, adele)
	if err := h.run(t); err == nil {
		t.Error("a channel that hangs is no error")
	}
	if _, bodies := well.got(); len(bodies) != 3 || hangs.tries != 1 {
		t.Errorf("the other channel got %d, the one that hangs was tried %d times; want 3 and 1", len(bodies), hangs.tries)
	}
}

type hanging struct{ tries int }

func (h *hanging) Send(context.Context, offboarding.Announcement) error {
	h.tries++
	return context.DeadlineExceeded // as the client's own limit says it
}

// TestWhatWasToldAndCannotBeReadKeepsNobodyElseFromHearing spoils the row of one departure.
func TestWhatWasToldAndCannotBeReadKeepsNobodyElseFromHearing(t *testing.T) {
	t.Parallel()
	in := newInbox(t, true)
	h := newHouse(t, webhook("hooks", in.URL))
	spoilt, other := h.leaves(t, adele), h.leaves(t, "alex.wilber@contoso.com")
	if err := h.Store.Append(t.Context(), "told-"+spoilt.ID, 1, "telling", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := h.run(t); err != nil {
		t.Fatal(err)
	}
	_, bodies := in.got()
	if len(bodies) != 3 || !strings.Contains(strings.Join(bodies, "\n"), other.ID) || strings.Contains(strings.Join(bodies, "\n"), spoilt.ID) {
		t.Errorf("got %v; want the three notices of the other departure", bodies)
	}
}

// TestManyNoticesBecomeOne above what the channel wants at once.
func TestManyNoticesBecomeOne(t *testing.T) {
	t.Parallel()
	in := newInbox(t, true)
	c := webhook("hooks", in.URL)
	c.Digest = 4
	h := newHouse(t, c)
	h.leaves(t, adele)
	h.leaves(t, "alex.wilber@contoso.com")
	for range 2 {
		if err := h.run(t); err != nil {
			t.Fatal(err)
		}
	}
	_, bodies := in.got()
	if len(bodies) != 1 || !strings.Contains(bodies[0], `"departure.digest"`) || strings.Count(bodies[0], `"id":"ntc_`) != 6 {
		t.Errorf("got %v; want one digest of six", bodies)
	}
}

// TestAThrottledWorkflowIsTriedWhenItSays: 429 with Retry-After.
func TestAThrottledWorkflowIsTriedWhenItSays(t *testing.T) {
	t.Parallel()
	in := newInbox(t, false)
	in.answer = func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.Header().Set("Retry-After", "600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.WriteHeader(http.StatusOK)
	}
	h := newHouse(t, offboarding.Channel{Name: "chat", Kind: offboarding.ChannelTeams, Audience: offboarding.AudienceIT, Events: []offboarding.EventName{"needs_person"}, URL: in.URL})
	h.leaves(t, adele)
	var after []int
	for range 12 {
		_ = h.run(t)
		_, bodies := in.got()
		after = append(after, len(bodies))
		h.Advance(time.Minute)
	}
	if after[9] != 1 || after[11] != 2 {
		t.Errorf("tries after each minute: %v; want the second after ten", after)
	}
}

// TestWhatIsGoneIsGivenUp: 410 disables, by the standard.
func TestWhatIsGoneIsGivenUp(t *testing.T) {
	t.Parallel()
	in := newInbox(t, true)
	in.answer = func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusGone) }
	c := webhook("gone", in.URL)
	c.Events = []offboarding.EventName{"locked_out"}
	h := newHouse(t, c)
	h.leaves(t, adele)
	for range 5 {
		_ = h.run(t)
		h.Advance(time.Hour)
	}
	if ids, _ := in.got(); len(ids) != 1 || h.counts["gone given up"] != 1 {
		t.Errorf("%d tries, %v; want one, given up", len(ids), h.counts)
	}
}

// TestMailIsSentAsOneMailboxAlone: without the role in Exchange it is refused and tried again, as while the
// role is not known everywhere; and another mailbox stays closed.
func TestMailIsSentAsOneMailboxAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	open := func(from string) notify.Sender {
		sender, err := notices.Open(t.Context(), offboarding.Channel{Name: "hr", Kind: offboarding.ChannelMail, Audience: offboarding.AudienceHR, From: from, To: []string{"hr@contoso.com"}},
			notices.Options{Mail: mustMailer(h), Now: h.Now})
		if err != nil {
			t.Fatal(err)
		}
		return sender
	}
	a := offboarding.Announcement{ID: "ntc_1", Title: "Locked out", Text: "It is."}
	if err := open(simtenant.UserID(adele)).Send(t.Context(), a); err == nil {
		t.Error("mail was sent as somebody else")
	}
	if err := open(h.mailbox).Send(t.Context(), a); err != nil {
		t.Errorf("the one mailbox: %v", err)
	}
	if sent := h.sent(); len(sent) != 1 {
		t.Errorf("%d were sent; want one", len(sent))
	}
}

// mustMailer is the adapter of the registration that may send as the one mailbox.
func mustMailer(h *house) notices.Mailer {
	directory, _ := h.As(offboarding.FunctionNotify)
	h.Tenant.Edit(func(w *simtenant.World) {
		for _, a := range w.Apps {
			if a.Name == offboarding.Registrations+offboarding.FunctionNotify {
				a.SendsAs = []string{h.mailbox}
			}
		}
	})
	return directory
}

// opens opens the departure of somebody whose mail another takes over.
func (h *house) opens(t *testing.T, person, heir string) *offboarding.Case {
	t.Helper()
	request := offboarding.Request{
		ID: offboarding.RequestID("test", person), Kind: offboarding.Termination, EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(),
		Employee: offboarding.Employee{UserPrincipalName: person},
	}
	plan, err := offboarding.Compile(request, offboarding.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	plan.Forwarding.To = simtenant.UserID(heir)
	c, err := h.Ledger.Open(t.Context(), ledger.Opening{
		Tenant: h.TenantID(), Leaver: simtenant.UserID(person), Plan: plan, Request: request, Personal: map[string]string{"userPrincipalName": person},
	})
	if err == nil {
		c, err = h.Ledger.MarkPublished(t.Context(), c.ID, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handsOver lets mail and files arrive.
func (h *house) handsOver(t *testing.T, c *offboarding.Case) {
	t.Helper()
	for _, name := range []offboarding.StepName{offboarding.StepForward, offboarding.StepOnedrive} {
		h.Step(t, c.ID, h.Worker(name, verdict{nil}))
	}
}

// TestWhoTakesOverHearsOfNobodyElses although there are more notices than the channel wants at once.
func TestWhoTakesOverHearsOfNobodyElses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offboarding.Channel{Name: "heirs", Kind: offboarding.ChannelMail, Audience: offboarding.AudienceManager, From: simtenant.UserID("irvin.sayers@contoso.com"), Digest: 1})
	heirs := map[string]string{adele: "alex.wilber@contoso.com", "diego.siciliani@contoso.com": "megan.bowen@contoso.com"}
	for leaver, heir := range heirs {
		h.handsOver(t, h.opens(t, leaver, heir))
	}
	if err := h.run(t); err != nil {
		t.Fatal(err)
	}
	sent := h.sent()
	if len(sent) != len(heirs) {
		t.Errorf("%d mails, want one to each of %d", len(sent), len(heirs))
	}
	for _, mail := range sent {
		for leaver, heir := range heirs {
			if is := strings.Contains(mail.Subject+mail.Text, leaver); is != slices.Equal(mail.To, []string{heir}) {
				t.Errorf("the mail to %v names %s: %t", mail.To, leaver, is)
			}
		}
	}
}

// TestWhoTakesOverHearsWhatTheyReceived by mail to their own address, and only when it is there.
func TestWhoTakesOverHearsWhatTheyReceived(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offboarding.Channel{Name: "heirs", Kind: offboarding.ChannelMail, Audience: offboarding.AudienceManager, From: simtenant.UserID("irvin.sayers@contoso.com")})
	c := h.opens(t, adele, "alex.wilber@contoso.com")
	if err := h.run(t); err != nil || len(h.sent()) > 0 {
		t.Fatalf("%v, %d mails before anything was handed over", err, len(h.sent()))
	}
	h.handsOver(t, c)
	if err := h.run(t); err != nil {
		t.Fatal(err)
	}
	sent := h.sent()
	if len(sent) != 1 || !strings.Contains(sent[0].Text, "New mail") || !slices.Equal(sent[0].To, []string{"alex.wilber@contoso.com"}) {
		t.Errorf("got %+v; want one mail about the forwarding", sent)
	}
}

// TestACancelledDepartureAndAFreezeAreTold and what has ended is not looked at again.
func TestACancelledDepartureAndAFreezeAreTold(t *testing.T) {
	t.Parallel()
	in := newInbox(t, true)
	h := newHouse(t, webhook("hooks", in.URL))
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	if _, err := h.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: h.TenantID(), Leaver: c.Leaver, Request: offboarding.RequestID("test", "2"), EventTime: h.Now().Add(time.Minute), Reason: "stays"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Ledger.Freeze(t.Context(), offboarding.Person{Name: "Miriam Graham"}, "a drill"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := h.run(t); err != nil {
			t.Fatal(err)
		}
	}
	_, bodies := in.got()
	if got := types(t, bodies); !slices.Equal(got, []string{"departure.cancelled", "departure.frozen"}) {
		t.Errorf("told %v; want both once", got)
	}
	if cases, _, err := h.Ledger.Untold(t.Context()); err != nil || len(cases) > 0 {
		t.Errorf("%v are looked at on, %v; want none", cases, err)
	}
}
