package awsfake

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// LambdaFunc is a rotation function. Secrets Manager calls it with the steps
// createSecret, setSecret, testSecret and finishSecret in this order; an error
// ends the rotation as failed. It is called without locks and may use the fake.
type LambdaFunc func(step, secretID, token string) error

// Lambda turns on rotation of a secret by that function and returns the
// function's ARN. A nil function is one that Secrets Manager may not invoke.
func (f *Fake) Lambda(name string, do LambdaFunc) (arn string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, err := f.find(name, Region)
	if err != nil {
		panic("awsfake: Lambda: no secret " + name)
	}
	arn = "arn:aws:lambda:" + Region + ":" + Account + ":function:rotate-" + slug(name)
	f.change(nil, s)
	s.rotation = &rotationConfig{enabled: true, lambda: arn, days: 30}
	if do != nil {
		f.lambda[arn] = do
	}
	return arn
}

func slug(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c == '/' {
			b[i] = '-'
		}
	}
	return string(b)
}

// Template is a rotation function as AWS's template has it: each step may be
// called again, and the last one moves AWSCURRENT by compare-and-set. next
// makes the new value from the current one.
func (f *Fake) Template(next func(current Value) Value) LambdaFunc {
	return func(step, secretID, token string) error {
		switch step {
		case "createSecret":
			if !f.Value(secretID, token).none() {
				return nil
			}
			return f.as("rotation-function", "PutSecretValue", putBody(secretID, token, next(f.Value(secretID, f.Holder(secretID, Current))), Pending))
		case "finishSecret":
			from := f.Holder(secretID, Current)
			if from == token {
				return nil
			}
			return f.as("rotation-function", "UpdateSecretVersionStage", answer{
				"SecretId": secretID, "VersionStage": Current, "MoveToVersionId": token, "RemoveFromVersionId": from,
			})
		}
		return nil
	}
}

func (f *Fake) rotateSecret(req *request) (answer, error) {
	var in struct {
		SecretId, ClientRequestToken, RotationLambdaARN string
		RotationRules                                   *struct{ AutomaticallyAfterDays int64 }
		RotateImmediately                               *bool
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := checkToken(in.ClientRequestToken); err != nil {
		err.code = "InvalidParameterException" // this operation alone says it by that code
		return nil, err
	}
	config := rotationConfig{days: 30}
	if s.rotation != nil {
		config = *s.rotation
	}
	config.enabled, config.lambda = true, first(in.RotationLambdaARN, config.lambda)
	if in.RotationRules != nil {
		config.days = in.RotationRules.AutomaticallyAfterDays
	}
	if config.lambda == "" {
		return nil, invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	}
	if err := f.authorize(req, "lambda:InvokeFunction", config.lambda, nil); err != nil {
		return nil, err
	}
	do := f.lambda[config.lambda]
	if do == nil {
		return nil, accessDenied("Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
	}
	pending, current := s.holder(Pending), s.holder(Current)
	if pending != nil && pending != current && pending.id != in.ClientRequestToken {
		return nil, invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	f.change(req, s)
	s.rotation = &config
	immediately := in.RotateImmediately == nil || *in.RotateImmediately
	f.startRotation(s, do, in.ClientRequestToken, immediately)
	return answer{"ARN": s.arn, "Name": s.name, "VersionId": in.ClientRequestToken}, nil
}

// startRotation announces the version by its id, before it has a value, and
// calls the function. Called with mu held.
func (f *Fake) startRotation(s *secret, do LambdaFunc, token string, immediately bool) {
	steps, prefix := []string{"createSecret", "setSecret", "testSecret", "finishSecret"}, ""
	if !immediately {
		steps, prefix = []string{"testSecret"}, "Test"
	}
	v := s.version(token)
	if v == nil {
		v = &version{id: token, created: f.now()}
		s.versions = append(s.versions, v)
	}
	s.drop(Pending)
	v.labels = append(v.labels, Pending)
	f.service(prefix+"RotationStarted", s, token, "")
	arn := s.arn
	f.lambdas.Go(func() {
		for _, step := range steps {
			if f.closing.Err() != nil {
				return
			}
			if err := do(step, arn, token); err != nil {
				f.endRotation(s, prefix+"RotationFailed", token, fmt.Sprintf("Error when executing lambda during %s step", step))
				return
			}
		}
		f.endRotation(s, prefix+"RotationSucceeded", token, "")
	})
}

// endRotation takes AWSPENDING off after a success, and after a test in any
// case; a failed rotation leaves it where it is.
func (f *Fake) endRotation(s *secret, event, token, message string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v := s.holder(Pending); event != "RotationFailed" && v != nil && v.id == token {
		f.change(nil, s)
		s.drop(Pending)
		if v.value.none() {
			s.versions = slices.DeleteFunc(s.versions, func(x *version) bool { return x == v })
		} else {
			s.lastRotated = f.now().Truncate(time.Millisecond)
		}
	}
	f.service(event, s, token, message)
}

func (f *Fake) cancelRotateSecret(req *request) (answer, error) {
	var in struct{ SecretId string }
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	if s.rotation == nil {
		return nil, invalidRequest("You can't cancel rotation of a secret that has none.")
	}
	f.change(req, s)
	s.rotation.enabled = false // a partial version keeps AWSPENDING
	return answer{"ARN": s.arn, "Name": s.name}, nil
}

var errLambda = errors.New("the rotation function failed")

// Failing is a rotation function that fails in that step.
func Failing(step string) LambdaFunc {
	return func(s, _, _ string) error {
		if s == step {
			return errLambda
		}
		return nil
	}
}
