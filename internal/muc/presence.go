package muc

import (
	"context"
	"slices"
	"strconv"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// More status codes (XEP-0045#registrar-statuscodes).
const (
	statusNonAnonymous = 100
	statusConfigured   = 104
	statusLogged       = 170
	statusNotLogged    = 171
	statusNowOpen      = 172 // non-anonymous
	statusNowSemi      = 173 // semi-anonymous
	statusBanned       = 301
	statusNewNick      = 303
	statusKicked       = 307
	statusNotMember    = 321
	statusMembersOnly  = 322
	statusShutdown     = 332
	statusFailed       = 333
)

// presence takes what is for somebody in a room, or for a room.
func (s *Service) presence(ctx context.Context, p Peer, st *Stanza) {
	switch st.Type {
	case "":
		s.available(ctx, p, st)
	case "unavailable":
		s.with(ctx, st.To.Localpart(), func(r *room) {
			if v := r.byAddress[st.From.String()]; v != nil {
				g := gone{change: change{id: st.ID}}
				if st.size() <= s.lim.PresenceBytes {
					g.attrs, g.kids = st.Attrs, st.passed(nil)
				}
				r.leave(v, g)
			}
		})
	case "error":
		s.failed(ctx, st)
	case "probe":
	default: // nobody subscribes to a room
		s.refuse(p, st, errUnavailable)
	}
}

// available takes the presence of who is in a room, or wants to be.
func (s *Service) available(ctx context.Context, p Peer, st *Stanza) {
	entering := st.kid(muc.NS, "x") != nil
	switch {
	case st.To.Resourcepart() == "":
		s.refuse(p, st, errNoNick)
		return
	case !nickAllowed(st.To.Resourcepart(), s.lim.NameBytes):
		s.refuse(p, st, errBadNick)
		return
	case st.size() > s.lim.PresenceBytes:
		s.refuse(p, st, errTooLong)
		return
	case !s.affords(st.From, st.cost()):
		s.refuse(p, st, errTooFast)
		return
	}
	for {
		r := s.room(st.To.Localpart())
		if r == nil {
			if !entering {
				s.notHere(p, st)
				return
			}
			var e *stanzaError
			if r, e = s.create(st); e != nil {
				s.refuse(p, st, e)
				return
			}
		}
		done := s.in(ctx, r, func() {
			var e *stanzaError
			switch v := r.byAddress[st.From.String()]; {
			case v == nil && !entering:
				s.notHere(p, st)
			case v == nil:
				e = r.enter(p, st)
			case v.occupant.nick != st.To.Resourcepart():
				e = r.rename(v, st)
			case entering: // it has forgotten that it is here
				r.show(v, st)
				r.welcome(v, st, false)
			default:
				r.show(v, st)
				r.announce(v.occupant, change{id: st.ID})
			}
			if e != nil {
				s.refuse(p, st, e)
			}
		})
		if done {
			return
		}
	}
}

// notHere answers presence of who believes to be in a room and is not
// (XEP-0045#enter-gc).
func (s *Service) notHere(p Peer, st *Stanza) {
	item := element.New(muc.NSUser, "item", "affiliation", "none", "role", "none").AddText("reason", "You are not in the room.")
	x := userX(item, muc.StatusSelf, statusKicked, statusFailed)
	p.Send(whole(Presence, st.From.String(), appendTail(nil, Presence, st.To, "unavailable", st.ID, nil, encode(x))))
}

// keep makes what a presence says that of a visit.
func (v *visit) keep(st *Stanza) {
	v.attrs = slices.Clone(st.Attrs)
	v.kids = st.passed(nil)
}

// show makes what a presence says that of a visit, and the visit the one that
// others see.
func (r *room) show(v *visit, st *Stanza) {
	v.keep(st)
	o := v.occupant
	o.visits = append(slices.DeleteFunc(o.visits, func(x *visit) bool { return x == v }), v)
}

// A change of an occupant, as his presence tells it.
type change struct {
	id     string
	status []int
	nick   string // the new one
	actor  string // nickname of who made it
	reason string
}

// userX returns what a room says in presence and messages.
func userX(item *element.Element, status ...int) *element.Element {
	x := element.New(muc.NSUser, "x")
	if item != nil {
		x.Add(item)
	}
	for _, code := range status {
		x.Add(element.New(muc.NSUser, "status", "code", strconv.Itoa(code)))
	}
	return x
}

// item says who somebody is; his address only to those who may know.
func (r *room) item(v *visit, role role, open bool, c change) *element.Element {
	address := ""
	if open {
		address = v.who.String()
	}
	item := element.New(muc.NSUser, "item", "affiliation", r.affiliation(v.who).String(), "role", role.String(), "jid", address, "nick", c.nick)
	if c.actor != "" {
		item.Add(element.New(muc.NSUser, "actor", "nick", c.actor))
	}
	return item.AddText("reason", c.reason)
}

// knows reports whether an occupant may know the addresses of others.
func (r *room) knows(o *occupant) bool { return !r.cfg.SemiAnonymous || o.role == moderator }

// presenceTail is what others see of an occupant.
func (r *room) presenceTail(o *occupant, open bool, c change, status ...int) []byte {
	v := o.seen()
	x := userX(r.item(v, o.role, open, c), status...)
	return appendTail(nil, Presence, r.address(o.nick), "", c.id, v.attrs, v.kids, encode(x))
}

// announce sends an occupant's presence to all.
func (r *room) announce(o *occupant, c change) {
	r.announceBut(o, nil, c)
}

// announceBut leaves out one visit.
func (r *room) announceBut(o *occupant, but *visit, c change) {
	var tails [2][]byte // for those who do not know addresses, and who do
	for _, to := range r.occupants {
		var tail []byte
		if to == o {
			tail = r.presenceTail(o, true, c, append(slices.Clip(c.status), muc.StatusSelf)...)
		} else {
			i := 0
			if r.knows(to) {
				i = 1
			}
			if tails[i] == nil {
				tails[i] = r.presenceTail(o, i == 1, c, c.status...)
			}
			tail = tails[i]
		}
		for _, v := range to.visits {
			if v != but {
				v.send(Presence, tail)
			}
		}
	}
}

// A gone is how somebody left.
type gone struct {
	change
	attrs, kids []byte           // of his last presence
	destroy     *element.Element // the room is no more: nobody is told about others
}

// leave takes one visit out of the room, and tells him and the others.
func (r *room) leave(v *visit, g gone) {
	o := v.occupant
	wasSeen := o.seen() == v
	r.part(v, g)
	switch {
	case len(o.visits) == 0:
		r.miss(v, g)
	case wasSeen:
		r.announce(o, change{})
	}
}

// expel makes an occupant leave with all his clients.
func (r *room) expel(o *occupant, g gone) {
	last := o.seen()
	for len(o.visits) > 0 {
		r.part(o.visits[0], g)
	}
	if g.destroy == nil {
		r.miss(last, g)
	}
}

// part takes one visit out of the room and tells him.
func (r *room) part(v *visit, g gone) {
	tail := r.goneTail(v, g, true, append(slices.Clip(g.status), muc.StatusSelf)...)
	r.drop(v)
	v.send(Presence, tail)
}

// miss tells those who are still there that an occupant has left; v was his last
// visit.
func (r *room) miss(v *visit, g gone) {
	var tails [2][]byte // for those who do not know addresses, and who do
	for _, to := range r.occupants {
		i := 0
		if r.knows(to) {
			i = 1
		}
		if tails[i] == nil {
			tails[i] = r.goneTail(v, g, i == 1, g.status...)
		}
		to.send(Presence, tails[i])
	}
}

func (r *room) goneTail(v *visit, g gone, open bool, status ...int) []byte {
	o := v.occupant
	x := userX(r.item(v, noRole, open, g.change), status...)
	if g.destroy != nil {
		x = userX(element.New(muc.NSUser, "item", "affiliation", None.String(), "role", noRole.String()), status...).Add(g.destroy)
	}
	return appendTail(nil, Presence, r.address(o.nick), "unavailable", g.id, g.attrs, g.kids, encode(x))
}
