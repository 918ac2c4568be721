package workgroups

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"mellium.im/xmpp/jid"

	"adminbot/workgroups/oncall"
)

// A world is a machine, a store that its changes go to, and what everybody
// outside believes, by nothing but the messages that were sent to them and what
// they did themselves.
type world struct {
	t      testing.TB
	rnd    *rand.Rand
	groups []Workgroup
	store  *Memory
	m      *machine
	now    time.Time
	log    []string // what has happened lately

	agents []jid.JID                      // full addresses
	held   map[string]map[int64]bool      // by bare address: alerts that somebody believes to be offered
	grants map[int64]int64                // alert: highest fencing number seen
	owners map[int64]string               // alert and number: who was told that it is theirs
	raised map[string]*belief             // by workgroup and fingerprint: what the source believes
	house  *house                         // where the rooms are
	causes map[string]*cause              // by workgroup and role: what joins what
	news   map[int64]time.Time            // alert: when who has it was told last what it is about
	knows  map[string]map[int64]time.Time // by bare address: the same of each
	states map[int64]State                // of all alerts that were ever acknowledged
}

var domain = jid.MustParse("workgroup.example.net")

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(seed, 142)), store: &Memory{}, now: time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC),
		held: map[string]map[int64]bool{}, grants: map[int64]int64{}, owners: map[int64]string{}, raised: map[string]*belief{}, causes: map[string]*cause{}, news: map[int64]time.Time{}, knows: map[string]map[int64]time.Time{}, states: map[int64]State{},
	}
	var members []Member
	for i := range 8 {
		m := Member{JID: jid.MustParse(fmt.Sprintf("agent%d@example.net", i)), Bot: i == 0, Max: 1 + i%3}
		if i%4 == 1 {
			m.Skills = []string{"role=db"}
		}
		members = append(members, m)
		for _, r := range []string{"phone", "desk"} {
			full, _ := m.JID.WithResource(r)
			w.agents = append(w.agents, full)
		}
		w.agents = append(w.agents, m.JID) // chat
		w.held[m.JID.String()], w.knows[m.JID.String()] = map[int64]bool{}, map[int64]time.Time{}
	}
	w.groups = []Workgroup{
		{Name: "alerts", Members: members, Timeout: 20 * time.Second, Retry: 7 * time.Second, Grace: 40 * time.Second},
		{Name: "both", Members: members[:4], Timeout: 30 * time.Second, Retry: 10 * time.Second, Parallel: 3},
	}
	turns := &oncall.Schedule{Name: "turns", Layers: []oncall.Layer{{Name: "hours", Every: time.Hour, Who: []string{"agent1@example.net", "agent2@example.net", "agent3@example.net"}}}}
	w.groups = append(w.groups, Workgroup{
		Name: "steps", Members: members[:6], Timeout: 20 * time.Second, Retry: 7 * time.Second, Grace: 40 * time.Second, Confirm: 50 * time.Second,
		Schedules: []*oncall.Schedule{turns},
		Escalation: Escalation{Repeat: 2, Steps: []Step{
			{Bots: true, Wait: 10 * time.Second}, {OnCall: turns, Wait: 30 * time.Second},
			{Who: []jid.JID{members[4].JID, members[5].JID}, Wait: 40 * time.Second, Parallel: 1}, {Everybody: true, Wait: 25 * time.Second},
		}},
	})
	w.groups = append(w.groups, Workgroup{
		Name: "storm", Members: members[:6], Timeout: 20 * time.Second, Retry: 7 * time.Second, Grace: 40 * time.Second,
		GroupBy: []string{"role"}, GroupWait: 3 * time.Second, GroupInterval: 15 * time.Second, GroupMax: 6,
	})
	w.groups = append(w.groups, Workgroup{
		Name: "rack", Members: members[2:], Timeout: 20 * time.Second, Retry: 7 * time.Second, Confirm: 90 * time.Second,
		GroupBy: []string{"role", "site"}, GroupMax: 9, Escalation: Escalation{Steps: []Step{{Bots: true, Wait: 10 * time.Second}, {Everybody: true, Wait: 25 * time.Second}}},
	})
	w.house = w.newHouse()
	w.restart()
	return w
}

// restart forgets the machine and makes one of what the store has.
func (w *world) restart() {
	img, err := w.store.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := newMachine(domain, w.groups, img, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.m = m
	w.house.restart()
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\nlately:\n%s", fmt.Sprintf(format, args...), strings.Join(w.log[max(0, len(w.log)-40):], "\n"))
}

func (w *world) did(format string, args ...any) {
	w.log = append(w.log, w.now.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	if len(w.log) > 400 {
		w.log = slices.Clone(w.log[200:])
	}
}

func (w *world) group() string { return w.groups[w.rnd.IntN(len(w.groups))].Name }

func (w *world) anybody() jid.JID { return w.agents[w.rnd.IntN(len(w.agents))] }

// some alert: mostly one that is there.
func (w *world) alert() int64 {
	if len(w.m.alerts) > 0 && w.rnd.IntN(10) > 0 {
		ids := slices.Sorted(maps.Keys(w.m.alerts))
		return ids[w.rnd.IntN(len(ids))]
	}
	return w.rnd.Int64N(w.m.lastID + 2)
}

// step does something at random.
func (w *world) step() {
	switch n := w.rnd.IntN(100); {
	case n < 22:
		w.report()
	case n < 40:
		w.presence()
	case n < 46:
		who, group := w.anybody(), w.group()
		w.did("absent %s %s", group, who)
		w.m.absent(group, who, w.now)
		w.drop(group, who)
	case n < 64:
		w.accept(w.rnd.IntN(4) > 0)
	case n < 70:
		w.take()
	case n < 77:
		w.reject()
	case n < 82:
		id := w.alert()
		before := w.m.alerts[id]
		_, err := w.m.resolve(id, w.anybody(), "done", w.now)
		w.did("resolve %d: %v", id, err)
		if (before != nil) != (err == nil) {
			w.fail("resolve %d: %v, it was %v", id, err, before)
		}
		if err == nil {
			w.ended(before)
		}
	case n < 83:
		w.mute()
	case n < 85:
		id, to := w.alert(), w.anybody()
		gone := w.rnd.IntN(2) == 0
		w.did("undelivered %d %s gone=%t", id, to, gone)
		w.undelivered(id, to, gone)
	case n < 87:
		w.user()
	case n < 90:
		w.invite()
	case n < 97:
		d := time.Duration(w.rnd.Int64N(int64(12 * time.Second)))
		w.now = w.now.Add(d)
		w.did("%s pass", d)
	case n < 98:
		w.now = w.now.Add(time.Duration(w.rnd.IntN(3600)) * time.Second)
		w.did("a long time passes")
	case w.rnd.IntN(4) == 0:
		w.flush()
		w.did("the process is killed and starts again")
		w.restart()
	}
	if w.rnd.IntN(3) > 0 { // else several events in one commit
		w.flush()
	}
	for range w.rnd.IntN(4) { // each is an event that is waited for
		w.house.step()
		w.commit()
		w.house.check()
	}
}

// mute does something about silences and overrides.
func (w *world) mute() {
	switch w.rnd.IntN(5) {
	case 0, 1:
		from := w.now.Add(time.Duration(w.rnd.IntN(60)) * time.Second)
		s := Silence{
			Match: []Matcher{{Name: "role", Value: []string{"db", "w.b"}[w.rnd.IntN(2)], Regexp: true}, {Name: "severity", Value: "critical", Not: true}},
			From:  from, Until: from.Add(time.Duration(1+w.rnd.IntN(120)) * time.Second), By: "agent1@example.net",
		}
		_, err := w.m.silence([]Silence{s}, w.now)
		w.did("silence %s from %s until %s: %v", s.String(), s.From, s.Until, err)
		if err != nil {
			w.fail("silence: %v", err)
		}
	case 2:
		w.did("the silences end: %d", len(w.m.endSilences(func(*Silence) bool { return w.rnd.IntN(2) == 0 }, w.now)))
	case 3:
		who := w.anybody()
		g := w.m.groups["steps"]
		_, err := w.m.override(g, oncall.Override{Schedule: "turns", Who: who.String(), Until: w.now.Add(time.Duration(1+w.rnd.IntN(300)) * time.Second)}, w.now)
		w.did("override %s: %v", who, err)
		if (err == nil) != g.admits(who) {
			w.fail("override by %s: %v", who, err)
		}
	case 4:
		w.did("overrides end: %d", len(w.m.endOverrides(w.m.groups["steps"], "turns", w.now)))
	}
}

// muted reports whether a silence is for an alert, by looking at all of them.
func (w *world) muted(a *Alert) bool {
	if p := w.m.instances[a.ID]; p != nil { // nobody is asked if nobody is about any of them
		return !slices.ContainsFunc(p.order, func(i *Instance) bool { return i.Over.IsZero() && !w.silenced(i.Labels["role"], i.Severity) })
	}
	return w.silenced(a.Labels["role"], a.Severity)
}

func (w *world) silenced(role string, sev Severity) bool {
	return slices.ContainsFunc(w.m.silences, func(s *silence) bool {
		meant := s.Match[0].Value == "db" && role == "db" || s.Match[0].Value == "w.b" && role == "web"
		return meant && sev != Critical && !s.From.After(w.now) && s.Until.After(w.now)
	})
}

func (w *world) presence() {
	who, group := w.anybody(), w.group()
	s := Session{
		Workgroup: group, JID: who, Show: []Show{Chat, Available, Available, Away, ExtraAway, Busy}[w.rnd.IntN(6)], Max: w.rnd.IntN(5),
	}
	joins := w.rnd.IntN(4) > 0
	isMember := w.m.groups[group].admits(who)
	there := isMember && w.m.groups[group].agents[who.Bare().String()].session(who) != nil
	ok := w.m.present(s, joins, w.now)
	w.did("present %s %s %q joins=%t: %t", group, who, s.Show, joins, ok)
	if want := isMember && (joins || there); ok != want {
		w.fail("presence is taken: %t, want %t", ok, want)
	}
}

// drop: whoever is gone knows nothing any more of what was offered there.
func (w *world) drop(group string, who jid.JID) {
	for id := range w.held[who.Bare().String()] {
		if a := w.m.alerts[id]; a != nil && a.Workgroup == group {
			if o := w.m.offer(id, who.Bare().String()); o == nil || !o.Open() {
				delete(w.held[who.Bare().String()], id)
			}
		}
	}
}

func (w *world) undelivered(id int64, to jid.JID, gone bool) {
	w.m.undelivered(id, to, gone, w.now)
	for _, g := range w.groups {
		w.drop(g.Name, to)
	}
}

func (w *world) accept(honest bool) {
	who, id := w.anybody(), w.alert()
	if honest { // one that is held
		bare := who.Bare().String()
		if ids := slices.Sorted(maps.Keys(w.held[bare])); len(ids) > 0 {
			id = ids[w.rnd.IntN(len(ids))]
		}
	}
	bare := who.Bare().String()
	var before Alert
	live := w.m.alerts[id]
	if live != nil {
		before = *live
	}
	o := w.m.offer(id, bare)
	holds := o != nil && o.Open()
	after, err := w.m.accept(id, who, w.now)
	w.did("accept %d %s: %v", id, who, err)
	switch {
	case live == nil:
		if err == nil {
			w.fail("accepted what is not there")
		}
	case before.State == Assigned && before.Owner.Bare().String() == bare:
		if err != nil || after.Grant != before.Grant {
			w.fail("a second accept: %v, grant %d after %d", err, after.Grant, before.Grant)
		}
	case before.State == Assigned:
		if !errors.Is(err, ErrTaken) {
			w.fail("accepted what is another's: %v", err)
		}
	case !holds:
		if !errors.Is(err, ErrNotOffered) {
			w.fail("accepted without an offer: %v", err)
		}
	case err != nil:
		w.fail("an open offer could not be accepted: %v", err)
	default:
		w.granted(after, before.Grant, bare)
	}
}

func (w *world) granted(a Alert, before int64, bare string) {
	if a.State != Assigned || a.Grant != before+1 || a.Owner.Bare().String() != bare {
		w.fail("granted: %+v", a)
	}
	delete(w.held[bare], a.ID)
}

func (w *world) take() {
	who, id := w.anybody(), w.alert()
	live := w.m.alerts[id]
	var before Alert
	if live != nil {
		before = *live
	}
	after, err := w.m.take(id, who, w.now)
	w.did("take %d %s: %v", id, who, err)
	switch {
	case live == nil:
		if err == nil {
			w.fail("took what is not there")
		}
	case !w.m.groups[before.Workgroup].admits(who):
		if !errors.Is(err, ErrNotMember) {
			w.fail("took without being a member: %v", err)
		}
	case before.State == Assigned:
		if mine := before.Owner.Bare().Equal(who.Bare()); mine != (err == nil) || after.Grant != before.Grant {
			w.fail("took an owned one: %v", err)
		}
	case err != nil:
		w.fail("could not take: %v", err)
	default:
		w.granted(after, before.Grant, who.Bare().String())
	}
}

func (w *world) reject() {
	who, id := w.anybody(), w.alert()
	_, err := w.m.reject(id, who, "busy", w.now)
	w.did("reject %d %s: %v", id, who, err)
	if err == nil {
		delete(w.held[who.Bare().String()], id)
	}
}

// invite is somebody who asks to come into the room of an alert.
func (w *world) invite() {
	who, id := w.anybody(), w.alert()
	if a := w.m.alerts[id]; a != nil && a.State == Assigned {
		w.did("room %d for %s", id, who)
		w.m.openRoom(a, who, w.now)
	}
}

// user is a person who queues, or leaves.
func (w *world) user() {
	who := jid.MustParse(fmt.Sprintf("user%d@example.org/home", w.rnd.IntN(5)))
	group := w.group()
	_, queued := w.m.users[userKey{group, who.String()}]
	if w.rnd.IntN(2) == 0 {
		got, err := w.m.report(Report{Workgroup: group, Source: who.Bare().String(), Summary: "help", User: who}, w.now)
		w.did("join %s %s: %d %v", group, who, got.Alert.ID, err)
		if queued != errors.Is(err, ErrQueued) {
			w.fail("join: %v, in the queue: %t", err, queued)
		}
		return
	}
	a, err := w.m.depart(group, who, who, w.now)
	w.did("depart %s %s: %d %v", group, who, a.ID, err)
	if err == nil {
		w.states[a.ID] = a.State
	}
}

// flush ends a step, and checks everything.
func (w *world) flush() {
	w.commit()
	w.check()
	w.house.check()
}

// commit ends a step as the service does.
func (w *world) commit() {
	w.m.settle(w.now)
	step := w.m.flush()
	if err := w.store.Commit(w.t.Context(), step.changes); err != nil {
		w.fail("commit: %v", err)
	}
	for _, msg := range step.messages {
		w.told(msg)
	}
	w.house.queue.add(step.rooms)
	if w.rnd.IntN(2) == 0 { // the server has taken them
		w.m.arrived(slices.DeleteFunc(slices.Sorted(maps.Keys(w.m.messages)), func(id int64) bool { return w.m.messages[id].Kind.room() }))
	}
}

// told is what a message makes its receiver believe.
func (w *world) told(msg outgoing) {
	bare := msg.To.Bare().String()
	held := w.held[bare]
	switch msg.Kind {
	case MessageOffer:
		w.did("  offer %d to %s", msg.Alert, msg.To)
		if !w.anyHolds(msg.Alert) {
			w.news[msg.Alert] = msg.Made
		}
		held[msg.Alert], w.knows[bare][msg.Alert] = true, msg.Made
		g := w.m.groups[msg.Workgroup]
		if a := g.agents[bare]; len(a.owned)+len(a.open) > a.limit(a.session(msg.To)) {
			w.fail("%s has %d and is offered %d: more than %d (I13)", bare, len(a.owned), len(a.open), a.limit(a.session(msg.To)))
		}
	case MessageRevoke:
		w.did("  revoke %d to %s: %s", msg.Alert, msg.To, msg.Text)
		delete(held, msg.Alert)
	case MessageNote:
		w.grown(msg)
	case MessageInvite:
		w.did("  invite %d grant %d to %s", msg.Alert, msg.Grant, msg.To)
		if msg.To.Equal(msg.User) {
			return
		}
		if msg.Grant <= w.grants[msg.Alert] {
			w.fail("alert %d: grant %d after %d", msg.Alert, msg.Grant, w.grants[msg.Alert])
		}
		w.grants[msg.Alert] = msg.Grant
		w.news[msg.Alert], w.knows[bare][msg.Alert] = msg.Made, msg.Made
		w.owners[msg.Alert] = bare
	}
}

// check looks at every invariant.
func (w *world) check() {
	w.t.Helper()
	m := w.m
	for _, g := range m.groups {
		if !slices.IsSortedFunc(g.queue, before) {
			w.fail("the queue of %s is out of order", g.Name)
		}
		waiting := 0
		for _, a := range m.alerts {
			if a.Workgroup == g.Name && a.waiting() {
				waiting++
				if g.position(a) < 0 {
					w.fail("alert %d is not in the queue", a.ID)
				}
			}
		}
		if waiting != len(g.queue) {
			w.fail("%d wait in %s, %d in the queue", waiting, g.Name, len(g.queue))
		}
		for bare, a := range g.agents {
			for id, o := range a.open {
				if live := m.alerts[id]; live == nil || !live.waiting() || m.offer(id, bare) != o || !o.Open() {
					w.fail("%s holds an offer of %d that is none (I5)", bare, id)
				}
				if !w.held[bare][id] {
					w.fail("%s was not told of an offer of %d", bare, id)
				}
				if s := a.session(o.To); s == nil && a.best() == nil {
					w.fail("%s holds an offer of %d and is not there", bare, id)
				}
			}
			for id, owned := range a.owned {
				if m.alerts[id] != owned || owned.State != Assigned || owned.Owner.Bare().String() != bare {
					w.fail("%s owns %d, which is not so", bare, id)
				}
			}
		}
	}
	for bare, held := range w.held { // nobody is left with an offer that is none (I5)
		for id := range held {
			if o := m.offer(id, bare); o == nil || !o.Open() {
				w.fail("%s believes that %d is offered, and was never told that it is not", bare, id)
			}
		}
	}
	w.checkInstances()
	for id, a := range m.alerts {
		open := 0
		for _, o := range m.offers[id] {
			if o.Open() {
				open++
				if m.groups[a.Workgroup].agent(o.Agent).open[id] != o {
					w.fail("the offer of %d to %s is not known to the agent", id, o.Agent)
				}
			}
		}
		switch a.State {
		case Open, Offered:
			if (open > 0) != (a.State == Offered) {
				w.fail("alert %d is %s with %d open offers", id, a.State, open)
			}
			if a.Wake.IsZero() || !a.Wake.After(w.now) { // I9, I12
				w.fail("alert %d waits and nobody will look: %v", id, a.Wake)
			}
			if muted := w.muted(a); muted != !a.Muted.IsZero() || muted && open > 0 { // I11
				w.fail("alert %d is to be muted: %t; it is until %v, with %d open offers", id, muted, a.Muted, open)
			}
			for _, o := range m.offers[id] {
				if a.Workgroup == "steps" && o.Open() && a.Step > 0 && !a.StepEnds.IsZero() && o.Expires.After(a.StepEnds) {
					w.fail("an offer of %d outlasts its step", id)
				}
			}
			if a.gathers(w.now) && open > 0 {
				w.fail("alert %d waits for others to join it until %s, and is offered", id, a.Gathers)
			}
			if a.Workgroup == "steps" && a.Muted.IsZero() && open == 0 && a.Step != 5 {
				w.fail("alert %d is in step %d, and nobody is asked", id, a.Step)
			}
		case Assigned:
			if a.Workgroup == "steps" && (a.Due.IsZero() || a.Wake.IsZero()) {
				w.fail("nobody will ask the owner of %d", id)
			}
			if open > 0 || len(m.offers[id]) > 0 {
				w.fail("alert %d is owned and offered", id)
			}
			if w.owners[id] != a.Owner.Bare().String() || w.grants[id] != a.Grant { // I3
				w.fail("alert %d belongs to %s (%d); who was told last is %s (%d)", id, a.Owner, a.Grant, w.owners[id], w.grants[id])
			}
			if !a.Gone.IsZero() && a.Wake.IsZero() {
				w.fail("alert %d has an owner who is gone, and nobody will look", id)
			}
		default:
			w.fail("alert %d is live and %s", id, a.State)
		}
	}
	for key, b := range w.raised {
		group, print, _ := strings.Cut(key, " ")
		a := m.firing[thing{group, "src", print}]
		if (a != nil) != b.open {
			w.fail("%s: the source believes open=%t, it is %v", key, b.open, a)
		}
	}
	if idle := m.idle(w.now); len(idle) > 0 {
		w.fail("idle: %v", idle)
	}
}

// same checks that the store holds what the machine does.
func (w *world) same() {
	w.t.Helper()
	w.flush()
	// And the arrivals of the messages that the last step had.
	if err := w.store.Commit(w.t.Context(), w.m.flush().changes); err != nil {
		w.fail("commit: %v", err)
	}
	img, err := w.store.Load(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	again, err := newMachine(domain, w.groups, img, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	again.forget(w.now)
	if diff := cmp.Diff(w.m.dump(), again.dump()); diff != "" {
		w.fail("a restart would change (-live +again):\n%s", diff)
	}
	for id := int64(1); id <= w.m.lastID; id++ { // I2: nothing is lost, and each is in one state
		a, entries, err := w.store.Alert(w.t.Context(), id)
		if err != nil {
			w.fail("alert %d is lost: %v", id, err)
		}
		if live := w.m.alerts[id]; (live == nil) != a.State.Ended() {
			w.fail("alert %d is %s in the store, and live: %t", id, a.State, live != nil)
		}
		if a.State == Expired && a.Reason == "" {
			w.fail("alert %d expired for no reason", id)
		}
		for i, e := range entries {
			if e.Seq != int64(i+1) {
				w.fail("the timeline of %d has a gap at %d (I14)", id, i+1)
			}
		}
		if all, err := w.store.Instances(w.t.Context(), id); err != nil || int64(len(all)) != a.Instances {
			w.fail("alert %d has %d instances in the store, it says %d (%v)", id, len(all), a.Instances, err)
		}
		if int64(len(entries)) != a.Seq || len(entries) == 0 || entries[0].What != "raised" {
			w.fail("the timeline of %d: %v, the alert counts %d", id, entries, a.Seq)
		}
	}
}

// dump is the state of a machine as text, of what a restart must keep.
func (m *machine) dump() []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, id := range slices.Sorted(maps.Keys(m.alerts)) {
		add("alert %+v", *m.alerts[id])
		if p := m.instances[id]; p != nil {
			add("  firing %v", p.firing)
			for _, i := range p.order {
				add("  instance %+v", *i)
			}
		}
		of := slices.Clone(m.offers[id])
		slices.SortFunc(of, func(a, b *Offer) int { return strings.Compare(a.Agent, b.Agent) })
		for _, o := range of {
			add("  offer %+v", *o)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		g := m.groups[name]
		var queue []int64
		for _, a := range g.queue {
			queue = append(queue, a.ID)
		}
		add("queue %s %v", name, queue)
		for _, a := range g.order {
			if len(a.owned)+len(a.open)+len(a.sessions) == 0 {
				continue
			}
			add("agent %s owns %v holds %v", a.bare, slices.Sorted(maps.Keys(a.owned)), slices.Sorted(maps.Keys(a.open)))
			there := slices.Clone(a.sessions)
			slices.SortFunc(there, func(a, b *Session) int { return strings.Compare(a.JID.String(), b.JID.String()) })
			for _, s := range there {
				add("  session %+v", *s)
			}
		}
	}
	for key, a := range m.grouped {
		add("what has %q joins %d", key, a.ID)
	}
	slices.Sort(out[len(out)-len(m.grouped):])
	for _, o := range m.overrides {
		add("override %+v", o)
	}
	for _, s := range m.silences {
		add("silence %+v", s.Silence)
	}
	for _, id := range slices.Sorted(maps.Keys(m.messages)) {
		msg := m.messages[id]
		msg.Repeat = false
		add("message %+v", msg)
	}
	for th, p := range m.recent {
		add("recent %v %+v", th, p)
	}
	slices.Sort(out[len(out)-len(m.recent):])
	add("last %d %d", m.lastID, m.lastSent)
	return out
}

// raceDetector is set where every step takes ten times as long, and nothing is
// concurrent.
var raceDetector bool

// TestModel does random things for many steps, kills and restarts included, and
// looks after each at what everybody believes. MODEL_SEED repeats one.
func TestModel(t *testing.T) {
	steps := 100_000
	if raceDetector {
		steps = 10_000
	}
	seeds := []uint64{1, 2, 3, 4, rand.Uint64()}
	if text := os.Getenv("MODEL_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed)
			for i := range steps / len(seeds) {
				w.step()
				if i%1000 == 0 {
					w.same()
				}
			}
			w.same()
			w.house.finish()
		})
	}
}
