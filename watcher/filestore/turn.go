package filestore

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// Prepare puts a fresh key into the file as pending, in the form and algorithm
// of the current one, and returns its kid. A key that is pending already is
// taken as it is, so that Prepare can be repeated. Entries of keys that st
// knows to be gone are removed, unless they are current. It refuses, before
// writing, a file that [Store.Writable] refuses, one whose current key is not
// that of st, a current key of which only the public half is there, and more
// than one pending key.
func (s *Store) Prepare(ctx context.Context, st rotation.State) (kid string, err error) {
	err = s.edit(ctx, st, func(d *draft) (bool, error) {
		is := slices.IndexFunc(d.doc.entries, func(e entry) bool { return e.stage == rotation.Current })
		if known, ok := st.Current(); ok && d.find(known) != is {
			return false, fmt.Errorf("key %s is current now, and the log knows %s: look again: %w", d.names[is], known.Name, ErrConflict)
		}
		pruned := d.prune(st)
		var pending []entry
		for _, e := range d.doc.entries {
			if e.stage == rotation.Pending {
				pending = append(pending, e)
			}
		}
		switch {
		case len(pending) > 1:
			return false, fmt.Errorf("%d keys are pending (%s, %s, …): leave one: %w", len(pending), pending[0].base(), pending[1].base(), ErrConflict)
		case len(pending) == 1 && pending[0].key.Weak() != "":
			return false, fmt.Errorf("the pending key %s is not accepted, %s: remove it", pending[0].base(), pending[0].key.Weak())
		case len(pending) == 1:
			kid = pending[0].key.KID()
			return pruned, nil
		}
		fresh, err := successor(*d.doc.current(), freshName(time.Now(), s.taken(d, st)), s.kid)
		if err != nil {
			return false, err
		}
		d.doc.entries = slices.Insert(d.doc.entries, 0, fresh)
		kid = fresh.key.KID()
		return true, nil
	})
	if err != nil {
		return "", fmt.Errorf("prepare a key of ring %s: %w", s.ring, err)
	}
	return kid, nil
}

// Promote makes the pending key to current and the current key from previous,
// in one write. It returns nil if to is current already, and an error wrapping
// [ErrConflict], having changed nothing, if another key than from is current or
// to is not in the file.
func (s *Store) Promote(ctx context.Context, from, to rotation.Key) error {
	return s.turn(ctx, from, to, false)
}

// Replace makes the pending key to current and removes from, which was
// current, in one write, so that no crash leaves a leaked key in the file.
// Otherwise it does as [Store.Promote].
func (s *Store) Replace(ctx context.Context, from, to rotation.Key) error {
	return s.turn(ctx, from, to, true)
}

func (s *Store) turn(ctx context.Context, from, to rotation.Key, drop bool) error {
	err := s.edit(ctx, rotation.State{Keys: []rotation.Key{from, to}}, func(d *draft) (bool, error) {
		is := slices.IndexFunc(d.doc.entries, func(e entry) bool { return e.stage == rotation.Current })
		was, next := d.find(from), d.find(to)
		switch {
		case next < 0:
			return false, fmt.Errorf("it is not in the file (any more): %w", ErrConflict)
		case next == is && (was < 0 || was == next || !drop):
			return false, nil
		case next != is && was != is:
			return false, fmt.Errorf("current is now %s, not %s: %w", d.names[is], from.Name, ErrConflict)
		}
		d.doc.entries[was].stage, d.doc.entries[next].stage = rotation.Retiring, rotation.Current
		if drop {
			d.remove(was)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("make key %s of ring %s current: %w", to.Name, s.ring, err)
	}
	return nil
}

// Drop removes the key's entry. It returns nil if the file does not have it,
// and an error wrapping [ErrConflict] if it is current.
func (s *Store) Drop(ctx context.Context, k rotation.Key) error {
	err := s.edit(ctx, rotation.State{Keys: []rotation.Key{k}}, func(d *draft) (bool, error) {
		i := d.find(k)
		switch {
		case i < 0:
			return false, nil
		case d.doc.entries[i].stage == rotation.Current:
			return false, fmt.Errorf("it is current: %w", ErrConflict)
		}
		d.remove(i)
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("remove key %s of ring %s: %w", k.Name, s.ring, err)
	}
	return nil
}

// Create writes a first file with one strong HS256 key, mode 0600, and makes
// its directory (0700) where it is missing. The error wraps [fs.ErrExist] if
// there is something at path already.
func Create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create secret file: %w", err)
	}
	lock, err := tryLock(path + ".lock")
	if err != nil {
		return fmt.Errorf("create secret file %s: lock: %w", path, err)
	}
	defer func() { _ = lock.Close() }() // nothing was written to it
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("create secret file %s: %w", path, errors.Join(fs.ErrExist, err))
	}
	first := entry{kid: "any", alg: auth.HS256, secret: "any"}
	e, err := successor(first, freshName(time.Now(), nil), watcher.KIDRule{})
	if err != nil {
		return fmt.Errorf("create secret file %s: %w", path, err)
	}
	e.stage = rotation.Current
	data, err := encode(&document{serial: 1, counted: true, entries: []entry{e}})
	if err != nil {
		return fmt.Errorf("create secret file %s: %w", path, err)
	}
	return replace(path, data, 0o600, nil, nil)
}

// prune removes entries of keys that are gone for good, and pending ones that
// are to be revoked. It reports whether there were any.
func (d *draft) prune(st rotation.State) bool {
	pruned := false
	for i := len(d.names) - 1; i >= 0; i-- {
		stage, version := d.doc.entries[i].stage, d.names[i]
		gone := slices.ContainsFunc(st.Gone, func(g rotation.Gone) bool {
			return g.Why != rotation.WhyAbandoned && (g.Key == version || g.Version == version) // an abandoned one may come again
		})
		if _, live := st.Key(version); live {
			gone = false
		}
		if stage != rotation.Current && gone || stage == rotation.Pending && st.Revoked(version) {
			d.remove(i)
			pruned = true
		}
	}
	return pruned
}

func (d *draft) remove(i int) {
	d.doc.entries = slices.Delete(d.doc.entries, i, i+1)
	d.names = slices.Delete(d.names, i, i+1)
}

// taken returns every name that a new key must not get.
func (s *Store) taken(d *draft, st rotation.State) map[string]bool {
	taken := map[string]bool{}
	for _, e := range d.doc.entries {
		taken[e.base()], taken[e.key.KID()] = true, true
	}
	for _, k := range st.Keys {
		taken[baseOf(k.Name)], taken[baseOf(k.Version)], taken[k.KID] = true, true, true
	}
	for _, g := range st.Gone {
		taken[baseOf(g.Key)], taken[baseOf(g.Version)], taken[g.KID] = true, true, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.memory.records {
		taken[r.Base], taken[r.KID] = true, true
	}
	return taken
}

// freshName returns the day in UTC with the first letters that are free: 2026-11-22-a.
func freshName(now time.Time, taken map[string]bool) string {
	day := now.UTC().Format(time.DateOnly)
	for n := 0; ; n++ {
		if name := day + "-" + letters(n); !taken[name] {
			return name
		}
	}
}

// letters counts a … z, aa … zz, aaa …
func letters(n int) string {
	out := ""
	for n++; n > 0; n = (n - 1) / 26 {
		out = string(rune('a'+(n-1)%26)) + out
	}
	return out
}

// successor makes a fresh pending key that looks like the entry it follows:
// same form, same algorithm, an RSA key as long, named by kid or by version.
func successor(of entry, name string, rule watcher.KIDRule) (entry, error) {
	e := entry{stage: rotation.Pending, alg: of.alg}
	inner := "" // kid inside a jwk
	switch {
	case of.kid != "":
		e.kid = name
	case of.jwk != nil && jwkNames(of.jwk):
		inner = name
	default:
		e.version = name
	}
	alg := of.key.Algorithm()
	if of.key.IsZero() {
		alg = of.alg
	} else if !of.key.CanSign() {
		return entry{}, fmt.Errorf("the file holds only the public half of the current key %s: turn it where its private half is", of.base())
	}
	key, err := generate(alg, rsaBits(of.key))
	if err != nil {
		return entry{}, fmt.Errorf("generate a key for %s: %w", alg, err)
	}
	switch {
	case of.secret != "":
		var secret []byte
		secret, err = key.MarshalSecret()
		e.secret = base64.RawURLEncoding.EncodeToString(secret)
	case of.jwk != nil:
		if inner != "" {
			key, err = key.WithKID(inner)
		}
		if err == nil {
			e.jwk, err = key.MarshalPrivateJWK()
		}
	default:
		var text []byte
		text, err = key.MarshalPEM()
		e.pem = string(text)
	}
	if err != nil {
		return entry{}, fmt.Errorf("write the new key in the form of the current one: %w", err)
	}
	e.key, err = key.WithKID(e.kidOf(key, rule))
	return e, err
}

func generate(alg string, bits int) (auth.Key, error) {
	if bits <= 2048 {
		return auth.Generate("", alg)
	}
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return auth.Key{}, err
	}
	return auth.NewKey("", alg, private)
}

// rsaBits returns the length of an RSA key's modulus, 0 for other keys.
func rsaBits(k auth.Key) int {
	jwk, ok := k.Public()
	if !ok {
		return 0
	}
	if public, ok := jwk.Key.(*rsa.PublicKey); ok {
		return public.N.BitLen()
	}
	return 0
}

// serialOf returns the serial of the file that a state was made of, 0 if unknown.
func serialOf(st rotation.State) int64 {
	n, err := strconv.ParseInt(st.Seen, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
