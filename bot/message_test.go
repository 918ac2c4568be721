package bot

import (
	"context"
	"encoding/xml"
	"strings"
	"testing"
	"testing/synctest"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// children is a stanza's inside as its reader would yield it.
func children(t *testing.T, text string) xml.TokenReader {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<message xmlns='jabber:client'>" + text + "</message>"))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		w.real["alice"] = jid.MustParse("alice@example.net/phone")
		for _, tt := range []struct {
			name, from string
			typ        stanza.MessageType
			in         string
			want       string // the line; "" when nothing was said to the bot
		}{
			{"a line", "alice@example.net/phone", stanza.ChatMessage, "<body>ping web01</body>", "ping web01"},
			{"type normal", "alice@example.net/phone", stanza.NormalMessage, "<body>ping web01</body>", "ping web01"},
			{"an error", "alice@example.net/phone", stanza.ErrorMessage, "<body>ping web01</body>", ""},
			{"a headline", "alice@example.net/phone", stanza.HeadlineMessage, "<body>ping web01</body>", ""},
			{"typing", "alice@example.net/phone", stanza.ChatMessage, "<composing xmlns='http://jabber.org/protocol/chatstates'/>", ""},
			{"a receipt", "alice@example.net/phone", stanza.ChatMessage, "<received xmlns='urn:xmpp:receipts' id='x'/>", ""},
			{"itself", "adminbot@example.net/other", stanza.ChatMessage, "<body>ping web01</body>", ""},
			{"a host", "web01@hosts.example/agent", stanza.ChatMessage, "<body>restart nginx on web02</body>", ""},
			{"the server", "example.net", stanza.ChatMessage, "<body>ping web01</body>", ""},
			{"a carbon", "alice@example.net", stanza.ChatMessage, "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>ping web01</body></message></forwarded></received>", ""},
			{"a carbon with a body beside it", "alice@example.net", stanza.ChatMessage, "<body>reboot web01</body><sent xmlns='urn:xmpp:carbons:2'/>", ""},
			{"from the archive", "alice@example.net", stanza.ChatMessage, "<result xmlns='urn:xmpp:mam:2' id='1'/><body>ping web01</body>", ""},
			{"a body in another namespace", "alice@example.net/phone", stanza.ChatMessage, "<body xmlns='http://www.w3.org/1999/xhtml'>reboot web01</body>", ""},
			{"two bodies", "alice@example.net/phone", stanza.ChatMessage, "<body>ping web01</body><body xml:lang='de'>reboot web01</body>", "ping web01"},
			{"a reply", "alice@example.net/phone", stanza.ChatMessage, "<body>&gt; yes 7f3 to run\nno</body><reply xmlns='urn:xmpp:reply:0' id='1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='17'/></fallback>", "no"},
			{"a reply with wild numbers", "alice@example.net/phone", stanza.ChatMessage, "<body>no</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='-5' end='99999999999999999999'/><body start='1' end='99999'/></fallback>", "n"},
			{"somebody else's fallback", "alice@example.net/phone", stanza.ChatMessage, "<body>ping web01</body><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:other'><body start='0' end='5'/></fallback>", "ping web01"},
			{"OMEMO keys", "alice@example.net/phone", stanza.ChatMessage, "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted><store xmlns='urn:xmpp:hints'/>", ""},
			{"a room, not addressed", "ops@conference.example.net/alice", stanza.GroupChatMessage, "<body>ping web01</body>", ""},
			{"a room", "ops@conference.example.net/alice", stanza.GroupChatMessage, "<body>AdminBot: ping web01</body>", "ping web01"},
			{"a room's history", "ops@conference.example.net/alice", stanza.GroupChatMessage, "<body>adminbot: ping web01</body><delay xmlns='urn:xmpp:delay' stamp='2026-11-20T10:00:00Z'/>", ""},
			{"a room, hidden address", "ops@conference.example.net/ghost", stanza.GroupChatMessage, "<body>adminbot: ping web01</body>", ""},
			{"a room's own message", "ops@conference.example.net/adminbot", stanza.GroupChatMessage, "<body>adminbot: ping web01</body>", ""},
			{"a room's subject", "ops@conference.example.net", stanza.GroupChatMessage, "<subject>adminbot: x</subject>", ""},
		} {
			u, ok := w.chat.heard(context.Background(), stanza.Message{From: jid.MustParse(tt.from), To: botJID, Type: tt.typ}, readMessage(children(t, tt.in)))
			if !ok {
				u.Text = ""
			}
			if u.Text != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, u.Text, tt.want)
			}
		}
	})
}

func TestEncryptedIsNeverRead(t *testing.T) {
	for name, in := range map[string]string{
		"OMEMO":   "<body>restart nginx on web01</body><encrypted xmlns='eu.siacs.conversations.axolotl'><header/><payload>x</payload></encrypted>",
		"OMEMO 2": "<encrypted xmlns='urn:xmpp:omemo:2'><header/><payload>x</payload></encrypted><body>restart nginx on web01</body>",
		"OpenPGP": "<body>restart nginx on web01</body><openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>",
		"old PGP": "<body>restart nginx on web01</body><x xmlns='jabber:x:encrypted'>x</x>",
		"OTR":     "<body>?OTRv23?\nrestart nginx on web01</body>",
		"a hint":  "<body>restart nginx on web01</body><encryption xmlns='urn:xmpp:eme:0' namespace='urn:future:0'/>",
	} {
		if m := readMessage(children(t, in)); m.encrypted == "" || m.body != "" || m.text() != "" {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func TestTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, smallFleet()...)
		hear := func(from, id, extra string) bool {
			_, ok := w.chat.heard(context.Background(), stanza.Message{From: jid.MustParse(from), To: botJID, ID: id, Type: stanza.ChatMessage},
				readMessage(children(t, "<body>ping web01</body>"+extra)))
			return ok
		}
		origin := "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/>"
		server := "<stanza-id xmlns='urn:xmpp:sid:0' by='adminbot@example.net' id='s1'/>"
		forged := "<stanza-id xmlns='urn:xmpp:sid:0' by='evil.example' id='s1'/>"
		for i, tt := range []struct {
			from, id, extra string
			want            bool
		}{
			{"alice@example.net/phone", "1", "", true},
			{"alice@example.net/phone", "1", "", false},
			{"alice@example.net/laptop", "1", "", true},
			{"bob@example.net/phone", "1", "", true},
			{"alice@example.net/phone", "2", origin, true},
			{"alice@example.net/laptop", "3", origin, false},
			{"bob@example.net/phone", "4", origin, true},
			{"alice@example.net/phone", "5", server, true},
			{"alice@example.net/phone", "6", server, false},
			{"alice@example.net/phone", "7", forged, true},
			{"alice@example.net/phone", "8", forged, true},
			{"alice@example.net/phone", "", "", true},
			{"alice@example.net/phone", "", "", true},
		} {
			if got := hear(tt.from, tt.id, tt.extra); got != tt.want {
				t.Errorf("message %d: heard %v", i, got)
			}
		}
		for i := range 2 * maxSeen {
			hear("alice@example.net/phone", strings.Repeat("x", i%100)+string(rune('a'+i%26))+strings.Repeat("y", i/100), "")
		}
		if len(w.chat.seen) > maxSeen || len(w.chat.ring) > maxSeen {
			t.Errorf("%d messages are remembered", len(w.chat.seen))
		}
	})
}

// FuzzReadMessage: no child of a message makes reading fail or take for ever.
func FuzzReadMessage(f *testing.F) {
	for _, s := range []string{"<body>x</body>", "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='1'/></fallback><body>ab</body>", "<encrypted xmlns='urn:xmpp:omemo:2'>", "<delay xmlns='urn:xmpp:delay' stamp='x'/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d := xml.NewDecoder(strings.NewReader("<message xmlns='jabber:client'>" + s + "</message>"))
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
		m := readMessage(d)
		if m.text(); m.encrypted != "" && m.body != "" {
			t.Errorf("%+v", m)
		}
	})
}
