// Package graph is the adapter to Microsoft Graph: it turns answers of Graph into the types and
// verdicts of the domain. It is the one package that imports msgraph-sdk-go, and of that only what
// it needs: the pipeline that carries every request, and models where they read more than a struct
// would. The packages of request builders compile for minutes and are not used.
//
// Every request is a [call], and is sent in one of five ways: get, list, write, batch and stream.
//
// Every object is addressed by object id (rule B15); anything else is refused before it is
// sent. No error holds a name, an address or Graph's own text, which may hold both.
//
// Every call names the budget that it draws on, and the requests keep to the budgets: see limiter.
//
// The client repeats no call but those requests of a batch that failed for the moment: see batch.
// The SDK's retry handler is left out on purpose: the worker is the one owner of retry, it knows
// the lease, the tombstone and the budget; kiota's would multiply with it, sleep under a lease, and
// repeat POSTs that had taken effect before their answer was lost. The SDK's compression handler is
// left out too, because it sends a request again after a 415, and bodies of some hundred bytes win
// nothing; its redirect handler, because Graph redirects none of these calls and a token must not
// follow one.
package graph

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	khttp "github.com/microsoft/kiota-http-go"
	kjson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go-core/authentication"

	core "github.com/microsoftgraph/msgraph-sdk-go-core"
)

// timeout of one request, answer included. Graph answers ours within a second or two.
const timeout = 30 * time.Second

// Client calls Microsoft Graph in one tenant. It is safe for concurrent use.
type Client struct {
	adapter  *khttp.NetHttpRequestAdapter
	base     string // of every address
	limiters limiters
	plain    *http.Client // adds no token
	streams  *http.Client // has no limit to how long an answer takes
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
	limiters := newLimiters(o.now)
	plain := own
	own.Transport = khttp.NewCustomTransportWithParentTransport(client.Transport,
		core.NewGraphTelemetryHandler(nil),
		guard{limiters}, // last: it sees what really goes out
	)
	adapter, err := khttp.NewNetHttpRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, kjson.NewJsonParseNodeFactory(), kjson.NewJsonSerializationWriterFactory(), &own)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	streams := own
	streams.Timeout = 0
	return &Client{adapter: adapter, base: strings.TrimSuffix(baseURL, "/"), limiters: limiters, plain: &plain, streams: &streams}, nil
}
