package simtenant

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
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
			return nil, &r
		}
	}
	return names, nil
}

func (i item) render(names []string, typed bool) map[string]any {
	out := map[string]any{}
	if names == nil {
		names = i.defaults
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

// list filters, orders by id, cuts and renders.
func (c *call) list(items []item, p page, shapes ...shape) reply {
	names, bad := c.selection(shapes...)
	if bad != nil {
		return *bad
	}
	if text := c.query.Get("$filter"); text != "" {
		f, err := parseFilter(text)
		if err != nil {
			return c.fail(http.StatusBadRequest, "Request_BadRequest", "Invalid filter clause: %v", err)
		}
		for _, prop := range f.properties() {
			if !slices.ContainsFunc(shapes, func(s shape) bool { _, ok := s.canonical(prop); return ok }) {
				return c.fail(http.StatusBadRequest, "BadRequest", "Invalid filter clause: Could not find a property named '%s' on type 'microsoft.graph.%s'.", prop, shapes[0].name())
			}
		}
		if (f.advanced() || strings.Contains(c.url.Path, "/microsoft.graph.")) && c.op.service == serviceIdentity && !c.advanced() {
			return c.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported Query.")
		}
		items = slices.DeleteFunc(items, func(i item) bool { return !f.holds(i.get) })
	}
	sort.Slice(items, func(a, b int) bool { return items[a].id < items[b].id })
	total := len(items)

	size := p.size
	if top := c.query.Get("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 || n > p.most {
			return c.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", top, p.most)
		}
		size = n
	}
	if text := c.query.Get("$skiptoken"); text != "" {
		var tok skipToken
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || json.Unmarshal(raw, &tok) != nil || tok.Path != c.url.Path {
			return c.fail(http.StatusBadRequest, "Request_BadRequest", "The specified skip token is not valid.")
		}
		if c.now.Sub(time.Unix(tok.Issued, 0)) > tokenLife {
			return c.fail(http.StatusBadRequest, "Directory_ExpiredPageToken", "The specified page token value has expired and can no longer be included in your request.")
		}
		items = items[sort.Search(len(items), func(i int) bool { return items[i].id > tok.After }):]
	}
	body := map[string]any{"@odata.context": c.context(p.set, names, false)}
	if len(items) > size {
		items = items[:size]
		raw, _ := json.Marshal(skipToken{After: items[size-1].id, Issued: c.now.Unix(), Path: c.url.Path}) // strings and a number always marshal
		next, q := *c.url, c.url.Query()
		q.Set("$skiptoken", base64.RawURLEncoding.EncodeToString(raw))
		next.RawQuery = q.Encode()
		body["@odata.nextLink"] = next.String()
	}
	if c.advanced() {
		body["@odata.count"] = total
	}
	value := make([]any, 0, len(items))
	for _, i := range items {
		value = append(value, i.render(names, p.typed))
	}
	body["value"] = value
	return reply{status: http.StatusOK, body: body}
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
