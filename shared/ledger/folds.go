package ledger

import (
	"sync"

	"leaver/shared/offboarding"
)

// mostFolds bounds the cases in memory.
const mostFolds = 4096

// folds are the newest folds of cases, so that a case is not read from its beginning every
// time. A fold may be behind its history but never beside it, because entries are not removed:
// what was appended since is all that has to be read. The zero value is ready.
type folds struct {
	mu    sync.Mutex
	cases map[string]*offboarding.Case
}

// of is the newest fold at hand; one at position 0 when there is none.
func (f *folds) of(id string) *offboarding.Case {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.cases[id]; c != nil {
		return c
	}
	return &offboarding.Case{ID: id}
}

// keep takes a fold that came out of the store.
func (f *folds) keep(c *offboarding.Case) {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.cases[c.ID]
	if was != nil && was.Position >= c.Position {
		return
	}
	if f.cases == nil {
		f.cases = map[string]*offboarding.Case{}
	}
	if was == nil && len(f.cases) >= mostFolds {
		for id := range f.cases {
			delete(f.cases, id)
			break
		}
	}
	f.cases[c.ID] = c
}
