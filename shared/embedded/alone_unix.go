//go:build unix

package embedded

import (
	"fmt"
	"os"
	"slices"
	"syscall"
)

// ownedAlone refuses a directory that others may write to: whoever puts files there decides what the
// ledger says. It belongs to this user or to root, and of groups only one of this process's own may
// write, which is how Kubernetes hands out volumes (fsGroup).
func ownedAlone(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return notWritable(dir, err)
	}
	const groupWrites, othersWrite = 0o020, 0o002
	owner := info.Sys().(*syscall.Stat_t)
	refuse := func(who string) error {
		return fmt.Errorf("%w: %s may write to %s; take that right away (chmod go-w, chown), or choose another directory with --data", ErrNotAlone, who, dir)
	}
	switch mode := info.Mode().Perm(); {
	case mode&othersWrite != 0:
		return refuse("everybody")
	case owner.Uid != 0 && int(owner.Uid) != os.Geteuid():
		return refuse("another user")
	case mode&groupWrites != 0:
		groups, err := os.Getgroups()
		if err != nil {
			return notWritable(dir, err)
		}
		if gid := int(owner.Gid); gid != os.Getegid() && !slices.Contains(groups, gid) {
			return refuse("a group that this process is not in")
		}
	}
	return nil
}
