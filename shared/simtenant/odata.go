package simtenant

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// field is one property of a type.
type field[T any] struct {
	name string
	get  func(*call, *T) any
}

// schema is a type of Graph: its properties, and those a caller gets who does not select.
type schema[T any] struct {
	typ      string // "user"
	fields   []field[T]
	index    map[string]int // by lower-case name
	defaults []string
}

// shape is what a $select needs to know of a schema.
type shape interface {
	canonical(name string) (string, bool)
	name() string
}

// newSchema makes a schema; defaults are names separated by blanks, "" = all properties.
func newSchema[T any](typ, defaults string, fields ...field[T]) *schema[T] {
	s := &schema[T]{typ: typ, fields: fields, index: map[string]int{}, defaults: strings.Fields(defaults)}
	for i, f := range fields {
		s.index[strings.ToLower(f.name)] = i
		if defaults == "" {
			s.defaults = append(s.defaults, f.name)
		}
	}
	return s
}

func (s *schema[T]) name() string { return s.typ }

func (s *schema[T]) canonical(name string) (string, bool) {
	i, ok := s.index[strings.ToLower(name)]
	if !ok {
		return "", false
	}
	return s.fields[i].name, true
}

// item is one object in an answer.
type item struct {
	id       string
	typ      string
	defaults []string
	get      func(name string) (any, bool)
}

func (s *schema[T]) item(c *call, id string, v *T) item {
	return item{id: id, typ: s.typ, defaults: s.defaults, get: func(name string) (any, bool) {
		i, ok := s.index[strings.ToLower(name)]
		if !ok {
			return nil, false
		}
		return s.fields[i].get(c, v), true
	}}
}

// idOnly is what an app sees of a member whose type it may not read: its type and id; every
// other property is null. Source: Microsoft Graph, permissions overview, Limited information
// returned for inaccessible member objects.
func (i item) idOnly() item {
	get := i.get
	i.get = func(name string) (any, bool) {
		v, ok := get(name)
		if !strings.EqualFold(name, "id") {
			v = nil
		}
		return v, ok
	}
	return i
}

// selection reads $select against the types that may come back.
func (c *call) selection(shapes ...shape) ([]string, *reply) {
	text := c.query.Get("$select")
	if text == "" {
		return nil, nil
	}
	var names []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		known := false
		for _, s := range shapes {
			if name, ok := s.canonical(part); ok {
				names, known = append(names, name), true
				break
			}
		}
		if !known {
			r := c.fail(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", part, shapes[0].name())
			for _, s := range shapes {
				if part == "*" || isDocumented(s.name(), part) {
					r = c.notSimulated("the property %s of %s in %s", part, s.name(), c.op.name())
				}
			}
			return nil, &r
		}
	}
	return names, nil
}

func (i item) render(names []string, typed bool) map[string]any {
	out := map[string]any{}
	if names == nil {
		names = i.defaults
	} else if slices.Contains(i.defaults, "manager") { // expanded
		names = append(slices.Clone(names), "manager")
	}
	for _, n := range names {
		if v, ok := i.get(n); ok {
			out[n] = v
		}
	}
	if typed {
		out["@odata.type"] = "#microsoft.graph." + i.typ
	}
	return out
}

func (c *call) context(set string, names []string, single bool) string {
	s := c.base() + "/$metadata#" + set
	if len(names) > 0 {
		s += "(" + strings.Join(names, ",") + ")"
	}
	if single {
		s += "/$entity"
	}
	return s
}

// entity answers one object.
func (c *call) entity(set string, i item, typed bool, shapes ...shape) reply {
	names, bad := c.selection(shapes...)
	if bad != nil {
		return *bad
	}
	out := i.render(names, typed)
	out["@odata.context"] = c.context(set, names, true)
	return reply{status: http.StatusOK, body: out}
}

// page says how a list is cut.
type page struct {
	set   string // of the context
	typed bool   // the members are of different types, each names its own
	size  int    // without $top
	most  int    // the largest $top
}

// directoryPage is how Entra pages users, groups and their relations.
var directoryPage = page{size: 100, most: 999}

func (p page) of(set string, typed bool) page { p.set, p.typed = set, typed; return p }

// tokenLife is how long a skip token holds, by the tenant's clock.
const tokenLife = 30 * time.Minute

type skipToken struct {
	After  string `json:"a"` // the last id of the page before
	Issued int64  `json:"i"`
	Path   string `json:"p"`
}

// source is what a list is taken from: ids in order, and the item behind each, if there is one.
type source struct {
	ids  func() []string
	item func(at int, id string) (item, bool)
	// narrow are the ids of those that a filter can hold for, where that is known without a look at
	// all of them.
	narrow func(*filter) ([]string, bool)
}

// listView answers objects of a kind. A filter by a key looks at those under the key only.
func listView[T any](c *call, v view[T], s *schema[T], p page) reply {
	return c.listFrom(source{
		ids: v.ids,
		item: func(_ int, id string) (item, bool) {
			x := v.get(id)
			if x == nil {
				return item{}, false
			}
			return s.item(c, id, x), true
		},
		narrow: func(f *filter) ([]string, bool) {
			keys, ok := f.keys(v.keyed)
			if !ok {
				return nil, false
			}
			var ids []string
			for _, k := range keys {
				ids = append(ids, v.idsUnder(k)...)
			}
			slices.Sort(ids)
			return slices.Compact(ids), true
		},
	}, p, s)
}

// list answers items. By a cast they are all of its type, which none of them says.
// Source: OData JSON Format Version 4.01, 4.6.3.
func (c *call) list(items []item, p page, shapes ...shape) reply {
	if _, kind, is := strings.Cut(c.op.template, "/"+namespace); is && p.typed {
		p.set, p.typed = kind+"s", false
	}
	sort.Slice(items, func(a, b int) bool { return items[a].id < items[b].id })
	ids := make([]string, len(items))
	for i, x := range items {
		ids[i] = x.id
	}
	return c.listFrom(source{ids: func() []string { return ids }, item: func(at int, _ string) (item, bool) { return items[at], true }}, p, shapes...)
}

// listFrom filters, cuts and renders.
func (c *call) listFrom(from source, p page, shapes ...shape) reply {
	names, bad := c.selection(shapes...)
	if bad != nil {
		return *bad
	}
	wanted, bad := c.filter(&from, shapes)
	if bad != nil {
		return *bad
	}
	searched, bad := c.search(shapes)
	if bad != nil {
		return *bad
	}
	if unsearched := wanted; searched != nil {
		wanted = func(i item) bool { return unsearched(i) && searched(i) }
	}
	if c.counting {
		return c.count(from, wanted)
	}
	if order := c.query.Get("$orderby"); order != "" {
		if from, bad = c.ordered(from, wanted, order, shapes); bad != nil {
			return *bad
		}
		wanted = func(item) bool { return true }
	}
	size, after, bad := c.position(p)
	if bad != nil {
		return *bad
	}
	var found []item
	var places []string
	total := 0
	ids := from.ids()
	start := sort.Search(len(ids), func(i int) bool { return ids[i] > after })
	if c.advanced() {
		for at, id := range ids[:start] {
			if x, ok := from.item(at, id); ok && wanted(x) {
				total++
			}
		}
	}
	for at, id := range ids[start:] {
		x, ok := from.item(start+at, id)
		if !ok || !wanted(x) {
			continue
		}
		if total++; len(found) <= size {
			found, places = append(found, x), append(places, id)
		} else if !c.advanced() {
			break
		}
	}
	body := map[string]any{"@odata.context": c.context(p.set, names, false)}
	if len(found) > size {
		found = found[:size]
		last := places[size-1]
		raw, _ := json.Marshal(skipToken{After: last, Issued: c.now.Unix(), Path: c.url.Path}) // strings and a number always marshal
		q := c.url.Query()
		q.Set("$skiptoken", base64.RawURLEncoding.EncodeToString(raw))
		body["@odata.nextLink"] = linked(c.url, q)
	}
	if c.advanced() {
		body["@odata.count"] = total
	}
	value := make([]any, 0, len(found))
	for _, i := range found {
		value = append(value, i.render(names, p.typed))
	}
	body["value"] = value
	return reply{status: http.StatusOK, body: body}
}

// linked is an address with another query, such as that of the next page. Microsoft writes the dollar of an
// option as it is. Sources: Microsoft Graph, Paging; Use delta query to track changes.
func linked(at *url.URL, query url.Values) string {
	link := *at
	link.RawQuery = strings.ReplaceAll(query.Encode(), "%24", "$")
	return link.String()
}

// filter reads $filter, and narrows the source by it.
func (c *call) filter(from *source, shapes []shape) (func(item) bool, *reply) {
	text := c.query.Get("$filter")
	if text == "" {
		return func(item) bool { return true }, nil
	}
	refuse := func(code, format string, args ...any) (func(item) bool, *reply) {
		r := c.fail(http.StatusBadRequest, code, format, args...)
		return nil, &r
	}
	f, err := parseFilter(text)
	if errors.Is(err, errNotSimulated) {
		r := c.notSimulated("%v in the filter of %s", err, c.op.name())
		return nil, &r
	}
	if err != nil {
		return refuse("Request_BadRequest", "Invalid filter clause: %v", err)
	}
	for _, prop := range f.properties() {
		if !slices.ContainsFunc(shapes, func(s shape) bool { _, ok := s.canonical(prop); return ok }) {
			for _, s := range shapes {
				if isDocumented(s.name(), prop) {
					r := c.notSimulated("a filter by %s of %s in %s", prop, s.name(), c.op.name())
					return nil, &r
				}
			}
			return refuse("BadRequest", "Invalid filter clause: Could not find a property named '%s' on type 'microsoft.graph.%s'.", prop, shapes[0].name())
		}
	}
	if why := f.mistyped(shapes[0].name()); why != "" {
		return refuse("BadRequest", "Invalid filter clause: %s", why)
	}
	if c.op.service == serviceIdentity {
		if strings.Contains(c.op.template, "/"+namespace) && !c.advanced() {
			return refuse("Request_UnsupportedQuery", "Unsupported Query.")
		}
		if why := f.unsupported(shapes[0].name(), c.advanced()); why != "" {
			return refuse("Request_UnsupportedQuery", "%s", why)
		}
	}
	if from.narrow != nil {
		if ids, ok := from.narrow(f); ok {
			from.ids = func() []string { return ids }
		}
	}
	return func(i item) bool { return f.holds(i.get) }, nil
}

// position reads $top and $skiptoken: how many, and after which id.
func (c *call) position(p page) (int, string, *reply) {
	size := p.size
	if top := c.query.Get("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 || n > p.most {
			r := c.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", top, p.most)
			return 0, "", &r
		}
		size = n
	}
	text := c.query.Get("$skiptoken")
	if text == "" {
		return size, "", nil
	}
	var tok skipToken
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &tok) != nil || tok.Path != c.url.Path {
		r := c.fail(http.StatusBadRequest, "Request_BadRequest", "The specified skip token is not valid.")
		return 0, "", &r
	}
	if c.now.Sub(time.Unix(tok.Issued, 0)) > tokenLife {
		r := c.fail(http.StatusBadRequest, "Directory_ExpiredPageToken", "The specified page token value has expired and can no longer be included in your request.")
		return 0, "", &r
	}
	return size, tok.After, nil
}

// advanced says that the caller asked for Entra's advanced queries in the two ways it must.
func (c *call) advanced() bool {
	return strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual") && c.query.Get("$count") == "true"
}

// stamp is a moment as Graph writes it; nil for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// text is a string as Graph writes it; nil for an empty one.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// texts is a collection as Graph writes it, never null.
func texts(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func flag(b *bool) any {
	if b == nil {
		return nil
	}
	return *b
}

// str reads a string from a body; ok is false when it is absent, null or of another type.
func str(m map[string]any, key string) (string, bool) {
	s, ok := m[key].(string)
	return s, ok
}

func asStrings(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%v is no array", v)
	}
	var out []string
	for _, x := range list {
		s, ok := x.(string)
		if !ok {
			return nil, fmt.Errorf("%v is no string", x)
		}
		out = append(out, s)
	}
	return out, nil
}
