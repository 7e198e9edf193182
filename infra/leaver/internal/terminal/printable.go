package terminal

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The longest texts that are shown, in characters; a webhook may bring longer ones.
const (
	longestText = 2000
	longestName = 120 // Entra has userPrincipalNames of up to 113
)

// Printable is a text that can do nothing to a terminal: control characters, and those that turn the
// direction of writing, are shown as their escapes, and it is cut after longest characters. What a
// webhook calls somebody is a stranger's word.
func Printable(text string, longest int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > longest {
			b.WriteRune('…')
			break
		}
		switch {
		case r == '\n', r == '\t':
			b.WriteByte(' ')
		case acts(r):
			for _, unit := range utf16.Encode([]rune{r}) { // as in JSON
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// acts reports whether a character does something instead of being shown.
func acts(r rune) bool {
	const nonJoiner, joiner = '\u200c', '\u200d' // which Persian names have, and emoji
	if r == nonJoiner || r == joiner {
		return false
	}
	return r == utf8.RuneError || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

// printable is a copy of an answer in which every text is printable.
func printable[T any](answer T) T {
	v := reflect.New(reflect.TypeFor[T]()).Elem()
	v.Set(copied(reflect.ValueOf(answer)))
	return v.Interface().(T)
}

func copied(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(Printable(v.String(), longestText))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(copied(v.Elem()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(copied(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(copied(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMap(v.Type()))
			for key, value := range v.Seq2() {
				out.SetMapIndex(copied(key), copied(value))
			}
		}
	}
	return out
}
