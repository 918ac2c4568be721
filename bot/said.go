package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/rpc"
)

// Bounds of calls of bot.say: of one account running at once, and of keys that
// are remembered, of one account and of all, with how long.
const (
	maxSaying     = maxRunning
	maxSaidEach   = 64
	maxSaid       = 512 // answers are below sayBytes each
	saidRemembers = rpc.MaxTTL
)

// said remembers the calls of bot.say that carried an idempotency key, so that a
// repeat gets the first answer. What it has forgotten is still not done twice:
// the keys of the calls to hosts are made of it (hostKeys). Safe for concurrent
// use.
type said struct {
	now func() time.Time

	mu      sync.Mutex
	running map[string]int // by account
	byKey   map[saidKey]*saidOnce
	order   []saidKey // oldest first
}

// saidKey is what makes two calls the same one.
type saidKey struct{ account, key, digest string }

// saidOnce is one such call. value and err are set before done is closed.
type saidOnce struct {
	at    time.Time
	done  chan struct{}
	value rpc.Value
	err   error
}

// Middleware bounds the calls of one account and answers a repeated key with the
// first answer.
func (s *said) Middleware(next rpc.Handler) rpc.Handler {
	return rpc.HandlerFunc(func(ctx context.Context, r *rpc.Request) (rpc.Value, error) {
		account := r.From.Bare().String()
		k := saidKey{account, r.Envelope.Key, saidDigest(r)}
		o, first, err := s.enter(k)
		switch {
		case err != nil:
			return rpc.Value{}, err
		case !first:
			select {
			case <-o.done:
				return o.value, o.err
			case <-ctx.Done():
				return rpc.Value{}, ctx.Err()
			}
		}
		o.err = rpc.Faultf(rpc.FaultInternal, "internal error")
		defer s.leave(account, o) // also when the handler panics
		o.value, o.err = next.ServeRPC(ctx, r)
		return o.value, o.err
	})
}

// enter takes a place for a call, or finds the one it repeats.
func (s *said) enter(k saidKey) (o *saidOnce, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey == nil {
		s.byKey, s.running = map[saidKey]*saidOnce{}, map[string]int{}
	}
	s.sweep(k.account)
	if o := s.byKey[k]; o != nil {
		return o, false, nil
	}
	if s.running[k.account] >= maxSaying {
		return nil, false, rpc.Faultf(rpc.FaultRateLimit, "%d lines of yours are being answered: try again later", maxSaying)
	}
	s.running[k.account]++
	o = &saidOnce{at: s.now(), done: make(chan struct{})}
	if k.key != "" {
		s.byKey[k] = o
		s.order = append(s.order, k)
	}
	return o, true, nil
}

func (s *said) leave(account string, o *saidOnce) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[account]--; s.running[account] == 0 {
		delete(s.running, account)
	}
	close(o.done)
}

// sweep forgets what is old, and the oldest answers beyond the bounds: one more
// is about to come. Calls that still run are kept. The caller holds the lock.
func (s *said) sweep(account string) {
	mine := 0
	for _, k := range s.order {
		if k.account == account {
			mine++
		}
	}
	now, left := s.now(), len(s.order)
	kept := s.order[:0]
	for _, k := range s.order {
		o := s.byKey[k]
		over := false
		select {
		case <-o.done:
			over = now.Sub(o.at) > saidRemembers || left >= maxSaid || mine >= maxSaidEach && k.account == account
		default:
		}
		if !over {
			kept = append(kept, k)
			continue
		}
		left--
		if k.account == account {
			mine--
		}
		delete(s.byKey, k)
	}
	clear(s.order[len(kept):])
	s.order = kept
}

// saidDigest stands for the method and what it was called with.
func saidDigest(r *rpc.Request) string {
	h := sha256.New()
	h.Write([]byte(r.Method))
	for _, p := range r.Params {
		h.Write(p.AppendXML([]byte{0}))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// onceKey is the key under which hosts are called for a call of bot.say: the
// same for every repeat of it, so that a host does not do it again either. It is
// "" for a call without a key.
func onceKey(from jid.JID, r *rpc.Request) string {
	if r.Envelope.Key == "" {
		return ""
	}
	h := sha256.New()
	for _, part := range []string{from.Bare().String(), r.Envelope.Key, saidDigest(r)} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
