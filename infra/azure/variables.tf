variable "tenant_id" {
  description = "The id of the Entra tenant whose people leave."
  type        = string
}

variable "subscription_id" {
  description = "The Azure subscription for Service Bus and the ledger."
  type        = string
}

variable "location" {
  description = "The Azure region; one close to the AWS region of the functions."
  type        = string
}

variable "name" {
  description = "The name of the resource group and of the Service Bus namespace; unique in the world."
  type        = string
}

variable "storage_account" {
  description = "The name of the storage account of the ledger: 3 to 24 lower-case letters and digits, unique in the world."
  type        = string
}

variable "replication" {
  description = "How the ledger is replicated: ZRS keeps it through the loss of a zone, GZRS through that of a region."
  type        = string
  default     = "ZRS"
}

variable "cloud" {
  description = "Microsoft's cloud: worldwide, usgov, usgovdod or china."
  type        = string
  default     = "worldwide"
  validation {
    condition     = contains(keys(local.clouds), var.cloud)
    error_message = "Use worldwide, usgov, usgovdod or china."
  }
}

variable "export_container" {
  description = "The resource id of the blob container that exportTo in the policy names (functions/export/README.md); empty for none."
  type        = string
  default     = ""
}

variable "aws_account_id" {
  description = "The AWS account of the functions, twelve digits."
  type        = string
}

variable "aws_partition" {
  description = "aws, aws-us-gov or aws-cn."
  type        = string
  default     = "aws"
}

variable "aws_issuer" {
  description = "The issuer of that account's outbound identity federation: https://….tokens.sts.global.api.aws"
  type        = string
  validation {
    condition     = startswith(var.aws_issuer, "https://")
    error_message = "It is a URL: aws iam get-outbound-web-identity-federation-info shows it."
  }
}

variable "prefix" {
  description = "What the names of the functions' roles begin with: parameter Prefix of template.yaml."
  type        = string
  default     = "leaver-"
}

locals {
  # The names of the cloud in the two providers.
  clouds = {
    worldwide = { azurerm = "public", azuread = "global" }
    usgov     = { azurerm = "usgovernment", azuread = "usgovernmentl4" }
    usgovdod  = { azurerm = "usgovernment", azuread = "usgovernmentl5" }
    china     = { azurerm = "china", azuread = "china" }
  }
  cloud = local.clouds[var.cloud]
}

variable "certificates" {
  description = "For a function that runs inside of a network, such as onpremises: the certificate that it signs in with, in PEM and without its private key. {} where machines says who it is."
  type        = map(string)
  default     = {}
}

variable "machines" {
  description = "For such a function, instead of a certificate: the object id of the managed identity of its host (Azure Arc makes one for a server on premises)."
  type        = map(string)
  default     = {}
}

variable "operators" {
  description = "The object ids of the people, or better of the group, who look after departures: leaver attach."
  type        = set(string)
  default     = []
}

variable "console_url" {
  description = "Where browsers find the console, like https://leaver.contoso.com, without a path: parameter ConsoleUrl of template.yaml. Empty for no console."
  type        = string
  default     = ""

  validation {
    condition     = var.console_url == "" || can(regex("^https://[^/]+$", var.console_url))
    error_message = "It begins with https:// and has no path."
  }
}

variable "console" {
  description = "Who has which app role of the console: object ids of people or groups, by Leaver.Read, Leaver.Operate and Leaver.Approve."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.console), ["Leaver.Read", "Leaver.Operate", "Leaver.Approve"])) == 0
    error_message = "The roles are Leaver.Read, Leaver.Operate and Leaver.Approve."
  }
}

variable "logs" {
  description = "The id of a Log Analytics workspace that keeps who wrote to the ledger and to the bus; empty keeps nothing."
  type        = string
  default     = ""
}

variable "backup_account" {
  description = "The name of the storage account for copies of the ledger, which nobody can change; unique in the world. Empty is that of the ledger, cut to 18 letters, with backup behind it."
  type        = string
  default     = ""
}

variable "backup_days" {
  description = "How many days nobody can change or remove a copy of the ledger; then it is removed. Names that the ledger has erased are in its copies for so long."
  type        = number
  default     = 90
}
