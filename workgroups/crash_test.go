//go:build !unit

package workgroups_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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

// A race is agents who accept whatever is offered, on a server where a service can
// be killed.
type race struct {
	t      *testing.T
	srv    *servertest.Server
	agents []*racer
	victim victim
	acked  map[string]*acked // by fingerprint
	kills  int
}

// acked is something that was reported and acknowledged.
type acked struct {
	alert int64
	ends  bool // its source has begun to say that it is over
	over  bool // that was acknowledged as well
}

func racerAccounts() []servertest.Account {
	var all []servertest.Account
	for _, name := range racers {
		all = append(all, servertest.Account{Name: name, Password: "pw", Role: account.User})
	}
	return all
}

func startRace(t *testing.T, srv *servertest.Server) *race {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	c := &race{t: t, srv: srv, acked: map[string]*acked{}, victim: victim{
		Store: filepath.Join(t.TempDir(), "alerts.db"), Domain: srv.Name, Component: srv.Component, Secret: srv.Secret, Server: srv.Domain, Raise: 40,
	}}
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
		c.agents = append(c.agents, r)
	}
	return c
}

// present has all agents say that they are there.
func (c *race) present() {
	for _, r := range c.agents {
		p := element.New("", "presence", "to", "alerts@"+c.srv.Name).Add(element.New(workgroups.NS, "agent-status"))
		if err := r.session.Send(c.t.Context(), p.TokenReader()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// hear notes what a service says of what it was reported.
func (c *race) hear(word, rest string) {
	c.t.Helper()
	number, print, _ := strings.Cut(rest, " ")
	switch word {
	case "acked":
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil || c.acked[print] != nil {
			c.t.Fatalf("acknowledged %q", rest)
		}
		c.acked[print] = &acked{alert: id}
	case "ends":
		c.acked[number].ends = true
	case "over":
		c.acked[number].over = true
	}
}

// reads reads what a service prints until it has said a word so many times more,
// and returns the rest of the last such line.
func (c *race) reads(p *program, word string, times int) (last string) {
	c.t.Helper()
	late := time.AfterFunc(time.Minute, func() { p.Process.Kill() })
	defer late.Stop()
	for times > 0 {
		got, rest := p.read()
		if got == "" {
			c.t.Fatalf("the service has ended, or did not say %q often enough", word)
		}
		c.hear(got, rest)
		if got == word {
			last = rest
			times--
		}
	}
	return last
}

// kill runs a service until it kills itself, or its life is over.
func (c *race) kill(v victim, life time.Duration) {
	c.t.Helper()
	v.Run = c.kills
	p := v.start(c.t)
	defer p.in.Close()
	var timer *time.Timer
	come := v.Point == ""
	for word, rest := p.read(); word != ""; word, rest = p.read() {
		c.hear(word, rest)
		switch word {
		case "ready":
			c.present()
			timer = time.AfterFunc(life, func() { p.Process.Kill() })
		case "at":
			come = true
		case "refused":
			c.t.Fatalf("the store fails: %s", rest)
		}
	}
	if !come {
		c.t.Fatalf("the service did not come to the point %q %d times", v.Point, v.Hits)
	}
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		c.t.Fatalf("the service was not killed: %v", err)
	}
	if timer != nil {
		timer.Stop()
	}
	c.kills++
}

// killAt has services killed at each of these points, and at random moments.
func (c *race) killAt(points []string) {
	random, hits := 12, []int{1, 4}
	if c.srv.Kind != "embedded" { // each takes longer to come back
		random, hits = 4, []int{2}
	}
	if n, err := strconv.Atoi(os.Getenv("CRASHES")); err == nil {
		random = n
	}
	for _, point := range points {
		for _, n := range hits {
			v := c.victim
			v.Point, v.Hits = point, n
			c.kill(v, time.Minute)
		}
	}
	for range random {
		c.kill(c.victim, time.Duration(rand.Int64N(int64(150*time.Millisecond))))
	}
}

// settle runs a service until everything has an owner, and nobody is left hanging.
func (c *race) settle() {
	c.t.Helper()
	v := c.victim
	v.Run, v.Raise = c.kills, 0
	p := v.start(c.t)
	c.reads(p, "ready", 1)
	c.present()
	c.settled(p)
	p.end(c.t)
}

// settled waits until everything has an owner, and nobody is left hanging.
func (c *race) settled(p *program) {
	c.t.Helper()
	patience := time.After(4 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		fmt.Fprintln(p.in, "how do things stand?")
		stands, held := c.reads(p, "stands", 1), 0
		for _, r := range c.agents {
			r.mu.Lock()
			held += len(r.held)
			r.mu.Unlock()
		}
		if stands == "0 0" && held == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-patience:
			c.t.Fatalf("not settled: %s alerts wait and messages; agents are left with %d offers", stands, held)
		}
	}
}

// check compares what was acknowledged, what is on the disk and what agents were
// told.
func (c *race) check() {
	c.t.Helper()
	store, err := alertstore.Open(c.t.Context(), c.victim.Store)
	if err != nil {
		c.t.Fatal(err)
	}
	defer store.Close()
	alerts := map[int64]workgroups.Alert{}
	grouped := 0
	for print, what := range c.acked { // I1, I2
		a, _, err := store.Alert(c.t.Context(), what.alert)
		if err != nil {
			c.t.Fatal(err)
		}
		instances, err := store.Instances(c.t.Context(), a.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		found, over := a.Fingerprint == print, a.State.Ended()
		for _, i := range instances {
			if i.Fingerprint == print {
				found, over = true, over || !i.Over.IsZero()
				grouped++
			}
		}
		switch {
		case !found:
			c.t.Errorf("%s was acknowledged, and alert %d is not about it", print, a.ID)
		case what.over && !over, !what.ends && over:
			c.t.Errorf("%s of alert %d is over: %t; its source has said so: %t, and it was acknowledged: %t", print, a.ID, over, what.ends, what.over)
		case !over && a.State != workgroups.Assigned:
			c.t.Errorf("%s was acknowledged, and alert %d is %s", print, a.ID, a.State)
		}
		if a.State == workgroups.Assigned {
			alerts[a.ID] = a
		}
	}
	for id, a := range alerts {
		owners := 0
		for _, r := range c.agents { // I3: whoever has the last number is the owner; nobody else has it
			r.mu.Lock()
			if r.grants[id][a.Grant] {
				owners++
				if a.Owner.Localpart() != r.name {
					c.t.Errorf("alert %d belongs to %s, and %s was told that it is theirs", id, a.Owner, r.name)
				}
			}
			for grant := range r.grants[id] {
				if grant > a.Grant {
					c.t.Errorf("alert %d: %s was told of grant %d, the last is %d", id, r.name, grant, a.Grant)
				}
			}
			r.mu.Unlock()
		}
		if owners != 1 {
			c.t.Errorf("alert %d: %d agents were told that it is theirs", id, owners)
		}
	}
	c.t.Logf("%d kills, %d things acknowledged, %d of them in one alert with others", c.kills, len(c.acked), grouped)
}

// TestCrash kills the service at every named point and at random moments, under
// load, with four agents racing for each alert, on each server. CRASHES is the
// number of random kills.
func TestCrash(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: racerAccounts(), Limits: servertest.Unlimited}, func(t *testing.T, srv *servertest.Server) {
		c := startRace(t, srv)
		c.killAt(workgroups.Points)
		c.settle()
		c.check()
		if len(c.acked) < len(workgroups.Points) {
			t.Errorf("only %d alerts in %d runs: the service had nothing to lose", len(c.acked), c.kills)
		}
	})
}
