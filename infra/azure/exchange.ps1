# Gives each app registration that runs Exchange cmdlets a role group of its own with just these
# cmdlets: the part of infra/azure that Terraform cannot do. It can be run again. Needs PowerShell 7, the
# module ExchangeOnlineManagement, and the role Organization Management (New-ManagementRole):
#
#   Connect-ExchangeOnline
#   terraform output -json exchange | ./exchange.ps1
#
# A role of Exchange is made of another one by taking entries away. Which of the built-in ones holds a cmdlet
# is asked; of several, the first of $Parents. Behind the name of a cmdlet stand the only parameters that it
# keeps, beside Identity and those that every cmdlet has.
#
# Source: Microsoft Learn, App-only authentication for unattended scripts in Exchange Online
# PowerShell, "Assign custom Exchange Online role groups to the application using service
# principals"; New-ManagementRole; Set-ManagementRoleEntry; New-RoleGroup; New-ServicePrincipal; Role Based
# Access Control for Applications in Exchange Online.
param(
    [string]$Group = "Leaver",
    [string[]]$Parents = @("Mail Recipients", "Legal Hold", "Distribution Groups", "Recipient Policies", "View-Only Configuration", "Transport Hygiene", "Remote and Accepted Domains"),
    # Who no function may write to: the name of a management scope without them; empty writes to everybody.
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
        foreach ($entry in Get-ManagementRoleEntry "$role\*") {
            if (-not $wanted[$parent].ContainsKey($entry.Name)) { Remove-ManagementRoleEntry "$role\$($entry.Name)" -Confirm:$false; continue }
            $only = $wanted[$parent][$entry.Name] | Where-Object { $_ }
            if ($only) {
                $keeps = $entry.Parameters | Where-Object { ($only + $always) -contains $_ }
                Set-ManagementRoleEntry "$role\$($entry.Name)" -Parameters $keeps
            }
        }
        $role
    }
    if (-not (Get-RoleGroup "$Group $name" -ErrorAction SilentlyContinue)) {
        $scoped = if ($Scope) { @{ CustomRecipientWriteScope = $Scope } } else { @{} }
        New-RoleGroup -Name "$Group $name" -Roles $roles @scoped | Out-Null
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
    if (-not (Get-ManagementScope | Where-Object Name -eq "$Group sender")) {
        New-ManagementScope -Name "$Group sender" -RecipientRestrictionFilter "PrimarySmtpAddress -eq '$Sender'" | Out-Null
    }
    New-ManagementRoleAssignment -App $app.object_id -Role "Application Mail.Send" -CustomResourceScope "$Group sender" -ErrorAction Continue
    Test-ServicePrincipalAuthorization -Identity $app.app_id -Resource $Sender # InScope: True, at once; the mailbox obeys within two hours
}
