package export_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// inside is set in the process that may mount.
const inside = "LEAVER_TEST_MOUNTS"

// TestAFullDisk exports onto a file system of one megabyte, which the kernel says is full: nothing that was
// stored is lost, no gate opens, nothing half written is left, and it goes on when there is room. Where this user
// may not mount one, not even in a namespace of their own, the storage breaks its writes off instead, as it then
// would; what the kernel's word means is tested by TestAFullDeviceIsSaidToBeFull.
func TestAFullDisk(t *testing.T) {
	if os.Getenv(inside) == "" {
		again := exec.Command(os.Args[0], "-test.run=^TestAFullDisk$", "-test.v") //nolint:gosec // this very test
		again.Env = append(os.Environ(), inside+"=1")
		again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Getuid() != 0 { // root may mount; everybody else is root in a user namespace of their own
			again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		text, err := again.CombinedOutput()
		var failed *exec.ExitError
		switch {
		case err != nil && !errors.As(err, &failed), strings.Contains(string(text), mayNotMount):
			t.Logf("no file system is mounted (%v): the storage breaks the writes off", err)
			exportOntoAFullDisk(t, t.TempDir(), nil)
		case err != nil:
			t.Fatalf("%v\n%s", err, text)
		}
		return
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("%s: %v", mayNotMount, err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) }) // the namespace ends with the process
	exportOntoAFullDisk(t, disk, func() error {
		return syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=64m")
	})
}

// exportOntoAFullDisk exports into a folder on a disk of a megabyte until grow makes it larger; without grow
// the storage keeps to the megabyte by itself.
func exportOntoAFullDisk(t *testing.T, disk string, grow func() error) {
	h := newHouse(t, simtenant.SampleContents(60, 9, 40<<10), func(p *offboarding.Policy) { p.ExportTo = "file://" + filepath.ToSlash(disk) })
	h.folder = disk
	if grow == nil {
		h.store.room.Store(1 << 20)
		grow = func() error { h.store.room.Store(0); return nil }
	}
	h.settles(offboarding.StateParked, "the storage is full")
	stored := 0
	err := filepath.WalkDir(disk, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			stored++
			if end := filepath.Ext(path); end != ".eml" && end != ".json" && end != ".ics" && end != ".vcf" && end != ".ndjson" && end != ".txt" {
				t.Errorf("got %s, which is half written", path)
			}
		}
		return err
	})
	if err != nil || stored == 0 {
		t.Errorf("got %d files, %v, want those that there was room for", stored, err)
	}
	c, err := h.Ledger.Case(t.Context(), h.c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if offboarding.MailKept(c, offboarding.MailFlow{}, h.Now()) {
		t.Error("the gate takes the mail for kept")
	}
	if err := grow(); err != nil {
		t.Fatal(err)
	}
	h.replay()
	h.settles(offboarding.StateEffective, "")
	h.whole()
}

const mayNotMount = "mounting is refused"
