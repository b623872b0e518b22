package secretsmanager

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// What is known of a permission.
const (
	Allowed  = "allowed"
	Denied   = "denied"
	NotTried = "not tried"
	Unknown  = "unknown" // AWS said something that does not tell
)

// Permission is one thing that keyturn may have to do, and whether it may.
type Permission struct {
	Action string // as policies name it, "secretsmanager:GetSecretValue"
	For    string // what it is needed for, in words
	Result string // Allowed, Denied, NotTried or Unknown
	Why    string // of a result other than Allowed: what AWS says, or why it was not tried, and what to do
}

// Labels and texts of attempts that are meant to fail.
const (
	probeLabel = "keyturn-probe"
	probeText  = "keyturn asks whether it may write; this is never stored"
)

// Probe tries each permission without changing anything. Reads are made and
// thrown away. Writes are made in a form that AWS refuses to carry out once it
// has found them permitted: PutSecretValue under the id of a version that has
// another value
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html:
// "ResourceExistsException"), UpdateSecretVersionStage that takes a label nobody
// carries off a version that does not exist. What has no such form is not tried.
func (s *Store) Probe(ctx context.Context) []Permission {
	v, err := s.describe(ctx)
	all := []Permission{judge(Permission{Action: "secretsmanager:DescribeSecret", For: "see what changed"}, err)}
	if v.arn == "" {
		return append(all, Permission{Action: "secretsmanager:GetSecretValue", For: "read its versions", Result: NotTried, Why: "the secret itself could not be looked at"})
	}
	all = append(all, s.probeReads(ctx, v)...)
	return append(all, s.probeWrites(ctx, v)...)
}

// probeReads reads each version by its label, and the current one by its id
// alone, as versions without labels are read.
func (s *Store) probeReads(ctx context.Context, v view) []Permission {
	const action = "secretsmanager:GetSecretValue"
	if !v.deleted.IsZero() {
		return []Permission{{Action: action, For: "read its versions", Result: NotTried, Why: remedies[classDeleted]}}
	}
	var all []Permission
	decrypt := Permission{Action: "kms:Decrypt", For: "read versions under the customer's key " + v.kmsKey, Result: NotTried, Why: "no version was read"}
	try := func(what, version, label string) {
		in := &awssm.GetSecretValueInput{SecretId: aws.String(s.id), VersionId: aws.String(version)}
		if label != "" {
			in.VersionStage = aws.String(label)
		}
		_, err := s.client.GetSecretValue(ctx, in)
		err = failed("GetSecretValue", s.id, err)
		all = append(all, judge(Permission{Action: action, For: "read " + what}, err))
		switch {
		case err == nil:
			decrypt.Result, decrypt.Why = Allowed, ""
		case classOf(err) == classKMS:
			decrypt.Result, decrypt.Why = Denied, err.Error()
		}
	}
	for _, l := range []struct{ label, version string }{{labelCurrent, v.current()}, {labelPending, v.pending()}, {labelPrevious, v.previous()}} {
		if l.version != "" {
			try("the version with "+l.label, l.version, l.label)
		}
	}
	if version := v.current(); version != "" {
		try("versions without a label, by their id alone", version, "")
	}
	if v.kmsKey != "" || decrypt.Result == Denied {
		all = append(all, decrypt)
	}
	return all
}

func (s *Store) probeWrites(ctx context.Context, v view) []Permission {
	put := Permission{Action: "secretsmanager:PutSecretValue", For: "write a new key"}
	move := Permission{Action: "secretsmanager:UpdateSecretVersionStage", For: "make it current"}
	rotate := Permission{Action: "secretsmanager:RotateSecret", For: "let the rotation function turn the key",
		Result: NotTried, Why: "it would start a rotation"}
	if err := s.Writable(); err != nil {
		put.Result, put.Why = NotTried, err.Error()
		move.Result, move.Why = put.Result, put.Why
		return []Permission{put, move}
	}
	_, err := s.client.UpdateSecretVersionStage(ctx, &awssm.UpdateSecretVersionStageInput{
		SecretId: aws.String(s.id), VersionStage: aws.String(probeLabel), RemoveFromVersionId: aws.String(nobody()),
	})
	move = judge(move, failed("UpdateSecretVersionStage", s.id, err))
	if s.rotateBy == RotateByLambda {
		return []Permission{move, rotate}
	}
	if current := v.current(); len(current) < 32 || len(current) > 64 {
		put.Result, put.Why = NotTried, "the current version has no id that a write could name"
	} else {
		_, err := s.client.PutSecretValue(ctx, &awssm.PutSecretValueInput{
			SecretId: aws.String(s.id), ClientRequestToken: aws.String(current), SecretString: aws.String(probeText), VersionStages: []string{probeLabel},
		})
		put = judge(put, failed("PutSecretValue", s.id, err))
	}
	all := []Permission{put, move}
	if v.kmsKey != "" {
		all = append(all, Permission{Action: "kms:GenerateDataKey", For: "write under the customer's key " + v.kmsKey, Result: NotTried, Why: "only a write that is carried out needs it"})
	}
	return all
}

// judge says what an answer tells of a permission: a call that was refused for
// any other reason than a policy was permitted.
func judge(p Permission, err error) Permission {
	switch classOf(err) {
	case classDenied, classCredentials:
		p.Result, p.Why = Denied, err.Error()
	case classThrottled, classTransient, classGarbled, classUnreachable, classEnded, classUnknown:
		p.Result, p.Why = Unknown, err.Error()
	default:
		p.Result, p.Why = Allowed, ""
	}
	return p
}

// nobody is the id of a version that does not exist: a random UUID (RFC 9562, section 5.4).
func nobody() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails, see its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
