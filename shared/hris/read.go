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
}

// Tenant is the tenant's own Microsoft Graph.
type Tenant struct {
	URL       string // with the version
	Transport http.RoundTripper
	// Token is an access token of the application that asks.
	Token func(context.Context) (string, error)
}

// LoadReaders makes the readers of a function that asks HR systems: of those that a file declares.
func LoadReaders(ctx context.Context, text []byte, read Read, by Access) (map[string]Readable, error) {
	d, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if err := d.ReadCredentials(ctx, read); err != nil {
		return nil, err
	}
	return NewReaders(d.Sources, by)
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
		all[c.Name] = Readable{c, v.reader(c, &client{
			base: base, now: by.Now, tenant: by.Tenant, about: c.Name, pace: rate.NewLimiter(readsPerSecond, readsPerSecond),
			http: &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // a credential goes nowhere else
			}},
			sign: func(r *http.Request) { r.SetBasicAuth(c.API.User, c.API.Secret) },
		})}
	}
	return all, nil
}

const (
	// readsPerSecond is far below what any of the vendors allows.
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

// errNotFound: the HR system shows no such record.
var errNotFound = errors.New("there is no such record, or it is not shown")

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
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusNotFound || status == http.StatusGone:
		return fmt.Errorf("%s: %w", doing, errNotFound)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil || seconds < 1 {
			seconds = 30
		}
		return &offboarding.ThrottledError{Delay: min(time.Duration(seconds)*time.Second, 15*time.Minute), Err: fmt.Errorf("%s: %s answers %d", doing, c.about, status)}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return offboarding.Permanent(fmt.Errorf("%s: %s refuses the credential (%d): renew api.secret, or give its user the right to read", doing, c.about, status))
	default:
		return fmt.Errorf("%s: %s answers %d", doing, c.about, status)
	}
}
