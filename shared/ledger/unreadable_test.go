package ledger_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

const another = "00000000-0000-4000-8000-000000000000"

// store writes rows by hand, as somebody with the database would.
func store(t *testing.T, s ledger.Store, id, label string, rows ...string) {
	t.Helper()
	for i, row := range rows {
		if err := s.Append(t.Context(), id, i+1, label, []byte(row)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnUnreadableCaseHarmsOnlyItself keeps the others going, whatever stands in one case.
func TestAnUnreadableCaseHarmsOnlyItself(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"a row without a plan":           `{"position":1,"kind":"opened","tenant":"tenant","leaver":"l"}`,
		"a row of a newer version":       `{"position":1,"kind":"promoted","leaver":"l"}`,
		"no JSON":                        `}`,
		"a decision about a request":     `{"id":"` + another + `-1","position":1,"kind":"termination","source":"test","state":"parked"}`,
		"a row that continues something": `{"position":7,"kind":"published","previous":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s, _ := newLedger(t)
			good := open(t, l)
			bad := another + "-1"
			store(t, s, bad, "open", row)
			cases, unreadable, err := l.Cases(t.Context())
			if err != nil || len(cases) != 1 || cases[0].ID != good.ID {
				t.Errorf("%d cases, %v; want the other one", len(cases), err)
			}
			if len(unreadable) != 1 || unreadable[0].ID != bad || !errors.Is(unreadable[0].Why, ledger.ErrUnreadable) {
				t.Errorf("unreadable %v, want %s", unreadable, bad)
			}
			m := claim(good)
			m.Case, m.Leaver = bad, another
			if run, _, err := l.Begin(t.Context(), m, start.Add(time.Minute)); run != nil || !errors.Is(err, ledger.ErrUnreadable) {
				t.Errorf("a run by it: %v, error %v; want ErrUnreadable", run, err)
			}
			begin(t, l, claim(good), start.Add(time.Minute))
		})
	}
}

// TestAReferenceThatIsNoHashPanicsNowhere writes entries that need no signature and refer to a personal value
// by less than a hash: the case is unreadable, a freeze is one by nobody, and nothing panics.
func TestAReferenceThatIsNoHashPanicsNowhere(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{"", "ab", strings.Repeat("0", 63), strings.Repeat("0", 65), "é"} {
		l, s, _ := newLedger(t)
		c := open(t, l)
		other := opened(t, l, another)
		if err := s.Seal(t.Context(), c.ID, map[string]ledger.Value{"signout-x~" + hash[:min(len(hash), 16)]: {Value: "Mallory"}}); err != nil {
			t.Fatal(err)
		}
		forged := chained(fmt.Sprintf(`{"at":"2026-11-22T09:00:00Z","kind":"kept","step":"signout","sealed":{"signout-x":%q}}`, hash), c.Position+1, c.Hash)
		if err := s.Append(t.Context(), c.ID, c.Position+1, "planning", forged); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Case(t.Context(), c.ID); !errors.Is(err, ledger.ErrUnreadable) {
			t.Errorf("by %q, the case: %v, want ErrUnreadable", hash, err)
		}
		if _, err := l.Evidence(t.Context(), c.ID); !errors.Is(err, ledger.ErrUnreadable) {
			t.Errorf("by %q, its evidence: %v, want ErrUnreadable", hash, err)
		}
		if cases, _, err := l.Cases(t.Context()); err != nil || len(cases) != 1 || cases[0].ID != other.ID {
			t.Errorf("by %q, %d cases, %v; want the other", hash, len(cases), err)
		}
		rows, err := s.Read(t.Context(), "brakes", 0)
		if err != nil {
			t.Fatal(err)
		}
		n := len(rows) + 1
		freeze := chained(fmt.Sprintf(`{"at":"2026-11-22T09:00:00Z","kind":"frozen","sealed":{"frozen-by-%d":%q}}`, n, hash), n, sum(rows[n-2]))
		if err := s.Append(t.Context(), "brakes", n, "brakes", freeze); err != nil {
			t.Fatal(err)
		}
		if freezing, frozen, err := l.Freezing(t.Context()); err != nil || !frozen || freezing.By.Named() {
			t.Errorf("by %q, it is frozen: %t by %v, %v; want by nobody", hash, frozen, freezing.By, err)
		}
	}
}

// TestNobodySpeaksUnderAnothersName changes the values that say who froze the installation and who asked for
// a departure, as whoever may write the table can: neither names anybody else, and whoever asked does not
// approve it because the word for that is gone.
func TestNobodySpeaksUnderAnothersName(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(ledger.Value) ledger.Value{
		"another name":        func(v ledger.Value) ledger.Value { v.Value = "Alex Wilber"; return v },
		"another salt":        func(v ledger.Value) ledger.Value { v.Salt = nil; return v },
		"nothing that is one": func(ledger.Value) ledger.Value { return ledger.Value{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s, _ := newLedger(t)
			asks := departure(t, 1, start)
			asks.Request.By = joni
			asks.Brakes = []offboarding.Brake{{Kind: offboarding.BrakeApproval, By: "privileged", Needs: 2, Why: "Global Administrator"}}
			c := mustOpen(t, l, asks)
			if err := l.Freeze(t.Context(), joni, "a drill"); err != nil {
				t.Fatal(err)
			}
			change := func(id, of string) {
				t.Helper()
				values, err := s.Unseal(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				for name, v := range values {
					if strings.HasPrefix(name, of) {
						if err := s.Seal(t.Context(), id, map[string]ledger.Value{name: spoil(v)}); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			change("brakes", "frozen-by")
			if freezing, frozen, err := l.Freezing(t.Context()); err != nil || !frozen || freezing.By.Named() || freezing.Reason != "a drill" {
				t.Errorf("it is frozen: %t by %+v, %q, %v; want by nobody that is known", frozen, freezing.By, freezing.Reason, err)
			}
			approve := func(by offboarding.Person) error {
				return second(l.Approve(t.Context(), ledger.Approval{Case: c.ID, By: by}))
			}
			if err := approve(miriam); err != nil {
				t.Fatal(err)
			}
			change(c.ID, "approved-by")
			if err := approve(miriam); !errors.Is(err, ledger.ErrSpoiled) {
				t.Errorf("she approves twice: %v, want that nobody knows who has approved", err)
			}
			change(c.ID, "asked-by")
			if err := approve(joni); !errors.Is(err, ledger.ErrSpoiled) {
				t.Errorf("who asked approves: %v, want that nobody knows who asked", err)
			}
			refused(t, l, claim(c), ledger.Held)
			if _, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: c.Leaver, EventTime: start.Add(time.Second)}); err != nil {
				t.Errorf("cancelling it: %v; want the way out", err)
			}
		})
	}
}

// opened opens a departure of somebody.
func opened(t *testing.T, l *ledger.Ledger, leaver string) *offboarding.Case {
	t.Helper()
	opens := opening(t, "another", start)
	opens.Leaver = leaver
	c, err := l.Open(t.Context(), opens)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestALeaseThatNobodyTakesKeepsNobodyOut writes leases by hand, of a step and of the whole installation: for
// ever, in the wrong place, and what is none. Nobody signs a lease, so that none of them may count.
func TestALeaseThatNobodyTakesKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"for ever":               `{"position":1,"holder":"x","until":"2999-01-01T00:00:00Z"}`,
		"a day":                  `{"position":1,"holder":"x","until":"` + start.Add(24*time.Hour).Format(time.RFC3339) + `"}`,
		"under another number":   `{"position":7,"holder":"x"}`,
		"under a number of none": `{"position":-9223372036854775808}`,
		"no JSON":                `}`,
		"null":                   `null`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, s, _ := newLedger(t)
			store(t, s, "exclusive-notify", "exclusive", row)
			for range 2 {
				ran := false
				if err := l.Exclusively(t.Context(), "notify", func(context.Context) error { ran = true; return nil }); err != nil || !ran {
					t.Errorf("it ran: %t, %v; want that nobody has the lease", ran, err)
				}
			}
		})
	}
	t.Run("of a step", func(t *testing.T) {
		t.Parallel()
		l, s, _ := newLedger(t)
		c := open(t, l)
		forged := chained(`{"at":"2026-11-22T09:00:00Z","kind":"begun","step":"signout","n":1,"lease":{"holder":"x","until":"2999-01-01T00:00:00Z"}}`, c.Position+1, c.Hash)
		if err := s.Append(t.Context(), c.ID, c.Position+1, "planning", forged); err != nil {
			t.Fatal(err)
		}
		begin(t, l, claim(c), start.Add(time.Minute))
		refused(t, l, claim(c), ledger.Leased) // one that a run has taken counts
	})
}

// TestNoRequestIsRecordedInACase tries what a forged message to the plan function would: a request
// under the id of a case, there or still to come.
func TestNoRequestIsRecordedInACase(t *testing.T) {
	t.Parallel()
	l, s, _ := newLedger(t)
	c := open(t, l)
	for _, id := range []string{c.ID, another + "-1", "req-1", strings.ToUpper(offboarding.RequestID("test", "1")), ""} {
		d := ledger.Decision{ID: id, Kind: offboarding.Termination, State: ledger.RequestParked, Reason: "forged"}
		if err := l.Decide(t.Context(), d, map[string]string{"a": "b"}); !errors.Is(err, ledger.ErrUnreadable) {
			t.Errorf("under the id %q: error %v, want ErrUnreadable", id, err)
		}
	}
	if after, err := l.Case(t.Context(), c.ID); err != nil || after.Position != c.Position {
		t.Errorf("the case has %d entries, %v; want %d", after.Position, err, c.Position)
	}
	if heads, err := s.List(t.Context()); err != nil || len(heads) != 2 {
		t.Errorf("histories %v, %v; want the case and the brakes alone", heads, err)
	}
}

// TestNothingIsAppendedToAHistoryOfAnotherKind finds a case where a request should be, and the
// other way round.
func TestNothingIsAppendedToAHistoryOfAnotherKind(t *testing.T) {
	t.Parallel()
	l, s, _ := newLedger(t)
	request := offboarding.RequestID("test", "1")
	store(t, s, request, "open", `{"position":1,"kind":"opened","tenant":"tenant","leaver":"`+leaver+`","plan":{"version":1}}`)
	store(t, s, leaver+"-1", "parked", `{"id":"`+request+`","position":1,"kind":"termination","source":"test","state":"parked"}`)
	if err := l.Decide(t.Context(), ledger.Decision{ID: request, Kind: offboarding.Termination, State: ledger.RequestParked}, nil); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("deciding: error %v, want ErrUnreadable", err)
	}
	if _, err := l.Open(t.Context(), opening(t, "1", start)); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("opening: error %v, want ErrUnreadable", err)
	}
	if _, unreadable, err := l.Requests(t.Context()); err != nil || len(unreadable) != 1 || unreadable[0].ID != leaver+"-1" {
		t.Errorf("unreadable requests %v, %v; want %s-1, which is none", unreadable, err, leaver)
	}
}

// TestATailThatWasCutOffIsSaid cuts the end of a history off under a running process.
func TestATailThatWasCutOffIsSaid(t *testing.T) {
	t.Parallel()
	s := &memory{entries: map[string][][]byte{}}
	now := func() time.Time { return start }
	l := ledger.New(s, now, strings.NewReader(strings.Repeat("salt", 1000)), ledgertest.Proof("tenant"))
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	run := begin(t, l, claim(c), start.Add(time.Minute))
	s.entries[c.ID] = s.entries[c.ID][:1]
	if err := run.Allow(t.Context()); !errors.Is(err, ledger.ErrTruncated) {
		t.Errorf("asking to write: error %v, want ErrTruncated", err)
	}
	if _, err := l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, EventTime: start.Add(time.Second)}); !errors.Is(err, ledger.ErrTruncated) {
		t.Errorf("cancelling: error %v, want ErrTruncated", err)
	}
	if len(s.entries[c.ID]) != 1 {
		t.Error("something was appended to it")
	}
}

// busy is a store in which another commit always comes first, and never shows.
type busy struct {
	*memory
	tries int
}

func (b *busy) Append(context.Context, string, int, string, []byte) error {
	b.tries++
	return ledger.ErrConflict
}

func TestACommitGivesUpWhenOthersAlwaysComeFirst(t *testing.T) {
	t.Parallel()
	s := &memory{entries: map[string][][]byte{}}
	now, random := func() time.Time { return start }, strings.NewReader(strings.Repeat("salt", 10000))
	c, err := ledger.New(s, now, random, ledgertest.Proof("tenant")).Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	for name, commit := range map[string]func(*ledger.Ledger) error{
		"a cancellation": func(l *ledger.Ledger) error {
			return second(l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, EventTime: start.Add(time.Second)}))
		},
		"a first request": func(l *ledger.Ledger) error {
			o := opening(t, "2", start)
			o.Leaver = another
			return second(l.Open(t.Context(), o))
		},
		"a replay": func(l *ledger.Ledger) error {
			return second(l.Reschedule(t.Context(), c.ID, offboarding.StepSignout, 1, start))
		},
		"a decision": func(l *ledger.Ledger) error {
			return l.Decide(t.Context(), ledger.Decision{ID: offboarding.RequestID("test", "1"), Kind: offboarding.Termination, State: ledger.RequestParked}, nil)
		},
	} {
		b := &busy{memory: s}
		if err := commit(ledger.New(b, now, random, ledgertest.Proof("tenant"))); !errors.Is(err, ledger.ErrUnavailable) || b.tries > 1000 {
			t.Errorf("%s: error %v after %d tries, want ErrUnavailable after a bounded number", name, err, b.tries)
		}
	}
}

// FuzzFold reads any three rows: a case comes out, or an error, and never a panic.
func FuzzFold(f *testing.F) {
	const opened = `{"position":1,"kind":"opened","tenant":"t","leaver":"l","plan":{"version":1,"steps":[{"name":"signout","due":"2026-11-22T09:00:00Z"}]}}`
	for _, row := range []string{
		`{"position":1,"kind":"opened"}`, `{"position":1,"kind":"opened","leaver":"l"}`, `{"position":1,"kind":"cancelled"}`, `{"position":1}`, `{}`, `null`, ``,
		`{"position":1,"kind":"opened","leaver":"l","plan":{"version":1,"steps":[{"name":"a"},{"name":"a"}]}}`,
	} {
		f.Add(row, "", "")
	}
	for _, kind := range []string{"opened", "joined", "published", "begun", "renewed", "kept", "settled", "rescheduled", "signed off", "cancelled", "promoted"} {
		for _, rest := range []string{``, `,"step":"signout"`, `,"step":"block"`, `,"step":"signout","n":1,"state":"on fire"`, `,"plan":{}`} {
			f.Add(opened, fmt.Sprintf(`{"position":2,"kind":%q%s}`, kind, rest), `{"position":3,"kind":"published"}`)
		}
	}
	f.Fuzz(func(t *testing.T, first, second, third string) {
		const id = another + "-1"
		s := &memory{entries: map[string][][]byte{}}
		previous := ""
		for _, row := range []string{first, second, third} {
			if row != "" {
				raw := chained(row, len(s.entries[id])+1, previous)
				s.entries[id] = append(s.entries[id], raw)
				previous = fmt.Sprintf("%x", sha256.Sum256(raw))
			}
		}
		l := ledger.New(s, func() time.Time { return start }, rand.Reader, ledgertest.Proof("tenant"))
		c, err := l.Case(t.Context(), id)
		if err != nil {
			if !errors.Is(err, ledger.ErrUnreadable) && !errors.Is(err, ledger.ErrNoCase) {
				t.Errorf("error %v, want ErrUnreadable or ErrNoCase", err)
			}
			return
		}
		_, _ = c.State(start), offboarding.Deadlines(c)
		for _, step := range c.Steps {
			_, _, _ = l.Begin(t.Context(), ledger.Claim{
				Tenant: c.Tenant, Case: id, Leaver: c.Leaver, PlanVersion: c.Plan.Version, Step: step.Name, N: step.N,
			}, start.Add(time.Minute))
		}
	})
}

// chained puts a row in its place of a chain, so that what it says is looked at.
func chained(row string, position int, previous string) []byte {
	var fields map[string]any
	if json.Unmarshal([]byte(row), &fields) != nil || fields == nil {
		return []byte(row)
	}
	fields["position"], fields["previous"] = position, previous
	raw, err := json.Marshal(fields)
	if err != nil {
		return []byte(row)
	}
	return raw
}
