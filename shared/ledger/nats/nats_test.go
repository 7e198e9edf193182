package nats_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"leaver/shared/embedded"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/ledger/nats"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

func TestConformance(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) ledgertest.Harness {
		h := newHarness(t, embedded.Options{NoSync: true})
		return ledgertest.Harness{
			Store:  h.open(t),
			Second: func(t *testing.T) ledger.Store { return h.open(t) },
			Reopen: func(t *testing.T) ledger.Store {
				h.stop(t)
				h.start(t)
				return h.open(t)
			},
			Reaches: h.reaches,
		}
	})
}

func TestTampering(t *testing.T) {
	ledgertest.Tampering(t, func(t *testing.T) ledger.Store {
		return newHarness(t, embedded.Options{NoSync: true}).open(t)
	})
}

// harness is an embedded server of its own.
type harness struct {
	dir    string
	server embedded.Options
	ns     *embedded.Server
}

func newHarness(t testing.TB, server embedded.Options) *harness {
	t.Helper()
	server.Logger = slog.New(slog.DiscardHandler)
	h := &harness{dir: t.TempDir(), server: server}
	h.start(t)
	t.Cleanup(func() { h.stop(t) })
	return h
}

func (h *harness) start(t testing.TB) {
	t.Helper()
	ns, err := embedded.Start(h.dir, h.server)
	if err != nil {
		t.Fatal(err)
	}
	h.ns = ns
}

func (h *harness) stop(t testing.TB) {
	t.Helper()
	if err := h.ns.Close(); err != nil {
		t.Error(err)
	}
}

func (h *harness) open(t testing.TB) *nats.Store {
	t.Helper()
	conn, err := h.ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	s, err := nats.Open(t.Context(), conn, nats.Options{Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reaches looks through every file of the server.
func (h *harness) reaches(t *testing.T, needle []byte) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // the server tidies up meanwhile
			}
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		found = found || bytes.Contains(raw, needle)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestWhatSomebodyElseWroteHarmsItsOwnHistoryAlone puts messages into the stream that no version of Leaver
// wrote, as whoever can write to the server could: nothing panics, the others are listed, read and written
// on, by a store that knew them and by one that did not; and the spoiled one is listed as such.
func TestWhatSomebodyElseWroteHarmsItsOwnHistoryAlone(t *testing.T) {
	t.Parallel()
	const victim, bystander = "victim-1", "bystander-1"
	header := func(position, label string) natsgo.Header {
		return natsgo.Header{"Leaver-Position": {position}, "Leaver-Label": {label}}
	}
	for name, tt := range map[string]struct {
		id     string
		header natsgo.Header
		bytes  int // of each of a hundred messages; 0 is one message of a byte
		hidden bool
	}{
		"without headers":            {id: victim},
		"a position that is none":    {id: victim, header: header("three", `"open"`)},
		"a vast position":            {id: victim, header: header("4611686018427387904", `"open"`)},
		"a position below zero":      {id: victim, header: header("-3", `"open"`)},
		"a label that is not quoted": {id: victim, header: header("3", "open")},
		"the first of a history":     {id: "victim-2", header: header("one", `"open"`)},
		"an id that is none":         {id: "NOT_AN_ID", header: header("1", `"open"`), hidden: true},
		"more than any memory":       {id: victim, bytes: 960 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, embedded.Options{NoSync: true})
			warm := h.open(t)
			for _, id := range []string{victim, bystander} {
				for position := range 2 {
					if err := warm.Append(t.Context(), id, position+1, "open", []byte("{}")); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := warm.List(t.Context()); err != nil {
				t.Fatal(err)
			}
			conn, err := h.ns.Connect()
			if err != nil {
				t.Fatal(err)
			}
			js, err := jetstream.New(conn)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 1 + min(tt.bytes, 99) {
				m := natsgo.NewMsg("leaver.ledger." + tt.id)
				if m.Header, m.Data = tt.header, make([]byte, max(1, tt.bytes)); tt.bytes > 0 {
					m.Header = header(strconv.Itoa(3+i), `"open"`)
				}
				if _, err := js.PublishMsg(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			for name, s := range map[string]*nats.Store{"who knew them": warm, "who did not": h.open(t)} {
				heads, err := s.List(t.Context(), "open")
				if err != nil || !slices.Contains(heads, ledger.Head{ID: bystander, Position: 2, Label: "open"}) {
					t.Errorf("%s lists %v, %v; want the other among it", name, heads, err)
				}
				if is := slices.ContainsFunc(heads, func(h ledger.Head) bool { return h.ID == tt.id }); is == tt.hidden {
					t.Errorf("%s lists %v; want what was spoiled among it: %t", name, heads, !tt.hidden)
				}
				if _, err := s.Read(t.Context(), tt.id, 0); err == nil || !tt.hidden && !errors.Is(err, ledger.ErrUnreadable) && !errors.Is(err, ledger.ErrTruncated) {
					t.Errorf("%s reads it: %v; want that it is unreadable", name, err)
				}
				if got, err := s.Read(t.Context(), bystander, 0); err != nil || len(got) != 2 {
					t.Errorf("%s reads %d entries of the other, %v", name, len(got), err)
				}
			}
			if err := warm.Append(t.Context(), bystander, 3, "closed", []byte("{}")); err != nil {
				t.Errorf("the other goes no further: %v", err)
			}
		})
	}
}

// TestAValueOfNobodyHarmsNoOther: a value whose name somebody spoiled is passed over.
func TestAValueOfNobodyHarmsNoOther(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{NoSync: true})
	s := h.open(t)
	want := map[string]ledger.Value{"mail": {Salt: []byte("s"), Value: "adele@contoso.com"}}
	if err := s.Seal(t.Context(), "case-1", want); err != nil {
		t.Fatal(err)
	}
	conn, err := h.ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Request("leaver.values.case-1.other", []byte("{}"), 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Unseal(t.Context(), "case-1"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestNothingOfTheHistoriesCanBeRemoved(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{NoSync: true})
	s := h.open(t)
	if err := s.Append(t.Context(), "case-1", 1, "open", []byte("one")); err != nil {
		t.Fatal(err)
	}
	conn, err := h.ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), nats.Stream)
	if err != nil {
		t.Fatal(err)
	}
	for doing, err := range map[string]error{
		"deleting":          stream.DeleteMsg(t.Context(), 1),
		"deleting securely": stream.SecureDeleteMsg(t.Context(), 1),
		"purging":           stream.Purge(t.Context()),
	} {
		if err == nil {
			t.Errorf("%s an entry is allowed", doing)
		}
	}
	c := stream.CachedInfo().Config
	if c.MaxAge != 0 || c.MaxMsgs != -1 || c.MaxBytes != -1 || c.MaxMsgsPerSubject != -1 || c.AllowRollup {
		t.Errorf("the server may remove entries: %+v", c)
	}
	got, err := s.Read(t.Context(), "case-1", 0)
	if err != nil || len(got) != 1 {
		t.Errorf("read %d entries, error %v", len(got), err)
	}
}

func TestValuesAreReadFromTheLeader(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{NoSync: true})
	h.open(t)
	conn, err := h.ns.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), nats.ValuesStream)
	if err != nil {
		t.Fatal(err)
	}
	c := stream.CachedInfo().Config
	if c.AllowDirect {
		t.Error("direct reads are allowed: a replica that lags would show erased values")
	}
	if c.MaxMsgsPerSubject != -1 {
		t.Error("the server drops replaced values without overwriting them")
	}
}

func TestUnavailableWhenTheServerIsGone(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{NoSync: true})
	s := h.open(t)
	h.stop(t)
	ctx := t.Context()
	_, read := s.Read(ctx, "case-1", 0)
	_, list := s.List(ctx)
	for doing, err := range map[string]error{
		"appending": s.Append(ctx, "case-1", 1, "open", nil), "reading": read, "listing": list,
		"sealing": s.Seal(ctx, "case-1", map[string]ledger.Value{"n": {}}), "erasing": s.Erase(ctx, "case-1"),
	} {
		if !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("%s: error %v, want ErrUnavailable", doing, err)
		}
	}
}

// With SyncAlways an erased value is gone from the disk when Erase returns.
func TestErasingWithSyncAlways(t *testing.T) {
	t.Parallel()
	h := newHarness(t, embedded.Options{})
	s := h.open(t)
	value := func(i int) string { return fmt.Sprintf("value-%d-of-somebody", i) }
	for i := range 50 {
		if err := s.Seal(t.Context(), "case-1", map[string]ledger.Value{fmt.Sprint(i): {Value: value(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if !h.reaches(t, []byte(value(7))) {
		t.Fatal("the value is not seen while it is stored")
	}
	if err := s.Erase(t.Context(), "case-1"); err != nil {
		t.Fatal(err)
	}
	if h.reaches(t, []byte("-of-somebody")) {
		t.Error("a value can be read")
	}
}

// The benchmarks run on the file store with SyncAlways, as production does.

var entry = bytes.Repeat([]byte("e"), 800)

func BenchmarkAppend(b *testing.B) {
	for _, cases := range []int{1, 100} {
		b.Run(fmt.Sprintf("cases=%d", cases), func(b *testing.B) {
			s := newHarness(b, embedded.Options{}).open(b)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range cases {
				wg.Go(func() {
					for position := 1; left.Add(-1) >= 0; position++ {
						if err := s.Append(b.Context(), fmt.Sprint("case-", i), position, "open", entry); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	s := newHarness(b, embedded.Options{NoSync: true}).open(b)
	for i := range 200 {
		for position := 1; position <= 20; position++ {
			if err := s.Append(b.Context(), fmt.Sprint("case-", i), position, "open", entry); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, after := range map[string]int{"all=20": 0, "new=1": 19, "new=0": 20} {
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				if _, err := s.Read(b.Context(), fmt.Sprint("case-", i%200), after); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	h := newHarness(b, embedded.Options{NoSync: true})
	s := h.open(b)
	for i := range 5000 {
		if err := s.Append(b.Context(), fmt.Sprint("case-", i), 1, "closed", entry); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("first of 5000", func(b *testing.B) {
		for range b.N {
			if heads, err := h.open(b).List(b.Context()); err != nil || len(heads) != 5000 {
				b.Fatal(len(heads), err)
			}
		}
	})
	b.Run("later of 5000", func(b *testing.B) {
		if _, err := s.List(b.Context()); err != nil {
			b.Fatal(err)
		}
		for range b.N {
			if _, err := s.List(b.Context(), "open"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
