package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// secret looks at a secret of AWS: what it holds, which labels say what, and
// what this process may do with it.
func (i *inspection) secret(ctx context.Context, r *ring, s *secretsmanager.Store) {
	found, err := s.Inspect(ctx)
	if err != nil {
		i.add(admin.LevelFail, "store", "%v", err)
		return
	}
	text := fmt.Sprintf("%s in %s, %s", found.ARN, found.Region, count(len(found.Versions), "version"))
	if !found.Changed.IsZero() {
		text += ", changed " + found.Changed.UTC().Format(time.RFC3339)
	}
	i.add(admin.LevelOK, "store", "%s, %d of %d labels used", text, found.Labels, secretsmanager.MaxLabels)
	if !found.Deleted.IsZero() {
		i.add(admin.LevelFail, "store", "it is scheduled for deletion (DeletedDate %s): restore it with aws secretsmanager restore-secret, or name another", found.Deleted.UTC().Format(time.RFC3339))
	}
	if found.Lambda != "" {
		turns := "does not turn it by itself"
		if found.Rotates {
			turns = "turns it by itself"
		}
		i.add(admin.LevelNote, "rotation", "the function %s %s; keyturn follows whatever it does", found.Lambda, turns)
	}
	if found.KMSKey != "" {
		i.add(admin.LevelNote, "kms", "encrypted with %s", found.KMSKey)
	}
	current := false
	for _, v := range found.Versions {
		current = current || slices.Contains(v.Labels, "AWSCURRENT")
		i.version(r, v)
	}
	if !current {
		i.add(admin.LevelFail, "stages", "no version has AWSCURRENT, so nothing can sign; put a value into the secret")
	}
	for _, p := range s.Probe(ctx) {
		i.permission(p)
	}
	for _, alarm := range s.Alarms() {
		i.add(admin.LevelWarn, alarm.Code, "%s", alarm.Text)
	}
	if err := s.Writable(); err != nil {
		i.add(admin.LevelNote, "write", "watched only: %v", err)
	}
}

// version describes one version of a secret, without its value.
func (i *inspection) version(r *ring, v secretsmanager.InspectedVersion) {
	stage := string(v.Stage)
	if stage == "" {
		stage = "not used"
	}
	what := fmt.Sprintf("%s: version %s (%s)", stage, v.Version, strings.Join(v.Labels, ", "))
	if v.Err != nil {
		level := admin.LevelWarn
		if v.Stage == rotation.Current {
			level = admin.LevelFail
		}
		i.add(level, "form", "%s: %v", what, v.Err)
		return
	}
	form := v.Form
	if v.Member != "" {
		form += ", the key in member " + safe(v.Member)
	}
	if v.Binary {
		form += ", stored as binary"
	}
	i.add(admin.LevelOK, "form", "%s: %s, %s", what, form, count(len(v.Keys), "key"))
	for _, w := range v.Warnings {
		i.add(admin.LevelWarn, "form", "version %s: %s", v.Version, w)
	}
	for _, k := range v.Keys {
		kind := "private key"
		switch {
		case k.Symmetric:
			kind = "shared secret"
		case !k.CanSign:
			kind = "public key"
		}
		i.add(admin.LevelOK, "key", "%s: kid %s (%s), %s, %s", stage, k.KID, k.Why, k.Algorithm, kind)
		if k.Weak != "" {
			i.add(admin.LevelWarn, "strength", "kid %s: %s; it is watched and verifies, and no key like it is accepted again: turn it with keyturn rotate %s", k.KID, k.Weak, r.config.Name)
		}
		if !k.Active || v.Stage != rotation.Current {
			continue
		}
		if r.config.Issuer == "keyturn" && !k.CanSign {
			i.add(admin.LevelFail, "key", "the current key is public, so keyturn can't sign with it; put the private key into the secret, or write issuer: external")
		}
		switch {
		case k.Why == "named by the value":
		case r.config.RequireKID:
			i.add(admin.LevelWarn, "tokens", "the value names no kid, and requireKid refuses the tokens that carry none")
		default:
			i.add(admin.LevelNote, "tokens", "the value names no kid; tokens that carry none go on working: they are tried against the live keys")
		}
	}
}

// permission says whether something is allowed. Only reading is needed to watch.
func (i *inspection) permission(p secretsmanager.Permission) {
	reads := strings.HasSuffix(p.Action, ":DescribeSecret") || strings.HasSuffix(p.Action, ":GetSecretValue") || p.Action == "kms:Decrypt"
	text := fmt.Sprintf("%s (%s): %s", p.Action, p.For, p.Result)
	if p.Why != "" {
		text += ", " + p.Why
	}
	level := admin.LevelNote
	switch {
	case p.Result == secretsmanager.Allowed:
		level = admin.LevelOK
	case p.Result == secretsmanager.Denied && reads:
		level = admin.LevelFail
	case p.Result == secretsmanager.Unknown:
		level = admin.LevelWarn
	}
	i.add(level, "permission", "%s", text)
}

// hints looks at the queue of a ring. own is the one that this process runs; nil: none.
func (i *inspection) hints(ctx context.Context, r RingConfig, cloud *cloud, own *secretsmanager.Queue) {
	if r.Store != storeAWS {
		return
	}
	if r.Hints.SQS == "" {
		i.add(admin.LevelNote, "hints", "none: a change is noticed by looking every %s; for less than a second, set hints: {sqs: URL} (deploy/aws)", r.Poll)
		return
	}
	q, err := secretsmanager.InspectQueue(ctx, r.Hints.SQS, cloud.queue(r))
	if err != nil {
		i.add(admin.LevelFail, "hints", "%v; until then a change is noticed by looking, every 15 s at least", err)
		return
	}
	text := fmt.Sprintf("queue %s: %d waiting, %d in flight, kept for %s", q.Name, q.Waiting, q.InFlight, q.Retention)
	if own != nil {
		answered, waiting, oldest := own.Age()
		text += fmt.Sprintf("; here %d wait for a look", waiting)
		if !oldest.IsZero() {
			text += ", the oldest for " + age(time.Now(), oldest)
		}
		if !answered.IsZero() {
			text += "; it answered " + age(time.Now(), answered) + " ago"
		}
	}
	i.add(admin.LevelOK, "hints", "%s", text)
	if q.DeadLetters == "" {
		i.add(admin.LevelWarn, "hints", "queue %s has no dead-letter queue, so what is received in vain again and again is never seen; see deploy/aws", q.Name)
	} else {
		i.add(admin.LevelOK, "hints", "after %d receives a message goes to %s", q.MaxReceives, q.DeadLetters)
	}
	if !q.FromEvents {
		i.add(admin.LevelWarn, "hints", "the policy of queue %s names neither events.amazonaws.com nor sns.amazonaws.com, so EventBridge may not fill it; see deploy/aws", q.Name)
	}
}

// count is n of what, in the plural where there is not one.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
