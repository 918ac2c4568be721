package workgroups

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/example"
)

// A recorder is a wire whose peers take everything and answer IQs with a result.
type recorder struct {
	mu   sync.Mutex
	sent []*element.Element
}

func (r *recorder) keep(e *element.Element) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, e)
}

func (r *recorder) RoundTripIQ(_ context.Context, iq stanza.IQ, payload xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	e, err := element.Read(payload)
	if err != nil {
		return iq, nil, err
	}
	r.keep(element.New("", "iq", "type", string(iq.Type), "id", iq.ID, "from", iq.From.String(), "to", iq.To.String()).Add(e))
	return stanza.IQ{Type: stanza.ResultIQ}, element.TokenReader(), nil
}

func (r *recorder) Send(_ context.Context, s xml.TokenReader) error {
	e, err := element.Read(s)
	if err == nil {
		r.keep(e)
	}
	return err
}

func (r *recorder) Barrier(context.Context) error { return nil }

// find returns the last stanza sent that covers want.
func (r *recorder) find(want *element.Element) *element.Element {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.sent) - 1; i >= 0; i-- {
		if example.Missing(r.sent[i], want) == "" {
			return r.sent[i]
		}
	}
	return nil
}

// A stage is a service with the workgroup and the people of the examples.
type stage struct {
	t    *testing.T
	s    *Service
	wire *recorder
}

func setStage(t *testing.T, form []FormField) *stage {
	member := func(name string) Member { return Member{JID: jid.MustParse(name + "@example.com")} }
	st := &stage{t: t, wire: &recorder{}}
	var err error
	st.s, err = New(Config{
		Domain: jid.MustParse("workgroup.example.com"), Store: &Memory{}, Wire: st.wire,
		Groups: []Workgroup{{Name: "support", Title: "demo", Description: "Example.com Support Workgroup", Form: form,
			Members: []Member{member("alice"), member("bob"), member("admin")}}, {Name: "sales"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	st.run(st.s)
	return st
}

// run has the stage be that of a service, until the test ends.
func (st *stage) run(s *Service) {
	st.s = s
	ctx, cancel := context.WithCancel(st.t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	st.t.Cleanup(func() { cancel(); <-done })
}

func (st *stage) read(file string) *element.Element {
	st.t.Helper()
	// Fastpath's name of the session is ours.
	return example.Read(st.t, filepath.Join("testdata", file), "ab12cd7", "alert-1")
}

// hear has the service take a stanza; the answer to an IQ is its payload, nil if
// there is none, or the error's condition.
func (st *stage) hear(e *element.Element, from string) (*element.Element, string) {
	st.t.Helper()
	if e.Get("from") != "" {
		from = e.Get("from")
	}
	sender, to := jid.MustParse(from), jid.MustParse(e.Get("to"))
	inner := element.TokenReader(e.Children...)
	switch e.Name.Local {
	case "presence":
		st.s.HandlePresence(st.t.Context(), stanza.Presence{From: sender, To: to, Type: stanza.PresenceType(e.Get("type"))}, inner)
	case "message":
		st.s.HandleMessage(st.t.Context(), stanza.Message{From: sender, To: to, Type: stanza.MessageType(e.Get("type"))}, inner)
	case "iq":
		out, err := st.s.HandleIQ(st.t.Context(), stanza.IQ{From: sender, To: to, Type: stanza.IQType(e.Get("type")), ID: e.Get("id")}, inner)
		var se stanza.Error
		if errors.As(err, &se) {
			return nil, string(se.Condition)
		}
		if out != nil {
			payload, err := element.Read(out)
			if err != nil {
				st.t.Fatal(err)
			}
			return payload, ""
		}
	}
	return nil, ""
}

// Scenes of the examples: what has happened before.
const (
	nothing = iota
	queued  // user@example.net/home is in the queue
	offered // and is offered to alice, who is there
	owned   // and alice has accepted
)

func (st *stage) come(to int) {
	st.t.Helper()
	if to >= queued {
		if _, cond := st.hear(st.read("xep0142/ex02-request-element-user.xml"), ""); cond != "" {
			st.t.Fatalf("join: %s", cond)
		}
	}
	if to >= offered {
		st.hear(st.read("xep0142/ex24-agent-becomes-available-user.xml"), "")
	}
	if to >= owned {
		st.hear(st.read("xep0142/ex40-offer-accept-request-agent.xml"), "")
	}
	synctest.Wait()
}

// heard are the examples that others send: what must have happened before, and the
// answer, "" for a result.
var heard = []struct {
	file   string
	before int
	want   string   // condition of the error
	answer string   // file: the payload of the result
	then   []string // files: stanzas sent then
}{
	{file: "xep0142/ex02-request-element-user.xml"},
	{file: "xep0142/ex02-request-element-user.xml", before: queued, want: "conflict"},
	{file: "xep0142/ex04-successful-join-1-user.xml", answer: "xep0142/ex04-successful-join-2-service.xml"},
	{file: "xep0142/ex05-join-with-meta-data-1-user.xml", answer: "xep0142/ex05-join-with-meta-data-2-service.xml"},
	{file: "xep0142/ex08-join-with-form-3-1-user.xml", answer: "xep0142/ex08-join-with-form-3-2-service.xml"},
	{file: "xep0142/ex11-depart-request-user.xml", before: queued, answer: "xep0142/ex13-depart-request-service.xml", then: []string{"xep0142/ex14-depart-message-service.xml"}},
	{file: "xep0142/ex11-depart-request-user.xml", want: "item-not-found"},
	{file: "xep0142/ex12-depart-request-with-jid-user.xml", before: queued, want: "not-authorized"},
	{file: "xep0142/ex15-user-departs-1-user.xml", before: queued, answer: "xep0142/ex15-user-departs-2-service.xml", then: []string{"xep0142/ex15-user-departs-3-service.xml"}},
	{file: "xep0142/ex16-administrator-removes-user-1-user.xml", before: queued, answer: "xep0142/ex16-administrator-removes-user-2-service.xml", then: []string{"xep0142/ex15-user-departs-3-service.xml"}},
	{file: "xep0142/ex19-user-status-poll-1-user.xml", before: queued, answer: "xep0142/ex19-user-status-poll-2-service.xml"},
	{file: "xep0142/ex19-user-status-poll-1-user.xml", want: "not-authorized"},
	{file: "xep0142/ex23-presence-update-user.xml", before: queued, then: []string{"xep0142/ex25-notify-agent-status-type-service.xml", "xep0142/ex27-notify-queue-status-type-service.xml"}},
	{file: "xep0142/ex24-agent-becomes-available-user.xml", before: queued, then: []string{
		"xep0142/ex28-notify-queue-details-status-type-service.xml", "xep0142/ex29-agent-receives-updates-1-service.xml", "xep0142/ex29-agent-receives-updates-2-service.xml",
		"xep0142/ex35-offer-request-service.xml", "xep0142/ex37-agent-is-offered-a-chat-1-service.xml",
		"smack/fastpath-notify-queue.xml", "smack/fastpath-offer.xml",
	}},
	{file: "xep0142/ex31-request-element-user.xml", answer: "xep0142/ex32-response-element-service.xml"},
	{file: "xep0142/ex40-offer-accept-request-agent.xml", before: offered, answer: "xep0142/ex42-offer-response-service.xml", then: []string{"xep0142/ex49-invitation-meta-data-na.xml"}},
	{file: "xep0142/ex40-offer-accept-request-agent.xml", before: owned},
	{file: "xep0142/ex40-offer-accept-request-agent.xml", then: []string{"xep0142/ex45-offer-revoke-request-service.xml"}},
	{file: "xep0142/ex41-offer-reject-request-agent.xml", before: offered},
	{file: "xep0142/ex43-agent-accepts-chat-1-agent.xml", before: offered, answer: "xep0142/ex43-agent-accepts-chat-2-service.xml"},
	{file: "xep0142/ex51-workgroup-service-discovery-3-user.xml", answer: "xep0142/ex51-workgroup-service-discovery-4-service.xml"},
	{file: "xep0142/ex51-workgroup-service-discovery-5-user.xml", answer: "xep0142/ex51-workgroup-service-discovery-6-service.xml"},
	{file: "xep0142/ex51-workgroup-service-discovery-7-user.xml", answer: "xep0142/ex51-workgroup-service-discovery-8-service.xml"},

	{file: "smack/smack-user-join.xml"},
	{file: "smack/smack-user-join-anonymous.xml"},
	{file: "smack/smack-user-depart.xml", before: queued, then: []string{"xep0142/ex14-depart-message-service.xml"}},
	{file: "smack/smack-user-available-probe.xml", then: []string{"smack/fastpath-workgroup-presence.xml"}},
	{file: "smack/smack-agent-online.xml", then: []string{"xep0142/ex26-agent-recives-update-service.xml"}},
	{file: "smack/smack-agent-status-max-chats.xml"},
	{file: "smack/smack-agent-status-without-extension.xml", before: offered},
	{file: "smack/smack-agent-offline.xml", before: offered},
	{file: "smack/smack-agent-status-request.xml", answer: "xep0142/ex32-response-element-service.xml"},
	{file: "smack/smack-agent-workgroups.xml"},
	{file: "smack/smack-agent-offer-accept.xml", before: offered, then: []string{"xep0142/ex49-invitation-meta-data-na.xml"}},
	{file: "smack/smack-agent-offer-reject.xml", before: offered},
	{file: "smack/smack-agent-dequeue-user.xml", before: queued, then: []string{"xep0142/ex14-depart-message-service.xml"}},
	{file: "smack/smack-agent-chat-notes-set.xml", before: owned},
	{file: "smack/smack-agent-transfer.xml", before: owned, want: "not-authorized"}, // bob is not there
	{file: "smack/smack-agent-invite.xml", want: "feature-not-implemented"},
	{file: "smack/smack-agent-monitor-get.xml", want: "feature-not-implemented"},
}

// from is who sends the examples that do not say it.
func from(file string) string {
	if strings.Contains(file, "smack-user") {
		return "user@example.net/home"
	}
	return "alice@example.com/work"
}

func TestExamplesHeard(t *testing.T) {
	for _, tt := range heard {
		t.Run(fmt.Sprintf("%s-%d", strings.TrimSuffix(filepath.Base(tt.file), ".xml"), tt.before), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := setStage(t, nil)
				st.come(tt.before)
				got, cond := st.hear(st.read(tt.file), from(tt.file))
				synctest.Wait()
				if cond != tt.want {
					t.Fatalf("answered %q, want %q", cond, tt.want)
				}
				if tt.answer != "" {
					want := st.read(tt.answer)
					if len(want.Children) == 0 {
						if got != nil {
							t.Errorf("the result holds %s", got)
						}
					} else if got == nil {
						t.Errorf("an empty result, want %s", want.Children[0])
					} else if missing := example.Missing(got, want.Children[0]); missing != "" {
						t.Errorf("%s\n%s", missing, got)
					}
				}
				for _, file := range tt.then {
					st.wantSent(file)
				}
			})
		})
	}
}

// wantSent looks for an example among what was sent. The queue's part of
// presence comes from a resource, as from Fastpath.
func (st *stage) wantSent(file string) {
	st.t.Helper()
	want := st.read(file)
	if want.Name.Space == NS { // a child of a stanza
		want = element.New("", "message").Add(want)
	}
	var attrs []xml.Attr
	for _, a := range want.Attr {
		if a.Name.Local == "from" || a.Name.Local == "to" && strings.Contains(file, "ex26") {
			continue // misspelt in places
		}
		attrs = append(attrs, a)
	}
	want.Attr = attrs
	if st.wire.find(want) == nil {
		st.t.Errorf("%s is not sent; but:", file)
		for _, e := range st.wire.sent {
			st.t.Logf("%s\n   %s", e, example.Missing(e, want))
		}
	}
}

// TestExampleForm is examples 6 to 8: a workgroup that wants to know something.
func TestExampleForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := setStage(t, []FormField{
			{Var: "first", Label: "First Name", Required: true}, {Var: "last", Label: "Last Name", Required: true},
			{Var: "contract_type", Label: "Contract Type", Options: []string{"0", "1", "2", "3"}},
		})
		if _, cond := st.hear(st.read("xep0142/ex06-join-with-form-1-user.xml"), ""); cond != "not-acceptable" {
			t.Errorf("a join without the form: %q", cond)
		}
		form, cond := st.hear(st.read("xep0142/ex07-join-with-form-2-1-user.xml"), "")
		if cond != "" || form == nil {
			t.Fatalf("the form: %q", cond)
		}
		x := form.Child("jabber:x:data", "x") // the XEP prints another namespace, and means this
		var vars []string
		for _, f := range x.Children {
			if f.Name.Local == "field" {
				vars = append(vars, f.Get("type")+" "+f.Get("var"))
			}
		}
		if got, want := strings.Join(vars, ", "), "text-single first, text-single last, list-single contract_type"; got != want {
			t.Errorf("the form asks %s, want %s", got, want)
		}
		if _, cond := st.hear(st.read("xep0142/ex08-join-with-form-3-1-user.xml"), ""); cond != "" {
			t.Errorf("the form was sent: %q", cond)
		}
		all, err := st.s.Alerts(t.Context(), "support")
		if err != nil || len(all) != 1 || all[0].Labels["last"] != "Doe" {
			t.Errorf("in the queue: %+v (%v)", all, err)
		}
	})
}

// TestExampleRevokes is examples 44 to 47, and Fastpath's: an offer that ends.
func TestExampleRevokes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := setStage(t, nil)
		st.come(offered)
		time.Sleep(61 * time.Second)
		synctest.Wait()
		st.wantSent("xep0142/ex47-offer-revoked-due-to-timeout-1-service.xml")
		st.wantSent("smack/fastpath-offer-revoke.xml")
		st.wantSent("xep0142/ex18-user-status-push-service.xml")
		st.wantSent("smack/fastpath-queue-status-push.xml")
	})
}

// TestExampleMetadata is examples 5 and 38: what a person says of themselves is
// shown to the agent, by Fastpath's names.
func TestExampleMetadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := setStage(t, nil)
		st.hear(st.read("xep0142/ex05-join-with-meta-data-1-user.xml"), "")
		st.hear(st.read("xep0142/ex24-agent-becomes-available-user.xml"), "")
		synctest.Wait()
		offer := st.wire.find(element.New("", "iq").Add(element.New(NS, "offer")))
		if offer == nil {
			t.Fatal("no offer")
		}
		text := offer.String()
		for _, want := range []string{`name="label.product"`, "Widget 1.0", "the24th498onth"} {
			if !strings.Contains(text, want) {
				t.Errorf("the offer has no %s: %s", want, text)
			}
		}
	})
}

// notSent are the examples that this service does not send, and why.
var notSent = map[string]string{
	"xep0142/ex16-administrator-removes-user-3-service.xml":   "the same as ex15, misspelt",
	"xep0142/ex06-join-with-form-2-service.xml":               "TestExampleForm",
	"xep0142/ex07-join-with-form-2-2-service.xml":             "TestExampleForm, in the namespace that is meant",
	"xep0142/ex06-join-with-form-1-user.xml":                  "TestExampleForm",
	"xep0142/ex07-join-with-form-2-1-user.xml":                "TestExampleForm",
	"xep0142/ex03-response-element-service.xml":               "an empty result, as ex04",
	"xep0142/ex18-user-status-push-service.xml":               "TestExampleRevokes",
	"xep0142/ex47-offer-revoked-due-to-timeout-1-service.xml": "TestExampleRevokes",
	"smack/fastpath-offer-revoke.xml":                         "TestExampleRevokes",
	"smack/fastpath-queue-status-push.xml":                    "TestExampleRevokes",
	"xep0142/ex38-offer-including-meta-data-1-service.xml":    "TestExampleMetadata: by Fastpath's names",
	"smack/fastpath-depart-message.xml":                       "the message of ex14, without Fastpath's reason",

	// The result of an agent's client to an offer or revoke; the client of package
	// client says them in its own tests.
	"xep0142/ex36-offer-response-agent.xml":                 "TestAlert",
	"xep0142/ex37-agent-is-offered-a-chat-2-agent.xml":      "TestAlert",
	"xep0142/ex38-offer-including-meta-data-2-agent.xml":    "TestAlert",
	"xep0142/ex46-offer-response-agent.xml":                 "TestAlert",
	"xep0142/ex47-offer-revoked-due-to-timeout-2-agent.xml": "TestAlert",

	"xep0142/ex51-workgroup-service-discovery-1-user.xml":    "is for the server",
	"xep0142/ex51-workgroup-service-discovery-2-service.xml": "is said by the server",

	"xep0142/ex21-an-invitation-service.xml":       "TestRoom: the room sends it",
	"xep0142/ex50-an-invitation-service.xml":       "TestRoom: the room sends it",
	"smack/fastpath-invite-agent.xml":              "TestRoom: what the room is asked to send",
	"xep0142/ex33-agent-status-update-service.xml": "comes from another's address, which no server lets a component do",
	"smack/fastpath-agent-status.xml":              "the same",
	"smack/fastpath-agent-pushed-remove.xml":       "members do not change while the service runs",
}

// TestEveryExample: each is heard, sent, or there is a reason.
func TestEveryExample(t *testing.T) {
	used := map[string]bool{}
	for _, tt := range heard {
		for _, f := range append([]string{tt.file, tt.answer}, tt.then...) {
			used[f] = true
		}
	}
	for _, dir := range []string{"xep0142", "smack"} {
		files, err := filepath.Glob("testdata/" + dir + "/*.xml")
		if err != nil || len(files) < 26 {
			t.Fatal(err, len(files))
		}
		for _, f := range files {
			name := dir + "/" + filepath.Base(f)
			if notSent[name] == "" && !used[name] {
				t.Errorf("%s is in no test", name)
			}
		}
	}
}
