package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyturn/keyturn/test/covers"
)

// looker is what stands behind a keyring in these tests.
type looker struct {
	ring *Keyring
	hs   Key // signs all tokens

	mu    sync.Mutex
	begun []time.Duration // when looks began, since the start
	kids  []string
	takes time.Duration
	err   error
	found []Key // installed as pending by a look
	start time.Time
}

func newLooker(t *testing.T, announced ...string) *looker {
	l := &looker{hs: mustGenerate(t, "known", HS256), start: time.Now()}
	l.ring = NewKeyring(Config{Look: l.look})
	l.install(announced...)
	return l
}

func (l *looker) install(announced ...string) {
	s := Set{Rev: 1, Held: []Held{held("1", l.hs, Current)}, Announced: announced, Gone: map[string]string{"buried": CodeKeyRetired}}
	for _, k := range l.found {
		s.Held = append(s.Held, held(k.KID(), k, Pending))
	}
	if err := l.ring.Install(s); err != nil {
		panic(err)
	}
}

func (l *looker) look(ctx context.Context, kid string) error {
	l.mu.Lock()
	l.begun = append(l.begun, time.Since(l.start))
	l.kids = append(l.kids, kid)
	takes := l.takes
	l.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.install()
	}
	return l.err
}

func (l *looker) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *looker) looks() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.begun)
}

// try verifies a token of that kid and returns the error, and how long it took.
func (l *looker) try(t *testing.T, kid string) (*Error, time.Duration) {
	t.Helper()
	key, err := mustGenerate(t, "new", HS256).WithKID(kid)
	if err != nil {
		key = mustGenerate(t, "new", HS256)
	}
	begin := time.Now()
	_, err = l.ring.Verify(t.Context(), tokenOf(t, key, fmt.Sprintf(`{"alg":"HS256","kid":%q}`, kid), good()))
	var e *Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("got error %v, want *Error", err)
	}
	return e, time.Since(begin)
}

func (l *looker) find(t *testing.T, kid string) {
	t.Helper()
	key, err := mustGenerate(t, "new", HS256).WithKID(kid)
	if err != nil {
		t.Fatal(err)
	}
	l.set(func() { l.found = append(l.found, key) })
}

func TestAllWhoWaitForAnUnknownKIDShareOneLook(t *testing.T) {
	covers.IDs(t, "EDGE-15")
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		l.takes = 2 * time.Second
		l.find(t, "fresh")
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				kid := "fresh"
				if i%2 == 1 {
					kid = fmt.Sprintf("forged-%d", i)
				}
				e, took := l.try(t, kid)
				if (e == nil) != (kid == "fresh") || took != 2*time.Second {
					t.Errorf("%s: got error %v after %v, want the look's outcome after 2s", kid, e, took)
				}
				if e != nil && (e.Code != CodeKIDUnknown || e.RetryAfter != 8*time.Second || e.KID != "known") {
					t.Errorf("%s: got %+v, want kid_unknown, to be tried again in 8s", kid, e)
				}
			})
		}
		all.Wait()
		if got := l.looks(); len(got) != 1 {
			t.Errorf("got looks at %v, want one", got)
		}
	})
}

func TestForgedKIDsCauseOneLookInTenSeconds(t *testing.T) {
	covers.IDs(t, "EDGE-15")
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		for i := range 350 {
			e, took := l.try(t, fmt.Sprintf("forged-%d", i))
			if e.Code != CodeKIDUnknown || took != 0 || e.RetryAfter < time.Second || e.RetryAfter > 10*time.Second {
				t.Fatalf("got %+v after %v, want kid_unknown at once, with a time to try again", e, took)
			}
			<-time.After(100 * time.Millisecond)
		}
		want := []time.Duration{0, 10 * time.Second, 20 * time.Second, 30 * time.Second}
		if got := l.looks(); !slices.Equal(got, want) {
			t.Errorf("got looks at %v, want %v", got, want)
		}
	})
}

func TestForgedKIDsNeverDelayAnAnnouncedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t, "real")
		l.takes = 4 * time.Second
		go func() { _, _ = l.try(t, "forged") }()
		synctest.Wait()
		l.set(func() { l.takes = 0 })
		l.find(t, "real")
		if e, took := l.try(t, "real"); e != nil || took != 0 {
			t.Errorf("got error %v after %v, want the announced key found at once", e, took)
		}
		if got := l.looks(); !slices.Equal(got, []time.Duration{0, 0}) {
			t.Errorf("got looks at %v, want one of its own for the announced kid", got)
		}
		<-time.After(5 * time.Second)
	})
}

func TestAnAnnouncedKIDIsLookedForOnceASecondAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t, "real")
		l.err = errors.New("store is away")
		for range 30 {
			if e, _ := l.try(t, "real"); e.Code != CodeUnavailable || e.RetryAfter <= 0 || e.Status != 503 {
				t.Fatalf("got %+v, want unavailable, with a time to try again", e)
			}
			<-time.After(100 * time.Millisecond)
		}
		if got := l.looks(); len(got) != 3 {
			t.Errorf("got looks at %v in three seconds, want three", got)
		}
	})
}

func TestALookThatHangsIsGivenUpAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		l.takes = time.Hour
		e, took := l.try(t, "fresh")
		if e.Code != CodeUnavailable || took != lookLimit || !errors.Is(e, context.DeadlineExceeded) {
			t.Errorf("got %+v after %v, want unavailable after %v", e, took, lookLimit)
		}
		if e, took = l.try(t, "fresh"); e.Code != CodeUnavailable || took != 0 {
			t.Errorf("got %+v after %v in the pause after a failed look, want unavailable at once", e, took)
		}
	})
}

func TestARequestThatGivesUpLeavesTheLookToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		l.takes = 3 * time.Second
		l.find(t, "fresh")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		key, err := mustGenerate(t, "new", HS256).WithKID("fresh")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.ring.Verify(ctx, tokenOf(t, key, `{"alg":"HS256","kid":"fresh"}`, good())); codeOf(t, err) != CodeUnavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want unavailable for the one that gave up", err)
		}
		if e, took := l.try(t, "fresh"); e != nil || took != 2*time.Second {
			t.Errorf("got error %v after %v, want the same look to serve the next", e, took)
		}
		if got := l.looks(); len(got) != 1 {
			t.Errorf("got looks at %v, want one", got)
		}
	})
}

func TestAnEndedContextGetsWhatNeedsNoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		l.takes = time.Second
		observed := 0
		l.ring.config.Observe = func(*Token, *Error) { observed++ }
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		verify := func(kid string, k Key) string {
			_, err := l.ring.Verify(ended, tokenOf(t, k, fmt.Sprintf(`{"alg":"HS256","kid":%q}`, kid), good()))
			return codeOf(t, err)
		}
		if got := verify("known", l.hs); got != "" {
			t.Errorf("got %q for a known key, want it verified", got)
		}
		if got := verify("buried", l.hs); got != CodeKeyRetired {
			t.Errorf("got %q for a buried key, want %s", got, CodeKeyRetired)
		}
		if got := verify("forged", l.hs); got != CodeUnavailable || observed != 2 {
			t.Errorf("got %q and %d outcomes, want unavailable, which is none, after two", got, observed)
		}
		<-time.After(2 * time.Second)
		if got := verify("forged", l.hs); got != CodeKIDUnknown || observed != 3 || len(l.looks()) != 1 {
			t.Errorf("got %q, %d outcomes, looks at %v, want what the one look found", got, observed, l.looks())
		}
	})
}

func TestNobodyLooksForWhatNoKeyCanBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		for kid, want := range map[string]string{"../../etc/passwd": CodeKIDUnknown, "": CodeKIDUnknown, "a b": CodeKIDUnknown, "buried": CodeKeyRetired, "known": CodeSignatureInvalid} {
			if e, _ := l.try(t, kid); e.Code != want || e.RetryAfter != 0 {
				t.Errorf("%q: got %+v, want %s, and no time to try again", kid, e, want)
			}
		}
		if got := l.looks(); len(got) != 0 {
			t.Errorf("got looks at %v, want none", got)
		}
	})
}

func TestAKnownKIDWhoseNewMaterialIsAnnouncedIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t, "known")
		l.find(t, "known")
		if e, _ := l.try(t, "known"); e != nil {
			t.Errorf("got error %v, want the new material of a known kid found", e)
		}
		if e, _ := l.try(t, "known"); e != nil || len(l.looks()) != 1 {
			t.Errorf("got error %v and looks at %v, want it found and one look", e, l.looks())
		}
	})
}

func TestATokenWithoutKIDLooksOnlyWhileSomethingIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fresh := mustGenerate(t, "new", HS256)
		token := tokenOf(t, fresh, `{"alg":"HS256"}`, good())
		l := newLooker(t)
		if _, err := l.ring.Verify(t.Context(), token); codeOf(t, err) != CodeSignatureInvalid || len(l.looks()) != 0 {
			t.Errorf("got error %v and looks at %v, want signature_invalid and none", err, l.looks())
		}
		l = newLooker(t, "fresh")
		l.find(t, "fresh")
		if _, err := l.ring.Verify(t.Context(), token); err != nil || len(l.looks()) != 1 {
			t.Errorf("got error %v and looks at %v, want it found by one", err, l.looks())
		}
	})
}

func TestTooManyWhoWaitAreTurnedAwayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		l.takes = time.Second
		var all sync.WaitGroup
		for range maxWaiting {
			all.Go(func() { _, _ = l.try(t, "forged") })
		}
		synctest.Wait()
		if e, took := l.try(t, "forged"); e.Code != CodeUnavailable || took != 0 || !errors.Is(e, errBusy) {
			t.Errorf("got %+v after %v, want to be turned away at once", e, took)
		}
		all.Wait()
	})
}

func TestFlightsOfAnnouncedKIDsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLooker(t)
		for i := range 100 {
			kid := fmt.Sprintf("announced-%d", i)
			l.install(kid)
			_, _ = l.try(t, kid)
			<-time.After(2 * time.Second)
		}
		if n := len(l.ring.look.announced); n > 2 {
			t.Errorf("got %d flights remembered, want those of the last seconds", n)
		}
	})
}
