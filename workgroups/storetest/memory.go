package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"

	"adminbot/workgroups"
)

// Memory is a [workgroups.Store] that lasts as long as the process. Its zero
// value is empty. Its methods are safe for concurrent use.
type Memory struct {
	Fail func([]workgroups.Change) error // asked before each commit; may be nil

	mu       sync.Mutex
	alerts   map[int64]workgroups.Alert
	entries  map[int64][]workgroups.Entry
	offers   map[offerKey]workgroups.Offer
	sessions map[sessionKey]workgroups.Session
	messages map[int64]workgroups.Message
	lastSent int64
}

type offerKey struct {
	alert int64
	agent string
}

type sessionKey struct{ workgroup, jid string }

// Commit makes all changes.
func (m *Memory) Commit(_ context.Context, changes []workgroups.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		if err := m.Fail(changes); err != nil {
			return err
		}
	}
	if m.alerts == nil {
		m.alerts, m.entries = map[int64]workgroups.Alert{}, map[int64][]workgroups.Entry{}
		m.offers, m.sessions = map[offerKey]workgroups.Offer{}, map[sessionKey]workgroups.Session{}
		m.messages = map[int64]workgroups.Message{}
	}
	for _, c := range changes {
		switch c := c.(type) {
		case workgroups.PutAlert:
			m.alerts[c.Alert.ID] = c.Alert
		case workgroups.PutOffer:
			m.offers[offerKey{c.Offer.Alert, c.Offer.Agent}] = c.Offer
		case workgroups.DropOffer:
			for k := range m.offers {
				if k.alert == c.Alert && (c.Agent == "" || k.agent == c.Agent) {
					delete(m.offers, k)
				}
			}
		case workgroups.PutSession:
			m.sessions[sessionKey{c.Session.Workgroup, c.Session.JID.String()}] = c.Session
		case workgroups.DropSession:
			delete(m.sessions, sessionKey{c.Workgroup, c.JID.String()})
		case workgroups.PutMessage:
			m.messages[c.Message.ID] = c.Message
			m.lastSent = max(m.lastSent, c.Message.ID)
		case workgroups.DropMessage:
			delete(m.messages, c.ID)
		case workgroups.AddEntry:
			m.entries[c.Entry.Alert] = append(m.entries[c.Entry.Alert], c.Entry)
		}
	}
	return nil
}

// Load returns everything that is not over.
func (m *Memory) Load(context.Context) (workgroups.Image, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	img := workgroups.Image{LastSent: m.lastSent}
	last := map[[3]string]workgroups.Alert{}
	for _, a := range m.alerts {
		img.LastID = max(img.LastID, a.ID)
		if !a.State.Ended() {
			img.Alerts = append(img.Alerts, a)
			continue
		}
		k := [3]string{a.Workgroup, a.Source, a.Fingerprint}
		if b, ok := last[k]; !ok || b.ID < a.ID {
			last[k] = a
		}
	}
	for _, a := range last {
		img.Recent = append(img.Recent, a)
	}
	for _, o := range m.offers {
		img.Offers = append(img.Offers, o)
	}
	for _, s := range m.sessions {
		img.Presence = append(img.Presence, s)
	}
	for _, msg := range m.messages {
		img.Messages = append(img.Messages, msg)
	}
	sortImage(&img)
	return img, nil
}

// sortImage puts the rows of an image into the order of their keys; those of
// Recent into the order in which they ended.
func sortImage(img *workgroups.Image) {
	byID := func(a, b workgroups.Alert) int { return int(a.ID - b.ID) }
	slices.SortFunc(img.Alerts, byID)
	slices.SortFunc(img.Recent, func(a, b workgroups.Alert) int {
		if d := a.Ended.Compare(b.Ended); d != 0 {
			return d
		}
		return byID(a, b)
	})
	slices.SortFunc(img.Offers, func(a, b workgroups.Offer) int {
		if a.Alert != b.Alert {
			return int(a.Alert - b.Alert)
		}
		return strings.Compare(a.Agent, b.Agent)
	})
	slices.SortFunc(img.Presence, func(a, b workgroups.Session) int {
		return strings.Compare(a.Workgroup+" "+a.JID.String(), b.Workgroup+" "+b.JID.String())
	})
	slices.SortFunc(img.Messages, func(a, b workgroups.Message) int { return int(a.ID - b.ID) })
}

// Alert returns one alert and its timeline.
func (m *Memory) Alert(_ context.Context, id int64) (workgroups.Alert, []workgroups.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.alerts[id]
	if !ok {
		return a, nil, workgroups.ErrNotFound
	}
	return a, slices.Clone(m.entries[id]), nil
}

// Ended returns alerts that have ended, the latest first.
func (m *Memory) Ended(_ context.Context, workgroup string, limit int) ([]workgroups.Alert, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []workgroups.Alert
	for _, a := range m.alerts {
		if a.State.Ended() && (workgroup == "" || a.Workgroup == workgroup) {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b workgroups.Alert) int {
		if d := b.Ended.Compare(a.Ended); d != 0 {
			return d
		}
		return int(b.ID - a.ID)
	})
	return all[:min(limit, len(all))], nil
}
