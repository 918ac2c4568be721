package xmppd

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mellium.im/sasl"

	"adminbot/internal/account"
)

// tlsPeer connects and goes through STARTTLS, or begins with TLS.
func tlsPeer(t *testing.T, r *running, direct bool, change func(*tls.Config)) *peer {
	t.Helper()
	addr := r.c2s
	cfg := &tls.Config{RootCAs: r.roots, ServerName: "example.org"}
	if direct {
		addr = r.direct
		cfg.NextProtos = []string{"xmpp-client"}
	}
	if change != nil {
		change(cfg)
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if !direct {
		plain := &lineConn{Conn: c}
		plain.send(t, streamOpen)
		if got := plain.until(t, "</stream:features>"); !strings.HasSuffix(got, "<stream:features><starttls xmlns='"+NSTLS+"'><required/></starttls></stream:features>") {
			t.Fatalf("without TLS it offers %s", got)
		}
		// White space behind it, as some clients write it.
		plain.send(t, "<starttls xmlns='"+NSTLS+"'/>\n ")
		plain.until(t, "<proceed xmlns='"+NSTLS+"'/>")
	}
	tc := tls.Client(c, cfg)
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	return newPeer(t, tc)
}

// A lineConn reads exactly as far as it is told.
type lineConn struct{ net.Conn }

func (c *lineConn) send(t *testing.T, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func (c *lineConn) until(t *testing.T, end string) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	defer c.SetReadDeadline(time.Time{})
	var got []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(got), end); {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("%v after %s", err, got)
		}
		got = append(got, b[0])
	}
	return string(got)
}

func loginStage(t *testing.T, change func(*Config)) *running {
	m := newMemory()
	m.add(t, "alice", account.User)
	return start(t, m, func(c *Config) {
		c.PlainLoopback = false
		if change != nil {
			change(c)
		}
	})
}

// TestMechanisms logs in by each mechanism with another implementation of
// SASL, with channel binding too, and with a password that is wrong.
func TestMechanisms(t *testing.T) {
	r := loginStage(t, func(c *Config) { c.ChannelBinding = true })
	for _, direct := range []bool{false, true} {
		for _, m := range []sasl.Mechanism{sasl.ScramSha256Plus, sasl.ScramSha1Plus, sasl.ScramSha256, sasl.ScramSha1, sasl.Plain} {
			for _, password := range []string{"secret of alice", "wrong"} {
				t.Run(fmt.Sprintf("%s direct=%v %s", m.Name, direct, password), func(t *testing.T) {
					r.throttle.reset()
					p := tlsPeer(t, r, direct, nil)
					ok, answer := p.sasl(t, m, "alice", password)
					if want := password != "wrong"; ok != want {
						t.Errorf("success %v: %s", ok, answer)
					}
				})
			}
		}
	}
}

func (t *throttle) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buckets, t.known = nil, nil
}

// sasl opens a stream and goes through an exchange, and returns whether it
// succeeded and the server's last word.
func (p *peer) sasl(t *testing.T, m sasl.Mechanism, user, password string) (bool, string) {
	t.Helper()
	p.send(t, streamOpen)
	p.next(t)
	features := p.next(t)
	var offered struct {
		Mechanisms []string `xml:"mechanisms>mechanism"`
	}
	if err := xml.Unmarshal([]byte(strings.ReplaceAll(features, "stream:", "")), &offered); err != nil {
		t.Fatal(err)
	}
	opts := []sasl.Option{
		sasl.Credentials(func() ([]byte, []byte, []byte) { return []byte(user), []byte(password), nil }),
		sasl.RemoteMechanisms(offered.Mechanisms...),
	}
	if tc, ok := p.c.(*tls.Conn); ok {
		opts = append(opts, sasl.TLSState(tc.ConnectionState()))
	}
	n := sasl.NewClient(m, opts...)
	more, resp, err := n.Step(nil)
	if err != nil {
		t.Fatal(err)
	}
	p.send(t, "<auth xmlns='"+NSSASL+"' mechanism='"+m.Name+"'>"+base64.StdEncoding.EncodeToString(resp)+"</auth>")
	for {
		got := p.next(t)
		var el struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		}
		if err := xml.Unmarshal([]byte(got), &el); err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		data, err := base64.StdEncoding.DecodeString(el.Text)
		if el.XMLName.Local == "failure" || err != nil {
			return false, got
		}
		if more {
			if more, resp, err = n.Step(data); err != nil {
				t.Fatalf("%s: %v", got, err)
			}
		}
		if el.XMLName.Local == "success" {
			return true, got
		}
		p.send(t, "<response xmlns='"+NSSASL+"'>"+base64.StdEncoding.EncodeToString(resp)+"</response>")
	}
}

// TestPlusIsASetting checks that channel binding is offered only where it was
// asked for, and never on TLS 1.2, where the binding is not safe.
func TestPlusIsASetting(t *testing.T) {
	for _, test := range []struct {
		on   bool
		max  uint16
		want bool
	}{{false, tls.VersionTLS13, false}, {true, tls.VersionTLS13, true}, {true, tls.VersionTLS12, false}} {
		r := loginStage(t, func(c *Config) { c.ChannelBinding = test.on })
		p := tlsPeer(t, r, true, func(c *tls.Config) { c.MaxVersion = test.max })
		p.send(t, streamOpen)
		p.next(t)
		if got := strings.Contains(p.next(t), "-PLUS"); got != test.want {
			t.Errorf("setting %v, version %x: offered %v", test.on, test.max, got)
		}
	}
}

// TestDowngradeIsNoticed plays the client that believes the server has no
// channel binding, because somebody took the -PLUS mechanisms off the list.
func TestDowngradeIsNoticed(t *testing.T) {
	r := loginStage(t, func(c *Config) { c.ChannelBinding = true })
	p := tlsPeer(t, r, true, nil)
	p.send(t, streamOpen)
	p.next(t)
	p.next(t)
	p.send(t, "<auth xmlns='"+NSSASL+"' mechanism='SCRAM-SHA-256'>"+base64.StdEncoding.EncodeToString([]byte("y,,n=alice,r=0123456789abcdef"))+"</auth>")
	p.expect(t, "<failure xmlns='"+NSSASL+"'><not-authorized/></failure>")
}

// TestInjection sends a stanza in clear behind <starttls/>: it must not count
// as said under TLS.
func TestInjection(t *testing.T) {
	r := loginStage(t, nil)
	c, err := net.Dial("tcp", r.c2s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l := &lineConn{c}
	l.send(t, streamOpen)
	l.until(t, "</stream:features>")
	l.send(t, "<starttls xmlns='"+NSTLS+"'/><auth xmlns='"+NSSASL+"' mechanism='PLAIN'>AGFsaWNlAHNlY3JldCBvZiBhbGljZQ==</auth>")
	l.until(t, "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>")
}

// TestNoLoginInClear checks that without TLS nobody logs in.
func TestNoLoginInClear(t *testing.T) {
	r := loginStage(t, nil)
	c, err := net.Dial("tcp", r.c2s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l := &lineConn{c}
	l.send(t, streamOpen)
	l.until(t, "</stream:features>")
	l.send(t, "<auth xmlns='"+NSSASL+"' mechanism='PLAIN'>AGFsaWNlAHNlY3JldCBvZiBhbGljZQ==</auth>")
	l.until(t, "<failure xmlns='"+NSSASL+"'><invalid-mechanism/></failure>")
}

// TestWrongALPN lets a client ask the direct port for another protocol.
func TestWrongALPN(t *testing.T) {
	r := loginStage(t, nil)
	c, err := net.Dial("tcp", r.direct)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tc := tls.Client(c, &tls.Config{RootCAs: r.roots, ServerName: "example.org", NextProtos: []string{"http/1.1"}})
	if err := tc.Handshake(); err == nil {
		t.Error("it went well")
	}
}

// TestUnknownUsers checks that asking for a user tells nothing about whether
// there is one: same sort of challenge, same salt each time, same failure.
func TestUnknownUsers(t *testing.T) {
	m := newMemory()
	a, err := account.New("alice", account.User, "x")
	if err != nil {
		t.Fatal(err)
	}
	m.accounts["alice"], m.entries["alice"] = a, account.Entry{Name: "alice", Role: account.User, Generation: 1}
	r := start(t, m, func(c *Config) { c.Secret = []byte("the same over restarts") })
	challenge := func(user, mechanism string) (salt, iterations string) {
		p := tlsPeer(t, r, true, nil)
		p.send(t, streamOpen)
		p.next(t)
		p.next(t)
		p.send(t, "<auth xmlns='"+NSSASL+"' mechanism='"+mechanism+"'>"+base64.StdEncoding.EncodeToString([]byte("n,,n="+user+",r=0123456789abcdef"))+"</auth>")
		got := p.next(t)
		b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(got, "<challenge xmlns='"+NSSASL+"'>"), "</challenge>"))
		if err != nil {
			t.Fatalf("%s: %v", got, err)
		}
		parts := strings.Split(string(b), ",")
		// The exchange ends alike as well.
		p.send(t, "<response xmlns='"+NSSASL+"'>"+base64.StdEncoding.EncodeToString([]byte("c=biws,"+parts[0]+",p="+base64.StdEncoding.EncodeToString(make([]byte, map[string]int{"SCRAM-SHA-1": 20, "SCRAM-SHA-256": 32}[mechanism]))))+"</response>")
		p.expect(t, "<failure xmlns='"+NSSASL+"'><not-authorized/></failure>")
		return parts[1], parts[2]
	}
	seen := map[string]string{}
	for _, mechanism := range []string{"SCRAM-SHA-1", "SCRAM-SHA-256"} {
		for _, user := range []string{"alice", "nobody", "nobody else"} {
			r.throttle.reset()
			s1, i1 := challenge(user, mechanism)
			s2, i2 := challenge(user, mechanism)
			if s1 != s2 || i1 != i2 || i1 != "i=10000" || len(s1) != len("s=")+24 {
				t.Errorf("%s, %s: %s %s, then %s %s", user, mechanism, s1, i1, s2, i2)
			}
			if other := seen[s1]; other != "" {
				t.Errorf("%s has the salt of %s", user+mechanism, other)
			}
			seen[s1] = user + mechanism
		}
	}
}

// TestGuessing checks that guessing is slowed down, for who guesses and not
// for others, and that time heals it.
func TestGuessing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th throttle
		// At once, too: none of them has failed yet.
		for i := range pairTries {
			if !th.allow("1.2.3.4", "alice") {
				t.Fatalf("refused after %d", i)
			}
		}
		if th.allow("1.2.3.4", "alice") {
			t.Error("still allowed")
		}
		if !th.allow("1.2.3.5", "alice") || !th.allow("1.2.3.4", "bob") {
			t.Error("others suffer")
		}
		time.Sleep(pairEvery + time.Second)
		if !th.allow("1.2.3.4", "alice") {
			t.Error("not forgiven")
		}
		if th.allow("1.2.3.4", "alice") {
			t.Error("forgiven too much")
		}
		// Who gets it right may do so as often as wanted.
		for i := range 3 * userTries {
			if !th.allow("1.2.3.4", "carol") {
				t.Fatalf("refused after %d logins", i)
			}
			th.succeeded("1.2.3.4", "carol")
		}
	})
}

// TestGuessingManyNames lets one address, and then many, try names without
// end: that ends soon, but not for who logs in from there, and not for long.
func TestGuessingManyNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th throttle
		th.allow("127.0.0.1", "carol")
		th.succeeded("127.0.0.1", "carol")
		for range addrTries * 3 {
			th.allow("127.0.0.1", "alice")
		}
		if !th.allow("127.0.0.1", "bob") {
			t.Error("one name locks out the others")
		}
		allowed := 0
		for i := range addrTries * 10 {
			if th.allow("127.0.0.1", fmt.Sprint("user", i)) {
				allowed++
			}
		}
		if allowed > addrTries {
			t.Errorf("an address may try %d names", allowed)
		}
		if !th.allow("127.0.0.1", "carol") {
			t.Error("who logged in from there is locked out")
		}
		for i := range userTries {
			th.allow(fmt.Sprint("a", i), "carol")
		}
		if th.allow("9.9.9.9", "carol") {
			t.Error("many addresses may try one name without end")
		}
		if !th.allow("127.0.0.1", "carol") {
			t.Error("the user is locked out where the user was")
		}
		time.Sleep(addrEvery + time.Second)
		if !th.allow("127.0.0.1", "fresh") || !th.allow("9.9.9.9", "carol") {
			t.Error("not forgiven")
		}
		// The memory of it is bounded.
		for i := range 3 * throttleKeys {
			addr := fmt.Sprint("b", i)
			th.allow(addr, addr)
			th.succeeded(addr, addr)
			th.allow(addr, "u")
		}
		if n := max(len(th.buckets), len(th.known)); n > throttleKeys+3 {
			t.Errorf("%d are remembered", n)
		}
	})
}
