package hris

import (
	"testing"
)

func TestWhatTheWebhooksOfEntraMean(t *testing.T) {
	t.Parallel()
	meanings(t, "entra", []meaning{
		{"a user who changed", "", `{"value":[{"changeType":"updated","resourceData":{"id":"ADE1E000-0000-4000-8000-000000004711"}}]}`, "hint updated of ade1e000-0000-4000-8000-000000004711"},
		{"one user twice, another once", "", `{"value":[{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}},{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}},{"changeType":"updated","resourceData":{"id":"ade1e000-0000-4000-8000-000000004712"}}]}`, "hint updated of ade1e000-0000-4000-8000-000000004711; hint updated of ade1e000-0000-4000-8000-000000004712"},
		{"many users: everybody", "", `{"value":[` + manyUpdated(11) + `]}`, "hint updated of "},
		{"a user who was deleted", "", `{"value":[{"changeType":"deleted","resourceData":{"id":"ade1e000-0000-4000-8000-000000004711"}}]}`, "nothing: deleted"},
		{"no object id", "", `{"value":[{"changeType":"updated","resourceData":{"id":"../../applications"}}]}`, "nothing: a notification about no user"},
		{"a subscription that was removed", "", `{"value":[{"lifecycleEvent":"subscriptionRemoved"}]}`, "hint subscriptionRemoved of "},
		{"notifications that were missed", "", `{"value":[{"lifecycleEvent":"missed"}]}`, "hint missed of "},
		{"nothing at all", "", `{"value":[]}`, ""},
	})
}
