package embedded_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/embedded"
)

var quiet = slog.New(slog.DiscardHandler)

func start(t *testing.T, dir string, o embedded.Options) *embedded.Server {
	t.Helper()
	o.Logger = quiet
	s, err := embedded.Start(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, s *embedded.Server) jetstream.JetStream {
	t.Helper()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestItKeepsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "directory")
	for run := range 3 {
		s := start(t, dir, embedded.Options{})
		js := connect(t, s)
		if _, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
			t.Fatal(err)
		}
		ack, err := js.Publish(t.Context(), "s", nil)
		if err != nil {
			t.Fatal(err)
		}
		if ack.Sequence != uint64(run+1) {
			t.Fatalf("sequence %d in run %d", ack.Sequence, run)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSyncAlways(t *testing.T) {
	t.Parallel()
	for _, noSync := range []bool{false, true} {
		s := start(t, t.TempDir(), embedded.Options{NoSync: noSync})
		if always := embedded.SyncAlways(s); always == noSync {
			t.Errorf("NoSync %t: the server syncs always: %t", noSync, always)
		}
	}
}

func TestItListensOnNoPort(t *testing.T) {
	t.Parallel()
	if addr := embedded.Addr(start(t, t.TempDir(), embedded.Options{NoSync: true})); addr != nil {
		t.Errorf("it listens on %s", addr)
	}
}

func TestASecondServerIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, dir, embedded.Options{NoSync: true})
	_, err := embedded.Start(dir, embedded.Options{Logger: quiet})
	if !errors.Is(err, embedded.ErrInUse) {
		t.Fatalf("error %v, want ErrInUse", err)
	}
	if !strings.Contains(err.Error(), dir) {
		t.Errorf("the error does not name the directory: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, dir, embedded.Options{NoSync: true})
}

// A process of its own, since locks may be shared within one.
func TestASecondProcessIsRefused(t *testing.T) {
	if dir := os.Getenv("LEAVER_TEST_DATA_DIRECTORY"); dir != "" {
		if _, err := embedded.Start(dir, embedded.Options{Logger: quiet}); errors.Is(err, embedded.ErrInUse) {
			os.Exit(7)
		}
		os.Exit(0)
	}
	t.Parallel()
	dir := t.TempDir()
	start(t, dir, embedded.Options{NoSync: true})
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestASecondProcessIsRefused$")
	command.Env = append(os.Environ(), "LEAVER_TEST_DATA_DIRECTORY="+dir)
	out, err := command.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Fatalf("the second process ended with %v, want exit code 7\n%s", err, out)
	}
}

func TestADirectoryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/leaver"} {
		_, err := embedded.Start(dir, embedded.Options{Logger: quiet})
		if !errors.Is(err, embedded.ErrNotWritable) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want ErrNotWritable with the directory", dir, err)
		}
	}
}

func TestCloseEndsConnections(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), embedded.Options{NoSync: true})
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !conn.IsClosed() {
		t.Error("the connection is open")
	}
	if _, err := s.Connect(); err == nil {
		t.Error("a closed server connects")
	}
}

func TestOnlyWarningsAndErrorsAreLogged(t *testing.T) {
	t.Parallel()
	seen := &records{}
	s, err := embedded.Start(t.TempDir(), embedded.Options{NoSync: true, Logger: slog.New(seen)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range seen.all {
		if r.Level < slog.LevelWarn {
			t.Errorf("logged %s: %s", r.Level, r.Message)
		}
	}
}

// records is a slog.Handler that remembers; the server has ended when it is read.
type records struct{ all []slog.Record }

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) Handle(_ context.Context, record slog.Record) error {
	r.all = append(r.all, record)
	return nil
}
func (r *records) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *records) WithGroup(string) slog.Handler      { return r }

// TestADirectoryThatOthersMayWriteIsRefused: whoever puts files there decides what the ledger says. A
// group of the process's own is what Kubernetes gives volumes to.
func TestADirectoryThatOthersMayWriteIsRefused(t *testing.T) {
	for mode, want := range map[os.FileMode]error{
		0o777: embedded.ErrNotAlone, 0o777 | os.ModeSticky: embedded.ErrNotAlone, 0o702: embedded.ErrNotAlone, 0o770: nil, 0o755: nil, 0o700: nil,
	} {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		held, err := embedded.Hold(dir)
		if !errors.Is(err, want) {
			t.Errorf("%v: got %v, want %v", mode, err, want)
		}
		if err == nil {
			_ = held.Unlock()
		}
	}
}
