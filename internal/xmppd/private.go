package xmppd

import (
	"context"
	"encoding/xml"
	"errors"

	"adminbot/internal/account"
	"adminbot/internal/xmpp/element"
)

const (
	privatePieces = 20
	privateBytes  = 32 << 10
)

// privateXML keeps and returns small pieces of XML, such as a client's
// bookmarks (XEP-0049).
func (srv *Server) privateXML(ctx context.Context, in *inbound) {
	if srv.cfg.Private == nil || !in.s.role.Person() {
		in.s.reply(in, errUnavailable)
		return
	}
	var q struct {
		Query struct {
			Any []struct {
				XMLName xml.Name
			} `xml:",any"`
			Inner []byte `xml:",innerxml"`
		} `xml:"jabber:iq:private query"`
	}
	if !in.decode(&q) || len(q.Query.Any) != 1 {
		in.s.reply(in, errBadRequest)
		return
	}
	name := q.Query.Any[0].XMLName
	if name.Space == "" || name.Space == NSPrivate {
		in.s.reply(in, errBadRequest)
		return
	}
	if in.st.isA("set") {
		if len(q.Query.Inner) > privateBytes || !standsAlone(q.Query.Inner) {
			in.s.reply(in, errTooLong)
			return
		}
		switch err := srv.cfg.Private.PutPrivateXML(ctx, in.local, name.Space, name.Local, q.Query.Inner, privatePieces); {
		case err == nil:
			in.s.result(in, nil)
		case errors.Is(err, account.ErrFull):
			in.s.reply(in, errResource)
		default:
			srv.log.Error("xmppd: private data could not be kept", "jid", in.full, "err", err)
			in.s.reply(in, errInternal)
		}
		return
	}
	kept, err := srv.cfg.Private.PrivateXML(ctx, in.local, name.Space, name.Local)
	if err != nil {
		srv.log.Error("xmppd: private data could not be read", "jid", in.full, "err", err)
		in.s.reply(in, errInternal)
		return
	}
	b := []byte("<query xmlns='" + NSPrivate + "'>")
	if kept == nil {
		b = append(b, '<')
		b = append(b, name.Local...)
		b = append(b, " xmlns='"...)
		b = element.AppendEscaped(b, name.Space)
		b = append(b, "'/>"...)
	}
	b = append(b, kept...)
	in.s.result(in, append(b, "</query>"...))
}

// standsAlone reports whether a piece of XML can be put into another place:
// whether it declares all its prefixes itself.
func standsAlone(b []byte) bool {
	var sc Scanner
	header := "<s:stream xmlns='" + NSClient + "' xmlns:s='" + NSStream + "'>"
	if t, _, err := sc.Next([]byte(header)); t != Opened || err != nil {
		return false
	}
	for len(b) > 0 {
		t, n, err := sc.Next(b)
		if err != nil || t == More || t == Closed {
			return false
		}
		b = b[n:]
	}
	return true
}
