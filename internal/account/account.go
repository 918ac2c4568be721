// Package account holds the values that the embedded XMPP server and its
// stores share: accounts and their roles, SCRAM credentials, contacts and
// stored messages. It keeps nothing and starts nothing.
//
// Make an account with [New], check a password that arrived in clear with
// [Account.CheckPassword], and read the two [Credential] values when a client
// speaks SCRAM. A password is never kept.
package account

import (
	"errors"
	"fmt"
	"time"

	"mellium.im/xmpp/jid"
)

// Errors of the stores that hold accounts.
var (
	ErrNotFound = errors.New("account: no such account")
	ErrExists   = errors.New("account: the account exists already")
	ErrFull     = errors.New("account: the store for this account is full")
)

// A Role says what an account is for; the server builds its contact lists from it.
type Role string

// The roles.
const (
	Admin Role = "admin" // a person who may also change the site
	User  Role = "user"  // a person
	Host  Role = "host"  // a managed host, sees only the bots
	Bot   Role = "bot"   // the bot, sees every host and every person
)

// Valid reports whether r is one of the four roles.
func (r Role) Valid() bool {
	switch r {
	case Admin, User, Host, Bot:
		return true
	}
	return false
}

// Person reports whether a human is behind accounts of this role.
func (r Role) Person() bool { return r == Admin || r == User }

// An Account is one name on the server with what is needed to check its password.
type Account struct {
	Name    string // localpart of the address, normalised
	Role    Role
	Created time.Time
	SHA1    Credential
	SHA256  Credential
}

// An Entry is what the server keeps in memory of every account.
type Entry struct {
	Name string
	Role Role
	// Generation changes whenever the password or the role does, and
	// differs between an account and a later one of the same name.
	Generation int64
}

// New makes an account with fresh salts. The name is normalised by the rules
// for localparts (RFC 7622 3.3).
func New(name string, role Role, password string) (Account, error) {
	name, err := Name(name)
	if err != nil {
		return Account{}, err
	}
	if !role.Valid() {
		return Account{}, fmt.Errorf("account: unknown role %q", role)
	}
	a := Account{Name: name, Role: role, Created: time.Now().UTC().Truncate(time.Second)}
	if a.SHA1, a.SHA256, err = newCredentials(password); err != nil {
		return Account{}, err
	}
	return a, nil
}

// Name returns the normal form of an account name.
func Name(name string) (string, error) {
	if name == "" {
		return "", errors.New("account: the name is empty")
	}
	j, err := jid.New(name, "example", "")
	if err != nil {
		return "", fmt.Errorf("account: %q is not a usable name: want what stands before the @ of an address, letters, digits, dots and hyphens", name)
	}
	return j.Localpart(), nil
}

// A Contact is one entry of an account's own contact list (RFC 6121 2).
type Contact struct {
	JID          string // bare address, normalised
	Name         string
	Groups       []string
	Subscription string // none, to, from or both
	Ask          bool   // a subscription request of the owner is unanswered
	Pending      bool   // a subscription request of the contact is unanswered
	Listed       bool   // the owner has it on the list; otherwise it is only Pending
}

// A Quota bounds what is kept: the number and the bytes of it.
type Quota struct{ Messages, Bytes int }

// A Message is a stanza kept for an account that was offline.
type Message struct {
	ID     int64
	Stanza []byte
}
