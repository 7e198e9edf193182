package simtenant

import (
	"slices"
	"strings"
	"time"
)

// phones are the partnerships that Identity or Mailbox names, or all of them.
func (c *invocation) phones() ([]*Phone, *failure) {
	if identity, given, bad := c.text("Identity"); bad != nil {
		return nil, bad
	} else if given {
		p, bad := c.namedPhone(identity)
		return []*Phone{p}, bad
	}
	owner := ""
	if _, given := c.args["Mailbox"]; given {
		m, bad := c.named("Mailbox", true)
		if bad != nil {
			return nil, bad
		}
		owner = m.Owner
	}
	all := view[Phone]{c.t, phones}.every
	if owner != "" {
		all = func() []*Phone { return view[Phone]{c.t, phones}.under("mailbox:" + owner) }
	}
	var out []*Phone
	for _, p := range all() {
		if c.t.world.callHome(p, c.now); !p.Removed && usable(c.t.world.Mailboxes[p.Mailbox]) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (c *invocation) namedPhone(identity string) (*Phone, *failure) {
	p := c.t.world.phone(identity)
	if p == nil || p.Removed || !usable(c.t.world.Mailboxes[p.Mailbox]) {
		return nil, noObject(identity)
	}
	c.t.world.callHome(p, c.now)
	return p, nil
}

func (c *invocation) showPhone(p *Phone) object {
	state := "Allowed"
	if m := c.t.world.Mailboxes[p.Mailbox]; m != nil && slices.Contains(m.BlockedDeviceIDs, p.DeviceID) {
		state = "Blocked"
	}
	return object{
		"Identity": p.Identity, "Guid": p.GUID, "Name": p.Identity[strings.LastIndex(p.Identity, `\`)+1:], "DeviceId": p.DeviceID, "DeviceType": map[bool]string{true: "Outlook", false: "EAS"}[p.ClientType == "REST"],
		"FriendlyName": p.FriendlyName, "DeviceModel": p.Model, "DeviceOS": p.OS, "ClientType": p.ClientType, "DeviceAccessState": state,
		"FirstSyncTime": moment(p.FirstSync), "UserDisplayName": c.upn(p.Mailbox),
	}
}

func getMobileDevice(c *invocation) ([]object, *failure) {
	list, bad := c.phones()
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, p := range list {
		out = append(out, c.showPhone(p))
	}
	return c.limit(out)
}

func getMobileDeviceStatistics(c *invocation) ([]object, *failure) {
	list, bad := c.phones()
	if bad != nil {
		return nil, bad
	}
	var out []object
	for _, p := range list {
		o := c.showPhone(p)
		status := "DeviceOk"
		switch {
		case !p.WipeAcked.IsZero():
			status = map[bool]string{true: "AccountOnlyDeviceWipeSucceeded", false: "DeviceWipeSucceeded"}[p.WipeAccountOnly]
		case !p.WipeRequested.IsZero():
			status = map[bool]string{true: "AccountOnlyDeviceWipePending", false: "DeviceWipePending"}[p.WipeAccountOnly]
		case o["DeviceAccessState"] == "Blocked":
			status = "DeviceBlocked"
		}
		o["Status"], o["DeviceWipeStatus"] = status, status
		o["LastSyncAttemptTime"], o["LastSuccessSync"] = moment(p.LastSync), moment(p.LastSync)
		for _, kind := range []string{"", "AccountOnly"} { // a wipe of the account only has times of its own
			requested, acked := p.WipeRequested, p.WipeAcked
			if p.WipeAccountOnly != (kind != "") {
				requested, acked = time.Time{}, time.Time{}
			}
			o[kind+"DeviceWipeRequestTime"], o[kind+"DeviceWipeSentTime"], o[kind+"DeviceWipeAckTime"] = moment(requested), moment(acked), moment(acked)
		}
		o["IsRemoteWipeSupported"] = true
		out = append(out, o)
	}
	return out, nil
}

// clearMobileDevice asks the phone to wipe itself; it acknowledges at its next sync. Outlook mobile
// is always wiped by account only.
func clearMobileDevice(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	p, bad := c.namedPhone(identity)
	if bad != nil {
		return nil, bad
	}
	accountOnly, _, bad := c.truth("AccountOnly")
	if bad != nil {
		return nil, bad
	}
	cancel, _, bad := c.truth("Cancel")
	switch {
	case bad != nil:
		return nil, bad
	case !cancel && accountOnly && p.NoAccountOnly: // "the wipe will fail and an error will be given": Exchange, Perform a remote wipe on a mobile phone
		return nil, refused(recipientException, "The device '%s' doesn't support an account-only remote wipe: that takes Exchange ActiveSync 16.1 or later.", p.Identity)
	case cancel && p.WipeAcked.IsZero():
		c.t.before(kindPhone, p.Identity, c.now)
		p.WipeRequested, p.WipeAccountOnly = time.Time{}, false
	case !cancel && (p.WipeRequested.IsZero() || !p.WipeAcked.IsZero() && p.LastSync.After(p.WipeAcked)): // the account may have been put back since
		c.t.before(kindPhone, p.Identity, c.now)
		p.WipeRequested, p.WipeAcked, p.WipeAccountOnly = c.now, time.Time{}, accountOnly || p.ClientType == "REST"
	}
	return nil, nil
}

// removeMobileDevice ends the partnership. A wipe that was not acknowledged yet is lost with it:
// the data stays on the phone.
func removeMobileDevice(c *invocation) ([]object, *failure) {
	identity, _, bad := c.text("Identity")
	if bad != nil {
		return nil, bad
	}
	p, bad := c.namedPhone(identity)
	if bad != nil {
		return nil, bad
	}
	c.t.before(kindPhone, p.Identity, c.now)
	p.Removed = true
	return nil, nil
}
