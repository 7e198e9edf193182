// Package notify is the function that tells people: HR that somebody is locked out and that a departure
// is complete, IT what it has to do and what to type, whoever takes over what they received. It runs
// every minute and trusts only the ledger: what there is to tell follows from the cases and requests as
// they are, and what was told is kept beside them, so that no message can be lost and it needs no right
// on the bus. It changes nothing of a departure, and no departure waits for it.
//
// Every notice goes to every channel that hears of it at least once: a process that dies after a channel
// has taken a notice, and before that is kept, sends it again under the same id. What fails is tried
// again by the schedule of Standard Webhooks, for three days; a channel that takes nothing raises an
// alarm and holds up no other. More notices at once than a channel wants become one.
//
// It is done when every channel has every notice that is meant for it, or has been given up with an alarm.
package notify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// Sender sends to one channel. A nil error means that the other end has taken it.
type Sender interface {
	Send(ctx context.Context, a offboarding.Announcement) error
}

// Report takes the figures.
type Report interface {
	// Notice is told what became of each try: sent, failed, given up.
	Notice(channel, outcome string)
	// ChannelFailing is told of every channel whether it takes nothing.
	ChannelFailing(channel string, failing bool)
}

// Channel is a way to people, and what sends there. Without a sender nothing is: Unopened says why.
type Channel struct {
	offboarding.Channel
	Sender   Sender
	Unopened error
}

// Notifier tells people.
type Notifier struct {
	Ledger   *ledger.Ledger
	Channels []Channel
	// Console is where browsers find the console, without a path; empty where there is none.
	Console string
	Now     func() time.Time
	Log     *slog.Logger
	Report  Report // optional
}

// schedule is how long after each failed try the next one comes.
// Source: standard-webhooks, spec/standard-webhooks.md, Deliverability and reliability; the first five
// seconds are the minute until the next run here.
var schedule = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const (
	// stale is how old an event may be that a channel has not heard of: one that was added later is not
	// told the whole past.
	stale = 7 * 24 * time.Hour
	// failing is after how many tries of one notice a channel counts as one that takes nothing.
	failing = 3
	// longestRun is how long one run sends; the lease of all runs of the installation ends after it.
	longestRun = 50 * time.Second
)

// due is one notice for one channel.
type due struct {
	offboarding.Announcement
	of      string // the case or request that its telling is kept under
	telling ledger.Telling
}

// run is what one run knows. Channels send side by side, and keep what they told one after another.
type run struct {
	*Notifier
	mu    sync.Mutex
	told  map[string]ledger.Told
	stuck map[string]bool // channels that have not taken a notice at several tries
}

func newRun(n *Notifier) *run {
	return &run{Notifier: n, told: map[string]ledger.Told{}, stuck: map[string]bool{}}
}

// Run tells what there is to tell. What fails for one channel does not keep it from the others. While
// another process of the installation is at it, it does nothing.
func (n *Notifier) Run(ctx context.Context) error {
	if len(n.Channels) == 0 {
		return nil
	}
	r := newRun(n)
	waiting, err := r.waiting(ctx)
	if err != nil {
		return err
	}
	for _, c := range n.Channels {
		r.failing(c.Name, r.stuck[c.Name])
	}
	if len(waiting) == 0 {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, longestRun)
	defer stop()
	err = n.Ledger.Exclusively(ctx, offboarding.FunctionNotify, func(ctx context.Context) error {
		// Another process may have told some of it since.
		r := newRun(n)
		waiting, err := r.waiting(ctx)
		if err != nil {
			return err
		}
		var channels sync.WaitGroup
		failures := make([]error, len(n.Channels))
		for i, c := range n.Channels {
			if len(waiting[c.Name]) > 0 {
				channels.Go(func() { failures[i] = r.serve(ctx, c, waiting[c.Name]) })
			}
		}
		channels.Wait()
		return errors.Join(failures...)
	})
	if errors.Is(err, offboarding.ErrTaken) {
		return nil
	}
	return err
}

// waiting is what each channel has to be told now, oldest first. What has ended and is told is said to
// be so.
func (r *run) waiting(ctx context.Context) (map[string][]due, error) {
	now := r.Now()
	all, left := map[string][]due{}, map[string]bool{}
	take := func(of string, told []offboarding.Announcement) error {
		if len(told) == 0 {
			return nil
		}
		known, err := r.Ledger.Told(ctx, of)
		if errors.Is(err, ledger.ErrUnreadable) { // which keeps nobody else from hearing
			r.Log.Error("what was told of it cannot be read: nobody is told more of it", "of", of, "error", err)
			left[of] = true
			return nil
		}
		if err != nil {
			return err
		}
		r.told[of] = known
		for _, a := range told {
			for _, c := range r.Channels {
				telling := known.Of(a.ID, c.Name)
				if !c.Hears(a.Event) || telling.Over() || telling.Attempts == 0 && now.Sub(a.At) > stale {
					continue
				}
				left[of] = true
				r.stuck[c.Name] = r.stuck[c.Name] || telling.Attempts >= failing
				if !telling.Next.After(now) {
					all[c.Name] = append(all[c.Name], due{r.worded(a, c.Audience), of, telling})
				}
			}
		}
		return nil
	}
	over := func(of string) error {
		if left[of] {
			return nil
		}
		known, err := r.Ledger.Told(ctx, of)
		if err == nil {
			err = r.Ledger.AllTold(ctx, known)
		}
		if errors.Is(err, ledger.ErrConflict) { // another process said so
			return nil
		}
		return err
	}
	if err := r.events(ctx, take, over); err != nil {
		return nil, err
	}
	for _, list := range all {
		slices.SortStableFunc(list, func(a, b due) int { return a.At.Compare(b.At) })
	}
	return all, nil
}

// technical are the events whose words are for IT alone.
var technical = []offboarding.EventName{
	offboarding.EventHeld, offboarding.EventNeedsPerson, offboarding.EventParked, offboarding.EventWithheld, offboarding.EventDeadline, offboarding.EventRefused,
}

// worded is an announcement in the words of an audience. HR hears no technical reasons and no commands,
// whatever its channel is told of; what was handed over is said to whoever has it alone. Only IT is led to
// the console: the others have no role there.
func (n *Notifier) worded(a offboarding.Announcement, audience offboarding.Audience) offboarding.Announcement {
	if a.Event == offboarding.EventHandedOver && audience != offboarding.AudienceManager {
		a.Title, a.Text = "Handed over", "Mail and files are with whoever takes over."
	}
	if audience == offboarding.AudienceManager {
		a.Case, a.Request = "", "" // numbers that say nothing to them
	}
	if audience == offboarding.AudienceIT {
		a.URL = offboarding.ConsolePage(n.Console, a.Case, a.Request)
	}
	if audience != offboarding.AudienceHR {
		return a
	}
	if slices.Contains(technical, a.Event) {
		a.Title, _, _ = strings.Cut(a.Title, ":")
		a.Text = "What it is about is for IT, who find it by the number here."
	}
	a.Step, a.State, a.Rule, a.Type, a.Playbook = "", "", offboarding.Rule{}, "", ""
	return a
}

// serve tells one channel what waits for it. After the first failure it tries no more in this run: a
// channel that hangs costs one try a minute.
func (r *run) serve(ctx context.Context, c Channel, waiting []due) error {
	if c.Sender == nil {
		r.failing(c.Name, true)
		return fmt.Errorf("%s cannot be sent yet: %w", offboarding.Count(len(waiting), "notice"), c.Unopened)
	}
	var err error
	for _, group := range apart(c, waiting) {
		if err = r.tell(ctx, c, group); err != nil {
			break
		}
	}
	tries := 0
	for _, d := range waiting {
		tries = max(tries, d.telling.Attempts+1)
	}
	r.failing(c.Name, err != nil && tries >= failing)
	return err
}

// tell tells the same people some notices: one by one, or as one where they are more than the channel wants.
func (r *run) tell(ctx context.Context, c Channel, waiting []due) error {
	if len(waiting) > c.Most() {
		return r.send(ctx, c, r.digest(c, waiting), waiting)
	}
	for _, d := range waiting {
		if err := r.send(ctx, c, d.Announcement, []due{d}); err != nil {
			return err
		}
	}
	return nil
}

// apart are the notices by whom they are for. Whoever takes over hears of their own leavers alone: a digest
// for several would name those of the others.
func apart(c Channel, waiting []due) [][]due {
	if c.Audience != offboarding.AudienceManager {
		return [][]due{waiting}
	}
	var groups [][]due
	for _, d := range waiting {
		i := slices.IndexFunc(groups, func(g []due) bool { return slices.Equal(g[0].To, d.To) })
		if i < 0 {
			i, groups = len(groups), append(groups, nil)
		}
		groups[i] = append(groups[i], d)
	}
	return groups
}

// send sends one announcement, which stands for some notices, and keeps what became of it. Its error is
// that of the channel, unless nothing could be kept.
func (r *run) send(ctx context.Context, c Channel, a offboarding.Announcement, stands []due) error {
	failed := c.Sender.Send(ctx, a)
	if ctx.Err() != nil && failed != nil {
		return nil // the run ends; nothing is known
	}
	for _, d := range stands {
		t := ledger.Telling{Notice: d.ID, Channel: c.Name, Attempts: d.telling.Attempts + 1, Sent: failed == nil}
		if failed != nil {
			t.Next, t.GivenUp = r.next(failed, t.Attempts)
		}
		if err := r.keep(context.WithoutCancel(ctx), d.of, t); err != nil {
			return err
		}
		switch {
		case t.Sent:
			r.count(c.Name, "sent")
		case t.GivenUp:
			r.count(c.Name, "given up")
			r.Log.Error("a notice is given up", "channel", c.Name, "notice", d.ID, "attempts", t.Attempts, "error", failed)
		default:
			r.count(c.Name, "failed")
		}
	}
	if failed != nil {
		r.Log.Warn("a channel did not take a notice", "channel", c.Name, "notice", a.ID, "error", failed)
	}
	return failed
}

// next is when a notice that failed is tried again, or that it is not.
func (r *run) next(failed error, attempts int) (at time.Time, givenUp bool) {
	if offboarding.IsPermanent(failed) || attempts > len(schedule) {
		return time.Time{}, true
	}
	wait := schedule[attempts-1]
	if v := offboarding.VerdictOf(failed); offboarding.IsThrottled(failed) {
		wait = max(wait, v.In)
	}
	return r.Now().Add(wait).UTC(), false
}

func (r *run) keep(ctx context.Context, of string, t ledger.Telling) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, err := r.Ledger.Tell(ctx, r.told[of], t)
	if errors.Is(err, ledger.ErrConflict) {
		if known, err = r.Ledger.Told(ctx, of); err == nil {
			known, err = r.Ledger.Tell(ctx, known, t)
		}
	}
	if err == nil {
		r.told[of] = known
	}
	return err
}

func (r *run) count(channel, outcome string) {
	if r.Report != nil {
		r.Report.Notice(channel, outcome)
	}
}

func (r *run) failing(channel string, is bool) {
	if r.Report != nil {
		r.Report.ChannelFailing(channel, is)
	}
}

// digest stands for many. Its id follows from theirs, so that it too is the same at every try of the
// same ones.
func (n *Notifier) digest(c Channel, of []due) offboarding.Announcement {
	a := offboarding.Announcement{At: of[len(of)-1].At, Title: "Leaver: " + offboarding.Count(len(of), "notice")}
	if c.Audience == offboarding.AudienceIT {
		a.Type, a.URL = "leaver status", offboarding.ConsolePage(n.Console, "", "")
	}
	ids := make([]string, len(of))
	for i, d := range of {
		ids[i], a.Several = d.ID, append(a.Several, d.Announcement)
		for _, to := range d.To {
			if !slices.Contains(a.To, to) {
				a.To = append(a.To, to)
			}
		}
	}
	slices.Sort(ids)
	a.ID = noticeID(strings.Join(ids, "\n"))
	return a
}

// noticeID is the id of a notice: it says nothing, and is the same whenever it is made of the same.
func noticeID(of string) string {
	sum := sha256.Sum256([]byte(of))
	return "ntc_" + hex.EncodeToString(sum[:12])
}

// latest is the later of times.
func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, func(a, b time.Time) int { return cmp.Compare(a.UnixNano(), b.UnixNano()) })
}
