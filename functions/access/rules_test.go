package access_test

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/functions/forward"
	"leaver/functions/licence"
	"leaver/functions/signout"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestB2B11GroupsThatGiveLicencesAreLeftToLicence is B2 as well: who leaves such a group early loses
// the mailbox.
func TestB2B11GroupsThatGiveLicencesAreLeftToLicence(t *testing.T) {
	t.Parallel()
	static, mail := simtenant.GroupID(simtenant.GroupLicenceE3), simtenant.GroupID(simtenant.GroupMailSecurity)
	dynamic := simtenant.GroupID(simtenant.GroupLicenceDynamic)
	only := func(w *simtenant.World, person, group string) { // the one way to a mailbox
		w.Users[simtenant.UserID(person)].Licences = nil
		w.Groups[group].Members = append(w.Groups[group].Members, simtenant.UserID(person))
	}
	tests := []struct {
		name, person, group string
		edit                func(*simtenant.World)
		released            bool // by licence, without a person
	}{
		{name: "a group", person: adele, group: static, released: true, edit: func(w *simtenant.World) { only(w, adele, static) }},
		{name: "a mail-enabled security group", person: adele, group: mail, released: true, edit: func(w *simtenant.World) {
			w.Groups[mail].Licences = w.Groups[static].Licences
			only(w, adele, mail)
		}},
		{name: "a dynamic group", person: "isaiah.langer@contoso.com", group: dynamic},
		{name: "a synchronised group", person: "diego.siciliani@contoso.com", group: simtenant.GroupID(simtenant.GroupLicenceOnPrem), edit: func(w *simtenant.World) {
			for _, u := range w.Users { // nobody reports to him
				if u.ManagerID == simtenant.UserID("diego.siciliani@contoso.com") {
					u.ManagerID = simtenant.UserID(alex)
				}
			}
		}},
		{name: "a group that a dynamic one asks for", person: "isaiah.langer@contoso.com", group: simtenant.GroupID(simtenant.GroupProject), released: true, edit: func(w *simtenant.World) {
			project := w.Groups[simtenant.GroupID(simtenant.GroupProject)]
			project.Members = append(project.Members, simtenant.UserID("isaiah.langer@contoso.com"))
			w.Groups[dynamic].MembershipRule = `user.memberOf -any (group.objectId -in ['` + project.ID + `'])`
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			if tt.edit != nil {
				h.Tenant.Edit(tt.edit)
			}
			id := simtenant.UserID(tt.person)
			policy := offboarding.DefaultPolicy()
			policy.KeepMail = offboarding.KeepNone
			c := h.Open(t, tt.person, offboarding.Options{Mailbox: offboarding.None}, policy)
			takePrivileges(t, h, c)
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, newStep(h)))
			if record.State != offboarding.StateEffective || !strings.Contains(record.Evidence[offboarding.LicenceGroups], tt.group) {
				t.Errorf("%s: %s; evidence: %v; want effective", record.State, record.Reason, record.Evidence)
			}
			if g, _ := h.Tenant.Group(tt.group); !slices.Contains(g.Members, id) {
				t.Error("the leaver is out of the group")
			}
			if m, exists := h.Tenant.Mailbox(id); !exists || !m.SoftDeletedAt.IsZero() {
				t.Error("the mailbox is gone")
			}
			directory, _ := h.As("signout")
			h.Settle(t, c.ID, h.Worker(offboarding.StepSignout, signout.New(directory, rand.Reader)))
			h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block"))))
			directory, mailboxes := h.As("forward")
			h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(directory, mailboxes, h.Ledger, policy)))
			h.Settle(t, c.ID, h.Worker(offboarding.StepLicence, licence.New(h.As("licence"))))
			if g, _ := h.Tenant.Group(tt.group); tt.released && slices.Contains(g.Members, id) {
				t.Error("licence did not leave the group either")
			}
		})
	}
}

func TestB14AGroupIsNeverLeftWithoutAnOwner(t *testing.T) {
	t.Parallel()
	const grady, lidia = "grady.archie@contoso.com", "lidia.holloway@contoso.com"
	group := simtenant.GroupID(simtenant.GroupProject)
	owners := func(people ...string) func(*simtenant.World) {
		return func(w *simtenant.World) {
			w.Groups[group].Owners = nil
			for _, p := range people {
				w.Groups[group].Owners = append(w.Groups[group].Owners, simtenant.UserID(p))
			}
		}
	}
	disable := func(h *steptest.Harness, person string) {
		h.Tenant.Edit(func(w *simtenant.World) { w.Users[simtenant.UserID(person)].AccountEnabled = false })
	}
	tests := []struct {
		name      string
		edit      func(*simtenant.World)
		options   offboarding.Options
		leaving   string                    // who is leaving as well
		meanwhile func(h *steptest.Harness) // after the owners were read
		reads     int                       // so often; none is once
		owners    []string                  // at the end
		task      string                    // what a person is asked for; empty = effective
	}{
		{name: "to the manager", edit: owners(adele), owners: []string{alex}},
		{name: "to whoever gets the mail", edit: owners(adele), options: offboarding.Options{ForwardTo: grady}, owners: []string{grady}},
		{name: "to nobody when there is another one", edit: owners(adele, lidia), owners: []string{lidia}},
		{name: "another one who is disabled is none", edit: func(w *simtenant.World) {
			owners(adele, lidia)(w)
			w.Users[simtenant.UserID(lidia)].AccountEnabled = false
		}, owners: []string{lidia, alex}},
		{name: "another one who leaves as well is none", edit: owners(adele, lidia), leaving: lidia, owners: []string{lidia, alex}},
		{name: "another one is disabled in between", edit: owners(adele, lidia), meanwhile: func(h *steptest.Harness) { disable(h, lidia) }, owners: []string{lidia, alex}},
		{name: "another one goes in between", edit: owners(adele, lidia), meanwhile: func(h *steptest.Harness) { h.Tenant.Edit(owners(adele)) }, owners: []string{alex}},
		{name: "another one goes right before the ownership ends", edit: owners(adele, lidia), meanwhile: func(h *steptest.Harness) { h.Tenant.Edit(owners(adele)) }, reads: 2, owners: []string{alex}},
		{name: "kept without a manager", edit: func(w *simtenant.World) {
			owners(adele)(w)
			w.Users[simtenant.UserID(adele)].ManagerID = ""
		}, owners: []string{adele}, task: "B14: make somebody the owner"},
		{name: "kept when the manager has left too", edit: func(w *simtenant.World) {
			owners(adele)(w)
			w.Users[simtenant.UserID(alex)].AccountEnabled = false
		}, owners: []string{adele}, task: group},
		{name: "kept when the manager is leaving too", edit: owners(adele), leaving: alex, owners: []string{adele}, task: "is leaving as well"},
		{name: "kept when the manager is a guest", edit: func(w *simtenant.World) {
			owners(adele)(w)
			w.Users[simtenant.UserID(alex)].UserType = "Guest"
		}, owners: []string{adele}, task: "is a guest"},
		{name: "of a synchronised group by a person", edit: func(w *simtenant.World) {
			owners(adele)(w)
			synced := true
			w.Groups[group].OnPremisesSyncEnabled = &synced
		}, owners: []string{adele}, task: "on-premises Active Directory"},
		{name: "of a distribution list, which Exchange knows", edit: func(w *simtenant.World) {
			owners(adele)(w)
			w.Groups[group].Unified = false
		}, owners: []string{alex}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			h.Tenant.Edit(tt.edit)
			if tt.leaving != "" {
				h.Open(t, tt.leaving, offboarding.Options{}, offboarding.DefaultPolicy())
			}
			c := h.Open(t, adele, tt.options, offboarding.DefaultPolicy())
			if tt.meanwhile != nil {
				reads := max(tt.reads, 1)
				h.OnAnswer = func(r *http.Request) error {
					if strings.HasSuffix(r.URL.Path, "/groups/"+group+"/owners") {
						if reads--; reads == 0 {
							h.OnAnswer = nil
							tt.meanwhile(h)
						}
					}
					return nil
				}
			}
			record := h.Settle(t, c.ID, h.Worker(offboarding.StepAccess, newStep(h)))
			wanted := offboarding.StateEffective
			if tt.task != "" {
				wanted = offboarding.StateManual
			}
			h.Wants(t, record, wanted, tt.task)
			var want []string
			for _, p := range tt.owners {
				want = append(want, simtenant.UserID(p))
			}
			if g, _ := h.Tenant.Group(group); !slices.Equal(g.Owners, want) {
				t.Errorf("the owners are %v, wanted %v", g.Owners, want)
			}
			if tt.task != "" {
				for _, still := range left(h, c.Leaver) {
					if !strings.HasPrefix(still, "owner of ") {
						t.Errorf("not everything else is done: %s", still)
					}
				}
			}
		})
	}
}

// TestB14UnderReadLag hands a group over although its new owner shows later.
func TestB14UnderReadLag(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.ReadLag = 30 * time.Second })
	record := settle(t, h, emily)
	if record.State != offboarding.StateEffective || record.Attempts != 1 {
		t.Errorf("%s after %d attempts: %s; want effective", record.State, record.Attempts, record.Reason)
	}
	if g, _ := h.Tenant.GroupByName(simtenant.GroupProject); !slices.Equal(g.Owners, []string{simtenant.UserID(alex)}) {
		t.Errorf("the owners are %v", g.Owners)
	}
}
