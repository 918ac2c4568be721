package xmppd

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"adminbot/internal/account"
)

// deaf logs a client in that reads nothing afterwards.
func (st *stage) deaf(t *testing.T, name string) (*lineConn, *session) {
	t.Helper()
	return st.deafAs(t, name, "x")
}

func (st *stage) deafAs(t *testing.T, name, resource string) (*lineConn, *session) {
	t.Helper()
	c := &lineConn{st.c2s.dial(t)}
	t.Cleanup(func() { c.Close() })
	c.send(t, streamOpen)
	c.until(t, "</stream:features>")
	c.send(t, "<auth xmlns='"+NSSASL+"' mechanism='PLAIN'>"+base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00secret of "+name))+"</auth>")
	c.until(t, "</success>")
	c.send(t, streamOpen)
	c.until(t, "</stream:features>")
	c.send(t, "<iq type='set' id='b'><bind xmlns='"+NSBind+"'><resource>"+resource+"</resource></bind></iq>")
	c.until(t, "</iq>")
	return c, st.srv.session([]byte(name + "@example.org/" + resource))
}

// waiting returns how many bytes wait for a client, or 0 if it was cut.
func (s *session) waiting() int {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if s.conn.dead {
		return 0
	}
	return len(s.out) + s.inflight
}

// TestBulkIsBounded lets a client ask for what is answered in bulk, and not
// read: one answer may be longer than the queue, many may not pile up in it.
func TestBulkIsBounded(t *testing.T) {
	const queue, many = 64 << 10, 200
	for _, test := range []struct{ name, ask string }{
		{"roster", "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>"},
		{"presence", "<presence/><presence type='unavailable'/>"},
		{"kept", "<presence/><presence type='unavailable'/>"},
		{"ping", strings.Repeat("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>", 50)},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := newStage(t, func(c *Config) { c.Limits.Queue = queue })
				st.store.add(t, "alice", account.User)
				st.store.contacts["alice"] = map[string]account.Contact{}
				for i := range many {
					jid := fmt.Sprintf("c%d@example.org", i)
					switch test.name {
					case "roster":
						st.store.contacts["alice"][jid] = account.Contact{JID: jid, Groups: []string{strings.Repeat("g", 1000)}, Subscription: "none", Listed: true}
					case "presence":
						jid = strings.Repeat("c", 1000) + jid
						st.store.contacts["alice"][jid] = account.Contact{JID: jid, Subscription: "none", Pending: true}
					case "kept":
						st.store.messages["alice"] = append(st.store.messages["alice"], account.Message{ID: int64(i), Stanza: []byte("<message><body>" + strings.Repeat("m", 3000) + "</body></message>")})
					}
				}
				alice, s := st.deaf(t, "alice")
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					io.WriteString(alice, strings.Repeat(test.ask, 400)) // the server may not take all of it
				}()
				synctest.Wait()
				one := many * 1200
				if n := s.waiting(); n > queue+one {
					t.Errorf("%d bytes wait for a client that reads nothing; the bound is %d and one answer", n, queue)
				}
				alice.Close()
				<-sent
			})
		})
	}
}
