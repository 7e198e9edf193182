package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

const undoTitle = "three ways back: a cancellation that comes two minutes after the lockout, a rehire after the deletion, and one after the address was given to somebody else; each as the tenant had it before, but for what cannot come back"

// returning is somebody who leaves and comes back.
type returning struct {
	event, person, title string
	id                   string
	before               []string  // how the tenant had them
	ordered              time.Time // when the undo was ordered, or could go on
	status               operator.Status
	why                  []string
}

// tooLate is how long after the lockout a cancellation comes in this scenario, by the clock of host and
// tenant, which is moved on meanwhile.
const tooLate = 2 * time.Minute

// undoing is the scenario while it is played.
type undoing struct {
	o      Options
	tenant *simtenant.Tenant
	host   *operator.Desk
	intake string
	out    io.Writer
	ahead  atomic.Int64 // how far the clock of the host is ahead of the machine's, in nanoseconds
}

// now is the clock of the host.
func (u *undoing) now() time.Time { return time.Now().Add(time.Duration(u.ahead.Load())) }

// passes lets time pass for the host and the tenant, without anybody waiting for it.
func (u *undoing) passes(d time.Duration) {
	u.tenant.Advance(d)
	u.ahead.Add(int64(d))
}

// undo plays the three stories at the same time, and believes the tenant. It is an error when somebody
// was not brought back, or anybody else's was touched.
func undo(ctx context.Context, o Options) error {
	tenant, err := o.newTenant(simtenant.Config{Users: 40, Knobs: simtenant.Knobs{Latency: o.Latency}})
	if err != nil {
		return err
	}
	policy := demoPolicy()
	policy.OnCancel = offboarding.OnCancelUndo
	late := &returning{event: "terminated-shared.json", person: "lidia.holloway@contoso.com", title: "the cancellation comes two minutes after the lockout"}
	// What stays for days in a real departure is still there two minutes after the lockout.
	policy.Overrides = []offboarding.Override{{Department: "Design", Changes: offboarding.Changes{"grace": "1h"}}}
	tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(late.person)].Department = "Design" })
	u := &undoing{o: o, tenant: tenant, out: o.Out}
	if o.JSON {
		u.out = io.Discard
	}
	return withHost(ctx, hostOptions{tenant: tenant, policy: policy, log: o.Log, reports: o.Reports, now: u.now}, func(ctx context.Context, h *operator.Desk, intake string) error {
		ctx, stop := context.WithTimeoutCause(ctx, demoPatience, fmt.Errorf("the ways back did not end within %s", demoPatience))
		defer stop()
		u.host, u.intake = h, intake
		rehired := &returning{event: "terminated-none.json", person: "adele.vance@contoso.com", title: "rehired after the account was deleted"}
		taken := &returning{event: "terminated-forward.json", person: "irvin.sayers@contoso.com", title: "comes back after the address was given to somebody else"}
		err := u.leaves(ctx, late)
		if err == nil {
			err = u.cancelledLate(ctx, late)
		}
		if err == nil {
			err = errors.Join(u.leaves(ctx, rehired), u.leaves(ctx, taken))
		}
		if err == nil {
			err = errors.Join(u.rehire(ctx, rehired), u.addressTaken(ctx, taken))
		}
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		return u.judge([]*returning{late, rehired, taken})
	})
}

func (u *undoing) say(format string, args ...any) { _, _ = fmt.Fprintf(u.out, format+"\n", args...) }

// leaves takes down how the tenant has somebody, and sends the word of the HR system that they leave.
func (u *undoing) leaves(ctx context.Context, r *returning) error {
	r.id = simtenant.UserID(r.person)
	r.before = portrait(u.tenant, r.id)
	u.say("%s leaves (%s)", r.person, r.title)
	return postSample(ctx, u.intake, r.event, u.host.Now())
}

// cancelledLate is somebody who stays, which the HR system says two minutes after they were locked out. It
// is an error when it was not two minutes, as the ledger has it.
func (u *undoing) cancelledLate(ctx context.Context, r *returning) error {
	stands := func(s operator.Status) bool {
		return s.LockedOutAt != nil && !slices.ContainsFunc(s.Steps, func(step operator.StepStatus) bool {
			spec, _ := offboarding.SpecOf(step.Name)
			return !spec.Gate && !step.State.Settled()
		})
	}
	if err := u.await(ctx, r, stands); err != nil {
		return err
	}
	locked, opened := *r.status.LockedOutAt, r.status.Opened
	u.say("  locked out %.1f s later; now two minutes pass: the clock of the host and of the tenant is moved on, nobody waits", locked.Sub(opened).Seconds())
	u.passes(tooLate - u.host.Now().Sub(locked))
	if err := u.cancelled(ctx, r, "stays, says the HR system, two minutes after the lockout: too late to cancel it"); err != nil {
		return err
	}
	switch c, err := u.host.Ledger.Case(ctx, r.status.Case); {
	case err != nil:
		return err
	case c.Cancelled == nil || c.Cancelled.At.Sub(locked).Truncate(time.Minute) != tooLate:
		return fmt.Errorf("the cancellation did not come %s after the lockout at %s: %+v", tooLate, locked, c.Cancelled)
	}
	r.why = append(r.why, "the word of the HR system came two minutes after the lockout: the webhook prepared the way back, and a named person began it")
	return u.order(ctx, r)
}

// cancelled sends the word of the HR system that somebody does not leave, which comes too late, and waits
// until the undo is prepared.
func (u *undoing) cancelled(ctx context.Context, r *returning, says string) error {
	body, err := json.Marshal(map[string]any{
		"type": "employee.termination_cancelled", "timestamp": u.host.Now().UTC().Format(time.RFC3339Nano),
		"data": map[string]any{"employee": offboarding.Employee{UserPrincipalName: r.person}},
	})
	if err != nil {
		return err
	}
	switch code, err := PostSigned(ctx, u.intake, "msg_"+uuid.NewString(), body); {
	case err != nil:
		return err
	case code != http.StatusAccepted:
		return fmt.Errorf("intake answered the cancellation with %d", code)
	}
	u.say("%s %s", r.person, says)
	if err := u.await(ctx, r, func(s operator.Status) bool { return s.State == string(offboarding.CaseHeld) }); err != nil {
		return err
	}
	if enabled(u.tenant, r.id) {
		return fmt.Errorf("a webhook alone has enabled the account of %s", r.person)
	}
	u.say("  the undo is prepared and held: no webhook alone enables an account")
	return nil
}

// rehire is somebody who comes back when the account is deleted.
func (u *undoing) rehire(ctx context.Context, r *returning) error {
	if err := u.await(ctx, r, deletedAndDone); err != nil {
		return err
	}
	if err := u.cancelled(ctx, r, "is hired again, says the HR system: licence and account are gone by now"); err != nil {
		return err
	}
	r.why = append(r.why, "Microsoft keeps a deleted account for 30 days; what the steps had taken away before that came back from what they had kept")
	return u.order(ctx, r)
}

// addressTaken is somebody whose name was given to a colleague meanwhile.
func (u *undoing) addressTaken(ctx context.Context, r *returning) error {
	if err := u.await(ctx, r, deletedAndDone); err != nil {
		return err
	}
	colleague := simtenant.UserID("lynne.robbins@contoso.com")
	give := func(address string) {
		u.tenant.Edit(func(w *simtenant.World) {
			c := w.Users[colleague]
			c.ProxyAddresses = slices.DeleteFunc(slices.Clone(c.ProxyAddresses), func(a string) bool { return a == "smtp:"+r.person })
			if address != "" {
				c.ProxyAddresses = append(c.ProxyAddresses, "smtp:"+address)
			}
		})
	}
	give(r.person)
	u.say("%s: the account is deleted, and Lynne Robbins gets the address", r.person)
	if err := u.begin(ctx, r); err != nil {
		return err
	}
	if err := u.await(ctx, r, func(s operator.Status) bool { return s.Step(offboarding.StepDelete).State == offboarding.StateManual }); err != nil {
		return err
	}
	task := r.status.Step(offboarding.StepDelete).Reason
	if !strings.Contains(task, colleague) {
		return fmt.Errorf("the task names nobody who has the address: %s", task)
	}
	if _, deleted := u.tenant.DeletedUser(r.id); !deleted {
		return errors.New("the account was restored against the colleague who has the address")
	}
	u.say("  a task: %s", task)
	u.say("  (%s is %s, %s is Lynne Robbins: what the ledger keeps names nobody)", r.id, r.person, colleague)
	give("")
	u.say("  a person takes the address off the other account, and replays delete")
	r.ordered = u.host.Now()
	p := &play{host: u.host}
	if err := p.replays(ctx, r.status, offboarding.StepDelete); err != nil {
		return err
	}
	r.why = append(r.why, "nobody else's address was touched: the undo waited until a person had decided who keeps it")
	return u.carried(ctx, r)
}

func deletedAndDone(s operator.Status) bool {
	return s.State == string(offboarding.CaseComplete) && s.Step(offboarding.StepDelete).State == offboarding.StateEffective
}

// order has a person order the undo, and carries it to its end.
func (u *undoing) order(ctx context.Context, r *returning) error {
	if err := u.begin(ctx, r); err != nil {
		return err
	}
	return u.carried(ctx, r)
}

// begin orders the undo as leaver undo does.
func (u *undoing) begin(ctx context.Context, r *returning) error {
	ordered, err := u.host.Undo(ctx, operator.Undo{Who: operator.OfCase(r.status.Case), By: "Miriam Graham", Reason: "the person comes back"})
	if err != nil {
		return err
	}
	r.ordered = u.host.Now()
	u.say("%s: Miriam Graham orders the undo; said before it begins:", r.person)
	for _, line := range ordered.Lost {
		u.say("  %s", line)
	}
	return nil
}

// carried waits until everything is taken back, and hands the password over.
func (u *undoing) carried(ctx context.Context, r *returning) error {
	open := func(s operator.Status) (open []string) {
		for _, step := range s.Steps {
			if !step.State.Closed() {
				open = append(open, string(step.Name))
			}
		}
		return open
	}
	if err := u.await(ctx, r, func(s operator.Status) bool {
		return s.Step(offboarding.StepSignout).State == offboarding.StateManual && len(open(s)) == 1
	}); err != nil {
		return fmt.Errorf("%w; open: %v", err, open(r.status))
	}
	p := &play{host: u.host}
	if err := signsOff(offboarding.StepSignout, "a Temporary Access Pass was handed over").do(ctx, p, r.status); err != nil {
		return err
	}
	if err := u.await(ctx, r, func(s operator.Status) bool { return s.State == string(offboarding.CaseUndone) }); err != nil {
		return err
	}
	if at := r.status.Step(offboarding.StepBlock).Since; at != nil {
		r.why = append(r.why, fmt.Sprintf("enabled again and read back, last of all, %.1f s after the order", at.Sub(r.ordered).Seconds()))
	}
	return nil
}

// await waits until the last departure of somebody stands so.
func (u *undoing) await(ctx context.Context, r *returning, stands func(operator.Status) bool) error {
	every := time.NewTicker(100 * time.Millisecond)
	defer every.Stop()
	for {
		found, err := operator.Statuses(ctx, u.host.Ledger, u.host.Now())
		if err != nil {
			return err
		}
		for _, s := range found {
			if s.Leaver.ID == r.id && len(s.Steps) > 0 {
				r.status = s
			}
		}
		if len(r.status.Steps) > 0 && stands(r.status) {
			return nil
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is %s: %w", r.person, r.status.State, ctx.Err())
		}
	}
}

// judge compares how the tenant has each of them with how it had them.
func (u *undoing) judge(all []*returning) error {
	var ends []result
	var wrong []error
	for _, r := range all {
		if is := portrait(u.tenant, r.id); !slices.Equal(is, r.before) {
			for _, line := range r.before {
				if !slices.Contains(is, line) {
					wrong = append(wrong, fmt.Errorf("in the tenant, %s lacks: %s", r.person, line))
				}
			}
			for _, line := range is {
				if !slices.Contains(r.before, line) {
					wrong = append(wrong, fmt.Errorf("in the tenant, %s did not have: %s", r.person, line))
				}
			}
		}
		ends = append(ends, result{Status: r.status, Scenario: "undo", Why: r.why})
	}
	if unknown := u.tenant.Unknown(); len(unknown) > 0 {
		wrong = append(wrong, fmt.Errorf("calls the tenant does not know: %v", unknown))
	}
	if u.o.JSON {
		return errors.Join(terminal.WriteJSON(u.o.Out, ends), errors.Join(wrong...))
	}
	err := errors.Join(report(u.o.Out, ends), errors.Join(wrong...))
	if err == nil {
		_, err = fmt.Fprintln(u.o.Out, "The tenant was read: everybody has what they had, but a password that they know.")
	}
	return err
}

func enabled(t *simtenant.Tenant, id string) bool {
	user, alive := t.User(id)
	return alive && user.AccountEnabled
}

// portrait is what the tenant has of somebody that an undo brings back, in lines.
func portrait(t *simtenant.Tenant, id string) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	t.Edit(func(w *simtenant.World) {
		u := w.Users[id]
		if u == nil {
			say("no account")
			return
		}
		say("account %s, enabled %t, addresses %v", u.UserPrincipalName, u.AccountEnabled, u.ProxyAddresses)
		for _, l := range u.Licences {
			say("licence %s without %v", l.SKU, l.DisabledPlans)
		}
		for _, g := range w.Groups {
			if slices.Contains(g.Members, id) {
				say("member of %s", g.DisplayName)
			}
			if slices.Contains(g.Owners, id) {
				say("owner of %s", g.DisplayName)
			}
		}
		for _, d := range w.Devices {
			if slices.Contains(d.Registered, id) {
				say("device %s, enabled %t", d.DisplayName, d.AccountEnabled)
			}
		}
		if m := w.Mailboxes[id]; m != nil {
			say("mailbox %s, %s, hidden %t, forwards %q %q, reply %s, usable %t", m.ExchangeGUID, m.Type, m.Hidden, m.ForwardingAddress, m.ForwardingSMTPAddress, m.AutoReply.Status, m.SoftDeletedAt.IsZero())
			say("opened by %v", m.Permissions)
			for name, on := range m.Protocols {
				say("%s %t", name, on)
			}
		}
	})
	slices.Sort(out)
	return out
}
