package workgroups

import (
	"maps"
	"slices"
)

// outgoing is a message with what it is about.
func (m *machine) outgoing(msg Message) outgoing {
	out := outgoing{Message: msg}
	if a := m.alerts[msg.Alert]; a != nil {
		out.alert = *a
		if msg.Kind == MessageOffer {
			out.others = m.others(a)
		}
	}
	if o := m.offer(msg.Alert, msg.To.Bare().String()); o != nil {
		out.expires = o.Expires
	}
	return out
}

// outstanding are the messages, of rooms or all others, that have not arrived and
// still say how things are, in order. Those that do not are forgotten at the end
// of the step.
func (m *machine) outstanding(rooms bool) []outgoing {
	var all []outgoing
	var stale []int64
	for _, id := range slices.Sorted(maps.Keys(m.messages)) {
		msg := m.messages[id]
		switch {
		case msg.Kind.room() != rooms:
		case m.current(msg):
			all = append(all, m.outgoing(msg))
		default:
			stale = append(stale, id)
		}
	}
	m.arrived(stale)
	return all
}

// doubt notes that messages may have been sent already.
func (m *machine) doubt(ids []int64) {
	for _, id := range ids {
		if msg, there := m.messages[id]; there {
			msg.Repeat = true
			m.messages[id] = msg
		}
	}
}

// list are the alerts of a workgroup that have not ended, see [Service.Alerts].
func (m *machine) list(workgroup string) []Alert {
	var all []Alert
	for _, name := range slices.Sorted(maps.Keys(m.groups)) {
		if workgroup != "" && name != workgroup {
			continue
		}
		g := m.groups[name]
		for _, a := range g.queue {
			all = append(all, *a)
		}
		var owned []*Alert
		for _, who := range g.order {
			owned = slices.AppendSeq(owned, maps.Values(who.owned))
		}
		slices.SortFunc(owned, before)
		for _, a := range owned {
			all = append(all, *a)
		}
	}
	return all
}
