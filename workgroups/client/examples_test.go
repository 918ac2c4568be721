package client_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/example"
	"adminbot/workgroups"
	"adminbot/workgroups/client"
)

var support = jid.MustParse("support@workgroup.example.com")

func read(t *testing.T, file string) *element.Element {
	t.Helper()
	return example.Read(t, filepath.Join("../testdata", file), "workgroupexample.com", "workgroup.example.com", "wokgroup", "workgroup", "workgoup", "workgroup",
		"'admin-jid'", "'admin@example.com/work'")
}

// A script is a service that says what examples say.
type script struct {
	*testing.T
	x       *exchange
	service *peer
	answers map[string]string // by name of the payload: a file; "": an empty result
}

func newScript(t *testing.T) *script {
	s := &script{T: t, x: &exchange{}, answers: map[string]string{}}
	s.service = s.x.connect(t, "workgroup.example.com")
	s.service.iq = func(_ context.Context, iq stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
		e, err := element.Read(r)
		if err != nil {
			return nil, err
		}
		file := s.answers[e.Name.Local+"@"+iq.To.Localpart()]
		if file == "" {
			file = s.answers[e.Name.Local]
		}
		if file == "" {
			return nil, nil
		}
		answer := read(t, file)
		if answer.Get("type") == "error" {
			return nil, stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable}
		}
		return element.TokenReader(answer.Children...), nil
	}
	return s
}

// client connects who the examples say it is.
func (s *script) client(addr string) (*client.Client, *peer) {
	p := s.x.connect(s.T, addr)
	c := client.New(client.Config{Wire: p})
	p.iq, p.pres, p.msg = c.HandleIQ, c.HandlePresence, c.HandleMessage
	return c, p
}

// says has the service, or a room, send an example; it returns the answer, if it is
// a request.
func (s *script) says(to *peer, file string) {
	s.Helper()
	to.receive(read(s.T, file))
	synctest.Wait()
}

// wants checks that a peer has sent an example.
func (s *script) wants(p *peer, file string) {
	s.Helper()
	want := read(s.T, file)
	want.Attr = slices.DeleteFunc(want.Attr, func(a xml.Attr) bool { return a.Name.Local == "from" })
	p.mu.Lock()
	defer p.mu.Unlock()
	var why []string
	for _, e := range p.log {
		missing := example.Missing(e, want)
		if missing == "" {
			return
		}
		why = append(why, fmt.Sprintf("%s\n   %s", e, missing))
	}
	s.Errorf("%s is not sent; but:\n%s", file, strings.Join(why, "\n"))
}

const (
	exUser  = "user@example.net/home"
	exAlice = "alice@example.com/work"
	exAdmin = "admin@example.com/work"
)

// TestExamplesUser: what users send and take.
func TestExamplesUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		c, p := s.client(exUser)
		var places []client.Place
		type end struct {
			inv client.Invitation
			err error
		}
		ends := make(chan end, 1)
		queue := func(r client.Request) func() {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				inv, err := c.Queue(ctx, support, r)
				ends <- end{inv, err}
			}()
			synctest.Wait()
			return cancel
		}
		told := func(p client.Place) { places = append(places, p) }

		// Join, status, invitation.
		queue(client.Request{Told: told})
		s.wants(p, "xep0142/ex02-request-element-user.xml")
		s.wants(p, "xep0142/ex04-successful-join-1-user.xml")
		s.says(p, "xep0142/ex18-user-status-push-service.xml")
		s.says(p, "smack/fastpath-queue-status-push.xml")
		if fmt.Sprint(places) != "[{4 1m0s} {1 30s}]" {
			t.Errorf("places %v", places)
		}
		s.answers["queue-status"] = "xep0142/ex19-user-status-poll-2-service.xml"
		if at, err := c.Place(t.Context(), support); err != nil || at.Position != 4 || at.Time != time.Minute {
			t.Errorf("place %+v, %v", at, err)
		}
		s.wants(p, "xep0142/ex19-user-status-poll-1-user.xml")
		s.says(p, "xep0142/ex21-an-invitation-service.xml")
		if e := <-ends; e.err != nil || e.inv.Room.String() != "roomname@chatserver.example.com" || e.inv.Reason != "You have been invited to chat with a support@workgroup.example.com agent." {
			t.Errorf("invitation %+v, %v", e.inv, e.err)
		}

		// With data of another kind; and leaves.
		data := read(t, "xep0142/ex05-join-with-meta-data-1-user.xml").Children[0].Children[0]
		leave := queue(client.Request{Told: told, Data: data.TokenReader()})
		s.wants(p, "xep0142/ex05-join-with-meta-data-1-user.xml")
		leave()
		synctest.Wait()
		s.wants(p, "xep0142/ex11-depart-request-user.xml")
		s.wants(p, "xep0142/ex15-user-departs-1-user.xml")
		s.says(p, "xep0142/ex15-user-departs-3-service.xml") // it has left already
		if e := <-ends; e.err != context.Canceled {
			t.Errorf("left: %v", e.err)
		}

		// Is taken out.
		for _, file := range []string{"xep0142/ex14-depart-message-service.xml", "xep0142/ex16-administrator-removes-user-3-service.xml", "smack/fastpath-depart-message.xml"} {
			queue(client.Request{})
			s.says(p, file)
			if e := <-ends; !errors.Is(e.err, client.ErrLeft) {
				t.Errorf("%s: %v", file, e.err)
			}
		}

		// A form.
		s.answers["join-queue"] = "xep0142/ex06-join-with-form-2-service.xml"
		queue(client.Request{Told: told})
		s.wants(p, "xep0142/ex06-join-with-form-1-user.xml")
		if e := <-ends; condition(e.err) != stanza.NotAcceptable {
			t.Errorf("without the form: %v", e.err)
		}
		s.answers["join-queue"] = "xep0142/ex07-join-with-form-2-2-service.xml"
		form, err := c.Form(t.Context(), support)
		if err != nil || len(form.Fields) != 3 || form.Fields[0].Label != "First Name" || len(form.Fields[2].Options) != 4 {
			t.Errorf("form %+v, %v", form, err)
		}
		s.wants(p, "xep0142/ex07-join-with-form-2-1-user.xml")
		delete(s.answers, "join-queue")
		queue(client.Request{Told: told, Answers: map[string]string{"first": "John", "last": "Doe", "contract_type": "2"}})
		submitted := p.sent("join-queue")
		want := read(t, "xep0142/ex08-join-with-form-3-1-user.xml").Children[0].Child("jabber:iq:data", "x")
		for _, e := range append(want.Children, want) { // the XEP prints another namespace, and means this
			e.Name.Space = "jabber:x:data"
			for _, v := range e.Children {
				v.Name.Space = "jabber:x:data"
			}
		}
		got := submitted[len(submitted)-1].Children[0].Child("jabber:x:data", "x")
		if got == nil || example.Missing(got, want) != "" {
			t.Errorf("the form is sent as %s", got)
		}
		s.says(p, "xep0142/ex14-depart-message-service.xml")
		<-ends
	})
}

// TestExamplesAdmin: somebody takes a user out.
func TestExamplesAdmin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		c, p := s.client(exAdmin)
		if err := c.Remove(t.Context(), support, jid.MustParse(exUser)); err != nil {
			t.Error(err)
		}
		s.wants(p, "xep0142/ex12-depart-request-with-jid-user.xml")
		s.wants(p, "xep0142/ex16-administrator-removes-user-1-user.xml")
	})
}

// TestExamplesDiscovery: which workgroups there are.
func TestExamplesDiscovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		c, p := s.client(exUser)
		s.answers["query"] = "xep0142/ex51-workgroup-service-discovery-6-service.xml"
		s.answers["query@support"] = "xep0142/ex51-workgroup-service-discovery-8-service.xml"
		s.answers["query@sales"] = "xep0142/ex51-workgroup-service-discovery-4-service.xml"
		all, err := c.Workgroups(t.Context(), support.Domain())
		if err != nil || len(all) != 2 || all[0].Description != "Example.com Support Workgroup" || all[0].Online != "ready" || all[1].Name != "Example.com Sales Live Assistant" {
			t.Errorf("%+v, %v", all, err)
		}
		s.wants(p, "xep0142/ex51-workgroup-service-discovery-5-user.xml")
		s.wants(p, "xep0142/ex51-workgroup-service-discovery-7-user.xml")
	})
}

// TestExamplesAgent: what agents send and take.
func TestExamplesAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		c, p := s.client(exAlice)
		var status client.Status
		var seen []client.Colleague
		offers, ends := make(chan *client.Offer, 10), make(chan error, 10)
		decide := make(chan bool, 1)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() {
			served <- c.Serve(ctx, support, client.Agent{
				Presence: client.Presence{Show: workgroups.Chat, Max: 3},
				Changed:  func(st client.Status) { status = st },
				Seen:     func(c client.Colleague) { seen = append(seen, c) },
				Offered: func(ctx context.Context, o *client.Offer) {
					offers <- o
					var accept bool
					select {
					case accept = <-decide:
					case <-ctx.Done():
						ends <- context.Cause(ctx)
						return
					}
					if !accept {
						return
					}
					inv, err := o.Accept(ctx)
					if err == nil && (inv.Room.String() != "roomname@chatserver.example.com" || !strings.HasPrefix(inv.Reason, "Please join the chat room")) {
						err = fmt.Errorf("invited to %s: %s", inv.Room, inv.Reason)
					}
					ends <- err
				},
			})
		}()
		synctest.Wait()
		s.wants(p, "xep0142/ex23-presence-update-user.xml")
		s.wants(p, "xep0142/ex24-agent-becomes-available-user.xml")

		// Status of the workgroup, the queue and its users.
		for _, file := range []string{"ex25-notify-agent-status-type-service", "ex27-notify-queue-status-type-service", "ex28-notify-queue-details-status-type-service"} {
			s.says(p, "xep0142/"+file+".xml") // words for numbers
		}
		s.says(p, "xep0142/ex26-agent-recives-update-service.xml")
		s.says(p, "xep0142/ex29-agent-receives-updates-1-service.xml")
		s.says(p, "xep0142/ex29-agent-receives-updates-2-service.xml")
		at := time.Date(2005, 2, 8, 10, 0, 0, 0, time.UTC)
		want := client.Status{
			Here: true, Available: 2, Chats: 2, Max: 7, Open: "open", Waiting: 1, Oldest: at, Time: 30 * time.Second,
			Users: []client.QueueUser{{JID: jid.MustParse(exUser), Position: 1, Time: 5 * time.Second, Joined: at}},
		}
		if fmt.Sprint(status) != fmt.Sprint(want) {
			t.Errorf("status %+v\nwant %+v", status, want)
		}
		s.says(p, "smack/fastpath-notify-queue.xml")
		s.says(p, "smack/fastpath-workgroup-presence.xml")

		// The other agents.
		s.answers["agent-status-request"] = "xep0142/ex32-response-element-service.xml"
		who, err := c.Agents(t.Context(), support)
		if err != nil || fmt.Sprint(who) != "[bob@example.com]" {
			t.Errorf("agents %v, %v", who, err)
		}
		s.wants(p, "xep0142/ex31-request-element-user.xml")
		s.says(p, "xep0142/ex33-agent-status-update-service.xml")
		s.says(p, "smack/fastpath-agent-status.xml")
		if fmt.Sprint(seen) != "[{bob@example.com/work true  2 4} {bob@example.com/work true chat 1 4}]" {
			t.Errorf("seen %v", seen)
		}
		s.says(p, "smack/fastpath-agent-pushed-remove.xml")
		s.says(p, "xep0142/ex33-agent-status-update-service.xml")
		if len(seen) != 2 {
			t.Errorf("bob is none any more: %v", seen)
		}

		// Offer, accept, invitation.
		s.says(p, "xep0142/ex37-agent-is-offered-a-chat-1-service.xml")
		s.wants(p, "xep0142/ex37-agent-is-offered-a-chat-2-agent.xml")
		o := <-offers
		if o.User.String() != exUser || time.Until(o.Expires) != 30*time.Second {
			t.Errorf("offer %+v", o)
		}
		decide <- true
		synctest.Wait()
		s.wants(p, "xep0142/ex40-offer-accept-request-agent.xml")
		s.wants(p, "xep0142/ex43-agent-accepts-chat-1-agent.xml")
		s.says(p, "xep0142/ex50-an-invitation-service.xml")
		if err := <-ends; err != nil {
			t.Error(err)
		}

		// Offer, reject.
		s.says(p, "xep0142/ex35-offer-request-service.xml")
		s.wants(p, "xep0142/ex36-offer-response-agent.xml")
		if o := <-offers; !o.Expires.IsZero() {
			t.Errorf("expires %s", o.Expires)
		}
		decide <- false
		synctest.Wait()
		s.wants(p, "xep0142/ex41-offer-reject-request-agent.xml")

		// Offer with data, revoke.
		s.says(p, "xep0142/ex38-offer-including-meta-data-1-service.xml")
		s.wants(p, "xep0142/ex38-offer-including-meta-data-2-agent.xml")
		if o := <-offers; o.Metadata["user-id"] != "423498ae84f" || o.Metadata["product"] != "Widget 1.0" {
			t.Errorf("metadata %v", o.Metadata)
		}
		s.says(p, "xep0142/ex47-offer-revoked-due-to-timeout-1-service.xml")
		s.wants(p, "xep0142/ex47-offer-revoked-due-to-timeout-2-agent.xml")
		if err := <-ends; !strings.HasSuffix(err.Error(), "is over: Offer timed out") {
			t.Error(err)
		}

		// Accepted, and then revoked.
		s.says(p, "xep0142/ex37-agent-is-offered-a-chat-1-service.xml")
		<-offers
		decide <- true
		synctest.Wait()
		s.says(p, "xep0142/ex45-offer-revoke-request-service.xml")
		s.wants(p, "xep0142/ex46-offer-response-agent.xml")
		if err := <-ends; !strings.HasSuffix(err.Error(), "is over: [natural-language text]") {
			t.Error(err)
		}

		// Fastpath's: known by the session.
		s.says(p, "smack/fastpath-offer.xml")
		if o := <-offers; o.Session != "ab12cd7" || o.Metadata["question"] != "disk full on web01" {
			t.Errorf("offer %+v", o)
		}
		s.says(p, "smack/fastpath-offer-revoke.xml")
		if err := <-ends; !strings.HasSuffix(err.Error(), "is over: The offer has timed out") {
			t.Error(err)
		}
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// elsewhere are the examples that are in no test of this file by name, and why.
var elsewhere = map[string]string{
	"ex03-response-element-service":              "an empty result, as every answer of the script that has no file",
	"ex04-successful-join-2-service":             "an empty result",
	"ex05-join-with-meta-data-2-service":         "an empty result",
	"ex08-join-with-form-3-2-service":            "an empty result",
	"ex13-depart-request-service":                "an empty result",
	"ex15-user-departs-2-service":                "an empty result",
	"ex16-administrator-removes-user-2-service":  "an empty result",
	"ex42-offer-response-service":                "an empty result",
	"ex43-agent-accepts-chat-2-service":          "an empty result",
	"ex49-invitation-meta-data-na":               "is a part of ex50",
	"ex51-workgroup-service-discovery-1-user":    "which services a server has is not asked",
	"ex51-workgroup-service-discovery-2-service": "nor answered",
	"ex51-workgroup-service-discovery-3-user":    "what a service is follows from its items",
}

// TestEveryExample: each is in a test, or there is a reason.
func TestEveryExample(t *testing.T) {
	text, err := os.ReadFile("examples_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tests, _, _ := strings.Cut(string(text), "var elsewhere")
	files, err := filepath.Glob("../testdata/xep0142/*.xml")
	if err != nil || len(files) < 60 {
		t.Fatal(err, len(files))
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".xml")
		if elsewhere[name] == "" && !strings.Contains(tests, name) {
			t.Errorf("%s is in no test", name)
		}
	}
}

// TestForgedInvitations: nobody but the workgroup, and rooms beside it, invites.
func TestForgedInvitations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t)
		c, p := s.client(exUser)
		ends := make(chan client.Invitation, 1)
		go func() {
			inv, err := c.Queue(t.Context(), support, client.Request{})
			if err != nil {
				t.Error(err)
			}
			ends <- inv
		}()
		synctest.Wait()
		for _, from := range []string{"eve@example.com", "eve@example.com/x", "room@conference.example.net", "workgroup.example.com"} {
			e := read(t, "xep0142/ex21-an-invitation-service.xml")
			set(e, "from", from)
			p.receive(e)
		}
		synctest.Wait()
		if len(ends) != 0 {
			t.Fatalf("invited by %+v", <-ends)
		}
		// Directly, by the workgroup itself (XEP-0249).
		p.receive(element.New("", "message", "from", support.String(), "to", exUser).Add(
			element.New("jabber:x:conference", "x", "jid", "r@rooms.example.org", "password", "pw", "reason", "come")))
		if inv := <-ends; inv.Room.String() != "r@rooms.example.org" || inv.Password != "pw" || inv.Reason != "come" {
			t.Errorf("invited %+v", inv)
		}
	})
}
