package client_test

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

	"adminbot/workgroups"
	"adminbot/workgroups/client"
)

var alerts = jid.MustParse("alerts@workgroup.example.com")

// A world is a service and those who are connected to it. It is made in a bubble.
type world struct {
	*testing.T
	x         *exchange
	component *peer
	service   *workgroups.Service
}

func newWorld(t *testing.T, form ...workgroups.FormField) *world {
	w := &world{T: t, x: &exchange{}}
	w.component = w.x.connect(t, alerts.Domainpart())
	member := func(name string) workgroups.Member {
		return workgroups.Member{JID: jid.MustParse(name + "@example.com")}
	}
	bot := member("bot")
	bot.Bot = true
	var err error
	w.service, err = workgroups.New(workgroups.Config{
		Domain: alerts.Domain(), Store: &workgroups.Memory{}, Wire: w.component,
		Groups: []workgroups.Workgroup{{Name: alerts.Localpart(), Title: "On call", Members: []workgroups.Member{bot, member("alice"), member("bob")}, Form: form}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.component.iq, w.component.pres, w.component.msg = w.service.HandleIQ, w.service.HandlePresence, w.service.HandleMessage
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.service.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// client connects an account.
func (w *world) client(name string) (*client.Client, *peer) {
	p := w.x.connect(w.T, name+"@example.com/work")
	c := client.New(client.Config{Wire: p})
	p.iq, p.pres, p.msg = c.HandleIQ, c.HandlePresence, c.HandleMessage
	return c, p
}

// serve has a client serve the workgroup; stop ends that.
func (w *world) serve(c *client.Client, a client.Agent) (stop func() error) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	go func() { done <- c.Serve(ctx, alerts, a) }()
	ended := false
	stop = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		return <-done
	}
	w.Cleanup(func() { stop() })
	synctest.Wait()
	return stop
}

func (w *world) raise(summary string, more ...func(*workgroups.Report)) int64 {
	w.Helper()
	r := workgroups.Report{Workgroup: alerts.Localpart(), Source: "test", Summary: summary}
	for _, f := range more {
		f(&r)
	}
	receipts, err := w.service.Report(w.Context(), r)
	if err != nil {
		w.Fatal(err)
	}
	synctest.Wait()
	return receipts[0].Alert.ID
}

func (w *world) wants(id int64, state workgroups.State, owner string) workgroups.Alert {
	w.Helper()
	a, entries, err := w.service.Alert(w.Context(), id)
	if err != nil || a.State != state || a.Owner.Bare().String() != owner {
		w.Fatalf("alert %d is %s, of %q, want %s, %q (%v) %v", id, a.State, a.Owner, state, owner, err, entries)
	}
	return a
}

// accept is an agent that takes everything and tells how that went.
func accept(got chan<- any) client.Agent {
	return client.Agent{Offered: func(ctx context.Context, o *client.Offer) {
		inv, err := o.Accept(ctx)
		if err != nil {
			got <- err
			return
		}
		got <- inv
	}}
}

func TestAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bob, _ := w.client("bob")
		var seen *client.Offer
		got := make(chan any, 1)
		a := accept(got)
		a.Presence = client.Presence{Show: workgroups.Chat, Status: "here", Max: 2}
		take := a.Offered
		a.Offered = func(ctx context.Context, o *client.Offer) { seen = o; take(ctx, o) }
		stop := w.serve(bob, a)
		id := w.raise("disk full", func(r *workgroups.Report) {
			r.Host, r.Severity, r.Labels = "web01", workgroups.Critical, map[string]string{"mount": "/var"}
		})
		inv, ok := (<-got).(client.Invitation)
		if !ok || inv.Grant != 1 || inv.User.String() != "alert-1@workgroup.example.com" || inv.Session != "alert-1" || !inv.Workgroup.Equal(alerts) {
			t.Errorf("invitation %+v", inv)
		}
		w.wants(id, workgroups.Assigned, "bob@example.com")
		m := seen.Metadata
		if m["summary"] != "disk full" || m["host"] != "web01" || m["severity"] != "critical" || m["label.mount"] != "/var" || time.Until(seen.Expires) != time.Minute {
			t.Errorf("the offer says %v, until %s", m, seen.Expires)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if st, err := w.service.Status(t.Context(), alerts.Localpart()); err != nil || slices.ContainsFunc(st.Agents, func(a workgroups.AgentStatus) bool { return a.Here }) {
			t.Errorf("who is there after bob has left: %+v (%v)", st.Agents, err)
		}
	})
}

// TestDecline: an agent who returns without a word has declined, and the next is
// asked.
func TestDecline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bot, _ := w.client("bot")
		asked := 0
		w.serve(bot, client.Agent{Offered: func(context.Context, *client.Offer) { asked++ }})
		nothing, _ := w.client("alice")
		w.serve(nothing, client.Agent{})
		bob, _ := w.client("bob")
		got := make(chan any, 1)
		w.serve(bob, accept(got))
		w.raise("one")
		if _, ok := (<-got).(client.Invitation); !ok || asked != 1 {
			t.Errorf("the bot was asked %d times", asked)
		}
		w.wants(1, workgroups.Assigned, "bob@example.com")
	})
}

// TestRevoke: the offer's context ends with it, and an accept that comes late says
// why.
func TestRevoke(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*world)
		want string
	}{
		"timed out": {func(*world) { time.Sleep(61 * time.Second) }, "the offer has timed out"},
		"taken": {func(w *world) {
			if _, err := w.service.Take(w.Context(), 1, jid.MustParse("alice@example.com")); err != nil {
				w.Error(err)
			}
		}, "taken by alice@example.com"},
		"resolved": {func(w *world) { w.service.Resolve(w.Context(), 1, jid.MustParse("alice@example.com"), "done") }, "done"},
		"revoke lost": {func(w *world) {
			w.component.mu.Lock()
			w.component.lost["offer-revoke"] = true
			w.component.mu.Unlock()
			time.Sleep(71 * time.Second)
		}, "its time is over"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				bob, _ := w.client("bob")
				got := make(chan error, 10)
				w.serve(bob, client.Agent{Offered: func(ctx context.Context, o *client.Offer) {
					<-ctx.Done()
					_, err := o.Accept(w.Context())
					if err != context.Cause(ctx) {
						t.Errorf("accept: %v, want %v", err, context.Cause(ctx))
					}
					got <- err
				}})
				w.raise("one")
				tt.end(w)
				synctest.Wait()
				var revoked *client.RevokedError
				if err := <-got; !errors.As(err, &revoked) || revoked.Reason != tt.want {
					t.Errorf("over: %v, want %q", err, tt.want)
				}
			})
		})
	}
}

// TestLateAccept: the service answers with a result, and revokes. Of two who
// accept, one is invited.
func TestLateAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bob, p := w.client("bob")
		got := make(chan any, 1)
		go_ := make(chan struct{})
		w.serve(bob, client.Agent{Offered: func(ctx context.Context, o *client.Offer) {
			<-go_
			_, err := o.Accept(ctx)
			got <- err
		}})
		w.raise("one")
		w.component.mu.Lock()
		w.component.lost["offer-revoke"] = true // the first; what comes of the accept is another
		w.component.mu.Unlock()
		w.service.Take(t.Context(), 1, jid.MustParse("alice@example.com"))
		synctest.Wait()
		w.component.mu.Lock()
		w.component.lost["offer-revoke"] = false
		w.component.mu.Unlock()
		close(go_)
		var revoked *client.RevokedError
		if err, _ := (<-got).(error); !errors.As(err, &revoked) || !strings.Contains(revoked.Reason, "somebody else has taken the alert: alice@example.com") {
			t.Errorf("accepted late: %v", err)
		}
		w.wants(1, workgroups.Assigned, "alice@example.com")
		synctest.Wait()
		if n := len(p.sent("offer-reject")); n != 0 {
			t.Errorf("%d offers were declined that were over", n)
		}
	})
}

// TestNoInvitation: what was accepted and never invited to is given back.
func TestNoInvitation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bob, p := w.client("bob")
		got := make(chan any, 1)
		w.serve(bob, accept(got))
		p.msg = nil // invitations are lost
		w.raise("one")
		if err, _ := (<-got).(error); err == nil || !strings.Contains(err.Error(), "no invitation within 1m0s") {
			t.Errorf("accepted: %v", err)
		}
		synctest.Wait()
		w.wants(1, workgroups.Open, "")
	})
}

// TestAgain: an offer that is sent twice is one; one that is made anew ends what
// was taken.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bob, _ := w.client("bob")
		var mu sync.Mutex
		calls, causes := 0, make(chan error, 10)
		w.serve(bob, client.Agent{Offered: func(ctx context.Context, o *client.Offer) {
			mu.Lock()
			calls++
			first := calls == 1
			mu.Unlock()
			if _, err := o.Accept(ctx); err != nil {
				t.Error(err)
			}
			if first {
				<-ctx.Done()
				causes <- context.Cause(ctx)
			}
		}})
		w.component.mu.Lock()
		w.component.lost["offer-accept"] = true
		w.component.mu.Unlock()
		w.raise("one")
		w.wants(1, workgroups.Assigned, "bob@example.com")
		if _, err := w.service.Pass(t.Context(), 1, jid.MustParse("bob@example.com"), "by chat"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second) // everybody is asked again
		synctest.Wait()
		var revoked *client.RevokedError
		if err := <-causes; !errors.As(err, &revoked) || revoked.Reason != "it is offered anew" {
			t.Errorf("the first ended by %v", err)
		}
		w.wants(1, workgroups.Assigned, "bob@example.com")
		if calls != 2 {
			t.Errorf("%d offers", calls)
		}
	})
}

func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eve, _ := w.client("eve")
		err := eve.Serve(t.Context(), alerts, client.Agent{})
		if !errors.Is(err, client.ErrRefused) || !strings.Contains(err.Error(), "alerts@workgroup.example.com (not-authorized)") {
			t.Errorf("eve serves: %v", err)
		}
		if _, err := eve.Agents(t.Context(), alerts); condition(err) != stanza.NotAuthorized {
			t.Errorf("eve asks who the agents are: %v", err)
		}
	})
}

func condition(err error) stanza.Condition {
	var se stanza.Error
	errors.As(err, &se)
	return se.Condition
}

// TestReconnect: a new session begins anew. What was taken is the agent's still,
// if the workgroup leaves it to them.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bob, p := w.client("bob")
		ends := make(chan error, 10)
		a := client.Agent{Offered: func(ctx context.Context, o *client.Offer) {
			if o.Metadata["summary"] == "one" {
				if _, err := o.Accept(ctx); err != nil {
					t.Error(err)
				}
			}
			<-ctx.Done()
			ends <- fmt.Errorf("%s: %w", o.Metadata["summary"], context.Cause(ctx))
		}}
		stop := w.serve(bob, a)
		w.raise("one")
		w.raise("two")
		w.wants(2, workgroups.Offered, "")
		w.x.cut(p)
		synctest.Wait()
		w.wants(2, workgroups.Open, "")

		again := w.x.connect(t, "bob@example.com/work")
		again.iq, again.pres, again.msg = bob.HandleIQ, bob.HandlePresence, bob.HandleMessage
		p.mu.Lock()
		p.mine = again.mine // the wire is the same, over another connection
		p.mu.Unlock()
		again.waits = p.waits
		bob.Disconnected(nil)
		bob.Connected()
		synctest.Wait()
		if err := <-ends; err == nil || !strings.Contains(err.Error(), "two: ") || !strings.Contains(err.Error(), "the session was lost") {
			t.Errorf("ended: %v", err)
		}
		w.wants(1, workgroups.Assigned, "bob@example.com")
		w.wants(2, workgroups.Offered, "") // anew
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestConnectedLate: a client that hears of its session when it has served in it
// for a while loses nothing.
func TestConnectedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		bob, _ := w.client("bob")
		got := make(chan any, 1)
		a := accept(got)
		take := a.Offered
		a.Offered = func(ctx context.Context, o *client.Offer) { bob.Connected(); take(ctx, o) }
		stop := w.serve(bob, a)
		id := w.raise("disk full")
		answer := <-got
		if _, ok := answer.(client.Invitation); !ok {
			t.Errorf("the offer: %v", answer)
		}
		w.wants(id, workgroups.Assigned, "bob@example.com")
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestStatus: agents are told how the workgroup stands, and ask who they are.
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var mu sync.Mutex
		var last client.Status
		bob, p := w.client("bob")
		var seen []client.Colleague
		w.serve(bob, client.Agent{
			Presence: client.Presence{Show: workgroups.ExtraAway, Max: 2},
			Changed:  func(s client.Status) { mu.Lock(); last = s; mu.Unlock() },
			Seen:     func(c client.Colleague) { seen = append(seen, c) },
		})
		w.raise("one")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want := client.Status{Here: true, Open: "closed", Waiting: 1}
		mu.Lock()
		got := last
		mu.Unlock()
		if len(got.Users) != 1 || got.Users[0].JID.String() != "alert-1@workgroup.example.com" || got.Users[0].Joined.IsZero() || got.Oldest.IsZero() {
			t.Errorf("the queue: %+v", got)
		}
		got.Users, got.Oldest = nil, time.Time{}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("status %+v, want %+v", got, want)
		}
		bob.Present(alerts, client.Presence{Show: workgroups.Chat, Max: 2})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		mu.Lock()
		if last.Open != "open" || last.Max != 2 || !last.Here {
			t.Errorf("bob is there: %+v", last)
		}
		mu.Unlock()
		who, err := bob.Agents(t.Context(), alerts)
		if err != nil || fmt.Sprint(who) != "[bot@example.com alice@example.com]" {
			t.Errorf("the agents are %v (%v)", who, err)
		}
		// Presence of another agent, which this service cannot send.
		p.take(t.Context(), read(t, "xep0142/ex33-agent-status-update-service.xml"))
		if len(seen) != 0 {
			t.Errorf("bob is no colleague of bob's: %v", seen)
		}
	})
}

func TestUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, workgroups.FormField{Var: "question", Label: "What?", Required: true}, workgroups.FormField{Var: "kind", Options: []string{"a", "b"}})
		eve, _ := w.client("eve")
		_, err := eve.Queue(t.Context(), alerts, client.Request{})
		if condition(err) != stanza.NotAcceptable {
			t.Errorf("queued without the form: %v", err)
		}
		form, err := eve.Form(t.Context(), alerts)
		if err != nil || form.Title != "On call" || len(form.Fields) != 2 || !form.Fields[0].Required || len(form.Fields[1].Options) != 2 {
			t.Errorf("form %+v (%v)", form, err)
		}
		if _, err := eve.Place(t.Context(), alerts); condition(err) != stanza.NotAuthorized {
			t.Errorf("place of who does not queue: %v", err)
		}

		// Waits, is told the place, and is taken.
		places := make(chan client.Place, 100)
		request := client.Request{Answers: map[string]string{"question": "is it on?"}, Told: func(p client.Place) { places <- p }}
		invited := make(chan any, 1)
		queue := func(ctx context.Context) {
			inv, err := eve.Queue(ctx, alerts, request)
			if err != nil {
				invited <- err
				return
			}
			invited <- inv
		}
		go queue(t.Context())
		synctest.Wait()
		if _, err := eve.Queue(t.Context(), alerts, request); !errors.Is(err, client.ErrServing) {
			t.Errorf("queued twice: %v", err)
		}
		if p := <-places; p.Position != 1 {
			t.Errorf("told %+v", p)
		}
		if p, err := eve.Place(t.Context(), alerts); err != nil || p.Position != 1 {
			t.Errorf("place %+v, %v", p, err)
		}
		bob, _ := w.client("bob")
		taken := make(chan any, 2)
		stop := w.serve(bob, accept(taken))
		inv, ok := (<-invited).(client.Invitation)
		if !ok || !inv.Workgroup.Equal(alerts) {
			t.Errorf("invitation %+v", inv)
		}
		if inv, ok := (<-taken).(client.Invitation); !ok || inv.User.String() != "eve@example.com/work" {
			t.Errorf("bob's invitation: %+v", inv)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
		if _, err := w.service.Resolve(t.Context(), 1, jid.MustParse("bob@example.com"), ""); err != nil {
			t.Error(err)
		}

		// Leaves.
		ctx, cancel := context.WithCancel(t.Context())
		go queue(ctx)
		synctest.Wait()
		w.wants(2, workgroups.Open, "")
		cancel()
		if err, _ := (<-invited).(error); err != context.Canceled {
			t.Errorf("left: %v", err)
		}
		w.wants(2, workgroups.Expired, "")

		// Is taken out, by somebody who may.
		go queue(t.Context())
		synctest.Wait()
		if err := bob.Remove(t.Context(), alerts, jid.MustParse("eve@example.com/work")); err != nil {
			t.Error(err)
		}
		if err, _ := (<-invited).(error); !errors.Is(err, client.ErrLeft) {
			t.Errorf("taken out: %v", err)
		}
	})
}
