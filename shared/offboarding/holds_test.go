package offboarding_test

import (
	"slices"
	"testing"

	"leaver/shared/offboarding"
)

func TestWhatKeepsMailIsMicrosoftsTable(t *testing.T) {
	const policy = "mbxcdbbb86ce60342489bff371876e7f224"
	for name, test := range map[string]struct {
		holds        offboarding.MailboxHolds
		organisation []string
		want         []string
	}{
		"nothing":                         {},
		"a litigation hold":               {holds: offboarding.MailboxHolds{Litigation: true}, want: []string{"LitigationHoldEnabled"}},
		"a delay hold":                    {holds: offboarding.MailboxHolds{Delay: true}, want: []string{"DelayHoldApplied"}},
		"a delay of what apps keep":       {holds: offboarding.MailboxHolds{DelayRelease: true}},
		"a label":                         {holds: offboarding.MailboxHolds{Label: true}, want: []string{"ComplianceTagHoldApplied"}},
		"eDiscovery":                      {holds: offboarding.MailboxHolds{InPlace: []string{"UniH7d895d48-7e23-4a8d-8346-533c3beac15d"}}, want: []string{"UniH7d895d48-7e23-4a8d-8346-533c3beac15d"}},
		"in place, of the cloud":          {holds: offboarding.MailboxHolds{InPlace: []string{"cld9c0a984ca74b457fbe4504bf7d3e00de"}}, want: []string{"cld9c0a984ca74b457fbe4504bf7d3e00de"}},
		"in place":                        {holds: offboarding.MailboxHolds{InPlace: []string{"c0ba3ce811b6432a8751430937152491"}}, want: []string{"c0ba3ce811b6432a8751430937152491"}},
		"a policy that holds":             {holds: offboarding.MailboxHolds{InPlace: []string{policy + ":2"}}, want: []string{policy + ":2"}},
		"a policy that holds and deletes": {holds: offboarding.MailboxHolds{InPlace: []string{policy + ":3"}}, want: []string{policy + ":3"}},
		"a policy that only deletes":      {holds: offboarding.MailboxHolds{InPlace: []string{policy + ":1"}}},
		"a policy of chats":               {holds: offboarding.MailboxHolds{InPlace: []string{"skp127d7cf1076947929bf136b7a2a8c36f:2"}}},
		"the organisation's":              {organisation: []string{policy + ":2"}, want: []string{policy + ":2"}},
		"the organisation's for groups":   {organisation: []string{"grp1a0a132ee8944501a4bb6a452ec31171:3"}},
		"excluded from the organisation's": {
			holds: offboarding.MailboxHolds{InPlace: []string{"-" + policy}}, organisation: []string{policy + ":2", "mbx7cfb30345d454ac0a989ab3041051209:3"},
			want: []string{"mbx7cfb30345d454ac0a989ab3041051209:3"},
		},
	} {
		if got := test.holds.OnMail(test.organisation); !slices.Equal(got, test.want) {
			t.Errorf("%s: OnMail = %v, want %v", name, got, test.want)
		}
	}
}
