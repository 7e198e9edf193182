package servicebus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus/admin"
	"github.com/Azure/go-amqp"

	"leaver/shared/bus"
)

// Rights implements bus.Inspector: it attaches to each entity as a sender, and peeks at one message of
// each subscription, which it lets go of unread. What is not there gives no right. Errors:
// bus.ErrUnavailable.
func (b *Bus) Rights(ctx context.Context) (bus.Rights, error) {
	var all bus.Rights
	for _, entity := range []string{bus.Queue, bus.Hints, bus.Topic} {
		err := request(ctx, b, b.senders[entity], func(ctx context.Context, s *azservicebus.Sender) error {
			_, err := s.NewMessageBatch(ctx, nil) // asks the link for its limit, and so attaches it
			return err
		})
		switch {
		case err == nil:
			all.Send = append(all.Send, entity)
		case !refused(err) && !errors.Is(err, bus.ErrNotFound):
			return all, classify("looking whether "+entity+" may be sent to", err)
		}
	}
	for _, s := range b.subs {
		_, err := b.peek(ctx, s.live, 0, 1)
		switch {
		case err == nil:
			all.Listen = append(all.Listen, s.Name)
		case !refused(err) && !errors.Is(err, bus.ErrNotFound):
			return all, classify("looking whether "+s.Name+" may be listened on", err)
		}
	}
	slices.Sort(all.Listen)
	return all, nil
}

// refused reports that the caller has no right.
func refused(err error) bool {
	var failed *azservicebus.Error
	var detached *amqp.Error
	return errors.As(err, &failed) && failed.Code == azservicebus.CodeUnauthorizedAccess ||
		errors.As(err, &detached) && detached.Condition == amqp.ErrCondUnauthorizedAccess
}

// Filters implements bus.Inspector by the management endpoint, which wants Azure Service Bus Data Owner:
// no function has that. Errors: bus.ErrNotFound, bus.ErrUnavailable.
// Source: Azure Service Bus, REST API, List Rules.
func (b *Bus) Filters(ctx context.Context, subscription string) (missing, surplus []string, err error) {
	doing := "reading the rules of " + subscription
	s, err := b.subscription(subscription)
	if err != nil {
		return nil, nil, classify(doing, err)
	}
	if s.OfQueue() {
		return nil, nil, nil
	}
	client, err := newAdmin(b.options)
	if err != nil {
		return nil, nil, classify(doing, err)
	}
	ctx, stop := context.WithTimeout(ctx, answer)
	defer stop()
	var has, wanted []string
	for pages := client.NewListRulesPager(s.Entity, s.Name, nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, nil, classify(doing, administration(err))
		}
		for _, r := range page.Rules {
			has = append(has, describe(r))
		}
	}
	for _, r := range Rules(s.Subscription) {
		wanted = append(wanted, r.String())
	}
	return bus.Without(wanted, has), bus.Without(has, wanted), nil
}

// String is the rule in words.
func (r Rule) String() string {
	if r.To != "" {
		return "to = " + r.To
	}
	return "label = " + r.Label
}

// describe is a rule of the broker's in the words of [Rule.String], where it could be one.
func describe(r admin.RuleProperties) string {
	f, is := r.Filter.(*admin.CorrelationFilter)
	if _, all := r.Filter.(*admin.TrueFilter); all {
		return "everything (" + r.Name + ")"
	}
	if !is || r.Action != nil {
		return "something else (" + r.Name + ")"
	}
	rule := Rule{Label: value(f.Subject), To: value(f.To)}
	alone := (rule.Label == "") != (rule.To == "")
	for _, more := range []*string{f.ContentType, f.CorrelationID, f.MessageID, f.ReplyTo, f.ReplyToSessionID, f.SessionID} {
		alone = alone && value(more) == ""
	}
	if !alone || len(f.ApplicationProperties) > 0 {
		return "something else (" + r.Name + ")"
	}
	return rule.String()
}

// newAdmin makes a client of the management endpoint.
func newAdmin(o Options) (*admin.Client, error) {
	config := o.TLSConfig.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	options := &admin.ClientOptions{ClientOptions: azcore.ClientOptions{
		Retry:     policy.RetryOptions{MaxRetries: -1}, // none: a driver never tries again itself
		Transport: &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true}},
	}}
	if o.ConnectionString != "" {
		if emulator(o.ConnectionString) {
			return nil, errors.New("a local broker shows no rules")
		}
		return admin.NewClientFromConnectionString(o.ConnectionString, options)
	}
	return admin.NewClient(o.Namespace, o.Credential, options)
}

// administration maps what the management endpoint says to the errors of the port; a refusal is none.
func administration(err error) error {
	var failed *azcore.ResponseError
	if !errors.As(err, &failed) {
		return err
	}
	switch {
	case failed.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: HTTP %d", bus.ErrNotFound, failed.StatusCode)
	case failed.StatusCode == http.StatusTooManyRequests || failed.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("%w: HTTP %d", bus.ErrUnavailable, failed.StatusCode)
	}
	return fmt.Errorf("the management endpoint refuses: HTTP %d", failed.StatusCode)
}
