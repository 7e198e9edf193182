package simtenant

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// changeLog is what delta knows of a drive: every item as it was when it was looked at last. It is
// kept from the first question on.
type changeLog struct {
	last  int                // number of the last change
	items map[string]*logged // by item id; "" = the root folder
}

type logged struct {
	item    DriveItem
	grants  string
	number  int // of its last change; 0 = none since the log was begun
	deleted bool
}

// look writes into the log what has become different, sharing included.
func (d *Drive) look() {
	begun := d.log != nil
	if !begun {
		d.log = &changeLog{items: map[string]*logged{}}
	}
	grants := map[string]string{}
	for _, g := range d.Grants {
		grants[g.Item] += fmt.Sprintf("%q", g)
	}
	there := map[string]bool{}
	note := func(i DriveItem) {
		there[i.ID] = true
		was := d.log.items[i.ID]
		if was != nil && !was.deleted && was.item == i && was.grants == grants[i.ID] {
			return
		}
		now := &logged{item: i, grants: grants[i.ID]}
		if begun {
			d.log.last++
			now.number = d.log.last
		}
		d.log.items[i.ID] = now
	}
	note(DriveItem{Folder: true})
	for _, i := range d.Items {
		note(i)
	}
	for id, was := range d.log.items {
		if !there[id] && !was.deleted {
			d.log.last++
			was.deleted, was.number = true, d.log.last
		}
	}
}

// deltaToken is where a client stands in the log, and in the pages of what is new.
type deltaToken struct {
	Drive  string `json:"d"`
	From   int    `json:"f"`           // number of the last change that is known; -1 = nothing is
	To     int    `json:"t"`           // number of the last change when the first page was read
	After  string `json:"a,omitempty"` // place of the last item of the page before
	Issued int64  `json:"i"`
}

func (t deltaToken) link(at *url.URL) string {
	raw, _ := json.Marshal(t) // strings and numbers always marshal
	q := at.Query()
	q.Set("token", base64.RawURLEncoding.EncodeToString(raw))
	return linked(at, q)
}

// delta answers what has changed in a drive since a token, and every folder above it, the root
// included; without a token all there is. Source: Microsoft Graph, driveItem: delta.
func delta(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	names, bad := c.selection(itemSchema)
	if bad != nil {
		return *bad
	}
	size := 200
	if top := c.query.Get("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 {
			return c.fail(http.StatusBadRequest, "invalidRequest", "Invalid page size specified: '%s'.", top)
		}
		size = min(n, size)
	}
	d := e.drive
	d.look()
	at := deltaToken{Drive: d.ID, From: -1}
	switch text := c.query.Get("token"); text {
	case "":
	case "latest":
		at.From = d.log.last
	default:
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || json.Unmarshal(raw, &at) != nil || at.Drive != d.ID {
			return c.fail(http.StatusBadRequest, "invalidRequest", "The provided token is not valid.")
		}
		if life := c.t.world.DeltaLife; life > 0 && c.now.Sub(time.Unix(at.Issued, 0)) > life {
			return c.resync()
		}
	}
	if at.After == "" {
		at.To = d.log.last
	}
	at.Issued = c.now.Unix()
	page := slices.DeleteFunc(d.changed(at.From), func(e reported) bool { return e.place <= at.After })
	body := map[string]any{"@odata.context": c.context("Collection(driveItem)", names, false)}
	if len(page) > size {
		page = page[:size]
		at.After = page[size-1].place
		body["@odata.nextLink"] = at.link(c.url)
	} else {
		at.From, at.After = at.To, ""
		body["@odata.deltaLink"] = at.link(c.url)
	}
	value := make([]any, 0, len(page))
	for _, e := range page {
		value = append(value, e.present(c).render(names, false))
	}
	body["value"] = value
	return reply{status: http.StatusOK, body: body}
}

// reported is an item in an answer of delta, and its place in it.
type reported struct {
	entry
	place string
}

// changed are the items that changed after a number, with the folders above them, parents first and
// the deleted ones last.
func (d *Drive) changed(from int) []reported {
	depth := map[string]int{}
	var add func(id string) int
	add = func(id string) int {
		was := d.log.items[id]
		switch n, known := depth[id]; {
		case known:
			return n
		case id == "" || was == nil:
			depth[""] = 0
			return 0
		}
		depth[id] = add(was.item.Parent) + 1
		return depth[id]
	}
	for id, was := range d.log.items {
		if was.number > from && (from >= 0 || !was.deleted) {
			add(id)
		}
	}
	var found []reported
	for id, n := range depth {
		e := entry{drive: d}
		if id != "" {
			e.item, e.deleted = &d.log.items[id].item, d.log.items[id].deleted
		}
		found = append(found, reported{e, fmt.Sprintf("%t %03d %s", e.deleted, n, id)})
	}
	slices.SortFunc(found, func(a, b reported) int { return cmp.Compare(a.place, b.place) })
	return found
}

// resync is the answer to a token that is not known any more.
func (c *call) resync() reply {
	r := c.fail(http.StatusGone, "resyncRequired", "Resync required. Replace any local items with the server's version (including deletes) if you're sure that the service was up to date with your local changes when you last sync'd. Upload any local changes that the server doesn't know about.")
	r.body.(map[string]any)["error"].(map[string]any)["innerError"].(map[string]any)["code"] = "resyncChangesApplyDifferences"
	q := c.url.Query()
	q.Del("token")
	r.header = map[string]string{"Location": linked(c.url, q)}
	return r
}
