resource "azurerm_storage_account" "ledger" {
  name                            = var.storage_account
  resource_group_name             = azurerm_resource_group.leaver.name
  location                        = azurerm_resource_group.leaver.location
  account_tier                    = "Standard"
  account_replication_type        = var.replication
  min_tls_version                 = "TLS1_2"
  shared_access_key_enabled       = false # no keys: roles only
  allow_nested_items_to_be_public = false

  # The ledger is the proof of every departure.
  lifecycle {
    prevent_destroy = true
  }
}

# The table, as a template: azurerm_storage_table sets access policies, which takes an account key
# and a data role that an Owner has not.
resource "azurerm_resource_group_template_deployment" "ledger" {
  name                = "ledger"
  resource_group_name = azurerm_resource_group.leaver.name
  deployment_mode     = "Incremental"
  template_content = jsonencode({
    "$schema"      = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    contentVersion = "1.0.0.0"
    resources = [{
      type       = "Microsoft.Storage/storageAccounts/tableServices/tables"
      apiVersion = "2023-01-01"
      name       = "${azurerm_storage_account.ledger.name}/default/${local.table}"
    }]
  })

  lifecycle {
    prevent_destroy = true
  }
}

# Who wrote to the ledger and to the bus, when and from where.
resource "azurerm_monitor_diagnostic_setting" "ledger" {
  count                      = var.logs == "" ? 0 : 1
  name                       = "leaver"
  target_resource_id         = "${azurerm_storage_account.ledger.id}/tableServices/default"
  log_analytics_workspace_id = var.logs
  enabled_log { category = "StorageWrite" }
  enabled_log { category = "StorageDelete" }
}

resource "azurerm_monitor_diagnostic_setting" "bus" {
  count                      = var.logs == "" ? 0 : 1
  name                       = "leaver"
  target_resource_id         = azurerm_servicebus_namespace.leaver.id
  log_analytics_workspace_id = var.logs
  enabled_log { category = "OperationalLogs" }
}

# Table Storage has no backup of its own: leaver ledger export writes one, and here nobody can change it
# for as long as the policy says. Anchors may lie here too (azblob://backup).
resource "azurerm_storage_account" "backup" {
  count                           = var.backup_account == "" ? 0 : 1
  name                            = var.backup_account
  resource_group_name             = azurerm_resource_group.leaver.name
  location                        = azurerm_resource_group.leaver.location
  account_tier                    = "Standard"
  account_replication_type        = var.replication
  min_tls_version                 = "TLS1_2"
  shared_access_key_enabled       = false
  allow_nested_items_to_be_public = false
  immutability_policy {
    allow_protected_append_writes = false
    period_since_creation_in_days = var.backup_days
    state                         = "Unlocked"
  }
  blob_properties {
    versioning_enabled = true
  }
  lifecycle {
    prevent_destroy = true
  }
}

locals {
  table    = "leaver"
  table_id = "${azurerm_storage_account.ledger.id}/tableServices/default/tables/${local.table}"
}
