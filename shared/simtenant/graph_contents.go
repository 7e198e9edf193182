package simtenant

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// contents is what lies in the mailbox of the path.
func (c *call) contents() (*Contents, *User, *reply) {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return nil, nil, bad
	}
	if m.Contents == nil {
		return NewContents(), u, nil
	}
	return m.Contents, u, nil
}

// immutable says that the caller asked for ids that stay over a move.
// Source: Microsoft Graph, Obtain immutable identifiers for Outlook resources.
func (c *call) immutable() bool {
	return strings.Contains(strings.ReplaceAll(c.header.Get("Prefer"), " ", ""), `IdType="ImmutableId"`)
}

// Ids of messages say where they lie, unless the caller wants them immutable: eight letters each.
const immutableID = "AAkALgAA"

func (c *call) itemID(i *ContentItem) string {
	if c.immutable() || i.Kind != ContentMail {
		return immutableID + i.ID
	}
	return "AAMk" + derived(i.Folder)[:4] + i.ID
}

// found is the item of an id; one that names another folder than it lies in is of before a move.
func (c *call) found(s *Contents, id string) (*ContentItem, *reply) {
	if len(id) > len(immutableID) {
		if i := s.Item(id[len(immutableID):]); i != nil && (strings.HasPrefix(id, immutableID) || id == "AAMk"+derived(i.Folder)[:4]+i.ID) {
			return i, nil
		}
	}
	r := c.noRule()
	return nil, &r
}

// folder is the folder of the path, by id or well-known name.
func (c *call) folder(s *Contents, kind ContentKind) (*ContentFolder, *reply) {
	name := c.arg["folder"]
	for _, f := range s.Folders {
		if f.Kind == kind && (f.ID == name || kind == ContentMail && f.WellKnown != "" && strings.EqualFold(f.WellKnown, name)) {
			return f, nil
		}
	}
	r := c.fail(http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store., The process failed to get the correct properties.")
	return nil, &r
}

// outlookPage is how Outlook pages.
var outlookPage = page{size: 10, most: 1000, typed: false}

func (c *call) folders(s *Contents, u *User, kind ContentKind, parent string) reply {
	var items []item
	for _, f := range s.below(kind, parent, c.query.Get("includeHiddenFolders") == "true") {
		items = append(items, c.folderItem(s, f))
	}
	set := fmt.Sprintf("users('%s')/%s", u.ID, map[ContentKind]string{ContentMail: "mailFolders", ContentContacts: "contactFolders"}[kind])
	answer := c.list(items, outlookPage.of(set, false), folderSchema)
	if body, is := answer.body.(map[string]any); is && body["value"] != nil {
		for _, one := range body["value"].([]any) {
			entry := one.(map[string]any)
			if id, is := entry["id"].(string); is && s.Folder(id).Search {
				entry["@odata.type"] = "#microsoft.graph.mailSearchFolder"
			}
		}
	}
	return answer
}

// shownFolder is a folder with what is in it.
type shownFolder struct {
	*ContentFolder
	children, items, unread int
}

func (c *call) folderItem(s *Contents, f *ContentFolder) item {
	shown := shownFolder{ContentFolder: f, children: len(s.below(f.Kind, f.ID, false))}
	for _, i := range s.in(f.ID) {
		shown.items++
		if i.isUnread {
			shown.unread++
		}
	}
	return folderSchema.item(c, f.ID, &shown)
}

var folderSchema = newSchema("mailFolder", "",
	field[shownFolder]{"id", func(_ *call, f *shownFolder) any { return f.ID }},
	field[shownFolder]{"displayName", func(_ *call, f *shownFolder) any { return f.Name }},
	field[shownFolder]{"parentFolderId", func(_ *call, f *shownFolder) any { return orElse(f.Parent, "AQMkroot") }},
	field[shownFolder]{"childFolderCount", func(_ *call, f *shownFolder) any { return f.children }},
	field[shownFolder]{"totalItemCount", func(_ *call, f *shownFolder) any { return f.items }},
	field[shownFolder]{"unreadItemCount", func(_ *call, f *shownFolder) any { return f.unread }},
)

func listMailFolders(c *call) reply {
	s, u, bad := c.contents()
	if bad != nil {
		return *bad
	}
	return c.folders(s, u, ContentMail, "")
}

func getMailFolder(c *call) reply {
	s, u, bad := c.contents()
	if bad != nil {
		return *bad
	}
	f, bad := c.folder(s, ContentMail)
	if bad != nil {
		return *bad
	}
	return c.entity(fmt.Sprintf("users('%s')/mailFolders", u.ID), c.folderItem(s, f), false, folderSchema)
}

func listChildFolders(kind ContentKind) func(*call) reply {
	return func(c *call) reply {
		s, u, bad := c.contents()
		if bad != nil {
			return *bad
		}
		f, bad := c.folder(s, kind)
		if bad != nil {
			return *bad
		}
		return c.folders(s, u, kind, f.ID)
	}
}

func listContactFolders(c *call) reply {
	s, u, bad := c.contents()
	if bad != nil {
		return *bad
	}
	return c.folders(s, u, ContentContacts, "")
}

// outlookToken is where a client stands in the changes of a folder.
type outlookToken struct {
	Folder string `json:"d"`
	From   int    `json:"f"` // number of the last change that is known; -1 = nothing is
	To     int    `json:"t"` // number of the last change when the first page was read
	After  int    `json:"a"` // number of the last item of the page before; -1 = there is none
	Issued int64  `json:"i"`
}

func (t outlookToken) link(c *call, parameter string) string {
	raw, _ := json.Marshal(t) // strings and numbers always marshal
	return linked(c.url, url.Values{parameter: {base64.RawURLEncoding.EncodeToString(raw)}})
}

var messageSchema = newSchema("message", "",
	field[ContentItem]{"id", func(c *call, i *ContentItem) any { return c.itemID(i) }},
	field[ContentItem]{"changeKey", func(_ *call, i *ContentItem) any { return fmt.Sprintf("CQAAABYA%08d", i.Version) }},
	field[ContentItem]{"subject", func(_ *call, i *ContentItem) any { return i.Subject }},
	field[ContentItem]{"internetMessageId", func(_ *call, i *ContentItem) any { return i.MessageID() }},
	field[ContentItem]{"receivedDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At) }},
	field[ContentItem]{"lastModifiedDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At) }},
	field[ContentItem]{"parentFolderId", func(_ *call, i *ContentItem) any { return i.Folder }},
	field[ContentItem]{"hasAttachments", func(_ *call, i *ContentItem) any { return i.Class == "attachment" || i.Class == "nested" }},
	field[ContentItem]{"isDraft", func(*call, *ContentItem) any { return false }},
	field[ContentItem]{"body", func(_ *call, i *ContentItem) any {
		return map[string]any{"contentType": "text", "content": "What " + i.ID + " says."}
	}},
)

// pageSize is how many changes the caller wants at once.
func (c *call) pageSize() int {
	if asked := c.maxPageSize(); asked > 0 {
		return min(asked, 1000)
	}
	return outlookPage.size
}

// deltaMessages answers what has changed in a folder since a token; without one all there is. What
// has left the folder is @removed, by a move too. Source: Microsoft Graph, message: delta.
func deltaMessages(c *call) reply {
	s, _, bad := c.contents()
	if bad != nil {
		return *bad
	}
	f, bad := c.folder(s, ContentMail)
	if bad != nil {
		r := c.fail(http.StatusNotFound, "ErrorSyncFolderNotFound", "The folder to be synchronized could not be found.")
		return r
	}
	names, bad := c.selection(messageSchema)
	if bad != nil {
		return *bad
	}
	at := outlookToken{Folder: f.ID, From: -1, After: -1, To: s.last}
	text := orElse(c.query.Get("$deltatoken"), c.query.Get("$skiptoken"))
	if text != "" {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || json.Unmarshal(raw, &at) != nil || at.Folder != f.ID {
			return c.fail(http.StatusBadRequest, "ErrorInvalidUrlQuery", "The token is not valid.")
		}
		if life := c.t.world.DeltaLife; life > 0 && c.now.Sub(time.Unix(at.Issued, 0)) > life {
			return c.fail(http.StatusGone, "SyncStateNotFound", "The sync state generation is not found; generation=%d;[highest=%d].", at.From, s.last)
		}
		if c.query.Has("$deltatoken") {
			at.To = s.last
		}
	}
	if f.Corrupt {
		return c.fail(http.StatusInternalServerError, "InternalServerError", "Error while processing response.")
	}
	at.Issued = c.now.Unix()
	size := c.pageSize()
	type change struct {
		item    *ContentItem
		number  int
		removed bool
	}
	var changes []change
	for _, i := range s.Items {
		switch left, was := i.left[f.ID]; {
		case i.Folder == f.ID && !i.deleted && i.changed > at.From:
			changes = append(changes, change{i, i.changed, false})
		case was && at.From >= 0 && left > at.From:
			changes = append(changes, change{i, left, true})
		}
	}
	changes = slices.DeleteFunc(changes, func(x change) bool { return x.number <= at.After || x.number > at.To })
	slices.SortFunc(changes, func(a, b change) int { return a.number - b.number })
	body := map[string]any{"@odata.context": c.context("Collection(message)", names, false)}
	if len(changes) > size {
		changes = changes[:size]
		at.After = changes[size-1].number
		body["@odata.nextLink"] = at.link(c, "$skiptoken")
	} else {
		at.From, at.After = at.To, -1
		body["@odata.deltaLink"] = at.link(c, "$deltatoken")
	}
	value := make([]any, 0, len(changes))
	for _, x := range changes {
		if x.removed {
			value = append(value, map[string]any{"id": c.itemID(x.item), "@removed": map[string]any{"reason": "deleted"}})
			continue
		}
		entry := messageSchema.item(c, x.item.ID, x.item).render(names, false)
		entry["id"] = c.itemID(x.item)
		if x.item.Class == "meeting" {
			entry["@odata.type"] = "#microsoft.graph.eventMessageRequest"
		}
		value = append(value, entry)
	}
	if f.Twice {
		value = append(value, value...)
	}
	body["value"] = value
	return reply{status: http.StatusOK, body: body}
}

func (c *call) message() (*ContentItem, *reply) {
	s, _, bad := c.contents()
	if bad != nil {
		return nil, bad
	}
	return c.found(s, c.arg["message"])
}

func getMessage(c *call) reply {
	i, bad := c.message()
	if bad != nil {
		return *bad
	}
	return c.entity("users('"+c.arg["id"]+"')/messages", messageSchema.item(c, i.ID, i), false, messageSchema)
}

// getMIME streams a message. Source: Microsoft Graph, Get message, MIME content.
func getMIME(c *call) reply {
	i, bad := c.message()
	switch {
	case bad != nil:
		return *bad
	case i.Status != 0:
		return c.fail(i.Status, orElse(i.Code, statusCode(i.Status)), "MIME content conversion failed.")
	}
	copied := *i
	return reply{status: http.StatusOK, header: map[string]string{"Content-Type": "text/plain"}, body: streamed(copied.writeMIME)}
}

var contactSchema = newSchema("contact", "",
	field[ContentItem]{"id", func(c *call, i *ContentItem) any { return c.itemID(i) }},
	field[ContentItem]{"changeKey", func(_ *call, i *ContentItem) any { return fmt.Sprintf("EQAAABYA%08d", i.Version) }},
	field[ContentItem]{"createdDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At) }},
	field[ContentItem]{"lastModifiedDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At) }},
	field[ContentItem]{"displayName", func(_ *call, i *ContentItem) any { return i.Subject }},
	field[ContentItem]{"givenName", func(_ *call, i *ContentItem) any { first, _, _ := strings.Cut(i.Subject, " "); return first }},
	field[ContentItem]{"surname", func(_ *call, i *ContentItem) any { _, last, _ := strings.Cut(i.Subject, " "); return last }},
	field[ContentItem]{"companyName", func(*call, *ContentItem) any { return "Fabrikam; Inc., \\Nord" }},
	field[ContentItem]{"jobTitle", func(*call, *ContentItem) any { return nil }},
	field[ContentItem]{"emailAddresses", func(_ *call, i *ContentItem) any {
		return []any{map[string]any{"name": i.Subject, "address": "contact@fabrikam.com"}}
	}},
	field[ContentItem]{"businessPhones", func(*call, *ContentItem) any { return []string{"+49 30 1234"} }},
	field[ContentItem]{"mobilePhone", func(*call, *ContentItem) any { return "+49 170 1234" }},
	field[ContentItem]{"businessAddress", func(*call, *ContentItem) any {
		return map[string]any{"street": "Hauptstraße 1", "city": "Berlin", "postalCode": "10115", "countryOrRegion": "Germany"}
	}},
	field[ContentItem]{"birthday", func(*call, *ContentItem) any { return "1974-07-22T00:00:00Z" }},
	field[ContentItem]{"personalNotes", func(*call, *ContentItem) any { return "Line one\nLine two" }},
	field[ContentItem]{"parentFolderId", func(_ *call, i *ContentItem) any { return i.Folder }},
)

// listContents lists the items of a folder.
func listContents(kind ContentKind, set string, shape *schema[ContentItem]) func(*call) reply {
	return func(c *call) reply {
		s, u, bad := c.contents()
		if bad != nil {
			return *bad
		}
		f, bad := c.folder(s, kind)
		if bad != nil {
			return *bad
		}
		var items []item
		for _, i := range s.in(f.ID) {
			items = append(items, shape.item(c, i.ID, i))
		}
		return c.list(items, outlookPage.of(fmt.Sprintf("users('%s')/%s", u.ID, set), false), shape)
	}
}

var taskSchema = newSchema("todoTask", "",
	field[ContentItem]{"id", func(c *call, i *ContentItem) any { return c.itemID(i) }},
	field[ContentItem]{"title", func(_ *call, i *ContentItem) any { return i.Subject }},
	field[ContentItem]{"status", func(*call, *ContentItem) any { return "notStarted" }},
	field[ContentItem]{"importance", func(*call, *ContentItem) any { return "high" }},
	field[ContentItem]{"createdDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At) }},
	field[ContentItem]{"lastModifiedDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At.Add(time.Duration(i.Version) * time.Second)) }},
	field[ContentItem]{"dueDateTime", func(_ *call, i *ContentItem) any { return outlookTime(i.At.Add(24 * time.Hour)) }},
	field[ContentItem]{"body", func(*call, *ContentItem) any { return map[string]any{"contentType": "text", "content": "To be done."} }},
)

var listSchema = newSchema("todoTaskList", "",
	field[ContentFolder]{"id", func(_ *call, f *ContentFolder) any { return f.ID }},
	field[ContentFolder]{"displayName", func(_ *call, f *ContentFolder) any { return f.Name }},
	field[ContentFolder]{"isOwner", func(*call, *ContentFolder) any { return true }},
	field[ContentFolder]{"isShared", func(*call, *ContentFolder) any { return false }},
	field[ContentFolder]{"wellknownListName", func(_ *call, f *ContentFolder) any {
		if f.WellKnown == "tasks" {
			return "defaultList"
		}
		return "none"
	}},
)

func listTaskLists(c *call) reply {
	s, u, bad := c.contents()
	if bad != nil {
		return *bad
	}
	var items []item
	for _, f := range s.below(ContentTasks, "", true) {
		items = append(items, listSchema.item(c, f.ID, f))
	}
	return c.list(items, outlookPage.of(fmt.Sprintf("users('%s')/todo/lists", u.ID), false), listSchema)
}

// itemEventSchema shows events of the contents, in full.
var itemEventSchema = newSchema("event", "",
	field[ContentItem]{"id", func(c *call, i *ContentItem) any { return c.itemID(i) }},
	field[ContentItem]{"changeKey", func(_ *call, i *ContentItem) any { return fmt.Sprintf("DwAAABYA%08d", i.Version) }},
	field[ContentItem]{"iCalUId", func(_ *call, i *ContentItem) any { return "040000008200E00074C5B7101A82E008" + i.ID }},
	field[ContentItem]{"subject", func(_ *call, i *ContentItem) any { return i.Subject }},
	field[ContentItem]{"createdDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At) }},
	field[ContentItem]{"lastModifiedDateTime", func(_ *call, i *ContentItem) any { return stamp(i.At) }},
	field[ContentItem]{"body", func(*call, *ContentItem) any {
		return map[string]any{"contentType": "html", "content": "<p>Agenda</p>"}
	}},
	field[ContentItem]{"bodyPreview", func(*call, *ContentItem) any { return "Agenda" }},
	field[ContentItem]{"start", func(_ *call, i *ContentItem) any { return outlookTime(i.At) }},
	field[ContentItem]{"end", func(_ *call, i *ContentItem) any { return outlookTime(i.At.Add(time.Hour)) }},
	field[ContentItem]{"originalStartTimeZone", func(*call, *ContentItem) any { return "W. Europe Standard Time" }},
	field[ContentItem]{"isAllDay", func(*call, *ContentItem) any { return false }},
	field[ContentItem]{"isCancelled", func(*call, *ContentItem) any { return false }},
	field[ContentItem]{"isOrganizer", func(*call, *ContentItem) any { return true }},
	field[ContentItem]{"hasAttachments", func(_ *call, i *ContentItem) any { return i.Class == "attachment" }},
	field[ContentItem]{"location", func(*call, *ContentItem) any { return map[string]any{"displayName": "Room 5; 2nd floor"} }},
	field[ContentItem]{"organizer", func(*call, *ContentItem) any {
		return map[string]any{"emailAddress": map[string]any{"name": "Organiser", "address": "organiser@contoso.com"}}
	}},
	field[ContentItem]{"attendees", func(*call, *ContentItem) any {
		return []any{map[string]any{"type": "required", "status": map[string]any{"response": "accepted"}, "emailAddress": map[string]any{"name": "Guest 1", "address": "guest.1@contoso.com"}}}
	}},
	field[ContentItem]{"type", func(_ *call, i *ContentItem) any {
		switch {
		case i.Class == "series":
			return "seriesMaster"
		case i.Class == "occurrence":
			return "occurrence"
		case i.Series != "":
			return "exception"
		}
		return "singleInstance"
	}},
	field[ContentItem]{"seriesMasterId", func(_ *call, i *ContentItem) any {
		if i.Series == "" {
			return nil
		}
		return immutableID + i.Series
	}},
	field[ContentItem]{"originalStart", func(_ *call, i *ContentItem) any {
		if i.Series == "" {
			return nil
		}
		return stamp(i.Original)
	}},
	field[ContentItem]{"recurrence", func(_ *call, i *ContentItem) any {
		if i.Class != "series" {
			return nil
		}
		return map[string]any{
			"pattern": map[string]any{"type": "weekly", "interval": 2, "daysOfWeek": []string{"monday", "thursday"}, "firstDayOfWeek": "monday"},
			"range":   map[string]any{"type": "numbered", "startDate": i.At.Format(time.DateOnly), "endDate": "0001-01-01", "numberOfOccurrences": 10, "recurrenceTimeZone": "W. Europe Standard Time"},
		}
	}},
)

// listCalendarEvents lists the events of one calendar: those of the contents in full, and the
// meetings that other steps look at.
func listCalendarEvents(c *call) reply {
	m, u, bad := c.mailbox(true)
	if bad != nil {
		return *bad
	}
	var items []item
	if own := "AAMk" + derived("calendar", u.ID, m.Owner); c.arg["calendar"] == own {
		for i := range m.Meetings {
			items = append(items, eventSchema.item(c, m.Meetings[i].ID, &m.Meetings[i]))
		}
		c.arg["folder"] = "calendar"
	} else {
		c.arg["folder"] = c.arg["calendar"]
	}
	s, _, _ := c.contents()
	for _, f := range s.Folders {
		if f.Kind == ContentEvents && (f.ID == c.arg["folder"] || f.WellKnown == c.arg["folder"]) {
			for _, i := range s.in(f.ID) {
				if i.Series == "" { // a listing has the series alone
					items = append(items, itemEventSchema.item(c, i.ID, i))
				}
			}
			return c.list(items, outlookPage.of(fmt.Sprintf("users('%s')/calendars/events", u.ID), false), itemEventSchema)
		}
	}
	return c.noRule()
}

// lacksOccurrences refuses the properties of a series that the clouds of the US government and of China do not
// have. Source: Microsoft's metadata.
func (c *call) lacksOccurrences(property string) *reply {
	cloud := orElse(c.t.world.Cloud, "worldwide")
	if offered[cloud]["GET /users/{id}/events/{event}/exceptionOccurrences"] {
		return nil
	}
	r := c.fail(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.event'.", property)
	return &r
}

// getEvent answers one event; the occurrences of a series that were changed and cancelled only when it is
// asked for them. Source: Microsoft Graph, resource type event.
func getEvent(c *call) reply {
	s, u, bad := c.contents()
	if bad != nil {
		return *bad
	}
	set := "users('" + u.ID + "')/events"
	i, bad := c.found(s, c.arg["event"])
	if bad != nil {
		m, _, _ := c.mailbox(true)
		for at := range m.Meetings {
			if m.Meetings[at].ID == c.arg["event"] { // nobody changes those
				c.query.Set("$select", "id")
				return c.entity(set, eventSchema.item(c, m.Meetings[at].ID, &m.Meetings[at]), false, eventSchema)
			}
		}
		return *bad
	}
	wanted := strings.Split(c.query.Get("$select"), ",")
	cancelled, expand := slices.Contains(wanted, "cancelledOccurrences"), c.query.Get("$expand")
	if cancelled || expand != "" {
		if bad := c.lacksOccurrences("exceptionOccurrences"); bad != nil {
			return *bad
		}
	}
	if wanted = slices.DeleteFunc(wanted, func(p string) bool { return p == "cancelledOccurrences" }); len(wanted) > 0 && wanted[0] != "" {
		c.query.Set("$select", strings.Join(wanted, ","))
	}
	answer := c.entity(set, itemEventSchema.item(c, i.ID, i), false, itemEventSchema)
	body, is := answer.body.(map[string]any)
	if !is || answer.status != http.StatusOK {
		return answer
	}
	if cancelled {
		days := []string{}
		for _, day := range i.Cancelled {
			days = append(days, "OID."+c.itemID(i)+"."+day)
		}
		body["cancelledOccurrences"] = days
	}
	if expand == "exceptionOccurrences" {
		changed := []any{}
		for _, e := range s.exceptions(i.ID) {
			changed = append(changed, itemEventSchema.item(c, e.ID, e).render(nil, false))
		}
		body["exceptionOccurrences"] = changed
	}
	return answer
}

func listExceptions(c *call) reply {
	s, u, bad := c.contents()
	if bad != nil {
		return *bad
	}
	i, bad := c.found(s, c.arg["event"])
	if bad != nil {
		return *bad
	}
	var items []item
	for _, e := range s.exceptions(i.ID) {
		items = append(items, itemEventSchema.item(c, e.ID, e))
	}
	return c.list(items, outlookPage.of(fmt.Sprintf("users('%s')/events/exceptionOccurrences", u.ID), false), itemEventSchema)
}

// longestView is the longest time that Outlook shows the occurrences of at once.
const longestView = 1825 * 24 * time.Hour

// listInstances lists the occurrences of a series between two times: those that are as the rule says, and
// those that were changed; none that was cancelled. Source: Microsoft Graph, event: list instances.
func listInstances(c *call) reply {
	s, u, bad := c.contents()
	if bad != nil {
		return *bad
	}
	from, err := time.Parse("2006-01-02T15:04:05", c.query.Get("startDateTime"))
	to, err2 := time.Parse("2006-01-02T15:04:05", c.query.Get("endDateTime"))
	switch {
	case err != nil || err2 != nil:
		return c.fail(http.StatusBadRequest, "ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
	case to.Sub(from) > longestView:
		return c.fail(http.StatusBadRequest, "ErrorCalendarViewRangeTooBig", "The specified view range is too big. The maximum is 1825 days.")
	}
	i, bad := c.found(s, c.arg["event"])
	if bad != nil {
		return *bad
	}
	changed := map[int64]bool{}
	var items []item
	show := func(e *ContentItem) {
		if !e.At.Before(from) && e.At.Before(to) {
			items = append(items, itemEventSchema.item(c, e.ID, e))
		}
	}
	for _, e := range s.exceptions(i.ID) {
		changed[e.Original.Unix()] = true
		show(e)
	}
	zone, _ := time.LoadLocation("Europe/Berlin")
	first := i.At.In(zone)
	for day, left := 0, 10; left > 0; day++ { // the rule that every series here has
		at := time.Date(first.Year(), first.Month(), first.Day()+day, first.Hour(), first.Minute(), 0, 0, zone)
		week := (day + (int(first.Weekday())+6)%7) / 7
		if week%2 != 0 || at.Weekday() != time.Monday && at.Weekday() != time.Thursday {
			continue
		}
		left--
		if !changed[at.Unix()] && !slices.Contains(i.Cancelled, at.Format(time.DateOnly)) {
			show(&ContentItem{ID: strings.ReplaceAll(derived(i.ID, at.String()), "-", ""), Kind: ContentEvents, Subject: i.Subject, At: at.UTC(), Class: "occurrence", Series: i.ID, Original: at.UTC()})
		}
	}
	return c.list(items, outlookPage.of(fmt.Sprintf("users('%s')/events/instances", u.ID), false), itemEventSchema)
}

func (c *call) event() (*ContentItem, *reply) {
	s, _, bad := c.contents()
	if bad != nil {
		return nil, bad
	}
	return c.found(s, c.arg["event"])
}

func listEventAttachments(c *call) reply {
	i, bad := c.event()
	if bad != nil {
		return *bad
	}
	value := []any{}
	if i.Class == "attachment" {
		value = append(value, map[string]any{
			"@odata.type": "#microsoft.graph.fileAttachment", "id": "AAMkATT" + i.ID, "name": "../agenda.txt", "contentType": "text/plain", "size": i.Size, "isInline": false,
		})
	}
	return reply{status: http.StatusOK, body: map[string]any{"value": value}}
}

func getEventAttachment(c *call) reply {
	i, bad := c.event()
	switch {
	case bad != nil:
		return *bad
	case i.Status != 0:
		return c.fail(i.Status, orElse(i.Code, statusCode(i.Status)), "The attachment cannot be read.")
	case c.arg["attachment"] != "AAMkATT"+i.ID:
		return c.noRule()
	}
	copied := ContentItem{ID: i.ID, Size: i.Size, At: i.At}
	return reply{status: http.StatusOK, header: map[string]string{"Content-Type": "text/plain"}, body: streamed(copied.writeMIME)}
}
