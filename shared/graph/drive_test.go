package graph

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

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
		s, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if tt.location != "" {
				w.Header().Set("Location", tt.location)
			}
			answer(tt.status, tt.body)(w, r)
		})
		monitor, err := s.Copy(ctx, "b!1", "01A", "b!2", "01F")
		if monitor != tt.monitor || (err == nil) != (tt.trouble == "") || err != nil && !strings.Contains(err.Error(), tt.trouble) {
			t.Errorf("%s: %q, %v", name, monitor, err)
		}
		if q, _ := url.Parse(s.seen[0].target); q.Query().Get("@microsoft.graph.conflictBehavior") != "fail" {
			t.Errorf("%s: a copy could replace something: %s", name, s.seen[0].target)
		}
	}
	s, ctx := serve(t, answer(409, taken))
	var p *offboarding.PermanentError
	if _, err := s.MakeFolder(ctx, "b!1", "01R", "Files"); err == nil || errors.As(err, &p) || strings.Contains(err.Error(), "Adele") {
		t.Errorf("a taken name is worth a second look: %v", err)
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
		s, ctx := serve(t, answer(500, ""))
		got, err := s.CopyState(ctx, monitor.URL+"/monitor/1")
		if got != tt.want || (err != nil) != tt.err || errors.Is(err, offboarding.ErrNotFound) != (tt.status == 404) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	s, ctx := serve(t, answer(200, `{}`))
	for _, bad := range []string{"http://contoso/monitor/1", "file:///etc/passwd", "https://user:pw@contoso/", "", "://"} {
		if _, err := s.CopyState(ctx, bad); err == nil || strings.Contains(err.Error(), "contoso") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSharingPermissions(t *testing.T) {
	s, ctx := serve(t, answer(200, `{"value":[
		{"id":"1","roles":["read"],"link":{"type":"view","scope":"anonymous","webUrl":"https://x"}},
		{"id":"2","roles":["write"],"grantedToV2":{"user":{"id":"`+leaver+`"}},"inheritedFrom":{"id":"01R"}}]}`))
	got, err := s.SharingPermissions(ctx, "b!1", "01A")
	want := []offboarding.SharingPermission{{ID: "1", Link: "view", Scope: "anonymous", Roles: []string{"read"}}, {ID: "2", Roles: []string{"write"}, GrantedTo: leaver, Inherited: true}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, %v", got, err)
	}
	s, ctx = serve(t, answer(207, `{"value":[{"error":{"code":"noResolvedUsers"}}]}`))
	var p *offboarding.PermanentError
	if err := s.LetRead(ctx, "b!1", "01A", leaver); !errors.As(err, &p) || !strings.Contains(err.Error(), "noResolvedUsers") {
		t.Errorf("an invitation that failed in part: %v", err)
	}
}

func TestB15FilesAreAddressedByID(t *testing.T) {
	s, ctx := serve(t, answer(200, `{}`))
	for name, call := range map[string]func() error{
		"a path":              func() error { _, err := s.DriveItems(ctx, "b!1", "root:/Reports"); return err },
		"another operation":   func() error { return s.RemoveSharing(ctx, "b!1", "01A/children", "p") },
		"up":                  func() error { _, err := s.DriveRoot(ctx, ".."); return err },
		"a reader by address": func() error { return s.LetRead(ctx, "b!1", "01A", "adele@contoso.com") },
		"a target by path":    func() error { _, err := s.Copy(ctx, "b!1", "01A", "b!2", "a/b"); return err },
		"nothing":             func() error { _, err := s.SharingPermissions(ctx, "", "01A"); return err },
	} {
		var p *offboarding.PermanentError
		if err := call(); !errors.As(err, &p) || len(s.seen) > 0 || strings.Contains(err.Error(), "adele") {
			t.Errorf("%s: %v, %d requests", name, err, len(s.seen))
		}
	}
}
