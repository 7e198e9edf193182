package simtenant

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// quota is the storage of a OneDrive, in bytes.
func (d *Drive) quota() int64 {
	if d.Quota > 0 {
		return d.Quota
	}
	return 1 << 40
}

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
		return "https://contoso-my.sharepoint.com/personal/" + strings.NewReplacer("@", "_", ".", "_").Replace(c.ownerUPN(d)) + "/" + orElse(d.Library, "Documents")
	}},
	field[Drive]{"owner", func(c *call, d *Drive) any {
		return map[string]any{"user": map[string]any{"id": d.Owner, "email": c.ownerUPN(d)}}
	}},
	field[Drive]{"quota", func(_ *call, d *Drive) any {
		used, _ := d.size("")
		return map[string]any{"total": d.quota(), "used": used, "remaining": d.quota() - used, "deleted": d.Recycled, "state": "normal"}
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
	drive   *Drive
	item    *DriveItem
	deleted bool // as delta tells of it
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
		switch {
		case e.item == nil:
			return "root"
		case e.deleted:
			return nil
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
		if e.item == nil || e.item.Folder || e.item.Remote || e.item.Package != "" {
			return nil
		}
		file := map[string]any{"mimeType": "application/octet-stream"}
		if e.item.Hash != "" {
			file["hashes"] = map[string]any{"quickXorHash": e.item.Hash}
		}
		return file
	}},
	field[entry]{"shared", func(_ *call, e *entry) any {
		for _, g := range e.drive.Grants {
			if g.Item == e.inner() {
				return map[string]any{"scope": orElse(g.Scope, "users")}
			}
		}
		return nil
	}},
	field[entry]{"deleted", func(_ *call, e *entry) any {
		if !e.deleted {
			return nil
		}
		return map[string]any{"state": "deleted"}
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
	field[entry]{"remoteItem", func(_ *call, e *entry) any {
		if e.item == nil || !e.item.Remote {
			return nil
		}
		return map[string]any{"id": itemID("remote", e.item.ID), "name": e.item.Name, "folder": map[string]any{}, "parentReference": map[string]any{"driveId": "b!remote"}}
	}},
	field[entry]{"package", func(_ *call, e *entry) any {
		if e.item == nil || e.item.Package == "" {
			return nil
		}
		return map[string]any{"type": e.item.Package}
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
		return d, c.locked(d)
	}
	r := c.fail(http.StatusNotFound, "ResourceNotFound", "User's mysite not found.")
	return nil, &r
}

// locked is the refusal of everything in a drive whose site is locked.
// Source: OneDrive/onedrive-api-docs PR 1199; Lock and unlock sites.
func (c *call) locked(d *Drive) *reply {
	if !d.Locked {
		return nil
	}
	r := c.fail(http.StatusLocked, "resourceLocked", "The resource you are attempting to access is locked")
	return &r
}

func (c *call) noItem() *reply {
	r := c.fail(http.StatusNotFound, "itemNotFound", "The resource could not be found.")
	return &r
}

// drive is the drive in the path, or a further library of one; it outlives its owner by 30 days.
func (c *call) drive() (*Drive, *reply) {
	d, site := c.t.world.drive(c.arg["drive"])
	if d == nil {
		return nil, c.noItem()
	}
	return d, c.locked(site)
}

// drive finds a drive by its id, and the OneDrive in whose site it is.
func (w *World) drive(id string) (d, site *Drive) {
	site = w.Drives[w.one(kindDrive, "id:"+id)]
	if site == nil || site.ID == id {
		return site, site
	}
	return site.Libraries[slices.IndexFunc(site.Libraries, func(l *Drive) bool { return l.ID == id })], site
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

// listUserDrives are the OneDrive and the further libraries of its site, all by one name.
// Source: Microsoft Graph, List drives; microsoftgraph/microsoft-graph-docs issue 18173.
func listUserDrives(c *call) reply {
	d, bad := c.userDrive()
	if bad != nil {
		return *bad
	}
	items := []item{driveSchema.item(c, d.ID, d)}
	for _, l := range d.Libraries {
		items = append(items, driveSchema.item(c, l.ID, l))
	}
	return c.list(items, page{set: "drives", size: 200, most: 999}, driveSchema)
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

var versionSchema = newSchema("driveItemVersion", "",
	field[itemVersion]{"id", func(_ *call, v *itemVersion) any { return v.name }},
	field[itemVersion]{"size", func(_ *call, v *itemVersion) any { return v.size }},
)

type itemVersion struct {
	name string
	size int64
}

// listVersions are the current version of a file and those before it. A copy takes none of them.
func listVersions(c *call) reply {
	e, bad := c.entry()
	if bad != nil {
		return *bad
	}
	if e.item == nil || e.item.Folder {
		return c.fail(http.StatusBadRequest, "invalidRequest", "Only files have versions.")
	}
	var items []item
	for n := e.item.Versions + 1; n > 0; n-- {
		name := fmt.Sprintf("%d.0", n)
		items = append(items, versionSchema.item(c, fmt.Sprintf("%06d", 1e6-n), &itemVersion{name, e.item.Size}))
	}
	return c.list(items, page{set: fmt.Sprintf("drives('%s')/items('%s')/versions", e.drive.ID, e.id()), size: 200, most: 999}, versionSchema)
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
