package hris

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"leaver/shared/hris/webhook"
	"leaver/shared/offboarding"
)

// entra is the tenant itself, where HR provisioning keeps when a user leaves. It is polled; a
// subscription for changes of users is a shortcut, and whether it is told of this one property is
// not documented.
// Source: Microsoft Graph, resource type user, employeeLeaveDateTime; change-notifications-delivery-webhooks.
var entra = vendor{
	name: "entra", dated: true, optional: true, tenant: true, maxBody: 1 << 20,
	setup: []string{
		"nothing: resolve's application has User.Read.All and User-LifeCycleInfo.Read.All, and subscribes by itself where public is set",
	},
	validate: func(c Config) error {
		switch {
		case c.Signature != nil || c.Map != nil:
			return errors.New("signature and map: Graph has its own")
		case c.Every == 0:
			return errors.New("every: say how often the tenant is asked, like 15m; its notifications alone are not enough")
		case len(c.Secrets) > 0 && c.API.Secret == "":
			return errors.New("api.secret: the newest of secrets, for resolve to subscribe with")
		}
		return nil
	},
	verifier: func(c Config) (webhook.Verifier, error) {
		return webhook.Member{List: "value", Name: "clientState"}.With(c.Secrets)
	},
	handshake: validateSubscription,
	probe: &Arrival{
		Method: http.MethodPost, Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}}, Query: url.Values{"validationToken": {"leaver sources check"}},
	},
	read:   readEntra,
	reader: func(c Config, ask *client) Reader { return &entraReader{ask, c} },
}

// validateSubscription repeats the token that Graph asks to be repeated. It grants nothing: who
// subscribes our address has to know a clientState of ours.
// Source: Microsoft Graph, change-notifications-delivery-notificationurl-validation.
func validateSubscription(_ Config, a Arrival) (Answer, bool) {
	token := a.Query.Get("validationToken")
	if a.Method != http.MethodPost || !a.Query.Has("validationToken") {
		return Answer{}, false
	}
	if token == "" || len(token) > 4<<10 {
		return Answer{Status: http.StatusBadRequest}, true
	}
	return Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": "text/plain; charset=utf-8"}, Body: token}, true
}

var objectID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// manyUsers is from how many users on in one post everybody is asked about at once.
const manyUsers = 10

func readEntra(c Config, v webhook.Verified) (Meaning, error) {
	body, err := parseDocument(v.Body())
	if err != nil {
		return Meaning{}, invalid("%w", err)
	}
	// Notifications have no id, and two of one user hold the same: a second apart they are two.
	at := v.At().UTC().Format(time.RFC3339)
	var meaning Meaning
	var users []string
	for _, one := range body.at("/value").list() {
		lifecycle, id := one.at("/lifecycleEvent").text(), strings.ToLower(one.at("/resourceData/id").text())
		switch {
		case lifecycle != "":
			meaning.hint(c, v, event{id: lifecycle + at, name: lifecycle})
		case !objectID.MatchString(id):
			meaning.Ignored = append(meaning.Ignored, "a notification about no user")
		case one.at("/changeType").text() == "deleted":
			meaning.Ignored = append(meaning.Ignored, "deleted") // an account that is gone does not leave
		case !slices.Contains(users, id):
			users = append(users, id)
		}
	}
	if len(users) > manyUsers {
		meaning.hint(c, v, event{id: at, name: "updated"})
		return meaning, nil
	}
	for _, id := range users {
		meaning.hint(c, v, event{id: at, name: "updated", person: id})
	}
	return meaning, nil
}

type entraReader struct {
	*client
	config Config
}

// lifecycleRead is the permission without which employeeLeaveDateTime is null, with no error.
const lifecycleRead = "User-LifeCycleInfo.Read.All"

// authorized is the header of a request, and whether its token lets the leave date be seen: a null
// that it does not is no date.
func (e *entraReader) authorized(ctx context.Context) (header http.Header, sees bool, err error) {
	token, err := e.tenant.Token(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("signing on for %s: %w", e.about, err)
	}
	var claims struct{ Roles []string }
	if parts := strings.Split(token, "."); len(parts) == 3 {
		if text, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(text, &claims) // what cannot be read names no role
		}
	}
	return http.Header{"Authorization": {"Bearer " + token}}, slices.Contains(claims.Roles, lifecycleRead), nil
}

// Person implements Reader, by object id.
func (e *entraReader) Person(ctx context.Context, id string) (Word, error) {
	word := Word{Person: id}
	header, sees, err := e.authorized(ctx)
	if err != nil {
		return word, err
	}
	user, err := e.get(ctx, "reading when a user leaves", "/users/"+url.PathEscape(id), url.Values{"$select": {"id,employeeLeaveDateTime"}}, header)
	if errors.Is(err, errNotFound) {
		word.Unclear = "the account is not there any more"
		return word, nil
	}
	if err != nil {
		return word, err
	}
	return e.word(user, sees), nil
}

// dressed are the times of day in UTC that a day is written with which has none: midnight, and the
// last second, as in Microsoft's own example.
var dressed = []string{"00:00:00", "23:59:59"}

func (e *entraReader) word(user document, sees bool) Word {
	id := strings.ToLower(user.at("/id").text())
	word := Word{Person: id, Employee: offboarding.Employee{ID: id}}
	day, at, err := parseWhen(user.at("/employeeLeaveDateTime").text())
	switch {
	case err != nil:
		word.Unclear = "employeeLeaveDateTime is not a time"
	case !at.IsZero() && slices.Contains(dressed, at.UTC().Format(time.TimeOnly)):
		word.Leaving.LastDay = offboarding.DateOf(at.UTC())
	case !at.IsZero():
		word.Leaving.Time, word.Leaving.Zone = at, e.config.Zone
	case !day.IsZero():
		word.Leaving.LastDay = day
	case !sees:
		word.Unclear = "employeeLeaveDateTime may not be seen: grant " + lifecycleRead + " to the application of resolve"
	}
	return word
}

// Leavers implements Reader: everybody who leaves from that time on.
func (e *entraReader) Leavers(ctx context.Context, since time.Time) (Leavers, error) {
	header, sees, err := e.authorized(ctx)
	if err != nil {
		return Leavers{}, err
	}
	if !sees {
		return Leavers{}, offboarding.Permanent(fmt.Errorf("listing who leaves: the tenant answers that nobody does, because %s is not granted to the application of resolve", lifecycleRead))
	}
	header.Set("ConsistencyLevel", "eventual") // an advanced query, together with $count
	query := url.Values{
		"$filter": {"employeeLeaveDateTime ge " + since.UTC().Format(time.RFC3339)}, "$select": {"id,employeeLeaveDateTime"}, "$count": {"true"}, "$top": {"999"},
	}
	var all Leavers
	for range mostPages {
		page, err := e.get(ctx, "listing who leaves", "/users", query, header)
		if err != nil {
			return Leavers{}, err
		}
		if _, is := page.at("/value").value.([]any); !is {
			return Leavers{}, fmt.Errorf("listing who leaves: %s answers without a list", e.about)
		}
		for _, user := range page.at("/value").list() {
			all.Words = append(all.Words, e.word(user, sees))
		}
		next := page.at("/@odata.nextLink").text()
		if next == "" {
			return all, nil
		}
		link, err := url.Parse(next) // whose query alone is taken: a token goes nowhere else
		if err != nil {
			return Leavers{}, fmt.Errorf("listing who leaves: the next page of %s cannot be read", e.about)
		}
		query = link.Query()
	}
	return Leavers{}, fmt.Errorf("listing who leaves: %s has more than %d pages", e.about, mostPages)
}

// Subscriber is a Reader that can have its source tell of changes by itself.
type Subscriber interface {
	// Subscribe sees to it that the source tells of changes, for some weeks from now.
	Subscribe(ctx context.Context) error
}

const (
	// subscribedFor is under the 41,760 minutes that a subscription of users may live.
	subscribedFor = 28 * 24 * time.Hour
	// renewedBefore is how long before its end it is renewed.
	renewedBefore = 14 * 24 * time.Hour
)

// Subscribe implements Subscriber, where the declaration says where the endpoint is seen from
// outside. A secret that was changed makes another subscription, because a clientState cannot be.
// Source: Microsoft Graph, resource type subscription; change-notifications-lifecycle-events.
func (e *entraReader) Subscribe(ctx context.Context) error {
	address, secret := e.config.Address(), e.config.API.Secret
	if address == "" || secret == "" {
		return nil
	}
	header, _, err := e.authorized(ctx)
	if err != nil {
		return err
	}
	list, err := e.get(ctx, "listing subscriptions", "/subscriptions", nil, header)
	if err != nil {
		return err
	}
	own := address + "?by=" + webhook.Digest([]byte(secret))
	end := e.now().Add(subscribedFor).UTC().Format(time.RFC3339)
	var former []string
	renewed := false
	for _, one := range list.at("/value").list() {
		id, at := one.at("/id").text(), one.at("/notificationUrl").text()
		ends, known := parseInstant(one.at("/expirationDateTime").text())
		switch {
		case at != own && strings.HasPrefix(at, address+"?"), at == own && renewed:
			former = append(former, id)
		case at != own:
		case known && ends.Sub(e.now()) > renewedBefore:
			renewed = true
		default:
			if _, _, err := e.ask(ctx, "renewing the subscription", http.MethodPatch, "/subscriptions/"+url.PathEscape(id), nil, map[string]any{"expirationDateTime": end}, header); err != nil {
				return err
			}
			renewed = true
		}
	}
	if !renewed {
		if _, _, err := e.ask(ctx, "subscribing", http.MethodPost, "/subscriptions", nil, map[string]any{
			"changeType": "updated", "notificationUrl": own, "lifecycleNotificationUrl": own, "resource": "/users",
			"expirationDateTime": end, "clientState": secret, "latestSupportedTlsVersion": "v1_2",
		}, header); err != nil {
			return err
		}
	}
	for _, id := range former {
		if _, _, err := e.send(ctx, "ending a former subscription", http.MethodDelete, "/subscriptions/"+url.PathEscape(id), nil, nil, header); err != nil && !errors.Is(err, errNotFound) {
			return err
		}
	}
	return nil
}
