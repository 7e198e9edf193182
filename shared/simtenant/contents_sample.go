package simtenant

import (
	"fmt"
	"strings"
	"time"
)

// oddNames are names of folders that people give, and that file systems do not like.
var oddNames = []string{
	"..", ".", "../../etc", "a/b\\c", "CON", "new", "Ärger & Söhne", "名前", "trailing. ", "tab\tnewline\n", strings.Repeat("long ", 80), "%2e%2e", "inbox", "", "🎉",
}

// SampleContents are the contents of a mailbox of so many items in so many folders, each with about so
// many bytes: odd names, attachments, meeting requests, messages in messages and protected ones, and of
// every hundred one contact, one event and one task.
func SampleContents(items, folders int, size int64) *Contents {
	s := NewContents()
	inbox := s.WellKnown("inbox")
	mail := []*ContentFolder{inbox, s.WellKnown("sentitems"), s.WellKnown("drafts")}
	for n := len(s.Folders); n < folders; n++ {
		parent := ""
		if n%3 == 1 {
			parent = mail[len(mail)-1].ID
		}
		mail = append(mail, s.AddFolder(ContentFolder{Name: oddNames[n%len(oddNames)], Parent: parent, Kind: ContentMail, Hidden: n%7 == 0}))
	}
	s.AddFolder(ContentFolder{Name: "All unread", Parent: inbox.ID, Kind: ContentMail, Search: true})
	at := time.Date(2024, 3, 1, 8, 0, 0, 0, time.UTC)
	others := map[int]string{0: s.WellKnown("contacts").ID, 1: s.WellKnown("calendar").ID, 2: s.WellKnown("tasks").ID}
	classes := []string{"", "", "", "attachment", "", "meeting", "", "nested", "", ""}
	for n := range items {
		i := ContentItem{Subject: fmt.Sprintf("Nr. %d: Grüße / ../%d", n, n), At: at.Add(time.Duration(n) * time.Minute), Size: size}
		if other, is := others[n%100]; is {
			i.Folder = other
			if n%300 == 1 {
				i.Class = "series"
			} else if n%200 == 1 {
				i.Class = "attachment"
			}
		} else {
			i.Folder, i.Class = mail[n%len(mail)].ID, classes[n%len(classes)]
			if n%500 == 7 {
				i.Class = "protected"
			}
		}
		s.Add(i)
	}
	return s
}
