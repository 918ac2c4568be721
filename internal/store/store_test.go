package store

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"adminbot/internal/account"
	"adminbot/internal/sqlitefile"
)

// When the test program is started with this variable set, it adds accounts
// to that store until it is told to stop, and prints each when it is added.
const adder = "STORE_TEST_ADDER"

func TestMain(m *testing.M) {
	if path := os.Getenv(adder); path != "" {
		if err := add(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func add(path string) error {
	ctx := context.Background()
	for i := 0; i < 10000; i++ {
		// As `adminbot user add` does: open, add one, close.
		s, err := Open(ctx, path)
		if err != nil {
			return err
		}
		a := cheap(fmt.Sprintf("p%d-%d", os.Getpid(), i), account.Host)
		if err := s.AddAccount(ctx, a); err != nil {
			return err
		}
		if err := s.Close(); err != nil {
			return err
		}
		fmt.Println(a.Name)
	}
	return nil
}

// cheap makes an account without the work of a real password.
func cheap(name string, role account.Role) account.Account {
	c := account.Credential{Salt: []byte("salt"), Iterations: 4096, StoredKey: []byte("s"), ServerKey: []byte("k")}
	return account.Account{Name: name, Role: role, SHA1: c, SHA256: c}
}

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAccounts(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "a b?#%41.db")
	s := open(t, path)
	a, err := account.New("Web01", account.Host, "pass word")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddAccount(ctx, a); err != nil {
		t.Fatal(err)
	}
	if err := s.AddAccount(ctx, a); !errors.Is(err, account.ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	got, err := s.Account(ctx, "web01")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, got); d != "" {
		t.Errorf("-put +got\n%s", d)
	}
	if !got.CheckPassword("pass word") || got.CheckPassword("pass") {
		t.Error("the password is not what decides")
	}
	before, rev1, err := s.Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := account.New("web01", account.Host, "other")
	if err := s.SetPassword(ctx, b); err != nil {
		t.Fatal(err)
	}
	if err := s.SetPassword(ctx, cheap("nobody", account.User)); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("password of nobody: %v", err)
	}
	after, rev2, err := s.Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if rev2 <= rev1 || after[0].Generation <= before[0].Generation {
		t.Errorf("nothing tells that the password changed: %v %d, %v %d", before, rev1, after, rev2)
	}
	if err := s.SetRole(ctx, "web01", account.Bot); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveAccount(ctx, "web01"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveAccount(ctx, "web01"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if err := s.AddAccount(ctx, b); err != nil {
		t.Fatal(err)
	}
	last, _, err := s.Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if last[0].Generation <= after[0].Generation {
		t.Error("an account and a later one of its name look the same")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestNoPasswordInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := account.New("alice", account.User, "correct horse")
	if err := s.AddAccount(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte("alice")) || bytes.Contains(b, []byte("correct horse")) {
		t.Error("the file holds the password, or not even the name")
	}
}

func TestKept(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	if err := s.AddAccounts(ctx, []account.Account{cheap("alice", account.User), cheap("bob", account.Admin)}); err != nil {
		t.Fatal(err)
	}
	c := account.Contact{JID: "bob@example.org", Name: "Bob <&>", Groups: []string{"a", "ö"}, Subscription: "to", Ask: true, Listed: true}
	rev1, err := s.PutContact(ctx, "alice", c)
	if err != nil {
		t.Fatal(err)
	}
	list, rev, err := s.Contacts(ctx, "alice")
	if err != nil || rev != rev1 {
		t.Fatalf("revision %d, put %d, %v", rev, rev1, err)
	}
	if d := cmp.Diff([]account.Contact{c}, list); d != "" {
		t.Errorf("-put +got\n%s", d)
	}
	if _, err := s.PutContact(ctx, "nobody", c); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("contact of nobody: %v", err)
	}
	if rev2, err := s.DeleteContact(ctx, "alice", c.JID); err != nil || rev2 <= rev1 {
		t.Errorf("revision %d after %d, %v", rev2, rev1, err)
	}

	all, each := account.Quota{Messages: 4, Bytes: 10}, account.Quota{Messages: 2, Bytes: 8}
	for _, put := range []struct {
		sender, stanza string
		full           bool
	}{
		{"bob", "a", false},
		{"bob", "1234567890", true}, // with those there, too long for all
		{"bob", "12345678", true},   // for one sender
		{"bob", "b", false},
		{"bob", "c", true}, // one sender's third
		{"carol", "1234567", false},
		{"dave", "12", true},
		{"dave", "d", false},
		{"erin", "", true}, // the fifth
	} {
		err := s.PutMessage(ctx, "alice", put.sender, []byte(put.stanza), all, each)
		if errors.Is(err, account.ErrFull) != put.full || err != nil && !put.full {
			t.Errorf("%v: %v", put, err)
		}
	}
	if err := s.PutMessage(ctx, "nobody", "bob", []byte("a"), all, each); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("message to nobody: %v", err)
	}
	texts := func(bytes int) (got string, last int64) {
		t.Helper()
		kept, err := s.Messages(ctx, "alice", bytes)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range kept {
			got, last = got+" "+string(m.Stanza), m.ID
		}
		return got, last
	}
	for bytes, want := range map[int]string{0: " a", 1: " a", 2: " a b", 3: " a b 1234567", 100: " a b 1234567 d"} {
		if got, _ := texts(bytes); got != want {
			t.Errorf("the first %d bytes: %s", bytes, got)
		}
	}
	_, first := texts(1)
	if err := s.DeleteMessages(ctx, "alice", first); err != nil {
		t.Fatal(err)
	}
	if got, _ := texts(100); got != " b 1234567 d" {
		t.Errorf("left: %s", got)
	}

	for i, want := range []error{nil, nil, account.ErrFull} {
		if err := s.PutPrivateXML(ctx, "bob", "ns", fmt.Sprint(i), []byte("<x/>"), 2); !errors.Is(err, want) {
			t.Errorf("piece %d: %v", i, err)
		}
	}
	if err := s.PutPrivateXML(ctx, "bob", "ns", "1", []byte("<y/>"), 2); err != nil {
		t.Error(err)
	}
	if b, err := s.PrivateXML(ctx, "bob", "ns", "1"); string(b) != "<y/>" || err != nil {
		t.Errorf("%s, %v", b, err)
	}
	if b, err := s.PrivateXML(ctx, "bob", "ns", "7"); b != nil || err != nil {
		t.Errorf("%s, %v", b, err)
	}

	// All of it goes with the account, and does not come back with the name.
	if err := s.RemoveAccount(ctx, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := s.AddAccount(ctx, cheap("alice", account.User)); err != nil {
		t.Fatal(err)
	}
	if got, _ := texts(100); got != "" {
		t.Errorf("left: %s", got)
	}
}

func TestSecretStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	var last []byte
	for range 2 {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Secret(t.Context())
		if err != nil || len(b) != 32 || last != nil && !bytes.Equal(b, last) {
			t.Errorf("%x, then %x, %v", last, b, err)
		}
		last = b
		s.Close()
	}
}

// TestRefused opens files that are no store: each is named in the error, and
// stays as it is.
func TestRefused(t *testing.T) {
	good := func(t *testing.T, path string) {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var all []account.Account
		for i := range 500 {
			all = append(all, cheap(fmt.Sprint("host", i), account.Host))
		}
		if err := s.AddAccounts(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	foreign := func(t *testing.T, path, stmt string) {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(stmt); err != nil {
			t.Fatal(err)
		}
	}
	spoil := func(t *testing.T, path string, at int64, b []byte) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"empty", func(t *testing.T, p string) { os.WriteFile(p, nil, 0o600) }, sqlitefile.ErrDamaged},
		{"text", func(t *testing.T, p string) { os.WriteFile(p, []byte(strings.Repeat("hello\n", 100)), 0o600) }, sqlitefile.ErrForeign},
		{"short", func(t *testing.T, p string) { os.WriteFile(p, []byte("SQLite format 3\x00"), 0o600) }, sqlitefile.ErrForeign},
		{"other sqlite", func(t *testing.T, p string) { foreign(t, p, "CREATE TABLE accounts (name)") }, sqlitefile.ErrForeign},
		{"newer", func(t *testing.T, p string) { good(t, p); foreign(t, p, "PRAGMA user_version = 99") }, sqlitefile.ErrNewer},
		{"page", func(t *testing.T, p string) { good(t, p); spoil(t, p, 6*4096, bytes.Repeat([]byte{0xA5}, 8192)) }, sqlitefile.ErrDamaged},
		{"cut", func(t *testing.T, p string) { good(t, p); os.Truncate(p, 5*4096+77) }, sqlitefile.ErrDamaged},
		{"directory", func(t *testing.T, p string) { os.Mkdir(p, 0o700) }, nil},
		{"only its log", func(t *testing.T, p string) { os.WriteFile(p+"-wal", []byte("x"), 0o600) }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "accounts.db")
			test.make(t, path)
			before := contents(t, dir)
			s, err := Open(t.Context(), path)
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("the file is not named: %v", err)
			}
			after := contents(t, dir)
			for _, suffix := range []string{"-wal", "-shm"} {
				// Looking at it, SQLite may make these; without any data.
				if _, was := before["accounts.db"+suffix]; !was && after["accounts.db-wal"] == "" {
					delete(after, "accounts.db"+suffix)
				}
			}
			if d := cmp.Diff(before, after); d != "" {
				t.Errorf("the directory was changed: -before +after\n%s", d)
			}
		})
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, _ := os.ReadFile(filepath.Join(dir, e.Name()))
		m[e.Name()] = string(b)
	}
	return m
}

// TestProcesses lets two other processes add accounts while this one reads
// and writes, kills one in the middle, and finds all that was reported added.
func TestProcesses(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "x.db")
	s := open(t, path)
	var mu sync.Mutex
	var reported []string
	var wg sync.WaitGroup
	for range 2 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), adder+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			lines := bufio.NewScanner(out)
			for n := 0; lines.Scan(); n++ {
				mu.Lock()
				reported = append(reported, lines.Text())
				mu.Unlock()
				if n == 25 {
					cmd.Process.Kill()
				}
			}
			cmd.Wait() // killed: an error, as it should be
		})
	}
	var last int64
	for i := range 40 {
		if err := s.AddAccount(ctx, cheap(fmt.Sprint("own", i), account.Host)); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		reported = append(reported, fmt.Sprint("own", i))
		mu.Unlock()
		rev, err := s.Revision(ctx)
		if err != nil || rev <= last {
			t.Fatalf("revision %d after %d, %v", rev, last, err)
		}
		last = rev
	}
	wg.Wait()
	entries, _, err := s.Entries(ctx)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, e := range entries {
		have[e.Name] = true
	}
	for _, name := range reported {
		if !have[name] {
			t.Errorf("%s was added and is not there", name)
		}
	}
	if len(reported) < 40+2*26 {
		t.Errorf("only %d were reported", len(reported))
	}
}

// TestConcurrent checks that a change that fails takes nothing with it of
// those committed together with it.
func TestConcurrent(t *testing.T) {
	ctx := t.Context()
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			name := fmt.Sprint("n", i/2) // each one twice
			if err := s.AddAccount(ctx, cheap(name, account.Host)); err != nil && !errors.Is(err, account.ErrExists) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, rev, err := s.Entries(ctx)
	if err != nil || len(entries) != 100 || rev != 100 {
		t.Errorf("%d accounts, revision %d, %v", len(entries), rev, err)
	}
}

func BenchmarkPutMessage(b *testing.B) {
	ctx := b.Context()
	s, err := Open(ctx, filepath.Join(b.TempDir(), "x.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.AddAccount(ctx, cheap("alice", account.User)); err != nil {
		b.Fatal(err)
	}
	stanza := bytes.Repeat([]byte("x"), 300)
	most := account.Quota{Messages: 1 << 40, Bytes: 1 << 40}
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.PutMessage(ctx, "alice", "bob", stanza, most, most); err != nil {
				b.Error(err)
			}
		}
	})
}

// TestOlder opens a file as the first version left it: what it keeps stays.
func TestOlder(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "x.db")
	later := schema
	schema = schema[:1]
	s, err := Open(ctx, path)
	schema = later
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddAccount(ctx, cheap("alice", account.User)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.w.Exec("INSERT INTO messages (owner, stanza) VALUES ('alice', x'61')"); err != nil {
		t.Fatal(err)
	}
	before, err := s.Secret(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	most := account.Quota{Messages: 2, Bytes: 2}
	if err := s.PutMessage(ctx, "alice", "bob", []byte("b"), most, account.Quota{Messages: 1, Bytes: 1}); err != nil {
		t.Error(err)
	}
	kept, err := s.Messages(ctx, "alice", 10)
	if err != nil || len(kept) != 2 || string(kept[0].Stanza) != "a" {
		t.Errorf("%v, %v", kept, err)
	}
	if after, err := s.Secret(ctx); !bytes.Equal(before, after) || err != nil {
		t.Errorf("another secret, %v", err)
	}
}
