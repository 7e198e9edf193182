package console

import (
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	formTag   = regexp.MustCompile(`<form [^>]*>`)
	action    = regexp.MustCompile(`action="{{base}}(/[^"]*)"`)
	link      = regexp.MustCompile(`href="{{base}}(/[^"?#]*)`)
	inserted  = regexp.MustCompile(`{{[^}]*}}`)
	parameter = regexp.MustCompile(`{[a-z]+}`)
)

// TestEveryActHasAFormAndEveryFormAnAct, and every link leads to a page: what is a route and in no page nobody
// finds, and a form without a route does nothing.
func TestEveryActHasAFormAndEveryFormAnAct(t *testing.T) {
	t.Parallel()
	posts, gets := []string{"/sign-out"}, []string{"/sign-in", "/static/…"}
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		path = parameter.ReplaceAllString(strings.TrimSuffix(path, "{$}"), "…")
		if method == http.MethodPost {
			posts = append(posts, path)
		} else {
			gets = append(gets, path)
		}
	}
	files, err := fs.Glob(pageFiles, "pages/*.html")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	sent := map[string]bool{}
	for _, file := range files {
		text, err := pageFiles.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range formTag.FindAllString(string(text), -1) {
			to := action.FindStringSubmatch(form)
			if to == nil || !strings.Contains(form, `method="post"`) {
				t.Errorf("%s: %s is no form of the console's", file, form)
				continue
			}
			path := inserted.ReplaceAllString(to[1], "…")
			if sent[path] = true; !slices.Contains(posts, path) {
				t.Errorf("%s: a form is sent to %s, which is no act", file, path)
			}
		}
		for _, to := range link.FindAllStringSubmatch(string(text), -1) {
			path := inserted.ReplaceAllString(to[1], "…")
			if strings.HasPrefix(path, "/static/") {
				path = "/static/…"
			}
			if path != "/" && !slices.Contains(gets, path) && !slices.Contains(gets, strings.TrimSuffix(path, "…")) { // with what is asked of it
				t.Errorf("%s: a link leads to %s, where there is no page", file, path)
			}
		}
	}
	for _, path := range posts {
		if !sent[path] {
			t.Errorf("no form is sent to %s: nobody can do it", path)
		}
	}
}
