package intake

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// senders remembers who sends what is not verified, by address, and which sources it came to.
type senders struct {
	mu      sync.Mutex
	limits  map[string]*rate.Limiter
	alarmed map[string]time.Time
}

const (
	// failuresEvery is how often one address may fail for long, and failuresAtOnce how often at once:
	// a vendor whose secret was changed fails now and then, whoever tries secrets does all the time.
	failuresEvery  = 6 * time.Second
	failuresAtOnce = 20
	// mostSenders bounds what is remembered; beyond it, everybody begins anew.
	mostSenders = 10_000
	// alarmEvery is how often a source that is not verified raises the alarm.
	alarmEvery = time.Hour
)

// failed notes a failure and reports whether its address has failed few times so far, and whether it
// is the first of the source for a while.
func (s *senders) failed(address, source string, now time.Time) (few, first bool) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits == nil || len(s.limits) >= mostSenders {
		s.limits = map[string]*rate.Limiter{}
	}
	limit := s.limits[host]
	if limit == nil {
		limit = rate.NewLimiter(rate.Every(failuresEvery), failuresAtOnce)
		s.limits[host] = limit
	}
	if last, before := s.alarmed[source]; source != "" && (!before || now.Sub(last) >= alarmEvery) {
		if s.alarmed == nil {
			s.alarmed = map[string]time.Time{}
		}
		s.alarmed[source] = now
		first = true
	}
	return limit.AllowN(now, 1), first
}
