package offboarding

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Unlimited is a duration without an end. It is written "unlimited", Microsoft's word.
const Unlimited time.Duration = math.MaxInt64

const day = 24 * time.Hour

// ParseDuration reads a duration as people write it: days first where there are any, then as Go
// writes the rest ("30d", "1d12h", "90m"), or "unlimited". A negative one is refused.
func ParseDuration(s string) (time.Duration, error) {
	if s == "unlimited" {
		return Unlimited, nil
	}
	refused := fmt.Errorf("%q is not a duration; write it like 30d, 12h or 90m, or unlimited", s)
	var days, rest time.Duration
	text := s
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(before, 10, 16) // 65535 days are 179 years
		if err != nil {
			return 0, refused
		}
		days, text = time.Duration(n)*day, after
	}
	if text != "" || days == 0 && !strings.HasSuffix(s, "d") {
		var err error
		if rest, err = time.ParseDuration(text); err != nil || rest < 0 || strings.HasPrefix(text, "+") || days > Unlimited-rest {
			return 0, refused
		}
	}
	return days + rest, nil
}

// FormatDuration writes a duration as [ParseDuration] reads it, in days where there are any.
func FormatDuration(d time.Duration) string {
	switch {
	case d == Unlimited:
		return "unlimited"
	case d <= 0:
		return d.String()
	}
	days, rest := d/day, d%day
	text := ""
	if days > 0 {
		text = strconv.FormatInt(int64(days), 10) + "d"
	}
	if rest > 0 {
		short := rest.String() // such as 12h0m0s
		if strings.HasSuffix(short, "m0s") {
			short = strings.TrimSuffix(short, "0s")
		}
		if strings.HasSuffix(short, "h0m") {
			short = strings.TrimSuffix(short, "0m")
		}
		text += short
	}
	return text
}
