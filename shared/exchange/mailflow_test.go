package exchange

import (
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

func TestB2B4MailFlow(t *testing.T) {
	const head = `{"value":[{"ExternalDirectoryObjectId":"` + leaver + `","RecipientTypeDetails":"UserMailbox",`
	tests := map[string]struct {
		body  string
		holds func(offboarding.MailFlow) bool
	}{
		"nothing set": {`"ForwardingAddress":null,"ForwardingSmtpAddress":null,"ArchiveStatus":"None","InPlaceHolds":[]}]}`,
			func(m offboarding.MailFlow) bool { return !m.Forwards() && !m.Hold && !m.Archive && !m.Shared() }},
		"a recipient": {`"ForwardingAddress":"alexw","DeliverToMailboxAndForward":true}]}`,
			func(m offboarding.MailFlow) bool { return m.ForwardsTo == "alexw" && m.Copy && m.Forwards() }},
		"an address": {`"ForwardingSmtpAddress":"SMTP:a@fabrikam.com"}]}`,
			func(m offboarding.MailFlow) bool { return m.ForwardsToAddress == "a@fabrikam.com" && m.Forwards() }},
		"a litigation hold":          {`"LitigationHoldEnabled":true}]}`, func(m offboarding.MailFlow) bool { return m.Hold }},
		"a retention hold":           {`"InPlaceHolds":["mbx7cfb30345d454ac0a989ab3041051209:2"]}]}`, func(m offboarding.MailFlow) bool { return m.Hold }},
		"an exception":               {`"InPlaceHolds":["-mbx7cfb30345d454ac0a989ab3041051209:2"]}]}`, func(m offboarding.MailFlow) bool { return !m.Hold }},
		"a delay hold":               {`"DelayHoldApplied":true}]}`, func(m offboarding.MailFlow) bool { return m.Hold && m.Held }},
		"a label hold":               {`"ComplianceTagHoldApplied":true}]}`, func(m offboarding.MailFlow) bool { return m.Hold && m.Held }},
		"a delay of what apps keep":  {`"DelayReleaseHoldApplied":true}]}`, func(m offboarding.MailFlow) bool { return !m.Hold && m.Held }},
		"a policy of chats":          {`"InPlaceHolds":["skp127d7cf1076947929bf136b7a2a8c36f:2"]}]}`, func(m offboarding.MailFlow) bool { return !m.Hold && m.Held }},
		"a policy that only deletes": {`"InPlaceHolds":["mbx7cfb30345d454ac0a989ab3041051209:1"]}]}`, func(m offboarding.MailFlow) bool { return !m.Hold && !m.Held }},
		"an archive":                 {`"ArchiveStatus":"Active"}]}`, func(m offboarding.MailFlow) bool { return m.Archive }},
	}
	for name, tt := range tests {
		c, _, ctx := serve(t, cmdlets(map[string]string{"Get-Mailbox": head + tt.body}))
		if m, err := c.MailFlow(ctx, leaver); err != nil || !tt.holds(m) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestWhoIsInside(t *testing.T) {
	user := `{"ExternalDirectoryObjectId":"` + leaver + `","RecipientTypeDetails":"UserMailbox"}`
	contact := `{"ExternalDirectoryObjectId":"","RecipientTypeDetails":"MailContact"}`
	for name, tt := range map[string]struct {
		answers map[string]string
		want    offboarding.Recipient
	}{
		"unknown":   {nil, offboarding.Recipient{}},
		"a mailbox": {map[string]string{"Get-Recipient": `{"value":[` + user + `]}`}, offboarding.Recipient{ID: leaver, Inside: true}},
		"a contact": {map[string]string{"Get-Recipient": `{"value":[` + contact + `]}`}, offboarding.Recipient{}},
		"either":    {map[string]string{"Get-Recipient": `{"value":[` + user + `,` + contact + `]}`}, offboarding.Recipient{}},
		"two users": {map[string]string{"Get-Recipient": `{"value":[` + user + `,` + user + `]}`}, offboarding.Recipient{Inside: true}},
	} {
		c, _, ctx := serve(t, cmdlets(tt.answers))
		if got, err := c.Recipient(ctx, "name"); err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	c, _, ctx := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a nameless recipient was looked up") })
	if got, err := c.Recipient(ctx, ""); err != nil || got.Inside {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnErrorAboutARecipientDoesNotNameThem(t *testing.T) {
	c, _, ctx := serve(t, answer(400, `{"error":{"code":"BadRequest","details":[{"message":"Ex1|System.Exception|a@b is odd"}]}}`))
	if _, err := c.Recipient(ctx, "a@b"); err == nil || strings.Contains(err.Error(), "a@b") {
		t.Error(err)
	}
}

func TestRulesOutside(t *testing.T) {
	c, _, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		switch {
		case r.Header.Get("X-CmdletName") == "Get-InboxRule":
			answer(200, `{"value":[
				{"RuleIdentity":18446744073709551615,"Enabled":true,"RedirectTo":["\"A\" [SMTP:a@fabrikam.com]"]},
				{"RuleIdentity":"2","Enabled":false,"ForwardTo":"\"B\" [EX:/o=ExchangeLabs/cn=b]","ForwardAsAttachmentTo":["smtp:c@fabrikam.com"]},
				{"RuleIdentity":"3","Enabled":true,"ForwardTo":["\"B\" [EX:/o=ExchangeLabs/cn=b]"],"RedirectTo":null},
				{"RuleIdentity":"4","Enabled":true,"ForwardTo":null}]}`)(w, r)
		case strings.Contains(string(text), `"/o=ExchangeLabs/cn=b"`):
			answer(200, `{"value":[{"RecipientTypeDetails":"UserMailbox"}]}`)(w, r)
		default:
			answer(404, notFound)(w, r)
		}
	})
	got, err := c.RulesOutside(ctx, leaver)
	want := []offboarding.InboxRule{{ID: "18446744073709551615", Enabled: true}, {ID: "2"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestForwardingIsReplacedAsAWhole(t *testing.T) {
	var sent map[string]any
	c, _, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			CmdletInput struct{ Parameters map[string]any }
		}
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &body)
		sent = body.CmdletInput.Parameters
		answer(200, `{"value":[]}`)(w, r)
	})
	const other = "f44be2d0-2e8d-5013-ad96-3de25b75f449"
	for name, tt := range map[string]struct {
		do              func() error
		recipient, smtp any
		keepCopy        bool
	}{
		"inside":  {func() error { return c.Forward(ctx, leaver, other, true) }, other, nil, true},
		"outside": {func() error { return c.ForwardOutside(ctx, leaver, "a@fabrikam.com", false) }, nil, "smtp:a@fabrikam.com", false},
		"nowhere": {func() error { return c.StopForwarding(ctx, leaver) }, nil, nil, false},
	} {
		if err := tt.do(); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"Identity": leaver, "ForwardingAddress": tt.recipient, "ForwardingSmtpAddress": tt.smtp, "DeliverToMailboxAndForward": tt.keepCopy}
		if !reflect.DeepEqual(sent, want) {
			t.Errorf("%s: %v", name, sent)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add(`"Alex [x]" [SMTP:alex@contoso.com]`)
	f.Add("smtp:alex@contoso.com")
	f.Fuzz(func(t *testing.T, text string) {
		if got := identity(text); len(got) > len(text) {
			t.Errorf("%q is %q", text, got)
		}
	})
}
