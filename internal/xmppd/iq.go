package xmppd

import (
	"context"
	"encoding/xml"
	"strconv"
	"time"

	"adminbot/internal/xmpp/element"
)

// Namespaces of what the server answers itself.
const (
	NSRoster  = "jabber:iq:roster"
	NSPing    = "urn:xmpp:ping"
	NSInfo    = "http://jabber.org/protocol/disco#info"
	NSItems   = "http://jabber.org/protocol/disco#items"
	NSVersion = "jabber:iq:version"
	NSTime    = "urn:xmpp:time"
	NSLast    = "jabber:iq:last"
	NSCarbons = "urn:xmpp:carbons:2"
	NSPrivate = "jabber:iq:private"
)

// checkIQ checks what RFC 6120 8.2.3 asks of every IQ.
func checkIQ(st *Stanza) *stanzaError {
	if !st.id.ok() || !st.typ.ok() {
		return errBadRequest
	}
	switch string(st.typ.v.of(st.raw)) {
	case "get", "set":
		if st.nkids != 1 || st.text {
			return errBadRequest
		}
	case "result":
		if st.nkids > 1 || st.text {
			return errBadRequest
		}
	case "error":
		if st.nkids == 0 || st.text {
			return errBadRequest
		}
	default:
		return errBadRequest
	}
	return nil
}

// toServer handles what is for the server's own address.
func (srv *Server) toServer(ctx context.Context, in *inbound) {
	st := in.st
	if st.Kind == Message {
		in.s.reply(in, errUnavailable)
		return
	}
	ns, name := st.payload()
	get := st.isA("get")
	switch {
	case !get && !st.isA("set"):
		// An answer to a ping of ours.
	case string(ns) == NSPing && get:
		in.s.result(in, nil)
	case string(ns) == NSInfo && get:
		srv.serverInfo(in)
	case string(ns) == NSItems && get:
		srv.serverItems(in)
	case string(ns) == NSVersion && get:
		b := []byte("<query xmlns='" + NSVersion + "'><name>AdminBot</name><version>")
		b = element.AppendEscaped(b, srv.cfg.Version)
		in.s.result(in, append(b, "</version></query>"...))
	case string(ns) == NSTime && string(name) == "time" && get:
		in.s.result(in, []byte("<time xmlns='"+NSTime+"'><tzo>+00:00</tzo><utc>"+time.Now().UTC().Format("2006-01-02T15:04:05Z")+"</utc></time>"))
	case string(ns) == NSLast && get:
		in.s.result(in, lastSeconds(time.Since(srv.started)))
	case string(ns) == NSSession && in.local != "":
		in.s.result(in, nil)
	default:
		in.s.reply(in, errUnavailable)
	}
}

func lastSeconds(d time.Duration) []byte {
	return []byte("<query xmlns='" + NSLast + "' seconds='" + strconv.Itoa(int(max(0, d)/time.Second)) + "'/>")
}

// accountIQ answers an IQ for a bare address in the name of its account.
func (srv *Server) accountIQ(ctx context.Context, in *inbound, a address) {
	st := in.st
	get := st.isA("get")
	if !get && !st.isA("set") {
		return
	}
	ns, name := st.payload()
	own := in.local == a.local && in.local != ""
	switch {
	case own && string(ns) == NSRoster && string(name) == "query":
		if get {
			srv.rosterGet(ctx, in)
		} else {
			srv.rosterSet(ctx, in)
		}
		return
	case own && string(ns) == NSSession:
		in.s.result(in, nil)
		return
	case own && string(ns) == NSPing && get:
		in.s.result(in, nil)
		return
	case own && string(ns) == NSCarbons && !get:
		srv.setCarbons(in, string(name))
		return
	case own && string(ns) == NSPrivate:
		srv.privateXML(ctx, in)
		return
	}
	// The rest is told to those who see the account's presence.
	if !own && !srv.sees(ctx, in, a.local) {
		in.s.reply(in, errUnavailable)
		return
	}
	switch {
	case string(ns) == NSInfo && get:
		srv.accountInfo(in)
	case string(ns) == NSItems && get:
		srv.accountItems(in, a)
	case string(ns) == NSLast && get:
		srv.accountLast(in, a.local)
	default:
		in.s.reply(in, errUnavailable)
	}
}

// accountLast tells when an account was last there (XEP-0012).
func (srv *Server) accountLast(in *inbound, name string) {
	srv.mu.RLock()
	u := srv.users[name]
	srv.mu.RUnlock()
	if u != nil {
		in.s.result(in, lastSeconds(0))
		return
	}
	at, ok := srv.dir.Load().last.Load(name)
	if !ok {
		in.s.reply(in, errNotFound)
		return
	}
	in.s.result(in, lastSeconds(time.Since(at.(time.Time))))
}

// ping asks a silent client whether it is still there (XEP-0199).
func (s *session) ping() {
	b := []byte("<iq type='get' id='ping-")
	b = strconv.AppendInt(b, time.Now().Unix(), 36)
	b = append(b, "' from='"...)
	b = element.AppendEscaped(b, s.srv.cfg.Domain)
	b = append(b, "' to='"...)
	b = element.AppendEscaped(b, s.full)
	s.send(append(b, "'><ping xmlns='"+NSPing+"'/></iq>"...))
}

// decode reads the whole stanza into v.
func (in *inbound) decode(v any) bool { return xml.Unmarshal(in.st.raw, v) == nil }
