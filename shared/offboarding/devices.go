package offboarding

import "time"

// Device is an Entra device registered to or owned by a user.
type Device struct {
	ID             string // directory object id, not deviceId
	AccountEnabled bool
	// TrustType is AzureAd (joined), ServerAd (joined to an on-premises Active Directory too, whose
	// synchronisation writes the device again) or Workplace (registered by its owner).
	TrustType  string
	Restricted bool // in a restricted management administrative unit
}

// ManagedDevice is a device in Intune that a user enrolled.
// Source: Microsoft Graph, resource type managedDevice.
type ManagedDevice struct {
	ID              string
	OperatingSystem string
	User            string    // userId: object id of whoever uses it now
	OwnerType       string    // managedDeviceOwnerType: company or personal
	State           string    // managementState: managed, retirePending, …
	LastSync        time.Time // lastSyncDateTime
}

// Leaving reports whether the device has been told to retire, wipe itself or go.
func (d ManagedDevice) Leaving() bool {
	switch d.State {
	case "retirePending", "retireIssued", "wipePending", "wipeIssued", "deletePending":
		return true
	}
	return false
}

// AppRegistration is an app under Intune's app protection, on a device that need not be in
// Intune. Source: Microsoft Graph, resource type managedAppRegistration.
type AppRegistration struct {
	ID         string
	DeviceTag  string // the same for every app of the user on one device
	DeviceType string
	LastSync   time.Time // lastSyncDateTime
}

// Phone is a mobile device partnership of a mailbox, as Get-MobileDevice and
// Get-MobileDeviceStatistics show it. The wipe's times are those of the newest wipe, of the
// account only or of the whole device.
type Phone struct {
	ID            string    // Guid: the Identity holds the owner's name
	DeviceID      string    // what ActiveSyncBlockedDeviceIDs lists; may be a serial number
	OS            string    // DeviceOS
	Native        bool      // the phone's own mail program, by ActiveSync, which a closed protocol shuts out
	Blocked       bool      // in ActiveSyncBlockedDeviceIDs
	LastSync      time.Time // LastSuccessSync
	WipeRequested time.Time // DeviceWipeRequestTime
	WipeAcked     time.Time // DeviceWipeAckTime
}

// Untold reports whether nobody has asked for the phone's wipe since it last acknowledged one.
func (p Phone) Untold() bool { return !p.WipeRequested.After(p.WipeAcked) }

// Wiped reports whether the phone acknowledged its wipe and has not synchronised since. One that
// has, was set up again after a wipe of long ago.
func (p Phone) Wiped() bool {
	const slack = 5 * time.Minute // the sync that brought the wipe may be counted after it
	return !p.WipeAcked.IsZero() && p.Untold() && !p.LastSync.After(p.WipeAcked.Add(slack))
}
