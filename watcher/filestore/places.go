package filestore

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks bounds a walk through symbolic links that lead in a circle.
const maxLinks = 40

// surroundings are the directories in which something must change for the
// secret file to change, and the names in them that matter.
type surroundings struct {
	dirs  []string        // real paths, without doubles
	names map[string]bool // full paths: each symbolic link on the way, and the file
}

// surround walks from the root to the file, through symbolic links. Kubernetes
// mounts a secret as keys.json → ..data/keys.json and ..data → ..2026_11_22,
// and swaps the middle link; both directories are found. Where a part of the
// way is missing, the deepest directory that exists is watched for its return.
func surround(path string) surroundings {
	s := surroundings{names: map[string]bool{}}
	root := filepath.VolumeName(path) + string(filepath.Separator)
	at, rest := root, split(strings.TrimPrefix(path, root))
	for links := 0; len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		if rest[0] == ".." || rest[0] == "." { // of a link's target
			at, rest = next, rest[1:]
			continue
		}
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			s.add(at, next)
			return s
		case info.Mode()&os.ModeSymlink != 0:
			s.add(at, next)
			target, err := os.Readlink(next)
			if links++; err != nil || links > maxLinks {
				return s
			}
			if filepath.IsAbs(target) {
				at = root
			}
			rest = append(split(strings.TrimPrefix(target, root)), rest[1:]...)
		case len(rest) == 1:
			s.add(at, next)
			return s
		default:
			at, rest = next, rest[1:]
		}
	}
	return s
}

func (s *surroundings) add(dir, name string) {
	if !contains(s.dirs, dir) {
		s.dirs = append(s.dirs, dir)
	}
	s.names[name] = true
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == filepath.Separator })
}
