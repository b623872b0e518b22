package awsfake

import (
	"encoding/base64"
	"slices"
	"time"
)

// valueFields are the members that carry a value in three operations.
type valueFields struct {
	SecretString *string
	SecretBinary *string // base64
}

func (in valueFields) value() (Value, *apiError) {
	var v Value
	switch {
	case in.SecretString != nil && in.SecretBinary != nil:
		return v, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case in.SecretString != nil:
		v = String(*in.SecretString)
	case in.SecretBinary != nil:
		b, err := base64.StdEncoding.DecodeString(*in.SecretBinary)
		if err != nil {
			return v, refuse("SerializationException", "SecretBinary is not base64")
		}
		v = Binary(b)
	}
	if v.size() > maxValueBytes {
		return v, invalidParameter("Secret value is longer than %d bytes.", maxValueBytes)
	}
	return v, nil
}

func checkToken(token string) *apiError {
	if token == "" {
		return invalidRequest("You must provide a ClientRequestToken value. We recommend a UUID-type value.")
	}
	if len(token) < minTokenLength || len(token) > maxTokenLength {
		return invalidParameter("ClientRequestToken must be %d-%d characters long.", minTokenLength, maxTokenLength)
	}
	return nil
}

func (f *Fake) createSecret(req *request) (answer, error) {
	var in struct {
		Name, Description, KmsKeyId, ClientRequestToken string
		valueFields
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	if err := f.authorize(req, "secretsmanager:CreateSecret", in.Name, nil); err != nil {
		return nil, err
	}
	if s, _ := f.find(in.Name, Region); s != nil {
		if !s.deleted.IsZero() {
			return nil, invalidRequest("You can't create this secret because a secret with this name is already scheduled for deletion.")
		}
		return nil, refuse("ResourceExistsException", "The operation failed because the secret %s already exists.", in.Name)
	}
	v, err := in.value()
	if err != nil {
		return nil, err
	}
	if err := checkToken(in.ClientRequestToken); err != nil {
		return nil, err
	}
	now := f.now()
	s := &secret{
		arn: "arn:aws:secretsmanager:" + Region + ":" + Account + ":secret:" + in.Name + "-" + newSuffix(), name: in.Name,
		description: in.Description, kmsKey: in.KmsKeyId, created: now, changed: now.Truncate(time.Millisecond),
	}
	req.secret = s
	if err := f.decrypt(req, s, "kms:GenerateDataKey"); err != nil && !v.none() {
		return nil, err
	}
	out := answer{"ARN": s.arn, "Name": s.name}
	if !v.none() {
		s.versions = []*version{{id: in.ClientRequestToken, value: v, labels: []string{Current}, created: now}}
		out["VersionId"] = in.ClientRequestToken
	}
	f.secrets = append(f.secrets, s)
	req.written = true
	return out, nil
}

func (f *Fake) putSecretValue(req *request) (answer, error) {
	var in struct {
		SecretId, ClientRequestToken string
		VersionStages                []string
		valueFields
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	v, err := in.value()
	switch {
	case err != nil:
		return nil, err
	case v.none():
		return nil, invalidRequest("You must provide either SecretString or SecretBinary.")
	case len(in.VersionStages) > maxLabels:
		return nil, invalidParameter("At most %d staging labels can be given.", maxLabels)
	}
	if err := checkToken(in.ClientRequestToken); err != nil {
		return nil, err
	}
	put, err := f.put(req, s, in.ClientRequestToken, v, in.VersionStages)
	if err != nil {
		return nil, err
	}
	return answer{"ARN": s.arn, "Name": s.name, "VersionId": put.id, "VersionStages": put.sorted()}, nil
}

// put stores a value as a version. Without labels it becomes AWSCURRENT. A
// repeated put of the same value is ignored: no label comes back by it.
func (f *Fake) put(req *request, s *secret, id string, value Value, labels []string) (*version, *apiError) {
	known := s.version(id)
	if known != nil && !known.value.none() {
		if known.value.equal(value) {
			return known, nil
		}
		return nil, refuse("ResourceExistsException", "A resource with the ID you requested already exists.")
	}
	if err := f.decrypt(req, s, "kms:GenerateDataKey"); err != nil {
		return nil, err
	}
	plain := len(labels) == 0
	if plain {
		labels = []string{Current}
	}
	trial := s.clone()
	f.attach(nil, trial, id, value, labels, plain)
	gone := trial.purge(f.now())
	switch {
	case trial.labels() > maxLabels:
		return nil, refuse("LimitExceededException", "The request failed because it would exceed the quota of %d staging labels for this secret.", maxLabels)
	case len(trial.versions) > maxVersions:
		return nil, refuse("LimitExceededException", "The request failed because it would exceed the quota of %d versions for this secret.", maxVersions)
	}
	f.change(req, s)
	v := f.attach(f, s, id, value, labels, plain)
	s.purge(f.now())
	for _, id := range gone {
		f.service("EndSecretVersionDelete", s, id, "")
	}
	return v, nil
}

// attach adds the version and moves the labels. events is nil on a trial.
func (f *Fake) attach(events *Fake, s *secret, id string, value Value, labels []string, plain bool) *version {
	v := s.version(id)
	if v == nil {
		v = &version{id: id}
		s.versions = append(s.versions, v)
	}
	v.value, v.created = value, f.now()
	// A new version that becomes current ends a rotation that was under way
	// (user guide, "RotationAbandoned"). Documented for secrets with rotation;
	// here for all, which is the harder case.
	if holder := s.holder(Pending); holder != nil && holder != v && slices.Contains(labels, Current) && !slices.Contains(labels, Pending) {
		lingering := s.holder(Current) == holder
		s.drop(Pending)
		if events != nil && !lingering {
			events.service("RotationAbandoned", s, holder.id, "")
		}
	}
	for _, label := range labels {
		moved := s.move(label, v)
		if moved && events != nil {
			events.labelMoved(s, label, v.id)
		}
	}
	return v
}

func (f *Fake) updateSecret(req *request) (answer, error) {
	var in struct {
		SecretId, ClientRequestToken string
		Description, KmsKeyId        *string
		valueFields
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	v, err := in.value()
	if err != nil {
		return nil, err
	}
	out := answer{"ARN": s.arn, "Name": s.name}
	if !v.none() {
		if err := checkToken(in.ClientRequestToken); err != nil {
			return nil, err
		}
		if s.version(in.ClientRequestToken) != nil {
			return nil, refuse("ResourceExistsException", "The operation failed because the ClientRequestToken is already in use for a version of this secret.")
		}
		put, err := f.put(req, s, in.ClientRequestToken, v, nil)
		if err != nil {
			return nil, err
		}
		out["VersionId"] = put.id
	} else {
		f.change(req, s)
	}
	if in.Description != nil {
		s.description = *in.Description
	}
	if in.KmsKeyId != nil {
		s.kmsKey = *in.KmsKeyId // labelled versions are encrypted anew in place: no new version
	}
	return out, nil
}

func (f *Fake) tagResource(req *request) (answer, error) {
	var in struct {
		SecretId string
		Tags     []struct{ Key, Value string }
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	f.change(req, s)
	if s.tags == nil {
		s.tags = map[string]string{}
	}
	for _, t := range in.Tags {
		s.tags[t.Key] = t.Value
	}
	return nil, nil
}
