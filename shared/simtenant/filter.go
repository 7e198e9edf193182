package simtenant

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filter is a parsed $filter. It knows comparison with eq, ne, gt, ge, lt, le, in, startswith, endswith and contains,
// any() over a collection, and, or, not and parentheses. Strings compare without case, as Entra's do.
type filter struct {
	op    string // and, or, not, eq, ne, in, startswith, endswith, contains, any
	left  *filter
	right *filter
	path  string // of a comparison, or the collection of any()
	inner string // the variable of any()
	value any    // string, unquoted, bool or nil
	list  []any  // of in
}

// unquoted is a value that is written without quotes: a GUID, a moment or a number.
type unquoted string

// errNotSimulated is of a filter that Graph may know and the tenant does not.
var errNotSimulated = errors.New("not simulated")

// mostNesting bounds the depth of what is parsed.
const mostNesting = 50

type filterParser struct {
	rest  string
	depth int
}

// parseFilter reads a $filter; an error names what is not understood.
func parseFilter(text string) (*filter, error) {
	p := &filterParser{rest: text}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("unexpected %q", p.rest)
	}
	return f, nil
}

func (p *filterParser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

// word takes a keyword or a name.
func (p *filterParser) word() string { return p.take("_/-.@$") }

// take takes letters, digits and some signs.
func (p *filterParser) take(signs string) string {
	p.space()
	n := 0
	for n < len(p.rest) && ('a' <= p.rest[n]|0x20 && p.rest[n]|0x20 <= 'z' || '0' <= p.rest[n] && p.rest[n] <= '9' || strings.IndexByte(signs, p.rest[n]) >= 0) {
		n++
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

func (p *filterParser) keyword(k string) bool {
	was := p.rest
	if strings.EqualFold(p.word(), k) {
		return true
	}
	p.rest = was
	return false
}

func (p *filterParser) sign(s string) bool {
	p.space()
	if r, ok := strings.CutPrefix(p.rest, s); ok {
		p.rest = r
		return true
	}
	return false
}

func (p *filterParser) or() (*filter, error) {
	left, err := p.and()
	for err == nil && p.keyword("or") {
		var right *filter
		right, err = p.and()
		left = &filter{op: "or", left: left, right: right}
	}
	return left, err
}

func (p *filterParser) and() (*filter, error) {
	left, err := p.unary()
	for err == nil && p.keyword("and") {
		var right *filter
		right, err = p.unary()
		left = &filter{op: "and", left: left, right: right}
	}
	return left, err
}

func (p *filterParser) unary() (*filter, error) {
	if p.depth++; p.depth > mostNesting {
		return nil, fmt.Errorf("nested deeper than %d", mostNesting)
	}
	defer func() { p.depth-- }()
	if p.keyword("not") {
		f, err := p.unary()
		return &filter{op: "not", left: f}, err
	}
	if p.sign("(") {
		f, err := p.or()
		if err == nil && !p.sign(")") {
			err = fmt.Errorf("missing ) before %q", p.rest)
		}
		return f, err
	}
	return p.comparison()
}

func (p *filterParser) comparison() (*filter, error) {
	name := p.word()
	if name == "" {
		return nil, fmt.Errorf("a property is missing before %q", p.rest)
	}
	if op := strings.ToLower(name); op == "startswith" || op == "endswith" || op == "contains" {
		if !p.sign("(") {
			return nil, fmt.Errorf("missing ( after %s", name)
		}
		f := &filter{op: op, path: p.word()}
		if f.path == "" || !p.sign(",") {
			return nil, fmt.Errorf("%s takes a property and a string", name)
		}
		var err error
		if f.value, err = p.literal(); err == nil && !p.sign(")") {
			err = fmt.Errorf("missing ) after %s", name)
		}
		if _, ok := f.value.(string); err == nil && !ok {
			err = fmt.Errorf("%s takes a string", name)
		}
		return f, err
	}
	if collection, ok := strings.CutSuffix(name, "/any"); ok && collection != "" {
		if !p.sign("(") {
			return nil, fmt.Errorf("missing ( after any")
		}
		f := &filter{op: "any", path: collection, inner: p.word()}
		if f.inner == "" || strings.Contains(f.inner, "/") || !p.sign(":") {
			return nil, fmt.Errorf("any needs a variable and a colon")
		}
		var err error
		if f.left, err = p.or(); err == nil && !p.sign(")") {
			err = fmt.Errorf("missing ) after any")
		}
		if err == nil {
			for _, path := range f.left.paths() {
				if v, _, _ := strings.Cut(path, "/"); v != f.inner {
					return nil, fmt.Errorf("%q inside any does not start with %s", path, f.inner)
				}
			}
		}
		return f, err
	}
	if p.sign("(") {
		return nil, fmt.Errorf("the function %s: %w", name, errNotSimulated)
	}
	switch op := strings.ToLower(p.word()); op {
	case "eq", "ne", "gt", "ge", "lt", "le":
		v, err := p.literal()
		return &filter{op: op, path: name, value: v}, err
	case "in":
		if !p.sign("(") {
			return nil, fmt.Errorf("missing ( after in")
		}
		f := &filter{op: "in", path: name}
		for {
			v, err := p.literal()
			if err != nil {
				return nil, err
			}
			f.list = append(f.list, v)
			if p.sign(",") {
				continue
			}
			if !p.sign(")") {
				return nil, fmt.Errorf("missing ) after in")
			}
			return f, nil
		}
	default:
		return nil, fmt.Errorf("the operator %q after %s: %w", op, name, errNotSimulated)
	}
}

// literal takes 'a string' (a quote inside is doubled), true, false, null, or what is written without quotes.
func (p *filterParser) literal() (any, error) {
	p.space()
	if rest, ok := strings.CutPrefix(p.rest, "'"); ok {
		var b strings.Builder
		for {
			head, tail, found := strings.Cut(rest, "'")
			if !found {
				return nil, fmt.Errorf("the string %q does not end", rest)
			}
			b.WriteString(head)
			if rest, ok = strings.CutPrefix(tail, "'"); !ok {
				p.rest = tail
				return b.String(), nil
			}
			b.WriteByte('\'')
		}
	}
	switch w := p.take("_/-.:+"); strings.ToLower(w) {
	case "":
		return nil, fmt.Errorf("a value is missing before %q", p.rest)
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	default:
		if strings.Contains(w, "/") {
			return nil, fmt.Errorf("%q is no value", w)
		}
		return unquoted(w), nil
	}
}

// textOf is a value as a text, quoted or not.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case unquoted:
		return string(v), true
	}
	return "", false
}

// each visits the comparisons with the path that each reads; that of an element of a collection ends in a slash.
func (f *filter) each(do func(path string, leaf *filter)) {
	switch {
	case f == nil:
	case f.op == "any":
		f.left.each(func(path string, leaf *filter) {
			do(f.path+"/"+strings.TrimPrefix(strings.TrimPrefix(path, f.inner), "/"), leaf)
		})
	case f.path != "":
		do(f.path, f)
	default:
		f.left.each(do)
		f.right.each(do)
	}
}

// paths are the property paths of the comparisons, those inside any() not counted.
func (f *filter) paths() []string {
	if f == nil {
		return nil
	}
	if f.op == "any" || f.path != "" {
		return []string{f.path}
	}
	return append(f.left.paths(), f.right.paths()...)
}

// properties are the top-level properties the filter reads.
func (f *filter) properties() []string {
	var names []string
	for _, p := range f.paths() {
		name, _, _ := strings.Cut(p, "/")
		names = append(names, name)
	}
	return names
}

// keys are the keys that objects stand under for which the filter can hold: see objects. They are
// known for comparisons of properties that are keys, and for what is made of such.
func (f *filter) keys(keyed []string) ([]string, bool) {
	of := func(path string, value any) ([]string, bool) {
		path = strings.ToLower(path)
		text, isText := textOf(value)
		if path == "id" {
			return []string{strings.ToLower(text)}, isText
		}
		return []string{key(path+":", text)}, isText && text != "" && slices.Contains(keyed, path)
	}
	switch f.op {
	case "and":
		if k, ok := f.left.keys(keyed); ok {
			return k, true
		}
		return f.right.keys(keyed)
	case "or":
		left, ok := f.left.keys(keyed)
		right, ok2 := f.right.keys(keyed)
		return append(left, right...), ok && ok2
	case "any":
		if of2, inside := strings.CutPrefix(f.left.path, f.inner); f.left.op == "eq" && inside {
			return of(f.path+of2, f.left.value)
		}
	case "eq":
		return of(f.path, f.value)
	case "gt", "ge", "lt", "le":
		has := "has:" + strings.ToLower(f.path)
		return []string{has}, slices.Contains(keyed, has)
	case "in":
		var all []string
		for _, v := range f.list {
			k, ok := of(f.path, v)
			if !ok {
				return nil, false
			}
			all = append(all, k...)
		}
		return all, true
	}
	return nil, false
}

// holds evaluates the filter over an object.
func (f *filter) holds(get func(string) (any, bool)) bool {
	switch f.op {
	case "and":
		return f.left.holds(get) && f.right.holds(get)
	case "or":
		return f.left.holds(get) || f.right.holds(get)
	case "not":
		return !f.left.holds(get)
	case "any":
		return slices.ContainsFunc(elements(at(get, f.path)), func(e any) bool {
			return f.left.holds(func(name string) (any, bool) { return e, name == f.inner })
		})
	}
	v := at(get, f.path)
	switch f.op {
	case "eq":
		return same(v, f.value)
	case "ne":
		return !same(v, f.value)
	case "gt", "ge", "lt", "le":
		order, ok := compare(v, f.value)
		return ok && (order != 0 && (order < 0) == (f.op[0] == 'l') || order == 0 && f.op[1] == 'e')
	case "in":
		return slices.ContainsFunc(f.list, func(x any) bool { return same(v, x) })
	}
	have, ok := v.(string)
	want, _ := f.value.(string)
	have, want = strings.ToLower(have), strings.ToLower(want)
	switch f.op {
	case "startswith":
		return ok && strings.HasPrefix(have, want)
	case "contains":
		return ok && strings.Contains(have, want)
	}
	return ok && strings.HasSuffix(have, want)
}

// at follows a path into an object.
func at(get func(string) (any, bool), path string) any {
	name, rest, deeper := strings.Cut(path, "/")
	v, _ := get(name)
	for deeper {
		name, rest, deeper = strings.Cut(rest, "/")
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func elements(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	}
	return nil
}

// compare orders a value against a literal: moments as such, numbers as such, other text by case-
// less order. Null has no order.
func compare(have, want any) (int, bool) {
	literal, ok := textOf(want)
	if !ok || have == nil {
		return 0, false
	}
	text := fmt.Sprint(have)
	if a, err := time.Parse(time.RFC3339, text); err == nil {
		if b, err := time.Parse(time.RFC3339, literal); err == nil {
			return a.Compare(b), true
		}
	}
	if a, err := strconv.ParseFloat(text, 64); err == nil {
		if b, err := strconv.ParseFloat(literal, 64); err == nil {
			return cmp.Compare(a, b), true
		}
	}
	return strings.Compare(strings.ToLower(text), strings.ToLower(literal)), true
}

func same(have, want any) bool {
	switch have := have.(type) {
	case nil:
		return want == nil
	case bool:
		b, ok := want.(bool)
		return ok && b == have
	case string:
		s, ok := textOf(want)
		return ok && strings.EqualFold(s, have)
	case json.Number:
		s, ok := textOf(want)
		return ok && s == have.String()
	case int:
		s, ok := textOf(want)
		return ok && s == fmt.Sprint(have)
	}
	return false
}
