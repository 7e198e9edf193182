// Package container holds the files for containers against the code.
package container_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

func documents(t *testing.T, name string) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var d map[string]any
		err := decoder.Decode(&d)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
}

func TestTheImageIsSmallAndNotRoot(t *testing.T) {
	text, err := os.ReadFile("Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	last := string(text)[strings.LastIndex(string(text), "\nFROM "):]
	for _, line := range []string{"\nFROM scratch\n", "\nUSER 65532:65532\n"} {
		if !strings.Contains(last, line) {
			t.Errorf("the last stage lacks %q", strings.TrimSpace(line))
		}
	}
	for _, d := range documents(t, "embedded/statefulset.yaml") {
		if d["kind"] == "StatefulSet" && d["spec"].(map[string]any)["replicas"] != uint64(1) {
			t.Error("the data directory has one owner")
		}
	}
}

// TestTheImageCarriesTheLicences of the modules that are in its binary, beside it.
func TestTheImageCarriesTheLicences(t *testing.T) {
	text, err := os.ReadFile("Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	first, last, _ := strings.Cut(string(text), "\nFROM scratch\n")
	if !strings.Contains(first, "go list -deps") || !strings.Contains(first, "/licences/$module/") || !strings.Contains(last, "COPY --from=build /licences /licences\n") {
		t.Error("the licence texts of the modules are not put beside the binary")
	}
}
