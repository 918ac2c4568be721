//go:build !unit

package main

import (
	"fmt"
	"strings"
	"testing"
)

// Targets of attacks: BOT, AGENT and ADMIN stand for full addresses.
var targets = strings.NewReplacer("BOT", atBot, "AGENT", atAgent, "ADMIN", "admin@localhost/desk")

const (
	atBot   = "adminbot@localhost/adminbot"
	atAgent = "web01@localhost/agent"
)

const (
	silence     = "silence"
	badRequest  = "error: bad-request"
	forbidden   = "error: forbidden"
	unavailable = "error: service-unavailable"
	command     = "restart nginx on web01"
)

// stanzaAttacks are what somebody sends who has an account and no rights.
var stanzaAttacks = []attack{
	// The first line of a stranger is answered, once in an hour.
	{name: "a command", send: "<message to='BOT' type='chat' id='m1'><body>" + command + "</body></message>", sees: "says: ⛔ I don't know you, so I did nothing."},
	{name: "a yes", send: "<message to='BOT' type='chat'><body>yes</body></message>"},

	{name: "iq with text first", send: "<iq type='set' id='a' to='BOT'>text<query xmlns='jabber:iq:rpc'><methodCall><methodName>bot.say</methodName></methodCall></query></iq>", sees: badRequest, ejabberd: forbidden},
	{name: "iq with text first for an agent", send: "<iq type='set' id='a' to='AGENT'>text<query xmlns='jabber:iq:rpc'><methodCall><methodName>rpc.ping</methodName></methodCall></query></iq>", sees: badRequest, ejabberd: forbidden},
	{name: "iq without child", send: "<iq type='set' id='a' to='BOT'/>", sees: badRequest},
	{name: "iq without child for an agent", send: "<iq type='set' id='a' to='AGENT'/>", sees: badRequest},
	{name: "iq with two children", send: "<iq type='get' id='a' to='BOT'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>", sees: badRequest},
	{name: "iq without id", send: "<iq type='get' to='BOT'><ping xmlns='urn:xmpp:ping'/></iq>", sees: badRequest},
	{name: "iq with an empty id", send: "<iq type='get' id='' to='BOT'><ping xmlns='urn:xmpp:ping'/></iq>"},
	{name: "iq of no type", send: "<iq id='a' to='BOT'><ping xmlns='urn:xmpp:ping'/></iq>", sees: badRequest},
	{name: "iq of an unknown type", send: "<iq type='boo' id='a' to='AGENT'><ping xmlns='urn:xmpp:ping'/></iq>", sees: badRequest},
	{name: "result that nobody waits for", send: "<iq type='result' id='1' to='BOT'><query xmlns='jabber:iq:rpc'/></iq>"},
	{name: "result with two payloads", send: "<iq type='result' id='1' to='BOT'><a xmlns='u'/><query xmlns='jabber:iq:rpc'/></iq>"},
	{name: "result with text", send: "<iq type='result' id='1' to='BOT'>x<query xmlns='jabber:iq:rpc'/></iq>"},
	{name: "error without error", send: "<iq type='error' id='1' to='AGENT'/>"},
	{name: "one id many times", send: strings.Repeat("<iq type='get' id='same' to='BOT'><ping xmlns='urn:xmpp:ping'/></iq>", 20), sees: "result"},

	{name: "call of an agent", send: "<iq type='set' id='a' to='AGENT'>" + call("service.restart", structOf(member("unit", "nginx"))) + "</iq>", sees: forbidden},
	{name: "call as somebody else", send: "<iq type='set' id='a' to='AGENT' from='admin@localhost/desk'>" + call("service.restart", structOf(member("unit", "nginx"))) + "</iq>", sees: forbidden, ejabberd: "ends: invalid-from"},
	{name: "call as the bot", send: "<iq type='set' id='a' to='AGENT' from='BOT'>" + call("service.restart", structOf(member("unit", "nginx"))) + "</iq>", sees: forbidden, ejabberd: "ends: invalid-from"},
	{name: "call of the bot", send: "<iq type='set' id='a' to='BOT'>" + call("bot.say", structOf(member("line", command), "<member><name>yes</name><value><boolean>1</boolean></value></member>")) + "</iq>", sees: forbidden},

	{name: "roster push with a new host", send: "<iq type='set' id='a' to='BOT'><query xmlns='jabber:iq:roster'><item jid='mallory@localhost' subscription='both'><group>Hosts</group></item></query></iq>", sees: unavailable},
	{name: "roster push that takes a host", send: "<iq type='set' id='a' to='BOT'><query xmlns='jabber:iq:roster'><item jid='web01@localhost' subscription='remove'/></query></iq>", sees: unavailable},
	{name: "roster push from the bot itself", send: "<iq type='set' id='a' to='BOT' from='adminbot@localhost'><query xmlns='jabber:iq:roster'><item jid='web01@localhost' subscription='remove'/></query></iq>", sees: unavailable, ejabberd: "ends: invalid-from"},

	{name: "carbon received", send: "<message to='BOT' type='chat'><received xmlns='urn:xmpp:carbons:2'>" + forwarded + "</received></message>"},
	{name: "carbon sent", send: "<message to='BOT' type='chat'><sent xmlns='urn:xmpp:carbons:2'>" + forwarded + "</sent></message>"},
	{name: "carbon from the bot itself", send: "<message to='BOT' from='adminbot@localhost' type='chat'><received xmlns='urn:xmpp:carbons:2'>" + forwarded + "</received></message>", ejabberd: "ends: invalid-from"},
	{name: "carbon with a body", send: "<message to='BOT' type='chat'><body>" + command + "</body><received xmlns='urn:xmpp:carbons:2'>" + forwarded + "</received></message>"},
	{name: "archived", send: "<message to='BOT'><result xmlns='urn:xmpp:mam:2' queryid='q' id='1'>" + forwarded + "</result></message>"},
	{name: "forwarded", send: "<message to='BOT' type='chat'>" + forwarded + "</message>"},
	{name: "message in a message", send: "<message to='BOT' type='chat'>" + forwardedMessage + "</message>"},

	{name: "message as somebody else", send: "<message to='BOT' from='admin@localhost/desk' type='chat'><body>" + command + "</body></message>", ejabberd: "ends: invalid-from"},
	{name: "message of a room", send: "<message to='BOT' type='groupchat'><body>adminbot: " + command + "</body></message>"},
	{name: "error message", send: "<message to='BOT' type='error'><body>" + command + "</body></message>"},
	{name: "headline", send: "<message to='BOT' type='headline'><body>" + command + "</body></message>"},
	{name: "correction of another's message", send: "<message to='BOT' type='chat'><body>" + command + "</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>"},

	{name: "presence as a host that goes", send: "<presence to='BOT' from='AGENT' type='unavailable'/>", ejabberd: "ends: invalid-from"},
	{name: "presence of a host", send: "<presence to='BOT'><status>Dead</status><x xmlns='urn:adminbot:mood:0' mood='dead'/></presence>"},
	{name: "presence error", send: "<presence to='BOT' type='error'/>"},
	{name: "presence of no type", send: "<presence to='BOT' type='boo'/>"},
	{name: "caps that lie", send: "<presence to='BOT'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:adminbot:agent:0' ver='AAAAAAAAAAAAAAAAAAAAAAAAAAA='/></presence>"},
	{name: "subscription", send: "<presence to='adminbot@localhost' type='subscribe'/>"},
	{name: "subscription granted", send: "<presence to='adminbot@localhost' type='subscribed'/>"},
	{name: "probe", send: "<presence to='BOT' type='probe'/>"},

	{name: "unknown namespaces", send: "<message to='BOT' type='chat'><a xmlns='urn:a'><b xmlns='urn:b' c='d'/></a><body xmlns='urn:c'>" + command + "</body></message>"},
	{name: "no namespace", send: "<message to='BOT' type='chat' xmlns=''><body>" + command + "</body></message>", sees: "ends: unsupported-stanza-type", ejabberd: badRequest},
	{name: "stanza of another namespace", send: "<message to='BOT' type='chat' xmlns='urn:a'><body>" + command + "</body></message>", sees: "ends: unsupported-stanza-type", ejabberd: badRequest},
	{name: "element that is no stanza", send: "<enter xmlns='urn:a'/>", sees: "ends: unsupported-stanza-type", ejabberd: silence},
	{name: "prefix of nothing", send: "<message to='BOT' type='chat'><x:y/></message>", sees: "ends: not-well-formed"},
	{name: "prefix on the stanza", send: "<x:message xmlns:x='jabber:client' to='BOT' type='chat'><x:body>" + command + "</x:body></x:message>", embedded: "ends: bad-namespace-prefix"},
	{name: "prefix inside", send: "<message xmlns:x='jabber:client' to='BOT' type='chat'><x:body>" + command + "</x:body></message>"},
	{name: "prefix of the stream", scope: "xmlns:x='urn:x'", send: "<message to='BOT' type='chat'><x:y x:z='1'/></message>", embedded: "ends: not-well-formed"},
	{name: "iq with a prefix of the stream", scope: "xmlns:x='urn:xmpp:ping'", send: "<iq to='BOT' type='get' id='a'><x:ping/></iq>", embedded: "ends: not-well-formed", prosody: "result", ejabberd: badRequest},
	{name: "the prefix of XML elsewhere", send: "<message to='BOT' type='chat' xmlns:xml='urn:x'><body>x</body></message>", sees: "ends: not-well-formed"},
	{name: "attribute twice", send: "<message to='BOT' to='AGENT' type='chat'><body>x</body></message>", sees: "ends: not-well-formed"},
	{name: "attribute twice by prefix", send: "<message to='BOT' type='chat'><y xmlns:a='urn:x' xmlns:b='urn:x' a:c='1' b:c='2'/></message>", sees: "ends: not-well-formed"},

	{name: "comment", send: "<message to='BOT' type='chat'><!-- x --><body>x</body></message>", embedded: "ends: restricted-xml", prosody: "ends: not-well-formed"},
	{name: "processing instruction", send: "<message to='BOT' type='chat'><?x y?><body>x</body></message>", embedded: "ends: restricted-xml", prosody: "ends: not-well-formed"},
	{name: "document type", send: "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]><message to='BOT' type='chat'><body>&a;</body></message>", sees: "ends: not-well-formed", embedded: "ends: restricted-xml"},
	{name: "entity of nothing", send: "<message to='BOT' type='chat'><body>&lol;</body></message>", sees: "ends: not-well-formed", embedded: "ends: restricted-xml"},
	{name: "no character", send: "<message to='BOT' type='chat'><body>&#0;&#x1b;</body></message>", sees: "ends: not-well-formed"},
	{name: "half a character", send: "<message to='BOT' type='chat'><body>&#xD800;</body></message>", sees: "ends: not-well-formed"},
	{name: "bytes that are no text", send: "<message to='BOT' type='chat'><body>\xff\xfe\xed\xa0\x80</body></message>", sees: "ends: not-well-formed", embedded: "ends: unsupported-encoding"},
	{name: "a character that ends lines", send: "<message to='BOT' type='chat'><body>\u0085\u2028\u009b2J</body></message>"},
	{name: "CDATA", send: "<message to='BOT' type='chat'><body><![CDATA[</body><body>" + command + "]]></body></message>"},
	{name: "end of another element", send: "<message to='BOT' type='chat'><body>x</message>", sees: "ends: not-well-formed"},
	{name: "text between stanzas", send: "yes", embedded: "ends: not-well-formed"},

	{name: "too long for the bot", send: "<message to='BOT' type='chat'><body>" + strings.Repeat("x", 100<<10) + "</body></message>"},
	{name: "iq too long for the bot", send: "<iq to='BOT' type='set' id='a'><x xmlns='urn:x'>" + strings.Repeat("x", 100<<10) + "</x></iq>", sees: "error: policy-violation"},
	{name: "too long for anybody", send: "<message to='BOT' type='chat'><body>" + strings.Repeat("x", 12<<20) + "</body></message>", sees: "ends: policy-violation"},
	{name: "an attribute too long", send: "<message to='BOT' type='chat' id='" + strings.Repeat("x", 60<<10) + "'><body>" + command + "</body></message>"},
	{name: "many attributes", send: "<message to='BOT' type='chat'><x xmlns='urn:x'" + manyAttributes(1000) + "/></message>", embedded: "ends: policy-violation"},
	{name: "many children", send: "<message to='BOT' type='chat'>" + strings.Repeat("<x xmlns='u'/>", 3000) + "</message>"},
	{name: "deep for the bot", send: "<message to='BOT' type='chat'>" + deep(63) + "</message>"},
	{name: "iq deep for the bot", send: "<iq to='BOT' type='set' id='a'>" + deep(80) + "</iq>", sees: "error: policy-violation", embedded: "ends: policy-violation"},
	{name: "deep for anybody", send: "<message to='BOT' type='chat'>" + deep(20000) + "</message>", sees: "ends: policy-violation"},
	{name: "an address that is none", send: "<message to='@@/' type='chat'><body>x</body></message>", sees: "error: jid-malformed", ejabberd: badRequest},
	{name: "an address too long", send: "<message to='" + strings.Repeat("x", 2000) + "@localhost' type='chat'><body>x</body></message>", sees: "error: jid-malformed", ejabberd: badRequest},

	{name: "stream in the stream", send: "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'></stream:stream>", embedded: "ends: bad-namespace-prefix", prosody: "ends: unsupported-stanza-type"},
	{name: "end and more", send: "</stream:stream><message to='BOT' type='chat'><body>" + command + "</body></message>", sees: "ends"},
	{name: "an error of the stream", send: "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", sees: "ends"},
	{name: "login again", send: "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFkbWluAHB3LWFkbWlu</auth>", sees: "ends: unsupported-stanza-type", ejabberd: "failure"},
	{name: "bind again", send: "<iq type='set' id='a'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>agent</resource></bind></iq>", sees: unavailable},
	{name: "TLS again", send: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", sees: "ends", embedded: "ends: unsupported-stanza-type"},
	{name: "acknowledgement of nothing", send: "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>", sees: "error: unexpected-request", prosody: "ends: unsupported-stanza-type"},
	{name: "acknowledgement of more than was sent", send: "<enable xmlns='urn:xmpp:sm:3' resume='true'/><a xmlns='urn:xmpp:sm:3' h='1000'/>", sees: "ends: undefined-condition"},
	{name: "resumption of another's stream", send: "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>", sees: "error: unexpected-request"},

	{name: "command of the bot", send: "<iq type='set' id='a' to='BOT'><command xmlns='http://jabber.org/protocol/commands' node='say' action='execute'/></iq>", sees: unavailable},
	{name: "disco of a node", send: "<iq type='get' id='a' to='AGENT'><query xmlns='http://jabber.org/protocol/disco#info' node='" + strings.Repeat("n", 3000) + "'/></iq>", sees: "error: item-not-found"},
	{name: "private storage of the bot", send: "<iq type='set' id='a' to='adminbot@localhost'><query xmlns='jabber:iq:private'><x xmlns='u'/></query></iq>", sees: unavailable, ejabberd: forbidden},
	{name: "roster of the bot", send: "<iq type='get' id='a' to='adminbot@localhost'><query xmlns='jabber:iq:roster'/></iq>", sees: unavailable, ejabberd: forbidden},
}

const (
	forwardedMessage = "<message xmlns='jabber:client' from='admin@localhost/desk' to='adminbot@localhost' type='chat'><body>" + command + "</body></message>"
	forwarded        = "<forwarded xmlns='urn:xmpp:forward:0'>" + forwardedMessage + "</forwarded>"
)

// call is a payload that calls a method with one value.
func call(method, value string) string {
	return "<query xmlns='jabber:iq:rpc'><methodCall><methodName>" + method + "</methodName><params><param><value>" + value + "</value></param></params></methodCall></query>"
}

func deep(n int) string {
	return strings.Repeat("<x xmlns='u'>", n) + strings.Repeat("</x>", n)
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " a%d='1'", i)
	}
	return b.String()
}

func hostileStanzas(t *testing.T, site *installation) {
	sessions := map[string]*intruder{} // by scope of the stream
	for _, a := range stanzaAttacks {
		t.Run(a.name, func(t *testing.T) {
			mallory := sessions[a.scope]
			if mallory == nil || mallory.over() {
				mallory = site.asClient(site.t, "mallory", "x"+uniqueID(), a.scope)
				sessions[a.scope] = mallory
			}
			a.carryOut(t, site, mallory)
		})
	}
}

// carryOut sends the attack and checks what the intruder sees, and that the
// installation holds.
func (a attack) carryOut(t *testing.T, site *installation, in *intruder) {
	t.Helper()
	in.send(targets.Replace(a.send))
	if got, want := outcome(in.settle(atBot, atAgent)), a.want(site.Kind); got != want && want != whatever {
		t.Errorf("the intruder sees %q, want %q", got, want)
	}
	site.holds(t)
	if n := site.bot.fleet.Len(); n != 3 {
		t.Errorf("the bot has %d hosts", n)
	}
}
