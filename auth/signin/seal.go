package signin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

// maxProviderToken bounds a provider's refresh token, which is kept in its session.
const maxProviderToken = 8 << 10

// errSealed says that something sealed can't be opened with that credential.
var errSealed = errors.New("open sealed token: it was sealed for another credential, or changed since")

// sealer derives the cipher of what a credential seals. Only a browser holds
// the credential, the bucket a hash of it: whoever reads the bucket, server's key
// included, opens nothing.
func (c credential) sealer() cipher.AEAD {
	key, err := hkdf.Key(sha256.New, c.secret[:], c.id[:], "keyturn provider refresh token", 32)
	if err != nil {
		panic(err) // 32 bytes are within what SHA-256 gives
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // 32 bytes are a key of AES-256
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return gcm
}

// seal returns token so that only this credential opens it; nothing for no token.
func (c credential) seal(token string) []byte {
	if token == "" {
		return nil
	}
	return c.sealer().Seal(nil, nil, []byte(token), c.id[:])
}

// open returns what was sealed for c: no token for nothing.
func (c credential) open(sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	token, err := c.sealer().Open(nil, nil, sealed, c.id[:])
	if err != nil {
		return "", errSealed
	}
	return string(token), nil
}
