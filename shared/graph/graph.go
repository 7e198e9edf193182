// Package graph is the adapter to Microsoft Graph: it turns calls of msgraph-sdk-go into the
// types and verdicts of the domain. It is the one package that imports the SDK, and of that
// only what it needs, because its models alone compile for minutes.
//
// Every object is addressed by object id (rule B15); anything else is refused before it is
// sent. No error holds a name, an address or Graph's own text, which may hold both.
//
// Requests to the identity service and to SharePoint keep to their budgets: see pace.
//
// The client never repeats a call. The SDK's retry handler is left out on purpose: the worker
// is the one owner of retry, it knows the lease, the tombstone and the budget; kiota's would
// multiply with it, sleep under a lease, and repeat POSTs that had taken effect before their
// answer was lost. The SDK's compression handler is left out too, because it sends a request
// again after a 415, and bodies of some hundred bytes win nothing; its redirect handler,
// because Graph redirects none of these calls and a token must not follow one.
package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"leaver/shared/offboarding"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/uuid"
	khttp "github.com/microsoft/kiota-http-go"
	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go-core/authentication"

	core "github.com/microsoftgraph/msgraph-sdk-go-core"
)

// timeout of one request, answer included. Graph answers ours within a second or two.
const timeout = 30 * time.Second

// Client calls Microsoft Graph in one tenant. It is safe for concurrent use.
type Client struct {
	adapter *khttp.NetHttpRequestAdapter
	budgets budgets
	plain   *http.Client // adds no token
}

// Option is what can be chosen about a client.
type Option func(*options)

type options struct{ now func() time.Time }

// Clock is what the client measures budgets by; without it time.Now.
func Clock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// New makes a client. The base URL ends in the version; the scope is that of the cloud's
// tokens, which for a simulated tenant is still https://graph.microsoft.com/.default; the HTTP
// client says how to reach the host.
func New(cred azcore.TokenCredential, baseURL, scope string, client *http.Client, chosen ...Option) (*Client, error) {
	o := options{now: time.Now}
	for _, choose := range chosen {
		choose(&o)
	}
	base, err := url.Parse(baseURL)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("graph: %q is not an https address", baseURL)
	}
	// For a host that is not valid the SDK sends no token, without a word: so the list is
	// exactly our host.
	auth, err := authentication.NewAzureIdentityAuthenticationProviderWithScopesAndValidHosts(cred, []string{scope}, []string{base.Hostname()})
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	own := *client
	own.Timeout = timeout
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	budgets := budgets{
		reads: newPace(documentedReads, 0, o.now), writes: newPace(documentedWrites, 0, o.now),
		files: newPace(documentedFiles, filesWindow, o.now),
	}
	plain := own
	own.Transport = khttp.NewCustomTransportWithParentTransport(client.Transport,
		core.NewGraphTelemetryHandler(nil),
		khttp.NewParametersNameDecodingHandler(),
		guard{base: strings.TrimSuffix(base.Path, "/"), budgets: budgets}, // last: it sees what really goes out
	)
	adapter, err := khttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, kjson.NewJsonParseNodeFactory(), kjson.NewJsonSerializationWriterFactory(), &own)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	adapter.SetBaseUrl(strings.TrimSuffix(baseURL, "/"))
	return &Client{adapter: adapter, budgets: budgets, plain: &plain}, nil
}

// ask makes one call about the objects of some ids, which it verifies to be object ids. It
// returns the answer and the tenant's own time of it; an error says what was being done, and
// to which object ids.
func ask[T any](ctx context.Context, doing string, ids []string, call func(context.Context) (T, error)) (T, time.Time, error) {
	var none T
	if err := verify(doing, ids); err != nil {
		return none, time.Time{}, err
	}
	for _, id := range ids {
		doing += " " + id
	}
	var heard heard
	answer, err := call(context.WithValue(ctx, heardKey{}, &heard))
	if err == nil && any(answer) == nil {
		err = errNothing
	}
	if err != nil {
		return none, time.Time{}, classify(doing, err)
	}
	return answer, heard.date, nil
}

// verify refuses what is not an object id (B15).
func verify(doing string, ids []string) error {
	for _, id := range ids {
		if err := objectID(id); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
	return nil
}

// objectID is nil for an object id, and permanent for anything else.
func objectID(id string) error {
	if len(id) != 36 || uuid.Validate(id) != nil {
		return offboarding.Permanent(fmt.Errorf("%s: a name instead of an object id", offboarding.B15))
	}
	return nil
}

// tell is ask for a call whose answer does not matter.
func tell(ctx context.Context, doing string, ids []string, call func(context.Context) error) (time.Time, error) {
	_, at, err := ask(ctx, doing, ids, func(ctx context.Context) (struct{}, error) { return struct{}{}, call(ctx) })
	return at, err
}

// value is what a pointer of the SDK's models points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func pointer[T any](v T) *T { return &v }
