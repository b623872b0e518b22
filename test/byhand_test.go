package test

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/keyturn/keyturn/test/harness"
)

// Whatever a person changes in the key file, it is one event, and each browser
// refreshes once: not again in the ten beacons that follow.
func TestAKeyTurnedByHandIsOneEventAndOneRefreshABrowser(t *testing.T) {
	for _, c := range []struct {
		name  string
		first harness.Entry
		turn  func([]harness.Entry) []harness.Entry
		key   string // public name of the new key; "" where the store derives it
	}{
		{
			name:  "a new kid over a new secret",
			first: harness.HS256("first", "current"),
			turn: func(keys []harness.Entry) []harness.Entry {
				old := keys[0]
				old.Stage = "previous"
				return []harness.Entry{harness.HS256("second", "current"), old}
			},
			key: "second",
		},
		{
			name:  "a new secret under the same kid",
			first: harness.HS256("first", "current"),
			turn: func(keys []harness.Entry) []harness.Entry {
				keys[0].Secret = harness.Secret()
				return keys
			},
		},
		{
			name:  "a new kid over the same secret",
			first: harness.HS256("first", "current"),
			turn: func(keys []harness.Entry) []harness.Entry {
				keys[0].KID = "renamed"
				return keys
			},
			key: "renamed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := harness.Start(t, harness.Options{File: harness.NewKeyFile(t, c.first)})
			crowd := harness.Gather(t, s.URL, harness.Ring, 3, 100*time.Millisecond, nil)
			turnAndCheck(t, s, crowd, c.turn, c.key)
		})
	}
}

// Where an issuer of the app's own signs, without a kid in its tokens, the
// server tells the browser which key verified its token.
func TestAVersionTurnedByHandMovesTokensThatCarryNoKid(t *testing.T) {
	t.Parallel()
	first := harness.Entry{Version: "v1", Stage: "current", Alg: "HS256", Secret: harness.Secret()}
	second := harness.Entry{Version: "v2", Stage: "current", Alg: "HS256", Secret: harness.Secret()}
	s := harness.Start(t, harness.Options{File: harness.NewKeyFile(t, first)})
	signing := func() string {
		if k, ok := s.Keys.State().Current(); ok && k.Version == "v2" {
			return second.Secret
		}
		return first.Secret
	}
	crowd := harness.Gather(t, s.URL, harness.Ring, 3, 100*time.Millisecond, func(b *harness.Browser) {
		b.Mint = func(context.Context) (string, error) { return withoutKID(signing()) }
	})
	turnAndCheck(t, s, crowd, func(keys []harness.Entry) []harness.Entry {
		keys[0].Stage = "previous"
		return []harness.Entry{second, keys[0]}
	}, "v2")
}

func withoutKID(secret string) (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		return "", err
	}
	now := time.Now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"iss": "https://issuer.test", "aud": "test", "sub": "somebody",
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}).SignedString(key)
}

func turnAndCheck(t *testing.T, s *harness.Stack, crowd *harness.Crowd, turn func([]harness.Entry) []harness.Entry, key string) {
	t.Helper()
	harness.Until(t, "every browser has a state", crowd.AllTold)
	before, refreshes := len(s.Events.All()), crowd.Total().Refreshes
	s.File.Edit(turn)
	harness.Until(t, "the turn is in the log", func() bool { return len(s.Events.All()) > before })
	current, ok := s.Events.All()[before].Current()
	if !ok {
		t.Fatal("the event has no current key")
	}
	if key != "" && current.Name != key {
		t.Errorf("the event's current key is %q, want %q", current.Name, key)
	}
	harness.Until(t, "every browser moved to the new key", func() bool { return crowd.AllUnder(current.Name) })

	told := len(crowd.Browsers[0].States())
	harness.Until(t, "ten more beacons came", func() bool { return len(crowd.Browsers[0].States()) >= told+10 })
	if got := len(s.Events.All()) - before; got != 1 {
		t.Errorf("got %d events for one change, want 1: %+v", got, s.Events.All()[before:])
	}
	if got, want := crowd.Total().Refreshes-refreshes, len(crowd.Browsers); got != want {
		t.Errorf("got %d refreshes, want one for each of %d browsers", got, want)
	}
	if total := crowd.Total(); total.Refused != 0 || total.Calls == 0 {
		t.Errorf("%d of %d calls were refused, want none of many", total.Refused, total.Calls)
	}
}
