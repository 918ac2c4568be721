//go:build !unit

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// alertsUnderAttack is an alert service, and what is sent to it: of XMPP what
// users, agents and the service itself send in XEP-0142, of HTTP what no system
// that watches would send.
type alertsUnderAttack struct {
	t        *testing.T
	examples []string
	intake   string // http://host:port
	client   *http.Client
	statuses map[int]int // how often it answered so; 0: it cut the connection
}

const (
	atWorkgroup     = "alerts@alerts.localhost"
	watcherToken    = "the token of who watches"
	traitorToken    = "a token that somebody stole"
	underAttackTOML = `state = "alerts.state"
[workgroups]
domain = "alerts.localhost"
component = %q
secret_file = "secret"
policy = "alerts.policy.toml"
[[workgroups.group]]
name = "alerts"
group_by = ["host"]
offer_seconds = 1
retry_seconds = 1
members = [{jid = "eve@localhost", max = 5}, {jid = "evil01@localhost", bot = true}]
[intake]
listen = "127.0.0.1:0"
[[intake.source]]
name = "watcher"
token_file = "watcher.token"
[[intake.source]]
name = "traitor"
token_file = "traitor.token"
`
	underAttackPolicy = `bots = ["adminbot@localhost"]
[[rule]]
who = ["eve@localhost"]
may = ["R", "W"]
`
)

// underAttack starts the alert service of a soak.
func (s *soak) underAttack() *alertsUnderAttack {
	s.file("alerts.policy.toml", underAttackPolicy)
	s.file("watcher.token", watcherToken)
	s.file("traitor.token", traitorToken)
	text := s.start("alerts", "serving alerts.localhost", "workgroups", "--config", s.file("alerts.toml", fmt.Sprintf(underAttackTOML, s.at.Component)))
	at := regexp.MustCompile(`alerts by HTTP at (\S+)`).FindStringSubmatch(text)
	if at == nil {
		s.t.Fatalf("no intake:\n%s", text)
	}
	files, err := filepath.Glob("../../workgroups/testdata/xep0142/*.xml")
	if err != nil || len(files) < 50 {
		s.t.Fatalf("%d examples of XEP-0142: %v", len(files), err)
	}
	a := &alertsUnderAttack{t: s.t, intake: "http://" + at[1], client: &http.Client{Timeout: soakLate}, statuses: map[int]int{}}
	s.t.Cleanup(a.client.CloseIdleConnections)
	address := regexp.MustCompile(`\s(?:from|to)\s*=\s*['"][^'"]*['"]`)
	for _, file := range files {
		example, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		e := strings.TrimSpace(address.ReplaceAllString(string(example), ""))
		name, rest, _ := strings.Cut(e, " ")
		a.examples = append(a.examples, name+" to='"+atWorkgroup+"' "+rest)
	}
	return a
}

// stanza is something that is sent to the service.
func (a *alertsUnderAttack) stanza(r *rand.Rand, line string) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	id, number := r.Uint32(), r.IntN(200)
	switch r.IntN(8) {
	case 0, 1:
		return fmt.Sprintf("<iq type='set' id='a%d' to='%s'><%s xmlns='http://jabber.org/protocol/workgroup' id='alert-%d' jid='alert-%[4]d@alerts.localhost'/></iq>",
			id, atWorkgroup, pick("offer-accept", "offer-accept", "offer-reject", "transfer", "depart-queue"), number)
	case 2:
		arg := pick(member("id", fmt.Sprint(number)), "<member><name>id</name><value><int>"+fmt.Sprint(number)+"</int></value></member>", member("summary", line), member("reason", line), member("note", line), member("to", "eve@localhost"))
		method := pick("raise", "list", "show", "accept", "pass", "resolve", "note", "silence", "silences", "figures", "transfer", "timeline")
		return fmt.Sprintf("<iq type='set' id='a%d' to='alerts.localhost'>%s</iq>", id, call("alert."+method, structOf(arg)))
	case 3:
		said := pick("take", "pass", "resolve", "show", "note", "silence", "transfer") + fmt.Sprintf(" %d ", number) + line
		return fmt.Sprintf("<message to='%s' type='chat' id='a%d'><body>%s</body></message>", atWorkgroup, id, said)
	case 4:
		return fmt.Sprintf("<iq type='set' id='a%d' to='%s'><command xmlns='http://jabber.org/protocol/commands' node='%s' action='%s' sessionid='%s'><x xmlns='jabber:x:data' type='submit'><field var='id'><value>%d</value></field></x></command></iq>",
			id, atWorkgroup, pick("list", "take", "resolve", "silence", "x"), pick("execute", "next", "complete", "cancel", "x"), pick("", "1", "x"), number)
	case 5:
		return fmt.Sprintf("<presence to='%s' type='%s'><show>%s</show><agent-status xmlns='http://jabber.org/protocol/workgroup'><max-chats>%d</max-chats></agent-status></presence>",
			atWorkgroup, pick("", "unavailable", "subscribe", "probe", "error"), pick("", "chat", "away", "x"), r.IntN(100)-50)
	}
	return strings.Replace(a.examples[r.IntN(len(a.examples))], "id1", fmt.Sprint("e", id), 1)
}

// post sends one request that is no good, or one that is: the service may refuse
// any of the first, and has to take the others.
func (a *alertsUnderAttack) post(r *rand.Rand, line string) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	path, token, body := pick("/alertmanager", "/grafana", "/icinga", "/nagios", "/generic", "/x/../generic"), traitorToken, ""
	honest := false
	switch r.IntN(8) {
	case 0:
		honest, path, token = true, "/generic", watcherToken
		body = fmt.Sprintf(`{"summary":"load is high","host":"web%02d","severity":"warning"}`, r.IntN(20))
	case 1:
		token = pick("", "x", watcherToken+"x", strings.Repeat("y", 5000))
	case 2:
		body = strings.Repeat("[", 1+r.IntN(100_000))
	case 3:
		body = `{"summary":"` + strings.Repeat("x", r.IntN(3<<20)) + `"}`
	case 4:
		body = fmt.Sprintf(`{"alerts":[%s{"status":%q,"labels":{"alertname":"\u0000\u202e","host":"web%02d"},"startsAt":%q}]}`,
			strings.Repeat(`{},`, r.IntN(2000)), pick("firing", "resolved", "x"), r.IntN(20), pick("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "", "now"))
	case 5:
		body = fmt.Sprintf(`{"summary":%q,"host":%q,"labels":{"a":1,"b":[null],"":"x"},"status":%q}`, line, pick("web01", "\x1b[2J", strings.Repeat("h", 2000)), pick("firing", "resolved", "ok"))
	case 6:
		body = "\x00\xff<xml/>" + line
	case 7:
		body = fmt.Sprintf(`{"summary":"x","host":"web%02d","starts_at":%q,"ends_at":%q}`, r.IntN(20), time.Now().Add(1000*time.Hour).Format(time.RFC3339), "2001-01-01T00:00:00Z")
	}
	req, err := http.NewRequest(pick("POST", "POST", "POST", "PUT"), a.intake+path, strings.NewReader(body))
	if err != nil {
		a.t.Error(err)
		return
	}
	if honest {
		req.Method = http.MethodPost
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := a.client.Do(req)
	if err != nil {
		a.statuses[0]++ // what is too large is cut off
		if honest {
			a.t.Errorf("an alert: %v", err)
		}
		return
	}
	defer res.Body.Close()
	a.statuses[res.StatusCode]++
	answer, _ := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if honest && res.StatusCode/100 != 2 || res.StatusCode >= 500 && res.StatusCode != http.StatusServiceUnavailable {
		a.t.Errorf("%s %s: %s %s", req.Method, path, res.Status, answer)
	}
}
