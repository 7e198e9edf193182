package simtenant

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Config says what tenant to make. The zero value is a company of the well-known people only, on
// the real clock, without faults.
type Config struct {
	// Users is the number of people, the well-known ones included; fewer than those is raised to
	// their number. Ignored when Seed is given.
	Users int
	// Seed is the company to build instead of the invented one.
	Seed *Seed
	// Now is the clock the tenant's own is based on; nil means time.Now.
	Now func() time.Time
	// Record receives one JSON line a request (see record.go); nil records nothing.
	Record io.Writer
	// RecordExchange receives the Exchange requests instead of Record when it is set. Exchange's
	// path holds "/beta/", which a judge of Graph traffic takes for Graph's beta endpoint.
	RecordExchange io.Writer
	// TokenLifetime is how long an access token is good for; 0 means 3599 s, as Entra's.
	TokenLifetime time.Duration
	// SyncEvery is how often the devices of the invented company call home, by the tenant's clock;
	// 0 means one minute.
	SyncEvery time.Duration

	// Notify reaches the endpoints of change notifications; nil reaches none.
	Notify *http.Client

	// Knobs are the first values of those of World.
	Knobs
}

// Tenant is a simulated tenant. It is safe for concurrent use; one request runs at a time.
type Tenant struct {
	now           func() time.Time
	tokenLifetime time.Duration
	key           *ecdsa.PrivateKey
	recorder      recorder
	notify        *http.Client

	mu          sync.Mutex
	world       *World
	advanced    time.Duration
	epoch       int // tokens of an earlier epoch are expired
	kinds       map[string]kind
	past        map[string]map[string][]version // by kind and id
	changes     []touch                         // the versions in past, oldest first
	userChanges userChanges
	touched     []touch // what the index does not know yet
	counts      map[string]int
	unknown     []string
	underWay    map[string]int // requests to a mailbox, by token and user
	told        []notification // still to be sent
	chance      *rand.Rand
	buckets     map[string]*bucket
	writes      int                     // drawn on the budget of identity writes
	fileUnits   int                     // drawn on the budget of SharePoint
	throttled   int                     // refused because a budget was spent
	verified    map[string]accessClaims // tokens by their text
	signIns     signIns
}

// New makes a tenant.
func New(cfg Config) (*Tenant, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		return nil, fmt.Errorf("simtenant: token key: %w", err)
	}
	t := &Tenant{
		now:           cfg.Now,
		tokenLifetime: cfg.TokenLifetime,
		key:           key,
		notify:        cfg.Notify,
		recorder:      recorder{graph: cfg.Record, exchange: cfg.RecordExchange},
		kinds:         allKinds(),
		past:          map[string]map[string][]version{},
		counts:        map[string]int{},
		chance:        rand.New(rand.NewPCG(365, 1)), // faults with a share fall the same way in every run
		buckets:       map[string]*bucket{},
		underWay:      map[string]int{},
		verified:      map[string]accessClaims{},
		userChanges:   userChanges{of: map[string]int{}, removed: map[string]int{}},
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.tokenLifetime == 0 {
		t.tokenLifetime = 3599 * time.Second
	}
	every := cfg.SyncEvery
	if every == 0 {
		every = time.Minute
	}
	seed := cfg.Seed
	if seed == nil {
		seed = company(cfg.Users)
	}
	t.world, err = seed.build(t.now().UTC().Truncate(time.Second), every)
	if err != nil {
		return nil, err
	}
	t.world.overlay(cfg.Knobs)
	t.world.reindex(t.kinds)
	return t, nil
}

// Now is the tenant's clock: the base clock plus everything Advance added. The Date header of every
// response comes from it.
func (t *Tenant) Now() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.clock()
}

func (t *Tenant) clock() time.Time { return t.now().UTC().Add(t.advanced) }

// Advance moves the tenant's clock forward and lets happen what falls due on the way.
func (t *Tenant) Advance(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advanced += d
	t.settle()
}

// ExpireTokens makes every access token issued so far an expired one.
func (t *Tenant) ExpireTokens() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.epoch++
}

// AddApp registers an application, or replaces the one with the same client id.
func (t *Tenant) AddApp(a App) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.world.Apps[a.ClientID] = &a
}

// Edit changes the world under the tenant's lock. What it changes is visible at once, whatever the
// read lag; mailboxes are brought in line with licences afterwards.
func (t *Tenant) Edit(change func(*World)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
	t.world.callEverything(t.clock())
	change(t.world)
	clear(t.past)
	t.changes = nil
	t.userChanges.last++
	t.userChanges.edited = t.userChanges.last
	t.world.reindex(t.kinds)
	for _, d := range t.world.Drives {
		if d.log != nil {
			d.look()
		}
	}
	licensed := t.world.planHolders("EXCHANGE_S_")
	for id := range t.world.Mailboxes {
		t.world.reconcileWith(id, licensed[id], t.clock())
	}
	for id := range t.world.Mailboxes {
		t.kinds[kindMailbox].refresh(t.world, id) // what it is soft-deleted for
	}
}

// User is the current state of a live user, by object id.
func (t *Tenant) User(id string) (User, bool) {
	return copied(t, func(w *World) *User { return w.Users[id] })
}

// UserByUPN is the current state of the live user with that user principal name, compared without
// case.
func (t *Tenant) UserByUPN(upn string) (User, bool) {
	return copied(t, func(w *World) *User { return w.Users[w.userID(upn)] })
}

// DeletedUser is a user in deletedItems, by object id: for 30 days after the deletion, then it is
// gone.
func (t *Tenant) DeletedUser(id string) (User, bool) {
	return copied(t, func(w *World) *User { return w.Deleted[id] })
}

// Group is the current state of a group, by object id.
func (t *Tenant) Group(id string) (Group, bool) {
	return copied(t, func(w *World) *Group { return w.Groups[id] })
}

// GroupByName is the current state of the group with that display name.
func (t *Tenant) GroupByName(name string) (Group, bool) {
	return copied(t, func(w *World) *Group {
		return w.Groups[w.one(kindGroup, key("displayname:", name))]
	})
}

// Device is the current state of an Entra device, by object id.
func (t *Tenant) Device(id string) (Device, bool) {
	return copied(t, func(w *World) *Device { return w.Devices[id] })
}

// ManagedDevice is the current state of an Intune device; it is not found once the device has left
// Intune.
func (t *Tenant) ManagedDevice(id string) (ManagedDevice, bool) {
	return copied(t, func(w *World) *ManagedDevice {
		d := w.Managed[id]
		if d != nil {
			d.LastSync = lastSync(d.LastSync, d.SyncEvery, d.Dead, t.clock())
		}
		return d
	})
}

// Phone is the current state of an Exchange mobile device by its Identity, also after its
// partnership was removed.
func (t *Tenant) Phone(identity string) (Phone, bool) {
	return copied(t, func(w *World) *Phone {
		p := w.Phones[identity]
		if p != nil {
			w.callHome(p, t.clock())
		}
		return p
	})
}

// Mailbox is the current state of a mailbox by its owner's object id, also when it is soft-deleted.
func (t *Tenant) Mailbox(userID string) (Mailbox, bool) {
	return copied(t, func(w *World) *Mailbox { return w.Mailboxes[userID] })
}

// Drive is the current state of the OneDrive of a user, by the user's object id.
func (t *Tenant) Drive(userID string) (Drive, bool) {
	return copied(t, func(w *World) *Drive { return w.Drives[userID] })
}

// Licences are the SKU ids a live user holds now, direct and inherited, sorted and without repeats.
func (t *Tenant) Licences(userID string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
	u := t.world.Users[userID]
	if u == nil {
		return nil
	}
	var skus []string
	for _, l := range t.world.licencesOf(u, t.world.holding(u.ID)) {
		skus = append(skus, l.SKU)
	}
	slices.Sort(skus)
	return slices.Compact(skus)
}

// PasswordChanges counts how often the password of a user was set, also after the deletion.
func (t *Tenant) PasswordChanges(userID string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, u := range []*User{t.world.Users[userID], t.world.Deleted[userID]} {
		if u != nil {
			return u.PasswordChanges
		}
	}
	return 0
}

// Requests counts requests by operation: "PATCH /users/{id}" for Graph (the items of a batch each
// for themselves, and "POST /$batch" for the whole), the cmdlet's name for Exchange, "POST /token"
// for the token endpoint. Refused requests count too.
func (t *Tenant) Requests() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// Unknown lists what was asked for and is not simulated: paths, query options, filters, cmdlets,
// parameters. A sound test ends with none.
func (t *Tenant) Unknown() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.unknown)
}

func copied[T any, P interface {
	*T
	clone() *T
}](t *Tenant, pick func(*World) P) (T, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
	if p := pick(t.world); p != nil {
		return *p.clone(), true
	}
	var none T
	return none, false
}
