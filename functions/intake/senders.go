package intake

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// senders remembers who sends what is not verified, by address, and which sources it came to.
type senders struct {
	mu      sync.Mutex
	limits  map[string]*rate.Limiter
	alarmed map[string]time.Time
	lines   *rate.Limiter // of refusals in the log, whoever sent them
}

const (
	// failuresEvery is how often one address may fail for long, and failuresAtOnce how often at once:
	// a vendor whose secret was changed fails now and then, whoever tries secrets does all the time.
	failuresEvery  = 6 * time.Second
	failuresAtOnce = 20
	// linesEvery is how often a refusal is written into the log for long, and linesAtOnce how often at
	// once: whoever has many addresses fills no disk.
	linesEvery  = time.Second
	linesAtOnce = 100
	// mostSenders bounds what is remembered; beyond it, everybody begins anew.
	mostSenders = 10_000
	// alarmEvery is how often a source that is not verified raises the alarm.
	alarmEvery = time.Hour
)

// failed notes a failure and reports whether its address has failed few times so far, and whether it
// is the first of the source for a while.
func (s *senders) failed(address, source string, now time.Time) (few, first bool) {
	host := sender(address)
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

// logged reports whether one more refusal belongs into the log.
func (s *senders) logged(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lines == nil {
		s.lines = rate.NewLimiter(rate.Every(linesEvery), linesAtOnce)
	}
	return s.lines.AllowN(now, 1)
}

// sender is who is behind an address: of IPv6 the network of 64 bits, as whoever has one address there has
// all. Source: RFC 6177, section 2.
func sender(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if at, err := netip.ParseAddr(host); err == nil && at.Is6() && !at.Is4In6() {
		if network, err := at.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return host
}
