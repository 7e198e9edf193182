package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"leaver/shared/doctor"
	"leaver/shared/simtenant"
)

// TestTheDoctorSaysWhatIsTooMuch examines the simulated tenant, whose one application may do everything
// that the simulator knows: first by itself, and by a second look with that mended.
func TestTheDoctorSaysWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	tenant, _, file := startTenant(t, simtenant.Config{})
	examine := func() (code int, wrong []doctor.Finding) {
		t.Helper()
		code, stdout, stderr := command(t, "doctor", "--data", t.TempDir(), "--tenant", file, "--json")
		for line := range strings.Lines(stdout) {
			var f doctor.Finding
			if err := json.Unmarshal([]byte(line), &f); err != nil {
				t.Fatalf("%q: %v; %s", line, err, stderr)
			}
			if f.State != doctor.OK {
				wrong = append(wrong, f)
			}
		}
		return code, wrong
	}
	code, wrong := examine()
	if code != 1 || len(wrong) == 0 {
		t.Fatalf("exit %d and %d findings; want 1 and what is too much", code, len(wrong))
	}
	tenant.Edit(func(w *simtenant.World) {
		for _, f := range wrong {
			_, permission, _ := strings.Cut(f.Subject, ": ")
			app := w.Apps[simtenant.DefaultClientID]
			for i, role := range app.Roles {
				if role == permission {
					app.Roles = append(app.Roles[:i:i], app.Roles[i+1:]...)
					break
				}
			}
		}
	})
	// What is left needs rights that no function has.
	for _, f := range func() []doctor.Finding { _, left := examine(); return left }() {
		if f.Check != "anchors" && f.Check != "backup" && (f.State == doctor.Wrong || f.Check != "workflows") {
			t.Errorf("%+v; want only the Lifecycle Workflows unknown, and no anchors and no backup", f)
		}
	}
}

// TestTheDoctorNamesWhatOnlyTheHostKnows: channels that can tell nobody, sources that cannot prove or be asked
// anything, and anchors that are kept; and of the secrets in all that, nothing.
func TestTheDoctorNamesWhatOnlyTheHostKnows(t *testing.T) {
	t.Parallel()
	_, _, tenant := startTenant(t, simtenant.Config{})
	const canary = "canary-in-a-secret"
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refuses.Close()
	gone := free(t)
	sources := written(t, fmt.Sprintf(`public: http://%[2]s
sources:
  - {name: refused, vendor: hibob, zone: Europe/Berlin, secrets: ["a secret of 32 letters, or longer %[3]s"], api: {url: "%[1]s", user: u, secret: %[3]s}}
  - {name: gone, vendor: hibob, zone: Europe/Berlin, secrets: ["a secret of 32 letters, or longer %[3]s"], api: {url: "http://%[2]s", user: u, secret: %[3]s}}
  - {name: unread, vendor: okta, secrets: ["file:/no/such/file"]}
`, refuses.URL, gone, canary))
	policy := policyFile(t, fmt.Sprintf(`channels:
  - {name: retired, kind: teams, audience: it, url: "file:%s"}
  - {name: unset, kind: webhook, audience: it, url: "file:%s", secret: "env:LEAVER_NO_SUCH_VARIABLE"}
  - {name: nobody, kind: mail, audience: hr, from: 0b1f07d8-7a5b-4b0e-9f0d-5c2f4a5e6b7c, to: [hr@contoso.com]}
  - {name: fine, kind: teams, audience: it, url: "file:%s"}
`, written(t, "https://contoso.webhook.office.com/webhookb2/"+canary), written(t, "https://hooks.contoso.com/"+canary), written(t, "https://0123.ae.environment.api.powerplatform.com/"+canary)))
	_, stdout, stderr := command(t, "doctor", "--data", t.TempDir(), "--tenant", tenant, "--policy", policy, "--sources", sources, "--anchors", t.TempDir(), "--json")
	got := map[string]doctor.Finding{}
	for line := range strings.Lines(stdout) {
		var f doctor.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v; %s", line, err, stderr)
		}
		got[f.Check+" "+f.Subject] = f
	}
	for subject, says := range map[string]string{
		"channels retired": "workflow", "channels unset": "LEAVER_NO_SUCH_VARIABLE", "channels nobody": "does not exist",
		"sources refused: reading a person": "refuses the credential (401)", "sources gone: reading a person": "", "sources gone: handshake": "nobody answers there", "sources unread: secrets": "no such file",
	} {
		if f := got[subject]; f.State != doctor.Wrong || !strings.Contains(f.Why, says) || f.Fix == "" {
			t.Errorf("%s: got %+v, want it to be wrong, to say %q, and what mends it", subject, f, says)
		}
	}
	for _, subject := range []string{"channels fine", "anchors anchors"} {
		if f := got[subject]; f.State != doctor.OK {
			t.Errorf("%s: got %+v, want ok", subject, f)
		}
	}
	if strings.Contains(stdout+stderr, canary) {
		t.Errorf("the doctor prints a secret:\n%s%s", stdout, stderr)
	}
	_, table, stderr := command(t, "doctor", "--data", t.TempDir(), "--tenant", tenant, "--policy", policy, "--sources", sources, "--all")
	if !strings.Contains(table, "WRONG") || !strings.Contains(table, "mend it: ") || strings.Contains(table+stderr, canary) {
		t.Errorf("as a table:\n%s%s", table, stderr)
	}
}
