package auth

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// maxBlocks bounds the PEM blocks of one value: a key, its parameters and a
// certificate chain fit well.
const maxBlocks = 16

// pem reads one key pair. A certificate or public key beside the private key
// is left out if it belongs to it, and is a mistake otherwise.
func (p *parser) pem(text []byte) (Parsed, error) {
	if bytes.Contains(text, []byte(`\n`)) && !bytes.Contains(text, []byte("\n")) {
		text = bytes.ReplaceAll(text, []byte(`\n`), []byte("\n"))
		p.warn(`the PEM has \n where line breaks belong: it was read as if they were there`)
	}
	var private any
	var publics []crypto.PublicKey
	for blocks := 0; ; blocks++ {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if blocks == maxBlocks {
			return Parsed{}, fmt.Errorf("PEM has more than %d blocks: store one key", maxBlocks)
		}
		text = rest
		key, public, err := pemKey(block)
		switch {
		case err != nil:
			return Parsed{}, err
		case key != nil && private != nil:
			return Parsed{}, errors.New("PEM has several private keys, so it is unclear which one signs: store one, or a JWK set")
		case key != nil:
			private = key
		case public != nil:
			publics = append(publics, public)
		}
	}
	material := private
	if material == nil {
		if len(publics) == 0 {
			return Parsed{}, errors.New("PEM can't be decoded: store it with its BEGIN and END lines and line breaks")
		}
		material = publics[0]
		p.warn("the value holds a public key only: tokens can be verified, not signed")
	}
	key, err := p.keyOf("", "", material)
	if err != nil {
		return Parsed{}, err
	}
	if private != nil && len(publics) > 0 && thumbprint(publics[0]) != thumbprint(key.m().public) {
		return Parsed{}, errors.New("PEM has a private key and the certificate or public key of another: store those that belong together")
	}
	return Parsed{Keys: []Key{key}, Active: active(key), Form: FormPEM}, nil
}

// pemKey reads one block; all results are nil for one that holds no key. The
// causes of errors are left out: they may quote the material.
func pemKey(block *pem.Block) (private any, public crypto.PublicKey, err error) {
	if block.Headers["Proc-Type"] != "" || block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, nil, errors.New("PEM private key is encrypted: store it decrypted, the store protects it")
	}
	switch block.Type {
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = c.PublicKey
		}
	case "EC PARAMETERS":
	default:
		return nil, nil, errors.New("PEM block holds no key: use PKCS#8, PKCS#1, SEC1, a public key or a certificate")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("PEM block %q can't be read: export the key again", block.Type)
	}
	return private, public, nil
}
