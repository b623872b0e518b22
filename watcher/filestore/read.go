package filestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/keyturn/keyturn/watcher"
)

const (
	// settleWithin is how long a file may be unreadable while somebody saves it,
	// and how long new material under an old name waits for the second step of a save.
	settleWithin = 200 * time.Millisecond
	settleEvery  = 20 * time.Millisecond
)

// reading is one look at the file's bytes.
type reading struct {
	data []byte
	info os.FileInfo
}

// read returns the file as it is now. It refuses what must not hold secrets:
// a file that every user of the machine can read or write.
func read(path string) (reading, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return reading{}, fmt.Errorf(`read secret file %s: it does not exist: create it with {"serial":1,"keys":[…]} and chmod 600, or let "keyturn dev" make one: %w`, path, fs.ErrNotExist)
	}
	if err != nil {
		return reading{}, fmt.Errorf("read secret file: %w", err)
	}
	r, err := readOpen(f)
	if closed := f.Close(); err == nil && closed != nil {
		err = closed
	}
	if err != nil {
		return reading{}, fmt.Errorf("read secret file %s: %w", path, err)
	}
	return r, nil
}

func readOpen(f *os.File) (reading, error) {
	before, err := f.Stat()
	switch {
	case err != nil:
		return reading{}, err
	case !before.Mode().IsRegular():
		return reading{}, errors.New("it is not a regular file: name a file")
	case before.Mode().Perm()&othersMask != 0:
		return reading{}, fmt.Errorf("its mode is %04o, so every user of this machine can read or write the keys: chmod 600 it (in Kubernetes: defaultMode: 0440), and rotate keys that were exposed", before.Mode().Perm())
	case before.Size() > maxFile:
		return reading{}, fmt.Errorf("it is larger than %d bytes: a secret file holds a few keys", maxFile)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return reading{}, err
	}
	after, err := f.Stat()
	if err != nil {
		return reading{}, err
	}
	r := reading{data: data, info: after}
	if !r.is(before) || int64(len(data)) != after.Size() {
		return reading{}, errors.New("it is being written: try again when that is done")
	}
	return r, nil
}

// is reports whether the file is still the one that was read.
func (r reading) is(info os.FileInfo) bool {
	return os.SameFile(r.info, info) && r.info.Size() == info.Size() && r.info.ModTime().Equal(info.ModTime())
}

// loaded is a file that was read and understood.
type loaded struct {
	reading
	doc *document
}

func (l loaded) mark() mark {
	return mark{serial: l.doc.serial, counted: l.doc.counted, millis: l.info.ModTime().UnixMilli()}
}

// load reads and parses. A file that is missing, cut short or broken gets
// settleWithin to become whole, since an editor may be saving it.
func load(ctx context.Context, path string, rule watcher.KIDRule) (loaded, error) {
	var first error
	for waited := time.Duration(0); ; waited += settleEvery {
		l, err := loadOnce(path, rule)
		if err == nil {
			return l, nil
		}
		if first == nil {
			first = err
		}
		if waited >= settleWithin {
			return loaded{}, err
		}
		if wait(ctx, settleEvery) != nil {
			return loaded{}, first
		}
	}
}

func loadOnce(path string, rule watcher.KIDRule) (loaded, error) {
	r, err := read(path)
	if err != nil {
		return loaded{}, err
	}
	doc, err := parse(r.data, rule)
	if err != nil {
		return loaded{}, fmt.Errorf("read secret file %s: %w", path, err)
	}
	return loaded{r, doc}, nil
}

// wait returns after d, or with the context's error before.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
