package natskeys_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/test/natstest"
	"github.com/keyturn/keyturn/watcher/natslog"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// vault holds the values of all versions, and shows no labels.
type vault map[string]auth.Key

func (v vault) Look(context.Context, rotation.State) (rotation.Snapshot, error) {
	return rotation.Snapshot{Ring: "payments"}, nil
}

func (v vault) Value(_ context.Context, _ rotation.State, k rotation.Key) (auth.Key, error) {
	if key, ok := v[k.Version]; ok {
		return key, nil
	}
	return auth.Key{}, errors.New("value is not there")
}

// The whole way over a real server: states are appended, the keyring follows,
// the row tells it, and the server may go away meanwhile.
func TestAKeyringFollowsARealLogAcrossARestartOfTheServer(t *testing.T) {
	server := natstest.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nc := server.Conn(t)
	log, err := natslog.Open(ctx, nc, natslog.Config{})
	must(t, err)
	rows, err := natsfeed.OpenRows(ctx, nc, 1)
	must(t, err)
	store := vault{}
	for _, name := range []string{"a", "b", "c"} {
		store[name], err = auth.Generate("kid-"+name, auth.HS256)
		must(t, err)
	}
	live := func(name string, stage rotation.Stage) rotation.Key {
		k := rotation.Key{Name: name, KID: "kid-" + name, Version: name, Stage: stage, Algorithm: auth.HS256, Since: time.Now().UTC()}
		if stage == rotation.Retiring {
			k.VerifyUntil = time.Now().Add(time.Hour).UTC()
		}
		return k
	}
	// A server that has just come back may leave an append unanswered.
	appended := func(keys ...rotation.Key) {
		t.Helper()
		eventually(ctx, t, "an append", func() bool {
			head, after, err := log.Head(ctx, "payments")
			if err != nil {
				return false
			}
			s := rotation.State{Ring: "payments", Rev: max(head.Rev+1, time.Now().UnixMilli()), Urgency: rotation.Planned, Seen: "1", Keys: keys,
				Cause: rotation.Cause{By: rotation.ByPoll, Change: "promoted"}}
			_, err = log.Append(ctx, rotation.NewEvent(s, "file", "promoted", time.Now()), after)
			return err == nil
		})
	}
	appended(live("a", rotation.Current))

	source, err := natskeys.New(ctx, natskeys.Config{
		Ring: "payments", Instance: "one", Conn: nc, Store: store, Rows: rows, Signs: true, Poll: time.Minute,
	})
	must(t, err)
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- source.Run(running) }()

	signs := func(want string) {
		t.Helper()
		eventually(ctx, t, "key "+want+" signs", func() bool { return source.Keyring().Signer() == want })
	}
	signs("a")
	appended(live("b", rotation.Current), live("a", rotation.Retiring))
	signs("b")
	eventually(ctx, t, "a row with both keys", func() bool {
		found, err := rows.Verifiers(ctx, "payments")
		return err == nil && len(found) == 1 && len(found[0].Keys) == 2 && found[0].Signs == "b"
	})
	server.Restart(t)
	eventually(ctx, t, "the connection is back", nc.IsConnected)
	if _, err := source.Keyring().Sign(map[string]any{}); err != nil {
		t.Errorf("got error %v from signing after a restart of the server, want none", err)
	}
	appended(live("c", rotation.Current), live("b", rotation.Retiring))
	signs("c")

	stop()
	if err := <-ended; err != nil {
		t.Errorf("got error %v from Run, want none", err)
	}
	eventually(ctx, t, "the row is taken back", func() bool {
		found, err := rows.Verifiers(ctx, "payments")
		return err == nil && len(found) == 0
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until ok, or the context ends.
func eventually(ctx context.Context, t *testing.T, what string, ok func() bool) {
	t.Helper()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("got no end of waiting for: %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
