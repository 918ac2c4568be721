package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Router says how a server's forwarding is measured: pairs of raw clients, one
// of which sends messages to the other as fast as they arrive there.
type Router struct {
	Pairs  int           // of connections
	Time   time.Duration // that is measured, after a second that is not
	Window int           // messages under way at once, for each pair
}

const (
	routerWarmup = time.Second
	routerSlices = 10 // samples in the time
	routerBatch  = 50 // messages in one write at most
)

// routerBody is what is said in each message: about as long as a line in a chat.
const routerBody = "show disk usage on all web servers"

// Run measures stanzas a second without TLS: each message counts once, when its
// receiver has it.
func (r Router) Run(ctx context.Context, _ Run, t Target) ([]Figure, error) {
	if len(t.Users) < 2*r.Pairs {
		return nil, fmt.Errorf("bench: %d pairs need %d users, there are %d", r.Pairs, 2*r.Pairs, len(t.Users))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var pairs []*routerPair
	var conns []*rawConn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range r.Pairs {
		for _, name := range t.Users[2*i : 2*i+2] {
			c, err := t.dialRaw(ctx, nil, name, "desk")
			if err != nil {
				return nil, err
			}
			conns = append(conns, c)
		}
		pairs = append(pairs, newRouterPair(conns[2*i], conns[2*i+1], r.Window))
	}
	context.AfterFunc(ctx, func() {
		for _, c := range conns {
			c.Close()
		}
	})
	var wg sync.WaitGroup
	over := make(chan struct{})
	for _, p := range pairs {
		for _, f := range []func(<-chan struct{}) error{p.send, p.receive} {
			wg.Go(func() {
				if err := f(over); err != nil {
					cancel(err)
				}
			})
		}
	}
	rates, share, err := r.watch(ctx, pairs)
	close(over)
	cancel(context.Canceled)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return t.named([]Figure{
		of("router", "stanzas/s", r.Pairs, rates...),
		of("router, cores that the clients used", "cores", r.Pairs, share),
	}, nil)
}

// watch samples what arrives, and the processor time of this process.
func (r Router) watch(ctx context.Context, pairs []*routerPair) (rates []float64, share float64, err error) {
	wait := func(d time.Duration) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	count := func() (n int64) {
		for _, p := range pairs {
			n += p.received.Load()
		}
		return n
	}
	if err := wait(routerWarmup); err != nil {
		return nil, 0, err
	}
	before, err := selfUsage()
	if err != nil {
		return nil, 0, err
	}
	began := time.Now()
	last, lastAt := count(), began
	for range routerSlices {
		if err := wait(r.Time / routerSlices); err != nil {
			return nil, 0, err
		}
		n, now := count(), time.Now()
		rates = append(rates, float64(n-last)/now.Sub(lastAt).Seconds())
		last, lastAt = n, now
	}
	after, err := selfUsage()
	if last == 0 {
		return nil, 0, errors.Join(err, errors.New("bench: no message arrived"))
	}
	return rates, (after.cpu - before.cpu).Seconds() / lastAt.Sub(began).Seconds(), err
}

// A routerPair is a sender and a receiver.
type routerPair struct {
	from, to *rawConn
	stanza   []byte
	window   int64
	received atomic.Int64
	room     chan struct{} // holds one: something was received
}

func newRouterPair(from, to *rawConn, window int) *routerPair {
	stanza := "<message to='" + to.full + "' type='chat' id='12345678'><body>" + routerBody + "</body></message>"
	return &routerPair{from: from, to: to, stanza: []byte(stanza), window: int64(window), room: make(chan struct{}, 1)}
}

// send writes as many messages as the window has room for, until over.
func (p *routerPair) send(over <-chan struct{}) error {
	batch := []byte(strings.Repeat(string(p.stanza), routerBatch))
	for sent := int64(0); ; {
		n := min(p.window-(sent-p.received.Load()), routerBatch)
		if n < min(routerBatch, p.window/2) {
			select {
			case <-p.room:
				continue
			case <-over:
				return nil
			}
		}
		if _, err := p.from.Write(batch[:n*int64(len(p.stanza))]); err != nil {
			return unlessOver(over, err)
		}
		sent += n
	}
}

var messageEnd = []byte("</message>")

// receive counts the ends of messages, until over.
func (p *routerPair) receive(over <-chan struct{}) error {
	buf := make([]byte, 128<<10)
	half := 0 // bytes that may be the beginning of an end
	for {
		n, err := p.to.Read(buf[half:])
		if err != nil {
			return unlessOver(over, err)
		}
		got := buf[:half+n]
		p.received.Add(int64(bytes.Count(got, messageEnd)))
		half = 0
		if i := bytes.LastIndexByte(got, '<'); i >= 0 && len(got)-i < len(messageEnd) {
			half = copy(buf, got[i:])
		}
		select {
		case p.room <- struct{}{}:
		default:
		}
	}
}

func unlessOver(over <-chan struct{}, err error) error {
	select {
	case <-over:
		return nil
	default:
		return fmt.Errorf("bench: router: %w", err)
	}
}
