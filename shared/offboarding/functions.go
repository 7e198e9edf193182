package offboarding

// Function is what one function of Leaver may reach in Microsoft 365 and on the ledger, and
// no more. The README, the deployment and the tests are all held to this list; the rights on
// the bus are bus.RightsOf.
type Function struct {
	// Name is the function's, and that of its folder; for a step it is the step's.
	Name string
	// Permissions are the application permissions of Microsoft Graph that the function's own
	// app registration needs, by their names in Entra.
	Permissions []string
	// Exchange is set when the app registration also needs Exchange.ManageAsApp and a role in
	// Exchange.
	Exchange bool
	// LegalHold is set when that role must hold Exchange's role Legal Hold.
	LegalHold bool
	// Ledger is set when the function reads and writes the ledger.
	Ledger bool
	// Policy is set when the function reads the policy.
	Policy bool
	// Done says when the function has done its work.
	Done string
}

// ManageAsApp is the application permission of Exchange Online that lets an app run cmdlets;
// which ones, its role in Exchange says.
const ManageAsApp = "Exchange.ManageAsApp"

// Functions are all functions, in the order of the README.
func Functions() []Function {
	all := []Function{
		{Name: "intake", Done: "the bus has acknowledged the request"},
		{
			Name: "plan", Ledger: true, Policy: true, Permissions: []string{"User.Read.All"},
			Done: "the case is open and every message of its plan is acknowledged",
		},
	}
	for _, s := range Steps {
		all = append(all, Function{Name: string(s.Name), Permissions: s.Permissions, Exchange: s.Exchange, LegalHold: s.LegalHold, Ledger: true, Policy: s.Policy, Done: s.Done})
	}
	return append(all,
		Function{
			Name: "watch", Ledger: true,
			Done: "no open case is half planned, no step overdue without a message on its way, none waiting past its deadline",
		},
		Function{Name: "replay", Ledger: true, Done: "every chosen message is back on the bus"},
	)
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

// Roles are all application permissions of the function's app registration, those of
// Microsoft Graph and that of Exchange Online.
func (f Function) Roles() []string {
	roles := append([]string(nil), f.Permissions...)
	if f.Exchange {
		roles = append(roles, ManageAsApp)
	}
	return roles
}
