package simtenant

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

type args = map[string]any

func TestCmdletRefusals(t *testing.T) {
	f := setUp(t, Config{})
	reader, recipients, nobody := "reader", "recipients", "nobody"
	for id, role := range map[string]string{reader: "Global Reader", recipients: "Exchange Recipient Administrator", nobody: ""} {
		f.AddApp(App{ClientID: id, Secret: "s", Roles: []string{exchangeRole}, ExchangeRole: role})
	}
	f.AddApp(App{ClientID: "roleless", Secret: "s", ExchangeRole: "Exchange Administrator"})
	adele := id("adele.vance")
	for _, c := range []struct {
		app, cmdlet string
		args        args
		status      int
		text        string
	}{
		{DefaultClientID, "Get-Mailbox", args{"Identity": "nobody"}, 404, "Ex6F9304|" + notFoundException + "|The operation couldn't be performed because object 'nobody' couldn't be found on '" + backEnd + "'."},
		{DefaultClientID, "Get-Mailbox", args{"Identity": id("pradeep.gupta")}, 404, notFoundException},
		{DefaultClientID, "Set-Mailbox", args{"Identity": adele, "Colour": "red"}, 400, bindingException + "|A parameter cannot be found that matches parameter name 'Colour'."},
		{DefaultClientID, "Set-Mailbox", args{"Identity": adele, "DeliverToMailboxAndForward": "yes"}, 400, "ArgumentTransformation"},
		{DefaultClientID, "Set-Mailbox", args{"Identity": adele, "Type": "Public"}, 400, "ArgumentTransformation"},
		{DefaultClientID, "Set-Mailbox", args{"Identity": adele, "ForwardingAddress": "nobody"}, 404, notFoundException},
		{DefaultClientID, "Set-Mailbox", args{"Identity": id("megan.bowen"), "HiddenFromAddressListsEnabled": true}, 400, "synchronized from your on-premises organization"},
		{DefaultClientID, "Set-Mailbox", args{"Identity": id("christie.cline"), "LitigationHoldEnabled": true}, 400, "Your Microsoft Exchange Online license doesn't permit you to put a litigation hold on this mailbox."},
		{DefaultClientID, "New-Mailbox", args{"Name": "x"}, 400, "CommandNotFoundException"},
		{DefaultClientID, "Clear-MobileDevice", args{"Identity": "none"}, 404, notFoundException},
		{recipients, "Set-Mailbox", args{"Identity": adele, "LitigationHoldEnabled": true}, 400, "A parameter cannot be found that matches parameter name 'LitigationHoldEnabled'."},
		{reader, "Set-Mailbox", args{"Identity": adele, "HiddenFromAddressListsEnabled": true}, 401, "User is not allowed to call Set-Mailbox"},
		{nobody, "Get-Mailbox", args{"Identity": adele}, 401, "isn't supported in this scenario"},
		{"roleless", "Get-Mailbox", args{"Identity": adele}, 401, "isn't supported in this scenario"},
		{reader, "Get-Mailbox", args{"Identity": adele}, 200, ""},
	} {
		a := f.runAs(c.app, c.cmdlet, c.args)
		if a.status != c.status || !strings.Contains(a.detail(), c.text) {
			t.Errorf("%s %s %v: %d %s", c.app, c.cmdlet, c.args, a.status, a.detail())
		}
	}
	m, _ := f.Mailbox(adele)
	if m.Hidden || m.LitigationHold || m.PendingType != "" {
		t.Errorf("a refused cmdlet changed %+v", m)
	}
	equal(t, "not simulated", len(f.Unknown()), 2) // Colour, New-Mailbox
}

func TestSetMailbox(t *testing.T) {
	f := setUp(t, Config{Knobs: Knobs{SharedDelay: 5 * time.Minute}})
	adele := id("adele.vance")
	set := func(more args) answer {
		t.Helper()
		more["Identity"] = adele
		a := f.exec("Set-Mailbox", more)
		f.want(a, 200, "")
		return a
	}
	set(args{"ForwardingSmtpAddress": "smtp:alex.wilber@contoso.com", "DeliverToMailboxAndForward": true})
	again := set(args{"ForwardingSmtpAddress": "alex.wilber@contoso.com", "DeliverToMailboxAndForward": true})
	equal(t, "warning", fmt.Sprint(again.body["@adminapi.warnings"]), "[The command completed successfully but no settings of 'adele.vance' have been modified.]")
	set(args{"LitigationHoldEnabled": true, "LitigationHoldDuration": 365, "RetentionComment": "left"})
	set(args{"GrantSendOnBehalfTo": args{"@odata.type": "#Exchange.GenericHashTable", "add": []string{"alex.wilber"}}, "HiddenFromAddressListsEnabled": true})
	set(args{"AccountDisabled": true, "Type": "Shared"})

	got := f.exec("Get-Mailbox", args{"Identity": "Adele.Vance@contoso.com"}).values()[0]
	for key, want := range map[string]string{
		"RecipientTypeDetails": "UserMailbox", "ForwardingSmtpAddress": "smtp:alex.wilber@contoso.com", "DeliverToMailboxAndForward": "true", "LitigationHoldEnabled": "true",
		"LitigationHoldDuration": "365.00:00:00", "HiddenFromAddressListsEnabled": "true", "AccountDisabled": "true", "GrantSendOnBehalfTo": "[alex.wilber]", "ExternalDirectoryObjectId": adele,
	} {
		equal(t, key, fmt.Sprint(got[key]), want)
	}
	equal(t, "account", f.user("adele.vance").AccountEnabled, false)
	f.Advance(5 * time.Minute)
	m, _ := f.Mailbox(adele)
	equal(t, "type", m.Type, "SharedMailbox")
	set(args{"ForwardingSmtpAddress": nil, "DeliverToMailboxAndForward": false, "ForwardingAddress": "alex.wilber"})
	m, _ = f.Mailbox(adele)
	equal(t, "forwarding", m.ForwardingSMTPAddress+" "+m.ForwardingAddress, " "+id("alex.wilber"))
	for _, identity := range []string{adele, "adele.vance", m.ExchangeGUID, "a.vance@contoso.com"} {
		equal(t, identity, f.exec("Get-Mailbox", args{"Identity": identity}).status, 200)
	}
	equal(t, "$select", fmt.Sprint(f.exec("Get-Mailbox", args{"Identity": adele}, f.conn.Exchange+"/adminapi/beta/"+f.conn.TenantID+"/InvokeCommand?$select=Alias").values()), "[map[Alias:adele.vance]]")
	f.known()
}

func TestProtocolsAndPhones(t *testing.T) {
	f := setUp(t, Config{SyncEvery: 10 * time.Minute})
	henrik := id("henrik.holm")
	phones := f.exec("Get-MobileDevice", args{"Mailbox": henrik}).values()
	equal(t, "phones", len(phones), 2)
	all := args{"Identity": henrik, "ActiveSyncBlockedDeviceIDs": args{"@odata.type": "#Exchange.GenericHashTable", "add": phones[0]["DeviceId"]}}
	for _, p := range protocolSwitches {
		all[p] = p == "SmtpClientAuthenticationDisabled"
	}
	f.want(f.exec("Set-CASMailbox", all), 200, "")
	cas := f.exec("Get-CASMailbox", args{"Identity": henrik}).values()[0]
	equal(t, "MAPI", fmt.Sprint(cas["MAPIEnabled"]), "false")
	equal(t, "blocked", fmt.Sprint(cas["ActiveSyncBlockedDeviceIDs"]), fmt.Sprintf("[%v]", phones[0]["DeviceId"]))

	for _, p := range phones {
		f.want(f.exec("Clear-MobileDevice", args{"Identity": p["Identity"], "AccountOnly": true, "NotificationEmailAddresses": []string{"it@contoso.com"}, "Confirm": false}), 200, "")
	}
	state := func() string { return f.exec("Get-MobileDeviceStatistics", args{"Mailbox": henrik}).names("Status") }
	equal(t, "at once", state(), "AccountOnlyDeviceWipePending AccountOnlyDeviceWipePending")
	pending := f.exec("Get-MobileDeviceStatistics", args{"Mailbox": henrik}).values()[0]
	equal(t, "account only", pending["AccountOnlyDeviceWipeRequestTime"], any(start.Format("2006-01-02T15:04:05Z")))
	equal(t, "the whole device", pending["DeviceWipeRequestTime"], nil)
	f.Advance(25 * time.Minute)
	equal(t, "shut out, nobody hears of it", state(), "AccountOnlyDeviceWipePending AccountOnlyDeviceWipePending")
	f.Edit(func(w *World) {
		w.Mailboxes[henrik].Protocols["ActiveSyncEnabled"], w.Mailboxes[henrik].BlockedDeviceIDs = true, nil
	})
	f.Advance(time.Minute)
	var acked, dead Phone
	for _, p := range phones {
		if ph, _ := f.Phone(p["Identity"].(string)); ph.Dead {
			dead = ph
		} else {
			acked = ph
		}
	}
	equal(t, "acknowledged once it is let in again", acked.WipeAcked.After(start.Add(25*time.Minute)), true)
	equal(t, "the dead phone", dead.WipeAcked.IsZero(), true)
	f.want(f.exec("Clear-MobileDevice", args{"Identity": dead.Identity, "Cancel": true}), 200, "")
	f.want(f.exec("Remove-MobileDevice", args{"Identity": acked.Identity, "Confirm": false}), 200, "")
	equal(t, "left", len(f.exec("Get-MobileDevice", args{"Mailbox": henrik}).values()), 1)
	outlook := f.exec("Get-MobileDevice", args{"Mailbox": id("patti.fernandez")}).values()[0]
	if !strings.Contains(outlook["Identity"].(string), `\ExchangeActiveSyncDevices\REST§Outlook§`) {
		t.Errorf("identity is %v", outlook["Identity"])
	}
	f.want(f.exec("Clear-MobileDevice", args{"Identity": outlook["Identity"]}), 200, "")
	p, _ := f.Phone(outlook["Identity"].(string))
	equal(t, "Outlook is wiped by account only", p.WipeAccountOnly, true)
	f.known()
}

func TestAPhoneWithoutMailboxNeverAcknowledges(t *testing.T) {
	f := setUp(t, Config{})
	phone := f.exec("Get-MobileDevice", args{"Mailbox": id("patti.fernandez")}).values()[0]["Identity"].(string)
	f.want(f.exec("Clear-MobileDevice", args{"Identity": phone}), 200, "")
	f.want(f.call("DELETE", "/users/"+id("patti.fernandez"), nil), 204, "")
	f.Advance(24 * time.Hour)
	p, _ := f.Phone(phone)
	equal(t, "acknowledged", p.WipeAcked.IsZero(), true)
}

func TestRulesAndSizes(t *testing.T) {
	f := setUp(t, Config{})
	henrik := id("henrik.holm")
	rule := f.exec("Get-InboxRule", args{"Mailbox": henrik}).values()[0]
	equal(t, "redirect", fmt.Sprint(rule["RedirectTo"]), `["henrik.holm@fabrikam.com" [SMTP:henrik.holm@fabrikam.com]]`)
	f.want(f.exec("Disable-InboxRule", args{"Mailbox": henrik, "Identity": rule["RuleIdentity"], "Confirm": false}), 200, "")
	f.want(f.exec("Disable-InboxRule", args{"Identity": "henrik.holm\\none"}), 404, "NotFound")
	m, _ := f.Mailbox(henrik)
	equal(t, "enabled", m.Rules[0].Enabled, false)
	equal(t, "size", fmt.Sprint(f.exec("Get-MailboxStatistics", args{"Identity": id("lidia.holloway")}).values()[0]["TotalItemSize"]), "14.61 GB (15,687,850,951 bytes)")
	equal(t, "nothing", fmt.Sprint(f.exec("Get-MailboxStatistics", args{"Identity": id("adele.vance")}).values()[0]["TotalItemSize"]), "0 B (0 bytes)")
	equal(t, "recipient", fmt.Sprint(f.exec("Get-Recipient", args{"Identity": "reception@contoso.com"}).values()[0]["RecipientTypeDetails"]), "SharedMailbox")
	f.want(f.exec("Set-MailboxAutoReplyConfiguration", args{"Identity": henrik, "AutoReplyState": "Enabled", "InternalMessage": "in", "ExternalMessage": "out", "ExternalAudience": "Known"}), 200, "")
	m, _ = f.Mailbox(henrik)
	equal(t, "auto-reply", m.AutoReply.Status+" "+m.AutoReply.Audience, "alwaysEnabled contactsOnly")
	f.want(f.exec("Add-MailboxPermission", args{"Identity": henrik, "User": "alex.wilber@contoso.com", "AccessRights": []string{"FullAccess"}, "AutoMapping": false}), 200, "")
	equal(t, "rights", len(f.exec("Get-MailboxPermission", args{"Identity": henrik}).values()), 2)
	f.want(f.exec("Remove-MailboxPermission", args{"Identity": henrik, "User": id("alex.wilber"), "AccessRights": "FullAccess", "Confirm": false}), 200, "")
	f.want(f.exec("Remove-DistributionGroupMember", args{"Identity": GroupID(GroupNews), "Member": henrik, "BypassSecurityGroupManagerCheck": true, "Confirm": false}), 200, "")
	f.want(f.exec("Remove-DistributionGroupMember", args{"Identity": GroupID(GroupNews), "Member": henrik, "BypassSecurityGroupManagerCheck": true}), 404, "NotFound")
	g, _ := f.GroupByName(GroupNews)
	equal(t, "members", fmt.Sprint(g.Members), fmt.Sprint([]string{id("emily.braun")}))
	f.known()
}

func TestCmdletPages(t *testing.T) {
	f := setUp(t, Config{Users: 40})
	aliases := map[string]bool{}
	target := f.conn.Exchange + "/adminapi/beta/" + f.conn.TenantID + "/InvokeCommand"
	for pages := 0; target != ""; pages++ {
		a := f.exec("Get-Mailbox", args{"ResultSize": "Unlimited"}, target, "Prefer", "odata.maxpagesize=15")
		f.want(a, 200, "")
		if len(a.values()) > 15 {
			t.Errorf("a page holds %d mailboxes, want 15 at most", len(a.values()))
		}
		for _, v := range a.values() {
			aliases[v["Alias"].(string)] = true
		}
		target, _ = a.body["@odata.nextLink"].(string)
		if pages > 5 {
			t.Fatal("pages without end")
		}
	}
	want := 0
	f.Edit(func(w *World) { want = len(w.Mailboxes) })
	equal(t, "mailboxes", len(aliases), want)
}
