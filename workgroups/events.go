package workgroups

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mellium.im/xmpp/jid"
)

// Why an event changes nothing. They are wrapped with what it was about.
var (
	ErrNotMember  = errors.New("workgroups: not a member of the workgroup")
	ErrNotOffered = errors.New("workgroups: the alert is not offered to you")
	ErrTaken      = errors.New("workgroups: somebody else has taken the alert")
	ErrOver       = errors.New("workgroups: the alert has ended")
	ErrQueued     = errors.New("workgroups: in the queue already")
	ErrNotQueued  = errors.New("workgroups: not in the queue")
)

// report takes in what a source says.
func (m *machine) report(r Report, now time.Time) (Receipt, error) {
	r = r.normal() // which may make it longer
	if err := r.Check(); err != nil {
		return Receipt{}, err
	}
	if _, err := m.group(r.Workgroup); err != nil {
		return Receipt{}, err
	}
	if !r.User.Equal(jid.JID{}) {
		return m.join(r, now)
	}
	th := thing{r.Workgroup, r.Source, r.Fingerprint}
	if a := m.firing[th]; a != nil {
		was := m.again(a, m.instances[a.ID].of(th), r, now)
		return Receipt{*a, was}, nil
	}
	last, known := m.recent[th]
	switch {
	case known && r.late(last), r.Resolved && r.Starts.IsZero():
		return Receipt{Alert: Alert{ID: last.Alert, Workgroup: r.Workgroup, Source: r.Source, Fingerprint: r.Fingerprint}, Was: Ignored}, nil
	case r.Resolved: // it came before the report that it has begun, which will be late
		a := m.raise(r, last.Episode+1, now)
		m.end(a, Resolved, "", "", now)
		return Receipt{*a, Over}, nil
	}
	if a := m.joinable(&r); a != nil {
		m.joins(a, r, last.Episode+1, now)
		return Receipt{*a, Grouped}, nil
	}
	return Receipt{*m.raise(r, last.Episode+1, now), Raised}, nil
}

// again takes in what a source says of what it had said before: of an alert, or of
// one of its instances.
func (m *machine) again(a *Alert, i *Instance, r Report, now time.Time) Outcome {
	starts := minTime(a.Starts, a.Raised)
	if i != nil {
		starts = minTime(i.Starts, i.Raised)
	}
	switch {
	case !r.Starts.IsZero() && r.Starts.Before(starts): // the source's clock may have been ahead: see late
		return Ignored // of an episode before
	case r.Resolved && a.Firing > 1:
		m.over(a, i, now)
		return Over
	case r.Resolved:
		if a.State == Assigned {
			m.sendAbout(MessageNote, a, a.Owner, fmt.Sprintf("Alert %d is over, says %s: %s", a.ID, a.Source, a.Summary), now)
		}
		m.end(a, Resolved, "", "", now)
		return Over
	}
	m.repeat(a, i, r, now)
	return Repeated
}

// late reports whether r speaks of an episode that is over. If a person had said
// that it is over, the same episode reported once more says that it is not. What
// had ended had begun before, whatever the clock of the source said.
func (r *Report) late(last Past) bool {
	starts := minTime(last.Starts, last.Ended)
	switch {
	case r.Starts.IsZero():
		return false
	case r.Starts.Equal(last.Starts):
		return last.BySource || r.Resolved
	case last.BySource:
		return !r.Starts.After(starts)
	}
	return r.Starts.Before(starts)
}

// normal is the report with its defaults, and with text that XML can carry.
func (r Report) normal() Report {
	r.Summary = clean(strings.Join(strings.Fields(r.Summary), " "))
	r.Details = clean(r.Details)
	r.Host, r.Source, r.Fingerprint = clean(r.Host), clean(r.Source), clean(r.Fingerprint)
	r.Severity = cmp.Or(r.Severity, Warning)
	labels := make(map[string]string, len(r.Labels))
	for _, name := range sortedKeys(r.Labels) { // of two that are the same now it is the last
		labels[clean(name)] = clean(r.Labels[name])
	}
	r.Labels = labels
	if r.Fingerprint == "" {
		h := sha256.New()
		fmt.Fprintf(h, "%q %q", r.Summary, r.Host)
		for _, name := range sortedKeys(labels) {
			fmt.Fprintf(h, " %q=%q", name, labels[name])
		}
		r.Fingerprint = hex.EncodeToString(h.Sum(nil)[:16])
	}
	return r
}

// clean is text without what XML 1.0 cannot carry.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r >= 0x20 && r != utf8.RuneError && r != 0x7F && r != 0xFFFE && r != 0xFFFF:
			return r
		case r == '\r':
			return -1
		}
		return '�'
	}, s)
}

// raise makes an alert and puts it into the queue.
func (m *machine) raise(r Report, episode int64, now time.Time) *Alert {
	m.lastID++
	a := &Alert{
		ID: m.lastID, Workgroup: r.Workgroup, Source: r.Source, Fingerprint: r.Fingerprint, Episode: episode,
		Severity: r.Severity, Summary: r.Summary, Details: r.Details, Host: r.Host, Labels: r.Labels, Starts: r.Starts,
		User: r.User, Notify: r.Notify, Raised: now, Updated: now, Count: 1, State: Open,
	}
	if a.Starts.IsZero() {
		a.Starts = now
	}
	if a.User.Equal(jid.JID{}) {
		// The domain is one, and the rest letters and digits: nothing can fail.
		a.User, _ = jid.New(a.Session(), m.domain.Domainpart(), "")
	}
	m.alerts[a.ID] = a
	if !r.Resolved && !a.queued() {
		m.gather(a, now)
	}
	m.index(a)
	m.groups[a.Workgroup].enqueue(a)
	m.note(a, now, "raised", a.Source, "")
	m.mute(a, now)
	m.wakeWaiting(a, now)
	m.dirty[a.Workgroup] = struct{}{}
	return a
}

// repeat takes over what a source says anew of an open alert, or of one of its
// instances.
func (m *machine) repeat(a *Alert, i *Instance, r Report, now time.Time) {
	a.Updated = now
	a.Count++
	if i != nil {
		m.renew(a, i, r, now)
		return
	}
	if a.Severity != r.Severity {
		m.note(a, now, "repeated", a.Source, string(r.Severity)+", was "+string(a.Severity))
	}
	m.rate(a, r.Severity)
	a.Summary, a.Details, a.Host, a.Labels = r.Summary, r.Details, r.Host, r.Labels
	if !r.Starts.IsZero() {
		a.Starts = r.Starts
	}
	m.touch(a)
	if a.waiting() {
		m.mute(a, now)
	}
}

// join puts a person into the queue.
func (m *machine) join(r Report, now time.Time) (Receipt, error) {
	key := userKey{r.Workgroup, r.User.String()}
	if a := m.users[key]; a != nil {
		return Receipt{*a, Repeated}, ErrQueued
	}
	return Receipt{*m.raise(r, 1, now), Raised}, nil
}

// present notes how an agent is. It is false for who is no member. Without
// joins, presence of who is not there yet says nothing.
func (m *machine) present(s Session, joins bool, now time.Time) bool {
	g := m.groups[s.Workgroup]
	if g == nil {
		return false
	}
	a := g.member(s.JID)
	if a == nil {
		return false
	}
	s.Since = now
	old := a.session(s.JID)
	switch {
	case old != nil && old.Show == s.Show && old.Status == s.Status && (old.Max == s.Max || !joins):
		return true
	case old != nil:
		if !joins {
			s.Max = old.Max
		}
		*old = s
	case !joins:
		return false
	default:
		a.sessions = append(a.sessions, &s)
	}
	m.changes = append(m.changes, PutSession{s})
	for _, id := range slices.Sorted(maps.Keys(a.open)) { // is not to be asked any more
		if o, offered := a.open[id], m.alerts[id]; o.To.Equal(s.JID) && !s.Show.takes(offered.Severity) {
			m.sendAbout(MessageRevoke, offered, o.To, "you are not available", now)
			m.forgetOffer(offered, o, now)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.owned)) {
		if owned := a.owned[id]; !owned.Gone.IsZero() {
			owned.Gone = time.Time{}
			m.touch(owned)
			m.wakeAssigned(owned)
		}
	}
	m.dirty[g.Name] = struct{}{}
	return true
}

// absent notes that an agent's session is gone; with a bare address, all of them
// but the one for chat. What it was offered goes to the next at once.
func (m *machine) absent(workgroup string, who jid.JID, now time.Time) {
	g := m.groups[workgroup]
	if g == nil || g.agents[who.Bare().String()] == nil {
		return
	}
	a := g.agents[who.Bare().String()]
	for _, s := range slices.Clone(a.sessions) {
		if !s.JID.Equal(who) && (who.Resourcepart() != "" || s.chat()) {
			continue
		}
		m.leave(g, a, s, now)
	}
}

// offDuty ends the time in which a person is asked by chat.
func (m *machine) offDuty(workgroup string, who jid.JID, now time.Time) {
	g := m.groups[workgroup]
	if a := g.agents[who.Bare().String()]; a != nil {
		if s := a.session(who.Bare()); s != nil {
			m.leave(g, a, s, now)
		}
	}
}

// leave ends one session.
func (m *machine) leave(g *group, a *agent, s *Session, now time.Time) {
	a.sessions = slices.DeleteFunc(a.sessions, func(t *Session) bool { return t == s })
	m.changes = append(m.changes, DropSession{g.Name, s.JID})
	for _, id := range slices.Sorted(maps.Keys(a.open)) {
		if o := a.open[id]; o.To.Equal(s.JID) {
			m.forgetOffer(m.alerts[id], o, now)
		}
	}
	if len(a.sessions) == 0 {
		for _, id := range slices.Sorted(maps.Keys(a.owned)) {
			if a.owned[id].Owner.Resourcepart() != "" { // not one who took it by chat
				m.desert(a.owned[id], a, now)
			}
		}
	}
	m.dirty[g.Name] = struct{}{}
}

// desert begins the time in which the owner of an alert may come back.
func (m *machine) desert(a *Alert, owner *agent, now time.Time) {
	a.Gone = now
	m.note(a, now, "gone", owner.bare, "")
	m.wakeAssigned(a)
}

// accept gives an alert to an agent who holds an open offer of it.
func (m *machine) accept(id int64, who jid.JID, now time.Time) (Alert, error) {
	a, err := m.live(id)
	if err != nil {
		return Alert{ID: id}, err
	}
	bare := who.Bare().String()
	if a.State == Assigned {
		if a.Owner.Bare().String() == bare {
			m.confirm(a, now)
			return *a, nil
		}
		return *a, fmt.Errorf("%w: %s", ErrTaken, a.Owner.Bare())
	}
	if o := m.offer(id, bare); o == nil || !o.Open() {
		return *a, ErrNotOffered
	}
	m.grant(a, who, now)
	return *a, nil
}

// grant makes who the owner. There is an open offer to who.
func (m *machine) grant(a *Alert, who jid.JID, now time.Time) {
	bare := who.Bare().String()
	m.dropOffers(a, bare, "taken by "+bare, now)
	g := m.groups[a.Workgroup]
	g.dequeue(a)
	g.agent(bare).owned[a.ID] = a
	a.State, a.Owner = Assigned, who
	a.Grant++
	if a.Accepted.IsZero() {
		a.Accepted = now
		g.wait += (now.Sub(a.Raised) - g.wait) / 8
	}
	m.note(a, now, "accepted", bare, "")
	a.rewind()
	a.Told, a.Tell = now, time.Time{}
	m.expect(a, now)
	m.sendAbout(MessageInvite, a, who, "", now)
	m.openRoom(a, who, now)
	if a.queued() {
		m.sendAbout(MessageInvite, a, a.User, "", now)
		m.openRoom(a, a.User, now)
	}
}

// take gives an alert to a member who asks for it: it is offered and accepted in
// one step, whoever else it is offered to. It is not taken from an owner.
func (m *machine) take(id int64, who jid.JID, now time.Time) (Alert, error) {
	a, err := m.live(id)
	if err != nil {
		return Alert{ID: id}, err
	}
	g := m.groups[a.Workgroup]
	to := g.member(who)
	switch {
	case to == nil:
		return *a, fmt.Errorf("%w %s", ErrNotMember, g.Name)
	case a.State != Assigned:
		if o := m.offer(id, to.bare); o == nil || !o.Open() {
			m.hold(a, to, &Offer{Alert: id, Agent: to.bare, To: who, Made: now, Expires: now.Add(g.Timeout)}, now)
		}
	}
	return m.accept(id, who, now)
}

// reject ends the agent's offer, or gives back what the agent owns.
func (m *machine) reject(id int64, who jid.JID, reason string, now time.Time) (Alert, error) {
	a, err := m.live(id)
	if err != nil {
		return Alert{ID: id}, err
	}
	bare := who.Bare().String()
	if a.State == Assigned && a.Owner.Bare().String() == bare {
		m.release(a, Rejected, now)
		m.note(a, now, "released", bare, reason)
		return *a, nil
	}
	o := m.offer(id, bare)
	if o == nil || !o.Open() {
		return *a, ErrNotOffered
	}
	m.endOffer(a, o, Rejected, now)
	m.note(a, now, "rejected", bare, reason)
	return *a, nil
}

// transfer has the owner of an alert give it to another, who is offered it before
// anybody else.
func (m *machine) transfer(id int64, from, to jid.JID, reason string, now time.Time) (Alert, error) {
	a, err := m.live(id)
	if err != nil {
		return Alert{ID: id}, err
	}
	g := m.groups[a.Workgroup]
	next := g.member(to)
	switch {
	case a.State != Assigned || !a.Owner.Bare().Equal(from.Bare()):
		return *a, fmt.Errorf("%w, and is not yours to give", ErrNotOffered)
	case next == nil || next.best() == nil || next.bare == from.Bare().String():
		return *a, fmt.Errorf("%w %s, or not there: %s", ErrNotMember, g.Name, to.Bare())
	}
	m.release(a, Rejected, now)
	m.note(a, now, "transferred", from.Bare().String(), strings.TrimSpace("to "+next.bare+" "+reason))
	o := &Offer{Alert: id, Agent: next.bare, To: next.best().JID, Made: now, Expires: now.Add(g.Timeout)}
	m.hold(a, next, o, now)
	m.sendAbout(MessageOffer, a, o.To, "", now)
	return *a, nil
}

// release puts an alert back into the queue; its owner is not asked first again.
func (m *machine) release(a *Alert, end OfferEnd, now time.Time) {
	g := m.groups[a.Workgroup]
	owner := g.agent(a.Owner.Bare().String())
	delete(owner.owned, a.ID)
	o := &Offer{Alert: a.ID, Agent: owner.bare, To: a.Owner, Made: now, Expires: now, End: end}
	m.offers[a.ID] = append(m.offers[a.ID], o)
	m.changes = append(m.changes, PutOffer{*o})
	a.State, a.Owner, a.Gone, a.Due, a.Tell, a.Reminded = Open, jid.JID{}, time.Time{}, time.Time{}, time.Time{}, false
	a.rewind()
	m.touch(a)
	g.enqueue(a)
	m.wake(a, now.Add(m.retry(a)))
	m.mute(a, now)
	m.dirty[g.Name] = struct{}{}
}

// undelivered ends an offer that its agent's client could not be given. If the
// client is gone, so is the session.
func (m *machine) undelivered(id int64, to jid.JID, gone bool, now time.Time) {
	a := m.alerts[id]
	if a == nil {
		return
	}
	bare := to.Bare().String()
	g := m.groups[a.Workgroup]
	if gone && to.Resourcepart() != "" {
		if s := g.agent(bare).session(to); s != nil {
			m.leave(g, g.agent(bare), s, now)
		}
		return
	}
	if o := m.offer(id, bare); o != nil && o.Open() && o.To.Equal(to) {
		m.endOffer(a, o, LeftOut, now)
		m.note(a, now, "undelivered", bare, "")
	}
}

// resolve ends an alert by somebody's word.
func (m *machine) resolve(id int64, who jid.JID, reason string, now time.Time) (Alert, error) {
	a, err := m.live(id)
	if err != nil {
		return Alert{ID: id}, err
	}
	by := who.Bare()
	if a.State == Assigned && !a.Owner.Bare().Equal(by) {
		m.sendAbout(MessageNote, a, a.Owner, resolvedNote(a, by, reason), now)
	}
	if a.queued() && a.waiting() { // who was taken has left the queue already
		m.sendAbout(MessageDepart, a, a.User, "", now)
	}
	m.end(a, Resolved, by.String(), reason, now)
	return *a, nil
}

func resolvedNote(a *Alert, by jid.JID, reason string) string {
	text := fmt.Sprintf("Alert %d was resolved by %s", a.ID, by)
	if reason != "" {
		text += ": " + reason
	}
	return text
}

// depart takes a person out of the queue, by their own wish or another's
// (XEP-0142#proto-user-depart).
func (m *machine) depart(workgroup string, user, by jid.JID, now time.Time) (Alert, error) {
	a := m.users[userKey{workgroup, user.String()}]
	if a == nil || !a.waiting() {
		return Alert{}, ErrNotQueued
	}
	reason := "left the queue"
	if !by.Equal(user) {
		reason = "taken out of the queue"
	}
	m.sendAbout(MessageDepart, a, a.User, "", now)
	m.end(a, Expired, by.Bare().String(), reason, now)
	return *a, nil
}

// dismiss takes an alert out of the queue by a member's word.
func (m *machine) dismiss(workgroup string, id int64, by jid.JID, now time.Time) error {
	a := m.alerts[id]
	if a == nil || a.Workgroup != workgroup || !a.waiting() {
		return ErrNotQueued
	}
	m.end(a, Expired, by.Bare().String(), "taken out of the queue", now)
	return nil
}

// live is an alert that has not ended.
func (m *machine) live(id int64) (*Alert, error) {
	if a := m.alerts[id]; a != nil {
		return a, nil
	}
	if id > 0 && id <= m.lastID {
		return nil, fmt.Errorf("%w: %d", ErrOver, id)
	}
	return nil, fmt.Errorf("%w: %d", ErrNotFound, id)
}
