package alertrpc_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"

	"adminbot/internal/alertrpc"
	"adminbot/rpc"
	"adminbot/workgroups"
)

// A bot is told of rooms whoever is there; anybody else needs a rule.
func TestRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &workgroups.Memory{}
		raised := time.Now().Add(-10 * time.Minute)
		alert := func(id int64, room string, state workgroups.State) workgroups.PutAlert {
			a := workgroups.Alert{ID: id, Workgroup: "alerts", Source: "x", Fingerprint: room, Severity: workgroups.Critical, Summary: "x", Host: "web01", State: state,
				User: jid.MustParse("alert-1@workgroup.example.net"), Raised: raised, Accepted: raised.Add(time.Minute)}
			if room != "" {
				a.Room = jid.MustParse(room)
			}
			switch state {
			case workgroups.Assigned:
				a.Owner = jid.MustParse("ann@example.net")
			case workgroups.Resolved:
				a.Ended = raised.Add(5 * time.Minute)
			}
			return workgroups.PutAlert{Alert: a}
		}
		if err := store.Commit(t.Context(), []workgroups.Change{
			alert(1, "alert-1@conference.example.net", workgroups.Assigned), alert(2, "", workgroups.Assigned), alert(3, "alert-3@conference.example.net", workgroups.Resolved),
		}); err != nil {
			t.Fatal(err)
		}
		_, as, stop := start(t, store, ours, "bots = [\"bot@example.net\"]\ncallers = [\"*@example.net\"]\n[[rule]]\nwho = [\"ann@example.net\"]\nmay = [\"R\"]\n")
		defer stop()
		bot := jid.MustParse("bot@example.net")

		got, err := alertrpc.Call(t.Context(), as("bot"), alertrpc.Rooms, bot, alertrpc.RoomsArgs{})
		if want := (alertrpc.Room{JID: "alert-1@conference.example.net", Alert: 1, Host: "web01"}); err != nil || len(got.Rooms) != 1 || got.Rooms[0] != want {
			t.Errorf("the bot is told %+v, %v", got, err)
		}
		got, err = alertrpc.Call(t.Context(), as("bot"), alertrpc.Rooms, bot, alertrpc.RoomsArgs{Room: "alert-3@conference.example.net"})
		if err != nil || len(got.Rooms) != 0 {
			t.Errorf("of an alert that has ended: %+v, %v", got, err)
		}
		refused := func(what string, err error) {
			t.Helper()
			if f := (*rpc.Fault)(nil); !errors.As(err, &f) || f.Code != rpc.FaultDenied {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err = alertrpc.Call(t.Context(), as("eve"), alertrpc.Rooms, jid.JID{}, alertrpc.RoomsArgs{})
		refused("rooms for eve", err)
		_, err = alertrpc.Call(t.Context(), as("bot"), alertrpc.Figures, bot, alertrpc.FiguresArgs{From: raised})
		refused("figures for the bot itself", err)

		figures, err := alertrpc.Call(t.Context(), as("ann"), alertrpc.Figures, jid.JID{}, alertrpc.FiguresArgs{From: raised.Add(-time.Hour)})
		figures.From, figures.Until = time.Time{}, time.Time{}
		if want := (alertrpc.FiguresResult{Raised: 3, Accepted: 3, Resolved: 1, ToAccept: 60, ToResolve: 300}); err != nil || figures != want {
			t.Errorf("figures: %+v, %v, want %+v", figures, err, want)
		}
	})
}
