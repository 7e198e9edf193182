package main

import (
	"encoding/json"
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
		if f.Check != "anchors" && (f.State == doctor.Wrong || f.Check != "workflows") {
			t.Errorf("%+v; want only the Lifecycle Workflows unknown, and no anchors", f)
		}
	}
}
