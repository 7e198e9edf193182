package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// scenario is what leaver demo plays: people who leave a simulated tenant, and how that must end.
type scenario struct {
	name   string
	policy func(*offboarding.Policy) // changes the demo's; nil = as it is
	tenant func(*simtenant.Config)   // makes it another tenant than the demo's; nil = as it is
	world  func(*simtenant.World)    // changes the tenant before anybody leaves; nil = as it is
	// directory starts an on-premises Active Directory, from which the tenant is synchronised; nil =
	// there is none.
	directory  func(context.Context, *simtenant.Tenant) (*directory, error)
	departures []departure
	lockout    time.Duration // that each may take, read back; 0 = however long
	counts     bool          // requests and time, of the only departure
	// run plays it in a way of its own, instead; title says how.
	run   func(context.Context, Options) error
	title string
}

// scenarios are all of them, in the order of the README.
var scenarios = []scenario{
	{name: "departures", departures: []departure{nothingToKeep, fullDrive, forwarded, shared, forwardedForEver}},
	{name: "shared-mailbox", departures: []departure{shared}},
	{name: "forward", departures: []departure{forwarded, forwardedForEver}},
	{name: "hold-then-delete", departures: []departure{held}},
	{
		name: "synced", departures: []departure{synchronised},
		policy: func(p *offboarding.Policy) { p.Rereads = []time.Duration{3 * time.Second, 4 * time.Second} },
		world:  func(w *simtenant.World) { w.SyncedWritable, w.DirectorySyncEvery = true, 2*time.Second },
	},
	{
		name: "on-premises", departures: []departure{onPremises, onPremisesShared, onPremisesPrivileged}, directory: startDirectory,
		policy: func(p *offboarding.Policy) { p.OnPremises = offboarding.OnPremisesByFunction },
	},
	{name: "admin", departures: []departure{administrator}, world: rolesAreBusy},
	{name: "big-onedrive", departures: []departure{bigDrive}, world: fillDrive},
	{name: "contradiction", departures: []departure{contradiction}},
	{name: "cost", departures: []departure{costlyDeparture}, tenant: costlyTenant, counts: true},
	{name: "layoff", run: layoff, title: "many people at once, against Microsoft's throttling: nobody is lost, and the lockout of all goes before everything else"},
	{name: "attack", run: attack, title: attackTitle},
	{name: "front-door", run: frontDoor, title: "one person through every kind of source, each out at the moment of their own time zone, and one taken back through each that can say so; 100 seconds"},
	{name: "unkind", departures: unkind, lockout: unkindLockout, tenant: unkindTenant, world: unkindWorld, policy: unkindPolicy},
	{name: "undo", run: undo, title: undoTitle},
	{name: "export", run: exported, title: "a mailbox of 10,000 items with odd names, exported by a host that is killed five times in the middle: every item once, its hash right, opened by another parser; then the account is deleted"},
	{name: "storm", run: storm, title: "forty people leave, stay, change their dates and come back while the host is killed every second: nobody is lost, and nobody who stays is touched"},
}

func scenarioOf(name string) (scenario, error) {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
	if i < 0 {
		return scenario{}, fmt.Errorf("no scenario is called %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return scenarios[i], nil
}

// Names are those of the scenarios, in the order of the README.
func Names() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// Help is who leaves in which scenario, and how that ends.
func Help() string {
	var helps []string
	for _, s := range scenarios {
		helps = append(helps, s.help())
	}
	return strings.Join(helps, "\n")
}

// help is who leaves in the scenario, and how that ends.
func (s scenario) help() string {
	var titles []string
	if s.run != nil {
		titles = []string{s.title}
	}
	for _, d := range s.departures {
		titles = append(titles, d.title)
	}
	return s.name + "\n  " + strings.Join(titles, "\n  ")
}

// demoRecipient gets the mail in the demo: as the manager, or because the request says so.
const demoRecipient = "alex.wilber@contoso.com"

// The departures. With the demo's policy the mail is not kept unless the handling keeps it.
var (
	nothingToKeep = departure{
		event: "terminated-none.json", person: "adele.vance@contoso.com",
		title: "nothing to keep: licence released, account deleted",
		why:   "mailbox and OneDrive are empty: nothing stands against the deletion, from which the account can be restored for 30 days",
		want:  map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned},
	}
	fullDrive = departure{
		event: "terminated-full-drive.json", person: "grady.archie@contoso.com",
		title: "a full OneDrive: copied to the manager and compared file by file, then the account deleted",
		why:   "every file was found in the copy before the deletion, and the OneDrive had not changed since",
		want:  map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned},
		check: filesAreWithTheManager,
	}
	bigDrive = departure{
		event: "terminated-full-drive.json", person: fullDrive.person,
		title: fmt.Sprintf("a OneDrive of %d items: copied to the manager, compared in pages, then the account deleted", bigDriveItems),
		why:   fmt.Sprintf("all %d items were found in the copy before the deletion, with the same sizes and hashes; a run visits a bounded number of pages and the next one goes on there", bigDriveItems),
		want:  fullDrive.want,
		check: filesAreWithTheManager,
	}
	forwarded = departure{
		event: "terminated-forward.json", person: "irvin.sayers@contoso.com",
		title: "mail forwarded to the manager until the grace ends, then released and deleted",
		why:   "the forwarding had an end, and was observed ended before the licence went; after that nothing anchors the account",
		want:  map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned},
		check: func(t *simtenant.Tenant, s operator.Status) string {
			m, _ := t.Mailbox(s.Leaver.ID)
			switch {
			case s.Step(offboarding.StepForward).Evidence["forwardedTo"] != simtenant.UserID(demoRecipient):
				return "mail was never forwarded to the manager"
			case m.ForwardingAddress != "" || m.ForwardingSMTPAddress != "":
				return "the mailbox still forwards"
			}
			return ""
		},
	}
	shared = departure{
		event: "terminated-shared.json", person: "lidia.holloway@contoso.com",
		title: "a shared mailbox: licence released, deletion withheld by B1",
		why:   "the mailbox was observed to be shared, and is small enough to need no licence; it lives as long as its account",
		want: map[offboarding.StepName]ending{
			offboarding.StepPreserve: unplanned,
			offboarding.StepDelete:   withheld(offboarding.B1),
		},
		check: func(t *simtenant.Tenant, s operator.Status) string {
			if m, _ := t.Mailbox(s.Leaver.ID); m.Type != "SharedMailbox" || !m.SoftDeletedAt.IsZero() {
				return "the mailbox is not shared"
			}
			return ""
		},
	}
	forwardedForEver = departure{
		event: "terminated-forward-unlimited.json", person: "christie.cline@contoso.com",
		title: "mail forwarded with no end: licence withheld by B2, deletion by B1",
		why:   "forwarding needs the mailbox, the mailbox its licence and its account, and this forwarding has no end",
		want: map[offboarding.StepName]ending{
			offboarding.StepPreserve: unplanned,
			offboarding.StepLicence:  withheld(offboarding.B2),
			offboarding.StepDelete:   withheld(offboarding.B1),
		},
		check: func(t *simtenant.Tenant, s operator.Status) string {
			if m, _ := t.Mailbox(s.Leaver.ID); m.ForwardingAddress != simtenant.UserID(demoRecipient) {
				return "mail does not go to the named recipient"
			}
			return ""
		},
	}
	held = departure{
		event: "terminated-hold.json", person: "lidia.holloway@contoso.com",
		title: "a litigation hold: licence withheld by B5, account deleted, mailbox inactive",
		why:   "the hold was observed before the deletion, so that the mailbox outlived its account as an inactive one; that, and not the release, freed the licence",
		want: map[offboarding.StepName]ending{
			offboarding.StepLicence: withheld(offboarding.B5),
		},
		check: func(t *simtenant.Tenant, s operator.Status) string {
			if m, _ := t.Mailbox(s.Leaver.ID); !m.Inactive || s.Step(offboarding.StepDelete).Evidence["mailbox"] != "inactive" {
				return "the mailbox is not inactive, or was not observed so"
			}
			return ""
		},
	}
	synchronised = departure{
		event: "terminated-synced.json", person: "megan.bowen@contoso.com",
		title: "mastered on premises: blocked against the synchronisation until somebody disables it there (B9)",
		why:   "the synchronisation enabled the account again, and it was blocked again with new revocations; what only the on-premises Active Directory can do stayed a task, and the case open, until somebody said it was done",
		rules: []offboarding.Rule{offboarding.B9},
		want: map[offboarding.StepName]ending{
			offboarding.StepPreserve: unplanned,
			offboarding.StepBlock:    {state: offboarding.StateSignedOff},
			offboarding.StepForward:  {state: offboarding.StateSignedOff},
			offboarding.StepDelete:   {state: offboarding.StateSignedOff},
		},
		acts: []act{
			{
				does: "an administrator resets the password in the on-premises Active Directory; an operator replays signout",
				when: stands(offboarding.StepSignout, offboarding.StateManual),
				do: func(ctx context.Context, p *play, s operator.Status) error {
					now := p.tenant.Now()
					p.tenant.Edit(func(w *simtenant.World) {
						u := w.Users[s.Leaver.ID]
						u.LastPasswordChange, u.PasswordChanges = now.Truncate(time.Second), u.PasswordChanges+1
					})
					return p.replays(ctx, s, offboarding.StepSignout)
				},
			},
			{
				does: "the synchronisation enabled the account, and block blocked it again; an administrator disables it in the on-premises Active Directory",
				when: func(s operator.Status) bool { return s.Step(offboarding.StepBlock).Evidence["blockedAgain"] != "" },
				do: func(_ context.Context, p *play, s operator.Status) error {
					p.tenant.Edit(func(w *simtenant.World) { w.Users[s.Leaver.ID].OnPremisesDisabled = true })
					return nil
				},
			},
			{
				does: "an administrator takes the leaver out of the on-premises group; an operator replays access",
				when: stands(offboarding.StepAccess, offboarding.StateManual),
				do: func(ctx context.Context, p *play, s operator.Status) error {
					p.tenant.Edit(func(w *simtenant.World) {
						g := w.Groups[simtenant.GroupID(simtenant.GroupOnPremFileShare)]
						g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(id string) bool { return id == s.Leaver.ID })
					})
					return p.replays(ctx, s, offboarding.StepAccess)
				},
			},
			signsOff(offboarding.StepForward, "hidden from address lists in the on-premises Active Directory"),
			signsOff(offboarding.StepBlock, "disabled in the on-premises Active Directory"),
			signsOff(offboarding.StepDelete, "will be deleted in the on-premises Active Directory with the next clearing"),
		},
		check: func(t *simtenant.Tenant, s operator.Status) string {
			enabled := 0
			t.Edit(func(w *simtenant.World) {
				for _, e := range w.Audit {
					if e.Target == s.Leaver.ID && e.User == simtenant.UserID(simtenant.SyncAccount) && e.Activity == "Enable account" {
						enabled++
					}
				}
			})
			if enabled == 0 || s.Step(offboarding.StepBlock).Evidence["blockedAgain"] == "" {
				return "the synchronisation did not enable the account, or block did not block it again"
			}
			return ""
		},
	}
	administrator = departure{
		event: "terminated-admin.json", person: "nestor.wilke@contoso.com",
		title: "a Global Administrator: signout and block refused (B10) until privileges has taken the role away",
		why:   "Microsoft lets no ordinary application change the password of an administrator or disable one (B10), and Leaver asks for no higher role; both waited while privileges took the role away, and then went on by themselves",
		rules: []offboarding.Rule{offboarding.B10},
		want:  map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepAccess: {state: offboarding.StateSignedOff}},
		acts: []act{
			signsOff(offboarding.StepAccess, "who reported to him has another manager"),
			{
				does: "signout and block are refused for the role Global Administrator, and wait; Entra, too busy until now, lets privileges take it away",
				when: func(s operator.Status) bool {
					return refusedFor("Global Administrator", s.Step(offboarding.StepSignout)) && refusedFor("Global Administrator", s.Step(offboarding.StepBlock))
				},
				do: func(_ context.Context, p *play, _ operator.Status) error {
					p.tenant.Edit(func(w *simtenant.World) { w.Faults = nil })
					return nil
				},
			},
		},
		check: func(t *simtenant.Tenant, s operator.Status) string {
			wrong := ""
			t.Edit(func(w *simtenant.World) {
				for _, a := range w.RoleAssignments {
					if a.Principal == s.Leaver.ID {
						wrong = "the leaver still holds a role"
					}
				}
			})
			return wrong
		},
	}
	contradiction = departure{
		event: "terminated-contradiction.json", person: "lidia.holloway@contoso.com",
		title:   "hold and forward at once: refused by B6",
		why:     "a mailbox on hold goes with its account, and one that forwards must stay: nobody guesses which was meant, so no case was opened and nothing was written: the person is not locked out before the request is sent again with one of the two; leaver plan says the same beforehand",
		refused: offboarding.B6,
	}
)

// rolesAreBusy keeps privileges from being faster than signout and block, so that the story is always
// the same: they run at the same time, and without the role nobody refuses them.
func rolesAreBusy(w *simtenant.World) {
	w.Faults = append(w.Faults, simtenant.Fault{Operation: "DELETE /roleManagement/directory/roleAssignments/{id}", Status: 503, RetryAfter: time.Second})
}

// refusedFor reports whether a step waits because of a role (B10).
func refusedFor(role string, s operator.StepStatus) bool {
	return s.State == offboarding.StateWaiting && strings.Contains(s.Reason, offboarding.B10.Name) && strings.Contains(s.Reason, role)
}

// bigDriveItems is what the OneDrive of the scenario big-onedrive holds, folders included.
const bigDriveItems = 10_000

// fillDrive lays folders of files into the drive of whoever leaves with a full one.
func fillDrive(w *simtenant.World) {
	const inFolder = 250 // with the folder itself
	d := w.Drives[simtenant.UserID(fullDrive.person)]
	d.Items, d.Grants = nil, nil
	for i := range bigDriveItems {
		id := fmt.Sprintf("01BIG%027d", i)
		item := simtenant.DriveItem{ID: id, Name: fmt.Sprintf("Project %03d", i/inFolder), Folder: true}
		if i%inFolder != 0 {
			item = simtenant.DriveItem{ID: id, Parent: d.Items[i/inFolder*inFolder].ID, Name: fmt.Sprintf("Report %05d.docx", i), Size: 1 << 16, Hash: id}
		}
		d.Items = append(d.Items, item)
	}
}

// filesAreWithTheManager says what is missing in the manager's drive, by path and size, of what the
// leaver's held, and whether that was verified before the deletion.
func filesAreWithTheManager(t *simtenant.Tenant, s operator.Status) string {
	from, _ := t.Drive(s.Leaver.ID)
	to, _ := t.Drive(simtenant.UserID(demoRecipient))
	there := paths(to)
	for path, size := range paths(from) {
		if got, ok := there["/Files of "+s.Case+path]; !ok || got != size {
			return "the manager's OneDrive lacks " + path
		}
	}
	verified, deleted := s.Step(offboarding.StepOnedrive).Evidence["verifiedAt"], s.Step(offboarding.StepDelete).Evidence["deletedDateTime"]
	if len(from.Items) == 0 || verified == "" || verified > deleted {
		return fmt.Sprintf("%d items were verified at %q and the account deleted at %q", len(from.Items), verified, deleted)
	}
	return ""
}

// paths are the items of a drive, each with its size.
func paths(d simtenant.Drive) map[string]int64 {
	byID := map[string]simtenant.DriveItem{}
	for _, i := range d.Items {
		byID[i.ID] = i
	}
	all := map[string]int64{}
	for _, i := range d.Items {
		path := "/" + i.Name
		for p, ok := byID[i.Parent]; ok; p, ok = byID[p.Parent] {
			path = "/" + p.Name + path
		}
		all[path] = i.Size
	}
	return all
}
