package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"leaver/shared/offboarding"
)

func (d *Doctor) limits(context.Context) []Finding {
	const check, subject = "limits", "limits"
	if l := d.Policy.Limits; l.PerHour == 0 && l.PerDay == 0 && l.Share == 0 {
		return []Finding{wrong(check, subject, "the policy has no limit: a wrong import locks everybody out", "limits: {perHour: 10, perDay: 30, share: 5} in the policy")}
	}
	return []Finding{fine(check, subject, "a wrong import is stopped")}
}

// person is whom a name in the policy means.
func (d *Doctor) person(ctx context.Context, name string) (found int, err error) {
	who := offboarding.Employee{UserPrincipalName: name}
	if uuid.Validate(name) == nil {
		who = offboarding.Employee{ID: name}
	}
	users, err := d.Directory.Find(ctx, who)
	if len(users) == 0 && err == nil && who.ID == "" {
		users, err = d.Directory.Find(ctx, offboarding.Employee{Mail: name})
	}
	if errors.Is(err, offboarding.ErrNotFound) {
		return 0, nil
	}
	return len(users), err
}

// protected looks whether those who are never offboarded exist: a name with a mistake protects nobody.
func (d *Doctor) protected(ctx context.Context) []Finding {
	const check = "policy"
	var found []Finding
	for _, name := range d.Policy.Protected {
		switch n, err := d.person(ctx, name); {
		case err != nil:
			found = append(found, unread(check, "protected", err, "User.Read.All"))
		case n == 0:
			found = append(found, wrong(check, "protected: "+name, "there is no such account: it protects nobody", "write its object id or its userPrincipalName into protected"))
		}
	}
	for _, id := range d.Policy.ProtectedGroups {
		switch _, err := d.Directory.Group(ctx, id); {
		case errors.Is(err, offboarding.ErrNotFound):
			found = append(found, wrong(check, "protectedGroups: "+id, "there is no such group: it protects nobody", "write the object id of the group into protectedGroups"))
		case err != nil:
			found = append(found, unread(check, "protectedGroups: "+id, err, "GroupMember.Read.All"))
		}
	}
	return orFine(found, check, "protected", "every account and every group that is protected exists")
}

// files looks whether the files of leavers have a place to go to.
func (d *Doctor) files(ctx context.Context) []Finding {
	const check = "policy"
	to := d.Policy.FilesTo
	subject := "filesTo: " + to
	missing := wrong(check, subject, "it does not exist: the files of every leaver would wait, and with them the deletion", "write a person or a drive that exists into filesTo, or manager")
	switch {
	case d.Policy.KeepFiles != offboarding.KeepMove || to == "" || to == "manager":
		return []Finding{fine(check, "filesTo", "files go to the manager, or nowhere")}
	case strings.HasPrefix(to, "b!"):
		if _, err := d.Directory.DriveRoot(ctx, to); errors.Is(err, offboarding.ErrNotFound) {
			return []Finding{missing}
		} else if err != nil {
			return []Finding{unread(check, subject, err, "Files.Read.All")}
		}
	default:
		if n, err := d.person(ctx, to); err != nil {
			return []Finding{unread(check, subject, err, "User.Read.All")}
		} else if n == 0 {
			return []Finding{missing}
		}
	}
	return []Finding{fine(check, subject, "it exists")}
}

// forwarding looks whether Exchange lets out what the policy allows to be forwarded.
func (d *Doctor) forwarding(ctx context.Context) []Finding {
	const check = "forwarding"
	if len(d.Policy.ForwardDomains) == 0 {
		return []Finding{fine(check, "forwardDomains", "no mail is forwarded outside")}
	}
	outside, err := d.forwardingOutside(ctx)
	if err != nil {
		return []Finding{unread(check, "forwardDomains", err, "Exchange's role View-Only Configuration")}
	}
	var found []Finding
	for _, domain := range d.Policy.ForwardDomains {
		if outside.Forbidden(domain) {
			found = append(found, wrong(check, domain, "the policy lets mail be forwarded there, and Exchange does not: every such message would bounce",
				"Microsoft Defender portal → Anti-spam policies → outbound → Automatic forwarding rules: On, and Exchange admin center → Remote domains → "+domain))
		}
	}
	return orFine(found, check, "forwardDomains", "Exchange lets out what the policy allows")
}

// holdPlans begin the names of service plans that give the right to a litigation hold.
// Source: Exchange Online, Litigation hold, requirements.
var holdPlans = []string{"EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_ARCHIVE"}

func (d *Doctor) licences(ctx context.Context) []Finding {
	const check = "licences"
	holds := d.Policy.KeepMail == offboarding.KeepHold || d.Policy.Mailbox == offboarding.Hold
	if !holds && len(d.Policy.SeatPrices) == 0 {
		return []Finding{fine(check, "keepMail", "the policy holds no mail")}
	}
	seats, err := d.Directory.Seats(ctx)
	if err != nil {
		return []Finding{unread(check, "subscriptions", err, "LicenseAssignment.Read.All")}
	}
	var found []Finding
	if holds && !slices.ContainsFunc(seats, func(s offboarding.Seat) bool {
		return s.Enabled > 0 && slices.ContainsFunc(s.Plans, func(p string) bool {
			return slices.ContainsFunc(holdPlans, func(plan string) bool { return strings.HasPrefix(p, plan) })
		})
	}) {
		found = append(found, wrong(check, "keepMail: hold", "no subscription has Exchange Online Plan 2 or archiving: every hold would be refused, and nobody's account deleted", "buy Exchange Online (Plan 2), or set keepMail to export or none"))
	}
	for sku := range d.Policy.SeatPrices {
		if !slices.ContainsFunc(seats, func(s offboarding.Seat) bool { return strings.EqualFold(s.PartNumber, sku) }) {
			found = append(found, wrong(check, "seatPrices: "+sku, "the tenant has no such subscription: nobody is told to buy one fewer", "write its skuPartNumber, as GET /subscribedSkus of Microsoft Graph has it"))
		}
	}
	return orFine(found, check, "subscriptions", "they give what the policy asks for")
}

// retention looks for policies that keep mail which the policy gives up.
func (d *Doctor) retention(ctx context.Context) []Finding {
	const check, subject = "retention", "retention policies"
	holds, err := d.organisationHolds(ctx)
	if err != nil {
		return []Finding{unread(check, subject, err, "Exchange's role View-Only Configuration")}
	}
	if len(holds) > 0 && d.Policy.KeepMail == offboarding.KeepNone {
		return []Finding{wrong(check, subject, "the policy gives mail up (keepMail: none), and retention policies for everybody keep it: each deleted account leaves an inactive mailbox behind",
			"set keepMail to hold, so that this is said of each, or change the policy in Microsoft Purview → Data lifecycle management → Retention policies")}
	}
	return []Finding{fine(check, subject, "none keeps what the policy gives up")}
}

func (d *Doctor) organisationHolds(ctx context.Context) ([]string, error) {
	if d.Exchange == nil {
		return nil, errNoExchange
	}
	return d.Exchange.OrganisationHolds(ctx)
}

func (d *Doctor) forwardingOutside(ctx context.Context) (offboarding.ForwardingOutside, error) {
	if d.Exchange == nil {
		return offboarding.ForwardingOutside{}, errNoExchange
	}
	return d.Exchange.ForwardingOutside(ctx)
}
