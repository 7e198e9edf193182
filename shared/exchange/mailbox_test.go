package exchange

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// cmdlets answers each cmdlet with a body.
func cmdlets(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.Header.Get("X-CmdletName")]
		if !ok {
			answer(404, notFound)(w, r)
			return
		}
		answer(200, body)(w, r)
	}
}

func TestAProtocolIsOpenUnlessItIsClosedExplicitly(t *testing.T) {
	c, _, ctx := serve(t, cmdlets(map[string]string{
		"Get-Mailbox":    `{"value":[{"ExternalDirectoryObjectId":"` + strings.ToUpper(leaver) + `","RecipientTypeDetails":"UserMailbox","AccountDisabled":true}]}`,
		"Get-CASMailbox": `{"value":[{"ActiveSyncEnabled":false,"OWAEnabled":true,"EwsEnabled":null,"SmtpClientAuthenticationDisabled":null,"Name":"x"}]}`,
	}))
	m, err := c.Mailbox(ctx, leaver)
	if err != nil {
		t.Fatal(err)
	}
	if m.RecipientTypeDetails != "UserMailbox" || !m.AccountDisabled || len(m.Protocols) != len(protocols)+1 {
		t.Errorf("%+v", m)
	}
	if open := m.Protocols.Open(); slices.Contains(open, "ActiveSyncEnabled") || len(open) != len(protocols) {
		t.Errorf("open: %v", open)
	}
}

func TestClosingTheProtocolsLeavesNoneOpen(t *testing.T) {
	state := map[string]any{}
	c, _, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("X-CmdletName") {
		case "Set-CASMailbox":
			var body struct {
				CmdletInput struct{ Parameters map[string]any }
			}
			text, _ := io.ReadAll(r.Body)
			_ = json.Unmarshal(text, &body)
			state = body.CmdletInput.Parameters
			answer(200, `{"value":[]}`)(w, r)
		case "Get-Mailbox":
			answer(200, `{"value":[{"ExternalDirectoryObjectId":"`+leaver+`"}]}`)(w, r)
		case "Get-CASMailbox":
			_ = json.NewEncoder(w).Encode(map[string]any{"value": []any{state}})
		}
	})
	if err := c.CloseProtocols(ctx, leaver); err != nil {
		t.Fatal(err)
	}
	m, err := c.Mailbox(ctx, leaver)
	if err != nil || len(m.Protocols.Open()) > 0 {
		t.Errorf("open: %v, %v", m.Protocols.Open(), err)
	}
	if state[smtpDisabled] != true {
		t.Errorf("%s: %v", smtpDisabled, state[smtpDisabled])
	}
}

func TestB15AnotherMailboxIsNotTheLeavers(t *testing.T) {
	for name, body := range map[string]string{
		"another": `{"value":[{"ExternalDirectoryObjectId":"00000000-0000-0000-0000-000000000000"}]}`,
		"several": `{"value":[{"ExternalDirectoryObjectId":"` + leaver + `"},{"ExternalDirectoryObjectId":"` + leaver + `"}]}`,
	} {
		c, _, ctx := serve(t, cmdlets(map[string]string{"Get-Mailbox": body}))
		var p *offboarding.PermanentError
		if _, err := c.Mailbox(ctx, leaver); !errors.As(err, &p) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.MailFlow(ctx, leaver); !errors.As(err, &p) {
			t.Errorf("%s, asked for its mail: %v", name, err)
		}
	}
}

func TestB5OnlyAnInactiveMailboxIsKept(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		kept bool
	}{
		"inactive":  {`{"value":[{"ExternalDirectoryObjectId":"` + leaver + `","IsInactiveMailbox":true}]}`, true},
		"not yet":   {`{"value":[{"ExternalDirectoryObjectId":"` + leaver + `","IsInactiveMailbox":false}]}`, false},
		"another's": {`{"value":[{"ExternalDirectoryObjectId":"00000000-0000-0000-0000-000000000000","IsInactiveMailbox":true}]}`, false},
		"none":      {`{"value":[]}`, false},
	} {
		c, _, ctx := serve(t, cmdlets(map[string]string{"Get-Mailbox": tt.body}))
		if kept, err := c.InactiveMailbox(ctx, leaver); err != nil || kept != tt.kept {
			t.Errorf("%s: %t, %v", name, kept, err)
		}
	}
}

func TestNoMailboxIsNotFound(t *testing.T) {
	for name, answers := range map[string]map[string]string{"an exception": {}, "an empty list": {"Get-Mailbox": `{"value":[]}`}} {
		c, _, ctx := serve(t, cmdlets(answers))
		if _, err := c.Mailbox(ctx, leaver); !errors.Is(err, offboarding.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMailboxContent(t *testing.T) {
	for name, test := range map[string]struct {
		answers map[string]string
		want    offboarding.Content
	}{
		"no mailbox":     {nil, offboarding.Content{}},
		"never opened":   {map[string]string{"Get-MailboxStatistics": `{"value":[]}`}, offboarding.Content{Exists: true}},
		"full of things": {map[string]string{"Get-MailboxStatistics": `{"value":[{"ItemCount":3,"TotalItemSize":"14.61 GB (15,687,850,951 bytes)"}]}`}, offboarding.Content{Exists: true, Items: 3, Bytes: 15687850951}},
	} {
		c, _, ctx := serve(t, cmdlets(test.answers))
		if got, err := c.MailboxContent(ctx, leaver); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, body := range map[string]string{"no size": `{"value":[{"ItemCount":3}]}`, "no JSON": `<html>`} {
		c, _, ctx := serve(t, cmdlets(map[string]string{"Get-MailboxStatistics": body}))
		if got, err := c.MailboxContent(ctx, leaver); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSizesAreReadByTheirBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"14.61 GB (15,687,850,951 bytes)":                15687850951,
		"14,61 GB (15.687.850.951 bytes)":                15687850951,
		"14,61 Go (15\u202f687\u202f850\u00a0951 bytes)": 15687850951,
		"0 B (0 bytes)":                                  0,
		"8 EB (9,223,372,036,854,775,807 bytes)":         9223372036854775807,
		"":                                               -1,
		"Unlimited":                                      -1,
		"1 B ( bytes)":                                   -1,
		"1 B (-1 bytes)":                                 -1,
		"1 KB (1024)":                                    -1,
		"9 EB (9,223,372,036,854,775,808 bytes)":         -1,
		"1 B (0x1 bytes)":                                -1,
	} {
		got, err := parseSize(text)
		if (err == nil) != (want >= 0) || err == nil && got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func FuzzSize(f *testing.F) {
	f.Add("14.61 GB (15,687,850,951 bytes)")
	f.Add("(1 bytes)(")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); err == nil && (n < 0 || !strings.Contains(text, " bytes)")) {
			t.Errorf("%q is %d", text, n)
		}
	})
}

// FuzzHold reads any text as the duration of a litigation hold.
func FuzzHold(f *testing.F) {
	for _, text := range []string{"", "Unlimited", "365.00:00:00", "-1.00:00:00", "99999999999999999999.0", "x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseHold(text); err == nil && d < 0 {
			t.Errorf("%q is %v", text, d)
		}
	})
}
