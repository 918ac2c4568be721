package link

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/version"
	"golang.org/x/tools/txtar"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// TestStanzas plays testdata/stanzas.txtar.
func TestStanzas(t *testing.T) {
	raw, err := os.ReadFile("testdata/stanzas.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := txtar.Parse(raw).Files
	for i := 0; i < len(files); i += 2 {
		sent, want := string(files[i].Data), strings.TrimSpace(string(files[i+1].Data))
		if files[i+1].Name != "answer" {
			t.Fatalf("after %q comes %q", files[i].Name, files[i+1].Name)
		}
		t.Run(files[i].Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				cfg.Version = version.Info{Name: "AdminBot", Version: "1.2 & more"}
				s := New(cfg)
				s.HandleMessage(func(_ context.Context, _ stanza.Message, r xml.TokenReader) {
					if _, err := element.ReadAll(r); err != nil {
						t.Error(err)
					}
				})
				s.HandlePresence(func(context.Context, stanza.Presence, xml.TokenReader) {})
				p, stop := online(t, s, peers)
				p.next2(t)
				p.send(strings.ReplaceAll(sent, "\n", ""))
				for line := range strings.Lines(want) {
					p.expect(strings.TrimSpace(line))
				}
				p.alive()
				stop()
			})
		})
	}
}

func TestOversized(t *testing.T) {
	big := strings.Repeat("x", 70<<10)
	deep := strings.Repeat("<d>", 80) + strings.Repeat("</d>", 80)
	refused := `<error type='modify'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>a stanza may have 65536 bytes and a depth of 64</text></error>`
	var attrs strings.Builder
	for i := range 70 {
		fmt.Fprintf(&attrs, " a%d='x'", i)
	}
	tests := []struct {
		name, stanza, answer string
	}{
		{"long text", `<iq type='set' id='1' from='a@example.net/x'><q xmlns='urn:q'>` + big + `</q></iq>`, refused},
		{"many elements", `<iq type='set' id='1' from='a@example.net/x'><q xmlns='urn:q'>` + strings.Repeat("<a b='c'/>", 7000) + `</q></iq>`, refused},
		{"deep", `<iq type='get' id='1' from='a@example.net/x'><q xmlns='urn:q'>` + deep + `</q></iq>`, refused},
		{"long attribute", `<iq type='get' id='1' from='a@example.net/x'><q xmlns='urn:q' a='` + big + `'/></iq>`, refused},
		{"CDATA", `<iq type='get' id='1' from='a@example.net/x'><q xmlns='urn:q'><![CDATA[</iq>` + big + `]]></q></iq>`, refused},
		{"many attributes", `<iq type='get' id='1' from='a@example.net/x'><q xmlns='urn:q'` + attrs.String() + `/></iq>`,
			`<error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`},
		{"long start tag", `<iq type='get' id='1' from='a@example.net/x' y='` + big + `'><q xmlns='urn:q'/></iq>`, ""},
		{"long empty tag", `<message y='` + big + `'/>`, ""},
		{"message", `<message from='a@example.net/x'><body>` + big + `</body></message>`, ""},
		{"a megabyte", `<message from='a@example.net/x'><body>` + strings.Repeat(big, 15) + `</body></message>`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				s := New(cfg)
				s.HandleMessage(func(context.Context, stanza.Message, xml.TokenReader) { t.Error("handled") })
				p, stop := online(t, s, peers)
				p.next2(t)
				p.send(tt.stanza)
				if tt.answer != "" {
					p.expect(`<iq type='error' to='a@example.net/x' id='1'>` + tt.answer + `</iq>`)
				}
				p.alive()
				if st := s.Stats(); st.Oversized+st.Malformed != 1 {
					t.Errorf("%+v", st)
				}
				stop()
			})
		})
	}
}

func TestOversizedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		s := New(cfg)
		p, stop := online(t, s, peers)
		done := callIQ(t.Context(), s, "a@example.net/x", "1")
		p.next()
		p.send(`<iq type='result' id='1' from='a@example.net/x'><q xmlns='urn:q'>` + strings.Repeat("x", 70<<10) + `</q></iq>`)
		var e *Error
		if a := <-done; !errors.Is(a.err, ErrTooLarge) || !errors.As(a.err, &e) || !e.Sent() {
			t.Errorf("%v", a.err)
		}
		done = callIQ(t.Context(), s, "a@example.net/x", "2")
		p.next()
		p.send(`<iq type='result' id='2' from='a@example.net/x'><p:q/></iq>`)
		if a := <-done; !errors.As(a.err, &e) || !e.Sent() {
			t.Errorf("%v", a.err)
		}
		stop()
	})
}

// TestWhatEndsAStream holds what only a broken server sends.
func TestWhatEndsAStream(t *testing.T) {
	for name, sent := range map[string]string{
		"comment":           `<!-- x -->`,
		"comment inside":    `<message><!-- x --></message>`,
		"instruction":       `<?evil?>`,
		"DTD":               `<!DOCTYPE x>`,
		"text":              `hello`,
		"tags do not match": `<message><a></b></message>`,
		"end does not":      `<message></iq>`,
		"< in a tag":        `<message <iq/>`,
		"< in a value":      `<message a='<'/>`,
		"no quotes":         `<message a=b/>`,
		"no space":          `<message a='b'c='d'/>`,
		"header again":      `<?xml version='1.0'?>`,
		"end":               `</stream:stream>`,
		"error":             `<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, peers := script(t)
				cfg.Once = true
				s := New(cfg)
				done := make(chan error, 1)
				go func() { done <- s.Run(t.Context()) }()
				p := <-peers
				p.login()
				p.next2(t)
				go p.conn.Write([]byte(sent))
				if err := <-done; err == nil {
					t.Error("no error")
				}
			})
		})
	}
}

func TestComponentStanzas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, peers := script(t)
		cfg.Component = &Component{Secret: func() (string, error) { return "s3cret", nil }}
		cfg.JID = jid.MustParse("workgroup.example.net")
		s := New(cfg)
		got := make(chan stanza.Message, 1)
		s.HandleMessage(func(_ context.Context, m stanza.Message, r xml.TokenReader) {
			all, _ := element.ReadAll(r)
			if len(all) == 1 && all[0].Name == (xml.Name{Space: "jabber:client", Local: "body"}) {
				got <- m
			}
		})
		end := run(t, s)
		p := <-peers
		p.header()
		p.send(`<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='42' from='workgroup.example.net'>`)
		if raw := p.next(); raw != `<handshake>1895d65571b046e0e2fc206ed3e7684c5e85d0c9</handshake>` { // SHA-1 of 42s3cret
			t.Fatalf("handshake: %s", raw)
		}
		p.send(`<handshake/>`)
		<-s.Ready()
		p.send(`<message xmlns='jabber:component:accept' from='a@example.net/x' to='q@workgroup.example.net'><body>hi</body></message>`)
		if m := <-got; m.To.String() != "q@workgroup.example.net" || m.XMLName.Space != "jabber:client" {
			t.Errorf("message %+v", m)
		}
		p.send(`<iq type='get' id='1' from='a@example.net/x' to='q@workgroup.example.net'><ping xmlns='urn:xmpp:ping'/></iq>`)
		p.expect(`<iq type='result' from='q@workgroup.example.net' to='a@example.net/x' id='1'/>`)
		p.send(`<iq type='set' id='1' from='a@example.net/x' to='q@workgroup.example.net'><q xmlns='urn:q'/></iq>`)
		p.expect(`<iq type='error' from='q@workgroup.example.net' to='a@example.net/x' id='1'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`)

		// Its own ping that comes back needs no answer; another's does.
		taken := make(chan error, 1)
		go func() { taken <- s.Barrier(t.Context()) }()
		mine := strings.Replace(p.next(), "<iq ", "<iq xmlns='jabber:component:accept' ", 1)
		p.send(strings.Replace(mine, "id='", "id='not ", 1))
		if got := p.next(); !strings.HasPrefix(got, "<iq type='result'") {
			t.Errorf("got %s", got)
		}
		p.send(mine)
		if err := <-taken; err != nil {
			t.Errorf("Barrier: %v", err)
		}

		if a := <-callIQ(t.Context(), s, "", ""); !errors.Is(a.err, ErrAddress) {
			t.Errorf("without an address: %v", a.err)
		}
		done := callIQ(t.Context(), s, "a@example.net/x", "known")
		p.expect(`<iq type='get' from='workgroup.example.net' to='a@example.net/x' id='known'><q xmlns='urn:q'/></iq>`)
		for _, from := range []string{"", " from='example.net'", " from='workgroup.example.net'", " from='b@example.net/x'"} {
			p.send(`<iq type='result' id='known'` + from + `/>`)
		}
		p.send(`<iq type='result' id='known' from='a@example.net/x'/>`)
		if a := <-done; a.err != nil {
			t.Error(a.err)
		}
		if n := s.Stats().Unexpected; n != 4 {
			t.Errorf("%d unexpected", n)
		}
		go s.Send(t.Context(), stanza.Message{To: jid.MustParse("a@example.net")}.Wrap(element.New("jabber:component:accept", "body").TokenReader()))
		p.expect(`<message to='a@example.net' from='workgroup.example.net'><body/></message>`)
		go p.end()
		end()
	})
}

func TestSerialise(t *testing.T) {
	nested := element.New("urn:a", "a", "x", "<>&'\"\t\n\r").Add(
		element.New("urn:a", "b"),
		element.New("urn:c", "c").Add(element.New("urn:c", "d").Add(element.New("urn:a", "e"))),
		element.New("jabber:client", "f"),
	)
	nested.Text = "<>&'\"\t\n\r]]>"
	tests := []struct {
		name string
		r    xml.TokenReader
		want string
	}{
		{"default namespaces", nested.TokenReader(), "<a xmlns='urn:a' x='&lt;&gt;&amp;&apos;\"&#x9;&#xA;&#xD;'>&lt;&gt;&amp;'\"\t\n&#xD;]]&gt;<b/><c xmlns='urn:c'><d><e xmlns='urn:a'/></d></c><f xmlns='jabber:client'/></a>"},
		{"inherited", &tokens{list: []xml.Token{
			xml.StartElement{Name: xml.Name{Space: "urn:a", Local: "a"}}, xml.StartElement{Name: xml.Name{Local: "b"}},
			xml.EndElement{Name: xml.Name{Local: "b"}}, xml.EndElement{Name: xml.Name{Space: "urn:a", Local: "a"}}}},
			`<a xmlns='urn:a'><b/></a>`},
		{"namespace as attribute", &tokens{list: []xml.Token{
			xml.StartElement{Name: xml.Name{Local: "a"}, Attr: []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: "urn:a"}}},
			xml.StartElement{Name: xml.Name{Space: "urn:a", Local: "b"}, Attr: []xml.Attr{{Name: xml.Name{Space: "xmlns", Local: "p"}, Value: "urn:p"}}},
			xml.EndElement{Name: xml.Name{Space: "urn:a", Local: "b"}}, xml.EndElement{Name: xml.Name{Local: "a"}}}},
			`<a xmlns='urn:a'><b/></a>`},
		{"attributes with a namespace", &tokens{list: []xml.Token{
			xml.StartElement{Name: xml.Name{Local: "a"}, Attr: []xml.Attr{{Name: xml.Name{Space: nsXML, Local: "lang"}, Value: "en"}, {Name: xml.Name{Space: "urn:p", Local: "b"}, Value: "c"}}},
			xml.EndElement{Name: xml.Name{Local: "a"}}}},
			`<a xml:lang='en' xmlns:a1='urn:p' a1:b='c'/>`},
		{"mellium's stanzas", stanza.Message{Type: stanza.ChatMessage, To: jid.MustParse("a@b/c"), Lang: "de"}.Wrap(stanza.Error{Type: stanza.Cancel, Condition: stanza.Gone}.TokenReader()),
			`<message type='chat' to='a@b/c' xml:lang='de'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s serialiser
			s.begin()
			if err := s.copy(tt.r, 1<<16); err != nil || string(s.buf) != tt.want {
				t.Errorf("\n%s, %v\nwant\n%s", s.buf, err, tt.want)
			}
		})
	}
}
