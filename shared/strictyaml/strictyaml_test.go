package strictyaml_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"leaver/shared/strictyaml"
)

// panics are documents at which goccy/go-yaml v1.19.2 panics, found by fuzzing.
var panics = []string{
	"directories:\n  - servers: !00\n" + strings.Repeat("0", 51),
}

type declaration struct {
	Directories []struct {
		Servers []string `yaml:"servers"`
	} `yaml:"directories"`
}

func TestAPanicOfTheLibraryIsAnError(t *testing.T) {
	for _, text := range panics {
		var d declaration
		if err := strictyaml.Decode([]byte(text), &d); !errors.Is(err, strictyaml.ErrUnreadable) {
			t.Errorf("decoding %q: got %v, want %v", text, err, strictyaml.ErrUnreadable)
		}
	}
}

func TestAnErrorSaysWhereAndShowsNoLine(t *testing.T) {
	for text, says := range map[string]string{
		"directories:\n  - secret: hunter2":                  "[2:5]",
		"directories: []\ndirectories: [{servers: hunter2}]": "[2:1]",
	} {
		var d declaration
		err := strictyaml.Decode([]byte(text), &d)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want an error at %s without the value", text, err, says)
		}
	}
}

func TestAnEmptyDocumentSaysNothing(t *testing.T) {
	d := declaration{}
	if err := strictyaml.Decode(nil, &d); err != nil || d.Directories != nil {
		t.Errorf("got %v, %v, want nothing", d, err)
	}
}

// FuzzDecode reads any document in each way.
func FuzzDecode(f *testing.F) {
	f.Add("directories: [{servers: [dc1.contoso.com]}]")
	f.Add("a: &x {b: *x}")
	for _, text := range panics {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_ = strictyaml.Decode([]byte(text), &declaration{})
		if asJSON, err := strictyaml.JSON([]byte(text)); err != nil && json.Valid(asJSON) {
			t.Errorf("%q: an error with JSON: %s, %v", text, asJSON, err)
		}
		if at := strictyaml.Position([]byte(text), []string{"directories", "0"}, ""); !strings.HasPrefix(at, "[") {
			t.Errorf("%q: at %q", text, at)
		}
	})
}
