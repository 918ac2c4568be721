package xmppd

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"slices"

	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
	"adminbot/internal/muc"
)

// Rooms says what chat rooms (XEP-0045) a server has.
type Rooms struct {
	Domain string         // of the service; empty: there are no rooms
	Store  muc.Store      // nil: rooms end with those who are in them
	Makers []account.Role // who may make rooms; nil: every account. Components always may
	Limits muc.Limits
}

// newRooms makes the service of rooms, if there is to be one.
func (srv *Server) newRooms(r Rooms) error {
	if r.Domain == "" {
		return nil
	}
	service, err := muc.New(muc.Options{
		Domain: r.Domain, Store: r.Store, Limits: r.Limits, Log: srv.log,
		MayCreate: func(who jid.JID) bool {
			if who.Domainpart() != srv.cfg.Domain {
				return true
			}
			role := srv.role(who.Localpart())
			return role != "" && (r.Makers == nil || slices.Contains(r.Makers, role))
		},
		Exists: func(who jid.JID) bool {
			if who.Domainpart() != srv.cfg.Domain {
				return srv.component(who.Domainpart()) != nil
			}
			return srv.role(who.Localpart()) != ""
		},
		Component: func(domain string) bool { return srv.cfg.Components[domain] != "" },
		Route:     srv.fromRoom,
	})
	if err != nil {
		return fmt.Errorf("xmppd: %w", err)
	}
	j := jid.MustParse(r.Domain)
	if _, taken := srv.cfg.Components[j.Domainpart()]; taken || j.Domainpart() == srv.cfg.Domain {
		return fmt.Errorf("xmppd: %s cannot be the domain of the rooms: it is used already", r.Domain)
	}
	srv.roomsDomain, srv.rooms = j.Domainpart(), service
	return nil
}

// A roomPeer is a session as rooms know it.
type roomPeer struct{ s *session }

func (p roomPeer) Send(parts ...[]byte) bool      { return p.s.send(parts...) }
func (p roomPeer) SendAll(stanzas ...[]byte) bool { return p.s.sendBulk(stanzas...) }

// toRooms hands a stanza to the service of rooms.
func (srv *Server) toRooms(ctx context.Context, in *inbound, a address) {
	st := in.st
	if st.nkids > len(st.kids) {
		in.s.reply(in, errTooLong)
		return
	}
	from := address{in.local, srv.cfg.Domain, in.s.resource}
	if in.local == "" {
		from = in.s.sender.address
	}
	if st.Kind == IQ && !in.s.settle() { // an archive may be a long answer
		return
	}
	srv.rooms.Handle(ctx, roomPeer{in.s}, in.forRooms(from.jid(), a.jid()))
	if st.Kind == Presence && !srv.connected(in.s) {
		srv.leaveRooms(in.s) // it ended before it came
	}
}

// jid returns the address as others have it.
func (a address) jid() jid.JID { return jid.NewUnsafe(a.local, a.domain, a.resource).JID }

// connected reports whether a session can still be found.
func (srv *Server) connected(s *session) bool {
	if s.domain != "" {
		return srv.component(s.domain) == s
	}
	return srv.here(s)
}

// leaveRooms takes a session that ends, or says that it is unavailable, out of
// all rooms. The caller holds no lock.
func (srv *Server) leaveRooms(s *session) {
	if srv.rooms != nil {
		srv.rooms.Gone(context.Background(), roomPeer{s})
	}
}

// forRooms describes the stanza without what depends on the stream it came on.
func (in *inbound) forRooms(from, to jid.JID) *muc.Stanza {
	st := in.st
	m := &muc.Stanza{
		Kind: kindOf[st.Kind], From: from, To: to,
		Type: string(st.typ.of(st.raw)), ID: string(st.id.of(st.raw)), Attrs: st.otherAttributes(),
		Kids: make([]muc.Kid, len(st.kids)),
	}
	for i := range st.kids {
		k := &st.kids[i]
		m.Kids[i] = muc.Kid{Name: xml.Name{Space: string(unescape(k.ns.of(st.raw))), Local: string(k.name.of(st.raw))}, XML: st.neutral(k)}
		if !k.other {
			m.Kids[i].Name.Space = ""
		}
	}
	return m
}

var kindOf = [...]muc.Kind{Message: muc.Message, Presence: muc.Presence, IQ: muc.IQ}

// otherAttributes returns the attributes but for those that a router writes
// anew: as they were read, each with the white space before it.
func (st *Stanza) otherAttributes() []byte {
	cuts := []span{{a: uint32(st.startTagEnd())}}
	for _, v := range [...]value{st.from, st.to, st.typ, st.id, st.own} {
		switch {
		case !v.ok():
		case v == st.own:
			cuts = append(cuts, v.v)
		default:
			cuts = append(cuts, span{v.start, v.v.b + 1})
		}
	}
	slices.SortFunc(cuts, func(x, y span) int { return int(x.a) - int(y.a) })
	var b []byte
	at := st.insert
	for _, c := range cuts {
		b = append(b, st.raw[at:c.a]...)
		at = c.b
	}
	return bytes.TrimRight(b, " \t\r\n")
}

// startTagEnd returns where the start tag ends but for its /> or >.
func (st *Stanza) startTagEnd() int {
	quote := byte(0)
	for i := int(st.insert); i < len(st.raw); i++ {
		switch c := st.raw[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>' && st.raw[i-1] == '/':
			return i - 1
		case c == '>':
			return i
		}
	}
	return len(st.raw)
}

// neutral returns a child without declarations of the stream's namespace.
func (st *Stanza) neutral(k *kid) []byte {
	var b []byte
	at := k.start
	for _, c := range st.borders {
		if c.a >= k.start && c.b <= k.end {
			b = append(b, st.raw[at:c.a]...)
			at = c.b
		}
	}
	if b == nil {
		return st.bytes(k)
	}
	return append(b, st.raw[at:k.end]...)
}

// fromRoom sends what a room has to say to somebody outside of it.
func (srv *Server) fromRoom(ctx context.Context, room jid.JID, stanza []byte) {
	sc := forwarded()
	tok, n, err := sc.Next(stanza)
	if tok != Element || n != len(stanza) || err != nil {
		srv.log.Error("xmppd: what a room sends is no stanza", "room", room.String(), "err", err)
		return
	}
	from := room.String()
	srv.route(ctx, &inbound{
		s: srv.author(address{domain: srv.roomsDomain}), st: sc.Stanza(), full: from, bare: from, from: attribute("from", from),
	})
}
