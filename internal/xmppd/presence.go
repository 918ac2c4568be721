package xmppd

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"adminbot/internal/account"
)

func (s *session) isAvailable() bool { return s.available.Load() }

// ownPresence handles presence that a client sends to everybody who may see it
// (RFC 6121 4.2 to 4.5).
func (srv *Server) ownPresence(ctx context.Context, in *inbound) {
	s, st := in.s, in.st
	switch {
	case st.typ.ok() && !st.isA("unavailable"):
		s.reply(in, errBadRequest)
		return
	case len(st.raw) > srv.cfg.Limits.PresenceBytes:
		s.reply(in, errTooLong)
		return
	}
	priority, ok := priorityOf(st)
	if !ok {
		s.reply(in, errBadRequest)
		return
	}
	// All behind "<presence", good for clients and components alike.
	tail := bytes.Join(in.pieces(nil, s.kind != componentConn, in.from, nil)[1:], nil)
	if st.isA("unavailable") {
		srv.presMu.Lock()
		if srv.here(s) {
			srv.leave(s, tail)
		}
		srv.presMu.Unlock()
		srv.leaveRooms(s)
		return
	}
	// For the presence of all whom it may see.
	if s.settle() && srv.arrive(s, tail, priority) {
		srv.sendKept(ctx, s)
	}
}

// arrive makes s available, or changes how it is, and reports whether messages
// to its account begin to reach it by that.
func (srv *Server) arrive(s *session, tail []byte, priority int8) bool {
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	if !srv.here(s) {
		return false
	}
	initial := !s.isAvailable()
	begins := priority >= 0 && !s.takes.now()
	s.presence = tail
	s.available.Store(true)
	s.takes.set(priority >= 0)
	sessions, comps := srv.audience(s)
	for _, t := range sessions {
		t.sendPresence(tail)
	}
	for _, a := range comps {
		srv.sendComponent(a, s.presenceTo(a, tail))
	}
	if initial {
		srv.welcome(s)
	}
	return begins
}

// here reports whether s still is the session of its address.
func (srv *Server) here(s *session) bool {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.full[s.full] == s
}

// goodbye ends the presence of a session that is going. The caller holds presMu.
func (srv *Server) goodbye(s *session) {
	if s.isAvailable() || len(s.directed) > 0 {
		srv.leave(s, append(append([]byte(nil), s.fromFull...), " type='unavailable'/>"...))
	}
}

// leave makes s unavailable and tells all who believe otherwise. The caller
// holds presMu.
func (srv *Server) leave(s *session, tail []byte) {
	if s.isAvailable() {
		sessions, comps := srv.audience(s)
		for _, t := range sessions {
			t.sendPresence(tail)
		}
		for _, a := range comps {
			srv.sendComponent(a, s.presenceTo(a, tail))
		}
	}
	for to := range s.directed {
		a, ok := parseAddress([]byte(to))
		if !ok {
			continue
		}
		if a.domain != srv.cfg.Domain {
			srv.sendComponent(to, s.presenceTo(to, tail))
			continue
		}
		for _, t := range srv.presenceTargets(a) {
			if t != s {
				t.send(s.presenceTo(to, tail))
			}
		}
	}
	s.directed, s.directedBytes = nil, 0
	s.presence = nil
	s.available.Store(false)
	s.takes.set(false)
}

var (
	presenceStart = []byte("<presence")
	toAttribute   = []byte(" to=")
)

// sendPresence sends somebody's presence to t.
func (t *session) sendPresence(tail []byte) {
	t.send(presenceStart, toAttribute, t.fromBare[len(" from="):], tail)
}

func (s *session) presenceTo(to string, tail []byte) []byte {
	b := append([]byte("<presence"), attribute("to", to)...)
	return append(b, tail...)
}

// audience returns who is to know the presence of s: available sessions, s
// among them, and addresses at components. The caller holds presMu.
func (srv *Server) audience(s *session) (sessions []*session, comps []string) {
	srv.mu.RLock()
	for t := range srv.others {
		if t.isAvailable() && (audible(s.role, t.role) || t.local == s.local) {
			sessions = append(sessions, t)
		}
	}
	if audible(s.role, account.Host) {
		for t := range srv.hosts {
			if t.isAvailable() {
				sessions = append(sessions, t)
			}
		}
	}
	if s.role == account.Host {
		for _, t := range s.user.sessions {
			if t.isAvailable() {
				sessions = append(sessions, t)
			}
		}
	}
	srv.mu.RUnlock()
	for j, c := range s.user.contacts.byJID {
		if c.Subscription != "from" && c.Subscription != "both" {
			continue
		}
		name, local := srv.localName(j)
		if !local {
			comps = append(comps, j)
			continue
		}
		if name == s.local || audible(s.role, srv.role(name)) {
			continue
		}
		for _, t := range srv.resources(name) {
			if t.isAvailable() {
				sessions = append(sessions, t)
			}
		}
	}
	return sessions, comps
}

// localName returns the account of a bare address of this server's domain.
func (srv *Server) localName(bare string) (string, bool) {
	if n := len(bare) - len(srv.cfg.Domain) - 1; n > 0 && bare[n:] == "@"+srv.cfg.Domain {
		return bare[:n], true
	}
	return "", false
}

// welcome sends s the presence of all whom it may see, and the requests that
// wait for its owner. The caller holds presMu.
func (srv *Server) welcome(s *session) {
	var seen []*session
	srv.mu.RLock()
	for t := range srv.others {
		if audible(t.role, s.role) || t.local == s.local {
			seen = append(seen, t)
		}
	}
	if audible(account.Host, s.role) {
		for t := range srv.hosts {
			seen = append(seen, t)
		}
	}
	if s.role == account.Host {
		if u := srv.users[s.local]; u != nil {
			seen = append(seen, u.sessions...)
		}
	}
	srv.mu.RUnlock()
	var requests [][]byte
	for j, c := range s.user.contacts.byJID {
		if c.Pending {
			requests = append(requests, s.request(j))
		}
		if c.Subscription != "to" && c.Subscription != "both" {
			continue
		}
		name, local := srv.localName(j)
		if !local {
			srv.sendComponent(j, append(append(append([]byte("<presence type='probe'"), s.fromBare...), attribute("to", j)...), "/>"...))
			continue
		}
		if !audible(srv.role(name), s.role) {
			seen = append(seen, srv.resources(name)...)
		}
	}
	if all := s.presences(seen, requests); len(all) > 0 {
		s.sendBulk(all...)
	}
}

// presences returns the presence of those who are available but for s, as
// stanzas for s, behind others. The caller holds presMu.
func (s *session) presences(of []*session, all [][]byte) [][]byte {
	to := attribute("to", s.bare)
	for _, t := range of {
		if t != s && t.isAvailable() {
			all = append(all, slices.Concat(presenceStart, to, t.presence))
		}
	}
	return all
}

// request returns what asks for a subscription in the name of a bare address.
func (s *session) request(from string) []byte {
	return slices.Concat([]byte("<presence type='subscribe'"), attribute("from", from), attribute("to", s.bare), []byte("/>"))
}

// sees reports whether the sender of a stanza may see an account's presence.
func (srv *Server) sees(ctx context.Context, in *inbound, name string) bool {
	role := srv.role(name)
	if role == "" {
		return false
	}
	if in.local != "" && (in.local == name || group(in.s.role, role) != "") {
		return true
	}
	c, err := srv.loadContacts(ctx, name)
	if err != nil {
		return false
	}
	sub := c.byJID[in.bare].Subscription
	return sub == "from" || sub == "both"
}

// presenceTo handles presence for an address of this domain.
func (srv *Server) presenceTo(ctx context.Context, in *inbound, a address) {
	st := in.st
	switch typ := string(st.typ.of(st.raw)); typ {
	case "", "unavailable":
		srv.directedPresence(in, a)
	case "subscribe", "subscribed", "unsubscribe", "unsubscribed":
		if a.local == "" {
			return
		}
		srv.rosterMu.Lock()
		defer srv.rosterMu.Unlock()
		srv.subscription(ctx, in, a, typ, true)
	case "probe":
		srv.probe(ctx, in, a)
	case "error":
		if t := srv.session([]byte(a.String())); t != nil {
			in.deliver(t)
		}
	default:
		in.s.reply(in, errBadRequest)
	}
}

// presenceTargets returns the sessions that presence for an address reaches.
func (srv *Server) presenceTargets(a address) []*session {
	if a.resource != "" {
		if t := srv.session([]byte(a.String())); t != nil {
			return []*session{t}
		}
		return nil
	}
	var to []*session
	for _, t := range srv.resources(a.local) {
		if t.isAvailable() {
			to = append(to, t)
		}
	}
	return to
}

// directedPresence delivers presence that is for one address alone
// (RFC 6121 4.6) and remembers whom to tell when it ends.
func (srv *Server) directedPresence(in *inbound, a address) {
	if a.local == "" {
		return
	}
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	if !srv.remember(in, a) {
		return
	}
	for _, t := range srv.presenceTargets(a) {
		in.deliver(t)
	}
}

// directedBytes bounds what the addresses take to which one client sent
// presence directly.
const directedBytes = 100 << 10

// remember notes directed presence of a client. The caller holds presMu.
func (srv *Server) remember(in *inbound, a address) bool {
	s := in.s
	if in.local == "" {
		return true // components look after theirs
	}
	if !srv.here(s) {
		return false
	}
	to := a.String()
	_, known := s.directed[to]
	if in.st.isA("unavailable") {
		if known {
			delete(s.directed, to)
			s.directedBytes -= len(to)
		}
		return true
	}
	if len(in.st.raw) > srv.cfg.Limits.PresenceBytes {
		s.reply(in, errTooLong)
		return false
	}
	if known {
		return true
	}
	if len(s.directed) >= srv.cfg.Limits.Directed || s.directedBytes+len(to) > directedBytes {
		s.reply(in, errResource)
		return false
	}
	if s.directed == nil {
		s.directed = make(map[string]struct{})
	}
	s.directed[to] = struct{}{}
	s.directedBytes += len(to)
	return true
}

// probe answers with the presence of an account (RFC 6121 4.3.2).
func (srv *Server) probe(ctx context.Context, in *inbound, a address) {
	if a.local == "" {
		return
	}
	if !srv.sees(ctx, in, a.local) {
		if in.local == "" { // tells a component that it has it wrong
			in.s.send([]byte("<presence type='unsubscribed'"), attribute("from", a.bare()), attribute("to", in.full), []byte("/>"))
		}
		return
	}
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	found := false
	for _, t := range srv.presenceTargets(address{local: a.local, domain: a.domain}) {
		in.s.send(t.presenceTo(in.full, t.presence))
		found = true
	}
	if !found {
		in.s.send([]byte("<presence type='unavailable'"), attribute("from", a.bare()), attribute("to", in.full), []byte("/>"))
	}
}

// priorityOf returns the priority of available presence (RFC 6121 4.7.2.3).
func priorityOf(st *Stanza) (int8, bool) {
	k := st.find("", "priority")
	if k == nil {
		return 0, true
	}
	b := st.bytes(k)
	open, end := bytes.IndexByte(b, '>'), bytes.LastIndex(b, []byte("</"))
	if end < open {
		return 0, true
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(unescape(b[open+1:end]))), 10, 8)
	return int8(n), err == nil
}
