package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"leaver/shared/offboarding"
)

// object is a JSON object.
type object = map[string]any

const (
	goDuration = `([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))`
	limited    = `0|[0-9]+d` + goDuration + `*|` + goDuration + `+`
)

// Schema is the JSON schema of a policy.
func Schema() ([]byte, error) {
	return schemaOf(offboarding.Declared(reflect.TypeFor[offboarding.Policy]()), offboarding.Declared(reflect.TypeFor[offboarding.Settings]()))
}

// schemaOf is the schema of a policy with these settings, of which overrides may change some.
func schemaOf(all, overridable []offboarding.Setting) ([]byte, error) {
	properties, changes := object{}, object{}
	for _, s := range all {
		properties[s.Key] = property(s)
	}
	for _, s := range overridable {
		changes[s.Key] = object{"$ref": "#/properties/" + s.Key}
	}
	changes["for"] = object{
		"description":   "exactly one of department, company and group, like {department: Sales}; nested members of the group count",
		"type":          "object",
		"minProperties": 1, "maxProperties": 1, "additionalProperties": false,
		"properties": object{
			"department": object{"type": "string", "minLength": 1},
			"company":    object{"type": "string", "minLength": 1},
			"group":      object{"description": "an object id", "type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"},
		},
	}
	properties["overrides"] = object{
		"description": "changes for some leavers; every one that fits is laid over the policy in this order",
		"type":        "array",
		"items": object{
			"description": "settings for those whom the key for names, like for: {department: Sales}",
			"type":        "object", "additionalProperties": false, "required": []string{"for"}, "properties": changes,
		},
	}
	text, err := json.MarshalIndent(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Leaver's policy",
		"type": "object", "additionalProperties": false, "properties": properties,
	}, "", "  ")
	return append(text, '\n'), err
}

// property is the schema of one setting.
func property(s offboarding.Setting) object {
	p := typed(s, s.Type)
	p["description"] = s.About
	if s.Type == durationType || s.Type == reflect.PointerTo(durationType) {
		p["description"] = s.About + "; a duration like 30d, 12h or 0s" + map[bool]string{true: ", or unlimited"}[s.Unlimited]
	}
	return p
}

var durationType = reflect.TypeFor[time.Duration]()

func typed(s offboarding.Setting, t reflect.Type) object {
	switch {
	case t == durationType && s.Unlimited:
		return object{"type": "string", "pattern": "^(unlimited|" + limited + ")$"}
	case t == durationType:
		return object{"type": "string", "pattern": "^(" + limited + ")$"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return typed(s, t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return object{"type": "number", "minimum": 0, "description": s.About}
	case reflect.Slice:
		items := typed(s, t.Elem())
		items["description"] = s.About
		return object{"type": "array", "uniqueItems": true, "items": items}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": typed(s, t.Elem())}
	case reflect.Struct:
		fields := object{}
		for _, f := range s.Fields {
			fields[f.Key] = property(f)
		}
		return object{"type": "object", "additionalProperties": false, "properties": fields}
	}
	p := object{"type": "string"}
	if s.Enum != nil {
		p = object{"enum": s.Enum}
	}
	if s.Pattern != "" {
		p["pattern"] = s.Pattern
	}
	return p
}

const (
	exampleHead = `# yaml-language-server: $schema=policy.schema.json
#
# The policy of Leaver: leaver up --policy FILE. It is written by go generate. What a policy leaves
# out is the default, and the values here are the defaults; what has none stands behind a # as an
# example. Durations are written like 30d, 12h, 90m or 0s.
`
	exampleTail = `
# Changes for some leavers. Every override that fits is laid over the policy in this order, so
# that a later one wins; each is for exactly one department, company or group (object id).
#overrides:
#  - for: {department: Sales}
#    mailbox: shared
#  - for: {company: Contoso Temporary Staff}
#    grace: 1d
#    keepMail: none
#    keepFiles: none
#  - for: {group: 5f7c2a0e-1b7d-4c57-9f6e-0d6f1d2b8a11}   # executives
#    grace: 90d
#    forwardFor: 90d
`
)

// Example is an annotated policy that says the defaults.
func Example() []byte {
	var b strings.Builder
	b.WriteString(exampleHead)
	for _, s := range offboarding.Declared(reflect.TypeFor[offboarding.Policy]()) {
		b.WriteString("\n")
		about := s.About
		if s.Enum != nil {
			about += ": " + strings.Join(s.Enum, " | ")
		}
		comment(&b, about)
		switch {
		case s.Type.Kind() == reflect.Struct:
			fmt.Fprintf(&b, "%s:\n", s.Key)
			for _, f := range s.Fields {
				fmt.Fprintf(&b, "  %s: %s\n", f.Key, asYAML(f))
			}
		case s.Default == "":
			fmt.Fprintf(&b, "#%s: %s\n", s.Key, s.Like)
		default:
			fmt.Fprintf(&b, "%s: %s\n", s.Key, asYAML(s))
		}
	}
	b.WriteString(exampleTail)
	return []byte(b.String())
}

// asYAML is a default in YAML.
func asYAML(s offboarding.Setting) string {
	switch {
	case s.Type.Kind() == reflect.Slice:
		return "[" + strings.ReplaceAll(s.Default, ",", ", ") + "]"
	case strings.ContainsAny(s.Default, "{: "):
		return fmt.Sprintf("%q", s.Default)
	}
	return s.Default
}

// comment writes a sentence as comment lines of at most 100 characters.
func comment(b *strings.Builder, sentence string) {
	line := "#"
	for word := range strings.FieldsSeq(sentence) {
		if len([]rune(line))+1+len([]rune(word)) > 100 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
