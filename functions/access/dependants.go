package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leaver/shared/offboarding"
)

// mostNamed is how many ids a residual risk names.
const mostNamed = 10

// named lists the first of some ids, and says how many more there are.
func named(ids []string) string {
	text := strings.Join(ids[:min(len(ids), mostNamed)], ", ")
	if more := len(ids) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// hangs is something that will be without anybody: a task for which no other step waits, because nothing
// is lost with the account that the task does not name.
func (r *run) hangs(format string, args ...any) {
	r.dependants = append(r.dependants, fmt.Sprintf(format, args...))
}

// handOverTask is all of it as one.
func (r *run) handOverTask() error {
	if len(r.dependants) == 0 {
		return nil
	}
	slices.Sort(r.dependants)
	tasks := slices.Compact(r.dependants)
	r.job.Evidence["dependants"] = strings.Join(tasks, "; ")
	return offboarding.DoneWithTask(brief(tasks) + "; then replay, or sign off")
}

// reports leaves whoever reports to the leaver to a person, unless they leave as well: without a manager
// nobody approves for them, and nobody gets their mail when they leave. It is not done by machine: HR
// systems write managers, and would write the old one back, and User.ReadWrite.All, which it takes, changes
// every account.
func (r *run) reports(ctx context.Context, reports []string) error {
	var stay []string
	for _, id := range reports {
		leaving, err := r.departures.Leaving(ctx, id)
		if err != nil {
			return err
		}
		if !leaving {
			stay = append(stay, id)
		}
	}
	if len(stay) > 0 {
		who := "one person reports"
		if len(stay) > 1 {
			who = fmt.Sprintf("%d people report", len(stay))
		}
		r.hangs("%s to the leaver and will be without a manager: name another one where HR keeps managers, else in Entra, on the page of each (Properties, Manager): %s", who, offboarding.Pages(r.portal.User, stay))
	}
	return nil
}

// overseen leaves the recipients to a person whose mail nobody would approve, and the dynamic distribution groups that
// nobody would manage. What nobody approves is never delivered: after two days its sender hears that it has expired.
// Source: Exchange, Manage message approval.
func (r *run) overseen(ctx context.Context) error {
	found, err := r.mailboxes.Overseen(ctx, r.job.Leaver)
	unseen := []error{err}
	alone := func(names []string) bool {
		others, err := r.staying(ctx, names)
		unseen = append(unseen, err)
		return len(names) > 0 && others == 0 && err == nil
	}
	for _, o := range found {
		what := "a mailbox (" + o.GUID + ")"
		if o.DisplayName != "" {
			what = "the distribution group " + r.user.NameOf(offboarding.Group{ID: o.GUID, DisplayName: o.DisplayName})
		}
		where := "in the Exchange admin center"
		if o.OnPremises {
			where = "in the on-premises Active Directory"
		}
		if alone(o.Moderators) {
			r.hangs("nobody who stays approves the mail to %s, which is not delivered without that: name somebody who does %s, under message approval (Get-Recipient %s shows it)", what, where, o.GUID)
		}
		if alone(o.Managers) {
			r.hangs("nobody who stays manages %s, which is a dynamic one: name somebody %s, Groups, Dynamic distribution list (Get-DynamicDistributionGroup %s shows it)", what, where, o.GUID)
		}
	}
	return offboarding.Join(unseen...)
}

// transportRules leaves the mail flow rules that name the leaver to a person: they would send mail to nobody, or wait
// for approval by nobody, and a rule whose recipient is gone cannot be edited as it is.
// Source: Microsoft, KB 976195.
func (r *run) transportRules(ctx context.Context) error {
	rules, err := r.mailboxes.TransportRules(ctx, r.user.Addresses)
	for _, rule := range rules {
		r.hangs("the mail flow rule %s names the leaver (%s): change it in the Exchange admin center, Mail flow, Rules (Get-TransportRule %s shows it)",
			r.user.NameOf(offboarding.Group{ID: rule.GUID, DisplayName: rule.Name}), strings.Join(rule.By, ", "), rule.GUID)
	}
	return err
}

// apps leaves the applications that would be without an owner who can act to a person. It is not done by
// machine: Application.ReadWrite.All, which it takes, adds a secret to any application of the tenant.
func (r *run) apps(ctx context.Context, apps []offboarding.OwnedApp) error {
	var verdicts []error
	for _, app := range apps {
		owners, err := r.directory.AppOwners(ctx, app)
		if errors.Is(err, offboarding.ErrNotFound) {
			continue
		}
		others := 0
		if err == nil {
			others, err = offboarding.WhoStay(ctx, owners, r.job.Leaver, r.departures)
		}
		page := r.portal.App(app.AppID)
		if app.Service {
			page = r.portal.EnterpriseApp(app.ID, app.AppID)
		}
		if offboarding.IsPermanent(err) {
			err = offboarding.Permanent(fmt.Errorf("%w; look at %s", err, page))
		}
		if err != nil {
			verdicts = append(verdicts, err)
			continue
		}
		if others > 0 {
			continue
		}
		kind := "app registration"
		if app.Service {
			kind = "enterprise application"
		}
		r.hangs("make somebody the owner of the %s %s (appId %s), whose only owner is the leaver: %s",
			kind, r.user.NameOf(offboarding.Group{ID: app.ID, DisplayName: app.DisplayName}), app.AppID, page)
	}
	return offboarding.Join(verdicts...)
}
