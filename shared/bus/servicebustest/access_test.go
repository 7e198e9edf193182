package servicebustest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"leaver/shared/bus"
	"leaver/shared/bus/servicebustest"
)

// credential hands out tokens of the peer's own, as Entra would.
type credential struct {
	peer     *servicebustest.Peer
	identity string
}

func (c credential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if len(o.Scopes) != 1 || o.Scopes[0] != "https://servicebus.azure.net//.default" {
		return azcore.AccessToken{}, errors.New("another scope")
	}
	expires := time.Now().Add(time.Hour)
	return azcore.AccessToken{Token: c.peer.JWT(c.identity, expires), ExpiresOn: expires}, nil
}

func connectAs(t *testing.T, peer *servicebustest.Peer, c azcore.TokenCredential) *azservicebus.Client {
	t.Helper()
	client, err := azservicebus.NewClient("contoso.servicebus.windows.net", c, &azservicebus.ClientOptions{
		CustomEndpoint: peer.Addr(), TLSConfig: peer.TLS(), RetryOptions: azservicebus.RetryOptions{MaxRetries: -1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(context.Background()) })
	return client
}

// intake may send to the queue of requests alone; signout reads its own subscription alone.
func withRights(o *servicebustest.Options) {
	o.Identities = []servicebustest.Identity{
		{Name: "intake", Rights: []servicebustest.Right{{Entity: bus.Queue, Send: true}}},
		{Name: "signout", Rights: []servicebustest.Right{{Entity: bus.Topic + "/Subscriptions/signout", Listen: true}}},
	}
}

func TestRights(t *testing.T) {
	t.Parallel()
	peer := start(t, withRights)
	for how, connect := range map[string]func(string) *azservicebus.Client{
		"JWT over TLS": func(who string) *azservicebus.Client { return connectAs(t, peer, credential{peer, who}) },
		"SAS": func(who string) *azservicebus.Client {
			return must(azservicebus.NewClientFromConnectionString(peer.ConnectionStringOf(who), &azservicebus.ClientOptions{
				RetryOptions: azservicebus.RetryOptions{MaxRetries: -1},
			}))
		},
	} {
		send := func(who, entity string) error {
			client := connect(who)
			defer client.Close(within(t))
			return must(client.NewSender(entity, nil)).SendMessage(within(t), message(how+who, "signout", ""), nil)
		}
		listen := func(who string) error {
			client := connect(who)
			defer client.Close(within(t))
			receiver := must(client.NewReceiverForSubscription(bus.Topic, "signout", nil))
			_, err := receiver.PeekMessages(within(t), 1, nil)
			return err
		}
		if err := send("intake", bus.Queue); err != nil {
			t.Errorf("%s: intake to the queue: %v", how, err)
		}
		if err := listen("signout"); err != nil {
			t.Errorf("%s: signout at its subscription: %v", how, err)
		}
		for what, err := range map[string]error{
			"intake to the topic":      send("intake", bus.Topic),
			"intake reads":             listen("intake"),
			"signout to the queue":     send("signout", bus.Queue),
			"somebody nobody has seen": send("somebody", bus.Queue),
		} {
			var refused *azservicebus.Error
			if !errors.As(err, &refused) || refused.Code != azservicebus.CodeUnauthorizedAccess {
				t.Errorf("%s: %s: %v", how, what, err)
			}
		}
	}
	expectCounts(t, peer, bus.Queue, servicebustest.Counts{Active: 2})
}

// TestAClaimEnds: a link lasts as long as its token, and the client attaches anew with another.
func TestAClaimEnds(t *testing.T) {
	t.Parallel()
	peer := start(t, func(o *servicebustest.Options) { o.Now = time.Now })
	client := connectAs(t, peer, brief{credential{peer, "RootManageSharedAccessKey"}})
	receiver := must(client.NewReceiverForQueue(queue, nil))
	if messages, err := receiver.ReceiveMessages(within(t), 1, nil); len(messages) > 0 || err != nil {
		t.Errorf("%d messages, error %v, want the end of the link", len(messages), err)
	}
	send(t, connect(t, peer), queue, message("m", "", ""))
	if m := one(t, receiver); m.MessageID != "m" {
		t.Errorf("%+v", m)
	}
}

// brief hands out tokens that end within a second or two, of which the client does not know.
type brief struct{ credential }

func (c brief) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.peer.JWT(c.identity, time.Now().Add(2*time.Second)), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestAFrameSaysWhoseItIs: of each message, who is about to be told that it was taken.
func TestAFrameSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	peer := start(t, withRights)
	var told []string
	peer.Fault(func(f servicebustest.Frame) servicebustest.Action {
		if !f.Received && f.Kind == servicebustest.Disposition && f.Address == bus.Queue {
			told = append(told, f.Identity)
		}
		return servicebustest.Pass
	})
	sender := must(connectAs(t, peer, credential{peer, "intake"}).NewSender(bus.Queue, nil))
	if err := sender.SendMessage(within(t), message("m", "", ""), nil); err != nil {
		t.Fatal(err)
	}
	peer.Fault(nil)
	if !slices.Equal(told, []string{"intake"}) {
		t.Errorf("told: %q", told)
	}
}

// TestForgedTokens: a wrong key, another issuer, a token that has ended.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	peer, other := start(t, withRights), start(t, withRights)
	for name, forged := range map[string]azcore.TokenCredential{
		"of another issuer": credential{other, "intake"},
		"ended":             ended{peer},
	} {
		var refused *azservicebus.Error
		err := must(connectAs(t, peer, forged).NewSender(bus.Queue, nil)).SendMessage(within(t), message("m", "", ""), nil)
		if !errors.As(err, &refused) || refused.Code != azservicebus.CodeUnauthorizedAccess {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type ended struct{ peer *servicebustest.Peer }

func (e ended) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: e.peer.JWT("intake", time.Now().Add(-time.Second)), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// TestAnotherIssuer: whoever issues the tokens, the peer can be told how to read them.
func TestAnotherIssuer(t *testing.T) {
	t.Parallel()
	other := start(t, nil)
	peer := start(t, func(o *servicebustest.Options) {
		withRights(o)
		o.VerifyJWT = func(string) (string, time.Time, error) { return "intake", time.Now().Add(time.Hour), nil }
	})
	send(t, connectAs(t, peer, credential{other, "x"}), bus.Queue, message("m", "", ""))
	expectCounts(t, peer, bus.Queue, servicebustest.Counts{Active: 1})
}

func TestUnknownEntity(t *testing.T) {
	t.Parallel()
	peer := start(t, nil)
	client := connect(t, peer)
	var missing *amqp.Error
	err := must(client.NewSender("nowhere", nil)).SendMessage(within(t), message("m", "", ""), nil)
	if !errors.As(err, &missing) || missing.Condition != amqp.ErrCondNotFound {
		t.Errorf("%v", err)
	}
	_, err = must(client.NewReceiverForSubscription(bus.Topic, "nobody", nil)).ReceiveMessages(within(t), 1, nil)
	if !errors.As(err, &missing) || missing.Condition != amqp.ErrCondNotFound {
		t.Errorf("%v", err)
	}
	_, err = must(client.NewReceiverForQueue(bus.Topic, nil)).ReceiveMessages(within(t), 1, nil)
	if !errors.As(err, &missing) || missing.Condition != amqp.ErrCondNotAllowed {
		t.Errorf("a topic is not received from: %v", err)
	}
}
