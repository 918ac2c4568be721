package rpc

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
)

// Bounds of what refused callers can write into a log.
const (
	refusalEvery = time.Minute
	maxRefused   = 256 // callers remembered; all others together count as one
)

// refusals keeps callers that are refused from filling the log: each is worth
// one warning in a while, with the number of those before it that were not.
type refusals struct {
	mu      sync.Mutex
	callers map[string]refused
}

type refused struct {
	said   time.Time
	unsaid int
}

// log reports one refusal of a call from that address.
func (r *refusals) log(ctx context.Context, log *slog.Logger, now time.Time, from jid.JID, err any) {
	if unsaid, ok := r.due(now, from.Bare().String()); ok {
		if unsaid > 0 {
			log = log.With("more", unsaid)
		}
		log.WarnContext(ctx, "call refused", "err", err)
		return
	}
	log.DebugContext(ctx, "call refused", "err", err)
}

// due reports whether a refusal is to be warned of, and how many were not since
// the last that was.
func (r *refusals) due(now time.Time, caller string) (unsaid int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.callers[caller]; !known && len(r.callers) >= maxRefused {
		for k, c := range r.callers {
			if now.Sub(c.said) >= refusalEvery {
				delete(r.callers, k)
			}
		}
		if len(r.callers) >= maxRefused {
			caller = "" // no address: the one of all that are not remembered
		}
	}
	c, known := r.callers[caller]
	if since := now.Sub(c.said); known && since >= 0 && since < refusalEvery {
		c.unsaid++
		r.callers[caller] = c
		return 0, false
	}
	if r.callers == nil {
		r.callers = map[string]refused{}
	}
	r.callers[caller] = refused{said: now}
	return c.unsaid, true
}
