resource "azurerm_resource_group" "leaver" {
  name     = var.name
  location = var.location
}

resource "azurerm_servicebus_namespace" "leaver" {
  name                = var.name
  resource_group_name = azurerm_resource_group.leaver.name
  location            = azurerm_resource_group.leaver.location
  sku                 = "Standard" # Basic has no topics
  local_auth_enabled  = false      # no keys: roles only
  minimum_tls_version = "1.2"
}

# On every entity: no time to live, or schedules and dead letters would be dropped; the largest
# delivery count there is, because Leaver parks messages itself, by elapsed time; and duplicate
# detection where messages are sent.
resource "azurerm_servicebus_queue" "leaver" {
  for_each                                = local.queues
  name                                    = each.key
  namespace_id                            = azurerm_servicebus_namespace.leaver.id
  lock_duration                           = "PT1M"
  max_delivery_count                      = 2000
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "PT10M"
}

resource "azurerm_servicebus_topic" "leaver" {
  for_each                                = local.topics
  name                                    = each.key
  namespace_id                            = azurerm_servicebus_namespace.leaver.id
  requires_duplicate_detection            = true
  duplicate_detection_history_time_window = "PT10M"
}

resource "azurerm_servicebus_subscription" "leaver" {
  for_each           = local.subscriptions
  name               = each.key
  topic_id           = azurerm_servicebus_topic.leaver[each.value.topic].id
  lock_duration      = "PT1M"
  max_delivery_count = 2000
}

# A subscription takes the messages with one of its labels, and those for it alone: what replay
# sends back to one step must not start the others again.
resource "azurerm_servicebus_subscription_rule" "label" {
  for_each        = local.labels
  name            = each.value.label
  subscription_id = azurerm_servicebus_subscription.leaver[each.value.subscription].id
  filter_type     = "CorrelationFilter"
  correlation_filter {
    label = each.value.label
  }
}

resource "azurerm_servicebus_subscription_rule" "to" {
  for_each        = local.subscriptions
  name            = "to-${each.key}"
  subscription_id = azurerm_servicebus_subscription.leaver[each.key].id
  filter_type     = "CorrelationFilter"
  correlation_filter {
    to = each.key
  }
}

locals {
  topics = toset([for s in local.subscriptions : s.topic])
  labels = merge([for name, s in local.subscriptions : {
    for label in s.labels : "${name} ${label}" => { subscription = name, label = label }
  }]...)
}
