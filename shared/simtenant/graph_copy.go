package simtenant

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// mostChildren is how many items may lie in a folder whose children are copied without it.
const mostChildren = 150

// copyItem starts a copy of an item, with all that is in it, or of a folder's children, into a
// folder of any drive. Folders that are copied themselves show at once, files and what is in
// folders when the copy is done.
func copyItem(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "parentReference", "name", "childrenOnly", "includeAllVersionHistory"); bad != nil {
		return *bad
	}
	ref, _ := c.body["parentReference"].(map[string]any)
	driveID, _ := str(ref, "driveId")
	folder, _ := str(ref, "id")
	target := call{t: c.t, r: c.r, op: c.op, now: c.now, requestID: c.requestID, arg: map[string]string{"drive": orElse(driveID, e.drive.ID), "item": folder}}
	to, bad := target.entry()
	if bad != nil {
		return *bad
	}
	items, bad := c.toCopy(e)
	if bad != nil {
		return *bad
	}
	for _, i := range items {
		// Graph's refusal of a shortcut is an assumption; any item may be refused.
		if code := orElse(i.CopyRefused, map[bool]string{true: "notSupported"}[i.Remote]); code != "" {
			return c.fail(http.StatusBadRequest, code, "The item cannot be copied.")
		}
	}
	job := &Copy{ID: derived("copy", c.requestID, e.id()), ToDrive: to.drive.ID, Done: c.now.Add(c.t.world.CopyDelay)}
	c.t.world.Copies[job.ID] = job
	accepted := reply{status: http.StatusAccepted, header: map[string]string{"Location": "https://" + c.r.Host + "/monitor/" + job.ID}}

	inside := map[string][]DriveItem{} // read before the target, which may be the same drive, grows
	for _, s := range e.drive.Items {
		inside[s.Parent] = append(inside[s.Parent], s)
	}
	var weight int64
	for _, i := range items {
		within, _ := e.drive.size(i.ID)
		weight += i.Size + within
	}
	if used, _ := to.drive.size(""); used+weight > to.drive.quota() {
		job.Failure = "quotaLimitReached"
		return accepted
	}
	for _, i := range items {
		if job.Resource, job.Failure = to.drive.add(to.inner(), i, orElse(c.query.Get("@microsoft.graph.conflictBehavior"), "fail"), c.requestID); job.Failure != "" {
			break // what was copied before stays
		}
		if i.Folder {
			job.coming = append(job.coming, copies(to.drive, inside, i.ID, job.Resource, c.requestID)...)
			continue
		}
		last := len(to.drive.Items) - 1
		to.drive.Items[last].copied()
		job.coming = append(job.coming, to.drive.Items[last])
		to.drive.Items = to.drive.Items[:last]
	}
	if c.t.world.CopiesFail > 0 && job.Failure == "" {
		c.t.world.CopiesFail--
		job.Failure, job.coming = "generalException", job.coming[:len(job.coming)/2]
	}
	c.t.before(kindCopy, job.ID, c.now)
	c.t.settle()
	return accepted
}

// toCopy is what a copy puts into its folder: the item, or with childrenOnly what lies in it. The
// refusals are those of Microsoft Graph, driveItem: copy, examples.
func (c *call) toCopy(e entry) ([]DriveItem, *reply) {
	name, named := str(c.body, "name")
	refuse := func(text string) ([]DriveItem, *reply) {
		r := c.fail(http.StatusBadRequest, "invalidRequest", "%s", text)
		return nil, &r
	}
	switch children, _ := c.body["childrenOnly"].(bool); {
	case !children && e.item == nil:
		return refuse("Cannot copy the root folder.")
	case !children:
		i := *e.item
		i.Name = orElse(name, i.Name)
		return []DriveItem{i}, nil
	case e.item != nil && !e.item.Folder:
		return refuse("childrenOnly option is not valid for file items.")
	case named:
		return refuse("Cannot use name parameter alongside childrenOnly.")
	}
	var items []DriveItem
	for _, i := range e.drive.Items {
		if i.Parent == e.inner() {
			items = append(items, i)
		}
	}
	if len(items) > mostChildren {
		_, r := refuse(fmt.Sprintf("Direct child count limit exceeded. Cannot copy children only when there are more than %d direct children.", mostChildren))
		r.body.(map[string]any)["error"].(map[string]any)["innerError"].(map[string]any)["code"] = "directChildrenLimitExceeded"
		return nil, r
	}
	return items, nil
}

// copied is what becomes of a file by a copy: one version, and for some Office files properties of
// SharePoint in it. Source: OneDrive/onedrive-api-docs issue 935.
func (i *DriveItem) copied() {
	if i.CopyAdds > 0 {
		i.Size, i.Hash = i.Size+i.CopyAdds, ""
	}
	i.CopyAdds, i.Versions = 0, 0
}

// copies are new items for everything in a folder, parents before what is in them.
func copies(d *Drive, inside map[string][]DriveItem, from, to, unique string) []DriveItem {
	var out []DriveItem
	for _, i := range inside[from] {
		made := i
		made.ID, made.Parent = itemID(d.ID, to, i.Name, unique), to
		made.copied()
		out = append(out, made)
		if i.Folder {
			out = append(out, copies(d, inside, i.ID, made.ID, unique)...)
		}
	}
	return out
}

// finishCopy lets show what a copy that is done by now has made, but for what has got a namesake
// meanwhile, with all that is in it.
func finishCopy(t *Tenant, job *Copy, now time.Time) {
	if len(job.coming) == 0 || job.Done.After(now) {
		return
	}
	if d, _ := t.world.drive(job.ToDrive); d != nil && !d.receive(job.coming) {
		job.Failure = orElse(job.Failure, "nameAlreadyExists")
	}
	job.coming = nil
}

// receive reports whether everything was taken.
func (d *Drive) receive(coming []DriveItem) bool {
	taken, gone := map[string]bool{}, map[string]bool{}
	for _, i := range d.Items {
		taken[i.Parent+"/"+strings.ToLower(i.Name)] = true
	}
	for _, i := range coming {
		if gone[i.Parent] || taken[i.Parent+"/"+strings.ToLower(i.Name)] {
			gone[i.ID] = true
			continue
		}
		d.Items = append(d.Items, i)
	}
	return len(gone) == 0
}

// monitor answers for a running copy. It asks for no token, like the monitor of SharePoint.
func (t *Tenant) monitor(id string) reply {
	job := t.world.Copies[id]
	switch {
	case job != nil && t.world.MonitorsVanish && !job.asked:
		job.asked = true
		return reply{status: http.StatusAccepted, body: map[string]any{"operation": "ItemCopy", "percentageComplete": 0.0, "status": "notStarted"}}
	case job == nil || t.world.MonitorsVanish:
		return reply{status: http.StatusNotFound, body: map[string]any{"error": map[string]any{"code": "itemNotFound", "message": "The operation does not exist."}}}
	case job.Done.After(t.clock()):
		return reply{status: http.StatusAccepted, body: map[string]any{"operation": "ItemCopy", "percentageComplete": 27.8, "status": "inProgress"}}
	case job.Failure != "":
		return reply{status: http.StatusOK, body: map[string]any{"status": "failed", "error": map[string]any{"code": job.Failure, "message": "The copy failed."}}}
	}
	return reply{status: http.StatusAccepted, body: map[string]any{"percentageComplete": 100.0, "resourceId": job.Resource, "status": "completed"}}
}
