# The lists of the code: go generate ./... writes them.
locals {
  # What each function may do: application permissions of Microsoft Graph, cmdlets of Exchange,
  # the ledger, and entities of the bus to send to and to listen on.
  # catalogue:functions
  functions = {
    intake = {
      permissions = []
      exchange    = false
      cmdlets     = []
      ledger      = false
      inside      = false
      send        = ["leaver-requests", "leaver-hints"]
      listen      = []
    }
    resolve = {
      permissions = ["User.Read.All", "User-LifeCycleInfo.Read.All"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver-requests", "leaver-hints"]
      listen      = ["leaver-hints"]
    }
    plan = {
      permissions = ["User.Read.All", "RoleManagement.Read.Directory", "GroupMember.Read.All", "Application.Read.All", "Policy.Read.All", "MailboxSettings.Read"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver-requests", "leaver"]
      listen      = ["leaver-requests"]
    }
    signout = {
      permissions = ["User.Read.All", "RoleManagement.Read.Directory", "User-PasswordProfile.ReadWrite.All", "User.RevokeSessions.All"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/signout"]
    }
    block = {
      permissions = ["User.Read.All", "User.EnableDisableAccount.All", "User.RevokeSessions.All", "RoleManagement.Read.Directory", "Device.ReadWrite.All", "AuditLog.Read.All", "Organization.Read.All", "Application.Read.All"]
      exchange    = true
      cmdlets     = ["Get-Mailbox", "Get-CASMailbox", "Get-MobileDevice", "Get-MobileDeviceStatistics", "Set-Mailbox AccountDisabled", "Set-CASMailbox"]
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/block"]
    }
    wipe = {
      permissions = ["User.Read.All", "DeviceManagementManagedDevices.Read.All", "DeviceManagementManagedDevices.PrivilegedOperations.All", "DeviceManagementApps.ReadWrite.All"]
      exchange    = true
      cmdlets     = ["Get-CASMailbox", "Get-MobileDevice", "Get-MobileDeviceStatistics", "Clear-MobileDevice", "Remove-MobileDevice", "Set-CASMailbox ActiveSyncBlockedDeviceIDs"]
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/wipe"]
    }
    forward = {
      permissions = ["User.Read.All", "Calendars.Read"]
      exchange    = true
      cmdlets     = ["Get-Mailbox", "Get-Recipient", "Get-MailboxPermission", "Get-RecipientPermission", "Get-InboxRule", "Get-MailboxAutoReplyConfiguration", "Get-HostedOutboundSpamFilterPolicy", "Get-HostedOutboundSpamFilterRule", "Get-RemoteDomain", "Set-Mailbox ForwardingAddress ForwardingSmtpAddress DeliverToMailboxAndForward Type HiddenFromAddressListsEnabled GrantSendOnBehalfTo", "Set-MailboxAutoReplyConfiguration", "Disable-InboxRule", "Enable-InboxRule", "Remove-CalendarEvents", "Add-MailboxPermission", "Add-RecipientPermission", "Remove-MailboxPermission", "Remove-RecipientPermission"]
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/forward"]
    }
    preserve = {
      permissions = []
      exchange    = true
      cmdlets     = ["Get-Mailbox", "Set-Mailbox LitigationHoldEnabled LitigationHoldDuration"]
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/preserve"]
    }
    export = {
      permissions = ["Mail.Read", "Contacts.Read", "Calendars.Read", "Tasks.Read.All"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/export"]
    }
    onedrive = {
      permissions = ["User.Read.All", "Files.ReadWrite.All"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/onedrive"]
    }
    privileges = {
      permissions = ["Directory.Read.All", "Group.ReadWrite.All", "RoleManagement.ReadWrite.Directory", "AppRoleAssignment.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/privileges"]
    }
    access = {
      permissions = ["Directory.Read.All", "Member.Read.Hidden", "Group.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All", "TeamsTelephoneNumber.ReadWrite.All", "Calendars.Read"]
      exchange    = true
      cmdlets     = ["Get-Mailbox", "Get-Recipient", "Get-MailboxPermission", "Get-RecipientPermission", "Get-MailboxFolderPermission", "Get-MailboxFolderStatistics", "Get-DistributionGroup", "Get-DynamicDistributionGroup", "Get-TransportRule", "Get-CalendarProcessing", "Set-Mailbox GrantSendOnBehalfTo ForwardingAddress ForwardingSmtpAddress DeliverToMailboxAndForward", "Set-DistributionGroup ManagedBy BypassSecurityGroupManagerCheck", "Set-CalendarProcessing ResourceDelegates", "Remove-DistributionGroupMember", "Remove-MailboxPermission", "Remove-RecipientPermission", "Remove-MailboxFolderPermission", "Add-DistributionGroupMember", "Add-MailboxPermission", "Add-RecipientPermission", "Add-MailboxFolderPermission"]
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/access"]
    }
    onpremises = {
      permissions = []
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = true
      send        = ["leaver"]
      listen      = ["leaver/onpremises"]
    }
    licence = {
      permissions = ["User.Read.All", "LicenseAssignment.ReadWrite.All", "LicenseAssignment.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All"]
      exchange    = true
      cmdlets     = ["Get-Mailbox", "Get-OrganizationConfig", "Get-MailboxStatistics", "Get-MailboxFolderStatistics", "Get-CASMailbox", "Get-MobileDevice", "Get-MobileDeviceStatistics", "Remove-DistributionGroupMember", "Add-DistributionGroupMember"]
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/licence"]
    }
    delete = {
      permissions = ["User.Read.All", "User.DeleteRestore.All", "Files.Read.All"]
      exchange    = true
      cmdlets     = ["Get-Mailbox", "Get-OrganizationConfig", "Get-MailboxStatistics", "Get-MailboxFolderStatistics"]
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver/delete"]
    }
    watch = {
      permissions = []
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver"]
      listen      = ["leaver-requests", "leaver-hints", "leaver/signout", "leaver/block", "leaver/wipe", "leaver/forward", "leaver/preserve", "leaver/export", "leaver/onedrive", "leaver/privileges", "leaver/access", "leaver/onpremises", "leaver/licence", "leaver/delete"]
    }
    backup = {
      permissions = []
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = []
      listen      = []
    }
    notify = {
      permissions = ["User.Read.All"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = []
      listen      = []
    }
    replay = {
      permissions = []
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver-requests", "leaver-hints", "leaver"]
      listen      = ["leaver-requests", "leaver-hints", "leaver/signout", "leaver/block", "leaver/wipe", "leaver/forward", "leaver/preserve", "leaver/export", "leaver/onedrive", "leaver/privileges", "leaver/access", "leaver/onpremises", "leaver/licence", "leaver/delete"]
    }
    console = {
      permissions = ["User.Read.All", "RoleManagement.Read.Directory", "GroupMember.Read.All", "Application.Read.All", "Policy.Read.All", "MailboxSettings.Read"]
      exchange    = false
      cmdlets     = []
      ledger      = true
      inside      = false
      send        = ["leaver-requests", "leaver-hints", "leaver"]
      listen      = ["leaver-requests", "leaver-hints", "leaver/signout", "leaver/block", "leaver/wipe", "leaver/forward", "leaver/preserve", "leaver/export", "leaver/onedrive", "leaver/privileges", "leaver/access", "leaver/onpremises", "leaver/licence", "leaver/delete"]
    }
  }

  queues = toset(["leaver-requests", "leaver-hints"])

  # The labels are the subjects that a subscription takes.
  subscriptions = {
    signout    = { topic = "leaver", labels = ["signout", "termination"] }
    block      = { topic = "leaver", labels = ["block", "termination"] }
    wipe       = { topic = "leaver", labels = ["wipe", "termination"] }
    forward    = { topic = "leaver", labels = ["forward", "termination"] }
    preserve   = { topic = "leaver", labels = ["preserve", "termination"] }
    export     = { topic = "leaver", labels = ["export", "termination"] }
    onedrive   = { topic = "leaver", labels = ["onedrive", "termination"] }
    privileges = { topic = "leaver", labels = ["privileges", "termination"] }
    access     = { topic = "leaver", labels = ["access", "termination"] }
    onpremises = { topic = "leaver", labels = ["onpremises"] }
    licence    = { topic = "leaver", labels = ["licence"] }
    delete     = { topic = "leaver", labels = ["delete"] }
  }
  # catalogue:end
}
