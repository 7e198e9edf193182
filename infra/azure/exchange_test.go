package azure_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"leaver/infra/powershelltest"
)

// documented are the cmdlets of Exchange Online that exchange.ps1 may call, with the parameters that it may
// give. Where the first argument has no name, it is Identity.
// Source: MicrosoftDocs/office-docs-powershell, exchange/exchange-ps/ExchangePowerShell, the page of each;
// looked up in November 2026, those alone that apply to Exchange Online.
var documented = map[string]string{
	"Get-OrganizationConfig":             "",
	"Get-ManagementRole":                 "Identity",
	"New-ManagementRole":                 "Name Parent",
	"Get-ManagementRoleEntry":            "Identity",
	"Add-ManagementRoleEntry":            "Identity Overwrite Parameters ParentRoleEntry Role",
	"Set-ManagementRoleEntry":            "Identity Parameters AddParameter RemoveParameter",
	"Remove-ManagementRoleEntry":         "Identity Confirm",
	"Get-ManagementRoleAssignment":       "Identity Role RoleAssignee",
	"New-ManagementRoleAssignment":       "Name Role SecurityGroup App CustomRecipientWriteScope CustomResourceScope",
	"Set-ManagementRoleAssignment":       "Identity CustomRecipientWriteScope",
	"Remove-ManagementRoleAssignment":    "Identity Confirm",
	"Get-RoleGroup":                      "Identity",
	"New-RoleGroup":                      "Name Roles Members CustomRecipientWriteScope",
	"Get-RoleGroupMember":                "Identity",
	"Add-RoleGroupMember":                "Identity Member",
	"Get-ServicePrincipal":               "Identity",
	"New-ServicePrincipal":               "AppId ObjectId DisplayName",
	"Get-ManagementScope":                "Identity",
	"New-ManagementScope":                "Name RecipientRestrictionFilter",
	"Set-ManagementScope":                "Identity RecipientRestrictionFilter",
	"Test-ServicePrincipalAuthorization": "Identity Resource",
}

// ofPowerShell are the cmdlets of PowerShell 7 itself, with the parameters that the script may give.
// Source: MicrosoftDocs/PowerShell-Docs, reference/7.4.
var ofPowerShell = map[string]string{
	"Where-Object": "eq", "ForEach-Object": "", "Sort-Object": "", "Out-String": "", "Out-Null": "", "Compare-Object": "", "ConvertFrom-Json": "AsHashtable",
}

// TestTheScriptIsPowerShellThatThereIs: it can be read, and calls nothing that Microsoft does not document, nor
// with a parameter that it does not.
func TestTheScriptIsPowerShellThatThereIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("exchange.ps1")
	if err != nil {
		t.Fatal(err)
	}
	script := string(text)
	commands := powershelltest.Commands(t, script)
	if len(commands) < 30 {
		t.Fatalf("%d commands were found in it", len(commands))
	}
	called := map[string]bool{}
	for _, c := range commands {
		called[c.Name] = true
		allowed, known := documented[c.Name]
		if known {
			allowed += " ErrorAction"
		} else if allowed, known = ofPowerShell[c.Name]; !known && !strings.Contains(script, "function "+c.Name+"(") {
			t.Errorf("%s is no cmdlet that is documented", c.Name)
			continue
		}
		for _, p := range c.Parameters {
			if !slices.Contains(strings.Fields(allowed), p) {
				t.Errorf("%s -%s is not documented", c.Name, p)
			}
		}
	}
	for name := range documented {
		if !called[name] {
			t.Errorf("%s is not called any more: take it out of the list", name)
		}
	}
	// What is splatted the grammar does not see.
	if strings.Count(script, "@{ CustomRecipientWriteScope = $Scope }") != 1 || strings.Count(script, "@scoped") != 2 {
		t.Error("what is given to New-RoleGroup and New-ManagementRoleAssignment beside is not what this test knows")
	}
}
