package simtenant

import (
	"net/http"
	"testing"
)

// User.Read.All shows of the organisation its id, its name and its domains.
// Source: Microsoft Graph, List organizations, permissions.
func TestHowTheSynchronisationStandsIsShownToWhoMayReadTheOrganisation(t *testing.T) {
	f := setUp(t, Config{})
	f.Synchronise(func(string) (OnPremisesState, bool) { return OnPremisesState{}, true })
	for roles, shown := range map[string]bool{"Organization.Read.All": true, "User.Read.All": false} {
		a := f.as(f.app(roles), http.MethodGet, "/organization?$select=id,onPremisesSyncEnabled,onPremisesLastSyncDateTime", nil)
		f.want(a, http.StatusOK, "")
		one := a.body["value"].([]any)[0].(map[string]any)
		if one["id"] == nil || (one["onPremisesSyncEnabled"] == true) != shown || (one["onPremisesLastSyncDateTime"] != nil) != shown {
			t.Errorf("%s is shown %v", roles, one)
		}
	}
}
