package offboarding_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

const day = 24 * time.Hour

func compile(t *testing.T, o offboarding.Options, change func(*offboarding.Policy)) (offboarding.Plan, error) {
	t.Helper()
	r, p := request(), offboarding.DefaultPolicy()
	r.Options = o
	p.DeleteAfter = day
	if change != nil {
		change(&p)
	}
	return offboarding.Compile(r, p)
}

// TestB1B2B5TheGateTable is the table of the design, as far as the plan decides it.
func TestB1B2B5TheGateTable(t *testing.T) {
	t.Parallel()
	lasting := func(d time.Duration) *time.Duration { return &d }
	const never = -time.Hour
	tests := []struct {
		name            string
		options         offboarding.Options
		policy          func(*offboarding.Policy)
		preserve        bool          // the plan holds the step
		until           time.Duration // after the leaving time; never = no end, or no forwarding
		licence, delete time.Duration
		licenceBy       offboarding.Rule
		deleteBy        offboarding.Rule
	}{
		{name: "the default forwards until the grace ends", preserve: true, until: 30 * day, licence: 30 * day, delete: 31 * day},
		{name: "a forward that ends early moves nothing", options: offboarding.Options{ForwardFor: lasting(day)}, preserve: true, until: day, licence: 30 * day, delete: 31 * day},
		{name: "a forward that outlasts the grace moves both gates", options: offboarding.Options{ForwardFor: lasting(90 * day)}, preserve: true, until: 90 * day, licence: 90 * day, delete: 91 * day},
		{name: "the request goes before the policy", options: offboarding.Options{ForwardFor: lasting(40 * day)}, policy: func(p *offboarding.Policy) { p.ForwardFor = lasting(offboarding.Unlimited) }, preserve: true, until: 40 * day, licence: 40 * day, delete: 41 * day},
		{name: "a forward with no end withholds both", options: offboarding.Options{ForwardFor: lasting(offboarding.Unlimited)}, until: never, licence: 30 * day, delete: 31 * day, licenceBy: offboarding.B2, deleteBy: offboarding.B1},
		{name: "the policy may forward with no end", policy: func(p *offboarding.Policy) { p.ForwardFor = lasting(offboarding.Unlimited) }, until: never, licence: 30 * day, delete: 31 * day, licenceBy: offboarding.B2, deleteBy: offboarding.B1},
		{name: "shared withholds the deletion", options: offboarding.Options{Mailbox: offboarding.Shared}, until: never, licence: 30 * day, delete: 31 * day, deleteBy: offboarding.B1},
		{name: "none is kept all the same", options: offboarding.Options{Mailbox: offboarding.None}, preserve: true, until: never, licence: 30 * day, delete: 31 * day},
		{name: "hold keeps the mail whatever the policy says", options: offboarding.Options{Mailbox: offboarding.Hold}, policy: func(p *offboarding.Policy) { p.KeepMail = offboarding.KeepNone }, preserve: true, until: never, licence: 30 * day, delete: 31 * day, licenceBy: offboarding.B5},
		{name: "hold keeps the licence until the deletion", options: offboarding.Options{Mailbox: offboarding.Hold}, preserve: true, until: never, licence: 30 * day, delete: 31 * day, licenceBy: offboarding.B5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plan, err := compile(t, tt.options, tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := plan.Step(offboarding.StepPreserve); ok != tt.preserve {
				t.Errorf("the plan holds preserve: %t", ok)
			}
			until := never
			if plan.Forwarding != nil && !plan.Forwarding.Until.IsZero() {
				until = plan.Forwarding.Until.Sub(leaving)
			}
			if until != tt.until {
				t.Errorf("forwards until %s, wanted %s", until, tt.until)
			}
			for name, want := range map[offboarding.StepName]struct {
				due time.Duration
				by  offboarding.Rule
			}{offboarding.StepLicence: {tt.licence, tt.licenceBy}, offboarding.StepDelete: {tt.delete, tt.deleteBy}} {
				step, _ := plan.Step(name)
				if step.Due.Sub(leaving) != want.due || step.Withheld != want.by || (step.Why == "") != (want.by.IsZero()) {
					t.Errorf("%s is due after %s, withheld by %q: %s", name, step.Due.Sub(leaving), step.Withheld, step.Why)
				}
			}
		})
	}
}

func TestB6ContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	week, nothing := 7*day, time.Duration(0)
	tests := []struct {
		name    string
		options offboarding.Options
		policy  func(*offboarding.Policy)
		says    string
	}{
		{"hold and a recipient", offboarding.Options{Mailbox: offboarding.Hold, ForwardTo: "alex.wilber@contoso.com"}, nil, "B6: an inactive mailbox"},
		{"hold and an end", offboarding.Options{Mailbox: offboarding.Hold, ForwardFor: &week}, nil, "B6: an inactive mailbox"},
		{"hold by the policy, and a recipient", offboarding.Options{ForwardTo: "alex.wilber@contoso.com"}, func(p *offboarding.Policy) { p.Mailbox = offboarding.Hold }, "B6: an inactive mailbox"},
		{"shared and a recipient", offboarding.Options{Mailbox: offboarding.Shared, ForwardTo: "alex.wilber@contoso.com"}, nil, "mailbox shared"},
		{"none and an end", offboarding.Options{Mailbox: offboarding.None, ForwardFor: &week}, nil, "mailbox none"},
		{"forwarding for no time", offboarding.Options{ForwardFor: &nothing}, nil, "longer than nothing"},
		{"a policy that forwards for no time", offboarding.Options{}, func(p *offboarding.Policy) { p.ForwardFor = &nothing }, "longer than nothing"},
		{"a domain with a wildcard", offboarding.Options{}, func(p *offboarding.Policy) { p.ForwardDomains = []string{"*.contoso.com"} }, "whole ones"},
		{"a text with an unknown placeholder", offboarding.Options{}, func(p *offboarding.Policy) { p.AutoReply.Outside = "ask {boss}" }, "{boss}"},
		{"a handling that does not exist", offboarding.Options{Mailbox: "burn"}, nil, "burn"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(t, tt.options, tt.policy)
			var refusal *offboarding.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(refusal.Why, tt.says) {
				t.Errorf("got %v, wanted a refusal with %q", err, tt.says)
			}
		})
	}
}

// TestB2WhichGroupsGiveLicences: nobody but the licence gate may leave those.
func TestB2WhichGroupsGiveLicences(t *testing.T) {
	t.Parallel()
	const id = "4d81ce71-486c-41e9-afc5-e41bf2d0722a"
	from := func(group string) offboarding.User {
		return offboarding.User{Licences: []offboarding.Licence{{SKU: "e3", AssignedByGroup: group}}}
	}
	asks := offboarding.Group{ID: "d", Dynamic: true, Licensed: true, MembershipRule: "user.memberof -any (group.objectId -in ['" + strings.ToUpper(id) + "'])"}
	for name, tt := range map[string]struct {
		group offboarding.Group
		user  offboarding.User
		other offboarding.Group
		gives bool
	}{
		"it assigns one that the user does not show yet": {group: offboarding.Group{ID: id, Licensed: true}, gives: true},
		"the user shows one from it":                     {group: offboarding.Group{ID: id}, user: from(strings.ToUpper(id)), gives: true},
		"one that gives licences asks for it":            {group: offboarding.Group{ID: id}, other: asks, gives: true},
		"one that gives none asks for it":                {group: offboarding.Group{ID: id}, other: offboarding.Group{ID: "d", Dynamic: true, MembershipRule: asks.MembershipRule}},
		"the user shows one from another":                {group: offboarding.Group{ID: id}, user: from("other")},
		"a direct licence":                               {group: offboarding.Group{ID: id}, user: from("")},
	} {
		if got := tt.group.GivesLicences(tt.user, []offboarding.Group{tt.group, tt.other}); got != tt.gives {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestB2B3B4B5B12TheLicenceGateReadsTheMailbox(t *testing.T) {
	t.Parallel()
	end := planned(func(p *offboarding.Plan) {
		p.Mailbox = offboarding.Forward
		p.KeepMail = offboarding.KeepNone
		p.Forwarding = &offboarding.Forwarding{Until: leaving}
	})
	shared := planned(func(p *offboarding.Plan) { p.Mailbox = offboarding.Shared })
	isShared := offboarding.MailFlow{RecipientTypeDetails: "SharedMailbox"}
	with := func(change func(*offboarding.MailFlow)) offboarding.MailFlow {
		m := isShared
		change(&m)
		return m
	}
	const limit = 50 << 30
	tests := []struct {
		name  string
		plan  offboarding.Plan
		mail  offboarding.MailFlow
		bytes int64
		by    offboarding.Rule
		says  string
	}{
		{"forwarding that has ended", end, offboarding.MailFlow{}, 0, offboarding.Rule{}, ""},
		{"forwarding that goes on to a recipient", end, offboarding.MailFlow{ForwardsTo: "alex"}, 0, offboarding.B2, "forwards now"},
		{"forwarding that goes on to an address", end, offboarding.MailFlow{ForwardsToAddress: "a@b"}, 0, offboarding.B2, "forwards now"},
		{"forwarding with no end", planned(func(p *offboarding.Plan) { p.Mailbox = offboarding.Forward; p.Forwarding = &offboarding.Forwarding{} }), offboarding.MailFlow{}, 0, offboarding.B2, "no end"},
		{"a small shared mailbox", shared, isShared, limit, offboarding.Rule{}, ""},
		{"not shared yet", shared, offboarding.MailFlow{RecipientTypeDetails: "UserMailbox"}, 0, offboarding.B3, "UserMailbox"},
		{"too large", shared, isShared, limit + 1, offboarding.B4, "53687091201 bytes"},
		{"with an archive", shared, with(func(m *offboarding.MailFlow) { m.Archive = true }), 0, offboarding.B4, "archive"},
		{"on hold", shared, with(func(m *offboarding.MailFlow) { m.Hold, m.Held = true, true }), 0, offboarding.B4, "on hold"},
		{"none whatever it does", planned(func(p *offboarding.Plan) { p.Mailbox = offboarding.None; p.KeepMail = offboarding.KeepNone }), offboarding.MailFlow{ForwardsTo: "alex"}, limit + 1, offboarding.Rule{}, ""},
		{"B12: mail that nobody kept", planned(func(p *offboarding.Plan) { p.Mailbox = offboarding.None; p.KeepMail = offboarding.KeepHold }), offboarding.MailFlow{}, 1, offboarding.B12, "7 items"},
		{"B12: an export that nobody signed off", planned(func(p *offboarding.Plan) { p.Mailbox = offboarding.None; p.KeepMail = offboarding.KeepExport }), offboarding.MailFlow{}, 1, offboarding.B12, "7 items"},
		{"B5: mail on hold", planned(func(p *offboarding.Plan) { p.Mailbox = offboarding.None; p.KeepMail = offboarding.KeepHold }), offboarding.MailFlow{Hold: true, Held: true}, 1, offboarding.B5, "deletion"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := offboarding.VerdictOf(offboarding.MayRelease(&offboarding.Case{Plan: tt.plan}, tt.mail, offboarding.Content{Exists: true, Items: 7, Bytes: tt.bytes}, time.Time{}))
			if got.Rule != tt.by || !strings.Contains(got.Why, tt.says) {
				t.Errorf("got %+v, want %q with %q", got, tt.by, tt.says)
			}
		})
	}
}

func TestAnotherForwardingIsDoneAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*offboarding.Plan)
		again  bool
	}{
		{"the same", func(*offboarding.Plan) {}, false},
		{"another leaving time", func(p *offboarding.Plan) { p.LeavingTime = p.LeavingTime.Add(time.Hour) }, false},
		{"another recipient", func(p *offboarding.Plan) { p.Forwarding.To = "b" }, true},
		{"another address", func(p *offboarding.Plan) { p.Forwarding.Address = "forwardTo-req-2" }, true},
		{"another end", func(p *offboarding.Plan) { p.Forwarding.Until = p.Forwarding.Until.Add(day) }, true},
		{"without a copy", func(p *offboarding.Plan) { p.Forwarding.Copy = false }, true},
		{"shared", func(p *offboarding.Plan) { p.Mailbox, p.Forwarding = offboarding.Shared, nil }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first, err := compile(t, offboarding.Options{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			first.Forwarding.To = "a"
			second := first
			forwarding := *first.Forwarding
			second.Forwarding = &forwarding
			tt.change(&second)
			second.Version = 2
			c := history(t,
				offboarding.Entry{Kind: offboarding.EntryOpened, Leaver: "l", Plan: &first},
				settled(offboarding.StepForward, offboarding.StateEffective, 1),
				offboarding.Entry{Kind: offboarding.EntryJoined, Plan: &second})
			if again := c.Step(offboarding.StepForward).State == offboarding.StatePlanned; again != tt.again {
				t.Errorf("done again: %t", again)
			}
			if tt.again && first.Same(second) {
				t.Error("the plans count as the same")
			}
		})
	}
}

func TestAPlannedWaitStartsNoDeadline(t *testing.T) {
	t.Parallel()
	wait := settled(offboarding.StepForward, offboarding.StateWaiting, 2)
	c := history(t, opened(t), wait)
	if c.Step(offboarding.StepForward).Since.IsZero() {
		t.Error("an ordinary wait has no beginning")
	}
	wait.Planned = true
	c = history(t, opened(t), settled(offboarding.StepForward, offboarding.StateWaiting, 2), wait)
	if !c.Step(offboarding.StepForward).Since.IsZero() {
		t.Error("a planned wait counts as a delay")
	}
}

func TestTheTextsAreFilledInEscaped(t *testing.T) {
	t.Parallel()
	texts := offboarding.AutoReplyTexts{Inside: "<p>{name} is gone; ask {contact}</p>", Outside: "gone"}
	got := texts.Fill("Ann <b> & Co", "a&b@contoso.com")
	want := offboarding.AutoReplyTexts{Inside: "<p>Ann &lt;b&gt; &amp; Co is gone; ask a&amp;b@contoso.com</p>", Outside: "gone"}
	if got != want {
		t.Errorf("%+v", got)
	}
}

func TestADomainIsNamedExactly(t *testing.T) {
	t.Parallel()
	p := offboarding.Policy{PolicySettings: offboarding.PolicySettings{ForwardDomains: []string{"Fabrikam.com"}}}
	for address, want := range map[string]bool{"a@fabrikam.com": true, "a@FABRIKAM.COM": true, "a@evil-fabrikam.com": false, "a@x.fabrikam.com": false, "fabrikam.com": false, "": false} {
		if p.ForwardsTo(address) != want {
			t.Errorf("%q: %t", address, !want)
		}
	}
}

// TestB12ACopyWithoutDeltaTokenIsComparedAgain is about one that an older version of Leaver verified.
func TestB12ACopyWithoutDeltaTokenIsComparedAgain(t *testing.T) {
	t.Parallel()
	onedrive := &offboarding.Record{Name: offboarding.StepOnedrive, State: offboarding.StateEffective, Evidence: map[string]string{
		offboarding.DriveSeen: "b!1", offboarding.VerifiedItems: "2", offboarding.VerifiedBytes: "5",
	}}
	c := &offboarding.Case{Plan: planned(func(p *offboarding.Plan) { p.KeepFiles = offboarding.KeepMove }), Steps: []*offboarding.Record{onedrive}}
	drive := offboarding.Drive{ID: "b!1", Content: offboarding.Content{Exists: true, Items: 2, Bytes: 5}}
	if why, token := offboarding.FilesLost(c, drive); token != "" || !strings.Contains(why, "replay onedrive") {
		t.Errorf("%q, token %q", why, token)
	}
	onedrive.Progress = map[string]string{offboarding.VerifiedDelta: "t"}
	if why, token := offboarding.FilesLost(c, drive); token != "t" || why != "" {
		t.Errorf("%q, token %q", why, token)
	}
}

func TestB12OnlyAnExportThatWasDoneIsOne(t *testing.T) {
	t.Parallel()
	for accepted, kept := range map[offboarding.StepState]bool{offboarding.StateManual: true, offboarding.StateParked: false} {
		c := &offboarding.Case{
			Plan:  planned(func(p *offboarding.Plan) { p.KeepMail = offboarding.KeepExport }),
			Steps: []*offboarding.Record{{Name: offboarding.StepPreserve, State: offboarding.StateSignedOff, SignedOff: accepted}},
		}
		if offboarding.MailKept(c, offboarding.MailFlow{}, time.Time{}) != kept {
			t.Errorf("an export that was %s before it was signed off is kept: %t", accepted, !kept)
		}
	}
}

// planned is a plan with some settings.
func planned(change func(*offboarding.Plan)) offboarding.Plan {
	var p offboarding.Plan
	change(&p)
	return p
}
