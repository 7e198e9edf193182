package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/shared/simhr"
	"leaver/shared/simtenant"
)

// TestWhatTheCommandsPrintHoldsNothingOfAVendorsBody has somebody leave through each of the simulated HR
// systems, and one through each whom nobody knows; bank accounts and reasons stand in all that those
// send and show, and in nothing that a command prints or writes.
func TestWhatTheCommandsPrintHoldsNothingOfAVendorsBody(t *testing.T) {
	t.Parallel()
	const secret = "YSBzZWNyZXQgb2YgMzIgbGV0dGVycywgb3IgbG9uZ2Vy"
	api := free(t)
	var file strings.Builder
	file.WriteString("sources:\n")
	for _, vendor := range simhr.Asked() {
		hr, err := simhr.New(vendor, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		secrets, every := "", "1h"
		if hr.Sends() {
			secrets = fmt.Sprintf("secrets: [%q], ", secret)
		}
		if hr.Polled() {
			every = "2s"
		}
		fmt.Fprintf(&file, "  - {name: %[1]s, vendor: %[1]s, zone: Europe/Berlin, %[2]severy: %[3]s, api: {url: \"http://%[4]s/%[1]s\", user: u, secret: p}}\n", vendor, secrets, every, api)
	}
	sources, data := written(t, file.String()), t.TempDir()
	tenant, _, tenantFile := startTenant(t, simtenant.Config{Users: 60})
	people := demo.Leavers(tenant, len(simhr.Asked()))
	h := startHost(t, tenantFile, data, policyFile(t, "limits: {perHour: 100, perDay: 100, share: 100}\n"), "LEAVER_SOURCES="+sources)

	ctx, stop := context.WithCancel(t.Context())
	served := make(chan int, 1)
	var said bytes.Buffer // by leaver hr
	go func() {
		served <- run(console{Context: ctx, stdout: &said, stderr: &said}, []string{"hr", "--sources", sources, "--addr", api, "--intake", h.intake})
	}()
	defer stop()
	yesterday := time.Now().AddDate(0, 0, -1).Format(time.DateOnly)
	for i, vendor := range simhr.Asked() {
		at := "http://" + api + "/" + vendor + "/tell"
		eventually(t, vendor+" is served", 20*time.Second, func() bool {
			answer, err := http.Post(at, "application/json", strings.NewReader(`{"what":"hired","id":"4711","mail":"`+people[i]+`"}`))
			return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusNoContent
		})
		for _, what := range []string{
			`{"what":"hired","id":"4712","mail":"nobody.at.` + vendor + `@contoso.com"}`,
			`{"what":"dismissed","id":"4711","lastDay":"` + yesterday + `"}`, `{"what":"dismissed","id":"4712","lastDay":"` + yesterday + `"}`,
			`{"what":"effective","id":"4711"}`, `{"what":"effective","id":"4712"}`,
		} {
			if got := post(t, at, what); got != http.StatusNoContent {
				t.Fatalf("%s: %s: got %d", vendor, what, got)
			}
		}
	}
	for i, vendor := range simhr.Asked() {
		eventually(t, "out through "+vendor, time.Minute, func() bool {
			user, _ := tenant.User(simtenant.UserID(people[i]))
			return !user.AccountEnabled && len(stateOf(t, data, "nobody.at."+vendor+"@contoso.com")) == 1
		})
	}

	export := filepath.Join(t.TempDir(), "ledger")
	asked := [][]string{
		{"status", "--data", data}, {"status", "--json", "--data", data}, {"limits", "--data", data}, {"ledger", "export", export, "--data", data},
		{"verify", "--data", data}, {"verify", "--json", "--data", data}, {"sources", "check", "--sources", sources}, {"sources", "check", "--json", "--sources", sources},
	}
	for i, vendor := range simhr.Asked() {
		for _, who := range []string{people[i], "nobody.at." + vendor + "@contoso.com"} {
			asked = append(asked, []string{"status", who, "--data", data}, []string{"plan", who, "--data", data})
		}
		asked = append(asked, []string{"report", people[i], "--data", data}, []string{"report", people[i], "--html", "--data", data}, []string{"report", people[i], "--json", "--data", data})
	}
	for _, args := range asked {
		_, stdout, stderr := command(t, args...)
		if len(stdout)+len(stderr) == 0 && args[0] != "ledger" {
			t.Errorf("leaver %s prints nothing", strings.Join(args, " "))
		}
		if strings.Contains(stdout+stderr, simhr.Canary) {
			t.Errorf("leaver %s prints it:\n%s%s", strings.Join(args, " "), stdout, stderr)
		}
	}
	if strings.Contains(string(read(t, export)), simhr.Canary) {
		t.Error("the export of the ledger holds it")
	}
	stop()
	<-served
	h.kill()
	for what, text := range map[string]string{"leaver up": h.stderr.String(), "leaver hr": said.String()} {
		if strings.Contains(text, simhr.Canary) {
			t.Errorf("%s says it:\n%s", what, text)
		}
	}
}
