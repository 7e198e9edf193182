package simtenant

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"testing"
	"time"
)

// withContents is a tenant with a mailbox that holds mail, and that mailbox.
func withContents(t *testing.T) (*fixture, *Contents) {
	f := setUp(t, Config{})
	s := NewContents()
	f.Edit(func(w *World) { w.Mailboxes[id("adele.vance")].Contents = s })
	return f, s
}

// immutable asks for ids that stay, and for pages of a size.
func immutable(size int) []string {
	return []string{"Prefer", fmt.Sprintf(`IdType="ImmutableId", odata.maxpagesize=%d`, size)}
}

func TestTheDeltaOfAFolder(t *testing.T) {
	f, s := withContents(t)
	inbox := s.WellKnown("inbox").ID
	var ids []string
	for i := range 5 {
		ids = append(ids, s.Add(ContentItem{Folder: inbox, Subject: fmt.Sprint("No ", i), At: start, Size: 10}).ID)
	}
	other := s.AddFolder(ContentFolder{Name: "Other", Kind: ContentMail})
	path := "/users/" + id("adele.vance") + "/mailFolders/" + inbox + "/messages/delta"
	follow := func(path string, head []string) (shown []string, token string) {
		for path != "" {
			a := f.call("GET", path, nil, head...)
			f.want(a, 200, "")
			for _, v := range a.values() {
				if v["@removed"] != nil {
					shown = append(shown, "-"+fmt.Sprint(v["id"])[8:])
				} else {
					shown = append(shown, fmt.Sprint(v["id"])[8:])
				}
			}
			token, _ = a.body["@odata.deltaLink"].(string)
			path, _ = a.body["@odata.nextLink"].(string)
		}
		return shown, token
	}
	all, token := follow(path+"?$select=id,changeKey", immutable(2))
	equal(t, "all", strings.Join(all, " "), strings.Join(ids, " "))
	none, token := follow(token, immutable(2))
	equal(t, "nothing", len(none), 0)
	f.Edit(func(*World) { s.Move(ids[1], other.ID); s.Remove(ids[2]); s.Touch(ids[0]) })
	changed, token := follow(token, immutable(2))
	equal(t, "changed", strings.Join(changed, " "), "-"+ids[1]+" -"+ids[2]+" "+ids[0])
	moved, _ := follow("/users/"+id("adele.vance")+"/mailFolders/"+other.ID+"/messages/delta?$select=id", immutable(2))
	equal(t, "moved", strings.Join(moved, " "), ids[1])

	f.Edit(func(w *World) { w.DeltaLife = time.Hour })
	f.Advance(2 * time.Hour)
	f.want(f.call("GET", token, nil, immutable(2)...), 410, "SyncStateNotFound")
	f.Edit(func(*World) { s.Folder(inbox).Corrupt = true })
	f.want(f.call("GET", path, nil), 500, "InternalServerError")
	f.want(f.call("GET", "/users/"+id("adele.vance")+"/mailFolders/AQMknone/messages/delta", nil), 404, "ErrorSyncFolderNotFound")
	f.known()
}

func TestAMovedMessageHasAnotherIDUnlessItIsImmutable(t *testing.T) {
	f, s := withContents(t)
	m := s.Add(ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "Hello", At: start, Size: 10})
	path := "/users/" + id("adele.vance") + "/messages/"
	delta := "/users/" + id("adele.vance") + "/mailFolders/inbox/messages/delta"
	mutable := fmt.Sprint(f.call("GET", delta, nil).values()[0]["id"])
	lasting := fmt.Sprint(f.call("GET", delta, nil, immutable(1)...).values()[0]["id"])
	f.Edit(func(*World) { s.Move(m.ID, s.WellKnown("deleteditems").ID) })
	f.want(f.call("GET", path+mutable, nil), 404, "ErrorItemNotFound")
	f.want(f.call("GET", path+lasting, nil), 200, "")
	f.known()
}

func TestTheMIMEOfAMessage(t *testing.T) {
	for _, class := range []string{"", "attachment", "meeting", "protected", "nested"} {
		i := ContentItem{ID: "x" + class, Subject: "Grüße", At: start, Size: 5000, Class: class}
		var b bytes.Buffer
		if err := i.writeMIME(&b); err != nil {
			t.Fatal(err)
		}
		m, err := mail.ReadMessage(&b)
		if err != nil {
			t.Fatalf("%s: %v", class, err)
		}
		equal(t, class, m.Header.Get("Message-ID"), i.MessageID())
	}
}

func TestWhoMayReadAMailbox(t *testing.T) {
	f, s := withContents(t)
	m := s.Add(ContentItem{Folder: s.WellKnown("inbox").ID, Subject: "Hello", At: start, Size: 10})
	path := "/users/" + id("adele.vance")
	f.want(f.as(f.app("Mail.ReadBasic.All"), "GET", path+"/mailFolders", nil), 200, "")
	f.want(f.as(f.app("Mail.ReadBasic.All"), "GET", path+"/messages/"+immutableID+m.ID+"/$value", nil), 403, "ErrorAccessDenied")
	f.want(f.as(f.app("Mail.Read"), "GET", path+"/contactFolders", nil), 403, "ErrorAccessDenied")
	f.want(f.as(f.app("Mail.Read"), "GET", path+"/todo/lists", nil), 403, "ErrorAccessDenied")
	f.known()
}
