package loopback

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// TestTheTokenIsWrittenForItsOwnerAlone: a file or a link that somebody laid there before is
// replaced, and what a link leads to stays as it is.
func TestTheTokenIsWrittenForItsOwnerAlone(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for name, lay := range map[string]func(path string) error{
		"nothing":         func(string) error { return nil },
		"a readable file": func(path string) error { return os.WriteFile(path, []byte("old"), 0o644) },
		"a symbolic link": func(path string) error { return os.Symlink(elsewhere, path) },
	} {
		path := filepath.Join(t.TempDir(), entryName)
		if err := lay(path); err != nil {
			t.Fatal(err)
		}
		if err := replace(path, []byte("token")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: got mode %v, %v, want a file of mode 0600", name, info.Mode(), err)
		}
	}
	if _, err := os.Stat(elsewhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
}

// TestAForeignNameIsNotAnswered: the metrics need no token, so the name that a browser was lured to
// must not be taken for this host's.
func TestAForeignNameIsNotAnswered(t *testing.T) {
	t.Parallel()
	h := addressed("127.0.0.1:4711", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for host, want := range map[string]int{
		"127.0.0.1:4711": http.StatusOK, "localhost:4711": http.StatusOK,
		"attacker.example": http.StatusMisdirectedRequest, "attacker.example:4711": http.StatusMisdirectedRequest, "127.0.0.1": http.StatusMisdirectedRequest,
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Host %s: got %d, want %d", host, w.Code, want)
		}
	}
}
