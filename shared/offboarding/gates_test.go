package offboarding_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestB1NobodyElsesMailboxIsALeavers(t *testing.T) {
	t.Parallel()
	c := &offboarding.Case{Plan: planned(func(p *offboarding.Plan) { p.Mailbox, p.KeepMail = offboarding.None, offboarding.KeepNone })}
	for kind, persons := range map[string]bool{
		"UserMailbox": true, "RoomMailbox": false, "EquipmentMailbox": false, "SchedulingMailbox": false,
		"GroupMailbox": false, "TeamMailbox": false, "DiscoveryMailbox": false,
	} {
		mail := offboarding.MailFlow{ID: "4d81ce71-486c-41e9-afc5-e41bf2d0722a", RecipientTypeDetails: kind}
		for what, err := range map[string]error{
			"its licence": offboarding.MayRelease(c, mail, offboarding.Content{}, time.Time{}), "its account": offboarding.MayDeleteWith(mail), "it": offboarding.APersons(kind),
		} {
			if v := offboarding.VerdictOf(err); (err == nil) != persons || err != nil && v.Rule != offboarding.B1 {
				t.Errorf("%s of a %s: got %v, want it withheld by B1: %t", what, kind, err, !persons)
			}
		}
	}
}

func TestB12WhatWouldBeLostWithAMailbox(t *testing.T) {
	t.Parallel()
	hold := planned(func(p *offboarding.Plan) { p.KeepMail = offboarding.KeepHold })
	for name, tt := range map[string]struct {
		plan offboarding.Plan
		mail offboarding.MailFlow
		held offboarding.Content
		says string
	}{
		"nothing":                            {plan: hold},
		"one item":                           {plan: hold, held: offboarding.Content{Items: 1}, says: "1 item "},
		"one deleted item":                   {plan: hold, held: offboarding.Content{Recoverable: 1}, says: "1 deleted item "},
		"an archive":                         {plan: hold, mail: offboarding.MailFlow{Archive: true}, says: "archive"},
		"everything on hold":                 {plan: hold, mail: offboarding.MailFlow{Archive: true, Hold: true}, held: offboarding.Content{Items: 1, Recoverable: 1}},
		"chats on hold keep no mail":         {plan: hold, mail: offboarding.MailFlow{Held: true}, held: offboarding.Content{Items: 1}, says: "1 item "},
		"what the organisation gives up":     {plan: planned(func(p *offboarding.Plan) { p.KeepMail = offboarding.KeepNone }), held: offboarding.Content{Items: 1}},
		"what was to be exported and is not": {plan: planned(func(p *offboarding.Plan) { p.KeepMail = offboarding.KeepExport }), mail: offboarding.MailFlow{Hold: true}, held: offboarding.Content{Items: 1}, says: "1 item "},
	} {
		got := offboarding.MailLost(&offboarding.Case{Plan: tt.plan}, tt.mail, tt.held, time.Time{})
		if (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
			t.Errorf("%s: got %q, want %q in it, or nothing", name, got, tt.says)
		}
	}
}

func TestB12WhatWouldBeLostWithADrive(t *testing.T) {
	t.Parallel()
	move := planned(func(p *offboarding.Plan) { p.KeepFiles = offboarding.KeepMove })
	full := offboarding.Content{Exists: true, Items: 2, Bytes: 5}
	done := func() *offboarding.Record {
		return &offboarding.Record{Name: offboarding.StepOnedrive, State: offboarding.StateEffective, Progress: map[string]string{offboarding.VerifiedDelta: "t"},
			Evidence: map[string]string{offboarding.DriveSeen: "b!1", offboarding.VerifiedItems: "2", offboarding.VerifiedBytes: "5"}}
	}
	for name, tt := range map[string]struct {
		plan    offboarding.Plan
		record  func(*offboarding.Record) // nil = the plan holds no such step
		content offboarding.Content
		id      string
		says    string
		token   string
	}{
		"it is as its verified copy":      {plan: move, record: func(*offboarding.Record) {}, content: full, token: "t"},
		"given up":                        {plan: planned(func(p *offboarding.Plan) { p.KeepFiles = offboarding.KeepNone }), content: full},
		"empty, and nobody looked":        {plan: move, content: offboarding.Content{Exists: true}},
		"not shown, and nobody looked":    {plan: move, says: "nobody saw"},
		"not shown, and onedrive is done": {plan: move, record: func(*offboarding.Record) {}},
		"not shown, and onedrive is not":  {plan: move, record: func(r *offboarding.Record) { r.State = offboarding.StateSignedOff }, says: "nobody saw"},
		"copied by nobody":                {plan: move, content: full, says: "nobody kept"},
		"copied, but not to the end":      {plan: move, record: func(r *offboarding.Record) { r.State = offboarding.StateManual }, content: full, says: "nobody kept"},
		"seen empty, and filled since":    {plan: move, record: func(r *offboarding.Record) { delete(r.Evidence, offboarding.VerifiedItems) }, content: full, says: "nobody kept"},
		"another drive":                   {plan: move, record: func(*offboarding.Record) {}, content: full, id: "b!2", says: "another one"},
		"one item more":                   {plan: move, record: func(*offboarding.Record) {}, content: offboarding.Content{Exists: true, Items: 3, Bytes: 5}, says: "3 items"},
		"one byte more":                   {plan: move, record: func(*offboarding.Record) {}, content: offboarding.Content{Exists: true, Items: 2, Bytes: 6}, says: "6 bytes"},
		"verified without a delta token":  {plan: move, record: func(r *offboarding.Record) { r.Progress = nil }, content: full, says: "not known any more"},
	} {
		c := &offboarding.Case{Plan: tt.plan}
		if tt.record != nil {
			r := done()
			tt.record(r)
			c.Steps = append(c.Steps, r)
		}
		id := "b!1"
		if tt.id != "" {
			id = tt.id
		}
		why, token := offboarding.FilesLost(c, offboarding.Drive{ID: id, Content: tt.content})
		if (why == "") != (tt.says == "") || !strings.Contains(why, tt.says) || token != tt.token {
			t.Errorf("%s: got %q and the token %q, want %q and %q", name, why, token, tt.says, tt.token)
		}
	}
}

// account is one that a last look sees, or an error.
type account struct {
	offboarding.User
	err error
}

func (a account) UserIn(context.Context, string, []string) (offboarding.User, []string, error) {
	return a.User, nil, a.err
}

// guard allows every write, and counts who asked.
type guard struct{ asked int }

func (g *guard) Allow(context.Context) error { g.asked++; return nil }
func (*guard) Record(offboarding.Call)       {}

func TestB16TheLastLookIsBeforeTheWrite(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)
	blocked := func(ago time.Duration, state offboarding.StepState) []*offboarding.Record {
		return []*offboarding.Record{{Name: offboarding.StepBlock, State: state, EffectiveAt: now.Add(-ago)}}
	}
	enabled := account{User: offboarding.User{ID: "1", UserPrincipalName: "adele.vance@contoso.com", AccountEnabled: true}}
	disabled := enabled
	disabled.AccountEnabled = false
	var protecting offboarding.Policy
	protecting.Protected = []string{"adele.vance@contoso.com"}
	failed := account{err: errors.New("unavailable")}
	for name, tt := range map[string]struct {
		accounts offboarding.Accounts
		policy   offboarding.Policy
		step     offboarding.StepName
		steps    []*offboarding.Record
		kind     offboarding.VerdictKind
		says     string
	}{
		"nobody looks":                          {step: offboarding.StepDelete, kind: offboarding.KindPermanent, says: "last look"},
		"the account is not shown":              {accounts: account{err: offboarding.ErrNotFound}, step: offboarding.StepDelete, kind: offboarding.KindEffective},
		"the look fails":                        {accounts: failed, step: offboarding.StepDelete, kind: offboarding.KindTransient},
		"protected":                             {accounts: disabled, policy: protecting, step: offboarding.StepWipe, kind: offboarding.KindManual, says: "protects"},
		"a gate, blocked":                       {accounts: disabled, step: offboarding.StepDelete, kind: offboarding.KindEffective},
		"a gate, enabled":                       {accounts: enabled, step: offboarding.StepDelete, kind: offboarding.KindManual, says: "B16"},
		"a gate, enabled right after the block": {accounts: enabled, step: offboarding.StepLicence, steps: blocked(0, offboarding.StateEffective), kind: offboarding.KindManual, says: "B16"},
		"no gate, never blocked":                {accounts: enabled, step: offboarding.StepWipe, kind: offboarding.KindEffective},
		"no gate, blocked an hour ago":          {accounts: enabled, step: offboarding.StepWipe, steps: blocked(time.Hour, offboarding.StateEffective), kind: offboarding.KindEffective},
		"no gate, blocked longer ago":           {accounts: enabled, step: offboarding.StepWipe, steps: blocked(time.Hour+time.Second, offboarding.StateEffective), kind: offboarding.KindManual, says: "B16"},
		"no gate, the block waits":              {accounts: enabled, step: offboarding.StepWipe, steps: blocked(2*time.Hour, offboarding.StateWaiting), kind: offboarding.KindEffective},
	} {
		look, asked := offboarding.LastLook{Accounts: tt.accounts, Policy: tt.policy, Now: func() time.Time { return now }}, &guard{}
		err := look.Before(asked, &offboarding.Case{Leaver: "1", Steps: tt.steps}, tt.step).Allow(t.Context())
		v := offboarding.VerdictOf(err)
		if v.Kind != tt.kind || !strings.Contains(v.Why, tt.says) || (asked.asked == 1) != (err == nil) {
			t.Errorf("%s: got kind %v (%v), and the ledger was asked %d times; want kind %v saying %q, and the ledger asked if it may be", name, v.Kind, err, asked.asked, tt.kind, tt.says)
		}
	}
}

// TestEnsureWritesNothingThatItCannotTakeBack: whatever fails before the write, there is none; and what
// fails after it is no effect.
func TestEnsureWritesNothingThatItCannotTakeBack(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, tt := range map[string]struct {
		is        bool // as wanted, before
		fails     string
		accepted  bool // a write shows no effect
		seen      bool
		want      []string
		transient bool
		notYet    bool
	}{
		"it is as wanted":                {is: true, want: []string{"read", "seal", "keep"}},
		"it is not":                      {want: []string{"read", "seal", "keep", "write", "read"}},
		"it has just been read":          {seen: true, want: []string{"seal", "keep", "write", "read"}},
		"the read fails":                 {fails: "read", want: []string{"read"}, transient: true},
		"what names people is not kept":  {fails: "seal", want: []string{"read", "seal"}, transient: true},
		"the before is not kept":         {fails: "keep", want: []string{"read", "seal", "keep"}, transient: true},
		"the write fails":                {fails: "write", want: []string{"read", "seal", "keep", "write"}, transient: true},
		"the read after the write fails": {fails: "second read", want: []string{"read", "seal", "keep", "write", "read"}, transient: true},
		"the write has no effect yet":    {accepted: true, want: []string{"read", "seal", "keep", "write", "read"}, notYet: true},
	} {
		var did []string
		does := func(what string) error {
			did = append(did, what)
			if what == tt.fails || tt.fails == "second read" && what == "read" && slices.Contains(did, "write") {
				return broken
			}
			return nil
		}
		job := &offboarding.Job{
			Step: &offboarding.Record{Name: offboarding.StepWipe}, Case: &offboarding.Case{},
			Keep:         func(context.Context, map[string]string, map[string]string) error { return does("keep") },
			KeepPersonal: func(context.Context, map[string]string) error { return does("seal") },
		}
		world := tt.is
		effect := offboarding.Effect[bool]{
			What: "it", Read: func(context.Context) (bool, error) { return world, does("read") },
			Wanted: func(is bool) bool { return is },
			Before: func(bool) map[string]string { return map[string]string{"was": "so"} },
			Sealed: func(bool) map[string]string { return map[string]string{"name": "sealed"} },
			Write: func(context.Context, bool) error {
				world = !tt.accepted
				return does("write")
			},
			Shows: func(bool) string { return "it does not show" },
		}
		if tt.seen {
			effect.Seen = &tt.is
		}
		_, err := offboarding.Ensure(t.Context(), job, effect)
		if !slices.Equal(did, tt.want) || errors.Is(err, broken) != tt.transient || (offboarding.VerdictOf(err).Kind == offboarding.KindNotYet) != tt.notYet || (err == nil) == (tt.transient || tt.notYet) {
			t.Errorf("%s: it did %q and returned %v, want %q", name, did, err, tt.want)
		}
	}
}

func TestWhatAStepNeedsIsAsItShouldBe(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		need  *offboarding.Record // block, which licence needs; nil = not planned
		waits bool
	}{
		"not planned":               {},
		"effective":                 {need: &offboarding.Record{State: offboarding.StateEffective}},
		"signed off":                {need: &offboarding.Record{State: offboarding.StateSignedOff}},
		"waiting":                   {need: &offboarding.Record{State: offboarding.StateWaiting}, waits: true},
		"waiting, and observed":     {need: &offboarding.Record{State: offboarding.StateWaiting, Observed: true}},
		"a task":                    {need: &offboarding.Record{State: offboarding.StateManual}, waits: true},
		"rehearsed":                 {need: &offboarding.Record{State: offboarding.StateRehearsed}, waits: true},
		"taken back":                {need: &offboarding.Record{State: offboarding.StateEffective, Undo: true}, waits: true},
		"taken back, once observed": {need: &offboarding.Record{State: offboarding.StateEffective, Observed: true, Undo: true}, waits: true},
	} {
		step := &offboarding.Record{Name: offboarding.StepLicence}
		c := &offboarding.Case{Steps: []*offboarding.Record{step}}
		if tt.need != nil {
			tt.need.Name = offboarding.StepBlock
			c.Steps = append(c.Steps, tt.need)
		}
		if err := (&offboarding.Job{Case: c, Step: step}).Await(); (err != nil) != tt.waits || err != nil && !strings.Contains(err.Error(), "waits for block") {
			t.Errorf("block is %s: got %v, want it to wait: %t", name, err, tt.waits)
		}
	}
}

// TestB10ARefusalForARoleIsWaitedForAsLongAsItMayHelp: privileges takes the role away first, and Microsoft
// heeds that within ten minutes or never.
func TestB10ARefusalForARoleIsWaitedForAsLongAsItMayHelp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 24, 18, 0, 0, 0, time.UTC)
	refusal := offboarding.Permanent(errors.New("403"))
	for name, tt := range map[string]struct {
		err    error
		roles  []string
		was    string
		takes  *offboarding.Record
		waited time.Duration
		want   offboarding.VerdictKind
		says   string
	}{
		"no refusal":                           {err: errors.New("503"), roles: []string{"r"}, takes: &offboarding.Record{State: offboarding.StateWaiting}, want: offboarding.KindTransient},
		"nobody holds a role":                  {err: refusal, takes: &offboarding.Record{State: offboarding.StateWaiting}, want: offboarding.KindPermanent},
		"privileges is at it":                  {err: refusal, roles: []string{"r"}, takes: &offboarding.Record{State: offboarding.StateWaiting}, waited: 10*time.Minute - time.Second, want: offboarding.KindNotYet, says: "B10"},
		"privileges was too long":              {err: refusal, roles: []string{"r"}, takes: &offboarding.Record{State: offboarding.StateWaiting}, waited: 10 * time.Minute, want: offboarding.KindPermanent, says: "B10"},
		"privileges has just done it":          {err: refusal, roles: []string{"r"}, takes: &offboarding.Record{State: offboarding.StateEffective}, want: offboarding.KindNotYet, says: "B10"},
		"the role has just gone":               {err: refusal, was: "r", takes: &offboarding.Record{State: offboarding.StateEffective}, want: offboarding.KindNotYet, says: "B10"},
		"a person has to do it":                {err: refusal, roles: []string{"r"}, takes: &offboarding.Record{State: offboarding.StateManual}, want: offboarding.KindPermanent, says: "B10"},
		"planned before privileges was a step": {err: refusal, roles: []string{"r"}, takes: &offboarding.Record{Name: offboarding.StepAccess, State: offboarding.StateWaiting}, want: offboarding.KindNotYet, says: "B10"},
		"nobody takes roles away":              {err: refusal, roles: []string{"r"}, want: offboarding.KindPermanent, says: "B10"},
	} {
		step := &offboarding.Record{Name: offboarding.StepSignout, Since: now.Add(-tt.waited), Progress: map[string]string{"refusedForRoles": tt.was}}
		c := &offboarding.Case{Steps: []*offboarding.Record{step}}
		if tt.takes != nil {
			tt.takes.Name = cmp.Or(tt.takes.Name, offboarding.StepPrivileges)
			c.Steps = append(c.Steps, tt.takes)
		}
		kept := ""
		job := &offboarding.Job{Case: c, Step: step, Now: now, Keep: func(_ context.Context, _, progress map[string]string) error {
			kept = progress["refusedForRoles"]
			return nil
		}}
		v := offboarding.VerdictOf(job.Refused(t.Context(), tt.err, tt.roles))
		if v.Kind != tt.want || !strings.Contains(v.Why, tt.says) {
			t.Errorf("%s: got kind %v: %s; want kind %v saying %q", name, v.Kind, v.Why, tt.want, tt.says)
		}
		if want := strings.Join(tt.roles, ", "); offboarding.IsPermanent(tt.err) && kept != want {
			t.Errorf("%s: it kept the roles %q, want %q", name, kept, want)
		}
	}
}

// TestB12TwoFilesAreTheSameByEveryHash: one that differs is enough.
func TestB12TwoFilesAreTheSameByEveryHash(t *testing.T) {
	t.Parallel()
	all := offboarding.Hashes{QuickXor: "q", SHA1: "1", SHA256: "2"}
	for name, tt := range map[string]struct {
		other          offboarding.Hashes
		same, compared bool
	}{
		"all the same":          {all, true, true},
		"the first differs":     {offboarding.Hashes{QuickXor: "x", SHA1: "1", SHA256: "2"}, false, true},
		"the second differs":    {offboarding.Hashes{QuickXor: "q", SHA1: "x", SHA256: "2"}, false, true},
		"the last differs":      {offboarding.Hashes{QuickXor: "q", SHA1: "1", SHA256: "x"}, false, true},
		"one is all there is":   {offboarding.Hashes{SHA1: "1"}, true, true},
		"nothing to compare by": {offboarding.Hashes{}, true, false},
	} {
		if same, compared := all.Compare(tt.other); same != tt.same || compared != tt.compared {
			t.Errorf("%s: got same %t, compared %t; want %t and %t", name, same, compared, tt.same, tt.compared)
		}
	}
}

// TestB5WhateverIsKeptInAMailboxKeepsItsLicence, and be it chats only.
func TestB5WhateverIsKeptInAMailboxKeepsItsLicence(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		holds          offboarding.MailboxHolds
		organisation   []string
		mail, anything bool
	}{
		"nothing":                        {},
		"a litigation hold":              {holds: offboarding.MailboxHolds{Litigation: true}, mail: true, anything: true},
		"a hold that ended of late":      {holds: offboarding.MailboxHolds{Delay: true}, mail: true, anything: true},
		"one of chats that did":          {holds: offboarding.MailboxHolds{DelayRelease: true}, anything: true},
		"a policy of chats that keeps":   {holds: offboarding.MailboxHolds{InPlace: []string{"skp1:2"}}, anything: true},
		"a policy of chats, of old":      {holds: offboarding.MailboxHolds{InPlace: []string{"SKP1"}}, anything: true},
		"one that only deletes chats":    {holds: offboarding.MailboxHolds{InPlace: []string{"skp1:1"}}},
		"a policy of everybody":          {organisation: []string{"mbx1:2"}, mail: true, anything: true},
		"a policy with an exception":     {holds: offboarding.MailboxHolds{InPlace: []string{"-mbx1"}}, organisation: []string{"mbx1:2"}},
		"a policy of everybody's groups": {organisation: []string{"grp1:2"}},
	} {
		if got := len(tt.holds.OnMail(tt.organisation)) > 0; got != tt.mail {
			t.Errorf("%s keeps mail: %t, want %t", name, got, tt.mail)
		}
		if got := tt.holds.OnAnything(tt.organisation); got != tt.anything {
			t.Errorf("%s keeps anything: %t, want %t", name, got, tt.anything)
		}
	}
}

func TestRisksAreKeptTogether(t *testing.T) {
	t.Parallel()
	job := &offboarding.Job{Evidence: map[string]string{}}
	job.Risk("one")
	job.Risk("another")
	if got := job.Evidence[offboarding.ResidualRisk]; got != "one; another" {
		t.Errorf("got %q, want one; another", got)
	}
}

func TestAnApprovalLastsForAWeek(t *testing.T) {
	t.Parallel()
	given := time.Date(2026, 12, 17, 18, 0, 0, 0, time.UTC)
	b := offboarding.Brake{Approvals: []offboarding.Approval{{At: given, By: "joni"}}}
	const week = 7 * 24 * time.Hour
	if got := len(b.Given(given.Add(week))); got != 1 {
		t.Errorf("after a week %d approvals count, want 1", got)
	}
	if got := len(b.Given(given.Add(week + 1))); got != 0 {
		t.Errorf("after more than a week %d approvals count, want 0", got)
	}
	if b.Verified = true; len(b.Given(given)) != 0 {
		t.Error("one that nobody verified counts where only verified ones may")
	}
}

// TestForwardingOutsideIsForbiddenUnlessBothAllowIt: a remote domain and an outbound spam policy.
func TestForwardingOutsideIsForbiddenUnlessBothAllowIt(t *testing.T) {
	t.Parallel()
	allows := map[string]bool{"*": true}
	for name, tt := range map[string]struct {
		outside   offboarding.ForwardingOutside
		forbidden bool
	}{
		"both allow it":                       {offboarding.ForwardingOutside{Domains: allows, Modes: map[string]string{"Default": "On"}}, false},
		"no remote domain allows it":          {offboarding.ForwardingOutside{Domains: map[string]bool{"*": false}, Modes: map[string]string{"Default": "On"}}, true},
		"that domain alone does":              {offboarding.ForwardingOutside{Domains: map[string]bool{"*": false, "fabrikam.com": true}, Modes: map[string]string{"Default": "On"}}, false},
		"that domain alone does not":          {offboarding.ForwardingOutside{Domains: map[string]bool{"*": true, "fabrikam.com": false}, Modes: map[string]string{"Default": "On"}}, true},
		"the policy forbids it":               {offboarding.ForwardingOutside{Domains: allows, Modes: map[string]string{"Default": "Automatic"}}, true},
		"one policy of two allows it":         {offboarding.ForwardingOutside{Domains: allows, Modes: map[string]string{"Default": "Off", "Sales": "On"}}, false},
		"no policy was shown: nobody can say": {offboarding.ForwardingOutside{Domains: allows}, false},
	} {
		if got := tt.outside.Forbidden("Fabrikam.com"); got != tt.forbidden {
			t.Errorf("%s: forbidden %t, want %t", name, got, tt.forbidden)
		}
	}
}
