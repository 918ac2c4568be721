package xmppd

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"adminbot/internal/account"
)

const (
	nsDelay = "urn:xmpp:delay"
	nsHints = "urn:xmpp:hints"

	keptPiece = 64 << 10 // bytes of kept messages sent at a time
)

// messageToBare delivers a message to an account (RFC 6121 8.5.2).
func (srv *Server) messageToBare(ctx context.Context, in *inbound, a address) {
	st := in.st
	if st.isA("error") {
		return // RFC 6121 8.5.2.1.1: never answered, and nobody waits for it
	}
	if st.isA("groupchat") {
		in.s.reply(in, in.unavailable())
		return
	}
	if srv.handOut(in, a.local) || st.isA("headline") {
		return
	}
	defer srv.keeping.begin(a.local)()
	if !srv.handOut(in, a.local) { // who came just now does not look for it any more
		srv.keep(ctx, in, a.local)
	}
}

// handOut delivers a message to everybody of an account who takes messages, and
// reports whether somebody did.
func (srv *Server) handOut(in *inbound, name string) bool {
	taken := false
	for _, t := range srv.resources(name) {
		if t.takes.now() && in.deliver(t) {
			taken = true
		}
	}
	if taken {
		srv.carbonsToRest(in, name)
	}
	return taken
}

// keep stores a message for a person who is not there (XEP-0160).
func (srv *Server) keep(ctx context.Context, in *inbound, name string) {
	st := in.st
	if srv.cfg.Offline == nil || !srv.role(name).Person() {
		in.s.reply(in, in.unavailable())
		return
	}
	if st.find(nsHints, "no-store") != nil || st.find("", "body") == nil && st.find(nsHints, "store") == nil {
		if !fleeting(st) {
			in.s.reply(in, in.unavailable())
		}
		return
	}
	b := in.delayed(srv.cfg.Domain)
	all := account.Quota{Messages: srv.cfg.Limits.Messages, Bytes: srv.cfg.Limits.MessageBytes}
	each, sender := all, in.s.domain // a component may be anybody it likes
	if in.local != "" {
		sender = in.bare
	}
	if in.s.role != account.Bot { // what bots have to say is worth all the room
		share := srv.cfg.Limits.SenderShare
		each = account.Quota{Messages: max(1, all.Messages/share), Bytes: all.Bytes / share}
	}
	switch err := srv.cfg.Offline.PutMessage(ctx, name, sender, b, all, each); {
	case err == nil:
		srv.carbons(in, nil)
	case errors.Is(err, account.ErrFull):
		in.s.reply(in, in.unavailable())
	default:
		srv.log.Error("xmppd: a message could not be kept", "to", name, "err", err)
		in.s.reply(in, errInternal)
	}
}

// delayed returns a message with the time when the server got it (XEP-0203).
// One that was kept before has it already.
func (in *inbound) delayed(domain string) []byte {
	b := in.rendered(in.from, nil)
	delay := "<delay xmlns='" + nsDelay + "' from='" + domain + "' stamp='"
	at := time.Now()
	if in.back != nil {
		if bytes.Contains(b, []byte(delay)) {
			return b
		}
		at = in.back.at
	}
	end := bytes.LastIndex(b, []byte("</")) // it has children, hence an end tag
	return slices.Insert(b, end, []byte(delay+at.UTC().Format("2006-01-02T15:04:05.000Z")+"'/>")...)
}

// fleeting reports whether a message says only something of the moment, which
// is lost without a word when nobody is there.
func fleeting(st *Stanza) bool {
	for i := range st.kids {
		switch ns := string(unescape(st.kids[i].ns.of(st.raw))); ns {
		case "http://jabber.org/protocol/chatstates", "urn:xmpp:receipts", "urn:xmpp:chat-markers:0":
			return true
		}
	}
	return false
}

// sendKept delivers what was kept for a person who is here now, and forgets
// it when it has been written, one piece after the other. With stream
// management the next piece waits until the client has acknowledged this one.
func (srv *Server) sendKept(ctx context.Context, s *session) {
	if srv.cfg.Offline == nil || !s.role.Person() {
		return
	}
	srv.keeping.wait(ctx, s.local)
	for !s.mail {
		kept, err := srv.cfg.Offline.Messages(ctx, s.local, keptPiece)
		if err != nil {
			srv.log.Error("xmppd: kept messages could not be read", "jid", s.full, "err", err)
			return
		}
		if len(kept) == 0 {
			return
		}
		stanzas := make([][]byte, len(kept))
		for i, m := range kept {
			stanzas[i] = m.Stanza
		}
		// What stream management has taken comes back to the store if need be.
		if !s.settle() || !s.sendBulk(stanzas...) || !s.drain() && s.sm == nil {
			return // they stay for the next time
		}
		s.mail = s.sm != nil
		if err := srv.cfg.Offline.DeleteMessages(ctx, s.local, kept[len(kept)-1].ID); err != nil {
			srv.log.Error("xmppd: kept messages could not be deleted", "jid", s.full, "err", err)
			return
		}
	}
}
