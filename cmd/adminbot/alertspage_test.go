package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"adminbot/docs"
)

// TestAlertsPage checks that the configuration of the alert service in
// docs/alerts.md is one, and that each file it names is missed.
func TestAlertsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"workgroup.secret":   "a long random secret\n",
		"secrets/prometheus": "a long random token\n",
	}
	for _, name := range []string{"workgroups.toml", "workgroup-policy.toml"} {
		if files[name] = docs.Block(string(page), "# /etc/adminbot/"+name); files[name] == "" {
			t.Fatalf("no %s on the page", name)
		}
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func() (int, string) {
		var said bytes.Buffer
		code := run([]string{"config", "check", filepath.Join(dir, "workgroups.toml")}, streams{out: &said, err: &said})
		return code, said.String()
	}
	if code, said := check(); code != exitOK {
		t.Fatalf("%d: %s", code, said)
	}
	for name, text := range files {
		if name == "workgroups.toml" {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if code, said := check(); code != exitUsage || !strings.Contains(said, name) {
			t.Errorf("without %s: %d: %s", name, code, said)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
