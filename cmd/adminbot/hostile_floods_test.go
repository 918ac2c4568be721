//go:build !unit

package main

import (
	"fmt"
	"strings"
	"testing"
)

// A flood is very many stanzas of one intruder, as fast as they are taken. The
// installation serves others meanwhile.
type flood struct {
	name string
	who  string
	n    int
	each func(i int) string
	deaf bool // it never reads what it is answered
}

var floods = []flood{
	{name: "pings", who: "mallory", n: 3000, each: func(i int) string {
		return fmt.Sprintf("<iq type='get' id='f%d' to='BOT'><ping xmlns='urn:xmpp:ping'/></iq>", i)
	}},
	{name: "lines of a stranger", who: "mallory", n: 2000, each: func(i int) string {
		return chat(atBot, command)
	}},
	{name: "calls of a stranger", who: "mallory", n: 2000, each: func(i int) string {
		return fmt.Sprintf("<iq type='set' id='f%d' to='AGENT'>%s</iq>", i, call("rpc.ping", "<struct/>"))
	}},
	{name: "large stanzas", who: "mallory", n: 30, each: func(i int) string {
		return "<message to='BOT' type='chat' id='" + strings.Repeat("i", 20000) + fmt.Sprint(i) + "'>" + strings.Repeat("<x xmlns='u'/>", 2000) + "<body>" + command + "</body></message>"
	}},
	{name: "presence", who: "mallory", n: 2000, each: func(i int) string {
		return fmt.Sprintf("<presence to='BOT'><status>%d</status></presence>", i)
	}},
	{name: "calls with one key and other arguments", who: "eve", n: 500, each: func(i int) string {
		return fmt.Sprintf("<iq type='set' id='f%d' to='AGENT'>%s</iq>", i, keyed("k", call("rpc.ping", structOf(member("nonce", fmt.Sprint(i))))))
	}},
	{name: "calls with many keys", who: "eve", n: 1000, each: func(i int) string {
		return fmt.Sprintf("<iq type='set' id='f%d' to='AGENT'>%s</iq>", i, keyed(fmt.Sprint("k", i), call("rpc.ping", "<struct/>")))
	}},
	{name: "slow calls", who: "eve", n: 100, each: func(i int) string {
		return fmt.Sprintf("<iq type='set' id='f%d' to='AGENT'>%s</iq>", i, call("cpu.usage", "<struct/>"))
	}},
	{name: "changes that are not allowed", who: "eve", n: 500, each: func(i int) string {
		return fmt.Sprintf("<iq type='set' id='f%d' to='AGENT'>%s</iq>", i, keyed("c", call("service.restart", structOf(member("unit", "nginx")))))
	}},
	{name: "lines of a person", who: "eve", n: 500, each: func(i int) string {
		return chat(atBot, "memory on web01")
	}},
	{name: "calls of the bot", who: "eve", n: 500, each: func(i int) string {
		return fmt.Sprintf("<iq type='set' id='f%d' to='BOT'>%s</iq>", i, keyed(fmt.Sprint("k", i), call("bot.say", structOf(member("line", "memory on web01")))))
	}},
	{name: "requests of one who never reads", who: "mallory", n: 4000, deaf: true, each: func(i int) string {
		return fmt.Sprintf("<iq type='get' id='f%d' to='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", i, []string{"BOT", "AGENT"}[i%2])
	}},
}

// keyed gives a call an idempotency key.
func keyed(key, call string) string {
	return strings.Replace(call, "<methodCall>", "<headers xmlns='http://jabber.org/protocol/shim'><header name='X-Idempotency-Key'>"+key+"</header></headers><methodCall>", 1)
}

func hostileFloods(t *testing.T, site *installation) {
	for _, f := range floods {
		t.Run(f.name, func(t *testing.T) {
			in := site.asClient(site.t, f.who, "flood"+uniqueID(), "")
			over := make(chan struct{})
			in.answers(func(string) string {
				if f.deaf {
					<-over
				}
				return ""
			})
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				for i := range f.n {
					if in.send(targets.Replace(f.each(i))) != nil {
						return // thrown out: the server has had enough of it
					}
					if i%100 == 0 {
						in.drain()
					}
				}
			}()
			for flooding := true; flooding; {
				site.holds(t)
				select {
				case <-sent:
					flooding = false
				default:
				}
			}
			if f.deaf {
				close(over)
			} else if _, err := in.settle(atBot, atAgent); err != nil {
				t.Errorf("the server ended the stream: %v", err)
			}
			site.holds(t)
			in.leave()
		})
	}
}
