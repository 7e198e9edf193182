package notify_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

var update = flag.Bool("update", false, "write what is sent into testdata")

// moments are what differs from run to run; days are those that a sentence says.
var (
	moments = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T[0-9:.]+Z`)
	days    = regexp.MustCompile(`\d{4}-\d{2}-\d{2}`)
	ids     = regexp.MustCompile(`(ntc_|req-)[0-9a-f]{24}`)
)

// console is where the house's console is.
const console = "https://leaver.contoso.com"

// TestWhatEachAudienceReads is all that each audience is sent by each kind of channel when everything happens,
// as it arrives there: read it when it changes. -update writes it anew.
func TestWhatEachAudienceReads(t *testing.T) {
	t.Parallel()
	for _, audience := range []offboarding.Audience{offboarding.AudienceIT, offboarding.AudienceHR, offboarding.AudienceManager} {
		for _, kind := range []offboarding.ChannelKind{offboarding.ChannelWebhook, offboarding.ChannelTeams, offboarding.ChannelMail} {
			for _, digest := range []int{100, 1} {
				if audience == offboarding.AudienceManager && kind != offboarding.ChannelMail {
					continue // policies let nobody be told so
				}
				name := fmt.Sprintf("%s-%s", audience, kind)
				if digest == 1 {
					name += "-digest"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					in := newInbox(t, false)
					c := channelOf(kind, in)
					c.Audience, c.Digest, c.To = audience, digest, []string{string(audience) + "@contoso.com"}
					if audience == offboarding.AudienceManager {
						c.Events, c.To = nil, nil
					}
					h := newHouse(t, c)
					h.notifier.Console = console
					if audience == offboarding.AudienceManager { // who takes over from two people
						h.handsOver(t, h.opens(t, "christie.cline@contoso.com", "alex.wilber@contoso.com"))
						another := h.opens(t, "henrik.holm@contoso.com", "alex.wilber@contoso.com")
						h.Step(t, another.ID, h.Worker(offboarding.StepForward, verdict{}))
						h.Step(t, another.ID, h.Worker(offboarding.StepOnedrive, lets{simtenant.UserID("alex.wilber@contoso.com")}))
					} else {
						h.everythingHappens(t)
					}
					if err := h.run(t); err != nil {
						t.Fatal(err)
					}
					got := arrived(t, in, h.sent())
					at := filepath.Join("testdata", name+".txt")
					if *update {
						if err := os.WriteFile(at, []byte(got), 0o644); err != nil {
							t.Fatal(err)
						}
					}
					want, err := os.ReadFile(at)
					if err != nil || got != string(want) {
						t.Errorf("%s (%v); got\n%s\nwant\n%s", at, err, got, want)
					}
				})
			}
		}
	}
}

// arrived is what came, in an order of its own.
func arrived(t *testing.T, in *inbox, mails []simtenant.SentMail) string {
	t.Helper()
	_, all := in.got()
	for i, body := range all {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(body), "", " "); err != nil {
			t.Fatal(err)
		}
		all[i] = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(pretty.String())
	}
	for _, mail := range mails {
		all = append(all, fmt.Sprintf("To: %s\nSubject: %s\n\n%s", strings.Join(mail.To, ", "), mail.Subject, mail.Text))
	}
	for i := range all {
		all[i] = ids.ReplaceAllString(days.ReplaceAllString(moments.ReplaceAllString(all[i], "TIME"), "DAY"), "${1}ID")
	}
	slices.Sort(all)
	return strings.Join(all, "\n----\n") + "\n"
}

// TestADigestSaysNoMoreThanItsNotices: HR and managers are not told what to type, nor led to a console in which
// they have no role; and a manager reads of every leaver what came.
func TestADigestSaysNoMoreThanItsNotices(t *testing.T) {
	t.Parallel()
	for _, audience := range []offboarding.Audience{offboarding.AudienceHR, offboarding.AudienceManager} {
		in := newInbox(t, false)
		c := channelOf(offboarding.ChannelMail, in)
		c.Audience, c.Digest = audience, 1
		if audience == offboarding.AudienceManager {
			c.Events, c.To = nil, nil
		}
		h := newHouse(t, c)
		h.notifier.Console = console
		h.leaves(t, "diego.siciliani@contoso.com")
		for _, leaver := range []string{adele, "christie.cline@contoso.com"} {
			h.handsOver(t, h.opens(t, leaver, "alex.wilber@contoso.com"))
		}
		if err := h.run(t); err != nil {
			t.Fatal(err)
		}
		sent := h.sent()
		if len(sent) != 1 {
			t.Fatalf("%s: %d mails, want one", audience, len(sent))
		}
		if text := sent[0].Text; strings.Contains(text, "leaver ") || strings.Contains(text, console) {
			t.Errorf("%s reads a command or an address: %s", audience, text)
		}
		if n := strings.Count(sent[0].Text, "New mail for the person who leaves comes to you"); audience == offboarding.AudienceManager && n != 2 {
			t.Errorf("a manager of two reads of %d what came: %s", n, sent[0].Text)
		}
	}
}
