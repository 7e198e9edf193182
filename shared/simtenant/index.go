package simtenant

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// index is how objects are found again without walking over the company. It is made whole after
// [Tenant.Edit], and brought in line with every object that a request touched: see Tenant.before.
type index struct {
	found    map[string]*lookup  // by kind
	memberOf map[string][]place  // by object id: the groups it is a member of
	holds    map[string][]string // by user: the SKUs, direct and inherited, each once
	seats    map[string]*seats   // by SKU
	synced   map[string]bool     // users mastered on premises
	audit    map[string][]int    // entries of the audit log, by target
	due      schedule
}

// lookup finds the ids of a kind by what the objects say of themselves.
type lookup struct {
	ids    map[string][]string // by key
	keys   map[string][]string // by id: where it stands
	sorted []string            // every id, in order; nil = not known
}

func (l *lookup) put(id string, keys []string) {
	was, there := l.keys[id]
	if len(keys) == 0 {
		if there {
			delete(l.keys, id)
			l.sorted = nil
		}
	} else {
		l.keys[id] = keys
		if !there {
			l.sorted = nil
		}
	}
	for _, k := range was {
		if !slices.Contains(keys, k) {
			if l.ids[k] = slices.DeleteFunc(l.ids[k], func(x string) bool { return x == id }); len(l.ids[k]) == 0 {
				delete(l.ids, k)
			}
		}
	}
	for _, k := range keys {
		if !slices.Contains(was, k) {
			l.ids[k] = append(l.ids[k], id)
		}
	}
}

// place is where a member stands in a group.
type place struct {
	group string
	at    int // in Members
}

// seats counts who holds a SKU; a user who holds it twice takes one seat.
type seats struct{ taken int }

func (s *seats) clone() *seats { c := *s; return &c }

// objects is what the tenant has to know of one kind of objects.
type objects[T any] struct {
	kind string
	all  func(*World) map[string]*T
	// keyed are the properties of Graph that are keys, in lower case: "mail" stands for keys such as
	// "mail:adele@contoso.com", "has:x" for the one key of the objects that have an x.
	keyed []string
	// keys are what an object is found by, in lower case; its id is added.
	keys func(*World, *T) []string
	// next is when something falls due for the object; zero = nothing.
	next func(*World, *T) time.Time
	// happen lets it. It may be asked too early, and more than once.
	happen func(*Tenant, *T, time.Time)
}

// kind is objects without its type.
type kind interface {
	name() string
	version(*World, string) any
	refresh(*World, string)
	fall(*Tenant, string, time.Time)
	everyone(*World) []string
}

func (o *objects[T]) name() string { return o.kind }

func (o *objects[T]) version(w *World, id string) any {
	if v, ok := any(o.all(w)[id]).(interface{ clone() *T }); ok && o.all(w)[id] != nil {
		return v.clone()
	}
	return nil
}

func (o *objects[T]) everyone(w *World) []string { return slices.Sorted(maps.Keys(o.all(w))) }

func (o *objects[T]) refresh(w *World, id string) {
	v := o.all(w)[id]
	var keys []string
	if v != nil {
		for _, k := range append(o.keys(w, v), id) {
			if k != "" && !strings.HasSuffix(k, ":") && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
		if o.next != nil {
			if at := o.next(w, v); !at.IsZero() {
				w.index.due.push(deadline{at, o.kind, id})
			}
		}
	}
	w.index.found[o.kind].put(id, keys)
}

func (o *objects[T]) fall(t *Tenant, id string, now time.Time) {
	if v := o.all(t.world)[id]; v != nil {
		o.happen(t, v, now)
	}
}

// The names of the kinds.
const (
	kindUser    = "user"
	kindDeleted = "deleted"
	kindGroup   = "group"
	kindDevice  = "device"
	kindManaged = "managed"
	kindApp     = "app"
	kindPhone   = "phone"
	kindMailbox = "mailbox"
	kindDrive   = "drive"
	kindCopy    = "copy"
	kindSeats   = "seats" // of a SKU; has versions only
)

// The kinds. A key is a word, a colon and a value; the plain id is a key as well.
var (
	users = &objects[User]{kindUser, func(w *World) map[string]*User { return w.Users }, personKeys, userKeys, nextRelease, releaseNumbers}

	deletedUsers = &objects[User]{kindDeleted, func(w *World) map[string]*User { return w.Deleted }, personKeys, userKeys,
		func(_ *World, u *User) time.Time { return u.DeletedAt.Add(keptDeleted) }, purge}

	groups = &objects[Group]{kindGroup, func(w *World) map[string]*Group { return w.Groups }, []string{"mail", "displayname"}, func(_ *World, g *Group) []string {
		return append(append(prefixed("owner:", g.Owners), prefixed("moderator:", g.ModeratedBy)...), key("mail:", g.Mail), key("displayname:", g.DisplayName))
	}, nil, nil}

	devices = &objects[Device]{kindDevice, func(w *World) map[string]*Device { return w.Devices }, []string{"deviceid", "displayname"}, func(_ *World, d *Device) []string {
		keys := append(append(prefixed("owner:", d.Owners), prefixed("registered:", d.Registered)...), key("deviceid:", d.DeviceID), key("displayname:", d.DisplayName))
		if d.TrustType == "ServerAd" && d.AccountEnabled == d.OnPremisesDisabled {
			keys = append(keys, "has:drift") // the directory on premises says otherwise
		}
		return keys
	}, nil, nil}

	managedDevices = &objects[ManagedDevice]{kindManaged, func(w *World) map[string]*ManagedDevice { return w.Managed }, []string{"userid", "azureaddeviceid", "devicename"}, func(_ *World, d *ManagedDevice) []string {
		return []string{key("userid:", d.UserID), key("azureaddeviceid:", d.AzureADDeviceID), key("devicename:", d.DeviceName)}
	}, nextCallOfDevice, deviceCalls}

	appRegistrations = &objects[AppRegistration]{kindApp, func(w *World) map[string]*AppRegistration { return w.AppRegistrations }, nil,
		func(_ *World, r *AppRegistration) []string { return []string{key("user:", r.UserID)} }, nextCallOfApp, appCalls}

	phones = &objects[Phone]{kindPhone, func(w *World) map[string]*Phone { return w.Phones }, nil, func(_ *World, p *Phone) []string {
		return []string{key("mailbox:", p.Mailbox), key("identity:", p.Identity), key("identity:", p.GUID), key("identity:", p.DeviceID)}
	}, nextCallOfPhone, phoneCalls}

	mailboxes = &objects[Mailbox]{kindMailbox, func(w *World) map[string]*Mailbox { return w.Mailboxes }, nil, mailboxKeys, nextOfMailbox, mailboxFalls}

	drives = &objects[Drive]{kindDrive, func(w *World) map[string]*Drive { return w.Drives }, nil,
		func(_ *World, d *Drive) []string {
			keys := []string{"id:" + d.ID}
			for _, l := range d.Libraries {
				keys = append(keys, "id:"+l.ID)
			}
			return keys
		}, nil, nil}

	copying = &objects[Copy]{kindCopy, func(w *World) map[string]*Copy { return w.Copies }, nil, func(*World, *Copy) []string { return nil },
		func(_ *World, c *Copy) time.Time {
			if len(c.coming) == 0 {
				return time.Time{}
			}
			return c.Done
		}, finishCopy}
)

// personKeys are the properties by which people are found.
var personKeys = strings.Fields("userprincipalname mail employeeid mailnickname displayname proxyaddresses othermails has:employeeleavedatetime")

// allKinds are the kinds by name.
func allKinds() map[string]kind {
	m := map[string]kind{}
	for _, k := range []kind{users, deletedUsers, groups, devices, managedDevices, appRegistrations, phones, mailboxes, drives, copying} {
		m[k.name()] = k
	}
	return m
}

func key(word, value string) string { return word + strings.ToLower(value) }

func prefixed(word string, values []string) []string {
	out := make([]string, 0, len(values)+4)
	for _, v := range values {
		out = append(out, key(word, v))
	}
	return out
}

func userKeys(_ *World, u *User) []string {
	keys := append(prefixed("proxyaddresses:", u.ProxyAddresses), prefixed("othermails:", u.OtherMails)...)
	keys = append(keys, key("userprincipalname:", u.UserPrincipalName), key("mail:", u.Mail), key("employeeid:", u.EmployeeID),
		key("mailnickname:", u.MailNickname), key("displayname:", u.DisplayName), key("manager:", u.ManagerID))
	for _, g := range u.Consents {
		keys = append(keys, key("consent:", g.ID))
	}
	for _, n := range u.Numbers {
		keys = append(keys, key("number:", n.Number))
	}
	has := func(word string, is bool) {
		if is {
			keys = append(keys, "has:"+word)
		}
	}
	has("numbers", len(u.Numbers) > 0)
	has("eligible", len(u.Eligible) > 0)
	has("employeeleavedatetime", !u.EmployeeLeave.IsZero())
	has("drift", u.Synced() && u.AccountEnabled == u.OnPremisesDisabled) // the directory on premises says otherwise
	return keys
}

func mailboxKeys(w *World, m *Mailbox) []string {
	keys := append(prefixed("onbehalf:", m.GrantSendOnBehalfTo), prefixed("sendas:", m.SendAs)...)
	keys = append(keys, prefixed("moderator:", m.ModeratedBy)...)
	for _, p := range m.Permissions {
		keys = append(keys, key("permission:", p.User))
	}
	for _, f := range m.Calendars {
		for _, p := range f.Shared {
			keys = append(keys, key("calendar:", p.User))
		}
	}
	if m.Type == "SharedMailbox" && m.provisioned() {
		keys = append(keys, "has:drift") // the directory on premises says otherwise
	}
	keys = append(keys, key("identity:", m.ExchangeGUID), key("identity:", m.Alias), key("identity:", m.PrimarySMTPAddress),
		key("identity:", w.distinguishedName(m)), key("forwardingaddress:", m.ForwardingAddress), key("forwardingsmtpaddress:", m.ForwardingSMTPAddress))
	if u := w.Users[m.Owner]; u != nil {
		keys = append(keys, key("identity:", u.UserPrincipalName))
		for _, a := range u.ProxyAddresses {
			if strings.EqualFold(a[:min(5, len(a))], "smtp:") {
				keys = append(keys, key("identity:", a[5:]))
			}
		}
	}
	return keys
}

// reindex makes the index anew.
func (w *World) reindex(kinds map[string]kind) {
	w.index = &index{
		found: map[string]*lookup{}, memberOf: map[string][]place{}, holds: map[string][]string{}, seats: map[string]*seats{},
		synced: map[string]bool{}, audit: map[string][]int{},
	}
	for _, id := range slices.Sorted(maps.Keys(w.Groups)) {
		for at, member := range w.Groups[id].Members {
			w.index.memberOf[member] = append(w.index.memberOf[member], place{id, at})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		w.index.found[name] = &lookup{ids: map[string][]string{}, keys: map[string][]string{}}
		for _, id := range kinds[name].everyone(w) {
			kinds[name].refresh(w, id)
		}
	}
	for id := range w.Users {
		w.count(id, func(string) {})
	}
	for i, e := range w.Audit {
		w.index.audit[e.Target] = append(w.index.audit[e.Target], i)
	}
}

// count keeps the seats a user takes, and whether there is somebody from on premises. It says which
// SKU's seats are about to change.
func (w *World) count(id string, changing func(sku string)) {
	u := w.Users[id]
	var now []string
	if delete(w.index.synced, id); u != nil {
		for _, l := range w.licencesOf(u, w.holding(id)) {
			if sku := strings.ToLower(l.SKU); !slices.Contains(now, sku) {
				now = append(now, sku)
			}
		}
		if u.Synced() {
			w.index.synced[id] = true
		}
	}
	was := w.index.holds[id]
	add := func(skus, without []string, n int) {
		for _, sku := range skus {
			if !slices.Contains(without, sku) {
				if w.index.seats[sku] == nil {
					w.index.seats[sku] = &seats{}
				}
				changing(sku)
				w.index.seats[sku].taken += n
			}
		}
	}
	add(was, now, -1)
	add(now, was, 1)
	if w.index.holds[id] = now; now == nil {
		delete(w.index.holds, id)
	}
}

// under are the ids that stand under a key now.
func (w *World) under(kind, key string) []string { return w.index.found[kind].ids[key] }

// one is the id that stands under a key now, the first of several; "" when there is none.
func (w *World) one(kind, key string) string {
	if ids := w.under(kind, key); len(ids) > 0 {
		return slices.Min(ids)
	}
	return ""
}

// holding are the groups that hold an object directly, in the order of their ids.
func (w *World) holding(member string) []*Group {
	var list []*Group
	for _, p := range w.index.memberOf[member] {
		if g := w.Groups[p.group]; g != nil {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b *Group) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// isMember says whether a group holds an object directly.
func (w *World) isMember(g *Group, member string) bool {
	return slices.ContainsFunc(w.index.memberOf[member], func(p place) bool { return p.group == g.ID })
}

func (w *World) addMember(g *Group, member string) {
	w.index.memberOf[member] = append(w.index.memberOf[member], place{g.ID, len(g.Members)})
	g.Members = append(g.Members, member)
}

// removeMember puts the last member in the place of the one that goes: the order means nothing.
func (w *World) removeMember(g *Group, member string) {
	i := slices.IndexFunc(w.index.memberOf[member], func(p place) bool { return p.group == g.ID })
	if i < 0 {
		return
	}
	at, last := w.index.memberOf[member][i].at, len(g.Members)-1
	moved := g.Members[last]
	g.Members[at] = moved
	g.Members = g.Members[:last]
	for k, p := range w.index.memberOf[moved] {
		if p.group == g.ID && p.at == last {
			w.index.memberOf[moved][k].at = at
		}
	}
	w.index.memberOf[member] = slices.DeleteFunc(w.index.memberOf[member], func(p place) bool { return p.group == g.ID })
}

// view is the objects of a kind as a read under the lag finds them.
type view[T any] struct {
	t *Tenant
	*objects[T]
}

func (v view[T]) get(id string) *T { return seen(v.t, v.kind, id, v.all(v.t.world)) }

// idsUnder are the ids that may have stood under a key, in order.
func (v view[T]) idsUnder(key string) []string {
	ids := v.t.world.under(v.kind, key)
	if past := v.t.past[v.kind]; len(past) > 0 {
		ids = slices.Concat(ids, slices.Collect(maps.Keys(past)))
	}
	return slices.Compact(slices.Sorted(slices.Values(ids)))
}

// under are the objects that stood under a key, in the order of their ids.
func (v view[T]) under(key string) []*T {
	var list []*T
	for _, id := range v.idsUnder(key) {
		if x := v.get(id); x != nil && (len(v.t.past[v.kind][id]) == 0 || slices.Contains(append(v.keys(v.t.world, x), id), key)) {
			list = append(list, x)
		}
	}
	return list
}

// ids are all ids in order; the objects behind some may not have been there.
func (v view[T]) ids() []string {
	l := v.t.world.index.found[v.kind]
	if l.sorted == nil {
		l.sorted = slices.Sorted(maps.Keys(l.keys))
	}
	past := v.t.past[v.kind]
	if len(past) == 0 {
		return l.sorted
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(l.sorted, slices.Collect(maps.Keys(past))))))
}

// every are all objects in the order of their ids.
func (v view[T]) every() []*T {
	var list []*T
	for _, id := range v.ids() {
		if x := v.get(id); x != nil {
			list = append(list, x)
		}
	}
	return list
}

// holding are the groups that held an object directly as a read under the lag finds them.
func (t *Tenant) holding(member string) []*Group {
	list := t.world.holding(member)
	if past := t.past[kindGroup]; len(past) > 0 {
		list = slices.DeleteFunc(list, func(g *Group) bool { return len(past[g.ID]) > 0 })
		for id := range past {
			g := seen(t, kindGroup, id, t.world.Groups)
			if g != nil && (g == t.world.Groups[id] && t.world.isMember(g, member) || g != t.world.Groups[id] && slices.Contains(g.Members, member)) {
				list = append(list, g)
			}
		}
		slices.SortFunc(list, func(a, b *Group) int { return strings.Compare(a.ID, b.ID) })
	}
	return list
}

func (t *Tenant) mailboxes() view[Mailbox] { return view[Mailbox]{t, mailboxes} }

// taken is how many seats of a SKU are in use.
func (w *World) taken(sku string) int {
	if s := w.index.seats[strings.ToLower(sku)]; s != nil {
		return s.taken
	}
	return 0
}
