package reply_test

import (
	"encoding/xml"
	"reflect"
	"strings"
	"testing"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/reply"
)

func children(t *testing.T, text string) []*element.Element {
	t.Helper()
	all, err := element.ReadAll(xml.NewDecoder(strings.NewReader(text)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestReply(t *testing.T) {
	// As XEP-0461 prints it, with characters that are two units of UTF-16.
	const body = "> 😀 Good morning\nGreat!"
	all := children(t, `<reply to="anna@example.com/tablet" id="message-id1" xmlns="urn:xmpp:reply:0"/>
		<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="17"/></fallback>`)
	if got := reply.To(all); got != "message-id1" {
		t.Errorf("to %q", got)
	}
	if got := reply.Body(body, all); got != "Great!" {
		t.Errorf("body %q", got)
	}
	if got := reply.To(children(t, `<reply id="x" xmlns="urn:other"/>`)); got != "" {
		t.Errorf("to %q", got)
	}
}

func TestReactions(t *testing.T) {
	all, id := reply.Reactions(children(t, `<reactions id="744f6e18" xmlns="urn:xmpp:reactions:0"><reaction>👋</reaction><reaction> 👍🏽</reaction><reaction>✔️</reaction></reactions>`))
	if id != "744f6e18" || !reflect.DeepEqual(all, []string{"👋", "👍", "✔"}) {
		t.Errorf("%q to %q", all, id)
	}
	if all, id := reply.Reactions(children(t, `<reactions id="1" xmlns="urn:xmpp:reactions:0"/>`)); id != "1" || len(all) != 0 {
		t.Errorf("%q to %q", all, id)
	}
}

func TestFallback(t *testing.T) {
	for _, tt := range []struct{ name, fallback, body, want string }{
		{"none", "", "> a\nb", "> a\nb"},
		{"whole", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reactions:0"/>`, "👍", ""},
		{"whole body", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body/></fallback>`, "abc", ""},
		{"of another kind", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:other:0"><body start="0" end="1"/></fallback>`, "abc", "abc"},
		{"beyond the end", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="1" end="900"/></fallback>`, "abc", "a"},
		{"wrong", `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="2" end="1"/><body start="x" end="1"/><body start="-1" end="1"/><subject start="0" end="1"/></fallback>`, "abc", "abc"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := reply.Body(tt.body, children(t, tt.fallback)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	own, quoted := reply.Unquote("> Alert 17 · disk\n>since\n>\ntake\n> it")
	if own != "take\n> it" || quoted != "Alert 17 · disk\nsince\n\n" {
		t.Errorf("own %q, quoted %q", own, quoted)
	}
}

func FuzzCut(f *testing.F) {
	f.Add("> a\nb", 0, 4, 2, 3)
	f.Fuzz(func(t *testing.T, body string, a, b, c, d int) {
		got := reply.Cut(body, []reply.Part{{Start: a, End: b}, {Start: c, End: d}})
		if len(got) > 3*len(body) {
			t.Errorf("%q became %q", body, got)
		}
		if a <= 0 && b > len(body) && got != "" {
			t.Errorf("all was cut, and %q is left", got)
		}
	})
}
