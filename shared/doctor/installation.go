package doctor

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/bus"
	"leaver/shared/ledger"
	"leaver/shared/offboarding"
)

// clockDrift is how far two clocks may be apart: leases and due times allow for two seconds, and a
// token that begins in five minutes is refused.
const clockDrift = 10 * time.Second

func (d *Doctor) clock(ctx context.Context) []Finding {
	const check, subject = "clock", "this machine"
	at, err := d.Directory.Clock(ctx)
	if err != nil {
		return []Finding{unread(check, subject, err, "User.Read.All")}
	}
	if off := d.Now().Sub(at); off.Abs() > clockDrift {
		return []Finding{wrong(check, subject, fmt.Sprintf("its clock and Microsoft's differ by %s: tokens and leases would end at the wrong time", off.Round(time.Second)), "timedatectl set-ntp true, or the time service of the host")}
	}
	return []Finding{fine(check, subject, "its clock is Microsoft's")}
}

// leastAdministrators is how many can let the others in again.
// Source: Microsoft Entra, Manage emergency access accounts: two or more.
const leastAdministrators = 2

func (d *Doctor) emergency(ctx context.Context) []Finding {
	const check, subject = "emergency", "emergency accounts"
	e, err := d.Directory.Emergency(ctx)
	if err != nil {
		return []Finding{unread(check, subject, err, "RoleManagement.Read.Directory, Policy.Read.All, User.Read.All and GroupMember.Read.All, or the directory role Global Reader")}
	}
	const page = "https://learn.microsoft.com/entra/identity/role-based-access-control/security-emergency-access"
	switch {
	case len(e.Administrators) < leastAdministrators:
		return []Finding{wrong(check, subject, fmt.Sprintf("%d enabled account is a Global Administrator for good: if that one leaves or is locked out, nobody can let anybody in", len(e.Administrators)), page)}
	case e.Policies > 0 && len(e.Excluded) == 0:
		return []Finding{wrong(check, subject, "no Global Administrator is left out of every Conditional Access policy for everybody: one wrong policy locks all of them out, and Leaver cannot tell an emergency account from a person", page)}
	}
	return []Finding{fine(check, subject, fmt.Sprintf("%s, %d of them left out of the Conditional Access policies for everybody (%d)", offboarding.Count(len(e.Administrators), "Global Administrator"), len(e.Excluded), e.Policies))}
}

func (d *Doctor) workflows(ctx context.Context) []Finding {
	const check = "workflows"
	all, err := d.Directory.LifecycleWorkflows(ctx)
	if err != nil {
		return []Finding{unread(check, "Lifecycle Workflows", err, "LifecycleWorkflows.Read.All; a tenant without Microsoft Entra ID Governance has none")}
	}
	var found []Finding
	for _, w := range all {
		if w.Leaver && w.Enabled {
			found = append(found, wrong(check, w.ID, "this workflow of Entra's is for leavers too and is scheduled: both would act on the same person, and it deletes licences and accounts without Leaver's rules",
				"Entra admin center → Identity Governance → Lifecycle workflows → the workflow → Properties → Enable schedule: No; or keep its tasks apart from Leaver's"))
		}
	}
	return orFine(found, check, "Lifecycle Workflows", "none of them does what Leaver does")
}

const mendBus = "terraform apply in infra/azure"

// bus looks at the queues and subscriptions that there have to be, or at those of them that the rights at
// hand are for, and at what each takes.
func (d *Doctor) bus(ctx context.Context) []Finding {
	const check = "bus"
	var found []Finding
	var hidden error
	listens := d.needs().Listen
	for _, s := range bus.Subscriptions() {
		looked := slices.ContainsFunc(d.Functions, func(f offboarding.Function) bool { return f.Name == s.Name })
		if len(d.Own) > 0 {
			looked = slices.Contains(listens, s.Name)
		}
		if !looked {
			continue
		}
		subject := s.Entity + ": " + s.Name
		_, err := d.Bus.Depth(ctx, s.Name)
		switch {
		case errors.Is(err, bus.ErrNotFound):
			found = append(found, wrong(check, subject, "there is no such queue or subscription: messages for it would be lost", mendBus))
			continue
		case err != nil:
			found = append(found, unread(check, subject, err, "Azure Service Bus Data Receiver"))
			continue
		}
		missing, surplus, err := d.Bus.Filters(ctx, s.Name)
		if err != nil {
			hidden = err
			continue
		}
		if len(missing) > 0 {
			found = append(found, wrong(check, subject, "it does not take what it has to ("+strings.Join(missing, ", ")+"): such messages pass it by, and its steps begin only when watch finds them overdue", mendBus))
		}
		if len(surplus) > 0 {
			found = append(found, wrong(check, subject, "it takes what is for others ("+strings.Join(surplus, ", ")+"): its function would be handed that, and park it", mendBus+"; what somebody made by hand: az servicebus topic subscription rule delete"))
		}
	}
	if hidden != nil {
		found = append(found, unread(check, "filters", hidden, "Azure Service Bus Data Owner, which no function should have; or look: az servicebus topic subscription rule list"))
	}
	return orFine(found, check, bus.Topic, "every queue and subscription that these rights are for is there, can be read, and takes what it has to")
}

// needs are the rights on the bus that the functions have to have whose rights are those at hand.
func (d *Doctor) needs() bus.Rights {
	var all bus.Rights
	for _, f := range d.Own {
		of := bus.RightsOf(f.Name)
		all.Send = append(all.Send, bus.Without(of.Send, all.Send)...)
		all.Listen = append(all.Listen, bus.Without(of.Listen, all.Listen)...)
	}
	return all
}

// rights holds what the broker lets whoever asks do against what they have to do.
func (d *Doctor) rights(ctx context.Context) []Finding {
	const check, subject = "rights", "the bus"
	if len(d.Own) == 0 {
		return []Finding{{check, subject, Unknown, "what each function may do there only that function sees: on AWS each looks every six hours, and says so in its log", "look: az role assignment list --include-inherited --scope NAMESPACE; terraform plan in infra/azure"}}
	}
	has, err := d.Bus.Rights(ctx)
	if err != nil {
		return []Finding{unread(check, subject, err, "a broker that answers")}
	}
	who := needOf(d.Own...).of
	needs := d.needs()
	var found []Finding
	for _, side := range []struct {
		verb, role   string
		needs, holds []string
	}{
		{"send to", "Azure Service Bus Data Sender", needs.Send, has.Send},
		{"listen on", "Azure Service Bus Data Receiver", needs.Listen, has.Listen},
	} {
		for _, entity := range bus.Without(side.needs, side.holds) {
			found = append(found, wrong(check, side.verb+" "+entity, who+" may not, and has to: its messages would be refused", mendBus+" gives the role "+side.role+"; a role takes up to five minutes to work"))
		}
		for _, entity := range bus.Without(side.holds, side.needs) {
			found = append(found, wrong(check, side.verb+" "+entity, who+" may, and never does: whoever takes the function over would", "take the role "+side.role+" (or Data Owner) away there, and where it is inherited from: az role assignment list --include-inherited --scope NAMESPACE"))
		}
	}
	return orFine(found, check, subject, who+" may do what it has to, and no more")
}

func (d *Doctor) ledger(ctx context.Context) []Finding {
	const check = "ledger"
	brakes, err := d.Ledger.Brakes(ctx)
	if err != nil {
		return []Finding{unread(check, "ledger", err, "Storage Table Data Contributor on the table")}
	}
	var found []Finding
	if !brakes.Frozen.IsZero() {
		found = append(found, wrong(check, "freeze", "the installation is frozen since "+brakes.Frozen.UTC().Format(time.RFC3339)+": nothing is written", "leaver thaw --by NAME; leaver help frozen says what to look at first"))
	}
	_, unreadable, err := d.Ledger.Cases(ctx)
	if err != nil {
		return append(found, unread(check, "cases", err, "Storage Table Data Contributor on the table"))
	}
	for _, u := range unreadable {
		found = append(found, wrong(check, u.ID, "its history cannot be read: "+u.Why.Error(), "leaver verify "+u.ID))
	}
	return orFine(found, check, "ledger", "it can be read, and every open case with it; whether it can be written is not tried, and the cases that have ended are read by leaver verify")
}

// Backups are the findings about the backups of the ledger, of which wrong says what is not as it should be.
func Backups(wrong func(context.Context) (string, error)) func(context.Context) []Finding {
	const check, subject = "backup", "ledger"
	return func(ctx context.Context) []Finding {
		switch why, err := wrong(ctx); {
		case err != nil:
			return []Finding{unread(check, subject, err, "the storage that LEAVER_BACKUP names")}
		case why != "":
			return []Finding{{check, subject, Wrong, why, "LEAVER_BACKUP, and leaver help backup"}}
		}
		return []Finding{fine(check, subject, "it was copied within the last day and a half, and read back")}
	}
}

// anchorAge is how old the last anchor may be: one is put every ten minutes.
const anchorAge = time.Hour

func (d *Doctor) anchors(ctx context.Context) []Finding {
	const check, subject = "anchors", "anchors"
	at, kept, err := d.Ledger.LastAnchor(ctx)
	switch {
	case errors.Is(err, ledger.ErrUnproven), errors.Is(err, ledger.ErrUnreadable):
		return []Finding{wrong(check, subject, "the last anchor is not one that counts: "+err.Error(), "leaver verify; SECURITY.md")}
	case err != nil:
		return []Finding{unread(check, subject, err, "the place that LEAVER_ANCHORS names")}
	case !kept:
		return []Finding{wrong(check, subject, "the ledger has no anchors: whoever can write it could shorten it, and nobody would notice", "leaver up --anchors DIR|URL, or LEAVER_ANCHORS: a place that whoever writes the ledger cannot change")}
	case !at.IsZero() && d.Now().Sub(at) > anchorAge:
		return []Finding{wrong(check, subject, "the last anchor is from "+at.UTC().Format(time.RFC3339)+": what was written since is proven by nothing outside of the ledger", "look whether plan runs and may write to LEAVER_ANCHORS")}
	}
	return []Finding{fine(check, subject, "the ledger is anchored")}
}

// leastSecret is the shortest secret of a webhook, in bytes. Source: Standard Webhooks, Signature scheme.
const leastSecret = 24

func (d *Doctor) webhooks(context.Context) []Finding {
	const check, subject = "secrets", "/webhooks/standard"
	const fix = `make one of your own, "whsec_$(openssl rand -base64 32)", and give it to the HR system and to LEAVER_WEBHOOK_SECRETS`
	var found []Finding
	for _, secret := range d.Webhooks {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		switch {
		case secret == d.Sample:
			found = append(found, wrong(check, subject, "a secret is the sample of events/, which everybody knows: anybody can ask for anybody's departure", fix))
		case err == nil && len(key) < leastSecret:
			found = append(found, wrong(check, subject, fmt.Sprintf("a secret has %d bytes and needs %d: it can be guessed", len(key), leastSecret), fix))
		}
	}
	if len(d.Webhooks) == 0 {
		return []Finding{fine(check, subject, "this host was told no secret of it; where intake has one, it was not looked at")}
	}
	return orFine(found, check, subject, offboarding.Count(len(d.Webhooks), "secret")+", none known or short; how old they are is not known here")
}
