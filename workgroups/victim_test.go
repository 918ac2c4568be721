//go:build !unit

package workgroups_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/alertstore"
	"adminbot/internal/link"
	"adminbot/workgroups"
)

// crashVariable makes the test program a service that is there to be killed.
const crashVariable = "WORKGROUPS_TEST_CRASH"

// A victim is what such a program does.
type victim struct {
	Store, Domain, Component, Secret, Server string
	Run                                      int    // which one: part of the fingerprints
	Raise                                    int    // so many alerts, four at a time; -1: until it ends
	Point                                    string // kills itself here
	Hits                                     int    // when it comes here the so manieth time
	Rooms                                    bool   // alerts have rooms, and most of them end
}

// How long the rooms of a victim can be written in, and are kept, after their alerts.
const (
	roomsOpen = 300 * time.Millisecond
	roomsKept = time.Second
)

// ends reports whether somebody resolves an alert once it has an owner, or a room.
func (v victim) ends(a workgroups.Alert) bool {
	return v.Rooms && a.ID%8 != 0 && a.State == workgroups.Assigned && (a.ID%8 < 3 || a.Room.String() != "")
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

// serve serves until it is killed, or standard input ends. It prints what it reports
// once that is acknowledged: the alert and the fingerprint. Told "enough" it raises no
// more; to any other line it says how things stand.
func (v victim) serve() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, err := alertstore.Open(ctx, v.Store)
	if err != nil {
		return err
	}
	g := workgroups.Workgroup{Name: "alerts", Parallel: len(racers), Timeout: 30 * time.Second, Retry: 200 * time.Millisecond, GroupBy: []string{"cause"}}
	for _, name := range racers {
		g.Members = append(g.Members, workgroups.Member{JID: jid.MustParse(name + "@" + v.Server), Max: 1 << 20})
	}
	session := link.New(link.Config{
		JID: jid.MustParse(v.Domain), Addr: v.Component, Component: &link.Component{Secret: func() (string, error) { return v.Secret, nil }},
		Timing: link.Timing{RetryMin: 10 * time.Millisecond, RetryFatal: 20 * time.Millisecond}, // the one that was killed may still be there
	})
	cfg := workgroups.Config{Domain: jid.MustParse(v.Domain), Groups: []workgroups.Workgroup{g}, Store: store, Wire: session}
	if v.Rooms {
		cfg.Rooms = &workgroups.Rooms{Bot: v.bot(), Open: roomsOpen, Keep: roomsKept}
	}
	s, err := workgroups.New(cfg)
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
				fmt.Println("at", name)
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
	raising, enough := context.WithCancel(ctx)
	defer enough()
	for w := range 4 {
		wg.Go(func() {
			for i := w; (v.Raise < 0 || i < v.Raise) && raising.Err() == nil; i += 4 {
				v.report(ctx, s, i)
			}
		})
	}
	wg.Go(func() { v.resolve(ctx, s) })
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "enough" {
			enough()
			continue
		}
		img, err := store.Load(ctx)
		if err != nil {
			return err
		}
		waiting := 0
		for _, a := range img.Alerts {
			if a.State != workgroups.Assigned || v.ends(a) {
				waiting++
			}
		}
		fmt.Println("stands", waiting, len(img.Messages))
	}
	cancel()
	wg.Wait()
	return store.Close()
}

// bot is who is asked into every room.
func (v victim) bot() jid.JID { return jid.MustParse(racers[0] + "@" + v.Server) }

// resolve ends alerts, some before they have a room and some after.
func (v victim) resolve(ctx context.Context, s *workgroups.Service) {
	if !v.Rooms {
		return
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		all, _ := s.Alerts(ctx, "alerts") // or later
		for _, a := range all {
			if v.ends(a) {
				s.Resolve(ctx, a.ID, a.Owner, "done")
			}
		}
	}
}

// report reports one thing. Without rooms every other eight have one cause, and one
// of those is over at once.
func (v victim) report(ctx context.Context, s *workgroups.Service, i int) {
	r := workgroups.Report{Workgroup: "alerts", Source: "crash", Fingerprint: fmt.Sprintf("%d-%d", v.Run, i), Summary: "x"}
	if !v.Rooms && i/8%2 == 0 {
		r.Labels = map[string]string{"cause": fmt.Sprintf("%d-%d", v.Run, i/8)}
	}
	receipts, err := s.Report(ctx, r)
	if err != nil {
		fmt.Println("refused", err)
		<-time.After(10 * time.Millisecond)
		return
	}
	fmt.Println("acked", receipts[0].Alert.ID, r.Fingerprint)
	if v.Rooms || i%16 != 5 {
		return
	}
	fmt.Println("ends", r.Fingerprint)
	r.Resolved = true
	if _, err := s.Report(ctx, r); err != nil {
		fmt.Println("refused", err)
		return
	}
	fmt.Println("over", r.Fingerprint)
}

// A program is a victim at work.
type program struct {
	*exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// start starts a victim.
func (v victim) start(t *testing.T) *program {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), crashVariable+"="+string(text))
	p.Stderr = os.Stderr
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	p.lines = bufio.NewScanner(out)
	return p
}

// read is the next line, taken apart; empty: there are no more.
func (p *program) read() (word, rest string) {
	if !p.lines.Scan() {
		return "", ""
	}
	word, rest, _ = strings.Cut(p.lines.Text(), " ")
	return word, rest
}

// end has the program end by itself.
func (p *program) end(t *testing.T) {
	t.Helper()
	p.in.Close()
	for word, _ := p.read(); word != ""; word, _ = p.read() {
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the service: %v", err)
	}
}
