package activedirectory_test

import "testing"

// missing are the rights that the check says the service account lacks.
func missing(t *testing.T, f *fixture) (names []string) {
	t.Helper()
	rights, err := f.open(t).Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rights {
		if r.Of == 0 {
			t.Errorf("%q was looked at on nothing", r.Name)
		}
		if r.May < r.Of {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestTheCheckFindsEveryRight(t *testing.T) {
	f := newFixture(t)
	f.group(t, "Staff")
	if got := missing(t, f); len(got) > 0 {
		t.Errorf("missing are %q, want none", got)
	}
}
