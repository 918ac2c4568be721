package xmppd

import "sync"

// A lobby holds the connections that have not logged in yet. It is never shut
// to those who come: when it is full, or full of connections of one address,
// one of those that wait has to go. Safe for concurrent use.
type lobby struct {
	mu    sync.Mutex
	count uint64
	in    map[*session]guest
	from  map[string]int // how many by address
}

type guest struct {
	addr string
	n    uint64 // in the order in which they came
}

// How far a connection has got on its way to a login.
const (
	connected int32 = iota
	greeted         // sent a stream header
	secured         // has TLS
	proving         // was let through to prove who it is
	proven          // has done so, and may bind a resource
)

// enter takes in a connection and returns the one that has to go for it, if
// any: the one that has got least far and has been there longest, of
// the same address if that has its share, else of those with the most.
func (l *lobby) enter(s *session, all, share int) (out *session) {
	addr := s.ip()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in == nil {
		l.in, l.from = make(map[*session]guest), make(map[string]int)
	}
	switch {
	case l.from[addr] >= share:
		out = l.least(func(a string) bool { return a == addr })
	case len(l.in) >= all:
		most := 0
		for _, n := range l.from {
			most = max(most, n)
		}
		out = l.least(func(a string) bool { return l.from[a] == most })
	}
	if out != nil {
		l.remove(out)
	}
	l.count++
	l.in[s] = guest{addr, l.count}
	l.from[addr]++
	return out
}

func (l *lobby) least(of func(addr string) bool) (out *session) {
	var far int32
	var n uint64
	for s, g := range l.in {
		if !of(g.addr) {
			continue
		}
		if f := s.stage.Load(); out == nil || f < far || f == far && g.n < n {
			out, far, n = s, f, g.n
		}
	}
	return out
}

// leave notes that a connection has logged in, or gone. It may be called more
// than once.
func (l *lobby) leave(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.remove(s)
}

func (l *lobby) remove(s *session) {
	g, ok := l.in[s]
	if !ok {
		return
	}
	delete(l.in, s)
	if l.from[g.addr]--; l.from[g.addr] == 0 {
		delete(l.from, g.addr)
	}
}
