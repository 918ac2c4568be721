package workgroups

import (
	"fmt"
	"strings"
	"time"

	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
)

// offer is the payload that offers the alert to a client of XEP-0142.
func (m *outgoing) offer(from jid.JID, now time.Time) *element.Element {
	o := offer{ID: sessionID(m.Alert), JID: m.User, Workgroup: from, Timeout: m.expires.Sub(now), Metadata: m.alert.metadata()}
	return o.element()
}

// revoke is the payload that takes an offer back.
func (m *outgoing) revoke(from jid.JID) *element.Element {
	return revoke{ID: sessionID(m.Alert), JID: m.User, Workgroup: from, Reason: m.Text}.element()
}

// stanza is the message as a message stanza, with a body for those who read it as
// chat.
func (m *outgoing) stanza(from jid.JID) *element.Element {
	e := element.New("", "message", "from", from.String(), "to", m.To.String(), "id", m.stanzaID())
	chat := func(text string) *element.Element {
		if m.Repeat {
			text += "\n(repeated)"
		}
		e.Attr = append(e.Attr, element.New("", "", "type", "chat").Attr...)
		return e.AddText("body", text)
	}
	switch m.Kind {
	case MessageOffer:
		return chat(m.alert.pitch(m.others, m.expires.Sub(m.Made)))
	case MessageRevoke:
		return chat(fmt.Sprintf("Alert %d is no longer offered to you: %s", m.Alert, m.Text))
	case MessageNote:
		return chat(m.Text)
	case MessageDepart:
		return e.Add(element.New(NS, "depart-queue"))
	case MessageInvite:
		if m.To.Equal(m.User) {
			return chat("Somebody has taken your request.").Add(sessionElement(sessionID(m.Alert), from, 0))
		}
		return chat(fmt.Sprintf("Alert %d is yours: %s\nWhen it is over: resolve %d and what was done. To give it back: pass %[1]d", m.Alert, m.alert.title(), m.Alert)).Add(
			element.New(NS, "offer", "jid", m.User.String()),
			sessionElement(sessionID(m.Alert), from, m.Grant),
		)
	}
	return e
}

// title is the alert in one line.
func (a *Alert) title() string {
	text := title(a.Severity, a.Host, a.Summary)
	if n := a.several(); n > 1 {
		text += fmt.Sprintf(" and %d more", n-1)
	}
	return text
}

func title(sev Severity, host, summary string) string {
	title := string(sev)
	if host != "" {
		title += " · " + host
	}
	return title + " · " + summary
}

// several is how many things the alert is about, or was when it ended; 0: only
// itself.
func (a *Alert) several() int64 {
	if a.State.Ended() {
		return a.Instances
	}
	return a.Firing
}

// pitch is the offer of an alert as chat: what, where, since when, and what to
// say.
func (a *Alert) pitch(others string, within time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Alert %d · %s\n", a.ID, a.title())
	if d := strings.TrimSpace(a.Details); d != "" {
		fmt.Fprintf(&b, "%s\n", cut(d, 600))
	}
	if others != "" {
		fmt.Fprintf(&b, "also %s\n", others)
	}
	fmt.Fprintf(&b, "since %s", a.Starts.UTC().Format("2006-01-02 15:04 MST"))
	if a.Source != "" {
		fmt.Fprintf(&b, ", from %s", a.Source)
	}
	if a.Count > 1 {
		fmt.Fprintf(&b, ", reported %d times", a.Count)
	}
	fmt.Fprintf(&b, "\ntake %d · pass %d", a.ID, a.ID)
	if within > 0 {
		fmt.Fprintf(&b, " · within %s", within.Round(time.Second))
	}
	return b.String()
}

// metadata is what a client of the Fastpath family shows of an alert.
func (a *Alert) metadata() []metadatum {
	all := []metadatum{
		{"question", a.title()}, {"alert", itoa(a.ID)}, {"severity", string(a.Severity)}, {"summary", a.Summary},
		{"host", a.Host}, {"details", cut(a.Details, 4096)}, {"source", a.Source}, {"since", stamp(a.Starts)},
	}
	if n := a.several(); n > 1 {
		all = append(all, metadatum{"instances", itoa(n)})
	}
	left, omitted := maxMetadata, 0
	for _, d := range all {
		left -= d.size()
	}
	for _, name := range sortedKeys(a.Labels) {
		d := metadatum{"label." + name, a.Labels[name]}
		if n := d.size(); n <= left {
			left -= n
			all = append(all, d)
		} else {
			omitted++
		}
	}
	if omitted > 0 {
		all = append(all, metadatum{"labels_left_out", itoa(int64(omitted))})
	}
	return all
}

// maxMetadata is how many bytes of metadata an offer has: with it, it has to be less
// than the 64 KiB that a server takes at least.
const maxMetadata = 52 << 10

// size is how many bytes it has on the wire.
func (d metadatum) size() int {
	return len("<value name=''></value>") + len(element.AppendEscaped(element.AppendEscaped(nil, d.name), d.value))
}
