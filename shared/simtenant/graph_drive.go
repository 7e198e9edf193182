package simtenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// quota is the storage of every OneDrive, in bytes.
const quota = int64(1) << 40

func (d *Drive) size(folder string) (bytes int64, children int) {
	for _, i := range d.Items {
		if i.Parent != folder {
			continue
		}
		children++
		bytes += i.Size
		if i.Folder {
			inside, _ := d.size(i.ID)
			bytes += inside
		}
	}
	return bytes, children
}

func (d *Drive) item(id string) *DriveItem {
	for i := range d.Items {
		if d.Items[i].ID == id {
			return &d.Items[i]
		}
	}
	return nil
}

// rootID is the id of the root folder, which the drive's items name as "".
func (d *Drive) rootID() string { return itemID(d.ID, "root") }

var driveSchema = newSchema("drive", "",
	field[Drive]{"id", func(_ *call, d *Drive) any { return d.ID }},
	field[Drive]{"driveType", func(*call, *Drive) any { return "business" }},
	field[Drive]{"name", func(*call, *Drive) any { return "OneDrive" }},
	field[Drive]{"webUrl", func(c *call, d *Drive) any {
		return "https://contoso-my.sharepoint.com/personal/" + strings.NewReplacer("@", "_", ".", "_").Replace(c.ownerUPN(d)) + "/Documents"
	}},
	field[Drive]{"owner", func(c *call, d *Drive) any {
		return map[string]any{"user": map[string]any{"id": d.Owner, "email": c.ownerUPN(d)}}
	}},
	field[Drive]{"quota", func(_ *call, d *Drive) any {
		used, _ := d.size("")
		return map[string]any{"total": quota, "used": used, "remaining": quota - used, "deleted": 0, "state": "normal"}
	}},
)

func (c *call) ownerUPN(d *Drive) string {
	for _, u := range []*User{c.t.world.Users[d.Owner], c.t.world.Deleted[d.Owner]} {
		if u != nil {
			return strings.TrimPrefix(u.UserPrincipalName, strings.ReplaceAll(u.ID, "-", ""))
		}
	}
	return ""
}

// entry is an item with its drive; a nil item is the root folder.
type entry struct {
	drive *Drive
	item  *DriveItem
}

func (e entry) id() string {
	if e.item == nil {
		return e.drive.rootID()
	}
	return e.item.ID
}

// inner is the name by which the drive's items call the folder.
func (e entry) inner() string {
	if e.item == nil {
		return ""
	}
	return e.item.ID
}

var itemSchema = newSchema("driveItem", "",
	field[entry]{"id", func(_ *call, e *entry) any { return e.id() }},
	field[entry]{"name", func(_ *call, e *entry) any {
		if e.item == nil {
			return "root"
		}
		return e.item.Name
	}},
	field[entry]{"size", func(_ *call, e *entry) any {
		if e.item != nil && !e.item.Folder {
			return e.item.Size
		}
		n, _ := e.drive.size(e.inner())
		return n
	}},
	field[entry]{"folder", func(_ *call, e *entry) any {
		if e.item != nil && !e.item.Folder {
			return nil
		}
		_, n := e.drive.size(e.inner())
		return map[string]any{"childCount": n}
	}},
	field[entry]{"file", func(_ *call, e *entry) any {
		if e.item == nil || e.item.Folder {
			return nil
		}
		return map[string]any{"mimeType": "application/octet-stream"}
	}},
	field[entry]{"root", func(_ *call, e *entry) any {
		if e.item != nil {
			return nil
		}
		return map[string]any{}
	}},
	field[entry]{"parentReference", func(_ *call, e *entry) any {
		ref := map[string]any{"driveId": e.drive.ID, "driveType": "business"}
		if e.item != nil {
			ref["id"] = orElse(e.item.Parent, e.drive.rootID())
		}
		return ref
	}},
	field[entry]{"webUrl", func(_ *call, e *entry) any {
		return "https://contoso-my.sharepoint.com/personal/items/" + e.id()
	}},
)

// present leaves out facets that do not apply, which Graph omits instead of writing null.
func (e entry) present(c *call) item {
	i := itemSchema.item(c, e.id(), &e)
	get := i.get
	i.get = func(name string) (any, bool) {
		v, ok := get(name)
		return v, ok && v != nil
	}
	return i
}

// userDrive is the OneDrive of the user in the path.
func (c *call) userDrive() (*Drive, *reply) {
	u, bad := c.reading()
	if bad != nil {
		return nil, bad
	}
	if d := c.t.world.Drives[u.ID]; d != nil {
		return d, nil
	}
	r := c.fail(http.StatusNotFound, "ResourceNotFound", "User's mysite not found.")
	return nil, &r
}

func (c *call) noItem() *reply {
	r := c.fail(http.StatusNotFound, "itemNotFound", "The resource could not be found.")
	return &r
}

// drive is the drive in the path; it outlives its owner by 30 days.
func (c *call) drive() (*Drive, *reply) {
	for _, d := range c.t.world.Drives {
		if d.ID == c.arg["drive"] {
			return d, nil
		}
	}
	return nil, c.noItem()
}

// entry is the item in the path, the root folder when the path names none.
func (c *call) entry() (entry, *reply) {
	d, bad := c.drive()
	if bad != nil {
		return entry{}, bad
	}
	id := c.arg["item"]
	if id == "" || id == "root" || id == d.rootID() {
		return entry{drive: d}, nil
	}
	i := d.item(id)
	if i == nil {
		return entry{}, c.noItem()
	}
	return entry{drive: d, item: i}, nil
}

func getUserDrive(c *call) reply {
	d, bad := c.userDrive()
	if bad != nil {
		return *bad
	}
	return c.entity("drives", driveSchema.item(c, d.ID, d), false, driveSchema)
}

func getDrive(c *call) reply {
	d, bad := c.drive()
	if bad != nil {
		return *bad
	}
	return c.entity("drives", driveSchema.item(c, d.ID, d), false, driveSchema)
}

func getUserDriveRoot(c *call) reply {
	d, bad := c.userDrive()
	if bad != nil {
		return *bad
	}
	c.arg["drive"] = d.ID
	return getDriveRoot(c)
}

func getDriveRoot(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	return c.entity(fmt.Sprintf("drives('%s')/root", e.drive.ID), e.present(c), false, itemSchema)
}

func getDriveItem(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	return c.entity(fmt.Sprintf("drives('%s')/items", e.drive.ID), e.present(c), false, itemSchema)
}

func listUserDriveChildren(c *call) reply {
	d, bad := c.userDrive()
	if bad != nil {
		return *bad
	}
	c.arg["drive"] = d.ID
	return listChildren(c)
}

func listChildren(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	var items []item
	for i := range e.drive.Items {
		if child := &e.drive.Items[i]; child.Parent == e.inner() {
			items = append(items, entry{drive: e.drive, item: child}.present(c))
		}
	}
	return c.list(items, page{set: fmt.Sprintf("drives('%s')/items('%s')/children", e.drive.ID, e.id()), size: 200, most: 999}, itemSchema)
}

func createFolder(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "name", "folder"); bad != nil {
		return *bad
	}
	name, _ := str(c.body, "name")
	if _, isFolder := c.body["folder"].(map[string]any); name == "" || !isFolder {
		return c.fail(http.StatusBadRequest, "invalidRequest", "A new folder needs name and folder.")
	}
	behaviour, _ := str(c.body, "@microsoft.graph.conflictBehavior")
	made, failure := e.drive.add(e.inner(), DriveItem{Name: name, Folder: true}, orElse(behaviour, "fail"), c.requestID)
	if failure != "" {
		return c.fail(http.StatusConflict, failure, "An item with the same name already exists under the parent")
	}
	body := entry{drive: e.drive, item: e.drive.item(made)}.present(c).render(nil, false)
	body["@odata.context"] = c.context(fmt.Sprintf("drives('%s')/items", e.drive.ID), nil, true)
	return reply{status: http.StatusCreated, body: body}
}

// add puts an item into a folder. It answers the new id, or the error code when the name is taken.
func (d *Drive) add(folder string, i DriveItem, behaviour, unique string) (string, string) {
	taken := func(name string) int {
		return slices.IndexFunc(d.Items, func(x DriveItem) bool { return x.Parent == folder && strings.EqualFold(x.Name, name) })
	}
	name := i.Name
	for n := 1; taken(i.Name) >= 0; n++ {
		switch behaviour {
		case "rename":
			i.Name = fmt.Sprintf("%s %d", name, n)
		case "replace":
			k := taken(i.Name)
			d.Items = slices.Delete(d.Items, k, k+1)
		default:
			return "", "nameAlreadyExists"
		}
	}
	i.ID, i.Parent = itemID(d.ID, folder, i.Name, unique), folder
	d.Items = append(d.Items, i)
	return i.ID, ""
}

func grantBody(g Grant) map[string]any {
	m := map[string]any{
		"id": g.ID, "roles": g.Roles, "grantedToV2": map[string]any{"user": map[string]any{"email": g.Email}},
		"invitation": map[string]any{"email": g.Email, "signInRequired": true},
	}
	if g.Expires != "" {
		m["expirationDateTime"] = g.Expires
	}
	return m
}

func listGrants(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	value := []any{}
	for _, g := range e.drive.Grants {
		if g.Item == e.inner() {
			value = append(value, grantBody(g))
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"@odata.context": c.context("permissions", nil, false), "value": value}}
}

func invite(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "recipients", "roles", "requireSignIn", "sendInvitation", "message", "expirationDateTime"); bad != nil {
		return *bad
	}
	roles, err := asStrings(c.body["roles"])
	recipients, ok := c.body["recipients"].([]any)
	if err != nil || !ok || len(recipients) == 0 || len(roles) == 0 {
		return c.fail(http.StatusBadRequest, "invalidRequest", "recipients and roles are required.")
	}
	expires, _ := str(c.body, "expirationDateTime")
	status, value := http.StatusOK, []any{}
	for _, x := range recipients {
		m, _ := x.(map[string]any)
		email, _ := str(m, "email")
		id, _ := str(m, "objectId")
		u := c.t.world.Users[c.t.world.userID(orElse(id, email))]
		if u == nil {
			status = http.StatusMultiStatus
			value = append(value, map[string]any{"invitation": map[string]any{"email": email}, "error": map[string]any{"code": "noResolvedUsers", "message": "The user could not be found."}})
			continue
		}
		g := Grant{ID: derived("grant", e.drive.ID, e.inner(), u.ID), Item: e.inner(), Email: orElse(u.Mail, u.UserPrincipalName), Roles: roles, Expires: expires}
		if i := slices.IndexFunc(e.drive.Grants, func(o Grant) bool { return o.ID == g.ID }); i >= 0 {
			e.drive.Grants[i] = g
		} else {
			e.drive.Grants = append(e.drive.Grants, g)
		}
		value = append(value, grantBody(g))
	}
	return reply{status: status, body: map[string]any{"value": value}}
}

// copyItem starts a copy of an item, with all that is in it, into a folder of any drive. The new items show at once; the monitor says when the
// copy is complete.
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
	source := slices.Clone(e.drive.Items) // the target may be the same drive
	job.Resource, job.Failure = to.drive.add(to.inner(), i, orElse(c.query.Get("@microsoft.graph.conflictBehavior"), "fail"), c.requestID)
	if job.Failure == "" && i.Folder {
		to.drive.addAll(source, e.inner(), job.Resource, c.requestID)
	}
	c.t.world.Copies[job.ID] = job
	return reply{status: http.StatusAccepted, header: map[string]string{"Location": "https://" + c.r.Host + "/monitor/" + job.ID}}
}

func (d *Drive) addAll(source []DriveItem, from, to, unique string) {
	for _, i := range source {
		if i.Parent != from {
			continue
		}
		made, _ := d.add(to, DriveItem{Name: i.Name, Size: i.Size, Folder: i.Folder}, "rename", unique)
		if i.Folder {
			d.addAll(source, i.ID, made, unique)
		}
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
		return reply{status: http.StatusOK, body: map[string]any{"status": "failed", "error": map[string]any{"code": job.Failure, "message": "An item with the same name already exists under the parent"}}}
	}
	return reply{status: http.StatusAccepted, body: map[string]any{"percentageComplete": 100.0, "resourceId": job.Resource, "status": "completed"}}
}
