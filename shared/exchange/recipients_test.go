package exchange

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

const self = `{"value":[{"ExternalDirectoryObjectId":"` + leaver + `","RecipientTypeDetails":"MailUser","Name":"o'neil","DistinguishedName":"CN=o'neil,DC=x"}]}`

func TestWhoeverExchangeDoesNotKnowHasNothing(t *testing.T) {
	c, _, ctx := serve(t, cmdlets(nil))
	if groups, err := c.ManagedGroups(ctx, leaver); err != nil || len(groups) > 0 {
		t.Errorf("nobody manages %v, %v", groups, err)
	}
	if to, err := c.ForwardingTo(ctx, leaver, []string{"o'neil@contoso.com"}); err != nil || len(to) > 0 {
		t.Errorf("mail goes to nobody from %v, %v", to, err)
	}
	c, _, ctx = serve(t, cmdlets(map[string]string{"Get-Recipient": strings.Replace(self, "8", "9", 1)}))
	var p *offboarding.PermanentError
	if _, err := c.ManagedGroups(ctx, leaver); !errors.As(err, &p) {
		t.Errorf("another recipient: got %v, want a permanent error", err)
	}
}

func TestGroupsAreFoundByWhoManagesThem(t *testing.T) {
	c, _, ctx := serve(t, cmdlets(map[string]string{
		"Get-Recipient":         self,
		"Get-DistributionGroup": `{"value":[{"ExternalDirectoryObjectId":"g","DisplayName":"Old List","ManagedBy":["o'neil"]},{"DisplayName":"New List","ManagedBy":["o'neil","bo"]}]}`,
	}))
	got, err := c.ManagedGroups(ctx, leaver)
	if want := []offboarding.MailGroup{{ID: "g", DisplayName: "Old List", Managers: []string{"o'neil"}}, {DisplayName: "New List", Managers: []string{"o'neil", "bo"}}}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestWhatSomebodyOverseesIsListedWhateverOneCmdletSays(t *testing.T) {
	c, _, ctx := serve(t, cmdlets(map[string]string{
		"Get-Recipient":                self,
		"Get-DistributionGroup":        `{"value":[{"Guid":"g","DisplayName":"Old List","IsDirSynced":true,"ManagedBy":["bo"],"ModerationEnabled":true,"ModeratedBy":["o'neil"]}]}`,
		"Get-DynamicDistributionGroup": `{"value":[{"Guid":"d","DisplayName":"All","ManagedBy":"o'neil","ModeratedBy":["o'neil"]}]}`,
	}))
	got, err := c.Overseen(ctx, leaver)
	want := []offboarding.Overseen{
		{GUID: "g", DisplayName: "Old List", OnPremises: true, Moderators: []string{"o'neil"}},
		{GUID: "d", DisplayName: "All", Managers: []string{"o'neil"}},
	}
	if err == nil || !strings.Contains(err.Error(), "Get-Mailbox") || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v and what was refused", got, err, want)
	}
}

func TestWhatKeepsAndWhatLiesInAMailbox(t *testing.T) {
	c, _, ctx := serve(t, cmdlets(map[string]string{
		"Get-Mailbox":                 `{"value":[{"ExternalDirectoryObjectId":"` + leaver + `","DelayHoldApplied":true,"ComplianceTagHoldApplied":true,"InPlaceHolds":["skp1:2"]}]}`,
		"Get-OrganizationConfig":      `{"value":[{"InPlaceHolds":["mbx1:2"]}]}`,
		"Get-MailboxFolderStatistics": `{"value":[{"ItemsInFolder":2,"FolderSize":"1 KB (1,024 bytes)"},{"ItemsInFolder":1,"FolderSize":"1 B (1 bytes)"}]}`,
		"Get-CalendarProcessing":      `{"value":[{"ResourceDelegates":["adele"]}]}`,
	}))
	if got, err := c.KeptMailFlow(ctx, leaver); err != nil || !got.Hold || !got.Held || got.PoliciesUnseen {
		t.Errorf("held: got %+v, %v", got, err)
	}
	if got, err := c.OrganisationHolds(ctx); err != nil || !slices.Equal(got, []string{"mbx1:2"}) {
		t.Errorf("holds of the organisation: got %v, %v", got, err)
	}
	if got, err := c.recoverable(ctx, leaver); err != nil || got != 3 {
		t.Errorf("recoverable: got %d, %v, want 3 items", got, err)
	}
	if got, err := c.BookingDelegates(ctx, leaver); err != nil || !slices.Equal(got, []string{"adele"}) {
		t.Errorf("delegates: got %v, %v", got, err)
	}
}

func TestWhetherMailMayBeForwardedOutside(t *testing.T) {
	c, _, ctx := serve(t, cmdlets(map[string]string{
		"Get-HostedOutboundSpamFilterPolicy": `{"value":[{"Name":"Default","IsDefault":true,"AutoForwardingMode":"Automatic"},{"Name":"Sales","AutoForwardingMode":"On"},{"Name":"Unused","AutoForwardingMode":"On"}]}`,
		"Get-HostedOutboundSpamFilterRule":   `{"value":[{"HostedOutboundSpamFilterPolicy":"Sales","State":"Disabled"}]}`,
		"Get-RemoteDomain":                   `{"value":[{"DomainName":"*","AutoForwardEnabled":true},{"DomainName":"Fabrikam.com","AutoForwardEnabled":false}]}`,
	}))
	got, err := c.ForwardingOutside(ctx)
	want := offboarding.ForwardingOutside{Modes: map[string]string{"Default": "Automatic"}, Domains: map[string]bool{"*": true, "fabrikam.com": false}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if !got.Forbidden("litware.com") {
		t.Error("Automatic forbids to forward, and is not taken so")
	}
	got.Modes["Default"] = "On"
	if got.Forbidden("litware.com") || !got.Forbidden("FABRIKAM.com") {
		t.Error("a remote domain decides over its own domain alone")
	}
}
