package offboarding_test

import (
	"slices"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestFactsCrossSteps(t *testing.T) {
	t.Parallel()
	deleted := time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)
	c := &offboarding.Case{Steps: []*offboarding.Record{
		{Name: offboarding.StepLicence, Progress: map[string]string{offboarding.MailboxItems: "12"}},
		{Name: offboarding.StepAccess, Progress: map[string]string{offboarding.LicenceGroups: "a b"}},
		{Name: offboarding.StepOnedrive, Evidence: map[string]string{offboarding.DriveSeen: "b!1", offboarding.VerifiedItems: "3", offboarding.VerifiedBytes: "9"}, Progress: map[string]string{offboarding.VerifiedDelta: "t"}},
		{Name: offboarding.StepDelete, Evidence: map[string]string{offboarding.DeletedAt: offboarding.Stamp(deleted)}},
	}}
	if items, known := c.MailboxHeld(); items != 12 || !known {
		t.Errorf("the mailbox: got %d items, known %t; want 12, known", items, known)
	}
	if got := c.LeftToLicence(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("left to licence: got %q, want a and b", got)
	}
	if got, want := c.VerifiedDrive(), (offboarding.VerifiedDrive{ID: "b!1", Items: "3", Bytes: "9", Delta: "t"}); got != want {
		t.Errorf("the drive: got %+v, want %+v", got, want)
	}
	if !c.HasDrive() {
		t.Error("got no drive, want one")
	}
	if got := c.AccountDeleted(); !got.Equal(deleted) {
		t.Errorf("deleted: got %s, want %s", got, deleted)
	}
}

func TestWhatAMailboxHeldIsKnownOrNot(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name          string
		items, seen   string
		wantItems     int
		wantKnown     bool
		withoutRecord bool
	}{
		{name: "counted by licence", items: "7", wantItems: 7, wantKnown: true},
		{name: "licence saw no mailbox", items: "none", wantKnown: true},
		{name: "forward saw no mailbox", seen: "none", wantKnown: true},
		{name: "nobody looked"},
		{name: "no step could look", withoutRecord: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &offboarding.Case{}
			if !tt.withoutRecord {
				c.Steps = []*offboarding.Record{
					{Name: offboarding.StepLicence, Progress: map[string]string{offboarding.MailboxItems: tt.items}},
					{Name: offboarding.StepForward, Evidence: map[string]string{offboarding.MailboxSeen: tt.seen}},
				}
			}
			if items, known := c.MailboxHeld(); items != tt.wantItems || known != tt.wantKnown {
				t.Errorf("got %d items, known %t; want %d, known %t", items, known, tt.wantItems, tt.wantKnown)
			}
		})
	}
}
