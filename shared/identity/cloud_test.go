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
