# One app registration for each function. It has no secret: Entra takes the token with which AWS
# says that the caller has the function's role, or the certificate of a host inside.
resource "azuread_application_registration" "function" {
  for_each     = local.functions
  display_name = "Leaver ${each.key}"
  notes        = "infra/azure of Leaver"
}

resource "azuread_service_principal" "function" {
  for_each                     = local.functions
  client_id                    = azuread_application_registration.function[each.key].client_id
  app_role_assignment_required = each.key == "console"
}

resource "azuread_application_federated_identity_credential" "aws" {
  for_each       = { for name, f in local.functions : name => f if !f.inside }
  application_id = azuread_application_registration.function[each.key].id
  display_name   = "aws"
  audiences      = ["api://AzureADTokenExchange"]
  issuer         = var.aws_issuer
  subject        = "arn:${var.aws_partition}:iam::${var.aws_account_id}:role/${var.prefix}${each.key}"
}

# A function that runs inside of a network is at no role of AWS. It signs in with a certificate whose
# private key never leaves its host and whose public half is here, or as the managed identity of that
# host, which then has the rights instead of the application: infra/activedirectory/README.md.
resource "azuread_application_certificate" "inside" {
  for_each       = { for name, f in local.functions : name => var.certificates[name] if f.inside && contains(keys(var.certificates), name) }
  application_id = azuread_application_registration.function[each.key].id
  type           = "AsymmetricX509Cert"
  value          = each.value
}

# Microsoft's ids of permissions are looked up in the tenant, by their names.
data "azuread_application_published_app_ids" "well_known" {}

data "azuread_service_principal" "graph" {
  client_id = data.azuread_application_published_app_ids.well_known.result.MicrosoftGraph
}

data "azuread_service_principal" "exchange" {
  client_id = data.azuread_application_published_app_ids.well_known.result.Office365ExchangeOnline
}

resource "azuread_app_role_assignment" "graph" {
  for_each            = local.given
  principal_object_id = azuread_service_principal.function[each.value.function].object_id
  resource_object_id  = data.azuread_service_principal.graph.object_id
  app_role_id         = data.azuread_service_principal.graph.app_role_ids[each.value.permission]
}

# Which cmdlets the app may run, its role group in Exchange says: exchange.ps1.
resource "azuread_app_role_assignment" "exchange" {
  for_each            = local.exchange
  principal_object_id = azuread_service_principal.function[each.key].object_id
  resource_object_id  = data.azuread_service_principal.exchange.object_id
  app_role_id         = data.azuread_service_principal.exchange.app_role_ids["Exchange.ManageAsApp"]
}

resource "azurerm_role_assignment" "send" {
  for_each                         = local.send
  scope                            = local.entities[each.value.entity]
  role_definition_name             = "Azure Service Bus Data Sender"
  principal_id                     = local.principals[each.value.function]
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_role_assignment" "listen" {
  for_each                         = local.listen
  scope                            = local.entities[each.value.entity]
  role_definition_name             = "Azure Service Bus Data Receiver"
  principal_id                     = local.principals[each.value.function]
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# Nobody removes a row but watch, which erases personal values: what a function writes is added, and the
# head of a history replaced.
# Source: Microsoft Learn, "Authorize access to tables", Permissions for calling data operations.
resource "azurerm_role_definition" "writer" {
  name        = "${var.name} ledger writer"
  scope       = azurerm_resource_group.leaver.id
  description = "Reads the ledger of Leaver and adds to it; removes nothing."
  permissions {
    data_actions = [
      "Microsoft.Storage/storageAccounts/tableServices/tables/entities/read",
      "Microsoft.Storage/storageAccounts/tableServices/tables/entities/add/action",
      "Microsoft.Storage/storageAccounts/tableServices/tables/entities/update/action",
    ]
  }
  assignable_scopes = [azurerm_resource_group.leaver.id]
}

resource "azurerm_role_assignment" "ledger" {
  for_each                         = setsubtract(local.ledger, setunion(local.erases, local.reads))
  scope                            = local.table_id
  role_definition_id               = azurerm_role_definition.writer.role_definition_resource_id
  principal_id                     = local.principals[each.key]
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
  depends_on                       = [azurerm_resource_group_template_deployment.ledger]
}

resource "azurerm_role_assignment" "erases" {
  for_each                         = local.erases
  scope                            = local.table_id
  role_definition_name             = "Storage Table Data Contributor"
  principal_id                     = local.principals[each.key]
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
  depends_on                       = [azurerm_resource_group_template_deployment.ledger]
}

resource "azurerm_role_assignment" "reads" {
  for_each                         = local.reads
  scope                            = local.table_id
  role_definition_name             = "Storage Table Data Reader"
  principal_id                     = local.principals[each.key]
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
  depends_on                       = [azurerm_resource_group_template_deployment.ledger]
}

# Who copies the ledger adds copies and reads them back. It removes none, and what it writes again is another
# version, beside which the one before stays.
# Source: Microsoft Learn, "Authorize with Microsoft Entra ID (REST API)", Permissions for blob service operations.
resource "azurerm_role_definition" "keeper" {
  name        = "${var.name} backup keeper"
  scope       = azurerm_resource_group.leaver.id
  description = "Adds copies of the ledger of Leaver and reads them; removes nothing."
  permissions {
    data_actions = [
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action",
      "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write",
    ]
  }
  assignable_scopes = [azurerm_resource_group.leaver.id]
}

resource "azurerm_role_assignment" "backup" {
  for_each                         = local.reads
  scope                            = local.backup_id
  role_definition_id               = azurerm_role_definition.keeper.role_definition_resource_id
  principal_id                     = local.principals[each.key]
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
  depends_on                       = [azurerm_resource_group_template_deployment.backup]
}

# Exports in Azure Blob Storage: exportTo in the policy names the container.
resource "azurerm_role_assignment" "export" {
  count                            = var.export_container == "" ? 0 : 1
  scope                            = var.export_container
  role_definition_name             = "Storage Blob Data Contributor"
  principal_id                     = local.principals["export"]
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

locals {
  permissions = merge([for name, f in local.functions : {
    for permission in f.permissions : "${name} ${permission}" => { function = name, permission = permission }
  }]...)
  # A cloud may not have a permission, and then nobody can be given it: what it is for is a task for a person
  # there, and leaver doctor says so.
  given = { for name, p in local.permissions : name => p if contains(keys(data.azuread_service_principal.graph.app_role_ids), p.permission) }
  send = merge([for name, f in local.functions : {
    for entity in f.send : "${name} ${entity}" => { function = name, entity = entity }
  }]...)
  listen = merge([for name, f in local.functions : {
    for entity in f.listen : "${name} ${entity}" => { function = name, entity = entity }
  }]...)
  erases   = toset(["watch"])
  reads    = toset(["backup"])
  exchange = toset([for name, f in local.functions : name if f.exchange])
  ledger   = toset([for name, f in local.functions : name if f.ledger])

  # Who has a function's rights to the bus and the ledger.
  principals = { for name, f in local.functions : name => f.inside ? lookup(var.machines, name, azuread_service_principal.function[name].object_id) : azuread_service_principal.function[name].object_id }

  # What the rights in functions.tf are about, by name.
  entities = merge(
    { for name, q in azurerm_servicebus_queue.leaver : name => q.id },
    { for name, t in azurerm_servicebus_topic.leaver : name => t.id },
    { for name, s in azurerm_servicebus_subscription.leaver : "${local.subscriptions[name].topic}/${name}" => s.id },
  )
}
