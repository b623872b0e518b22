package awsfake

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
)

// Others change secrets too: the console, the CLI, a rotation function,
// Terraform. The methods here are what they do. They go through the same rules,
// raise the same events, and stand in no journal; no fault touches them.

// as does an operation for somebody else.
func (f *Fake) as(actor, op string, body answer) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	req := &request{op: op, who: &role{name: actor}, region: Region, body: raw}
	_, err = f.exempt(req, secretOperations[op])
	return err
}

// exempt runs an operation without the faults that keyturn's own calls meet.
func (f *Fake) exempt(req *request, do operation) (answer, error) {
	kms, stale := f.faults.kms, f.faults.stale
	f.faults.kms, f.faults.stale = KMSWorks, 0
	defer func() { f.faults.kms, f.faults.stale = kms, stale }()
	return f.once(req, do)
}

// must is as for calls that only a mistake in a test can make fail.
func (f *Fake) must(actor, op string, body answer) {
	if err := f.as(actor, op, body); err != nil {
		panic("awsfake: " + op + ": " + err.Error())
	}
}

func putBody(name, token string, v Value, labels ...string) answer {
	body := answer{"SecretId": name, "ClientRequestToken": token}
	b, binary := v.Reveal()
	switch {
	case v.none():
	case binary:
		body["SecretBinary"] = base64.StdEncoding.EncodeToString(b)
	default:
		body["SecretString"] = string(b)
	}
	if len(labels) > 0 {
		body["VersionStages"] = labels
	}
	return body
}

// SecretOption is a property of a new secret.
type SecretOption func(answer)

// CustomerKey encrypts a secret with a customer managed key, named by its id.
func CustomerKey(id string) SecretOption { return func(a answer) { a["KmsKeyId"] = id } }

// Create makes a secret and returns its ARN. The zero Value makes one without a
// version.
func (f *Fake) Create(name string, v Value, options ...SecretOption) (arn string) {
	body := putBody("", newID(), v)
	delete(body, "SecretId")
	body["Name"] = name
	for _, o := range options {
		o(body)
	}
	f.must("terraform", "CreateSecret", body)
	return f.ARN(name)
}

// Put stores a value as the console and the CLI do: it becomes AWSCURRENT,
// unless labels are given, which are then all it gets. It returns the version.
func (f *Fake) Put(name string, v Value, labels ...string) (version string) {
	version = newID()
	f.must("console", "PutSecretValue", putBody(name, version, v, labels...))
	return version
}

// Update stores a value by UpdateSecret, as Terraform and some consoles do.
func (f *Fake) Update(name string, v Value) (version string) {
	version = newID()
	f.must("terraform", "UpdateSecret", putBody(name, version, v))
	return version
}

// Describe sets the description: a change of the secret that rotates nothing.
func (f *Fake) Describe(name, description string) {
	f.must("console", "UpdateSecret", answer{"SecretId": name, "Description": description})
}

// Tag sets a tag: it moves LastChangedDate and nothing else.
func (f *Fake) Tag(name, key, value string) {
	f.must("console", "TagResource", answer{"SecretId": name, "Tags": []answer{{"Key": key, "Value": value}}})
}

// Move moves a label to a version, from wherever it is; to "" takes it off.
func (f *Fake) Move(name, label, to string) {
	body := answer{"SecretId": name, "VersionStage": label}
	if from := f.Holder(name, label); from != "" && from != to {
		body["RemoveFromVersionId"] = from
	}
	if to != "" {
		body["MoveToVersionId"] = to
	}
	f.must("console", "UpdateSecretVersionStage", body)
}

// Delete schedules a secret for deletion in so many days.
func (f *Fake) Delete(name string, days int) {
	f.must("console", "DeleteSecret", answer{"SecretId": name, "RecoveryWindowInDays": days})
}

// ForceDelete deletes a secret at once.
func (f *Fake) ForceDelete(name string) {
	f.must("console", "DeleteSecret", answer{"SecretId": name, "ForceDeleteWithoutRecovery": true})
}

// Restore takes a scheduled deletion back.
func (f *Fake) Restore(name string) {
	f.must("console", "RestoreSecret", answer{"SecretId": name})
}

// Replicate makes a secret readable in another Region too.
func (f *Fake) Replicate(name, region string) {
	f.must("console", "ReplicateSecretToRegions", answer{"SecretId": name, "AddReplicaRegions": []answer{{"Region": region}}})
}

// Rotate starts a rotation by the secret's function and returns the version
// that it makes. The schedule does the same.
func (f *Fake) Rotate(name string) (version string) {
	version = newID()
	f.must("schedule", "RotateSecret", answer{"SecretId": name, "ClientRequestToken": version})
	return version
}

// TestRotation turns rotation on without rotating: a temporary AWSPENDING comes
// and goes.
func (f *Fake) TestRotation(name string) {
	f.must("console", "RotateSecret", answer{"SecretId": name, "ClientRequestToken": newID(), "RotateImmediately": false})
}

// CancelRotation turns rotation off.
func (f *Fake) CancelRotation(name string) {
	f.must("console", "CancelRotateSecret", answer{"SecretId": name})
}

// OwnedBy marks a secret as made and managed by another AWS service.
func (f *Fake) OwnedBy(name, service string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(name, Region)
	if err != nil {
		panic("awsfake: OwnedBy: no secret " + name)
	}
	f.change(nil, s)
	s.owningService = service
}

// look reads a secret as it really is now. An unknown one reads as empty.
func (f *Fake) look(name string) *secret {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(name, Region)
	if err != nil {
		return &secret{}
	}
	return s.clone()
}

// ARN returns the ARN of a secret.
func (f *Fake) ARN(name string) string { return f.look(name).arn }

// Holder returns the version that holds a label now; "" for none.
func (f *Fake) Holder(name, label string) (version string) {
	if v := f.look(name).holder(label); v != nil {
		return v.id
	}
	return ""
}

// Labels returns the labels of all versions that have some.
func (f *Fake) Labels(name string) map[string][]string {
	out := map[string][]string{}
	for _, v := range f.look(name).versions {
		if len(v.labels) > 0 {
			out[v.id] = slices.Sorted(slices.Values(v.labels))
		}
	}
	return out
}

// Versions returns the ids of all versions that still exist, oldest first.
func (f *Fake) Versions(name string) (ids []string) {
	for _, v := range f.look(name).versions {
		ids = append(ids, v.id)
	}
	return ids
}

// Value returns what a version holds; the zero Value where it has none.
func (f *Fake) Value(name, version string) Value {
	if v := f.look(name).version(version); v != nil {
		return v.value
	}
	return Value{}
}

// Purge removes a version as Secrets Manager does with label-less ones.
func (f *Fake) Purge(name, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(name, Region)
	if err != nil {
		panic("awsfake: Purge: no secret " + name)
	}
	f.change(nil, s)
	s.versions = slices.DeleteFunc(s.versions, func(v *version) bool { return v.id == id && len(v.labels) == 0 })
}

// Tags returns the tags of a secret.
func (f *Fake) Tags(name string) map[string]string { return maps.Clone(f.look(name).tags) }
