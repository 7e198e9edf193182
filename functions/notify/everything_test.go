package notify_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/functions/notify"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// everything is what a channel may be told of. needs_person comes twice: of a departure, and of an undo.
var everything = []offboarding.EventName{
	offboarding.EventCancelled, offboarding.EventComplete, offboarding.EventDeadline, offboarding.EventFrozen, offboarding.EventHandedOver, offboarding.EventHeld,
	offboarding.EventLockedOut, offboarding.EventNeedsPerson, offboarding.EventParked, offboarding.EventRefused, offboarding.EventUndone, offboarding.EventWithheld,
}

// undoable is a step that does nothing, and takes it back.
type undoable struct{ verdict }

func (undoable) Undo(context.Context, *offboarding.Job) error { return nil }

// settles runs every step of a case, whenever it is due.
func (h *house) settles(t *testing.T, id string) {
	t.Helper()
	c, err := h.Ledger.Case(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Steps {
		if record := h.Record(t, id, s.Name); record.Due.After(h.Now()) {
			h.Advance(record.Due.Sub(h.Now()))
		}
		h.Step(t, id, h.Worker(s.Name, undoable{}))
	}
}

// undoes takes a departure back.
func (h *house) undoes(t *testing.T, id string) {
	t.Helper()
	c, err := h.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: id, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "a mistake", Source: "operator"})
	if err == nil {
		_, err = h.Ledger.MarkPublished(t.Context(), c.ID, c.Plan.Version)
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 8 { // some wait for others
		for _, s := range c.Steps {
			record := h.Record(t, id, s.Name)
			if h.Advance(max(record.Due.Sub(h.Now()), 0)); !record.State.Closed() {
				h.Step(t, id, h.Worker(s.Name, undoable{}))
			}
		}
	}
	if c, err = h.Ledger.Case(t.Context(), id); err != nil || !c.Undone() {
		for _, s := range c.Steps {
			t.Logf("%s %s %s", s.Name, s.State, s.Reason)
		}
		t.Fatalf("it is not undone: %s, %v", c.State(h.Now()), err)
	}
}

// everythingHappens brings about each event, and nothing of it longer ago than channels are told of.
func (h *house) everythingHappens(t *testing.T) {
	t.Helper()
	// First what takes weeks: of it only how it ends is told.
	complete, undone := h.Open(t, "diego.siciliani@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy()), h.Open(t, "grady.archie@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	h.settles(t, undone.ID)
	late := h.Open(t, "lee.gu@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	h.Step(t, late.ID, h.Worker(offboarding.StepWipe, verdict{offboarding.After(time.Minute, "the phone is off")}))
	spec, _ := offboarding.SpecOf(offboarding.StepWipe)
	h.Advance(spec.Deadline - 48*time.Hour)
	h.settles(t, complete.ID)
	h.undoes(t, undone.ID)

	h.leaves(t, adele)
	h.handsOver(t, h.opens(t, "christie.cline@contoso.com", "alex.wilber@contoso.com"))
	withheld := h.Open(t, "megan.bowen@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	h.Step(t, withheld.ID, h.Worker(offboarding.StepPreserve, verdict{offboarding.Withheld(offboarding.B12, "the drive holds what nobody kept")}))
	cancelled := h.Open(t, "pradeep.gupta@contoso.com", offboarding.Options{}, offboarding.DefaultPolicy())
	if _, err := h.Ledger.Cancel(t.Context(), ledger.Cancellation{Tenant: h.TenantID(), Leaver: cancelled.Leaver, Request: offboarding.RequestID("test", "2"), EventTime: h.Now().Add(time.Minute), Reason: "stays"}); err != nil {
		t.Fatal(err)
	}
	held := offboarding.Request{ID: offboarding.RequestID("test", "held"), Kind: offboarding.Termination, EventTime: h.Now(), ReceivedAt: h.Now(), LeavingTime: h.Now(), Employee: offboarding.Employee{UserPrincipalName: "alex.wilber@contoso.com"}}
	plan, err := offboarding.Compile(held, offboarding.DefaultPolicy())
	if err == nil {
		_, err = h.Ledger.Open(t.Context(), ledger.Opening{Tenant: h.TenantID(), Leaver: simtenant.UserID("alex.wilber@contoso.com"), Plan: plan, Request: held,
			Brakes: []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: "privileged", Needs: 1, Why: "holds a directory role"}}})
	}
	if err == nil {
		err = h.Ledger.Decide(t.Context(), ledger.Decision{ID: offboarding.RequestID("test", "refused"), Kind: offboarding.Termination, State: ledger.RequestRefused, Reason: "no leaving date"}, nil)
	}
	if err == nil {
		err = h.Ledger.Freeze(t.Context(), offboarding.Person{Name: "Miriam Graham"}, "a drill")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// taken are what the other end of a channel got, by id.
type taken struct {
	mu   sync.Mutex
	next notify.Sender
	got  map[string]offboarding.Announcement
	n    map[string]int
}

func (s *taken) Send(ctx context.Context, a offboarding.Announcement) error {
	err := s.next.Send(ctx, a)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got[a.ID], s.n[a.ID] = a, s.n[a.ID]+1
	}
	return err
}

// dying ends its process around the first try of every notice.
type dying struct {
	next  notify.Sender
	after bool
	died  map[string]bool
	kill  context.CancelFunc
}

func (d *dying) Send(ctx context.Context, a offboarding.Announcement) error {
	if ctx.Err() != nil {
		return ctx.Err() // a dead process sends nothing
	}
	if d.died[a.ID] {
		return d.next.Send(ctx, a)
	}
	d.died[a.ID] = true
	if d.after {
		if err := d.next.Send(ctx, a); err != nil {
			return err
		}
	}
	d.kill()
	return ctx.Err()
}

// channelOf is a channel of a kind that hears everything.
func channelOf(kind offboarding.ChannelKind, in *inbox) offboarding.Channel {
	c := offboarding.Channel{Name: string(kind), Kind: kind, Audience: offboarding.AudienceIT, Events: everything, Digest: 100}
	if kind == offboarding.ChannelMail {
		c.From, c.To = simtenant.UserID("irvin.sayers@contoso.com"), []string{"it@contoso.com"}
		return c
	}
	c.URL, c.Secret = in.URL, secret
	return c
}

// came is how many messages a channel has got, and what is wrong with how they are signed.
func (h *house) came(kind offboarding.ChannelKind, in *inbox) (int, []string) {
	if kind == offboarding.ChannelMail {
		return len(h.sent()), nil
	}
	_, bodies := in.got()
	return len(bodies), in.wrong
}

// TestEveryEventOnEveryKindOfChannelIsToldOnceWithTheHostKilledAroundEachSend lets the process die at the
// first try of each notice, before it or after. What died before comes once, what died between the send
// and its keeping twice, by the same id; nothing is missing.
func TestEveryEventOnEveryKindOfChannelIsToldOnceWithTheHostKilledAroundEachSend(t *testing.T) {
	t.Parallel()
	for _, kind := range []offboarding.ChannelKind{offboarding.ChannelWebhook, offboarding.ChannelTeams, offboarding.ChannelMail} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after %t", kind, after), func(t *testing.T) {
				t.Parallel()
				in := newInbox(t, kind == offboarding.ChannelWebhook)
				h := newHouse(t, channelOf(kind, in))
				h.everythingHappens(t)
				told := &taken{next: h.notifier.Channels[0].Sender, got: map[string]offboarding.Announcement{}, n: map[string]int{}}
				die := &dying{next: told, after: after, died: map[string]bool{}}
				h.notifier.Channels[0].Sender = die
				deaths := 0
				for ; deaths < 100; deaths++ {
					ctx, kill := context.WithCancel(t.Context())
					die.kill = kill
					err := h.notifier.Run(ctx)
					dead := ctx.Err() != nil
					if kill(); !dead {
						if err != nil {
							t.Fatal(err)
						}
						break
					}
					h.Advance(4 * time.Minute) // until the lease of the dead process is over
				}
				var events []offboarding.EventName
				for id, a := range told.got {
					events = append(events, a.Event)
					if want := map[bool]int{false: 1, true: 2}[after]; told.n[id] != want {
						t.Errorf("%s came %d times, want %d", a.Event, told.n[id], want)
					}
				}
				if slices.Sort(events); !slices.Equal(slices.Compact(slices.Clone(events)), everything) {
					t.Errorf("told of %v, want each of %v", events, everything)
				}
				want := len(events)
				if after {
					want *= 2
				}
				if n, wrong := h.came(kind, in); n != want || len(wrong) > 0 || deaths != len(events) {
					t.Errorf("%d messages arrived (%v) and the process died %d times; want %d and %d", n, wrong, deaths, want, len(events))
				}
			})
		}
	}
}

// TestEveryKindOfDeadChannelRaisesAnAlarmAndHoldsNothingUp for an hour of 500, of redirects into the
// network and of what the tenant's mail refuses, beside a channel that works; then all comes, once.
func TestEveryKindOfDeadChannelRaisesAnAlarmAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	inside := newInbox(t, false)
	answers500 := func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusInternalServerError) }
	redirects := func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", inside.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	for name, tt := range map[string]struct {
		kind   offboarding.ChannelKind
		answer func(http.ResponseWriter, int)
	}{
		"a webhook answers 500":                 {offboarding.ChannelWebhook, answers500},
		"a webhook redirects into the network":  {offboarding.ChannelWebhook, redirects},
		"a workflow answers 500":                {offboarding.ChannelTeams, answers500},
		"a workflow redirects into the network": {offboarding.ChannelTeams, redirects},
		"mail is refused":                       {offboarding.ChannelMail, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, well := newInbox(t, tt.kind == offboarding.ChannelWebhook), newInbox(t, true)
			in.answer = tt.answer
			dead := channelOf(tt.kind, in)
			dead.Name = "dead"
			h := newHouse(t, dead, webhook("well", well.URL))
			h.leaves(t, adele)
			if tt.kind == offboarding.ChannelMail {
				h.Tenant.Edit(func(w *simtenant.World) {
					w.Faults = append(w.Faults, simtenant.Fault{Operation: "POST /users/{id}/sendMail", Status: http.StatusInternalServerError})
				})
			}
			alarmed := false
			for range 60 {
				_ = h.run(t)
				alarmed = alarmed || h.fails("dead")
				if h.fails("well") {
					t.Fatal("the channel that works fails")
				}
				h.Advance(time.Minute)
			}
			if _, bodies := well.got(); len(bodies) != 3 || !alarmed {
				t.Errorf("the other channel got %d, and there was an alarm: %t; want 3 and one", len(bodies), alarmed)
			}
			if _, bodies := inside.got(); len(bodies) > 0 {
				t.Error("the redirect was followed")
			}
			in.mu.Lock()
			in.answer, in.ids, in.bodies = nil, nil, nil
			in.mu.Unlock()
			h.Tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
			for range 20 {
				if err := h.run(t); err != nil {
					t.Fatal(err)
				}
				h.Advance(15 * time.Minute)
			}
			if n, _ := h.came(tt.kind, in); n != 3 || h.fails("dead") {
				t.Errorf("well again it got %d, and fails: %t; want each of 3 once and no alarm", n, h.fails("dead"))
			}
		})
	}
}

// TestHRHearsNoTechnicalReasonsWhateverItsChannelIsToldOf nor a command, nor a step.
func TestHRHearsNoTechnicalReasonsWhateverItsChannelIsToldOf(t *testing.T) {
	t.Parallel()
	in := newInbox(t, false)
	c := channelOf(offboarding.ChannelTeams, in)
	c.Audience = offboarding.AudienceHR
	h := newHouse(t, c)
	h.everythingHappens(t)
	if err := h.run(t); err != nil {
		t.Fatal(err)
	}
	_, bodies := in.got()
	if len(bodies) < len(everything) {
		t.Errorf("HR heard of %d, want %d", len(bodies), len(everything))
	}
	for _, body := range bodies {
		for _, technical := range []string{"leaver ", "playbooks", "the phone is off", "the mailbox is gone", "hand the group over", "nobody kept", "directory role", "leaving date", `"Step"`, "comes to you"} {
			if strings.Contains(body, technical) {
				t.Errorf("HR reads %q: %s", technical, body)
			}
		}
	}
}

// TestWhatIsTakenBackIsToldAlthoughAllWasTold: a departure was complete and is all told; it is undone
// between two runs.
func TestWhatIsTakenBackIsToldAlthoughAllWasTold(t *testing.T) {
	t.Parallel()
	in := newInbox(t, true)
	c := webhook("hooks", in.URL)
	c.Events = nil
	c.Audience = offboarding.AudienceHR
	h := newHouse(t, c)
	leaver := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.settles(t, leaver.ID)
	for range 2 {
		if err := h.run(t); err != nil {
			t.Fatal(err)
		}
	}
	if cases, _, err := h.Ledger.Untold(t.Context()); err != nil || len(cases) > 0 {
		t.Fatalf("%v are looked at on, %v; want none", cases, err)
	}
	h.undoes(t, leaver.ID)
	for range 2 {
		if err := h.run(t); err != nil {
			t.Fatal(err)
		}
	}
	_, bodies := in.got()
	if got := types(t, bodies); !slices.Contains(got, "departure.undone") || len(got) != len(slices.Compact(slices.Clone(got))) {
		t.Errorf("told %v; want undone among them, and each once", got)
	}
	if cases, _, err := h.Ledger.Untold(t.Context()); err != nil || len(cases) > 0 {
		t.Errorf("%v are looked at on, %v; want none", cases, err)
	}
}

// TestTheUndoOfACancelledDepartureIsITsToo: its tasks are told as those of a departure are.
func TestTheUndoOfACancelledDepartureIsITsToo(t *testing.T) {
	t.Parallel()
	in := newInbox(t, true)
	h := newHouse(t, webhook("hooks", in.URL))
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Step(t, c.ID, h.Worker(offboarding.StepSignout, undoable{}))
	undone, err := h.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "a mistake", Source: "operator"})
	if err == nil {
		_, err = h.Ledger.MarkPublished(t.Context(), c.ID, undone.Plan.Version)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.Step(t, c.ID, h.Worker(offboarding.StepSignout, failing{}))
	if err := h.run(t); err != nil {
		t.Fatal(err)
	}
	_, bodies := in.got()
	if got := types(t, bodies); !slices.Equal(got, []string{"departure.cancelled", "departure.parked"}) {
		t.Errorf("told %v; want that it was cancelled, and the step of the undo that was given up", got)
	}
}

// failing is a step whose undo cannot be done.
type failing struct{ verdict }

func (failing) Undo(context.Context, *offboarding.Job) error {
	return offboarding.Permanent(errors.New("the account is gone"))
}

// TestWhoGetsTheFilesHearsOfThem also where another gets the mail: neither hears of what the other has.
func TestWhoGetsTheFilesHearsOfThem(t *testing.T) {
	t.Parallel()
	h := newHouse(t, offboarding.Channel{Name: "heirs", Kind: offboarding.ChannelMail, Audience: offboarding.AudienceManager, From: simtenant.UserID("irvin.sayers@contoso.com")})
	c := h.opens(t, adele, "alex.wilber@contoso.com")
	h.Step(t, c.ID, h.Worker(offboarding.StepForward, verdict{}))
	h.Step(t, c.ID, h.Worker(offboarding.StepOnedrive, lets{simtenant.UserID("megan.bowen@contoso.com")}))
	both := h.opens(t, "diego.siciliani@contoso.com", "alex.wilber@contoso.com")
	h.Step(t, both.ID, h.Worker(offboarding.StepForward, verdict{}))
	h.Step(t, both.ID, h.Worker(offboarding.StepOnedrive, lets{simtenant.UserID("alex.wilber@contoso.com")}))
	if err := h.run(t); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, mail := range h.sent() {
		for _, to := range mail.To {
			got[to+" of "+strings.TrimPrefix(mail.Subject, "What you take over: ")] = mail.Text
		}
	}
	for who, want := range map[string]struct{ mail, files bool }{
		"alex.wilber@contoso.com of " + adele:                         {mail: true},
		"megan.bowen@contoso.com of " + adele:                         {files: true},
		"alex.wilber@contoso.com of " + "diego.siciliani@contoso.com": {true, true},
	} {
		text, is := got[who]
		if !is || strings.Contains(text, "New mail") != want.mail || strings.Contains(text, "OneDrive") != want.files {
			t.Errorf("%s reads %q; want of mail %t, of files %t", who, text, want.mail, want.files)
		}
	}
	if len(got) != 3 {
		t.Errorf("%d mails, want 3", len(got))
	}
}

// lets is a step that let somebody in to the files.
type lets struct{ reader string }

func (l lets) Work(_ context.Context, job *offboarding.Job) error {
	job.Evidence[offboarding.FilesReader] = l.reader
	return nil
}
