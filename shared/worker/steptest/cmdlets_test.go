package steptest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestAFunctionRunsItsOwnCmdletsAlone tries every cmdlet that any function has as every function, by hand
// and with exactly its rights: those of others are refused, and so are the other parameters of its own.
func TestAFunctionRunsItsOwnCmdletsAlone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	own := map[string][]string{}
	var all []string
	for _, f := range offboarding.Functions() {
		for _, entry := range f.Cmdlets {
			cmdlet, _, _ := strings.Cut(entry, " ")
			own[f.Name] = append(own[f.Name], cmdlet)
			if !slices.Contains(all, cmdlet) {
				all = append(all, cmdlet)
			}
		}
	}
	for _, f := range offboarding.Functions() {
		as := h.Connection(f.Name)
		for _, cmdlet := range all {
			status := run(t, as, cmdlet, map[string]any{"Identity": simtenant.UserID("adele.vance@contoso.com")})
			if refused := status == http.StatusUnauthorized; refused == slices.Contains(own[f.Name], cmdlet) {
				t.Errorf("%s runs %s: %d", f.Name, cmdlet, status)
			}
		}
	}
	for function, parameter := range map[string]string{
		"block": "ForwardingSmtpAddress", "preserve": "ForwardingSmtpAddress", "access": "LitigationHoldEnabled", "forward": "LitigationHoldEnabled",
	} {
		if status := run(t, h.Connection(function), "Set-Mailbox", map[string]any{"Identity": simtenant.UserID("adele.vance@contoso.com"), parameter: nil}); status != http.StatusBadRequest {
			t.Errorf("%s gives Set-Mailbox %s: %d, want 400", function, parameter, status)
		}
	}
}

// run runs a cmdlet and returns the status of the answer.
func run(t *testing.T, as identity.Connection, cmdlet string, parameters map[string]any) int {
	t.Helper()
	token, err := as.Credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{as.ExchangeScope}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]any{"CmdletInput": map[string]any{"CmdletName": cmdlet, "Parameters": parameters}})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, as.Exchange+"/adminapi/beta/"+as.TenantID+"/InvokeCommand", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token.Token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := as.HTTP.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
