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

# Table Storage has no backup of its own. The function backup copies the ledger here once a day, and nobody
# changes or removes a copy for as long as the policy says; then its life cycle removes it, and with it the
# names that the ledger has long erased. Anchors may lie here too (azblob://anchors).
resource "azurerm_storage_account" "backup" {
  name                            = local.backup_account
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

# The container, as a template for the same reason as the table.
resource "azurerm_resource_group_template_deployment" "backup" {
  name                = "backup"
  resource_group_name = azurerm_resource_group.leaver.name
  deployment_mode     = "Incremental"
  template_content = jsonencode({
    "$schema"      = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    contentVersion = "1.0.0.0"
    resources = [{
      type       = "Microsoft.Storage/storageAccounts/blobServices/containers"
      apiVersion = "2023-01-01"
      name       = "${azurerm_storage_account.backup.name}/default/${local.backup}"
    }]
  })

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_storage_management_policy" "backup" {
  storage_account_id = azurerm_storage_account.backup.id
  rule {
    name    = "backups"
    enabled = true
    filters {
      prefix_match = ["${local.backup}/ledger-"]
      blob_types   = ["blockBlob"]
    }
    actions {
      base_blob {
        delete_after_days_since_creation_greater_than = var.backup_days
      }
      version {
        delete_after_days_since_creation = var.backup_days
      }
    }
  }
}

# Who read and wrote copies of the ledger, which hold names.
resource "azurerm_monitor_diagnostic_setting" "backup" {
  count                      = var.logs == "" ? 0 : 1
  name                       = "leaver"
  target_resource_id         = "${azurerm_storage_account.backup.id}/blobServices/default"
  log_analytics_workspace_id = var.logs
  enabled_log { category = "StorageRead" }
  enabled_log { category = "StorageWrite" }
  enabled_log { category = "StorageDelete" }
}

locals {
  backup         = "ledger"
  backup_id      = "${azurerm_storage_account.backup.id}/blobServices/default/containers/${local.backup}"
  backup_account = var.backup_account == "" ? "${substr(var.storage_account, 0, 18)}backup" : var.backup_account
}

locals {
  table    = "leaver"
  table_id = "${azurerm_storage_account.ledger.id}/tableServices/default/tables/${local.table}"
}
