package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// lastingIDs asks for ids that stay when a message is moved, so that it is not taken for another one.
// Source: Microsoft Graph, Obtain immutable identifiers for Outlook resources.
const lastingIDs = `IdType="ImmutableId"`

// deltaPage is how many changes a page of a delta holds.
const deltaPage = 100

// recoverableDeletions is the well-known name of the folder with what people deleted and can recover.
const recoverableDeletions = "recoverableitemsdeletions"

// ofMailbox marks errors of a user whose mailbox Graph does not reach.
func ofMailbox(err error) error {
	if has(err, "MailboxNotEnabledForRESTAPI") {
		return fmt.Errorf("%w: %w", offboarding.ErrNoMailbox, err)
	}
	return err
}

// MailFolders lists the mail folders in another one, at the top when none is named; the hidden ones too.
// Permission: Mail.ReadBasic.All.
func (c *Client) MailFolders(ctx context.Context, user, parent string) ([]offboarding.MailboxFolder, error) {
	type folder struct {
		ID, DisplayName  string
		TotalItemCount   int
		ChildFolderCount int
		Type             string `json:"@odata.type"`
	}
	one := call{
		doing: "reading the mail folders of user", objects: []string{user}, path: "/users/{}/mailFolders", budget: budgetMailbox, prefer: lastingIDs,
		query: "includeHiddenFolders=true&$select=id,displayName,totalItemCount&$top=100",
	}
	if parent != "" {
		one.items, one.path = []string{parent}, "/users/{}/mailFolders/{}/childFolders"
	}
	found, err := list[folder](ctx, c, one)
	var out []offboarding.MailboxFolder
	for _, f := range found {
		out = append(out, offboarding.MailboxFolder{
			ID: f.ID, Parent: parent, Name: f.DisplayName, Items: f.TotalItemCount, Search: strings.HasSuffix(f.Type, "mailSearchFolder"),
		})
	}
	return out, ofMailbox(err)
}

// RecoverableMessages is how many deleted messages people could still recover, where Graph says so.
// Permission: Mail.ReadBasic.All.
func (c *Client) RecoverableMessages(ctx context.Context, user string) (int, error) {
	f, err := get[struct{ TotalItemCount int }](ctx, c, call{
		doing: "reading the recoverable items of user", objects: []string{user}, path: "/users/{}/mailFolders/" + recoverableDeletions,
		query: "$select=id,totalItemCount", budget: budgetMailbox,
	})
	return f.TotalItemCount, err
}

// MailChanges are the next changes of a mail folder after a token of its delta; without one, everything
// in it. A token that Graph does not know any more is offboarding.ErrResyncRequired, a folder that is gone
// offboarding.ErrNotFound. Permission: Mail.ReadBasic.All.
// Source: Microsoft Graph, message: delta.
func (c *Client) MailChanges(ctx context.Context, user, folder, token string) (offboarding.MailChanges, error) {
	type message struct {
		ID, ChangeKey    string
		ReceivedDateTime time.Time
		Removed          *struct{} `json:"@removed"`
	}
	one := call{
		doing: "reading the changes of mail folder", objects: []string{user}, items: []string{folder}, path: "/users/{}/mailFolders/{}/messages/delta",
		query: "$select=id,changeKey,receivedDateTime", budget: budgetMailbox,
		prefer: fmt.Sprintf("%s, odata.maxpagesize=%d", lastingIDs, deltaPage),
	}
	if strings.HasPrefix(token, listed) {
		return c.mailListed(ctx, user, folder, strings.TrimPrefix(token, listed))
	}
	if token != "" {
		kind, value, _ := strings.Cut(token, ":")
		if kind != "skip" && kind != "delta" {
			return offboarding.MailChanges{}, fmt.Errorf("%w: %s: the token is none", offboarding.ErrResyncRequired, one.what())
		}
		// Only the token is kept between two calls, never an address.
		one.query = "$" + kind + "token=" + escaped(value)
	}
	p, err := get[page[message]](ctx, c, one)
	switch {
	case unknown(err) && token == "":
		return c.mailListed(ctx, user, folder, "")
	case has(err, "SyncStateNotFound"), has(err, "SyncStateInvalid"), has(err, "resyncRequired"), has(err, "ErrorInvalidUrlQuery") && token != "":
		return offboarding.MailChanges{}, fmt.Errorf("%w: %w", offboarding.ErrResyncRequired, err)
	case err != nil:
		return offboarding.MailChanges{}, ofMailbox(err)
	case p.Value == nil:
		return offboarding.MailChanges{}, fmt.Errorf("%s: %w", one.what(), errNothing)
	}
	out := offboarding.MailChanges{Last: p.Next == ""}
	for _, m := range *p.Value {
		out.Changes = append(out.Changes, offboarding.MailChange{ID: m.ID, ChangeKey: m.ChangeKey, Received: m.ReceivedDateTime, Removed: m.Removed != nil})
	}
	for kind, link := range map[string]string{"skip": p.Next, "delta": p.Delta} {
		if address, err := url.Parse(link); err == nil && link != "" {
			for name, values := range address.Query() { // of which Outlook varies the case
				if strings.EqualFold(name, "$"+kind+"token") {
					out.Token = kind + ":" + values[0]
				}
			}
		}
	}
	if out.Token == "" {
		return offboarding.MailChanges{}, errors.New(one.what() + ": the answer has no token")
	}
	return out, nil
}

// listed is how a token begins where the cloud has no delta of messages.
const listed = "list:"

// mailListed is a page of everything in a mail folder, for the cloud of 21Vianet, whose metadata has no
// message: delta. After the last page there is no token: the next look is at everything again.
func (c *Client) mailListed(ctx context.Context, user, folder, after string) (offboarding.MailChanges, error) {
	one := call{
		doing: "reading the messages of mail folder", objects: []string{user}, items: []string{folder}, path: "/users/{}/mailFolders/{}/messages",
		query: fmt.Sprintf("$select=id,changeKey,receivedDateTime&$top=%d", deltaPage), budget: budgetMailbox, prefer: lastingIDs,
	}
	if name, value, is := strings.Cut(after, "="); is {
		one.query += "&$" + name + "=" + escaped(value)
	}
	type message struct {
		ID, ChangeKey    string
		ReceivedDateTime time.Time
	}
	p, err := get[page[message]](ctx, c, one)
	switch {
	case err != nil:
		return offboarding.MailChanges{}, ofMailbox(err)
	case p.Value == nil:
		return offboarding.MailChanges{}, fmt.Errorf("%s: %w", one.what(), errNothing)
	}
	out := offboarding.MailChanges{Last: p.Next == ""}
	for _, m := range *p.Value {
		out.Changes = append(out.Changes, offboarding.MailChange{ID: m.ID, ChangeKey: m.ChangeKey, Received: m.ReceivedDateTime})
	}
	if next, err := url.Parse(p.Next); err == nil {
		for _, name := range []string{"skiptoken", "skip"} {
			if value := next.Query().Get("$" + name); value != "" {
				out.Token = listed + name + "=" + value
				break
			}
		}
	}
	if out.Token == "" && !out.Last {
		return offboarding.MailChanges{}, errors.New(one.what() + ": the next page has no token")
	}
	return out, nil
}

// unreadable are the codes by which Exchange says of an item that it will never be converted, though with
// the status of an error that passes.
// Sources: Exchange Web Services, ResponseCode; LogicLabs-OU/OpenArchiver issue 487;
// microsoft-graph-docs-contrib issue 7758.
var unreadable = []string{
	"ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorMimeContentInvalid", "ErrorMimeContentInvalidBase64String",
	"ErrorCorruptData", "ErrorItemCorrupt", "ErrorMessageSizeExceeded", "ErrorUnsupportedMimeConversion",
}

// ofItem marks errors of an item that will not be handed out.
func ofItem(err error) error {
	if slices.ContainsFunc(unreadable, func(code string) bool { return has(err, code) }) {
		return fmt.Errorf("%w: %w", offboarding.ErrUnreadable, err)
	}
	return err
}

// MIME hands a message to read, as the bytes of a mail, while it arrives. Exchange's refusal to make mail
// of it is offboarding.ErrUnreadable, and a message that is gone offboarding.ErrNotFound. Permission:
// Mail.Read. Source: Microsoft Graph, Get MIME content of a message.
func (c *Client) MIME(ctx context.Context, user, message string, read func(io.Reader) error) error {
	return ofItem(c.stream(ctx, call{
		doing: "reading message", objects: []string{user}, items: []string{message}, path: "/users/{}/messages/{}/$value", budget: budgetMailbox, prefer: lastingIDs,
	}, read))
}

// Message is a message as Graph has it, for one that is no mail to Exchange. Permission: Mail.Read.
func (c *Client) Message(ctx context.Context, user, message string) (json.RawMessage, error) {
	raw, err := get[json.RawMessage](ctx, c, call{
		doing: "reading what is known of message", objects: []string{user}, items: []string{message}, path: "/users/{}/messages/{}", budget: budgetMailbox, prefer: lastingIDs,
	})
	return raw, ofItem(err)
}

// MailboxFolders lists the folders of contacts, the calendars of the user's own, or the lists of tasks.
// A part that the cloud does not have is offboarding.ErrNotOffered. Permissions: Contacts.Read,
// Calendars.Read, Tasks.Read.All.
func (c *Client) MailboxFolders(ctx context.Context, user string, part offboarding.MailboxPart) ([]offboarding.MailboxFolder, error) {
	var found []offboarding.MailboxFolder
	var err error
	switch part {
	case offboarding.PartContacts:
		found, err = c.contactFolders(ctx, user)
	case offboarding.PartCalendar:
		found, err = c.ownCalendars(ctx, user)
	case offboarding.PartTasks:
		found, err = folders(ctx, c, call{doing: "reading the task lists of user", objects: []string{user}, path: "/users/{}/todo/lists", query: "$top=100", budget: budgetMailbox})
	}
	if unknown(err) {
		err = fmt.Errorf("%w: %w", offboarding.ErrNotOffered, err)
	}
	return found, ofMailbox(err)
}

// folders reads a listing of folders.
func folders(ctx context.Context, c *Client, one call) ([]offboarding.MailboxFolder, error) {
	type folder struct {
		ID, DisplayName, Name string
	}
	found, err := list[folder](ctx, c, one)
	var out []offboarding.MailboxFolder
	for _, f := range found {
		name := f.DisplayName
		if name == "" {
			name = f.Name
		}
		out = append(out, offboarding.MailboxFolder{ID: f.ID, Name: name, Items: -1})
	}
	return out, err
}

// contactFolders lists folders of contacts with those in them, parents first. One that would be within
// itself is listed once.
func (c *Client) contactFolders(ctx context.Context, user string) ([]offboarding.MailboxFolder, error) {
	one := call{doing: "reading the contact folders of user", objects: []string{user}, path: "/users/{}/contactFolders", query: "$top=100", budget: budgetMailbox, prefer: lastingIDs}
	all, err := folders(ctx, c, one)
	one.path = "/users/{}/contactFolders/{}/childFolders"
	seen := map[string]bool{}
	for i := 0; i < len(all) && err == nil; i++ {
		if seen[all[i].ID] {
			continue
		}
		seen[all[i].ID] = true
		one.items = []string{all[i].ID}
		var below []offboarding.MailboxFolder
		below, err = folders(ctx, c, one)
		for _, f := range below {
			if f.Parent = all[i].ID; !seen[f.ID] {
				all = append(all, f)
			}
		}
	}
	return all, err
}

// ownCalendars are the calendars of the user's own: those of others, which they have opened, are not.
func (c *Client) ownCalendars(ctx context.Context, user string) ([]offboarding.MailboxFolder, error) {
	type calendar struct {
		ID, Name string
		Owner    struct{ Address string }
	}
	own, err := get[calendar](ctx, c, call{doing: "reading the calendar of user", objects: []string{user}, path: "/users/{}/calendar", query: "$select=id,owner", budget: budgetMailbox})
	if err != nil {
		return nil, err
	}
	all, err := list[calendar](ctx, c, call{doing: "reading the calendars of user", objects: []string{user}, path: "/users/{}/calendars", query: "$select=id,name,owner&$top=100", budget: budgetMailbox})
	var out []offboarding.MailboxFolder
	for _, one := range all {
		if strings.EqualFold(one.Owner.Address, own.Owner.Address) {
			out = append(out, offboarding.MailboxFolder{ID: one.ID, Name: one.Name, Items: -1})
		}
	}
	return out, err
}

// entryPage is how many entries a page of a listing holds: events bring whole documents along.
const entryPage = 50

// EachEntry hands every contact, event (a series once) or task of a folder to visit, whose error ends it.
// Permissions: Contacts.Read, Calendars.Read, Tasks.Read.All.
func (c *Client) EachEntry(ctx context.Context, user string, part offboarding.MailboxPart, folder string, visit func(offboarding.MailboxEntry) error) error {
	one := call{
		doing: "reading the entries of folder", objects: []string{user}, items: []string{folder}, query: fmt.Sprintf("$top=%d", entryPage), budget: budgetMailbox, prefer: lastingIDs,
		path: map[offboarding.MailboxPart]string{
			offboarding.PartContacts: "/users/{}/contactFolders/{}/contacts", offboarding.PartCalendar: "/users/{}/calendars/{}/events", offboarding.PartTasks: "/users/{}/todo/lists/{}/tasks",
		}[part],
	}
	for p, err := range pages[json.RawMessage](ctx, c, one) {
		if err != nil {
			return err
		}
		for _, raw := range *p.Value {
			var known struct{ ID, ChangeKey, LastModifiedDateTime string }
			if err := json.Unmarshal(raw, &known); err != nil || known.ID == "" {
				return errors.New(one.what() + ": an entry cannot be read")
			}
			version := known.ChangeKey
			if version == "" {
				version = known.LastModifiedDateTime
			}
			if err := visit(offboarding.MailboxEntry{ID: known.ID, Version: version, JSON: raw}); err != nil {
				return err
			}
		}
	}
	return nil
}

// EventAttachments lists the files of an event; links into OneDrive, and messages in it, are in its JSON
// alone. Permission: Calendars.Read.
func (c *Client) EventAttachments(ctx context.Context, user, event string) ([]offboarding.MailAttachment, error) {
	type attachment struct {
		ID, Name string
		Type     string `json:"@odata.type"`
	}
	found, err := list[attachment](ctx, c, call{
		doing: "reading the attachments of event", objects: []string{user}, items: []string{event}, path: "/users/{}/events/{}/attachments",
		query: "$select=id,name&$top=100", budget: budgetMailbox, prefer: lastingIDs,
	})
	var out []offboarding.MailAttachment
	for _, a := range found {
		if a.Type != "#microsoft.graph.referenceAttachment" {
			out = append(out, offboarding.MailAttachment{ID: a.ID, Name: a.Name})
		}
	}
	return out, err
}

// EventAttachment hands a file of an event to read while it arrives. Permission: Calendars.Read.
func (c *Client) EventAttachment(ctx context.Context, user, event, attachment string, read func(io.Reader) error) error {
	return ofItem(c.stream(ctx, call{
		doing: "reading an attachment of event", objects: []string{user}, items: []string{event, attachment}, path: "/users/{}/events/{}/attachments/{}/$value", budget: budgetMailbox, prefer: lastingIDs,
	}, read))
}

// silence is how long a stream may stand still.
const silence = time.Minute

// biggestItem bounds what is taken for one item: a message of 150 MB, the largest that Exchange keeps, is a
// third larger as mail.
const biggestItem = 512 << 20

// stream makes a call whose answer is no JSON, and hands it to read while it arrives.
func (c *Client) stream(ctx context.Context, one call, read func(io.Reader) error) error {
	if err := one.verify(); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	out := &outgoing{calls: []call{one}, streams: true}
	ctx = context.WithValue(ctx, outgoingKey{}, out)
	info, err := information(out, one.verb(), c.base+one.address())
	if err != nil {
		return err
	}
	native, err := c.adapter.ConvertToNativeRequest(ctx, info)
	if err != nil {
		return classify(one.what(), err)
	}
	idle := time.AfterFunc(silence, func() { stop(fmt.Errorf("nothing has come for %s", silence)) })
	defer idle.Stop()
	res, err := c.streams.Do(native.(*http.Request))
	if err == nil && out.failed != nil {
		_ = res.Body.Close() // it holds nothing any more
		err = out.failed
	}
	if err != nil {
		return classify(one.what(), err)
	}
	defer res.Body.Close()
	body := &watched{Reader: io.LimitReader(res.Body, biggestItem+1), idle: idle}
	if err := read(body); err != nil {
		if body.failed != nil && context.Cause(ctx) != nil {
			return fmt.Errorf("%s: %w", one.what(), context.Cause(ctx))
		}
		return fmt.Errorf("%s: %w", one.what(), err)
	}
	switch {
	case body.n > biggestItem:
		return fmt.Errorf("%w: %s: it is larger than %d MB", offboarding.ErrUnreadable, one.what(), biggestItem>>20)
	case body.n == 0: // Source: microsoft-graph-docs-contrib issue 3659
		return fmt.Errorf("%w: %s: %w", offboarding.ErrUnreadable, one.what(), errNothing)
	}
	return nil
}

// watched counts what is read, and notes that something still comes.
type watched struct {
	io.Reader
	idle   *time.Timer
	n      int64
	failed error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.idle.Reset(silence)
	}
	w.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		w.failed = err
	}
	return n, err
}
