package graph

import (
	"cmp"
	"context"
	"time"

	"leaver/shared/offboarding"
)

// selectManagedDevice asks for what an offboarding.ManagedDevice holds. The device's name is not
// among it: it often is its owner's.
const selectManagedDevice = "$select=id,userId,operatingSystem,managedDeviceOwnerType,managementState,lastSyncDateTime"

// managedDevice is what Graph says of a device in Intune.
type managedDevice struct {
	ID, UserID, OperatingSystem, ManagedDeviceOwnerType, ManagementState string
	LastSyncDateTime                                                     time.Time
}

func (d managedDevice) domain() offboarding.ManagedDevice {
	return offboarding.ManagedDevice{
		ID: d.ID, User: d.UserID, OperatingSystem: d.OperatingSystem, OwnerType: d.ManagedDeviceOwnerType, State: d.ManagementState, LastSync: d.LastSyncDateTime,
	}
}

// ManagedDevices lists the devices that the user enrolled in Intune. Permission:
// DeviceManagementManagedDevices.Read.All.
func (c *Client) ManagedDevices(ctx context.Context, user string) ([]offboarding.ManagedDevice, error) {
	found, err := list[managedDevice](ctx, c, call{
		doing: "reading the managed devices of user", objects: []string{user}, path: "/users/{}/managedDevices", query: selectManagedDevice, budget: budgetIntune,
	})
	if err != nil {
		return nil, err
	}
	devices := []offboarding.ManagedDevice{}
	for _, d := range found {
		d.UserID = cmp.Or(d.UserID, user)
		devices = append(devices, d.domain())
	}
	return devices, nil
}

// ManagedDevice reads a device in Intune; offboarding.ErrNotFound when it has left. Permission:
// DeviceManagementManagedDevices.Read.All.
func (c *Client) ManagedDevice(ctx context.Context, id string) (offboarding.ManagedDevice, error) {
	d, err := get[managedDevice](ctx, c, call{
		doing: "reading managed device", objects: []string{id}, path: "/deviceManagement/managedDevices/{}", query: selectManagedDevice, budget: budgetIntune,
	})
	return d.domain(), err
}

// PrimaryUsers lists whom Intune takes a device to be for, by object id: one, or nobody where it is
// shared. Whoever enrolled it may be another. Permission: DeviceManagementManagedDevices.Read.All.
// Source: Microsoft Graph, List users of managedDevice.
func (c *Client) PrimaryUsers(ctx context.Context, device string) ([]string, error) {
	users, err := list[directoryObject](ctx, c, call{
		doing: "reading the primary user of managed device", objects: []string{device}, path: "/deviceManagement/managedDevices/{}/users", query: "$select=id",
		budget: budgetIntune,
	})
	ids := make([]string, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	return ids, err
}

// Retire has a device remove the organisation's data and leave Intune when it synchronises
// next. Repeating it changes nothing; a device that is not there is offboarding.ErrNotFound.
// Permission: DeviceManagementManagedDevices.PrivilegedOperations.All.
func (c *Client) Retire(ctx context.Context, device string) error {
	_, err := c.write(ctx, call{doing: "retiring managed device", objects: []string{device}, path: "/deviceManagement/managedDevices/{}/retire", budget: budgetIntune})
	return err
}

// WipeDevice has a device set itself back to the factory's state when it synchronises next: nothing that
// is on it stays. Repeating it changes nothing; a device that is not there is offboarding.ErrNotFound.
// Permission: DeviceManagementManagedDevices.PrivilegedOperations.All.
// Source: Microsoft Graph, wipe action of managedDevice.
func (c *Client) WipeDevice(ctx context.Context, device string) error {
	_, err := c.write(ctx, call{
		doing: "wiping managed device", objects: []string{device}, path: "/deviceManagement/managedDevices/{}/wipe",
		body: map[string]bool{"keepEnrollmentData": false, "keepUserData": false}, budget: budgetIntune,
	})
	return err
}

// AppRegistrations lists the apps under Intune's app protection that the user signed in to.
// Permission: DeviceManagementApps.Read.All.
func (c *Client) AppRegistrations(ctx context.Context, user string) ([]offboarding.AppRegistration, error) {
	type registration struct {
		ID, DeviceTag, DeviceType string
		LastSyncDateTime          time.Time
	}
	found, err := list[registration](ctx, c, call{
		doing: "reading the app registrations of user", objects: []string{user}, path: "/users/{}/managedAppRegistrations",
		query: "$select=id,deviceTag,deviceType,lastSyncDateTime", budget: budgetIntune,
	})
	if err != nil {
		return nil, err
	}
	apps := []offboarding.AppRegistration{}
	for _, a := range found {
		apps = append(apps, offboarding.AppRegistration{ID: a.ID, DeviceTag: a.DeviceTag, DeviceType: a.DeviceType, LastSync: a.LastSyncDateTime})
	}
	return apps, nil
}

// WipeAppData has every protected app of the user on the device with that tag remove the
// organisation's data when it starts next. Permission: DeviceManagementApps.ReadWrite.All.
func (c *Client) WipeAppData(ctx context.Context, user, deviceTag string) error {
	_, err := c.write(ctx, call{
		doing: "wiping the app data of user", objects: []string{user}, path: "/users/{}/wipeManagedAppRegistrationsByDeviceTag",
		body: map[string]string{"deviceTag": deviceTag}, budget: budgetIntune,
	})
	return err
}
