package secretsmanager

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/keyturn/keyturn/auth"
)

// rewritePEM puts a fresh key into the blocks of a PEM text, each in its own
// encoding: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017), SEC1 (RFC 5915), and public
// halves beside them. Text between the blocks stays, and so do line ends.
func rewritePEM(text []byte, fresh auth.Key) ([]byte, error) {
	escaped := bytes.Contains(text, []byte(`\n`)) && !bytes.Contains(text, []byte("\n"))
	if escaped { // auth.ParseKeys reads \n as line ends where there are no others
		text = bytes.ReplaceAll(text, []byte(`\n`), []byte("\n"))
	}
	private, err := privateOf(fresh)
	if err != nil {
		return nil, err
	}
	var out []byte
	rest := text
	for {
		block, after := pem.Decode(rest)
		if block == nil {
			out = append(out, rest...)
			break
		}
		used := rest[:len(rest)-len(after)]
		begin := bytes.LastIndex(used, []byte("-----BEGIN "+block.Type+"-----"))
		if begin < 0 {
			return nil, unwritable("a block of its PEM can't be found again")
		}
		rest = after
		der, err := encodeAs(block.Type, private)
		if err != nil {
			return nil, err
		}
		if der == nil { // no key: parameters of the curve
			out = append(out, used...)
			continue
		}
		now := pem.EncodeToMemory(&pem.Block{Type: block.Type, Headers: block.Headers, Bytes: der})
		if now == nil {
			return nil, unwritable("a block of its PEM has headers that can't be written")
		}
		if !bytes.HasSuffix(used, []byte("\n")) {
			now = bytes.TrimSuffix(now, []byte("\n"))
		}
		if bytes.Contains(used[begin:], []byte("\r\n")) {
			now = bytes.ReplaceAll(now, []byte("\n"), []byte("\r\n"))
		}
		out = append(append(out, used[:begin]...), now...)
	}
	if escaped {
		out = bytes.ReplaceAll(out, []byte("\n"), []byte(`\n`))
	}
	return out, nil
}

// privateOf returns the private key itself.
func privateOf(k auth.Key) (crypto.Signer, error) {
	text, err := k.MarshalPEM()
	if err != nil {
		return nil, unwritable("PEM holds key pairs, and the new key is a shared secret")
	}
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	signer, ok := private.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("read the fresh key back: it is no private key")
	}
	return signer, nil
}

// encodeAs returns the key as a block of that type holds it; nil: such a block
// holds no key.
func encodeAs(typ string, private crypto.Signer) (der []byte, err error) {
	mismatch := unwritable("its PEM block %q does not fit the kind of the key", typ)
	switch typ {
	case "PRIVATE KEY":
		der, err = x509.MarshalPKCS8PrivateKey(private)
	case "RSA PRIVATE KEY":
		k, ok := private.(*rsa.PrivateKey)
		if !ok {
			return nil, mismatch
		}
		der = x509.MarshalPKCS1PrivateKey(k)
	case "EC PRIVATE KEY":
		k, ok := private.(*ecdsa.PrivateKey)
		if !ok {
			return nil, mismatch
		}
		der, err = x509.MarshalECPrivateKey(k)
	case "PUBLIC KEY":
		der, err = x509.MarshalPKIXPublicKey(private.Public())
	case "RSA PUBLIC KEY":
		k, ok := private.Public().(*rsa.PublicKey)
		if !ok {
			return nil, mismatch
		}
		der = x509.MarshalPKCS1PublicKey(k)
	case "EC PARAMETERS":
		return nil, nil
	case "CERTIFICATE":
		return nil, unwritable("its PEM has a certificate of the key: turn the key where certificates are issued")
	default:
		return nil, unwritable("its PEM has a block of a kind that is not known")
	}
	if err != nil {
		return nil, unwritable("the new key has no form for the PEM block %q", typ)
	}
	return der, nil
}
