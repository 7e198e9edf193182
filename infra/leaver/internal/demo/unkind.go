package demo

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

// The scenario unkind is one company in which the worst of functions/CASES.md happens to eight people at
// once.
const (
	unkindPatti    = "patti.fernandez@contoso.com"
	unkindAdele    = "adele.vance@contoso.com"
	unkindGrady    = "grady.archie@contoso.com"
	unkindLidia    = "lidia.holloway@contoso.com"
	unkindIrvin    = "irvin.sayers@contoso.com"
	unkindChristie = "christie.cline@contoso.com"
	unkindHenrik   = "henrik.holm@contoso.com"
	unkindLynne    = "lynne.robbins@contoso.com"

	unkindReception = "reception@contoso.com"
	unkindRoom      = "berlin@contoso.com"
	// unkindFile is larger in every copy, as SharePoint makes files of Office, and unkindShortcut leads into
	// another drive.
	unkindFile     = "01UNKINDFILE"
	unkindShortcut = "01UNKINDSHORTCUT"

	// unkindLockout is how long a lockout may take, read back.
	unkindLockout = 2 * time.Second
)

// unkindPhone is how wipe names a phone that does not acknowledge.
var unkindPhone = regexp.MustCompile(`phone (\S+) \([^)]*\): account wipe not acknowledged`)

func unkindPolicy(p *offboarding.Policy) {
	p.Rereads = []time.Duration{time.Second, 2 * time.Second}
	p.PhoneGrace, p.PhoneWait = 3*time.Second, time.Minute
}

func unkindTenant(c *simtenant.Config) { c.SyncEvery = time.Second }

// unkindWorld makes the company what a real one is.
func unkindWorld(w *simtenant.World) {
	id := simtenant.UserID
	now := time.Now()
	// Adele's computer is used by others, and Isaiah reports to her.
	for _, d := range w.Devices {
		if slices.Contains(d.Registered, id(unkindAdele)) && !strings.Contains(d.DisplayName, "iPad") {
			d.Registered = append(d.Registered, id(demoRecipient))
		}
	}
	w.Users[id("isaiah.langer@contoso.com")].ManagerID = id(unkindAdele)
	// Patti enrolled the computers of the shop floor.
	for i := range 5 {
		d := &simtenant.ManagedDevice{
			ID: fmt.Sprintf("5f10a000-0000-4000-8000-00000000000%d", i), DeviceName: fmt.Sprintf("SHOP-%d", i), UserID: id(unkindPatti), OperatingSystem: "Windows",
			OwnerType: "company", State: "managed", Enrolled: now, LastSync: now, SyncEvery: time.Second,
		}
		w.Managed[d.ID] = d
	}
	// Grady's computer is mastered on premises; one of his files is never as its copy, and one is a link.
	w.DirectorySyncEvery = time.Second
	hybrid := &simtenant.Device{
		ID: "5f10a000-0000-4000-8000-0000000000aa", DeviceID: "5f10a000-0000-4000-8000-0000000000ab", DisplayName: "HYBRID-PC", OperatingSystem: "Windows", TrustType: "ServerAd",
		AccountEnabled: true, LastSignIn: now, Owners: []string{id(unkindGrady)}, Registered: []string{id(unkindGrady)},
	}
	w.Devices[hybrid.ID] = hybrid
	drive := w.Drives[id(unkindGrady)]
	drive.Items = append(drive.Items,
		simtenant.DriveItem{ID: unkindFile, Name: "Budget.xlsx", Size: 4096, Hash: "x", CopyAdds: 512},
		simtenant.DriveItem{ID: unkindShortcut, Name: "Team site", Remote: true, CopyRefused: "notSupported"})
	// A hold on Lidia's mailbox ended last week, and goes on as a delay hold.
	w.Mailboxes[id(unkindLidia)].DelayHoldApplied = true
	// Irvin is the only one who can open the mailbox of an earlier leaver.
	w.Mailboxes[id(unkindReception)].Permissions = []simtenant.MailboxPermission{{User: id(unkindIrvin), Rights: []string{"FullAccess"}}}
	// Christie approves the bookings of a room.
	room := *w.Mailboxes[id(unkindChristie)]
	room.Owner, room.Alias, room.DisplayName, room.PrimarySMTPAddress = id(unkindRoom), "berlin", "Berlin", unkindRoom
	room.Type, room.ResourceDelegates, room.ItemCount, room.Size = "RoomMailbox", []string{id(unkindChristie)}, 0, 0
	w.Mailboxes[room.Owner] = &room
	w.Users[room.Owner] = &simtenant.User{ID: room.Owner, UserPrincipalName: unkindRoom, DisplayName: "Berlin", Mail: unkindRoom, UserType: "Member", MailNickname: "berlin", Created: now}
	// The manager of Lynne is Patti, who leaves as well.
}

// task is what a person does about a step that became a task, when the task says what to do in these words.
func task(step offboarding.StepName, note string, words ...string) act {
	a := signsOff(step, note)
	stands := a.when
	a.when = func(s operator.Status) bool {
		return stands(s) && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(s.Step(step).Reason, w) })
	}
	return a
}

// accepts leaves one thing of a step as it is, as leaver sign-off --item does, once its reason names it.
func accepts(step offboarding.StepName, does string, item func(operator.Status) string) act {
	return act{
		does: does,
		when: func(s operator.Status) bool { return item(s) != "" },
		do: func(ctx context.Context, p *play, s operator.Status) error {
			_, err := p.host.SignOff(ctx, operator.SignOff{Who: operator.OfCase(s.Case), Step: step, By: "the demo's operator", Note: "looked at", Items: []string{item(s)}})
			return err
		},
	}
}

var (
	signedOff = ending{state: offboarding.StateSignedOff}
	unkind    = []departure{
		{
			person: unkindPatti, title: "enrolled the computers of others",
			why:  "more devices than the policy takes a person to have: none was retired unasked, and the phone was wiped all the same",
			want: map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepWipe: signedOff, offboarding.StepAccess: signedOff},
			acts: []act{
				task(offboarding.StepWipe, "they belong to the shop floor", "7 devices", "--item"),
				task(offboarding.StepAccess, "they have another manager", "to the leaver and will be without a manager", "in Entra"),
			},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				n := 0
				for _, d := range w.Managed {
					if d.UserID == id && d.State == "managed" {
						n++
					}
				}
				if n != 7 {
					return fmt.Sprintf("%d of 7 devices are as they were", n)
				}
				return ""
			}),
		},
		{
			person: unkindAdele, title: "others use the computer, and somebody reports to the leaver",
			why:  "the tablet was disabled and the computer was not; who reports to her was named while she was still their manager",
			want: map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepBlock: signedOff, offboarding.StepAccess: signedOff},
			acts: []act{
				task(offboarding.StepBlock, "her profile is off it", "others use a device", "sign off"),
				task(offboarding.StepAccess, "they have another manager", "one person reports", simtenant.UserID("isaiah.langer@contoso.com")),
			},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				for _, d := range w.Devices {
					if slices.Contains(d.Registered, id) && d.AccountEnabled != slices.Contains(d.Registered, simtenant.UserID(demoRecipient)) {
						return "the shared computer is disabled, or her own device is not"
					}
				}
				return ""
			}),
		},
		{
			person: unkindGrady, title: "a file that is never as its copy, and a computer mastered on premises",
			why:  "the one file was accepted by a person and the rest verified; the synchronisation enabled the computer again, and it was disabled again until somebody did it there",
			want: map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepBlock: signedOff},
			acts: []act{
				task(offboarding.StepBlock, "disabled in the on-premises Active Directory", "B9", "on-premises Active Directory"),
				accepts(offboarding.StepOnedrive, "an operator accepts the one file that is not as its copy, by its id", func(s operator.Status) string {
					if step := s.Step(offboarding.StepOnedrive); step.State == offboarding.StateManual && strings.Contains(step.Reason, "onedrive --item "+unkindFile) {
						return unkindFile
					}
					return ""
				}),
			},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				there := 0
				for _, i := range w.Drives[simtenant.UserID(demoRecipient)].Items {
					if !i.Folder {
						there++
					}
				}
				if lacks := len(w.Drives[id].Items) - 1 - there; lacks > 0 { // all but the link
					return fmt.Sprintf("%d files are not with the manager", lacks)
				}
				return ""
			}),
		},
		{
			person: unkindLidia, title: "a hold that ended last week",
			why:  "a delay hold is a hold: the licence stayed until the account went, and the mailbox is inactive instead of lost",
			want: map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepLicence: withheld(offboarding.B5)},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				if m := w.Mailboxes[id]; m == nil || !m.Inactive {
					return "the mailbox is not inactive"
				}
				return ""
			}),
		},
		{
			person: unkindIrvin, title: "the only one who can open the mailbox of an earlier leaver",
			why:  "the right was taken away, and a task says for which mailbox somebody has to be named",
			want: map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned, offboarding.StepAccess: signedOff},
			acts: []act{task(offboarding.StepAccess, "somebody has it now", "could open a shared mailbox", "Get-Mailbox "+simtenant.UserID(unkindReception), "Exchange admin center")},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				if m := w.Mailboxes[simtenant.UserID(unkindReception)]; m == nil || m.Type != "SharedMailbox" || len(m.Permissions) > 0 {
					return "the shared mailbox is not as it must be"
				}
				return ""
			}),
		},
		{
			person: unkindChristie, title: "approves the bookings of a room",
			why:  "the room was left as it is, and the successor approves its bookings",
			want: map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				if m := w.Mailboxes[simtenant.UserID(unkindRoom)]; m == nil || m.Type != "RoomMailbox" || !m.SoftDeletedAt.IsZero() {
					return "the room is not bookable any more"
				}
				if d := w.Mailboxes[simtenant.UserID(unkindRoom)].ResourceDelegates; len(d) != 1 || d[0] == id || w.Users[d[0]] == nil {
					return "nobody who stays approves the bookings of the room"
				}
				return ""
			}),
		},
		{
			person: unkindHenrik, title: "forwards to a competitor, and a phone at the bottom of a lake",
			why:  "the forwarding ended with the lockout; the phone that never acknowledges held the licence until a person accepted that",
			want: map[offboarding.StepName]ending{offboarding.StepPreserve: unplanned},
			acts: []act{accepts(offboarding.StepWipe, "an operator accepts the phone that does not come back, by its id", func(s operator.Status) string {
				phone := unkindPhone.FindStringSubmatch(s.Step(offboarding.StepWipe).Reason)
				if phone == nil || !strings.Contains(s.Step(offboarding.StepLicence).Reason, "no acknowledged wipe of phones (1)") {
					return ""
				}
				return phone[1]
			})},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				for _, p := range w.Phones {
					if p.Mailbox == id && !p.Dead && p.WipeAcked.IsZero() {
						return "the phone that calls home was not wiped"
					}
				}
				if m := w.Mailboxes[id]; m != nil && m.ForwardingSMTPAddress != "" {
					return "the mailbox still forwards outside"
				}
				return ""
			}),
		},
		{
			person: unkindLynne, title: "the manager leaves as well",
			why: "nobody who leaves takes over anything: mail and files stay where they are, and the deletion is withheld, because nobody kept the files (B12)",
			want: map[offboarding.StepName]ending{
				offboarding.StepPreserve: unplanned, offboarding.StepForward: signedOff, offboarding.StepOnedrive: signedOff, offboarding.StepDelete: withheld(offboarding.B12),
			},
			acts: []act{
				task(offboarding.StepForward, "nobody needs it", "leaving as well", "leaver offboard"),
				task(offboarding.StepOnedrive, "nobody needs them", "leaving as well", "leaver offboard"),
			},
			check: unkindCheck(func(w *simtenant.World, id string) string {
				if len(w.Drives[id].Items) == 0 || w.Users[id] == nil {
					return "the files are gone"
				}
				return ""
			}),
		},
	}
)

// unkindCheck adds to what must be so for one person that nobody else was touched.
func unkindCheck(own func(w *simtenant.World, id string) string) func(*simtenant.Tenant, operator.Status) string {
	return func(t *simtenant.Tenant, s operator.Status) string {
		wrong := ""
		t.Edit(func(w *simtenant.World) { wrong = own(w, s.Leaver.ID) })
		if wrong == "" {
			wrong = touched(t)
		}
		return wrong
	}
}

// touched says whose account was changed who does not leave.
func touched(t *simtenant.Tenant) string {
	wrong := ""
	t.Edit(func(w *simtenant.World) {
		for id, u := range w.Users {
			leaves := slices.ContainsFunc(unkindPeople, func(upn string) bool { return simtenant.UserID(upn) == id })
			open := u.AccountEnabled || u.UserPrincipalName == unkindReception || u.UserPrincipalName == unkindRoom
			if !leaves && (!open || u.PasswordChanges > 0) {
				wrong = "somebody else was locked out: " + id
			}
		}
	})
	return wrong
}

// unkindPeople are those who leave.
var unkindPeople = []string{unkindPatti, unkindAdele, unkindGrady, unkindLidia, unkindIrvin, unkindChristie, unkindHenrik, unkindLynne}
