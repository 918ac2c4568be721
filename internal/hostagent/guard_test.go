package hostagent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/audit"
	"adminbot/internal/hostagent/service"
	"adminbot/internal/policy"
	"adminbot/internal/xmpp/turn"
	"adminbot/rpc"
)

func TestForbidden(t *testing.T) {
	r := newRig(t, nil)
	for range 3 {
		err := r.call(jid.MustParse("eve@example.com/x"), "rpc.ping", rpc.Envelope{}, nil, nil)
		if se, ok := errors.AsType[stanza.Error](err); !ok || se.Condition != stanza.Forbidden {
			t.Fatalf("got %v", err)
		}
	}
	if got := r.trail(); len(got) != 1 || got[0].From != "eve@example.com" || got[0].Decision != audit.Deny {
		t.Errorf("audit: %+v", got)
	}
}

func TestPolicy(t *testing.T) {
	r := newRig(t, nil)
	var pong agentapi.RPCPingResult
	if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, &pong); err != nil || !pong.Pong {
		t.Fatalf("ping: %+v, %v", pong, err)
	}
	for _, tc := range []struct {
		name   string
		from   jid.JID
		env    rpc.Envelope
		method string
		in     any
		code   int
		words  string
	}{
		{"the bot itself has no rule", bot, rpc.Envelope{}, "rpc.ping", nil, 403, "adminbot@example.net: permission rpc.ping is missing"},
		{"a stranger behind the bot", bot, rpc.Envelope{Actor: jid.MustParse("eve@example.net")}, "disk.usage", nil, 403, "permission metrics.read is missing"},
		{"a caller that is no bot", ci, rpc.Envelope{Actor: alice}, "rpc.ping", nil, 403, "ci@example.net cannot speak for alice@example.net"},
		{"a caller that names itself", ci, rpc.Envelope{Actor: ci.Bare()}, "rpc.ping", nil, 0, ""},
		{"another unit", ci, rpc.Envelope{}, "service.restart", unitArgs{Unit: "db"}, 403, "rule 2 (line 9) allows it with other values of unit"},
		{"the unit of the rule, by its short name", ci, rpc.Envelope{}, "service.restart", unitArgs{Unit: "app"}, 0, ""},
		{"class D without a rule", ci, rpc.Envelope{}, "service.stop", unitArgs{Unit: "app"}, 403, "permission service.stop is missing"},
		{"introspection needs permission", bot, rpc.Envelope{}, "system.listMethods", nil, 403, "permission rpc.introspect is missing"},
		{"a read raised to S", ci, rpc.Envelope{}, "proc.list", map[string]any{"args": true}, 403, "permission proc.args is missing"},
		{"not built", bot, rpc.Envelope{Actor: alice}, "patch.list", nil, 501, "patch.list is not built yet"},
		{"not built and not allowed", ci, rpc.Envelope{}, "patch.apply", nil, 403, "permission patch.apply"},
		{"no such method", bot, rpc.Envelope{Actor: alice}, "shell.exec", nil, -32601, "no method shell.exec"},
		{"wrong argument", bot, rpc.Envelope{Actor: alice}, "service.stop", unitArgs{Unit: "../x"}, -32602, "argument unit is"},
		{"unknown argument", bot, rpc.Envelope{Actor: alice}, "service.stop", map[string]any{"unit": "app", "force": true}, -32602, "force"},
		{"missing argument", bot, rpc.Envelope{Actor: alice}, "service.stop", nil, -32602, "unit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := r.call(tc.from, tc.method, tc.env, tc.in, nil)
			if tc.code == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, tc.code, tc.words)
		})
	}
	if got := r.units.done(); !slices.Equal(got, []string{"restart app.service"}) {
		t.Errorf("done: %v", got)
	}
	if err := r.agent.SetPolicy(nil); err != nil {
		t.Fatal(err)
	}
	if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err == nil {
		t.Error("without a policy a call was answered")
	}
}

func TestAuditTrail(t *testing.T) {
	r := newRig(t, nil)
	var during []audit.Entry
	r.units.before = func(context.Context, service.Action, string) error {
		during = r.trail()
		return nil
	}
	if err := r.asAlice("service.restart", rpc.Envelope{}, unitArgs{Unit: "app"}, nil); err != nil {
		t.Fatal(err)
	}
	if len(during) != 1 || during[0].Decision != audit.Allow {
		t.Fatalf("while it ran: %+v", during)
	}
	wantFault(t, r.asAlice("service.restart", rpc.Envelope{}, unitArgs{Unit: "none"}, nil), rpc.FaultNotFound, "no such unit: none.service")
	wantFault(t, r.call(ci, "service.stop", rpc.Envelope{}, unitArgs{Unit: "app"}, nil), 403, "")
	got := r.trail()
	var lines []string
	for _, e := range got {
		if e.To != "web01" || e.ID == "" || len(e.ArgsDigest) != 64 {
			t.Errorf("entry: %+v", e)
		}
		lines = append(lines, fmt.Sprintf("%s %s for %s: %s %s %s %d", e.Class, e.Method, e.Actor, e.Decision, e.From, e.Rule, e.Code))
	}
	want := []string{
		"D service.restart for alice@example.net: allow adminbot@example.net/bot rule 1 (line 5) 0",
		"D service.restart for alice@example.net: done adminbot@example.net/bot rule 1 (line 5) 0",
		"D service.restart for alice@example.net: allow adminbot@example.net/bot rule 1 (line 5) 0",
		"D service.restart for alice@example.net: done adminbot@example.net/bot rule 1 (line 5) 404",
		"D service.stop for ci@example.net: deny ci@example.net/x no rule 403",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	if got[0].ID != got[1].ID || got[1].ID == got[2].ID {
		t.Error("the lines of a call share its id, and no others do")
	}
}

// TestAuditLost: with an audit log that takes nothing, R goes on and all else
// is refused.
func TestAuditLost(t *testing.T) {
	r := newRig(t, nil)
	if err := r.agent.cfg.Audit.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err != nil {
		t.Errorf("a read: %v", err)
	}
	wantFault(t, r.asAlice("service.restart", rpc.Envelope{}, unitArgs{Unit: "app"}, nil), 503, "audit log")
	wantFault(t, r.asAlice("job.get", rpc.Envelope{}, map[string]any{"id": "j-x"}, nil), 503, "audit log")
	if got := r.units.done(); len(got) != 0 {
		t.Errorf("done: %v", got)
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		offset, known := time.Duration(0), true
		r := newRig(t, func(c *Config) { c.ClockOffset = func() (time.Duration, bool) { return offset, known } })
		restart := func(created time.Duration, ttl time.Duration) error {
			return r.asAlice("service.restart", rpc.Envelope{Created: time.Now().Add(created), TTL: ttl}, unitArgs{Unit: "app"}, nil)
		}
		for _, tc := range []struct {
			name         string
			offset       time.Duration
			unknown      bool
			created, ttl time.Duration
			code         int
			words        string
		}{
			{"young", 0, false, -29 * time.Second, 30 * time.Second, 0, ""},
			{"too old", 0, false, -31 * time.Second, 30 * time.Second, 410, "expired 1.0 s ago, nothing was done"},
			{"this clock is behind", 20 * time.Second, false, -15 * time.Second, 30 * time.Second, 410, "expired 5.0 s ago"},
			{"this clock is ahead", -20 * time.Second, false, -45 * time.Second, 30 * time.Second, 0, ""},
			{"this clock is far off", 61 * time.Second, false, 61 * time.Second, 30 * time.Second, 410, "clock"},
			{"this clock is not compared", 0, true, 0, 30 * time.Second, 410, "clock"},
			{"from the future", 0, false, 70 * time.Second, 30 * time.Second, -32602, "Created"},
		} {
			offset, known = tc.offset, !tc.unknown
			err := restart(tc.created, tc.ttl)
			if tc.code == 0 {
				if err != nil {
					t.Errorf("%s: %v", tc.name, err)
				}
				continue
			}
			if rpc.FaultCode(err) != tc.code || !contains(err, tc.words) {
				t.Errorf("%s: got %v", tc.name, err)
			}
		}
		if got := len(r.units.done()); got != 2 {
			t.Errorf("%d were run", got)
		}
		// Reads go by what this machine saw itself.
		known = false
		if err := r.asAlice("rpc.ping", rpc.Envelope{Created: time.Now().Add(-time.Hour), TTL: 30 * time.Second}, nil, nil); err != nil {
			t.Errorf("a read with a clock that is not compared: %v", err)
		}
		known, offset = true, 0
		wantFault(t, r.asAlice("rpc.ping", rpc.Envelope{Created: time.Now().Add(-time.Hour), TTL: 30 * time.Second}, nil, nil), 410, "nothing was done")
	})
}

// bare calls a method as a foreign client does: without headers.
func (r *rig) bare(from jid.JID, method string, in any) error {
	v, err := rpc.Marshal(in)
	if err != nil {
		r.t.Fatal(err)
	}
	me := &rpc.MethodCall{Method: method, Params: []rpc.Value{v}}
	iq := stanza.IQ{ID: "x", From: from, To: host, Type: stanza.SetIQ}
	reply, err := r.agent.Mux().HandleIQ(context.Background(), iq, me.TokenReader())
	if err != nil {
		return err
	}
	resp, err := rpc.ReadResponse(reply, rpc.DefaultResponseLimits)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.Fault != nil {
		return resp.Fault
	}
	return nil
}

func TestWithoutHeaders(t *testing.T) {
	r := newRig(t, nil)
	if err := r.bare(ci, "rpc.ping", struct{}{}); err != nil {
		t.Errorf("a read: %v", err)
	}
	wantFault(t, r.bare(ci, "service.restart", unitArgs{Unit: "app"}), -32602, "Created and TTL")
	p, err := policy.Parse([]byte("callers = [\"ci@example.net\"]\n[[rule]]\nwho = [\"*\"]\nmay = [\"D\"]\nallow_no_ttl = true\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.agent.SetPolicy(p); err != nil {
		t.Fatal(err)
	}
	if err := r.bare(ci, "service.restart", unitArgs{Unit: "app"}); err != nil {
		t.Errorf("a change that the policy lets through: %v", err)
	}
}

// TestLane: changes run one at a time in the order of arrival, reads beside
// them; who waits too long is refused and not run.
func TestLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.Limits.Waiting = 3 })
		running := 0
		r.units.before = func(context.Context, service.Action, string) error {
			r.units.mu.Lock()
			running++
			if running > 1 {
				t.Error("two at a time")
			}
			r.units.mu.Unlock()
			time.Sleep(10 * time.Second)
			r.units.mu.Lock()
			running--
			r.units.mu.Unlock()
			return nil
		}
		var wg sync.WaitGroup
		errs := make([]error, 5)
		for i, action := range []string{"restart", "stop", "start", "reload", "restart"} {
			ttl := 60 * time.Second
			if i == 2 {
				ttl = 15 * time.Second // its turn would come after 20
			}
			wg.Go(func() {
				errs[i] = r.asAlice("service."+action, rpc.Envelope{TTL: ttl}, unitArgs{Unit: "app"}, nil)
			})
			synctest.Wait()
			time.Sleep(time.Millisecond)
		}
		began := time.Now()
		if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err != nil || time.Since(began) > 0 {
			t.Errorf("a read beside: %v after %v", err, time.Since(began))
		}
		wg.Wait()
		if want := []string{"restart app.service", "stop app.service", "reload app.service"}; !slices.Equal(r.units.done(), want) {
			t.Errorf("order: %v", r.units.done())
		}
		wantFault(t, errs[2], 410, "expired while it waited")
		wantFault(t, errs[4], 429, "3 calls wait in lane host")
		for _, i := range []int{0, 1, 3} {
			if errs[i] != nil {
				t.Errorf("call %d: %v", i, errs[i])
			}
		}
	})
}

// TestYield: the session may hand over the caller's next stanza as soon as a
// call has its place, and not before.
func TestYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.units.before = func(context.Context, service.Action, string) error { time.Sleep(10 * time.Second); return nil }
		c := &rpc.Client{Transport: rpc.Loopback{Mux: r.agent.Mux(), From: bot}}
		var placed []string
		var wg sync.WaitGroup
		next := make(chan struct{})
		for i, method := range []string{"service.restart", "service.stop", "presence.get", "service.start"} {
			ctx := turn.With(t.Context(), sync.OnceFunc(func() { placed = append(placed, method); next <- struct{}{} }))
			wg.Go(func() {
				var in any
				if method != "presence.get" {
					in = unitArgs{Unit: "app"}
				}
				if err := c.Call(ctx, host, method, rpc.Envelope{Actor: alice}, in, nil); err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			})
			<-next
		}
		if time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) > 0 {
			t.Error("the handlers kept their turns while they worked")
		}
		wg.Wait()
		if want := []string{"restart app.service", "stop app.service", "start app.service"}; !slices.Equal(r.units.done(), want) {
			t.Errorf("order: %v", r.units.done())
		}
	})
}

func TestLaneOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lane{max: 10}
		start := time.Now()
		if err := l.acquire(t.Context(), start, time.Minute, func() {}); err != nil {
			t.Fatal(err)
		}
		var order []int
		var wg sync.WaitGroup
		for _, i := range []int{2, 0, 1} { // as handlers may get there
			wg.Go(func() {
				if err := l.acquire(t.Context(), start.Add(time.Duration(i)), time.Minute, func() {}); err != nil {
					t.Error(err)
				}
				order = append(order, i)
				l.release()
			})
			synctest.Wait()
		}
		l.release()
		wg.Wait()
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("order %v", order)
		}
	})
}

// TestAuditTail: the host tells who asked for what, for whom the bot spoke, and of
// which service.
func TestAuditTail(t *testing.T) {
	r := newRig(t, nil)
	if err := r.asAlice("service.restart", rpc.Envelope{}, unitArgs{Unit: "app"}, nil); err != nil {
		t.Fatal(err)
	}
	wantFault(t, r.asAlice("service.restart", rpc.Envelope{}, unitArgs{Unit: "none"}, nil), rpc.FaultNotFound, "no such unit")
	if err := r.asAlice("rpc.ping", rpc.Envelope{}, nil, nil); err != nil {
		t.Fatal(err)
	}
	told := func(args map[string]any) string {
		t.Helper()
		var res agentapi.AuditTailResult
		if err := r.asAlice("audit.tail", rpc.Envelope{}, args, &res); err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range res.Entries {
			if e.From != bot.String() || e.Hash == "" || e.At.IsZero() {
				t.Errorf("%+v", e)
			}
			if e.Method == "service.restart" {
				out = append(out, e.Actor+" "+e.Unit+" "+e.Decision)
			}
		}
		return strings.Join(out, ", ")
	}
	all := "alice@example.net none.service done, alice@example.net none.service allow, alice@example.net app.service done, alice@example.net app.service allow"
	if got := told(nil); got != all {
		t.Errorf("got %s", got)
	}
	if got := told(map[string]any{"actor": "alice@example.net"}); got != all {
		t.Errorf("of alice: %s", got)
	}
	if got := told(map[string]any{"actor": "bob@example.net"}); got != "" {
		t.Errorf("of bob: %s", got)
	}
}
