// Package exchange is the adapter to Exchange Online: it runs cmdlets through the admin REST
// endpoint InvokeCommand, the one that Microsoft's own PowerShell module uses. Microsoft does
// not support it as a public interface; the documented Admin API (v2.0, preview) covers none
// of what a departure needs. That is why nothing but this package knows of it.
//
// The application needs Exchange.ManageAsApp, and what it may run: the role group that
// infra/azure/exchange.ps1 makes for its function, of just its cmdlets; or, where one application serves
// all functions, the Entra role Exchange Administrator.
//
// It never repeats a call: what was answered 429, 503 or 504, and what was lost on the way,
// is a transient error and the worker's to try again. After a 429 nobody asks until its time is over,
// and then one does: see pause.
package exchange

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/retryafter"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	timeout       = 60 * time.Second // of one request; cmdlets are slower than Graph
	mostRedirects = 5
	biggestAnswer = 16 << 20 // a page of 1,000 mailboxes stays far below
)

// Client runs cmdlets in one tenant. It is safe for concurrent use.
type Client struct {
	http     *http.Client
	cred     azcore.TokenCredential
	scope    string
	tenant   string
	endpoint *url.URL
	pause    *pause
}

// Option is what can be chosen about a client.
type Option func(*Client)

// Clock is what the client measures a refusal by; without it time.Now.
func Clock(now func() time.Time) Option { return func(c *Client) { c.pause = newPause(now) } }

// New makes a client. The base URL is that of the cloud, without /adminapi; the scope is that
// of its tokens; the HTTP client says how to reach it.
func New(cred azcore.TokenCredential, baseURL, scope, tenantID string, client *http.Client, chosen ...Option) (*Client, error) {
	base, err := url.Parse(baseURL)
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("exchange: %q is not an https address", baseURL)
	}
	if tenantID == "" || scope == "" {
		return nil, errors.New("exchange: a tenant id and a scope are needed")
	}
	own := *client
	own.Timeout = timeout
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &Client{
		http: &own, cred: cred, scope: scope, tenant: tenantID,
		endpoint: base.JoinPath("adminapi", "beta", tenantID, "InvokeCommand"), pause: newPause(time.Now),
	}
	for _, choose := range chosen {
		choose(c)
	}
	return c, nil
}

// invoke runs a cmdlet and decodes what it puts out, one element of rows each. The error
// says what was done to whom by object id and is classified.
func invoke[T any](ctx context.Context, c *Client, cmdlet string, parameters map[string]any) ([]T, error) {
	rows, err := run[T](ctx, c, cmdlet, parameters)
	if err != nil {
		doing := "running " + cmdlet
		if whom := cmp.Or(parameters["Identity"], parameters["Mailbox"]); whom != nil {
			doing += fmt.Sprintf(" for %v", whom)
		}
		object, _ := parameters["Identity"].(string)
		return nil, explain(doing, cmdlet, object, err)
	}
	return rows, nil
}

func run[T any](ctx context.Context, c *Client, cmdlet string, parameters map[string]any) ([]T, error) {
	body, err := json.Marshal(map[string]any{"CmdletInput": map[string]any{"CmdletName": cmdlet, "Parameters": parameters}})
	if err != nil {
		return nil, offboarding.Permanent(err)
	}
	var rows []T
	seen := map[string]bool{}
	for at := c.endpoint; at != nil; {
		raw, err := c.post(ctx, at, cmdlet, body)
		if err != nil {
			return nil, err
		}
		var page struct {
			Value []T    `json:"value"`
			Next  string `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("the answer cannot be read: %w", err)
		}
		rows = append(rows, page.Value...)
		if at = nil; page.Next != "" && reads(cmdlet) { // the next page is the same command again: never for a write
			if at, err = c.inside(c.endpoint, page.Next); err != nil {
				return nil, err
			}
			if seen[page.Next] {
				return nil, errors.New("the pages of the answer go round in a circle")
			}
			seen[page.Next] = true
		}
	}
	return rows, nil
}

// reads reports whether a cmdlet changes nothing.
func reads(cmdlet string) bool { return strings.HasPrefix(cmdlet, "Get-") }

// post sends the command, also to the regional host that it is sent on to, and returns the
// body of the answer.
func (c *Client) post(ctx context.Context, at *url.URL, cmdlet string, body []byte) ([]byte, error) {
	for range mostRedirects {
		res, err := c.send(ctx, at, cmdlet, body)
		if err != nil {
			return nil, err
		}
		raw, err := io.ReadAll(io.LimitReader(res.Body, biggestAnswer+1))
		_ = res.Body.Close()
		if err != nil {
			return nil, err
		}
		if len(raw) > biggestAnswer {
			return nil, offboarding.Permanent(fmt.Errorf("the answer is larger than %d bytes", biggestAnswer))
		}
		switch res.StatusCode {
		case http.StatusFound, http.StatusTemporaryRedirect:
			if at, err = c.inside(at, res.Header.Get("Location")); err != nil {
				return nil, err
			}
			continue
		case http.StatusOK:
			return raw, nil
		}
		return nil, newProblem(res.StatusCode, res.Header, raw)
	}
	return nil, fmt.Errorf("redirected more than %d times", mostRedirects)
}

func (c *Client) send(ctx context.Context, at *url.URL, cmdlet string, body []byte) (*http.Response, error) {
	token, err := c.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.scope}})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for k, v := range map[string]string{
		"Authorization":        "Bearer " + token.Token,
		"Content-Type":         "application/json; charset=utf-8",
		"Accept":               "application/json",
		"Prefer":               "odata.maxpagesize=1000",
		"User-Agent":           "leaver",
		"X-CmdletName":         cmdlet,
		"X-ResponseFormat":     "json",
		"X-SerializationLevel": "Partial",
		"X-AnchorMailbox":      "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@" + c.tenant,
	} {
		req.Header.Set(k, v)
	}
	if err := c.pause.wait(ctx); err != nil {
		return nil, err
	}
	write := offboarding.WriteGuardFrom(ctx)
	if !reads(cmdlet) {
		if err := write.Allow(ctx); err != nil {
			c.pause.heard(0, 0, false)
			return nil, refused{err}
		}
	}
	res, err := c.http.Do(req)
	if err != nil {
		c.pause.heard(0, 0, false)
		return nil, err
	}
	asked, says := retryafter.Of(res.Header)
	c.pause.heard(res.StatusCode, asked, says)
	if !reads(cmdlet) {
		write.Record(offboarding.Call{Operation: cmdlet, Status: res.StatusCode, RequestID: res.Header.Get("request-id")})
	}
	return res, nil
}

// inside is the address of a redirect or of a next page, when the token may go there: to the
// host of the cloud itself, or to a sibling in its domain, such as the hosts of a region.
// Exchange names its port 446, which is for its own machines only; it means 443.
func (c *Client) inside(from *url.URL, reference string) (*url.URL, error) {
	to, err := from.Parse(reference)
	if err != nil || reference == "" {
		return nil, offboarding.Permanent(errors.New("sent on to an address that cannot be read"))
	}
	if to.Port() == "446" {
		to.Host = to.Hostname()
	}
	home := c.endpoint.Hostname()
	_, domain, _ := strings.Cut(home, ".")
	sibling := net.ParseIP(home) == nil && strings.Contains(domain, ".") && strings.HasSuffix(to.Hostname(), "."+domain)
	if to.Scheme != "https" || port(to) != port(c.endpoint) || to.Hostname() != home && !sibling {
		return nil, offboarding.Permanent(fmt.Errorf("sent on to %s, which is not Exchange", to.Host))
	}
	return to, nil
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443"
}
