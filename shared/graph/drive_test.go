package graph

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestFoldersAreListedPageByPage(t *testing.T) {
	s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("$skiptoken") == "" {
			fmt.Fprintf(w, `{"value":[{"id":"01A","name":"A","folder":{"childCount":2},"size":9}],"@odata.nextLink":"https://%s%s?$skiptoken=x"}`, r.Host, r.URL.Path)
			return
		}
		fmt.Fprint(w, `{"value":[{"id":"01B","name":"b.docx","size":7,"file":{"hashes":{"quickXorHash":"q"}},"shared":{"scope":"users"}}]}`)
	})
	items, err := s.DriveItems(ctx, "b!1", "01R")
	want := []offboarding.DriveItem{{ID: "01A", Name: "A", Folder: true, Size: 9}, {ID: "01B", Name: "b.docx", Size: 7, Hashes: offboarding.Hashes{QuickXor: "q"}, Shared: true}}
	if err != nil || fmt.Sprint(items) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", items, err)
	}
}

func TestWhatACopyAnswers(t *testing.T) {
	taken := `{"error":{"code":"nameAlreadyExists","message":"Report of Adele"}}`
	for name, tt := range map[string]struct {
		status           int
		body, location   string
		monitor, trouble string
	}{
		"accepted":          {202, "", "https://contoso-my.sharepoint.com/monitor/1", "https://contoso-my.sharepoint.com/monitor/1", ""},
		"without a monitor": {202, "", "", "", "without a monitor"},
		"the name is taken": {409, taken, "", "", ""},
		"the item has gone": {404, `{"error":{"code":"itemNotFound"}}`, "", "", "not found"},
		"another conflict":  {409, `{"error":{"code":"resourceModified"}}`, "", "", "resourceModified"},
	} {
		right := func(how string, got offboarding.CopyStart) {
			if got.Monitor != tt.monitor || (got.Err == nil) != (tt.trouble == "") || got.Err != nil && !strings.Contains(got.Err.Error(), tt.trouble) {
				t.Errorf("%s, %s: %+v", name, how, got)
			}
		}
		s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if tt.location != "" {
				w.Header().Set("Location", tt.location)
			}
			respond(tt.status, tt.body)(w, r)
		})
		right("the children", s.CopyChildren(ctx, "b!1", "01A", "b!2", "01F"))
		if q, _ := url.Parse(s.seen[0].target); q.Query().Get("@microsoft.graph.conflictBehavior") != "fail" || !strings.Contains(s.seen[0].body, `"childrenOnly":true`) {
			t.Errorf("%s: a copy could replace something: %s", name, s.seen[0].target)
		}
		one := fmt.Sprintf(`"status":%d,"headers":{"Location":%q}`, tt.status, tt.location)
		if tt.body != "" {
			one += `,"body":` + tt.body
		}
		s, ctx = serve(t, batch(map[string]string{"/drives/b!1/items/01A/copy?@microsoft.graph.conflictBehavior=fail": one}))
		for _, start := range s.Copies(ctx, "b!1", []string{"01A", "01A"}, "b!2", "01F") {
			right("in a batch", start)
		}
	}
	s, ctx := serve(t, respond(409, taken))
	var p *offboarding.PermanentError
	if _, err := s.MakeFolder(ctx, "b!1", "01R", "Files"); err == nil || errors.As(err, &p) || strings.Contains(err.Error(), "Adele") {
		t.Errorf("a taken name is worth a second look: %v", err)
	}
}

// A batch of copies with one that is throttled and one that is refused: each has its own answer,
// and the throttle of SharePoint does not slow requests to the identity service.
func TestCopiesAreStartedTwentyAtATime(t *testing.T) {
	accepted := func(id string) string {
		return `"status":202,"headers":{"Location":"https://contoso-my.sharepoint.com/monitor/` + id + `"}`
	}
	answers := map[string]string{
		"/drives/b!1/items/01A43/copy": `"status":429,"headers":{"Retry-After":"90"},"body":{"error":{"code":"TooManyRequests"}}`,
		"/drives/b!1/items/01A21/copy": `"status":403,"body":{"error":{"code":"accessDenied","message":"Report of Adele"}}`,
	}
	var ids []string
	for i := range 45 {
		id := fmt.Sprintf("01A%02d", i)
		ids = append(ids, id)
		if path := "/drives/b!1/items/" + id + "/copy"; answers[path] == "" {
			answers[path] = accepted(id)
		}
	}
	s, ctx := serve(t, batch(answers))
	starts := s.Copies(ctx, "b!1", ids, "b!2", "01F")
	if len(starts) != len(ids) || len(s.seen) != 3 {
		t.Fatalf("%d answers from %d requests", len(starts), len(s.seen))
	}
	for i, got := range starts {
		var throttled *offboarding.ThrottledError
		var refused *offboarding.PermanentError
		switch {
		case i == 43:
			if !errors.As(got.Err, &throttled) || throttled.Delay != 90*time.Second {
				t.Errorf("throttled: %+v", got)
			}
		case i == 21:
			if !errors.As(got.Err, &refused) || !strings.Contains(got.Err.Error(), "01A21") || strings.Contains(got.Err.Error(), "Adele") {
				t.Errorf("refused: %+v", got)
			}
		case got.Err != nil || got.Monitor != "https://contoso-my.sharepoint.com/monitor/"+ids[i]:
			t.Errorf("%s: %+v", ids[i], got)
		}
	}
	if !s.limiters.writes.until.IsZero() {
		t.Error("the identity service's writes wait for SharePoint")
	}
	if len(s.guard.notes) < len(ids) {
		t.Errorf("%d calls are evidence", len(s.guard.notes))
	}
	s, ctx = serve(t, respond(503, `{"error":{"code":"serviceNotAvailable"}}`))
	for _, got := range s.Copies(ctx, "b!1", ids[:2], "b!2", "01F") {
		if got.Err == nil || got.Monitor != "" {
			t.Errorf("a batch that failed as a whole: %+v", got)
		}
	}
}

func TestWhatDeltaAnswers(t *testing.T) {
	for name, link := range map[string]string{
		"in the query": "https://graph.microsoft.com/v1.0/drives/b!1/root/delta?token=a%2Bb%3D",
		"in the path":  "https://graph.microsoft.com/v1.0/drives('b!1')/root/microsoft.graph.delta(token='a+b=')?$select=id",
	} {
		s, ctx := serve(t, respond(200, `{"value":[],"@odata.deltaLink":"`+link+`"}`))
		if token, err := s.DeltaToken(ctx, "b!1"); err != nil || token != "a+b=" || !strings.Contains(s.seen[0].target, "token=latest") {
			t.Errorf("%s: %q, %v", name, token, err)
		}
	}
	for _, link := range []string{"", "https://graph.microsoft.com/v1.0/drives/b!1/root/delta", "://"} {
		s, ctx := serve(t, respond(200, `{"value":[],"@odata.deltaLink":"`+link+`"}`))
		if token, err := s.DeltaToken(ctx, "b!1"); err == nil {
			t.Errorf("%q: %q", link, token)
		}
	}
	const root, folder, file, gone = `{"id":"01R","root":{},"folder":{}}`, `{"id":"01F","folder":{}}`, `{"id":"01A"}`, `{"id":"01G","folder":{},"deleted":{"state":"deleted"}}`
	for name, tt := range map[string]struct {
		pages []string
		want  []string
	}{
		"nothing":                 {[]string{""}, nil},
		"the root alone":          {[]string{root}, nil},
		"a file and its folder":   {[]string{root + "," + folder + "," + file}, []string{"01A"}},
		"a folder alone":          {[]string{root + "," + folder}, []string{"01F"}},
		"a deleted folder":        {[]string{root + "," + gone}, []string{"01G"}},
		"on the second page":      {[]string{root, file}, []string{"01A"}},
		"no more than is needed":  {[]string{file, gone}, []string{"01A"}},
		"pages without an answer": {[]string{root, ""}, nil},
	} {
		at := 0
		s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
			next := fmt.Sprintf(`"@odata.deltaLink":"https://%s/v1.0/drives/b!1/root/delta?token=new"`, r.Host)
			if at < len(tt.pages)-1 {
				next = fmt.Sprintf(`"@odata.nextLink":"https://%s/v1.0/drives/b!1/root/delta?token=page"`, r.Host)
			}
			fmt.Fprintf(w, `{"value":[%s],%s}`, tt.pages[at], next)
			at++
		})
		got, err := s.Delta(ctx, "b!1", "a+b=")
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if q, _ := url.Parse(s.seen[0].target); q.Query().Get("token") != "a+b=" {
			t.Errorf("%s: %s", name, s.seen[0].target)
		}
	}
	s, ctx := serve(t, respond(410, `{"error":{"code":"resyncRequired","message":"x","innerError":{"code":"resyncChangesApplyDifferences"}}}`))
	if _, err := s.Delta(ctx, "b!1", "old"); !errors.Is(err, offboarding.ErrResyncRequired) {
		t.Errorf("an old token: %v", err)
	}
}

func TestWhatAMonitorAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   offboarding.CopyState
		err    bool
	}{
		"running":      {202, `{"operation":"ItemCopy","percentageComplete":27.8,"status":"inProgress"}`, offboarding.CopyState{Percent: 27.8}, false},
		"not begun":    {202, `{"status":"notStarted"}`, offboarding.CopyState{}, false},
		"done":         {202, `{"percentageComplete":100.0,"resourceId":"01A","status":"completed"}`, offboarding.CopyState{Percent: 100, Done: true}, false},
		"see other":    {303, ``, offboarding.CopyState{Percent: 100, Done: true}, false},
		"failed":       {200, `{"status":"failed","error":{"code":"quotaLimitReached","message":"x"}}`, offboarding.CopyState{Done: true, Failure: "quotaLimitReached"}, false},
		"no reason":    {200, `{"status":"failed"}`, offboarding.CopyState{Done: true, Failure: "failed"}, false},
		"gone":         {404, `{"error":{"code":"itemNotFound"}}`, offboarding.CopyState{}, true},
		"not in words": {200, `<html>`, offboarding.CopyState{}, true},
		"busy":         {503, ``, offboarding.CopyState{}, true},
	} {
		monitor := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				t.Errorf("%s: the monitor got a token", name)
			}
			w.WriteHeader(tt.status)
			fmt.Fprint(w, tt.body)
		}))
		defer monitor.Close()
		s, ctx := serve(t, respond(500, ""))
		got, err := s.CopyState(ctx, monitor.URL+"/monitor/1")
		if got != tt.want || (err != nil) != tt.err || errors.Is(err, offboarding.ErrNotFound) != (tt.status == 404) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	s, ctx := serve(t, respond(200, `{}`))
	for _, bad := range []string{"http://contoso/monitor/1", "file:///etc/passwd", "https://user:pw@contoso/", "", "://"} {
		if _, err := s.CopyState(ctx, bad); err == nil || strings.Contains(err.Error(), "contoso") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSharingPermissions(t *testing.T) {
	s, ctx := serve(t, respond(200, `{"value":[
		{"id":"1","roles":["read"],"link":{"type":"view","scope":"anonymous","webUrl":"https://x"}},
		{"id":"2","roles":["write"],"grantedToV2":{"user":{"id":"`+leaver+`"}},"inheritedFrom":{"id":"01R"}}]}`))
	got, err := s.SharingPermissions(ctx, "b!1", "01A")
	want := []offboarding.SharingPermission{{ID: "1", Link: "view", Scope: "anonymous", Roles: []string{"read"}}, {ID: "2", Roles: []string{"write"}, GrantedTo: leaver, Inherited: true}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", got, err)
	}
	s, ctx = serve(t, respond(207, `{"value":[{"error":{"code":"noResolvedUsers"}}]}`))
	var p *offboarding.PermanentError
	if err := s.LetRead(ctx, "b!1", "01A", leaver); !errors.As(err, &p) || !strings.Contains(err.Error(), "noResolvedUsers") {
		t.Errorf("an invitation that failed in part: %v", err)
	}
}

func TestB15FilesAreAddressedByID(t *testing.T) {
	s, ctx := serve(t, respond(200, `{}`))
	for name, call := range map[string]func() error{
		"a path":              func() error { _, err := s.DriveItems(ctx, "b!1", "root:/Reports"); return err },
		"another operation":   func() error { return s.RemoveSharing(ctx, "b!1", "01A/children", "p") },
		"up":                  func() error { _, err := s.DriveRoot(ctx, ".."); return err },
		"a reader by address": func() error { return s.LetRead(ctx, "b!1", "01A", "adele@contoso.com") },
		"a target by path":    func() error { return s.Copies(ctx, "b!1", []string{"01A"}, "b!2", "a/b")[0].Err },
		"an item by path":     func() error { return s.Copies(ctx, "b!1", []string{"01A", "a/b"}, "b!2", "01F")[0].Err },
		"children by path":    func() error { return s.CopyChildren(ctx, "b!1", "a/b", "b!2", "01F").Err },
		"children to a path":  func() error { return s.CopyChildren(ctx, "b!1", "01A", "b!2", "..").Err },
		"changes by path":     func() error { _, err := s.Delta(ctx, "me/drive", "t"); return err },
		"nothing":             func() error { _, err := s.SharingPermissions(ctx, "", "01A"); return err },
	} {
		var p *offboarding.PermanentError
		if err := call(); !errors.As(err, &p) || len(s.seen) > 0 || strings.Contains(err.Error(), "adele") {
			t.Errorf("%s: %v, %d requests", name, err, len(s.seen))
		}
	}
}
