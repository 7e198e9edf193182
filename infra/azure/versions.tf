terraform {
  required_version = ">= 1.9"
  required_providers {
    # 4.81.0 brought auto_delete_subscription_default_rule.
    azurerm = { source = "hashicorp/azurerm", version = "~> 5.2" }
    azuread = { source = "hashicorp/azuread", version = "~> 3.9" }
  }
}

provider "azurerm" {
  environment                     = local.cloud.azurerm
  tenant_id                       = var.tenant_id
  subscription_id                 = var.subscription_id
  resource_provider_registrations = "none"
  resource_providers_to_register  = ["Microsoft.ServiceBus", "Microsoft.Storage"]
  storage_use_azuread             = true

  features {
    servicebus {
      # Service Bus gives every new subscription a rule that takes everything. The provider
      # deletes it at once; what slips in before that is refused by the function.
      auto_delete_subscription_default_rule = true
    }
  }
}

provider "azuread" {
  environment = local.cloud.azuread
  tenant_id   = var.tenant_id
}
