package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/keyturn/keyturn/test/awsfake"
)

// measureCloud measures how long it takes from a change in AWS Secrets Manager,
// whose event lies in the queue at once, to the append. AWS is the fake of the
// tests, in this process; the daemon is the real binary and asks it through the
// SDK, over HTTP.
func measureCloud(ctx context.Context, o options, binary, dir string, r *report) (err error) {
	say("%d changes of a secret, told of through SQS", o.rounds)
	const secret = "bench/jwt"
	aws := awsfake.Start()
	defer aws.Close()
	queue := aws.Queue("bench")
	aws.Create(secret, freshSecret())
	aws.Subscribe(queue, awsfake.Rule{Trail: true})
	d, err := serveCloud(ctx, binary, filepath.Join(dir, "cloud"), secret, queue.URL, aws.Env(awsfake.Watch))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(30*time.Second)) }()
	var took []float64
	for round := range o.rounds + 1 {
		before, err := d.revision(ctx)
		if err != nil {
			return err
		}
		begin := time.Now()
		aws.Put(secret, freshSecret(), awsfake.Pending) // one event, which moves nobody
		after, err := d.changed(ctx, before)
		if err != nil {
			return fmt.Errorf("change %d: %w", round, err)
		}
		if round > 0 { // the first one warms up
			took = append(took, float64(after.Sub(begin).Microseconds())/1e3)
		}
	}
	r.add(atMost("SQS message → append", median(took), 100, "ms", "AWS in the measuring process"))
	r.note("SQS message: a pending version, whose CloudTrail record is in the queue when the call returns; one DescribeSecret and one GetSecretValue until the append. AWS itself takes longer to deliver.")
	return nil
}

// serveCloud starts a daemon on a secret of AWS whose poll is an hour away.
func serveCloud(ctx context.Context, binary, dir, secret, queue string, env []string) (*daemon, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &daemon{}
	var err error
	if d.public, err = freeAddress(); err != nil {
		return nil, err
	}
	if d.admin, err = freeAddress(); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "keyturn.yaml")
	text := fmt.Sprintf(`rings: [{name: %s, store: aws, secret: %s, poll: 1h, tokenLifetime: %s, hints: {sqs: "%s"}}]
broadcast: {listen: "%s", origins: ["http://%s"]}
admin: {listen: "%s"}
log: {level: warn}
dataDir: %s
`, ring, secret, tokenLifetime, queue, d.public, d.public, d.admin, filepath.Join(dir, "data"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, "serve", "--config", config)
	cmd.Env = append(os.Environ(), env...)
	if d.process, err = start("keyturn serve (AWS)", cmd, false); err != nil {
		return nil, err
	}
	if err := d.ready(ctx, d.admin); err != nil {
		return nil, errors.Join(err, d.stop(10*time.Second))
	}
	return d, nil
}

// changed waits for the state that follows before, and returns its rev.
func (d *daemon) changed(ctx context.Context, before time.Time) (time.Time, error) {
	deadline := time.Now().Add(time.Minute)
	for {
		at, err := d.revision(ctx)
		switch {
		case err != nil:
			return at, err
		case at.After(before):
			return at, nil
		case time.Now().After(deadline):
			return at, errors.New("no new state within a minute")
		}
		select {
		case <-ctx.Done():
			return at, ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func freshSecret() awsfake.Value {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return awsfake.String(hex.EncodeToString(b))
}
