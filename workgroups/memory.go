package workgroups

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"adminbot/workgroups/oncall"
)

// Memory is a [Store] that lasts as long as the process: for tests, and to try
// things out. Its zero value is empty. Its methods are safe for concurrent use.
type Memory struct {
	Fail func([]Change) error // asked before each commit; may be nil

	mu        sync.Mutex
	alerts    map[int64]Alert
	entries   map[int64][]Entry
	instances map[int64]map[int64]Instance // by alert and number
	offers    map[int64]map[string]Offer   // by alert and agent
	sessions  map[sessionKey]Session
	messages  map[int64]Message
	lastSent  int64

	overrides map[int64]oncall.Override
	silences  map[int64]Silence
}

type sessionKey struct{ workgroup, jid string }

// Commit makes all changes.
func (m *Memory) Commit(_ context.Context, changes []Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		if err := m.Fail(changes); err != nil {
			return err
		}
	}
	for _, c := range changes {
		if c, ok := c.(AddEntry); ok && int64(len(m.entries[c.Entry.Alert])) >= c.Entry.Seq {
			return fmt.Errorf("workgroups: entry %d of alert %d is there", c.Entry.Seq, c.Entry.Alert)
		}
	}
	if m.alerts == nil {
		m.alerts, m.entries = map[int64]Alert{}, map[int64][]Entry{}
		m.instances = map[int64]map[int64]Instance{}
		m.offers, m.sessions = map[int64]map[string]Offer{}, map[sessionKey]Session{}
		m.messages = map[int64]Message{}
		m.overrides, m.silences = map[int64]oncall.Override{}, map[int64]Silence{}
	}
	for _, c := range changes {
		switch c := c.(type) {
		case PutAlert:
			m.alerts[c.Alert.ID] = c.Alert
		case PutInstance:
			if m.instances[c.Instance.Alert] == nil {
				m.instances[c.Instance.Alert] = map[int64]Instance{}
			}
			m.instances[c.Instance.Alert][c.Instance.N] = c.Instance
		case PutOffer:
			if m.offers[c.Offer.Alert] == nil {
				m.offers[c.Offer.Alert] = map[string]Offer{}
			}
			m.offers[c.Offer.Alert][c.Offer.Agent] = c.Offer
		case DropOffer:
			if delete(m.offers[c.Alert], c.Agent); c.Agent == "" {
				delete(m.offers, c.Alert)
			}
		case PutSession:
			m.sessions[sessionKey{c.Session.Workgroup, c.Session.JID.String()}] = c.Session
		case DropSession:
			delete(m.sessions, sessionKey{c.Workgroup, c.JID.String()})
		case PutMessage:
			m.messages[c.Message.ID] = c.Message
			m.lastSent = max(m.lastSent, c.Message.ID)
		case DropMessage:
			delete(m.messages, c.ID)
		case PutOverride:
			m.overrides[c.Override.ID] = c.Override
		case DropOverride:
			delete(m.overrides, c.ID)
		case PutSilence:
			m.silences[c.Silence.ID] = c.Silence
		case DropSilence:
			delete(m.silences, c.ID)
		case AddEntry:
			m.entries[c.Entry.Alert] = append(m.entries[c.Entry.Alert], c.Entry)
		}
	}
	return nil
}

// Load returns everything that is not over.
func (m *Memory) Load(context.Context) (Image, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	img := Image{LastSent: m.lastSent}
	last := map[thing]Past{}
	var latest time.Time
	for _, a := range m.alerts {
		if a.Ended.After(latest) {
			latest = a.Ended
		}
	}
	for _, a := range m.alerts {
		img.LastID = max(img.LastID, a.ID)
		if !a.State.Ended() {
			img.Alerts = append(img.Alerts, a)
			img.Instances = append(img.Instances, m.instancesOf(a.ID)...)
			continue
		}
		if latest.Sub(a.Ended) >= Remember {
			continue
		}
		var instances []*Instance
		for _, i := range m.instancesOf(a.ID) {
			instances = append(instances, &i)
		}
		for _, p := range a.pasts(instances) {
			if b, ok := last[p.thing()]; !ok || b.before(p) {
				last[p.thing()] = p
			}
		}
	}
	img.Recent = slices.AppendSeq(img.Recent, maps.Values(last))
	for _, of := range m.offers {
		img.Offers = slices.AppendSeq(img.Offers, maps.Values(of))
	}
	for _, s := range m.sessions {
		img.Presence = append(img.Presence, s)
	}
	for _, msg := range m.messages {
		img.Messages = append(img.Messages, msg)
	}
	for _, id := range slices.Sorted(maps.Keys(m.overrides)) {
		img.Overrides = append(img.Overrides, m.overrides[id])
	}
	for _, id := range slices.Sorted(maps.Keys(m.silences)) {
		img.Silences = append(img.Silences, m.silences[id])
	}
	sortImage(&img)
	return img, nil
}

// sortImage puts the rows of an image into the order of their keys; those of
// Recent into the order in which they ended.
func sortImage(img *Image) {
	byID := func(a, b Alert) int { return int(a.ID - b.ID) }
	slices.SortFunc(img.Alerts, byID)
	slices.SortFunc(img.Instances, func(a, b Instance) int { return cmp.Or(int(a.Alert-b.Alert), int(a.N-b.N)) })
	slices.SortFunc(img.Recent, func(a, b Past) int {
		return cmp.Or(a.Ended.Compare(b.Ended), int(a.Alert-b.Alert), strings.Compare(a.Source, b.Source), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	slices.SortFunc(img.Offers, func(a, b Offer) int {
		if a.Alert != b.Alert {
			return int(a.Alert - b.Alert)
		}
		return strings.Compare(a.Agent, b.Agent)
	})
	slices.SortFunc(img.Presence, func(a, b Session) int {
		return strings.Compare(a.Workgroup+" "+a.JID.String(), b.Workgroup+" "+b.JID.String())
	})
	slices.SortFunc(img.Messages, func(a, b Message) int { return int(a.ID - b.ID) })
}

// Alert returns one alert and its timeline.
func (m *Memory) Alert(_ context.Context, id int64) (Alert, []Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.alerts[id]
	if !ok {
		return a, nil, ErrNotFound
	}
	return a, slices.Clone(m.entries[id]), nil
}

// Instances returns those of an alert.
func (m *Memory) Instances(_ context.Context, alert int64) ([]Instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.instancesOf(alert), nil
}

// instancesOf are the instances of an alert, in order. With m.mu held.
func (m *Memory) instancesOf(alert int64) (all []Instance) {
	for _, n := range slices.Sorted(maps.Keys(m.instances[alert])) {
		all = append(all, m.instances[alert][n])
	}
	return all
}

// Ended returns alerts that have ended, the latest first.
func (m *Memory) Ended(_ context.Context, workgroup string, limit int) ([]Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Alert
	for _, a := range m.alerts {
		if a.State.Ended() && (workgroup == "" || a.Workgroup == workgroup) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b Alert) int {
		if d := b.Ended.Compare(a.Ended); d != 0 {
			return d
		}
		return int(b.ID - a.ID)
	})
	return all[:min(limit, len(all))], nil
}

// Figures returns those of the alerts that were raised in a period.
func (m *Memory) Figures(_ context.Context, workgroup string, from, until time.Time) (f Figures, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.alerts {
		if (workgroup == "" || a.Workgroup == workgroup) && !a.Raised.Before(from) && a.Raised.Before(until) {
			f.Add(a)
		}
	}
	return f, nil
}
