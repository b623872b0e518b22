package rotation

import (
	"crypto/sha256"
	"encoding/hex"
)

// DeriveKID returns the kid of material that names none: "sm-" and 16 hex
// digits of the SHA-256 of the store's version. It depends on the version
// alone, so it tells nothing about the material.
func DeriveKID(version string) string {
	sum := sha256.Sum256([]byte(version))
	return "sm-" + hex.EncodeToString(sum[:8])
}
