//go:build !unit

package xmppd

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

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
				"config/profanity/profrc": "[logging]\nchlog=true\n[ui]\nsplash=false\n",
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
			fmt.Fprint(keys, "/quit\r")
			for got := ""; !strings.Contains(got, "from='"+me+"' type='unavailable'"); {
				got = bot.next(t)
			}
		})
	}
}
