package client_test

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/element"
)

// An exchange is a small server: it carries stanzas, as XML over pipes, between
// those who are connected, and tells the component of those who are cut.
type exchange struct {
	mu    sync.Mutex
	peers map[string]*peer // by full address; a component by its domain
}

// A peer is one end. What arrives is handled in its order, by one goroutine.
type peer struct {
	x      *exchange
	addr   jid.JID
	iq     func(context.Context, stanza.IQ, xml.TokenReader) (xml.TokenReader, error)
	pres   func(context.Context, stanza.Presence, xml.TokenReader)
	msg    func(context.Context, stanza.Message, xml.TokenReader)
	mine   net.Conn // the peer's side of its pipe
	theirs net.Conn // the exchange's

	write sync.Mutex // of mine
	push  sync.Mutex // of theirs
	mu    sync.Mutex
	next  int
	waits map[string]chan *element.Element
	in    chan *element.Element
	log   []*element.Element // all that was sent, under mu
	lost  map[string]bool    // local names of payloads that do not get through, under mu
}

func (x *exchange) connect(t *testing.T, addr string) *peer {
	p := &peer{x: x, addr: jid.MustParse(addr), waits: map[string]chan *element.Element{}, in: make(chan *element.Element, 10_000), lost: map[string]bool{}}
	p.mine, p.theirs = net.Pipe()
	x.mu.Lock()
	if x.peers == nil {
		x.peers = map[string]*peer{}
	}
	x.peers[addr] = p
	x.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { p.read() })
	wg.Go(func() { p.handle() })
	wg.Go(func() { p.carry() })
	t.Cleanup(func() { p.mine.Close(); wg.Wait() })
	return p
}

// cut ends the connection; whom the exchange has told of it are components.
func (x *exchange) cut(p *peer) {
	x.mu.Lock()
	delete(x.peers, p.addr.String())
	var components []*peer
	for _, other := range x.peers {
		if other.addr.Localpart() == "" {
			components = append(components, other)
		}
	}
	x.mu.Unlock()
	p.mine.Close()
	for _, c := range components {
		c.receive(element.New("", "presence", "type", "unavailable", "from", p.addr.String(), "to", "alerts@"+c.addr.String()))
	}
}

// carry takes what a peer sends to whom it is for.
func (p *peer) carry() {
	d := xml.NewDecoder(p.theirs)
	for {
		e, err := element.Read(d)
		if err != nil {
			p.theirs.Close()
			return
		}
		if p.addr.Localpart() != "" {
			set(e, "from", p.addr.String())
		}
		to := jid.MustParse(e.Get("to"))
		p.x.mu.Lock()
		dest := p.x.peers[to.String()]
		if dest == nil {
			dest = p.x.peers[to.Domainpart()]
		}
		p.x.mu.Unlock()
		if dest != nil {
			dest.receive(e)
		} else if typ := e.Get("type"); e.Name.Local == "iq" && (typ == "get" || typ == "set") {
			p.receive(answerTo(e, stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}))
		}
	}
}

// receive writes a stanza to the peer.
func (p *peer) receive(e *element.Element) {
	p.push.Lock()
	defer p.push.Unlock()
	encode(p.theirs, e) // an error: it is gone
}

func encode(w net.Conn, e *element.Element) error {
	var b strings.Builder
	enc := xml.NewEncoder(&b)
	for r := e.TokenReader(); ; {
		tok, err := r.Token()
		if err != nil {
			break
		}
		if err := enc.EncodeToken(tok); err != nil {
			return err
		}
	}
	if err := enc.Close(); err != nil {
		return err
	}
	_, err := w.Write([]byte(b.String()))
	return err
}

func set(e *element.Element, name, value string) {
	for i := range e.Attr {
		if e.Attr[i].Name.Local == name {
			e.Attr[i].Value = value
			return
		}
	}
	e.Attr = append(e.Attr, element.New("", "", name, value).Attr...)
}

func answerTo(e *element.Element, se stanza.Error) *element.Element {
	return element.New("", "iq", "type", "error", "id", e.Get("id"), "from", e.Get("to"), "to", e.Get("from")).Add(
		element.New("", "error", "type", string(se.Type)).Add(element.New(stanza.NSError, string(se.Condition))))
}

// read takes what arrives: it must never wait for a handler.
func (p *peer) read() {
	defer close(p.in)
	d := xml.NewDecoder(p.mine)
	for {
		e, err := element.Read(d)
		if err != nil {
			return
		}
		if typ := e.Get("type"); e.Name.Local == "iq" && (typ == "result" || typ == "error") {
			p.mu.Lock()
			if w := p.waits[e.Get("from")+" "+e.Get("id")]; w != nil {
				w <- e
			}
			p.mu.Unlock()
			continue
		}
		p.in <- e
	}
}

func (p *peer) handle() {
	for e := range p.in {
		p.take(context.Background(), e)
	}
}

// take has the handlers take a stanza, and sends the answer.
func (p *peer) take(ctx context.Context, e *element.Element) {
	from, to := jid.MustParse(e.Get("from")), jid.MustParse(e.Get("to"))
	r := element.TokenReader(e.Children...)
	switch {
	case e.Name.Local == "iq" && p.iq != nil:
		iq := stanza.IQ{Type: stanza.IQType(e.Get("type")), ID: e.Get("id"), From: from, To: to}
		payload, err := p.iq(ctx, iq, r)
		var se stanza.Error
		answer := element.New("", "iq", "type", "result", "id", iq.ID, "from", to.String(), "to", from.String())
		if errors.As(err, &se) {
			answer = answerTo(e, se)
		} else if payload != nil {
			inner, err := element.ReadAll(payload)
			if err != nil {
				panic(err)
			}
			answer.Add(inner...)
		}
		p.send(answer)
	case e.Name.Local == "presence" && p.pres != nil:
		p.pres(ctx, stanza.Presence{Type: stanza.PresenceType(e.Get("type")), From: from, To: to}, r)
	case e.Name.Local == "message" && p.msg != nil:
		p.msg(ctx, stanza.Message{Type: stanza.MessageType(e.Get("type")), ID: e.Get("id"), From: from, To: to}, r)
	}
}

func (p *peer) send(e *element.Element) error {
	p.mu.Lock()
	p.log = append(p.log, e)
	lost := len(e.Children) > 0 && p.lost[e.Children[0].Name.Local]
	p.mu.Unlock()
	if lost {
		return nil
	}
	p.write.Lock()
	defer p.write.Unlock()
	return encode(p.mine, e)
}

// Send makes peer a Wire.
func (p *peer) Send(_ context.Context, r xml.TokenReader) error {
	e, err := element.Read(r)
	if err != nil {
		return err
	}
	return p.send(e)
}

// Barrier makes peer a Wire of a service.
func (p *peer) Barrier(context.Context) error { return nil }

// RoundTripIQ makes peer a Wire.
func (p *peer) RoundTripIQ(ctx context.Context, iq stanza.IQ, r xml.TokenReader) (stanza.IQ, xml.TokenReader, error) {
	payload, err := element.Read(r)
	if err != nil {
		return iq, nil, err
	}
	p.mu.Lock()
	if iq.ID == "" {
		p.next++
		iq.ID = fmt.Sprintf("c%d", p.next)
	}
	answer := make(chan *element.Element, 1)
	key := iq.To.String() + " " + iq.ID
	p.waits[key] = answer
	p.mu.Unlock()
	defer func() { p.mu.Lock(); delete(p.waits, key); p.mu.Unlock() }()
	e := element.New("", "iq", "type", string(iq.Type), "id", iq.ID, "to", iq.To.String())
	if p.addr.Localpart() == "" {
		set(e, "from", iq.From.String())
	}
	if err := p.send(e.Add(payload)); err != nil {
		return iq, nil, err
	}
	select {
	case a := <-answer:
		if a.Get("type") == "error" {
			se := stanza.Error{Type: stanza.ErrorType(a.Child("", "error").Get("type"))}
			for _, c := range a.Child("", "error").Children {
				se.Condition = stanza.Condition(c.Name.Local)
			}
			return iq, nil, se
		}
		return iq, element.TokenReader(a.Children...), nil
	case <-ctx.Done():
		return iq, nil, context.Cause(ctx)
	case <-time.After(time.Hour):
		return iq, nil, errors.New("no answer")
	}
}

// sent are the payloads with that name that the peer has sent.
func (p *peer) sent(local string) (all []*element.Element) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.log {
		for _, c := range e.Children {
			if c.Name.Local == local {
				all = append(all, e)
			}
		}
	}
	return all
}
