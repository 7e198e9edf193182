package simtenant

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// version is what an object was until a moment; value is a clone, or nil for "was not there".
type version struct {
	until time.Time
	value any
}

// touch is an object that a request changes.
type touch struct {
	kind, id string
	at       time.Time
}

// before is called before an object changes, is made or goes: it keeps the state for reads under a
// lag, and has the index brought in line afterwards.
func (t *Tenant) before(kind, id string, at time.Time) {
	t.touched = append(t.touched, touch{kind, id, at})
	if kind == kindUser || kind == kindMailbox {
		for _, p := range t.world.under(kindPhone, "mailbox:"+id) {
			t.world.callHome(t.world.Phones[p], at) // what it could still reach until now
		}
	}
	if t.world.ReadLag > 0 {
		t.keep(kind, id, at, t.kinds[kind].version(t.world, id))
	}
}

func (t *Tenant) keep(kind, id string, at time.Time, was any) {
	if t.past[kind] == nil {
		t.past[kind] = map[string][]version{}
	}
	t.past[kind][id] = append(t.past[kind][id], version{until: at, value: was})
	t.changes = append(t.changes, touch{kind, id, at})
}

// forget drops the versions that no read can find any more.
func (t *Tenant) forget(now time.Time) {
	cut := now.Add(-t.world.ReadLag)
	for len(t.changes) > 0 && !t.changes[0].at.After(cut) {
		c := t.changes[0]
		t.changes = t.changes[1:]
		left := slices.DeleteFunc(t.past[c.kind][c.id], func(v version) bool { return !v.until.After(cut) })
		if t.past[c.kind][c.id] = left; len(left) == 0 {
			delete(t.past[c.kind], c.id)
		}
	}
}

// refresh brings the index in line with what was touched, and with what depends on it.
func (t *Tenant) refresh() {
	w := t.world
	for len(t.touched) > 0 {
		c := t.touched[0]
		t.touched = t.touched[1:]
		t.kinds[c.kind].refresh(w, c.id)
		switch c.kind {
		case kindUser:
			t.userChanges.note(c.id, w.Users[c.id] != nil)
			t.changed(c.id)
			t.kinds[kindMailbox].refresh(w, c.id) // it is found by the names of its owner
			w.count(c.id, func(sku string) {
				if w.ReadLag > 0 {
					t.keep(kindSeats, sku, c.at, w.index.seats[sku].clone())
				}
			})
			fallthrough
		case kindMailbox:
			for _, p := range w.under(kindPhone, "mailbox:"+c.id) {
				t.kinds[kindPhone].refresh(w, p)
			}
		}
	}
	t.touched = nil
}

// seen is one object as a read under the lag finds it; nil when it finds none.
func seen[T any](t *Tenant, kind, id string, current map[string]*T) *T {
	if lag := t.world.ReadLag; lag > 0 {
		cut := t.clock().Add(-lag)
		for _, v := range t.past[kind][id] {
			if v.until.After(cut) {
				was, _ := v.value.(*T)
				return was
			}
		}
	}
	return current[id]
}

// deadline is when something falls due for an object.
type deadline struct {
	at       time.Time
	kind, id string
}

// schedule is a heap of deadlines, the earliest first. It may hold some that mean nothing any more:
// whoever is asked looks at the object.
type schedule []deadline

func (s schedule) Len() int { return len(s) }
func (s schedule) Less(i, j int) bool {
	return cmp.Or(s[i].at.Compare(s[j].at), cmp.Compare(s[i].kind, s[j].kind), cmp.Compare(s[i].id, s[j].id)) < 0
}
func (s schedule) Swap(i, j int)    { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)      { *s = append(*s, x.(deadline)) }
func (s *schedule) push(d deadline) { heap.Push(s, d) }
func (s *schedule) Pop() any {
	last := len(*s) - 1
	d := (*s)[last]
	*s = (*s)[:last]
	return d
}

// settle lets happen what has fallen due by the tenant's clock.
func (t *Tenant) settle() {
	now := t.clock()
	t.refresh()
	t.syncDirectory(now)
	for due := &t.world.index.due; len(*due) > 0 && !(*due)[0].at.After(now); {
		d := heap.Pop(due).(deadline)
		t.kinds[d.kind].fall(t, d.id, now)
		t.refresh()
	}
	t.forget(now)
}

// purge ends the 30 days of a deleted user, and of what was the user's.
func purge(t *Tenant, u *User, now time.Time) {
	gone := u.DeletedAt.Add(keptDeleted)
	if gone.After(now) {
		return
	}
	w := t.world
	t.before(kindDeleted, u.ID, gone)
	t.before(kindMailbox, u.ID, gone)
	t.before(kindDrive, u.ID, gone)
	delete(w.Deleted, u.ID)
	delete(w.Drives, u.ID)
	if m := w.Mailboxes[u.ID]; m != nil && !m.Inactive {
		delete(w.Mailboxes, u.ID)
	}
}

func nextOfMailbox(_ *World, m *Mailbox) time.Time {
	switch {
	case m.PendingType != "":
		return m.PendingFrom
	case !m.DelayHoldUntil.IsZero():
		return m.DelayHoldUntil
	case !m.SoftDeletedAt.IsZero() && !m.Inactive:
		return m.SoftDeletedAt.Add(keptDeleted)
	}
	return time.Time{}
}

func mailboxFalls(t *Tenant, m *Mailbox, now time.Time) {
	if m.PendingType != "" && !m.PendingFrom.After(now) {
		t.before(kindMailbox, m.Owner, m.PendingFrom)
		m.Type, m.PendingType = m.PendingType, ""
		t.world.reconcile(m.Owner, now)
	}
	if !m.DelayHoldUntil.IsZero() && !m.DelayHoldUntil.After(now) {
		t.before(kindMailbox, m.Owner, m.DelayHoldUntil)
		m.DelayHoldApplied, m.DelayReleaseHoldApplied, m.DelayHoldUntil = false, false, time.Time{}
		t.world.reconcile(m.Owner, now)
	}
	if !m.SoftDeletedAt.IsZero() && !m.Inactive && !m.SoftDeletedAt.Add(keptDeleted).After(now) {
		t.before(kindMailbox, m.Owner, now)
		delete(t.world.Mailboxes, m.Owner)
	}
}

// lastSync is the device's latest call home up to now.
func lastSync(last time.Time, every time.Duration, dead bool, now time.Time) time.Time {
	if dead || every <= 0 || now.Before(last) {
		return last
	}
	return last.Add(now.Sub(last) / every * every)
}

// firstSync is the device's first call home after a moment; zero when it never calls.
func firstSync(last time.Time, every time.Duration, dead bool, after time.Time) time.Time {
	switch {
	case dead || every <= 0:
		return time.Time{}
	case after.Before(last):
		return last
	}
	return last.Add((after.Sub(last)/every + 1) * every)
}

func (d *ManagedDevice) pending() bool { return d.State == "retirePending" || d.State == "wipePending" }

func nextCallOfDevice(_ *World, d *ManagedDevice) time.Time {
	if !d.pending() {
		return time.Time{}
	}
	return firstSync(d.LastSync, d.SyncEvery, d.Dead, d.Requested)
}

// deviceCalls carries out what the device was asked; then its record is gone.
func deviceCalls(t *Tenant, d *ManagedDevice, now time.Time) {
	if at := nextCallOfDevice(t.world, d); !at.IsZero() && !at.After(now) {
		t.before(kindManaged, d.ID, at)
		if d.State == "retirePending" && d.RetireFailures > 0 { // deviceActionResults say nothing of it
			d.State, d.RetireFailures = "retireFailed", d.RetireFailures-1
			return
		}
		delete(t.world.Managed, d.ID)
	}
}

// protects says whether Intune's app protection serves a user: it takes a licence with Intune.
// Source: Microsoft Intune, App protection policies overview, end-user requirements.
func (w *World) protects(user string) bool {
	u := w.Users[user]
	return u != nil && w.hasPlan(u, "INTUNE_")
}

func nextCallOfApp(w *World, r *AppRegistration) time.Time {
	if r.WipeRequested.IsZero() || !w.protects(r.UserID) {
		return time.Time{}
	}
	return firstSync(r.LastSync, r.SyncEvery, r.Dead, r.WipeRequested)
}

func appCalls(t *Tenant, r *AppRegistration, now time.Time) {
	if at := nextCallOfApp(t.world, r); !at.IsZero() && !at.After(now) {
		t.before(kindApp, r.ID, at)
		delete(t.world.AppRegistrations, r.ID)
	}
}

// reaches says whether a phone reaches Exchange: only while there is a mailbox to sync with and, of a
// phone's own mail program, while ActiveSync is open and the phone is not blocked. A wipe asked for
// after that is never acknowledged. Outlook mobile is told by a service of its own. With the knob
// PhonesShutOut either takes a mailbox that is the person's own and, as long as its token lasts, no more
// than an account that was disabled: see tokenEnds.
// Sources: Exchange ActiveSync user-initiated remote wipe (practical365.com); MicrosoftDocs
// IntuneDocs issue 2020; Clear-MobileDevice: the device is wiped the next time it receives data.
func (w *World) reaches(p *Phone) bool {
	m := w.Mailboxes[p.Mailbox]
	if p.Removed || !usable(m) {
		return false
	}
	outlook := p.ClientType == "REST"
	if outlook && !w.PhonesShutOut {
		return true
	}
	protocol := "ActiveSyncEnabled"
	if outlook {
		protocol = "OutlookMobileEnabled"
	}
	if !m.Protocols[protocol] || slices.Contains(m.BlockedDeviceIDs, p.DeviceID) {
		return false
	}
	return !w.PhonesShutOut || m.Type == "UserMailbox"
}

// tokenEnds is when a phone's own mail program, and with the knob PhonesShutOut Outlook as well, is shut
// out by its account: within a quarter of an hour of the account being disabled. Zero = it is not.
// Source: Microsoft Entra, continuous access evaluation: up to 15 minutes.
func (w *World) tokenEnds(p *Phone) time.Time {
	u := w.Users[p.Mailbox]
	if p.ClientType == "REST" && !w.PhonesShutOut || u == nil || u.AccountEnabled {
		return time.Time{}
	}
	return u.SessionsValidFrom.Add(15 * time.Minute)
}

func nextCallOfPhone(w *World, p *Phone) time.Time {
	if p.WipeRequested.IsZero() || !p.WipeAcked.IsZero() || !w.reaches(p) {
		return time.Time{}
	}
	after := p.WipeRequested
	if p.shutOut.After(after) {
		after = p.shutOut
	}
	at := firstSync(p.LastSync, p.SyncEvery, p.Dead, after)
	if end := w.tokenEnds(p); !end.IsZero() && at.After(end) {
		return time.Time{}
	}
	return at
}

func phoneCalls(t *Tenant, p *Phone, now time.Time) { t.world.callHome(p, now) }

// callHome lets a phone have synchronised up to now, and acknowledge a wipe on the way.
func (w *World) callHome(p *Phone, now time.Time) {
	if !w.reaches(p) {
		p.shutOut = now
		return
	}
	if ack := nextCallOfPhone(w, p); !ack.IsZero() && !ack.After(now) {
		p.WipeAcked, p.LastSync = ack, ack
	}
	until := now
	if end := w.tokenEnds(p); !end.IsZero() && now.After(end) {
		until = end
	}
	if last := lastSync(p.LastSync, p.SyncEvery, p.Dead, until); p.WipeAcked.IsZero() && last.After(p.shutOut) {
		p.LastSync = last
	}
	if until.Before(now) {
		p.shutOut = now
	}
}

// callEverything brings the last calls of all devices up to now.
func (w *World) callEverything(now time.Time) {
	for _, d := range w.Managed {
		d.LastSync = lastSync(d.LastSync, d.SyncEvery, d.Dead, now)
	}
	for _, r := range w.AppRegistrations {
		r.LastSync = lastSync(r.LastSync, r.SyncEvery, r.Dead, now)
	}
	for _, p := range w.Phones {
		w.callHome(p, now)
	}
}
