package offboarding

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one declared setting: a field with the tag yaml in a struct like [Settings].
type Setting struct {
	Key     string   // yaml: in a policy
	About   string   // about: what it is, in half a sentence
	Default string   // default: as it is written, those of a list separated by commas
	Like    string   // like: an example in YAML, of what has no default
	Enum    []string // enum: the values that it, or each of its list, may have
	Pattern string   // pattern: of the value, or of each of its list
	Least   string   // least: the shortest duration
	// Unlimited is set by limit:"unlimited": the duration may have no end.
	Unlimited bool
	Type      reflect.Type
	Fields    []Setting // of a struct, or of the structs of a list

	index []int
}

// Declared are the settings of a struct type, those of the structs that it embeds among them, in
// their order.
func Declared(of reflect.Type) []Setting {
	var all []Setting
	for _, f := range reflect.VisibleFields(of) {
		key := f.Tag.Get("yaml")
		if key == "" {
			continue
		}
		s := Setting{
			Key: key, About: f.Tag.Get("about"), Default: f.Tag.Get("default"), Like: f.Tag.Get("like"), Pattern: f.Tag.Get("pattern"),
			Least: f.Tag.Get("least"), Unlimited: f.Tag.Get("limit") == "unlimited", Type: f.Type, index: f.Index,
		}
		if enum := f.Tag.Get("enum"); enum != "" {
			s.Enum = strings.Split(enum, ",")
		}
		switch {
		case f.Type.Kind() == reflect.Struct:
			s.Fields = Declared(f.Type)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			s.Fields = Declared(f.Type.Elem())
		}
		all = append(all, s)
	}
	return all
}

// Changes are settings as they are written, by their keys: texts, numbers, true or false, lists
// and, for a struct, again Changes. A value of the setting's own type will do as well.
type Changes map[string]any

// Lay lays changes over the settings that a pointer to a struct points to. Its error is a
// *[PolicyError] that names the key.
func Lay(settings any, c Changes) error {
	return lay(reflect.ValueOf(settings).Elem(), c)
}

func lay(v reflect.Value, c map[string]any) error {
	known := Declared(v.Type())
	for _, key := range slices.Sorted(maps.Keys(c)) {
		i := slices.IndexFunc(known, func(s Setting) bool { return s.Key == key })
		if i < 0 {
			return &PolicyError{At: []string{key}, Why: "there is no such setting"}
		}
		if err := set(v.FieldByIndex(known[i].index), c[key]); err != nil {
			return within(key, err)
		}
	}
	return nil
}

var durationType = reflect.TypeFor[time.Duration]()

// set puts a value, as it is written, into a field.
func set(v reflect.Value, written any) error {
	w := reflect.ValueOf(written)
	switch kind := v.Kind(); {
	case w.IsValid() && w.Type() == v.Type():
		v.Set(w)
	case kind == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return set(v.Elem(), written)
	case !w.IsValid():
		return errors.New("it is empty")
	case v.Type() == durationType && w.Kind() == reflect.String:
		d, err := ParseDuration(w.String())
		v.SetInt(int64(d))
		return err
	case kind == reflect.String && w.Kind() == reflect.String:
		v.SetString(w.String())
	case kind == reflect.Int && w.CanInt():
		v.SetInt(w.Int())
	case kind == reflect.Int && w.CanFloat() && w.Float() == float64(int(w.Float())): // as JSON has it
		v.SetInt(int64(w.Float()))
	case kind == reflect.Float64 && w.CanConvert(v.Type()) && w.Kind() != reflect.String:
		v.Set(w.Convert(v.Type()))
	case kind == reflect.Struct && w.Type().ConvertibleTo(reflect.TypeFor[map[string]any]()):
		return lay(v, w.Convert(reflect.TypeFor[map[string]any]()).Interface().(map[string]any))
	case kind == reflect.Slice && w.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), w.Len(), w.Len()))
		for i := range w.Len() {
			if err := set(v.Index(i), w.Index(i).Interface()); err != nil {
				return within(strconv.Itoa(i), err)
			}
		}
	case kind == reflect.Map && w.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, key := range w.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			if err := set(value, w.MapIndex(key).Interface()); err != nil {
				return within(key.String(), err)
			}
			v.SetMapIndex(key, value)
		}
	default:
		return fmt.Errorf("%v cannot be read here", written)
	}
	return nil
}

// within adds to an error where it was found.
func within(key string, err error) error {
	var where *PolicyError
	if errors.As(err, &where) {
		return &PolicyError{At: append([]string{key}, where.At...), Why: where.Why}
	}
	return &PolicyError{At: []string{key}, Why: err.Error()}
}

// SetDefaults gives every setting of the struct that a pointer points to its default. A default
// that cannot be read is a mistake in the declaration, and panics.
func SetDefaults(settings any) { setDefaults(reflect.ValueOf(settings).Elem()) }

func setDefaults(v reflect.Value) {
	for _, s := range Declared(v.Type()) {
		field := v.FieldByIndex(s.index)
		var written any = s.Default
		switch {
		case s.Type.Kind() == reflect.Struct:
			setDefaults(field)
			continue
		case s.Default == "":
			continue
		case s.Type.Kind() == reflect.Bool:
			written = s.Default == "true"
		case s.Type.Kind() == reflect.Int:
			written, _ = strconv.Atoi(s.Default)
		case s.Type.Kind() == reflect.Slice:
			written = strings.Split(s.Default, ",")
		}
		if err := set(field, written); err != nil {
			panic(fmt.Sprintf("the default of the setting %s: %s", s.Key, err))
		}
	}
}

// Check holds the settings of a struct to their tags: a *[PolicyError] names the first that is wrong.
func Check(settings any) error { return check(reflect.ValueOf(settings)) }

func check(v reflect.Value) error {
	for _, s := range Declared(v.Type()) {
		if err := s.check(v.FieldByIndex(s.index)); err != nil {
			return within(s.Key, err)
		}
	}
	return nil
}

func (s Setting) check(v reflect.Value) error {
	switch kind := v.Kind(); {
	case v.Type() == durationType:
		return s.checkDuration(time.Duration(v.Int()))
	case kind == reflect.Pointer && !v.IsNil():
		return s.check(v.Elem())
	case kind == reflect.Struct:
		return check(v)
	case kind == reflect.Slice:
		for i := range v.Len() {
			if err := s.check(v.Index(i)); err != nil {
				return within(strconv.Itoa(i), err)
			}
		}
	case kind == reflect.Map:
		for _, key := range v.MapKeys() {
			if err := s.check(v.MapIndex(key)); err != nil {
				return within(key.String(), err)
			}
		}
	case kind == reflect.Float64 && v.Float() < 0, kind == reflect.Int && v.Int() < 0:
		return errors.New("write at least 0")
	case kind == reflect.String && s.Enum != nil && !slices.Contains(s.Enum, v.String()):
		return fmt.Errorf("%q; use %s", v, strings.Join(s.Enum, ", "))
	case kind == reflect.String && s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v.String()):
		return fmt.Errorf("%q cannot be used; it is %s", v, s.About)
	}
	return nil
}

func (s Setting) checkDuration(d time.Duration) error {
	least, _ := ParseDuration(s.Least)
	switch {
	case d == Unlimited && !s.Unlimited:
		return errors.New("it must be limited")
	case d < least:
		return fmt.Errorf("%s is too short: at least %s", FormatDuration(d), FormatDuration(least))
	}
	return nil
}

// Same reports whether two values hold the same: times are compared as instants, and nothing is
// what holds no elements. Fields with the tag same:"-" do not count.
func Same(a, b any) bool { return same(reflect.ValueOf(a), reflect.ValueOf(b)) }

func same(a, b reflect.Value) bool {
	if at, ok := a.Interface().(time.Time); ok {
		return at.Equal(b.Interface().(time.Time))
	}
	switch a.Kind() {
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(a.Type()) {
			if len(f.Index) == 1 && f.Tag.Get("same") != "-" && !same(a.FieldByIndex(f.Index), b.FieldByIndex(f.Index)) {
				return false
			}
		}
		return true
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Slice:
		for i := range min(a.Len(), b.Len()) {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return a.Len() == b.Len()
	case reflect.Map:
		for _, key := range a.MapKeys() {
			if value := b.MapIndex(key); !value.IsValid() || !same(a.MapIndex(key), value) {
				return false
			}
		}
		return a.Len() == b.Len()
	}
	return a.Equal(b)
}

// Redone reports whether two values differ in what a step obeys: in a field, or in a struct that
// they embed, whose tag step names it.
func Redone(step StepName, a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	return slices.ContainsFunc(reflect.VisibleFields(x.Type()), func(f reflect.StructField) bool {
		return f.Tag.Get("step") == string(step) && !same(x.FieldByIndex(f.Index), y.FieldByIndex(f.Index))
	})
}
