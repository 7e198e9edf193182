package simtenant

import (
	"net/http"
	"strings"
	"time"
)

// copyItem starts a copy of an item, with all that is in it, into a folder of any drive. A folder shows at once, files and what is in folders when
// the copy is done.
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
	i := DriveItem{Name: "root", Folder: true}
	if e.item != nil {
		i = *e.item
	}
	if name, ok := str(c.body, "name"); ok {
		i.Name = name
	}
	job := &Copy{ID: derived("copy", c.requestID, e.id()), ToDrive: to.drive.ID, NewItem: i.Name, Done: c.now.Add(c.t.world.CopyDelay)}
	c.t.world.Copies[job.ID] = job
	accepted := reply{status: http.StatusAccepted, header: map[string]string{"Location": "https://" + c.r.Host + "/monitor/" + job.ID}}

	weight := i.Size
	if i.Folder {
		weight, _ = e.drive.size(e.inner())
	}
	if used, _ := to.drive.size(""); used+weight > to.drive.quota() {
		job.Failure = "quotaLimitReached"
		return accepted
	}
	source := e.drive.Items // read before the target, which may be the same drive, grows
	job.Resource, job.Failure = to.drive.add(to.inner(), i, orElse(c.query.Get("@microsoft.graph.conflictBehavior"), "fail"), c.requestID)
	switch {
	case job.Failure != "":
		return accepted
	case i.Folder:
		inside := map[string][]DriveItem{}
		for _, s := range source {
			inside[s.Parent] = append(inside[s.Parent], s)
		}
		job.coming = copies(to.drive, inside, e.inner(), job.Resource, c.requestID)
	default:
		last := len(to.drive.Items) - 1
		job.coming = []DriveItem{to.drive.Items[last]}
		to.drive.Items = to.drive.Items[:last]
	}
	if c.t.world.CopiesFail > 0 {
		c.t.world.CopiesFail--
		job.Failure, job.coming = "generalException", job.coming[:len(job.coming)/2]
	}
	c.t.world.finishCopies(c.now)
	return accepted
}

// copies are new items for everything in a folder, parents before what is in them.
func copies(d *Drive, inside map[string][]DriveItem, from, to, unique string) []DriveItem {
	var out []DriveItem
	for _, i := range inside[from] {
		made := i
		made.ID, made.Parent = itemID(d.ID, to, i.Name, unique), to
		out = append(out, made)
		if i.Folder {
			out = append(out, copies(d, inside, i.ID, made.ID, unique)...)
		}
	}
	return out
}

// finishCopies lets show what the copies that are done by now have made, but for what has got a namesake meanwhile, with all that is in it.
func (w *World) finishCopies(now time.Time) {
	for _, job := range w.Copies {
		if len(job.coming) == 0 || job.Done.After(now) {
			continue
		}
		for _, d := range w.Drives {
			if d.ID == job.ToDrive {
				d.receive(job.coming)
			}
		}
		job.coming = nil
	}
}

func (d *Drive) receive(coming []DriveItem) {
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
}

// monitor answers for a running copy. It asks for no token, like the monitor of SharePoint.
func (t *Tenant) monitor(id string) reply {
	job := t.world.Copies[id]
	switch {
	case job == nil:
		return reply{status: http.StatusNotFound, body: map[string]any{"error": map[string]any{"code": "itemNotFound", "message": "The operation does not exist."}}}
	case job.Done.After(t.clock()):
		return reply{status: http.StatusAccepted, body: map[string]any{"operation": "ItemCopy", "percentageComplete": 27.8, "status": "inProgress"}}
	case job.Failure != "":
		return reply{status: http.StatusOK, body: map[string]any{"status": "failed", "error": map[string]any{"code": job.Failure, "message": "The copy failed."}}}
	}
	return reply{status: http.StatusAccepted, body: map[string]any{"percentageComplete": 100.0, "resourceId": job.Resource, "status": "completed"}}
}
