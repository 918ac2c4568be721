//go:build !unit

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"adminbot/internal/nginxtest"
	"adminbot/internal/site"
)

// A webServer is a real nginx of a script, with the process id seen last.
type webServer struct {
	*nginxtest.Nginx
	pid int
}

// webServers by script and name.
var webServers sync.Map

// nginx NAME INIT-DIR installs an nginx with an init script; it does not run
// yet. nginx NAME is|changed|same|none|actions WORD... checks it.
func nginx(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: nginx NAME INIT-DIR | nginx NAME running|changed|same|none")
	}
	key := ts.Getenv("WORK") + args[0]
	v, installed := webServers.Load(key)
	if !installed {
		dir := ts.MkAbs("nginx-" + args[0])
		ts.Check(os.MkdirAll(dir, 0o755))
		ts.Check(os.MkdirAll(ts.MkAbs(args[1]), 0o755))
		n, err := nginxtest.Install(ts.MkAbs(args[1]), dir)
		ts.Check(err)
		webServers.Store(key, &webServer{Nginx: n})
		ts.Defer(n.Kill)
		return
	}
	w := v.(*webServer)
	before, now := w.pid, w.PID()
	w.pid = now
	ok := false
	switch args[1] {
	case "running":
		ok = now != 0
	case "changed":
		ok = now != 0 && now != before
	case "same":
		ok = now != 0 && now == before
	case "none":
		ok = now == 0
	default:
		ts.Fatalf("nginx %s: no check %q", args[0], args[1])
	}
	if !ok {
		ts.Fatalf("nginx %s is not %s: process %d before, %d now", args[0], args[1], before, now)
	}
}

// login JID SITE FILE writes the configuration of a program that logs in to
// the running site as JID, whose password is in FILE.password. What the file holds already stays.
func loginAs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: login JID SITE FILE")
	}
	dir := ts.MkAbs(args[1])
	data, err := os.ReadFile(filepath.Join(dir, "access.json"))
	ts.Check(err)
	var access site.Access
	ts.Check(json.Unmarshal(data, &access))
	more, err := os.ReadFile(ts.MkAbs(args[2]))
	if err != nil && !os.IsNotExist(err) {
		ts.Check(err)
	}
	ts.Check(os.Chmod(ts.MkAbs(args[2]+".password"), 0o600))
	conf := fmt.Sprintf("state = %q\n[account]\njid = %q\npassword_file = %q\naddress = %q\nca_file = %q\nbot = %q\n%s",
		ts.MkAbs(args[2]+".state"), args[0], ts.MkAbs(args[2]+".password"), access.C2S, filepath.Join(dir, access.CAFile), access.Bot, more)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(conf), 0o600))
}
