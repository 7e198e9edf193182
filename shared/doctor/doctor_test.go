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

// broker is one as somebody sees it.
type broker struct {
	entities
	rights           bus.Rights
	missing, surplus map[string][]string // filters of a subscription
	hidden           error               // why they are not shown
}

func (b *broker) Rights(context.Context) (bus.Rights, error) { return b.rights, nil }

func (b *broker) Filters(_ context.Context, subscription string) (missing, surplus []string, err error) {
	return b.missing[subscription], b.surplus[subscription], b.hidden
}

// installation is a tenant with Leaver as infra/azure sets it up, and its doctor.
type installation struct {
	*steptest.Harness
	*doctor.Doctor
	*broker
}

// clientID is that of a function's registration.
func clientID(function string) string {
	return uuid.NewSHA1(uuid.NameSpaceDNS, []byte(function)).String()
}

func install(t *testing.T) *installation {
	t.Helper()
	h := steptest.New(t)
	h.Ledger.HoldTo(anchorage{})
	i := &installation{Harness: h, broker: &broker{entities: entities{}, rights: bus.AllRights(), missing: map[string][]string{}, surplus: map[string][]string{}}}
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
		Directory: h.Graph, Exchange: h.Exchange, Bus: i.broker, Ledger: h.Ledger, Policy: policy, Functions: doctor.Functions(policy),
		Own: doctor.Functions(policy), Application: simtenant.DefaultClientID, Webhooks: []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))}, Sample: sample, Now: h.Now,
	}
	return i
}

// anchorage keeps anchors by their names.
type anchorage map[string][]byte

func (a anchorage) Put(_ context.Context, name string, content []byte) error {
	a[name] = content
	return nil
}

func (a anchorage) Last(_ context.Context, before string) (name string, content []byte, err error) {
	for each := range a {
		if each < before && each > name {
			name = each
		}
	}
	return name, a[name], nil
}

// anchored anchors the ledger, after which time passes.
func (i *installation) anchored(t *testing.T, since time.Duration) {
	t.Helper()
	if _, err := i.Harness.Ledger.Anchor(t.Context()); err != nil {
		t.Fatal(err)
	}
	i.Advance(since)
}

// twin is the client id of a registration that should not be there.
const twin = "77777777-2222-4333-8444-555555555555"

// as has the doctor run as one function.
func (i *installation) as(function string) {
	f, _ := offboarding.FunctionOf(function)
	i.Doctor.Own = []offboarding.Function{f}
}

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
		{"a registration has no service principal", func(_ *testing.T, i *installation) {
			i.app("wipe", func(a *simtenant.App) { a.NoPrincipal = true })
		}, "consent Leaver wipe"},
		{"consent was withdrawn", func(_ *testing.T, i *installation) {
			i.app("export", func(a *simtenant.App) { a.Roles = nil })
		}, "permissions Leaver export: Mail.Read; permissions Leaver export: Contacts.Read; permissions Leaver export: Calendars.Read; permissions Leaver export: Tasks.Read.All"},
		{"a second registration of a name", func(_ *testing.T, i *installation) {
			i.Tenant.AddApp(simtenant.App{ClientID: twin, Name: offboarding.Registrations + "delete", Roles: []string{"User.Read.All"}})
		}, "permissions Leaver delete (" + twin + ")"},
		{"a registration of an earlier installation", func(_ *testing.T, i *installation) {
			i.Tenant.AddApp(simtenant.App{ClientID: twin, Name: offboarding.Registrations + "lockout", Roles: []string{"User.ReadWrite.All"}})
		}, "permissions Leaver lockout (" + twin + ")"},
		{"people sign in by one that is given nothing", func(_ *testing.T, i *installation) {
			i.Tenant.AddApp(simtenant.App{ClientID: twin, Name: offboarding.Registrations + "console"})
		}, ""},
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
		{"the clock is ahead", func(_ *testing.T, i *installation) {
			i.Doctor.Now = func() time.Time { return i.Harness.Now().Add(15 * time.Second) }
		}, "clock this machine"},
		{"a second that rounding makes is no fault", func(_ *testing.T, i *installation) {
			i.Doctor.Now = func() time.Time { return i.Harness.Now().Add(3 * time.Second) }
		}, ""},
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
		{"a subscription takes everything", func(_ *testing.T, i *installation) { i.surplus["block"] = []string{"everything ($Default)"} }, "bus leaver: block"},
		{"a subscription takes no terminations", func(_ *testing.T, i *installation) { i.missing["signout"] = []string{"label = termination"} }, "bus leaver: signout"},
		{"the host may not send what it has to", func(_ *testing.T, i *installation) { i.rights.Send = []string{bus.Queue, bus.Hints} }, "rights send to leaver"},
		{"the host may not listen where it has to", func(_ *testing.T, i *installation) { i.rights.Listen = bus.Without(i.rights.Listen, []string{"wipe"}) }, "rights listen on wipe"},
		{"a function may send more than it needs", func(_ *testing.T, i *installation) {
			i.as("notify")
			i.rights = bus.Rights{Send: []string{bus.Queue}}
		}, "rights send to leaver-requests"},
		{"a function may listen where it need not", func(_ *testing.T, i *installation) {
			i.as("signout")
			i.rights = bus.Rights{Send: []string{bus.Topic}, Listen: []string{"delete", "signout"}}
		}, "rights listen on delete"},
		{"a function may do what it has to", func(_ *testing.T, i *installation) {
			i.as("signout")
			i.rights = bus.RightsOf("signout")
		}, ""},
		{"the last anchor is old", func(t *testing.T, i *installation) { i.anchored(t, 3*time.Hour) }, "anchors anchors"},
		{"the last anchor is not", func(t *testing.T, i *installation) { i.anchored(t, 30*time.Minute) }, ""},
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

// TestNoCloudIsAskedForWhatItLacks examines an installation in each of Microsoft's clouds that has every permission
// which there is there: nothing is wrong, and what the cloud lacks is said to be a person's.
func TestNoCloudIsAskedForWhatItLacks(t *testing.T) {
	t.Parallel()
	lacked := map[string][]string{
		"worldwide": nil, "usgov": {"TeamsTelephoneNumber.ReadWrite.All"}, "usgovdod": {"TeamsTelephoneNumber.ReadWrite.All"},
		"china": {"Tasks.Read.All", "TeamsTelephoneNumber.ReadWrite.All"},
	}
	for _, cloud := range offboarding.Clouds {
		t.Run(cloud.Name, func(t *testing.T) {
			t.Parallel()
			i := install(t)
			i.Tenant.Edit(func(w *simtenant.World) { w.Cloud = cloud.Name })
			var got []string
			for _, f := range i.Examine(t.Context()) {
				if f.State != doctor.OK {
					t.Errorf("%+v; want nothing that is not as it should be", f)
				}
				if strings.Contains(f.Why, "this cloud has no such permission") {
					_, permission, _ := strings.Cut(f.Subject, ": ")
					got = append(got, permission)
				}
			}
			if slices.Sort(got); !slices.Equal(got, lacked[cloud.Name]) {
				t.Errorf("said to be missing in this cloud are %v, want %v", got, lacked[cloud.Name])
			}
			i.app("signout", func(a *simtenant.App) { a.Roles = nil })
			if n := doctor.Count(i.Examine(t.Context())); n != 4 {
				t.Errorf("without the four permissions of signout %d are wrong, want 4", n)
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
	if unknown < 4 || doctor.Count(all) > 0 {
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
		Directory: h.Graph, Exchange: h.Exchange, Bus: &broker{entities: entities{}, rights: bus.AllRights()}, Ledger: h.Ledger, Policy: policy, Functions: doctor.Functions(policy), Own: doctor.Functions(policy), Application: id, Now: h.Now,
	}
	for _, f := range d.Examine(t.Context()) {
		if f.Check != "bus" && f.Check != "anchors" && (f.State != doctor.OK) != (f.Subject == "Offboarding: Mail.Send") {
			t.Errorf("%+v; want nothing wrong but that Mail.Send is too much", f)
		}
	}
}
