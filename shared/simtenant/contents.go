package simtenant

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"slices"
	"strings"
	"time"
)

// Contents is what lies in a mailbox. Of an item only the heading is kept; what it says is made when it
// is read, so that ten thousand of them, or one of 150 MB, cost nothing. Change it through its methods:
// they keep what the deltas report.
type Contents struct {
	Folders []*ContentFolder
	Items   []*ContentItem

	last int // number of the last change
}

// ContentKind is what a folder holds.
type ContentKind string

// The kinds.
const (
	ContentMail     ContentKind = "mail"
	ContentContacts ContentKind = "contacts"
	ContentEvents   ContentKind = "events"
	ContentTasks    ContentKind = "tasks"
)

// ContentFolder is a mail folder, a folder of contacts, a calendar or a list of tasks.
type ContentFolder struct {
	ID, Parent, Name string // Parent "" = the top of its kind
	Kind             ContentKind
	WellKnown        string // inbox, sentitems, recoverableitemsdeletions, …
	Hidden           bool   // shown with includeHiddenFolders only
	Search           bool   // a search folder: it shows items of others
	Corrupt          bool   // its listing ends in 500, as one damaged item makes it
	Twice            bool   // its delta says every change twice
	Outside          bool   // not below the top that people see, as Recoverable Items
}

// ContentItem is a message, a contact, an event or a task.
type ContentItem struct {
	ID      string
	Folder  string
	Kind    ContentKind
	Subject string
	At      time.Time
	Size    int64  // bytes of the body, or of the attachment of a message that has one
	Class   string // of a message: "", attachment, meeting, protected, nested, blank (200 and nothing); of an event: "", series, attachment
	Version int    // raises the changeKey
	// Of an event: an occurrence that was changed names its series and when it would have begun, and a series
	// the days of those that were cancelled, in its zone. The series is At its first one.
	Series    string
	Original  time.Time
	Cancelled []string
	Status    int    // what its content answers instead of itself; 0 = itself
	Code      string // the error code with that
	changed   int
	left      map[string]int // folders it was in, and the change by which it left
	deleted   bool
	isUnread  bool
}

// Folder is the folder of an id; nil when there is none.
func (s *Contents) Folder(id string) *ContentFolder {
	for _, f := range s.Folders {
		if f.ID == id {
			return f
		}
	}
	return nil
}

// Item is the item of an id; nil when there is none.
func (s *Contents) Item(id string) *ContentItem {
	for _, i := range s.Items {
		if i.ID == id && !i.deleted {
			return i
		}
	}
	return nil
}

// AddFolder adds a folder with an id of its own.
func (s *Contents) AddFolder(f ContentFolder) *ContentFolder {
	f.ID = orElse(f.ID, "AQMk"+strings.ReplaceAll(derived("folder", f.Parent, f.Name, string(f.Kind), fmt.Sprint(len(s.Folders))), "-", ""))
	s.Folders = append(s.Folders, &f)
	return &f
}

// Add puts an item into its folder.
func (s *Contents) Add(i ContentItem) *ContentItem {
	s.last++
	i.ID = orElse(i.ID, strings.ReplaceAll(derived("item", i.Folder, i.Subject, fmt.Sprint(s.last)), "-", ""))
	i.Kind, i.changed, i.left = s.Folder(i.Folder).Kind, s.last, map[string]int{}
	s.Items = append(s.Items, &i)
	return &i
}

// Move puts an item into another folder, and Touch changes it.
func (s *Contents) Move(id, folder string) {
	s.last++
	i := s.Item(id)
	i.left[i.Folder] = s.last
	delete(i.left, folder)
	i.Folder, i.changed = folder, s.last
}

// Touch changes an item.
func (s *Contents) Touch(id string) {
	s.last++
	i := s.Item(id)
	i.Version, i.changed = i.Version+1, s.last
}

// Remove deletes an item for good.
func (s *Contents) Remove(id string) {
	s.last++
	i := s.Item(id)
	i.deleted, i.changed, i.left[i.Folder] = true, s.last, s.last
}

// Except changes an occurrence of a series: the one that would have begun at a time begins at another, and is
// called otherwise. Cancel cancels the one of a day. The series has another version then.
func (s *Contents) Except(series string, original, at time.Time, subject string) *ContentItem {
	i := s.Add(ContentItem{Folder: s.Item(series).Folder, Subject: subject, At: at, Series: series, Original: original})
	s.Touch(series)
	return i
}

// Cancel cancels the occurrence of a series on a day in its zone.
func (s *Contents) Cancel(series, day string) {
	i := s.Item(series)
	i.Cancelled = append(i.Cancelled, day)
	s.Touch(series)
}

// exceptions are the changed occurrences of a series.
func (s *Contents) exceptions(series string) []*ContentItem {
	var found []*ContentItem
	for _, i := range s.Items {
		if i.Series == series && !i.deleted {
			found = append(found, i)
		}
	}
	return found
}

// in are the live items of a folder.
func (s *Contents) in(folder string) []*ContentItem {
	var items []*ContentItem
	for _, i := range s.Items {
		if i.Folder == folder && !i.deleted {
			items = append(items, i)
		}
	}
	return items
}

// below are the folders in another one, the search folders too.
func (s *Contents) below(kind ContentKind, parent string, hidden bool) []*ContentFolder {
	var folders []*ContentFolder
	for _, f := range s.Folders {
		if f.Kind == kind && f.Parent == parent && !f.Outside && (hidden || !f.Hidden) {
			folders = append(folders, f)
		}
	}
	return folders
}

// NewContents are the folders that every mailbox has.
func NewContents() *Contents {
	s := &Contents{}
	for _, f := range []ContentFolder{
		{Name: "Inbox", WellKnown: "inbox", Kind: ContentMail}, {Name: "Sent Items", WellKnown: "sentitems", Kind: ContentMail},
		{Name: "Drafts", WellKnown: "drafts", Kind: ContentMail}, {Name: "Deleted Items", WellKnown: "deleteditems", Kind: ContentMail},
		{Name: "Deletions", WellKnown: "recoverableitemsdeletions", Kind: ContentMail, Outside: true},
		{Name: "Contacts", WellKnown: "contacts", Kind: ContentContacts},
		{Name: "Calendar", WellKnown: "calendar", Kind: ContentEvents},
		{Name: "Tasks", WellKnown: "tasks", Kind: ContentTasks},
	} {
		s.AddFolder(f)
	}
	return s
}

// WellKnown is the folder of a well-known name.
func (s *Contents) WellKnown(name string) *ContentFolder {
	at := slices.IndexFunc(s.Folders, func(f *ContentFolder) bool { return f.WellKnown == name })
	if at < 0 {
		return nil
	}
	return s.Folders[at]
}

// MessageID is the Message-ID of a message, as its MIME has it.
func (i ContentItem) MessageID() string { return "<" + i.ID + "@contoso.com>" }

// SHA256 is the hash of the MIME of a message.
func (i ContentItem) SHA256() string {
	h := sha256.New()
	_ = i.writeMIME(h) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil))
}

// boundary separates the parts of a message.
const boundary = "----=_simtenant_part"

// writeMIME writes a message as RFC 5322 has it. It is the same every time.
func (i ContentItem) writeMIME(to io.Writer) error {
	if i.Class == "blank" {
		return nil
	}
	w := bufio.NewWriterSize(to, 64<<10)
	head := func(lines ...string) {
		for _, line := range lines {
			_, _ = w.WriteString(line + "\r\n") // the flush at the end says what went wrong
		}
	}
	head(
		"Received: from mail.fabrikam.com by contoso.com; "+i.At.UTC().Format(time.RFC1123Z),
		"From: =?utf-8?Q?Ren=C3=A9?= Sender <sender@fabrikam.com>", "To: <recipient@contoso.com>",
		"Subject: "+mime.QEncoding.Encode("utf-8", i.Subject), "Date: "+i.At.UTC().Format(time.RFC1123Z),
		"Message-ID: "+i.MessageID(), fmt.Sprintf("X-Version: %d", i.Version), "MIME-Version: 1.0",
	)
	part := func(kind string, more ...string) {
		head("", "--"+boundary, "Content-Type: "+kind)
		head(more...)
		head("")
	}
	switch i.Class {
	case "attachment":
		head("Content-Type: multipart/mixed; boundary=\""+boundary+"\"", "")
		part("text/plain; charset=utf-8")
		head("See the attachment.")
		part("application/octet-stream; name=\"report.bin\"", "Content-Disposition: attachment; filename=\"report.bin\"", "Content-Transfer-Encoding: base64")
		filled(w, i.Size)
		head("", "--"+boundary+"--")
	case "meeting":
		head("Content-Type: multipart/alternative; boundary=\""+boundary+"\"", "")
		part("text/plain; charset=utf-8")
		head("You are invited.")
		part("text/calendar; charset=utf-8; method=REQUEST")
		head("BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:REQUEST", "BEGIN:VEVENT", "UID:"+i.ID, "SUMMARY:Planning", "END:VEVENT", "END:VCALENDAR")
		head("", "--"+boundary+"--")
	case "protected":
		head("Content-Class: rpmsg.message", "Content-Type: multipart/mixed; boundary=\""+boundary+"\"", "")
		part("text/plain")
		head("This message is protected.")
		part("application/x-microsoft-rpmsg-message; name=\"message.rpmsg\"", "Content-Transfer-Encoding: base64")
		filled(w, i.Size)
		head("", "--"+boundary+"--")
	case "nested":
		head("Content-Type: multipart/mixed; boundary=\""+boundary+"\"", "")
		part("message/rfc822")
		head("From: <somebody@fabrikam.com>", "Subject: inside", "Message-ID: <inside-"+i.ID+"@fabrikam.com>", "", "The one inside.")
		head("", "--"+boundary+"--")
	default:
		head("Content-Type: text/plain; charset=utf-8", "")
		filled(w, i.Size)
	}
	return w.Flush()
}

// line is what bodies are filled with; it is base64 as well.
const line = "TGVhdmVyIGNhcnJpZXMgYSBkZXBhcnR1cmUgdGhyb3VnaCBNaWNyb3NvZnQgMzY1LiAgICAgICAg\r\n"

// filled writes about so many bytes.
func filled(w *bufio.Writer, size int64) {
	for range (size + int64(len(line)) - 1) / int64(len(line)) {
		if _, err := w.WriteString(line); err != nil {
			return // and so does the flush
		}
	}
}
