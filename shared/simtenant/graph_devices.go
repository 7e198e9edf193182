package simtenant

import (
	"net/http"
	"slices"
	"strings"
)

var deviceSchema = newSchema("device", "",
	field[Device]{"id", func(_ *call, d *Device) any { return d.ID }},
	field[Device]{"deviceId", func(_ *call, d *Device) any { return d.DeviceID }},
	field[Device]{"displayName", func(_ *call, d *Device) any { return d.DisplayName }},
	field[Device]{"operatingSystem", func(_ *call, d *Device) any { return d.OperatingSystem }},
	field[Device]{"operatingSystemVersion", func(_ *call, d *Device) any { return d.OSVersion }},
	field[Device]{"trustType", func(_ *call, d *Device) any { return d.TrustType }},
	field[Device]{"accountEnabled", func(_ *call, d *Device) any { return d.AccountEnabled }},
	field[Device]{"approximateLastSignInDateTime", func(_ *call, d *Device) any { return stamp(d.LastSignIn) }},
)

func (c *call) devices() map[string]*Device { return seenAll(c.t, "device", c.t.world.Devices) }

func listOwnedDevices(c *call) reply {
	return c.userDevices(func(d *Device) []string { return d.Owners })
}

func listRegisteredDevices(c *call) reply {
	return c.userDevices(func(d *Device) []string { return d.Registered })
}

func (c *call) userDevices(people func(*Device) []string) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for id, d := range c.devices() {
		if slices.Contains(people(d), u.ID) {
			items = append(items, deviceSchema.item(c, id, d))
		}
	}
	return c.list(items, directoryPage.of("directoryObjects", true), deviceSchema)
}

func listDevices(c *call) reply {
	var items []item
	for id, d := range c.devices() {
		items = append(items, deviceSchema.item(c, id, d))
	}
	return c.list(items, directoryPage.of("devices", false), deviceSchema)
}

func getDevice(c *call) reply {
	d := c.devices()[strings.ToLower(c.arg["id"])]
	if d == nil {
		return c.notFound(c.arg["id"])
	}
	return c.entity("devices", deviceSchema.item(c, d.ID, d), false, deviceSchema)
}

func patchDevice(c *call) reply {
	d := c.t.world.Devices[strings.ToLower(c.arg["id"])]
	if d == nil {
		return c.notFound(c.arg["id"])
	}
	if bad := c.only(c.body, "accountEnabled"); bad != nil {
		return *bad
	}
	on, ok := c.body["accountEnabled"].(bool)
	if !ok {
		return c.badRequest("Invalid value specified for property 'accountEnabled' of resource 'Device'.")
	}
	c.t.before("device", d.ID, c.now)
	d.AccountEnabled = on
	return noContent
}

var managedSchema = newSchema("managedDevice", "",
	field[ManagedDevice]{"id", func(_ *call, d *ManagedDevice) any { return d.ID }},
	field[ManagedDevice]{"deviceName", func(_ *call, d *ManagedDevice) any { return d.DeviceName }},
	field[ManagedDevice]{"userId", func(_ *call, d *ManagedDevice) any { return d.UserID }},
	field[ManagedDevice]{"userPrincipalName", func(c *call, d *ManagedDevice) any {
		if u := c.users()[d.UserID]; u != nil {
			return u.UserPrincipalName
		}
		return ""
	}},
	field[ManagedDevice]{"azureADDeviceId", func(_ *call, d *ManagedDevice) any { return d.AzureADDeviceID }},
	field[ManagedDevice]{"operatingSystem", func(_ *call, d *ManagedDevice) any { return d.OperatingSystem }},
	field[ManagedDevice]{"managedDeviceOwnerType", func(_ *call, d *ManagedDevice) any { return d.OwnerType }},
	field[ManagedDevice]{"managementState", func(_ *call, d *ManagedDevice) any { return d.State }},
	field[ManagedDevice]{"managementAgent", func(*call, *ManagedDevice) any { return "mdm" }},
	field[ManagedDevice]{"enrolledDateTime", func(_ *call, d *ManagedDevice) any { return stamp(d.Enrolled) }},
	field[ManagedDevice]{"lastSyncDateTime", func(_ *call, d *ManagedDevice) any { return stamp(d.LastSync) }},
	field[ManagedDevice]{"complianceState", func(*call, *ManagedDevice) any { return "compliant" }},
	// Microsoft leaves it empty for wipe and retire as often as not; a client must not rely on it.
	field[ManagedDevice]{"deviceActionResults", func(*call, *ManagedDevice) any { return []any{} }},
)

func (c *call) managed() map[string]*ManagedDevice {
	return seenAll(c.t, "managed", c.t.world.Managed)
}

func listUserManagedDevices(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for id, d := range c.managed() {
		if d.UserID == u.ID {
			items = append(items, managedSchema.item(c, id, d))
		}
	}
	return c.list(items, page{set: "managedDevices", size: 1000, most: 1000}, managedSchema)
}

func listManagedDevices(c *call) reply {
	var items []item
	for id, d := range c.managed() {
		items = append(items, managedSchema.item(c, id, d))
	}
	return c.list(items, page{set: "deviceManagement/managedDevices", size: 1000, most: 1000}, managedSchema)
}

func (c *call) noManagedDevice() reply {
	return c.intuneError(http.StatusNotFound, "ResourceNotFound", "Device "+c.arg["id"]+" not found")
}

func getManagedDevice(c *call) reply {
	d := c.managed()[strings.ToLower(c.arg["id"])]
	if d == nil {
		return c.noManagedDevice()
	}
	return c.entity("deviceManagement/managedDevices", managedSchema.item(c, d.ID, d), false, managedSchema)
}

func retireDevice(c *call) reply { return c.pending("retirePending") }

func wipeDevice(c *call) reply {
	if bad := c.only(c.body, "keepEnrollmentData", "keepUserData", "macOsUnlockCode", "persistEsimDataPlan"); bad != nil {
		return *bad
	}
	d := c.t.world.Managed[strings.ToLower(c.arg["id"])]
	if _, given := c.body["macOsUnlockCode"]; given && d != nil && !strings.HasPrefix(strings.ToLower(d.OperatingSystem), "mac") {
		return c.intuneError(http.StatusBadRequest, "BadRequest", "macOsUnlockCode is not valid for this device")
	}
	return c.pending("wipePending")
}

// pending leaves the device waiting for its next sync. Asking again changes nothing; a wipe
// overrides a retire, not the other way.
func (c *call) pending(state string) reply {
	d := c.t.world.Managed[strings.ToLower(c.arg["id"])]
	if d == nil {
		return c.noManagedDevice()
	}
	if d.State != state && d.State != "wipePending" {
		c.t.before("managed", d.ID, c.now)
		d.State, d.Requested = state, c.now
	}
	return noContent
}

var appRegistrationSchema = newSchema("managedAppRegistration", "",
	field[AppRegistration]{"id", func(_ *call, r *AppRegistration) any { return r.ID }},
	field[AppRegistration]{"userId", func(_ *call, r *AppRegistration) any { return r.UserID }},
	field[AppRegistration]{"deviceTag", func(_ *call, r *AppRegistration) any { return text(r.DeviceTag) }},
	field[AppRegistration]{"deviceType", func(_ *call, r *AppRegistration) any { return r.DeviceType }},
	field[AppRegistration]{"deviceName", func(_ *call, r *AppRegistration) any { return r.DeviceName }},
	field[AppRegistration]{"createdDateTime", func(_ *call, r *AppRegistration) any { return stamp(r.Created) }},
	field[AppRegistration]{"lastSyncDateTime", func(_ *call, r *AppRegistration) any { return stamp(r.LastSync) }},
	field[AppRegistration]{"flaggedReasons", func(*call, *AppRegistration) any { return []any{} }},
)

func listUserAppRegistrations(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for id, r := range seenAll(c.t, "app", c.t.world.AppRegistrations) {
		if r.UserID == u.ID {
			i := appRegistrationSchema.item(c, id, r)
			i.typ = "iosManagedAppRegistration" // the type itself is abstract
			if strings.HasPrefix(r.DeviceType, "Android") {
				i.typ = "androidManagedAppRegistration"
			}
			items = append(items, i)
		}
	}
	return c.list(items, page{set: "managedAppRegistrations", typed: true, size: 1000, most: 1000}, appRegistrationSchema)
}

// wipeAppData leaves every app of the user on the device with that tag waiting for its next start;
// then the registration is gone. A tag that nothing bears is accepted as well. Nothing shows in
// between.
func wipeAppData(c *call) reply {
	u, bad := c.writing()
	if bad != nil {
		return *bad
	}
	if bad := c.only(c.body, "deviceTag"); bad != nil {
		return *bad
	}
	tag, _ := str(c.body, "deviceTag")
	if tag == "" {
		return c.intuneError(http.StatusBadRequest, "BadRequest", "deviceTag is required")
	}
	for _, r := range c.t.world.AppRegistrations {
		if r.UserID == u.ID && r.DeviceTag == tag && r.WipeRequested.IsZero() {
			r.WipeRequested = c.now
		}
	}
	return noContent
}
