package xmppd

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"

	"adminbot/internal/account"
)

// scram is the server's side of one SCRAM exchange (RFC 5802).
type scram struct {
	hash    func() hash.Hash
	plus    bool   // the mechanism's name ends in -PLUS
	offered bool   // a mechanism with -PLUS was offered
	binding []byte // tls-exporter data of this connection, RFC 9266

	// credential finds what is kept of a user, or invents it; it reports
	// whether the user exists.
	credential func(user string) (account.Credential, bool)

	user    string
	gs2     string
	first   string // client-first-bare
	server  string // server-first
	nonce   string
	cred    account.Credential
	real    bool
	answers int
}

var (
	errMalformed = errors.New("malformed-request")
	errAuthz     = errors.New("invalid-authzid")
	errDenied    = errors.New("not-authorized")
)

// step takes a message of the client and returns the one to send. The
// exchange has succeeded when done is true.
func (x *scram) step(in []byte) (out []byte, done bool, err error) {
	x.answers++
	switch x.answers {
	case 1:
		out, err = x.clientFirst(string(in))
		return out, false, err
	case 2:
		out, err = x.clientFinal(string(in))
		return out, err == nil, err
	}
	return nil, false, errMalformed
}

func (x *scram) clientFirst(msg string) ([]byte, error) {
	binding, rest, ok := strings.Cut(msg, ",")
	if !ok {
		return nil, errMalformed
	}
	authz, bare, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, errMalformed
	}
	switch {
	case binding == "n":
		if x.plus {
			return nil, errMalformed
		}
	case binding == "y":
		// The client believes that we do not offer channel binding. If we
		// do, somebody removed it from the list on the way.
		if x.plus || x.offered {
			return nil, errDenied
		}
	case strings.HasPrefix(binding, "p="):
		if !x.plus || binding != "p=tls-exporter" {
			return nil, errDenied
		}
	default:
		return nil, errMalformed
	}
	x.gs2 = msg[:len(msg)-len(bare)]
	x.first = bare
	user, rest, ok := strings.Cut(bare, ",")
	if !ok || !strings.HasPrefix(user, "n=") {
		return nil, errMalformed // RFC 5802 5.1: m= is refused
	}
	nonce, _, _ := strings.Cut(rest, ",")
	if !strings.HasPrefix(nonce, "r=") || len(nonce) < 2+8 || len(nonce) > 512 {
		return nil, errMalformed
	}
	name, ok := saslName(user[2:])
	if !ok {
		return nil, errMalformed
	}
	if authz != "" {
		a, ok := saslName(strings.TrimPrefix(authz, "a="))
		if !ok || !strings.HasPrefix(authz, "a=") {
			return nil, errMalformed
		}
		if local, _, _ := strings.Cut(a, "@"); local != name {
			return nil, errAuthz
		}
	}
	x.user = name
	x.cred, x.real = x.credential(name)
	x.nonce = nonce[2:] + rand.Text()
	x.server = "r=" + x.nonce + ",s=" + base64.StdEncoding.EncodeToString(x.cred.Salt) + ",i=" + strconv.Itoa(x.cred.Iterations)
	return []byte(x.server), nil
}

func (x *scram) clientFinal(msg string) ([]byte, error) {
	i := strings.LastIndex(msg, ",p=")
	if i < 0 {
		return nil, errMalformed
	}
	without := msg[:i]
	proof, err := base64.StdEncoding.DecodeString(msg[i+3:])
	if err != nil {
		return nil, errMalformed
	}
	cbind, rest, ok := strings.Cut(without, ",")
	if !ok || !strings.HasPrefix(cbind, "c=") {
		return nil, errMalformed
	}
	nonce, _, _ := strings.Cut(rest, ",")
	if !strings.HasPrefix(nonce, "r=") {
		return nil, errMalformed
	}
	want := []byte(x.gs2)
	if x.plus {
		want = append(want, x.binding...)
	}
	got, err := base64.StdEncoding.DecodeString(cbind[2:])
	if err != nil {
		return nil, errMalformed
	}
	message := x.first + "," + x.server + "," + without
	signature := x.hmac(x.cred.StoredKey, message)
	if len(proof) != len(signature) {
		return nil, errMalformed
	}
	key := make([]byte, len(proof))
	subtle.XORBytes(key, proof, signature)
	h := x.hash()
	h.Write(key)
	match := subtle.ConstantTimeCompare(h.Sum(nil), x.cred.StoredKey) == 1
	if !match || !x.real || nonce[2:] != x.nonce || !bytes.Equal(got, want) {
		return nil, errDenied
	}
	return []byte("v=" + base64.StdEncoding.EncodeToString(x.hmac(x.cred.ServerKey, message))), nil
}

func (x *scram) hmac(key []byte, msg string) []byte {
	m := hmac.New(x.hash, key)
	m.Write([]byte(msg))
	return m.Sum(nil)
}

// saslName undoes the escaping of names in SCRAM (RFC 5802 5.1).
func saslName(s string) (string, bool) {
	if !strings.Contains(s, "=") {
		return s, s != ""
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '=':
			b.WriteByte(s[i])
		case strings.HasPrefix(s[i:], "=2C"):
			b.WriteByte(',')
			i += 2
		case strings.HasPrefix(s[i:], "=3D"):
			b.WriteByte('=')
			i += 2
		default:
			return "", false
		}
	}
	return b.String(), true
}

// invented returns a credential for a user that does not exist, the same each
// time, so that asking for it tells nothing.
func invented(secret []byte, h func() hash.Hash, user string) account.Credential {
	derive := func(h func() hash.Hash, what string) []byte {
		m := hmac.New(h, secret)
		m.Write([]byte(what))
		m.Write([]byte{0})
		m.Write([]byte(user))
		return m.Sum(nil)
	}
	name := "sha-1"
	if h().Size() == sha256.Size {
		name = "sha-256"
	}
	return account.Credential{
		Salt:       derive(sha256.New, "salt "+name)[:account.SaltLen],
		Iterations: account.Iterations,
		StoredKey:  derive(h, "stored"),
		ServerKey:  derive(h, "server"),
	}
}

// hashOf returns the hash of a SCRAM mechanism and whether it is one.
func hashOf(mechanism string) (func() hash.Hash, bool) {
	switch strings.TrimSuffix(mechanism, "-PLUS") {
	case "SCRAM-SHA-1":
		return sha1.New, true
	case "SCRAM-SHA-256":
		return sha256.New, true
	}
	return nil, false
}
