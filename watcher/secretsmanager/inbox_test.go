package secretsmanager

import (
	"strconv"
	"testing"
	"time"
)

var inboxStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// at is a receipt of message id, received at now.
func at(id string, now time.Time) receipt {
	return receipt{id: id, handle: id + now.Format(".000"), until: now.Add(visibility)}
}

func ids(rs []receipt) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = r.id
	}
	return out
}

func TestAMessageIsDoneWhenALookThatBeganAfterItWasBelieved(t *testing.T) {
	one, two := &Store{}, &Store{}
	type look struct {
		s     *Store
		began time.Duration // after the message was received
	}
	for _, tt := range []struct {
		name   string
		stores []*Store
		looks  []look
		want   bool
	}{
		{"no look", []*Store{one}, nil, false},
		{"a look that was under way already", []*Store{one}, []look{{one, -1}}, false},
		{"a look that began at that moment", []*Store{one}, []look{{one, 0}}, true},
		{"a look at another secret", []*Store{one}, []look{{two, 1}}, false},
		{"one of two", []*Store{one, two}, []look{{one, 1}, {one, 2}}, false},
		{"both", []*Store{one, two}, []look{{one, 1}, {two, 1}}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newInbox()
			b.wait("e", at("m", inboxStart), tt.stores, inboxStart)
			for _, l := range tt.looks {
				b.looked(l.s, inboxStart.Add(l.began), inboxStart)
			}
			if got := len(b.deletable()) == 1; got != tt.want {
				t.Fatalf("done %v, want %v", got, tt.want)
			}
			if waits := !b.oldest().IsZero(); waits == tt.want {
				t.Fatalf("waits %v", waits)
			}
		})
	}
}

func TestCopiesAreDeletedWithTheFirstAndAfterIt(t *testing.T) {
	s, b := &Store{}, newInbox()
	now := inboxStart
	if b.copied("e", at("m", now), now) {
		t.Fatal("the first is no copy")
	}
	b.wait("e", at("m", now), []*Store{s}, now)
	if !b.copied("e", at("n", now), now) || len(b.deletable()) != 0 {
		t.Fatal("a copy is deleted before the look")
	}
	b.looked(s, now, now)
	if got := ids(b.deletable()); len(got) != 2 {
		t.Fatalf("deleted %v, want both", got)
	}
	later := now.Add(recentFor - 1)
	if !b.copied("e", at("o", later), later) || len(b.deletable()) != 1 {
		t.Fatal("a copy that comes later is not deleted")
	}
	if later = now.Add(recentFor); b.copied("e", at("p", later), later) {
		t.Fatal("an event is known for ever")
	}
}

func TestAMessageThatCameBackIsDeletedByItsNewestHandle(t *testing.T) {
	s, b := &Store{}, newInbox()
	again := inboxStart.Add(time.Minute)
	b.wait("e", at("m", inboxStart), []*Store{s}, inboxStart)
	b.copied("e", at("m", again), again)
	b.looked(s, again, again)
	if got := b.deletable(); len(got) != 1 || got[0].handle != at("m", again).handle {
		t.Fatalf("got %+v", got)
	}
}

func TestAMessageIsProlongedBeforeOthersSeeIt(t *testing.T) {
	s, b := &Store{}, newInbox()
	for i := range 23 {
		b.wait("e"+strconv.Itoa(i), at("m"+strconv.Itoa(i), inboxStart), []*Store{s}, inboxStart)
	}
	// Sweeps come every ten seconds, so one of them falls between both.
	if renewAt+sweepEvery >= visibility || renewAt < 2*sweepEvery {
		t.Fatal("a message may fly back between two sweeps")
	}
	soon := inboxStart.Add(visibility - renewAt)
	if n := len(b.renewable(soon.Add(-1))); n != 0 {
		t.Fatalf("%d batches too early", n)
	}
	batches := b.renewable(soon)
	if len(batches) != 3 || len(batches[0]) != 10 || len(batches[2]) != 3 {
		t.Fatalf("got %d batches, want ten, ten and three", len(batches))
	}
	if n := len(b.renewable(soon)); n != 0 {
		t.Fatalf("%d batches twice", n)
	}
}

func TestADeleteThatFailsIsTriedAgainAndThenLeft(t *testing.T) {
	b := newInbox()
	b.finish(at("m", inboxStart))
	for try := range maxDeletes {
		batch := b.deletable()
		if len(batch) != 1 {
			t.Fatalf("try %d: got %d messages", try, len(batch))
		}
		b.undeleted(batch[0])
	}
	if n := len(b.deletable()); n != 0 {
		t.Fatalf("%d messages after %d tries", n, maxDeletes)
	}
}

func TestWhatIsHeldIsBounded(t *testing.T) {
	s, b := &Store{}, newInbox()
	for i := range maxHeld {
		if b.full() {
			t.Fatalf("full at %d", i)
		}
		b.wait("e"+strconv.Itoa(i), at("m", inboxStart), []*Store{s}, inboxStart)
	}
	if !b.full() {
		t.Fatal("not full")
	}
	for i := range 3 * maxRecent {
		b.remember("r"+strconv.Itoa(i), inboxStart)
	}
	if len(b.recent) != maxRecent || len(b.order) != maxRecent {
		t.Fatalf("%d events remembered in an order of %d, want %d", len(b.recent), len(b.order), maxRecent)
	}
}

func TestHowWellANameFitsASecret(t *testing.T) {
	const (
		full    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/jwt-a1B2c3"
		remade  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/jwt-Zz9Yy8"
		partial = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/jwt"
		replica = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/jwt-a1B2c3"
		other   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/other-a1B2c3"
	)
	for _, tt := range []struct {
		name, given, id, arn string
		want                 int
	}{
		{"the ARN", full, "prod/jwt", full, fitsExactly},
		{"the ARN as configured", full, full, "", fitsExactly},
		{"the partial ARN as configured", partial, partial, full, fitsExactly},
		{"the name", "prod/jwt", "prod/jwt", full, fitsByName},
		{"the name of a configured ARN", "prod/jwt", full, "", fitsByName},
		{"the name of a configured partial ARN", "prod/jwt", partial, "", fitsByName},
		{"a partial ARN", partial, "prod/jwt", full, fitsPartly},
		{"a partial ARN of a configured ARN", partial, full, "", fitsPartly},
		{"an ARN before the secret was seen", full, "prod/jwt", "", fitsPartly},
		{"an ARN of a configured partial one", full, partial, "", fitsPartly},
		{"the secret made anew", remade, "prod/jwt", full, fitsPartly},
		{"another Region than the configured ARN's", replica, full, full, fitsNot},
		{"another secret", other, "prod/jwt", full, fitsNot},
		{"another secret's name", "prod/other", full, full, fitsNot},
		{"a name that begins alike", "prod/jwt2", "prod/jwt", full, fitsNot},
		{"a name that ends like a suffix", "prod/jwt-signer", "prod/jwt-signer", "", fitsByName},
		{"such a name is not that without it", "prod/jwt-signer", "prod/jwt", "", fitsNot},
		{"nothing", "", "prod/jwt", full, fitsNot},
		{"half an ARN", "arn:aws:secretsmanager", "prod/jwt", full, fitsNot},
	} {
		if got := fit([]string{tt.given}, tt.id, tt.arn); got != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := fit([]string{other, "prod/jwt", full}, "prod/jwt", full); got != fitsExactly {
		t.Errorf("the best of many: got %d", got)
	}
}
