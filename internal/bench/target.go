package bench

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"mellium.im/xmpp/jid"

	"adminbot/agentapi"
	"adminbot/internal/link"
)

// A Target is a running XMPP server, of whatever kind, with accounts that a
// measurement may use. The bot must see the hosts in its roster.
type Target struct {
	Server   string   `json:"server"`   // its name and version, for the figures
	Domain   string   `json:"domain"`   // of all accounts
	Address  string   `json:"address"`  // host:port, STARTTLS
	CAFile   string   `json:"ca_file"`  // of its certificate
	Password string   `json:"password"` // of all accounts
	Bot      string   `json:"bot"`      // account names, as all that follow
	Users    []string `json:"users"`    // people
	Hosts    []string `json:"hosts"`
	PID      int      `json:"pid,omitempty"` // of the server's process, where its memory is to be measured
}

// ReadTarget reads a target from a file of JSON.
func ReadTarget(path string) (Target, error) {
	var t Target
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &t)
	}
	if err != nil {
		return t, fmt.Errorf("bench: %w", err)
	}
	for name, value := range map[string]string{"domain": t.Domain, "address": t.Address, "ca_file": t.CAFile, "password": t.Password, "bot": t.Bot} {
		if value == "" {
			return t, fmt.Errorf("bench: %s names no %s", path, name)
		}
	}
	if len(t.Users) < 2 || len(t.Hosts) < 1 {
		return t, fmt.Errorf("bench: %s names %d users and %d hosts: two and one are needed at least", path, len(t.Users), len(t.Hosts))
	}
	return t, nil
}

// usage is what the server has used, or nothing where its process is not known.
func (t Target) usage() (usage, error) {
	if t.PID == 0 {
		return usage{}, nil
	}
	return usageOf(t.PID)
}

// tls trusts the target's authority.
func (t Target) tls() (*tls.Config, error) {
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("bench: no certificate in %s", t.CAFile)
	}
	return &tls.Config{RootCAs: roots, ServerName: t.Domain}, nil
}

// login is how accounts log in with sessions of internal/link; resource is used
// by all of them.
func (t Target) login(resource string) (func(name string) link.Config, error) {
	secured, err := t.tls()
	if err != nil {
		return nil, err
	}
	if _, err := jid.New("", t.Domain, resource); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return func(name string) link.Config {
		return link.Config{
			JID: jid.NewUnsafe(name, t.Domain, resource).JID, Addr: t.Address, TLS: secured,
			Password: func() (string, error) { return t.Password, nil },
		}
	}, nil
}

// host is the address to which calls of a host go.
func (t Target) host(name string) jid.JID {
	return jid.NewUnsafe(name, t.Domain, agentapi.Resource).JID
}

// named gives figures the name of the server they were measured on.
func (t Target) named(all []Figure, err error) ([]Figure, error) {
	all = slices.Clone(all)
	for i := range all {
		all[i].Server = t.Server
	}
	return all, err
}
