package notices_test

import (
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// TestAWorkflowOfEveryCloudIsTaken: each of Microsoft's clouds hands out addresses of its own, those of Logic
// Apps and, since 2025, those of its Power Platform.
// Sources: microsoft/Agents-for-js, copilotstudio-client, environment endpoints of each cloud; Azure Logic
// Apps, in Azure Government and in Azure operated by 21Vianet.
func TestAWorkflowOfEveryCloudIsTaken(t *testing.T) {
	t.Parallel()
	for cloud, hosts := range map[string][]string{
		"worldwide": {"prod-28.westeurope.logic.azure.com", "0123456789abcdef.ae.environment.api.powerplatform.com"},
		"GCC":       {"0123456789abcdef.a.environment.api.gov.powerplatform.microsoft.us"},
		"usgov":     {"prod-04.usgovvirginia.logic.azure.us", "0123456789abcdef.a.environment.api.high.powerplatform.microsoft.us"},
		"usgovdod":  {"prod-01.usdodcentral.logic.azure.us", "0123456789abcdef.a.environment.api.appsplatform.us"},
		"china":     {"prod-02.chinaeast2.logic.azure.cn", "0123456789abcdef.a.environment.api.powerplatform.partner.microsoftonline.cn"},
	} {
		for _, host := range hosts {
			if _, err := open(t, offboarding.Channel{Kind: offboarding.ChannelTeams, URL: "https://" + host + ":443/workflows/0123/triggers/manual/paths/invoke?sig=abc"}); err != nil {
				t.Errorf("%s, %s: %v", cloud, host, err)
			}
		}
	}
}

// TestACardOpensThePortalsOfItsCloud: every page that a task can name, and none of another cloud's.
func TestACardOpensThePortalsOfItsCloud(t *testing.T) {
	t.Parallel()
	const id = "87d349ed-44d7-43e1-9a83-5f2406dee5bd"
	for _, cloud := range offboarding.Clouds {
		t.Run(cloud.Name, func(t *testing.T) {
			t.Parallel()
			p := cloud.Portal
			pages := []string{
				p.User(id), p.Methods(id), p.Roles(id), p.DeletedUsers(), p.Account(id), p.Licences(id), p.Owners(id), p.Group(id), p.DeletedGroups(),
				p.Device(id), p.App(id), p.ConditionalAccess(id), p.EnterpriseApp(id, id), p.ManagedDevice(id),
			}
			if p.Teams != "" {
				pages = append(pages, p.TelephoneNumbers())
			}
			a := offboarding.Announcement{ID: "ntc_1", Title: "A person is needed", Text: "look at " + strings.Join(pages, ", ") + "; numbers: " + p.TelephoneNumbers()}
			want := slices.Clone(pages)
			if p.Teams != "" {
				want = append(want, p.TelephoneNumbers())
			}
			if text, opened := shown(t, posted(t, a)); !strings.Contains(text, a.Text) || !slices.Equal(opened, want) {
				t.Errorf("it opens\n%s\nwant\n%s", strings.Join(opened, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
