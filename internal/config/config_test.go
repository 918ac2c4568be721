package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"adminbot/internal/account"
)

func TestDescribeLoads(t *testing.T) {
	var example bytes.Buffer
	if err := Describe(&example); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "adminbot.toml")
	if err := os.WriteFile(path, example.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatalf("the example does not load: %v\n%s", err, &example)
	}
	if diff := cmp.Diff(filepath.Join(filepath.Dir(path), "policy.toml"), c.Bot.Policy); diff != "" {
		t.Errorf("paths are relative to the file (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(example.String()) {
		if len(line) > 120 {
			t.Errorf("the example has a line of %d columns: %s", len(line), line)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown key", "[bot]\npolcy = \"x\"\n", `line 2: unknown key "bot.polcy"`},
		{"not TOML", "[bot\n", "line 1"},
		{"wrong type", "[bot]\nsecond_over = \"ten\"\n", "line 2"},
		{"bad JID", "[account]\njid = \"@@\"\n", "is not a JID"},
		{"no role", "[server]\nroom_makers = [\"admin\", \"boss\"]\n", "admin, user, host, bot"},
		{"direct TLS by SRV", "[account]\ndirect_tls = true\n", "needs account.address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "adminbot.toml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %q and the file's name", err, tt.want)
			}
		})
	}
}

// What is said about who may make rooms takes the place of the usual.
func TestRoomMakers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "adminbot.toml")
	if err := os.WriteFile(path, []byte("[server]\nroom_makers = [\"bot\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if diff := cmp.Diff([]account.Role{account.Bot}, c.Server.RoomMakers); err != nil || diff != "" {
		t.Errorf("%v: -want +got\n%s", err, diff)
	}
}

func TestSecret(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	write := func(path, text string, mode os.FileMode) string {
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write(filepath.Join(dir, "good"), "s3cret\n", 0o600)
	loose := write(filepath.Join(dir, "loose"), "s3cret\n", 0o644)
	empty := write(filepath.Join(dir, "empty"), "\n", 0o600)
	write(filepath.Join(credentials, "good"), "from systemd", 0o400)

	if got, err := (Account{PasswordFile: good}).Secret(""); got != "s3cret" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := (Account{PasswordFile: good}).Secret(credentials); got != "from systemd" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	// What an access list lets a service's user read looks like this (systemd).
	if err := os.Chmod(filepath.Join(credentials, "good"), 0o440); err != nil {
		t.Fatal(err)
	}
	if got, err := (Account{PasswordFile: good}).Secret(credentials); got != "from systemd" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if err := os.Chmod(filepath.Join(credentials, "good"), 0o444); err != nil {
		t.Fatal(err)
	}
	if got, err := (Account{PasswordFile: good}).Secret(credentials); err == nil {
		t.Errorf("got %q of a file that everybody can read", got)
	}
	for _, path := range []string{loose, empty, filepath.Join(dir, "none")} {
		if _, err := ReadSecret(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", path, err)
		}
	}
}
