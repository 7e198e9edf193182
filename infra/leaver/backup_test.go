package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/resident"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// record puts the record of a copy of the ledger into a folder, made so long ago.
func record(t *testing.T, folder string, age time.Duration, most string) {
	t.Helper()
	at := time.Now().UTC().Add(-age).Truncate(time.Millisecond)
	stem := "ledger-" + at.Format("20060102T150405.000Z")
	text := `{"at":"` + at.Format(time.RFC3339Nano) + `","object":"` + stem + `.jsonl","bytes":0,"sha256":"","histories":1,"entries":1,"most":` + most + `}`
	if err := os.WriteFile(filepath.Join(folder, stem+".json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStatusSaysThatABackupIsOld asks a host beside whose ledger a copy lies: status says above everything
// that it is too old, that it lacks histories, or nothing; scripts, and who asks for one person, read none
// of it.
func TestStatusSaysThatABackupIsOld(t *testing.T) {
	t.Parallel()
	for name, try := range map[string]struct {
		age  time.Duration
		most string
		says string
	}{
		"within a day and a half": {35 * time.Hour, "1", ""},
		"older":                   {37 * time.Hour, "1", "BACKUP: the last good backup of the ledger is from "},
		"without histories":       {time.Hour, "5", "BACKUP: the last backup of the ledger, ledger-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, copies := t.TempDir(), t.TempDir()
			record(t, copies, try.age, try.most)
			_, tenant, _ := startTenant(t, simtenant.Config{})
			h, err := resident.Open(t.Context(), resident.Options{
				Dir: data, Tenant: demo.TenantOf(tenant.Connection()), Policy: offboarding.DefaultPolicy(),
				Backup: "file://" + filepath.ToSlash(copies), Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			stop, err := (&loopback.Server{Desk: h.Desk(), Backups: h.Backups}).Serve(data) // it does not run: nothing is copied
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := stop(); err != nil {
					t.Error(err)
				}
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			})
			code, stdout, stderr := command(t, "status", "--data", data)
			if code != 0 || !strings.Contains(stdout, try.says) || (try.says == "") == strings.Contains(stdout, "BACKUP") {
				t.Errorf("status: exit %d: %s%s; want %q", code, stdout, stderr, try.says)
			}
			if try.says != "" && !strings.Contains(stdout, "leaver help backup") {
				t.Errorf("status: %s; want the page that says what to do", stdout)
			}
			if _, stdout, _ := command(t, "status", "--json", "--data", data); strings.Contains(stdout, "BACKUP") {
				t.Errorf("status --json: %s; want cases alone", stdout)
			}
		})
	}
}

// TestAHostThatCopiesItsLedgerTellsStatus is leaver up itself, with a copy that lacks histories; and one
// that copies nowhere, which is the doctor's to say.
func TestAHostThatCopiesItsLedgerTellsStatus(t *testing.T) {
	t.Parallel()
	_, _, file := startTenant(t, simtenant.Config{})
	policy := policyFile(t, "{mailbox: none}")
	data, copies := t.TempDir(), t.TempDir()
	record(t, copies, time.Hour, "5")
	startHost(t, file, data, policy, "LEAVER_BACKUP="+copies)
	if code, stdout, stderr := command(t, "status", "--data", data); code != 0 || !strings.Contains(stdout, "BACKUP: ") {
		t.Errorf("status: exit %d: %s%s; want that the copy lacks histories", code, stdout, stderr)
	}
	data = t.TempDir()
	startHost(t, file, data, policy)
	if code, stdout, stderr := command(t, "status", "--data", data); code != 0 || strings.Contains(stdout, "BACKUP") {
		t.Errorf("status without copies: exit %d: %s%s; want nothing about them", code, stdout, stderr)
	}
}
