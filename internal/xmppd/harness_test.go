package xmppd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/muc/muctest"
)

// memory is a working store of everything, in memory.
type memory struct {
	mu       sync.Mutex
	revision int64
	accounts map[string]account.Account
	entries  map[string]account.Entry
	contacts map[string]map[string]account.Contact
	rosterRv int64
	messages map[string][]account.Message
	senders  map[int64]string // of messages by ID
	private  map[[3]string][]byte
	nextID   int64
}

func newMemory() *memory {
	return &memory{
		accounts: map[string]account.Account{}, entries: map[string]account.Entry{},
		contacts: map[string]map[string]account.Contact{}, messages: map[string][]account.Message{},
		senders: map[int64]string{},
		private: map[[3]string][]byte{},
	}
}

// add makes an account whose password is "secret of NAME", with few rounds.
func (m *memory) add(t testing.TB, name string, role account.Role) {
	t.Helper()
	m.put(t, name, role, "secret of "+name)
}

// quick is add for an account that logs in so often that the rounds would
// take all the time of the test.
func (m *memory) quick(t testing.TB, name string, role account.Role) {
	t.Helper()
	m.with(t, name, role, "secret of "+name, 1)
}

func (m *memory) put(t testing.TB, name string, role account.Role, password string) {
	t.Helper()
	m.with(t, name, role, password, 4096)
}

func (m *memory) with(t testing.TB, name string, role account.Role, password string, rounds int) {
	t.Helper()
	a := account.Account{Name: name, Role: role}
	for _, mech := range []string{"SCRAM-SHA-1", "SCRAM-SHA-256"} {
		h, _ := hashOf(mech)
		c, err := account.NewCredential(h, password, []byte("sixteen bytes of"), rounds)
		if err != nil {
			t.Fatal(err)
		}
		if mech == "SCRAM-SHA-1" {
			a.SHA1 = c
		} else {
			a.SHA256 = c
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	m.accounts[name] = a
	m.entries[name] = account.Entry{Name: name, Role: role, Generation: m.revision}
}

func (m *memory) remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revision++
	delete(m.accounts, name)
	delete(m.entries, name)
}

func (m *memory) Account(_ context.Context, name string) (account.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.accounts[name]
	if !ok {
		return a, account.ErrNotFound
	}
	return a, nil
}

func (m *memory) Entries(context.Context) ([]account.Entry, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []account.Entry
	for _, e := range m.entries {
		all = append(all, e)
	}
	return all, m.revision, nil
}

func (m *memory) Revision(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revision, nil
}

func (m *memory) Contacts(_ context.Context, owner string) ([]account.Contact, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []account.Contact
	for _, c := range m.contacts[owner] {
		all = append(all, c)
	}
	return all, m.rosterRv, nil
}

func (m *memory) PutContact(_ context.Context, owner string, c account.Contact) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.contacts[owner] == nil {
		m.contacts[owner] = map[string]account.Contact{}
	}
	m.contacts[owner][c.JID] = c
	m.rosterRv++
	return m.rosterRv, nil
}

func (m *memory) DeleteContact(_ context.Context, owner, jid string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.contacts[owner], jid)
	m.rosterRv++
	return m.rosterRv, nil
}

func (m *memory) PutMessage(_ context.Context, owner, sender string, stanza []byte, all, each account.Quota) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	all.Messages--
	all.Bytes -= len(stanza)
	each.Messages--
	each.Bytes -= len(stanza)
	for _, k := range m.messages[owner] {
		all.Messages--
		all.Bytes -= len(k.Stanza)
		if m.senders[k.ID] == sender {
			each.Messages--
			each.Bytes -= len(k.Stanza)
		}
	}
	if min(all.Messages, all.Bytes, each.Messages, each.Bytes) < 0 {
		return account.ErrFull
	}
	m.nextID++
	m.senders[m.nextID] = sender
	m.messages[owner] = append(m.messages[owner], account.Message{ID: m.nextID, Stanza: append([]byte(nil), stanza...)})
	return nil
}

func (m *memory) Messages(_ context.Context, owner string, bytes int) ([]account.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []account.Message
	for n := 0; len(all) < len(m.messages[owner]) && (n < bytes || len(all) == 0); {
		all = append(all, m.messages[owner][len(all)])
		n += len(all[len(all)-1].Stanza)
	}
	return all, nil
}

func (m *memory) DeleteMessages(_ context.Context, owner string, upTo int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.messages[owner]
	i := sort.Search(len(l), func(i int) bool { return l[i].ID > upTo })
	m.messages[owner] = l[i:]
	return nil
}

func (m *memory) PrivateXML(_ context.Context, owner, ns, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.private[[3]string{owner, ns, name}], nil
}

func (m *memory) PutPrivateXML(_ context.Context, owner, ns, name string, xml []byte, limit int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.private[[3]string{owner, ns, name}] = append([]byte(nil), xml...)
	return nil
}

// running is a server on loopback ports that the system chose.
type running struct {
	*Server
	store             *memory
	c2s, direct, comp string // addresses
	ca                string // file with the test CA
	roots             *x509.CertPool
	cancel            context.CancelFunc
	done              chan struct{}
}

// start runs a server for example.org until the test ends.
func start(t testing.TB, m *memory, change func(*Config)) *running {
	t.Helper()
	cert, pool, ca := testCertificate(t)
	cfg := Config{
		Domain: "example.org", TLS: &tls.Config{Certificates: []tls.Certificate{cert}},
		PlainLoopback: true,
		Accounts:      m, Rosters: m, Offline: m, Private: m,
		Components: map[string]string{"comp.example.org": "swordfish"},
		Rooms:      Rooms{Domain: "conference.example.org", Store: new(muctest.Memory)},
		Version:    "test",
		Log:        slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Server: s, store: m, ca: ca, roots: pool, done: make(chan struct{})}
	listen := func(addr *string) net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		*addr = l.Addr().String()
		return l
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	l := Listeners{listen(&r.c2s), listen(&r.direct), listen(&r.comp)}
	go func() {
		defer close(r.done)
		if err := s.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			t.Error("the server did not end")
		}
	})
	return r
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	if testing.Verbose() {
		os.Stderr.Write(b)
	}
	return len(b), nil
}

// testCertificate makes a CA and a certificate for example.org.
func testCertificate(t testing.TB) (tls.Certificate, *x509.CertPool, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"example.org"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &leafKey.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	parsed, _ := x509.ParseCertificate(caDER)
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: leafKey}, pool, file
}
