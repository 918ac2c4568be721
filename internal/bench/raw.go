package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"time"
)

// A rawConn is a client that costs next to nothing: it knows a few byte strings
// of XMPP and no XML, so that what is measured is the server.
type rawConn struct {
	net.Conn
	buf  []byte
	full string // its address
}

// rawTimeout bounds a login.
const rawTimeout = 30 * time.Second

// dialRaw logs in with the mechanism PLAIN and says that it is there. Without
// TLS if secured is nil.
func (t Target) dialRaw(ctx context.Context, secured *tls.Config, name, resource string) (_ *rawConn, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	c := &rawConn{Conn: conn, buf: make([]byte, 0, 4096), full: name + "@" + t.Domain + "/" + resource}
	defer func() {
		if err != nil {
			c.Close()
			err = fmt.Errorf("bench: %s: %w", c.full, err)
		}
	}()
	conn.SetDeadline(time.Now().Add(rawTimeout))
	header := "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' to='" + t.Domain + "'>"
	if secured != nil {
		if err := c.say(header, "</stream:features>"); err != nil {
			return nil, err
		}
		if err := c.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed"); err != nil {
			return nil, err
		}
		c.Conn = tls.Client(conn, secured)
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + name + "\x00" + t.Password))
	for _, step := range []struct{ say, want string }{
		{header, "</stream:features>"},
		{"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + "</auth>", "<success"},
		{header, "</stream:features>"},
		{"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" + resource + "</resource></bind></iq>", "</iq>"},
		{"<presence><priority>0</priority></presence><iq type='get' id='there' to='" + t.Domain + "'><ping xmlns='urn:xmpp:ping'/></iq>", "there"},
	} {
		if err := c.say(step.say, step.want); err != nil {
			return nil, err
		}
	}
	return c, conn.SetDeadline(time.Time{})
}

// say writes text and reads until want has come.
func (c *rawConn) say(text, want string) error {
	if _, err := io.WriteString(c.Conn, text); err != nil {
		return err
	}
	for c.buf = c.buf[:0]; !bytes.Contains(c.buf, []byte(want)); {
		if len(c.buf) > 1<<20 {
			return fmt.Errorf("no %s in a megabyte", want)
		}
		c.buf = append(c.buf, make([]byte, 2048)...)
		n, err := c.Read(c.buf[len(c.buf)-2048:])
		c.buf = c.buf[:len(c.buf)-2048+n]
		if err != nil {
			return fmt.Errorf("waiting for %s: %w after %.200s", want, err, c.buf)
		}
	}
	return nil
}
