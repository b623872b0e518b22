//go:build unix

package filestore

import (
	"os"
	"syscall"
	"testing"
)

func TestAWrittenFileKeepsModeAndOwner(t *testing.T) {
	for mode, want := range map[os.FileMode]os.FileMode{0o600: 0o600, 0o640: 0o640, 0o660: 0o660, 0o700: 0o600} {
		s, path, st := ring(t, file(1, hs("a", "current", 1)))
		must(t, os.Chmod(path, mode))
		uid, gid := os.Getuid(), os.Getgid()
		if uid == 0 { // only root may write another's file, and must not keep it
			uid, gid = 4321, 8765
			must(t, os.Chown(path, uid, gid))
		}
		_, err := s.Prepare(t.Context(), st)
		must(t, err)
		info, err := os.Stat(path)
		must(t, err)
		sys := info.Sys().(*syscall.Stat_t)
		if info.Mode().Perm() != want || int(sys.Uid) != uid || int(sys.Gid) != gid {
			t.Errorf("%04o became %04o of %d:%d", mode, info.Mode().Perm(), sys.Uid, sys.Gid)
		}
	}
}
