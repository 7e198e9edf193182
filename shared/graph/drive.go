package graph

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"

	"leaver/shared/offboarding"
)

// driveItem is what Graph says of an item in a drive.
type driveItem struct {
	ID     string
	Name   string
	Size   int64
	Folder *struct{ ChildCount int }
	File   *struct {
		Hashes struct{ QuickXorHash, Sha1Hash, Sha256Hash string }
	}
	Shared          *struct{}
	RemoteItem      *struct{}
	Package         *struct{ Type string }
	WebURL          string
	Root            *struct{}
	Deleted         *struct{}
	ParentReference struct{ DriveID string }
}

func (i driveItem) drive() offboarding.Drive {
	d := offboarding.Drive{ID: i.ParentReference.DriveID, Root: i.ID, Content: offboarding.Content{Exists: true, Bytes: i.Size}}
	if i.Folder != nil {
		d.Items = i.Folder.ChildCount
	}
	return d
}

func (i driveItem) domain() offboarding.DriveItem {
	d := offboarding.DriveItem{ID: i.ID, Name: i.Name, Folder: i.Folder != nil, Size: i.Size, Shared: i.Shared != nil, Remote: i.RemoteItem != nil, WebURL: i.WebURL}
	if i.Package != nil {
		d.Package = i.Package.Type
	}
	if i.File != nil {
		h := i.File.Hashes
		d.Hashes = offboarding.Hashes{QuickXor: h.QuickXorHash, SHA1: h.Sha1Hash, SHA256: h.Sha256Hash}
	}
	return d
}

const selectDrive = "$select=id,size,folder,parentReference"

// Drive reads the root of the user's OneDrive. No OneDrive is no error: the content does not
// exist. A user who is not there is offboarding.ErrNotFound. Permission: Files.Read.All.
func (c *Client) Drive(ctx context.Context, user string) (offboarding.Drive, error) {
	root, err := get[driveItem](ctx, c, call{
		doing: "reading the drive of user", objects: []string{user}, path: "/users/{}/drive/root", query: selectDrive, budget: budgetFile,
	})
	var p *problem
	if errors.Is(err, offboarding.ErrNotFound) && errors.As(err, &p) && !has(err, "Request_ResourceNotFound") {
		return offboarding.Drive{}, nil // SharePoint's 404, not Entra's
	}
	if err != nil {
		return offboarding.Drive{}, err
	}
	return root.drive(), nil
}

// DriveRoot reads the root of a drive by its id. A drive that is not there is
// offboarding.ErrNotFound. Permission: Files.Read.All.
func (c *Client) DriveRoot(ctx context.Context, drive string) (offboarding.Drive, error) {
	root, err := get[driveItem](ctx, c, call{doing: "reading drive", files: []string{drive}, path: "/drives/{}/root", query: selectDrive, budget: budgetFile})
	if err != nil {
		return offboarding.Drive{}, err
	}
	d := root.drive()
	d.ID = drive
	return d, nil
}

// Libraries lists the document libraries of the site of a user's OneDrive, with the OneDrive itself. Graph
// gives all the same name. Permission: Files.Read.All.
// Source: Microsoft Graph, List drives; microsoftgraph/microsoft-graph-docs issue 18173.
func (c *Client) Libraries(ctx context.Context, user string) ([]offboarding.Library, error) {
	found, err := list[struct{ ID, WebURL string }](ctx, c, call{
		doing: "listing the drives of user", objects: []string{user}, path: "/users/{}/drives", query: "$select=id,webUrl", budget: budgetFiles,
	})
	libraries := make([]offboarding.Library, len(found))
	for n, d := range found {
		libraries[n] = offboarding.Library{ID: d.ID, WebURL: d.WebURL, Preserved: path.Base(d.WebURL) == "PreservationHoldLibrary"}
	}
	return libraries, err
}

// DriveItems lists what lies in a folder, page by page. A folder that is not there is
// offboarding.ErrNotFound. Permission: Files.Read.All.
func (c *Client) DriveItems(ctx context.Context, drive, folder string) ([]offboarding.DriveItem, error) {
	found, err := list[driveItem](ctx, c, call{
		doing: "listing folder", files: []string{drive, folder}, path: "/drives/{}/items/{}/children", query: "$top=200&$select=id,name,size,folder,file,shared,remoteItem,package,webUrl",
		budget: budgetFiles,
	})
	items := make([]offboarding.DriveItem, len(found))
	for n := range found {
		items[n] = found[n].domain()
	}
	return items, err
}

// DriveQuota reads how much a drive holds, and how much of it lies in its recycle bin, which goes
// with the drive. Permission: Files.Read.All.
func (c *Client) DriveQuota(ctx context.Context, drive string) (offboarding.Quota, error) {
	type quota struct {
		Used    int64
		Deleted *int64
	}
	d, err := get[struct{ Quota quota }](ctx, c, call{
		doing: "reading the quota of drive", files: []string{drive}, path: "/drives/{}", query: "$select=id,quota", budget: budgetFile,
	})
	return offboarding.Quota{Used: d.Quota.Used, Deleted: value(d.Quota.Deleted), Unknown: d.Quota.Deleted == nil}, err
}

// SharingPermissions lists who may use an item, with what it inherits. Permission:
// Files.Read.All.
func (c *Client) SharingPermissions(ctx context.Context, drive, id string) ([]offboarding.SharingPermission, error) {
	type permission struct {
		ID            string
		Roles         []string
		Link          *struct{ Type, Scope string }
		GrantedToV2   struct{ User struct{ ID string } }
		InheritedFrom *struct{}
	}
	all, err := list[permission](ctx, c, call{
		doing: "reading the permissions of item", files: []string{drive, id}, path: "/drives/{}/items/{}/permissions", budget: budgetSharing,
	})
	if err != nil {
		return nil, err
	}
	var out []offboarding.SharingPermission
	for _, p := range all {
		s := offboarding.SharingPermission{ID: p.ID, Roles: p.Roles, GrantedTo: p.GrantedToV2.User.ID, Inherited: p.InheritedFrom != nil}
		if p.Link != nil {
			s.Link, s.Scope = p.Link.Type, p.Link.Scope
		}
		out = append(out, s)
	}
	return out, nil
}

// RemoveSharing removes a permission of an item that it does not inherit. One that is not there
// is offboarding.ErrNotFound. Permission: Files.ReadWrite.All.
func (c *Client) RemoveSharing(ctx context.Context, drive, id, permission string) error {
	_, err := c.write(ctx, call{
		doing: "removing a permission of item", files: []string{drive, id, permission}, method: http.MethodDelete, path: "/drives/{}/items/{}/permissions/{}",
		budget: budgetSharing,
	})
	return err
}

// LetRead lets a user, by object id, read an item and everything in it, after signing in. No
// mail is sent. Graph does not promise that a repetition changes nothing: read the permissions
// first. Permission: Files.ReadWrite.All.
func (c *Client) LetRead(ctx context.Context, drive, id, user string) error {
	type invited struct{ Error *struct{ Code string } }
	a, err := c.write(ctx, call{
		doing: "inviting user to item", objects: []string{user}, files: []string{drive, id}, path: "/drives/{}/items/{}/invite", budget: budgetSharing,
		body: map[string]any{
			"recipients": []any{map[string]string{"objectId": user}}, "roles": []string{"read"}, "requireSignIn": true, "sendInvitation": false,
		},
	})
	if err != nil {
		return err
	}
	answer, err := decode[struct{ Value []invited }](a)
	for _, i := range answer.Value { // 207
		if i.Error != nil && isCode(i.Error.Code) {
			return offboarding.Permanent(fmt.Errorf("%s: %s", a.what, i.Error.Code))
		}
	}
	return err
}

// MakeFolder makes a folder in another one and returns its item id. A taken name is an error
// that is worth a second look: list the folder first, and after it. Permission:
// Files.ReadWrite.All.
func (c *Client) MakeFolder(ctx context.Context, drive, parent, name string) (string, error) {
	a, err := c.write(ctx, call{
		doing: "making a folder in", files: []string{drive, parent}, path: "/drives/{}/items/{}/children", budget: budgetFiles,
		body: map[string]any{"name": name, "folder": struct{}{}, "@microsoft.graph.conflictBehavior": "fail"},
	})
	if taken(err) {
		return "", fmt.Errorf("making a folder in %s %s: the name is taken by now", drive, parent)
	}
	if err != nil {
		return "", err
	}
	made, err := decode[driveItem](a)
	return made.ID, err
}

// taken reports whether an error is Graph's answer to a name that another item has.
func taken(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.status == http.StatusConflict && has(err, "nameAlreadyExists")
}
