package signin

import (
	"testing"
	"time"
)

func TestACredentialIsJudgedByItsPlaceInTheFamily(t *testing.T) {
	key := newServerKey()
	t0 := time.Unix(1_800_000_000, 0)
	first := newCredential()
	rec := record{Subject: "alice", Started: t0, Ends: t0.Add(12 * time.Hour), Current: first.print()}
	used := t0.Add(time.Hour)
	second := first.successor(key)
	after := rec.rotated(first, key, told{}, used)
	third := second.successor(key)
	late := after.rotated(second, key, told{}, used.Add(time.Hour))

	forged := first
	forged.secret[7]++
	cases := []struct {
		name string
		rec  record
		cred credential
		at   time.Time
		want verdict
	}{
		{"the first one", rec, first, t0, fresh},
		{"the current one", after, second, used, fresh},
		{"the one just replaced, at once", after, first, used, repeated},
		{"the one just replaced, at the last moment", after, first, used.Add(Grace - 1), repeated},
		{"the one just replaced, too late", after, first, used.Add(Grace), reused},
		{"one replaced long ago", late, first, used.Add(time.Hour), reused},
		{"one replaced long ago, just after another change", late, first, late.RotatedAt, reused},
		{"the current one after two changes", late, third, used.Add(2 * time.Hour), fresh},
		{"a forged one", late, forged, used.Add(time.Hour), unknown},
		{"one of the future", rec, second, t0, unknown},
		{"another session's", rec, newCredential(), t0, unknown},
		{"the current one at the end", after, second, rec.Ends, over},
		{"the replaced one after the end", after, first, rec.Ends.Add(time.Hour), over},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.rec.judge(c.cred, key, c.at); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestALostKeyLosesNoSession(t *testing.T) {
	lost, found := newServerKey(), newServerKey()
	now := time.Unix(1_800_000_000, 0)
	first := newCredential()
	rec := record{Ends: now.Add(time.Hour), Current: first.print()}.rotated(first, lost, told{}, now)
	if got := rec.judge(first.successor(lost), found, now); got != fresh {
		t.Errorf("the current credential under another key: got %d, want %d", got, fresh)
	}
	if got := rec.judge(first, found, now); got != repeated {
		t.Errorf("the one just replaced under another key: got %d, want %d", got, repeated)
	}
	if got := rec.judge(first, found, now.Add(Grace)); got != reused {
		t.Errorf("the one just replaced, too late, under another key: got %d, want %d", got, reused)
	}
}

func TestAUseNeverMovesTheEnd(t *testing.T) {
	key := newServerKey()
	now := time.Unix(1_800_000_000, 0)
	cred := newCredential()
	rec := record{Started: now, Ends: now.Add(time.Hour), Current: cred.print()}
	for range 100 {
		next := rec.rotated(cred, key, told{}, now.Add(59*time.Minute))
		if !next.Ends.Equal(rec.Ends) || !next.Started.Equal(rec.Started) {
			t.Fatalf("the session moved: %v to %v", rec.Ends, next.Ends)
		}
		rec, cred = next, cred.successor(key)
	}
	if rec.Uses != 100 {
		t.Errorf("uses: got %d, want 100", rec.Uses)
	}
}

func TestARecordReadsBackAsItself(t *testing.T) {
	key := newServerKey()
	now := time.Unix(1_800_000_000, 0).UTC()
	cred := newCredential()
	rec := record{Subject: "alice", Started: now, Ends: now.Add(time.Hour), Current: cred.print()}
	rec = rec.rotated(cred, key, told{claims: map[string]any{"roles": []any{"user"}}}, now)
	b, err := rec.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.judge(cred, key, now) != repeated || got.judge(cred.successor(key), key, now) != fresh {
		t.Error("the record judges otherwise after it was stored")
	}
	if !got.Ends.Equal(rec.Ends) || got.Subject != rec.Subject || got.Uses != 1 {
		t.Errorf("got %+v, want %+v", got, rec)
	}
}

func TestARecordWithHugeClaimsIsRefused(t *testing.T) {
	if _, err := (record{Claims: map[string]any{"x": string(make([]byte, maxRecord))}}).encode(); err == nil {
		t.Error("a record beyond its cap was encoded")
	}
}

// Property: no stored bytes make a session that a made-up credential opens.
func FuzzRecord(f *testing.F) {
	key := newServerKey()
	good, err := record{Subject: "a", Ends: time.Unix(2_000_000_000, 0), Current: newCredential().print(), Uses: 3}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"sub":"a","ends":"2099-01-01T00:00:00Z","current":"","previous":"","uses":-5}`))
	f.Add([]byte(`{"uses":99999999999,"ends":"2099-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := decodeRecord(b)
		if err != nil {
			return
		}
		rec.Uses = min(rec.Uses, 16) // the walk itself is bounded by maxWalk; keep the fuzzer quick
		switch rec.judge(newCredential(), key, time.Unix(1_800_000_000, 0)) {
		case unknown, over:
		default:
			t.Errorf("a made-up credential is good for %q", b)
		}
	})
}
