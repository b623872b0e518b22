package broadcaster

import (
	"context"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// TestARealKeyringFollowsARotationToItsEnd goes through a rotation and a
// compromise with real tokens: what the hub tells fits what the keyring does.
func TestARealKeyringFollowsARotationToItsEnd(t *testing.T) {
	key := func(kid string) auth.Key {
		k, err := auth.Generate(kid, "HS256")
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	one := auth.Held{Name: "one", Key: key("kid-one"), Stage: auth.Current}
	two := auth.Held{Name: "two", Key: key("kid-two"), Stage: auth.Pending}
	looks := make(chan string, 8)
	arrived := make(chan struct{})
	ring := auth.NewKeyring(auth.Config{
		Issuer: "https://issuer.test", Audience: "api",
		Look: func(ctx context.Context, kid string) error {
			looks <- kid
			select {
			case <-arrived:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
	install := func(rev int64, gone map[string]string, held ...auth.Held) {
		t.Helper()
		if err := ring.Install(auth.Set{Rev: rev, Held: held, Gone: gone}); err != nil {
			t.Fatal(err)
		}
	}
	sign := func(from *auth.Keyring) string {
		t.Helper()
		s, err := from.Sign(map[string]any{"sub": "alice", "iss": "https://issuer.test", "aud": "api", "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		return s.Token
	}
	rev := nowRev()
	install(rev, nil, one)
	ho := open(t, payments(ring))
	ho.Apply(state(rev, "one"))
	old := sign(ring)
	c, left := ho.connect(), ho.connect()
	c.enter(old)
	c.next("state")
	left.enter(old)
	left.next("state")

	// Somebody else signs with the new key before this keyring has it.
	elsewhere := auth.NewKeyring(auth.Config{})
	newer := two
	newer.Stage = auth.Current
	if err := elsewhere.Install(auth.Set{Rev: rev + 1, Held: []auth.Held{newer}}); err != nil {
		t.Fatal(err)
	}
	fresh := sign(elsewhere)
	ho.Apply(state(rev+1, "two", "one:retiring"))
	c.next("state")
	left.next("state")
	c.auth(fresh)
	if kid := <-looks; kid != "kid-two" {
		t.Errorf("got a look for %q", kid)
	}
	retiring := one
	retiring.Stage, retiring.VerifyUntil = auth.Retiring, time.Now().Add(time.Hour)
	install(rev+1, nil, newer, retiring)
	close(arrived)
	if w := c.next("welcome"); w["key"] != "two" || w["kid"] != "kid-two" || w["stale"] != false {
		t.Errorf("got %v", w)
	}
	stale := ho.connect()
	if w := stale.enter(old); w["stale"] != true || w["key"] != "one" {
		t.Errorf("got %v, want stale", w)
	}
	stale.next("state")

	// The old key has leaked.
	install(rev+2, map[string]string{"kid-one": auth.CodeKeyRevoked}, newer)
	s := state(rev+2, "two")
	s.Urgency = rotation.Compromise
	s.Gone = []rotation.Gone{{Key: "one", KID: "kid-one", Why: rotation.WhyCompromised}}
	ho.Apply(s)
	for _, gone := range []*client{left, stale} {
		if e := gone.next("error"); e["code"] != auth.CodeKeyRevoked {
			t.Errorf("got %v", e)
		}
		gone.end(closeUnauthorized)
	}
	c.next("state")
	again := ho.connect()
	again.auth(old)
	if e := again.next("error"); e["code"] != auth.CodeKeyRevoked {
		t.Errorf("got %v", e)
	}
	again.end(closeUnauthorized)
}
