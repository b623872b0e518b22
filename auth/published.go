package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
)

// publishedSecrets are shared secrets that stand in specifications, tutorials
// and shipped defaults, and that attackers try first. They are compared
// exactly, against the secret as it is, without surrounding blanks, and
// against what it is the base64 or hex text of. The list is for recognising,
// not for guessing: what is merely short or made of words is found by rule.
var publishedSecrets = set(
	// Token debuggers' sample secrets, old and new.
	"secret", "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret",
	"a-string-secret-at-least-256-bits-long",
	"a-valid-string-secret-that-is-at-least-384-bits-long",
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
	// What people type.
	"changeme", "change-me", "change_me", "changeit", "password", "test", "jwt", "key",
	"jwtsecret", "jwt-secret", "jwt_secret", "jwt_secret_key", "mysecret", "my-secret", "my_secret", "mySecretKey",
	"supersecret", "superSecret", "super-secret", "super_secret", "secretkey", "secret-key", "secret_key", "your-secret-key", "your_secret_key", "your-jwt-secret",
	// Examples of libraries and frameworks.
	"shhhhh", "keyboard cat", "AllYourBase",
	"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
	"404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
	"GQDstcKsx0NHjPOuXOYg5MbeJ1XT0uFiwDVvVBrk",
	"my-secret-token-to-change-in-production",
	// Shipped defaults of products.
	"super-secret-jwt-token-with-at-least-32-characters-long",
	"your-super-secret-jwt-token-with-at-least-32-characters-long",
	"reallyreallyreallyreallyverysafe",
	"3EK6FD+o0+c7tzBNVfjpMkNDi2yARAAKzQlk8O2IKoxQu4nF7EdAh8s3TwpHwrdWT6R",
	"SecretKey012345678901234567890123456789012345678901234567890123456789",
	"ThisIsMyCustomSecretKey012345678",
	"thisISaSECRET_1234", "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET", "TEST_NON_DEV_SECRET", "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
	"QuiltMCPJWTSecret2025ProductionV1",
	// RFC 7515 A.1, RFC 7517 A.3, RFC 7520 §3.5, as bytes.
	decoded("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
	decoded("GawgguFyGrWKav7AX4VKUg"),
	decoded("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"),
)

// publishedThumbprints are the RFC 7638 thumbprints of key pairs whose private
// half is public.
var publishedThumbprints = map[string]bool{
	"oGDmHqCJ7yzMkWEkrlZVHkvrHIyQwtlDmeq5ForUHeY": true, // token debuggers' sample, RSA
	"19J8y7Zprt2-QKLjF2I5pVk0OELX6cY2AfaAv1LC_w8": true, // token debuggers' sample, P-256
	"IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8": true, // RFC 7515 A.2, RSA
	"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U": true, // RFC 7515 A.3, P-256
	"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs": true, // RFC 7517 A.2, RSA
	"cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s": true, // RFC 7517 A.2, P-256
	"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": true, // RFC 8037 A.1, Ed25519
	"UVSYOAYMLo8sxJkSZl2DZDHA6sP9UlyYSl2moTB7i9Q": true, // sample keys of golang-jwt: RSA, …
	"2U1MPNC1iWSC_8uvLByexKFXziTWPQCeeUbuuvzN4JQ": true, // P-256
	"Pem97H8_Sp2Id3TDBfHtTEkW2uyaOZeV-6-37CT4DHU": true, // P-384
	"y-wBQwBMJnZyGaXoJDmD03xKbH1qUcGrB7AjcTIenO0": true, // P-521
	"amdF9dbIu4yFkPrxCb-yyHwaBteNzPn5dA4VswAO2Qs": true, // Ed25519
}

func set(members ...string) map[string]bool {
	s := make(map[string]bool, len(members))
	for _, m := range members {
		s[m] = true
	}
	return s
}

// decoded turns the base64url of a specification into bytes; it runs on the
// constants of this file only.
func decoded(text string) string {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		panic("auth: published secret is not base64url")
	}
	return string(b)
}

func published(secret []byte) bool {
	text := bytes.TrimSpace(secret)
	if publishedSecrets[string(secret)] || publishedSecrets[string(text)] {
		return true
	}
	for _, decode := range []func(string) ([]byte, error){
		base64.RawURLEncoding.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString, hex.DecodeString,
	} {
		if inner, err := decode(string(text)); err == nil && publishedSecrets[string(inner)] {
			return true
		}
	}
	return false
}
