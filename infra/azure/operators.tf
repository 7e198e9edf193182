# Who steps in with leaver attach: they see every case, stop it or accept a step, and send
# what was parked back to work or take it away. Of Microsoft 365 this gives them nothing.
resource "azurerm_role_assignment" "operator" {
  for_each             = { for pair in setproduct(var.operators, keys(local.operator)) : "${pair[0]} ${pair[1]}" => { principal = pair[0], role = pair[1] } }
  scope                = local.operator[each.value.role]
  role_definition_name = each.value.role
  principal_id         = each.value.principal
  depends_on           = [azurerm_resource_group_template_deployment.ledger]
}

locals {
  operator = {
    "Storage Table Data Contributor"  = local.table_id
    "Azure Service Bus Data Sender"   = azurerm_servicebus_namespace.leaver.id
    "Azure Service Bus Data Receiver" = azurerm_servicebus_namespace.leaver.id
  }
}
