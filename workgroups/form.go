package workgroups

import (
	"slices"
	"strings"

	"adminbot/internal/xmpp/element"
	"adminbot/internal/xmpp/form"
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
	f := form.Form{Type: "form", Title: w.Title, Instructions: w.Description}
	for _, asked := range w.Form {
		field := form.Field{Var: asked.Var, Type: "text-single", Label: asked.Label, Required: asked.Required}
		for _, o := range asked.Options {
			field.Type = "list-single"
			field.Options = append(field.Options, form.Option{Label: o, Value: o})
		}
		f.Fields = append(f.Fields, field)
	}
	return f.Element()
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
