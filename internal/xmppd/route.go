package xmppd

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"mellium.im/xmpp/jid"
)

// An inbound is a stanza on its way, with who sent it.
type inbound struct {
	s     *session
	st    *Stanza
	full  string // of the sender
	bare  string
	local string // "" if a component sent it
	from  []byte // the attribute that every recipient sees

	back *comeback // how it came back from a session that has ended, or nil
}

// A comeback is about a stanza that a client did not acknowledge.
type comeback struct {
	at   time.Time // when the server got it
	lost bool      // the client may have got it
}

// unavailable is the answer to what is for somebody who is not there.
func (in *inbound) unavailable() *stanzaError {
	if in.back != nil && in.back.lost {
		return errLost
	}
	return errUnavailable
}

// inComponentNS reports whether the stanza is as a component wrote it.
func (in *inbound) inComponentNS() bool {
	return in.s.kind == componentConn && in.back == nil
}

// An address is a normalised one.
type address struct{ local, domain, resource string }

func (a address) bare() string {
	if a.local == "" {
		return a.domain
	}
	return a.local + "@" + a.domain
}

func (a address) String() string {
	if a.resource == "" {
		return a.bare()
	}
	return a.bare() + "/" + a.resource
}

// inbound describes a stanza of this client.
func (s *session) inbound(st *Stanza) *inbound {
	return &inbound{s: s, st: st, full: s.full, bare: s.bare, local: s.local, from: s.fromFull}
}

// parseAddress normalises an address as it was unescaped.
func parseAddress(b []byte) (address, bool) {
	if len(b) == 0 || len(b) > 3071 {
		return address{}, false
	}
	j, err := jid.Parse(string(b))
	if err != nil {
		return address{}, false
	}
	return address{j.Localpart(), j.Domainpart(), j.Resourcepart()}, true
}

// isDomain reports whether name is the server's domain.
func (srv *Server) isDomain(name string) bool {
	return strings.EqualFold(strings.TrimSuffix(name, "."), srv.cfg.Domain)
}

// session returns who answers to a full address in normal form.
func (srv *Server) session(full []byte) *session {
	srv.mu.RLock()
	t := srv.full[string(full)]
	srv.mu.RUnlock()
	return t
}

// fromClient routes a stanza of a client that has a resource.
func (srv *Server) fromClient(ctx context.Context, s *session, st *Stanza) error {
	in := inbound{s: s, st: st, full: s.full, bare: s.bare, local: s.local, from: s.fromFull}
	if st.Kind == IQ {
		if e := checkIQ(st); e != nil {
			s.reply(&in, e)
			return nil
		}
	}
	srv.route(ctx, &in)
	return nil
}

// route sends a stanza on its way, or answers it.
func (srv *Server) route(ctx context.Context, in *inbound) {
	st := in.st
	if !st.to.ok() {
		if in.local == "" {
			in.s.reply(in, errJIDMalformed)
			return
		}
		srv.toSelf(ctx, in)
		return
	}
	to := st.to.of(st.raw)
	if st.Kind != Presence {
		if t := srv.session(to); t != nil { // most stanzas
			srv.toSession(ctx, in, t)
			return
		}
	}
	a, ok := parseAddress(to)
	if !ok {
		in.s.reply(in, errJIDMalformed)
		return
	}
	switch {
	case srv.rooms != nil && a.domain == srv.roomsDomain:
		srv.toRooms(ctx, in, a)
	case a.domain != srv.cfg.Domain:
		if _, ok := srv.cfg.Components[a.domain]; ok {
			srv.toComponent(ctx, in, a)
			return
		}
		in.s.reply(in, errRemote)
	case st.Kind == Presence:
		srv.presenceTo(ctx, in, a)
	case a.local == "":
		srv.toServer(ctx, in)
	case a.resource == "":
		srv.toBare(ctx, in, a)
	default:
		if t := srv.session([]byte(a.String())); t != nil {
			srv.toSession(ctx, in, t)
			return
		}
		srv.toAbsent(ctx, in, a)
	}
}

// toSelf handles what a client sent without an address.
func (srv *Server) toSelf(ctx context.Context, in *inbound) {
	own := address{local: in.local, domain: srv.cfg.Domain}
	switch in.st.Kind {
	case Presence:
		srv.ownPresence(ctx, in)
	case IQ:
		srv.accountIQ(ctx, in, own)
	case Message: // RFC 6120 10.3.1: as if to the own bare address
		srv.messageToBare(ctx, in, own)
	}
}

// toSession delivers an IQ or a message to a full address.
func (srv *Server) toSession(ctx context.Context, in *inbound, t *session) {
	if !in.pass(t) { // it is going
		srv.toAbsent(ctx, in, address{t.local, srv.cfg.Domain, t.resource})
		return
	}
	if in.st.Kind == Message {
		srv.carbons(in, t)
	}
}

// toAbsent handles what is for a full address that nobody has.
func (srv *Server) toAbsent(ctx context.Context, in *inbound, a address) {
	st := in.st
	switch {
	case st.Kind == Message && st.isA("chat"): // RFC 6121 8.5.3.2.1
		srv.messageToBare(ctx, in, a)
	case st.Kind == Message && (st.isA("headline") || st.isA("error")):
	default:
		in.s.reply(in, in.unavailable())
	}
}

func (srv *Server) toBare(ctx context.Context, in *inbound, a address) {
	if in.st.Kind == IQ {
		srv.accountIQ(ctx, in, a)
		return
	}
	srv.messageToBare(ctx, in, a)
}

func (srv *Server) toComponent(ctx context.Context, in *inbound, a address) {
	st := in.st
	if st.Kind == Presence {
		srv.presenceToComponent(ctx, in, a)
		return
	}
	if c := srv.component(a.domain); c != nil {
		in.pass(c)
		if st.Kind == Message {
			srv.carbons(in, nil)
		}
		return
	}
	in.s.reply(in, errUnavailable)
}

// deliver sends the stanza to a session as it is but for the sender's address,
// and at the border to and from components the stream's namespace.
func (in *inbound) deliver(t *session) bool { return in.deliverFrom(t, in.from, nil) }

// pass is like deliver for what the sender's reading goroutine has just read, if
// it holds no locks.
func (in *inbound) pass(t *session) bool {
	if in.back != nil || in.s.in.w-in.s.in.r > len(in.st.raw) { // there is more to do
		return in.deliver(t)
	}
	var parts [12][]byte
	return t.conn.pass(in.pieces(parts[:0], t.kind == componentConn, in.from, nil)...)
}

func (in *inbound) deliverFrom(t *session, from, extra []byte) bool {
	var parts [12][]byte
	return t.send(in.pieces(parts[:0], t.kind == componentConn, from, extra)...)
}

// pieces appends the stanza as a client, or component, is to see it: with
// the attributes from and extra, without those it had.
func (in *inbound) pieces(to [][]byte, component bool, from, extra []byte) [][]byte {
	return in.piecesWithout(value{}, to, component, from, extra)
}

// piecesWithout is like pieces and leaves out one more attribute.
func (in *inbound) piecesWithout(drop value, to [][]byte, component bool, from, extra []byte) [][]byte {
	st, raw := in.st, in.st.raw
	var cuts [3]span
	n := 0
	for _, v := range [...]value{st.from, drop} {
		if v.ok() {
			cuts[n] = span{v.start, v.v.b + 1}
			n++
		}
	}
	border := component != in.inComponentNS()
	if border && st.own.ok() {
		cuts[n] = st.own.v
		n++
	}
	if n > 1 {
		slices.SortFunc(cuts[:n], func(x, y span) int { return cmp.Compare(x.a, y.a) })
	}
	to = append(to, raw[:st.insert], from, extra)
	at := st.insert
	for _, c := range cuts[:n] {
		to = append(to, raw[at:c.a])
		at = c.b
	}
	if border {
		for _, c := range st.borders {
			to = append(to, raw[at:c.a])
			at = c.b
		}
	}
	return append(to, raw[at:])
}

// rendered returns the stanza as one piece, as a client is to see it.
func (in *inbound) rendered(from, extra []byte) []byte {
	return bytes.Join(in.pieces(nil, false, from, extra), nil)
}

// fromBareToBare returns the stanza with both addresses bare.
func (in *inbound) fromBareToBare(component bool, to address) []byte {
	return bytes.Join(in.piecesWithout(in.st.to, nil, component, attribute("from", in.bare), attribute("to", to.bare())), nil)
}
