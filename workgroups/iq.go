package workgroups

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"strings"
	"time"

	"adminbot/internal/xmpp/adhoc"
	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

// Errors of the protocol.
var (
	notFound      = stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound}
	notAuthorized = stanza.Error{Type: stanza.Auth, Condition: stanza.NotAuthorized}
	notSupported  = stanza.Error{Type: stanza.Cancel, Condition: stanza.FeatureNotImplemented}
	notAcceptable = stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable}
	badRequest    = stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest}
	conflict      = stanza.Error{Type: stanza.Cancel, Condition: stanza.Conflict}
	tryLater      = stanza.Error{Type: stanza.Wait, Condition: stanza.ServiceUnavailable}
)

// HandleIQ answers a request to the service or to one of its workgroups. R yields
// the payload. The error is always a [stanza.Error].
func (s *Service) HandleIQ(ctx context.Context, iq stanza.IQ, r xml.TokenReader) (xml.TokenReader, error) {
	e, err := element.Read(r)
	if err != nil {
		return nil, badRequest
	}
	var out *element.Element
	if iq.To.Localpart() == "" {
		out, err = s.askService(iq, e)
	} else {
		out, err = s.askWorkgroup(ctx, iq, e)
	}
	if err != nil {
		return nil, protocolError(err)
	}
	if out == nil {
		return nil, nil
	}
	return out.TokenReader(), nil
}

// protocolError is what a peer is told of an error.
func protocolError(err error) error {
	var se stanza.Error
	var wrong *InvalidError
	switch {
	case errors.As(err, &se):
		return se
	case errors.As(err, &wrong):
		return stanza.Error{Type: stanza.Modify, Condition: stanza.NotAcceptable, Text: map[string]string{"": wrong.Text}}
	case errors.Is(err, ErrQueued), errors.Is(err, ErrTaken):
		return conflict
	case errors.Is(err, ErrNotQueued), errors.Is(err, ErrNoWorkgroup), errors.Is(err, ErrNotFound), errors.Is(err, ErrOver), errors.Is(err, ErrNoRoom):
		return notFound
	case errors.Is(err, ErrNotMember), errors.Is(err, ErrNotOffered):
		return notAuthorized
	}
	return tryLater
}

// askService answers requests to the domain.
func (s *Service) askService(iq stanza.IQ, e *element.Element) (*element.Element, error) {
	switch {
	case e.Name == xml.Name{Space: disco.NSInfo, Local: "query"} && iq.Type == stanza.GetIQ:
		switch node := e.Get("node"); node {
		case "":
			return s.info("").Element(""), nil
		case adhoc.NS:
			info, _ := commandInfo(node)
			return info.Element(node), nil
		}
		return nil, notFound
	case e.Name == xml.Name{Space: disco.NSItems, Local: "query"} && iq.Type == stanza.GetIQ:
		if e.Get("node") == adhoc.NS {
			return s.commandItems(iq.From, s.cfg.Groups...), nil
		}
		var items []disco.Item
		for i := range s.cfg.Groups {
			items = append(items, disco.Item{JID: s.Address(s.cfg.Groups[i].Name), Name: s.cfg.Groups[i].Title})
		}
		return disco.ItemsElement("", items), nil
	case e.Name == xml.Name{Space: NS, Local: "workgroups"} && iq.Type == stanza.GetIQ:
		return s.workgroupsOf(iq.From, e), nil
	}
	return nil, stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
}

// workgroupsOf tells an agent which workgroups it is a member of, as clients of
// Fastpath ask.
func (s *Service) workgroupsOf(who jid.JID, e *element.Element) *element.Element {
	out := element.New(NS, "workgroups", "jid", e.Get("jid"))
	for i := range s.cfg.Groups {
		if s.cfg.Groups[i].admits(who) {
			out.Add(element.New(NS, "workgroup", "jid", s.Address(s.cfg.Groups[i].Name).String()))
		}
	}
	return out
}

// Address is that of a workgroup.
func (s *Service) Address(name string) jid.JID {
	// Names were checked by New.
	addr, _ := jid.New(name, s.cfg.Domain.Domainpart(), "")
	return addr
}

// info is what the service, or a workgroup, says of itself (XEP-0142#disco).
func (s *Service) info(title string) disco.Info {
	if title == "" {
		title = "Alerts"
	}
	return disco.Info{
		Identities: []disco.Identity{{Category: "collaboration", Type: "workgroup", Name: title}},
		Features:   append([]string{NS, disco.NSInfo, disco.NSItems, adhoc.NS, "urn:xmpp:ping"}, s.cfg.Features...),
	}
}

// workgroup is the one that an address names.
func (s *Service) workgroup(to jid.JID) *Workgroup {
	for i := range s.cfg.Groups {
		if s.cfg.Groups[i].Name == to.Localpart() {
			return &s.cfg.Groups[i]
		}
	}
	return nil
}

// askWorkgroup answers requests to a workgroup.
func (s *Service) askWorkgroup(ctx context.Context, iq stanza.IQ, e *element.Element) (*element.Element, error) {
	g := s.workgroup(iq.To)
	if g == nil {
		return nil, notFound
	}
	set := iq.Type == stanza.SetIQ
	switch e.Name.Space + " " + e.Name.Local {
	case disco.NSInfo + " query":
		if set {
			return nil, notFound
		}
		if node := e.Get("node"); node != "" {
			info, ok := commandInfo(node)
			if !ok {
				return nil, notFound
			}
			return info.Element(node), nil
		}
		return s.workgroupInfo(g).Element(""), nil
	case disco.NSItems + " query":
		if e.Get("node") == adhoc.NS {
			return s.commandItems(iq.From, *g), nil
		}
		return disco.ItemsElement("", nil), nil
	case adhoc.NS + " command":
		if !set {
			return nil, badRequest
		}
		return s.command(ctx, g, iq.From, e)
	case NS + " join-queue":
		if !set {
			return element.New(NS, "join-queue").Add(g.form()), nil
		}
		return nil, s.joinQueue(ctx, g, iq.From, e)
	case NS + " depart-queue":
		if !set {
			return nil, badRequest
		}
		return nil, s.departQueue(ctx, g, iq.From, e)
	case NS + " queue-status":
		return s.tellStatus(ctx, g, iq.From)
	case NS + " agent-status-request":
		return s.tellAgents(ctx, g, iq.From)
	case NS + " offer-accept":
		return nil, s.answerOffer(ctx, g, iq.From, e, true)
	case NS + " offer-reject":
		return nil, s.answerOffer(ctx, g, iq.From, e, false)
	case NS + " transfer":
		if !set || !g.admits(iq.From) {
			return nil, notAuthorized
		}
		return nil, s.transfer(ctx, g, iq.From, e)
	case NS + " invite":
		if !set || !g.admits(iq.From) {
			return nil, notAuthorized
		}
		return nil, s.inviteColleague(ctx, g, e)
	}
	if e.Name.Space == NSJive {
		return s.askFastpath(ctx, g, iq, e)
	}
	return nil, stanza.Error{Type: stanza.Cancel, Condition: stanza.ServiceUnavailable}
}

func (s *Service) workgroupInfo(g *Workgroup) disco.Info {
	info := s.info(g.Title)
	info.Forms = []disco.Form{{Type: NS + "#workgroupinfo", Fields: []disco.Field{
		{Var: "workgroup#description", Values: []string{g.Description}},
		{Var: "workgroup#online", Values: []string{"open"}},
	}}}
	return info
}

// joinQueue puts a person into the queue (XEP-0142#proto-user-join).
func (s *Service) joinQueue(ctx context.Context, g *Workgroup, from jid.JID, e *element.Element) error {
	j := parseJoin(e)
	if !g.acceptable(j) {
		return notAcceptable
	}
	r := Report{Workgroup: g.Name, Source: from.Bare().String(), User: from, Notify: j.Notify, Labels: map[string]string{}}
	for _, f := range j.Fields {
		if f.name == "question" || r.Summary == "" && f.name == "summary" {
			r.Summary = cut(f.value, MaxSummary-8)
		}
		if len(r.Labels) < MaxLabels {
			r.Labels[cut(f.name, MaxName-8)] = cut(f.value, MaxLabel-8)
		}
	}
	if strings.TrimSpace(r.Summary) == "" {
		r.Summary = from.Bare().String() + " asks for somebody"
	}
	_, err := s.Report(ctx, r)
	return err
}

// departQueue takes a person out of the queue: themselves, or, by a member of the
// workgroup, another (XEP-0142#proto-user-depart).
func (s *Service) departQueue(ctx context.Context, g *Workgroup, from jid.JID, e *element.Element) error {
	user := from
	if text := strings.TrimSpace(e.ChildText("jid")); text != "" {
		var err error
		if user, err = jid.Parse(text); err != nil {
			return badRequest
		}
	}
	if !user.Equal(from) && !g.admits(from) {
		return notAuthorized
	}
	return s.do(ctx, func(m *machine, now time.Time) error {
		if id := parseSession(user.Localpart()); id != 0 && user.Domain().Equal(s.cfg.Domain) && !user.Equal(from) {
			return m.dismiss(g.Name, id, from, now)
		}
		_, err := m.depart(g.Name, user, from, now)
		return err
	})
}

// tellStatus tells a person who queues their place (XEP-0142#proto-user-status).
func (s *Service) tellStatus(ctx context.Context, g *Workgroup, from jid.JID) (out *element.Element, err error) {
	err = s.look(ctx, func(m *machine, now time.Time) error {
		st, ok := m.place(g.Name, from)
		if !ok {
			return notAuthorized
		}
		out = st.element()
		return nil
	})
	return out, err
}

// tellAgents lists the other members of the workgroup
// (XEP-0142#proto-agent-agentstatus).
func (s *Service) tellAgents(ctx context.Context, g *Workgroup, from jid.JID) (*element.Element, error) {
	if !g.admits(from) {
		return nil, notAuthorized
	}
	out := element.New(NS, "agent-status-request")
	for i := range g.Members {
		if m := g.Members[i].JID; !m.Equal(from.Bare()) {
			out.Add(element.New(NS, "agent", "jid", m.String()))
		}
	}
	return out, nil
}

// answerOffer takes an agent's answer to an offer. The protocol has no errors for
// it: what cannot be is answered with a result and followed by a revoke
// (XEP-0142#proto-agent-accept). Only who may not speak here at all is refused.
func (s *Service) answerOffer(ctx context.Context, g *Workgroup, from jid.JID, e *element.Element, accepts bool) error {
	if !g.admits(from) {
		return notAuthorized
	}
	to := parseAnswer(e)
	var why error
	err := s.do(ctx, func(m *machine, now time.Time) error {
		id := m.named(g.Name, to)
		if accepts {
			_, why = m.accept(id, from, now)
		} else {
			_, why = m.reject(id, from, "", now)
		}
		return nil
	})
	if err != nil || why == nil || !accepts {
		return err
	}
	return s.refuse(ctx, g, from, to, reasonOf(why))
}

// refuse tells an agent's client that an alert it thinks it has accepted is not
// its own. It comes before the result, which says nothing.
func (s *Service) refuse(ctx context.Context, g *Workgroup, agent jid.JID, to answerTo, why string) error {
	from := s.Address(g.Name)
	payload := revoke{ID: to.Session, JID: to.JID, Workgroup: from, Reason: why}.element()
	iq := element.New("", "iq", "type", "set", "id", "refuse-"+rand.Text(), "from", from.String(), "to", agent.String()).Add(payload)
	return s.cfg.Wire.Send(ctx, iq.TokenReader())
}

// reasonOf is an error of this package in the words of a revoke.
func reasonOf(err error) string {
	return strings.TrimPrefix(err.Error(), "workgroups: ")
}

// named is the alert that an answer is about; 0 if there is none.
func (m *machine) named(workgroup string, to answerTo) int64 {
	id := parseSession(to.Session)
	if id == 0 && to.JID.Domain().Equal(m.domain) {
		id = parseSession(to.JID.Localpart())
	}
	if id == 0 {
		if a := m.users[userKey{workgroup, to.JID.String()}]; a != nil {
			id = a.ID
		}
	}
	if a := m.alerts[id]; a != nil && a.Workgroup != workgroup {
		return 0
	}
	return id
}
