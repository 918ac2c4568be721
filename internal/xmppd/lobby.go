package xmppd

import "sync"

// A lobby holds the connections that have not logged in yet. When it is full,
// or full of connections of one address, one that is silent has to go for the
// next that comes: silence never shuts it. If all of them are getting on, it is
// the next that is refused, and nothing is lost that was begun. Safe for
// concurrent use.
type lobby struct {
	mu    sync.Mutex
	count uint64
	in    map[*session]guest
	from  map[string]int // how many by address
}

type guest struct {
	addr  string
	login *login
}

// How far a connection has got on its way to a login.
const (
	connected int32 = iota
	greeted         // sent a stream header
	secured         // has TLS
	proving         // was let through to prove who it is
	proven          // has done so, and may bind a resource
)

// enter takes in a connection, if there is room or one of those
// that wait for their clients can go: the one that has got least far and has
// been there longest, of the same address if that has its share, else of those
// with the most. It returns that one, if any.
func (l *lobby) enter(s *session, all, share int) (out *session, ok bool) {
	addr := s.ip()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.in == nil {
		l.in, l.from = make(map[*session]guest), make(map[string]int)
	}
	full := true
	switch {
	case l.from[addr] >= share:
		out = l.least(func(a string) bool { return a == addr })
	case len(l.in) >= all:
		most := 0
		for _, n := range l.from {
			most = max(most, n)
		}
		out = l.least(func(a string) bool { return l.from[a] == most })
	default:
		full = false
	}
	switch {
	case out != nil:
		l.remove(out)
	case full:
		return nil, false
	}
	l.count++
	s.login.addr, s.login.n = addr, l.count
	l.in[s] = guest{addr, s.login}
	l.from[addr]++
	return out, true
}

func (l *lobby) least(of func(addr string) bool) (out *session) {
	var far int32
	var n uint64
	for s, g := range l.in {
		if !of(g.addr) || g.login.busy.Load() {
			continue
		}
		if f := g.login.stage.Load(); out == nil || f < far || f == far && g.login.n < n {
			out, far, n = s, f, g.login.n
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

// mostRefused bounds the connections that are being refused in words.
const mostRefused = 200

// refuse sends a connection away that there is no room for. If it can be told,
// it is: clients that are cut come back at once.
func (s *session) refuse() {
	if s.srv.refusing.Add(1) <= mostRefused && s.kind == clientConn {
		s.open("")
		s.end(&streamError{condition: "resource-constraint", text: "too many logins at once: try again later"})
	}
	s.leave(errCut)
	s.srv.refusing.Add(-1)
}
