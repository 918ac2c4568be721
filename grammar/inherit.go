package grammar

import (
	"slices"
)

// inherit fills slots from the conversation: pronouns, follow-ups, the
// neighbour clause.
func (b *binding) inherit() {
	fr := b.fr
	if fr.edit && fr.last != nil {
		// What takes the place of something said before is likelier than
		// what is new.
		if b.asked && !fr.last.asked {
			b.soft++
		}
		for k := range b.args {
			if _, had := fr.last.Args[k]; !had {
				b.soft++
			}
		}
		if b.many < 0 {
			for k, v := range fr.last.Args {
				if _, said := b.args[k]; said || len(b.units[k]) > 0 {
					continue
				}
				if _, known := b.vb.argIdx[k]; known {
					b.args[k] = v
				}
			}
		} else {
			for k, v := range fr.last.Args {
				if _, said := b.args[k]; !said && k != b.vb.Args[b.many].Name {
					b.args[k] = v
				}
			}
		}
		where := slices.Clone(fr.last.Where)
		for _, w := range b.where {
			where = slices.DeleteFunc(where, func(x Filter) bool { return x.Field == w.Field && x.Op == w.Op })
			where = append(where, w)
		}
		b.where = where
		if b.sort == "" {
			b.sort = fr.last.Sort
		}
		if b.limit == 0 {
			b.limit = fr.last.Limit
		}
		if b.at.IsZero() && b.every == 0 {
			b.at, b.every = fr.last.At, fr.last.Every
		}
		return
	}
	if fr.lend != nil && fr.lend.Method != "" {
		for _, a := range b.vb.Args {
			if _, said := b.args[a.Name]; said || len(b.units[a.Name]) > 0 || !a.Required {
				continue
			}
			if v := fr.objects[a.Kind]; v != nil && a.Kind != KindText {
				b.fill(a, v)
			}
		}
	}
	if b.pron == "it" {
		for _, a := range b.vb.Args {
			if _, said := b.args[a.Name]; said || len(b.units[a.Name]) > 0 || !a.Required && a.Kind != KindCheck && a.Kind != KindUnit {
				continue
			}
			if v := fr.objects[a.Kind]; v != nil {
				b.fill(a, v)
				b.filledBefore = true
			}
		}
	}
	if b.pron == "it" && !b.filledBefore {
		b.soft++ // "it" is rather something that the verb takes
	}
	if b.pron == "them" && len(b.vb.Args) > 0 {
		if a := b.vb.Args[0]; a.List && !a.Required {
			if v, ok := fr.objects[a.Kind].([]string); ok && len(b.args) == 0 {
				b.args[a.Name] = v
			}
		}
	}
}

func (b *binding) fill(a Arg, v any) {
	switch {
	case a.List:
		if s, ok := v.(string); ok {
			v = []string{s}
		}
	default:
		if l, ok := v.([]string); ok {
			if len(l) != 1 {
				return
			}
			v = l[0]
		}
	}
	b.args[a.Name] = v
}
