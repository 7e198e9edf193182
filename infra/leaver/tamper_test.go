package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"leaver/infra/resident"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestAForgedRowIsNamedAndStopsItsOwnCaseAlone adds an approval by hand to the ledger of a host that does
// not run: status and verify name it, and the other departure goes on.
func TestAForgedRowIsNamedAndStopsItsOwnCaseAlone(t *testing.T) {
	t.Parallel()
	_, _, file := startTenant(t, simtenant.Config{})
	data := t.TempDir()
	policy := policyFile(t, "{limits: {perHour: 0, perDay: 0, share: 0}, mailbox: none, approvals: {delete: 1}}")
	h := startHost(t, file, data, policy)
	for _, person := range []string{adele, grady} {
		if code, _, stderr := command(t, "offboard", person, "--at", time.Now().Add(time.Hour).Format(time.RFC3339), "--data", data); code != 0 {
			t.Fatal(stderr)
		}
	}
	running := func(person string) bool {
		found := stateOf(t, data, person)
		return len(found) == 1 && found[0].State == string(offboarding.CaseRunning)
	}
	eventually(t, "both are planned", 30*time.Second, func() bool { return running(adele) && running(grady) })
	forged := stateOf(t, data, adele)[0].Case
	h.kill()

	store, stop, err := resident.OpenStore(t.Context(), nil, data)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := store.Read(t.Context(), forged, 0)
	if err != nil {
		t.Fatal(err)
	}
	row, err := json.Marshal(offboarding.Entry{
		Position: len(rows) + 1, At: time.Now(), Kind: offboarding.EntryApproved, Step: offboarding.StepDelete,
		Approval: &offboarding.Approval{By: "approved-by-1"}, Previous: hashOf(rows[len(rows)-1]),
	})
	if err == nil {
		err = store.Append(t.Context(), forged, len(rows)+1, "open", row)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	startHost(t, file, data, policy)
	want := fmt.Sprintf("entry %d (approved): it is not signed", len(rows)+1)
	if code, stdout, stderr := command(t, "status", forged, "--data", data); code != 0 || !strings.Contains(stdout, want) || !strings.Contains(stdout, "unreadable") {
		t.Errorf("status of the case: exit %d: %s%s; want %q", code, stdout, stderr, want)
	}
	code, stdout, _ := command(t, "verify", "--data", data)
	if code != 1 || !strings.Contains(stdout, want) || strings.Count(stdout, "DOES NOT VERIFY") != 1 {
		t.Errorf("verify: exit %d: %s; want %q, and nothing else", code, stdout, want)
	}
	if other := stateOf(t, data, grady); len(other) != 1 || other[0].State != string(offboarding.CaseRunning) {
		t.Errorf("the other departure is %+v, want running", other)
	}
	// A person has looked.
	_, looked, _ := command(t, "verify", forged, "--data", data)
	_, seen, _ := strings.Cut(looked, "when you have looked: leaver ledger adopt "+forged+" --seen ")
	seen = strings.TrimSpace(seen)
	if code, stdout, stderr := command(t, "ledger", "adopt", forged, "--seen", strings.Repeat("0", 32), "--data", data); code == 0 || !strings.Contains(stderr, "leaver verify") {
		t.Errorf("adopted as nobody saw it: exit %d: %s%s; want what to type", code, stdout, stderr)
	}
	if code, stdout, stderr := command(t, "ledger", "adopt", forged, "--seen", seen, "--by", "Miriam Graham", "--data", data); code != 0 || !strings.Contains(stdout, "adopted") {
		t.Errorf("adopt: exit %d: %s%s", code, stdout, stderr)
	}
	if again := stateOf(t, data, adele); len(again) != 1 || again[0].State != string(offboarding.CasePlanning) {
		t.Errorf("adopted, it is %+v, want planning: what was approved goes on", again)
	}
	// The whole of it verifies offline, too.
	export := filepath.Join(t.TempDir(), "ledger.jsonl")
	if code, _, stderr := command(t, "ledger", "export", export, "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	if code, stdout, stderr := command(t, "verify", export, "--data", data); code != 0 || strings.Count(stdout, "verifies") < 3 {
		t.Errorf("offline: exit %d: %s%s; want three that verify", code, stdout, stderr)
	}
	// So does a report, by its signature; of one whose page says something else it is said.
	page := filepath.Join(t.TempDir(), "grady.html")
	if code, _, stderr := command(t, "report", grady, "-o", page, "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	if code, stdout, stderr := command(t, "verify", page, "--data", data); code != 0 || !strings.Contains(stdout, "verifies") {
		t.Errorf("a report: exit %d: %s%s; want that it verifies", code, stdout, stderr)
	}
	if code, stdout, stderr := command(t, "report", "--check", page, "--data", data); code != 0 || !strings.Contains(stdout, "signed by key") {
		t.Errorf("a report, checked: exit %d: %s%s; want who signed it", code, stdout, stderr)
	}
	if text, err := os.ReadFile(page); err == nil {
		_ = os.WriteFile(page, []byte(strings.Replace(string(text), "Departure report", "Departure reports", 1)), 0o600)
	}
	for _, asked := range [][]string{{"verify", page}, {"report", "--check", page}} {
		if code, _, stderr := command(t, append(asked, "--data", data)...); code != 1 || !strings.Contains(stderr, "not as it was made") {
			t.Errorf("%v of a page that somebody changed: exit %d: %s", asked, code, stderr)
		}
	}
	elsewhere := t.TempDir()
	if code, stdout, stderr := command(t, "ledger", "import", export, "--data", elsewhere); code != 1 || !strings.Contains(stderr, "not by a key that counts") && !strings.Contains(stderr, "not proven") {
		t.Errorf("import without the key: exit %d: %s%s; want that it is refused", code, stdout, stderr)
	}
	key, err := os.ReadFile(filepath.Join(data, resident.KeyName))
	if err == nil {
		err = os.WriteFile(filepath.Join(elsewhere, resident.KeyName), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := command(t, "ledger", "import", export, "--data", elsewhere); code != 0 {
		t.Errorf("import: exit %d: %s", code, stderr)
	}
	if text, err := os.ReadFile(export); err == nil {
		_ = os.WriteFile(export, []byte(strings.Replace(string(text), grady[:5], "other", 1)+`{"id":"x"`), 0o600)
	}
	if code, _, _ := command(t, "ledger", "import", export, "--unproven", "--data", t.TempDir()); code != 1 {
		t.Error("an export that is cut short is imported without a word")
	}
}

// TestABackupThatIsRestoredBringsNoDepartureBack cancels a departure and puts the ledger of before in its
// place: the anchors tell, and its irreversible steps wait for a person.
func TestABackupThatIsRestoredBringsNoDepartureBack(t *testing.T) {
	t.Parallel()
	_, _, file := startTenant(t, simtenant.Config{})
	data, backup, kept := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backup"), t.TempDir()
	policy := policyFile(t, "{limits: {perHour: 0, perDay: 0, share: 0}, mailbox: none}")
	environ := []string{"LEAVER_ANCHORS=" + kept}
	anchors := func() int {
		found, err := filepath.Glob(filepath.Join(kept, "leaver-*.json"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	h := startHost(t, file, data, policy, environ...)
	for _, person := range []string{adele, grady} {
		if code, _, stderr := command(t, "offboard", person, "--at", time.Now().Add(time.Hour).Format(time.RFC3339), "--data", data); code != 0 {
			t.Fatal(stderr)
		}
	}
	running := func(person string) bool {
		found := stateOf(t, data, person)
		return len(found) == 1 && found[0].State == string(offboarding.CaseRunning)
	}
	eventually(t, "both are planned", 30*time.Second, func() bool { return running(adele) && running(grady) })
	h.kill()
	if err := os.CopyFS(backup, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	h = startHost(t, file, data, policy, environ...)
	if code, _, stderr := command(t, "cancel", adele, "--reason", "she stays", "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	h.kill()
	before := anchors()
	h = startHost(t, file, data, policy, environ...) // which compares and puts an anchor when it starts
	eventually(t, "there is an anchor of it", 30*time.Second, func() bool { return anchors() > before })
	h.kill()

	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(data, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	startHost(t, file, data, policy, environ...)
	eventually(t, "the irreversible steps of the departure are held", 30*time.Second, func() bool {
		found := stateOf(t, data, adele)
		return len(found) == 1 && found[0].Step(offboarding.StepDelete).State == offboarding.StateHeld && strings.Contains(found[0].Step(offboarding.StepDelete).Reason, "a backup restored")
	})
	if other := stateOf(t, data, grady); len(other) != 1 || other[0].Step(offboarding.StepDelete).State != offboarding.StatePlanned {
		t.Errorf("of the other departure, the deletion is %+v, want planned", other[0].Step(offboarding.StepDelete))
	}
	if code, stdout, _ := command(t, "verify", "--data", data); code != 1 || !strings.Contains(stdout, simtenant.UserID(adele)+"-1  DOES NOT VERIFY") || !strings.Contains(stdout, "the anchor of ") {
		t.Errorf("verify: exit %d: %s; want that an anchor contradicts the departure", code, stdout)
	}
}

// TestABackupOfAHostIsRestoredFrozen lets a host copy its ledger, loses the ledger, and puts the copy into an
// empty place: the departure is there as it was, nothing is written until a person thaws, and a second
// import leaves alone what has gone on since.
func TestABackupOfAHostIsRestoredFrozen(t *testing.T) {
	t.Parallel()
	_, _, file := startTenant(t, simtenant.Config{})
	data, copies, fresh := t.TempDir(), t.TempDir(), t.TempDir()
	policy := policyFile(t, "{limits: {perHour: 0, perDay: 0, share: 0}, mailbox: none}")
	h := startHost(t, file, data, policy)
	if code, _, stderr := command(t, "offboard", adele, "--at", time.Now().Add(time.Hour).Format(time.RFC3339), "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	state := func(data string) string {
		found := stateOf(t, data, adele)
		if len(found) != 1 {
			return ""
		}
		return found[0].State
	}
	eventually(t, "it is planned", 30*time.Second, func() bool { return state(data) == string(offboarding.CaseRunning) })
	h.kill()
	h = startHost(t, file, data, policy, "LEAVER_BACKUP="+copies) // which copies when it starts
	var records []string
	eventually(t, "there is a copy", 30*time.Second, func() bool {
		records, _ = filepath.Glob(filepath.Join(copies, "ledger-*.json"))
		return len(records) == 1
	})
	if code, stdout, stderr := command(t, "doctor", "--data", data, "--all"); !strings.Contains(stdout, "read back") {
		t.Errorf("doctor: exit %d: %s%s; want that the ledger was copied", code, stdout, stderr)
	}
	h.kill()

	key, err := os.ReadFile(filepath.Join(data, resident.KeyName))
	if err == nil {
		err = os.WriteFile(filepath.Join(fresh, resident.KeyName), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	export := records[0] + "l"
	for range 2 { // one that was broken off is done again
		if code, stdout, stderr := command(t, "ledger", "import", export, "--data", fresh); code != 0 || !strings.Contains(stdout, "frozen") {
			t.Fatalf("import: exit %d: %s%s; want that it says it is frozen", code, stdout, stderr)
		}
	}
	h = startHost(t, file, fresh, policy)
	if got := state(fresh); got != string(offboarding.CaseRunning) {
		t.Errorf("restored, the departure is %q, want running", got)
	}
	if _, stdout, _ := command(t, "limits", "--json", "--data", fresh); !strings.Contains(stdout, "restored from an export") {
		t.Errorf("limits: %s; want that it is frozen, and why", stdout)
	}
	if code, _, stderr := command(t, "thaw", "--by", "Miriam Graham", "--data", fresh); code != 0 {
		t.Error(stderr)
	}
	if code, _, stderr := command(t, "cancel", adele, "--reason", "she stays", "--data", fresh); code != 0 {
		t.Error(stderr)
	}
	h.kill()
	if code, stdout, stderr := command(t, "ledger", "import", export, "--data", fresh); code != 0 {
		t.Errorf("import over what has gone on: exit %d: %s%s", code, stdout, stderr)
	}
	startHost(t, file, fresh, policy)
	if got := state(fresh); got != string(offboarding.CaseCancelled) && got != string(offboarding.CaseCancelling) {
		t.Errorf("after a second import, the departure is %q, want cancelled still", got)
	}
}

// TestAForgedDepartureOfAProtectedAccountTouchesNobody opens a case by hand in the ledger of a host that does
// not run, of somebody whom the policy protects, with a lockout and a deletion that are overdue: what one
// unsigned row did. The host starts, carries the next departure, and the account stays as it was.
func TestAForgedDepartureOfAProtectedAccountTouchesNobody(t *testing.T) {
	t.Parallel()
	const protected = "joni.sherman@contoso.com"
	id := simtenant.UserID(protected)
	tenant, server, file := startTenant(t, simtenant.Config{})
	data := t.TempDir()
	policy := policyFile(t, "{limits: {perHour: 0, perDay: 0, share: 0}, mailbox: none, protected: ["+protected+"]}")
	h := startHost(t, file, data, policy)
	h.kill()

	asked := offboarding.Request{
		ID: offboarding.RequestID("test", "forged"), Kind: offboarding.Termination, Source: "test", Employee: offboarding.Employee{ID: id},
		EventTime: time.Now().Add(-time.Hour), ReceivedAt: time.Now().Add(-time.Hour), LeavingTime: time.Now().Add(-time.Hour),
	}
	rules := quickPolicy()
	rules.KeepMail, rules.KeepFiles, rules.Grace = offboarding.KeepNone, offboarding.KeepNone, 0
	plan, err := offboarding.Compile(asked, rules)
	if err != nil {
		t.Fatal(err)
	}
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s offboarding.PlannedStep) bool { // nothing to wait for
		return !slices.Contains([]offboarding.StepName{offboarding.StepSignout, offboarding.StepBlock, offboarding.StepDelete}, s.Name)
	})
	row, err := json.Marshal(offboarding.Entry{
		Position: 1, At: time.Now().Add(-time.Hour), Kind: offboarding.EntryOpened, Tenant: server.Connection().TenantID, Leaver: id, Source: "test",
		Request: asked.ID, EventTime: asked.EventTime, Plan: &plan, Counted: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	store, stop, err := resident.OpenStore(t.Context(), nil, data)
	if err == nil {
		err = errors.Join(store.Append(t.Context(), id+"-1", 1, "open", row), stop())
	}
	if err != nil {
		t.Fatal(err)
	}

	h = startHost(t, file, data, policy)
	if code, _, stderr := command(t, "offboard", adele, "--data", data); code != 0 {
		t.Fatal(stderr)
	}
	eventually(t, "the departure that was asked for is carried", time.Minute, func() bool {
		user, alive := tenant.User(simtenant.UserID(adele))
		return !alive || !user.AccountEnabled
	})
	h.kill() // and once more, as watch publishes what is overdue when it starts
	startHost(t, file, data, policy)
	eventually(t, "the case is shown", 30*time.Second, func() bool {
		_, stdout, _ := command(t, "status", id+"-1", "--data", data)
		return strings.Contains(stdout, "entry 1 (opened): it is not signed")
	})
	user, alive := tenant.User(id)
	if !alive || !user.AccountEnabled || tenant.PasswordChanges(id) > 0 {
		t.Errorf("the protected account: alive %t, enabled %t, its password changed %d times; want it untouched", alive, user.AccountEnabled, tenant.PasswordChanges(id))
	}
}

func hashOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
