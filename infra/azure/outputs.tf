output "parameters" {
  description = "What sam deploy needs to know: sam deploy --parameter-overrides $(terraform output -raw parameters) …"
  value = join(" ", concat([
    "Prefix=${var.prefix}",
    "TenantId=${var.tenant_id}",
    "Cloud=${var.cloud}",
    "ServiceBus=${local.servicebus}",
    "Tables=${local.tables}",
    "BackupStorage=${local.backup_url}",
  ], [for name, app in azuread_application_registration.function : "${title(name)}ClientId=${app.client_id}" if !local.functions[name].inside]))
}

output "servicebus" {
  description = "The host name of the namespace, for a host that is not on AWS: LEAVER_SERVICEBUS."
  value       = local.servicebus
}

output "tables" {
  description = "The table endpoint of the ledger, for the same host: LEAVER_TABLES."
  value       = local.tables
}

output "backup" {
  description = "Where the ledger is copied to: LEAVER_BACKUP, for leaver doctor and for a host that copies it."
  value       = local.backup_url
}

output "inside" {
  description = "The environment of a host inside of a network, by function: leaver up --only FUNCTION."
  value = { for name, f in local.functions : name => {
    LEAVER_TENANT_ID  = var.tenant_id
    LEAVER_CLOUD      = var.cloud
    LEAVER_SERVICEBUS = local.servicebus
    LEAVER_TABLES     = local.tables
    # With a managed identity there is no application to name.
    LEAVER_IDENTITY  = contains(keys(var.machines), name) ? "managed" : null
    LEAVER_CLIENT_ID = contains(keys(var.machines), name) ? null : azuread_application_registration.function[name].client_id
  } if f.inside }
}

output "exchange" {
  description = "For exchange.ps1: who runs which cmdlets, and notify, which sends mail as one mailbox."
  value = { for name in setunion(local.exchange, ["notify"]) : name => {
    app_id    = azuread_application_registration.function[name].client_id
    object_id = azuread_service_principal.function[name].object_id
    cmdlets   = local.functions[name].cmdlets
  } }
}

locals {
  servicebus = split(":", split("/", azurerm_servicebus_namespace.leaver.endpoint)[2])[0]
  # Of its host name, what follows the account is the domain of the cloud.
  backup_url = "azblob://${local.backup}?storage_account=${azurerm_storage_account.backup.name}&domain=${trimprefix(azurerm_storage_account.backup.primary_blob_host, "${azurerm_storage_account.backup.name}.")}"
  tables     = trimsuffix(azurerm_storage_account.ledger.primary_table_endpoint, "/")
}
