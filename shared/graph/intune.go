package graph

import (
	"cmp"
	"context"

	"leaver/shared/offboarding"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// managedDeviceProperties are what an offboarding.ManagedDevice holds. The device's name is
// not among them: it often is its owner's.
var managedDeviceProperties = []string{"id", "userId", "operatingSystem", "managedDeviceOwnerType", "managementState", "lastSyncDateTime"}

// ManagedDevices lists the devices that the user enrolled in Intune. Permission:
// DeviceManagementManagedDevices.Read.All.
func (c *Client) ManagedDevices(ctx context.Context, user string) ([]offboarding.ManagedDevice, error) {
	found, _, err := ask(ctx, "read the managed devices of", []string{user}, func(ctx context.Context) ([]offboarding.ManagedDevice, error) {
		all := []offboarding.ManagedDevice{}
		list := c.users().ByUserId(user).ManagedDevices()
		page, err := list.Get(ctx, &users.ItemManagedDevicesRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemManagedDevicesRequestBuilderGetQueryParameters{Select: managedDeviceProperties},
		})
		for ; err == nil && page != nil; page, err = list.WithUrl(*page.GetOdataNextLink()).Get(ctx, nil) {
			for _, d := range page.GetValue() {
				device := asManagedDevice(d)
				device.User = cmp.Or(device.User, user)
				all = append(all, device)
			}
			if value(page.GetOdataNextLink()) == "" {
				return all, nil
			}
		}
		if err == nil {
			err = errNothing
		}
		return nil, err
	})
	return found, err
}

func asManagedDevice(d models.ManagedDeviceable) offboarding.ManagedDevice {
	out := offboarding.ManagedDevice{ID: value(d.GetId()), User: value(d.GetUserId()), OperatingSystem: value(d.GetOperatingSystem()), LastSync: value(d.GetLastSyncDateTime())}
	if owner := d.GetManagedDeviceOwnerType(); owner != nil {
		out.OwnerType = owner.String()
	}
	if state := d.GetManagementState(); state != nil {
		out.State = state.String()
	}
	return out
}

// The SDK's package for device management is among its largest; these paths need only models.
const managedDevice = "{+baseurl}/deviceManagement/managedDevices/{id}"

// ManagedDevice reads a device in Intune; offboarding.ErrNotFound when it has left. Permission:
// DeviceManagementManagedDevices.Read.All.
func (c *Client) ManagedDevice(ctx context.Context, id string) (offboarding.ManagedDevice, error) {
	d, _, err := ask(ctx, "read managed device", []string{id}, func(ctx context.Context) (models.ManagedDeviceable, error) {
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.GET,
			managedDevice+"?$select=id,userId,operatingSystem,managedDeviceOwnerType,managementState,lastSyncDateTime", map[string]string{"id": id})
		info.Headers.TryAdd("Accept", "application/json")
		answer, err := c.adapter.Send(ctx, info, models.CreateManagedDeviceFromDiscriminatorValue, failures)
		device, _ := answer.(models.ManagedDeviceable)
		return device, err
	})
	if err != nil {
		return offboarding.ManagedDevice{}, err
	}
	return asManagedDevice(d), nil
}

// Retire has a device remove the organisation's data and leave Intune when it synchronises
// next. Repeating it changes nothing; a device that is not there is offboarding.ErrNotFound.
// Permission: DeviceManagementManagedDevices.PrivilegedOperations.All.
func (c *Client) Retire(ctx context.Context, device string) error {
	_, err := tell(ctx, "retire managed device", []string{device}, func(ctx context.Context) error {
		info := abstractions.NewRequestInformationWithMethodAndUrlTemplateAndPathParameters(abstractions.POST, managedDevice+"/retire", map[string]string{"id": device})
		info.Headers.TryAdd("Accept", "application/json")
		return c.adapter.SendNoContent(ctx, info, failures)
	})
	return err
}

// AppRegistrations lists the apps under Intune's app protection that the user signed in to.
// Permission: DeviceManagementApps.Read.All.
func (c *Client) AppRegistrations(ctx context.Context, user string) ([]offboarding.AppRegistration, error) {
	found, _, err := ask(ctx, "read the app registrations of", []string{user}, func(ctx context.Context) ([]offboarding.AppRegistration, error) {
		all := []offboarding.AppRegistration{}
		list := c.users().ByUserId(user).ManagedAppRegistrations()
		page, err := list.Get(ctx, &users.ItemManagedAppRegistrationsRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.ItemManagedAppRegistrationsRequestBuilderGetQueryParameters{Select: []string{"id", "deviceTag", "deviceType", "lastSyncDateTime"}},
		})
		for ; err == nil && page != nil; page, err = list.WithUrl(*page.GetOdataNextLink()).Get(ctx, nil) {
			for _, a := range page.GetValue() {
				all = append(all, offboarding.AppRegistration{
					ID: value(a.GetId()), DeviceTag: value(a.GetDeviceTag()), DeviceType: value(a.GetDeviceType()), LastSync: value(a.GetLastSyncDateTime()),
				})
			}
			if value(page.GetOdataNextLink()) == "" {
				return all, nil
			}
		}
		if err == nil {
			err = errNothing
		}
		return nil, err
	})
	return found, err
}

// WipeAppData has every protected app of the user on the device with that tag remove the
// organisation's data when it starts next. Permission: DeviceManagementApps.ReadWrite.All.
func (c *Client) WipeAppData(ctx context.Context, user, deviceTag string) error {
	body := users.NewItemWipeManagedAppRegistrationsByDeviceTagPostRequestBody()
	body.SetDeviceTag(&deviceTag)
	_, err := tell(ctx, "wipe the app data of", []string{user}, func(ctx context.Context) error {
		return c.users().ByUserId(user).WipeManagedAppRegistrationsByDeviceTag().Post(ctx, body, nil)
	})
	return err
}
