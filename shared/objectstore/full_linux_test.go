package objectstore

import (
	"errors"
	"os"
	"testing"

	"leaver/shared/offboarding"
)

// TestAFullDeviceIsSaidToBeFull hears from the kernel itself that a device is full.
// Source: full(4).
func TestAFullDeviceIsSaidToBeFull(t *testing.T) {
	t.Parallel()
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = device.Close() }()
	_, err = device.WriteString("x")
	if got := classify("writing an export", err); !errors.Is(got, offboarding.ErrNoSpace) {
		t.Errorf("%v is said to be %v, want that there is no space", err, got)
	}
}
