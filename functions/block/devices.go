package block

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

const (
	devicesEnabled = "devicesEnabled" // before: the devices that were enabled, by object id
	devicesSeen    = "devicesSeen"    // progress: when a device that a synchronisation writes first read disabled
	hybrid         = "ServerAd"       // trustType of a device that an on-premises Active Directory masters
)

// devices disables the Entra devices of the leaver, but those that others use too, and none at all when
// there are more than a person has: they were registered for others. What is left is a task, for which
// no other step waits.
func (s *Step) devices(ctx context.Context, job *offboarding.Job) error {
	d := deviceRun{Step: s, job: job, portal: job.Case.Plan.Cloud().Portal}
	err := offboarding.EnsureNone(ctx, job, offboarding.Removal[offboarding.Device]{
		What: "disabling", Left: "devices that still read enabled: %d",
		Find: d.find,
		Before: func([]offboarding.Device) map[string]string {
			return map[string]string{devicesEnabled: strings.Join(d.enabled, " ")}
		},
		Remove: func(ctx context.Context, one offboarding.Device) error {
			return offboarding.InUnit(one.Restricted, "device "+one.ID, s.directory.DisableDevice(ctx, one.ID))
		},
	})
	if err != nil {
		return offboarding.Join(err, d.task())
	}
	were := strings.Fields(job.Step.Before[devicesEnabled])
	disabled := slices.DeleteFunc(slices.Clone(d.all), func(one offboarding.Device) bool { return one.AccountEnabled || !slices.Contains(were, one.ID) })
	if len(disabled) > 0 {
		job.Evidence["devices"] = fmt.Sprintf("%d of %d disabled", len(disabled), len(were))
	}
	if task := d.task(); task != nil {
		return task
	}
	return d.watch(ctx)
}

// deviceRun is one look at the devices.
type deviceRun struct {
	*Step
	job     *offboarding.Job
	portal  offboarding.Portal
	all     []offboarding.Device
	enabled []string // by object id, also those that are left alone
	tasks   []string
}

// task is what was left to a person.
func (d *deviceRun) task() error {
	if len(d.tasks) == 0 {
		return nil
	}
	return offboarding.DoneWithTask(strings.Join(d.tasks, "; ") + "; then sign off")
}

// find returns the devices that are to be disabled, also when it is not told who uses some others.
func (d *deviceRun) find(ctx context.Context) ([]offboarding.Device, error) {
	all, err := d.directory.Devices(ctx, d.job.Leaver)
	if err != nil {
		return nil, err
	}
	d.all, d.enabled, d.tasks = all, nil, nil
	var enabled, own []offboarding.Device
	for _, one := range all {
		if one.AccountEnabled {
			enabled = append(enabled, one)
			d.enabled = append(d.enabled, one.ID)
		}
	}
	limit := d.job.Case.Plan.Devices
	if had := max(len(enabled), len(strings.Fields(d.job.Step.Before[devicesEnabled]))); len(enabled) > 0 && limit > 0 && had > limit {
		d.tasks = append(d.tasks, fmt.Sprintf("the leaver has %d enabled devices, more than the %d of the policy (devices), so none was disabled: disable those that nobody else needs (%s)", had, limit, offboarding.Pages(d.portal.Device, d.enabled)))
		return nil, nil
	}
	var unseen []error
	for _, one := range enabled {
		users, err := d.directory.DeviceUsers(ctx, one.ID)
		if err != nil {
			unseen = append(unseen, err)
			continue
		}
		if slices.ContainsFunc(users, func(id string) bool { return !strings.EqualFold(id, d.job.Leaver) }) {
			d.tasks = append(d.tasks, fmt.Sprintf("others use a device of the leaver's too, so it was not disabled: take the leaver's profile off it, or disable it: %s", d.portal.Device(one.ID)))
			continue
		}
		own = append(own, one)
	}
	return own, offboarding.Join(unseen...)
}

// watch looks again at devices that an on-premises Active Directory masters, as long as at its accounts:
// its synchronisation enables what was disabled in the cloud alone. Then it is a task for a person.
// Source: Microsoft Entra, Manage devices: a synchronised device is disabled on premises.
func (d *deviceRun) watch(ctx context.Context) error {
	var mastered []string
	for _, one := range d.all {
		if one.TrustType == hybrid && slices.Contains(strings.Fields(d.job.Step.Before[devicesEnabled]), one.ID) {
			mastered = append(mastered, one.ID)
		}
	}
	if len(mastered) == 0 {
		return nil
	}
	task := fmt.Sprintf("disable these computers in the on-premises Active Directory as well, or its synchronisation enables them again; Entra shows their names: %s", offboarding.Pages(d.portal.Device, mastered))
	since, err := d.job.Seen(ctx, devicesSeen)
	if err != nil {
		return err
	}
	for _, reread := range d.job.Case.Plan.Rereads {
		if at := since.Add(reread); at.After(d.job.Now) {
			return offboarding.DoneUntil(at, fmt.Sprintf("%s: disabled in the cloud, looked at again at %s; a person must act: %s", offboarding.B9, offboarding.Stamp(at), task))
		}
	}
	return offboarding.DoneWithTask(fmt.Sprintf("%s: %s; then sign off", offboarding.B9, task))
}
