package awsfake

import "strings"

func keyARN(id string) string {
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	return "arn:aws:kms:" + Region + ":" + Account + ":key/" + id
}

// decrypt is what Secrets Manager asks the key service for on the caller's
// behalf. With the AWS managed key the caller needs no right of his own.
func (f *Fake) decrypt(req *request, s *secret, action string) *apiError {
	switch f.faults.kms {
	case KMSDenied:
		return kmsDenied()
	case KMSDisabled:
		if action == "kms:Decrypt" {
			return refuse("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text using the provided KMS key.")
		}
		return refuse("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.")
	}
	if s.kmsKey == "" {
		return nil
	}
	context := map[string][]string{
		"kms:EncryptionContext:SecretARN": {s.arnIn(req.region)},
		"kms:ViaService":                  {"secretsmanager." + req.region + ".amazonaws.com"},
	}
	if f.authorize(req, action, keyARN(s.kmsKey), context) != nil {
		return kmsDenied()
	}
	return nil
}
