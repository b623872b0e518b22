package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func held(name string, k Key, s Stage) Held { return Held{Name: name, Key: k, Stage: s} }

func TestAnUnusableSetIsRefusedAndTheLastGoodOneStays(t *testing.T) {
	a, b := mustGenerate(t, "a", HS256), mustGenerate(t, "b", HS256)
	many := make([]Held, maxHeld+1)
	for i := range many {
		many[i] = held(fmt.Sprint(i), a, Pending)
	}
	ring := keyringOf(t, Config{}, held("1", a, Current))
	for _, c := range []struct {
		name string
		set  Set
		want string
	}{
		{"empty", Set{Rev: 2}, "set is empty"},
		{"no name", Set{Rev: 2, Held: []Held{held("", a, Current)}}, "no name"},
		{"name twice", Set{Rev: 2, Held: []Held{held("1", a, Current), held("1", b, Pending)}}, "two keys have the name"},
		{"no material", Set{Rev: 2, Held: []Held{held("1", Key{}, Current)}}, "no material"},
		{"no stage", Set{Rev: 2, Held: []Held{held("1", a, "gone")}}, "no known stage"},
		{"two current", Set{Rev: 2, Held: []Held{held("1", a, Current), held("2", b, Current)}}, "both current"},
		{"too many", Set{Rev: 2, Held: many}, "more than 64"},
		{"unknown code", Set{Rev: 2, Held: []Held{held("1", a, Current)}, Gone: map[string]string{"z": "lost"}}, "no known code"},
	} {
		if err := ring.Install(c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one about %q", c.name, err, c.want)
		}
		if s := ring.Set(); s.Rev != 1 || len(s.Held) != 1 {
			t.Errorf("%s: got set %+v, want the last good one", c.name, s)
		}
	}
}

func TestASetIsNeverReplacedByAnOlderOne(t *testing.T) {
	a, b := mustGenerate(t, "a", HS256), mustGenerate(t, "b", HS256)
	ring := NewKeyring(Config{})
	for _, c := range []struct {
		set  Set
		want error
		rev  int64
	}{
		{Set{Rev: 0, Held: []Held{held("1", a, Current)}}, nil, 0},
		{Set{Rev: 5, Held: []Held{held("1", a, Current)}}, nil, 5},
		{Set{Rev: 4, Held: []Held{held("2", b, Current)}}, ErrOlder, 5},
		{Set{Rev: 0, Held: []Held{held("2", b, Current)}}, ErrOlder, 5},
		{Set{Rev: 5, Held: []Held{held("1", a, Current), held("2", b, Pending)}}, nil, 5},
		{Set{Rev: 6, Held: []Held{held("2", b, Current)}}, nil, 6},
	} {
		if err := ring.Install(c.set); !errors.Is(err, c.want) || ring.Set().Rev != c.rev {
			t.Errorf("got error %v and rev %d, want %v and %d", err, ring.Set().Rev, c.want, c.rev)
		}
	}
}

func TestAKeyringIsReadyWithItsFirstKeyAndStaysSo(t *testing.T) {
	a := mustGenerate(t, "a", HS256)
	ring := NewKeyring(Config{})
	ready := func() bool {
		select {
		case <-ring.Ready():
			return true
		default:
			return false
		}
	}
	if _, err := ring.Verify(t.Context(), "x.y.z"); codeOf(t, err) != CodeUnavailable || ready() {
		t.Errorf("got error %v, ready %v, want unavailable and not ready", err, ready())
	}
	if _, err := ring.Sign(valid()); codeOf(t, err) != CodeUnavailable || ring.Signer() != "" {
		t.Errorf("got error %v, signer %q, want unavailable and none", err, ring.Signer())
	}
	if err := ring.Install(Set{Announced: []string{"a"}}); err != nil || ready() {
		t.Errorf("got error %v, ready %v, want a set without keys taken but not ready", err, ready())
	}
	if err := ring.Install(Set{Held: []Held{held("1", a, Current)}}); err != nil || !ready() {
		t.Errorf("got error %v, ready %v, want ready", err, ready())
	}
	if err := ring.Install(Set{Gone: map[string]string{"a": CodeKeyRevoked}}); err != nil || !ready() {
		t.Errorf("got error %v, ready %v, want the last key dropped and ready still", err, ready())
	}
	if _, err := ring.Verify(t.Context(), tokenOf(t, a, `{"alg":"HS256","kid":"a"}`, good())); codeOf(t, err) != CodeKeyRevoked {
		t.Errorf("got error %v, want the dropped key revoked", err)
	}
}

func TestTheSetOfTheCallerMayChangeAfterInstall(t *testing.T) {
	a := mustGenerate(t, "a", HS256)
	s := Set{Held: []Held{held("1", a, Current)}, Gone: map[string]string{"z": CodeKeyRetired}, Announced: []string{"y"}}
	ring := NewKeyring(Config{})
	if err := ring.Install(s); err != nil {
		t.Fatal(err)
	}
	s.Held[0], s.Announced[0] = Held{}, "x"
	delete(s.Gone, "z")
	if _, err := ring.Verify(t.Context(), tokenOf(t, a, `{"alg":"HS256","kid":"a"}`, good())); err != nil {
		t.Errorf("got error %v, want the installed key untouched", err)
	}
	if got := ring.Set(); got.Gone["z"] != CodeKeyRetired || got.Announced[0] != "y" {
		t.Errorf("got set %+v, want it untouched", got)
	}
}

func TestWhichKeySigns(t *testing.T) {
	now := time.Now()
	a, b, c := mustGenerate(t, "a", HS256), mustGenerate(t, "b", HS256), mustGenerate(t, "c", HS256)
	public, err := NewKey("p", "", mustGenerate(t, "rs", RS256).m().public)
	if err != nil {
		t.Fatal(err)
	}
	current := func(k Key, from time.Duration) Held {
		return Held{Name: k.KID(), Key: k, Stage: Current, SignFrom: now.Add(from)}
	}
	retiring := func(k Key, until time.Duration) Held {
		return Held{Name: k.KID(), Key: k, Stage: Retiring, VerifyUntil: now.Add(until)}
	}
	for _, x := range []struct {
		name string
		held []Held
		want string
	}{
		{"current alone", []Held{current(a, -time.Second)}, "a"},
		{"current alone, before its time", []Held{current(a, time.Second)}, "a"},
		{"current at its time", []Held{current(a, 0), retiring(b, time.Hour)}, "a"},
		{"previous before its time", []Held{current(a, time.Millisecond), retiring(b, time.Hour)}, "b"},
		{"newest of the previous", []Held{current(a, time.Second), retiring(b, time.Hour), retiring(c, time.Hour)}, "b"},
		{"not a previous one whose time is over", []Held{current(a, time.Second), retiring(b, 0), retiring(c, time.Hour)}, "c"},
		{"current, where all others are over", []Held{current(a, time.Second), retiring(b, -time.Hour)}, "a"},
		{"previous, where the current is not here", []Held{retiring(b, time.Hour)}, "b"},
		{"previous, where the current can only verify", []Held{current(public, -time.Second), retiring(b, time.Hour)}, "b"},
		{"never a pending one", []Held{held("c", c, Pending)}, ""},
		{"none that can only verify", []Held{current(public, -time.Second)}, ""},
	} {
		got := ""
		if h := (Set{Held: x.held}).signer(now); h != nil {
			got = h.Name
		}
		if got != x.want {
			t.Errorf("%s: got signer %q, want %q", x.name, got, x.want)
		}
	}
}

func TestAKeyBeginsToSignAndStopsVerifyingAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := mustGenerate(t, "a", HS256), mustGenerate(t, "b", HS256)
		ring := keyringOf(t, Config{},
			Held{Name: "b", Key: b, Stage: Current, SignFrom: time.Now().Add(5 * time.Second)},
			Held{Name: "a", Key: a, Stage: Retiring, VerifyUntil: time.Now().Add(time.Minute)})
		old, err := ring.Sign(valid())
		if err != nil || old.Key != "a" || old.KID != "a" {
			t.Fatalf("got %v and error %v, want a to sign", old, err)
		}
		<-time.After(5 * time.Second)
		if fresh, err := ring.Sign(valid()); err != nil || fresh.Key != "b" {
			t.Errorf("got %v and error %v, want b to sign", fresh, err)
		}
		<-time.After(55*time.Second - time.Nanosecond)
		if token, err := ring.Verify(t.Context(), old.Token); err != nil || token.Stage != Retiring || token.VerifyUntil.IsZero() {
			t.Errorf("got token %v and error %v, want it verified to the last moment", token, err)
		}
		<-time.After(time.Nanosecond)
		if _, err := ring.Verify(t.Context(), old.Token); codeOf(t, err) != CodeKeyRetired {
			t.Errorf("got error %v, want %s", err, CodeKeyRetired)
		}
	})
}

func TestStaleTokensVerifyWithinTheGraceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring := keyringOf(t, Config{Skew: 10 * time.Second}, held("a", mustGenerate(t, "a", HS256), Current))
		signed, err := ring.Sign(map[string]any{"sub": "alice", "exp": time.Now().Add(time.Minute).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		check := func(after time.Duration, fresh, stale string) {
			t.Helper()
			<-time.After(after)
			if _, err := ring.Verify(t.Context(), signed.Token); codeOf(t, err) != fresh {
				t.Errorf("got error %v from Verify, want %q", err, fresh)
			}
			if _, err := ring.VerifyStale(t.Context(), signed.Token, time.Minute); codeOf(t, err) != stale {
				t.Errorf("got error %v from VerifyStale, want %q", err, stale)
			}
			if _, err := ring.VerifyStale(t.Context(), signed.Token, -time.Hour); codeOf(t, err) != fresh {
				t.Errorf("got error %v from VerifyStale with a negative grace, want that of Verify", err)
			}
		}
		check(69*time.Second, "", "") // within the skew
		check(time.Second, CodeTokenExpired, "")
		check(59*time.Second, CodeTokenExpired, "")
		check(time.Second, CodeTokenExpired, CodeTokenExpired)
	})
}

func TestTwoKeysOfOneKIDAreBothTried(t *testing.T) {
	old, fresh := mustGenerate(t, "old", HS256), mustGenerate(t, "fresh", HS256)
	old, err := old.WithKID("same")
	if err != nil {
		t.Fatal(err)
	}
	if fresh, err = fresh.WithKID("same"); err != nil {
		t.Fatal(err)
	}
	ring := keyringOf(t, Config{}, held("2", fresh, Current), Held{Name: "1", Key: old, Stage: Retiring, VerifyUntil: time.Now().Add(time.Hour)})
	for want, key := range map[string]Key{"1": old, "2": fresh} {
		token, err := ring.Verify(t.Context(), tokenOf(t, key, `{"alg":"HS256","kid":"same"}`, good()))
		if err != nil || token.Key != want || token.KID != "same" {
			t.Errorf("got token %v and error %v, want key %s", token, err, want)
		}
	}
}

func TestATokenWithoutKIDIsTriedAgainstFourLiveKeysCurrentFirst(t *testing.T) {
	now := time.Now()
	var set []Held
	add := func(kid, alg string, stage Stage, until time.Duration) {
		h := Held{Name: kid, Key: mustGenerate(t, kid, alg), Stage: stage}
		if stage == Retiring {
			h.VerifyUntil = now.Add(until)
		}
		set = append(set, h)
	}
	add("p1", HS256, Pending, 0)
	add("p2", HS256, Pending, 0)
	add("p3", HS256, Pending, 0)
	add("e1", ES256, Pending, 0)
	add("dead", HS256, Retiring, -time.Second)
	add("r1", HS256, Retiring, time.Hour)
	add("r2", HS256, Retiring, time.Hour)
	add("r3", HS256, Retiring, time.Hour)
	add("cur", HS256, Current, 0)
	ring := keyringOf(t, Config{}, set...)
	for kid, want := range map[string]string{"cur": "", "p1": "", "r1": "", "r2": "", "e1": "", "r3": CodeSignatureInvalid, "p2": CodeSignatureInvalid, "dead": CodeSignatureInvalid} {
		alg := HS256
		if kid == "e1" {
			alg = ES256
		}
		_, err := ring.Verify(t.Context(), tokenOf(t, mustGenerate(t, kid, alg), fmt.Sprintf(`{"alg":%q}`, alg), good()))
		if got := codeOf(t, err); got != want {
			t.Errorf("key %s: got %q, want %q", kid, got, want)
		}
	}
	strict := keyringOf(t, Config{RequireKID: true}, set...)
	_, err := strict.Verify(t.Context(), tokenOf(t, mustGenerate(t, "cur", HS256), `{"alg":"HS256"}`, good()))
	if codeOf(t, err) != CodeKIDUnknown {
		t.Errorf("got error %v where a kid is required, want %s", err, CodeKIDUnknown)
	}
}

func TestWhatAVerifiedTokenSays(t *testing.T) {
	ring := keyringOf(t, Config{}, held("k1", mustGenerate(t, "a", HS256), Current))
	now := time.Now().Truncate(time.Second)
	signed, err := ring.Sign(map[string]any{
		"sub": "alice", "iss": "https://issuer.test", "aud": []string{"api", "web"}, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(), "nbf": now.Unix(),
		"roles": []any{"user", "analyst", 7, "user"}, "scope": "read  write user",
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := ring.Verify(t.Context(), signed.Token)
	if err != nil {
		t.Fatal(err)
	}
	if token.Subject != "alice" || token.Issuer != "https://issuer.test" || !token.Expiry.Equal(now.Add(time.Hour)) || !token.IssuedAt.Equal(now) ||
		!token.NotBefore.Equal(now) || token.Key != "k1" || token.KID != "a" || token.Stage != Current || token.Claims["sub"] != "alice" {
		t.Errorf("got %v with claims %v, want what was signed", token, token.Claims)
	}
	if got := fmt.Sprint(token.Audience(), token.Roles()); got != "[api web] [user analyst read write]" {
		t.Errorf("got audience and roles %s, want each once", got)
	}
	for role, want := range map[string]bool{"user": true, "analyst": true, "write": true, "admin": false, "": false, "read  write": false} {
		if token.HasRole(role) != want {
			t.Errorf("got HasRole(%q) = %v, want %v", role, token.HasRole(role), want)
		}
	}
}

func TestEachVerificationIsObserved(t *testing.T) {
	var seen []string
	ring := keyringOf(t, Config{Observe: func(t *Token, err *Error) {
		if t != nil {
			seen = append(seen, "ok "+t.Key)
		} else {
			seen = append(seen, err.Code)
		}
	}}, held("k1", mustGenerate(t, "a", HS256), Current))
	signed, err := ring.Sign(valid())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = ring.Verify(t.Context(), signed.Token)
	_, _ = ring.Verify(t.Context(), "x")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+signed.Token)
	Middleware(ring, Options{})(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	if got := strings.Join(seen, ", "); got != "ok k1, token_malformed, ok k1" {
		t.Errorf("got %q observed, want each verification once", got)
	}
}

func TestAllMethodsMayBeCalledAtOnce(t *testing.T) {
	a, b := mustGenerate(t, "a", HS256), mustGenerate(t, "b", HS256)
	var ring *Keyring
	ring = NewKeyring(Config{Look: func(context.Context, string) error {
		return ring.Install(Set{Rev: ring.Set().Rev, Held: []Held{held("1", a, Current), held("2", b, Pending)}})
	}, Observe: func(*Token, *Error) {}})
	token := tokenOf(t, a, `{"alg":"HS256","kid":"a"}`, good())
	unknown := tokenOf(t, a, `{"alg":"HS256","kid":"zzz"}`, good())
	r := httptest.NewRequest(http.MethodGet, "/?role=x", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	handlers := []http.Handler{
		Middleware(ring, Options{})(RequireRole("x")(http.NotFoundHandler())), Forward(ring, Options{Cookie: "auth_token"}), JWKS(ring),
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 100 {
				set := Set{Rev: int64(n), Held: []Held{held("1", a, Current)}}
				if i%2 == 0 {
					set.Held = append(set.Held, held("2", b, Pending))
				}
				_ = ring.Install(set)
				_, _ = ring.Verify(t.Context(), token)
				_, _ = ring.VerifyStale(t.Context(), unknown, time.Minute)
				_, _ = ring.Sign(valid())
				_, _ = ring.Signer(), ring.Set()
				_ = PublicSet(ring.Set())
				for _, h := range handlers {
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
				<-ring.Ready()
				_, _ = a.String(), a.Fingerprint([]byte("pepper of this process"))
			}
		})
	}
	all.Wait()
}
