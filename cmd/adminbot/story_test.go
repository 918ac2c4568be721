//go:build !unit

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
	"adminbot/internal/config"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/workgroups"
	"adminbot/workgroups/client"
)

// TestStory is the way of one alert from end to end: it comes in over HTTP; the
// alertbot is asked first and declines; bob is away, so carol is asked in chat and
// takes it; she and the bot meet in its room, where she asks the host, which is a
// real agent, and restarts a service there; she resolves the alert, and its
// timeline tells it all.
func TestStory(t *testing.T) {
	hosts := func() []*talkHost {
		return []*talkHost{{name: "web01", facts: "role=web", services: []string{"nginx"}, own: true}, {name: "web02", facts: "role=web"}}
	}
	accounts := talkAccounts(hosts())
	accounts.Accounts = append(accounts.Accounts, servertest.Account{Name: "alertbot", Password: talkPassword("alertbot"), Role: account.User})
	servertest.Each(t, accounts, func(t *testing.T, server *servertest.Server) {
		s := newTalkSite(t, server)
		s.alerts, s.policy = server.Name, storyBotPolicy
		alerts := s.startAlerts()
		s.open(hosts())
		s.until("the bot knows nginx", func() bool {
			h, _ := s.bot.fleet.Find("web01")
			return len(h.Facts.Services) > 0
		})
		declined, disturbed := s.agent("alertbot", workgroups.Available), s.agent("bob", workgroups.Away)

		carol, said := s.carol()
		s.until("carol is on duty", func() bool { return strings.Contains(said.String(), "You will be asked") })
		s.post(alerts.intake.HTTPAddr(), `{"summary": "disk full", "host": "web01.example.net", "severity": "critical", "details": "less than 1% free"}`)
		if err := carol.Wait(); err != nil {
			t.Fatalf("carol: %v\n%s", err, said)
		}
		for _, line := range []string{
			"Alert 1 · critical · web01.example.net · disk full",
			"invited into alert-1@" + server.Rooms + " by alerts@" + server.Name,
			"carol: ✔ disk on web01: ",
			"carol: ✔ nginx restarted on web01 ",
			"Alert 1 is resolved by carol@localhost: restarted nginx, cleaned up",
			"✔ Alert 1: resolved by carol@localhost",
			"MTTA ",
		} {
			if !strings.Contains(said.String(), line) {
				t.Errorf("carol did not hear %q", line)
			}
		}
		if n, m := declined.Load(), disturbed.Load(); n != 1 || m != 0 {
			t.Errorf("the alertbot was asked %d times, bob %d", n, m)
		}
		if got := fmt.Sprint(s.hosts["web01"].changes()); got != "[restart nginx]" {
			t.Errorf("on web01: %s", got)
		}
		want := []string{
			"raised webhook", "offered alertbot@localhost", "rejected alertbot@localhost", "offered carol@localhost", "accepted carol@localhost",
			"room: alert-1@" + server.Rooms, "invited carol@localhost", "joined adminbot@localhost", "joined carol@localhost",
			"resolved carol@localhost: restarted nginx, cleaned up",
		}
		s.timeline(alerts.service, want)
		t.Log("carol's conversation:\n" + said.String())
	})
}

const storyBotPolicy = `
[[rule]]
who = ["carol@localhost"]
may = ["R", "W", "D"]
`

const storyAlertPolicy = `
bots = ["adminbot@localhost"]

[[rule]]
who = ["*@localhost"]
may = ["R", "W"]
`

const storyToken = "a token of 22 characters"

// startAlerts starts the alert service, with alerts coming in over HTTP.
func (s *talkSite) startAlerts() *workgroupsPart {
	s.t.Helper()
	conf := config.Workgroups{
		Domain: s.server.Name, Component: s.server.Component, Policy: s.write("alert-policy.toml", storyAlertPolicy), Bot: "adminbot@" + s.server.Domain,
		Group: []config.Workgroup{{Name: "alerts", Members: []config.Member{
			{JID: "alertbot@localhost", Bot: true}, {JID: "bob@localhost"}, {JID: "carol@localhost"},
		}}},
	}
	in := config.Intake{Listen: "127.0.0.1:0", Source: []config.Source{{Name: "webhook", TokenFile: s.write("secrets/webhook", storyToken)}}}
	part, err := newWorkgroups(s.t.Context(), workgroupsSetup{
		conf: conf, intake: in, file: filepath.Join(s.dir, "alerts.db"), log: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
		secret: func() (string, error) { return s.server.Secret, nil },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	background(s.root, part.Run)
	<-part.session.Ready()
	return part
}

// agent is somebody with a client of XEP-0142 who declines everything. It returns
// how often they were asked.
func (s *talkSite) agent(name string, show workgroups.Show) *atomic.Int64 {
	s.t.Helper()
	session := link.New(s.login(name, "work"))
	asked := &atomic.Int64{}
	there := make(chan struct{})
	known := sync.OnceFunc(func() { close(there) })
	group := jid.MustParse("alerts@" + s.server.Name)
	s.ends = append(s.ends, background(s.root, func(ctx context.Context) error {
		return client.Run(ctx, session, group, client.Agent{
			Presence: client.Presence{Show: show},
			Offered:  func(context.Context, *client.Offer) { asked.Add(1) },
			Changed:  func(client.Status) { known() },
		})
	}))
	<-there
	return asked
}

// carol starts her conversation, which goes on by itself.
func (s *talkSite) carol() (*exec.Cmd, *transcript) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(s.server.Addr)
	if err != nil {
		s.t.Fatal(err)
	}
	said := &transcript{}
	cmd := exec.Command("/usr/bin/python3", "testdata/story/carol.py", host, port, s.server.Domain, talkPassword("carol"), s.ca)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("%v\nhint: apt-get install python3-slixmpp", err)
	}
	s.root.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, said
}

// A transcript is what a program has printed so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.Write(p)
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// post raises an alert as a script would.
func (s *talkSite) post(at, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+at+"/generic", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+storyToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s", resp.Status, answer)
	}
}

// timeline compares that of the first alert. Who comes into the room first is
// nobody's business.
func (s *talkSite) timeline(service *workgroups.Service, want []string) {
	s.t.Helper()
	_, entries, err := service.Alert(s.t.Context(), 1)
	if err != nil {
		s.t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.String())
	}
	for i := range len(got) - 1 {
		if strings.HasPrefix(got[i], "joined carol") && strings.HasPrefix(got[i+1], "joined adminbot") {
			got[i], got[i+1] = got[i+1], got[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("timeline (-want +got):\n%s", diff)
	}
}
