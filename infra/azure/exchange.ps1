# Gives the app registrations that run Exchange cmdlets their role groups: the part of infra/azure
# that Terraform cannot do. It can be run again. Needs PowerShell 7, the module
# ExchangeOnlineManagement, and the role Exchange Administrator:
#
#   Connect-ExchangeOnline
#   terraform output -json exchange | ./exchange.ps1
#
# Source: Microsoft Learn, App-only authentication for unattended scripts in Exchange Online
# PowerShell, "Assign custom Exchange Online role groups to the application using service
# principals"; New-ServicePrincipal; New-RoleGroup; Role Based Access Control for Applications in
# Exchange Online.
param(
    [string]$Group = "Leaver",
    # Without a list: the roles of Recipient Management, which the Entra role Exchange Recipient Administrator has too.
    # Get-ManagementRoleEntry "*\Set-CASMailbox" shows which roles a cmdlet is in.
    [string[]]$Roles,
    # The address of the one mailbox that notify sends mail as. Without it notify sends none.
    [string]$Sender
)
$ErrorActionPreference = "Stop"

function New-GroupIfMissing($Name, $Roles) {
    if (-not (Get-RoleGroup | Where-Object Name -eq $Name)) {
        New-RoleGroup -Name $Name -Roles $Roles | Out-Null
    }
}

$functions = $input | Out-String | ConvertFrom-Json -AsHashtable
if (-not $Roles) { $Roles = (Get-RoleGroup -Identity "Recipient Management").Roles }
New-GroupIfMissing $Group $Roles
New-GroupIfMissing "$Group hold" @("Legal Hold") # Recipient Management may not place holds
foreach ($name in $functions.Keys | Sort-Object) {
    $app = $functions[$name]
    $principal = Get-ServicePrincipal | Where-Object AppId -eq $app.app_id
    if (-not $principal) {
        $principal = New-ServicePrincipal -AppId $app.app_id -ObjectId $app.object_id -DisplayName "Leaver $name"
    }
    # That it is a member already is an error that changes nothing.
    Add-RoleGroupMember -Identity $Group -Member $principal.Identity -ErrorAction Continue
    if ($app.legal_hold) {
        Add-RoleGroupMember -Identity "$Group hold" -Member $principal.Identity -ErrorAction Continue
    }
}
Get-RoleGroupMember -Identity $Group
Get-RoleGroupMember -Identity "$Group hold"
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
