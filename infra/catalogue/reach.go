package main

import (
	"fmt"
	"slices"
	"strings"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// subjects are what the operations of Graph that only read are about, by a part of their path; the first
// that fits says it.
var subjects = []struct{ part, about string }{
	{"/authentication/", "authentication methods"}, {"/drive", "files"}, {"/messageRules", "mailbox settings"}, {"/mailboxSettings", "mailbox settings"},
	{"/mailFolders", "mail"}, {"/messages", "mail"}, {"/contactFolders", "contacts"}, {"/todo/", "tasks"}, {"/calendar", "calendars"}, {"/events", "calendars"},
	{"/deviceManagement", "Intune"}, {"/managedDevices", "Intune"}, {"/managedAppRegistrations", "Intune"}, {"/telephoneNumber", "telephone numbers"},
	{"/auditLogs", "the audit log"}, {"/roleManagement", "roles"}, {"/directoryRoles", "roles"}, {"/conditionalAccess", "Conditional Access"}, {"/lifecycleWorkflows", "lifecycle workflows"},
	{"/applications", "applications"}, {"/servicePrincipals", "applications"}, {"/oauth2PermissionGrants", "consents"}, {"/appRoleAssignments", "app roles"},
	{"/groups", "groups"}, {"emberOf", "groups"}, {"Member", "groups"}, {"group", "groups"}, {"/ownedObjects", "groups"}, {"evices", "devices"},
	{"/subscribedSkus", "licences"}, {"/licenseDetails", "licences"}, {"/organization", "the organisation"}, {"/administrativeUnits", "administrative units"},
	{"/subscriptions", "accounts"}, {"/directory/deletedItems", "accounts"}, {"/users", "accounts"}, {"/me", "accounts"},
}

// reads reports whether an operation changes nothing of anybody's: it gets, asks about groups by a POST, or has
// the application itself told of changes.
func reads(operation string) bool {
	return strings.Contains(operation, " /subscriptions") || strings.HasPrefix(operation, "GET ") || strings.Contains(operation, "/getMember") || strings.Contains(operation, "/checkMember")
}

// reachTable says what each function can do in Microsoft 365: every operation of Graph that its permissions
// open, and every cmdlet of its role group. What changes something is named, what reads is summed up.
func reachTable() (string, error) {
	var rows [][]string
	for _, f := range offboarding.Functions() {
		var changes, sees []string
		for _, act := range simtenant.Acts() {
			if !act.OpenTo(f.Permissions) {
				continue
			}
			if !reads(act.Operation) {
				changes = append(changes, strings.TrimSpace("`"+act.Operation+"` "+act.Property))
				continue
			}
			i := slices.IndexFunc(subjects, func(s struct{ part, about string }) bool { return strings.Contains(act.Operation, s.part) })
			if i < 0 {
				return "", fmt.Errorf("what is %s about? add it to subjects", act.Operation)
			}
			if !slices.Contains(sees, subjects[i].about) {
				sees = append(sees, subjects[i].about)
			}
		}
		for _, cmdlet := range f.Cmdlets {
			name, parameters, _ := strings.Cut(cmdlet, " ")
			if !strings.HasPrefix(name, "Get-") {
				changes = append(changes, strings.TrimSpace("`"+name+"` "+parameters))
			}
		}
		if slices.ContainsFunc(f.Cmdlets, func(c string) bool { return strings.HasPrefix(c, "Get-") }) {
			sees = append(sees, "Exchange")
		}
		slices.Sort(sees)
		rows = append(rows, []string{f.Name, orNothing(changes), orNothing(sees)})
	}
	return table([]string{"function", "changes", "reads"}, rows), nil
}

func orNothing(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// rightsTable says what each identity may do with the bus and the ledger.
func rightsTable() string {
	var every []string
	for _, s := range bus.Subscriptions() {
		every = append(every, s.Name)
	}
	rows := [][]string{{"the HR system", "nothing", "nothing", "nothing"}}
	add := func(name string, r bus.Rights, ledger string) {
		var send, listen []string
		for _, e := range r.Send {
			send = append(send, "`"+e+"`")
		}
		for _, s := range r.Listen {
			listen = append(listen, "`"+s+"`")
		}
		if len(listen) == len(every) {
			listen = []string{"everything"}
		}
		rows = append(rows, []string{name, orNothing(send), orNothing(listen), ledger})
	}
	for _, f := range offboarding.Functions() {
		ledger := "nothing"
		switch {
		case f.Name == offboarding.FunctionWatch:
			ledger = "read, add rows, replace, remove: it erases personal values"
		case f.Signs:
			ledger = "read, add rows, replace; it signs"
		case f.Reads:
			ledger = "read"
		case f.Ledger:
			ledger = "read, add rows, replace"
		}
		add(f.Name, bus.RightsOf(f.Name), ledger)
	}
	add("an operator (`leaver attach`)", bus.Rights{Send: []string{bus.Queue, bus.Hints, bus.Topic}, Listen: every}, "read, add rows, replace; with a key's file of the host it signs")
	return table([]string{"identity", "sends to", "receives, reads and removes", "ledger"}, rows)
}
