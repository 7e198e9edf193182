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

resource "azurerm_storage_table" "ledger" {
  name               = "leaver"
  storage_account_id = azurerm_storage_account.ledger.id

  lifecycle {
    prevent_destroy = true
  }
}
