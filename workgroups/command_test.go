package workgroups

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/adhoc"
	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
	"adminbot/workgroups/oncall"
)

// asks has somebody send a request to the workgroup support.
func (st *stage) asks(who string, typ stanza.IQType, payload *element.Element) (*element.Element, error) {
	st.t.Helper()
	r, err := st.s.HandleIQ(st.t.Context(), stanza.IQ{Type: typ, From: jid.MustParse(who + "@example.com/phone"), To: st.s.Address("support")}, payload.TokenReader())
	if err != nil || r == nil {
		return nil, err
	}
	e, err := element.Read(r)
	if err != nil {
		st.t.Fatal(err)
	}
	return e, nil
}

// runs has somebody take a step of a command; fields are names and values.
func (st *stage) runs(who string, c adhoc.Command, fields ...string) (adhoc.Command, error) {
	st.t.Helper()
	if len(fields) > 0 {
		f := form.Form{Type: "submit"}
		for i := 0; i < len(fields); i += 2 {
			f.Fields = append(f.Fields, form.Field{Var: fields[i], Values: strings.Split(fields[i+1], "\n")})
		}
		c.Form = &f
	}
	e, err := st.asks(who, stanza.SetIQ, c.Element())
	synctest.Wait()
	if err != nil {
		return adhoc.Command{}, err
	}
	return adhoc.Parse(e), nil
}

// step is runs of what goes well.
func (st *stage) step(who string, c adhoc.Command, fields ...string) adhoc.Command {
	st.t.Helper()
	out, err := st.runs(who, c, fields...)
	if err != nil {
		st.t.Fatalf("%s: %+v: %v", who, c, err)
	}
	return out
}

// next is the same command with another action.
func next(c adhoc.Command, action string) adhoc.Command {
	return adhoc.Command{Node: c.Node, Session: c.Session, Action: action}
}

func options(c adhoc.Command, name string) (all []string) {
	if c.Form == nil {
		return nil
	}
	for _, f := range c.Form.Fields {
		if f.Var == name {
			for _, o := range f.Options {
				all = append(all, o.Value)
			}
		}
	}
	return all
}

func (st *stage) raise(summary string) {
	st.t.Helper()
	if _, err := st.s.Report(st.t.Context(), Report{Workgroup: "support", Source: "test", Summary: summary, Host: "web01"}); err != nil {
		st.t.Fatal(err)
	}
	synctest.Wait()
}

// TestCommands: what people do, by forms.
func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := setStage(t, nil)
		st.raise("one")
		st.raise("two")

		// They are found.
		e, err := st.asks("alice", stanza.GetIQ, element.New(disco.NSItems, "query", "node", adhoc.NS))
		if err != nil {
			t.Fatal(err)
		}
		items, err := disco.ParseItems(e)
		if err != nil || len(items) != len(verbs) || items[1].Node != "take" || items[1].JID.String() != "support@workgroup.example.com" {
			t.Errorf("commands %+v, %v", items, err)
		}
		if e, err := st.asks("eve", stanza.GetIQ, element.New(disco.NSItems, "query", "node", adhoc.NS)); err != nil || len(e.Children) != 0 {
			t.Errorf("eve sees %s, %v", e, err)
		}
		r, err := st.s.HandleIQ(t.Context(), stanza.IQ{Type: stanza.GetIQ, From: jid.MustParse("alice@example.com/phone"), To: jid.MustParse("workgroup.example.com")},
			element.New(disco.NSItems, "query", "node", adhoc.NS).TokenReader())
		if err != nil {
			t.Fatal(err)
		}
		if e, err := element.Read(r); err != nil || len(e.Children) != len(verbs) || e.Children[1].Get("name") != "Take an alert · demo" {
			t.Errorf("the service's commands: %s, %v", e, err)
		}
		for node, want := range map[string]string{adhoc.NS: "automation/command-list", "resolve": "automation/command-node"} {
			e, err := st.asks("alice", stanza.GetIQ, disco.Query(node))
			if err != nil {
				t.Fatal(err)
			}
			info, err := disco.Parse(e)
			if err != nil || info.Identities[0].Category+"/"+info.Identities[0].Type != want {
				t.Errorf("%s is %+v, %v", node, info, err)
			}
		}
		if e, err := st.asks("alice", stanza.GetIQ, disco.Query("")); err != nil || !strings.Contains(e.String(), `var="`+adhoc.NS+`"`) {
			t.Errorf("the workgroup says %s, %v", e, err)
		}

		// One without a form, and one with.
		if c := st.step("alice", adhoc.Command{Node: "list"}); c.Status != adhoc.Completed || !strings.Contains(c.Note, "1 · warning · web01 · one · nobody has it") {
			t.Errorf("list: %+v", c)
		}
		if c := st.step("alice", adhoc.Command{Node: "pass"}); c.Status != adhoc.Completed || !strings.HasPrefix(c.Note, "No alert is offered to you") {
			t.Errorf("pass: %+v", c)
		}
		c := st.step("alice", adhoc.Command{Node: "take", Action: adhoc.Execute})
		if c.Status != adhoc.Executing || c.Session == "" || c.Default != adhoc.Complete || !slices.Equal(c.Actions, []string{adhoc.Complete}) || !slices.Equal(options(c, "alert"), []string{"1", "2"}) {
			t.Errorf("take: %+v", c)
		}
		if c := st.step("alice", next(c, ""), "alert", "2"); c.Status != adhoc.Completed || c.Note != "Alert 2 is yours." {
			t.Errorf("taken: %+v", c)
		}

		// Two forms, back and forth.
		c = st.step("alice", adhoc.Command{Node: "resolve"})
		if c.Default != adhoc.Next || !slices.Equal(options(c, "alert"), []string{"1", "2"}) {
			t.Errorf("resolve: %+v", c)
		}
		c = st.step("alice", next(c, adhoc.Next), "alert", "1")
		if c.Default != adhoc.Complete || !slices.Equal(c.Actions, []string{adhoc.Prev, adhoc.Complete}) || c.Form.Instructions != "Alert 1 · warning · web01 · one" {
			t.Errorf("resolve 1: %+v", c)
		}
		c = st.step("alice", next(c, adhoc.Prev))
		if c.Form.Get("alert") != "1" || c.Default != adhoc.Next {
			t.Errorf("back: %+v", c)
		}
		c = st.step("alice", next(c, adhoc.Execute), "alert", "2")
		c = st.step("alice", next(c, adhoc.Complete), "note", "disk\ncleaned")
		if c.Status != adhoc.Completed || c.Note != "Alert 2 is resolved." {
			t.Errorf("resolved: %+v", c)
		}
		if a, _, err := st.s.Alert(t.Context(), 2); err != nil || a.State != Resolved || a.Reason != "disk\ncleaned" {
			t.Errorf("alert 2: %s, %q, %v", a.State, a.Reason, err)
		}
		if _, err := st.runs("alice", next(c, adhoc.Complete), "note", "again"); !isCondition(err, stanza.BadRequest) {
			t.Errorf("completed twice: %v", err)
		}

		// Wrong answers are asked for again.
		c = st.step("alice", adhoc.Command{Node: "ack"})
		for _, bad := range [][]string{{"alert", "99"}, {"alert", ""}, {"other", "1"}, nil} {
			c = st.step("alice", next(c, adhoc.Complete), bad...)
			if c.Status != adhoc.Executing || c.NoteType != adhoc.Error || !strings.HasPrefix(c.Note, "Alert: ") {
				t.Errorf("%q: %+v", bad, c)
			}
		}
		if c = st.step("alice", next(c, adhoc.Cancel)); c.Status != adhoc.Canceled {
			t.Errorf("cancel: %+v", c)
		}
		if _, err := st.runs("alice", next(c, adhoc.Complete), "alert", "1"); !isCondition(err, stanza.BadRequest) {
			t.Errorf("after cancel: %v", err)
		}
		c = st.step("alice", adhoc.Command{Node: "ack"})
		if c = st.step("alice", next(c, adhoc.Complete), "alert", "1"); c.Note != "Alert 1 is yours, and you are at it." {
			t.Errorf("ack: %+v", c)
		}
		if c = st.step("bob", adhoc.Command{Node: "take"}); c.Note != "Nothing waits to be taken." {
			t.Errorf("bob's take: %+v", c)
		}
		if c = st.step("bob", adhoc.Command{Node: "oncall"}); c.Note != noSchedule {
			t.Errorf("on call: %+v", c)
		}

		// Silences.
		c = st.step("bob", adhoc.Command{Node: "silence"})
		empty := st.step("bob", next(c, adhoc.Complete), "for", "3600")
		if !strings.HasPrefix(empty.Note, "Which alerts?") {
			t.Errorf("silence of everything: %+v", empty)
		}
		c = st.step("bob", adhoc.Command{Node: "silence"})
		c = st.step("bob", next(c, adhoc.Complete), "for", "3600", "host", "web01", "match", "role=db\nseverity!=critical", "note", "new disks")
		all, err := st.s.Silences(t.Context())
		if err != nil || len(all) != 1 || all[0].By != "bob@example.com" || all[0].Reason != "new disks" || len(all[0].Match) != 3 || time.Until(all[0].Until) != time.Hour {
			t.Errorf("silences %+v, %v; %+v", all, err, c)
		}
	})
}

func isCondition(err error, want stanza.Condition) bool {
	var se stanza.Error
	return errors.As(err, &se) && se.Condition == want
}

// TestCommandRights: only members, each in their own session, and within the policy.
func TestCommandRights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := setStage(t, nil)
		st.raise("one")
		for _, tt := range []struct {
			name, who string
			c         adhoc.Command
			want      stanza.Condition
		}{
			{"a stranger", "eve", adhoc.Command{Node: "list"}, stanza.Forbidden},
			{"no such command", "alice", adhoc.Command{Node: "reboot"}, stanza.ItemNotFound},
			{"no such session", "alice", adhoc.Command{Node: "take", Session: "x", Action: adhoc.Complete}, stanza.BadRequest},
			{"begins with the end", "alice", adhoc.Command{Node: "take", Action: adhoc.Complete}, stanza.BadRequest},
		} {
			if _, err := st.runs(tt.who, tt.c); !isCondition(err, tt.want) {
				t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
			}
		}
		c := st.step("alice", adhoc.Command{Node: "take"})
		other := next(c, adhoc.Complete)
		other.Node = "resolve"
		for name, try := range map[string]func() error{
			"somebody else":    func() error { _, err := st.runs("bob", next(c, adhoc.Complete), "alert", "1"); return err },
			"another command":  func() error { _, err := st.runs("alice", other, "alert", "1"); return err },
			"before the first": func() error { _, err := st.runs("alice", next(c, adhoc.Prev)); return err },
			"no action":        func() error { _, err := st.runs("alice", next(c, "jump"), "alert", "1"); return err },
		} {
			if err := try(); !isCondition(err, stanza.BadRequest) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// Sessions end, and are bounded: each makes room for the next.
		time.Sleep(commandLife + time.Second)
		if _, err := st.runs("alice", next(c, adhoc.Complete), "alert", "1"); !isCondition(err, stanza.BadRequest) {
			t.Errorf("too late: %v", err)
		}
		first := st.step("alice", adhoc.Command{Node: "take"})
		for range maxCommandsOf {
			time.Sleep(time.Second)
			st.step("alice", adhoc.Command{Node: "take"})
		}
		if _, err := st.runs("alice", next(first, adhoc.Complete), "alert", "1"); !isCondition(err, stanza.BadRequest) || len(st.s.begun.all) != maxCommandsOf {
			t.Errorf("%d sessions, the first: %v", len(st.s.begun.all), err)
		}

		// The policy has a word.
		st.s.cfg.May = func(who jid.JID, method string) error {
			return fmt.Errorf("workgroups: no rule lets %s do %s", who, method)
		}
		for node, method := range map[string]string{"silence": "alert.silence", "takeover": "oncall.override"} {
			if c := st.step("alice", adhoc.Command{Node: node}); c.Status != adhoc.Completed || !strings.HasSuffix(c.Note, "nothing was done: no rule lets alice@example.com do "+method) {
				t.Errorf("%s: %+v", node, c)
			}
		}
	})
}

// TestCommandTakeover: who takes over is on call.
func TestCommandTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := setStage(t, nil)
		days := &oncall.Schedule{Name: "days", Layers: []oncall.Layer{{Name: "l", Who: []string{"bob@example.com"}, Every: 24 * time.Hour, Start: oncall.Start{Year: 1999, Month: 12, Day: 1}}}}
		nights := &oncall.Schedule{Name: "nights", Layers: days.Layers}
		s, err := New(Config{Domain: st.s.cfg.Domain, Store: &Memory{}, Wire: st.wire, Groups: []Workgroup{{
			Name: "support", Members: []Member{{JID: jid.MustParse("alice@example.com")}, {JID: jid.MustParse("bob@example.com")}}, Schedules: []*oncall.Schedule{days, nights},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		st.run(s)
		if c := st.step("alice", adhoc.Command{Node: "oncall"}); !strings.HasPrefix(c.Note, "days: bob@example.com") {
			t.Errorf("on call: %+v", c)
		}
		c := st.step("alice", adhoc.Command{Node: "takeover"})
		if !slices.Equal(options(c, "schedule"), []string{"days", "nights"}) {
			t.Errorf("takeover: %+v", c)
		}
		c = st.step("alice", next(c, adhoc.Complete), "schedule", "nights", "for", "14400")
		if c.Status != adhoc.Completed || !strings.Contains(c.Note, "days: bob@example.com") || !strings.Contains(c.Note, "nights: alice@example.com until Sat 2000-01-01 04:00 UTC") {
			t.Errorf("taken over: %+v", c)
		}
	})
}
