package offboarding_test

import (
	"testing"

	"leaver/shared/offboarding"
)

// TestOneThingIsNotCountedAsSeveral: "1 phones" is what nobody writes.
func TestOneThingIsNotCountedAsSeveral(t *testing.T) {
	t.Parallel()
	for want, of := range map[string]struct {
		n     int
		thing string
	}{
		"1 phone": {1, "phone"}, "2 phones": {2, "phone"}, "0 phones": {0, "phone"}, "1 copy": {1, "copy"}, "2 copies": {2, "copy"},
		"3 days": {3, "day"}, "2 mailboxes": {2, "mailbox"}, "2 distribution lists": {2, "distribution list"}, "2 branches": {2, "branch"},
	} {
		if got := offboarding.Count(of.n, of.thing); got != want {
			t.Errorf("got %q of %d and %q, want %q", got, of.n, of.thing, want)
		}
	}
}

// TestASizeIsSaidAsPeopleSayIt, and to the byte, by which it is compared.
func TestASizeIsSaidAsPeopleSayIt(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 bytes", 512: "512 bytes", 1 << 20: "1.0 MB (1048576 bytes)", 3 << 29: "1.5 GB (1610612736 bytes)", 5 << 40: "5.0 TB (5497558138880 bytes)",
	} {
		if got := offboarding.Bytes(n); got != want {
			t.Errorf("got %q of %d, want %q", got, n, want)
		}
	}
}
