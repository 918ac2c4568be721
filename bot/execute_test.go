package bot

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/agentapi"
	"adminbot/internal/policy"
	"adminbot/rpc"
)

// through is a transport between the bot and the world.
type through struct {
	rpc.Transport
	before func(stanza.IQ) error

	now, most atomic.Int32
}

func (n *through) RoundTripIQ(ctx context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	if n.before != nil {
		if err := n.before(iq); err != nil {
			return stanza.IQ{}, nil, err
		}
	}
	now := n.now.Add(1)
	defer n.now.Add(-1)
	for most := n.most.Load(); now > most && !n.most.CompareAndSwap(most, now); most = n.most.Load() {
	}
	return n.Transport.RoundTripIQ(ctx, iq, payload)
}

// notSent is what a session says while it is not connected.
type notSent struct{ error }

func (notSent) Sent() bool { return false }

func (w *world) answer(t *testing.T, who, line string) Reply {
	t.Helper()
	var last Reply
	if err := w.bot.Answer(context.Background(), Utterance{From: jid.MustParse(who), Text: line}, func(r Reply) {
		if r.Final {
			last = r
		}
	}); err != nil {
		t.Error(err)
	}
	return last
}

func TestFlightIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := &through{Transport: w}
		w.bot.client.Transport = n
		for i := range 600 {
			h := host(fmt.Sprintf("h%03d", i), "role=x")
			h.slow = time.Second
			w.add(h)
		}
		time.Sleep(5 * time.Minute)
		start := time.Now()
		r := w.answer(t, "alice@example.net", "ping everywhere")
		a := r.Data.(Answer)
		if a.OK != 600 || n.most.Load() != 512 {
			t.Errorf("%d ok, %d in flight", a.OK, n.most.Load())
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// TestNotSentIsRetried: what surely never left is sent again when the session is
// back, and only then.
func TestNotSentIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		var tries atomic.Int32
		w.bot.client.Transport = &through{Transport: w, before: func(stanza.IQ) error {
			if tries.Add(1) < 3 {
				return notSent{errors.New("link: not connected")}
			}
			return nil
		}}
		w.answer(t, "alice@example.net", "restart nginx on web01")
		if r := w.answer(t, "alice@example.net", "yes"); r.Exit != ExitOK || tries.Load() != 3 {
			t.Errorf("after %d tries: %s", tries.Load(), r.Text)
		}
		if done := w.done(); len(done) != 1 {
			t.Errorf("done: %v", done)
		}

		tries.Store(-10)
		w.answer(t, "alice@example.net", "restart nginx on web01")
		if r := w.answer(t, "alice@example.net", "yes"); r.Exit != ExitNoAnswer || tries.Load() != -6 {
			t.Errorf("%d: %s", tries.Load(), r.Text)
		}

		tries.Store(0)
		w.bot.client.Transport = &through{Transport: w, before: func(stanza.IQ) error {
			tries.Add(1)
			return errors.New("link: broke while writing") // may have left
		}}
		w.answer(t, "alice@example.net", "restart nginx on web01")
		r := w.answer(t, "alice@example.net", "yes")
		if a := r.Data.(Answer); a.TimedOut+a.Unreachable != 1 || len(w.done()) != 0 {
			t.Errorf("%d tries: %s", tries.Load(), r.Text)
		}
	})
}

// TestTwoAnswersOneRun: of many who say yes to one card at the same moment, one
// runs it.
func TestTwoAnswersOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		card := w.answer(t, "alice@example.net", "restart nginx on web01")
		var wg sync.WaitGroup
		var ran atomic.Int32
		for range 20 {
			wg.Go(func() {
				if w.answer(t, "alice@example.net", "yes "+card.ID).Exit == ExitOK {
					ran.Add(1)
				}
			})
		}
		wg.Wait()
		if done := w.done(); len(done) != 1 || ran.Load() != 1 {
			t.Errorf("done: %v, said so %d times", done, ran.Load())
		}
	})
}

// TestAuditComesFirst: every change is in the log before it is at the host, with
// whom it is for; and one that cannot be logged is not sent.
func TestAuditComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		var logged []int
		w.bot.client.Transport = &through{Transport: w, before: func(stanza.IQ) error {
			w.log.mu.Lock()
			defer w.log.mu.Unlock()
			n := 0
			for _, e := range w.log.entries {
				if e.Decision == "sent" {
					n++
				}
			}
			logged = append(logged, n)
			return nil
		}}
		w.answer(t, "alice@example.net/phone", "restart nginx on web01")
		w.answer(t, "alice@example.net/phone", "yes")
		w.log.mu.Lock()
		var decisions []string
		for _, e := range w.log.entries {
			decisions = append(decisions, e.Decision)
			if e.Actor != "alice@example.net" || e.From != "alice@example.net/phone" || e.Method != "service.restart" || e.Class != "D" || e.ArgsDigest == "" {
				t.Errorf("%+v", e)
			}
		}
		w.log.mu.Unlock()
		if got := fmt.Sprint(decisions); got != "[card: needs confirm run: confirmed sent ok]" || fmt.Sprint(logged) != "[1]" {
			t.Errorf("%s, %v", got, logged)
		}
		w.answer(t, "alice@example.net", "restart nginx on web02")
		w.log.mu.Lock()
		w.log.broken = true
		w.log.mu.Unlock()
		w.done()
		if r := w.bot.answerQuietly("alice@example.net", "yes"); len(w.done()) != 0 {
			t.Errorf("ran without a log: %s", r.Text)
		}
	})
}

func (b *Bot) answerQuietly(who, line string) (last Reply) {
	b.Answer(context.Background(), Utterance{From: jid.MustParse(who), Text: line}, func(r Reply) { last = r })
	return last
}

// TestPolicyIsAskedAgain: between the card and the yes, the right to do it may
// have gone.
func TestPolicyIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.answer(t, "alice@example.net", "restart nginx on web01")
		pol, err := policy.Parse([]byte("[[rule]]\nwho = [\"alice@example.net\"]\nmay = [\"R\"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.pol = pol
		w.mu.Unlock()
		if r := w.answer(t, "alice@example.net", "yes"); r.Exit != ExitRefused || len(w.done()) != 0 {
			t.Errorf("%s", r.Text)
		}
		w.mu.Lock()
		w.pol = nil // an invalid file on a bot that never had a valid one
		w.mu.Unlock()
		if r := w.answer(t, "alice@example.net", "ping web01"); r.Exit != ExitRefused {
			t.Errorf("%s", r.Text)
		}
	})
}

// TestShutdown: answers that are still wanted do not keep the bot from stopping.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.hosts["web01"].deaf = true
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.bot.Answer(ctx, Utterance{From: jid.MustParse("alice@example.net"), Text: "disk on web01"}, func(Reply) {})
		}()
		time.Sleep(time.Second)
		cancel()
		<-done
	})
}

func TestQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queues
		l := lane{host: "web01"}
		var order []int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i := range 50 {
			p := q.enter(l)
			wg.Go(func() {
				defer p.leave()
				if err := p.wait(context.Background()); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Millisecond)
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
			})
		}
		wg.Wait()
		for i, n := range order {
			if i != n {
				t.Fatalf("order %v", order)
			}
		}
		if len(q.tail) != 0 {
			t.Errorf("%d lanes are kept", len(q.tail))
		}
	})
}

// TestHostGoesAway: who asked a host that goes away before it answers is told
// so then. A change may have run, and the host may come back and say so.
func TestHostGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		h := w.hosts["web01"]
		away := func(line string, slow time.Duration) (r Reply, took time.Duration) {
			h.mu.Lock()
			h.slow = slow
			h.mu.Unlock()
			go func() {
				time.Sleep(3 * time.Second)
				h.show(false, agentapi.Mood{})
			}()
			begin := time.Now()
			r = w.answer(t, "alice@example.net", line)
			return r, time.Since(begin)
		}
		back := func() {
			h.show(true, agentapi.Mood{Mood: agentapi.Happy})
			time.Sleep(2 * time.Second)
		}

		r, took := away("memory on web01", time.Hour)
		if took > 5*time.Second || !strings.Contains(r.Text, "no answer from web01") || !strings.Contains(r.Text, "it went away") || strings.Contains(r.Text, "run") {
			t.Errorf("after %v: %s", took, r.Text)
		}
		back()
		r, took = away("memory on web*", time.Hour)
		if a := r.Data.(Answer); took > 5*time.Second || a.TimedOut != 1 || a.OK != a.Asked-1 || !strings.Contains(r.Text, "it went away") {
			t.Errorf("after %v: %s", took, r.Text)
		}

		// What the server says right after that is the truth: it was not delivered.
		back()
		w.bot.client.Transport = &through{Transport: w, before: func(iq stanza.IQ) error {
			time.Sleep(3*time.Second + lastWords/2)
			return stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
		}}
		if r, _ = away("memory on web01", 0); strings.Contains(r.Text, "no answer") {
			t.Errorf("%s", r.Text)
		}
		w.bot.client.Transport = w

		back()
		w.answer(t, "alice@example.net", "restart nginx on web01")
		r, took = away("yes", 30*time.Second)
		if took > 5*time.Second || !strings.Contains(r.Text, "may have run") || !strings.Contains(r.Text, "it went away") {
			t.Errorf("after %v: %s", took, r.Text)
		}
		w.take()
		back()
		time.Sleep(time.Minute)
		var told []string
		for _, m := range w.take() {
			told = append(told, m.body)
		}
		if len(told) != 1 || !strings.Contains(told[0], "answered after") || !strings.Contains(told[0], "web01") {
			t.Errorf("told %q", told)
		}
		if done := w.done(); len(done) != 1 {
			t.Errorf("done: %v", done)
		}
	})
}

// lastWords is about how long the fleet waits for what a server says of a host
// that went away.
const lastWords = time.Second
