package offboarding_test

import (
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// TestAPersonLooksInThePortalsOfTheirCloud: Microsoft 365 admin center for US government and by 21Vianet;
// Microsoft Entra and Intune, national clouds.
func TestAPersonLooksInThePortalsOfTheirCloud(t *testing.T) {
	t.Parallel()
	const id = "9c47b5a3-03bf-5d30-8054-a2bd5aa95f1e"
	for cloud, hosts := range map[string][4]string{
		"":         {"entra.microsoft.com", "intune.microsoft.com", "admin.microsoft.com", "admin.teams.microsoft.com/phone-numbers"},
		"usgov":    {"entra.microsoft.us", "intune.microsoft.us", "portal.office365.us", "admin.gov.teams.microsoft.us/phone-numbers"},
		"usgovdod": {"entra.microsoft.us", "intune.microsoft.us", "portal.apps.mil", "admin.dod.teams.microsoft.us/phone-numbers"},
		"china":    {"entra.microsoftonline.cn", "intune.microsoftonline.cn", "portal.partner.microsoftonline.cn", "Voice, Phone numbers"},
	} {
		p := offboarding.Plan{CloudName: cloud}.Cloud()
		if got := p.TelephoneNumbers(); !strings.Contains(got, hosts[3]) {
			t.Errorf("cloud %q: got %s for telephone numbers, want %s", cloud, got, hosts[3])
		}
		for host, pages := range map[string][]string{
			hosts[0]: {p.User(id), p.Methods(id), p.Group(id), p.Owners(id), p.Device(id), p.App(id), p.EnterpriseApp(id, id), p.EnterpriseApp(id, ""), p.Roles(id), p.ConditionalAccess(id)},
			hosts[1]: {p.ManagedDevice(id)},
			hosts[2]: {p.Account(id), p.Licences(id)},
		} {
			for _, page := range pages {
				if !strings.HasPrefix(page, "https://"+host+"/") || !strings.Contains(page, id) {
					t.Errorf("cloud %q: got %s, want it at %s, with the id", cloud, page, host)
				}
			}
		}
	}
}

// TestATaskListsTenPagesAndHowManyMore: a reason is for a table.
func TestATaskListsTenPagesAndHowManyMore(t *testing.T) {
	t.Parallel()
	ids := strings.Split("abcdefghijkl", "")
	got := offboarding.Pages(offboarding.PortalWorldwide.User, ids)
	if strings.Count(got, "https://") != 10 || !strings.HasSuffix(got, " and 2 more") {
		t.Errorf("got %s, want ten pages and two more", got)
	}
}
