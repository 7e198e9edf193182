// Package notices is the adapter to people: it sends an announcement by an outgoing Standard Webhook,
// to a workflow of Teams, or as mail. It tries once; when it is tried again is the notify function's
// to say. What fails is classified as everywhere: what will never work is permanent, and who says when
// to come back is heard.
//
// An address may lead nowhere near this machine: every connection is refused whose address, as it is
// dialled, is not a public one, so that neither a name that resolves elsewhere the second time nor a
// redirect reaches the network inside. No redirect is followed at all. A proxy would dial instead, and
// is not used.
package notices

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/retryafter"
)

// Sender sends to one channel. A nil error means that the other end has taken it.
type Sender interface {
	Send(ctx context.Context, a offboarding.Announcement) error
}

// timeout of one try. Source: Standard Webhooks, spec: 15 to 30 s.
const timeout = 15 * time.Second

// biggestAnswer is what is read of an answer, so that its connection can be used again.
const biggestAnswer = 64 << 10

// Options say how channels are opened.
type Options struct {
	// Read returns what stands at a place: env:NAME, file:PATH, an ARN, or the value itself.
	Read func(ctx context.Context, place string) (string, error)
	Mail Mailer // nil where no channel sends mail
	Now  func() time.Time
	// Roots are the authorities to trust; nil is the system's. Resolve looks names up; nil is the system's.
	Roots   *x509.CertPool
	Resolve *net.Resolver
}

// Open makes the sender of a channel. Its error says what to set, and holds no secret.
func Open(ctx context.Context, c offboarding.Channel, o Options) (Sender, error) {
	if c.Kind == offboarding.ChannelMail {
		if o.Mail == nil {
			return nil, fmt.Errorf("channel %s: this host has no tenant to send mail with", c.Name)
		}
		return mail{channel: c, mailer: o.Mail}, nil
	}
	text, err := o.Read(ctx, c.URL)
	if err != nil {
		return nil, fmt.Errorf("channel %s, url: %w", c.Name, err)
	}
	at, err := url.Parse(strings.TrimSpace(text))
	if err != nil || at.Host == "" || at.Scheme != "https" && !(c.Private && at.Scheme == "http") {
		return nil, fmt.Errorf("channel %s, url: what stands there is no https address", c.Name)
	}
	if c.Kind == offboarding.ChannelTeams && isConnector(at) {
		return nil, fmt.Errorf("channel %s, url: what stands there is a connector's, and Microsoft has retired those: make a workflow (Teams, Workflows, Send webhook alerts to a channel) and write its address", c.Name)
	}
	p := post{name: c.Name, to: at.String(), client: client(c.Private, o)}
	if c.Kind == offboarding.ChannelTeams {
		return teams{p}, nil
	}
	secret, err := o.Read(ctx, c.Secret)
	if err != nil {
		return nil, fmt.Errorf("channel %s, secret: %w", c.Name, err)
	}
	return newWebhook(p, strings.TrimSpace(secret), o.Now)
}

// help is what shows the playbook of an announcement, wherever the command is; empty without one.
func help(a offboarding.Announcement) string {
	if a.Playbook == "" {
		return ""
	}
	return "leaver help " + strings.TrimSuffix(path.Base(a.Playbook), ".md")
}

// isConnector tells the address of a connector of Office 365, which Teams takes nothing from any more, from
// that of a workflow, whose host is none of a few.
// Source: Microsoft 365 Developer Blog, Retirement of Office 365 connectors within Microsoft Teams.
func isConnector(at *url.URL) bool {
	host := strings.ToLower(at.Hostname())
	return host == "outlook.office.com" || host == "outlook.office365.com" || strings.HasSuffix(host, ".webhook.office.com")
}

// ErrPrivate: the address is not one of the public network, and the channel does not allow others.
var ErrPrivate = errors.New("the address is not a public one; private: true in the channel allows it")

// client dials public addresses only, unless private ones are allowed, and follows no redirect.
func client(private bool, o Options) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Resolver: o.Resolve}
	if !private {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !public(at.Addr()) {
				return ErrPrivate
			}
			return nil
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.DialContext = nil, dialer.DialContext
	transport.TLSClientConfig.RootCAs = o.Roots
	return &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// notPublic are networks that netip does not tell from public ones.
// Source: IANA, IPv4 and IPv6 Special-Purpose Address Registries.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"),
}

// publicIPv6 is all of IPv6 that is handed out. Source: IANA, IPv6 Global Unicast Address Assignments.
var publicIPv6 = netip.MustParsePrefix("2000::/3")

// public reports whether an address is one of the public network. An IPv4 address within an IPv6 one is
// what it is without.
func public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsGlobalUnicast() && !a.IsPrivate() && a.Zone() == "" && (a.Is4() || publicIPv6.Contains(a)) &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

// refusal is what an answer says that is not a success.
func refusal(channel string, res *http.Response) error {
	err := fmt.Errorf("channel %s answered %d", channel, res.StatusCode)
	after, told := retryafter.Of(res.Header)
	switch {
	case res.StatusCode == http.StatusGone:
		return offboarding.Permanent(fmt.Errorf("%w: it is gone for good", err))
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fmt.Errorf("%w: a redirect, which is not followed: write the address it leads to", err)
	case told && (res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable):
		return offboarding.Throttled(after, err)
	}
	return err
}
