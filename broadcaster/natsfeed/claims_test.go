package natsfeed_test

import (
	"context"
	"testing"
	"time"

	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher/rotation"
)

func TestAChangeOfClaimsReachesEveryFeedOfItsRing(t *testing.T) {
	server := natstest.Start(t)
	told := make(chan string, 16) // more than there are
	for range 2 {
		nc := server.Conn(t)
		f := natsfeed.New(nc, natsfeed.Config{Rings: []string{ring}, Every: never, Claims: func(ring, subject string) { told <- ring + " " + subject }})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		t.Cleanup(func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		synced(t, f)
		if err := nc.Flush(); err != nil { // so that the server has the subscription
			t.Fatal(err)
		}
	}
	nc := server.Conn(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for subject, data := range map[string]string{rotation.ClaimsSubject(ring): "garbage", rotation.ClaimsSubject("other"): `{"subject":"eve"}`} {
		if err := nc.Publish(subject, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := natsfeed.TellClaims(ctx, nc, ring, "alice"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case got := <-told:
			if got != ring+" alice" {
				t.Errorf("got %q, want alice of %s", got, ring)
			}
		case <-ctx.Done():
			t.Fatal("a feed was not told")
		}
	}
	if err := natsfeed.TellClaims(ctx, nc, ring, ""); err == nil {
		t.Error("got no error for nobody")
	}
}
