package simtenant

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ParseFault reads a fault as people write it: the operation, a colon, and words of what happens.
//
//	PATCH /users/{id}: status=503 share=0.1 times=3 retry-after=5s after target=adele.vance@contoso.com
//	Set-Mailbox: reset
//	*: delay=200ms
//
// The words are the fields of [Fault]: target, status, code, message, retry-after, retry-date, share, times,
// after, reset, page, circle and delay. A value with spaces stands in double quotes, as Go writes strings. What
// the tenant does not simulate, and what would have no effect, is an error that says what to write.
func ParseFault(spec string) (Fault, error) {
	name, words, found := strings.Cut(spec, ":")
	f := Fault{Operation: strings.TrimSpace(name)}
	wrong := func(err error) (Fault, error) { return Fault{}, fmt.Errorf("fault %q: %w", spec, err) }
	if !found {
		return wrong(errors.New("write an operation, a colon and what happens, such as Set-Mailbox: status=503"))
	}
	if !operationKnown(f.Operation) {
		return wrong(fmt.Errorf("no operation %q here: write one such as PATCH /users/{id}, Set-Mailbox or POST /token, or the beginning of some and *", f.Operation))
	}
	seen := map[string]bool{}
	for words = strings.TrimSpace(words); words != ""; words = strings.TrimSpace(words) {
		word, value, rest, err := nextWord(words)
		if err != nil {
			return wrong(err)
		}
		if words = rest; seen[word] {
			return wrong(fmt.Errorf("write %s once", word))
		}
		seen[word] = true
		if err := f.set(word, value); err != nil {
			return wrong(err)
		}
	}
	if err := f.effect(); err != nil {
		return wrong(err)
	}
	return f, nil
}

// nextWord cuts the first word off, which is KEY, KEY=VALUE or KEY="VALUE".
func nextWord(words string) (key, value, rest string, err error) {
	end := strings.IndexAny(words, " \t\r\n=")
	if end < 0 {
		return words, "", "", nil
	}
	if key, rest = words[:end], words[end:]; rest[0] != '=' {
		return key, "", rest, nil
	}
	rest = rest[1:]
	if !strings.HasPrefix(rest, `"`) {
		if end = strings.IndexAny(rest, " \t\r\n"); end < 0 {
			end = len(rest)
		}
		value, rest = rest[:end], rest[end:]
	} else {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", "", "", fmt.Errorf("the quote of %s does not end: write %s=\"some words\"", key, key)
		}
		if value, err = strconv.Unquote(quoted); err != nil {
			return "", "", "", err
		}
		if rest = rest[len(quoted):]; rest != "" && !strings.ContainsAny(rest[:1], " \t\r\n") {
			return "", "", "", fmt.Errorf("write a space after %s=%s", key, quoted)
		}
	}
	if value == "" {
		return "", "", "", fmt.Errorf("%s= has no value: write one, or leave the word out", key)
	}
	return key, value, rest, nil
}

// set lays one word over the fault.
func (f *Fault) set(word, value string) error {
	var ok bool
	var write string // an example of the word
	var err error
	switch word {
	case "target":
		f.Target, ok, write = value, value != "", "target=adele.vance@contoso.com"
	case "code":
		f.Code, ok, write = value, value != "", "code=serviceNotAvailable"
	case "message":
		f.Message, ok, write = value, value != "", `message="some words"`
	case "status":
		f.Status, err = strconv.Atoi(value)
		ok = err == nil && (f.Status >= 400 && f.Status <= 599 || f.Status == http.StatusTemporaryRedirect || f.Status == http.StatusFound)
		write = "a number from 400 to 599, or 302 or 307, such as status=503"
	case "share":
		f.Share, err = strconv.ParseFloat(value, 64)
		ok = err == nil && f.Share > 0 && f.Share <= 1 // not so for NaN
		write = "a number above 0 and up to 1, such as share=0.1"
	case "times":
		f.Times, err = strconv.Atoi(value)
		ok, write = err == nil && f.Times > 0, "a number from 1, such as times=3"
	case "retry-after":
		f.RetryAfter, err = time.ParseDuration(value)
		ok, write = err == nil && f.RetryAfter > 0, "a duration, such as retry-after=5s"
	case "retry-date":
		f.RetryDate, ok, write = true, value == "", "retry-date, without a value"
	case "circle":
		f.Circle, ok, write = true, value == "", "circle, without a value"
	case "delay":
		f.Delay, err = time.ParseDuration(value)
		ok, write = err == nil && f.Delay > 0, "a duration, such as delay=200ms"
	case "after":
		f.After, ok, write = true, value == "", "after, without a value"
	case "reset":
		f.Reset, ok, write = true, value == "", "reset, without a value"
	case "page":
		f.Page, ok, write = true, value == "", "page, without a value"
	default:
		return fmt.Errorf("no word %q: write some of target= status= code= message= retry-after= retry-date share= times= after reset page circle delay=", word)
	}
	if !ok {
		return fmt.Errorf("%s cannot be read: write %s", strings.TrimSuffix(word+"="+value, "="), write)
	}
	return nil
}

// effect refuses words that would do nothing.
func (f *Fault) effect() error {
	switch {
	case f.Status == 0 && !f.Reset && f.Delay == 0 && !f.Circle:
		return errors.New("nothing happens: write status=503, reset or delay=200ms")
	case f.Circle && (f.Status != 0 || f.Reset):
		return errors.New("a circle is in a true answer: write it without status= and reset")
	case f.RetryDate && f.RetryAfter == 0:
		return errors.New("retry-date says how retry-after= is written: write that with it")
	case f.Status != 0 && f.Reset:
		return errors.New("a broken connection has no status: write status= or reset, not both")
	case f.Status == 0 && (f.Code != "" || f.Message != "" || f.RetryAfter != 0):
		return errors.New("code, message and retry-after are part of an answer: write status= with them")
	case f.Page && (f.Status == 0 || f.Code != "" || f.Message != ""):
		return errors.New("a gateway's page has a status, and neither code nor message: write status=503 page")
	case f.After && f.Status == 0 && !f.Reset:
		return errors.New("after hides the answer of a request that took effect: write status= or reset with it")
	}
	return nil
}

// operationKnown reports whether a fault's operation can strike anything.
func operationKnown(operation string) bool {
	prefix, open := strings.CutSuffix(operation, "*")
	strikes := func(name string) bool { return name == operation || open && strings.HasPrefix(name, prefix) }
	for _, name := range []string{"POST /token", "GET /openid-configuration", "POST /$batch"} {
		if strikes(name) {
			return true
		}
	}
	for i := range operations {
		if strikes(operations[i].name()) {
			return true
		}
	}
	for name := range cmdlets {
		if strikes(name) {
			return true
		}
	}
	return false
}
