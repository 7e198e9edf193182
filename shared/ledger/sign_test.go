package ledger_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
)

// p256 signs as AWS KMS does with a key of ECC_NIST_P256: the digest, in ASN.1, otherwise each time.
type p256 struct {
	private *ecdsa.PrivateKey
	key     ledger.Key
	mu      sync.Mutex
	signed  int
}

func newP256(t testing.TB) *p256 {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ledger.NewKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return &p256{private: private, key: key}
}

func (s *p256) Key() ledger.Key { return s.key }

func (s *p256) Sign(_ context.Context, message []byte) ([]byte, error) {
	s.mu.Lock()
	s.signed++
	s.mu.Unlock()
	digest := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, s.private, digest[:])
}

func (s *p256) proof() ledger.Proof {
	return ledger.Proof{Tenant: "tenant", Signer: s, Keys: []ledger.Key{s.key}}
}

func onMemory(s ledger.Store, proof ledger.Proof) *ledger.Ledger {
	return ledger.New(s, func() time.Time { return start }, rand.Reader, proof)
}

func newMemory() *memory { return &memory{entries: map[string][][]byte{}} }

// TestASignatureIsMadeWhenADepartureIsPlannedAndInNoStep counts the calls of the key: the lockout
// waits for two, and no step for any.
func TestASignatureIsMadeWhenADepartureIsPlannedAndInNoStep(t *testing.T) {
	t.Parallel()
	key, s := newP256(t), newMemory()
	c, err := onMemory(s, key.proof()).Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	if key.signed != 2 { // that it is counted, and that it is opened
		t.Errorf("planning signs %d times, want twice", key.signed)
	}
	step := onMemory(s, ledger.Proof{Tenant: "tenant", Keys: key.proof().Keys})
	run := begin(t, step, claim(c), start.Add(time.Minute))
	if err := run.Allow(t.Context()); err != nil {
		t.Error(err)
	}
	settle(t, run, ledger.Settlement{State: offboarding.StateEffective})
	if _, err := step.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, EventTime: start.Add(time.Second)}); !errors.Is(err, ledger.ErrNoSigner) {
		t.Errorf("a step cancels: error %v, want ErrNoSigner", err)
	}
	if key.signed != 2 {
		t.Errorf("%d signatures after a step, want still two", key.signed)
	}
}

// TestAKeyIsRotated lets a new key sign while the old one counts, and then takes the old one away.
func TestAKeyIsRotated(t *testing.T) {
	t.Parallel()
	s, older, newer := newMemory(), newP256(t), ledgertest.Proof("tenant")
	c, err := onMemory(s, older.proof()).Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	both := newer
	both.Keys = append(both.Keys, older.key)
	if _, err = onMemory(s, both).Release(t.Context(), c.ID, miriam); !errors.Is(err, ledger.ErrNotHeld) {
		t.Fatal(err)
	}
	if _, err = onMemory(s, both).Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, EventTime: start.Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	id := leaver + "-1"
	if c, err = onMemory(s, both).Case(t.Context(), id); err != nil || c.Cancelled == nil {
		t.Errorf("with both keys: %v, want the cancelled case", err)
	}
	// The older key was stolen: what it has signed counts no more, until a person adopts it.
	alone := onMemory(s, newer)
	if _, err := alone.Case(t.Context(), id); !errors.Is(err, ledger.ErrUnproven) || !strings.Contains(err.Error(), "entry 1 (opened)") {
		t.Errorf("without the older key: error %v, want that entry 1 is not proven", err)
	}
	if _, err := alone.Adopt(t.Context(), shown(t, alone, id), offboarding.Person{}); !errors.Is(err, ledger.ErrNobody) {
		t.Errorf("adopted by nobody: %v", err)
	}
	if _, err := alone.Adopt(t.Context(), shown(t, alone, id), miriam); err != nil {
		t.Fatal(err)
	}
	if c, err := onMemory(s, newer).Case(t.Context(), id); err != nil || c.Cancelled == nil {
		t.Errorf("adopted: %v, want the cancelled case", err)
	}
	if v, err := alone.Verify(t.Context(), id); err != nil || !v.OK || len(v.Problems) != 1 || v.Problems[0].Kind != ledger.ProblemAdopted {
		t.Errorf("adopted, it verifies as %+v, %v; want ok, and what was adopted", v, err)
	}
}

// TestAKeyThatDoesNotCountSignsNothing: a host with the wrong public keys would write what nobody takes.
func TestAKeyThatDoesNotCountSignsNothing(t *testing.T) {
	t.Parallel()
	s := newMemory()
	proof := newP256(t).proof()
	proof.Keys = newP256(t).proof().Keys
	l := onMemory(s, proof)
	if _, err := l.Open(t.Context(), opening(t, "1", start)); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("opening: error %v, want ErrUnproven", err)
	}
	if err := l.AllowDepartures(t.Context(), 5, start.Add(time.Hour), miriam); !errors.Is(err, ledger.ErrUnproven) {
		t.Errorf("allowing: error %v, want ErrUnproven", err)
	}
	if len(s.entries[leaver+"-1"]) > 0 {
		t.Error("something was written")
	}
}

// TestOnlyKeysOfTheKindsThatCount refuses what the key service of nobody signs with.
func TestOnlyKeysOfTheKindsThatCount(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, public := range []any{private.Public(), p384.Public(), "text", nil} {
		if _, err := ledger.NewKey(public); err == nil {
			t.Errorf("%T counts", public)
		}
	}
	key := newP256(t).key
	if read, err := ledger.ParseKeys(key.String() + " \n" + ledgertest.Proof("t").Keys[0].String()); err != nil || len(read) != 2 || read[0].ID != key.ID {
		t.Errorf("reading two keys: %v, %v", read, err)
	}
	for _, text := range []string{"x", "AAAA", "-----BEGIN"} {
		if _, err := ledger.ParseKeys(text); err == nil {
			t.Errorf("%q is a public key", text)
		}
	}
	if _, _, err := ledger.ParseSigner([]byte("no PEM")); err == nil {
		t.Error("a file without a key signs")
	}
}

// TestAForgedWordLiftsNoBrake writes allowances and a thaw without the key: they are named, and not
// honoured. Nor does a second freeze end the first one.
func TestAForgedWordLiftsNoBrake(t *testing.T) {
	t.Parallel()
	s := newMemory()
	l := onMemory(s, ledgertest.Proof("tenant"))
	if err := l.Freeze(t.Context(), miriam, "a secret has leaked"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		`{"at":"2026-11-22T09:00:00Z","kind":"allowed","allowance":{"departures":1000,"from":"2026-11-22T09:00:00Z","until":"2027-11-22T09:00:00Z"}}`,
		`{"at":"2026-11-22T09:00:00Z","kind":"thawed"}`,
		`{"kind":"frozen"}`, // which needs no signature, at a time that is none
	} {
		n := len(s.entries["brakes"])
		raw := chained(row, n+1, sum(s.entries["brakes"][n-1]))
		s.entries["brakes"] = append(s.entries["brakes"], raw)
	}
	known, err := onMemory(s, ledgertest.Proof("tenant")).Brakes(t.Context())
	if err != nil || known.Frozen.IsZero() || known.Tally.Allowed(start) != 0 || len(known.Unproven) != 2 {
		t.Errorf("frozen since %v, %d allowed, unproven %q, %v; want frozen, none and two", known.Frozen, known.Tally.Allowed(start), known.Unproven, err)
	}
	if err := l.Thaw(t.Context(), miriam); err != nil {
		t.Fatal(err)
	}
	if known, err = l.Brakes(t.Context()); err != nil || !known.Frozen.IsZero() || len(known.Unproven) > 0 {
		t.Errorf("thawed by a person: %+v, %v", known, err)
	}
}

// TestAForgedCountMakesNoRoom writes without the key whatever could: the limit that is reached stays.
func TestAForgedCountMakesNoRoom(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"dropped":          `{"at":"2026-11-22T09:00:00Z","kind":"dropped","case":"` + leaver + `-1"}`,
		"moved back":       `{"at":"2026-11-22T09:00:00Z","kind":"counted","beginning":{"case":"` + leaver + `-1","source":"test","at":"2020-01-01T00:00:00Z"}}`,
		"moved on":         `{"at":"2026-11-22T09:00:00Z","kind":"counted","beginning":{"case":"` + leaver + `-1","source":"test","at":"2099-01-01T00:00:00Z"}}`,
		"a clock ahead":    `{"at":"2099-01-01T00:00:00Z","kind":"counted","beginning":{"case":"` + member + `-1","source":"test","at":"2026-11-22T09:00:00Z"}}`,
		"a freeze ahead":   `{"at":"2099-01-01T00:00:00Z","kind":"frozen"}`,
		"other bounds":     `{"at":"2026-11-22T09:00:00Z","kind":"counted","beginning":{"case":"` + member + `-1","source":"test","at":"2026-11-22T09:00:00Z"},"bounds":[{"name":"perHour","window":3600000000000,"of":9999}]}`,
		"counted long ago": `{"at":"2026-11-22T09:00:00Z","kind":"counted","beginning":{"case":"` + member + `-1","source":"test","at":"2020-01-01T00:00:00Z"}}`,
	} {
		s := newMemory()
		o := opening(t, "1", start)
		o.Bounds = offboarding.Limits{PerHour: 1}.Bounds(0)
		if _, err := onMemory(s, ledgertest.Proof("tenant")).Open(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		n := len(s.entries["brakes"])
		s.entries["brakes"] = append(s.entries["brakes"], chained(row, n+1, sum(s.entries["brakes"][n-1])))
		known, err := onMemory(s, ledgertest.Proof("tenant")).Brakes(t.Context())
		if err != nil || len(known.Bounds) != 1 || known.Bounds[0].Of != 1 {
			t.Errorf("%s: bounds %+v, %v; want the signed one", name, known.Bounds, err)
			continue
		}
		if used := known.Tally.Used(known.Bounds[0], start); used < 1 {
			t.Errorf("%s: %d of the limit are used, want at least the one that is signed", name, used)
		}
		if strings.Contains(row, member) {
			if b, counted := known.Tally.Counted(member + "-1"); !counted || b.At.Before(start) {
				t.Errorf("%s: the other one is counted at %v; want no earlier than what was signed last", name, b.At)
			}
		}
	}
}

// TestARowOfTheBrakesThatCannotBeReadFreezes, until a person who has looked thaws.
func TestARowOfTheBrakesThatCannotBeReadFreezes(t *testing.T) {
	t.Parallel()
	for _, row := range []string{`}`, `{"position":1,"kind":"promoted"}`, `{"position":9,"kind":"dropped"}`, `null`} {
		s := newMemory()
		l := onMemory(s, ledgertest.Proof("tenant"))
		s.entries["brakes"] = [][]byte{[]byte(row)}
		f, frozen, err := l.Freezing(t.Context())
		if err != nil || !frozen || f.Reason == "" {
			t.Errorf("%s: frozen %t, %+v, %v; want frozen, and why", row, frozen, f, err)
		}
		if err := l.Thaw(t.Context(), miriam); err != nil {
			t.Fatal(err)
		}
		if _, frozen, err = onMemory(s, ledgertest.Proof("tenant")).Freezing(t.Context()); frozen || err != nil {
			t.Errorf("%s: thawed, it is frozen %t, %v", row, frozen, err)
		}
	}
}

// TestAStepCannotBringItsGateForward reschedules a deletion to now, as any step might: the signed plan
// says when it is due.
func TestAStepCannotBringItsGateForward(t *testing.T) {
	t.Parallel()
	s := newMemory()
	l := onMemory(s, ledgertest.Proof("tenant"))
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		c, err = l.Reschedule(t.Context(), c.ID, offboarding.StepDelete, 1, start)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := claim(c)
	m.Step, m.N = offboarding.StepDelete, 2
	planned, _ := c.Plan.Step(offboarding.StepDelete)
	if got := refused(t, l, m, ledger.Early); !got.Again.Equal(planned.Due) {
		t.Errorf("it comes again at %v, want when the plan says, %v", got.Again, planned.Due)
	}
}

// TestAStepReplacesNobodysWord keeps a fact under the name of a value that the plan sealed.
func TestAStepReplacesNobodysWord(t *testing.T) {
	t.Parallel()
	s := newMemory()
	l := onMemory(s, ledgertest.Proof("tenant"))
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	was := c.SealedHash("userPrincipalName")
	raw, err := json.Marshal(offboarding.Entry{
		Position: 2, Previous: c.Hash, Kind: offboarding.EntryKept, Step: offboarding.StepForward,
		Sealed: map[string]string{"userPrincipalName": sum(nil), "approved-by-9": sum(nil), "forward-address": sum(nil)},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.entries[c.ID] = append(s.entries[c.ID], raw)
	if c, err = l.Case(t.Context(), c.ID); err != nil || c.SealedHash("userPrincipalName") != was {
		t.Errorf("the value has the hash %s, %v; want %s", c.SealedHash("userPrincipalName"), err, was)
	}
	if c.Sealed("approved-by-9") || !c.Sealed("forward-address") {
		t.Errorf("sealed are %v; want what the step saw, and nobody's word", c.SealedHashes())
	}
}

// TestManyWritersMakeOneChain commits from many hosts at the same time, each signing otherwise.
// Reports of broken chains come from writers that read the last hash before they lock.
func TestManyWritersMakeOneChain(t *testing.T) {
	t.Parallel()
	s, key := newMemory(), newP256(t)
	c, err := onMemory(s, key.proof()).Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			l := onMemory(s, key.proof())
			o := opening(t, strings.Repeat("x", i+2), start.Add(time.Duration(i)*time.Second))
			if _, err := l.Open(t.Context(), o); err != nil {
				t.Error(err)
			}
			if _, err := l.Reschedule(t.Context(), c.ID, offboarding.StepSignout, i+1, start); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if v, err := onMemory(s, key.proof()).Verify(t.Context(), c.ID); err != nil || !v.OK || v.Entries < 17 {
		t.Errorf("%+v, %v; want a whole chain of at least 17", v, err)
	}
}

// TestAnchorsThatCannotBeReadStopWhatIsIrreversible and nothing else.
func TestAnchorsThatCannotBeReadStopWhatIsIrreversible(t *testing.T) {
	t.Parallel()
	s, anchors := newMemory(), &ledgertest.Anchors{Fail: errors.New("the bucket is away")}
	proof := ledgertest.Proof("tenant")
	proof.Anchors = anchors
	l := onMemory(s, proof)
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	begin(t, l, claim(c), start.Add(time.Minute))
	wipe := claim(c)
	wipe.Step = offboarding.StepWipe
	if run, _, err := l.Begin(t.Context(), wipe, start.Add(time.Minute)); run != nil || !errors.Is(err, anchors.Fail) {
		t.Errorf("the wipe begins: %v, %v; want that the anchors cannot be read", run, err)
	}
	anchors.Fail = nil
	begin(t, l, wipe, start.Add(time.Minute))
}

// TestARewrittenRowOfAQuietCaseIsNoticedWithinTheHour by the host that has read it before.
func TestARewrittenRowOfAQuietCaseIsNoticedWithinTheHour(t *testing.T) {
	t.Parallel()
	s, proof, now := newMemory(), ledgertest.Proof("tenant"), start
	proof.Anchors = &ledgertest.Anchors{}
	l := ledger.New(s, func() time.Time { return now }, rand.Reader, proof)
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		_, err = l.MarkPublished(t.Context(), c.ID, 1)
	}
	if err == nil {
		_, err = l.Anchor(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.entries[c.ID][0] = []byte(strings.Replace(string(s.entries[c.ID][0]), leaver, strings.Repeat("9", len(leaver)), 1))
	for now.Before(start.Add(time.Hour)) {
		now = now.Add(10 * time.Minute)
		wrong, err := l.Anchor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(wrong) == 1 && wrong[0].Case == c.ID {
			return
		}
	}
	t.Error("nobody noticed")
}

// TestAForgedAnchorIsNone puts what is no anchor after one, and that one itself under the name of a later
// time: both are passed over and told, and the newest that is one holds.
func TestAForgedAnchorIsNone(t *testing.T) {
	t.Parallel()
	s, anchors := newMemory(), &ledgertest.Anchors{}
	proof := ledgertest.Proof("tenant")
	proof.Anchors = anchors
	now := start
	host := func() *ledger.Ledger {
		return ledger.New(s, func() time.Time { return now }, rand.Reader, proof)
	}
	l := host()
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		_, err = l.Anchor(t.Context())
	}
	if err == nil {
		_, err = l.MarkPublished(t.Context(), c.ID, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	name, older, err := anchors.Last(t.Context(), "leaver-3")
	if now = now.Add(11 * time.Minute); err == nil {
		_, err = l.Anchor(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{
		"leaver-20261122T091200.000Z.json": older,
		"leaver-20261122T091300.000Z.json": []byte(`{"at":"2026-11-22T09:13:00Z","heads":{}}`),
		"leaver-20261122T091400.000Z.json": []byte("}"),
		"leaver-20991231T000000.000Z.json": older, // which is of nobody's clock, and not even read
	} {
		if err := anchors.Put(t.Context(), name, raw); err != nil {
			t.Fatal(err)
		}
	}
	s.entries[c.ID] = s.entries[c.ID][:1] // as the older anchor saw it, which was named anew
	wrong, err := host().Anchor(t.Context())
	told := 0
	for _, v := range wrong {
		if v.Case == "anchor" && !v.OK {
			told++
		}
	}
	if err != nil || told != 3 || len(wrong) != 4 {
		t.Errorf("after %s, comparing finds %+v, %v; want three that are no anchors, and the case that was cut", name, wrong, err)
	}
	wipe := claim(c)
	wipe.Step = offboarding.StepWipe
	refused(t, host(), wipe, ledger.Stale)
}

// TestAContradictedAnchorIsLiftedByAPersonOnce approves what was held because a backup was restored:
// it goes on, and the same anchor holds it no second time.
func TestAContradictedAnchorIsLiftedByAPersonOnce(t *testing.T) {
	t.Parallel()
	s, proof := newMemory(), ledgertest.Proof("tenant")
	proof.Anchors = &ledgertest.Anchors{}
	l := onMemory(s, proof)
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		_, err = l.MarkPublished(t.Context(), c.ID, 1)
	}
	if err == nil {
		_, err = l.Anchor(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.entries[c.ID] = s.entries[c.ID][:1] // the backup
	l = onMemory(s, proof)
	wipe := claim(c)
	wipe.Step = offboarding.StepWipe
	refused(t, l, wipe, ledger.Stale)
	if c, err = l.Case(t.Context(), c.ID); err != nil || c.Step(offboarding.StepWipe).State != offboarding.StateHeld || !strings.Contains(c.Step(offboarding.StepWipe).Reason, "a backup restored") {
		t.Errorf("the wipe is %s (%s), %v; want held, and why", c.Step(offboarding.StepWipe).State, c.Step(offboarding.StepWipe).Reason, err)
	}
	begin(t, l, claim(c), start.Add(time.Minute)) // signing out can be taken back
	if c, err = l.Approve(t.Context(), ledger.Approval{Case: c.ID, Step: offboarding.StepWipe, By: miriam}); err != nil {
		t.Fatal(err)
	}
	wipe.N = c.Step(offboarding.StepWipe).N
	begin(t, l, wipe, start.Add(time.Minute))
}

// TestBrakesThatWereRolledBackFreeze cuts the freeze away and begins again with a host that knows nothing:
// what is irreversible does not begin, and nothing else once the anchor was compared, until a person
// thaws; who cuts that away again gains nothing.
func TestBrakesThatWereRolledBackFreeze(t *testing.T) {
	t.Parallel()
	for name, notice := range map[string]func(*ledger.Ledger, ledger.Claim){
		"comparing": func(l *ledger.Ledger, _ ledger.Claim) {
			if wrong, err := l.Anchor(t.Context()); err != nil || len(wrong) != 1 || wrong[0].Case != "brakes" {
				t.Errorf("comparing finds %+v, %v; want the brakes", wrong, err)
			}
		},
		"wiping": func(l *ledger.Ledger, wipe ledger.Claim) { refused(t, l, wipe, ledger.Frozen) },
	} {
		t.Run(name, func(t *testing.T) {
			s, proof := newMemory(), ledgertest.Proof("tenant")
			proof.Anchors = &ledgertest.Anchors{}
			l := onMemory(s, proof)
			c, err := l.Open(t.Context(), opening(t, "1", start))
			if err == nil {
				err = l.Freeze(t.Context(), miriam, "a secret has leaked")
			}
			if err == nil {
				_, err = l.Anchor(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			wipe := claim(c)
			wipe.Step = offboarding.StepWipe
			cut := s.entries["brakes"][:1]
			for range 2 {
				s.entries["brakes"] = slices.Clone(cut)
				l = onMemory(s, proof)
				notice(l, wipe)
				if f, frozen, err := l.Freezing(t.Context()); err != nil || !frozen || !strings.Contains(f.Reason, "a backup restored") {
					t.Errorf("frozen %t for %q, %v; want frozen, and why", frozen, f.Reason, err)
				}
				refused(t, l, claim(c), ledger.Frozen)
			}
			if err := l.Thaw(t.Context(), miriam); err != nil {
				t.Fatal(err)
			}
			l = onMemory(s, proof)
			if wrong, err := l.Anchor(t.Context()); err != nil || len(wrong) > 0 {
				t.Errorf("thawed, comparing finds %+v, %v", wrong, err)
			}
			begin(t, l, wipe, start.Add(time.Minute))
			// What was thawed is what the newest anchor saw: it cannot be cut away either.
			s.entries["brakes"] = slices.Clone(cut)
			l = onMemory(s, proof)
			if wrong, err := l.Anchor(t.Context()); err != nil || len(wrong) != 1 {
				t.Errorf("cut after the thaw, comparing finds %+v, %v; want the brakes", wrong, err)
			}
			refused(t, l, claim(c), ledger.Frozen)
		})
	}
}

// TestAForgedBrakeTakesThePlaceOfNone puts one on another step under the name of the anchor that the case
// contradicts, as whoever rolls a history back could.
func TestAForgedBrakeTakesThePlaceOfNone(t *testing.T) {
	t.Parallel()
	s, proof := newMemory(), ledgertest.Proof("tenant")
	proof.Anchors = &ledgertest.Anchors{}
	l := onMemory(s, proof)
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		c, err = l.MarkPublished(t.Context(), c.ID, 1)
	}
	if err == nil {
		_, err = l.Anchor(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	by := "anchor " + c.Hash[:12]
	s.entries[c.ID] = s.entries[c.ID][:1] // the backup
	raw, err := json.Marshal(offboarding.Entry{
		Position: 2, Previous: sum(s.entries[c.ID][0]), Kind: offboarding.EntryHeld,
		Brakes: []offboarding.Brake{
			{Kind: offboarding.BrakeApproval, By: by, Step: offboarding.StepForward},
			{Kind: offboarding.BrakeApproval, By: by, Step: offboarding.StepWipe, Part: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.entries[c.ID] = append(s.entries[c.ID], raw)
	l = onMemory(s, proof)
	wipe := claim(c)
	wipe.Step = offboarding.StepWipe
	refused(t, l, wipe, ledger.Stale)
	if c, err = l.Case(t.Context(), c.ID); err != nil || c.Step(offboarding.StepWipe).State != offboarding.StateHeld || c.Step(offboarding.StepDelete).State != offboarding.StateHeld {
		t.Errorf("the wipe is %s and the deletion %s, %v; want both held", c.Step(offboarding.StepWipe).State, c.Step(offboarding.StepDelete).State, err)
	}
}

// TestWhatAnAnchorSawIsNotForgottenBecauseARowCannotBeRead spoils a row, waits for the next anchor, and
// cuts the history before that row: the cancellation behind it is missed all the same.
func TestWhatAnAnchorSawIsNotForgottenBecauseARowCannotBeRead(t *testing.T) {
	t.Parallel()
	s, proof := newMemory(), ledgertest.Proof("tenant")
	proof.Anchors = &ledgertest.Anchors{}
	l := onMemory(s, proof)
	c, err := l.Open(t.Context(), opening(t, "1", start))
	if err == nil {
		_, err = l.MarkPublished(t.Context(), c.ID, 1)
	}
	if err == nil {
		_, err = l.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: leaver, EventTime: start.Add(time.Second)})
	}
	if err == nil {
		_, err = l.Anchor(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	s.entries[c.ID][1] = []byte("}")
	if wrong, err := onMemory(s, proof).Anchor(t.Context()); err != nil || len(wrong) != 1 {
		t.Fatalf("a row that cannot be read: %+v, %v; want one history", wrong, err)
	}
	s.entries[c.ID] = s.entries[c.ID][:1]
	wrong, err := onMemory(s, proof).Anchor(t.Context())
	if err != nil || len(wrong) != 1 || wrong[0].Problems[0].Kind != ledger.ProblemTruncated {
		t.Errorf("cut before it: %+v, %v; want that it is truncated", wrong, err)
	}
}

// TestASpoiledCaseKeepsNobodyFromLeaving spoils the next case of somebody in advance, as whoever does not
// want to leave might: a person sets it aside, and the departure begins under the number after it.
func TestASpoiledCaseKeepsNobodyFromLeaving(t *testing.T) {
	t.Parallel()
	s := newMemory()
	l := onMemory(s, ledgertest.Proof("tenant"))
	id := leaver + "-1"
	s.entries[id] = [][]byte{[]byte("}")}
	if _, err := l.Open(t.Context(), opening(t, "1", start)); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("opening: error %v, want ErrUnreadable", err)
	}
	s.entries["aside-"+id] = [][]byte{[]byte(`{"position":1,"case":"` + id + `"}`)} // which nobody signed
	if _, err := l.Open(t.Context(), opening(t, "1", start)); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("set aside by a forged word: error %v, want ErrUnreadable", err)
	}
	if err := l.SetAside(t.Context(), id, miriam); err != nil {
		t.Fatal(err)
	}
	c, err := onMemory(s, ledgertest.Proof("tenant")).Open(t.Context(), opening(t, "1", start))
	if err != nil || c.ID != leaver+"-2" {
		t.Errorf("opened %+v, %v; want the case after it", c, err)
	}
	if err := l.SetAside(t.Context(), c.ID, miriam); !errors.Is(err, ledger.ErrNotHeld) {
		t.Errorf("a case that can be read is set aside: %v", err)
	}
	cases, unreadable, err := l.AllCases(t.Context())
	named := slices.ContainsFunc(unreadable, func(u ledger.Unreadable) bool { return u.ID == id })
	if err != nil || len(cases) != 1 || named {
		t.Errorf("%d cases, unreadable %v, %v; want the new one alone", len(cases), unreadable, err)
	}
}

// TestWhatWasForgedAfterSomebodyLookedIsNotAdopted puts a row in between looking and adopting.
func TestWhatWasForgedAfterSomebodyLookedIsNotAdopted(t *testing.T) {
	t.Parallel()
	s := newMemory()
	c, err := onMemory(s, newP256(t).proof()).Open(t.Context(), opening(t, "1", start))
	if err != nil {
		t.Fatal(err)
	}
	l := onMemory(s, ledgertest.Proof("tenant")) // to which the key of the opening is a stranger's
	before := shown(t, l, c.ID)
	raw, err := json.Marshal(offboarding.Entry{
		Position: 2, Previous: before.Hash, Kind: offboarding.EntryApproved, Step: offboarding.StepDelete,
		Approval: &offboarding.Approval{By: "approved-by-2"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.entries[c.ID] = append(s.entries[c.ID], raw)
	if _, err := l.Adopt(t.Context(), before, miriam); !errors.Is(err, ledger.ErrMoved) {
		t.Errorf("adopted with a row that nobody was shown: error %v, want ErrMoved", err)
	}
	after := shown(t, l, c.ID)
	was, is := ledger.Seen([]ledger.Verification{before}), ledger.Seen([]ledger.Verification{after})
	if was == "" || is == "" || was == is {
		t.Errorf("what was seen is %q before and %q after; want two", was, is)
	}
	if _, err := l.Adopt(t.Context(), after, miriam); err != nil {
		t.Errorf("looked at again: %v", err)
	}
	if seen := ledger.Seen([]ledger.Verification{shown(t, l, c.ID)}); seen != "" {
		t.Errorf("adopted, there is %q to adopt; want nothing", seen)
	}
}

// shown is what verifying shows of a case.
func shown(t *testing.T, l *ledger.Ledger, id string) ledger.Verification {
	t.Helper()
	v, err := l.Verify(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const member = "99999999-9999-4999-8999-999999999999"

func sum(raw []byte) string {
	s := sha256.Sum256(raw)
	return hex.EncodeToString(s[:])
}

// TestAnchorsThatWereTakenAwayAreMissed removes two anchors in a row: the host that knows the newer one is held to
// it all the same, and says that it is gone.
func TestAnchorsThatWereTakenAwayAreMissed(t *testing.T) {
	t.Parallel()
	s, proof, kept := newMemory(), ledgertest.Proof("tenant"), &ledgertest.Anchors{}
	proof.Anchors = kept
	at := start
	l := ledger.New(s, func() time.Time { return at }, rand.Reader, proof)
	c, err := l.Open(t.Context(), opening(t, "1", start))
	for i := 0; err == nil && i < 3; i++ {
		var wrong []ledger.Verification
		if wrong, err = l.Anchor(t.Context()); len(wrong) > 0 {
			t.Fatalf("before, %+v is wrong", wrong)
		}
		at = at.Add(10 * time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
	kept.Take(2)
	s.entries[c.ID] = nil
	wrong, err := l.Anchor(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, v := range wrong {
		said[v.Case] = v.Problems[0].Why
	}
	if !strings.Contains(said["anchor"], "is not where the anchors are kept any more") || !strings.Contains(said[c.ID], "the anchor of 2026-11-22T09:20:00Z") {
		t.Errorf("it says %q; want that an anchor is gone, and that it contradicts the case", said)
	}
}

// TestWhomARequestMeansIsASignedWord forges a person's word for whom a held request means: it says nothing, and
// the word of whoever holds the key does.
func TestWhomARequestMeansIsASignedWord(t *testing.T) {
	t.Parallel()
	s := newMemory()
	l := onMemory(s, ledgertest.Proof("tenant"))
	const one, other = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
	id := offboarding.RequestID("test", "1")
	held := ledger.Decision{ID: id, Kind: offboarding.Termination, Source: "test", EventTime: start, State: ledger.RequestHeld, People: []string{one, other}}
	if err := l.Decide(t.Context(), held, nil); err != nil {
		t.Fatal(err)
	}
	honest := slices.Clone(s.entries[id])
	step := ledgertest.Proof("tenant")
	step.Signer = nil
	if err := onMemory(s, step).Choose(t.Context(), id, other, miriam); !errors.Is(err, ledger.ErrNoSigner) {
		t.Errorf("a step chooses: %v, want that it holds no key", err)
	}
	forged := held
	sum := sha256.Sum256(honest[0])
	forged.Position, forged.At, forged.Meant, forged.Previous = 2, start, other, hex.EncodeToString(sum[:])
	raw, err := json.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	s.entries[id] = append(slices.Clone(honest), raw)
	if d, _, err := onMemory(s, step).Request(t.Context(), id); err != nil || d.Meant != "" || d.State != ledger.RequestHeld {
		t.Errorf("forged, it means %q and is %s, %v; want nobody, and held", d.Meant, d.State, err)
	}
	if err := l.Choose(t.Context(), id, one, miriam); err != nil {
		t.Fatal(err)
	}
	if d, _, err := onMemory(s, step).Request(t.Context(), id); err != nil || d.Meant != one {
		t.Errorf("chosen, it means %q, %v; want %s", d.Meant, err, one)
	}
}
