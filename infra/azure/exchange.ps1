# Gives each app registration that runs Exchange cmdlets a role group of its own with just these
# cmdlets: the part of infra/azure that Terraform cannot do. Run it again after an update: what a function needs
# by then it gets, and what it needs no more it loses. Needs PowerShell 7, the module
# ExchangeOnlineManagement, and the role Organization Management (New-ManagementRole):
#
#   Connect-ExchangeOnline    # in another cloud with -ExchangeEnvironmentName O365USGovGCCHigh, O365USGovDoD or O365China
#   terraform output -json exchange | ./exchange.ps1
#
# A role of Exchange is made of another one by taking entries away. Which of the built-in ones holds a cmdlet
# is asked; of several, the first of $Parents. Behind the name of a cmdlet stand the only parameters that it
# keeps, beside Identity and those that every cmdlet has.
#
# Source: Microsoft Learn, App-only authentication for unattended scripts in Exchange Online
# PowerShell, "Assign custom Exchange Online role groups to the application using service
# principals"; Role Based Access Control for Applications in Exchange Online; and the page of each cmdlet.
param(
    [string]$Group = "Leaver",
    [string[]]$Parents = @("Mail Recipients", "Legal Hold", "Distribution Groups", "Recipient Policies", "View-Only Configuration", "View-Only Recipients", "Transport Hygiene", "Remote and Accepted Domains"),
    # Who no function may write to: the name of a management scope without them. Empty leaves it as it is, which
    # is everybody at first.
    [string]$Scope,
    # The address of the one mailbox that notify sends mail as. Without it notify sends none.
    [string]$Sender
)
$ErrorActionPreference = "Stop"
$always = @("Identity", "Confirm", "WhatIf", "ErrorAction", "WarningAction", "Verbose", "Force")

# Which of the parents holds the cmdlet, with all the parameters.
function Find-Parent($Cmdlet, $Parameters) {
    foreach ($parent in $Parents) {
        $entry = Get-ManagementRoleEntry "$parent\$Cmdlet" -ErrorAction SilentlyContinue
        if ($entry -and -not ($Parameters | Where-Object { $entry.Parameters -notcontains $_ })) { return $parent }
    }
    throw "none of the roles $($Parents -join ', ') holds $Cmdlet with $($Parameters -join ', ')"
}

$functions = $input | Out-String | ConvertFrom-Json -AsHashtable
if ((Get-OrganizationConfig).IsDehydrated) {
    throw "this tenant has no roles of its own yet: run Enable-OrganizationCustomization once, and this again when (Get-OrganizationConfig).IsDehydrated is False"
}
foreach ($name in $functions.Keys | Sort-Object) {
    $app = $functions[$name]
    if (-not $app.cmdlets) { continue }
    $wanted = @{}
    foreach ($entry in $app.cmdlets) {
        $cmdlet, $parameters = $entry -split " "
        $parent = Find-Parent $cmdlet $parameters
        if (-not $wanted[$parent]) { $wanted[$parent] = @{} }
        $wanted[$parent][$cmdlet] = @($parameters)
    }
    $roles = foreach ($parent in $wanted.Keys | Sort-Object) {
        $role = "$Group $name $parent"
        if (-not (Get-ManagementRole $role -ErrorAction SilentlyContinue)) { New-ManagementRole -Name $role -Parent $parent | Out-Null }
        $has = @(Get-ManagementRoleEntry "$role\*" | ForEach-Object { $_.Name })
        foreach ($surplus in $has | Where-Object { -not $wanted[$parent].ContainsKey($_) }) {
            Remove-ManagementRoleEntry "$role\$surplus" -Confirm:$false | Out-Null
        }
        foreach ($cmdlet in $wanted[$parent].Keys) {
            # What an earlier run took away comes back from the role above.
            if ($has -notcontains $cmdlet) { Add-ManagementRoleEntry "$role\$cmdlet" | Out-Null }
            $keeps = (Get-ManagementRoleEntry "$parent\$cmdlet").Parameters
            $only = $wanted[$parent][$cmdlet] | Where-Object { $_ }
            if ($only) { $keeps = $keeps | Where-Object { ($only + $always) -contains $_ } }
            if (Compare-Object @($keeps) @((Get-ManagementRoleEntry "$role\$cmdlet").Parameters)) {
                Set-ManagementRoleEntry "$role\$cmdlet" -Parameters $keeps | Out-Null
            }
        }
        $role
    }
    $scoped = if ($Scope) { @{ CustomRecipientWriteScope = $Scope } } else { @{} }
    if (-not (Get-RoleGroup "$Group $name" -ErrorAction SilentlyContinue)) {
        New-RoleGroup -Name "$Group $name" -Roles $roles @scoped | Out-Null
    }
    $assigned = @(Get-ManagementRoleAssignment -RoleAssignee "$Group $name")
    foreach ($role in $roles | Where-Object { $assigned.Role -notcontains $_ }) {
        New-ManagementRoleAssignment -SecurityGroup "$Group $name" -Role $role @scoped | Out-Null
    }
    foreach ($assignment in $assigned) {
        if ($roles -notcontains $assignment.Role) { Remove-ManagementRoleAssignment $assignment.Identity -Confirm:$false }
        elseif ($Scope) { Set-ManagementRoleAssignment $assignment.Identity -CustomRecipientWriteScope $Scope }
    }
    $principal = Get-ServicePrincipal | Where-Object AppId -eq $app.app_id
    if (-not $principal) {
        $principal = New-ServicePrincipal -AppId $app.app_id -ObjectId $app.object_id -DisplayName "Leaver $name"
    }
    # That it is a member already is an error that changes nothing.
    Add-RoleGroupMember -Identity "$Group $name" -Member $principal.Identity -ErrorAction Continue
    Get-RoleGroupMember -Identity "$Group $name"
}
if ($Sender) {
    # Do not consent to Mail.Send in Entra: the two grants are added, and that one knows no scope.
    $app = $functions["notify"]
    if (-not (Get-ServicePrincipal | Where-Object AppId -eq $app.app_id)) {
        New-ServicePrincipal -AppId $app.app_id -ObjectId $app.object_id -DisplayName "Leaver notify" | Out-Null
    }
    $mailbox = "PrimarySmtpAddress -eq '$($Sender -replace "'", "''")'"
    if (Get-ManagementScope | Where-Object Name -eq "$Group sender") {
        Set-ManagementScope "$Group sender" -RecipientRestrictionFilter $mailbox
    } else {
        New-ManagementScope -Name "$Group sender" -RecipientRestrictionFilter $mailbox | Out-Null
    }
    New-ManagementRoleAssignment -App $app.object_id -Role "Application Mail.Send" -CustomResourceScope "$Group sender" -ErrorAction Continue
    Test-ServicePrincipalAuthorization -Identity $app.app_id -Resource $Sender # InScope: True, at once; the mailbox obeys within two hours
}
