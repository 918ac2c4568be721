// Package servertest starts real XMPP servers for tests: from files in a
// directory of the test, on free loopback ports, in the foreground, with a
// certificate of an authority made for the test.
//
// Call [StartProsody] with the accounts it should have. The server ends with
// the test. A server that is not installed fails the test; it does not skip it.
package servertest

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	_ "embed"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

//go:embed testdata/prosody.cfg.lua
var prosodyConfig string

// Options say what a server is like. The zero value is a server without
// accounts.
type Options struct {
	Domain   string            // "localhost" by default
	Accounts map[string]string // name to password
	Groups   string            // Prosody's groups file: [Name], then lines jid=name
	NoTLS    bool              // allow logins without encryption, for measurements
	Limits   string            // Lua, for example: c2s = { rate = "10kb/s" }; unlimited by default
	CertFor  string            // the name in the certificate; Domain by default
}

// Prosody is a running server.
type Prosody struct {
	Domain    string
	Addr      string // of clients, host:port
	DirectTLS string // of clients that speak TLS from the first byte
	Component string // of components, host:port
	Name      string // of the one component it knows
	Secret    string // of that component
	Dir       string // configuration and data
	Authority *Authority

	cmd  *exec.Cmd
	mu   sync.Mutex
	log  bytes.Buffer
	done chan struct{} // closed when the process has ended
}

// StartProsody starts a server and waits until it listens.
func StartProsody(t testing.TB, o Options) *Prosody {
	t.Helper()
	if _, err := exec.LookPath("prosody"); err != nil {
		t.Fatal("servertest: prosody is not installed: apt-get install prosody")
	}
	if o.Domain == "" {
		o.Domain = "localhost"
	}
	if o.CertFor == "" {
		o.CertFor = o.Domain
	}
	p := &Prosody{
		Domain:    o.Domain,
		Name:      "workgroup." + o.Domain,
		Secret:    "compsecret",
		Dir:       t.TempDir(),
		Authority: NewAuthority(t),
	}
	cert, key := p.Authority.Issue(t, time.Hour, o.CertFor)
	p.write(t, "run/cert.pem", string(cert))
	p.write(t, "run/key.pem", string(key))
	p.write(t, "groups.txt", o.Groups)
	for name, password := range o.Accounts {
		p.AddAccount(t, name, password)
	}
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("prosody said:\n%s", p.Log())
		}
	})
	// A port that is free now may be taken a moment later.
	for attempt := 1; ; attempt++ {
		ports := freePorts(t, 3)
		p.Addr, p.DirectTLS, p.Component = loopback(ports[0]), loopback(ports[1]), loopback(ports[2])
		p.write(t, "prosody.cfg.lua", strings.NewReplacer(
			"@DIR@", p.Dir,
			"@C2S_PORT@", strconv.Itoa(ports[0]),
			"@DIRECT_TLS_PORT@", strconv.Itoa(ports[1]),
			"@COMPONENT_PORT@", strconv.Itoa(ports[2]),
			"@CERT@", filepath.Join(p.Dir, "run/cert.pem"),
			"@KEY@", filepath.Join(p.Dir, "run/key.pem"),
			"@REQUIRE_TLS@", strconv.FormatBool(!o.NoTLS),
			"@LIMITS@", o.Limits,
			"@DOMAIN@", p.Domain,
			"@COMPONENT@", p.Name,
			"@SECRET@", p.Secret,
		).Replace(prosodyConfig))
		err := p.start(t)
		if err == nil {
			return p
		}
		if attempt == 3 {
			t.Fatalf("servertest: %v\n%s", err, p.Log())
		}
	}
}

// TLS returns a configuration that trusts the server.
func (p *Prosody) TLS() *tls.Config { return &tls.Config{RootCAs: p.Authority.Pool()} }

// Log returns what the server has said so far.
func (p *Prosody) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// AddAccount makes an account, or changes its password. A server that runs sees
// a new one at once.
func (p *Prosody) AddAccount(t testing.TB, name, password string) {
	t.Helper()
	const iterations = 4096
	salt := hex.EncodeToString(fmt.Appendf(nil, "salt of %s", name))
	salted, err := pbkdf2.Key(sha256.New, password, []byte(salt), iterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	p.write(t, filepath.Join("data", encodeStore(p.Domain), "accounts", encodeStore(name)+".dat"), fmt.Sprintf(
		"return {\n\t[\"iteration_count\"] = %d;\n\t[\"salt\"] = %q;\n\t[\"stored_key\"] = \"%x\";\n\t[\"server_key\"] = \"%x\";\n};\n",
		iterations, salt, stored, mac(salted, "Server Key")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// encodeStore writes a name as the store of Prosody does.
func encodeStore(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

// Start starts the server again after [Prosody.Stop], on the same ports.
func (p *Prosody) Start(t testing.TB) {
	t.Helper()
	if err := p.start(t); err != nil {
		t.Fatalf("servertest: %v\n%s", err, p.Log())
	}
}

// start runs the server and waits until all its ports are open.
func (p *Prosody) start(t testing.TB) error {
	p.cmd = exec.Command("prosody", "--config", filepath.Join(p.Dir, "prosody.cfg.lua"), "-F")
	p.cmd.Dir = p.Dir
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.done = make(chan struct{})
	ready := make(chan error, 1)
	go func() { // ends with the process, which [Prosody.Stop] waits for
		defer close(p.done)
		missing := map[string]bool{"'c2s'": true, "'c2s_direct_tls'": true, "'component'": true}
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			line := lines.Text()
			p.mu.Lock()
			p.log.WriteString(line + "\n")
			p.mu.Unlock()
			if strings.Contains(line, "Failed to open server port") {
				trySend(ready, fmt.Errorf("prosody: %s", line))
			}
			if _, rest, ok := strings.Cut(line, "Activated service "); ok {
				name, where, _ := strings.Cut(rest, " ")
				if missing[name] && strings.Contains(where, "no ports") {
					trySend(ready, fmt.Errorf("prosody: %s", line))
				}
				delete(missing, name)
				if len(missing) == 0 {
					trySend(ready, nil)
				}
			}
		}
		err := p.cmd.Wait()
		trySend(ready, fmt.Errorf("prosody ended: %v", err))
	}()
	timeout := time.NewTimer(30 * time.Second)
	defer timeout.Stop()
	select {
	case err = <-ready:
	case <-timeout.C:
		err = fmt.Errorf("prosody does not listen after 30 s")
	}
	if err != nil {
		p.Stop(t)
	}
	return err
}

func trySend(c chan error, err error) {
	select {
	case c <- err:
	default:
	}
}

// Stop ends the server and waits for its end. It may be called more than once.
func (p *Prosody) Stop(t testing.TB) {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err == nil {
		timer := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
		defer timer.Stop()
	}
	<-p.done
}

func (p *Prosody) write(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(p.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts returns n ports of 127.0.0.1 that nobody listens on.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all are held until all are known, so that they differ
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}
