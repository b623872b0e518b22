package awsfake

import "slices"

func (f *Fake) updateSecretVersionStage(req *request) (answer, error) {
	var in struct{ SecretId, VersionStage, MoveToVersionId, RemoveFromVersionId string }
	if err := req.read(&in); err != nil {
		return nil, err
	}
	s, err := f.openForWriting(req, in.SecretId)
	if err != nil {
		return nil, err
	}
	if err := f.moveStage(req, s, in.VersionStage, in.MoveToVersionId, in.RemoveFromVersionId); err != nil {
		return nil, err
	}
	return answer{"ARN": s.arn, "Name": s.name}, nil
}

// moveStage is the compare-and-set of a label: where it is attached already,
// from must name that very version.
func (f *Fake) moveStage(req *request, s *secret, label, to, from string) *apiError {
	if len(label) == 0 || len(label) > 256 {
		return invalidParameter("VersionStage must be 1-256 characters long.")
	}
	if to == "" && from == "" {
		return invalidParameter("You must provide MoveToVersionId or RemoveFromVersionId.")
	}
	for _, id := range []string{to, from} {
		if id != "" && s.version(id) == nil {
			return notFound("Secrets Manager can't find the specified secret value for VersionId: %s", id)
		}
	}
	holder := s.holder(label)
	switch {
	case from != "" && (holder == nil || holder.id != from):
		return invalidParameter("Staging label %s is not attached to version %s, which RemoveFromVersionId names.", label, from)
	case from == "" && holder != nil && holder.id != to:
		return invalidParameter("The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", label, holder.id)
	case to == "" && label == Current:
		// Not documented; refused here, so that nobody counts on it.
		return invalidParameter("You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.")
	case holder != nil && holder.id == to:
		return nil // there already: nothing changes
	case holder == nil && s.labels() >= maxLabels:
		return refuse("LimitExceededException", "The request failed because it would exceed the quota of %d staging labels for this secret.", maxLabels)
	}
	f.change(req, s)
	if to == "" {
		holder.labels = slices.DeleteFunc(holder.labels, func(l string) bool { return l == label })
		return nil
	}
	s.move(label, s.version(to))
	f.labelMoved(s, label, to)
	return nil
}
