package aztables_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
)

// wire is what may go wrong on the way of a transaction; nil is nothing.
type wire struct {
	// instead answers in place of the service.
	instead func(send func() (*http.Response, error)) (*http.Response, error)
	sent    int // transactions
	// empty has every query begin with that many pages of nothing, each with a continuation that names a
	// partition and no row.
	empty int
}

// TestAHistoryThatIsLargerThanAnyMemoryIsUnreadable answers a query page by page, for ever: whoever can add
// rows could write that much, and every process that lists the cases reads it.
func TestAHistoryThatIsLargerThanAnyMemoryIsUnreadable(t *testing.T) {
	t.Parallel()
	page := 0
	part := base64.StdEncoding.EncodeToString(make([]byte, 64<<10))
	endless := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		page++
		var row strings.Builder
		fmt.Fprintf(&row, `{"PartitionKey":"case-1","RowKey":"entry_%010d"`, page)
		for i := range 15 {
			fmt.Fprintf(&row, `,"Data%d@odata.type":"Edm.Binary","Data%[1]d":%q`, i, part)
		}
		return &http.Response{
			StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(strings.NewReader(`{"value":[` + row.String() + `}]}`)),
			Header: http.Header{"Content-Type": {"application/json"}, "X-Ms-Continuation-Nextpartitionkey": {"case-1"}, "X-Ms-Continuation-Nextrowkey": {fmt.Sprint(page)}},
		}, nil
	})}
	s, _, err := aztables.OpenTable(azuritetest.ConnectionString("http://127.0.0.1:1/account"), "leaver", endless)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context(), "case-1", 0); !errors.Is(err, ledger.ErrUnreadable) || !errors.Is(err, ledger.ErrTooLong) {
		t.Errorf("reading: %v, want that it is too long", err)
	}
	if most := ledger.MaxHistory/(960<<10) + 1; page > most {
		t.Errorf("it read %d pages of 960 KiB, want at most %d", page, most)
	}
	if _, err := s.Unseal(t.Context(), "case-1"); !errors.Is(err, ledger.ErrTooLong) {
		t.Errorf("its values: %v, want that they are too many", err)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

var errWire = errors.New("the connection was reset")

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	send := func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) }
	if query := r.URL.Query(); w.empty > 0 && r.Method == http.MethodGet && query.Has("$filter") {
		n := len(query.Get("NextPartitionKey")) // is how far it came
		if n < w.empty {
			return &http.Response{
				StatusCode: http.StatusOK, Request: r, Body: io.NopCloser(strings.NewReader(`{"value":[]}`)),
				Header: http.Header{"Content-Type": {"application/json"}, "X-Ms-Continuation-Nextpartitionkey": {strings.Repeat("x", n+1)}},
			}, nil
		}
		query.Del("NextPartitionKey")
		query.Del("NextRowKey")
		bare := r.Clone(r.Context())
		bare.URL.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
		return http.DefaultTransport.RoundTrip(bare)
	}
	if !strings.HasSuffix(r.URL.Path, "/$batch") {
		return send()
	}
	w.sent++
	if w.instead == nil {
		return send()
	}
	return w.instead(send)
}

func (w *wire) client() *http.Client { return &http.Client{Transport: w} }

// lost carries the request out and loses the answer.
func lost(send func() (*http.Response, error)) (*http.Response, error) {
	if answer, err := send(); err == nil {
		_ = answer.Body.Close()
	}
	return nil, errWire
}

// cut never gets there.
func cut(func() (*http.Response, error)) (*http.Response, error) { return nil, errWire }

// answers makes the service say something.
func answers(status int, code string) func(func() (*http.Response, error)) (*http.Response, error) {
	return func(func() (*http.Response, error)) (*http.Response, error) {
		body := `{"odata.error":{"code":"` + code + `","message":{"lang":"en-US","value":"about adele.vance@contoso.com"}}}`
		return &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "X-Ms-Request-Id": {"r-1"}},
			Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}
}

func mustAppend(t *testing.T, s ledger.Store, position int, label, entry string) {
	t.Helper()
	if err := s.Append(t.Context(), "case-1", position, label, []byte(entry)); err != nil {
		t.Fatal(err)
	}
}

func wantEntries(t *testing.T, s ledger.Store, want ...string) {
	t.Helper()
	got, err := s.Read(t.Context(), "case-1", 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i := range got {
		if string(got[i]) != want[i] {
			t.Fatalf("entry %d is %q, want %q", i+1, got[i], want[i])
		}
	}
}

func wantListed(t *testing.T, s ledger.Store, label string, want int) {
	t.Helper()
	heads, err := s.List(t.Context(), label)
	if err != nil || len(heads) != want {
		t.Fatalf("label %s: %v, error %v; want %d", label, heads, err, want)
	}
}

// hints counts the rows of the index.
func (h harness) hints(t *testing.T) (n int) {
	t.Helper()
	for _, e := range h.rows(t) {
		if strings.HasPrefix(e.PartitionKey, "_") {
			n++
		}
	}
	return n
}

func TestTraps(t *testing.T) {
	azurite := azuritetest.Start(t)
	for name, trap := range traps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trap(t, newHarness(t, azurite))
		})
	}
}

// traps are what is peculiar to Table Storage: each of these was one once.
var traps = map[string]func(*testing.T, harness){
	"a commit whose answer was lost is recognised": func(t *testing.T, h harness) {
		w := &wire{}
		s := h.open(t, w.client())
		w.instead = lost
		mustAppend(t, s, 1, "open", "one")
		mustAppend(t, s, 2, "open", "two")
		if w.sent != 2 {
			t.Errorf("%d transactions for two entries: the SDK repeats them", w.sent)
		}
		wantEntries(t, h.open(t, nil), "one", "two")
	},
	"a commit that never got there is unavailable and may be tried again": func(t *testing.T, h harness) {
		w := &wire{instead: cut}
		s := h.open(t, w.client())
		err := s.Append(t.Context(), "case-1", 1, "open", []byte("one"))
		if !errors.Is(err, ledger.ErrUnavailable) || !errors.Is(err, errWire) {
			t.Fatalf("error %v, want ErrUnavailable and its cause", err)
		}
		if w.sent != 1 {
			t.Errorf("%d requests, want 1", w.sent)
		}
		w.instead = nil
		wantEntries(t, s)
		mustAppend(t, s, 1, "open", "one")
		wantEntries(t, s, "one")
	},
	"a lost answer is a conflict when another entry came first": func(t *testing.T, h harness) {
		w := &wire{}
		s, other := h.open(t, w.client()), h.open(t, nil)
		w.instead = func(send func() (*http.Response, error)) (*http.Response, error) {
			mustAppend(t, other, 1, "open", "other")
			return lost(send)
		}
		if err := s.Append(t.Context(), "case-1", 1, "open", []byte("one")); !errors.Is(err, ledger.ErrConflict) {
			t.Fatalf("error %v, want ErrConflict", err)
		}
		wantEntries(t, s, "other")
	},
	"the index holds a history whenever a writer dies": func(t *testing.T, h harness) {
		w := &wire{}
		s, other := h.open(t, w.client()), h.open(t, nil)
		mustAppend(t, s, 1, "planning", "one")
		w.instead = cut // between the hint and the commit
		if err := s.Append(t.Context(), "case-1", 2, "open", []byte("two")); err == nil {
			t.Fatal("committed")
		}
		wantListed(t, other, "planning", 1)
		wantListed(t, other, "open", 0)
		w.instead = nil
		mustAppend(t, s, 2, "open", "two")
		wantListed(t, other, "open", 1)
		wantListed(t, other, "planning", 0)
		if n := h.hints(t); n != 1 {
			t.Errorf("%d hints are left, want the one of its label", n)
		}
	},
	"a hint of a commit that has not come yet is left alone": func(t *testing.T, h harness) {
		w := &wire{}
		s, other := h.open(t, w.client()), h.open(t, nil)
		mustAppend(t, s, 1, "planning", "one")
		mustAppend(t, s, 2, "open", "two")
		mustAppend(t, s, 3, "planning", "three")
		w.instead = func(send func() (*http.Response, error)) (*http.Response, error) {
			wantListed(t, other, "open", 0) // removes the hint of entry 2
			return send()
		}
		mustAppend(t, s, 4, "open", "four")
		wantListed(t, other, "open", 1)
		wantListed(t, other, "planning", 0)
	},
	// Source: Azure/azure-storage-node issue 244; Azure/azure-sdk-for-go issue 5425.
	"pages of nothing come before the entries": func(t *testing.T, h harness) {
		s := h.open(t, (&wire{empty: 3}).client())
		mustAppend(t, s, 1, "open", "one")
		mustAppend(t, s, 2, "open", "two")
		wantEntries(t, s, "one", "two")
		wantListed(t, s, "open", 1)
		if err := s.Seal(t.Context(), "case-1", map[string]ledger.Value{"name": {Value: "v"}}); err != nil {
			t.Fatal(err)
		}
		if err := s.Erase(t.Context(), "case-1"); err != nil {
			t.Fatal(err)
		}
		if values, err := h.open(t, nil).Unseal(t.Context(), "case-1"); err != nil || len(values) > 0 {
			t.Errorf("%v, %v; want nothing", values, err)
		}
	},
	"a value that somebody spoiled keeps nobody from the others": func(t *testing.T, h harness) {
		s := h.open(t, nil)
		if err := s.Seal(t.Context(), "case-1", map[string]ledger.Value{"a": {Value: "v"}, "b": {Value: "w"}}); err != nil {
			t.Fatal(err)
		}
		spoiled := `{"PartitionKey":"case-1","RowKey":"value_a","Name":"a","Data0":"no bytes"}`
		if _, err := h.raw(t).UpsertEntity(t.Context(), []byte(spoiled), &sdk.UpsertEntityOptions{UpdateMode: sdk.UpdateModeReplace}); err != nil {
			t.Fatal(err)
		}
		if values, err := s.Unseal(t.Context(), "case-1"); err != nil || values["a"].Value != "" || values["b"].Value != "w" {
			t.Errorf("%v, %v; want the other one", values, err)
		}
	},
	"a history whose end was cut off is not read": func(t *testing.T, h harness) {
		s := h.open(t, nil)
		for i, e := range []string{"one", "two", "three"} {
			mustAppend(t, s, i+1, "open", e)
		}
		if _, err := h.raw(t).DeleteEntity(t.Context(), "case-1", "entry_0000000003", nil); err != nil {
			t.Fatal(err)
		}
		for after := range 3 {
			if got, err := s.Read(t.Context(), "case-1", after); err == nil {
				t.Errorf("after %d: %q", after, got)
			}
		}
	},
	"nor one with a hole": func(t *testing.T, h harness) {
		s := h.open(t, nil)
		for i, e := range []string{"one", "two", "three"} {
			mustAppend(t, s, i+1, "open", e)
		}
		if _, err := h.raw(t).DeleteEntity(t.Context(), "case-1", "entry_0000000002", nil); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(t.Context(), "case-1", 0); err == nil {
			t.Errorf("%q", got)
		}
	},
	"a head that was changed by other hands stops the append": func(t *testing.T, h harness) {
		s := h.open(t, nil)
		mustAppend(t, s, 1, "open", "one")
		wantEntries(t, s, "one") // and knows the head's ETag
		head := `{"PartitionKey":"case-1","RowKey":"head","Position":1,"Label":"closed"}`
		if _, err := h.raw(t).UpdateEntity(t.Context(), []byte(head), &sdk.UpdateEntityOptions{UpdateMode: sdk.UpdateModeReplace}); err != nil {
			t.Fatal(err)
		}
		if err := s.Append(t.Context(), "case-1", 2, "open", []byte("two")); !errors.Is(err, ledger.ErrConflict) {
			t.Fatalf("error %v, want ErrConflict", err)
		}
		wantEntries(t, s, "one")
		mustAppend(t, s, 2, "open", "two")
	},
	"entries up to what an entity holds": func(t *testing.T, h harness) {
		s := h.open(t, nil)
		large := strings.Repeat("l", 900<<10)
		mustAppend(t, s, 1, "open", large)
		wantEntries(t, s, large)
		err := s.Append(t.Context(), "case-1", 2, "open", make([]byte, 1<<20))
		if err == nil || errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrUnavailable) {
			t.Fatalf("error %v, want a refusal", err)
		}
		wantEntries(t, s, large)
	},
	"more values than a transaction holds": func(t *testing.T, h harness) {
		s := h.open(t, nil)
		values := map[string]ledger.Value{}
		for i := range 250 {
			values[strings.Repeat("n", i)] = ledger.Value{Value: "v"}
		}
		if err := s.Seal(t.Context(), "case-1", values); err != nil {
			t.Fatal(err)
		}
		got, err := s.Unseal(t.Context(), "case-1")
		if err != nil || len(got) != len(values) {
			t.Fatalf("%d values, error %v", len(got), err)
		}
		if err := s.Erase(t.Context(), "case-1"); err != nil {
			t.Fatal(err)
		}
		if rows := h.rows(t); len(rows) != 0 {
			t.Errorf("%d rows are left", len(rows))
		}
	},
	"creating the table again changes nothing": func(t *testing.T, h harness) {
		s := h.open(t, nil)
		mustAppend(t, s, 1, "open", "one")
		if err := s.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantEntries(t, s, "one")
	},
	"without its table it is unavailable": func(t *testing.T, h harness) {
		if _, err := h.raw(t).Delete(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s := h.open(t, nil)
		_, read := s.Read(t.Context(), "case-1", 0)
		_, list := s.List(t.Context())
		for doing, err := range map[string]error{
			"appending": s.Append(t.Context(), "case-1", 1, "open", nil), "reading": read, "listing": list,
			"sealing": s.Seal(t.Context(), "case-1", map[string]ledger.Value{"n": {}}), "erasing": s.Erase(t.Context(), "case-1"),
		} {
			if !errors.Is(err, ledger.ErrUnavailable) {
				t.Errorf("%s: error %v, want ErrUnavailable", doing, err)
			}
		}
	},
	"answers are told apart by code": func(t *testing.T, h harness) {
		for _, c := range []struct {
			status int
			code   string
			want   error // nil: neither
		}{
			{409, "EntityAlreadyExists", ledger.ErrConflict},
			{412, "UpdateConditionNotSatisfied", ledger.ErrConflict},
			{409, "TableBeingDeleted", ledger.ErrUnavailable},
			{404, "TableNotFound", ledger.ErrUnavailable},
			{500, "OperationTimedOut", ledger.ErrUnavailable},
			{503, "ServerBusy", ledger.ErrUnavailable},
			{429, "TooManyRequests", ledger.ErrUnavailable},
			{403, "AuthorizationPermissionMismatch", nil},
			{400, "EntityTooLarge", nil},
			{413, "RequestBodyTooLarge", nil},
		} {
			w := &wire{instead: answers(c.status, c.code)}
			err := h.open(t, w.client()).Append(t.Context(), "case-1", 1, "open", nil)
			for _, kind := range []error{ledger.ErrConflict, ledger.ErrUnavailable} {
				if errors.Is(err, kind) != (kind == c.want) {
					t.Errorf("%d %s: error %v, want %v", c.status, c.code, err, c.want)
				}
			}
			if err == nil || strings.Contains(err.Error(), "contoso") || !strings.Contains(err.Error(), c.code) {
				t.Errorf("%d %s: error %v, want the code and not the text", c.status, c.code, err)
			}
			if w.sent != 1 {
				t.Errorf("%d %s: sent %d times", c.status, c.code, w.sent)
			}
		}
	},
}
