// Package simtenant is a simulated Microsoft 365 tenant: the Entra token endpoint, Microsoft Graph
// v1.0 with Intune, and the Exchange Online admin REST, served by one [http.Handler] that tells the
// three hosts apart by path.
//
// It is the only fake of the project. Steps are tested through the real adapters against it, and
// tests assert the state of its world ([Tenant.User], [Tenant.Mailbox], …), not the calls that were
// made. It refuses what Microsoft refuses, with Microsoft's texts; what it does not simulate it
// answers with a loud error that also counts in [Tenant.Unknown], never with a quiet 200.
//
// A tenant has its own clock. [Tenant.Advance] moves it; deleted users are purged, phones
// acknowledge wipes and devices leave Intune as it passes their time. Tokens alone are judged by
// the clock without what Advance added, because clients cache them by their own clock and would go
// on sending a token that only this tenant holds to be expired; [Tenant.ExpireTokens] makes expired
// ones.
//
// Faults, read lag, latency and throttling are knobs of [World], set at start through [Config] and
// later through [Tenant.Edit].
//
// Files, by subject: graph.go holds the table of every Graph operation with the permissions that
// open it, cmdlets.go the table of every Exchange cmdlet, knobs.go what makes the tenant unkind,
// company.go the table of the well-known people. graph_SUBJECT.go and cmdlets_SUBJECT.go hold what
// the entries of the tables do.
package simtenant
