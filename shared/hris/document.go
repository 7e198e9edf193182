package hris

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// document is a JSON value as it came. What is read of it is named by JSON pointers, exactly: keys
// that differ in case are different keys.
type document struct{ value any }

// deepest is how many objects and lists may stand in one another.
const deepest = 64

// parseDocument reads JSON, keeping numbers as they are written.
func parseDocument(text []byte) (document, error) {
	if depth(text) > deepest {
		return document{}, errors.New("the body is not JSON that anybody means: it is too deep")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var doc document
	if err := d.Decode(&doc.value); err != nil {
		return document{}, errors.New(explainJSON(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return document{}, errors.New("the body is not JSON: something follows it")
	}
	return doc, nil
}

// depth is how deep the brackets of a text stand in one another, at most.
func depth(text []byte) int {
	most, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			now++
			most = max(most, now)
		case b == '}' || b == ']':
			now--
		}
	}
	return most
}

// at is what a JSON pointer points at; nothing when there is nothing.
// Source: RFC 6901.
func (d document) at(pointer string) document {
	if pointer == "" {
		return d
	}
	value := d.value
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch v := value.(type) {
		case map[string]any:
			value = v[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(v) {
				return document{}
			}
			value = v[i]
		default:
			return document{}
		}
	}
	return document{value}
}

// named is at, for a pointer that may not be declared: then nothing.
func (d document) named(pointer string) document {
	if pointer == "" {
		return document{}
	}
	return d.at(pointer)
}

// text is a string or a number as it is written, and empty when there is nothing. Of anything else it
// is unreadable: an HR system that makes an object of a date has not said that there is none.
func (d document) text() string {
	switch v := d.value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return unreadable
}

// unreadable is no date, no id and no name of anything.
const unreadable = string(unicode.ReplacementChar)

// isTrue reports whether it is true.
func (d document) isTrue() bool { return d.value == true }

// exists reports whether anything is there, null too.
func (d document) has(key string) bool {
	object, is := d.value.(map[string]any)
	_, has := object[key]
	return is && has
}

// list is the elements of a list; of anything else it is that alone, of nothing none.
func (d document) list() []document {
	values, is := d.value.([]any)
	if !is {
		if d.value == nil {
			return nil
		}
		return []document{d}
	}
	all := make([]document, len(values))
	for i, v := range values {
		all[i] = document{v}
	}
	return all
}

// raw is the value as JSON, the same for the same value.
func (d document) raw() []byte {
	raw, _ := json.Marshal(d.value) // it was read from JSON
	return raw
}
