package nats

import (
	"fmt"
	"strconv"
	"strings"
)

// A token is one part of a NATS subject, and a legal consumer name and header value: it
// must not hold spaces, dots, wildcards or slashes. encode is reversible, leaves letters,
// digits, '-' and '_' readable, and writes every other byte as =XX; the empty string is a
// single '='.
func encode(s string) string {
	if s == "" {
		return "="
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// decode undoes encode. What encode could not have written is returned as it is: it came
// from a foreign publisher, and the worker refuses it.
func decode(token string) string {
	if token == "=" {
		return ""
	}
	if !strings.Contains(token, "=") {
		return token
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		if token[i] != '=' {
			b = append(b, token[i])
			continue
		}
		if i+2 >= len(token) {
			return token
		}
		c, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
		if err != nil {
			return token
		}
		b = append(b, byte(c))
		i += 2
	}
	return string(b)
}

// lastToken is the decoded last part of a subject.
func lastToken(subject string) string {
	return decode(subject[strings.LastIndexByte(subject, '.')+1:])
}
