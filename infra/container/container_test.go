// Package container holds the files for containers against the code.
package container_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"leaver/shared/bus"
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

// TestEverySubscriptionIsScaledOn finds the subscription that a new step brings.
func TestEverySubscriptionIsScaledOn(t *testing.T) {
	var got, want []string
	for _, s := range bus.Subscriptions() {
		if s.Entity == bus.Queue {
			want = append(want, s.Entity)
		} else {
			want = append(want, s.Entity+"/"+s.Name)
		}
	}
	for _, d := range documents(t, "keda.yaml") {
		if d["kind"] != "ScaledObject" {
			continue
		}
		for _, trigger := range d["spec"].(map[string]any)["triggers"].([]any) {
			m := trigger.(map[string]any)["metadata"].(map[string]any)
			if queue, is := m["queueName"].(string); is {
				got = append(got, queue)
				continue
			}
			got = append(got, m["topicName"].(string)+"/"+m["subscriptionName"].(string))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("keda.yaml scales on %v, and the subscriptions are %v", got, want)
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
	for _, d := range documents(t, "kubernetes.yaml") {
		if d["kind"] == "StatefulSet" && d["spec"].(map[string]any)["replicas"] != uint64(1) {
			t.Error("the data directory has one owner")
		}
	}
}
