package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Secret reads the account's password. credentials is systemd's
// $CREDENTIALS_DIRECTORY, or empty; a file of that name there wins.
func (a Account) Secret(credentials string) (string, error) {
	if a.PasswordFile == "" {
		return "", errors.New("config: no account.password_file")
	}
	if credentials != "" {
		path := filepath.Join(credentials, filepath.Base(a.PasswordFile))
		if _, err := os.Stat(path); err == nil {
			return readSecret(path, credentialBits)
		}
	}
	return ReadSecret(a.PasswordFile)
}

// ReadSecret reads a file that holds one secret, refusing files that anybody
// but their owner can read. A line feed at its end is not part of the secret.
func ReadSecret(path string) (string, error) { return readSecret(path, 0o077) }

// credentialBits must not be set on a file that systemd provides. It lets a
// service's user read by an access list, whose mask shows as the right of the
// group; others do not get into the directory.
const credentialBits = 0o037

func readSecret(path string, forbidden fs.FileMode) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("config: secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("config: secret: %w", err)
	}
	if info.Mode().Perm()&forbidden != 0 {
		return "", fmt.Errorf("config: secret: %s can be read by others (mode %04o)\nhint: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	if !info.Mode().IsRegular() || info.Size() > 4096 {
		return "", fmt.Errorf("config: secret: %s is not a small regular file", path)
	}
	buf := make([]byte, info.Size())
	if _, err := f.ReadAt(buf, 0); err != nil && info.Size() > 0 {
		return "", fmt.Errorf("config: secret: %w", err)
	}
	secret := strings.TrimRight(string(buf), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("config: secret: %s is empty", path)
	}
	return secret, nil
}
