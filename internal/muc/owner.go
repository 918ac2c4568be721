package muc

import (
	"context"
	"slices"

	"mellium.im/xmpp/jid"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
	"adminbot/internal/xmpp/muc"
)

// own answers what an owner asks of his room (XEP-0045#owner).
func (r *room) own(ctx context.Context, p Peer, st *Stanza, q *element.Element) *stanzaError {
	if r.affiliation(st.From) < Owner {
		return errForbidden
	}
	if st.Type == "get" {
		r.s.result(p, st, element.New(muc.NSOwner, "query").Add(r.cfg.form(r.jid.String()).Element()))
		return nil
	}
	if d := q.Child("", "destroy"); d != nil {
		return r.destroy(ctx, p, st, d)
	}
	f, ok := form.Find(q.Children)
	if !ok {
		return errBadRequest
	}
	switch f.Type {
	case "cancel":
		r.s.result(p, st)
		if r.locked { // XEP-0045#createroom-reserved
			r.close(ctx, element.New(muc.NSUser, "destroy"))
		}
		return nil
	case "submit":
		return r.configure(ctx, p, st, f)
	}
	return errBadRequest
}

// configure makes a room as its owner wishes, and unlocks it.
func (r *room) configure(ctx context.Context, p Peer, st *Stanza, f form.Form) *stanzaError {
	cfg := r.cfg
	if err := cfg.apply(f, r.s.lim); err != nil {
		return &stanzaError{"modify", "not-acceptable", err.Error()}
	}
	if (cfg.Persistent || cfg.Archived) && r.s.opt.Store == nil {
		return &stanzaError{"modify", "not-acceptable", "this server keeps no rooms"}
	}
	old, wasLocked := r.cfg, r.locked
	r.cfg, r.locked = cfg, false
	if e := r.save(ctx); e != nil {
		r.cfg, r.locked = old, wasLocked
		return e
	}
	r.s.result(p, st)
	if !wasLocked && cfg != old {
		r.tellConfig(old)
	}
	if cfg.MembersOnly && !old.MembersOnly {
		for _, o := range slices.Clone(r.occupants) {
			if o.affiliation(r) < Member {
				r.expel(o, gone{change: change{status: []int{statusMembersOnly}}})
			}
		}
	}
	if old.Moderated && !cfg.Moderated {
		for _, o := range r.occupants {
			if o.role == visitor {
				o.role = participant
				r.announce(o, change{})
			}
		}
	}
	return nil
}

// tellConfig tells all that the room is not as it was
// (XEP-0045#roomconfig-notify).
func (r *room) tellConfig(old Config) {
	var status []int
	switch {
	case r.cfg.Archived && !old.Archived:
		status = append(status, statusLogged)
	case old.Archived && !r.cfg.Archived:
		status = append(status, statusNotLogged)
	}
	switch {
	case r.cfg.SemiAnonymous && !old.SemiAnonymous:
		status = append(status, statusNowSemi)
	case old.SemiAnonymous && !r.cfg.SemiAnonymous:
		status = append(status, statusNowOpen)
	}
	if len(status) == 0 {
		status = []int{statusConfigured}
	}
	r.broadcast(Message, appendTail(nil, Message, r.jid, "groupchat", "", nil, encode(userX(nil, status...))))
}

// destroy ends a room because its owner wants that (XEP-0045#destroyroom).
func (r *room) destroy(ctx context.Context, p Peer, st *Stanza, d *element.Element) *stanzaError {
	e := element.New(muc.NSUser, "destroy")
	if next, err := jid.Parse(d.Get("jid")); err == nil {
		e = element.New(muc.NSUser, "destroy", "jid", next.String())
	}
	if reason := d.ChildText("reason"); len(reason) <= r.s.lim.TextBytes {
		e.AddText("reason", reason)
	}
	r.close(ctx, e)
	r.s.result(p, st)
	return nil
}

// close ends a room and makes all leave it.
func (r *room) close(ctx context.Context, destroy *element.Element) {
	for _, o := range slices.Clone(r.occupants) {
		r.expel(o, gone{destroy: destroy})
	}
	r.end(ctx)
}
