package awsfake

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// secretOperations are the operations of Secrets Manager.
var secretOperations = map[string]operation{
	"CreateSecret":             (*Fake).createSecret,
	"DescribeSecret":           (*Fake).describeSecret,
	"GetSecretValue":           (*Fake).getSecretValue,
	"ListSecretVersionIds":     (*Fake).listSecretVersionIds,
	"ListSecrets":              (*Fake).listSecrets,
	"PutSecretValue":           (*Fake).putSecretValue,
	"UpdateSecret":             (*Fake).updateSecret,
	"UpdateSecretVersionStage": (*Fake).updateSecretVersionStage,
	"DeleteSecret":             (*Fake).deleteSecret,
	"RestoreSecret":            (*Fake).restoreSecret,
	"TagResource":              (*Fake).tagResource,
	"RotateSecret":             (*Fake).rotateSecret,
	"CancelRotateSecret":       (*Fake).cancelRotateSecret,
	"ReplicateSecretToRegions": (*Fake).replicateSecret,
}

func (f *Fake) describeSecret(req *request) (answer, error) {
	var in struct{ SecretId string }
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.open(req, in.SecretId, nil)
	if err != nil {
		return nil, err
	}
	s = f.asRead(req, s)
	out := answer{"ARN": s.arnIn(req.region), "Name": s.name, "CreatedDate": seconds(s.created), "LastChangedDate": seconds(s.changed)}
	set(out, "Description", s.description)
	set(out, "KmsKeyId", s.kmsKey)
	set(out, "OwningService", s.owningService)
	for name, at := range map[string]time.Time{"LastAccessedDate": s.accessed, "DeletedDate": s.deleted, "LastRotatedDate": s.lastRotated} {
		if !at.IsZero() {
			out[name] = seconds(at)
		}
	}
	if r := s.rotation; r != nil {
		out["RotationEnabled"] = r.enabled
		set(out, "RotationLambdaARN", r.lambda)
		out["RotationRules"] = answer{"AutomaticallyAfterDays": r.days}
	}
	if len(s.replicas) > 0 {
		out["PrimaryRegion"] = Region
		var status []answer
		for _, region := range s.replicas {
			status = append(status, answer{"Region": region, "Status": "InSync"})
		}
		if req.region == Region {
			out["ReplicationStatus"] = status
		}
	}
	if len(s.tags) > 0 {
		var tags []answer
		for k, v := range s.tags {
			tags = append(tags, answer{"Key": k, "Value": v})
		}
		out["Tags"] = tags
	}
	if stages := f.stages(s); len(stages) > 0 {
		out["VersionIdsToStages"] = stages
	}
	return out, nil
}

// stages is the map from version to labels as DescribeSecret shows it: without
// label-less versions, unless an emulator's habits are asked for.
func (f *Fake) stages(s *secret) map[string][]string {
	out := map[string][]string{}
	for _, v := range s.versions {
		labels := slices.Clone(v.labels)
		if f.faults.twoCurrent[s.arn] && slices.Contains(labels, Previous) {
			labels = append(labels, Current)
		}
		if f.faults.untidy {
			labels = append(labels, labels...)
			if labels == nil {
				labels = []string{}
			}
		}
		if len(labels) > 0 || f.faults.untidy {
			out[v.id] = labels
		}
	}
	return out
}

func set(out answer, name, value string) {
	if value != "" {
		out[name] = value
	}
}

func (f *Fake) getSecretValue(req *request) (answer, error) {
	var in struct{ SecretId, VersionId, VersionStage string }
	if err := req.read(&in); err != nil {
		return nil, err
	}
	// Whether a call by id alone has this condition key is not documented. Here it
	// has none, so that a policy that relies on it shows.
	context := map[string][]string{}
	if stage := in.VersionStage; stage != "" {
		context["secretsmanager:VersionStage"] = []string{stage}
	} else if in.VersionId == "" {
		context["secretsmanager:VersionStage"] = []string{Current}
	}
	live, err := f.open(req, in.SecretId, context)
	if err != nil {
		return nil, err
	}
	s := f.asRead(req, live)
	if !s.deleted.IsZero() {
		return nil, markedForDeletion()
	}
	v, err := s.choose(in.VersionId, in.VersionStage)
	if err != nil {
		return nil, err
	}
	if err := f.decrypt(req, s, "kms:Decrypt"); err != nil {
		return nil, err
	}
	live.accessed = f.now().UTC().Truncate(24 * time.Hour)
	out := answer{"ARN": s.arnIn(req.region), "Name": s.name, "VersionId": v.id, "CreatedDate": seconds(v.created)}
	if len(v.labels) > 0 {
		out["VersionStages"] = v.sorted()
	}
	b, binary := v.value.Reveal()
	if binary {
		out["SecretBinary"] = base64.StdEncoding.EncodeToString(b)
	} else {
		out["SecretString"] = string(b)
	}
	return out, nil
}

// choose is the version that id and label name together. Neither: AWSCURRENT.
func (s *secret) choose(id, label string) (*version, *apiError) {
	if id == "" {
		label = first(label, Current)
		v := s.holder(label)
		if v == nil || v.value.none() {
			return nil, notFound("Secrets Manager can't find the specified secret value for staging label: %s", label)
		}
		return v, nil
	}
	v := s.version(id)
	switch {
	case v == nil:
		return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: %s", id)
	case label != "" && !slices.Contains(v.labels, label):
		return nil, invalidRequest("You provided a VersionStage that is not associated to the provided VersionId.")
	case v.value.none() && label != "":
		return nil, notFound("Secrets Manager can't find the specified secret value for staging label: %s", label)
	case v.value.none():
		return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: %s", id)
	}
	return v, nil
}

func (f *Fake) listSecretVersionIds(req *request) (answer, error) {
	var in struct {
		SecretId          string
		IncludeDeprecated bool
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.open(req, in.SecretId, nil)
	if err != nil {
		return nil, err
	}
	s = f.asRead(req, s)
	list := []answer{}
	for _, v := range s.versions {
		if len(v.labels) == 0 && !in.IncludeDeprecated {
			continue
		}
		item := answer{"VersionId": v.id, "CreatedDate": seconds(v.created), "KmsKeyIds": []string{first(s.kmsKey, "DefaultEncryptionKey")}}
		if len(v.labels) > 0 {
			item["VersionStages"] = v.sorted()
		}
		list = append(list, item)
	}
	return answer{"ARN": s.arnIn(req.region), "Name": s.name, "Versions": list}, nil
}

// listLag is how late ListSecrets may be: "might not reflect changes from the
// last five minutes" (API reference, ListSecrets). Here it always is.
const listLag = 5 * time.Minute

func (f *Fake) listSecrets(req *request) (answer, error) {
	if err := f.authorize(req, "secretsmanager:ListSecrets", "*", nil); err != nil {
		return nil, err
	}
	then := f.now().Add(-listLag)
	list := []answer{}
	for _, s := range f.secrets {
		if s.created.After(then) || !s.deleted.IsZero() || req.region != Region {
			continue
		}
		seen := s
		for _, h := range s.history {
			if h.until.After(then) {
				seen = h.state
				break
			}
		}
		list = append(list, answer{
			"ARN": seen.arn, "Name": seen.name, "LastChangedDate": seconds(seen.changed),
			"SecretVersionsToStages": f.stages(seen),
		})
	}
	slices.SortFunc(list, func(a, b answer) int { return strings.Compare(a["Name"].(string), b["Name"].(string)) })
	return answer{"SecretList": list[:min(100, len(list))]}, nil
}
