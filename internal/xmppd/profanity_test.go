//go:build !unit

package xmppd

import (
	"bytes"
	"fmt"
	"io"
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
			keys := startProfanity(t, r, policy)
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

// startProfanity logs alice in with the client that people use, whose resource is
// the policy for TLS, and returns where what she types goes.
func startProfanity(t *testing.T, r *running, policy string) (keys io.Writer) {
	t.Helper()
	for _, program := range []string{"profanity", "script"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing (apt-get install profanity bsdutils): %v", program, err)
		}
	}
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
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(dir, "data/profanity/logs/*"))
			for _, l := range logs {
				b, _ := os.ReadFile(l)
				t.Logf("%s", b)
			}
		}
	})
	return keys
}

// TestProfanityRoom has her meet the bot in a room that it has made.
func TestProfanityRoom(t *testing.T) {
	m := newMemory()
	m.add(t, "alice", account.User)
	m.add(t, "bot", account.Bot)
	r := start(t, m, nil)
	bot := newPeerWithin(t, dialTCP(t, r.c2s, nil, "bot", "bot", "secret of bot"))
	defer bot.c.Close()
	bot.full = "bot@example.org/bot"
	bot.send(t, "<presence/>")
	bot.send(t, "<presence to='ops@conference.example.org/adminbot'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	bot.send(t, "<iq type='set' id='1' to='ops@conference.example.org'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_membersonly'><value>1</value></field><field var='muc#roomconfig_enablearchiving'><value>1</value></field></x></query></iq>")
	bot.send(t, "<message to='ops@conference.example.org' type='groupchat'><body>welcome</body></message>")
	until := func(part string) string {
		for {
			switch got := bot.next(t); {
			case got == "":
				t.Fatalf("the connection ended before %s came", part)
			case strings.Contains(got, part):
				return got
			}
		}
	}
	until("<body>welcome</body>")
	keys := startProfanity(t, r, "trust")
	until("<presence to='bot@example.org' from='alice@example.org/trust'")
	bot.send(t, "<message to='ops@conference.example.org'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='alice@example.org'/></x></message>")
	until("<item affiliation='member'")
	fmt.Fprint(keys, "/join ops@conference.example.org nick ali\r")
	until("<item affiliation='member' role='participant' jid='alice@example.org/trust'/>")
	// When it answers, it has understood that it is in.
	bot.send(t, "<iq type='get' id='2' to='ops@conference.example.org/ali'><query xmlns='jabber:iq:version'/></iq>")
	if got := until(" id='2'"); !strings.Contains(got, "<name>Profanity") || !strings.Contains(got, "from='ops@conference.example.org/ali'") {
		t.Errorf("got %s", got)
	}
	fmt.Fprint(keys, "who is there?\r")
	if got := until("<body>who is there?</body>"); !strings.Contains(got, "from='ops@conference.example.org/ali' type='groupchat'") {
		t.Errorf("got %s", got)
	}
	fmt.Fprint(keys, "/nick alice\r")
	until("<presence to='bot@example.org/bot' from='ops@conference.example.org/alice'")
	fmt.Fprint(keys, "/subject set disk on db01\r")
	until("<subject>disk on db01</subject>")
	fmt.Fprint(keys, "/close\r")
	until("from='ops@conference.example.org/alice' type='unavailable'")
	fmt.Fprint(keys, "/quit\r")
	until("from='alice@example.org/trust' type='unavailable'")
}

// lacks reports whether a client has not acknowledged a stanza with a text.
func (s *session) lacks(text string) bool {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	return bytes.Contains(s.sm.sent.buf[s.sm.sent.off:], []byte(text))
}
