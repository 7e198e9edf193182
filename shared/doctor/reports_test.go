package doctor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"leaver/shared/bus"
	"leaver/shared/doctor"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// Public reports of checks before a departure, an installation or a deployment that said that all was well
// when it was not, or the other way round, each tried on this one.

// wrongly are the findings that are not ok, as check and subject.
func wrongly(all []doctor.Finding, state doctor.State) []string {
	var subjects []string
	for _, f := range all {
		if f.State == state {
			subjects = append(subjects, f.Check+" "+f.Subject)
		}
	}
	return subjects
}

// TestConsentIsWhatWasGivenAndNotWhatWasAskedFor: the consent dialogue comes back with admin_consent=True,
// and no permission was granted. What counts are the assignments of the service principal.
// Reports: MicrosoftDocs/azure-docs#84585, OfficeDev/microsoft-teams-library-js#1909.
func TestConsentIsWhatWasGivenAndNotWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.app("signout", func(a *simtenant.App) { a.Roles = nil })
	signout, _ := offboarding.FunctionOf("signout")
	var want []string
	for _, p := range signout.Roles() {
		want = append(want, "permissions Leaver signout: "+p)
	}
	if got := wrongly(i.Examine(t.Context()), doctor.Wrong); !slices.Equal(got, want) {
		t.Errorf("wrong is %q, want each permission of signout: %q", got, want)
	}
}

// TestPermissionsBeyondOnePageAreSeen: a list of assignments came without all of them, and without a
// word that there were more. A permission that is too much must not hide behind a hundred others.
// Reports: microsoftgraph/microsoft-graph-docs-contrib#6525, #2851, microsoftgraph/microsoft-graph-docs#12243.
func TestPermissionsBeyondOnePageAreSeen(t *testing.T) {
	t.Parallel()
	i := install(t)
	const many = 250
	var surplus []string
	for n := range many {
		surplus = append(surplus, fmt.Sprintf("Invented%03d.Read.All", n))
	}
	i.Tenant.Edit(func(w *simtenant.World) { w.Permissions = append(w.Permissions, surplus...) })
	i.app("plan", func(a *simtenant.App) { a.Roles = append(slices.Clone(a.Roles), surplus...) })
	if got := wrongly(i.Examine(t.Context()), doctor.Wrong); len(got) != many {
		t.Errorf("%d permissions are named as too much, want %d", len(got), many)
	}
}

// TestToBeLetInIsNotToBeAllowed: a preflight said ok because the sign-in worked, and everything after it was
// refused. What could not be looked at is unknown, is not counted as fine, and says what would show it.
// Report: kubestellar/console#14393.
func TestToBeLetInIsNotToBeAllowed(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Doctor.Directory, i.Doctor.Exchange = i.As("preserve") // no permission in Graph at all
	i.hidden = errors.New("HTTP 401")
	for _, f := range i.Examine(t.Context()) {
		switch f.Check {
		case "clock", "permissions", "emergency", "workflows", "bus", "licences":
			if f.State != doctor.Unknown || f.Fix == "" {
				t.Errorf("%+v; want unknown, with what would show it", f)
			}
		}
	}
}

// TestWhatIsNotThereIsNeverAllowed: asked about a resource that does not exist, a check answered yes. A name
// with a mistake in it protects nobody, a group that is gone neither.
// Report: kubernetes/kubernetes#95480.
func TestWhatIsNotThereIsNeverAllowed(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Doctor.Policy.Protected = []string{"nobody.at.all@contoso.com"}
	i.Doctor.Policy.ProtectedGroups = []string{"00000000-0000-4000-8000-00000000dead"}
	i.Doctor.Policy.FilesTo = "b!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	i.entities["wipe"] = false
	want := []string{
		"bus leaver: wipe", "policy protected: nobody.at.all@contoso.com", "policy protectedGroups: 00000000-0000-4000-8000-00000000dead", "policy filesTo: " + i.Doctor.Policy.FilesTo,
	}
	if got := wrongly(i.Examine(t.Context()), doctor.Wrong); !slices.Equal(got, want) {
		t.Errorf("wrong is %q, want %q", got, want)
	}
}

// TestNothingIsFineOfWhichAPartIsNot: a section had its check mark although one of its lines had failed. No
// subject is called ok beside one of the same that is not.
// Report: flutter/flutter#3625.
func TestNothingIsFineOfWhichAPartIsNot(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.app("forward", func(a *simtenant.App) { a.ExchangeGroups = nil })
	i.surplus["block"] = []string{"everything ($Default)"}
	i.rights.Send = nil
	i.Doctor.Policy.Limits = offboarding.Limits{}
	ok := map[string]bool{}
	all := i.Examine(t.Context())
	for _, f := range all {
		if f.State == doctor.OK {
			ok[f.Check+" "+f.Subject] = true
		}
	}
	for _, subject := range []string{"permissions Leaver forward", "bus leaver", "rights the bus", "limits limits"} {
		if ok[subject] {
			t.Errorf("%s is called ok", subject)
		}
	}
	if n := doctor.Count(all); n != 6 {
		t.Errorf("%d are wrong, want the role group, the filter, three rights to send and the limits: %q", n, wrongly(all, doctor.Wrong))
	}
}

// TestASubscriptionMadeByHandTakesEverything: whoever makes one gets the rule $Default, which takes all that
// is sent, and what is made afterwards only adds to it. servicebus.TestFiltersAreCompared… reads it.
// Reports: hashicorp/terraform-provider-azurerm#20718, #32430; Azure/azure-service-bus-dotnet#433.
func TestASubscriptionMadeByHandTakesEverything(t *testing.T) {
	t.Parallel()
	i := install(t)
	for _, s := range bus.Subscriptions() {
		if !s.OfQueue() {
			i.surplus[s.Name] = []string{"everything ($Default)"}
		}
	}
	for _, f := range i.Examine(t.Context()) {
		if f.Check == "bus" && (f.State != doctor.Wrong || !strings.Contains(f.Why, "$Default") || !strings.Contains(f.Fix, "rule delete")) {
			t.Errorf("%+v; want what it takes, and how the rule goes", f)
		}
	}
}

// TestWhatTheDoctorSaysHoldsNothingOfAPersonAndNoSecret: what such commands print ends in tickets and logs,
// and others printed keys, addresses and names there. Somebody here owns a registration, is protected,
// administers alone, and the webhook's secret is short: none of that is repeated but the object id, and what the
// policy itself says.
// Reports: rorkai/App-Store-Connect-CLI#520, NVIDIA/NemoClaw#7356, millionco/react-doctor#598. And what is missing is said
// all the same: openai/codex#44527.
func TestWhatTheDoctorSaysHoldsNothingOfAPersonAndNoSecret(t *testing.T) {
	t.Parallel()
	i := install(t)
	const secret = "whsec_Y2FuYXJ5LXNlY3JldA=="
	var people []string
	i.Tenant.Edit(func(w *simtenant.World) {
		for _, u := range w.Users {
			people = append(people, u.UserPrincipalName, u.DisplayName)
		}
	})
	i.app("licence", func(a *simtenant.App) {
		a.Secret = "canary-client-secret"
		a.Owners = []string{simtenant.UserID("adele.vance@contoso.com")}
		a.Credentials = []simtenant.Credential{{Begins: i.Harness.Now().Add(-time.Hour), Ends: i.Harness.Now().Add(time.Hour)}}
	})
	i.Tenant.Edit(func(w *simtenant.World) {
		w.ConditionalAccess = append(w.ConditionalAccess, simtenant.ConditionalAccessPolicy{ID: uuid.NewString(), State: "enabled", IncludeUsers: []string{"All"}, GrantControls: []string{"mfa"}})
	})
	i.Webhooks = []string{secret}
	i.Doctor.Policy.Protected = []string{"adele.vance@contoso.com"} // who is there, and needs no word
	c := i.Open(t, "alex.wilber@contoso.com", offboarding.Options{}, i.Doctor.Policy)
	if err := i.Harness.Ledger.Freeze(t.Context(), offboarding.Person{Name: "Miriam Graham"}, "a canary reason"); err != nil {
		t.Fatal(err)
	}
	if err := i.Store.Append(t.Context(), "00000000-0000-4000-8000-000000000000-1", 1, "planning", []byte(`{"position":1,"kind":"opened","personal":"canary@contoso.com"}`)); err != nil {
		t.Fatal(err)
	}
	for _, as := range []string{"everything", "onedrive"} {
		if as != "everything" {
			i.Doctor.Directory, i.Doctor.Exchange = i.As(as)
		}
		found := i.Examine(t.Context())
		if doctor.Count(found) == 0 {
			t.Fatal("nothing is wrong; want something to be said")
		}
		said, err := json.Marshal(found)
		if err != nil {
			t.Fatal(err)
		}
		for _, canary := range append(people, secret, strings.TrimPrefix(secret, "whsec_"), "canary-client-secret", "canary@contoso.com", "Miriam", "a canary reason", "alex.wilber", c.Leaver) {
			if canary != "" && strings.Contains(string(said), canary) {
				t.Errorf("as %s the doctor says %q", as, canary)
			}
		}
		if as == "everything" && !strings.Contains(string(said), "a secret has 13 bytes and needs 24") {
			t.Errorf("what is wrong with the secret is not said: %s", said)
		}
	}
}

// TestAPersonIsToldWhatOnlyAFunctionSees: with somebody's own rights the doctor claims nothing about what the
// functions may do on the bus.
func TestAPersonIsToldWhatOnlyAFunctionSees(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Doctor.Own, i.Doctor.Application = nil, ""
	i.rights = bus.Rights{} // a reader's
	if got := wrongly(i.Examine(t.Context()), doctor.Unknown); !slices.Equal(got, []string{"rights the bus"}) {
		t.Errorf("unknown is %q, want the rights on the bus alone", got)
	}
}

// TestPlanSeesWhatItsOwnRightsShow examines as the function plan does on AWS: with its permissions in
// Microsoft Graph, none in Exchange, and its own rights on the bus.
func TestPlanSeesWhatItsOwnRightsShow(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.as(offboarding.FunctionPlan)
	i.Tenant.Edit(func(w *simtenant.World) { delete(w.Apps, clientID(offboarding.FunctionPlan)) }) // the harness has one
	i.Doctor.Directory, _ = i.As(offboarding.FunctionPlan)
	i.Doctor.Exchange, i.Doctor.Application = nil, clientID(offboarding.FunctionPlan)
	i.rights = bus.RightsOf(offboarding.FunctionPlan)
	i.app("wipe", func(a *simtenant.App) { a.Roles = append(slices.Clone(a.Roles), "User.ReadWrite.All") })
	found := i.Examine(t.Context())
	if got := wrongly(found, doctor.Wrong); !slices.Equal(got, []string{"permissions Leaver wipe: User.ReadWrite.All"}) {
		t.Errorf("wrong is %q, want the permission of wipe that is too much", got)
	}
	for _, subject := range wrongly(found, doctor.Unknown) {
		if check, _, _ := strings.Cut(subject, " "); !slices.Contains([]string{"exchange", "workflows", "licences", "retention"}, check) {
			t.Errorf("%s is unknown to plan", subject)
		}
	}
}
