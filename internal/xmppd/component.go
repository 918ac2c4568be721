package xmppd

import (
	"context"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
)

// componentHeader answers the stream header of a component (XEP-0114).
func (s *session) componentHeader(h *Header) error {
	a, ok := parseAddress([]byte(h.To))
	known := ok && a.local == "" && a.resource == "" && s.srv.cfg.Components[a.domain] != ""
	s.open(h.To)
	switch {
	case h.NS != NSComponent:
		return &streamError{condition: "invalid-namespace"}
	case !known:
		return &streamError{condition: "host-unknown"}
	}
	s.wanted = a.domain
	return nil
}

// componentElement handles what a component sends.
func (s *session) componentElement(ctx context.Context, st *Stanza) error {
	if s.domain == "" {
		return s.handshake(st)
	}
	if st.Kind == Foreign {
		return &streamError{condition: "unsupported-stanza-type"}
	}
	raw := []byte(s.domain)
	if st.from.ok() {
		raw = st.from.of(st.raw)
	}
	if s.sender == nil || string(raw) != s.sender.raw {
		a, ok := parseAddress(raw)
		if !ok || a.domain != s.domain {
			return &streamError{condition: "invalid-from"}
		}
		s.sender = &sender{a, string(raw), a.String(), a.bare(), attribute("from", a.String())}
	}
	s.srv.counters.stanzas.Add(1)
	in := &inbound{s: s, st: st, full: s.sender.full, bare: s.sender.bare, from: s.sender.attr}
	if st.Kind == IQ {
		if e := checkIQ(st); e != nil {
			s.reply(in, e)
			return nil
		}
	}
	s.srv.route(ctx, in)
	return nil
}

// A sender is an address at a component, normalised from what it wrote.
type sender struct {
	address         address
	raw, full, bare string
	attr            []byte
}

// handshake logs a component in.
func (s *session) handshake(st *Stanza) error {
	if string(st.name.of(st.raw)) != "handshake" || st.nkids > 0 {
		return &streamError{condition: "not-authorized"}
	}
	var got []byte
	if st.endTag > 0 {
		b := st.raw[:st.endTag]
		for i, c := range b {
			if c == '>' {
				got = b[i+1:]
				break
			}
		}
	}
	sum := sha1.Sum([]byte(s.id + s.srv.cfg.Components[s.wanted]))
	want := hex.EncodeToString(sum[:])
	if subtle.ConstantTimeCompare([]byte(want), got) != 1 {
		s.srv.log.Warn("xmppd: a component has the wrong secret", "domain", s.wanted, "addr", s.addr)
		return &streamError{condition: "not-authorized"}
	}
	s.srv.mu.Lock()
	if s.srv.comps[s.wanted] != nil {
		s.srv.mu.Unlock()
		return &streamError{condition: "conflict", text: "the component is connected already"}
	}
	s.domain = s.wanted
	s.srv.comps[s.domain] = s
	// Before anything that others send to it.
	s.send([]byte("<handshake/>"))
	s.srv.mu.Unlock()
	s.srv.lobby.leave(s)
	s.sc.Limits.Bytes = s.srv.cfg.Limits.Stanza
	return nil
}

func (srv *Server) detachComponent(s *session) {
	srv.mu.Lock()
	mine := s.domain != "" && srv.comps[s.domain] == s
	if mine {
		delete(srv.comps, s.domain)
	}
	srv.mu.Unlock()
	if mine {
		srv.leaveRooms(s)
	}
}

// component returns the connected component of a domain.
func (srv *Server) component(domain string) *session {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.comps[domain]
}

// sendComponent sends a stanza to the component of an address, if it is there.
func (srv *Server) sendComponent(to string, stanza []byte) {
	a, ok := parseAddress([]byte(to))
	if !ok {
		return
	}
	if c := srv.component(a.domain); c != nil {
		c.send(stanza)
	}
}

// presenceToComponent handles presence for an address at a component.
func (srv *Server) presenceToComponent(ctx context.Context, in *inbound, a address) {
	st := in.st
	c := srv.component(a.domain)
	switch typ := string(st.typ.of(st.raw)); typ {
	case "", "unavailable":
		if c == nil && typ == "" {
			in.s.reply(in, errUnavailable)
			return
		}
		srv.presMu.Lock()
		defer srv.presMu.Unlock()
		if srv.remember(in, a) && c != nil {
			in.deliver(c)
		}
	case "subscribe", "subscribed", "unsubscribe", "unsubscribed":
		srv.rosterMu.Lock()
		defer srv.rosterMu.Unlock()
		srv.subscription(ctx, in, a, typ, true)
	case "probe", "error":
		if c != nil {
			in.deliver(c)
		}
	default:
		in.s.reply(in, errBadRequest)
	}
}
