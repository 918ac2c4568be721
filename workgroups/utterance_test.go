package workgroups

import (
	"encoding/xml"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
)

func TestUtterances(t *testing.T) {
	const (
		answers = `<reply id="wg3.17" xmlns="urn:xmpp:reply:0"/>`
		felt    = `<reactions id="wg3.17" xmlns="urn:xmpp:reactions:0">`
	)
	marked := func(end string) string {
		return `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="` + end + `"/></fallback>`
	}
	for _, tt := range []struct {
		name, children string
		want           said
	}{
		{"nothing", ``, said{}},
		{"empty", `<body> </body>`, said{}},
		{"words", `<body>take 17</body>`, said{verb: "take", id: 17}},
		{"a note", `<body>note 17: looking at it</body>`, said{verb: "note", id: 17, text: "looking at it"}},
		{"a note without words", `<body>note 17</body>`, said{verb: "help"}},
		{"acknowledged", `<body>ack 17</body>`, said{verb: "ack", id: 17}},
		{"of the only one", `<body>take it</body>`, said{verb: "take"}},
		{"on call", `<body>Who is on call?</body>`, said{verb: "oncall"}},
		{"a reply", answers + `<body>take</body>`, said{verb: "take", id: 17}},
		{"a reply with a note", answers + `<body>resolve disk cleaned</body>`, said{verb: "resolve", id: 17, text: "disk cleaned"}},
		{"a reply about it", answers + `<body>pass it: no time</body>`, said{verb: "pass", id: 17, text: "no time"}},
		{"a reply with its number", answers + `<body>take 17</body>`, said{verb: "take", id: 17}},
		{"a reply with another", answers + `<body>resolve 2 disks cleaned</body>`, said{verb: "resolve", id: 2, text: "disks cleaned", other: 17}},
		{"a note that begins with a digit", answers + `<body>resolve 2nd disk cleaned</body>`, said{verb: "resolve", id: 17, text: "2nd disk cleaned"}},
		{"a reply to something else", `<reply id="x1" xmlns="urn:xmpp:reply:0"/><body>take</body>`, said{verb: "take"}},
		{"a quotation that is marked", answers + marked("12") + `<body>&gt; Alert 18!` + "\n" + `take</body>`, said{verb: "take", id: 17}},
		{"one that is not", `<body>&gt; Alert 18 · critical · web01 · disk full` + "\n&gt; take 18 · pass 18\n" + `pass in a meeting</body>`, said{verb: "pass", id: 18, text: "in a meeting"}},
		{"a quotation of something else", `<body>&gt; what?` + "\n" + `list</body>`, said{verb: "list"}},
		{"all is a quotation", `<body>&gt; take 17</body>`, said{}},
		{"👍", felt + `<reaction>👍🏾</reaction></reactions>`, said{verb: "take", id: 17}},
		{"👎", felt + `<reaction>👎</reaction></reactions>`, said{verb: "pass", id: 17}},
		{"✅ beside 👍", felt + `<reaction>👍</reaction><reaction>✅</reaction></reactions><body>👍✅</body>`, said{verb: "resolve", id: 17}},
		{"✔️", felt + `<reaction>✔️</reaction></reactions>`, said{verb: "resolve", id: 17}},
		{"another feeling", felt + `<reaction>😱</reaction></reactions><body>take 17</body>`, said{}},
		{"taken back", felt + `</reactions>`, said{}},
		{"about something else", `<reactions id="wg3.x" xmlns="urn:xmpp:reactions:0"><reaction>👍</reaction></reactions>`, said{}},
		{"in a room", `<x xmlns="http://jabber.org/protocol/muc#user"/><body>take 17</body>`, said{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all, err := element.ReadAll(xml.NewDecoder(strings.NewReader(tt.children)))
			if err != nil {
				t.Fatal(err)
			}
			if got := readUtterance(all).said; got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// writes has somebody send a message to the workgroup support, and returns what is
// said to them.
func (st *stage) writes(who string, children ...*element.Element) string {
	st.t.Helper()
	st.wire.mu.Lock()
	before := len(st.wire.sent)
	st.wire.mu.Unlock()
	st.s.HandleMessage(st.t.Context(), stanza.Message{Type: stanza.ChatMessage, From: jid.MustParse(who + "@example.com/phone"), To: st.s.Address("support")}, element.TokenReader(children...))
	synctest.Wait()
	st.wire.mu.Lock()
	defer st.wire.mu.Unlock()
	var all []string
	for _, e := range st.wire.sent[before:] {
		if e.Name.Local == "message" && strings.HasPrefix(e.Get("to"), who+"@") && e.ChildText("body") != "" {
			all = append(all, e.ChildText("body"))
		}
	}
	return strings.Join(all, "\n")
}

func body(text string) *element.Element {
	e := element.New("", "body")
	e.Text = text
	return e
}

// TestReplies: an offer is answered by a reply to its message, and by a reaction.
func TestReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := setStage(t, nil)
		offerTo := func(who, summary string) string {
			t.Helper()
			if _, err := st.s.Report(t.Context(), Report{Workgroup: "support", Source: "test", Summary: summary}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			st.wire.mu.Lock()
			defer st.wire.mu.Unlock()
			for _, e := range st.wire.sent {
				if strings.Contains(e.ChildText("body"), summary) && e.Get("to") == who+"@example.com" {
					return e.Get("id")
				}
			}
			t.Fatalf("%s was not offered to %s", summary, who)
			return ""
		}
		to := func(id string) *element.Element { return element.New("urn:xmpp:reply:0", "reply", "id", id) }
		feel := func(id string, all ...string) *element.Element {
			e := element.New("urn:xmpp:reactions:0", "reactions", "id", id)
			for _, r := range all {
				e.AddText("reaction", r)
			}
			return e
		}
		says := func(want string, who string, children ...*element.Element) {
			t.Helper()
			if got := st.writes(who, children...); !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("%s is answered %q, want %q", who, got, want)
			}
		}
		wants := func(id int64, state State, owner string) {
			t.Helper()
			if a, _, err := st.s.Alert(t.Context(), id); err != nil || a.State != state || a.Owner.Localpart() != owner {
				t.Errorf("alert %d is %s, of %q, want %s, %q", id, a.State, a.Owner, state, owner)
			}
		}
		says("You will be asked", "alice", body("join"))
		one := offerTo("alice", "first")
		two := offerTo("alice", "second")
		says("Which of [1 2]", "alice", body("take"))
		says("Alert 2 is yours", "alice", to(two), body("take"))
		says("Alert 1 is yours", "alice", feel(one, "👍"))
		wants(1, Assigned, "alice")
		says("Alert 1 is yours, and you are at it", "alice", to(one), body("ack"))
		says("That answers a message about alert 1, and says 3. Nothing was done", "alice", to(one), body("resolve 3 disks cleaned"))
		says("Alert 1 is resolved", "alice", feel(one, "👍", "✅"))
		says("has ended already", "alice", feel(one, "👍", "✅"))
		says("", "alice", feel(two))
		says("", "alice", feel(two, "🎉"))
		says("Alert 2 goes to somebody else", "alice", feel(two, "👎"))
		wants(2, Open, "")
		three := offerTo("alice", "third")
		says("Alert 3 is resolved", "alice", to(three), body("resolve disk cleaned"))
		if a, _, err := st.s.Alert(t.Context(), 3); err != nil || a.Reason != "disk cleaned" {
			t.Errorf("resolved: %q (%v)", a.Reason, err)
		}
		// Strangers cannot, and what came late changes nothing.
		says("", "eve", feel(two, "✅"))
		says("Members can say", "eve", to(two), body("resolve"))
		says("That came late", "bob", feel(two, "👍"), element.New("urn:xmpp:delay", "delay"))
		wants(2, Open, "")
	})
}
