package hris

import (
	"encoding/json"
	"reflect"
	"strings"
)

//go:generate go run leaver/shared/hris/generate

// Schema is the JSON schema of the file of sources, for editors and for whoever checks the file
// before it is deployed. What concerns several keys at once, [Parse] says.
func Schema() ([]byte, error) {
	schema := schemaOf(reflect.TypeFor[Declaration]())
	schema["$schema"], schema["title"] = "https://json-schema.org/draft/2020-12/schema", "Leaver's sources"
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// chosen are the values of the keys that may have a few only.
func chosen() map[string][]string {
	return map[string][]string{
		"vendor": Vendors(), "algorithm": {"sha256", "sha512"}, "encoding": {"hex", "base64", "base64url"},
		"key": {"utf8", "hex", "base64", "whsec"}, "unit": {"s", "ms", "rfc3339"},
	}
}

func schemaOf(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[Duration]():
		return map[string]any{"type": "string", "pattern": `^[0-9]+(d|h|m|s|ms)([0-9]+(h|m|s|ms))*$`}
	case t.Kind() == reflect.Pointer:
		return schemaOf(t.Elem())
	case t.Kind() == reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case t.Kind() == reflect.Int:
		return map[string]any{"type": "integer", "minimum": 0}
	case t.Kind() != reflect.Struct:
		return map[string]any{"type": "string"}
	}
	properties := map[string]any{}
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		property := schemaOf(f.Type)
		if about := f.Tag.Get("about"); about != "" {
			property["description"] = about
		}
		if values := chosen()[key]; values != nil {
			property = map[string]any{"enum": values, "description": f.Tag.Get("about")}
		}
		properties[key] = property
	}
	schema := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if t == reflect.TypeFor[Config]() {
		schema["required"] = []string{"name", "vendor"}
		properties["name"].(map[string]any)["pattern"] = sourceName.String()
	}
	return schema
}
