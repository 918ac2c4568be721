// Package adhoc holds the payload of XEP-0050: Ad-Hoc Commands.
package adhoc

import (
	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
)

// NS is the namespace of commands, and the node that lists them.
const NS = "http://jabber.org/protocol/commands"

// Actions of a request.
const (
	Execute  = "execute" // the action that the last answer named first; also when none is said
	Next     = "next"
	Prev     = "prev"
	Complete = "complete"
	Cancel   = "cancel"
)

// Statuses of an answer.
const (
	Executing = "executing"
	Completed = "completed"
	Canceled  = "canceled"
)

// Types of a note.
const (
	Info  = "info"
	Error = "error"
)

// A Command is a request or an answer.
type Command struct {
	Node    string
	Session string // empty: a new one
	Action  string // of a request
	Status  string // of an answer

	Default string   // of an answer: the action that execute stands for
	Actions []string // of an answer: prev, next, complete

	Note     string // for people
	NoteType string
	Form     *form.Form
}

// Element returns the command as an element.
func (c Command) Element() *element.Element {
	e := element.New(NS, "command", "node", c.Node, "sessionid", c.Session, "action", c.Action, "status", c.Status)
	if len(c.Actions) > 0 {
		actions := element.New(NS, "actions", "execute", c.Default)
		for _, a := range c.Actions {
			actions.Add(element.New(NS, a))
		}
		e.Add(actions)
	}
	if c.Note != "" {
		note := element.New(NS, "note", "type", c.NoteType)
		note.Text = c.Note
		e.Add(note)
	}
	if c.Form != nil {
		e.Add(c.Form.Element())
	}
	return e
}

// Parse reads a command.
func Parse(e *element.Element) Command {
	c := Command{Node: e.Get("node"), Session: e.Get("sessionid"), Action: e.Get("action"), Status: e.Get("status")}
	if actions := e.Child(NS, "actions"); actions != nil {
		c.Default = actions.Get("execute")
		for _, a := range actions.Children {
			c.Actions = append(c.Actions, a.Name.Local)
		}
	}
	if note := e.Child(NS, "note"); note != nil {
		c.Note, c.NoteType = note.Text, note.Get("type")
	}
	if f, ok := form.Find(e.Children); ok {
		c.Form = &f
	}
	return c
}
