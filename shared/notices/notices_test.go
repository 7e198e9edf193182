package notices_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"leaver/shared/notices"
	"leaver/shared/offboarding"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func open(t *testing.T, c offboarding.Channel) (notices.Sender, error) {
	t.Helper()
	c.Name = "test"
	return notices.Open(t.Context(), c, notices.Options{Read: func(_ context.Context, place string) (string, error) { return place, nil }, Now: time.Now})
}

func webhook(at string, private bool) offboarding.Channel {
	return offboarding.Channel{Kind: offboarding.ChannelWebhook, URL: at, Secret: secret, Private: private}
}

var locked = offboarding.Announcement{ID: "ntc_1", Event: offboarding.EventLockedOut, At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Title: "Locked out"}

// TestNoPrivateAddressIsReached whatever it is written as, or a name resolves to: the connection itself
// is refused.
func TestNoPrivateAddressIsReached(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"127.0.0.1", "localhost", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
		"[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001::1]", "[::]", "[3fff::1]", "[5f00::1]", "[100::1]", "[fec0::1]",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			s, err := open(t, webhook("https://"+host+":9/?sig=hidden", false))
			if err != nil {
				t.Fatal(err)
			}
			err = s.Send(t.Context(), locked)
			if !errors.Is(err, notices.ErrPrivate) {
				t.Errorf("got %v; want it refused as not public", err)
			}
			if err != nil && strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error holds the address: %v", err)
			}
		})
	}
}

// TestANameThatLeadsInsideIsNotFollowed: what a name resolves to is judged as it is dialled, so that it
// does not help to name a public address the first time, or beside a private one.
func TestANameThatLeadsInsideIsNotFollowed(t *testing.T) {
	t.Parallel()
	// Not handed out to anybody: no route leads there.
	nowhere, loopback := netip.MustParseAddr("2d00::1"), netip.MustParseAddr("127.0.0.1")
	for name, tt := range map[string]struct {
		first, then []netip.Addr
	}{
		"always private":           {[]netip.Addr{loopback}, []netip.Addr{loopback}},
		"public the first time":    {[]netip.Addr{nowhere}, []netip.Addr{loopback}},
		"a public one beside it":   {[]netip.Addr{nowhere, loopback}, []netip.Addr{loopback, nowhere}},
		"the service of the cloud": {[]netip.Addr{netip.MustParseAddr("169.254.169.254")}, []netip.Addr{netip.MustParseAddr("169.254.169.254")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a host inside was reached") }))
			defer inside.Close()
			_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
			answers := &changing{answers: tt.first}
			c := webhook("https://hooks.fabrikam.com:"+port+"/", false)
			c.Name = "test"
			s, err := notices.Open(t.Context(), c, notices.Options{Read: func(_ context.Context, place string) (string, error) { return place, nil }, Now: time.Now, Resolve: answers.resolver()})
			if err != nil {
				t.Fatal(err)
			}
			for try := range 2 {
				ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
				err := s.Send(ctx, locked)
				stop()
				if err == nil || try == 1 && !slices.Contains(tt.then, nowhere) && !errors.Is(err, notices.ErrPrivate) {
					t.Errorf("try %d: got %v; want it refused as not public", try+1, err)
				}
				answers.become(tt.then)
			}
			if answers.asked() == 0 {
				t.Error("the name was not looked up")
			}
		})
	}
}

// changing is a name server whose answers change.
type changing struct {
	mu      sync.Mutex
	answers []netip.Addr
	n       int
}

func (c *changing) become(answers []netip.Addr) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = answers
}

func (c *changing) asked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// resolver asks it over a pipe, as over TCP.
func (c *changing) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		own, other := net.Pipe()
		go c.serve(other)
		return own, nil
	}}
}

// serve answers questions for addresses, each with its length before it.
func (c *changing) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		answer, err := c.answer(question)
		if err != nil {
			return
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func (c *changing) answer(question []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	for _, a := range c.answers {
		header := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Class: dnsmessage.ClassINET}
		switch asked := m.Questions[0].Type; {
		case asked == dnsmessage.TypeA && a.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: a.As4()}})
		case asked == dnsmessage.TypeAAAA && a.Is6():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return m.Pack()
}

// TestNoRedirectIsFollowed not even to an address that a channel might name itself.
// Reports: deskhq/the-desk#554, formbricks/formbricks#7877; of names that lead inside deskhq/the-desk#555.
func TestNoRedirectIsFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
			defer inside.Close()
			outside := httptest.NewServer(http.RedirectHandler(inside.URL, status))
			defer outside.Close()
			s, err := open(t, webhook(outside.URL, true))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Send(t.Context(), locked); err == nil || !strings.Contains(err.Error(), "redirect") {
				t.Errorf("got %v; want an error that says so", err)
			}
		})
	}
}

// TestAChannelThatHangsIsLeft after its time, by its own limit or by that of the run.
func TestAChannelThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-over }))
	defer hangs.Close()
	defer close(over)
	s, err := open(t, webhook(hangs.URL, true))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if err := s.Send(ctx, locked); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want the limit", err)
	}
}

// TestWhatCannotBeUsedIsSaidAtTheStart and nothing of a secret with it.
func TestWhatCannotBeUsedIsSaidAtTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]offboarding.Channel{
		"no address":           webhook("hooks.contoso.com", false),
		"plain HTTP":           webhook("http://hooks.contoso.com/hidden", false),
		"a file":               webhook("file:///hidden", true),
		"no secret of its own": {Kind: offboarding.ChannelWebhook, URL: "https://hooks.contoso.com", Secret: "whsec_hidden!"},
		"mail without tenant":  {Kind: offboarding.ChannelMail},
	} {
		if _, err := open(t, c); err == nil || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "test") {
			t.Errorf("%s: got %v; want an error that names the channel and no secret", name, err)
		}
	}
}

// TestACardIsNeverLargerThanTeamsTakes: what is larger would be taken with 202 and not be posted.
func TestACardIsNeverLargerThanTeamsTakes(t *testing.T) {
	t.Parallel()
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	s, err := open(t, offboarding.Channel{Kind: offboarding.ChannelTeams, URL: server.URL, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	many := offboarding.Announcement{ID: "ntc_2", Title: "Leaver: 1000 notices"}
	for range 1000 {
		many.Several = append(many.Several, offboarding.Announcement{Title: "Locked out", Who: "adele.vance@contoso.com", Case: "87d349ed-44d7-43e1-9a83-5f2406dee5bd-1"})
	}
	long := locked
	long.Text = strings.Repeat("a very long reason ", 5000)
	for _, a := range []offboarding.Announcement{locked, many, long} {
		if err := s.Send(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		var card struct {
			Type        string
			Attachments []struct{ ContentType string }
		}
		if err := json.Unmarshal(got, &card); err != nil || len(got) > 28<<10 || card.Type != "message" || len(card.Attachments) != 1 || card.Attachments[0].ContentType != "application/vnd.microsoft.card.adaptive" {
			t.Errorf("%s: %d bytes, %+v, %v; want one card of at most 28 KB", a.Title, len(got), card, err)
		}
	}
}
