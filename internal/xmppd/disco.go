package xmppd

import (
	"encoding/xml"
	"sort"

	"adminbot/internal/account"
	"adminbot/internal/xmpp/element"
)

// serverFeatures is what the server says of itself (XEP-0030), besides what
// depends on its stores.
var serverFeatures = []string{
	NSCarbons, NSInfo, NSItems, NSLast, NSRoster, NSVersion, NSPing, NSTime,
}

// node returns the node that a disco query asks for.
func (in *inbound) node() string {
	var q struct {
		Query struct {
			Node string `xml:"node,attr"`
		} `xml:",any"`
	}
	if xml.Unmarshal(in.st.raw, &q) != nil {
		return "?"
	}
	return q.Query.Node
}

func (srv *Server) serverInfo(in *inbound) {
	if in.node() != "" {
		in.s.reply(in, errNotFound)
		return
	}
	features := append([]string(nil), serverFeatures...)
	if srv.cfg.Offline != nil {
		features = append(features, "msgoffline")
	}
	if srv.cfg.Private != nil {
		features = append(features, NSPrivate)
	}
	in.s.result(in, appendInfo(nil, "server", "im", "AdminBot", features))
}

func appendInfo(b []byte, category, typ, name string, features []string) []byte {
	b = append(b, "<query xmlns='"+NSInfo+"'><identity category='"+category+"' type='"+typ+"'"...)
	if name != "" {
		b = append(b, " name='"...)
		b = element.AppendEscaped(b, name)
		b = append(b, '\'')
	}
	b = append(b, "/>"...)
	for _, f := range features {
		b = append(b, "<feature var='"+f+"'/>"...)
	}
	return append(b, "</query>"...)
}

func (srv *Server) serverItems(in *inbound) {
	if in.node() != "" {
		in.s.reply(in, errNotFound)
		return
	}
	domains := make([]string, 0, len(srv.cfg.Components))
	for d := range srv.cfg.Components {
		domains = append(domains, d)
	}
	if srv.rooms != nil {
		domains = append(domains, srv.roomsDomain)
	}
	sort.Strings(domains)
	b := []byte("<query xmlns='" + NSItems + "'>")
	for _, d := range domains {
		b = append(b, "<item jid='"...)
		b = element.AppendEscaped(b, d)
		b = append(b, "'/>"...)
	}
	in.s.result(in, append(b, "</query>"...))
}

func (srv *Server) accountInfo(in *inbound) {
	if in.node() != "" {
		in.s.reply(in, errNotFound)
		return
	}
	in.s.result(in, appendInfo(nil, "account", "registered", "", []string{NSInfo, NSItems}))
}

// accountItems lists an account's resources.
func (srv *Server) accountItems(in *inbound, a address) {
	if in.node() != "" {
		in.s.reply(in, errNotFound)
		return
	}
	b := []byte("<query xmlns='" + NSItems + "'>")
	for _, t := range srv.resources(a.local) {
		if t.isAvailable() {
			b = append(b, "<item jid='"...)
			b = element.AppendEscaped(b, t.full)
			b = append(b, "'/>"...)
		}
	}
	in.s.result(in, append(b, "</query>"...))
}

// resources returns an account's sessions. The slice must not be changed.
func (srv *Server) resources(name string) []*session {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	if u := srv.users[name]; u != nil {
		return u.sessions
	}
	return nil
}

// role returns an account's role, "" if there is no such account.
func (srv *Server) role(name string) account.Role { return srv.dir.Load().entries[name].Role }
