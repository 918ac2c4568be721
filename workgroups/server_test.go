//go:build !unit

package workgroups_test

import (
	"context"
	"encoding/xml"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
	"adminbot/internal/alertstore"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/adhoc"
	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// A running service, as a component of a server.
type running struct {
	t       *testing.T
	srv     *servertest.Server
	path    string // of its store
	groups  []workgroups.Workgroup
	rooms   *workgroups.Rooms
	service *workgroups.Service
	addr    string // of the workgroup alerts
	stop    func()

	requests int // made, for their ids
}

var people = []servertest.Account{
	{Name: "adminbot", Password: "pw", Role: account.Bot},
	{Name: "alice", Password: "pw", Role: account.User},
	{Name: "bob", Password: "pw", Role: account.User},
	{Name: "carol", Password: "pw", Role: account.User},
	{Name: "eve", Password: "pw", Role: account.User},
}

func member(srv *servertest.Server, name string) workgroups.Member {
	return workgroups.Member{JID: jid.MustParse(name + "@" + srv.Domain)}
}

// serve starts a service on a server; alice, bob and carol are members of its
// workgroup alerts unless tune changes that.
func serve(t *testing.T, srv *servertest.Server, tune func(*workgroups.Workgroup)) *running {
	t.Helper()
	g := workgroups.Workgroup{Name: "alerts", Title: "On call", Members: []workgroups.Member{member(srv, "alice"), member(srv, "bob"), member(srv, "carol")}}
	if tune != nil {
		tune(&g)
	}
	r := &running{t: t, srv: srv, path: filepath.Join(t.TempDir(), "alerts.db"), groups: []workgroups.Workgroup{g}, addr: "alerts@" + srv.Name}
	r.start()
	return r
}

func (r *running) start() {
	r.t.Helper()
	store, err := alertstore.Open(r.t.Context(), r.path)
	if err != nil {
		r.t.Fatal(err)
	}
	session := link.New(link.Config{
		JID: jid.MustParse(r.srv.Name), Addr: r.srv.Component, Component: &link.Component{Secret: func() (string, error) { return r.srv.Secret, nil }},
	})
	r.service, err = workgroups.New(workgroups.Config{Domain: jid.MustParse(r.srv.Name), Groups: r.groups, Store: store, Wire: session, Rooms: r.rooms, Log: slog.New(slog.NewTextHandler(r.t.Output(), nil))})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, name := range []xml.Name{{Space: workgroups.NS}, {Space: workgroups.NSJive}, {Space: adhoc.NS}, {Space: disco.NSInfo, Local: "query"}, {Space: disco.NSItems, Local: "query"}} {
		session.HandleIQ(name, r.service.HandleIQ)
	}
	session.HandlePresence(r.service.HandlePresence)
	session.HandleMessage(r.service.HandleMessage)
	session.OnUp(func(context.Context) { r.service.Connected() })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { session.Run(ctx); done <- struct{}{} }()
	go func() { r.service.Run(ctx); done <- struct{}{} }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		<-done
		<-done
		store.Close()
	}
	r.t.Cleanup(r.stop)
	<-session.Ready()
}

// raise reports something and returns the alert.
func (r *running) raise(report workgroups.Report) workgroups.Alert {
	r.t.Helper()
	report.Workgroup = "alerts"
	if report.Source == "" {
		report.Source = "test"
	}
	receipts, err := r.service.Report(r.t.Context(), report)
	if err != nil {
		r.t.Fatal(err)
	}
	return receipts[0].Alert
}

// agent logs in somebody who says to be an agent, and waits for the workgroup's
// word.
func (r *running) agent(name, presence string) *servertest.Raw {
	r.t.Helper()
	c := r.srv.Raw(r.t, name, "pw", "work")
	c.Send("<presence/>")
	r.present(c, presence)
	return c
}

func (r *running) present(c *servertest.Raw, presence string) {
	r.t.Helper()
	c.Send("<presence to='%s'>%s<agent-status xmlns='%s'/></presence>", r.addr, presence, workgroups.NS)
	c.Child(workgroups.NS, "notify-queue")
}

// request sends an IQ and returns its answer.
func request(c *servertest.Raw, typ, id, to, payload string) *element.Element {
	c.Send("<iq type='%s' id='%s' to='%s'>%s</iq>", typ, id, to, payload)
	return c.Answer(id)
}

func (r *running) wants(id int64, state workgroups.State, owner string) workgroups.Alert {
	r.t.Helper()
	a, _, err := r.service.Alert(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.State != state || a.Owner.Bare().String() != owner {
		r.t.Fatalf("alert %d is %s, owner %q; want %s, %q", id, a.State, a.Owner, state, owner)
	}
	return a
}

// timeline is that of an alert, without times.
func (r *running) timeline(id int64) string {
	r.t.Helper()
	_, entries, err := r.service.Alert(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	var what []string
	for _, e := range entries {
		what = append(what, e.String())
	}
	return strings.Join(what, "\n")
}

// TestAlert is the way of one alert: raised, offered to an agent who is there,
// accepted, resolved; a service that ends and starts again knows it.
func TestAlert(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, func(t *testing.T, srv *servertest.Server) {
		r := serve(t, srv, nil)
		bob := r.agent("bob", "<show>chat</show>")
		a := r.raise(workgroups.Report{Summary: "disk full", Host: "web01", Severity: workgroups.Critical})
		iq, offer := bob.Child(workgroups.NS, "offer")
		if iq.Get("type") != "set" || iq.Get("from") != r.addr || offer.Get("jid") != "alert-1@"+srv.Name || offer.ChildText("timeout") == "" {
			t.Fatalf("offer: %s", iq)
		}
		bob.Send("<iq type='result' id='%s' to='%s'/>", iq.Get("id"), iq.Get("from"))
		r.wants(a.ID, workgroups.Offered, "")

		r.stop()
		r.start()
		if answer := request(bob, "set", "a1", r.addr, "<offer-accept xmlns='"+workgroups.NS+"' jid='"+offer.Get("jid")+"'/>"); answer.Get("type") != "result" {
			t.Fatalf("accept: %s", answer)
		}
		invite, session := bob.Child(workgroups.NSJive, "session")
		if session.Get("grant") != "1" || !strings.Contains(invite.ChildText("body"), "yours") {
			t.Errorf("invitation: %s", invite)
		}
		r.wants(a.ID, workgroups.Assigned, "bob@"+srv.Domain)
		if _, err := r.service.Resolve(t.Context(), a.ID, jid.MustParse(bob.Full), "cleaned up"); err != nil {
			t.Fatal(err)
		}
		r.stop()
		r.start()
		r.wants(a.ID, workgroups.Resolved, "bob@"+srv.Domain)
		all, err := r.service.Alerts(t.Context(), "")
		if err != nil || len(all) != 0 {
			t.Errorf("left: %v, %v", all, err)
		}
		bobs := "bob@" + srv.Domain
		if got, want := r.timeline(a.ID), "raised test\noffered "+bobs+"\naccepted "+bobs+"\nresolved "+bobs+": cleaned up"; got != want {
			t.Errorf("timeline:\n%s\nwant\n%s", got, want)
		}
	})
}
