package resident_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"leaver/infra/chromiumtest"
	"leaver/infra/resident"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
)

const (
	lidia = "lidia.holloway@contoso.com"
	grady = "grady.archie@contoso.com"
)

// TestTheConsoleByKeyboardAlone signs in, finds a departure, approves one and cancels another, and touches no
// mouse. Whoever does so sees where they are, and whoever hears the page hears what happened.
func TestTheConsoleByKeyboardAlone(t *testing.T) {
	b := newBrowsing(t)
	rauls := b.asked(raul, "")
	b.Until("raul's departure is held", func() bool { return b.state(rauls) == offboarding.CaseHeld })
	lidias, gradys := b.asked(lidia, inAMonth()), b.asked(grady, inAMonth())
	b.Until("both departures are planned", func() bool {
		return b.state(lidias) == offboarding.CaseRunning && b.state(gradys) == offboarding.CaseRunning
	})

	b.open("")
	b.Press("\t")
	b.focused(".skip")
	b.Press("\r")
	b.Press("\t") // past everything that every page begins with
	b.focused("main a.button")
	b.entered("sign in", "")
	b.keyedTo(`button[value="` + simtenant.UserID(joni) + `"]`)
	b.entered("who signs in", "")
	b.found(raul)
	b.keyedTo(`form[action$="/approve"] input[name="note"]`)
	b.Press("spoke to his manager\t")
	b.focused(`form[action$="/approve"] button`)
	b.entered("approve", "Approved.")
	b.Until("raul's departure goes on", func() bool { return b.state(rauls) == offboarding.CaseRunning })

	b.keyedTo(".who summary")
	b.Press("\r\t")
	b.focused(`form[action$="/sign-out"] button`)
	b.entered("sign out", "")
	b.See("Signed out")
	b.keyedTo("a.button")
	b.entered("sign in again", "")
	b.keyedTo(`button[value="` + simtenant.UserID(nestor) + `"]`)
	b.entered("who signs in", "")
	b.found(lidia)
	b.keyedTo("details.cancel summary")
	b.Press("\r\t")
	b.focused(`details.cancel input[name="reason"]`)
	b.Press("she stays")
	b.leftAlone()
	b.focused(`details.cancel input[name="reason"]`)
	b.Press("\t")
	b.focused("details.cancel button.danger")
	b.entered("cancel", "Cancelled: no further write begins.")
	if got := b.state(lidias); got != offboarding.CaseCancelled {
		t.Errorf("lidia's departure is %s, want cancelled", got)
	}
	b.found(grady)
	if _, err := b.desk.Cancel(t.Context(), operator.Cancellation{Who: operator.OfCase(gradys), Reason: "he stays"}); err != nil {
		t.Fatal(err)
	}
	b.Until("the page says aloud that somebody else has cancelled it", func() bool {
		return b.Holds(fmt.Sprintf(`document.querySelector('#news[role="status"][aria-live="polite"]').textContent.startsWith(%q)`, grady+": cancel"))
	})
	b.keyedTo(`nav[aria-label="Pages"] a[href$="/plan"]`)
	b.entered("plan", "")
	b.keyedTo("#who")
	b.Press("nobody.at.all@contoso.com")
	b.entered("show the plan", "Not planned")
	b.Shows(`main [role="alert"]`)
}

// leftAlone wants a page that looks for news to say nothing twice, and to take nothing from whoever writes.
// razvandimescu/numa#111, hashicorp/waypoint#2882, daintreehq/daintree#9662.
func (b *browsing) leftAlone() {
	b.Helper()
	wrote := chromiumtest.Ask[string](b.Tab, `(() => {
		window.looked = document.querySelector(".foot time");
		window.heard = 0;
		new MutationObserver(() => { window.heard++; }).observe(document.getElementById("news"), { childList: true, characterData: true, subtree: true });
		return document.activeElement.value;
	})()`)
	b.Until("the page looks for news", func() bool { return b.Holds(`!window.looked.isConnected`) })
	if is := chromiumtest.Ask[string](b.Tab, `document.activeElement.value`); is != wrote {
		b.Errorf("%q was written, and %q is there", wrote, is)
	}
	if heard := chromiumtest.Ask[int](b.Tab, `window.heard`); heard != 0 {
		b.Errorf("a screen reader is told %d times that nothing is new", heard)
	}
}

// asked asks for a departure as the command does, and returns its case.
func (b *browsing) asked(who, when string) string {
	b.Helper()
	ask := offboarding.Request{Kind: offboarding.Termination, Employee: offboarding.Employee{UserPrincipalName: who}}
	if when != "" {
		at, err := time.Parse(time.RFC3339, when)
		if err != nil {
			b.Fatal(err)
		}
		ask.LeavingTime = at
	}
	if _, err := b.desk.Offboard(context.Background(), ask); err != nil {
		b.Fatal(err)
	}
	return simtenant.UserID(who) + "-1"
}

// focused wants the keyboard to be at an element of the console, in sight, and marked.
func (b *browsing) focused(selector string) {
	b.Helper()
	if !b.Holds(fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
		b.Lost(fmt.Sprintf("the keyboard is at %s, want %s", chromiumtest.Ask[string](b.Tab, `document.activeElement.outerHTML.slice(0, 160)`), selector))
	}
	b.marked()
}

// marked wants whoever looks to see where the keyboard is.
func (b *browsing) marked() {
	b.Helper()
	if !b.Holds(`(() => {
		const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);
		if (at === document.body || !location.pathname.startsWith("/console")) return true; // Entra's pages are Microsoft's
		return parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none" && box.width > 4 && box.height > 4 && box.top >= 0 && box.bottom <= innerHeight + 1;
	})()`) {
		b.Errorf("nobody sees that the keyboard is at %s", chromiumtest.Ask[string](b.Tab, `document.activeElement.outerHTML.slice(0, 160)`))
	}
}

// keyedTo presses the tab key until the keyboard is at an element.
func (b *browsing) keyedTo(selector string) {
	b.Helper()
	for range 120 {
		b.Press("\t")
		b.marked()
		if b.Holds(fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	b.Lost("the keyboard never comes to " + selector)
}

// entered presses enter, which leads to another page, whose title says what happened: it is what a screen
// reader says first.
func (b *browsing) entered(what, happened string) {
	b.Helper()
	b.Leads(what, func() { b.Press("\r") })
	if title := chromiumtest.Ask[string](b.Tab, `document.title`); happened != "" && title[:min(len(happened), len(title))] != happened {
		b.Errorf("%s: the page is called %q, want %q first", what, title, happened)
	}
	if !b.Holds(`!location.pathname.startsWith("/console") || document.querySelectorAll("h1").length === 1`) {
		b.Errorf("%s: the page has no first heading, or several", what)
	}
}

// found finds a departure by the field that every page has.
func (b *browsing) found(who string) {
	b.Helper()
	b.keyedTo("#search")
	b.Press(who)
	b.entered("find "+who, "")
	b.Shows(`[data-part="steps"], [data-part="head"]`)
}

// TestWhatAPersonSettles goes through what only a person can settle, with JavaScript and without it: a step
// that was done by hand, what was parked and can go on, and departures that another key has signed.
func TestWhatAPersonSettles(t *testing.T) {
	for name, still := range map[string]bool{"with JavaScript": false, "without JavaScript": true} {
		t.Run(name, func(t *testing.T) {
			gradys := simtenant.UserID(grady) + "-1"
			b := newBrowsing(t, func(dir string) { signedByAnother(t, dir, grady) })
			if still {
				b.withoutJavaScript()
			}
			b.signIn(nestor)
			b.signedOff()
			b.replayed()
			b.adopted(gradys)
		})
	}
}

// signedByAnother puts a departure into the ledger of a folder that a key has signed which counts no more.
func signedByAnother(t *testing.T, dir, who string) {
	t.Helper()
	store, stop, err := resident.OpenStore(t.Context(), nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	request := offboarding.Request{
		ID: offboarding.RequestID("operator", who), Kind: offboarding.Termination, Source: "operator", EventTime: now, ReceivedAt: now, LeavingTime: now.AddDate(0, 1, 0),
		Employee: offboarding.Employee{UserPrincipalName: who},
	}
	plan, err := offboarding.Compile(request, offboarding.DefaultPolicy())
	if err == nil {
		_, err = ledger.New(store, time.Now, rand.Reader, ledgertest.Proof(simtenant.DefaultTenantID)).Open(t.Context(), ledger.Opening{
			Tenant: simtenant.DefaultTenantID, Leaver: simtenant.UserID(who), Request: request, Plan: plan, Personal: map[string]string{"userPrincipalName": who},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// signedOff says of a step that a person has done it.
func (b *browsing) signedOff() {
	b.Helper()
	id := b.leaves(megan, "")
	b.Until("megan's departure needs a person", func() bool { return b.needs(id) })
	b.open("cases/" + id)
	b.Click(`details.act:has(form[action$="/sign-off"]) > summary`)
	b.Write(`details[open] form[action$="/sign-off"] input[name="note"]`, "disabled on premises")
	b.Follow(`details[open] form[action$="/sign-off"] button`)
	b.See("Signed off by you.")
	c, err := b.desk.Ledger.Case(context.Background(), id)
	if err != nil {
		b.Fatal(err)
	}
	for _, step := range c.Steps {
		if step.State == offboarding.StateSignedOff {
			return
		}
	}
	b.Errorf("nothing of megan's departure is signed off")
}

// replayed looks at what would be sent, removes its cause, and sends it.
func (b *browsing) replayed() {
	b.Helper()
	const late = "late.comer@contoso.com"
	request := b.parked(late)
	b.open("parked")
	send := fmt.Sprintf(`form:has(input[name="request"][value=%q]) button:not([name])`, request)
	b.Shows(send)
	if _, err := b.desk.Ledger.Case(context.Background(), simtenant.UserID(late)+"-1"); err == nil {
		b.Error("what would be sent was sent by looking")
	}
	b.tenant.Edit(func(w *simtenant.World) {
		u := *w.Users[simtenant.UserID(adele)]
		u.ID, u.UserPrincipalName, u.Mail, u.MailNickname, u.EmployeeID = simtenant.UserID(late), late, late, "late", "E9001"
		u.ProxyAddresses = []string{"SMTP:" + late}
		w.Users[u.ID] = &u
	})
	b.Follow(send)
	b.See("Sent back to work.")
	b.Until("it has become a departure", func() bool {
		found, err := b.desk.Status(context.Background(), operator.OfCase(simtenant.UserID(late)+"-1"))
		return err == nil && len(found) == 1
	})
}

// adopted takes a departure that is not proven as it stands, after it was shown.
func (b *browsing) adopted(id string) {
	b.Helper()
	if v, err := b.desk.Ledger.Verify(context.Background(), id); err != nil || v.OK {
		b.Fatalf("it is proven already: %+v, %v", v, err)
	}
	b.open("ledger")
	b.Write("#who", id)
	b.Follow("form.fields button")
	b.Shows("#verified")
	b.See("does not verify")
	b.Click(`details.act:has(form[action$="/adopt"]) > summary`)
	b.Follow(`form[action$="/adopt"] button`)
	b.See("Adopted by you.")
	if v, err := b.desk.Ledger.Verify(context.Background(), id); err != nil || !v.OK {
		b.Errorf("adopted, it is %+v, %v", v, err)
	}
	b.Until("it goes on", func() bool {
		return b.state(id) == offboarding.CaseRunning || b.state(id) == offboarding.CasePlanning
	})
}
