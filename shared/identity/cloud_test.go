package identity_test

import (
	"strings"
	"testing"

	"leaver/shared/identity"
)

func TestGermanyIsRefusedWithMicrosoftsReason(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"germany", "Germany", "de", "blackforest"} {
		_, err := identity.CloudOf(name)
		if err == nil || !strings.Contains(err.Error(), "29 October 2021") || !strings.Contains(err.Error(), "use worldwide") {
			t.Errorf("%s: got %v, want that Microsoft closed it, when, and what to use", name, err)
		}
	}
}

// TestAnotherHostOfExchangeTakesTokensForItself: Microsoft's pages name two for DoD and two for China.
func TestAnotherHostOfExchangeTakesTokensForItself(t *testing.T) {
	t.Parallel()
	for base, scope := range map[string]string{
		"": "https://outlook-dod.office365.us/.default", "https://webmail.apps.mil": "https://webmail.apps.mil/.default",
		"https://tenant.example": "https://outlook-dod.office365.us/.default",
	} {
		if got := identity.USGovDoD.WithExchange(base); got.ExchangeScope != scope || base != "" && got.Exchange != base {
			t.Errorf("%q: got %s for %s, want %s", base, got.ExchangeScope, got.Exchange, scope)
		}
	}
}
