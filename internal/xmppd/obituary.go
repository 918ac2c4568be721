package xmppd

import "sync"

// rememberEnded is for how many sessions of an account that have ended it is
// known what had been handled.
const rememberEnded = 10

// An obituary tells clients that come too late what had been handled before
// their sessions ended (XEP-0198#resumption). No account takes the room of
// another. Safe for concurrent use.
type obituary struct {
	mu sync.Mutex
	by map[string][]ending // by account, the oldest first
}

type ending struct {
	id      string
	handled uint32
}

func (o *obituary) add(local string, m *management) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by == nil {
		o.by = make(map[string][]ending)
	}
	all := o.by[local]
	if len(all) == rememberEnded {
		all = all[:copy(all, all[1:])]
	}
	o.by[local] = append(all, ending{m.id, m.handled.Load()})
}

// handled returns how many stanzas of a session of the account had been
// handled, or nil.
func (o *obituary) handled(local, id string) *uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.by[local] {
		if e.id == id {
			return &e.handled
		}
	}
	return nil
}

// forget drops what is known of accounts that are no more.
func (o *obituary) forget(exists func(local string) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for local := range o.by {
		if !exists(local) {
			delete(o.by, local)
		}
	}
}
