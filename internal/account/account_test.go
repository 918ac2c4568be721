package account

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"testing"
)

// TestVectors checks credentials against the exchanges printed in the RFCs:
// what the server says last proves its key.
func TestVectors(t *testing.T) {
	for _, test := range []struct {
		name, salt, auth, want string
		hash                   func() hash.Hash
	}{
		{
			"RFC 5802 5", "QSXCR+Q6sek8bf92",
			"n=user,r=fyko+d2lbbFgONRv9qkxdawL,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
			"rmF9pqV8S7suAoZWja4dJRkFsKQ=", sha1.New,
		},
		{
			"RFC 7677 3", "W22ZaJ0SNY7soEsUEjb6gQ==",
			"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
			"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", sha256.New,
		},
	} {
		salt, err := base64.StdEncoding.DecodeString(test.salt)
		if err != nil {
			t.Fatal(err)
		}
		c, err := NewCredential(test.hash, "pencil", salt, 4096)
		if err != nil {
			t.Fatal(err)
		}
		if got := base64.StdEncoding.EncodeToString(mac(test.hash, c.ServerKey, test.auth)); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name     string
		role     Role
		password string
		want     string // name; "" if it is refused
	}{
		{"Alice", User, "x", "alice"},
		{"Ünal", Admin, "pass wörd", "ünal"},
		{"web01.dc-1", Host, "x", "web01.dc-1"},
		{"", User, "x", ""},
		{"a@b", User, "x", ""},
		{"a/b", User, "x", ""},
		{"a b", User, "x", ""},
		{"alice", "king", "x", ""},
		{"alice", User, "", ""},
		{"alice", User, "a\x00b", ""},
	} {
		a, err := New(test.name, test.role, test.password)
		if (err == nil) != (test.want != "") || a.Name != test.want {
			t.Errorf("%q, %q, %q: got %q, %v", test.name, test.role, test.password, a.Name, err)
		}
		if err == nil && (!a.CheckPassword(test.password) || a.CheckPassword(test.password+"x") || a.CheckPassword("")) {
			t.Errorf("%q: the password is not what decides", test.name)
		}
	}
}
