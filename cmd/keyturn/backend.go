package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/keyturn/keyturn/auth"
	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/broadcaster/natsfeed"
	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/rollout"
	"github.com/keyturn/keyturn/watcher/rotation"
)

// backend is what the admin API sees of this process.
type backend struct {
	config Config
	cloud  *cloud // nil: no ring is kept in AWS
	rings  map[string]*ring
	board  *board
	rows   *natsfeed.Rows
	conn   *nats.Conn
}

// Names implements admin.Rings.
func (b *backend) Names() []string {
	out := make([]string, len(b.config.Rings))
	for i, r := range b.config.Rings {
		out[i] = r.Name
	}
	return out
}

// Ring implements admin.Rings.
func (b *backend) Ring(ctx context.Context, name string) (admin.Ring, error) {
	r := b.rings[name]
	status := r.watcher.Status()
	state, live := b.newest(name)
	out := admin.Ring{
		Name: name, Store: r.config.Store, Secret: r.config.Secret, Issuer: r.config.Issuer,
		State: state, Live: live, LookedAt: status.LookedAt, Error: status.Error,
	}
	for _, alarm := range r.alarms() {
		out.Alarms = appendAlarm(out.Alarms, alarm)
	}
	if err := r.store.Writable(); err != nil {
		out.ReadOnly = err.Error()
	}
	rows, err := b.rows.Census(ctx, name)
	if err != nil {
		out.Alarms = append(out.Alarms, admin.Alarm{Code: "rows_unreadable", Text: "the browsers can't be counted now: " + err.Error()})
	}
	out.Census = admin.Total(rows)
	out.Degraded = status.Degraded || out.Error != "" || len(out.Alarms) > 0
	return out, nil
}

// newest returns the newest state of a ring that any part of this process
// knows; the watcher may be a push ahead of the feed.
func (b *backend) newest(name string) (rotation.State, bool) {
	state, live := b.board.last(name)
	if head := b.rings[name].watcher.Status().Head; head.Rev > state.Rev {
		state = head
	}
	return state, live
}

// appendAlarm adds an alarm that is not there yet: watcher and store may tell of the same.
func appendAlarm(list []admin.Alarm, alarm rotation.Alarm) []admin.Alarm {
	a := admin.Alarm{Code: alarm.Code, Key: alarm.Key, Text: alarm.Text}
	for _, there := range list {
		if there == a {
			return list
		}
	}
	return append(list, a)
}

// Check implements admin.Rings.
func (b *backend) Check(ctx context.Context, name string) (admin.Report, error) {
	ring, err := b.Ring(ctx, name)
	if err != nil {
		return admin.Report{}, err
	}
	verifiers, err := b.rows.Verifiers(ctx, name)
	if err != nil {
		return admin.Report{}, err
	}
	var verdicts []natskeys.Verdict
	if r := b.rings[name]; name == b.config.Auth.Ring && r.keys.Load() != nil {
		if verdicts, err = agreement(ctx, b.rows, r); err != nil {
			return admin.Report{}, err
		}
	}
	return inspect(ctx, b.config, b.cloud, b.rings[name], &ring, verifiers, verdicts), nil
}

// Mint implements admin.Minter.
func (b *backend) Mint(_ context.Context, name, subject string, roles []string, lifetime time.Duration) (admin.Minted, error) {
	r := b.rings[name]
	if r.config.Issuer != "keyturn" {
		return admin.Minted{}, admin.NewProblem(http.StatusConflict, "external_issuer",
			"tokens of ring "+name+" are signed by its own issuer; ask that one")
	}
	lifetime = min(lifetime, r.config.TokenLifetime) // a longer one would outlive what the ring claims
	now := time.Now()
	issuer, audience := b.config.claimsOf(r.config)
	claims := map[string]any{
		"sub": subject, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "jti": rand.Text(),
	}
	if issuer != "" {
		claims["iss"] = issuer
	}
	if audience != "" {
		claims["aud"] = audience
	}
	if len(roles) > 0 {
		claims["roles"] = roles
	}
	keys := r.keys.Load()
	if keys == nil {
		return admin.Minted{}, admin.NewProblem(http.StatusServiceUnavailable, "unavailable", "ring "+name+": "+errNoKeys.Error())
	}
	signed, err := keys.Keyring().Sign(claims)
	var refused *auth.Error
	switch {
	case errors.As(err, &refused):
		return admin.Minted{}, admin.NewProblem(refused.Status, refused.Code, refused.Description)
	case err != nil:
		return admin.Minted{}, err
	}
	return admin.Minted{Token: signed.Token, Key: signed.Key, KID: signed.KID, ExpiresInMs: lifetime.Milliseconds()}, nil
}

// Rotate implements admin.Rotator.
func (b *backend) Rotate(ctx context.Context, name string, request admin.RotateRequest, step func(admin.Step)) (admin.Result, error) {
	r := b.rings[name]
	done, err := rollout.Rotate(ctx, r.deps(b.config, b.rows), rollout.Request{
		Key: request.Key, Compromise: request.Compromise, DryRun: request.DryRun,
		VerifierWait: time.Duration(request.VerifierWaitMs) * time.Millisecond,
	}, func(s rollout.Step) { step(admin.Step{Name: s.Name, Detail: s.Detail, At: s.At}) })
	switch {
	case errors.Is(err, rollout.ErrRefused):
		return admin.Result{}, admin.NewProblem(http.StatusConflict, "rotation_refused", err.Error())
	case errors.Is(err, rollout.ErrVerifiers):
		return admin.Result{}, admin.NewProblem(http.StatusConflict, "verifiers_lack_key", err.Error())
	case err != nil:
		return admin.Result{}, err
	}
	return admin.Result{
		Ring: name, From: done.From, To: done.To, KID: done.KID, Rev: done.Rev,
		DryRun: done.DryRun, Resumed: done.Resumed, Signs: done.Signs,
	}, nil
}
