package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"adminbot/internal/config"
)

// Access tells programs how to connect to a running site. Paths are relative
// to the directory.
type Access struct {
	Domain    string    `json:"domain"`
	C2S       string    `json:"c2s"`                 // host:port, STARTTLS
	C2STLS    string    `json:"c2s_tls,omitempty"`   // host:port, TLS from the first byte
	Component string    `json:"component,omitempty"` // host:port, XEP-0114
	HTTP      string    `json:"http,omitempty"`      // host:port, for alerts
	SMTP      string    `json:"smtp,omitempty"`      // host:port, for alerts by mail
	CAFile    string    `json:"ca_file"`
	Bot       string    `json:"bot"`
	Workgroup string    `json:"workgroup,omitempty"`
	Accounts  []Account `json:"accounts"`
	Sources   []Source  `json:"sources,omitempty"`
	Hosts     []Host    `json:"hosts"`
}

// Account is a login of a running site.
type Account struct {
	JID          string `json:"jid"`
	Role         string `json:"role"`
	PasswordFile string `json:"password_file"`
}

// Source is a system that may raise alerts over HTTP.
type Source struct {
	Name      string `json:"name"`
	TokenFile string `json:"token_file"`
}

// Host is a host agent of a running site.
type Host struct {
	Name string `json:"name"`
	JID  string `json:"jid"`
}

// Publish writes access.json, readable by the owner alone.
func (s *Site) Publish(a Access) error {
	data, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return writeFile(s.Path(accessName), append(data, '\n'), 0o600)
}

// Withdraw removes access.json: nothing listens any more.
func (s *Site) Withdraw() error {
	if err := os.Remove(s.Path(accessName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("site: %w", err)
	}
	return nil
}

// ErrNotRunning is returned by ReadAccess when there is no access.json.
var ErrNotRunning = errors.New("site: nothing runs")

// ReadAccess reads access.json of the site in dir.
func ReadAccess(dir string) (Access, error) {
	path := filepath.Join(dir, accessName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Access{}, fmt.Errorf("%w in %s (no %s)\nhint: start it with adminbot up, or name another --dir or --config", ErrNotRunning, dir, accessName)
	} else if err != nil {
		return Access{}, fmt.Errorf("site: %w", err)
	}
	var a Access
	if err := json.Unmarshal(data, &a); err != nil {
		return Access{}, fmt.Errorf("site: %s: %w", path, err)
	}
	return a, nil
}

// Login is how the first account of a role logs in to the site in dir.
func (a Access) Login(dir, role string) (config.Account, error) {
	for _, acct := range a.Accounts {
		if acct.Role == role {
			return config.Account{
				JID: acct.JID, PasswordFile: filepath.Join(dir, acct.PasswordFile),
				Address: a.C2S, CAFile: filepath.Join(dir, a.CAFile),
			}, nil
		}
	}
	return config.Account{}, fmt.Errorf("site: %s names no account with the role %s", filepath.Join(dir, accessName), role)
}
