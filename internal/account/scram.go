package account

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/text/secure/precis"
)

const (
	// Iterations is the PBKDF2 round count of new credentials.
	Iterations = 10000
	// SaltLen is the length in bytes of new salts.
	SaltLen = 16
)

// A Credential is what a server keeps to check a SCRAM exchange (RFC 5802 3):
// nothing in it lets its reader log in without first guessing the password.
type Credential struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// NewCredential derives a credential by the hash h from a password, after the
// preparation that clients do as well (RFC 8265 OpaqueString).
func NewCredential(h func() hash.Hash, password string, salt []byte, iterations int) (Credential, error) {
	p, err := prepare(password)
	if err != nil {
		return Credential{}, err
	}
	salted, err := pbkdf2.Key(h, p, salt, iterations, h().Size())
	if err != nil {
		return Credential{}, fmt.Errorf("account: %w", err)
	}
	stored := h()
	stored.Write(mac(h, salted, "Client Key"))
	return Credential{
		Salt:       salt,
		Iterations: iterations,
		StoredKey:  stored.Sum(nil),
		ServerKey:  mac(h, salted, "Server Key"),
	}, nil
}

func newCredentials(password string) (c1, c256 Credential, err error) {
	salts := make([]byte, 2*SaltLen)
	rand.Read(salts)
	if c1, err = NewCredential(sha1.New, password, salts[:SaltLen:SaltLen], Iterations); err != nil {
		return
	}
	c256, err = NewCredential(sha256.New, password, salts[SaltLen:], Iterations)
	return
}

// CheckPassword reports whether the password, which arrived in clear over an
// encrypted connection, is the account's.
func (a Account) CheckPassword(password string) bool {
	c, err := NewCredential(sha256.New, password, a.SHA256.Salt, a.SHA256.Iterations)
	return err == nil && subtle.ConstantTimeCompare(c.StoredKey, a.SHA256.StoredKey) == 1
}

func prepare(password string) (string, error) {
	if password == "" {
		return "", errors.New("account: the password is empty")
	}
	p, err := precis.OpaqueString.String(password)
	if err != nil {
		return "", fmt.Errorf("account: the password has characters that cannot be typed everywhere: %w", err)
	}
	return p, nil
}

func mac(h func() hash.Hash, key []byte, msg string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(msg))
	return m.Sum(nil)
}
