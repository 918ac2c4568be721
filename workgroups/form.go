package workgroups

import (
	"slices"
	"strings"

	"adminbot/internal/xmpp/element"
)

// A FormField is something that a person who queues has to say
// (XEP-0142#proto-user-join, XEP-0004).
type FormField struct {
	Var      string
	Label    string
	Required bool
	Options  []string // if not empty, it is one of these
}

// form is what a person is asked.
func (w *Workgroup) form() *element.Element {
	x := element.New(nsData, "x", "type", "form").AddText("title", w.Title).AddText("instructions", w.Description)
	for _, f := range w.Form {
		typ := "text-single"
		if len(f.Options) > 0 {
			typ = "list-single"
		}
		field := element.New(nsData, "field", "type", typ, "label", f.Label, "var", f.Var)
		if f.Required {
			field.Add(element.New(nsData, "required"))
		}
		for _, o := range f.Options {
			field.Add(element.New(nsData, "option", "label", o).AddText("value", o))
		}
		x.Add(field)
	}
	return x
}

// acceptable reports whether what a person has said is all that is needed.
func (w *Workgroup) acceptable(j join) bool {
	for _, f := range w.Form {
		i := slices.IndexFunc(j.Fields, func(d metadatum) bool { return d.name == f.Var })
		switch {
		case i < 0 || strings.TrimSpace(j.Fields[i].value) == "":
			if f.Required {
				return false
			}
		case len(f.Options) > 0 && !slices.Contains(f.Options, j.Fields[i].value):
			return false
		}
	}
	return true
}
