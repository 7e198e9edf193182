package bustest

import (
	"errors"
	"slices"
	"strings"

	"leaver/shared/bus"
)

var inspectCases = []suiteCase{
	{"whoever may do everything is told so, and nothing is sent or taken", func(k *kit) {
		k.publish(request("1"), message("2", subjectBoth))
		rights, err := k.Bus.Rights(k.within(patience))
		if err != nil {
			k.Fatalf("reading the rights: %v", err)
		}
		var listen []string
		for _, s := range Subscriptions() {
			listen = append(listen, s.Name)
		}
		if send := []string{bus.Queue, bus.Hints, bus.Topic}; !same(rights.Send, send) || !same(rights.Listen, listen) {
			k.Errorf("rights to send to %v and to listen on %v, want %v and %v", rights.Send, rights.Listen, send, listen)
		}
		for subscription, want := range map[string]int{subQueue: 1, subHints: 0, subAlpha: 1, subBeta: 1, subOdd: 0} {
			if got := k.depth(subscription).Active; got != want {
				k.Errorf("%d messages wait for %s, want %d", got, subscription, want)
			}
		}
	}},
	{"the filters of a subscription that is not there are not found", func(k *kit) {
		if _, _, err := k.Bus.Filters(k.within(patience), "nothing"); !errors.Is(err, bus.ErrNotFound) {
			k.Errorf("got %v, want %v", err, bus.ErrNotFound)
		}
	}},
}

// same compares two lists as sets.
func same(got, want []string) bool {
	return strings.Join(slices.Sorted(slices.Values(got)), "\n") == strings.Join(slices.Sorted(slices.Values(want)), "\n")
}
