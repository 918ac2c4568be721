//go:build !unit

package workgroups_test

import (
	"strings"
	"testing"

	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

// says writes a line to the workgroup.
func (r *running) says(c *servertest.Raw, line string) {
	c.Send("<message type='chat' to='%s'><body>%s</body></message>", r.addr, line)
}

// hears waits for a message whose body contains text.
func hears(c *servertest.Raw, text string) {
	c.Next("a message with "+text, func(e *element.Element) bool {
		return e.Name.Local == "message" && strings.Contains(e.ChildText("body"), text)
	})
}

// TestChat: people with an ordinary client take alerts in words.
func TestChat(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, func(t *testing.T, srv *servertest.Server) {
		r := serve(t, srv, nil)
		bob, carol, eve := srv.Raw(t, "bob", "pw", "phone"), srv.Raw(t, "carol", "pw", "desk"), srv.Raw(t, "eve", "pw", "home")
		for _, c := range []*servertest.Raw{bob, carol, eve} {
			c.Send("<presence/>")
		}
		r.says(bob, "join")
		hears(bob, "You will be asked")
		r.says(eve, "take 1")
		hears(eve, "Members can say")
		one := r.raise(workgroups.Report{Summary: "disk full", Details: "less than 1% free", Host: "web01", Severity: workgroups.Critical})
		hears(bob, "Alert 1 · critical · web01 · disk full\nless than 1% free\nsince ")
		r.says(carol, "join")
		hears(carol, "You will be asked")
		r.says(bob, "pass: in a meeting")
		hears(bob, "goes to somebody else")
		hears(carol, "take 1 · pass 1")
		r.says(carol, "take")
		hears(carol, "Alert 1 is yours")
		r.wants(one.ID, workgroups.Assigned, "carol@"+srv.Domain)
		r.says(bob, "who has 1?")
		hears(bob, "carol@"+srv.Domain+" has it")
		r.says(bob, "take 1")
		hears(bob, "carol@"+srv.Domain+" has alert 1.")
		r.says(bob, "take 1 please now")
		hears(bob, "Members can say")
		r.says(bob, "take 99")
		hears(bob, "There is no alert 99.")

		// A restart forgets neither who is on duty nor whose it is.
		r.stop()
		r.start()
		r.says(carol, "resolve 1 disk cleaned")
		hears(carol, "Alert 1 is resolved.")
		if a := r.wants(one.ID, workgroups.Resolved, "carol@"+srv.Domain); a.Reason != "disk cleaned" {
			t.Errorf("reason %q", a.Reason)
		}
		r.says(carol, "leave")
		hears(carol, "not be asked here")
		two := r.raise(workgroups.Report{Summary: "slow"})
		hears(bob, "Alert 2")
		r.says(carol, "list")
		hears(carol, "2 · warning · slow · nobody has it")
		r.says(carol, "take 2")
		hears(carol, "Alert 2 is yours")
		hears(bob, "Alert 2 is no longer offered to you: taken by carol@")
		r.wants(two.ID, workgroups.Assigned, "carol@"+srv.Domain)
		r.says(bob, "show 2")
		hears(bob, "accepted carol@")
	})
}
