package simtenant

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// count answers /$count: a number as plain text. Entra wants ConsistencyLevel: eventual.
// Source: Microsoft Graph, Advanced query capabilities on Microsoft Entra ID objects.
func (c *call) count(from source, wanted func(item) bool) reply {
	if c.op.service == serviceIdentity && !strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual") {
		return c.badRequest("$count is not currently supported.")
	}
	n := 0
	for at, id := range from.ids() {
		if x, ok := from.item(at, id); ok && wanted(x) {
			n++
		}
	}
	return reply{status: http.StatusOK, header: map[string]string{"Content-Type": "text/plain"}, body: plainText(strconv.Itoa(n))}
}

// clause is one "property:words" of a $search.
var clause = regexp.MustCompile(`^"([A-Za-z]+):([^"]*)"$`)

// search reads $search: clauses with AND, OR and NOT between, without parentheses. A clause holds
// when every word begins a word of the property.
// Source: Microsoft Graph, Use the $search query parameter, on directory object collections.
func (c *call) search(shapes []shape) (func(item) bool, *reply) {
	text := strings.TrimSpace(c.query.Get("$search"))
	if text == "" {
		return nil, nil
	}
	refuse := func(code, format string, args ...any) (func(item) bool, *reply) {
		r := c.fail(http.StatusBadRequest, code, format, args...)
		return nil, &r
	}
	if !strings.EqualFold(c.header.Get("ConsistencyLevel"), "eventual") {
		return refuse("Request_UnsupportedQuery", "Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
	}
	var any [][]func(item) bool // of conjunctions, one of which has to hold
	for alternative := range strings.SplitSeq(text, " OR ") {
		var all []func(item) bool
		for part := range strings.SplitSeq(alternative, " AND ") {
			part, negated := strings.CutPrefix(strings.TrimSpace(part), "NOT ")
			m := clause.FindStringSubmatch(strings.TrimSpace(part))
			if m == nil {
				return refuse("BadRequest", "Syntax error: character ':' is not valid at position 0 in '%s'.", part)
			}
			if !slices.ContainsFunc(shapes, func(s shape) bool { _, ok := s.canonical(m[1]); return ok }) {
				return refuse("Request_BadRequest", "The property '%s' cannot be searched.", m[1])
			}
			words := strings.Fields(strings.ToLower(m[2]))
			all = append(all, func(i item) bool {
				v, _ := i.get(m[1])
				have := strings.FieldsFunc(strings.ToLower(fmt.Sprint(v)), func(r rune) bool { return strings.ContainsRune(" .@-_,[]", r) })
				whole := strings.ToLower(fmt.Sprint(v))
				return negated != !slices.ContainsFunc(words, func(w string) bool {
					return !strings.HasPrefix(whole, w) && !slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, w) })
				})
			})
		}
		any = append(any, all)
	}
	return func(i item) bool {
		return slices.ContainsFunc(any, func(all []func(item) bool) bool {
			return !slices.ContainsFunc(all, func(holds func(item) bool) bool { return !holds(i) })
		})
	}, nil
}

// ordered sorts what is wanted by $orderby. The place of an item in the order is its id.
func (c *call) ordered(from source, wanted func(item) bool, order string, shapes []shape) (source, *reply) {
	name, direction, _ := strings.Cut(strings.TrimSpace(order), " ")
	if !slices.ContainsFunc(shapes, func(s shape) bool { _, ok := s.canonical(name); return ok }) || !slices.Contains([]string{"", "asc", "desc"}, direction) {
		r := c.notSimulated("$orderby=%s of %s", order, c.op.name())
		return from, &r
	}
	if c.op.service == serviceIdentity && !c.advanced() && c.query.Get("$filter") != "" || !sortable(shapes[0].name(), name, c.advanced()) {
		r := c.fail(http.StatusBadRequest, "Request_UnsupportedQuery", "Sorting not supported for current query.")
		return from, &r
	}
	var items []item
	for at, id := range from.ids() {
		if x, ok := from.item(at, id); ok && wanted(x) {
			items = append(items, x)
		}
	}
	slices.SortStableFunc(items, func(a, b item) int {
		x, _ := a.get(name)
		y, _ := b.get(name)
		n := strings.Compare(strings.ToLower(fmt.Sprint(x)), strings.ToLower(fmt.Sprint(y)))
		if direction == "desc" {
			n = -n
		}
		return n
	})
	ids := make([]string, len(items))
	for i := range items {
		ids[i] = fmt.Sprintf("%09d", i)
	}
	return source{ids: func() []string { return ids }, item: func(at int, _ string) (item, bool) { return items[at], true }}, nil
}

// expand reads $expand, of which manager is simulated, with $select inside.
var expandManager = regexp.MustCompile(`^manager(?:\(\$select=([A-Za-z,]+)\))?$`)

// withManager adds the expanded manager to what a user shows.
func (c *call) withManager(s *schema[User]) (*schema[User], *reply) {
	text := c.query.Get("$expand")
	if text == "" {
		return s, nil
	}
	m := expandManager.FindStringSubmatch(text)
	if m == nil {
		r := c.notSimulated("$expand=%s of %s", text, c.op.name())
		return s, &r
	}
	var names []string
	if m[1] != "" {
		names = strings.Split(m[1], ",")
	}
	with := newSchema(s.typ, "", append(slices.Clone(s.fields), field[User]{"manager", func(c *call, u *User) any {
		boss := c.users().get(u.ManagerID)
		if boss == nil {
			return nil
		}
		return s.item(c, boss.ID, boss).render(names, true)
	}})...)
	with.defaults = append(slices.Clone(s.defaults), "manager")
	return with, nil
}
