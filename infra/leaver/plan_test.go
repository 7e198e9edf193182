package main

import (
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestPlanSaysWhatWouldBeDoneAndWritesNothing shows the compiled plan of several people.
func TestPlanSaysWhatWouldBeDoneAndWritesNothing(t *testing.T) {
	t.Parallel()
	policy := offboarding.DefaultPolicy()
	policy.Approvals.Privileged = 0
	policy.Protected = []string{"joni.sherman@contoso.com"}
	files := "patti.fernandez@contoso.com"
	policy.Overrides = []offboarding.Override{{Department: "Engineering", Changes: offboarding.Changes{"filesTo": files}}}
	tenant, data := runningHost(t, simtenant.Config{}, policy)
	for _, tt := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"the default", []string{adele}, 0, []string{"forward to the manager until", "signout     at once          act: until the password has changed", "licence     from ", "gate: ", "User.RevokeSessions.All", "Exchange.ManageAsApp", "nothing was written"}},
		{"forwarded for ever", []string{adele, "--forward-for", "unlimited"}, 0, []string{"with no end", "withheld by B1", "withheld by B2", "Microsoft 365 admin"}},
		{"nobody to forward to", []string{"patti.fernandez@contoso.com", "--forward-to", "nobody@contoso.com"}, 0, []string{"a person will have to:\n  forward: forwardTo"}},
		{"synchronised", []string{"megan.bowen@contoso.com"}, 0, []string{"a person will have to:\n  the account is synchronised", "reset its password", "what no step can end or see:\n  wipe: files"}},
		{"an administrator", []string{"nestor.wilke@contoso.com"}, 0, []string{"refused by B10 for the role Global Administrator until privileges has taken it away"}},
		{"a guest", []string{"mail:henrietta.mueller@fabrikam.com"}, 0, []string{"signout     at once          nothing to do: external: password and sessions belong to the home tenant"}},
		{"somebody with Teams Phone", []string{"lee.gu@contoso.com"}, 0, []string{"access: an agent who was added to a call queue of Teams by name"}},
		{"files to somebody of the policy", []string{"grady.archie@contoso.com"}, 0, []string{"keepFiles move to patti.fernandez@contoso.com\n"}},
		{"a contradiction", []string{adele, "--mailbox", "hold", "--forward-for", "1h"}, 1, []string{"B6"}},
		{"protected", []string{"joni.sherman@contoso.com"}, 1, []string{"protects this account"}},
		{"nobody", []string{"nobody@contoso.com"}, 1, []string{"no user in the tenant"}},
	} {
		code, stdout, stderr := command(t, append(append([]string{"plan"}, tt.args...), "--data", data)...)
		if code != tt.code {
			t.Errorf("%s: exit %d: %s", tt.name, code, stderr)
		}
		for _, says := range tt.says {
			if !strings.Contains(stdout+stderr, says) {
				t.Errorf("%s: %q is missing in\n%s%s", tt.name, says, stdout, stderr)
			}
		}
	}
	for operation, times := range tenant.Requests() {
		if method, path, _ := strings.Cut(operation, " "); method != "GET" && path != "/token" && path != "/$batch" && !strings.HasPrefix(operation, "Get-") {
			t.Errorf("%d × %s", times, operation)
		}
	}
	if found := stateOf(t, data, adele); len(found) != 0 {
		t.Errorf("a case was opened: %+v", found)
	}
}
