package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"leaver/shared/offboarding"
)

// ProblemKind is what is wrong with an entry.
type ProblemKind string

// The kinds of problem.
const (
	// ProblemUnreadable: it is no entry that this version of Leaver can read, and nothing after it is
	// looked at.
	ProblemUnreadable ProblemKind = "unreadable"
	// ProblemChain: it does not continue the entry before it: one was changed, removed or moved.
	ProblemChain ProblemKind = "chain"
	// ProblemUnproven: it had to be signed, and is not by a key that counts.
	ProblemUnproven ProblemKind = "unproven"
	// ProblemAdopted: it was not proven, and a named person has adopted it since. It does no harm.
	ProblemAdopted ProblemKind = "adopted"
	// ProblemTruncated: the history ends before what was read of it, or before what an anchor says.
	ProblemTruncated ProblemKind = "truncated"
	// ProblemLabel: the store lists an open case as something else, so that nobody would look after it.
	ProblemLabel ProblemKind = "label"
	// ProblemAnchor: an anchor saw another entry there: the history was rolled back and written on.
	ProblemAnchor ProblemKind = "anchor"
)

// Problem is one thing that is wrong with a history.
type Problem struct {
	Entry int         `json:"entry"` // its position
	Kind  ProblemKind `json:"kind"`
	Why   string      `json:"why"` // no personal data
}

// Verification says whether a history is whole and proven.
type Verification struct {
	Case     string    `json:"case"` // id of the history
	OK       bool      `json:"ok"`
	Problems []Problem `json:"problems"` // never nil
	// Entries is how many there are, and Hash that of the last one: what an anchor holds of it.
	Entries int    `json:"entries"`
	Hash    string `json:"hash"`
}

func (v *Verification) add(entry int, kind ProblemKind, why string) {
	v.Problems = append(v.Problems, Problem{entry, kind, why})
	v.OK = v.OK && kind == ProblemAdopted
}

// Unproven reports whether it is a case that a person may adopt.
func (v Verification) Unproven() bool {
	return isCaseID(v.Case) && slices.ContainsFunc(v.Problems, func(p Problem) bool { return p.Kind == ProblemUnproven })
}

// Seen stands for the cases among those shown that a person may adopt, and for where each ended; it is
// empty where there is none. Whoever adopts says it, so that nothing is adopted which came after they
// had looked.
func Seen(shown []Verification) string {
	var heads []string
	for _, v := range shown {
		if v.Unproven() {
			heads = append(heads, fmt.Sprintf("%s %d %s\n", v.Case, v.Entries, v.Hash))
		}
	}
	if len(heads) == 0 {
		return ""
	}
	slices.Sort(heads)
	h := sha256.New()
	for _, head := range slices.Compact(heads) {
		h.Write([]byte(head))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Copy is a history as it is stored, byte for byte: what is exported, and what a report carries so that
// it can be verified offline.
type Copy struct {
	Tenant  string   `json:"tenant"` // id of the tenant that the ledger is about
	ID      string   `json:"id"`
	Label   string   `json:"label,omitempty"`
	Entries []string `json:"entries"` // the JSON of each, as text: its bytes are hashed
	// Values are the personal values beside it, by name and hash; a report carries none.
	Values map[string]Value `json:"values,omitempty"`
}

// Provable reports whether a history of that id decides anything: those of cases and of the brakes do.
func Provable(id string) bool { return id == brakesID || isCaseID(id) }

// Copy reads a history of a case as it is stored, without its personal values. Errors: ErrNoCase, and
// those of the store.
func (l *Ledger) Copy(ctx context.Context, id string) (Copy, error) {
	raws, err := l.store.Read(ctx, id, 0)
	if err != nil {
		return Copy{}, fmt.Errorf("reading case %s: %w", id, err)
	}
	if len(raws) == 0 {
		return Copy{}, fmt.Errorf("%w: %s", ErrNoCase, id)
	}
	c := Copy{Tenant: l.proof.Tenant, ID: id, Entries: make([]string, len(raws))}
	for i, raw := range raws {
		c.Entries[i] = string(raw)
	}
	return c, nil
}

// Verify says whether the history of a case is whole, proven, and as the last anchor saw it. What is
// wrong with the history is no error. Errors: ErrNoCase, and those of the store and of the anchors.
func (l *Ledger) Verify(ctx context.Context, id string) (Verification, error) {
	c, err := l.Copy(ctx, id)
	switch {
	case errors.Is(err, ErrTruncated), errors.Is(err, ErrUnreadable):
		v := Verification{Case: id, OK: true, Problems: []Problem{}}
		kind := ProblemTruncated
		if errors.Is(err, ErrUnreadable) {
			kind = ProblemUnreadable
		}
		v.add(0, kind, err.Error())
		return v, nil
	case err != nil:
		return Verification{}, err
	}
	v := l.proof.Verify(c)
	mark, anchored, at, err := l.marked(ctx, id)
	if err == nil && anchored && !(id == brakesID && l.proof.brakesOf(c).answers(mark)) {
		mark.holds(&v, c, at)
	}
	return v, err
}

// Verify says whether a copy of a history is whole and proven. It needs no network. A proof of no
// tenant takes the copy's word for whose it is: what is signed names the tenant, so that the
// signatures of another one's do not count.
func (p Proof) Verify(c Copy) Verification {
	if p.Tenant == "" {
		p.Tenant = c.tenant()
	}
	v := Verification{Case: c.ID, OK: true, Problems: []Problem{}}
	if c.ID == brakesID {
		p.verifyBrakes(c, &v)
		return v
	}
	folded := &offboarding.Case{ID: c.ID}
	var unproven []Problem
	for i, text := range c.Entries {
		raw := []byte(text)
		e, err := decoded(folded, raw)
		if err == nil && (e.Previous != folded.Hash || e.Position != i+1) {
			v.add(i+1, ProblemChain, fmt.Sprintf("entry %d (%s) does not continue entry %d: one of the two was changed, removed, moved or put in", i+1, e.Kind, i))
			e.Previous, e.Position = folded.Hash, i+1 // what stands after it is looked at all the same
		}
		if err == nil {
			folded, err = folded.With(e, hash(raw))
		}
		if err != nil {
			v.add(i+1, ProblemUnreadable, err.Error())
			break
		}
		switch why := p.proves(folded.ID, e, raw); {
		case why != "":
			unproven = append(unproven, Problem{i + 1, ProblemUnproven, why})
		case e.Kind == offboarding.EntryAdopted:
			for j := range unproven {
				unproven[j].Kind = ProblemAdopted
			}
		}
		v.Entries, v.Hash = i+1, hash(raw)
	}
	for _, u := range unproven {
		v.add(u.Entry, u.Kind, u.Why)
	}
	return v
}

// tenant is whose ledger the copy says it is of; where it says nothing, whose its first entry is of.
func (c Copy) tenant() string {
	var first offboarding.Entry
	if c.Tenant == "" && len(c.Entries) > 0 && json.Unmarshal([]byte(c.Entries[0]), &first) == nil {
		return first.Tenant
	}
	return c.Tenant
}

// proves is empty when an entry needs no proof, or has it; else it says what is wrong.
func (p Proof) proves(id string, e offboarding.Entry, raw []byte) string {
	if !e.Kind.Decides() {
		return ""
	}
	if _, err := p.signer(id, raw); err != nil {
		return fmt.Sprintf("entry %d (%s): %s", e.Position, e.Kind, err)
	}
	return ""
}

// decoded is a stored entry that follows c.
func decoded(c *offboarding.Case, raw []byte) (e offboarding.Entry, err error) {
	if err := json.Unmarshal(raw, &e); err != nil {
		// The cause may quote what stands there.
		return e, fmt.Errorf("%w: case %s, entry %d is not JSON of an entry", ErrUnreadable, c.ID, c.Position+1)
	}
	return e, nil
}

// with is the case with a stored entry; the hash it is chained by is that of its bytes. An entry that
// had to prove itself and does not is folded in, and the case says so until one of [Ledger.Adopt]
// follows.
func (p Proof) with(c *offboarding.Case, raw []byte) (*offboarding.Case, error) {
	e, err := decoded(c, raw)
	if err != nil {
		return nil, err
	}
	next, err := c.With(e, hash(raw))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	switch why := p.proves(c.ID, e, raw); {
	case why == "" && e.Kind == offboarding.EntryAdopted:
		next.Unproven = ""
	case why != "" && next.Unproven == "":
		next.Unproven = why
	}
	return next, nil
}

// ErrMoved: something was written since the person looked.
var ErrMoved = errors.New("it is no longer as it was shown: look at it again with leaver verify, which says what to type then")

// Adopt takes a history as it was shown, on a person's word, because an older version of Leaver wrote it
// before entries were signed, or because somebody has looked at what is not proven. What has come since
// they looked is not adopted, nor what cannot be read. Errors: ErrNobody, ErrNoCase, ErrMoved,
// ErrUnreadable, ErrNoSigner, and those of the store.
func (l *Ledger) Adopt(ctx context.Context, shown Verification, by offboarding.Person) (*offboarding.Case, error) {
	id := shown.Case
	if !by.Named() {
		return nil, ErrNobody
	}
	if !isCaseID(id) {
		return nil, fmt.Errorf("%w: %q is not the id of a case", ErrNoCase, id)
	}
	for range maxTries {
		c, err := l.whole(ctx, &offboarding.Case{ID: id})
		switch {
		case err != nil:
			return nil, err
		case c.Position == 0:
			return nil, fmt.Errorf("%w: %s", ErrNoCase, id)
		case c.Unproven == "":
			return c, nil
		case c.Position != shown.Entries || c.Hash != shown.Hash:
			return nil, fmt.Errorf("case %s: %w", id, ErrMoved)
		}
		sealed, err := l.seal(ctx, id, personValues("adopted-by", c.Position+1, by, nil))
		if err != nil {
			return nil, err
		}
		next, err := l.append(ctx, c, offboarding.Entry{Kind: offboarding.EntryAdopted, Reason: c.Unproven, Sealed: sealed})
		if !errors.Is(err, ErrConflict) {
			return next, err
		}
	}
	return nil, contended("case " + id)
}

// Export calls each with every history as it is stored, of whatever kind, with its personal values. What
// is committed meanwhile may be missing. One that the store cannot read keeps nobody from the others: it
// is named in the error, when all others were, and so is one of which nothing is there. Errors: ErrUnreadable, those of the store and of each.
func (l *Ledger) Export(ctx context.Context, each func(Copy) error) error {
	heads, err := l.store.List(ctx)
	if err != nil {
		return fmt.Errorf("listing histories: %w", err)
	}
	var unreadable []error
	for _, head := range heads {
		c, err := l.Copy(ctx, head.ID)
		if errors.Is(err, ErrTruncated) || errors.Is(err, ErrNoCase) {
			err = fmt.Errorf("%w: %s: %w", ErrUnreadable, head.ID, err)
		}
		if errors.Is(err, ErrUnreadable) {
			unreadable = append(unreadable, fmt.Errorf("not exported: %w", err))
			continue
		}
		if err != nil {
			return err
		}
		if c.Label = head.Label; head.Position < len(c.Entries) { // what came since may have another label
			c.Entries = c.Entries[:head.Position]
		}
		if c.Values, err = l.store.Unseal(ctx, head.ID); err != nil {
			return fmt.Errorf("reading personal values of %s: %w", head.ID, err)
		}
		if err := each(c); err != nil {
			return err
		}
	}
	return errors.Join(unreadable...)
}

// Import puts an exported history into the ledger byte for byte, behind what is there of it already, which
// has to be its beginning: an import that was broken off is done again. What has gone on since is left as it
// is, its personal values too, which may have been erased. One that decides something is held to its
// signatures first, by the keys that count here: what does not verify is taken only as such, and stops its
// own case as it did where it was. It is listed as what it holds, whatever the export says: nobody signs
// that. Errors: ErrUnproven, ErrConflict when something else stands there, and those of the store.
func (l *Ledger) Import(ctx context.Context, c Copy, unproven bool) error {
	if v := l.proof.Verify(c); Provable(c.ID) && !v.OK && !unproven {
		return fmt.Errorf("importing %s: %w: %s", c.ID, ErrUnproven, v.Problems[0].Why)
	}
	there, err := l.store.Read(ctx, c.ID, 0)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.ID, err)
	}
	for i, raw := range there {
		if i < len(c.Entries) && c.Entries[i] != string(raw) {
			return fmt.Errorf("importing %s: %w: another entry %d stands there", c.ID, ErrConflict, i+1)
		}
	}
	if len(there) > len(c.Entries) {
		return nil
	}
	label := l.proof.labelOf(c)
	if len(c.Values) > 0 {
		if err := l.store.Seal(ctx, c.ID, c.Values); err != nil {
			return fmt.Errorf("importing personal values of %s: %w", c.ID, err)
		}
	}
	for i := len(there); i < len(c.Entries); i++ {
		if err := l.store.Append(ctx, c.ID, i+1, label, []byte(c.Entries[i])); err != nil {
			return fmt.Errorf("importing entry %d of %s: %w", i+1, c.ID, err)
		}
	}
	return nil
}

// labelOf is what a history is found by. A case that cannot be read, or is not proven, is found as an open
// one, so that it is named.
func (p Proof) labelOf(c Copy) string {
	switch {
	case isCaseID(c.ID):
		folded := &offboarding.Case{ID: c.ID}
		for _, text := range c.Entries {
			var err error
			if folded, err = p.with(folded, []byte(text)); err != nil {
				return labelOpen
			}
		}
		if folded.Unproven != "" {
			return labelOpen
		}
		return label(folded)
	case c.ID == brakesID:
		return brakesID
	case offboarding.IsRequestID(c.ID) && len(c.Entries) > 0:
		var last Decision
		if json.Unmarshal([]byte(c.Entries[len(c.Entries)-1]), &last) != nil || !slices.Contains(requestStates, last.State) {
			return string(RequestParked)
		}
		return string(last.State)
	}
	return c.Label
}
