package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/keyturn/keyturn/auth/natskeys"
	"github.com/keyturn/keyturn/watcher"
	"github.com/keyturn/keyturn/watcher/admin"
	"github.com/keyturn/keyturn/watcher/rotation"
	"github.com/keyturn/keyturn/watcher/secretsmanager"
)

// inspection gathers the findings of one ring's check.
type inspection struct {
	findings []admin.Finding
	failed   bool
	warned   bool
}

func (i *inspection) add(level, topic, format string, args ...any) {
	i.failed = i.failed || level == admin.LevelFail
	i.warned = i.warned || level == admin.LevelWarn
	i.findings = append(i.findings, admin.Finding{Topic: topic, Level: level, Text: fmt.Sprintf(format, args...)})
}

// inspect looks at a ring without changing anything: at its store, and where
// the daemon answers (seen is not nil) at the log, the verifiers and browsers.
// It never shows a value.
func inspect(ctx context.Context, c Config, cloud *cloud, r *ring, seen *admin.Ring, verifiers []rotation.VerifierRow, verdicts []natskeys.Verdict) admin.Report {
	i := &inspection{}
	var head rotation.State
	if seen != nil {
		head = seen.State
	}
	if s, ok := r.store.(*secretsmanager.Store); ok {
		i.secret(ctx, r, s)
	} else {
		i.store(ctx, r, head)
	}
	i.hints(ctx, r.config, cloud, r.queue)
	if seen != nil {
		i.log(*seen)
		i.verifiers(head, verifiers)
		i.agreement(verdicts)
	}
	i.serving(c, r.config)
	i.signin(ctx, c, r.config)
	next := "keyturn rotate " + r.config.Name + " --dry-run"
	switch {
	case i.failed:
		next = "mend what failed, then keyturn check " + r.config.Name + " again"
	case seen == nil:
		next = "keyturn serve --config FILE"
	case seen.ReadOnly != "":
		next = "change the key where the store is written, and watch it: keyturn tail " + r.config.Name
	}
	return admin.Report{Ring: r.config.Name, Findings: i.findings, Next: next}
}

// store looks at what a key file holds now.
func (i *inspection) store(ctx context.Context, r *ring, head rotation.State) {
	snap, err := r.store.Look(ctx, head)
	if err != nil {
		i.add(admin.LevelFail, "store", "%v", err)
		return
	}
	text := fmt.Sprintf("%s is readable, keys: %d", r.config.Secret, len(snap.Keys))
	if snap.Seen != "" {
		text += ", serial " + snap.Seen
	}
	i.add(admin.LevelOK, "store", "%s", text)
	state, _ := rotation.Next(head, snap, r.config.policy(), time.Now())
	current := false
	for _, k := range snap.Keys {
		current = current || k.Stage == rotation.Current
		i.key(ctx, r, state, k)
	}
	if !current {
		i.add(admin.LevelFail, "stages", "no key is current, so nothing can sign; set the stage of one to current")
	}
	for _, alarm := range r.store.Alarms() {
		i.add(admin.LevelWarn, alarm.Code, "%s", alarm.Text)
	}
	if err := r.store.Writable(); err != nil {
		i.add(admin.LevelNote, "write", "watched only: %v", err)
	} else {
		i.add(admin.LevelOK, "write", "keyturn may write it, so `keyturn rotate` works")
	}
}

// key describes one key of the store, without its value.
func (i *inspection) key(ctx context.Context, r *ring, state rotation.State, seen rotation.Seen) {
	why := "written beside the material"
	switch {
	case r.config.KID.From == watcher.KIDLiteral && seen.KID == r.config.KID.Literal:
		why = "the literal of the configuration"
	case seen.KID == rotation.DeriveKID(seen.Version):
		why = "derived from the version, since none is written"
	}
	for _, k := range state.Keys {
		if k.Version != seen.Version || k.KID != seen.KID {
			continue
		}
		value, err := r.store.Value(ctx, state, k)
		if err != nil {
			i.add(admin.LevelFail, "key", "%s key %s: %v", seen.Stage, k.Name, err)
			return
		}
		form := "private key"
		switch {
		case value.Symmetric():
			form = "shared secret"
		case !value.CanSign():
			form = "public key"
		}
		i.add(admin.LevelOK, "key", "%s: kid %s (%s), %s, %s", seen.Stage, k.KID, why, k.Algorithm, form)
		if weak := value.Weak(); weak != "" {
			i.add(admin.LevelWarn, "strength", "kid %s: %s; turn it: keyturn rotate %s", k.KID, weak, r.config.Name)
		}
		if k.Stage == rotation.Current && r.config.Issuer == "keyturn" && !value.CanSign() {
			i.add(admin.LevelFail, "key", "the current key is public, so keyturn can't sign with it; put the private key into the store, or write issuer: external")
		}
		return
	}
	i.add(admin.LevelNote, "key", "%s: kid %s (%s) is not live", seen.Stage, seen.KID, why)
}

// agreement says who verifies what is signed here, by a canary. Where nothing is
// signed here there are no verdicts.
func (i *inspection) agreement(verdicts []natskeys.Verdict) {
	agree := 0
	for _, v := range verdicts {
		switch {
		case v.Verifies:
			agree++
		case v.Code == natskeys.CodeSilent:
			i.add(admin.LevelWarn, "agreement", "%s reports and did not answer the canary; ask again, or see whether it hangs", v.Instance)
		default:
			i.add(admin.LevelFail, "agreement", "%s refuses what is signed here (%s): it holds another secret; give it the same store, or the same values", v.Instance, v.Code)
		}
	}
	if agree > 0 {
		i.add(admin.LevelOK, "agreement", "%d of %d verify what is signed here", agree, len(verdicts))
	}
}

// log compares what the daemon knows.
func (i *inspection) log(seen admin.Ring) {
	switch {
	case seen.State.IsZero():
		i.add(admin.LevelFail, "log", "the log knows nothing of the ring yet")
	case !seen.Live:
		i.add(admin.LevelWarn, "log", "rev %d, but not live: NATS does not answer, or no watcher saw its store lately", seen.State.Rev)
	default:
		i.add(admin.LevelOK, "log", "rev %d, %s by %s", seen.State.Rev, seen.State.Cause.Change, seen.State.Cause.By)
	}
	if seen.Error != "" {
		i.add(admin.LevelFail, "watcher", "%s", seen.Error)
	}
	for _, alarm := range seen.Alarms {
		i.add(admin.LevelWarn, alarm.Code, "%s", alarm.Text)
	}
}

// verifiers says who lacks which live key.
func (i *inspection) verifiers(head rotation.State, rows []rotation.VerifierRow) {
	if len(rows) == 0 {
		i.add(admin.LevelNote, "verifiers", "none reports; a rotation will wait the verifier wait, then go on")
		return
	}
	good := 0
	for _, row := range rows {
		switch {
		case len(row.Missing) > 0:
			i.add(admin.LevelWarn, "verifiers", "%s can't read %s: let it read the store", row.Instance, strings.Join(row.Missing, ", "))
		case row.Error != "":
			i.add(admin.LevelWarn, "verifiers", "%s: %s", row.Instance, row.Error)
		case row.Rev < head.Rev:
			i.add(admin.LevelNote, "verifiers", "%s is at rev %d, %d behind", row.Instance, row.Rev, head.Rev-row.Rev)
		default:
			good++
		}
	}
	if good > 0 {
		i.add(admin.LevelOK, "verifiers", "%d of %d hold every live key", good, len(rows))
	}
}

// serving says what happens to tokens and browsers.
func (i *inspection) serving(c Config, r RingConfig) {
	p := r.policy()
	i.add(admin.LevelNote, "tokens", "after a turn the old key verifies %s more (signer lag %s, token lifetime %s, clocks %s)",
		p.SignerLag+p.TokenLifetime+p.Skew, p.SignerLag, p.TokenLifetime, p.Skew)
	switch {
	case r.Issuer == "external":
		i.add(admin.LevelNote, "issuer", "your own; browsers are told to refresh %s after a turn", r.IssuerLag)
	case c.Auth.Ring != r.Name:
		i.add(admin.LevelWarn, "issuer", "keyturn, but the auth section names no such ring: nobody can refresh; write auth: {ring: %s}, or issuer: external", r.Name)
	default:
		i.add(admin.LevelOK, "issuer", "keyturn, %v refreshes a second at most", r.Refresh.PerSecond)
	}
	if len(c.Broadcast.Origins) == 0 {
		i.add(admin.LevelNote, "origins", "none: only pages of the public listener's own origin may connect; list your applications under broadcast.origins")
	} else {
		i.add(admin.LevelOK, "origins", "%s", strings.Join(c.Broadcast.Origins, ", "))
	}
	if c.NATS.URL == "" {
		i.add(admin.LevelNote, "nats", "embedded, a single node: the log lives in %s", c.DataDir)
	} else {
		i.add(admin.LevelNote, "nats", "external")
	}
}
