package workgroups

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/workgroups/oncall"
)

// A machine is the state of all workgroups and the rules of how it changes. It
// does nothing by itself: the same events at the same times give the same changes
// and messages. It belongs to one goroutine.
//
// Events are its methods report, present, absent, accept, reject, take, release,
// resolve, depart, undelivered and arrived. After one or more of them comes
// settle, which does what is due and makes offers, and then flush, which hands
// over what has to be committed before anybody is told anything.
type machine struct {
	domain    jid.JID
	overrides []oncall.Override // of all schedules, by their number
	silences  []*silence        // by their number
	nextMute  time.Time         // when one of them begins or ends; zero: never
	mutes     int64             // so many times has one begun or ended
	groups    map[string]*group
	alerts    map[int64]*Alert     // those that have not ended
	offers    map[int64][]*Offer   // of these: the ones of this round
	firing    map[thing]*Alert     // of these: what a source reports
	users     map[userKey]*Alert   // of these: who queues
	recent    map[thing]Past       // of what has ended and is not firing, the last
	instances map[int64]*instances // of alerts, which are about several things
	grouped   map[groupKey]*Alert  // that others may join
	messages  map[int64]Message    // not arrived
	wakes     wakes                // when to look at which alert
	order     []ended              // of recent, oldest first
	lastID    int64                // of alerts
	lastSent  int64                // of messages
	rooms     *Rooms               // nil: alerts have none
	asked     int64                // offers made, to tell who was not asked for the longest time
	changes   []Change             // of this step
	fresh     []Message            // of this step
	touched   map[int64]*Alert     // of this step: rows to write
	dirty     map[string]struct{}  // workgroups to route
	told      map[string]struct{}  // workgroups whose status has changed
}

// A thing is what two reports of the same are about.
type thing struct{ workgroup, source, fingerprint string }

type userKey struct{ workgroup, jid string }

type ended struct {
	thing thing
	at    time.Time
}

// A step is what the events since the last one have changed.
type step struct {
	changes  []Change
	messages []outgoing          // to be sent once the changes are on the disk
	rooms    []outgoing          // the same, to be done in rooms
	told     map[string]struct{} // workgroups whose status has changed
}

func newMachine(domain jid.JID, groups []Workgroup, img Image, now time.Time) (*machine, error) {
	m := &machine{
		domain: domain, groups: map[string]*group{}, alerts: map[int64]*Alert{}, offers: map[int64][]*Offer{},
		firing: map[thing]*Alert{}, users: map[userKey]*Alert{}, recent: map[thing]Past{}, instances: map[int64]*instances{}, grouped: map[groupKey]*Alert{}, messages: map[int64]Message{},
		lastID: img.LastID, lastSent: img.LastSent,
		touched: map[int64]*Alert{}, dirty: map[string]struct{}{}, told: map[string]struct{}{},
	}
	for _, w := range groups {
		w.setDefaults()
		g, err := newGroup(w, domain)
		if err != nil {
			return nil, err
		}
		m.groups[w.Name] = g
	}
	m.load(img, now)
	return m, nil
}

// load takes over what the store holds. Alerts of workgroups that the
// configuration has no more stay in the store as they are.
func (m *machine) load(img Image, now time.Time) {
	for _, p := range img.Recent {
		m.remember(p)
	}
	for _, s := range img.Presence {
		g := m.groups[s.Workgroup]
		if g == nil {
			continue
		}
		if a := g.member(s.JID); a != nil {
			a.sessions = append(a.sessions, &s)
		} else { // not any more
			m.changes = append(m.changes, DropSession{s.Workgroup, s.JID})
		}
	}
	for _, a := range img.Alerts {
		g := m.groups[a.Workgroup]
		if g == nil {
			continue
		}
		m.alerts[a.ID] = &a
		m.index(&a)
		m.lastID = max(m.lastID, a.ID)
		if a.waiting() {
			g.enqueue(&a)
		} else {
			g.agent(a.Owner.Bare().String()).owned[a.ID] = &a
		}
		m.wakes.push(a.Wake, a.ID)
	}
	m.loadInstances(img.Instances)
	m.overrides = img.Overrides
	for _, s := range img.Silences {
		m.silences = append(m.silences, newSilence(s))
	}
	for _, o := range img.Offers {
		if a := m.alerts[o.Alert]; a != nil {
			m.offers[a.ID] = append(m.offers[a.ID], &o)
			if o.Open() {
				m.groups[a.Workgroup].agent(o.Agent).open[a.ID] = &o
			}
		}
	}
	for _, msg := range img.Messages {
		msg.Repeat = true
		m.messages[msg.ID] = msg
		m.lastSent = max(m.lastSent, msg.ID)
	}
	for name := range m.groups {
		m.dirty[name] = struct{}{}
	}
	m.muteAll(now)
}

// index makes an alert be found by what it is about.
func (m *machine) index(a *Alert) {
	switch {
	case a.queued():
		m.users[userKey{a.Workgroup, a.User.String()}] = a
	case a.Instances == 0: // else each of them makes it be found
		m.fires(thing{a.Workgroup, a.Source, a.Fingerprint}, a)
	}
	if a.Group != "" {
		m.grouped[groupKey{a.Workgroup, a.Group}] = a
	}
}

// fires notes which alert is about a thing.
func (m *machine) fires(th thing, a *Alert) {
	m.firing[th] = a
	delete(m.recent, th)
}

// rests notes that no alert is about a thing any more.
func (m *machine) rests(p Past) {
	delete(m.firing, p.thing())
	m.remember(p)
}

// remember keeps what late reports are told by, of what is not firing.
func (m *machine) remember(p Past) {
	th := p.thing()
	if last, ok := m.recent[th]; m.firing[th] == nil && (!ok || last.before(p)) {
		m.recent[th] = p
		m.order = append(m.order, ended{th, p.Ended})
	}
}

// queued reports whether the alert is a person in the queue.
func (a *Alert) queued() bool { return a.User.Localpart() != a.Session() }

func (m *machine) group(name string) (*group, error) {
	if g := m.groups[name]; g != nil {
		return g, nil
	}
	return nil, fmt.Errorf("%w: %q", ErrNoWorkgroup, cut(name, 60))
}

// touch has the row of an alert written at the end of the step.
func (m *machine) touch(a *Alert) { m.touched[a.ID] = a }

func (m *machine) note(a *Alert, now time.Time, what, who, text string) {
	a.Seq++
	m.touch(a)
	m.changes = append(m.changes, AddEntry{Entry{Alert: a.ID, Seq: a.Seq, At: now, What: what, Who: who, Text: text}})
}

// send queues a message to somebody.
func (m *machine) send(msg Message, now time.Time) {
	m.lastSent++
	msg.ID, msg.Made = m.lastSent, now
	m.messages[msg.ID] = msg
	m.changes = append(m.changes, PutMessage{msg})
	m.fresh = append(m.fresh, msg)
}

func (m *machine) sendAbout(kind MessageKind, a *Alert, to jid.JID, text string, now time.Time) {
	m.send(Message{Kind: kind, Workgroup: a.Workgroup, To: to, Alert: a.ID, User: a.User, Grant: a.Grant, Text: text}, now)
}

// arrived forgets messages that the server, or the receiver, has taken.
func (m *machine) arrived(ids []int64) {
	for _, id := range ids {
		if _, there := m.messages[id]; there {
			delete(m.messages, id)
			m.changes = append(m.changes, DropMessage{id})
		}
	}
}

// current reports whether a message still says how things are. Only offers, and
// being asked into a room, can be overtaken: what has happened stays true.
func (m *machine) current(msg Message) bool {
	switch msg.Kind {
	case MessageOffer:
		o := m.offer(msg.Alert, msg.To.Bare().String())
		return o != nil && o.Open()
	case MessageRoom:
		a := m.alerts[msg.Alert]
		return m.rooms != nil && a != nil && a.State == Assigned && a.Grant == msg.Grant
	}
	return true
}

// offer is the one of an alert to an agent in this round.
func (m *machine) offer(id int64, bare string) *Offer {
	for _, o := range m.offers[id] {
		if o.Agent == bare {
			return o
		}
	}
	return nil
}

// maxDue bounds how many alerts one step looks at because their time has come: a
// commit of all of a long queue would keep everybody waiting. The next step, which
// comes at once, looks at more.
const maxDue = 1000

// settle does what is due and makes the offers that can be made.
func (m *machine) settle(now time.Time) {
	if !m.nextMute.IsZero() && !m.nextMute.After(now) {
		m.muteAll(now)
	}
	for range maxDue {
		id, ok := m.wakes.due(now)
		if !ok {
			break
		}
		if a := m.alerts[id]; a != nil && !a.Wake.IsZero() && !a.Wake.After(now) {
			m.due(a, now)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.dirty)) {
		m.route(m.groups[name], now)
		m.told[name] = struct{}{}
	}
	clear(m.dirty)
	m.forget(now)
	m.forgetEnded(now)
}

// due does what the time has come for.
func (m *machine) due(a *Alert, now time.Time) {
	switch {
	case a.waiting():
		m.mute(a, now)
		open := 0
		for _, o := range slices.Clone(m.offers[a.ID]) {
			switch {
			case !o.Open():
			case !o.Expires.After(now):
				m.endOffer(a, o, TimedOut, now)
				m.note(a, now, "timed out", o.Agent, "")
				m.sendAbout(MessageRevoke, a, o.To, "the offer has timed out", now)
			default:
				open++
			}
		}
		if open == 0 && !a.Wake.After(now) { // nobody to wait for: ask all again
			m.newRound(a, now)
		}
		m.wakeWaiting(a, now)
		if !a.Tell.IsZero() && !a.Tell.After(now) {
			m.tell(a, now)
		}
		m.dirty[a.Workgroup] = struct{}{}
	case m.deserted(a, now):
		owner := a.Owner.Bare().String()
		m.release(a, LeftOut, now)
		m.note(a, now, "released", owner, "its owner is gone")
	case !a.Due.IsZero() && !a.Due.After(now):
		m.overdue(a, now)
	case !a.Tell.IsZero() && !a.Tell.After(now):
		m.tell(a, now)
	default:
		m.wakeAssigned(a)
	}
}

// newRound forgets who has been asked.
func (m *machine) newRound(a *Alert, now time.Time) {
	if a.Step == 0 && len(m.offers[a.ID]) == 0 { // nobody was: whoever comes is at once
		m.wake(a, now.Add(maxRetry))
		return
	}
	if a.Step > 0 {
		a.rewind()
		a.Round++
		m.touch(a)
	} else {
		a.Round++
	}
	if len(m.offers[a.ID]) > 0 {
		delete(m.offers, a.ID)
		m.changes = append(m.changes, DropOffer{Alert: a.ID})
	}
	m.wake(a, now.Add(m.retry(a)))
}

// retry is how long is waited before everybody is asked again.
func (m *machine) retry(a *Alert) time.Duration {
	wait := m.groups[a.Workgroup].Retry
	for range a.Round {
		if wait >= maxRetry {
			return maxRetry
		}
		wait *= 2
	}
	return min(wait, maxRetry)
}

// wake says when the machine must look at an alert again.
func (m *machine) wake(a *Alert, at time.Time) {
	if a.Wake.Equal(at) {
		return
	}
	a.Wake = at
	m.touch(a)
	m.wakes.push(at, a.ID)
}

// wakeWaiting looks again when the first open offer ends, or those who hold one are
// to be told something.
func (m *machine) wakeWaiting(a *Alert, now time.Time) {
	var first time.Time
	for _, o := range m.offers[a.ID] {
		if o.Open() && (first.IsZero() || o.Expires.Before(first)) {
			first = o.Expires
		}
	}
	state := Offered
	switch {
	case !a.Muted.IsZero():
		state, first = Open, a.Muted
	case first.IsZero() && a.gathers(now):
		state, first = Open, a.Gathers
	case first.IsZero():
		state = Open
		if first = a.Wake; a.State == Offered || !first.After(now) {
			first = now.Add(m.retry(a))
		}
	}
	switch {
	case state == Open:
		a.Tell = time.Time{}
	case !a.Tell.IsZero() && a.Tell.Before(first):
		first = a.Tell
	}
	if a.State != state {
		a.State = state
		m.touch(a)
	}
	m.wake(a, first)
}

// route makes the offers that can be made in a workgroup.
func (m *machine) route(g *group, now time.Time) {
	if len(g.queue) == 0 {
		return
	}
	q := Queue{Timeout: g.Timeout, Parallel: g.Parallel, Waiting: g.queue, Offers: m.offers}
	if len(g.Escalation.Steps) == 0 {
		m.hand(g, q, now)
		return
	}
	q.Steps = m.asks(g, now)
	for again := true; again; again = m.escalate(g, now) {
		m.hand(g, q, now)
	}
}

// hand makes the offers that can be made in the steps in which alerts are.
func (m *machine) hand(g *group, q Queue, now time.Time) {
	agents := g.available()
	if len(agents) == 0 {
		return
	}
	for _, o := range Route(q, agents, now) {
		a, to := m.alerts[o.Alert], g.agents[o.Agent]
		m.hold(a, to, &o, now)
		m.sendAbout(MessageOffer, a, o.To, "", now)
	}
}

// hold records an offer.
func (m *machine) hold(a *Alert, to *agent, o *Offer, now time.Time) {
	m.asked++
	to.last = m.asked
	if !m.held(a.ID) { // the offer says all there is to tell
		a.Told, a.Tell = now, time.Time{}
	}
	to.open[a.ID] = o
	m.offers[a.ID] = append(slices.DeleteFunc(m.offers[a.ID], func(old *Offer) bool { return old.Agent == o.Agent }), o)
	m.changes = append(m.changes, PutOffer{*o})
	m.note(a, now, "offered", o.Agent, "")
	m.wakeWaiting(a, now)
}

// endOffer ends an open offer. Who held it is not asked again in this round.
func (m *machine) endOffer(a *Alert, o *Offer, end OfferEnd, now time.Time) {
	o.End = end
	delete(m.groups[a.Workgroup].agent(o.Agent).open, a.ID)
	m.changes = append(m.changes, PutOffer{*o})
	m.wakeWaiting(a, now)
	m.dirty[a.Workgroup] = struct{}{}
}

// forgetOffer takes an open offer away from an agent, who may be asked again.
func (m *machine) forgetOffer(a *Alert, o *Offer, now time.Time) {
	delete(m.groups[a.Workgroup].agent(o.Agent).open, a.ID)
	m.offers[a.ID] = slices.DeleteFunc(m.offers[a.ID], func(p *Offer) bool { return p == o })
	m.changes = append(m.changes, DropOffer{Alert: a.ID, Agent: o.Agent})
	m.note(a, now, "gone", o.Agent, "")
	m.wakeWaiting(a, now)
	m.dirty[a.Workgroup] = struct{}{}
}

// dropOffers takes all offers of an alert away and tells those who held one why,
// but for the one agent.
func (m *machine) dropOffers(a *Alert, but, why string, now time.Time) {
	for _, o := range m.offers[a.ID] {
		if !o.Open() {
			continue
		}
		delete(m.groups[a.Workgroup].agent(o.Agent).open, a.ID)
		if o.Agent != but {
			m.sendAbout(MessageRevoke, a, o.To, why, now)
		}
	}
	if len(m.offers[a.ID]) > 0 {
		delete(m.offers, a.ID)
		m.changes = append(m.changes, DropOffer{Alert: a.ID})
	}
	m.dirty[a.Workgroup] = struct{}{}
}

// end ends an alert.
func (m *machine) end(a *Alert, state State, by, reason string, now time.Time) {
	g := m.groups[a.Workgroup]
	m.dropOffers(a, "", cmp.Or(reason, string(state)), now)
	if a.State == Assigned {
		delete(g.agent(a.Owner.Bare().String()).owned, a.ID)
	} else {
		g.dequeue(a)
	}
	a.State, a.Ended, a.EndedBy, a.Reason, a.Gone, a.Wake = state, now, by, reason, time.Time{}, time.Time{}
	a.Firing = 0
	m.note(a, now, string(state), by, reason)
	m.closeRoom(a, now)
	delete(m.alerts, a.ID)
	if a.queued() {
		delete(m.users, userKey{a.Workgroup, a.User.String()})
	}
	for _, p := range a.pasts(m.instances[a.ID].live()) {
		m.rests(p)
	}
	delete(m.instances, a.ID)
	m.disband(a)
	m.dirty[a.Workgroup] = struct{}{}
}

// maxRecent bounds how many ended alerts are remembered, however recent.
const maxRecent = 100_000

func (m *machine) forget(now time.Time) {
	n := 0
	for n < len(m.order) && (len(m.order)-n > maxRecent || now.Sub(m.order[n].at) > Remember) {
		if e := m.order[n]; m.recent[e.thing].Ended.Equal(e.at) {
			delete(m.recent, e.thing)
		}
		n++
	}
	m.order = slices.Delete(m.order, 0, n)
}

// next is when settle has something to do at the latest, whatever happens.
func (m *machine) next() (time.Time, bool) {
	at, ok := m.wakes.next()
	if !m.nextMute.IsZero() && (!ok || m.nextMute.Before(at)) {
		return m.nextMute, true
	}
	return at, ok
}

// flush returns what the step has changed and begins the next.
func (m *machine) flush() step {
	for _, id := range slices.Sorted(maps.Keys(m.touched)) {
		m.changes = append(m.changes, PutAlert{*m.touched[id]})
	}
	s := step{changes: m.changes, told: m.told}
	for _, msg := range m.fresh {
		if msg.Kind.room() {
			s.rooms = append(s.rooms, m.outgoing(msg))
		} else {
			s.messages = append(s.messages, m.outgoing(msg))
		}
	}
	m.changes, m.fresh = nil, nil
	clear(m.touched)
	if len(s.told) > 0 {
		m.told = map[string]struct{}{}
	}
	return s
}
