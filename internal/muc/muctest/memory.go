// Package muctest has what tests of rooms need: a store in memory, and the test
// that every [muc.Store] must pass.
package muctest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"adminbot/internal/muc"
)

// Memory is a store that ends with the test. It is safe for concurrent use; the
// zero value is ready.
type Memory struct {
	// Fail, if not nil, is what every method returns.
	Fail error

	mu      sync.Mutex
	rooms   map[string]muc.Saved
	entries []entry // of all rooms, the oldest first
}

type entry struct {
	room string
	muc.Entry
}

// Rooms returns all rooms.
func (m *Memory) Rooms(context.Context) ([]muc.Saved, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []muc.Saved
	for _, r := range m.rooms {
		all = append(all, r)
	}
	return all, m.Fail
}

// PutRoom adds or replaces a room.
func (m *Memory) PutRoom(_ context.Context, r muc.Saved) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return m.Fail
	}
	if m.rooms == nil {
		m.rooms = make(map[string]muc.Saved)
	}
	r.State = slices.Clone(r.State)
	m.rooms[r.Name] = r
	return nil
}

// DeleteRoom forgets a room.
func (m *Memory) DeleteRoom(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return m.Fail
	}
	delete(m.rooms, name)
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool { return e.room == name })
	return nil
}

// Archive adds a message.
func (m *Memory) Archive(_ context.Context, room string, e muc.Entry, keep muc.Bounds, total int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return m.Fail
	}
	if _, ok := m.rooms[room]; !ok {
		return errors.New("muctest: there is no such room")
	}
	e.Stanza = slices.Clone(e.Stanza)
	m.entries = append(m.entries, entry{room, e})
	for {
		var own []entry
		var bytes, all int64
		for _, o := range m.entries {
			all += int64(len(o.Stanza))
			if o.room == room {
				own = append(own, o)
				bytes += int64(len(o.Stanza))
			}
		}
		var drop string
		switch {
		case len(own) > keep.Messages, bytes > keep.Bytes, own[0].At.Before(e.At.Add(-keep.Age)):
			drop = own[0].ID
		case all > total:
			drop = m.entries[0].ID
		default:
			return nil
		}
		m.entries = slices.DeleteFunc(m.entries, func(o entry) bool { return o.ID == drop })
	}
}

// Archived returns a page.
func (m *Memory) Archived(_ context.Context, room string, q muc.Query) (muc.Page, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Fail != nil {
		return muc.Page{}, m.Fail
	}
	var all []muc.Entry
	for _, e := range m.entries {
		if e.room == room {
			all = append(all, e.Entry)
		}
	}
	known := func(id string) bool {
		return id == "" || slices.ContainsFunc(all, func(e muc.Entry) bool { return e.ID == id })
	}
	for _, id := range append([]string{q.AfterID, q.BeforeID, q.After, q.Before}, q.IDs...) {
		if !known(id) {
			return muc.Page{}, muc.ErrNoEntry
		}
	}
	all = between(all, q.AfterID, q.BeforeID)
	all = slices.DeleteFunc(all, func(e muc.Entry) bool {
		return !q.Start.IsZero() && e.At.Before(q.Start) || !q.End.IsZero() && e.At.After(q.End) ||
			len(q.IDs) > 0 && !slices.Contains(q.IDs, e.ID)
	})
	page := muc.Page{Count: len(all), Complete: true}
	part := between(all, q.After, q.Before)
	if q.Last {
		slices.Reverse(part)
	}
	bytes := 0
	for _, e := range part {
		if bytes += len(e.Stanza); len(page.Entries) >= q.Max || len(page.Entries) > 0 && bytes > q.MaxBytes {
			page.Complete = false
			break
		}
		page.Entries = append(page.Entries, e)
	}
	if q.Last {
		slices.Reverse(page.Entries)
	}
	if len(page.Entries) > 0 {
		page.First = slices.IndexFunc(all, func(e muc.Entry) bool { return e.ID == page.Entries[0].ID })
	}
	return page, nil
}

// between returns the entries behind one and before another, a copy.
func between(all []muc.Entry, after, before string) []muc.Entry {
	var part []muc.Entry
	in := after == ""
	for _, e := range all {
		if e.ID == before {
			break
		}
		if in {
			part = append(part, e)
		}
		in = in || e.ID == after
	}
	return part
}
