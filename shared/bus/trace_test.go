package bus_test

import (
	"encoding/json"
	"strings"
	"testing"

	"leaver/shared/bus"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestAMessageCarriesTheFirstTraceItIsGiven(t *testing.T) {
	t.Parallel()
	m, err := step().Message(at)
	if err != nil {
		t.Fatal(err)
	}
	plain := string(m.Body)
	traced := bus.WithTrace(m.Body, bus.Trace{Parent: parent, State: "leaver=licence"})
	again := bus.WithTrace(traced, bus.Trace{Parent: strings.Replace(parent, "4bf9", "0000", 1)})
	if got := bus.TraceOf(again); got.Parent != parent || got.State != "leaver=licence" {
		t.Errorf("it carries %+v, want what it was given first", got)
	}
	if got, err := bus.DecodeStep(again); err != nil || got != step() {
		t.Errorf("read again it is %+v, %v", got, err)
	}
	if string(m.Body) != plain {
		t.Error("the message itself was changed")
	}
	var whole map[string]any
	if err := json.Unmarshal(again, &whole); err != nil || whole["specversion"] != "1.0" || whole["traceparent"] != parent {
		t.Errorf("it is no CloudEvent with the extension: %s, %v", again, err)
	}
}

func TestWhatIsNoMessageCarriesNone(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{}", "[]", "null", `"a"`, "{"} {
		if got := string(bus.WithTrace([]byte(body), bus.Trace{Parent: parent})); got != body {
			t.Errorf("%q became %q", body, got)
		}
	}
	large := []byte(`{"a":"` + strings.Repeat("a", bus.MaxBody-10) + `"}`)
	if got := bus.WithTrace(large, bus.Trace{Parent: parent}); len(got) != len(large) {
		t.Errorf("a message near the limit grew to %d bytes; the limit is %d", len(got), bus.MaxBody)
	}
	if got := bus.TraceOf([]byte(`{"traceparent":7}`)); got != (bus.Trace{}) {
		t.Errorf("got %+v of what is no text", got)
	}
}
