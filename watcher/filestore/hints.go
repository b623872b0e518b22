package filestore

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
	"go.uber.org/zap"
)

// rearmEvery is how soon a watch is put in order that the kernel has dropped
// without a word, or that could not be set up.
const rearmEvery = 10 * time.Second

// Hints returns the channel that says: the file may have changed, look. It has
// room for one, and changes before it is taken are one hint. It is for one
// reader, and silent unless [Store.Run] runs.
func (s *Store) Hints() <-chan struct{} { return s.hints }

// Run feeds [Store.Hints] until ctx ends, and then returns nil. Where the
// system refuses to watch files it logs that, relies on the caller's polls, and
// tries again every ten seconds.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(rearmEvery)
	defer tick.Stop()
	for told := false; ctx.Err() == nil; {
		w, err := fsnotify.NewWatcher()
		if err == nil {
			told = false
			err = s.watch(ctx, w, tick.C)
			if closed := w.Close(); err == nil {
				err = closed
			}
		}
		if err != nil && !told {
			told = true
			s.log.Warn("secret file is not watched, so changes are noticed by polling only: raise fs.inotify.max_user_instances and max_user_watches", zap.Error(err))
		}
		if err != nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// watch turns the events of one watcher into hints. It returns nil when ctx
// ends, and an error when the watcher is broken.
func (s *Store) watch(ctx context.Context, w *fsnotify.Watcher, tick <-chan time.Time) error {
	a := &armed{watcher: w, dirs: map[string]os.FileInfo{}}
	if _, err := a.arm(s.path); err != nil {
		return err
	}
	s.hint() // whatever happened before the watch was in place
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			if moved, err := a.arm(s.path); err != nil {
				return err
			} else if moved {
				s.hint()
			}
		case e, ok := <-w.Events:
			if !ok {
				return errors.New("watcher ended")
			}
			// Names, not contents, decide: other files of the directory are not ours.
			ours := a.around.names[e.Name] || a.dirs[e.Name] != nil
			if !ours {
				continue
			}
			if _, err := a.arm(s.path); err != nil {
				return err
			}
			s.hint()
		case err, ok := <-w.Errors:
			if !ok {
				return errors.New("watcher ended")
			}
			s.log.Debug("events of the secret file were lost, which a look makes up for", zap.Error(err))
			if _, err := a.arm(s.path); err != nil {
				return err
			}
			s.hint()
		}
	}
}

// hint wakes the reader of Hints. One that is waiting already is as good.
func (s *Store) hint() {
	select {
	case s.hints <- struct{}{}:
	default:
	}
}

// armed is what one watcher watches.
type armed struct {
	watcher *fsnotify.Watcher
	around  surroundings
	dirs    map[string]os.FileInfo // watched directory → which one of that name it was
}

// arm watches the file's surroundings. They may change meanwhile, so it looks
// again after the watches are set, until it sees what it has set. It reports
// whether it had to change anything.
func (a *armed) arm(path string) (moved bool, err error) {
	for range maxLinks {
		again, err := a.rearm(path)
		if err != nil || !again {
			return moved, err
		}
		moved = true
	}
	return moved, errors.New("directories of the secret file keep moving")
}

// rearm adds watches of directories that are new, or are others under an old
// name, and removes watches that no longer matter. It reports whether there were any.
func (a *armed) rearm(path string) (moved bool, err error) {
	a.around = surround(path)
	for dir, was := range a.dirs {
		now, err := os.Stat(dir)
		if err == nil && os.SameFile(was, now) && contains(a.around.dirs, dir) && contains(a.watcher.WatchList(), dir) {
			continue
		}
		// An error says that the kernel dropped the watch with its directory already.
		_ = a.watcher.Remove(dir)
		delete(a.dirs, dir)
		moved = true
	}
	for _, dir := range a.around.dirs {
		if a.dirs[dir] != nil {
			continue
		}
		info, err := os.Stat(dir)
		if err == nil {
			err = a.watcher.Add(dir)
		}
		switch {
		case errors.Is(err, os.ErrNotExist):
			moved = true // it went this moment: the next round watches its parent
		case err != nil:
			return moved, err
		default:
			a.dirs[dir], moved = info, true
		}
	}
	return moved, nil
}
