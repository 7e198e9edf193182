package wipe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"leaver/shared/offboarding"
)

// deviceID begins the names of the personal values that say by which id a phone is blocked: it may be
// the serial number.
const deviceID = "deviceId "

// deviceIDs are those of the phones that are not blocked yet, for the way back.
func deviceIDs(phones []offboarding.Phone) map[string]string {
	out := map[string]string{}
	for _, p := range phones {
		if !p.Blocked {
			out[deviceID+p.ID] = p.DeviceID
		}
	}
	return out
}

// Undo implements worker.Undoer: a wipe that a phone has not heard of is taken back, and no phone is
// blocked any more that was not. What is wiped or retired does not come back; its user enrols it again.
func (s *Step) Undo(ctx context.Context, job *offboarding.Job) error {
	for kind, name := range map[string]string{phone: "phones", device: "managedDevices", apps: "managedApps"} {
		if n := len(job.Step.Kept(kind)); n > 0 {
			job.Evidence[name] = strconv.Itoa(n) + ", to be set up again where they had heard of it"
		}
	}
	if len(job.Evidence) == 0 {
		job.Evidence["devices"] = "none was wiped"
	}
	if len(job.Step.Kept(phone)) == 0 {
		return nil
	}
	return offboarding.Join(s.keepPhones(ctx, job), s.unblock(ctx, job))
}

// keepPhones takes the wipes back that are on their way.
func (s *Step) keepPhones(ctx context.Context, job *offboarding.Job) error {
	return offboarding.EnsureNone(ctx, job, offboarding.Removal[offboarding.Phone]{
		What: "taking the wipe back", Left: "phones that still show a wipe on its way: %d",
		Find: func(ctx context.Context) ([]offboarding.Phone, error) {
			all, err := s.mailboxes.Phones(ctx, job.Leaver)
			if errors.Is(err, offboarding.ErrNotFound) {
				return nil, nil
			}
			return slices.DeleteFunc(all, func(p offboarding.Phone) bool {
				return p.Untold() || job.Step.Before[phone+p.ID] == ""
			}), err
		},
		Remove: func(ctx context.Context, p offboarding.Phone) error { return s.mailboxes.KeepPhone(ctx, p.ID) },
	})
}

// unblock lets the phones in again that this step blocked.
func (s *Step) unblock(ctx context.Context, job *offboarding.Job) error {
	sealed, err := job.SealedBefore(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for name, id := range sealed {
		if strings.HasPrefix(name, deviceID) {
			ours = append(ours, id)
		}
	}
	allowed := 0
	for _, id := range job.Step.Kept(phone) {
		if job.Step.Before[phone+id] == "allowed" {
			allowed++
		}
	}
	_, err = offboarding.Ensure(ctx, job, offboarding.Effect[[]string]{
		What: "letting the phones in",
		Read: func(ctx context.Context) ([]string, error) {
			blocked, err := s.mailboxes.BlockedPhones(ctx, job.Leaver)
			return slices.DeleteFunc(blocked, func(id string) bool { return !slices.Contains(ours, id) }), err
		},
		Wanted: func(left []string) bool { return len(left) == 0 },
		Write: func(ctx context.Context, left []string) error {
			return s.mailboxes.UnblockPhones(ctx, job.Leaver, left)
		},
		Shows: func(left []string) string { return "phones that still read blocked: " + strconv.Itoa(len(left)) },
	})
	switch {
	case errors.Is(err, offboarding.ErrNotFound):
		return job.NotYet("the mailbox does not show yet")
	case err == nil && len(ours) < allowed:
		return offboarding.DoneWithTask(fmt.Sprintf("phones were blocked by ids that are not kept any more (%d): take them off ActiveSyncBlockedDeviceIDs in Exchange PowerShell (Get-CASMailbox %s shows them, Set-CASMailbox takes them off), then sign off", allowed-len(ours), job.Leaver))
	}
	return err
}
