package workgroups

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"

	"adminbot/internal/xmpp/adhoc"
	"adminbot/internal/xmpp/disco"
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
)

// Bounds of ad-hoc commands (XEP-0050) that people have begun.
const (
	maxCommands    = 1000             // begun; more are refused
	maxCommandsOf  = 16               // of one person; the oldest makes room
	commandLife    = 15 * time.Minute // without a word
	maxCommandText = 1000             // of one field, in bytes
)

// A verb is what people do, as a command: some questions, and then what is done
// with the answers. Everything is done by what does it for chat.
type verb struct {
	node, name string
	asks       []ask
	do         func(ctx context.Context, s *Service, g *Workgroup, who jid.JID, values map[string]string) string
}

// An ask is one form. If there is nothing to choose from it says so instead, and
// the command is over.
type ask func(ctx context.Context, s *Service, g *Workgroup, who jid.JID, values map[string]string) (f form.Form, nothing string)

// begun are the commands that people have begun.
type begun struct {
	mu  sync.Mutex
	all map[string]*beginning // by session
}

// A beginning is how far somebody has got with a command.
type beginning struct {
	session string
	who     jid.JID // with the resource
	group   string
	verb    *verb
	at      time.Time // of the last word; under the mutex of begun

	mu     sync.Mutex // held while a stage is done
	over   bool
	stage  int       // of the verb's asks
	shown  form.Form // of this stage
	values map[string]string
}

func findVerb(node string) *verb {
	for i := range verbs {
		if verbs[i].node == node {
			return &verbs[i]
		}
	}
	return nil
}

// commandItems lists the commands of workgroups, to those who may run them.
func (s *Service) commandItems(who jid.JID, groups ...Workgroup) *element.Element {
	var items []disco.Item
	for i := range groups {
		g := &groups[i]
		if !g.admits(who) {
			continue
		}
		for _, v := range verbs {
			name := v.name
			if len(groups) > 1 {
				name += " · " + g.Title
			}
			items = append(items, disco.Item{JID: s.Address(g.Name), Node: v.node, Name: name})
		}
	}
	return disco.ItemsElement(adhoc.NS, items)
}

// commandInfo describes the list of commands, or one of them; false: there is none
// of that node.
func commandInfo(node string) (disco.Info, bool) {
	info := disco.Info{Features: []string{disco.NSInfo, disco.NSItems}}
	if node == adhoc.NS {
		info.Identities = []disco.Identity{{Category: "automation", Type: "command-list", Name: "Commands"}}
		return info, true
	}
	v := findVerb(node)
	if v == nil {
		return info, false
	}
	info.Identities = []disco.Identity{{Category: "automation", Type: "command-node", Name: v.name}}
	info.Features = append(info.Features, adhoc.NS, form.NS)
	return info, true
}

// command takes one step of a command.
func (s *Service) command(ctx context.Context, g *Workgroup, from jid.JID, e *element.Element) (*element.Element, error) {
	if !g.admits(from) {
		return nil, stanza.Error{Type: stanza.Auth, Condition: stanza.Forbidden}
	}
	c := adhoc.Parse(e)
	b, err := s.begun.find(s.cfg.Now(), g.Name, from, c)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return nil, errNoSession
	}
	note := ""
	action := c.Action
	if c.Form != nil && c.Form.Type == "cancel" {
		action = adhoc.Cancel
	}
	switch action {
	case adhoc.Cancel:
		b.over = true
		s.begun.drop(b)
		return adhoc.Command{Node: c.Node, Session: b.session, Status: adhoc.Canceled}.Element(), nil
	case adhoc.Prev:
		if b.stage == 0 {
			return nil, wrong("there is nothing before the first form")
		}
		b.stage--
	case "", adhoc.Execute, adhoc.Next, adhoc.Complete:
		if c.Session == "" {
			break // the first form is to be shown
		}
		if note = b.take(c.Form); note == "" {
			b.stage++
		}
	default:
		return nil, wrong("%q is no action", cut(action, 40))
	}
	out := s.stageOf(ctx, g, b)
	if out.Status == adhoc.Completed {
		b.over = true
		s.begun.drop(b)
	} else if note != "" {
		out.Note, out.NoteType = note, adhoc.Error
	}
	return out.Element(), nil
}

// errNoSession says that a command has ended, or has never begun.
var errNoSession = wrong("there is no such session, or its time is over: begin again")

// wrong is a request that is not one, with the reason.
func wrong(format string, args ...any) error {
	return stanza.Error{Type: stanza.Modify, Condition: stanza.BadRequest, Text: map[string]string{"": fmt.Sprintf(format, args...)}}
}

// stageOf is the form that is next, or what has come of the last.
func (s *Service) stageOf(ctx context.Context, g *Workgroup, b *beginning) adhoc.Command {
	out := adhoc.Command{Node: b.verb.node, Session: b.session, Status: adhoc.Completed, NoteType: adhoc.Info}
	if b.stage >= len(b.verb.asks) {
		out.Note = b.verb.do(ctx, s, g, b.who.Bare(), b.values)
		return out
	}
	f, nothing := b.verb.asks[b.stage](ctx, s, g, b.who.Bare(), b.values)
	if nothing != "" {
		out.Note = nothing
		return out
	}
	f.Type, f.Title = "form", b.verb.name
	for i := range f.Fields { // what was said before
		if v, ok := b.values[f.Fields[i].Var]; ok && f.Fields[i].Type != "fixed" {
			f.Fields[i].Values = strings.Split(v, "\n")
		}
	}
	b.shown = f
	out.Status, out.Form, out.Default = adhoc.Executing, &f, adhoc.Next
	if b.stage > 0 {
		out.Actions = append(out.Actions, adhoc.Prev)
	}
	if b.stage == len(b.verb.asks)-1 {
		out.Default = adhoc.Complete
	}
	out.Actions = append(out.Actions, out.Default)
	return out
}

// take takes the answers to the form that was shown; the note says what is wrong
// with them.
func (b *beginning) take(f *form.Form) (note string) {
	for _, asked := range b.shown.Fields {
		said := ""
		if f != nil {
			said = cut(clean(f.Text(asked.Var)), maxCommandText)
		}
		switch {
		case asked.Var == "" || asked.Type == "fixed":
			continue
		case said == "" && asked.Required:
			note = fmt.Sprintf("%s: say which.", asked.Label)
		case said != "" && len(asked.Options) > 0 && !slices.ContainsFunc(asked.Options, func(o form.Option) bool { return o.Value == said }):
			note = fmt.Sprintf("%s: %q is none of these.", asked.Label, cut(said, 60))
			continue
		}
		b.values[asked.Var] = said
	}
	return note
}

// find is the beginning that a request goes on with, or a new one.
func (l *begun) find(now time.Time, group string, who jid.JID, c adhoc.Command) (*beginning, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var oldest *beginning
	mine := 0
	for id, b := range l.all {
		switch {
		case now.Sub(b.at) > commandLife:
			delete(l.all, id)
		case b.who.Bare().Equal(who.Bare()):
			mine++
			if oldest == nil || b.at.Before(oldest.at) {
				oldest = b
			}
		}
	}
	if c.Session != "" {
		b := l.all[c.Session]
		if b == nil || !b.who.Equal(who) || b.group != group || b.verb.node != c.Node {
			return nil, errNoSession
		}
		b.at = now
		return b, nil
	}
	v := findVerb(c.Node)
	if v == nil {
		return nil, notFound
	}
	if c.Action != "" && c.Action != adhoc.Execute {
		return nil, wrong("a command begins with execute, not with %s", cut(c.Action, 40))
	}
	if mine >= maxCommandsOf {
		delete(l.all, oldest.session)
	} else if len(l.all) >= maxCommands {
		return nil, stanza.Error{Type: stanza.Wait, Condition: stanza.ResourceConstraint}
	}
	b := &beginning{session: rand.Text(), who: who, group: group, verb: v, at: now, values: map[string]string{}}
	if l.all == nil {
		l.all = map[string]*beginning{}
	}
	l.all[b.session] = b
	return b, nil
}

func (l *begun) drop(b *beginning) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, b.session)
}
