//go:build !unit

package xmppd

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"adminbot/internal/account"
)

// TestProfanity logs in a client that people use, and talks with it.
func TestProfanity(t *testing.T) {
	for _, program := range []string{"profanity", "script"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing (apt-get install profanity bsdutils): %v", program, err)
		}
	}
	m := newMemory()
	m.add(t, "alice", account.User)
	m.add(t, "bot", account.Bot)
	m.add(t, "web01", account.Host)
	r := start(t, m, nil)
	bot := newPeerWithin(t, dialTCP(t, r.c2s, nil, "bot", "bot", "secret of bot"))
	defer bot.c.Close()
	bot.full = "bot@example.org/bot"
	bot.send(t, "<presence/>")
	bot.next(t)

	for _, policy := range []string{"trust", "legacy"} {
		t.Run(policy, func(t *testing.T) {
			dir := t.TempDir()
			addr := map[string]string{"trust": r.c2s, "legacy": r.direct}[policy]
			host, port, _ := net.SplitHostPort(addr)
			for name, text := range map[string]string{
				"data/profanity/accounts": fmt.Sprintf("[alice]\nenabled=true\njid=alice@example.org\nserver=%s\nport=%s\npassword=secret of alice\nresource=%s\ntls.policy=%s\n", host, port, policy, policy),
				"config/profanity/profrc": "[logging]\nchlog=true\n[ui]\nsplash=false\n[connection]\nreconnect=1\n",
			} {
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("script", "-qfec", "profanity -l DEBUG -a alice", "/dev/null")
			cmd.Env = append(os.Environ(), "TERM=xterm", "LANG=C.UTF-8", "HOME="+dir,
				"XDG_CONFIG_HOME="+filepath.Join(dir, "config"), "XDG_DATA_HOME="+filepath.Join(dir, "data"),
				"SSL_CERT_FILE="+r.ca)
			keys, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				cmd.Wait()
				if t.Failed() {
					logs, _ := filepath.Glob(filepath.Join(dir, "data/profanity/logs/*"))
					for _, l := range logs {
						b, _ := os.ReadFile(l)
						t.Logf("%s", b)
					}
				}
			}()
			me := "alice@example.org/" + policy
			for got := ""; !strings.Contains(got, "<presence to='bot@example.org' from='"+me+"'"); {
				got = bot.next(t)
			}
			bot.send(t, "<message to='"+me+"' type='chat'><body>web01: 42% used</body></message>")
			fmt.Fprint(keys, "/msg bot@example.org show disk on web01\r")
			for got := ""; !strings.Contains(got, "<body>show disk on web01</body>"); {
				got = bot.next(t)
			}
			// Its connection breaks: it comes back by itself, as if nothing had
			// been, and has what was sent meanwhile (XEP-0198).
			session := r.session([]byte(me))
			session.cut()
			bot.send(t, "<message to='"+me+"' type='chat'><body>web02: 43% used</body></message>")
			bot.settle(t)
			for deadline := time.Now().Add(30 * time.Second); session.lacks("43% used"); {
				if time.Now().After(deadline) {
					t.Fatal("it does not come back")
				}
				for _, got := range bot.settle(t) {
					if strings.Contains(got, "type='unavailable'") {
						t.Errorf("the bot got %s", got)
					}
				}
			}
			if r.session([]byte(me)) != session {
				t.Error("it came back with a new session")
			}
			fmt.Fprint(keys, "/msg bot@example.org show disk on web02\r")
			for got := ""; !strings.Contains(got, "<body>show disk on web02</body>"); {
				if got = bot.next(t); strings.Contains(got, "type='unavailable'") {
					t.Errorf("the bot got %s", got)
				}
			}
			fmt.Fprint(keys, "/quit\r")
			for got := ""; !strings.Contains(got, "from='"+me+"' type='unavailable'"); {
				got = bot.next(t)
			}
		})
	}
}

// lacks reports whether a client has not acknowledged a stanza with a text.
func (s *session) lacks(text string) bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return bytes.Contains(s.sm.sent.buf[s.sm.sent.off:], []byte(text))
}
