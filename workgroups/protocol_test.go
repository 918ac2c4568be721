//go:build !unit

package workgroups_test

import (
	"fmt"
	"strings"
	"testing"

	"mellium.im/xmpp/jid"

	"adminbot/internal/servertest"
	"adminbot/internal/xmpp/element"
	"adminbot/workgroups"
)

const stanzaErrors = "urn:ietf:params:xml:ns:xmpp-stanzas"

// condition is that of an error, or "".
func condition(e *element.Element) string {
	if e.Get("type") != "error" {
		return ""
	}
	for _, c := range e.Child("", "error").Children {
		if c.Name.Space == stanzaErrors && c.Name.Local != "text" {
			return c.Name.Local
		}
	}
	return "none"
}

func payload(format string, args ...any) string {
	return fmt.Sprintf(strings.Replace(format, "NS", "xmlns='"+workgroups.NS+"'", 1), args...)
}

// answer has a client answer an offer, which gets a result whatever comes of it.
func (r *running) answer(c *servertest.Raw, verb, attrs string) {
	r.t.Helper()
	r.requests++
	id := fmt.Sprintf("r%d", r.requests)
	if got := request(c, "set", id, r.addr, "<"+verb+" xmlns='"+workgroups.NS+"' "+attrs+"/>"); got.Get("type") != "result" || len(got.Children) != 0 {
		r.t.Fatalf("%s: %s", verb, got)
	}
}

// offered waits for an offer of an alert and acknowledges it.
func offered(c *servertest.Raw, id int64) *element.Element {
	iq := c.Next(fmt.Sprintf("the offer of %d", id), func(e *element.Element) bool {
		o := e.Child(workgroups.NS, "offer")
		return e.Name.Local == "iq" && o != nil && o.Get("id") == fmt.Sprintf("alert-%d", id)
	})
	c.Send("<iq type='result' id='%s' to='%s'/>", iq.Get("id"), iq.Get("from"))
	return iq
}

func revoked(c *servertest.Raw) *element.Element {
	iq, revoke := c.Child(workgroups.NS, "offer-revoke")
	c.Send("<iq type='result' id='%s' to='%s'/>", iq.Get("id"), iq.Get("from"))
	return revoke
}

// TestAgents: what agents do and what is done to them, in raw XML.
func TestAgents(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, func(t *testing.T, srv *servertest.Server) {
		r := serve(t, srv, nil)
		bob := r.agent("bob", "<show>chat</show>")
		alice := r.agent("alice", "")

		// Declined: the next has it; as Smack does it, by the session alone.
		one := r.raise(workgroups.Report{Summary: "one"})
		offered(bob, one.ID)
		r.answer(bob, "offer-reject", "id='alert-1'")
		offered(alice, one.ID)
		r.answer(alice, "offer-accept", "id='alert-1'")
		alice.Child(workgroups.NSJive, "session")
		r.wants(one.ID, workgroups.Assigned, "alice@"+srv.Domain)

		// Late: a result, and then it is taken back. It stays alice's.
		r.answer(bob, "offer-accept", "jid='alert-1@"+srv.Name+"'")
		if why := revoked(bob).ChildText("reason"); !strings.Contains(why, "alice@"+srv.Domain) {
			t.Errorf("revoked: %q", why)
		}
		// Twice is once, and what there is not is taken back, too.
		r.answer(alice, "offer-accept", "id='alert-1'")
		r.answer(alice, "offer-accept", "id='alert-99'")
		revoked(alice)
		r.answer(alice, "offer-accept", "")
		revoked(alice)
		if a := r.wants(one.ID, workgroups.Assigned, "alice@"+srv.Domain); a.Grant != 1 {
			t.Errorf("grant %d", a.Grant)
		}

		// The presence of who holds an offer drops: the next is asked at once. So it is
		// when the connection is cut.
		two := r.raise(workgroups.Report{Summary: "two"})
		offered(bob, two.ID)
		bob.Send("<presence type='unavailable' to='%s'><agent-status xmlns='%s'/></presence>", r.addr, workgroups.NS)
		offered(alice, two.ID)
		r.present(bob, "<show>chat</show>")
		alice.Send("<presence type='unavailable'/>")
		offered(bob, two.ID)
		carol := r.agent("carol", "<show>away</show>")
		bob.Close()
		offered(carol, two.ID)
		// Whoever goes to xa loses it, and has it again when back.
		carol.Send("<presence to='%s'><show>xa</show></presence>", r.addr)
		revoked(carol)
		carol.Send("<presence to='%s'><show>chat</show></presence>", r.addr)
		offered(carol, two.ID)
		r.answer(carol, "offer-accept", "jid='alert-2@"+srv.Name+"'")

		// A client that does not know the protocol says so, and is left alone.
		bob = r.agent("bob", "<show>chat</show>")
		three := r.raise(workgroups.Report{Summary: "three"})
		iq := bob.Next("an offer", func(e *element.Element) bool { return e.Child(workgroups.NS, "offer") != nil })
		bob.Send("<iq type='error' id='%s' to='%s'><error type='cancel'><service-unavailable xmlns='%s'/></error></iq>", iq.Get("id"), iq.Get("from"), stanzaErrors)
		offered(carol, three.ID)

		// It is over: whoever has it is told.
		if _, err := r.service.Resolve(t.Context(), two.ID, jid.MustParse("alice@"+srv.Domain), "cleaned"); err != nil {
			t.Fatal(err)
		}
		carol.Next("a note", func(e *element.Element) bool {
			return e.Name.Local == "message" && strings.Contains(e.ChildText("body"), "Alert 2 was resolved by alice")
		})

		// Who is no member is no agent.
		eve := srv.Raw(t, "eve", "pw", "work")
		eve.Send("<presence to='%s'><agent-status xmlns='%s'/></presence>", r.addr, workgroups.NS)
		if got := eve.Next("a refusal", func(e *element.Element) bool { return e.Name.Local == "presence" && e.Get("from") == r.addr }); condition(got) != "not-authorized" {
			t.Errorf("eve is an agent: %s", got)
		}
		for _, p := range []string{
			payload("<offer-accept NS id='alert-3'/>"), payload("<offer-reject NS id='alert-3'/>"), payload("<agent-status-request NS/>"),
			payload("<transfer NS type='user'/>"),
		} {
			typ := "set"
			if strings.Contains(p, "request") {
				typ = "get"
			}
			if got := request(eve, typ, "e1", r.addr, p); condition(got) != "not-authorized" {
				t.Errorf("%s by eve: %s", p, got)
			}
		}
		if got := request(carol, "get", "c1", r.addr, payload("<agent-status-request NS/>")); !strings.Contains(got.String(), "alice@") || strings.Contains(got.String(), "carol@"+srv.Domain+`"/>`) {
			t.Errorf("the other agents: %s", got)
		}
		if got := request(carol, "get", "c2", srv.Name, payload("<workgroups NS jid='%s'/>", carol.Full)); got.Child(workgroups.NS, "workgroups").Child("", "workgroup").Get("jid") != r.addr {
			t.Errorf("carol's workgroups: %s", got)
		}
	})
}

// TestUsers: people who queue, in raw XML, and input that is wrong.
func TestUsers(t *testing.T) {
	servertest.Each(t, servertest.Options{Accounts: people}, func(t *testing.T, srv *servertest.Server) {
		r := serve(t, srv, nil)
		eve := srv.Raw(t, "eve", "pw", "home")
		join := payload("<join-queue NS><queue-notifications/></join-queue>")
		for i, tt := range []struct{ typ, to, payload, want string }{
			{"get", r.addr, payload("<queue-status NS/>"), "not-authorized"},
			{"set", r.addr, payload("<depart-queue NS/>"), "item-not-found"},
			{"set", "nowhere@" + srv.Name, join, "item-not-found"},
			{"set", "alert-1@" + srv.Name, join, "item-not-found"},
			{"set", r.addr, join, ""},
			{"set", r.addr, join, "conflict"},
			{"get", r.addr, payload("<queue-status NS/>"), ""},
			{"set", r.addr, payload("<depart-queue NS><jid>alice@%s/home</jid></depart-queue>", srv.Domain), "not-authorized"},
			{"set", r.addr, payload("<depart-queue NS><jid>@@</jid></depart-queue>"), "bad-request"},
			{"set", r.addr, payload("<depart-queue NS/>"), ""},
			{"set", r.addr, payload("<depart-queue NS/>"), "item-not-found"},
			{"set", r.addr, payload("<no-such-thing NS/>"), "service-unavailable"},
			{"get", r.addr, "<monitor xmlns='" + workgroups.NSJive + "'/>", "not-authorized"},
		} {
			if got := condition(request(eve, tt.typ, fmt.Sprint("q", i), tt.to, tt.payload)); got != tt.want {
				t.Errorf("%s to %s: %q, want %q", tt.payload, tt.to, got, tt.want)
			}
		}
		eve.Child(workgroups.NS, "depart-queue")

		// From the queue to somebody: status, offer, accept, and the person is told.
		request(eve, "set", "j1", r.addr, join)
		_, status := eve.Child(workgroups.NS, "queue-status")
		if status.ChildText("position") != "1" {
			t.Errorf("the place of the only one: %s", status)
		}
		bob := r.agent("bob", "")
		iq := bob.Next("an offer", func(e *element.Element) bool { return e.Child(workgroups.NS, "offer") != nil })
		if who := iq.Child(workgroups.NS, "offer").Get("jid"); who != eve.Full {
			t.Fatalf("offered is %s, want %s", who, eve.Full)
		}
		r.answer(bob, "offer-accept", "jid='"+eve.Full+"'")
		eve.Next("a word", func(e *element.Element) bool {
			return e.Name.Local == "message" && strings.Contains(e.ChildText("body"), "taken your request")
		})
		if got := condition(request(eve, "get", "s9", r.addr, payload("<queue-status NS/>"))); got != "not-authorized" {
			t.Errorf("status after it was taken: %q (XEP: out of the queue)", got)
		}

		// A member takes somebody out of the queue, who is told.
		alice := srv.Raw(t, "alice", "pw", "home")
		request(alice, "set", "j2", r.addr, join)
		if got := condition(request(bob, "set", "d2", r.addr, payload("<depart-queue NS><jid>%s</jid></depart-queue>", alice.Full))); got != "" {
			t.Errorf("taken out: %q", got)
		}
		alice.Child(workgroups.NS, "depart-queue")
	})
}
