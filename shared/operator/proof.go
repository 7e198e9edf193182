package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// HistoryOfBrakes is the id of the history in which departures are counted and the installation is frozen.
const HistoryOfBrakes = "brakes"

// Verify says whether the histories of those departures are whole, proven and as the last anchor saw
// them; of all departures, and of the brakes, where nobody is named. Somebody who is named by anything
// but a case has to be known to the ledger still.
func (s *Desk) Verify(ctx context.Context, of []Who) ([]ledger.Verification, error) {
	ids, err := s.casesOf(ctx, of)
	if err != nil {
		return nil, err
	}
	all := []ledger.Verification{}
	compared, err := s.compared(ctx)
	if err != nil {
		return nil, err
	}
	if len(of) == 0 {
		ids = append(ids, HistoryOfBrakes)
		for _, v := range compared {
			if !slices.Contains(ids, v.Case) && hidden(v) {
				all = append(all, v)
			}
		}
	}
	for _, id := range ids {
		v, err := s.Ledger.Verify(ctx, id)
		if errors.Is(err, ledger.ErrNoCase) && id == HistoryOfBrakes {
			continue // nothing was counted yet
		}
		if err != nil {
			return nil, fmt.Errorf("verifying %s: %w", id, err)
		}
		if i := slices.IndexFunc(compared, func(c ledger.Verification) bool { return c.Case == id && mislabelled(c) }); i >= 0 && v.OK {
			v.OK, v.Problems = false, append(v.Problems, compared[i].Problems...)
		}
		all = append(all, v)
	}
	return all, nil
}

// casesOf are the cases of those who are named, or all there ever were, readable or not.
func (s *Desk) casesOf(ctx context.Context, of []Who) ([]string, error) {
	var ids []string
	if len(of) == 0 && s.Hurried {
		open, over, err := s.Ledger.CaseHeads(ctx)
		if n := len(open) + len(over); err == nil && n > mostHurried {
			err = refused(fmt.Sprintf("%d histories are too many for a page that has to be there within seconds: verify one departure, or all of them by leaver verify", n))
		}
		if err != nil {
			return nil, err
		}
	}
	if len(of) == 0 {
		cases, unreadable, err := s.Ledger.AllCases(ctx)
		for _, c := range cases {
			ids = append(ids, c.ID)
		}
		for _, u := range unreadable {
			ids = append(ids, u.ID)
		}
		return ids, err
	}
	for _, who := range of {
		if who.Case != "" {
			ids = append(ids, who.Case)
			continue
		}
		found, err := s.findOf(ctx, who)
		if err != nil {
			return nil, err
		}
		before := len(ids)
		for _, one := range found {
			if one.Case != "" {
				ids = append(ids, one.Case)
			}
		}
		if len(ids) == before {
			return nil, refused(fmt.Sprintf("no case for %q; leaver status lists them", who))
		}
	}
	return ids, nil
}

// Adoption takes histories as they were shown, on a person's word.
type Adoption struct {
	Who []Who `json:"who,omitempty"`
	All bool  `json:"all,omitempty"` // every case that is not proven
	// Seen is [ledger.Seen] of what Verify has shown of the same cases.
	Seen string `json:"seen"`
	By   string `json:"by"`
}

// Adopt adopts cases that an older version wrote, or that somebody has looked at, and returns how they
// verify. Where something was written since they were shown, none is. What cannot be read is not
// adopted, and is an error.
func (s *Desk) Adopt(ctx context.Context, ask Adoption) ([]ledger.Verification, error) {
	if ask.All == (len(ask.Who) > 0) {
		return nil, refused("say which: name cases, or all")
	}
	if ask.Seen == "" {
		return nil, refused("look first: leaver verify, which says what to type")
	}
	by, err := s.acting(Operate, ask.By)
	if err != nil {
		return nil, err
	}
	now, err := s.Verify(ctx, ask.Who)
	if err != nil {
		return nil, err
	}
	adopted := []ledger.Verification{}
	seen := ledger.Seen(now)
	if seen == "" {
		return adopted, nil // somebody has adopted them already
	}
	if seen != ask.Seen {
		return nil, refused(ledger.ErrMoved.Error())
	}
	var failures []error
	for _, shown := range now {
		if !shown.Unproven() {
			continue
		}
		err := s.othersHistory(shown.Case)
		if err == nil {
			_, err = s.Ledger.Adopt(ctx, shown, by)
		}
		var v ledger.Verification
		if err == nil {
			v, err = s.Ledger.Verify(ctx, shown.Case)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("adopting case %s: %w", shown.Case, err))
			continue
		}
		adopted = append(adopted, v)
	}
	return adopted, errors.Join(failures...)
}

// SetAside gives up cases that cannot be read, so that their leavers can be offboarded again.
func (s *Desk) SetAside(ctx context.Context, ask Adoption) ([]ledger.Verification, error) {
	if ask.All || len(ask.Who) == 0 {
		return nil, refused("say which: name cases")
	}
	by, err := s.acting(Operate, ask.By)
	if err != nil {
		return nil, err
	}
	ids, err := s.casesOf(ctx, ask.Who)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := s.othersHistory(id); err != nil {
			return nil, err
		}
		if err := s.Ledger.SetAside(ctx, id, by); err != nil {
			return nil, err
		}
	}
	return s.Verify(ctx, ask.Who)
}

// hidden reports whether no list has a case any more: nothing is left of it, or somebody has taken it out.
func hidden(v ledger.Verification) bool { return v.Entries == 0 || mislabelled(v) }

func mislabelled(v ledger.Verification) bool {
	return slices.ContainsFunc(v.Problems, func(p ledger.Problem) bool { return p.Kind == ledger.ProblemLabel })
}

// mostHurried is how many histories a hurried desk verifies at once.
const mostHurried = 300

// compared is what the comparison with the last anchor has found. A hurried desk compares nothing, for it
// would read every history: watch does, and raises the alarm.
func (s *Desk) compared(ctx context.Context) ([]ledger.Verification, error) {
	if s.Hurried {
		return nil, nil
	}
	return s.Ledger.Anchor(ctx)
}

// gone are the cases that no list has, of which the last anchor tells.
func (s *Desk) gone(ctx context.Context) ([]Status, error) {
	wrong, err := s.compared(ctx)
	if err != nil {
		return nil, err
	}
	var all []Status
	for _, v := range wrong {
		if hidden(v) {
			all = append(all, Status{
				Case: cmp.Or(v.Case, HistoryOfBrakes), State: string(offboarding.CaseUnreadable), Reason: v.Problems[0].Why, Steps: []StepStatus{},
			})
		}
	}
	return all, nil
}

// Restoring puts a history back that was exported.
type Restoring struct {
	History ledger.Copy
	// Unproven takes also what does not verify here: it stops its own case, and is named.
	Unproven bool
	By       string
}

// RestoresFrozen freezes the installation before it is restored: while only a part of a history is back, a
// departure that was cancelled looks open. A person thaws it, who has looked.
func (s *Desk) RestoresFrozen(ctx context.Context, by string) error {
	person, err := s.acting(Operate, by)
	if err != nil {
		return err
	}
	return s.Ledger.Freeze(ctx, person, "the ledger is restored from an export: look, then thaw")
}

// Restore puts an exported history into the ledger, byte for byte. Whoever restores signs nothing: what the
// history decides was signed when it was decided, and is held to that. Errors: ledger.ErrNobody,
// ledger.ErrUnproven, ledger.ErrConflict, and those of the store.
func (s *Desk) Restore(ctx context.Context, ask Restoring) error {
	by, err := s.acting(Operate, ask.By)
	if err != nil {
		return err
	}
	if !by.Named() {
		return ledger.ErrNobody
	}
	return s.Ledger.Import(ctx, ask.History, ask.Unproven)
}
