package doctor_test

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"leaver/shared/bus"
	"leaver/shared/doctor"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

const sample = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// entities are the subscriptions that a broker has.
type entities map[string]bool

func (e entities) Depth(_ context.Context, subscription string) (bus.Depth, error) {
	if !e[subscription] {
		return bus.Depth{}, bus.ErrNotFound
	}
	return bus.Depth{}, nil
}

// installation is a tenant with Leaver as infra/azure sets it up, and its doctor.
type installation struct {
	*steptest.Harness
	*doctor.Doctor
	entities entities
}

// clientID is that of a function's registration.
func clientID(function string) string {
	return uuid.NewSHA1(uuid.NameSpaceDNS, []byte(function)).String()
}

func install(t *testing.T) *installation {
	t.Helper()
	h := steptest.New(t)
	h.Ledger.HoldTo(anchorage{})
	i := &installation{Harness: h, entities: entities{}}
	policy := offboarding.DefaultPolicy()
	policy.ForwardDomains = nil
	for _, f := range doctor.Functions(policy) {
		app := simtenant.App{ClientID: clientID(f.Name), Name: offboarding.Registrations + f.Name, Roles: f.Roles()}
		if f.Exchange {
			app.ExchangeGroups = []string{f.RoleGroup()}
		}
		h.Tenant.AddApp(app)
	}
	for _, s := range bus.Subscriptions() {
		i.entities[s.Name] = true
	}
	i.Doctor = &doctor.Doctor{
		Directory: h.Graph, Exchange: h.Exchange, Bus: i.entities, Ledger: h.Ledger, Policy: policy, Functions: doctor.Functions(policy),
		Application: simtenant.DefaultClientID, Webhooks: []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))}, Sample: sample, Now: h.Now,
	}
	return i
}

// anchorage keeps no anchor yet.
type anchorage struct{}

func (anchorage) Put(context.Context, string, []byte) error            { return nil }
func (anchorage) Last(context.Context, string) (string, []byte, error) { return "", nil, nil }

// app changes the registration of a function.
func (i *installation) app(function string, change func(*simtenant.App)) {
	i.Tenant.Edit(func(w *simtenant.World) { change(w.Apps[clientID(function)]) })
}

// TestEachFaultIsNamedAndNoneElse puts faults in one by one. On the tenant without one everything is ok.
func TestEachFaultIsNamedAndNoneElse(t *testing.T) {
	t.Parallel()
	everybody := func(change func(*simtenant.ConditionalAccessPolicy)) func(*testing.T, *installation) {
		return func(_ *testing.T, i *installation) {
			p := simtenant.ConditionalAccessPolicy{ID: uuid.NewString(), State: "enabled", IncludeUsers: []string{"All"}, GrantControls: []string{"mfa"}}
			change(&p)
			i.Tenant.Edit(func(w *simtenant.World) { w.ConditionalAccess = append(w.ConditionalAccess, p) })
		}
	}
	secret := func(begins, ends time.Duration, certificate bool) func(*testing.T, *installation) {
		return func(_ *testing.T, i *installation) {
			i.app("signout", func(a *simtenant.App) {
				a.Credentials = []simtenant.Credential{{Certificate: certificate, Begins: i.Harness.Now().Add(begins), Ends: i.Harness.Now().Add(ends)}}
			})
		}
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name  string
		fault func(*testing.T, *installation)
		want  string // check and subject; empty = nothing is wrong
	}{
		{"nothing", func(*testing.T, *installation) {}, ""},
		{"a permission is missing", func(_ *testing.T, i *installation) {
			i.app("signout", func(a *simtenant.App) {
				a.Roles = slices.DeleteFunc(a.Roles, func(r string) bool { return r == "User.RevokeSessions.All" })
			})
		}, "permissions Leaver signout: User.RevokeSessions.All"},
		{"a permission is too much", func(_ *testing.T, i *installation) {
			i.app("plan", func(a *simtenant.App) { a.Roles = append(a.Roles, "User.ReadWrite.All") })
		}, "permissions Leaver plan: User.ReadWrite.All"},
		{"Exchange's permission is missing", func(_ *testing.T, i *installation) {
			i.app("block", func(a *simtenant.App) {
				a.Roles = slices.DeleteFunc(a.Roles, func(r string) bool { return r == offboarding.ManageAsApp })
			})
		}, "permissions Leaver block: Exchange.ManageAsApp"},
		{"a registration is missing", func(_ *testing.T, i *installation) {
			i.Tenant.Edit(func(w *simtenant.World) { delete(w.Apps, clientID("wipe")) })
		}, "permissions Leaver wipe"},
		{"a service principal is disabled", func(_ *testing.T, i *installation) {
			i.app("delete", func(a *simtenant.App) { a.Disabled = true })
		}, "consent Leaver delete"},
		{"a registration holds a directory role", func(_ *testing.T, i *installation) {
			i.app("access", func(a *simtenant.App) { a.DirectoryRoles = []string{"User Administrator"} })
		}, "permissions Leaver access: User Administrator"},
		{"somebody owns a registration", func(_ *testing.T, i *installation) {
			i.app("licence", func(a *simtenant.App) { a.Owners = []string{simtenant.UserID("adele.vance@contoso.com")} })
		}, "owners Leaver licence"},
		{"no role group of Exchange", func(_ *testing.T, i *installation) {
			i.app("forward", func(a *simtenant.App) { a.ExchangeGroups = nil })
		}, "exchange Leaver forward"},
		{"the role group of another function", func(_ *testing.T, i *installation) {
			i.app("preserve", func(a *simtenant.App) { a.ExchangeGroups = append(a.ExchangeGroups, "Leaver forward") })
		}, "exchange Leaver preserve"},
		{"a role in Exchange is too much", func(_ *testing.T, i *installation) {
			i.app("wipe", func(a *simtenant.App) { a.ExchangeRole = "Exchange Administrator" })
		}, "exchange Leaver wipe"},
		{"a secret has ended", secret(-90*day, -day, false), "secrets Leaver signout"},
		{"a secret ends soon", secret(-90*day, 20*day, false), "secrets Leaver signout"},
		{"a secret is old", secret(-200*day, 200*day, false), "secrets Leaver signout"},
		{"a certificate of that age is not", secret(-200*day, 200*day, true), ""},
		{"the clock is wrong", func(_ *testing.T, i *installation) {
			i.Doctor.Now = func() time.Time { return i.Harness.Now().Add(-time.Minute) }
		}, "clock this machine"},
		{"one Global Administrator is left", func(_ *testing.T, i *installation) {
			i.Tenant.Edit(func(w *simtenant.World) {
				kept := false
				w.RoleAssignments = slices.DeleteFunc(w.RoleAssignments, func(a simtenant.RoleAssignment) bool {
					is := a.Role == offboarding.GlobalAdministrator
					drop := is && kept
					kept = kept || is
					return drop
				})
			})
		}, "emergency emergency accounts"},
		{"nobody is left out of Conditional Access", everybody(func(*simtenant.ConditionalAccessPolicy) {}), "emergency emergency accounts"},
		{"an emergency account is", everybody(func(p *simtenant.ConditionalAccessPolicy) {
			p.ExcludeUsers = []string{simtenant.UserID("emergency.access@contoso.com")}
		}), ""},
		{"a Lifecycle Workflow does the same", func(_ *testing.T, i *installation) {
			i.Tenant.Edit(func(w *simtenant.World) {
				w.Workflows = []simtenant.Workflow{{ID: "156ce798-1eb6-4e0a-8515-e79f54d04390", Category: "leaver", Enabled: true, Scheduled: true}, {ID: "joiner", Category: "joiner", Enabled: true, Scheduled: true}}
			})
		}, "workflows 156ce798-1eb6-4e0a-8515-e79f54d04390"},
		{"a subscription is missing", func(_ *testing.T, i *installation) { i.entities["onedrive"] = false }, "bus leaver: onedrive"},
		{"it is frozen", func(t *testing.T, i *installation) {
			if err := i.Harness.Ledger.Freeze(t.Context(), offboarding.Person{Name: "Miriam Graham"}, "a drill"); err != nil {
				t.Fatal(err)
			}
		}, "ledger freeze"},
		{"the history of a case cannot be read", func(t *testing.T, i *installation) {
			if err := i.Store.Append(t.Context(), "00000000-0000-4000-8000-000000000000-1", 1, "planning", []byte(`{"position":1,"kind":"opened"}`)); err != nil {
				t.Fatal(err)
			}
		}, "ledger 00000000-0000-4000-8000-000000000000-1"},
		{"the ledger has no anchors", func(_ *testing.T, i *installation) { i.Harness.Ledger.HoldTo(nil) }, "anchors anchors"},
		{"the webhook's secret is the sample", func(_ *testing.T, i *installation) { i.Webhooks = append(i.Webhooks, sample) }, "secrets /webhooks/standard"},
		{"the webhook's secret is short", func(_ *testing.T, i *installation) { i.Webhooks = []string{"whsec_c2hvcnQ="} }, "secrets /webhooks/standard"},
		{"there is no limit", func(_ *testing.T, i *installation) { i.Doctor.Policy.Limits = offboarding.Limits{} }, "limits limits"},
		{"a protected account does not exist", func(_ *testing.T, i *installation) {
			i.Doctor.Policy.Protected = []string{"emergency.access@contoso.com", "emergency.acess@contoso.com"}
		}, "policy protected: emergency.acess@contoso.com"},
		{"a protected group does not exist", func(_ *testing.T, i *installation) {
			i.Doctor.Policy.ProtectedGroups = []string{"0b1f07d8-7a5b-4b0e-9f0d-5c2f4a5e6b7c"}
		}, "policy protectedGroups: 0b1f07d8-7a5b-4b0e-9f0d-5c2f4a5e6b7c"},
		{"files go to nobody", func(_ *testing.T, i *installation) { i.Doctor.Policy.FilesTo = "files@contoso.com" }, "policy filesTo: files@contoso.com"},
		{"Exchange forwards nothing outside", func(_ *testing.T, i *installation) {
			i.Doctor.Policy.ForwardDomains = []string{"fabrikam.com"}
			i.Tenant.Edit(func(w *simtenant.World) { w.Organization.AutoForwardingMode = "Off" })
		}, "forwarding fabrikam.com"},
		{"no licence gives a hold", func(_ *testing.T, i *installation) {
			i.Tenant.Edit(func(w *simtenant.World) {
				for _, sku := range w.SKUs {
					sku.Plans = slices.DeleteFunc(slices.Clone(sku.Plans), func(p simtenant.ServicePlan) bool {
						return strings.HasPrefix(p.Name, "EXCHANGE_S_ENTERPRISE") || strings.HasPrefix(p.Name, "EXCHANGE_S_ARCHIVE")
					})
				}
			})
		}, "licences keepMail: hold"},
		{"the price of a licence that nobody bought", func(_ *testing.T, i *installation) {
			i.Doctor.Policy.SeatPrices = map[string]float64{"ENTERPRISEPAK": 23}
		}, "licences seatPrices: ENTERPRISEPAK"},
		{"retention keeps what is given up", func(_ *testing.T, i *installation) {
			i.Doctor.Policy.KeepMail = offboarding.KeepNone
			i.Tenant.Edit(func(w *simtenant.World) {
				w.Organization.InPlaceHolds = []string{"mbx7cfb30345d454ac0a989ab3041051209:2"}
			})
		}, "retention retention policies"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i := install(t)
			tt.fault(t, i)
			var got []string
			for _, f := range i.Examine(t.Context()) {
				if f.State != doctor.OK {
					got = append(got, f.Check+" "+f.Subject)
				}
				if f.State == doctor.Unknown {
					t.Errorf("%s %s is unknown: %s", f.Check, f.Subject, f.Why)
				}
				if f.State == doctor.Wrong && (f.Why == "" || f.Fix == "") {
					t.Errorf("%+v does not say why it matters and what mends it", f)
				}
			}
			if joined := strings.Join(got, "; "); joined != tt.want {
				t.Errorf("named is %q, want %q", joined, tt.want)
			}
		})
	}
}

// TestWhatTheRightsDoNotShowIsUnknown examines with the rights of a function that has next to none.
func TestWhatTheRightsDoNotShowIsUnknown(t *testing.T) {
	t.Parallel()
	i := install(t)
	i.Doctor.Directory, i.Doctor.Exchange = i.As("onedrive")
	all := i.Examine(t.Context())
	unknown := 0
	for _, f := range all {
		if f.State == doctor.Unknown {
			unknown++
			if f.Fix == "" {
				t.Errorf("%+v does not say which rights show it", f)
			}
		}
	}
	if unknown < 4 || doctor.IsWrong(all) {
		t.Errorf("%d of %d are unknown, and %d wrong; want some unknown and none wrong", unknown, len(all), doctor.Count(all))
	}
}

// TestOneApplicationForAllFunctionsIsHeldAgainstAllOfThem as leaver up has it.
func TestOneApplicationForAllFunctionsIsHeldAgainstAllOfThem(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	policy := offboarding.DefaultPolicy()
	var roles, groups []string
	for _, f := range doctor.Functions(policy) {
		if roles = append(roles, f.Roles()...); f.Exchange {
			groups = append(groups, f.RoleGroup())
		}
	}
	slices.Sort(roles)
	const id = "11111111-2222-4333-8444-555555555555"
	h.Tenant.AddApp(simtenant.App{ClientID: id, Name: "Offboarding", Roles: append(slices.Compact(roles), "Mail.Send"), ExchangeGroups: groups})
	h.Tenant.Edit(func(w *simtenant.World) { w.Permissions = append(w.Permissions, "Mail.Send") })
	d := &doctor.Doctor{
		Directory: h.Graph, Exchange: h.Exchange, Bus: entities{}, Ledger: h.Ledger, Policy: policy, Functions: doctor.Functions(policy), Application: id, Now: h.Now,
	}
	for _, f := range d.Examine(t.Context()) {
		if f.Check != "bus" && f.Check != "anchors" && (f.State != doctor.OK) != (f.Subject == "Offboarding: Mail.Send") {
			t.Errorf("%+v; want nothing wrong but that Mail.Send is too much", f)
		}
	}
}
