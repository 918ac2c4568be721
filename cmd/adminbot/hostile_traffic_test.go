//go:build !unit

package main

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// traffic is random hostile stanzas, what and by whom decided by a seed.
type traffic struct {
	t        *testing.T
	at       *ground
	r        *rand.Rand
	sent     atomic.Int64
	logins   int
	answered chan struct{} // one for each honest answer; closed when there will be none
	actors   map[string]*intruder
	pending  map[string]int     // stanzas of each that nobody has waited for
	values   []string           // that the hostile host answers with
	clients  []attack           // of one with an account, but for the longest
	alerts   *alertsUnderAttack // nil: there is no alert service
}

// perAnswer is how many stanzas are sent for each honest question that is
// answered meanwhile.
const perAnswer = 100

// perPost is how many stanzas are sent for each request to the alert service.
const perPost = 50

// together is how many stanzas one intruder sends before it waits for the
// server.
const together = 40

func newTraffic(t *testing.T, at *ground, seed uint64) *traffic {
	tr := &traffic{
		t: t, at: at, r: rand.New(rand.NewPCG(seed, 1)), answered: make(chan struct{}),
		actors: map[string]*intruder{}, pending: map[string]int{},
	}
	values := evilValues()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		tr.values = append(tr.values, values[name])
	}
	for _, a := range stanzaAttacks {
		if a.scope == "" && len(a.send) < 1<<20 {
			tr.clients = append(tr.clients, a)
		}
	}
	return tr
}

// sendUpTo sends until there were n stanzas in all.
func (tr *traffic) sendUpTo(n int) {
	for tr.sent.Load() < int64(n) {
		who := []string{"mallory", "mallory", "eve", "eve", "evil01", "component"}[tr.r.IntN(6)]
		in := tr.actor(who)
		err := in.send(targets.Replace(tr.stanza(who)))
		tr.sent.Add(1)
		if tr.pending[who]++; err == nil && tr.pending[who] >= together {
			tr.pending[who] = 0
			if _, err := in.settle(); err != nil && !errors.Is(err, errOver) {
				in.leave() // the rest of its stream is inside something it has not ended
			}
		}
		in.drain()
		if tr.alerts != nil && tr.sent.Load()%perPost == 0 {
			tr.alerts.post(tr.r, tr.line())
		}
		if tr.sent.Load()%perAnswer == 0 {
			<-tr.answered
		}
	}
}

// actor is the connection of somebody, a new one if the server ended the last.
func (tr *traffic) actor(who string) *intruder {
	if in := tr.actors[who]; in != nil && !in.over() {
		return in
	}
	tr.logins++
	tr.pending[who] = 0
	var in *intruder
	switch who {
	case "component":
		in = tr.at.asComponent(tr.t)
	case "evil01":
		evil := &evilHost{tr.at.asClient(tr.t, who, "agent", "")}
		r := rand.New(rand.NewPCG(tr.r.Uint64(), 2)) // of the goroutine that reads
		evil.willAnswer(func(_, id, from string) string {
			switch r.IntN(8) {
			case 0:
				return ""
			case 1:
				return strings.NewReplacer("ID", id, "TO", from).Replace(rawAnswers[r.IntN(len(rawAnswers))].answer)
			}
			return rpcResult(id, from, "<value>"+tr.values[r.IntN(len(tr.values))]+"</value>")
		})
		evil.send("<presence><status>Happy</status></presence>")
		in = evil.intruder
	default:
		in = tr.at.asClient(tr.t, who, "r"+fmt.Sprint(tr.r.IntN(3)), "")
	}
	tr.actors[who] = in
	return in
}

// stanza is the next stanza of somebody.
func (tr *traffic) stanza(who string) string {
	var s string
	switch p := tr.r.IntN(100); {
	case who == "component" && p < 60:
		s = componentAttacks[8+tr.r.IntN(len(componentAttacks)-8-3)].send // of its own domain; the rest ends its stream
	case who == "component" && p < 62:
		s = componentAttacks[tr.r.IntN(8)].send
	case who == "component":
		s = fmt.Sprintf("<message from='u%d@workgroup.localhost/x' to='BOT' type='chat' id='%d'><body>%s</body></message>", tr.r.IntN(100000), tr.r.Uint32(), tr.line())
	case who == "evil01" && p < 70:
		s = evilPresences[tr.r.IntN(len(evilPresences))]
	case who == "evil01" && p < 80:
		s = strings.NewReplacer("ID", fmt.Sprint(tr.r.Uint32()), "TO", atBot).Replace(rawAnswers[tr.r.IntN(len(rawAnswers))].answer)
	case who == "eve" && p < 30:
		s = chat(atBot, tr.line())
	case who == "eve" && p < 70:
		s = fmt.Sprintf("<iq type='set' to='AGENT' id='e%d'>%s</iq>", tr.r.Uint32(), tr.call())
	case p > 90 && tr.alerts != nil:
		s = tr.alerts.stanza(tr.r, tr.line())
	case who != "evil01" && p > 82 && tr.at.Kind == "embedded":
		s = tr.room()
	case p < 72: // some messages with long ids, the memory of which nobody needs
		s = fmt.Sprintf("<message to='BOT' type='chat' id='%s%d'><body>%s</body></message>", strings.Repeat("i", tr.r.IntN(20000)), tr.r.Uint64(), tr.line())
	default:
		s = tr.clients[tr.r.IntN(len(tr.clients))].send
	}
	if tr.r.IntN(20) == 0 {
		s = tr.mutated(s)
	}
	return s
}

// room is something about rooms, of which there are more than one account may
// make.
func (tr *traffic) room() string {
	room := fmt.Sprintf("r%d@conference.localhost", tr.r.IntN(150))
	pick := func(of ...string) string { return of[tr.r.IntN(len(of))] }
	iq := func(space, inner string) string {
		return fmt.Sprintf("<iq type='%s' id='r%d' to='%s'><query xmlns='%s'>%s</query></iq>", pick("set", "set", "get"), tr.r.Uint32(), room, space, inner)
	}
	someone := pick("mallory", "eve", "admin", "nobody") + "@localhost"
	switch tr.r.IntN(10) {
	case 0, 1:
		return fmt.Sprintf("<presence to='%s/n%d'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='%s'/></x><status>%s</status></presence>", room, tr.r.IntN(3), pick("0", "-1", "99999999999"), tr.line())
	case 2:
		return fmt.Sprintf("<presence to='%s/n%d' type='%s'/>", room, tr.r.IntN(3), pick("unavailable", "error", "subscribe", "probe", "x"))
	case 3, 4:
		body := tr.line()
		if tr.r.IntN(10) == 0 {
			body = strings.Repeat("x", tr.r.IntN(100000))
		}
		return fmt.Sprintf("<message to='%s' type='groupchat' xmlns:p='u'><%[2]s>%[3]s</%[2]s><p:x/></message>", room, pick("body", "body", "subject"), body)
	case 5:
		return fmt.Sprintf("<message to='%s%s' type='chat'><body>%s</body><x xmlns='http://jabber.org/protocol/muc#user'><%s to='%s'/></x></message>", room, pick("", "/n0", "/n1"), tr.line(), pick("invite", "decline"), someone)
	case 6:
		return iq("http://jabber.org/protocol/muc#owner", pick("<destroy/>", "<x xmlns='jabber:x:data' type='cancel'/>", fmt.Sprintf("<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_%s'><value>%d</value></field></x>",
			pick("persistentroom", "membersonly", "enablearchiving", "moderatedroom", "maxusers", "whois", "roomname"), tr.r.IntN(2))))
	case 7:
		return iq("http://jabber.org/protocol/muc#admin", fmt.Sprintf("<item affiliation='%s' jid='%s'/><item nick='n0' role='%s'/>", pick("owner", "none", "outcast", "x"), someone, pick("none", "visitor", "x")))
	case 8:
		return iq("urn:xmpp:mam:2", fmt.Sprintf("<set xmlns='http://jabber.org/protocol/rsm'><max>%d</max>%s</set>", tr.r.IntN(1000), pick("<before/>", "<after>x</after>", "")))
	}
	return strings.Replace(iq(pick("http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/disco#info", "urn:xmpp:ping"), ""), room, pick(room, "conference.localhost", room+"/n0"), 1)
}

// lineWords are what random lines are made of.
var lineWords = append(strings.Fields("disk memory cpu services evil01 web0? web* @all details more csv retry help 10% >5 = | ; --all ✔ \u202e 7f3 approve dry run: in 5 minutes every hour of than"), stolenWords...)

// line is something that might be a sentence.
func (tr *traffic) line() string {
	words := make([]string, 1+tr.r.IntN(8))
	for i := range words {
		words[i] = lineWords[tr.r.IntN(len(lineWords))]
	}
	return escapeXML(strings.Join(words, " "))
}

// call is a call of a method that anybody may try: with headers of any time.
func (tr *traffic) call() string {
	methods := []string{"rpc.ping", "mem.usage", "host.info", "service.restart", "service.list", "rpc.check", "job.list", "system.multicall", "system.listMethods", "no.such", "proc.list", "log.query"}
	values := []string{"<struct/>", structOf(member("unit", "nginx")), structOf(double("limit", "1e300")), "<string>x</string>", tr.values[tr.r.IntN(len(tr.values))]}
	header := func(name, value string) string { return "<header name='" + name + "'>" + value + "</header>" }
	at := time.Now().Add(time.Duration(tr.r.NormFloat64() * float64(time.Hour))).UTC().Format(time.RFC3339)
	headers := "<headers xmlns='http://jabber.org/protocol/shim'>" + header("Created", []string{at, at, "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "yesterday"}[tr.r.IntN(5)]) +
		header("TTL", []string{"60", "0", "-1", "86400", "99999999999"}[tr.r.IntN(5)]) + header("X-Idempotency-Key", fmt.Sprint("k", tr.r.IntN(50))) +
		header("X-Actor", []string{"admin@localhost", "eve@localhost", "@@"}[tr.r.IntN(3)]) + "</headers>"
	call := call(methods[tr.r.IntN(len(methods))], values[tr.r.IntN(len(values))])
	if tr.r.IntN(2) == 0 {
		call = strings.Replace(call, "<methodCall>", headers+"<methodCall>", 1)
	}
	return call
}

// mutated is s with some of its bytes changed, left out, doubled or moved.
func (tr *traffic) mutated(s string) string {
	b := []byte(s)
	for range 1 + tr.r.IntN(4) {
		i := tr.r.IntN(len(b))
		j := min(len(b), i+1+tr.r.IntN(20))
		switch tr.r.IntN(4) {
		case 0:
			b[i] ^= 1 << tr.r.IntN(8)
		case 1:
			b = slices.Delete(b, i, min(j, len(b)-1)) // something remains
		case 2:
			b = slices.Insert(b, i, slices.Clone(b[i:j])...)
		case 3:
			k := tr.r.IntN(len(b))
			b = slices.Insert(b, k, slices.Clone(b[i:j])...)
		}
	}
	return string(b)
}
