package natstest_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/keyturn/keyturn/test/natstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAConnectionOutlivesARestart(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Conn(t)
	sub, err := nc.SubscribeSync("after")
	if err != nil {
		t.Fatal(err)
	}
	back := nc.StatusChanged(nats.CONNECTED)
	s.Restart(t)
	select {
	case <-back:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection did not come back")
	}
	if err := nc.FlushTimeout(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("after", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.NextMsg(10 * time.Second); err != nil {
		t.Fatalf("message after the restart: %v", err)
	}
}
