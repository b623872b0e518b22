package natslog

import (
	"fmt"
	"reflect"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/keyturn/keyturn/watcher/rotation"
)

// history is how many states of a ring the stream keeps. The newest is what
// counts; the others tell a person what happened.
const history = 64

// maxMessage leaves room for headers besides the largest event, in bytes.
const maxMessage = rotation.MaxEvent + 4<<10

// define returns what the stream's settings should be, given those it has (the
// zero value: there is none). It is the one definition of the stream. Settings
// that are not keyturn's business, like placement, stay as they are.
func define(have jetstream.StreamConfig, replicas int) jetstream.StreamConfig {
	want := have
	want.Name = rotation.Stream
	want.Subjects = []string{rotation.LogPrefix + "*"}
	// Limited by count for each ring, and by nothing else: a limit on age or
	// on the whole would in the end drop the only state of a quiet ring.
	want.Retention = jetstream.LimitsPolicy
	want.Discard = jetstream.DiscardOld
	want.DiscardNewPerSubject = false
	want.MaxMsgsPerSubject = history
	want.MaxMsgs = -1
	want.MaxBytes = -1
	want.MaxAge = 0
	want.MaxMsgSize = maxMessage
	want.Storage = jetstream.FileStorage
	want.NoAck = false
	// A direct get may be answered by a follower that lags behind.
	want.AllowDirect = false
	// The server republishes what is committed, so a push never runs ahead of the log.
	want.RePublish = &jetstream.RePublish{
		Source:      rotation.LogPrefix + "*",
		Destination: rotation.StatePrefix + "{{wildcard(1)}}",
	}
	want.SubjectTransform = nil
	switch {
	case replicas > 0:
		want.Replicas = replicas
	case want.Replicas == 0:
		want.Replicas = 1
	}
	if want.Description == "" {
		want.Description = "keyturn: states of the rings"
	}
	return want
}

// differs reports whether the stream's settings have to be changed.
func differs(have, want jetstream.StreamConfig) bool { return !reflect.DeepEqual(have, want) }

// refused explains why the server does not accept the definition.
func refused(err error, replicas int) error {
	switch errorCode(err) {
	case codeReplicasNotSupported:
		return fmt.Errorf("stream %s: %d replicas need a NATS cluster of that many servers, and this server stands alone; set nats.replicas to 1: %w",
			rotation.Stream, replicas, err)
	case codeSubjectOverlap:
		return fmt.Errorf("stream %s: another stream of this account already takes %s*; remove that subject there: %w",
			rotation.Stream, rotation.LogPrefix, err)
	}
	return fmt.Errorf("stream %s: its settings can't be made right; delete the stream (the watchers fill it again) or mend it by hand: %w",
		rotation.Stream, err)
}
