//go:build !unit

package workgroups_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/account"
	"adminbot/internal/alertstore"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// crashVariable makes the test program a service that is there to be killed.
const crashVariable = "WORKGROUPS_TEST_CRASH"

// A victim is what such a program does.
type victim struct {
	Store, Domain, Component, Secret, Server string
	Run                                      int    // which one: part of the fingerprints
	Raise                                    int    // so many alerts, four at a time
	Point                                    string // kills itself here
	Hits                                     int    // when it comes here the so manieth time
}

func TestMain(m *testing.M) {
	if text := os.Getenv(crashVariable); text != "" {
		var v victim
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			panic(err)
		}
		if err := v.serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var racers = []string{"ann", "ben", "cy", "dee"}

// serve serves until it is killed, or standard input ends. It prints each alert
// once it is acknowledged.
func (v victim) serve() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, err := alertstore.Open(ctx, v.Store)
	if err != nil {
		return err
	}
	g := workgroups.Workgroup{Name: "alerts", Parallel: len(racers), Timeout: 10 * time.Second, Retry: 200 * time.Millisecond}
	for _, name := range racers {
		g.Members = append(g.Members, workgroups.Member{JID: jid.MustParse(name + "@" + v.Server), Max: 1 << 20})
	}
	session := link.New(link.Config{
		JID: jid.MustParse(v.Domain), Addr: v.Component, Component: &link.Component{Secret: func() (string, error) { return v.Secret, nil }},
		Timing: link.Timing{RetryMin: 10 * time.Millisecond, RetryFatal: 20 * time.Millisecond}, // the one that was killed may still be there
	})
	s, err := workgroups.New(workgroups.Config{Domain: jid.MustParse(v.Domain), Groups: []workgroups.Workgroup{g}, Store: store, Wire: session})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	left := v.Hits
	s.OnPoint(func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if name == v.Point {
			if left--; left == 0 {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	})
	session.HandleIQ(xml.Name{Space: workgroups.NS}, s.HandleIQ)
	session.HandlePresence(s.HandlePresence)
	session.HandleMessage(s.HandleMessage)
	session.OnUp(func(context.Context) { s.Connected() })
	var wg sync.WaitGroup
	wg.Go(func() { session.Run(ctx) })
	wg.Go(func() { s.Run(ctx) })
	<-session.Ready()
	fmt.Println("ready")
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < v.Raise; i += 4 {
				receipts, err := s.Report(ctx, workgroups.Report{
					Workgroup: "alerts", Source: "crash", Fingerprint: fmt.Sprintf("%d-%d", v.Run, i), Summary: "x",
				})
				if err == nil {
					fmt.Println("acked", receipts[0].Alert.ID)
				}
			}
		})
	}
	io.Copy(io.Discard, os.Stdin)
	cancel()
	wg.Wait()
	return store.Close()
}

// A racer accepts whatever it is offered as fast as it can, and writes down what
// it was told.
type racer struct {
	name    string
	session *link.Session
	accepts sync.WaitGroup

	mu     sync.Mutex
	held   map[string]bool          // sessions of alerts: offered and not taken back
	grants map[int64]map[int64]bool // alert: fencing numbers of its invitations
}

func (r *racer) offer(ctx context.Context, iq stanza.IQ, tokens xml.TokenReader) (xml.TokenReader, error) {
	e, err := element.Read(tokens)
	if err != nil {
		return nil, err
	}
	id := e.Get("id")
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Name.Local == "offer-revoke" {
		delete(r.held, id)
		return nil, nil
	}
	r.held[id] = true
	r.accepts.Go(func() { r.accept(ctx, iq.From, id) })
	return nil, nil
}

// accept accepts until that is heard, or the offer is no more.
func (r *racer) accept(ctx context.Context, to jid.JID, id string) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		once, cancel := context.WithTimeout(ctx, time.Second)
		_, _, err := r.session.RoundTripIQ(once, stanza.IQ{Type: stanza.SetIQ, To: to}, element.New(workgroups.NS, "offer-accept", "id", id).TokenReader())
		cancel()
		r.mu.Lock()
		held := r.held[id]
		r.mu.Unlock()
		if err == nil || !held || ctx.Err() != nil {
			return
		}
		<-tick.C
	}
}

func (r *racer) message(_ context.Context, _ stanza.Message, tokens xml.TokenReader) {
	children, _ := element.ReadAll(tokens)
	for _, c := range children {
		if c.Name.Space == workgroups.NSJive && c.Name.Local == "session" && c.Get("grant") != "" {
			alert, _ := strconv.ParseInt(strings.TrimPrefix(c.Get("id"), "alert-"), 10, 64)
			grant, _ := strconv.ParseInt(c.Get("grant"), 10, 64)
			r.mu.Lock()
			delete(r.held, c.Get("id"))
			if r.grants[alert] == nil {
				r.grants[alert] = map[int64]bool{}
			}
			r.grants[alert][grant] = true
			r.mu.Unlock()
		}
	}
}

// TestCrash kills the service at every named point and at random moments, under
// load, with four agents racing for each alert. CRASHES is the number of random
// kills.
func TestCrash(t *testing.T) {
	random := 12
	if n, err := strconv.Atoi(os.Getenv("CRASHES")); err == nil {
		random = n
	}
	var accounts []servertest.Account
	for _, name := range racers {
		accounts = append(accounts, servertest.Account{Name: name, Password: "pw", Role: account.User})
	}
	srv := servertest.StartEmbedded(t, servertest.Options{Accounts: accounts})
	v := victim{
		Store: filepath.Join(t.TempDir(), "alerts.db"), Domain: srv.Name, Component: srv.Component, Secret: srv.Secret, Server: srv.Domain, Raise: 40,
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	var all []*racer
	for _, name := range racers {
		r := &racer{name: name, held: map[string]bool{}, grants: map[int64]map[int64]bool{}}
		r.session = link.New(link.Config{
			JID: jid.MustParse(name + "@" + srv.Domain + "/race"), Addr: srv.Addr, TLS: srv.TLS(), Password: func() (string, error) { return "pw", nil },
		})
		r.session.HandleIQ(xml.Name{Space: workgroups.NS}, r.offer)
		r.session.HandleMessage(r.message)
		wg.Go(func() { r.session.Run(ctx); r.accepts.Wait() })
		<-r.session.Ready()
		if err := r.session.Send(ctx, element.New("", "presence").TokenReader()); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	present := func() {
		for _, r := range all {
			p := element.New("", "presence", "to", "alerts@"+srv.Name).Add(element.New(workgroups.NS, "agent-status"))
			if err := r.session.Send(ctx, p.TokenReader()); err != nil {
				t.Fatal(err)
			}
		}
	}

	acked := map[int64]bool{}
	kills := 0
	run := func(v victim, life time.Duration) {
		t.Helper()
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashVariable+"="+string(text))
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		lines := bufio.NewScanner(out)
		var kill *time.Timer
		for lines.Scan() {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			switch word {
			case "ready":
				present()
				kill = time.AfterFunc(life, func() { cmd.Process.Kill() })
			case "acked":
				id, err := strconv.ParseInt(rest, 10, 64)
				if err != nil || acked[id] {
					t.Fatalf("acknowledged %q", lines.Text())
				}
				acked[id] = true
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the service was not killed: %v", err)
		}
		if kill != nil {
			kill.Stop()
		}
		kills++
	}
	for _, point := range workgroups.Points {
		for hits := range 2 {
			v := v
			v.Run, v.Point, v.Hits = kills, point, 1+hits*3
			run(v, 10*time.Second)
		}
	}
	for range random {
		v := v
		v.Run = kills
		run(v, time.Duration(rand.Int64N(int64(150*time.Millisecond))))
	}

	// Once more, to the end: everything has an owner, and nobody is left hanging.
	v.Run, v.Raise = kills, 0
	text, _ := json.Marshal(v)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
	}
	present()
	store, err := alertstore.Open(t.Context(), v.Store)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	settled := func() string {
		img, err := store.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range img.Alerts {
			if a.State != workgroups.Assigned {
				return fmt.Sprintf("alert %d is %s", a.ID, a.State)
			}
		}
		if n := len(img.Messages); n > 0 {
			return fmt.Sprintf("%d messages wait", n)
		}
		for _, r := range all {
			r.mu.Lock()
			held := len(r.held)
			r.mu.Unlock()
			if held > 0 {
				return fmt.Sprintf("%s is left with %d offers", r.name, held)
			}
		}
		return ""
	}
	patience := time.After(60 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for why := settled(); why != ""; why = settled() {
		select {
		case <-tick.C:
		case <-patience:
			t.Fatalf("not settled: %s", why)
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the last service: %v", err)
	}
	for id := range acked { // I1, I2
		a, _, err := store.Alert(t.Context(), id)
		if err != nil || a.State != workgroups.Assigned {
			t.Errorf("alert %d was acknowledged, and is %s (%v)", id, a.State, err)
			continue
		}
		owners := 0
		for _, r := range all { // I3: whoever has the last number is the owner; nobody else has it
			r.mu.Lock()
			if r.grants[id][a.Grant] {
				owners++
				if a.Owner.Localpart() != r.name {
					t.Errorf("alert %d belongs to %s, and %s was told that it is theirs", id, a.Owner, r.name)
				}
			}
			for grant := range r.grants[id] {
				if grant > a.Grant {
					t.Errorf("alert %d: %s was told of grant %d, the last is %d", id, r.name, grant, a.Grant)
				}
			}
			r.mu.Unlock()
		}
		if owners != 1 {
			t.Errorf("alert %d: %d agents were told that it is theirs", id, owners)
		}
	}
	t.Logf("%d kills, %d alerts acknowledged", kills, len(acked))
	if len(acked) < kills {
		t.Errorf("only %d alerts in %d runs: the service had nothing to lose", len(acked), kills)
	}
}
