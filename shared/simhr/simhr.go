// Package simhr is simulated HR systems: they sign and send webhooks as each vendor does, send again
// and give up as it does, and answer its read API. A [System] can be told to hire, dismiss, take
// back, rehire and move dates; it can be away, hide people and fields, and send twice or out of
// order. What a vendor's bodies hold beside what Leaver needs, bank accounts and the like, is in
// these as well, as [Canary].
//
// It signs with nothing of Leaver's: who is simulated must not agree with it by having the same code.
package simhr

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"leaver/shared/offboarding"
)

// Canary stands in every field of a body that nobody but the HR system may ever see.
const Canary = "DE89370400440532013000"

// Person is somebody who works, or worked, for the company.
type Person struct {
	ID      string // the vendor's own
	Number  string // employee number
	Mail    string // at work
	Private string
	// LastDay and EndOfEmployment are zero while the person stays.
	LastDay, EndOfEmployment offboarding.Date
	Zone                     string
	Hidden                   bool // the record is not shown any more
}

// Tell has happen to a person what a text names: hired, dismissed, moved, taken back, rehired,
// effective or deleted.
func (s *System) Tell(what string, p Person) error {
	switch change(what) {
	case hired:
		s.Hire(p)
		return nil
	case dismissed, moved, takenBack, rehired, effective, deleted:
	default:
		return fmt.Errorf("nobody can be %q: say hired, dismissed, moved, taken back, rehired, effective or deleted", what)
	}
	if !s.knows(p.ID) {
		return fmt.Errorf("nobody has the id %q; they have to be hired first", p.ID)
	}
	map[change]func(){
		dismissed: func() { s.Dismiss(p.ID, p.LastDay, p.EndOfEmployment) }, moved: func() { s.Move(p.ID, p.LastDay, p.EndOfEmployment) },
		takenBack: func() { s.TakeBack(p.ID) }, rehired: func() { s.Rehire(p.ID) }, effective: func() { s.TakeEffect(p.ID) }, deleted: func() { s.Delete(p.ID) },
	}[change(what)]()
	return nil
}

func (s *System) knows(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(id) != nil
}

// change is what happened to a person.
type change string

const (
	hired     change = "hired"
	dismissed change = "dismissed"
	moved     change = "moved"
	takenBack change = "taken back"
	rehired   change = "rehired"
	effective change = "effective" // the last day is over, or has come, as the vendor counts
	deleted   change = "deleted"
)

// Webhook is one to send, or one that nobody took.
type Webhook struct {
	Event  string // what the address says behind the name of the source
	Body   []byte
	ID     string
	Tries  int
	Status int // of the last answer

	due time.Time
}

// vendor is how one kind of HR system behaves.
type vendor struct {
	name string
	// date is what its read API calls the day that locks somebody out; empty where nobody is asked.
	date string
	// hides is what Without takes out of its answers as a right to see dates does that is missing.
	hides string
	// polled says that it does not tell everything by itself, so that it has to be polled as well.
	polled bool
	// tells is what it sends of a change: nothing where it is silent; nil where it sends nothing ever.
	tells func(s *System, c change, p Person) (event string, body any)
	// sign puts the proof on a webhook; nil where it sends none.
	sign func(s *System, r *http.Request, w Webhook)
	// serve answers the read API; nil where a webhook says all there is to know.
	serve func(s *System, mux *http.ServeMux)
	// again is when it sends a webhook again that was not taken, after each try; then it gives up.
	again []time.Duration
	// never again after a 4xx.
	noneAfter4xx bool
	// stamps says that what it signs holds the time at which it sends.
	stamps bool
	// inOrder: while one is not taken, none that came after it is sent.
	inOrder bool
	// disables: with the first that is given up it stops telling anything, until it is enabled again.
	disables bool
}

// System is one simulated HR system.
type System struct {
	// Secret signs the webhooks, and User with Credential open the read API.
	Secret, User, Credential string
	Now                      func() time.Time
	// Away makes the read API answer 503, Throttled 429, and Refusing 403; Without leaves a field out
	// of every answer, as a right that is missing does.
	Away, Throttled, Refusing bool
	Without                   string
	// Mistyped makes the read API answer a list where it answered one value of that name, as a new
	// version of it may.
	Mistyped string
	// Silent makes it tell nothing by itself.
	Silent bool
	// Odd answers a question instead of it, where it returns true: what nobody would think of, and
	// somebody saw.
	Odd func(http.ResponseWriter, *http.Request) bool

	vendor vendor
	mu     sync.Mutex
	people []*Person
	outbox []Webhook
	lost   []Webhook
	reads  int
	sent   int
	mux    *http.ServeMux

	disabled bool // its subscription
}

// New is a system of a vendor, with secrets of its own.
func New(name string, now func() time.Time) (*System, error) {
	at := slices.IndexFunc(vendors, func(v vendor) bool { return v.name == name })
	if at < 0 {
		return nil, fmt.Errorf("there is no simulated %q", name)
	}
	s := &System{Now: now, vendor: vendors[at]}
	s.Known(random(), "SERVICE-1", random())
	return s, nil
}

// Known gives the system other secrets; an empty one of the webhooks is left as it is.
func (s *System) Known(secret, user, credential string) {
	s.Secret, s.User, s.Credential, s.mux = cmp.Or(secret, s.Secret), user, credential, http.NewServeMux()
	if s.Asked() {
		s.vendor.serve(s, s.mux)
	}
}

// DateField is what its read API calls the day that locks somebody out.
func (s *System) DateField() string { return s.vendor.date }

// DateRight is what Without takes for a right to see that day, which is missing then.
func (s *System) DateRight() string { return s.vendor.hides }

// Asked reports whether it has a read API.
func (s *System) Asked() bool { return s.vendor.serve != nil }

// Sends reports whether it sends webhooks.
func (s *System) Sends() bool { return s.vendor.tells != nil }

// NeverAfter4xx reports whether it gives a webhook up that was answered 4xx.
func (s *System) NeverAfter4xx() bool { return s.vendor.noneAfter4xx }

// Stamps reports whether what it signs holds the time at which it sends.
func (s *System) Stamps() bool { return s.vendor.stamps }

// Polled reports whether it has to be polled, because it does not tell everything by itself.
func (s *System) Polled() bool { return s.vendor.polled }

// Asked are the names of the simulated vendors that are asked.
func Asked() []string {
	var names []string
	for _, v := range vendors {
		if v.serve != nil {
			names = append(names, v.name)
		}
	}
	return names
}

func random() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Hire brings somebody in.
func (s *System) Hire(p Person) { s.happen(hired, p.ID, func(*Person) {}, &p) }

// Dismiss enters when somebody leaves; the end of the employment may be zero.
func (s *System) Dismiss(id string, lastDay, end offboarding.Date) {
	s.happen(dismissed, id, func(p *Person) { p.LastDay, p.EndOfEmployment = lastDay, end }, nil)
}

// Move changes the date of a departure.
func (s *System) Move(id string, lastDay, end offboarding.Date) {
	s.happen(moved, id, func(p *Person) { p.LastDay, p.EndOfEmployment = lastDay, end }, nil)
}

// TakeBack takes a departure back before it takes effect.
func (s *System) TakeBack(id string) {
	s.happen(takenBack, id, func(p *Person) { p.LastDay, p.EndOfEmployment = offboarding.Date{}, offboarding.Date{} }, nil)
}

// Rehire brings somebody back who left.
func (s *System) Rehire(id string) {
	s.happen(rehired, id, func(p *Person) { p.LastDay, p.EndOfEmployment = offboarding.Date{}, offboarding.Date{} }, nil)
}

// TakeEffect tells that somebody's departure takes effect.
func (s *System) TakeEffect(id string) { s.happen(effective, id, func(*Person) {}, nil) }

// Delete takes a record away, as is done with duplicates too.
func (s *System) Delete(id string) { s.happen(deleted, id, func(p *Person) { p.Hidden = true }, nil) }

func (s *System) happen(c change, id string, to func(*Person), fresh *Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh != nil {
		s.people = append(s.people, fresh)
	}
	p := s.find(id)
	if p == nil {
		return
	}
	to(p)
	if !s.Sends() {
		return
	}
	if event, body := s.vendor.tells(s, c, *p); body != nil && !s.Silent {
		s.sent++
		if object, is := body.(map[string]any); is && s.Asked() {
			object["remarks"] = Canary // as any vendor may add to its bodies, whenever it likes
		}
		text, _ := json.Marshal(body) // of maps and texts
		w := Webhook{Event: event, Body: text, ID: fmt.Sprintf("msg_%d", s.sent), due: s.Now()}
		if s.disabled {
			s.lost = append(s.lost, w)
			return
		}
		s.outbox = append(s.outbox, w)
	}
}

// Enable has it tell again, after it gave the endpoint up; what happened meanwhile stays untold.
func (s *System) Enable() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disabled = false
}

func (s *System) find(id string) *Person {
	for _, p := range s.people {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// shown is somebody whom the read API shows.
func (s *System) shown(id string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.find(id); p != nil && !p.Hidden {
		clone := *p
		return &clone
	}
	return nil
}

// all is everybody whom the read API shows.
func (s *System) all() []Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Person
	for _, p := range s.people {
		if !p.Hidden {
			all = append(all, *p)
		}
	}
	return all
}

// Again puts the webhooks that were taken last into the outbox once more, newest first.
func (s *System) Again(sent []Webhook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range slices.Backward(sent) {
		w.due = s.Now()
		s.outbox = append(s.outbox, w)
	}
}

// Send posts what is due to an endpoint and returns what was taken.
func (s *System) Send(ctx context.Context, client *http.Client, endpoint string) (taken []Webhook, err error) {
	s.mu.Lock()
	due := s.outbox
	s.outbox = nil
	s.mu.Unlock()
	var kept []Webhook
	for _, w := range due {
		if w.due.After(s.Now()) || s.vendor.inOrder && len(kept) > 0 {
			kept = append(kept, w)
			continue
		}
		if w.Status, err = s.post(ctx, client, endpoint, w); err != nil {
			return taken, err
		}
		w.Tries++
		switch {
		case w.Status >= 200 && w.Status < 300:
			taken = append(taken, w)
		case w.Tries > len(s.vendor.again) || s.vendor.noneAfter4xx && w.Status >= 400 && w.Status < 500:
			s.mu.Lock()
			s.lost = append(s.lost, w)
			s.disabled = s.vendor.disables
			s.mu.Unlock()
		default:
			w.due = s.Now().Add(s.vendor.again[w.Tries-1])
			kept = append(kept, w)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outbox = append(kept, s.outbox...)
	return taken, nil
}

func (s *System) post(ctx context.Context, client *http.Client, endpoint string, w Webhook) (int, error) {
	r, err := s.Request(ctx, endpoint, w)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(r)
	if err != nil {
		return http.StatusBadGateway, nil //nolint:nilerr // to its sender, nobody answered
	}
	return response.StatusCode, response.Body.Close()
}

// Request is a webhook as the system sends it now, to whoever sends it in its place.
func (s *System) Request(ctx context.Context, endpoint string, w Webhook) (*http.Request, error) {
	if w.Event != "" {
		endpoint += "/" + w.Event
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(w.Body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	s.vendor.sign(s, r, w)
	return r, nil
}

// Outbox are the webhooks that wait.
func (s *System) Outbox() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.outbox)
}

// Lost are the webhooks that it has given up.
func (s *System) Lost() []Webhook {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lost)
}

// Hurry has it send again at once what it would send again later.
func (s *System) Hurry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.outbox {
		s.outbox[i].due = s.Now()
	}
}

// Waiting is how many webhooks are still to be sent.
func (s *System) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outbox)
}

// Reads is how often it was asked.
func (s *System) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// ServeHTTP is the read API.
func (s *System) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.reads++
	away, throttled, refusing := s.Away, s.Throttled, s.Refusing
	s.mu.Unlock()
	switch {
	case away:
		w.WriteHeader(http.StatusServiceUnavailable)
	case throttled:
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	case refusing:
		w.WriteHeader(http.StatusForbidden)
	case s.Odd != nil && s.Odd(w, r):
	default:
		if r.URL.Path == "" { // of a system behind a prefix, that has one address for everything
			r.URL.Path = "/"
		}
		s.serve(w, r)
	}
}

// serve is the vendor's own answer, in the types that it has now.
func (s *System) serve(w http.ResponseWriter, r *http.Request) {
	if s.Mistyped == "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	as := &recorded{ResponseWriter: w, status: http.StatusOK}
	s.mux.ServeHTTP(as, r)
	w.WriteHeader(as.status)
	name := regexp.QuoteMeta(s.Mistyped)
	body := regexp.MustCompile(`("`+name+`": *)("[^"]*"|null|[0-9]+|\{"value":"[^"]*"\})`).ReplaceAll(as.body.Bytes(), []byte(`$1[$2]`))
	body = regexp.MustCompile(`(<wd:`+name+`>)([^<]*)(</wd:`+name+`>)`).ReplaceAll(body, []byte(`$1<wd:Value>$2</wd:Value>$3`))
	_, _ = w.Write(body)
}

// recorded is an answer that is not sent yet.
type recorded struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }

// basic and bearer refuse whoever does not show the credential.
func (s *System) basic(user, password string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if u, p, given := r.BasicAuth(); !given || u != user || password != "" && p != password {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		serve(w, r)
	}
}

func (s *System) header(name, value string, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(name) != value {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		serve(w, r)
	}
}

func (s *System) bearer(serve http.HandlerFunc) http.HandlerFunc {
	return s.header("Authorization", "Bearer "+s.Credential, serve)
}

// answer writes JSON, without the field that the credential may not see.
func (s *System) answer(w http.ResponseWriter, body any) {
	if object, is := body.(map[string]any); is && s.Without != "" {
		delete(object, s.Without)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func (s *System) missing(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }

// mac is an HMAC over some parts.
func mac(of func() hash.Hash, key string, parts ...[]byte) []byte {
	h := hmac.New(of, []byte(key))
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// dayOrNull is a date as JSON has it: null for none.
func dayOrNull(d offboarding.Date) any {
	if d.IsZero() {
		return nil
	}
	return d.String()
}

// every is n times a pause that doubles.
func every(first time.Duration, n int) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = first << min(i, 20)
	}
	return all
}

// evenly is n times the same pause, of some time together.
func evenly(within time.Duration, n int) []time.Duration {
	return slices.Repeat([]time.Duration{within / time.Duration(n)}, n)
}

// page is the part of a list that begins somewhere, of a length at most.
func page[T any](all []T, from, limit int) []T {
	from = min(max(from, 0), len(all))
	return all[from:min(from+limit, len(all))]
}

// number is a number in a query, or another one where there is none.
func number(r *http.Request, name string, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
		return n
	}
	return otherwise
}

// over reports whether the last day of somebody is over.
func (s *System) over(p Person) bool {
	return !p.LastDay.IsZero() && p.LastDay.String() < s.Now().UTC().Format(time.DateOnly)
}
