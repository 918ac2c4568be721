package xmppd

// setCarbons turns copies of messages on and off (XEP-0280). Only people may:
// a bot that gets its commands twice is no help.
func (srv *Server) setCarbons(in *inbound, name string) {
	if !in.s.role.Person() {
		in.s.reply(in, errNotAllowed)
		return
	}
	switch name {
	case "enable":
		in.s.carbons.set(true)
	case "disable":
		in.s.carbons.set(false)
	default:
		in.s.reply(in, errBadRequest)
		return
	}
	in.s.result(in, nil)
}

// copied reports whether a message is of those that are copied
// (XEP-0280#which-messages).
func copied(st *Stanza) bool {
	if st.isA("error") || st.isA("groupchat") || st.isA("headline") {
		return false
	}
	if !st.isA("chat") && st.find("", "body") == nil {
		return false
	}
	return st.find(NSCarbons, "private") == nil && st.find(nsHints, "no-copy") == nil &&
		st.find(NSCarbons, "sent") == nil && st.find(NSCarbons, "received") == nil
}

// carbons sends copies of a message that was delivered to t, or kept or given
// to a component if t is nil, to the other resources of both sides.
func (srv *Server) carbons(in *inbound, t *session) {
	if in.back != nil {
		return // they were sent the first time
	}
	if in.local != "" {
		srv.copies(in, in.local, "sent", in.s, t)
	}
	if t != nil && t.local != "" && t.local != in.local {
		srv.copies(in, t.local, "received", t, nil)
	}
}

// carbonsToRest does the same for a message to a bare address, which the
// resources with a priority that is not negative have got.
func (srv *Server) carbonsToRest(in *inbound, name string) {
	if in.local != "" && in.local != name && in.back == nil {
		srv.copies(in, in.local, "sent", in.s, nil)
	}
	for _, t := range srv.resources(name) {
		if t.carbons.now() && t != in.s && !t.takes.now() && copied(in.st) {
			srv.copyTo(in, t, "received")
		}
	}
}

func (srv *Server) copies(in *inbound, name, direction string, not1, not2 *session) {
	all := srv.resources(name)
	if len(all) < 2 && (len(all) == 0 || all[0] == not1) {
		return
	}
	if !copied(in.st) {
		return
	}
	for _, t := range all {
		if t != not1 && t != not2 && t.carbons.now() {
			srv.copyTo(in, t, direction)
		}
	}
}

func (srv *Server) copyTo(in *inbound, t *session, direction string) {
	var parts [20][]byte
	p := append(parts[:0],
		[]byte("<message"), t.fromBare, []byte(" to="), t.fromFull[len(" from="):],
		[]byte(" type='chat'><"+direction+" xmlns='"+NSCarbons+"'><forwarded xmlns='urn:xmpp:forward:0'>"))
	var ns []byte
	if !in.st.own.ok() || in.inComponentNS() {
		ns = []byte(" xmlns='" + NSClient + "'")
	}
	p = in.pieces(p, false, in.from, ns)
	t.send(append(p, []byte("</forwarded></"+direction+"></message>"))...)
}
