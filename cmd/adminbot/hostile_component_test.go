//go:build !unit

package main

import (
	"strconv"
	"strings"
	"testing"
)

// whatever stands for an outcome that may come before or after it is looked at:
// other senders wait in other queues.
const whatever = "whatever"

// componentAttacks are what a component sends that is let in for its own domain,
// workgroup.localhost, and for no other.
var componentAttacks = []attack{
	{name: "a person's command", send: "<message from='ADMIN' to='BOT' type='chat'><body>" + command + "</body></message>", sees: "ends: invalid-from"},
	{name: "a person's yes", send: "<message from='admin@localhost' to='BOT' type='chat'><body>yes</body></message>", sees: "ends: invalid-from"},
	{name: "the bot's call", send: "<iq from='BOT' to='AGENT' type='set' id='a'>" + call("service.restart", structOf(member("unit", "nginx"))) + "</iq>", sees: "ends: invalid-from"},
	{name: "a host that goes", send: "<presence from='AGENT' to='BOT' type='unavailable'/>", sees: "ends: invalid-from"},
	{name: "the server's roster push", send: "<iq from='adminbot@localhost' to='BOT' type='set' id='a'><query xmlns='jabber:iq:roster'><item jid='web01@localhost' subscription='remove'/></query></iq>", sees: "ends: invalid-from"},
	{name: "the server", send: "<iq from='localhost' to='BOT' type='set' id='a'><query xmlns='jabber:iq:roster'><item jid='web01@localhost' subscription='remove'/></query></iq>", sees: "ends: invalid-from"},
	{name: "a domain that ends alike", send: "<message from='admin@xworkgroup.localhost' to='BOT' type='chat'><body>" + command + "</body></message>", sees: "ends: invalid-from"},
	{name: "no address", send: "<message from='' to='BOT' type='chat'><body>" + command + "</body></message>", sees: "ends: invalid-from", ejabberd: badRequest},

	{name: "a host of its own", send: "<presence from='web01@workgroup.localhost/agent' to='BOT'><x xmlns='urn:adminbot:mood:0' mood='dead'/></presence>"},
	{name: "a roster push of its own", send: "<iq from='workgroup.localhost' to='BOT' type='set' id='a'><query xmlns='jabber:iq:roster'><item jid='web01@localhost' subscription='remove'/></query></iq>", sees: unavailable},
	{name: "a call of its own", send: "<iq from='workgroup.localhost' to='AGENT' type='set' id='a'>" + call("service.restart", structOf(member("unit", "nginx"))) + "</iq>", sees: forbidden},
	{name: "many who want to be contacts", send: many(50, "<presence from='u%d@workgroup.localhost' to='adminbot@localhost' type='subscribe'/>")},
	// The bot's answer may come after the attack: whatever follows sees it, too.
	{name: "a command of its own", send: "<message from='admin@workgroup.localhost' to='BOT' type='chat'><body>" + command + "</body></message>", sees: whatever},
	{name: "many strangers", send: many(500, "<message from='s%d@workgroup.localhost' to='BOT' type='chat'><body>"+command+"</body></message>"), sees: whatever},
	{name: "many callers", send: many(500, "<iq from='c%d@workgroup.localhost' to='AGENT' type='set' id='a'>"+call("rpc.ping", "<struct/>")+"</iq>"), sees: whatever},
}

// many writes a stanza so often, %d counting.
func many(n int, stanza string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(stanza, "%d", strconv.Itoa(i)))
	}
	return b.String()
}

func hostileComponent(t *testing.T, site *installation) {
	for _, a := range componentAttacks {
		t.Run(a.name, func(t *testing.T) { a.carryOut(t, site, site.component()) })
	}
}
