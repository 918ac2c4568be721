//go:build !unit

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"mellium.im/xmpp/stanza"

	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/ping"
)

// saying is one `adminbot say` while it runs.
type saying struct {
	cmd  *exec.Cmd
	out  bytes.Buffer
	done chan struct{}
}

func (s *talkSite) saying(args ...string) *saying {
	s.t.Helper()
	conf := s.write("say.toml", fmt.Sprintf("state = %q\n[account]\njid = \"alice@%s\"\npassword_file = %q\naddress = %q\nca_file = %q\nbot = \"adminbot@%s\"\n",
		s.dir, s.server.Domain, s.secret("alice"), s.server.Addr, s.ca, s.server.Domain))
	r := &saying{cmd: exec.Command("adminbot", append([]string{"say", "--config", conf}, args...)...), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		_ = r.cmd.Wait() // its exit code is looked at
	}()
	s.root.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.done
	})
	return r
}

// ends waits for the end and returns the exit code and what was said.
func (r *saying) ends(t *testing.T) (code int, said string) {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(within):
		t.Fatal("adminbot say does not end")
	}
	return r.cmd.ProcessState.ExitCode(), r.out.String()
}

// TestSayAcrossBreak cuts the bot's own connection while `adminbot say` waits for
// an answer, or before it asks. A session that is resumed has lost nothing; when
// it is lost, the answer does not say more than is known.
func TestSayAcrossBreak(t *testing.T) {
	t.Parallel()
	hosts := func() []*talkHost {
		return []*talkHost{{name: "web01", facts: "role=web", services: []string{"postgres"}}}
	}
	servertest.Each(t, talkAccounts(hosts()), func(t *testing.T, server *servertest.Server) {
		t.Parallel()
		s := openTalk(t, server, impatient, hosts())
		through := servertest.NewProxy(t, server.Addr)
		s.stopBot()
		s.via = through.Addr
		s.startBot()
		s.knowsHosts()
		web01 := s.hosts["web01"]
		asked := func(what string) {
			t.Helper()
			s.until("web01 is asked to "+what, func() bool { return slices.Contains(web01.asked(), what+" postgres") })
		}
		up := func() { s.until("the bot is back", s.bot.session.Up) }
		// lost cuts the bot off until its session is gone on the server, which
		// then answers for it.
		lost := func() {
			t.Helper()
			through.Closed.Store(true)
			through.Cut()
			s.until("the session of the bot is gone", func() bool {
				_, _, err := s.person("bob").session.RoundTripIQ(t.Context(), stanza.IQ{Type: stanza.GetIQ, To: s.bot.session.LocalAddr()}, ping.TokenReader())
				var se stanza.Error
				return errors.As(err, &se) && (se.Condition == stanza.ServiceUnavailable || se.Condition == stanza.RecipientUnavailable)
			})
			through.Closed.Store(false)
		}
		rest := func() {
			up()
			web01.works("postgres")
			s.until("the bot sees web01", func() bool { h, _ := s.bot.fleet.Find("web01"); return h.Online })
			web01.changes()
		}
		check := func(t *testing.T, r *saying, code int, begins string, never ...string) {
			t.Helper()
			got, said := r.ends(t)
			if got != code || !strings.HasPrefix(said, begins) {
				t.Errorf("exit %d, want %d and %q: %s", got, code, begins, said)
			}
			for _, word := range never {
				if strings.Contains(said, word) {
					t.Errorf("it says %q: %s", word, said)
				}
			}
		}

		t.Run("a read, resumed", func(t *testing.T) {
			web01.flag("postgres", "sticks", "")
			r := s.saying("is postgres running on web01?")
			asked("looked")
			through.Cut()
			s.until("the bot has noticed", func() bool { return s.bot.session.Stats().Reconnects > 0 })
			up()
			web01.works("postgres")
			check(t, r, 0, "✔ postgres on web01: active")
			rest()
		})
		t.Run("the answer is ready while there is no connection", func(t *testing.T) {
			web01.flag("postgres", "sticks", "")
			r := s.saying("is postgres running on web01?")
			asked("looked")
			through.Cut()
			web01.works("postgres")
			check(t, r, 0, "✔ postgres on web01: active")
			rest()
		})
		t.Run("asked while there is no connection", func(t *testing.T) {
			through.Closed.Store(true)
			through.Cut()
			r := s.saying("is postgres running on web01?")
			s.until("the bot has noticed", func() bool { return !s.bot.session.Up() })
			through.Closed.Store(false)
			// The session lasts two seconds: who comes after that hears that nobody
			// is there, which is true as well.
			if code, said := r.ends(t); !(code == 0 && strings.HasPrefix(said, "✔ postgres on web01: active")) && !(code == exitUnreachable && strings.Contains(said, "is not there")) {
				t.Errorf("exit %d: %s", code, said)
			}
			rest()
		})
		t.Run("a read, lost", func(t *testing.T) {
			web01.flag("postgres", "sticks", "")
			r := s.saying("is postgres running on web01?")
			asked("looked")
			lost()
			check(t, r, exitUnreachable, "", "✔", "offline", "not sent", "inactive")
			rest()
		})
		t.Run("a change, lost", func(t *testing.T) {
			web01.flag("postgres", "hangs", "")
			r := s.saying("--yes", "restart postgres on web01")
			asked("restart")
			lost()
			code, said := r.ends(t)
			if code != exitUnreachable || !strings.Contains(said, "may have") || strings.Contains(said, "✔") || strings.Contains(said, "ot sent") || strings.Contains(said, "NOT SENT") || strings.Contains(said, "othing was") {
				t.Errorf("exit %d: %s", code, said)
			}
			rest()
		})
	})
}
