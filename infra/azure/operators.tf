# Who steps in with leaver attach: they see every case, stop it or accept a step, and send
# what was parked back to work or take it away. Of Microsoft 365 this gives them nothing, and of the
# ledger nothing that has to be signed: that takes LEAVER_LEDGER_SIGNER.
resource "azurerm_role_assignment" "operator" {
  for_each             = { for pair in setproduct(var.operators, keys(local.operator)) : "${pair[0]} ${pair[1]}" => { principal = pair[0], role = pair[1] } }
  scope                = local.operator[each.value.role]
  role_definition_name = each.value.role
  principal_id         = each.value.principal
}

resource "azurerm_role_assignment" "operator_ledger" {
  for_each           = var.operators
  scope              = local.table_id
  role_definition_id = azurerm_role_definition.writer.role_definition_resource_id
  principal_id       = each.value
  depends_on         = [azurerm_resource_group_template_deployment.ledger]
}

# A copy of the ledger holds what the table holds, which they read anyway.
resource "azurerm_role_assignment" "operator_backup" {
  for_each             = var.operators
  scope                = local.backup_id
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = each.value
  depends_on           = [azurerm_resource_group_template_deployment.backup]
}

locals {
  operator = {
    "Azure Service Bus Data Sender"   = azurerm_servicebus_namespace.leaver.id
    "Azure Service Bus Data Receiver" = azurerm_servicebus_namespace.leaver.id
  }
}
