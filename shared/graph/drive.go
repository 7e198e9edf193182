package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"leaver/shared/offboarding"

	abstractions "github.com/microsoft/kiota-abstractions-go"
)

// The SDK's package for drives compiles for longer than all others together, so the calls here
// are spelt out and their answers read as far as they are needed.

// fileID is what the ids of drives, items and permissions are made of. They are put into paths.
var fileID = regexp.MustCompile(`^[A-Za-z0-9!_=-]+$`)

// send makes one call about drives, items and permissions, whose ids it verifies to be ids and
// puts into the path. The answer is read into a T.
func send[T any](ctx context.Context, c *Client, doing string, method abstractions.HttpMethod, path string, body any, ids ...any) (T, error) {
	for _, id := range ids {
		if text, _ := id.(string); !fileID.MatchString(text) {
			var none T
			return none, offboarding.Permanent(fmt.Errorf("%s: a name instead of an id", doing))
		}
		doing += fmt.Sprintf(" %s", id)
	}
	answer, _, err := ask(ctx, doing, nil, func(ctx context.Context) (T, error) {
		return call[T](ctx, c, abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(method, "{+baseurl}"+fmt.Sprintf(path, ids...), map[string]string{}), body)
	})
	return answer, err
}

// call sends one request and reads its answer, unless T is struct{}.
func call[T any](ctx context.Context, c *Client, info *abstractions.RequestInformation, body any) (T, error) {
	var answer T
	info.Headers.TryAdd("Accept", "application/json")
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer, err
		}
		info.SetStreamContentAndContentType(text, "application/json")
	}
	raw, err := c.adapter.SendPrimitive(ctx, info, "[]byte", failures)
	if err != nil {
		return answer, err
	}
	if _, nothing := any(answer).(struct{}); nothing {
		return answer, nil
	}
	if text, _ := raw.([]byte); len(text) > 0 {
		return answer, json.Unmarshal(text, &answer)
	}
	return answer, errNothing
}

// listing reads all pages of a listing.
func listing[T any](ctx context.Context, c *Client, doing, path string, drive, id string) ([]T, error) {
	type page struct {
		Value []T
		Next  string `json:"@odata.nextLink"`
	}
	p, err := send[page](ctx, c, doing, abstractions.GET, path, nil, drive, id)
	all := p.Value
	for err == nil && p.Next != "" {
		p, err = follow[page](ctx, c, doing+" "+drive+" "+id, p.Next)
		all = append(all, p.Value...)
	}
	return all, err
}

// follow reads the page that another one names as the next.
func follow[T any](ctx context.Context, c *Client, doing, address string) (T, error) {
	next, err := url.Parse(address)
	if err != nil {
		var none T
		return none, errors.New(doing + ": the address of the next page is none")
	}
	info := abstractions.NewRequestInformation()
	info.Method = abstractions.GET
	info.SetUri(*next)
	page, _, err := ask(ctx, doing, nil, func(ctx context.Context) (T, error) { return call[T](ctx, c, info, nil) })
	return page, err
}

// item is a driveItem as far as it is read.
type item struct {
	ID     string
	Name   string
	Size   int64
	Folder *struct{ ChildCount int }
	File   *struct {
		Hashes struct{ QuickXorHash, Sha1Hash, Sha256Hash string }
	}
	Shared          *struct{}
	Root            *struct{}
	Deleted         *struct{}
	ParentReference struct{ DriveID string }
}

func (i item) drive() offboarding.Drive {
	d := offboarding.Drive{ID: i.ParentReference.DriveID, Root: i.ID, Content: offboarding.Content{Exists: true, Bytes: i.Size}}
	if i.Folder != nil {
		d.Items = i.Folder.ChildCount
	}
	return d
}

func (i item) domain() offboarding.DriveItem {
	d := offboarding.DriveItem{ID: i.ID, Name: i.Name, Folder: i.Folder != nil, Size: i.Size, Shared: i.Shared != nil}
	if i.File != nil {
		h := i.File.Hashes
		d.Hashes = offboarding.Hashes{QuickXor: h.QuickXorHash, SHA1: h.Sha1Hash, SHA256: h.Sha256Hash}
	}
	return d
}

// Drive reads the root of the user's OneDrive. No OneDrive is no error: the content does not
// exist. A user who is not there is offboarding.ErrNotFound. Permission: Files.Read.All.
func (c *Client) Drive(ctx context.Context, user string) (offboarding.Drive, error) {
	root, _, err := ask(ctx, "read the drive of", []string{user}, func(ctx context.Context) (item, error) {
		return call[item](ctx, c, abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET,
			"{+baseurl}/users/{id}/drive/root?$select=id,size,folder,parentReference", map[string]string{"id": user}), nil)
	})
	var p *problem
	if errors.Is(err, offboarding.ErrNotFound) && errors.As(err, &p) && !slices.Contains(p.codes, "Request_ResourceNotFound") {
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
	root, err := send[item](ctx, c, "read drive", abstractions.GET, "/drives/%s/root?$select=id,size,folder,parentReference", nil, drive)
	if err != nil {
		return offboarding.Drive{}, err
	}
	d := root.drive()
	d.ID = drive
	return d, nil
}

// DriveItems lists what lies in a folder, page by page. A folder that is not there is
// offboarding.ErrNotFound. Permission: Files.Read.All.
func (c *Client) DriveItems(ctx context.Context, drive, folder string) ([]offboarding.DriveItem, error) {
	found, err := listing[item](ctx, c, "list folder", "/drives/%s/items/%s/children?$top=200&$select=id,name,size,folder,file,shared", drive, folder)
	items := make([]offboarding.DriveItem, len(found))
	for n := range found {
		items[n] = found[n].domain()
	}
	return items, err
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
	list, err := listing[permission](ctx, c, "read the permissions of", "/drives/%s/items/%s/permissions", drive, id)
	if err != nil {
		return nil, err
	}
	var out []offboarding.SharingPermission
	for _, p := range list {
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
	_, err := send[struct{}](ctx, c, "remove a permission of", abstractions.DELETE, "/drives/%s/items/%s/permissions/%s", nil, drive, id, permission)
	return err
}

// LetRead lets a user, by object id, read an item and everything in it, after signing in. No
// mail is sent. Graph does not promise that a repetition changes nothing: read the permissions
// first. Permission: Files.ReadWrite.All.
func (c *Client) LetRead(ctx context.Context, drive, id, user string) error {
	if err := objectID(user); err != nil {
		return fmt.Errorf("invite to %s %s: %w", drive, id, err)
	}
	type invited struct{ Error *struct{ Code string } }
	answer, err := send[struct{ Value []invited }](ctx, c, "invite to", abstractions.POST, "/drives/%s/items/%s/invite", map[string]any{
		"recipients": []any{map[string]string{"objectId": user}}, "roles": []string{"read"}, "requireSignIn": true, "sendInvitation": false,
	}, drive, id)
	if err != nil {
		return err
	}
	for _, i := range answer.Value { // 207
		if i.Error != nil {
			return offboarding.Permanent(fmt.Errorf("invite %s to %s %s: %s", user, drive, id, i.Error.Code))
		}
	}
	return nil
}

// MakeFolder makes a folder in another one and returns its item id. A taken name is an error
// that is worth a second look: list the folder first, and after it. Permission:
// Files.ReadWrite.All.
func (c *Client) MakeFolder(ctx context.Context, drive, parent, name string) (string, error) {
	made, err := send[item](ctx, c, "make a folder in", abstractions.POST, "/drives/%s/items/%s/children", map[string]any{
		"name": name, "folder": struct{}{}, "@microsoft.graph.conflictBehavior": "fail",
	}, drive, parent)
	if taken(err) {
		return "", fmt.Errorf("make a folder in %s %s: the name is taken by now", drive, parent)
	}
	return made.ID, err
}

// copying is the path of a copy, of which a taken name is the end.
const copying = "/drives/%s/items/%s/copy?@microsoft.graph.conflictBehavior=fail"

// Copies starts the copies of items, each with everything in it, into a folder of any drive, 20
// in one round trip, and returns for each the address of its monitor. That is a secret of a kind:
// whoever has it can ask how far the copy is, and it may name the owner of the drive. Where the
// name is taken nothing is copied. No monitor and no error means that it was taken at once. An
// item or folder that is not there is offboarding.ErrNotFound. Permission: Files.ReadWrite.All.
func (c *Client) Copies(ctx context.Context, drive string, items []string, toDrive, toFolder string) []offboarding.CopyStart {
	var starts []offboarding.CopyStart
	for part := range slices.Chunk(items, mostBatched) {
		if slices.ContainsFunc(append([]string{drive, toDrive, toFolder}, part...), func(id string) bool { return !fileID.MatchString(id) }) {
			bad := offboarding.CopyStart{Err: offboarding.Permanent(errors.New("copy: a name instead of an id"))}
			starts = append(starts, slices.Repeat([]offboarding.CopyStart{bad}, len(part))...)
			continue
		}
		var changes []change
		for _, id := range part {
			changes = append(changes, change{
				doing: "copy", ids: []string{drive, id}, method: http.MethodPost, path: fmt.Sprintf(copying, drive, id),
				body: map[string]any{"parentReference": map[string]string{"driveId": toDrive, "id": toFolder}},
			})
		}
		answers, errs := c.change(ctx, changes)
		for i, err := range errs {
			location := ""
			if answers != nil {
				location = answers[i].header.Get("Location")
			}
			starts = append(starts, started(drive, part[i], location, err))
		}
	}
	return starts
}

// CopyChildren starts the copy of everything in a folder, which may be the root, by one request;
// otherwise it is as [Client.Copies]. A folder with more than [offboarding.MostChildren] items is
// refused: permanent. One taken name ends the whole copy, which then may be there in part.
// Permission: Files.ReadWrite.All.
func (c *Client) CopyChildren(ctx context.Context, drive, folder, toDrive, toFolder string) offboarding.CopyStart {
	if !fileID.MatchString(toDrive) || !fileID.MatchString(toFolder) {
		return offboarding.CopyStart{Err: offboarding.Permanent(errors.New("copy the children of: a name instead of an id"))}
	}
	location := ""
	_, err := send[struct{}](context.WithValue(ctx, locationKey{}, &location), c, "copy the children of", abstractions.POST, copying, map[string]any{
		"parentReference": map[string]string{"driveId": toDrive, "id": toFolder}, "childrenOnly": true,
	}, drive, folder)
	return started(drive, folder, location, err)
}

// started reads the answer to a request to copy.
func started(drive, id, location string, err error) offboarding.CopyStart {
	switch {
	case taken(err):
		return offboarding.CopyStart{}
	case err == nil && location == "":
		err = errors.New("copy " + drive + " " + id + ": accepted, but without a monitor")
	}
	if err != nil {
		return offboarding.CopyStart{Err: err}
	}
	return offboarding.CopyStart{Monitor: location}
}

// taken reports whether an error is Graph's answer to a name that another item has.
func taken(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.status == http.StatusConflict && slices.Contains(p.codes, "nameAlreadyExists")
}

// CopyState asks a monitor how far its copy is. A monitor that is not there any more is
// offboarding.ErrNotFound. The monitor is on a host of SharePoint and gets no token.
func (c *Client) CopyState(ctx context.Context, monitor string) (offboarding.CopyState, error) {
	const doing = "ask the monitor of a copy"
	address, err := url.Parse(monitor)
	if err != nil || address.Scheme != "https" || address.Host == "" || address.User != nil {
		return offboarding.CopyState{}, offboarding.Permanent(errors.New(doing + ": its address is none of https"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, monitor, nil)
	if err != nil {
		return offboarding.CopyState{}, offboarding.Permanent(errors.New(doing + ": its address is none"))
	}
	req.Header.Set("User-Agent", "leaver")
	res, err := c.plain.Do(req)
	if err != nil {
		return offboarding.CopyState{}, classify(doing, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSeeOther { // to the new item
		return offboarding.CopyState{Percent: 100, Done: true}, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, biggestError))
	if err != nil {
		return offboarding.CopyState{}, classify(doing, err)
	}
	if res.StatusCode >= 300 {
		return offboarding.CopyState{}, classify(doing, &problem{status: res.StatusCode, codes: codesOf(body), retry: res.Header.Get("Retry-After")})
	}
	var answer struct {
		Status             string
		PercentageComplete float64
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return offboarding.CopyState{}, fmt.Errorf("%s: %w", doing, err)
	}
	state := offboarding.CopyState{Percent: answer.PercentageComplete}
	switch answer.Status {
	case "completed":
		state.Done = true
	case "failed", "deleteFailed", "cancelled", "cancelPending":
		state.Done, state.Failure = true, answer.Status
		if codes := codesOf(body); len(codes) > 0 {
			state.Failure = codes[0]
		}
	}
	return state, nil
}

// changes is a page of what delta reports.
type changes struct {
	Value []item
	Next  string `json:"@odata.nextLink"`
	Link  string `json:"@odata.deltaLink"`
}

// DeltaToken marks the drive as it is now: [Client.Delta] reports what changes after it. The
// token is Graph's own, and is known for a time that Microsoft does not say; it opens nothing.
// Permission: Files.Read.All. Source: Microsoft Graph, driveItem: delta, token=latest.
func (c *Client) DeltaToken(ctx context.Context, drive string) (string, error) {
	const doing = "mark the changes of drive"
	p, err := send[changes](ctx, c, doing, abstractions.GET, "/drives/%s/root/delta?token=latest&$select=id", nil, drive)
	if err != nil {
		return "", err
	}
	token := tokenOf(p.Link)
	if token == "" {
		return "", errors.New(doing + " " + drive + ": the answer has no token")
	}
	return token, nil
}

// functionToken is a token that stands in a path, as delta(token='…').
var functionToken = regexp.MustCompile(`\(token='([^']+)'\)`)

// tokenOf is the token of a deltaLink, which Graph writes in two ways.
func tokenOf(link string) string {
	address, err := url.Parse(link)
	if err != nil {
		return ""
	}
	if token := address.Query().Get("token"); token != "" {
		return token
	}
	if found := functionToken.FindStringSubmatch(address.Path); found != nil {
		return found[1]
	}
	return ""
}

// Delta lists the ids of items that have changed since a token: in content, name, place or
// permissions, new ones and deleted ones. It ends with the first page that has any. The root,
// which is in every answer, does not count, and folders are left out beside what lies in them. A
// token that Graph does not know any more is offboarding.ErrResyncRequired. Permission:
// Files.Read.All.
func (c *Client) Delta(ctx context.Context, drive, token string) ([]string, error) {
	const doing = "read the changes of drive"
	if !fileID.MatchString(drive) {
		return nil, offboarding.Permanent(errors.New(doing + ": a name instead of an id"))
	}
	info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET,
		"{+baseurl}/drives/"+drive+"/root/delta?token={token}&$select=id,folder,root,deleted", map[string]string{"token": token})
	p, _, err := ask(ctx, doing+" "+drive, nil, func(ctx context.Context) (changes, error) { return call[changes](ctx, c, info, nil) })
	for {
		if err != nil {
			return nil, err
		}
		if changed := p.items(); len(changed) > 0 || p.Next == "" {
			return changed, nil
		}
		p, err = follow[changes](ctx, c, doing+" "+drive, p.Next)
	}
}

// items are the ids of a page.
func (p changes) items() []string {
	var others, folders []string
	for _, i := range p.Value {
		switch {
		case i.Root != nil:
		case i.Folder != nil && i.Deleted == nil:
			folders = append(folders, i.ID)
		default:
			others = append(others, i.ID)
		}
	}
	if len(others) > 0 {
		return others
	}
	return folders
}
