package simtenant

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// userChanges numbers the changes of users, for users/delta. A person who was changed by Tenant.Edit
// counts as changed with all others.
type userChanges struct {
	last    int
	edited  int            // everybody has changed by then
	of      map[string]int // by object id
	removed map[string]int // who has been deleted
}

// note is told of a user that a request touched.
func (n *userChanges) note(id string, live bool) {
	n.last++
	if live {
		n.of[id] = n.last
		delete(n.removed, id)
		return
	}
	if delete(n.of, id); n.removed[id] == 0 {
		n.removed[id] = n.last
	}
}

// deltaUsers answers who has changed since a token, and who has been deleted; without a token
// everybody. Source: Microsoft Graph, user: delta.
func deltaUsers(c *call) reply {
	names, bad := c.selection(userSchema)
	if bad != nil {
		return *bad
	}
	changes := &c.t.userChanges
	since, first := -1, true
	if text := c.query.Get("$deltatoken"); text == "latest" {
		since, first = changes.last, false
	} else if text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n > changes.last {
			return c.badRequest("Badly formed token.")
		}
		since, first = n, false
	}
	var value []any
	for _, u := range c.users().every() {
		if first || max(changes.of[u.ID], changes.edited) > since {
			value = append(value, userSchema.item(c, u.ID, u).render(names, false))
		}
	}
	if !first {
		for _, id := range slices.Sorted(maps.Keys(changes.removed)) {
			if changes.removed[id] > since {
				value = append(value, map[string]any{"id": id, "@removed": map[string]any{"reason": "changed"}})
			}
		}
	}
	if value == nil {
		value = []any{}
	}
	link, q := *c.url, c.url.Query()
	q.Set("$deltatoken", strconv.Itoa(changes.last))
	link.RawQuery = q.Encode()
	return reply{status: http.StatusOK, body: map[string]any{"@odata.context": c.context("users", names, false), "value": value, "@odata.deltaLink": link.String()}}
}
