package main

import (
	"bytes"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/demo/reporttest"
)

// TestExport is a small one: a mailbox is exported by leaver up, which is killed in the middle.
func TestExport(t *testing.T) {
	t.Setenv("LEAVER_TEST_RUN", "1") // this binary is the host
	var out strings.Builder
	reports := t.TempDir()
	err := demo.Play(t.Context(), demo.Options{
		Scenario: "export", Export: demo.Export{Items: 300, Megabytes: 1}, Latency: 20 * time.Millisecond, Out: &out, Log: io.Discard, Reports: reports,
	})
	if err != nil || !strings.Contains(out.String(), "every one of 300 items is stored once") {
		t.Errorf("got %v, want every item once:\n%s", err, out.String())
	}
	reporttest.Look(t, "export", reports)
}

// inS3 puts the files of a folder into a bucket, and returns the URL of where they lie there.
func inS3(t *testing.T, prefix, folder string) string {
	t.Helper()
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "KEY", "AWS_SECRET_ACCESS_KEY": "SECRET", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	backend := s3mem.New()
	err := backend.CreateBucket("exports")
	for _, name := range []string{"manifest.ndjson", "mail/a.eml"} {
		if err == nil {
			var text []byte
			text, err = os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
			if err == nil {
				_, err = backend.PutObject("exports", prefix+name, map[string]string{}, bytes.NewReader(text), int64(len(text)), nil)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return "s3://exports/" + strings.TrimSuffix(prefix, "/") + "?region=eu-central-1&use_path_style=true&endpoint=" + url.QueryEscape(server.URL)
}

func TestExportVerifySaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	manifest := `{"export":1,"case":"c-1","mailbox":"m","at":"2026-11-22T09:00:00Z","items":1,"files":1,"bytes":5}
{"id":"AAkALgAA1","part":"mail","folder":"Inbox","path":"mail/a.eml","size":5,"sha256":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","at":"2026-11-22T09:00:00Z"}
`
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := func(args ...string) (int, string) {
		var out strings.Builder
		code := run(console{Context: t.Context(), stdout: &out, stderr: &out}, append([]string{"export", "verify", folder}, args...))
		return code, out.String()
	}
	if code, said := verify(); code != 1 || !strings.Contains(said, "is not finished") {
		t.Errorf("without a manifest: %d, %s", code, said)
	}
	write("manifest.ndjson", manifest)
	if code, said := verify(); code != 1 || !strings.Contains(said, "cannot be opened") {
		t.Errorf("without the file: %d, %s", code, said)
	}
	write("mail/a.eml", "hullo")
	if code, said := verify(); code != 1 || !strings.Contains(said, "the hash differs") {
		t.Errorf("with another file: %d, %s", code, said)
	}
	write("mail/a.eml", "hello")
	if code, said := verify(); code != 0 || !strings.Contains(said, "1 item in 1 file, 5 bytes") {
		t.Errorf("as it was written: %d, %s", code, said)
	}
	if code, said := verify("--manifest", "00"); code != 1 || !strings.Contains(said, "not the manifest that was asked for") {
		t.Errorf("with the hash of another manifest: %d, %s", code, said)
	}
	for where, at := range map[string]string{"a URL of the folder": "file://" + filepath.ToSlash(folder), "S3": inS3(t, "2026/c-1/", folder)} {
		var out strings.Builder
		if code := run(console{Context: t.Context(), stdout: &out, stderr: &out}, []string{"export", "verify", at}); code != 0 || !strings.Contains(out.String(), "1 item in 1 file, 5 bytes") {
			t.Errorf("in %s: %d, %s", where, code, out.String())
		}
	}
	var out strings.Builder
	if code := run(console{Context: t.Context(), stdout: &out, stderr: &out}, []string{"export", "verify", "https://contoso.example/c-1"}); code != 2 || !strings.Contains(out.String(), "no URL of a storage") {
		t.Errorf("an address that is no storage: %d, %s", code, out.String())
	}
	write("manifest.ndjson", strings.Replace(manifest, "mail/a.eml", "../a.eml", 1))
	if code, said := verify(); code != 1 || !strings.Contains(said, "leads out of the export") {
		t.Errorf("with a path that leads out: %d, %s", code, said)
	}
}
