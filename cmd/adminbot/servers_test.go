//go:build !unit

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"adminbot/internal/account"
	"adminbot/internal/servertest"
	"adminbot/internal/site"
)

// TestServers runs the bot and host agents as daemons on each server, which
// knows nothing of AdminBot but accounts and who sees whom: testdata/servers.
func TestServers(t *testing.T) {
	t.Parallel()
	accounts := []servertest.Account{
		{Name: "admin", Password: "pw-admin", Role: account.Admin},
		{Name: "adminbot", Password: "pw-adminbot", Role: account.Bot},
		{Name: "web01", Password: "pw-web01", Role: account.Host},
		{Name: "web02", Password: "pw-web02", Role: account.Host},
		{Name: "db01", Password: "pw-db01", Role: account.Host},
		{Name: "ghost", Password: "pw-ghost", Role: account.Host}, // never comes
	}
	servertest.EachLimits(t, servertest.Options{Accounts: accounts}, func(t *testing.T, srv *servertest.Server) {
		t.Parallel()
		site := siteOn(t, srv, accounts)
		restarts.Store(site, func() { srv.Stop(t); srv.Start(t) })
		runScripts(t, "testdata/servers", site)
	})
}

// restarts of servers, by the directory of the site that is on them.
var restarts sync.Map

// server restart stops the server of the site and starts it again.
func restartServer(ts *testscript.TestScript, neg bool, args []string) {
	restart, ok := restarts.Load(ts.Getenv("SITE"))
	if neg || !ok || len(args) != 1 || args[0] != "restart" {
		ts.Fatalf("usage: server restart, in a script of testdata/servers")
	}
	restart.(func())()
}

// siteOn makes a directory that tells programs how to log in to a server, as
// `adminbot up` leaves one.
func siteOn(t *testing.T, srv *servertest.Server, accounts []servertest.Account) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ca.pem", srv.Authority.PEM)
	access := site.Access{Domain: srv.Domain, C2S: srv.Addr, CAFile: "ca.pem"}
	for _, a := range accounts {
		write(a.Name, []byte(a.Password))
		address := a.Name + "@" + srv.Domain
		switch {
		case a.Role == account.Bot:
			access.Bot = address
		case a.Role == account.Host:
			access.Hosts = append(access.Hosts, site.Host{Name: a.Name, JID: address + "/agent"})
		default:
			access.Accounts = append(access.Accounts, site.Account{JID: address, Role: string(a.Role), PasswordFile: a.Name})
		}
	}
	data, err := json.Marshal(access)
	if err != nil {
		t.Fatal(err)
	}
	write("access.json", data)
	return dir
}
