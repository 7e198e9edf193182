package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// attackTitle is what the scenario plays.
const attackTitle = "a stolen secret, a broken import and a careless administrator, one after the other: what each brake stops, the few words that mend it, and nobody harmed"

// attack plays three misfortunes in a company that has configured nothing: of sixty people three a
// day may leave before somebody has to look. Three do leave; nobody else may be touched.
func attack(ctx context.Context, o Options) (err error) {
	tenant, err := o.newTenant(simtenant.Config{Users: 60, Knobs: simtenant.Knobs{Latency: o.Latency}})
	if err != nil {
		return err
	}
	out := o.Out
	if o.JSON {
		out = io.Discard
	}
	return withHost(ctx, hostOptions{tenant: tenant, policy: offboarding.DefaultPolicy(), log: o.Log, reports: o.Reports}, func(ctx context.Context, h *operator.Desk, intake string) (err error) {
		ctx, stop := context.WithTimeoutCause(ctx, demoPatience, fmt.Errorf("the attack did not end within %s", demoPatience))
		defer stop()
		dir, err := os.MkdirTemp("", "leaver-attack-")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		stopOperator, err := (&loopback.Server{Desk: h}).Serve(dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stopOperator()) }()
		client, err := loopback.Dial(dir)
		if err != nil {
			return err
		}
		a := &attacked{ask: client, host: h, tenant: tenant, intake: intake, out: out}
		for _, play := range []func(context.Context) error{a.ordinaryDay, a.stolenSecret, a.brokenImport, a.carelessAdministrator} {
			if err := play(ctx); err != nil {
				return err
			}
		}
		if err := a.nobodyHarmed(); err != nil {
			return err
		}
		if o.JSON {
			return terminal.WriteJSON(o.Out, a.stopped)
		}
		_, err = fmt.Fprintf(out, "\nThe tenant was read: of %d people %d left, as HR wanted, and of the others nobody lost anything.\n", len(a.before)+len(a.leavers), len(a.leavers))
		return err
	})
}

// attacked is the company while it is.
type attacked struct {
	ask    *loopback.Client
	host   *operator.Desk
	tenant *simtenant.Tenant
	intake string
	out    io.Writer

	leavers []string            // userPrincipalNames of those who do leave
	others  []string            // everybody else
	before  map[string][]string // what each of the others had, by object id
	stopped []stopped
}

// stopped is what became of one misfortune.
type stopped struct {
	What    string   `json:"what"`
	Asked   int      `json:"asked"` // departures
	Held    int      `json:"held"`
	By      string   `json:"by"`
	Mended  []string `json:"mended"` // the commands
	Touched int      `json:"touched"`
}

func (a *attacked) say(format string, args ...any) { _, _ = fmt.Fprintf(a.out, format+"\n", args...) }

// typed shows a command as it is typed.
func (a *attacked) typed(s *stopped, format string, args ...any) {
	command := "leaver " + fmt.Sprintf(format, args...)
	s.Mended = append(s.Mended, command)
	a.say("  $ %s", command)
}

// ordinaryDay lets three people leave, as HR wants: they are all that a small company loses in a day.
func (a *attacked) ordinaryDay(ctx context.Context) error {
	people := Leavers(a.tenant, 60)
	if len(people) < 12 {
		return fmt.Errorf("only %d people can leave", len(people))
	}
	a.leavers = people[:3]
	a.tenant.Edit(func(w *simtenant.World) {
		for _, u := range w.Users {
			if !slices.Contains(a.leavers, u.UserPrincipalName) {
				a.others = append(a.others, u.UserPrincipalName)
			}
		}
		a.before = belongings(w, a.leavers)
	})
	slices.Sort(a.others)
	a.say("an ordinary day: HR tells of %d people who leave", len(a.leavers))
	for _, person := range a.leavers {
		if err := a.post(ctx, person, time.Time{}); err != nil {
			return err
		}
	}
	return a.until(ctx, "the three are locked out", func(found []operator.Status) bool {
		n := 0
		for _, s := range found {
			if _, out := s.LockedOut(); out {
				n++
			}
		}
		return n == len(a.leavers)
	})
}

// stolenSecret asks for everybody else's departure in the name of the HR system.
func (a *attacked) stolenSecret(ctx context.Context) error {
	s := stopped{What: "a stolen secret", Asked: len(a.others)}
	since := a.host.Now().UTC()
	a.say("\na stolen secret: a webhook for each of the %d others, signed", s.Asked)
	for _, person := range a.others {
		if err := a.post(ctx, person, time.Time{}); err != nil {
			return err
		}
	}
	if err := a.settled(ctx, &s, since); err != nil {
		return err
	}
	return a.mend(ctx, &s, operator.Cancellation{Source: "standard", Since: since, Reason: "a secret has leaked"})
}

// brokenImport tells of a whole department that leaves on Monday.
func (a *attacked) brokenImport(ctx context.Context) error {
	people := Leavers(a.tenant, 60)
	people = slices.DeleteFunc(people, func(person string) bool { return slices.Contains(a.leavers, person) })
	s := stopped{What: "a broken import", Asked: len(people)}
	since := a.host.Now().UTC()
	a.say("\na broken import: the HR system says that %d people leave in three days", s.Asked)
	for _, person := range people {
		if err := a.post(ctx, person, since.Add(72*time.Hour)); err != nil {
			return err
		}
	}
	if err := a.settled(ctx, &s, since); err != nil {
		return err
	}
	a.say("  %d would have begun on that day; none has begun yet", s.Asked-s.Held)
	return a.mend(ctx, &s, operator.Cancellation{Source: "standard", Since: since, Reason: "a wrong import"})
}

// carelessAdministrator allows far too much and asks for the wrong list; a colleague notices.
func (a *attacked) carelessAdministrator(ctx context.Context) error {
	const patti, miriam = "Patti Fernandez", "Miriam Graham"
	people := Leavers(a.tenant, 60)
	people = slices.DeleteFunc(people, func(person string) bool { return slices.Contains(a.leavers, person) })
	s := stopped{What: "a careless administrator", Asked: len(people)}
	since := a.host.Now().UTC()
	evening := since.Add(4 * time.Hour)
	a.say("\na careless administrator: %s allows a hundred departures, and types the wrong list of %d", patti, s.Asked)
	a.say("  $ leaver allow --departures 100 --until %s --by %q", offboarding.Stamp(evening.Add(time.Hour)), patti)
	if _, err := a.ask.Allow(ctx, operator.Allowance{Departures: 100, Until: evening.Add(time.Hour), By: patti}); err != nil {
		return err
	}
	for _, person := range people {
		_, err := a.ask.Offboard(ctx, offboarding.Request{
			Kind: offboarding.Termination, Employee: offboarding.Employee{UserPrincipalName: person}, LeavingTime: evening, By: offboarding.Person{Name: patti},
		})
		if err != nil {
			return err
		}
	}
	if err := a.settled(ctx, &s, since); err != nil {
		return err
	}
	if err := a.ownWord(ctx, patti); err != nil {
		return err
	}
	a.say("  %s notices, four hours before:", miriam)
	a.typed(&s, "freeze --reason %q --by %q", "the wrong list", miriam)
	if _, err := a.ask.Freeze(ctx, operator.Freeze{Reason: "the wrong list", By: miriam}); err != nil {
		return err
	}
	if err := a.mend(ctx, &s, operator.Cancellation{Source: "operator", Since: since, Reason: "the wrong list"}); err != nil {
		return err
	}
	a.say("  $ leaver thaw --by %q", miriam)
	_, err := a.ask.Freeze(ctx, operator.Freeze{Thaw: true, By: miriam})
	return err
}

// ownWord asks for the departure of a Global Administrator, and approves it too.
func (a *attacked) ownWord(ctx context.Context, by string) error {
	const administrator = "nestor.wilke@contoso.com"
	a.say("  $ leaver offboard %s --by %q", administrator, by)
	_, err := a.ask.Offboard(ctx, offboarding.Request{
		Kind: offboarding.Termination, Employee: offboarding.Employee{UserPrincipalName: administrator}, By: offboarding.Person{Name: by},
	})
	if err != nil {
		return err
	}
	var who operator.Who
	if err := who.UnmarshalText([]byte(administrator)); err != nil {
		return err
	}
	err = a.until(ctx, "the departure of an administrator is held", func(found []operator.Status) bool {
		return slices.ContainsFunc(found, func(s operator.Status) bool {
			return s.Name() == administrator && s.State == string(offboarding.CaseHeld)
		})
	})
	if err != nil {
		return err
	}
	a.say("  $ leaver approve %s --by %q", administrator, by)
	if _, err := a.ask.Approve(ctx, operator.Approval{Who: who, By: by}); err == nil {
		return errors.New("whoever asked for the departure of an administrator has approved it too")
	} else {
		a.say("  refused: %s", err)
	}
	return nil
}

// settled waits until all that was asked for is planned or parked, and says what holds it.
func (a *attacked) settled(ctx context.Context, s *stopped, since time.Time) error {
	why := map[string]int{}
	err := a.until(ctx, fmt.Sprintf("all %d requests are planned", s.Asked), func(found []operator.Status) bool {
		n := 0
		s.Held = 0
		clear(why)
		for _, one := range found {
			if one.Opened.Before(since) || one.State == string(offboarding.CasePlanning) {
				continue
			}
			n++
			for _, h := range one.Held {
				why[h.By+": "+h.Why]++
			}
			if one.State != string(offboarding.CaseRunning) {
				s.Held++
			}
			if one.Case == "" {
				why["parked: "+one.Reason]++
			}
		}
		return n >= s.Asked
	})
	if err != nil {
		return err
	}
	var by []string
	for reason, n := range why {
		by = append(by, fmt.Sprintf("%d by %s", n, reason))
	}
	slices.Sort(by)
	s.By = strings.Join(by, "; ")
	a.say("  %d of %d are held or parked, before anything was written", s.Held, s.Asked)
	for _, line := range by {
		a.say("    %s", line)
	}
	return nil
}

// mend cancels what was not meant and counts who was touched.
func (a *attacked) mend(ctx context.Context, s *stopped, ask operator.Cancellation) error {
	a.typed(s, "cancel --source %s --since %s --reason %q", ask.Source, offboarding.Stamp(ask.Since), ask.Reason)
	cancelled, err := a.ask.Cancel(ctx, ask)
	if err != nil {
		return err
	}
	for _, one := range cancelled {
		for _, step := range one.Steps {
			if step.EffectiveAt != nil {
				s.Touched++
				break
			}
		}
	}
	a.say("  %d cancelled; of them touched: %d", len(cancelled), s.Touched)
	a.stopped = append(a.stopped, *s)
	return nil
}

// post sends a webhook as whoever has the secret can.
func (a *attacked) post(ctx context.Context, person string, leavingTime time.Time) error {
	data := map[string]any{"employee": offboarding.Employee{UserPrincipalName: person}}
	if !leavingTime.IsZero() {
		data["leavingTime"] = leavingTime.Format(time.RFC3339)
	}
	body, err := json.Marshal(map[string]any{
		"type": "employee.terminated", "timestamp": a.host.Now().UTC().Format(time.RFC3339Nano), "data": data,
	})
	if err != nil {
		return err
	}
	status, err := PostSigned(ctx, a.intake, "msg_"+uuid.NewString(), body)
	if err == nil && status != http.StatusAccepted {
		err = fmt.Errorf("intake answered the departure of %s with %d", person, status)
	}
	return err
}

// until waits until the departures are as wanted.
func (a *attacked) until(ctx context.Context, what string, done func([]operator.Status) bool) error {
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		found, err := a.ask.Status(ctx, operator.Who{})
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if done(found) {
			return nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, errors.Join(context.Cause(ctx), whatIsOpen(context.WithoutCancel(ctx), a.host)))
		}
	}
}

// nobodyHarmed is an error unless the tenant shows that who left is out, and that each of the others
// has what they had.
func (a *attacked) nobodyHarmed() error {
	var after map[string][]string
	var wrong []error
	a.tenant.Edit(func(w *simtenant.World) {
		after = belongings(w, a.leavers)
		for _, person := range a.leavers {
			if u := w.Users[simtenant.UserID(person)]; u == nil || u.AccountEnabled {
				wrong = append(wrong, fmt.Errorf("%s was to leave and is not locked out", person))
			}
		}
	})
	for id, had := range a.before {
		for _, one := range had {
			if !slices.Contains(after[id], one) {
				wrong = append(wrong, fmt.Errorf("user %s has lost: %s", id, one))
			}
		}
	}
	return errors.Join(wrong...)
}

// belongings are what everybody but some has in the tenant, each thing in words that can be compared.
func belongings(w *simtenant.World, but []string) map[string][]string {
	all := map[string][]string{}
	for id, u := range w.Users {
		if slices.Contains(but, u.UserPrincipalName) {
			continue
		}
		has := func(format string, args ...any) { all[id] = append(all[id], fmt.Sprintf(format, args...)) }
		has("account enabled %t, password changed %d times, sessions from %s", u.AccountEnabled, u.PasswordChanges, u.SessionsValidFrom)
		for _, licence := range u.Licences {
			has("licence %+v", licence)
		}
		for _, method := range u.Methods {
			has("method %+v", method)
		}
		if m := w.Mailboxes[id]; m != nil {
			has("%s, hidden %t, forwarding to %q and %q, protocols %v", m.Type, m.Hidden, m.ForwardingAddress, m.ForwardingSMTPAddress, m.Protocols)
		}
		if d := w.Drives[id]; d != nil {
			for _, item := range d.Items {
				has("item %s", item.ID)
			}
		}
	}
	has := func(id, format string, args ...any) {
		if all[id] != nil {
			all[id] = append(all[id], fmt.Sprintf(format, args...))
		}
	}
	for _, r := range w.RoleAssignments {
		has(r.Principal, "role %s", r.Role)
	}
	for _, g := range w.Groups {
		for _, id := range g.Members {
			has(id, "membership of %s", g.ID)
		}
		for _, id := range g.Owners {
			has(id, "ownership of %s", g.ID)
		}
	}
	for _, d := range w.Managed {
		has(d.UserID, "device %s, %s", d.ID, d.State)
	}
	for _, p := range w.Phones {
		has(p.Mailbox, "phone %s, wipe asked for %s", p.Identity, p.WipeRequested)
	}
	return all
}
