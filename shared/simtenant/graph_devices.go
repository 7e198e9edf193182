package simtenant

import (
	"net/http"
	"strings"
)

var deviceSchema = newSchema("device", "",
	field[Device]{"id", func(_ *call, d *Device) any { return d.ID }},
	field[Device]{"deviceId", func(_ *call, d *Device) any { return d.DeviceID }},
	field[Device]{"displayName", func(_ *call, d *Device) any { return d.DisplayName }},
	field[Device]{"operatingSystem", func(_ *call, d *Device) any { return d.OperatingSystem }},
	field[Device]{"operatingSystemVersion", func(_ *call, d *Device) any { return d.OSVersion }},
	field[Device]{"trustType", func(_ *call, d *Device) any { return d.TrustType }},
	field[Device]{"isManagementRestricted", func(_ *call, d *Device) any {
		if !d.IsManagementRestricted {
			return nil
		}
		return true
	}},
	field[Device]{"onPremisesSyncEnabled", func(_ *call, d *Device) any {
		if d.TrustType != "ServerAd" {
			return nil
		}
		return true
	}},
	field[Device]{"accountEnabled", func(_ *call, d *Device) any { return d.AccountEnabled }},
	field[Device]{"approximateLastSignInDateTime", func(_ *call, d *Device) any { return stamp(d.LastSignIn) }},
)

func (c *call) devices() view[Device] { return view[Device]{c.t, devices} }

func listOwnedDevices(c *call) reply {
	return c.userDevices("owner:")
}

func listRegisteredDevices(c *call) reply {
	return c.userDevices("registered:")
}

func (c *call) userDevices(as string) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for _, d := range c.devices().under(as + u.ID) {
		items = append(items, deviceSchema.item(c, d.ID, d))
	}
	return c.list(items, directoryPage.of("directoryObjects", true), deviceSchema)
}

func listDevices(c *call) reply {
	return listView(c, c.devices(), deviceSchema, directoryPage.of("devices", false))
}

func getDevice(c *call) reply {
	d := c.devices().get(strings.ToLower(c.arg["id"]))
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
	if d.IsManagementRestricted {
		return c.insufficient()
	}
	c.t.before(kindDevice, d.ID, c.now)
	d.AccountEnabled = on
	return noContent
}

// listDeviceUsers are the people registered for a device; listDeviceOwners those who own it.
func listDeviceUsers(c *call) reply {
	return c.devicePeople(func(d *Device) []string { return d.Registered })
}

func listDeviceOwners(c *call) reply {
	return c.devicePeople(func(d *Device) []string { return d.Owners })
}

func (c *call) devicePeople(who func(*Device) []string) reply {
	d := c.devices().get(strings.ToLower(c.arg["id"]))
	if d == nil {
		return c.notFound(c.arg["id"])
	}
	return c.people(who(d))
}

var managedSchema = newSchema("managedDevice", "",
	field[ManagedDevice]{"id", func(_ *call, d *ManagedDevice) any { return d.ID }},
	field[ManagedDevice]{"deviceName", func(_ *call, d *ManagedDevice) any { return d.DeviceName }},
	field[ManagedDevice]{"userId", func(_ *call, d *ManagedDevice) any { return d.UserID }},
	field[ManagedDevice]{"userPrincipalName", func(c *call, d *ManagedDevice) any {
		if u := c.users().get(d.UserID); u != nil {
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
	field[ManagedDevice]{"lastSyncDateTime", func(c *call, d *ManagedDevice) any {
		return stamp(lastSync(d.LastSync, d.SyncEvery, d.Dead, c.now))
	}},
	field[ManagedDevice]{"serialNumber", func(_ *call, d *ManagedDevice) any { return text(d.SerialNumber) }},
	field[ManagedDevice]{"complianceState", func(*call, *ManagedDevice) any { return "compliant" }},
	// Microsoft leaves it empty for wipe and retire as often as not; a client must not rely on it.
	field[ManagedDevice]{"deviceActionResults", func(*call, *ManagedDevice) any { return []any{} }},
)

func (c *call) managed() view[ManagedDevice] { return view[ManagedDevice]{c.t, managedDevices} }

func listUserManagedDevices(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for _, d := range c.managed().under("userid:" + u.ID) {
		items = append(items, managedSchema.item(c, d.ID, d))
	}
	return c.list(items, page{set: "managedDevices", size: 1000, most: 1000}, managedSchema)
}

func listManagedDevices(c *call) reply {
	return listView(c, c.managed(), managedSchema, page{set: "deviceManagement/managedDevices", size: 1000, most: 1000})
}

func (c *call) noManagedDevice() reply {
	return c.intuneError(http.StatusNotFound, "ResourceNotFound", "Device "+c.arg["id"]+" not found")
}

func getManagedDevice(c *call) reply {
	d := c.managed().get(strings.ToLower(c.arg["id"]))
	if d == nil {
		return c.noManagedDevice()
	}
	return c.entity("deviceManagement/managedDevices", managedSchema.item(c, d.ID, d), false, managedSchema)
}

// listManagedUsers are the primary user of a device and whoever else uses it; nobody where it is shared.
// Source: Microsoft Intune, Find the primary user.
func listManagedUsers(c *call) reply {
	d := c.managed().get(strings.ToLower(c.arg["id"]))
	if d == nil {
		return c.noManagedDevice()
	}
	if d.Shared {
		return c.people(d.Users)
	}
	return c.people(append([]string{d.UserID}, d.Users...))
}

var autopilotSchema = newSchema("windowsAutopilotDeviceIdentity", "",
	field[ManagedDevice]{"id", func(_ *call, d *ManagedDevice) any { return derived("autopilot", d.ID) }},
	field[ManagedDevice]{"serialNumber", func(_ *call, d *ManagedDevice) any { return d.SerialNumber }},
	field[ManagedDevice]{"managedDeviceId", func(_ *call, d *ManagedDevice) any { return d.ID }},
	field[ManagedDevice]{"azureActiveDirectoryDeviceId", func(_ *call, d *ManagedDevice) any { return d.AzureADDeviceID }},
	field[ManagedDevice]{"displayName", func(_ *call, d *ManagedDevice) any { return d.DeviceName }},
	field[ManagedDevice]{"userPrincipalName", func(c *call, d *ManagedDevice) any {
		if u := c.users().get(d.UserID); u != nil {
			return u.UserPrincipalName
		}
		return ""
	}},
)

// listAutopilot are the Windows devices with a serial number: Autopilot assigns them to their user
// for as long as nobody ends it, also after a retire.
func listAutopilot(c *call) reply {
	var items []item
	for _, d := range c.managed().every() {
		if d.SerialNumber != "" && d.OperatingSystem == "Windows" {
			items = append(items, autopilotSchema.item(c, derived("autopilot", d.ID), d))
		}
	}
	return c.list(items, page{set: "deviceManagement/windowsAutopilotDeviceIdentities", size: 1000, most: 1000}, autopilotSchema)
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
		c.t.before(kindManaged, d.ID, c.now)
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
	field[AppRegistration]{"lastSyncDateTime", func(c *call, r *AppRegistration) any {
		return stamp(lastSync(r.LastSync, r.SyncEvery, r.Dead, c.now))
	}},
	field[AppRegistration]{"flaggedReasons", func(*call, *AppRegistration) any { return []any{} }},
)

func listUserAppRegistrations(c *call) reply {
	u, bad := c.reading()
	if bad != nil {
		return *bad
	}
	var items []item
	for _, r := range (view[AppRegistration]{c.t, appRegistrations}).under("user:" + u.ID) {
		i := appRegistrationSchema.item(c, r.ID, r)
		i.typ = "iosManagedAppRegistration" // the type itself is abstract
		if strings.HasPrefix(r.DeviceType, "Android") {
			i.typ = "androidManagedAppRegistration"
		}
		items = append(items, i)
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
	for _, id := range c.t.world.under(kindApp, "user:"+u.ID) {
		if r := c.t.world.AppRegistrations[id]; r.DeviceTag == tag && r.WipeRequested.IsZero() {
			c.t.before(kindApp, id, c.now)
			r.WipeRequested = c.now
		}
	}
	return noContent
}
