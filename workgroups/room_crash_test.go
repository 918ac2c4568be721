//go:build !unit

package workgroups_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/alertstore"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/muc"
	"adminbot/workgroups"
)

// TestCrashRooms kills the service at every named point in the life of a room, and
// at random moments, on each server. In the end each alert that somebody has has
// one room, which they are asked into, and nothing is left of the others.
func TestCrashRooms(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: racerAccounts(), Limits: servertest.Unlimited}, func(t *testing.T, srv *servertest.Server) {
		c := startRace(t, srv)
		c.victim.Rooms, c.victim.Raise = true, 12
		c.killAt(workgroups.RoomPoints)
		c.settle()
		c.checkRooms()
	})
}

// checkRooms compares the alerts that were acknowledged with the rooms that are
// there.
func (c *race) checkRooms() {
	c.t.Helper()
	store, err := alertstore.Open(c.t.Context(), c.victim.Store)
	if err != nil {
		c.t.Fatal(err)
	}
	defer store.Close()
	owner := link.New(link.Config{
		JID: jid.MustParse(c.srv.Name), Addr: c.srv.Component, Component: &link.Component{Secret: func() (string, error) { return c.srv.Secret, nil }},
	})
	ctx, cancel := context.WithCancel(c.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { owner.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	<-owner.Ready()
	kept, had := 0, 0
	alerts := map[int64]bool{}
	for _, what := range c.acked {
		alerts[what.alert] = true
	}
	for id := range alerts {
		a, entries, err := store.Alert(ctx, id)
		if err != nil {
			c.t.Errorf("alert %d: %v", id, err)
			continue
		}
		rooms := 0
		for _, e := range entries {
			if e.What == "room" {
				rooms++
			}
		}
		room, err := jid.New(a.Session(), c.srv.Rooms, "")
		if err != nil {
			c.t.Fatal(err)
		}
		there := c.isThere(owner, room)
		switch {
		case rooms > 1:
			c.t.Errorf("alert %d had %d rooms", id, rooms)
		case a.State == workgroups.Assigned && (!a.Room.Equal(room) || !there):
			c.t.Errorf("alert %d has room %q; %s is there: %t", id, a.Room, room, there)
		case a.State == workgroups.Assigned:
			kept++
			may := c.members(owner, room)
			for _, who := range []jid.JID{a.Owner.Bare(), c.victim.bot()} {
				if !may[who.String()] {
					c.t.Errorf("%s was not asked into the room of alert %d, which %s has", who, id, a.Owner)
				}
			}
		case !a.State.Ended():
			c.t.Errorf("alert %d is %s", id, a.State)
		case there:
			c.t.Errorf("alert %d has ended, and its room is there", id)
		default:
			had += rooms
		}
	}
	if kept == 0 || had == 0 {
		c.t.Errorf("%d rooms were kept, and %d were closed: that says nothing", kept, had)
	}
	c.t.Logf("%d kills, %d alerts acknowledged, %d rooms kept and %d closed", c.kills, len(alerts), kept, had)
}

// isThere reports whether a room is there.
func (c *race) isThere(owner *link.Session, room jid.JID) bool {
	c.t.Helper()
	_, _, err := owner.RoundTripIQ(c.t.Context(), c.get(room), disco.Query("").TokenReader())
	var refusal stanza.Error
	if err != nil && !(errors.As(err, &refusal) && (refusal.Condition == stanza.ItemNotFound || refusal.Condition == stanza.Gone)) {
		c.t.Fatalf("%s: %v", room, err)
	}
	return err == nil
}

// members are those who may enter a room.
func (c *race) members(owner *link.Session, room jid.JID) map[string]bool {
	c.t.Helper()
	query := element.New(muc.NSAdmin, "query").Add(element.New(muc.NSAdmin, "item", "affiliation", "member"))
	_, r, err := owner.RoundTripIQ(c.t.Context(), c.get(room), query.TokenReader())
	if err != nil {
		c.t.Fatalf("members of %s: %v", room, err)
	}
	answer, err := element.Read(r)
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]bool{}
	for _, item := range answer.Children {
		all[item.Get("jid")] = true
	}
	return all
}

// get is a request of the workgroup's.
func (c *race) get(to jid.JID) stanza.IQ {
	return stanza.IQ{Type: stanza.GetIQ, From: jid.MustParse("alerts@" + c.srv.Name), To: to}
}
