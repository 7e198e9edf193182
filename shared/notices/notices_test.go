package notices_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
		"[::1]", "[fe80::1]", "[fd00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001::1]", "[::]",
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

// TestNoRedirectIsFollowed not even to an address that a channel might name itself.
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
