package simtenant

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// version is what an object was until a moment; value is a clone, or nil for "was not there".
type version struct {
	until time.Time
	value any
}

// before keeps the state of an object that is about to change, for reads under a lag.
func (t *Tenant) before(kind, id string, at time.Time) {
	lag := t.world.ReadLag
	if lag <= 0 {
		return
	}
	var was any
	w := t.world
	switch kind {
	case "user":
		was = kept(w.Users[id])
	case "deleted":
		was = kept(w.Deleted[id])
	case "group":
		was = kept(w.Groups[id])
	case "device":
		was = kept(w.Devices[id])
	case "managed":
		was = kept(w.Managed[id])
	case "app":
		was = kept(w.AppRegistrations[id])
	case "mailbox":
		was = kept(w.Mailboxes[id])
	}
	key := kind + "/" + id
	old := slices.DeleteFunc(t.past[key], func(v version) bool { return v.until.Before(at.Add(-lag)) })
	t.past[key] = append(old, version{until: at, value: was})
}

func kept[T any, P interface {
	*T
	clone() *T
}](p P) any {
	if p == nil {
		return nil
	}
	return p.clone()
}

// seen is one object as a read under the lag finds it; nil when it finds none.
func seen[T any](t *Tenant, kind, id string, current map[string]*T) *T {
	if lag := t.world.ReadLag; lag > 0 {
		cut := t.clock().Add(-lag)
		for _, v := range t.past[kind+"/"+id] {
			if v.until.After(cut) {
				was, _ := v.value.(*T)
				return was
			}
		}
	}
	return current[id]
}

// seenAll is the whole map as a read under the lag finds it. Without a lag it is the map itself: do
// not change it.
func seenAll[T any](t *Tenant, kind string, current map[string]*T) map[string]*T {
	if t.world.ReadLag <= 0 || len(t.past) == 0 {
		return current
	}
	all := maps.Clone(current)
	for key := range t.past {
		if k, id, _ := strings.Cut(key, "/"); k == kind {
			delete(all, id)
			if was := seen(t, kind, id, current); was != nil {
				all[id] = was
			}
		}
	}
	return all
}

// settle lets happen what has fallen due by the tenant's clock.
func (t *Tenant) settle() {
	w, now := t.world, t.clock()
	t.syncDirectory(now)
	w.finishCopies(now)
	t.releaseNumbers(now)
	for id, u := range w.Deleted {
		if gone := u.DeletedAt.Add(keptDeleted); !gone.After(now) {
			t.before("deleted", id, gone)
			delete(w.Deleted, id)
			delete(w.Drives, id)
			if m := w.Mailboxes[id]; m != nil && !m.Inactive {
				delete(w.Mailboxes, id)
			}
		}
	}
	for id, m := range w.Mailboxes {
		if m.PendingType != "" && !m.PendingFrom.After(now) {
			t.before("mailbox", id, m.PendingFrom)
			m.Type, m.PendingType = m.PendingType, ""
			w.reconcile(id, now)
		}
		if !m.SoftDeletedAt.IsZero() && !m.Inactive && !m.SoftDeletedAt.Add(keptDeleted).After(now) {
			delete(w.Mailboxes, id)
		}
	}
	for id, d := range w.Managed {
		last := lastSync(d.LastSync, d.SyncEvery, d.Dead, now)
		if (d.State == "retirePending" || d.State == "wipePending") && last.After(d.Requested) {
			t.before("managed", id, firstSync(d.LastSync, d.SyncEvery, d.Requested))
			delete(w.Managed, id)
			continue
		}
		d.LastSync = last
	}
	for id, r := range w.AppRegistrations {
		last := lastSync(r.LastSync, r.SyncEvery, r.Dead, now)
		if !r.WipeRequested.IsZero() && last.After(r.WipeRequested) {
			t.before("app", id, firstSync(r.LastSync, r.SyncEvery, r.WipeRequested))
			delete(w.AppRegistrations, id)
			continue
		}
		r.LastSync = last
	}
	for _, p := range w.Phones {
		// A phone reaches Exchange only while there is a mailbox to sync with: a wipe asked for
		// after that is never acknowledged.
		if p.Removed || !usable(w.Mailboxes[p.Mailbox]) {
			continue
		}
		last := lastSync(p.LastSync, p.SyncEvery, p.Dead, now)
		if !p.WipeRequested.IsZero() && p.WipeAcked.IsZero() && last.After(p.WipeRequested) {
			p.WipeAcked = firstSync(p.LastSync, p.SyncEvery, p.WipeRequested)
			last = p.WipeAcked
		}
		if p.WipeAcked.IsZero() || last.Equal(p.WipeAcked) {
			p.LastSync = last
		}
	}
}

// lastSync is the device's latest call home up to now.
func lastSync(last time.Time, every time.Duration, dead bool, now time.Time) time.Time {
	if dead || every <= 0 || now.Before(last) {
		return last
	}
	return last.Add(now.Sub(last) / every * every)
}

// firstSync is the device's first call home after a moment.
func firstSync(last time.Time, every time.Duration, after time.Time) time.Time {
	if after.Before(last) {
		return last
	}
	return last.Add((after.Sub(last)/every + 1) * every)
}
