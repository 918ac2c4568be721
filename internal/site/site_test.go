package site

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)

func open(t *testing.T, dir, domain string, at time.Time) *Site {
	t.Helper()
	s, err := Open(dir, domain, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestOpenTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "site")
	s := open(t, dir, "", now)
	if err := os.WriteFile(s.Path(Accounts), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.Domain != "localhost" {
		t.Errorf("domain %q", s.Domain)
	}
	secret, err := s.Secret("admin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "", now); !errors.Is(err, ErrBusy) {
		t.Errorf("a second process: %v", err)
	}
	s.Close()
	s = open(t, dir, "", now)
	if again, _ := s.Secret("admin"); again != secret {
		t.Errorf("the secret changed: %q, then %q", secret, again)
	}
	info, err := os.Stat(s.Path(SecretFile("admin")))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secret file: %v, %v", info.Mode(), err)
	}
	s.Close()
	if _, err := Open(dir, "example.net", now); err == nil || !strings.Contains(err.Error(), "localhost") {
		t.Errorf("another domain: %v", err)
	}
}

func TestCertificateRenews(t *testing.T) {
	s := open(t, t.TempDir(), "example.net", now)
	first, err := s.Certificate(now)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(s.Path(CAFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	verify := func(leaf *x509.Certificate, at time.Time) {
		t.Helper()
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "example.net", Roots: roots, CurrentTime: at}); err != nil {
			t.Error(err)
		}
	}
	verify(first.Leaf, now)
	same, err := s.Certificate(now.AddDate(0, 6, 0))
	if err != nil || !same.Leaf.Equal(first.Leaf) {
		t.Errorf("a good certificate was replaced (%v)", err)
	}
	later := now.AddDate(0, 11, 20)
	renewed, err := s.Certificate(later)
	if err != nil || renewed.Leaf.Equal(first.Leaf) {
		t.Errorf("an ending certificate was kept (%v)", err)
	}
	verify(renewed.Leaf, later)
}

// TestDamage breaks one thing at a time: each is refused with the file named,
// and nothing in the directory changes.
func TestDamage(t *testing.T) {
	tests := []struct {
		name, file string
		harm       func(path string) error
	}{
		{"marker gone", marker, os.Remove},
		{"marker garbled", marker, func(p string) error { return os.WriteFile(p, []byte("a b\x00"), 0o600) }},
		{"policy gone", BotPolicy, os.Remove},
		{"accounts gone", Accounts, os.Remove},
		{"directory open to others", "", func(p string) error { return os.Chmod(p, 0o777) }},
		{"secret readable by all", SecretFile("admin"), func(p string) error { return os.Chmod(p, 0o644) }},
		{"secret empty", SecretFile("admin"), func(p string) error { return os.Truncate(p, 0) }},
		{"authority gone", CAFile, os.Remove},
		{"certificate cut", CertFile, func(p string) error { return os.Truncate(p, 40) }},
		{"authority cut", CAFile, func(p string) error { return os.Truncate(p, 40) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "site")
			s := open(t, dir, "", now)
			if err := os.WriteFile(s.Path(Accounts), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Secret("admin"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Certificate(now); err != nil {
				t.Fatal(err)
			}
			s.Close()
			if err := tt.harm(filepath.Join(dir, tt.file)); err != nil {
				t.Fatal(err)
			}
			before := snapshot(t, dir)
			s, err := Open(dir, "", now)
			if err == nil {
				_, err = s.Certificate(now)
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), filepath.Base(filepath.Join(dir, tt.file))) {
				t.Errorf("got %v, want an error that names %s", err, tt.file)
			}
			if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
				t.Errorf("the directory changed:\n%s", diff)
			}
		})
	}
}

func TestForeignDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.txt"), []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, "", now); err == nil || !strings.Contains(err.Error(), "not made by adminbot") {
		t.Errorf("got %v", err)
	}
	if got := snapshot(t, dir); len(got) != 1 {
		t.Errorf("files appeared: %v", got)
	}
}

func TestAccess(t *testing.T) {
	s := open(t, t.TempDir(), "", now)
	if _, err := ReadAccess(s.Dir); err == nil || !strings.Contains(err.Error(), "adminbot up") {
		t.Errorf("before: %v", err)
	}
	want := Access{Domain: "localhost", C2S: "127.0.0.1:5222", CAFile: CAFile, Bot: "adminbot@localhost",
		Accounts: []Account{{JID: "admin@localhost", Role: "admin", PasswordFile: SecretFile("admin")}},
		Hosts:    []Host{{Name: "web01", JID: "web01@localhost/agent"}}}
	if err := s.Publish(want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadAccess(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	login, err := got.Login(s.Dir, "admin")
	if err != nil || login.PasswordFile != s.Path(SecretFile("admin")) {
		t.Errorf("%+v, %v", login, err)
	}
	if err := s.Withdraw(); err != nil {
		t.Error(err)
	}
}

func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
