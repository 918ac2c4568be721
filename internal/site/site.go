// Package site is the state directory of AdminBot on one machine: passwords,
// certificate, configuration, policies, and the file that tells programs how
// to connect.
//
// [Open] makes the directory on first use and reuses it afterwards; one
// process at a time holds it. A directory that is damaged or was not made here
// is refused with the file named, and nothing in it is overwritten.
// [Site.Publish] writes access.json when everything listens, and
// [ReadAccess] is how other commands find the running installation.
package site

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"adminbot/internal/config"
	"adminbot/internal/filelock"
)

// Names of files in the directory.
const (
	marker     = "domain" // the XMPP domain this directory was made for
	lockName   = "lock"   // held while a process uses the directory
	accessName = "access.json"
	BotPolicy  = "policy-bot.toml"
	HostPolicy = "policy-host.toml"
	Alerts     = "alerts.db"
	Accounts   = "accounts.db"
	BotState   = "bot"
	hostsDir   = "hosts"
	secretsDir = "secrets"
)

// Site is an opened state directory. Its methods are safe for concurrent use
// but for Close.
type Site struct {
	Dir    string // absolute
	Domain string
	lock   *os.File
}

// ErrBusy is returned by Open when another process holds the directory.
var ErrBusy = errors.New("site: in use by another process")

// Open opens the state directory for domain, making it when it is missing or
// empty. An empty domain means the one the directory was made for, or
// "localhost".
func Open(dir, domain string, now time.Time) (*Site, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
		if domain == "" {
			domain = "localhost"
		}
		if err := create(dir, domain, now); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, fmt.Errorf("site: %w", err)
	}

	s := &Site{Dir: dir}
	made, err := os.ReadFile(filepath.Join(dir, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("site: %s is not empty and was not made by adminbot (no file %q in it); nothing was changed\nhint: name an empty or new directory with --dir", dir, marker)
	} else if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	if s.Domain, err = parseMarker(made); err != nil {
		return nil, s.damaged(marker, err)
	}
	if domain != "" && domain != s.Domain {
		return nil, fmt.Errorf("site: %s was made for the domain %s, not %s\nhint: leave --domain out, or name another --dir", dir, s.Domain, domain)
	}
	if err := s.acquire(); err != nil {
		return nil, err
	}
	if err := s.verify(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close lets another process open the directory.
func (s *Site) Close() error { return s.lock.Close() }

// Path is the absolute path of a file in the directory.
func (s *Site) Path(name ...string) string {
	return filepath.Join(append([]string{s.Dir}, name...)...)
}

// HostState is the state directory of one host agent.
func (s *Site) HostState(name string) string { return s.Path(hostsDir, name) }

func (s *Site) acquire() error {
	lock, err := filelock.Take(s.Path(lockName))
	switch {
	case errors.Is(err, filelock.ErrHeld):
		return fmt.Errorf("%w: %s\nhint: an adminbot runs there already; speak to it with adminbot say, or name another --dir", ErrBusy, s.Dir)
	case err != nil:
		return fmt.Errorf("site: %w", err)
	}
	s.lock = lock
	return nil
}

// verify reads what later parts rely on, so that damage is found before
// anything is started or written.
func (s *Site) verify() error {
	info, err := os.Stat(s.Dir)
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("site: others can write to %s (mode %04o)\nhint: chmod 700 %s", s.Dir, info.Mode().Perm(), s.Dir)
	}
	for _, name := range []string{BotPolicy, HostPolicy, CAFile, caKey} {
		if info, err := os.Stat(s.Path(name)); err != nil {
			return s.damaged(name, err)
		} else if !info.Mode().IsRegular() {
			return s.damaged(name, errors.New("not a regular file"))
		}
	}
	entries, err := os.ReadDir(s.Path(secretsDir))
	if err != nil {
		return s.damaged(secretsDir, err)
	}
	if len(entries) > 0 { // made after the accounts whose passwords they are
		if _, err := os.Stat(s.Path(Accounts)); err != nil {
			return s.damaged(Accounts, err)
		}
	}
	for _, e := range entries {
		if _, err := config.ReadSecret(s.Path(secretsDir, e.Name())); err != nil {
			return s.damaged(filepath.Join(secretsDir, e.Name()), err)
		}
	}
	return nil
}

func (s *Site) damaged(name string, err error) error {
	return fmt.Errorf("site: %s is damaged: %s: %w\nNothing was changed.\nhint: restore the file from a backup, or start afresh with another --dir", s.Dir, s.Path(name), err)
}

// Secret returns the secret of that name, making it on first use: 120 random
// bits, in a file only its owner can read.
func (s *Site) Secret(name string) (string, error) {
	path := s.Path(secretsDir, name)
	if _, err := os.Stat(path); err == nil {
		return config.ReadSecret(path)
	}
	raw := make([]byte, 15)
	rand.Read(raw) // never fails
	secret := base64.RawURLEncoding.EncodeToString(raw)
	if err := writeFile(path, []byte(secret+"\n"), 0o600); err != nil {
		return "", err
	}
	return secret, nil
}

// SecretFile is the path of a secret relative to the directory.
func SecretFile(name string) string { return filepath.Join(secretsDir, name) }

// UpdateSecret replaces a secret of the site in dir if there is one of that
// name. It may be called while another process holds the directory.
func UpdateSecret(dir, name, secret string) error {
	path := filepath.Join(dir, secretsDir, name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return writeFile(path, []byte(secret+"\n"), 0o600)
}
