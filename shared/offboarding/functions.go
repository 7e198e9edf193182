package offboarding

import "slices"

// The functions that serve no step.
const (
	FunctionIntake  = "intake"
	FunctionResolve = "resolve"
	FunctionPlan    = "plan"
	FunctionWatch   = "watch"
	FunctionBackup  = "backup"
	FunctionNotify  = "notify"
	FunctionReplay  = "replay"
	FunctionConsole = "console"
)

// HealthPath is where a load balancer asks the intake whether it is alive.
const HealthPath = "/healthz"

// Function is what one function of Leaver is for and what it may reach in Microsoft 365 and on
// the ledger, and no more. infra/catalogue writes the deployment and the tables of the READMEs
// from this list, and the tests are held to it; the rights on the bus are bus.RightsOf.
type Function struct {
	// Name is the function's, and that of its folder; for a step it is the step's.
	Name string
	// Does says in half a sentence what the function is for.
	Does string
	// Permissions are the application permissions of Microsoft Graph that the function's own
	// app registration needs, by their names in Entra.
	Permissions []string
	// Exchange is set when the app registration also needs Exchange.ManageAsApp and a role group in
	// Exchange.
	Exchange bool
	// Cmdlets are those that the role group of the function in Exchange holds, and no others. Behind the
	// name of one that changes something stand the only parameters that it may be given, beside those
	// that say of what; without any, all of them.
	Cmdlets []string
	// Inside is set when the function runs in a resident host inside of the organisation's network,
	// and never on Lambda.
	Inside bool
	// Connection is the variable of the environment that says where the system of another vendor is, and
	// as whom it is entered; shared/environment describes it. Empty is none.
	Connection string
	// Storage is set when the function writes exports into object storage.
	Storage bool
	// Ledger is set when the function reads the ledger and, but for Reads, writes it.
	Ledger bool
	// Reads is set when the function reads the ledger, and writes nothing there.
	Reads bool
	// Signs is set when the function signs the ledger: it opens cases, changes them, or carries out what
	// people decide. No step does.
	Signs bool
	// Sources is set when the function asks the HR systems.
	Sources bool
	// Limits is set when the function reads what the sources declare as their limits, and no secret.
	Limits bool
	// Channels is set when the function reads the secrets of the channels to people.
	Channels bool
	// People is set when people sign in to the function with a browser.
	People bool
	// Policy is set when the function itself reads the policy; a step has the plan made of it.
	Policy bool
	// Done says what has been observed when the function has done its work.
	Done string
	// AtWorst says what somebody in control of the function could do with its own rights in
	// Microsoft 365, for SECURITY.md.
	AtWorst string
}

// ManageAsApp is the application permission of Exchange Online that lets an app run cmdlets;
// which ones, its role in Exchange says.
const ManageAsApp = "Exchange.ManageAsApp"

// Registrations is how the names of Leaver's app registrations begin, one of each function; who owns
// one can act by it, and is not locked out by accident.
const Registrations = "Leaver "

// Functions are all functions, in the order of functions/README.md.
func Functions() []Function {
	all := []Function{
		{
			Name: FunctionIntake, Does: "takes webhooks and sends requests and hints to their queues",
			Done:    "the bus has acknowledged the request",
			AtWorst: "ask for anybody's departure, or for its cancellation; it reads nothing, and has no ledger",
		},
		{
			Name: FunctionResolve, Does: "asks the HR systems what a hint is about, and once more right before the leaving time",
			Ledger: true, Sources: true, Permissions: []string{"User.Read.All", "User-LifeCycleInfo.Read.All"},
			Done:    "what the HR system says now is a request on the bus, or nothing has changed",
			AtWorst: "ask for anybody's departure, read what the HR systems show to Leaver's user, and every account and when its user leaves; it changes nothing in Microsoft 365",
		},
		{
			Name: FunctionPlan, Does: "turns a request into a case and publishes its messages",
			Ledger: true, Signs: true, Policy: true, Limits: true, Permissions: []string{"User.Read.All", "RoleManagement.Read.Directory", "GroupMember.Read.All", "Application.Read.All", "Policy.Read.All", "MailboxSettings.Read"},
			Done:    "the case is open and every message of its plan is acknowledged",
			AtWorst: "read every account, who holds which role, owns which application and is left out of which policy, and what mailboxes answer by themselves; it changes nothing in Microsoft 365",
		},
	}
	for _, s := range Steps {
		f := s.Function
		f.Name, f.Ledger = string(s.Name), true
		all = append(all, f)
	}
	return append(all,
		Function{
			Name: FunctionWatch, Does: "looks after all open cases, and measures every subscription", Ledger: true,
			Done:    "no open case is half planned, no step overdue without a message on its way, none waiting past its deadline",
			AtWorst: "read and take away every message on the bus; it has no permission in Microsoft 365",
		},
		Function{
			Name: FunctionBackup, Does: "copies the ledger once a day to where nobody changes it", Ledger: true, Reads: true,
			Done:    "the newest backup is less than a day old and was read back",
			AtWorst: "read the whole ledger, names and all, and put objects beside the backups; it changes nothing in Microsoft 365, and nothing in the ledger",
		},
		Function{
			Name: FunctionNotify, Does: "tells HR, IT and whoever takes over what happened and what to do", Ledger: true, Policy: true, Channels: true,
			Permissions: []string{"User.Read.All"},
			Done:        "every channel has every notice that is meant for it, or was given up with an alarm",
			AtWorst:     "read every account; tell people what is not so, by mail from the one mailbox of its own and on the channels of the policy; it changes nothing in Microsoft 365",
		},
		Function{
			Name: FunctionReplay, Does: "sends what was parked back to work", Ledger: true,
			Done:    "every chosen message is back on the bus",
			AtWorst: "read and take away every message on the bus; it has no permission in Microsoft 365",
		},
		Function{
			Name: FunctionConsole, Does: "pages by which people look after departures, signed in with Entra",
			Ledger: true, Signs: true, Policy: true, Limits: true, People: true, Permissions: []string{"User.Read.All", "RoleManagement.Read.Directory", "GroupMember.Read.All", "Application.Read.All", "Policy.Read.All", "MailboxSettings.Read"},
			Done:    "the page shows what the ledger holds, and what a person did is in it by their name",
			AtWorst: "do whatever any operator may, in anybody's name: ask for departures, approve, release, cancel, freeze; read every account, and read and take away every message on the bus; it changes nothing in Microsoft 365 itself",
		},
	)
}

// InCloud are the functions that may be deployed on Lambda: all but those that run inside of the
// organisation's network.
func InCloud() []Function {
	return slices.DeleteFunc(Functions(), func(f Function) bool { return f.Inside })
}

// FunctionOf is the function of that name; false when there is none.
func FunctionOf(name string) (Function, bool) {
	for _, f := range Functions() {
		if f.Name == name {
			return f, true
		}
	}
	return Function{}, false
}

// Anchored reports whether the function is held to the anchors of the ledger: it does what nobody can
// take back, looks after all cases, or puts the anchors.
func (f Function) Anchored() bool {
	spec, _ := SpecOf(StepName(f.Name))
	return spec.Irreversible || f.Name == FunctionWatch || f.Signs
}

// Roles are all application permissions of the function's app registration, those of
// Microsoft Graph and that of Exchange Online.
func (f Function) Roles() []string {
	roles := append([]string(nil), f.Permissions...)
	if f.Exchange {
		roles = append(roles, ManageAsApp)
	}
	return roles
}
