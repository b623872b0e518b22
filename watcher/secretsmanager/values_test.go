package secretsmanager

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/test/awsfake"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// jwkText and pemText are keys as people store them.
func jwkText(t testing.TB, kid, alg string) string {
	t.Helper()
	k, err := auth.Generate(kid, alg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.MarshalPrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func pemText(t testing.TB, alg string) string {
	t.Helper()
	k, err := auth.Generate("", alg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func quoted(text string) string {
	b, _ := json.Marshal(text) // a string always has one
	return string(b)
}

func TestEveryFormOfSecretIsWatchedFromDayOne(t *testing.T) {
	derived := "derived from the version"
	for _, c := range []struct {
		name  string
		value awsfake.Value
		rule  watcher.KIDRule
		kid   string // "": the version
		alg   string
		keys  int
	}{
		{name: "raw string", value: raw(1), kid: derived, alg: "HS256"},
		{name: "raw string with a final line break", value: awsfake.String(strong(1) + "\n"), kid: derived, alg: "HS256"},
		{name: "binary", value: awsfake.Binary([]byte(strong(1))), kid: derived, alg: "HS256"},
		{name: "json, secret", value: named("2026-a", 1), kid: "2026-a", alg: "HS256"},
		{name: "json, keyId and jwt_secret", value: awsfake.String(`{"keyId":"k1","jwt_secret":"` + strong(1) + `","db":"x"}`), kid: "k1", alg: "HS256"},
		{name: "json without kid", value: awsfake.String(`{"signing_key":"` + strong(1) + `"}`), kid: derived, alg: "HS256"},
		{name: "nested json of the console", value: awsfake.String(`{"jwk":` + quoted(jwkText(t, "in", "ES256")) + `}`), kid: "in", alg: "ES256"},
		{name: "jwk", value: awsfake.String(jwkText(t, "j1", "EdDSA")), kid: "j1", alg: "EdDSA"},
		{name: "jwk set", value: awsfake.String(`{"current_kid":"b","keys":[` + jwkText(t, "a", "ES256") + `,` + jwkText(t, "b", "ES256") + `]}`), kid: "b", alg: "ES256", keys: 2},
		{name: "pem", value: awsfake.String(pemText(t, "RS256")), kid: derived, alg: "RS256"},
		{name: "pem in json", value: awsfake.String(`{"kid":"p","private_key":` + quoted(pemText(t, "ES384")) + `}`), kid: "p", alg: "ES384"},
		{name: "the kid is the version", value: raw(1), rule: watcher.KIDRule{From: watcher.KIDVersion}, alg: "HS256"},
		{name: "the kid is a literal", value: raw(1), rule: watcher.KIDRule{From: watcher.KIDLiteral, Literal: "main"}, kid: "main", alg: "HS256"},
		{name: "a kid that is written goes before the rule", value: named("own", 1), rule: watcher.KIDRule{From: watcher.KIDLiteral, Literal: "main"}, kid: "own", alg: "HS256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, c.value)
			s.open(Config{KID: c.rule})
			st := s.first()
			version := s.holder(awsfake.Current)
			switch c.kid {
			case "":
				c.kid = version
			case derived:
				c.kid = rotation.DeriveKID(version)
			}
			cur, _ := st.Current()
			if cur.KID != c.kid || cur.Algorithm != c.alg || cur.Version != version || len(st.Keys) != max(c.keys, 1) {
				t.Errorf("got %+v of %d keys, want kid %s and %s", cur, len(st.Keys), c.kid, c.alg)
			}
			for _, k := range st.Keys {
				key, err := s.store.Value(t.Context(), st, k)
				if err != nil || key.KID() != k.KID || key.Algorithm() != k.Algorithm || !key.CanSign() {
					t.Errorf("value of %s: got %v, %v", k.Name, key, err)
				}
			}
			equal(t, "alarms", codesOf(s.store.Alarms()))
		})
	}
}

func TestASetShowsItsActiveKeyByTheLabelAndTheOthersPending(t *testing.T) {
	a, b, c := jwkText(t, "a", "ES256"), jwkText(t, "b", "ES256"), jwkText(t, "c", "ES256")
	set := func(current string, members ...string) awsfake.Value {
		return awsfake.String(`{"current_kid":"` + current + `","keys":[` + strings.Join(members, ",") + `]}`)
	}
	s := newScene(t, set("a", a, b))
	one := s.holder(awsfake.Current)
	st := s.first()
	equal(t, "first", liveIn(st), one+"/a current", one+"/b pending")
	two := s.put(set("b", b, c))
	st, change := s.next(st)
	equal(t, "then", liveIn(st), one+"/b current", two+"/c pending", one+"/a retiring")
	if change.Row != "promoted" {
		t.Errorf("got row %q", change.Row)
	}
	var previous []string
	for _, k := range s.look(st).Keys {
		if k.Version == one {
			previous = append(previous, k.KID+" "+string(k.Stage))
		}
	}
	equal(t, "of the previous value", previous, "a retiring", "b retiring")
}

func TestAValueThatHoldsNoKeyIsRefusedWhereItSignsAndLeftOutElsewhere(t *testing.T) {
	public := func() string {
		k, err := auth.Generate("a", "ES256")
		if err != nil {
			t.Fatal(err)
		}
		jwk, _ := k.Public()
		b, err := jwk.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, v := range map[string]awsfake.Value{
		"json without a key":   awsfake.String(`{"username":"canary-user"}`),
		"a blank":              awsfake.String(" "),
		"a set without signer": awsfake.String(`{"keys":[` + public() + `,` + strings.Replace(public(), `"a"`, `"b"`, 1) + `]}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, raw(1))
			st := s.first()
			s.put(v, awsfake.Pending)
			st, _ = s.next(st)
			equal(t, "alarms while it is pending", codesOf(s.store.Alarms()), "unusable_value")
			equal(t, "state", liveIn(st), s.holder(awsfake.Current)+" current")
			s.move(awsfake.Current, s.holder(awsfake.Pending))
			err := s.lookError(st)
			var broken *unusable
			if !errors.As(err, &broken) || strings.Contains(err.Error(), "canary") {
				t.Errorf("got %v", err)
			}
			s.ForgetCalls()
			s.lookError(st)
			equal(t, "reads of what is known to be broken", s.gets())
		})
	}
}

func TestAWeakKeyIsWatchedFromDayOneAndNeverTakenAsNew(t *testing.T) {
	short := awsfake.String(strong(1)[:24])
	s := newScene(t, short)
	st := s.first()
	equal(t, "alarms on day one", codesOf(s.store.Alarms()), "weak_secret")
	st, _ = s.next(st)
	equal(t, "alarms later", codesOf(s.store.Alarms()), "weak_secret")

	s.put(raw(2))
	st, change := s.next(st)
	if change.Row != "replaced" || len(st.Keys) != 2 {
		t.Fatalf("a strong one in its place: got row %q, %v", change.Row, liveIn(st))
	}
	equal(t, "alarms while it retires", codesOf(s.store.Alarms()), "weak_secret")

	for name, weak := range map[string]awsfake.Value{"short": awsfake.String(strong(3)[:24]), "published": awsfake.String("your-256-bit-secret")} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, raw(1))
			st := s.first()
			s.put(weak, awsfake.Pending)
			st, _ = s.next(st)
			equal(t, "alarms", codesOf(s.store.Alarms()), "weak_refused")
			equal(t, "state", liveIn(st), s.holder(awsfake.Current)+" current")
			s.move(awsfake.Current, s.holder(awsfake.Pending))
			if err := s.lookError(st); !strings.Contains(err.Error(), "not accepted as a new one") {
				t.Errorf("got %v", err)
			}
			s.put(raw(5)) // the weak one is previous now: it was never in the state
			st, change := s.next(st)
			if len(st.Keys) != 2 || change.Row != "replaced" {
				t.Errorf("after a strong one: got row %q, %v", change.Row, liveIn(st))
			}
		})
	}
	pendingAtFirst := newScene(t, raw(1))
	pendingAtFirst.put(short, awsfake.Pending)
	pendingAtFirst.first()
	equal(t, "alarms of a weak key that does not sign yet", codesOf(pendingAtFirst.store.Alarms()), "weak_refused")
}

func TestAFinalLineBreakIsWarnedOfOnce(t *testing.T) {
	s := newScene(t, awsfake.String(strong(1)+"\n"))
	st := s.first()
	s.next(st)
	if n := s.logs.FilterMessage("value of a version is odd").Len(); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}

func TestAValueThatIsWithheldIsAnAlarmAndNoRotation(t *testing.T) {
	for name, withhold := range map[string]func(s *scene, on bool){
		"kms denies":          func(s *scene, on bool) { s.KMS(map[bool]awsfake.KMS{true: awsfake.KMSDenied}[on]) },
		"kms key is disabled": func(s *scene, on bool) { s.KMS(map[bool]awsfake.KMS{true: awsfake.KMSDisabled}[on]) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, raw(1))
			one := s.holder(awsfake.Current)
			st := s.first()
			withhold(s, true)
			two := s.put(raw(2), awsfake.Pending)
			s.move(awsfake.Current, two)
			withhold(s, true)
			after, change := s.next(st)
			if change.Row != "" || after.Rev != st.Rev || !change.Withheld {
				t.Fatalf("got row %q, withheld %v", change.Row, change.Withheld)
			}
			equal(t, "alarms", codesOf(s.store.Alarms()), "value_refused")
			k, _ := st.Current()
			if _, err := s.store.Value(t.Context(), st, k); err != nil || k.Version != one {
				t.Errorf("a key that was read before does not serve on: %v", err)
			}
			s.ForgetCalls()
			s.next(st)
			s.next(st)
			equal(t, "asked again at once", s.gets())
			for v, h := range s.store.cache.kept { // minutes later
				if h.err != nil {
					h.until = time.Now()
					s.store.cache.kept[v] = h
				}
			}
			withhold(s, false)
			if _, change = s.next(st); change.Row != "replaced" {
				t.Errorf("once it can be read: got row %q", change.Row)
			}
			equal(t, "alarms", codesOf(s.store.Alarms()))
		})
	}
}

func TestAKeyWhoseVersionIsLostIsAnOrphanAndStaysLive(t *testing.T) {
	s := newScene(t, raw(1))
	one := s.holder(awsfake.Current)
	st := s.first()
	s.put(raw(2))
	st, _ = s.next(st)
	s.put(raw(3))
	st, _ = s.next(st)
	s.Purge(secretName, one)
	st, _ = s.next(st)
	equal(t, "alarms of who has read it", codesOf(s.store.Alarms()))

	s.open(Config{})
	for range 3 {
		after, change := s.next(st)
		if change.Row != "" {
			t.Fatalf("got row %q", change.Row)
		}
		st = after
	}
	equal(t, "alarms", codesOf(s.store.Alarms()), "orphaned")
	if n := s.logs.FilterMessage("live key can't be read any more").Len(); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if n := s.counted("keyturn_secretsmanager_orphaned_keys"); n != 1 {
		t.Errorf("the metric says %v", n)
	}
	k, ok := st.Key(one)
	if _, err := s.store.Value(t.Context(), st, k); !ok || !errors.Is(err, ErrNoValue) {
		t.Errorf("value: got %v", err)
	}
}

func TestAValueIsOfTheKeyThatTheStateMeans(t *testing.T) {
	s := newScene(t, named("a", 1))
	st := s.first()
	k, _ := st.Current()
	for _, wrong := range []rotation.Key{
		{Name: k.Name, Version: k.Version, KID: "b", Algorithm: k.Algorithm},
		{Name: k.Name, Version: k.Version, KID: k.KID, Algorithm: "HS512"},
		{Name: k.Name, Version: "00000000-0000-0000-0000-000000000000", KID: k.KID, Algorithm: k.Algorithm},
	} {
		if key, err := s.store.Value(t.Context(), st, wrong); !errors.Is(err, ErrNoValue) {
			t.Errorf("%+v: got %v, %v", wrong, key, err)
		}
	}
}

func TestAValueIsReadWithoutALookBefore(t *testing.T) {
	s := newScene(t, raw(1))
	st := s.first()
	s.put(raw(2))
	st, _ = s.next(st)
	s.open(Config{})
	s.ForgetCalls()
	var all sync.WaitGroup
	for range 8 {
		for _, k := range st.Keys {
			all.Go(func() {
				if _, err := s.store.Value(t.Context(), st, k); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if n := s.Calls("GetSecretValue"); n != 2 {
		t.Errorf("%d reads of two versions by 16 callers", n)
	}
	for _, c := range s.Journal() {
		if c.Op == "GetSecretValue" && c.Stage == "" {
			t.Errorf("version %s was read without its label", c.Version)
		}
	}
}

func TestMaterialOfKeysThatAreGoneIsForgottenAndTheirPrintsAreNot(t *testing.T) {
	s := newScene(t, raw(1))
	one := s.holder(awsfake.Current)
	st := s.first()
	s.put(raw(2))
	st, _ = s.next(st)
	s.put(raw(3))
	st, _ = s.next(st)
	st, change := rotation.Tick(st, rotation.Policy{}, time.UnixMilli(st.Rev).Add(24*time.Hour))
	if change.Row != "retired" {
		t.Fatalf("got row %q", change.Row)
	}
	snap := s.look(st)
	if _, ok := s.store.held(one); ok {
		t.Error("the material of a retired key is remembered")
	}
	if snap.Known[one] == "" {
		t.Error("its print is forgotten")
	}
}

func TestALeakedValueIsKnownAgainAfterARestart(t *testing.T) {
	s := newScene(t, raw(1))
	one := s.holder(awsfake.Current)
	st := s.first()
	st, _, err := rotation.Revoke(st, one, rotation.Policy{}, time.UnixMilli(st.Rev+1000))
	if err != nil {
		t.Fatal(err)
	}
	s.put(raw(2))
	st, _ = s.next(st)
	s.move(awsfake.Previous, "")
	s.open(Config{})
	s.put(raw(1)) // the leaked value under another version
	_, change := s.next(st)
	if change.Row != "" || len(change.Alarms) == 0 || change.Alarms[0].Code != "compromised_current" {
		t.Errorf("got %+v", change)
	}
}

func TestAValueShowsItselfToNobody(t *testing.T) {
	secret := strong(7)
	keys, err := keysOf("v1", []byte(secret), watcher.KIDRule{})
	if err != nil {
		t.Fatal(err)
	}
	v := value{version: "v1", raw: func() []byte { return []byte(secret) }, parsed: keys}
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		hidden value
		s      *Store
	}{hidden: v, s: &Store{cache: newCache(), pepper: newPepper()}}
	holder.s.cache.put("v1", kept{value: v}, []printed{holder.s.pepper.printed(keys.Keys[0])})
	text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %v %+v", v, v, v, encoded, holder, holder, holder, holder.s.cache, holder.s)
	digits := fmt.Sprint([]byte(secret))
	for _, leak := range []string{secret, digits[1 : len(digits)-1], base64.StdEncoding.EncodeToString([]byte(secret)), string(holder.s.pepper.print(keys.Keys[0]))} {
		if strings.Contains(text, leak) {
			t.Errorf("shows %.10q…", leak)
		}
	}
}
