package muc

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"adminbot/internal/xmpp/element"
)

// A Store keeps rooms and what was said in them. Its methods are safe for
// concurrent use. What has returned nil is on the disk.
type Store interface {
	// Rooms returns all rooms.
	Rooms(ctx context.Context) ([]Saved, error)
	// PutRoom adds a room, or replaces what is known of it; its archive stays.
	PutRoom(ctx context.Context, r Saved) error
	// DeleteRoom forgets a room with its archive, if it is there.
	DeleteRoom(ctx context.Context, name string) error
	// Archive adds to the archive of a room that is there, and forgets what is
	// beyond the bounds of this archive, and beyond total bytes of all archives.
	Archive(ctx context.Context, room string, e Entry, keep Bounds, total int64) error
	// Archived returns a page of an archive, or ErrNoEntry if the query names an
	// entry that there is not.
	Archived(ctx context.Context, room string, q Query) (Page, error)
}

// ErrNoEntry says that there is no entry of an ID.
var ErrNoEntry = errors.New("muc: there is no such message in the archive")

// Saved is a room as it is kept.
type Saved struct {
	Name  string // localpart of its address
	State []byte // JSON, of this package's own
}

// An Entry is a message in an archive.
type Entry struct {
	ID     string    // XEP-0359
	At     time.Time // in milliseconds
	From   string    // bare address of who said it
	Stanza []byte    // all behind "<message" and the address it went to
}

// A Query is for a page of what it selects. Zero fields ask for nothing.
type Query struct {
	Start, End        time.Time // both inclusive
	AfterID, BeforeID string    // only what is between these entries
	IDs               []string  // only these

	// The page: behind or before an entry of the selection; the first entries
	// there, or the last.
	After, Before string
	Last          bool
	Max           int // entries
	MaxBytes      int // of their stanzas; one entry there is in any case
}

// A Page is a part of what a query selects, the oldest entry first.
type Page struct {
	Entries  []Entry
	Complete bool // there is no more in the direction that was asked for
	Count    int  // entries of the selection
	First    int  // how many of them are before this page
}

// state is what is kept of a room.
type state struct {
	Maker        string                 `json:"maker"`
	Config       Config                 `json:"config"`
	Affiliations map[string]Affiliation `json:"affiliations"`
	Subject      subject                `json:"subject"`
}

// save keeps a room as it is, if it is to be kept.
func (r *room) save(ctx context.Context) *stanzaError {
	if r.locked {
		return nil
	}
	if !r.cfg.Persistent && !r.cfg.Archived {
		r.forget(ctx)
		return nil
	}
	b, err := json.Marshal(state{r.maker, r.cfg, r.affiliations, r.subject})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, keepTime)
		defer cancel()
		err = r.s.opt.Store.PutRoom(ctx, Saved{Name: r.name(), State: b})
	}
	if err != nil {
		r.s.log.Error("muc: a room could not be kept", "room", r.name(), "err", err)
		return errInternal
	}
	r.kept = true
	return nil
}

// forget removes a room from the store.
func (r *room) forget(ctx context.Context) {
	if !r.kept {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTime)
	defer cancel()
	if err := r.s.opt.Store.DeleteRoom(ctx, r.name()); err != nil {
		r.s.log.Error("muc: a room could not be forgotten", "room", r.name(), "err", err)
		return
	}
	r.kept = false
}

// restore makes a room as it was kept. One that was to end with those who were
// in it is forgotten.
func (s *Service) restore(ctx context.Context, saved Saved) error {
	address, err := s.host.WithLocal(saved.Name)
	if err != nil {
		return err
	}
	var st state
	if err := json.Unmarshal(saved.State, &st); err != nil {
		return err
	}
	if !st.Config.Persistent {
		return s.opt.Store.DeleteRoom(ctx, saved.Name)
	}
	r := s.newRoom(address, st.Maker)
	r.cfg, r.subject, r.kept = st.Config, st.Subject, true
	maps.Copy(r.affiliations, st.Affiliations)
	if r.cfg.Archived {
		page, err := s.opt.Store.Archived(ctx, saved.Name, Query{Last: true, Max: s.lim.History, MaxBytes: s.lim.HistoryBytes})
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		for _, e := range page.Entries {
			if subjectOnly(e) {
				continue
			}
			r.history.add(past{e.At, e.Stanza}, s.lim.History, s.lim.HistoryBytes)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rooms[saved.Name] = r
	s.owned[r.maker]++
	return nil
}

// subjectOnly reports whether a message only changed the subject: that is told to
// who comes in another way.
func subjectOnly(e Entry) bool {
	m, err := element.Read(xml.NewDecoder(io.MultiReader(bytes.NewReader(starts[Message]), bytes.NewReader(e.Stanza))))
	return err != nil || m.Child("", "body") == nil && m.Child("", "subject") != nil
}

// archive keeps what was said.
func (r *room) archive(ctx context.Context, e Entry) error {
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	return r.s.opt.Store.Archive(ctx, r.name(), e, r.s.lim.Archive, r.s.lim.Total)
}
