package xmppd

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"strings"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
	"adminbot/internal/xmpp/element"
)

// A user is an account with at least one resource.
type user struct {
	name     string
	sessions []*session // guarded by Server.mu
	contacts *contacts  // guarded by Server.presMu; nil before it is loaded
}

// bind gives the session its resource (RFC 6120 7). The client may wish for
// one; the old session of the same resource gives way.
func (s *session) bind(ctx context.Context, st *Stanza) error {
	in := s.inbound(st)
	ns, name := st.payload()
	if string(ns) != NSBind || string(name) != "bind" {
		return s.noResource(in, errNotAllowed)
	}
	if !st.isA("set") || !st.id.ok() {
		return s.noResource(in, errBadRequest)
	}
	var q struct {
		Bind struct {
			// Some clients put a namespace on it: any will do.
			Resource string `xml:"resource"`
		} `xml:"bind"`
	}
	if err := xml.Unmarshal(st.raw, &q); err != nil {
		return s.noResource(in, errBadRequest)
	}
	resource := strings.TrimSpace(q.Bind.Resource)
	if resource == "" {
		resource = rand.Text()[:12]
	}
	j, err := jid.New(s.local, s.srv.cfg.Domain, resource)
	if err != nil {
		return s.noResource(in, errBadRequest)
	}
	if err := s.srv.attach(ctx, s, j); err != nil {
		return s.noResource(in, errResource)
	}
	s.srv.lobby.leave(s)
	var b []byte
	b = append(b, "<iq type='result' id="...)
	b = append(b, st.id.quoted(st.raw)...)
	b = append(b, "><bind xmlns='"+NSBind+"'><jid>"...)
	b = element.AppendEscaped(b, s.full)
	b = append(b, "</jid></bind></iq>"...)
	s.send(b)
	return nil
}

// noResource refuses what a client sends that has no resource.
func (s *session) noResource(in *inbound, e *stanzaError) error {
	s.reply(in, e)
	return s.tried()
}

// attach makes the session the one that answers to an address. Who had the
// address, or has to make way, is sent away.
func (srv *Server) attach(ctx context.Context, s *session, j jid.JID) error {
	if !srv.upToDate(s) {
		return errGone
	}
	full := j.String()
	srv.mu.RLock()
	old := srv.full[full]
	srv.mu.RUnlock()
	if old != nil {
		s.replace(old, "another connection took the resource")
	}
	if lost := srv.tooMany(s.local); lost != nil {
		s.replace(lost, "too many connections")
	}
	s.room = srv.cfg.Limits.Queue
	if s.role == account.Bot {
		s.room = srv.cfg.Limits.BotQueue
	}
	s.resource, s.bare = j.Resourcepart(), j.Bare().String()
	s.fromFull = attribute("from", full)
	s.fromBare = attribute("from", s.bare)
	srv.rosterMu.Lock()
	defer srv.rosterMu.Unlock()
	c, err := srv.loadContacts(ctx, s.local)
	if err != nil {
		return err
	}
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if !srv.upToDate(s) {
		return errGone
	}
	u := srv.users[s.local]
	if u == nil {
		u = &user{name: s.local, contacts: c}
		srv.users[s.local] = u
	}
	if len(u.sessions) >= srv.cfg.Limits.Sessions {
		return errGone
	}
	if other := srv.full[full]; other != nil {
		return errGone // two at the same moment: the first one wins
	}
	s.conn.mu.Lock()
	s.account = srv.holding(s.local)
	s.conn.mu.Unlock()
	u.sessions = append(u.sessions, s)
	srv.full[full] = s
	s.user = u
	s.full = full
	if s.role == account.Host {
		srv.hosts[s] = struct{}{}
	} else {
		srv.others[s] = struct{}{}
	}
	return nil
}

// upToDate reports whether the account is as it was when s logged in: with the
// same password, above all.
func (srv *Server) upToDate(s *session) bool {
	e, ok := srv.dir.Load().entries[s.local]
	return ok && e.Generation == s.generation
}

// replace ends a session of the same account. It may have come back in the
// meantime, and is told then.
func (s *session) replace(old *session, why string) {
	s.login.yield() // what it leaves behind may be much
	s.srv.detach(old)
	old.end(&streamError{condition: "conflict", text: why})
}

// tooMany returns the lost session of an account that has waited longest, if
// the account has as many sessions as it may, or nil.
func (srv *Server) tooMany(name string) (longest *session) {
	all := srv.resources(name)
	if len(all) < srv.cfg.Limits.Sessions {
		return nil
	}
	var until time.Time
	for _, o := range all {
		o.conn.mu.Lock()
		if o.sm != nil && o.sm.asleep && (longest == nil || o.sm.fell.Before(until)) {
			longest, until = o, o.sm.fell
		}
		o.conn.mu.Unlock()
	}
	return longest
}

// detach takes a session out of everybody's sight: its presence ends and
// nothing is sent to it any more. It may be called more than once, by anybody
// who holds no lock.
func (srv *Server) detach(s *session) {
	if s.kind == componentConn {
		srv.detachComponent(s)
		return
	}
	if others, ok := srv.remove(s); ok {
		srv.leaveRooms(s)
		srv.giveBack(s, others)
	}
}

// remove is detach but for what the client did not acknowledge. It returns the
// other resources of the account as they are at that moment, and reports whether
// the session was there.
func (srv *Server) remove(s *session) (others []device, ok bool) {
	srv.presMu.Lock()
	defer srv.presMu.Unlock()
	srv.mu.RLock()
	mine := s.full != "" && srv.full[s.full] == s
	srv.mu.RUnlock()
	if !mine {
		return nil, false
	}
	srv.goodbye(s)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.full, s.full)
	delete(srv.hosts, s)
	delete(srv.others, s)
	u := s.user
	for i, o := range u.sessions {
		if o == s {
			// Not in place: others may be walking over the old slice.
			u.sessions = append(append([]*session(nil), u.sessions[:i]...), u.sessions[i+1:]...)
			break
		}
	}
	if len(u.sessions) == 0 {
		delete(srv.users, u.name)
		srv.dir.Load().left(u.name)
	}
	for _, o := range u.sessions {
		others = append(others, device{o.takes.when(), o.carbons.when()})
	}
	return others, true
}

func attribute(name, v string) []byte {
	b := make([]byte, 0, len(name)+len(v)+4)
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, '=', '\'')
	b = element.AppendEscaped(b, v)
	return append(b, '\'')
}
