package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/grammar"
)

// yard is a fleet with counters: how often it compiled, whom it asked.
type yard struct {
	*Fleet
	compiled atomic.Int32

	mu    sync.Mutex
	asked []string
	fail  bool
	most  int // hosts asked at once
	now   int
}

func newYard(t *testing.T, cfg Config) *yard {
	y := &yard{}
	cfg.Compile = func(inv *grammar.Inventory) (*grammar.Lexicon, error) {
		y.compiled.Add(1)
		return grammar.Compile(nil, inv)
	}
	cfg.Fetch = func(ctx context.Context, to jid.JID) (Facts, error) {
		y.mu.Lock()
		y.asked = append(y.asked, to.String())
		y.now++
		y.most = max(y.most, y.now)
		fail := y.fail
		y.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		y.mu.Lock()
		y.now--
		y.mu.Unlock()
		if fail {
			return Facts{}, fmt.Errorf("no")
		}
		return Facts{Facts: map[string]string{"role": "web", "evil key": "x", "env": "staging"}, Services: []string{"nginx", "bad name\n"}}, nil
	}
	var err error
	if y.Fleet, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { y.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return y
}

func contact(name string) Contact {
	return Contact{JID: jid.MustParse(name + "@hosts.example"), Groups: []string{HostsGroup}}
}

func (y *yard) presence(from string, typ stanza.PresenceType, mood *agentapi.Mood) {
	p := stanza.Presence{From: jid.MustParse(from), Type: typ}
	if mood == nil {
		y.HandlePresence(context.Background(), p, nil)
		return
	}
	y.HandlePresence(context.Background(), p, mood.TokenReader())
}

func settle() {
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, Config{Facts: map[string]map[string]string{"web01": {"env": "prod"}}})
		y.SetRoster([]Contact{contact("web01"), contact("web02"), {JID: jid.MustParse("bob@example.net"), Groups: []string{"People"}}})
		y.presence("web01@hosts.example/agent", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Sad, Score: 30, Reasons: []agentapi.MoodReason{{Text: "need more CPU"}}})
		settle()
		s := y.Snapshot()
		h, ok := s.Host("web01")
		if !ok || !h.Online || h.Mood != "sad" || h.Status != "Sad: need more CPU" || h.Address().String() != "web01@hosts.example/agent" {
			t.Errorf("web01 is %+v", h)
		}
		if got := s.Inventory.Hosts[0]; got.Facts["role"] != "web" || got.Facts["env"] != "prod" || len(got.Facts) != 2 || !slices.Equal(got.Services, []string{"nginx"}) {
			t.Errorf("web01 is known as %+v", got)
		}
		if h, _ := s.Host("web02"); h.Online || h.Mood != "dead" {
			t.Errorf("web02 was never seen, and is %+v", h)
		}
		if !slices.Equal(s.Inventory.People, []string{"bob@example.net"}) {
			t.Errorf("people: %v", s.Inventory.People)
		}

		// Nobody who is not in the roster is a host, whatever they send; and no
		// other resource speaks for one.
		y.presence("web09@hosts.example/agent", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
		y.presence("web02@hosts.example/phone", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
		y.presence("web02@evil.example/agent", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
		y.presence("bob@example.net/agent", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
		settle()
		if n := len(y.Snapshot().Hosts); n != 2 {
			t.Errorf("%d hosts", n)
		}
		if h, _ := y.Find("web02"); h.Online {
			t.Error("web02 came up by somebody else's presence")
		}

		y.presence("web01@hosts.example/agent", stanza.UnavailablePresence, nil)
		if h, _ := y.Find("web01"); h.Online || h.Since.IsZero() {
			t.Errorf("after it left: %+v", h)
		}
		settle()
		if got := y.Snapshot().Inventory.Hosts[0]; got.Mood != "dead" || got.Facts["role"] != "web" {
			t.Errorf("a dead host keeps its facts: %+v", got)
		}
		y.Update(Contact{JID: jid.MustParse("web01@hosts.example"), Gone: true})
		settle()
		if _, ok := y.Snapshot().Host("web01"); ok || y.IsHost(jid.MustParse("web01@hosts.example")) {
			t.Error("a removed host is still there")
		}
	})
}

func TestBurstCompilesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, Config{Fetchers: 4})
		var items []Contact
		for i := range 300 {
			items = append(items, contact(fmt.Sprintf("web%03d", i)))
		}
		y.SetRoster(items)
		settle()
		before := y.compiled.Load()
		for i := range 300 {
			y.presence(fmt.Sprintf("web%03d@hosts.example/agent", i), stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		// One for the presences; while 300 hosts answer in less than a second, one
		// every debounce.
		if n := y.compiled.Load() - before; n > 12 {
			t.Errorf("compiled %d times", n)
		}
		y.mu.Lock()
		defer y.mu.Unlock()
		if len(y.asked) != 300 || y.most > 4 {
			t.Errorf("asked %d hosts, %d at once", len(y.asked), y.most)
		}
	})
}

// TestWorkgroups: what the alert service calls them is among what configuration
// states, and told twice it makes no work.
func TestWorkgroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, Config{Inventory: grammar.Inventory{Workgroups: []string{"stated"}}})
		for range 2 {
			y.SetWorkgroups([]string{"ops", "", "evil\nname", "alerts"})
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		if got := y.Snapshot().Inventory.Workgroups; !slices.Equal(got, []string{"alerts", "ops", "stated"}) {
			t.Errorf("workgroups %q", got)
		}
		if n := y.compiled.Load(); n != 2 { // and at the start
			t.Errorf("compiled %d times", n)
		}
	})
}

func TestFetchAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, Config{})
		y.SetRoster([]Contact{contact("web01")})
		y.fail = true
		y.presence("web01@hosts.example/agent", stanza.AvailablePresence, &agentapi.Mood{Mood: agentapi.Happy})
		time.Sleep(10 * time.Minute)
		y.mu.Lock()
		tries := len(y.asked)
		y.fail = false
		y.mu.Unlock()
		if tries < 3 || tries > 6 {
			t.Errorf("asked %d times in 10 minutes", tries)
		}
		time.Sleep(16 * time.Minute)
		if h, _ := y.Find("web01"); len(h.Facts.Services) == 0 {
			t.Error("facts were never learnt")
		}
	})
}

func TestDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, Config{})
		y.SetRoster([]Contact{contact("web01")})
		y.presence("web01@hosts.example/agent", stanza.AvailablePresence, nil)
		y.Down()
		if h, _ := y.Find("web01"); h.Online {
			t.Error("online without a session")
		}
		y.presence("web01@hosts.example/agent", stanza.AvailablePresence, nil)
		if h, _ := y.Find("web01"); !h.Online || h.Mood != "happy" {
			t.Errorf("back again: %+v", h)
		}
	})
}

// TestBlind: when the bot itself has lost its session, hosts are not dead, until
// they have had time to come back and have not.
func TestBlind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := newYard(t, Config{})
		y.SetRoster([]Contact{contact("web01"), contact("web02"), contact("web03"), contact("web04")})
		for _, name := range []string{"web01", "web02", "web03"} {
			y.presence(name+"@hosts.example/agent", stanza.AvailablePresence, nil)
		}
		moods := func() string {
			settle()
			var out []string
			for _, h := range y.Snapshot().Hosts {
				out = append(out, h.Mood)
			}
			return fmt.Sprint(strings.Join(out, " "), " ", y.Snapshot().Unseen)
		}
		check := func(when, want string) {
			t.Helper()
			if got := moods(); got != want {
				t.Errorf("%s: %s, want %s", when, got, want)
			}
		}
		check("at first", "happy happy happy dead 0")
		lost := time.Now()
		y.Down()
		check("down", "unknown unknown unknown dead 3")
		time.Sleep(2 * time.Minute)
		y.Down() // another attempt failed
		if h, _ := y.Find("web02"); h.Since.Sub(lost) > time.Second {
			t.Errorf("unknown since %v, lost at %v", h.Since, lost)
		}
		y.SetRoster([]Contact{contact("web01"), contact("web02"), contact("web03"), contact("web04")})
		y.presence("web01@hosts.example/agent", stanza.AvailablePresence, nil)
		y.Back()
		check("back", "happy unknown unknown dead 2")
		time.Sleep(2 * time.Minute)
		y.presence("web02@hosts.example/agent", stanza.AvailablePresence, nil)
		check("a little later", "happy happy unknown dead 1")
		time.Sleep(time.Minute)
		check("late", "happy happy dead dead 0")
		if h, _ := y.Find("web03"); !h.Since.IsZero() {
			t.Errorf("dead since %v, which nobody knows", h.Since)
		}
		y.Down()
		y.presence("web01@hosts.example/agent", stanza.UnavailablePresence, nil)
		if h, _ := y.Find("web01"); h.Mood != "dead" || h.Since.IsZero() {
			t.Errorf("the server says that it has gone: %+v", h)
		}
	})
}

func TestTidy(t *testing.T) {
	f := Facts{Facts: map[string]string{}}
	for i := range 200 {
		f.Facts[fmt.Sprint("k", i)] = "v"
		f.Services = append(f.Services, fmt.Sprint("s", i))
	}
	f.Services = append(f.Services, "yes 7f3", "", strings.Repeat("x", 65), "nginx\u202e")
	got := f.Tidy()
	if len(got.Facts) != maxFacts || len(got.Services) != 200 {
		t.Errorf("%d facts, %d services", len(got.Facts), len(got.Services))
	}
}

// TestPicturesTakeLittle: thousands of hosts that come one by one make far fewer
// pictures, and making them takes a small part of the time.
func TestPicturesTakeLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, took = 2000, 200 * time.Millisecond
		var compiled atomic.Int32
		f, err := New(Config{Compile: func(*grammar.Inventory) (*grammar.Lexicon, error) {
			compiled.Add(1)
			time.Sleep(took)
			return nil, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.Run(ctx) }()
		var items []Contact
		for i := range many {
			items = append(items, contact(fmt.Sprintf("web%05d", i)))
		}
		f.SetRoster(items)
		f.Back()
		began := time.Now()
		for _, c := range items {
			from, err := c.JID.WithResource(Resource)
			if err != nil {
				t.Fatal(err)
			}
			f.HandlePresence(ctx, stanza.Presence{From: from}, nil)
			time.Sleep(10 * time.Millisecond)
		}
		elapsed := time.Since(began)
		time.Sleep(time.Minute)
		if n := compiled.Load(); time.Duration(n)*took > elapsed/4 || n < 10 {
			t.Errorf("%d pictures in %s", n, elapsed)
		}
		online := 0
		for _, h := range f.Snapshot().Hosts {
			if h.Online {
				online++
			}
		}
		if online != many {
			t.Errorf("the last picture has %d hosts online", online)
		}
		select {
		case <-f.Known():
		default:
			t.Error("it is not known")
		}
		cancel()
		<-done
	})
}
