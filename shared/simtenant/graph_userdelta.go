package simtenant

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
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

// usersToken is where a client stands in the changes of users. It holds what was selected: the link of the
// next page, and that of the next changes, name nothing but the token.
type usersToken struct {
	From   int    `json:"f"`           // number of the last change that is known; -1 = nothing is
	To     int    `json:"t"`           // number of the last change when the first page was read
	After  string `json:"a,omitempty"` // id of the last user of the page before
	Select string `json:"s,omitempty"`
	Issued int64  `json:"i"`
}

func (t usersToken) link(at *url.URL, option string) string {
	raw, _ := json.Marshal(t) // texts and numbers always marshal
	return linked(at, url.Values{option: {base64.RawURLEncoding.EncodeToString(raw)}})
}

// deltaUsers answers who has changed since a token, and who has been deleted; without a token
// everybody, page by page.
// Sources: Microsoft Graph, user: delta; Use delta query to track changes (state tokens, synchronization reset).
func deltaUsers(c *call) reply {
	changes := &c.t.userChanges
	at := usersToken{From: -1, To: changes.last, Select: c.query.Get("$select")}
	switch text := orElse(c.query.Get("$deltatoken"), c.query.Get("$skiptoken")); text {
	case "":
	case "latest":
		at.From = changes.last
	default:
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || json.Unmarshal(raw, &at) != nil || at.From > changes.last {
			return c.badRequest("Badly formed token.")
		}
		if life := c.t.world.DeltaLife; life > 0 && c.now.Sub(time.Unix(at.Issued, 0)) > life {
			r := c.fail(http.StatusGone, "syncStateNotFound", "The sync state generation is not found; continue by a new synchronization.")
			r.header = map[string]string{"Location": linked(c.url, url.Values{"$deltatoken": {""}})}
			return r
		}
		if c.query.Has("$deltatoken") {
			at.To = changes.last
		}
		c.query.Set("$select", at.Select)
	}
	names, bad := c.selection(userSchema)
	if bad != nil {
		return *bad
	}
	if names != nil && !slices.Contains(names, "id") {
		names = append(names, "id") // which is always told
	}
	at.Issued = c.now.Unix()
	size := directoryPage.size
	if asked := c.maxPageSize(); asked > 0 {
		size = min(asked, directoryPage.most)
	}
	body := map[string]any{"@odata.context": c.context("users", names, false)}
	found := c.changedUsers(at.From, at.After, size+1)
	if len(found) > size {
		found = found[:size]
		at.After = found[size-1]
		body["@odata.nextLink"] = at.link(c.url, "$skiptoken")
	} else {
		at.From, at.After = at.To, ""
		body["@odata.deltaLink"] = at.link(c.url, "$deltatoken")
	}
	value := make([]any, 0, len(found))
	for _, id := range found {
		if u := c.users().get(id); u != nil {
			value = append(value, userSchema.item(c, id, u).render(names, false))
		} else {
			value = append(value, map[string]any{"id": id, "@removed": map[string]any{"reason": "changed"}})
		}
	}
	body["value"] = value
	return reply{status: http.StatusOK, body: body}
}

// changedUsers are the ids of who has changed after a number, or was deleted, in order, behind an id and no more than
// so many; after -1 of everybody there is.
func (c *call) changedUsers(from int, behind string, most int) []string {
	changes := &c.t.userChanges
	var found []string
	ids := c.users().ids()
	at, _ := slices.BinarySearch(ids, behind+"\x00")
	for _, id := range ids[at:] {
		if len(found) == most {
			break
		}
		if c.users().get(id) != nil && (from < 0 || max(changes.of[id], changes.edited) > from) {
			found = append(found, id)
		}
	}
	for id, number := range changes.removed {
		if from >= 0 && number > from && id > behind && c.users().get(id) == nil {
			found = append(found, id)
		}
	}
	slices.Sort(found)
	return found[:min(most, len(found))]
}

// maxPageSize is how many entries the caller wants on a page; 0 = it does not say.
// Source: Microsoft Graph, Use delta query to track changes, Prefer: odata.maxpagesize.
func (c *call) maxPageSize() int {
	for part := range strings.SplitSeq(c.header.Get("Prefer"), ",") {
		if most, is := strings.CutPrefix(strings.TrimSpace(part), "odata.maxpagesize="); is {
			if n, err := strconv.Atoi(most); err == nil && n > 0 {
				return n
			}
		}
	}
	return 0
}
