// Package form holds the payload of XEP-0004: Data Forms.
//
// Whoever asks makes a [Form] and sends [Form.Element]; whoever answers sends
// [Submit] of the values. Both sides read with [Parse].
package form

import (
	"maps"
	"slices"
	"strings"

	"adminbot/internal/xmpp/element"
)

// NS is the namespace of forms.
const NS = "jabber:x:data"

// NSPrinted is what examples 7 and 8 of XEP-0142 print instead of [NS]. [Parse]
// takes it for that.
const NSPrinted = "jabber:iq:data"

// A Form is questions, or answers.
type Form struct {
	Type         string // form, submit, cancel or result
	Title        string
	Instructions string // lines
	Fields       []Field
}

// A Field is a question, or the answer to one.
type Field struct {
	Var      string
	Type     string // text-single, text-multi, list-single, boolean, fixed, hidden, …; an answer needs none
	Label    string
	Desc     string // more about it than the label
	Required bool
	Options  []Option // of the list types
	Values   []string
}

// An Option is something that can be chosen in a list.
type Option struct {
	Label string // empty: the value
	Value string
}

// Submit is the answer with these values, in the order of their names.
func Submit(values map[string]string) Form {
	f := Form{Type: "submit"}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		f.Fields = append(f.Fields, Field{Var: name, Values: []string{values[name]}})
	}
	return f
}

// Element returns the form as an element.
func (f Form) Element() *element.Element {
	x := element.New(NS, "x", "type", f.Type).AddText("title", f.Title)
	for line := range strings.Lines(f.Instructions) {
		x.AddText("instructions", strings.TrimSpace(line))
	}
	for _, field := range f.Fields {
		e := element.New(NS, "field", "type", field.Type, "label", field.Label, "var", field.Var).AddText("desc", field.Desc)
		if field.Required {
			e.Add(element.New(NS, "required"))
		}
		for _, v := range field.Values {
			e.Add(value(v))
		}
		for _, o := range field.Options {
			e.Add(element.New(NS, "option", "label", o.Label).Add(value(o.Value)))
		}
		x.Add(e)
	}
	return x
}

func value(v string) *element.Element {
	e := element.New(NS, "value")
	e.Text = v
	return e
}

// Parse reads a form; false: e is none. What it does not know it leaves out.
func Parse(e *element.Element) (f Form, ok bool) {
	if e.Name.Local != "x" || e.Name.Space != NS && e.Name.Space != NSPrinted {
		return f, false
	}
	f = Form{Type: e.Get("type"), Title: e.ChildText("title")}
	var lines []string
	for _, c := range e.Children {
		switch c.Name.Local {
		case "instructions":
			lines = append(lines, strings.TrimSpace(c.Text))
		case "field":
			f.Fields = append(f.Fields, parseField(c))
		}
	}
	f.Instructions = strings.Join(lines, "\n")
	return f, true
}

func parseField(e *element.Element) Field {
	f := Field{
		Var: e.Get("var"), Type: e.Get("type"), Label: e.Get("label"),
		Desc: e.ChildText("desc"), Required: e.Child("", "required") != nil,
	}
	for _, c := range e.Children {
		switch c.Name.Local {
		case "value":
			f.Values = append(f.Values, c.Text)
		case "option":
			f.Options = append(f.Options, Option{Label: c.Get("label"), Value: c.ChildText("value")})
		}
	}
	return f
}

// Find returns the first form among elements.
func Find(all []*element.Element) (Form, bool) {
	for _, e := range all {
		if f, ok := Parse(e); ok {
			return f, true
		}
	}
	return Form{}, false
}

// Get returns the first value of a field, without the space around it; empty if
// there is none.
func (f Form) Get(name string) string {
	for _, field := range f.Fields {
		if field.Var == name && len(field.Values) > 0 {
			return strings.TrimSpace(field.Values[0])
		}
	}
	return ""
}

// Lookup returns the first value of a field as it is, and whether the field is
// there.
func (f Form) Lookup(name string) (value string, ok bool) {
	for _, field := range f.Fields {
		if field.Var == name {
			if len(field.Values) == 0 {
				return "", true
			}
			return field.Values[0], true
		}
	}
	return "", false
}

// Text returns all values of a field as lines.
func (f Form) Text(name string) string {
	for _, field := range f.Fields {
		if field.Var == name {
			return strings.TrimSpace(strings.Join(field.Values, "\n"))
		}
	}
	return ""
}
