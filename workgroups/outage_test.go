package workgroups

import (
	"context"
	"encoding/xml"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
)

// ears is a wire that remembers what was sent.
type ears struct {
	mu    sync.Mutex
	heard []*element.Element
	stuck chan struct{} // until it is closed the server takes nothing; nil: it does
	lost  bool          // what the server says of the next Barrier is lost
}

func (w *ears) RoundTripIQ(_ context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	e, err := element.Read(payload)
	if err != nil {
		return stanza.IQ{}, nil, err
	}
	w.keep(element.New("", "iq", "to", iq.To.String(), "id", iq.ID).Add(e))
	return stanza.IQ{}, nil, nil
}

func (w *ears) Send(_ context.Context, r xml.TokenReader) error {
	e, err := element.Read(r)
	if err == nil {
		w.keep(e)
	}
	return err
}

func (w *ears) Barrier(ctx context.Context) error {
	w.mu.Lock()
	stuck, lost := w.stuck, w.lost
	w.lost = false
	w.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	if lost {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (w *ears) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = true
}

// slow has the server take nothing until stuck is closed.
func (w *ears) slow(stuck chan struct{}) {
	w.mu.Lock()
	w.stuck = stuck
	w.mu.Unlock()
}

func (w *ears) keep(e *element.Element) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, e)
}

// bodies is what was written to somebody in words, each with its sender.
func (w *ears) bodies(to string) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.heard {
		if body := e.ChildText("body"); e.Get("to") == to && body != "" {
			all = append(all, body)
		}
	}
	return all
}

// offers are the ids of what was offered to somebody.
func (w *ears) offers(to string) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.heard {
		if o := e.Child(NS, "offer"); o != nil && e.Get("to") == to {
			all = append(all, o.Get("id"))
		}
	}
	return all
}

// A disk is a store that can be full.
type disk struct {
	Memory
	mu    sync.Mutex
	full  bool
	tries int    // commits while it was full
	at    string // it is full from this point of the service on; empty: from none
}

func newDisk() *disk {
	d := new(disk)
	d.Fail = func([]Change) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.full {
			d.tries++
			return errors.New("database or disk is full (13)")
		}
		return nil
	}
	return d
}

func (d *disk) fill(full bool) {
	d.mu.Lock()
	d.full, d.at = full, ""
	d.mu.Unlock()
}

// reach is told of the points of the service.
func (d *disk) reach(point string) {
	d.mu.Lock()
	d.full = d.full || point == d.at
	d.mu.Unlock()
}

// onDisk runs a service in a bubble on a disk that can be full.
func onDisk(t *testing.T, test func(t *testing.T, s *Service, d *disk, w *ears)) {
	synctest.Test(t, func(t *testing.T) {
		d, w := newDisk(), new(ears)
		s, err := New(Config{
			Domain: domain, Store: d, Wire: w,
			Groups: []Workgroup{{Name: "alerts", Timeout: time.Minute, Members: []Member{{JID: jid.MustParse("ann@example.net")}, {JID: jid.MustParse("ben@example.net")}}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.point = d.reach
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		test(t, s, d, w)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// say has somebody write to the workgroup.
func (s *Service) say(ctx context.Context, who, text string) {
	m := stanza.Message{Type: stanza.ChatMessage, From: jid.MustParse(who + "@example.net/phone"), To: s.Address("alerts")}
	s.HandleMessage(ctx, m, element.TokenReader(&element.Element{Name: xml.Name{Local: "body"}, Text: text}))
}

// shows has the client of somebody say that they are an agent.
func (s *Service) shows(ctx context.Context, who, typ string) {
	p := stanza.Presence{Type: stanza.PresenceType(typ), From: jid.MustParse(who), To: s.Address("alerts")}
	s.HandlePresence(ctx, p, element.New(NS, "agent-status").TokenReader())
}

// TestDiskFull: nothing is acknowledged, people are told so, once, and about the
// end of it; what only reads is answered; nothing is sent over and over; and when
// there is room again everything goes on.
func TestDiskFull(t *testing.T) {
	onDisk(t, func(t *testing.T, s *Service, d *disk, w *ears) {
		s.say(t.Context(), "ann", "join")
		report := func(summary string) error {
			_, err := s.Report(t.Context(), Report{Workgroup: "alerts", Source: "test", Summary: summary, Starts: time.Now()})
			return err
		}
		if err := report("before"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		d.fill(true)
		for range 3 {
			if err := report("meanwhile"); !errors.Is(err, ErrStorage) {
				t.Errorf("on a full disk: %v", err)
			}
		}
		if _, err := s.Take(t.Context(), 1, jid.MustParse("ann@example.net")); !errors.Is(err, ErrStorage) {
			t.Errorf("taken on a full disk: %v", err)
		}
		if all, err := s.Alerts(t.Context(), "alerts"); err != nil || len(all) != 1 {
			t.Errorf("a list on a full disk: %v, %v", all, err)
		}
		time.Sleep(10 * time.Minute) // offers end, and cannot
		synctest.Wait()
		bodies := w.bodies("ann@example.net")
		if n := count(bodies, "cannot be stored"); n != 1 {
			t.Errorf("told %d times that the disk is full:\n%s", n, strings.Join(bodies, "\n"))
		}
		if n := count(bodies, "Alert 1 "); n != 1 {
			t.Errorf("the alert was offered %d times:\n%s", n, strings.Join(bodies, "\n"))
		}
		d.mu.Lock()
		if d.tries < 100 || d.tries > 1000 {
			t.Errorf("in 10 minutes the disk was tried %d times", d.tries)
		}
		d.mu.Unlock()

		d.fill(false)
		time.Sleep(2 * storeTry)
		synctest.Wait()
		if bodies := w.bodies("ann@example.net"); count(bodies, "are taken in again") != 1 {
			t.Errorf("not told that it works again:\n%s", strings.Join(bodies, "\n"))
		}
		if err := report("after"); err != nil {
			t.Error(err)
		}
		if _, err := s.Take(t.Context(), 1, jid.MustParse("ann@example.net")); err != nil {
			t.Error(err)
		}
	})
}

func count(bodies []string, part string) (n int) {
	for _, b := range bodies {
		n += strings.Count(b, part)
	}
	return n
}

// TestDiskFullFlaps: a disk on which some things fit and others do not is not
// news each time.
func TestDiskFullFlaps(t *testing.T) {
	onDisk(t, func(t *testing.T, s *Service, d *disk, w *ears) {
		s.say(t.Context(), "ann", "join")
		for range 20 {
			d.fill(true)
			if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Summary: "x"}); !errors.Is(err, ErrStorage) {
				t.Errorf("on a full disk: %v", err)
			}
			d.fill(false)
			time.Sleep(2 * storeTry)
		}
		bodies := w.bodies("ann@example.net")
		if a, b := count(bodies, "cannot be stored"), count(bodies, "are taken in again"); a != 1 || b != 1 {
			t.Errorf("told %d times that the disk is full and %d times that it is not", a, b)
		}
	})
}

// TestDiskFullPresence: who came and who went while the disk was full is known
// when it is not any more.
func TestDiskFullPresence(t *testing.T) {
	onDisk(t, func(t *testing.T, s *Service, d *disk, w *ears) {
		s.shows(t.Context(), "ann@example.net/work", "")
		d.fill(true)
		s.shows(t.Context(), "ann@example.net/work", "unavailable")
		for _, typ := range []string{"", "unavailable", ""} {
			s.shows(t.Context(), "ben@example.net/work", typ)
		}
		d.fill(false)
		time.Sleep(2 * storeTry)
		if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Summary: "x"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if a, b := w.offers("ann@example.net/work"), w.offers("ben@example.net/work"); len(a) != 0 || len(b) != 1 {
			t.Errorf("offered to ann, who had left: %q; to ben, who had come: %q", a, b)
		}
	})
}

// TestDiskFullSent: what had been sent is not sent again because that could not be
// noted.
func TestDiskFullSent(t *testing.T) {
	onDisk(t, func(t *testing.T, s *Service, d *disk, w *ears) {
		s.say(t.Context(), "ann", "join")
		d.mu.Lock()
		d.at = "after barrier"
		d.mu.Unlock()
		if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Summary: "x"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		d.fill(false)
		time.Sleep(20 * time.Second)
		if bodies := w.bodies("ann@example.net"); count(bodies, "Alert 1 ") != 1 {
			t.Errorf("offered more than once:\n%s", strings.Join(bodies, "\n"))
		}
		if img, err := d.Load(t.Context()); err != nil || len(img.Messages) != 0 {
			t.Errorf("left to be sent: %v, %v", img.Messages, err)
		}
	})
}

// TestSlowServer: an offer that has ended before it could be sent is not sent.
func TestSlowServer(t *testing.T) {
	onDisk(t, func(t *testing.T, s *Service, _ *disk, w *ears) {
		s.shows(t.Context(), "ann@example.net/work", "")
		synctest.Wait()
		stuck := make(chan struct{})
		w.slow(stuck)
		if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Summary: "x"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute) // it is offered again and again
		close(stuck)
		synctest.Wait()
		if all := w.offers("ann@example.net/work"); len(all) > 2 {
			t.Errorf("offered %d times, of which one was not over", len(all))
		}
	})
}

// TestLostBarrier: a server that does not say that it has something gets it again.
func TestLostBarrier(t *testing.T) {
	onDisk(t, func(t *testing.T, s *Service, d *disk, w *ears) {
		s.shows(t.Context(), "ann@example.net/work", "")
		synctest.Wait()
		w.lose()
		if _, err := s.Report(t.Context(), Report{Workgroup: "alerts", Summary: "x"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(takenTime - time.Second)
		waiting := func() int {
			img, err := d.Load(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(img.Messages)
		}
		if n := waiting(); n == 0 {
			t.Error("the server has said nothing, and nothing waits to be sent again")
		}
		time.Sleep(resendAfter + 2*time.Second)
		if n := waiting(); n > 0 {
			t.Errorf("%d messages are not sent", n)
		}
	})
}
