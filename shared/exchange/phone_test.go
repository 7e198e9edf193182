package exchange

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"leaver/shared/offboarding"
)

func TestAPhoneIsReadFromThreeCmdlets(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 22, hour, 0, 0, 0, time.UTC) }
	const devices = `{"value":[{"Identity":"adele\\x","Guid":"g1","DeviceId":"D1","DeviceType":"iPhone","DeviceOS":"iOS 26"},{"Guid":"g2","DeviceId":"D2","DeviceType":"Outlook","DeviceOS":null}]}`
	for name, test := range map[string]struct {
		statistics, access string
		want               []offboarding.Phone
	}{
		"account only": {
			`{"value":[{"DeviceID":"D1","DeviceType":"iPhone","LastSuccessSync":"2026-11-22T08:00:00","DeviceWipeAckTime":null,
				"AccountOnlyDeviceWipeRequestTime":"2026-11-22T09:00:00Z","AccountOnlyDeviceWipeAckTime":"2026-11-22T11:00:00+01:00"}]}`,
			`{"value":[{"ActiveSyncBlockedDeviceIDs":["d1","other"]}]}`,
			[]offboarding.Phone{{ID: "g1", Native: true, DeviceID: "D1", OS: "iOS 26", Blocked: true, LastSync: at(8), WipeRequested: at(9), WipeAcked: at(10)}, {ID: "g2", DeviceID: "D2"}},
		},
		"everything": {
			`{"value":[{"DeviceID":"D2","DeviceType":"Outlook","DeviceWipeRequestTime":"2026-11-22T09:00:00Z","DeviceWipeAckTime":"2026-11-22T10:00:00Z"},{"DeviceID":"D1","DeviceType":"other","LastSuccessSync":"2026-11-22T08:00:00Z"}]}`,
			`{"value":[{"ActiveSyncBlockedDeviceIDs":null}]}`,
			[]offboarding.Phone{{ID: "g1", Native: true, DeviceID: "D1", OS: "iOS 26"}, {ID: "g2", DeviceID: "D2", WipeRequested: at(9), WipeAcked: at(10)}},
		},
	} {
		c, _, ctx := serve(t, cmdlets(map[string]string{"Get-MobileDevice": devices, "Get-MobileDeviceStatistics": test.statistics, "Get-CASMailbox": test.access}))
		if got, err := c.Phones(ctx, leaver); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestPhonesThatCannotBeRead(t *testing.T) {
	const one = `{"value":[{"Guid":"g1","DeviceId":"D1"}]}`
	for name, answers := range map[string]map[string]string{
		"nameless":           {"Get-MobileDevice": `{"value":[{"DeviceId":"D1"}]}`, "Get-MobileDeviceStatistics": `{"value":[]}`, "Get-CASMailbox": `{"value":[{}]}`},
		"without mailbox":    {"Get-MobileDevice": one, "Get-MobileDeviceStatistics": `{"value":[]}`, "Get-CASMailbox": `{"value":[]}`},
		"a time that is not": {"Get-MobileDevice": one, "Get-MobileDeviceStatistics": `{"value":[{"LastSuccessSync":"soon"}]}`},
	} {
		c, _, ctx := serve(t, cmdlets(answers))
		if got, err := c.Phones(ctx, leaver); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	c, _, ctx := serve(t, cmdlets(map[string]string{"Get-MobileDevice": `{"value":[]}`}))
	if got, err := c.Phones(ctx, leaver); err != nil || len(got) > 0 {
		t.Errorf("none: %+v, %v", got, err)
	}
	c, _, ctx = serve(t, cmdlets(nil))
	if _, err := c.Phones(ctx, leaver); !errors.Is(err, offboarding.ErrNotFound) {
		t.Errorf("no mailbox: %v", err)
	}
}

func TestB13APhoneIsNeverClearedOfEverything(t *testing.T) {
	c, _, ctx := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			CmdletInput struct{ Parameters map[string]any }
		}
		text, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(text, &body)
		if p := body.CmdletInput.Parameters; p["AccountOnly"] != true || p["Identity"] != "g1" {
			t.Errorf("sent %s", text)
		}
		answer(200, `{"value":[]}`)(w, r)
	})
	if err := c.ClearPhone(ctx, "g1"); err != nil {
		t.Fatal(err)
	}
}
