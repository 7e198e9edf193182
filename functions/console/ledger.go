package console

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"leaver/shared/ledger"
	"leaver/shared/operator"
)

// ledgerPage is whether histories are whole and proven.
type ledgerPage struct {
	Who     string // of whom; empty = of everybody
	Asked   bool
	Whole   int
	Wrong   []ledger.Verification
	Adopted []ledger.Verification // by a person, and whole since
	Seen    string                // what adopting says of those that may be; empty = none
	Wanting int                   // how many those are
}

// Unreadable reports whether a history can only be set aside.
func (ledgerPage) Unreadable(v ledger.Verification) bool {
	return !v.Unproven() && slices.ContainsFunc(v.Problems, func(p ledger.Problem) bool { return p.Kind == ledger.ProblemUnreadable })
}

// ledger asks of whom: every history is read, so nobody looks by accident.
func (c *Console) ledger(*http.Request, session) (answer, error) {
	return answer{page: "ledger", title: "Ledger", data: ledgerPage{}}, nil
}

// verify says whether the history of a departure is whole and proven, or of all of them.
func (c *Console) verify(r *http.Request, who session) (answer, error) {
	page := ledgerPage{Who: field(r, "who"), Asked: true}
	of, err := named(page.Who)
	if err != nil {
		return problem(http.StatusUnprocessableEntity, err.Error()), nil
	}
	all, err := c.desk(who).Verify(r.Context(), of)
	if err != nil {
		return answer{}, err
	}
	page.Seen = ledger.Seen(all)
	for _, v := range all {
		switch {
		case !v.OK:
			page.Wrong = append(page.Wrong, v)
		case len(v.Problems) > 0:
			page.Adopted = append(page.Adopted, v)
		default:
			page.Whole++
		}
		if v.Unproven() {
			page.Wanting++
		}
	}
	return answer{page: "ledger", title: "Ledger", data: page}, nil
}

// named is whom a form means; nobody in particular when it is empty.
func named(text string) ([]operator.Who, error) {
	if text == "" {
		return nil, nil
	}
	var who operator.Who
	if err := who.UnmarshalText([]byte(text)); err != nil {
		return nil, err
	}
	return []operator.Who{who}, nil
}

// adopt takes histories as they were shown.
func (c *Console) adopt(r *http.Request, who session) (answer, error) {
	of, err := named(field(r, "who"))
	if err != nil {
		return problem(http.StatusUnprocessableEntity, err.Error()), nil
	}
	adopted, err := c.desk(who).Adopt(r.Context(), operator.Adoption{Who: of, All: len(of) == 0, Seen: field(r, "seen")})
	if len(adopted) == 0 {
		return answer{to: "/ledger", done: "nothing"}, err
	}
	return answer{to: "/ledger", done: "adopted"}, err
}

// setAside gives up a case that nobody can read.
func (c *Console) setAside(r *http.Request, who session) (answer, error) {
	of, err := named(field(r, "case"))
	if err == nil && (len(of) == 0 || of[0].Case == "") {
		return problem(http.StatusUnprocessableEntity, "Nothing was set aside: say which case."), nil
	}
	if err != nil {
		return problem(http.StatusUnprocessableEntity, err.Error()), nil
	}
	_, err = c.desk(who).SetAside(r.Context(), operator.Adoption{Who: of})
	return answer{to: "/ledger", done: "aside"}, err
}

// objectIDs are the people that the reason of a held request speaks of.
var objectIDs = regexp.MustCompile(`\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b`)

// candidates are the people whom a held request may mean.
func candidates(reason string) []string {
	found := objectIDs.FindAllString(strings.ToLower(reason), -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// choose says whom a held request means.
func (c *Console) choose(r *http.Request, who session) (answer, error) {
	of, err := named(r.PathValue("request"))
	if err != nil || of[0].Request == "" {
		return problem(http.StatusNotFound, "There is no such request."), nil
	}
	meant := field(r, "leaver")
	if !objectIDs.MatchString(meant) || len(meant) != 36 {
		return problem(http.StatusUnprocessableEntity, "Nobody was chosen: say who is meant by their object id."), nil
	}
	_, err = c.desk(who).Approve(r.Context(), operator.Approval{Who: of[0], Leaver: meant})
	return answer{to: "/requests/" + of[0].Request, done: "chosen"}, err
}

// examination is what the doctor finds, what is wrong first.
type examination struct {
	Can, Asked    bool
	Wrong         []same
	Faults        int // that is how many they are
	Unknown, Fine []Finding
}

// same are findings for the same reason.
type same struct {
	Check, Why string
	Of         []Finding
}

// doctor asks whether to look: it puts many questions to the tenant.
func (c *Console) doctor(*http.Request, session) (answer, error) {
	return answer{page: "doctor", title: "Doctor", data: examination{Can: c.Examine != nil}}, nil
}

// examine says what would fail.
func (c *Console) examine(r *http.Request, _ session) (answer, error) {
	if c.Examine == nil {
		return c.doctor(r, session{})
	}
	page := examination{Can: true, Asked: true}
	for _, f := range c.Examine(r.Context()) {
		switch {
		case f.Wrong:
			page.Faults++
			at := slices.IndexFunc(page.Wrong, func(s same) bool { return s.Check == f.Check && s.Why == f.Why })
			if at < 0 {
				at, page.Wrong = len(page.Wrong), append(page.Wrong, same{Check: f.Check, Why: f.Why})
			}
			page.Wrong[at].Of = append(page.Wrong[at].Of, f)
		case f.Unknown:
			page.Unknown = append(page.Unknown, f)
		default:
			page.Fine = append(page.Fine, f)
		}
	}
	return answer{page: "doctor", title: "Doctor", data: page}, nil
}
