package site

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
	"mellium.im/xmpp/jid"
)

// create makes the directory beside its place and moves it there whole, so
// that a crash leaves either nothing or a good directory.
func create(dir, domain string, now time.Time) error {
	if _, err := parseMarker([]byte(domain)); err != nil {
		return fmt.Errorf("site: --domain: %w", err)
	}
	if strings.IndexFunc(domain, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		return fmt.Errorf("site: --domain: %q has letters beyond ASCII, which no certificate can name", domain)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-")
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	defer os.RemoveAll(tmp)
	for _, name := range []string{secretsDir, hostsDir, BotState} {
		if err := os.Mkdir(filepath.Join(tmp, name), 0o700); err != nil {
			return fmt.Errorf("site: %w", err)
		}
	}
	files := map[string]string{
		marker:     domain + "\n",
		BotPolicy:  strings.ReplaceAll(botPolicy, "DOMAIN", domain),
		HostPolicy: strings.ReplaceAll(hostPolicy, "DOMAIN", domain),
	}
	for name, text := range workgroupFiles(domain) {
		files[name] = text
	}
	for name, text := range files {
		if err := writeFile(filepath.Join(tmp, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	if err := createAuthority(tmp, domain, now); err != nil {
		return err
	}
	// Not os.Rename, which refuses a directory that is there but empty.
	if err := unix.Rename(tmp, dir); err != nil {
		return fmt.Errorf("site: %s: %w", dir, err)
	}
	return nil
}

func parseMarker(text []byte) (string, error) {
	domain := string(bytes.TrimSpace(text))
	j, err := jid.Parse(domain)
	if err != nil || j.Domainpart() != domain || j.Localpart() != "" || j.Resourcepart() != "" || domain == "" {
		return "", fmt.Errorf("%q is not an XMPP domain", domain)
	}
	return domain, nil
}

// writeFile writes or replaces a file whole: it is synced before it gets its
// name.
func writeFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(data); err == nil {
		if err = f.Chmod(mode); err == nil {
			err = f.Sync()
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return nil
}

// The policies of a site on one machine. They are ordinary files from then on:
// people edit them.

const botPolicy = `# Who may ask the bot for what. Rules in order, the first match decides,
# no match is a refusal. Classes: R read, S sensitive read, W reversible
# change, D disruptive, A agent administration.

[groups]
admins = ["admin@DOMAIN"]

[[rule]]
who = ["@admins"]
may = ["R", "S", "W", "D", "A"]

[[rule]]
who = ["*@DOMAIN"]
may = ["R"]
`

const hostPolicy = `# What callers may do on the hosts of this machine. "who" is the person,
# "via" the account that makes the call. The word of a bot about whom it
# speaks for is believed.

bots = ["adminbot@DOMAIN"]

[groups]
admins = ["admin@DOMAIN"]

# The bot, for the people it speaks for.
[[rule]]
who = ["@admins"]
via = ["adminbot@DOMAIN"]
may = ["R", "S", "W", "D"]

[[rule]]
who = ["*@DOMAIN"]
via = ["adminbot@DOMAIN"]
may = ["R"]

# "adminbot rpc" and other programs that log in as an administrator.
[[rule]]
who = ["@admins"]
via = ["@admins"]
may = ["R", "S", "W", "D"]
`
