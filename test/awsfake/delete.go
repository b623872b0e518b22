package awsfake

import (
	"slices"
	"time"
)

func (f *Fake) deleteSecret(req *request) (answer, error) {
	var in struct {
		SecretId                   string
		RecoveryWindowInDays       *int
		ForceDeleteWithoutRecovery bool
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	days := 30
	if in.RecoveryWindowInDays != nil {
		days = *in.RecoveryWindowInDays
		if in.ForceDeleteWithoutRecovery {
			return nil, invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.")
		}
		if days < 7 || days > 30 {
			return nil, invalidParameter("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).")
		}
	}
	if len(s.replicas) > 0 {
		return nil, invalidParameter("You can't delete secret %s that still has replica regions.", s.name)
	}
	f.change(req, s)
	s.deleted = f.now().Add(time.Duration(days) * 24 * time.Hour)
	out := answer{"ARN": s.arn, "Name": s.name, "DeletionDate": seconds(s.deleted)}
	if in.ForceDeleteWithoutRecovery {
		out["DeletionDate"] = seconds(f.now())
		f.secrets = slices.DeleteFunc(f.secrets, func(x *secret) bool { return x == s })
	}
	return out, nil
}

func (f *Fake) restoreSecret(req *request) (answer, error) {
	var in struct{ SecretId string }
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.open(req, in.SecretId, nil)
	if err != nil {
		return nil, err
	}
	f.change(req, s)
	s.deleted = time.Time{}
	return answer{"ARN": s.arn, "Name": s.name}, nil
}

func (f *Fake) replicateSecret(req *request) (answer, error) {
	var in struct {
		SecretId          string
		AddReplicaRegions []struct{ Region string }
	}
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	f.change(req, s)
	for _, r := range in.AddReplicaRegions {
		if !slices.Contains(s.replicas, r.Region) {
			s.replicas = append(s.replicas, r.Region)
		}
	}
	return answer{"ARN": s.arn}, nil
}
