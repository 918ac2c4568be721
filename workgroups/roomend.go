package workgroups

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
)

// last enters the room of an alert that has ended, if the service is not in it. It
// is nil if the room is no more.
func (r *rooms) last(ctx context.Context, j *roomJob) (*room, error) {
	if rm := r.inside(j.To); rm != nil {
		return rm, nil
	}
	rm, created, err := r.enter(ctx, j.To, j)
	if err != nil {
		return nil, err
	}
	if created {
		return nil, r.end(ctx, rm.from, rm.addr, "")
	}
	rm.entered()
	return rm, nil
}

// announce tells everybody in the room that the alert has ended.
func (r *rooms) announce(ctx context.Context, j *roomJob) error {
	rm, err := r.last(ctx, j)
	if err != nil || rm == nil {
		return err
	}
	a, _, err := r.s.Alert(ctx, j.Alert)
	if err != nil {
		return err
	}
	r.s.at("before close")
	if err := r.say(ctx, rm, "subject", j.Text); err != nil {
		return err
	}
	if err := r.say(ctx, rm, "body", j.Text+"\n"+r.cfg.notice(&a)); err != nil {
		return err
	}
	if err := r.s.cfg.Wire.Barrier(ctx); err != nil {
		return err
	}
	r.s.at("after close")
	return nil
}

// leave leaves a room.
func (r *rooms) leave(ctx context.Context, rm *room) error {
	at, err := rm.addr.WithResource(rm.nick)
	if err != nil {
		return err
	}
	if err := r.presence(ctx, rm.from, at, "unavailable"); err != nil {
		return err
	}
	return r.s.cfg.Wire.Barrier(ctx)
}

// destroy destroys the room of an alert that has ended, or whatever was made for one
// that has no room.
func (r *rooms) destroy(ctx context.Context, j *roomJob) error {
	all := []jid.JID{j.To}
	if j.To.Equal(jid.JID{}) {
		service, err := r.find(ctx)
		if errors.Is(err, errNoRooms) {
			return nil
		}
		if err != nil {
			return err
		}
		a, _, err := r.s.Alert(ctx, j.Alert)
		if err != nil {
			return err
		}
		all = nil
		for _, name := range a.roomNames() {
			addr, err := jid.New(name, service.Domainpart(), "")
			if err != nil {
				return err
			}
			all = append(all, addr)
		}
	}
	r.s.at("before destroy")
	for _, addr := range all {
		if err := r.end(ctx, r.s.Address(j.Workgroup), addr, "the alert has ended"); err != nil {
			return err
		}
	}
	r.s.at("after destroy")
	return nil
}

// end destroys a room. If it is not there, or not the service's, that is as well.
func (r *rooms) end(ctx context.Context, from, addr jid.JID, reason string) error {
	_, err := r.request(ctx, from, addr, stanza.SetIQ, muc.Destroy(reason))
	if refused(err) {
		r.log.InfoContext(ctx, "a room was not destroyed", "room", addr, "err", err)
		err = nil
	}
	r.mu.Lock()
	delete(r.in, addr.String())
	r.mu.Unlock()
	return err
}

// A sealed room can only be read. It is moderated, but members come into a moderated
// room with voice (XEP-0045#affil-priv): so the service, which is a moderator, stays in
// it and takes theirs from all who are there and who come.

// seal makes a room one that can only be read.
func (r *rooms) seal(ctx context.Context, j *roomJob) error {
	rm, err := r.last(ctx, j)
	if err != nil || rm == nil {
		return err
	}
	r.s.at("before seal")
	form, err := r.request(ctx, rm.from, rm.addr, stanza.GetIQ, muc.AskConfig())
	if err != nil {
		return fmt.Errorf("%s: its configuration: %w", rm.addr, err)
	}
	config := muc.Configure(form, map[string]string{
		"muc#roomconfig_moderatedroom": "1",
		"allow_voice_requests":         "0", // ejabberd
	})
	if _, err := r.request(ctx, rm.from, rm.addr, stanza.SetIQ, config); err != nil {
		return fmt.Errorf("%s: its configuration: %w", rm.addr, err)
	}
	a, _, err := r.s.Alert(ctx, j.Alert)
	if err != nil {
		return err
	}
	if err := r.say(ctx, rm, "body", r.cfg.sealed(&a)); err != nil {
		return err
	}
	if err := r.silence(ctx, rm); err != nil {
		return err
	}
	r.s.at("after seal")
	return nil
}

// guard enters a sealed room again.
func (r *rooms) guard(ctx context.Context, j *roomJob) error {
	rm, err := r.last(ctx, j)
	if err != nil || rm == nil {
		return err
	}
	return r.silence(ctx, rm)
}

// silence takes their voice from all who are in a room, and from then on from all who
// come.
func (r *rooms) silence(ctx context.Context, rm *room) error {
	r.mu.Lock()
	rm.sealed = true
	all := slices.Sorted(maps.Keys(rm.voices))
	r.mu.Unlock()
	for _, nick := range all {
		r.hush(ctx, rm, nick)
	}
	return r.s.cfg.Wire.Barrier(ctx)
}

// hush takes the voice from somebody (XEP-0045#revokevoice). What the room answers does
// not matter: whoever may not be silenced may speak.
func (r *rooms) hush(ctx context.Context, rm *room, nick string) {
	iq := element.New("", "iq", "from", rm.from.String(), "to", rm.addr.String(), "type", "set", "id", "hush-"+nick).Add(muc.RevokeVoice(nick))
	if err := r.s.cfg.Wire.Send(ctx, iq.TokenReader()); err != nil {
		r.log.DebugContext(ctx, "somebody may still speak in a sealed room", "room", rm.addr, "nick", nick, "err", err)
	}
}

// speaks notes whether somebody in the room has voice, and reports whether it is to be
// taken from them. With rooms.mu held.
func (rm *room) speaks(p stanza.Presence, user muc.User) bool {
	nick := p.From.Resourcepart()
	if p.Type != stanza.AvailablePresence || user.Role != "participant" {
		delete(rm.voices, nick)
		return false
	}
	rm.voices[nick] = true
	return rm.sealed
}

// sealed are the jobs that will destroy rooms that are sealed already. With r.mu held.
func (r *rooms) sealed() []*roomJob {
	open := map[int64]bool{}
	for _, j := range slices.Concat(slices.Collect(maps.Values(r.jobs)), r.later) {
		open[j.Alert] = open[j.Alert] || j.Kind == MessageSeal || j.Kind == MessageClose
	}
	var all []*roomJob
	for _, j := range r.later {
		if j.Kind == MessageDestroy && !open[j.Alert] && !j.To.Equal(jid.JID{}) {
			all = append(all, j)
		}
	}
	return all
}

// Times as rooms tell them.
const (
	noticeTime = "2006-01-02 15:04 MST"
	noticeDay  = "2006-01-02"
)

// notice says what becomes of the room of an alert that has just ended.
func (r *Rooms) notice(a *Alert) string {
	open, end := r.ends(a)
	return fmt.Sprintf("You can write here until %s, and read until %s.", open.Format(noticeTime), end.Format(noticeDay))
}

// sealed is the last thing that is said in a room.
func (r *Rooms) sealed(a *Alert) string {
	_, end := r.ends(a)
	return fmt.Sprintf("%s\nThis room is closed: it can be read until %s.", a.outcome(), end.Format(noticeDay))
}
