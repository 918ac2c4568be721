//go:build !unit

package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"adminbot/internal/account"
	"adminbot/internal/servertest"
)

// TestTenThousandHosts has the bot find ten thousand hosts in its contact list,
// of which three are there: it answers, and the list came in pieces that no
// limit of a stanza cuts.
func TestTenThousandHosts(t *testing.T) {
	const many = 10_000
	hosts := []*talkHost{
		{name: "web01", services: []string{"nginx"}}, {name: "web02", services: []string{"nginx"}}, {name: "web03", services: []string{"nginx"}},
	}
	o := talkAccounts(hosts)
	for i, a := range servertest.Hosts(many, "x") {
		a.Name = fmt.Sprintf("far%05d", i+1)
		o.Accounts = append(o.Accounts, a)
	}
	if n := len(o.Accounts); n != many+8 || o.Accounts[n-1].Role != account.Host {
		t.Fatalf("%d accounts", n)
	}
	server := servertest.StartEmbedded(t, o)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	s := openTalk(t, server, nil, hosts)
	<-s.bot.fleet.Known()
	t.Logf("the bot knows %d hosts after %s", s.bot.fleet.Len(), time.Since(began).Round(time.Millisecond))
	runtime.GC()
	runtime.ReadMemStats(&after)
	t.Logf("%d MiB of heap for bot, three agents and four people", (after.HeapAlloc-before.HeapAlloc)>>20)
	if n := s.bot.fleet.Len(); n != many+3 {
		t.Errorf("the bot sees %d hosts", n)
	}
	alice := s.person("alice")
	ask := func(line string) string {
		t.Helper()
		began := time.Now()
		s.say(alice, line, line)
		select {
		case body := <-alice.heard:
			checkShape(t, body)
			t.Logf("%s: %s\n%s", line, time.Since(began).Round(time.Millisecond), body)
			return body
		case <-time.After(within):
			t.Fatalf("no answer to %q", line)
		}
		return ""
	}
	if got := ask("list all hosts"); !strings.Contains(got, "10003 hosts: 10000 dead") || !strings.Contains(got, "far[00001-10000]") {
		t.Errorf("hosts: %s", got)
	}
	if got := ask("ping all hosts"); !strings.Contains(got, "3/10003 hosts answer · 10000 NOT reached") || !strings.Contains(got, "web01 web02 web03  answers") {
		t.Errorf("ping: %s", got)
	}
	if got := ask("restart nginx on all hosts"); !strings.Contains(got, "10003 hosts") || !strings.Contains(got, "approve") {
		t.Errorf("a change to all: %s", got)
	}
}
