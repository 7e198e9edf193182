package hris

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"leaver/shared/offboarding"
)

// Reader asks an HR system what is true now.
type Reader interface {
	// Person reads one employee by the HR system's own id. Somebody whom it does not show, any more or
	// at all, is an unclear word and no error.
	Person(ctx context.Context, id string) (Word, error)
	// Leavers reads everybody about whom something may have changed since a time, as far as the HR
	// system can be asked for that.
	Leavers(ctx context.Context, since time.Time) (Leavers, error)
}

// Leavers is what an HR system lists.
type Leavers struct {
	Words []Word
	Ask   []string // its own ids of people about whom it says nothing more in a list
}

// Word is what an HR system says of one person.
type Word struct {
	Person   string // its own id
	Employee offboarding.Employee
	Leaving  Leaving // zero: the person stays
	// Unclear says why it tells neither; nothing begins or ends because of it.
	Unclear string
}

// Request is the request that a word asks for, a termination or, where the person stays, a
// cancellation. The id tells the nth word about the person from the others. Its error is ErrInvalid.
func (c Config) Request(w Word, n int, readAt time.Time) (offboarding.Request, error) {
	e := event{
		id: fmt.Sprintf("%s\x00%d", w.Person, n), name: "word", kind: offboarding.Termination,
		at: readAt, person: w.Person, employee: w.Employee, leaving: w.Leaving,
	}
	if w.Leaving.IsZero() {
		e.kind = offboarding.Cancellation
	}
	r, err := c.request(e, readAt)
	if err == nil {
		// What it says is part of what it is: a crash before the word was kept makes it again.
		r.ID = offboarding.RequestID(r.ID, fmt.Sprint(r.Kind, r.LeavingTime.Unix(), r.EndOfEmployment.Unix()))
	}
	return r, err
}

// distinct makes of the records of a list one word for each. An HR system may hold several about one
// person: a row for every position, a contractor who becomes an employee, somebody who is hired again.
// Whoever leaves by one of them and stays by another is not said to leave.
func distinct(words []Word) []Word {
	const unclear = "another record of the same person says otherwise: end the one that is over, or correct its address or number"
	stays := map[string]bool{}
	at := map[string]int{}
	var all []Word
	for _, w := range words {
		if w.Unclear == "" && w.Leaving.IsZero() {
			stays[samePerson("mail", w.Employee.Mail)], stays[samePerson("number", w.Employee.EmployeeID)] = true, true
		}
		i, again := at[w.Person]
		if !again {
			at[w.Person] = len(all)
			all = append(all, w)
		} else if all[i].Leaving != w.Leaving || all[i].Unclear != w.Unclear {
			all[i].Leaving, all[i].Unclear = Leaving{}, unclear
		}
	}
	delete(stays, "")
	for i, w := range all {
		if !w.Leaving.IsZero() && (stays[samePerson("mail", w.Employee.Mail)] || stays[samePerson("number", w.Employee.EmployeeID)]) {
			all[i].Leaving, all[i].Unclear = Leaving{}, unclear
		}
	}
	return all
}

// samePerson is what two records of one person share; empty when there is nothing to share.
func samePerson(field, value string) string {
	if value = strings.ToLower(strings.TrimSpace(value)); value == "" {
		return ""
	}
	return field + "\x00" + value
}

// daily is what is read once a day by each process, because it is a lot.
type daily struct {
	mu   sync.Mutex
	last time.Time
}

// due reports whether it is time, and takes it that it is read now.
func (d *daily) due(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.last.IsZero() && now.Sub(d.last) < 24*time.Hour {
		return false
	}
	d.last = now
	return true
}

// missed takes it back: it could not be read.
func (d *daily) missed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = time.Time{}
}

// mostPages bounds a list, of whatever an HR system puts on a page.
const mostPages = 2000

// errRepeats: a list begins again, or does not go on where it says that there is more. Half a list is
// worse than none, because nobody would notice.
var errRepeats = errors.New("its list does not go on after a page that says it does")

// client asks an HR system over HTTP.
type client struct {
	base  *url.URL
	http  *http.Client
	pace  *rate.Limiter       // nil = as fast as it answers
	sign  func(*http.Request) // puts the credential on a request
	now   func() time.Time
	about string // the name of the source, for errors

	tenant *Tenant // of the reader that asks it
}

// Immediate reports whether somebody who leaves is out at once after an event of the source.
func (c Config) Immediate(event string) bool {
	v, err := vendorOf(c.Vendor)
	return err == nil && slices.Contains(v.immediate, event)
}

// Readable is a declared source that can be asked.
type Readable struct {
	Config
	Reader
}

// Access is how the HR systems are reached.
type Access struct {
	Transport http.RoundTripper // nil = the usual one
	Now       func() time.Time  // the clock of what is asked for by time
	// Tenant is Microsoft Graph, which tells who leaves, too; nil where it cannot be asked.
	Tenant *Tenant
	// Unpaced asks simulated systems, which set no limit, as fast as they answer.
	Unpaced bool
}

// Tenant is the tenant's own Microsoft Graph.
type Tenant struct {
	URL       string // with the version
	Transport http.RoundTripper
	// Token is an access token of the application that asks.
	Token func(context.Context) (string, error)
}

// LoadReaders makes the readers of a function that asks HR systems: of those that a file declares. A
// credential that is refused is looked for again where it stands, because whoever renews it tells nobody.
func LoadReaders(ctx context.Context, text []byte, read Read, by Access) (map[string]Readable, error) {
	d, err := Parse(text)
	if err != nil {
		return nil, err
	}
	places := slices.Clone(d.Sources)
	if err := d.ReadCredentials(ctx, read); err != nil {
		return nil, err
	}
	all, err := NewReaders(d.Sources, by)
	if err != nil {
		return nil, err
	}
	for i, place := range places {
		v, err := vendorOf(place.Vendor)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", place.Name, err)
		}
		if source, can := all[place.Name]; can && !v.tenant { // the tenant's own token is not ours to renew
			source.Reader = &renewing{reader: source.Reader, config: d.Sources[i], place: place.API.Secret, read: read, by: by}
			all[place.Name] = source
		}
	}
	return all, nil
}

// NewReaders makes the readers of the declared sources that have one, by name. Their credentials have
// to be read.
func NewReaders(declared []Config, by Access) (map[string]Readable, error) {
	all := map[string]Readable{}
	for _, c := range declared {
		v, err := vendorOf(c.Vendor)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", c.Name, err)
		}
		if v.reader == nil {
			continue
		}
		address, transport := c.API.URL, by.Transport
		if v.tenant {
			if by.Tenant == nil {
				return nil, fmt.Errorf("source %s: the tenant cannot be asked from here", c.Name)
			}
			address, transport = by.Tenant.URL, by.Tenant.Transport
		}
		base, err := url.Parse(strings.TrimSuffix(address, "/"))
		if err != nil {
			return nil, fmt.Errorf("source %s: api.url cannot be read", c.Name)
		}
		pace := rate.NewLimiter(readsPerSecond, readsPerSecond)
		if v.pace > 0 {
			pace = rate.NewLimiter(rate.Every(v.pace), readsPerSecond)
		}
		if by.Unpaced {
			pace = nil
		}
		all[c.Name] = Readable{c, v.reader(c, &client{
			base: base, now: by.Now, tenant: by.Tenant, about: c.Name, pace: pace,
			http: &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // a credential goes nowhere else
			}},
			sign: func(r *http.Request) { r.SetBasicAuth(c.API.User, c.API.Secret) },
		})}
	}
	return all, nil
}

// renewing is a reader whose credential others renew: where the HR system refuses it and another one
// stands in its place, it asks once more with that.
type renewing struct {
	place string // of the credential
	read  Read
	by    Access

	mu     sync.Mutex
	config Config // with the credential
	reader Reader
}

// Person implements Reader.
func (r *renewing) Person(ctx context.Context, id string) (Word, error) {
	return withNewest(ctx, r, func(reader Reader) (Word, error) { return reader.Person(ctx, id) })
}

// Leavers implements Reader.
func (r *renewing) Leavers(ctx context.Context, since time.Time) (Leavers, error) {
	return withNewest(ctx, r, func(reader Reader) (Leavers, error) { return reader.Leavers(ctx, since) })
}

func withNewest[T any](ctx context.Context, r *renewing, ask func(Reader) (T, error)) (T, error) {
	r.mu.Lock()
	with := r.reader
	r.mu.Unlock()
	answer, err := ask(with)
	if !errors.Is(err, errCredential) {
		return answer, err
	}
	if newest := r.newest(ctx, with); newest != with {
		return ask(newest)
	}
	return answer, err
}

// newest is the reader with the credential that stands in its place now; that which was refused, where
// there is no other.
func (r *renewing) newest(ctx context.Context, refused Reader) Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reader != refused {
		return r.reader
	}
	config := r.config
	secret, err := r.read(ctx, r.place)
	if err != nil || secret == config.API.Secret {
		return refused // whose refusal says what to do
	}
	config.API.Secret = secret
	made, err := NewReaders([]Config{config}, r.by)
	if err != nil {
		return refused
	}
	r.config, r.reader = config, made[config.Name].Reader
	return r.reader
}

const (
	// readsPerSecond is below what a vendor allows that has no pace of its own.
	readsPerSecond = 4
	// patience is how long one answer may take.
	patience = 10 * time.Second
	// largestAnswer bounds what is read of one, in bytes.
	largestAnswer = 16 << 20
)

// bearer puts a token on a request.
func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

var (
	// errNotFound: the HR system shows no such record.
	errNotFound = errors.New("there is no such record, or it is not shown")
	// errCredential: the HR system does not take the credential, or not for this.
	errCredential = errors.New("refuses the credential")
)

// ask sends a request with a JSON body, or none, and reads the JSON that it is answered. Errors:
// errNotFound, *offboarding.ThrottledError, a permanent error where the credential is refused; any
// other may pass.
func (c *client) ask(ctx context.Context, doing, method, path string, query url.Values, body any, header http.Header) (document, http.Header, error) {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return document{}, nil, fmt.Errorf("%s: %w", doing, err)
		}
		content = bytes.NewReader(text)
	}
	text, answered, err := c.send(ctx, doing, method, path, query, content, header)
	if err != nil {
		return document{}, answered, err
	}
	doc, err := parseDocument(text)
	if err != nil {
		return document{}, answered, fmt.Errorf("%s: the answer of %s: %w", doing, c.about, err)
	}
	return doc, answered, nil
}

func (c *client) get(ctx context.Context, doing, path string, query url.Values, header http.Header) (document, error) {
	doc, _, err := c.ask(ctx, doing, http.MethodGet, path, query, nil, header)
	return doc, err
}

// send is ask with bytes for bodies.
func (c *client) send(ctx context.Context, doing, method, path string, query url.Values, body io.Reader, header http.Header) ([]byte, http.Header, error) {
	if c.pace != nil {
		if err := c.pace.Wait(ctx); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", doing, err)
		}
	}
	// A path is put together from ids of others: JoinPath would let one of them climb.
	address := *c.base
	address.RawPath, address.RawQuery = c.base.EscapedPath()+path, query.Encode()
	unescaped, err := url.PathUnescape(address.RawPath)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", doing, err)
	}
	address.Path = unescaped
	r, err := http.NewRequestWithContext(ctx, method, address.String(), body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", doing, err)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	c.sign(r)
	for name, values := range header {
		r.Header[name] = values
	}
	response, err := c.http.Do(r)
	if err != nil {
		var of *url.Error // names the address, and with it people
		if errors.As(err, &of) {
			err = of.Err
		}
		return nil, nil, fmt.Errorf("%s: asking %s: %w", doing, c.about, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s: reading the answer of %s: %w", doing, c.about, err)
	case len(text) > largestAnswer:
		return nil, nil, fmt.Errorf("%s: the answer of %s is over %d bytes", doing, c.about, largestAnswer)
	}
	return text, response.Header, c.judge(doing, response)
}

func (c *client) judge(doing string, response *http.Response) error {
	switch status := response.StatusCode; {
	case status == http.StatusAccepted:
		return fmt.Errorf("%s: %s has not fetched it yet (202)", doing, c.about)
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return fmt.Errorf("%s: %w", doing, errNotFound)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		return &offboarding.ThrottledError{Delay: c.pause(response.Header), Err: fmt.Errorf("%s: %s answers %d", doing, c.about, status)}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return offboarding.Permanent(fmt.Errorf("%s: %s %w (%d): renew api.secret, or give its user the right to read", doing, c.about, errCredential, status))
	default:
		return fmt.Errorf("%s: %s answers %d", doing, c.about, status)
	}
}

// pause is how long to wait for a system that has enough: what it says, in any of the ways in which it
// may be said, or half a minute.
// Source: RFC 9110, 10.2.3; apidocs.hibob.com, rate limiting, X-RateLimit-Reset.
func (c *client) pause(header http.Header) time.Duration {
	const usual, most = 30 * time.Second, 15 * time.Minute
	says := header.Get("Retry-After")
	wait := usual
	if seconds, err := strconv.Atoi(says); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(says); err == nil {
		wait = at.Sub(c.now())
	} else if at, known := parseInstant(header.Get("X-RateLimit-Reset")); known {
		wait = at.Sub(c.now())
	}
	if wait < time.Second {
		wait = usual
	}
	return min(wait, most)
}
