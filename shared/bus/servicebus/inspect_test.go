package servicebus_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebus"
	"leaver/shared/bus/servicebustest"
)

// bearer is the identity of a name.
type bearer struct {
	peer *servicebustest.Peer
	name string
}

func (b bearer) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	until := time.Now().Add(time.Hour)
	return azcore.AccessToken{Token: b.peer.JWT(b.name, until), ExpiresOn: until}, nil
}

// inspected is a peer with the entities of production, changed, and the bus as each identity sees it.
func inspected(t *testing.T, change func([]servicebustest.Entity) []servicebustest.Entity, identities ...servicebustest.Identity) func(name string) *servicebus.Bus {
	t.Helper()
	peer := start(t, servicebustest.Options{Entities: change(servicebustest.Entities(bus.Subscriptions())), Identities: identities})
	return func(name string) *servicebus.Bus {
		return openWith(t, servicebus.Options{Namespace: peer.Addr(), Credential: bearer{peer, name}, TLSConfig: peer.TLS(), Subscriptions: bus.Subscriptions()})
	}
}

func unchanged(all []servicebustest.Entity) []servicebustest.Entity { return all }

// TestRightsAreThoseThatTheBrokerGives has functions with their own rights, with less and with more.
func TestRightsAreThoseThatTheBrokerGives(t *testing.T) {
	t.Parallel()
	own := []servicebustest.Right{{Entity: bus.Topic, Send: true}, {Entity: bus.Topic + "/Subscriptions/block", Listen: true}}
	as := inspected(t, unchanged,
		servicebustest.Identity{Name: "block", Rights: own},
		servicebustest.Identity{Name: "intake", Rights: []servicebustest.Right{{Entity: bus.Queue, Send: true}, {Entity: bus.Hints, Send: true}}},
		servicebustest.Identity{Name: "too much", Rights: append(own, servicebustest.Right{Entity: bus.Queue, Send: true}, servicebustest.Right{Entity: bus.Topic + "/Subscriptions/delete", Listen: true})},
		servicebustest.Identity{Name: "nobody"},
	)
	for _, tt := range []struct {
		name         string
		send, listen []string
	}{
		{"block", []string{bus.Topic}, []string{"block"}},
		{"intake", []string{bus.Queue, bus.Hints}, nil},
		{"too much", []string{bus.Queue, bus.Topic}, []string{"block", "delete"}},
		{"nobody", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := as(tt.name)
			for range 2 { // what was refused is asked again
				rights, err := b.Rights(within(t))
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(rights.Send, tt.send) || !slices.Equal(rights.Listen, tt.listen) {
					t.Errorf("to send to %v, to listen on %v; want %v and %v", rights.Send, rights.Listen, tt.send, tt.listen)
				}
			}
		})
	}
}

// TestFiltersAreComparedWithWhatASubscriptionHasToTake changes the rules of a subscription, as people do
// in the portal: whoever makes one there gets the rule $Default.
func TestFiltersAreComparedWithWhatASubscriptionHasToTake(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name             string
		rules            []servicebustest.Rule
		missing, surplus string
	}{
		{"as it has to be", []servicebustest.Rule{{To: "block"}, {Label: "block"}, {Label: bus.SubjectTermination}}, "", ""},
		{"the rule that takes everything", nil, "to = block, label = block, label = termination", "everything ($Default)"},
		{"none that begins a departure", []servicebustest.Rule{{To: "block"}, {Label: "block"}}, "label = termination", ""},
		{"another step's too", []servicebustest.Rule{{To: "block"}, {Label: "block"}, {Label: bus.SubjectTermination}, {Label: "delete"}}, "", "label = delete"},
		{"both fields at once", []servicebustest.Rule{{To: "block", Label: "block"}, {Label: bus.SubjectTermination}}, "to = block, label = block", "something else (blockblock)"},
		{"none at all", []servicebustest.Rule{}, "to = block, label = block, label = termination", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			as := inspected(t, func(all []servicebustest.Entity) []servicebustest.Entity {
				for i := range all {
					if all[i].Subscription == "block" {
						all[i].Rules = tt.rules
					}
				}
				return all
			}, servicebustest.Identity{Name: "owner", Rights: []servicebustest.Right{{Send: true, Listen: true, Manage: true}}},
				servicebustest.Identity{Name: "function", Rights: []servicebustest.Right{{Send: true, Listen: true}}})
			missing, surplus, err := as("owner").Filters(within(t), "block")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(missing, ", "); got != tt.missing {
				t.Errorf("missing is %q, want %q", got, tt.missing)
			}
			if got := strings.Join(surplus, ", "); got != tt.surplus {
				t.Errorf("surplus is %q, want %q", got, tt.surplus)
			}
			// Whoever may not see them is told so, and not that all is well.
			_, _, err = as("function").Filters(within(t), "block")
			if err == nil || errors.Is(err, bus.ErrUnavailable) || errors.Is(err, bus.ErrNotFound) {
				t.Errorf("without the right to them: error %v, want a refusal", err)
			}
		})
	}
}
