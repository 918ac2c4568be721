//go:build !unit

package client_test

import (
	"context"
	"encoding/xml"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/account"
	"adminbot/internal/link"
	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/disco"
	"adminbot/workgroups"
	"adminbot/workgroups/client"
)

// logIn connects an account, and a client to it.
func logIn(t *testing.T, srv *servertest.Server, name string) (*client.Client, *link.Session) {
	t.Helper()
	s := link.New(link.Config{
		JID: jid.MustParse(name + "@" + srv.Domain + "/work"), Password: func() (string, error) { return "pw", nil },
		Addr: srv.Addr, TLS: srv.TLS(),
	})
	c := client.On(s, client.Config{})
	run(t, s.Run)
	<-s.Ready()
	return c, s
}

// run runs something until the test ends; what is run last ends first.
func run(t *testing.T, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestServers: an agent serves a workgroup and a user queues in it, each through
// its own connection to a real server.
func TestServers(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: []servertest.Account{
		{Name: "adminbot", Password: "pw", Role: account.Bot},
		{Name: "alice", Password: "pw", Role: account.User},
		{Name: "eve", Password: "pw", Role: account.User},
	}}, func(t *testing.T, srv *servertest.Server) {
		domain := jid.MustParse(srv.Name)
		addr, err := jid.New("alerts", srv.Name, "")
		if err != nil {
			t.Fatal(err)
		}
		component := link.New(link.Config{
			JID: domain, Addr: srv.Component, Component: &link.Component{Secret: func() (string, error) { return srv.Secret, nil }},
		})
		service, err := workgroups.New(workgroups.Config{Domain: domain, Store: &workgroups.Memory{}, Wire: component, Groups: []workgroups.Workgroup{{
			Name: "alerts", Title: "On call", Members: []workgroups.Member{{JID: jid.MustParse("alice@" + srv.Domain)}},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []xml.Name{{Space: workgroups.NS}, {Space: disco.NSInfo, Local: "query"}, {Space: disco.NSItems, Local: "query"}} {
			component.HandleIQ(name, service.HandleIQ)
		}
		component.HandlePresence(service.HandlePresence)
		component.HandleMessage(service.HandleMessage)
		component.OnUp(func(context.Context) { service.Connected() })
		run(t, service.Run)
		run(t, component.Run)
		<-component.Ready()

		alice, _ := logIn(t, srv, "alice")
		got, here := make(chan any, 10), make(chan client.Status, 100)
		agent := accept(got)
		agent.Changed = func(s client.Status) { here <- s }
		run(t, func(ctx context.Context) error { return alice.Serve(ctx, addr, agent) })
		for s := range here {
			if s.Here {
				break
			}
		}
		if _, err := service.Report(t.Context(), workgroups.Report{Workgroup: "alerts", Source: "test", Summary: "disk full"}); err != nil {
			t.Fatal(err)
		}
		answer := <-got
		if inv, ok := answer.(client.Invitation); !ok || inv.Grant != 1 || inv.Session != "alert-1" {
			t.Errorf("invitation %+v", answer)
		}

		eve, _ := logIn(t, srv, "eve")
		all, err := eve.Workgroups(t.Context(), domain)
		if err != nil || len(all) != 1 || all[0].Name != "On call" {
			t.Errorf("workgroups %+v, %v", all, err)
		}
		inv, err := eve.Queue(t.Context(), addr, client.Request{Told: func(client.Place) {}})
		if err != nil || !inv.Workgroup.Equal(addr) {
			t.Errorf("invitation %+v, %v", inv, err)
		}
		answer = <-got
		if inv, ok := answer.(client.Invitation); !ok || inv.User.Bare().String() != "eve@"+srv.Domain {
			t.Errorf("alice's invitation %+v", answer)
		}
	})
}
