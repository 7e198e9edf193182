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

locals {
  table    = "leaver"
  table_id = "${azurerm_storage_account.ledger.id}/tableServices/default/tables/${local.table}"
}
