package servicebus

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
)

// The ports of AMQP.
const (
	portTLS   = "5671"
	portPlain = "5672"
)

// wire opens the connections of a client, one after another. The client would do it itself,
// but then nobody could tell that one is gone, nor end one that is silent.
type wire struct {
	endpoint string // to connect to; empty: the namespace
	plain    bool   // no TLS
	tls      *tls.Config
	life     context.Context
	end      context.CancelFunc // ends the connection and whatever opens one
	gone     func()             // called when a connection is

	mu   sync.Mutex
	last *conn
}

// conn is a connection that says when it is gone. The nil conn is.
type conn struct {
	net.Conn
	life  context.Context
	end   context.CancelFunc
	close func() error
}

func newWire(life context.Context, o Options, gone func()) *wire {
	w := &wire{endpoint: o.CustomEndpoint, plain: emulator(o.ConnectionString), tls: o.TLSConfig.Clone(), gone: gone}
	if w.tls == nil {
		w.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	w.life, w.end = context.WithCancel(life)
	return w
}

// emulator reads the one part of a connection string that the client keeps to itself.
func emulator(connectionString string) bool {
	for part := range strings.SplitSeq(connectionString, ";") {
		key, value, _ := strings.Cut(part, "=")
		if yes, err := strconv.ParseBool(value); strings.EqualFold(key, "UseDevelopmentEmulator") && err == nil {
			return yes
		}
	}
	return false
}

// dial is azservicebus.ClientOptions.NewWebSocketConn, which may return any connection.
func (w *wire) dial(ctx context.Context, args azservicebus.NewWebSocketConnArgs) (net.Conn, error) {
	target, err := url.Parse(args.Host)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(w.life, stop)()
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	var opened net.Conn
	if w.plain {
		opened, err = dialer.DialContext(ctx, "tcp", w.address(target, portPlain))
	} else {
		config := w.tls.Clone()
		if config.ServerName == "" {
			config.ServerName = target.Hostname()
		}
		opened, err = (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", w.address(target, portTLS))
	}
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: opened, close: sync.OnceValue(opened.Close)}
	c.life, c.end = context.WithCancel(w.life)
	context.AfterFunc(c.life, func() {
		_ = c.close()
		w.gone()
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = c
	return c, nil
}

func (w *wire) address(namespace *url.URL, port string) string {
	if w.endpoint != "" {
		return w.endpoint
	}
	return net.JoinHostPort(namespace.Hostname(), cmp.Or(namespace.Port(), port))
}

// current is the connection opened last, nil before the first.
func (w *wire) current() *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// ended reports that there was a connection, and that it is gone.
func (w *wire) ended() bool {
	last := w.current()
	return last != nil && last.gone()
}

func (c *conn) gone() bool { return c == nil || c.life.Err() != nil }

// Close ends the connection; the client calls it, too, when it has failed.
func (c *conn) Close() error {
	if c == nil {
		return nil
	}
	c.end()
	return c.close()
}

// while returns a context that is done when the connection is gone, too.
func (c *conn) while(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, stop := context.WithTimeout(ctx, limit)
	if c == nil {
		return ctx, stop
	}
	unhook := context.AfterFunc(c.life, stop)
	return ctx, func() { unhook(); stop() }
}

// credential bounds the fetching of tokens, for which the client gives no context, and keeps
// their errors recognisable through the client.
type credential struct {
	azcore.TokenCredential
	life context.Context
}

func (c credential) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	ctx, stop := context.WithTimeout(c.life, answer)
	defer stop()
	token, err := c.TokenCredential.GetToken(ctx, o)
	if err != nil {
		return token, tokenError{err}
	}
	return token, nil
}

// tokenError says why there is no token. Its method tells the client not to try again: when it
// renews a token in the background, it would without a pause. So it stops renewing, and when the
// token has ended, so has the link, and the next request attaches anew.
type tokenError struct{ error }

func (e tokenError) Unwrap() error { return e.error }
func (e tokenError) NonRetriable() {}
