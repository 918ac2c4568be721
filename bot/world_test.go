package bot

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
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
	"adminbot/internal/audit"
	"adminbot/internal/fleet"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

var botJID = jid.MustParse("adminbot@example.net/bot")

// world is a small installation in one process: hosts that answer Jabber-RPC
// with a real mux, the fleet that sees their presence, and a bot with a chat.
// It lives inside a synctest bubble, so time passes only when all wait.
type world struct {
	t     *testing.T
	bot   *Bot
	chat  *Chat
	fleet *fleet.Fleet
	log   *memoryAudit
	cut   atomic.Bool // the bot has no connection
	edits atomic.Bool // clients show corrections

	mu    sync.Mutex
	hosts map[string]*fakeHost
	pol   *policy.Policy
	sent  []sentMessage
	real  map[string]jid.JID // nick to address, in rooms

	lastID map[string]string // of the last message to each address that was no correction
}

// fakeHost is a managed host: services that can be restarted, numbers that can
// be asked for.
type fakeHost struct {
	w        *world
	name     string
	facts    map[string]string
	services []string
	mux      *rpc.ServeMux

	mu     sync.Mutex
	online bool
	deaf   bool          // takes calls and never answers
	slow   time.Duration // before each answer
	fails  string        // every change fails like this
	denies bool          // policy of the host refuses
	full   float64       // percent of the disk used
	done   []string      // changes that were made
	keys   map[string]bool
}

type memoryAudit struct {
	mu      sync.Mutex
	entries []audit.Entry
	broken  bool
}

func (m *memoryAudit) Append(_ context.Context, e audit.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return fmt.Errorf("audit: disk full")
	}
	m.entries = append(m.entries, e)
	return nil
}

func (m *memoryAudit) Note(ctx context.Context, e audit.Entry) error { return m.Append(ctx, e) }

type sentMessage struct {
	to   jid.JID
	typ  stanza.MessageType
	body string
	edit bool // of the last message there
}

const testPolicy = `
[groups]
admins = ["alice@example.net"]
dba = ["bob@example.net", "carol@example.net"]

[[rule]]
who = ["alice@example.net"]
may = ["R", "S", "W", "D", "A"]

[[rule]]
who = ["@dba"]
may = ["R", "S", "W", "D"]
on = ["role=db"]

[[rule]]
who = ["@dba", "eve@example.net"]
may = ["R"]
`

func newWorld(t *testing.T, hosts ...*fakeHost) *world {
	w := &world{t: t, hosts: map[string]*fakeHost{}, log: &memoryAudit{}, real: map[string]jid.JID{}, lastID: map[string]string{}}
	pol, err := policy.Parse([]byte(testPolicy))
	if err != nil {
		t.Fatal(err)
	}
	w.pol = pol
	zone := time.UTC
	w.fleet, err = fleet.New(fleet.Config{
		Compile:   Compile,
		Fetch:     fleet.Ask(&rpc.Client{Transport: w}),
		Inventory: grammar.Inventory{Zone: zone, People: []string{"alice@example.net", "bob@example.net", "carol@example.net"}},
		Groups:    map[string][]string{"frontends": {"web*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.bot, err = New(Config{
		JID: botJID, Fleet: w.fleet, Transport: w, Audit: w.log, Random: &lockedRandom{r: rand.NewChaCha8([32]byte{7})},
		Policy: func() *policy.Policy { w.mu.Lock(); defer w.mu.Unlock(); return w.pol },
		Notify: func(ctx context.Context, r Reply) { w.chat.Notify(ctx, r) },
		Room: func(room jid.JID) (AlertRoom, bool) {
			host, ok := strings.CutPrefix(room.Localpart(), "alert-")
			return AlertRoom{Alert: 17, Host: host}, ok
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.chat = NewChat(ChatConfig{Bot: w.bot, Send: w.send, Corrects: func(context.Context, jid.JID) bool { return w.edits.Load() }, Occupant: func(_ jid.JID, nick string) (jid.JID, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		j, ok := w.real[nick]
		return j, ok
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { w.fleet.Run(ctx) })
	wg.Go(func() { w.bot.Run(ctx) })
	wg.Go(func() { w.chat.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	for _, h := range hosts {
		w.add(h)
	}
	time.Sleep(time.Second) // virtual: presences, facts and a snapshot
	synctest.Wait()
	return w
}

// lockedRandom is a source of random numbers for many goroutines.
type lockedRandom struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (l *lockedRandom) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// host describes a host as a row of a table.
func host(name, facts string, services ...string) *fakeHost {
	h := &fakeHost{name: name, facts: map[string]string{}, services: services, online: true, full: 40, keys: map[string]bool{}}
	for kv := range strings.FieldsSeq(facts) {
		k, v, _ := strings.Cut(kv, "=")
		h.facts[k] = v
	}
	return h
}

func smallFleet() []*fakeHost {
	return []*fakeHost{
		host("web01", "role=web env=staging site=ams", "nginx", "php8.2-fpm"), host("web02", "role=web env=staging site=ams", "nginx", "php8.2-fpm"),
		host("web03", "role=web env=staging site=nyc", "nginx", "php8.2-fpm"), host("web04", "role=web env=prod site=nyc", "nginx"),
		host("db01", "role=db env=prod site=ams", "postgresql"), host("db02", "role=db env=prod site=nyc", "postgresql"),
		host("mail", "role=mail env=prod site=ams", "postfix", "dovecot"),
	}
}

func (w *world) add(h *fakeHost) {
	h.w = w
	h.mux = h.serve()
	w.mu.Lock()
	w.hosts[h.name] = h
	w.mu.Unlock()
	w.fleet.Update(fleet.Contact{JID: h.jid().Bare(), Groups: []string{fleet.HostsGroup}})
	h.show(h.online, agentapi.Mood{Mood: agentapi.Happy})
}

func (h *fakeHost) jid() jid.JID { return jid.MustParse(h.name + "@hosts.example/agent") }

// show sends the host's presence to the fleet.
func (h *fakeHost) show(online bool, mood agentapi.Mood) {
	h.mu.Lock()
	h.online = online
	h.mu.Unlock()
	p := stanza.Presence{From: h.jid()}
	if !online {
		p.Type = stanza.UnavailablePresence
		h.w.fleet.HandlePresence(context.Background(), p, nil)
		return
	}
	h.w.fleet.HandlePresence(context.Background(), p, mood.TokenReader())
}

// serve is what the host agent of a fake host answers.
func (h *fakeHost) serve() *rpc.ServeMux {
	mux := rpc.NewServeMux(rpc.Options{Allow: func(j jid.JID) bool { return j.Equal(botJID.Bare()) }})
	read := func(method string, f func() any) {
		mux.Handle(method, rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) { return rpc.Marshal(f()) }))
	}
	read("host.facts", func() any { return agentapi.HostFactsResult{Facts: h.facts} })
	read("service.list", func() any {
		var units []agentapi.UnitState
		for _, s := range h.services {
			units = append(units, agentapi.UnitState{Unit: s + ".service", Load: "loaded", Active: "active", Sub: "running"})
		}
		return agentapi.ServiceListResult{Units: units}
	})
	read("rpc.ping", func() any { return agentapi.RPCPingResult{} })
	read("disk.usage", func() any {
		h.mu.Lock()
		defer h.mu.Unlock()
		return map[string]any{"filesystems": []any{map[string]any{"mount": "/", "used_percent": h.full, "free_percent": 100 - h.full, "free_bytes": 1e9 * (100 - h.full)}}}
	})
	read("mem.usage", func() any {
		return map[string]any{"used_percent": 43.5, "available_percent": 56.5, "available_bytes": 4.5e9}
	})
	read("service.status", func() any {
		return map[string]any{"unit": h.services[0] + ".service", "active": "active", "sub": "running"}
	})
	read("log.query", func() any {
		return map[string]any{"lines": []any{map[string]any{"text": "a secret line"}}, "matched_total": 1}
	})
	mux.Handle("rpc.check", rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
		return rpc.Marshal(map[string]any{"allowed": !h.denies, "rule": "rule 1", "valid": "ok", "would": "do it"})
	}))
	for _, verb := range []string{"restart", "stop", "start", "reload"} {
		mux.Handle("service."+verb, rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
			var args struct {
				Unit string `rpc:"unit"`
			}
			if err := r.Bind(&args); err != nil {
				return rpc.Value{}, err
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			switch {
			case h.denies:
				return rpc.Value{}, rpc.Faultf(rpc.FaultDenied, "permission service.%s is missing", verb)
			case h.fails != "":
				return rpc.Value{}, rpc.Faultf(rpc.FaultHelper, "%s", h.fails)
			case r.Envelope.Key == "" || r.Envelope.Actor.Equal(jid.JID{}):
				return rpc.Value{}, rpc.Faultf(rpc.FaultParams, "no key or actor")
			}
			if !h.keys[r.Envelope.Key] { // a repeated key is answered, not done again
				h.keys[r.Envelope.Key] = true
				h.done = append(h.done, verb+" "+args.Unit+" for "+r.Envelope.Actor.String())
			}
			after := map[bool]string{true: "inactive", false: "active"}[verb == "stop"]
			return rpc.Marshal(map[string]any{"unit": args.Unit, "before": "active", "after": after, "active": verb != "stop", "sub": "running"})
		}))
	}
	return mux
}

// RoundTripIQ is the network: the world is an rpc.Transport.
func (w *world) RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	w.mu.Lock()
	h := w.hosts[iq.To.Localpart()]
	w.mu.Unlock()
	if w.cut.Load() {
		return stanza.IQ{}, nil, notSent{errors.New("not connected")}
	}
	gone := stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
	if h == nil {
		return stanza.IQ{}, nil, gone
	}
	h.mu.Lock()
	online, deaf, slow := h.online, h.deaf, h.slow
	h.mu.Unlock()
	if !online {
		return stanza.IQ{}, nil, gone
	}
	reply, children, err := (rpc.Loopback{Mux: h.mux, From: botJID}).RoundTripIQ(ctx, iq, payload)
	if deaf {
		slow = 1000 * time.Hour
	}
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return stanza.IQ{}, nil, context.Cause(ctx)
		}
	}
	return reply, children, err
}

// send takes the bot's messages.
func (w *world) send(_ context.Context, r xml.TokenReader) error {
	tok, err := r.Token()
	if err != nil {
		return err
	}
	msg, err := stanza.NewMessage(tok.(xml.StartElement))
	if err != nil {
		return err
	}
	m := readMessage(r)
	if m.has {
		w.mu.Lock()
		defer w.mu.Unlock()
		edit := m.replaces != ""
		if edit && m.replaces != w.lastID[msg.To.Bare().String()] {
			w.t.Errorf("XEP-0308: %q replaces %s, which is not the last message", m.body, m.replaces)
		}
		if !edit {
			w.lastID[msg.To.Bare().String()] = msg.ID
		}
		w.sent = append(w.sent, sentMessage{msg.To, msg.Type, m.body, edit})
	}
	return nil
}

// take is what the bot has said since the last time.
func (w *world) take() []sentMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.sent
	w.sent = nil
	return out
}

// say delivers a message to the chat, with extra children, and waits until the
// world stands still.
func (w *world) say(from, body, id string, typ stanza.MessageType, extra ...xml.Token) {
	list := []xml.Token{
		xml.StartElement{Name: xml.Name{Space: "jabber:client", Local: "body"}}, xml.CharData(body), xml.EndElement{Name: xml.Name{Space: "jabber:client", Local: "body"}},
	}
	w.chat.HandleMessage(context.Background(), stanza.Message{From: jid.MustParse(from), To: botJID, ID: id, Type: typ}, &tokens{append(list, extra...)})
	synctest.Wait()
}

// done lists what hosts have changed, by host.
func (w *world) done() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(w.hosts)) {
		h := w.hosts[name]
		h.mu.Lock()
		for _, d := range h.done {
			out = append(out, name+": "+d)
		}
		h.done = nil
		h.mu.Unlock()
	}
	return out
}
