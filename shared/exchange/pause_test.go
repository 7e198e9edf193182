package exchange

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestOneCommandProbesWhenARefusalIsOver: when everybody was told to come later, one of those who come
// asks, and the others wait for its answer.
func TestOneCommandProbesWhenARefusalIsOver(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(*pause)
		sent   int // of fifty, a second after the probe went
	}{
		"there is something again": {func(p *pause) { p.heard(http.StatusOK, 0, false) }, 50},
		"refused again":            {func(p *pause) { p.heard(http.StatusTooManyRequests, 8*time.Second, true) }, 1},
		"lost on the way":          {func(p *pause) { p.heard(0, 0, false) }, 2}, // the next one probes
		"not answered yet":         {func(*pause) {}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPause(time.Now)
				p.heard(http.StatusTooManyRequests, 5*time.Second, true)
				p.heard(http.StatusOK, 0, false) // of a command that was under way
				var throttled *offboarding.ThrottledError
				if err := p.wait(t.Context()); !errors.As(err, &throttled) || throttled.Delay != 5*time.Second {
					t.Errorf("got %v while it is refused, want 5 s", err)
				}
				<-time.After(5 * time.Second)
				sent := make(chan struct{}, 50)
				for range 50 {
					go func() {
						if p.wait(t.Context()) == nil {
							sent <- struct{}{}
						}
					}()
				}
				synctest.Wait()
				if n := len(sent); n != 1 {
					t.Errorf("%d commands probe, want 1", n)
				}
				test.answer(p)
				<-time.After(time.Second)
				if n := len(sent); n != test.sent {
					t.Errorf("%d commands were sent, want %d", n, test.sent)
				}
				<-time.After(time.Minute)
			})
		})
	}
}

// TestWhoeverIsRefusedSparesTheOthers: a refused command keeps the next leaver's from being sent.
func TestWhoeverIsRefusedSparesTheOthers(t *testing.T) {
	sent := 0
	c, _, ctx := serve(t, func(rw http.ResponseWriter, _ *http.Request) {
		sent++
		rw.Header().Set("Retry-After", "7")
		rw.WriteHeader(http.StatusTooManyRequests)
	})
	for _, person := range []string{leaver, simtenant.UserID("lidia.holloway@contoso.com"), leaver} {
		var throttled *offboarding.ThrottledError
		if _, err := c.Mailbox(ctx, person); !errors.As(err, &throttled) {
			t.Errorf("got %v, want it throttled", err)
		}
	}
	if sent != 1 {
		t.Errorf("%d commands were sent, want 1", sent)
	}
}
