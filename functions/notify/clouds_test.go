package notify_test

import (
	"strings"
	"testing"

	"leaver/shared/notices"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestMailIsSentInEveryCloud, at the host of its Graph and by the permission that it has there; where its
// text names a page, it is one of that cloud's portal.
// Source: Microsoft Graph, user: sendMail, national cloud deployments.
func TestMailIsSentInEveryCloud(t *testing.T) {
	t.Parallel()
	for _, cloud := range offboarding.Clouds {
		t.Run(cloud.Name, func(t *testing.T) {
			t.Parallel()
			h := steptest.NewIn(t, cloud.Name)
			from := simtenant.UserID("irvin.sayers@contoso.com")
			directory, _ := h.As(offboarding.FunctionNotify)
			h.Tenant.Edit(func(w *simtenant.World) {
				for _, a := range w.Apps {
					if a.Name == offboarding.Registrations+offboarding.FunctionNotify {
						a.SendsAs = []string{from}
					}
				}
			})
			sender, err := notices.Open(t.Context(), offboarding.Channel{Name: "it", Kind: offboarding.ChannelMail, Audience: offboarding.AudienceIT, From: from, To: []string{"it@contoso.com"}},
				notices.Options{Mail: directory, Now: h.Now})
			if err != nil {
				t.Fatal(err)
			}
			page := cloud.User(simtenant.UserID(adele))
			if err := sender.Send(t.Context(), offboarding.Announcement{ID: "ntc_1", Title: "A person is needed", Text: "look at " + page}); err != nil {
				t.Fatal(err)
			}
			var sent []string
			h.Tenant.Edit(func(w *simtenant.World) {
				for _, m := range w.Sent {
					sent = append(sent, m.Text)
				}
			})
			if len(sent) != 1 || !strings.Contains(sent[0], page) {
				t.Errorf("sent was %q; want one that names %s", sent, page)
			}
		})
	}
}
