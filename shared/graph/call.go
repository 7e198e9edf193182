package graph

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"

	"github.com/google/uuid"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	kjson "github.com/microsoft/kiota-serialization-json-go"
)

// call is one request to Graph. Without a method it is a read: a GET, or a question that is put as
// a POST when it has a body.
type call struct {
	doing   string   // for errors: "reading user"
	files   []string // ids of drives, items and permissions that it is about: verified, named by errors, put for each {} of the path
	objects []string // object ids, likewise (B15)
	items   []string // ids of what lies in a mailbox, likewise; they come after the object ids in the path
	method  string   // of a write
	path    string   // from behind the version
	query   string   // escaped, without the question mark
	body    any      // sent as JSON
	budget  budget   // what it draws on; a call that does not say is not sent
	// eventual asks for one of Entra's advanced queries, whose answer may lag.
	// Source: Microsoft Graph, Advanced query capabilities on Microsoft Entra ID objects.
	eventual bool
	// prefer is the header of that name.
	prefer string
	next   string // address of the next page, in Graph's words; it replaces path and query
}

func (c call) writes() bool { return c.method != "" }

func (c call) verb() string {
	if c.body != nil {
		return cmp.Or(c.method, http.MethodPost)
	}
	return cmp.Or(c.method, http.MethodGet)
}

func (c call) ids() []string { return slices.Concat(c.files, c.objects, c.items) }

// what is what was being done, and to which ids.
func (c call) what() string { return strings.Join(append([]string{c.doing}, c.ids()...), " ") }

// address is where the call goes, from behind the version.
func (c call) address() string {
	address := c.path
	for _, id := range c.ids() {
		address = strings.Replace(address, "{}", id, 1)
	}
	if c.query != "" {
		address += "?" + c.query
	}
	return address
}

// fileID is what the ids of drives, items and permissions are made of, and those of what lies in a mailbox.
var fileID = regexp.MustCompile(`^[A-Za-z0-9!_=-]+$`)

// verify refuses a call that addresses something by a name (B15) or draws on nothing.
func (c call) verify() error {
	problem := ""
	switch {
	case c.budget == 0:
		problem = "the call names no budget"
	case slices.ContainsFunc(c.objects, func(id string) bool { return len(id) != 36 || uuid.Validate(id) != nil }):
		problem = fmt.Sprintf("%s: a name instead of an object id", offboarding.B15)
	case slices.ContainsFunc(slices.Concat(c.files, c.items), func(id string) bool { return !fileID.MatchString(id) }):
		problem = fmt.Sprintf("%s: a name instead of an id", offboarding.B15)
	default:
		return nil
	}
	return offboarding.Permanent(fmt.Errorf("%s: %s", c.doing, problem))
}

// content is the body of the call; nil when it has none.
func (c call) content() ([]byte, error) {
	if c.body == nil {
		return nil, nil
	}
	return json.Marshal(c.body)
}

// where is a condition on a listing.
func where(condition string) string { return "$filter=" + escaped(condition) }

// escaped is a text as a query may hold it.
func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// quoted is a string literal of OData.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// answer is what Graph says to a call.
type answer struct {
	what     string // the call's
	body     []byte
	at       time.Time // the tenant's own time of it
	location string    // the header of that name
}

// errNothing is a success without the object that was asked for.
var errNothing = errors.New("the answer of Graph is empty")

// send makes one call. An error is classified and says what was being done, and to which ids.
func (c *Client) send(ctx context.Context, one call) (answer, error) {
	a, err := c.sendAlone(ctx, one)
	if err != nil {
		return answer{}, c.explain(one, err)
	}
	return a, nil
}

func (c *Client) sendAlone(ctx context.Context, one call) (answer, error) {
	if err := one.verify(); err != nil {
		return answer{}, refused{err}
	}
	if c.lacks(one.path) {
		return answer{}, errAbsent
	}
	body, err := one.content()
	if err != nil {
		return answer{}, err
	}
	out := &outgoing{calls: []call{one}, body: body}
	text, err := c.roundTrip(ctx, out, one.verb(), cmp.Or(one.next, c.base+one.address()))
	return answer{what: one.what(), body: text, at: out.date, location: out.location}, err
}

var methods = map[string]abstractions.HttpMethod{
	http.MethodGet: abstractions.GET, http.MethodPost: abstractions.POST, http.MethodPatch: abstractions.PATCH, http.MethodDelete: abstractions.DELETE,
}

// roundTrip sends a request through the SDK and returns the body of its answer.
func (c *Client) roundTrip(ctx context.Context, out *outgoing, method, address string) ([]byte, error) {
	info, err := information(out, method, address)
	if err != nil {
		return nil, err
	}
	body, err := c.adapter.SendPrimitive(context.WithValue(ctx, outgoingKey{}, out), info, "[]byte", nil)
	if out.failed != nil {
		return nil, out.failed
	}
	text, _ := body.([]byte)
	return text, err
}

// information is a request as the SDK takes it.
func information(out *outgoing, method, address string) (*abstractions.RequestInformation, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address cannot be read")
	}
	info := abstractions.NewRequestInformation()
	info.SetUri(*target)
	info.Method = methods[method]
	if !out.streams {
		info.Headers.TryAdd("Accept", "application/json")
	}
	if prefer := out.calls[0].prefer; prefer != "" && !out.batch() {
		info.Headers.TryAdd("Prefer", prefer)
	}
	if slices.ContainsFunc(out.calls, func(one call) bool { return one.eventual }) {
		info.Headers.TryAdd("ConsistencyLevel", "eventual")
	}
	if out.body != nil {
		info.SetStreamContentAndContentType(out.body, "application/json")
	}
	return info, nil
}

// get makes a call and reads its answer into a T.
func get[T any](ctx context.Context, c *Client, one call) (T, error) {
	a, err := c.send(ctx, one)
	if err != nil {
		var none T
		return none, err
	}
	into, err := decode[T](a)
	if err != nil {
		err = c.unread(one, err)
	}
	return into, err
}

// write makes a call that changes the world: a POST unless it says otherwise.
func (c *Client) write(ctx context.Context, one call) (answer, error) {
	one.method = cmp.Or(one.method, http.MethodPost)
	return c.send(ctx, one)
}

// decode reads an answer into a T. Its error repeats nothing of the answer.
func decode[T any](a answer) (T, error) {
	var into T
	if text := bytes.TrimSpace(a.body); len(text) == 0 || bytes.Equal(text, []byte("null")) {
		return into, fmt.Errorf("%s: %w", a.what, errNothing)
	}
	if err := json.Unmarshal(a.body, &into); err != nil {
		var none T
		var field *json.UnmarshalTypeError
		if errors.As(err, &field) && field.Field != "" {
			return none, fmt.Errorf("%s: the answer has a %s that cannot be read", a.what, field.Field)
		}
		return none, fmt.Errorf("%s: the answer cannot be read", a.what)
	}
	return into, nil
}

// parse reads a model of the SDK.
func parse[T serialization.Parsable](text []byte, make serialization.ParsableFactory, into *T) error {
	node, err := kjson.NewJsonParseNode(text)
	if err != nil {
		return err
	}
	parsed, err := node.GetObjectValue(make)
	if err != nil {
		return err
	}
	model, ok := parsed.(T)
	if !ok {
		return errNothing
	}
	*into = model
	return nil
}

// page is a part of a listing.
type page[T any] struct {
	Value *[]T
	Next  string    `json:"@odata.nextLink"`
	Delta string    `json:"@odata.deltaLink"`
	at    time.Time // the tenant's own time of it
}

// pages lists page by page. When there is an error it is the last that is yielded.
func pages[T any](ctx context.Context, c *Client, one call) iter.Seq2[page[T], error] {
	return func(yield func(page[T], error) bool) {
		first, err := c.send(ctx, one)
		follow(ctx, c, one, first, err, yield)
	}
}

// follow yields a page and those after it.
func follow[T any](ctx context.Context, c *Client, one call, at answer, err error, yield func(page[T], error) bool) {
	seen := map[string]bool{one.next: true}
	for {
		if err != nil {
			yield(page[T]{}, err)
			return
		}
		p, wrong := decode[page[T]](at)
		if wrong == nil && p.Value == nil {
			wrong = fmt.Errorf("%s: %w", one.what(), errNothing)
		}
		if wrong != nil {
			yield(page[T]{}, c.unread(one, wrong))
			return
		}
		p.at = at.at
		if !yield(p, nil) || p.Next == "" {
			return
		}
		if seen[p.Next] {
			yield(page[T]{}, c.unread(one, fmt.Errorf("%s: %w", one.what(), errCircle)))
			return
		}
		seen[p.Next], one.next = true, p.Next
		at, err = c.send(ctx, one)
	}
}

// errCircle: Graph has led back to a page that was read already, so that nobody knows what is left.
// Sources: microsoftgraph/microsoft-graph-docs issues 4897 and 6754; microsoftgraph/msgraph-sdk-dotnet issue 2108.
var errCircle = errors.New("the pages of the answer go round in a circle")

// list reads a listing to its end.
func list[T any](ctx context.Context, c *Client, one call) ([]T, error) {
	return collect(pages[T](ctx, c, one))
}

// rest reads a listing to its end whose first page is there already.
func rest[T any](ctx context.Context, c *Client, one call, first answer) ([]T, error) {
	return collect(func(yield func(page[T], error) bool) { follow(ctx, c, one, first, nil, yield) })
}

func collect[T any](pages iter.Seq2[page[T], error]) ([]T, error) {
	all := []T{}
	for p, err := range pages {
		if err != nil {
			return nil, err
		}
		all = append(all, *p.Value...)
	}
	return all, nil
}

// value is what a pointer of the SDK's models points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
