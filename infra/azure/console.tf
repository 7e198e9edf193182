# People sign in to the console by the registration of its function: with these app roles, which are
# assigned here or in Entra (Enterprise applications, Leaver console, Users and groups). Nobody without one
# is let in. A role that is assigned to a group counts for its direct members only.
resource "azuread_application_app_role" "console" {
  for_each             = local.console_roles
  application_id       = azuread_application_registration.function["console"].id
  role_id              = uuidv5("url", "https://leaver/console/roles/${each.key}")
  allowed_member_types = ["User"]
  display_name         = each.key
  value                = each.key
  description          = each.value
}

resource "azuread_application_redirect_uris" "console" {
  count          = var.console_url == "" ? 0 : 1
  application_id = azuread_application_registration.function["console"].id
  type           = "Web"
  redirect_uris  = ["${var.console_url}/console/sign-in/done"]
}

resource "azuread_app_role_assignment" "console" {
  for_each            = merge([for role, people in var.console : { for id in people : "${role} ${id}" => { role = role, principal = id } }]...)
  principal_object_id = each.value.principal
  resource_object_id  = azuread_service_principal.function["console"].object_id
  app_role_id         = azuread_application_app_role.console[each.value.role].role_id
}

locals {
  # As functions/console has them.
  console_roles = {
    "Leaver.Read"    = "See departures, plans, limits and sources."
    "Leaver.Operate" = "Begin, release, cancel, sign off and replay departures; freeze the installation."
    "Leaver.Approve" = "Approve what waits for another person's word."
  }
}
