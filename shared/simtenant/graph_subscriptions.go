package simtenant

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Subscription is one for change notifications of users.
//
// Source: Microsoft Graph, change-notifications-delivery-webhooks, change-notifications-lifecycle-events,
// includes/change-notifications-subscription-lifetime and -delivery-notificationurl-validation.
type Subscription struct {
	ID, App, ChangeType, URL, LifecycleURL, Resource string
	ClientState                                      string
	Expires                                          time.Time

	warned bool // that it ends
}

const (
	// longestSubscription is how long one of users lives at most.
	longestSubscription = 41_760 * time.Minute
	// mostSubscriptions are those of one app in one tenant.
	mostSubscriptions = 100
	// notifiedFor is how long a notification is tried that nobody takes.
	notifiedFor = 4 * time.Hour
	// warnedBefore is how long before its end a subscription asks to be authorised again.
	warnedBefore = 24 * time.Hour
)

// notification is one that is still to be sent.
type notification struct {
	url   string
	item  map[string]any
	since time.Time
}

func (s *Subscription) body(full bool) map[string]any {
	b := map[string]any{
		"id": s.ID, "applicationId": s.App, "changeType": s.ChangeType, "notificationUrl": s.URL, "lifecycleNotificationUrl": nilIfEmpty(s.LifecycleURL),
		"resource": s.Resource, "clientState": nil, "expirationDateTime": stamp(s.Expires),
	}
	if full { // it is told to its maker once
		b["clientState"] = nilIfEmpty(s.ClientState)
	}
	return b
}

func nilIfEmpty(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// expire drops the subscriptions that are over.
func (t *Tenant) expire() {
	now := t.clock()
	t.world.Subscriptions = slices.DeleteFunc(t.world.Subscriptions, func(s *Subscription) bool { return !s.Expires.After(now) })
}

func listSubscriptions(c *call) reply {
	c.t.expire()
	value := []any{}
	for _, s := range c.t.world.Subscriptions {
		if s.App == c.app.ClientID {
			value = append(value, s.body(false))
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"@odata.context": c.base() + "/$metadata#subscriptions", "value": value}}
}

func (c *call) subscription() (*Subscription, *reply) {
	c.t.expire()
	for _, s := range c.t.world.Subscriptions {
		if s.ID == c.arg["id"] && s.App == c.app.ClientID {
			return s, nil
		}
	}
	r := c.fail(http.StatusNotFound, "ResourceNotFound", "The object was not found.")
	return nil, &r
}

func createSubscription(c *call) reply {
	c.t.expire()
	if bad := c.only(c.body, "changeType", "notificationUrl", "lifecycleNotificationUrl", "resource", "expirationDateTime", "clientState", "latestSupportedTlsVersion"); bad != nil {
		return *bad
	}
	text := func(key string) string { s, _ := c.body[key].(string); return s }
	invalid := func(format string, args ...any) reply {
		return c.fail(http.StatusBadRequest, "InvalidRequest", format, args...)
	}
	s := &Subscription{
		ID: uuid.NewString(), App: c.app.ClientID, ChangeType: text("changeType"), URL: text("notificationUrl"), LifecycleURL: text("lifecycleNotificationUrl"),
		Resource: text("resource"), ClientState: text("clientState"),
	}
	for kind := range strings.SplitSeq(s.ChangeType, ",") {
		if !slices.Contains([]string{"created", "updated", "deleted"}, kind) {
			return invalid("Invalid 'changeType' attribute: '%s'.", kind)
		}
	}
	if strings.Trim(s.Resource, "/") != "users" {
		return c.notSimulated("a subscription to %s", s.Resource)
	}
	if len(s.ClientState) > 128 {
		return invalid("Client state must not exceed 128 characters.")
	}
	if bad := c.expiration(s); bad != nil {
		return *bad
	}
	own := 0
	for _, other := range c.t.world.Subscriptions {
		if other.App == c.app.ClientID {
			own++
		}
	}
	if own >= mostSubscriptions {
		return c.fail(http.StatusForbidden, "Forbidden", "The number of subscriptions exceeds the limit of %d.", mostSubscriptions)
	}
	for _, address := range []string{s.URL, s.LifecycleURL} {
		if address == "" && address == s.LifecycleURL && s.URL != "" {
			continue
		}
		if why := c.t.validate(c.r.Context(), address); why != "" {
			return c.fail(http.StatusBadRequest, "ValidationError", "%s", why)
		}
	}
	c.t.world.Subscriptions = append(c.t.world.Subscriptions, s)
	return reply{status: http.StatusCreated, body: s.body(true)}
}

// expiration reads when a subscription is to end.
func (c *call) expiration(s *Subscription) *reply {
	text, _ := c.body["expirationDateTime"].(string)
	at, err := time.Parse(time.RFC3339, text)
	var r reply
	switch {
	case err != nil:
		r = c.fail(http.StatusBadRequest, "InvalidRequest", "Cannot convert the literal '%s' to the expected type 'Edm.DateTimeOffset'.", text)
	case !at.After(c.now):
		r = c.fail(http.StatusBadRequest, "InvalidRequest", "Subscription expiration must be in the future.")
	case at.Sub(c.now) > longestSubscription:
		r = c.fail(http.StatusBadRequest, "ExtensionError", "Operation: Create; Exception: [Status Code: BadRequest; Reason: Subscription expiration can only be %d minutes in the future.]", int(longestSubscription.Minutes()))
	default:
		s.Expires, s.warned = at, false
		return nil
	}
	return &r
}

func patchSubscription(c *call) reply {
	s, bad := c.subscription()
	if bad == nil {
		bad = c.only(c.body, "expirationDateTime")
	}
	if bad == nil {
		bad = c.expiration(s)
	}
	if bad != nil {
		return *bad
	}
	return reply{status: http.StatusOK, body: s.body(false)}
}

func deleteSubscription(c *call) reply {
	s, bad := c.subscription()
	if bad != nil {
		return *bad
	}
	c.t.world.Subscriptions = slices.DeleteFunc(c.t.world.Subscriptions, func(other *Subscription) bool { return other == s })
	return noContent
}

// validate asks an endpoint whether it wants notifications; what is wrong with it, else empty. This
// tenant alone takes http on the same machine.
func (t *Tenant) validate(ctx context.Context, address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && !net.ParseIP(u.Hostname()).IsLoopback() {
		return "The notification URL must be an HTTPS URL."
	}
	const refused = "Subscription validation request failed. "
	if t.notify == nil {
		return refused + "The remote name could not be resolved."
	}
	token := "Validation: Testing client application reachability for subscription Request-Id: " + uuid.NewString() + " +&"
	query := u.Query()
	query.Set("validationToken", token)
	u.RawQuery = query.Encode()
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return refused
	}
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	answer, err := t.notify.Do(r)
	if err != nil {
		return refused + "The operation has timed out."
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 8<<10))
	switch {
	case err != nil || answer.StatusCode != http.StatusOK:
		return refused + "Notification endpoint must respond with 200 OK to validation request."
	case !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/plain"):
		return refused + "Content-Type of the response must be text/plain."
	case string(body) != token:
		return refused + "Response must match validationToken query parameter."
	}
	return ""
}

// changed has every subscription told of a user.
func (t *Tenant) changed(id string) {
	t.expire()
	for _, s := range t.world.Subscriptions {
		t.told = append(t.told, notification{s.URL, map[string]any{
			"subscriptionId": s.ID, "subscriptionExpirationDateTime": stamp(s.Expires), "clientState": nilIfEmpty(s.ClientState), "changeType": "updated",
			"tenantId": t.world.TenantID, "resource": "Users/" + id,
			"resourceData": map[string]any{"@odata.type": "#Microsoft.Graph.User", "@odata.id": "Users/" + id, "id": id},
		}, t.clock()})
	}
}

// Notify sends the change notifications that wait, several in one post, and returns how many were
// taken. What is not taken waits on, for four hours.
func (t *Tenant) Notify(ctx context.Context) (taken int) {
	t.mu.Lock()
	t.expire()
	now := t.clock()
	for _, s := range t.world.Subscriptions {
		if !s.warned && s.LifecycleURL != "" && s.Expires.Sub(now) < warnedBefore {
			s.warned = true
			t.told = append(t.told, notification{s.LifecycleURL, map[string]any{
				"subscriptionId": s.ID, "subscriptionExpirationDateTime": stamp(s.Expires), "clientState": nilIfEmpty(s.ClientState),
				"tenantId": t.world.TenantID, "lifecycleEvent": "reauthorizationRequired",
			}, now})
		}
	}
	waiting := map[string][]notification{}
	for _, n := range t.told {
		if now.Sub(n.since) < notifiedFor {
			waiting[n.url] = append(waiting[n.url], n)
		}
	}
	t.told = nil
	t.mu.Unlock()
	for address, all := range waiting {
		var items []any
		for _, n := range all {
			items = append(items, n.item)
		}
		if t.post(ctx, address, items) {
			taken += len(all)
			continue
		}
		t.mu.Lock()
		t.told = append(all, t.told...)
		t.mu.Unlock()
	}
	return taken
}

func (t *Tenant) post(ctx context.Context, address string, items []any) bool {
	if t.notify == nil {
		return false
	}
	text, _ := json.Marshal(map[string]any{"value": items}) // of maps and texts
	ctx, stop := context.WithTimeout(ctx, 3*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return false
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	answer, err := t.notify.Do(r)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode >= 200 && answer.StatusCode < 300
}
