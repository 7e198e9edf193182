output "parameters" {
  description = "What sam deploy needs to know: sam deploy --parameter-overrides $(terraform output -raw parameters) …"
  value = join(" ", concat([
    "Prefix=${var.prefix}",
    "TenantId=${var.tenant_id}",
    "Cloud=${var.cloud}",
    "ServiceBus=${local.servicebus}",
    "Tables=${local.tables}",
  ], [for name, app in azuread_application_registration.function : "${title(name)}ClientId=${app.client_id}"]))
}

output "servicebus" {
  description = "The host name of the namespace."
  value       = local.servicebus
}

output "tables" {
  description = "The table endpoint of the ledger."
  value       = local.tables
}

output "exchange" {
  description = "The service principals that exchange.ps1 gives their role group."
  value = { for name in local.exchange : name => {
    app_id     = azuread_application_registration.function[name].client_id
    object_id  = azuread_service_principal.function[name].object_id
    legal_hold = local.functions[name].legal_hold
  } }
}

locals {
  servicebus = split(":", split("/", azurerm_servicebus_namespace.leaver.endpoint)[2])[0]
  tables     = trimsuffix(azurerm_storage_account.ledger.primary_table_endpoint, "/")
}
